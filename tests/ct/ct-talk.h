/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_TALK_H
#define CT_TALK_H 1

/* ct-talk: hosts that talk
 * ========================
 *
 * Job.  Conversations of TCP, UDP, ICMP and another protocol, by random
 * turns, some of which no sane host would take.
 *
 * They are such that a tracker with the faults of Open vSwitch 3.1 survives
 * them; each of those is told where it is avoided. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conntrack.h"

struct dp_packet;

enum { CT_TALK_ZONES = 3 };

/* How the first side is translated. */
enum ct_talk_nat {
    CT_TALK_NAT_NONE,
    CT_TALK_NAT_BARE,           /* "nat", without an address. */
    CT_TALK_NAT_SRC,
    CT_TALK_NAT_SRC_PORT,
    CT_TALK_NAT_DST,
    CT_TALK_NAT_DST_PORT,
    CT_TALK_N_NATS
};

/* One side of a conversation, as it sees itself. */
struct ct_side {
    uint32_t seq;               /* Next that it sends. */
    uint32_t acked;             /* Next that it expects. */
};

/* Two hosts that talk.  Addresses and ports are those on the wire where the
 * first side is, and where the second one is: they differ if translated. */
struct ct_talk {
    bool is_ipv6;
    uint8_t proto;
    struct {
        uint16_t src, dst;      /* Hosts. */
        uint16_t sport, dport;
    } at[2];
    struct ct_side sides[2];
    uint16_t zone;
    enum ct_talk_nat nat;
    bool is_random, is_persistent;      /* Is what it is translated to? */
    long long end;              /* When another one takes its place. */
};

/* A segment of TCP, from the second side if it is a 'reply'. */
struct ct_segment {
    bool reply;
    uint16_t flags;
    uint32_t seq, ack;          /* 'ack' only with TCP_ACK. */
    uint16_t window;
    int scale;                  /* Of windows, to offer, or -1. */
    size_t payload;             /* Bytes. */
};

/* Begins another conversation in the place of 't'. */
void ct_talk_start(struct ct_talk *t, long long now_ms);

/* Appends a packet to 'p': with 'payload' bytes, or an error about one. */
void ct_talk_put_plain(struct dp_packet *p, struct ct_talk *, bool reply,
                       size_t payload);
void ct_talk_put_segment(struct dp_packet *p, const struct ct_talk *,
                         const struct ct_segment *);
void ct_talk_put_error(struct dp_packet *p, struct ct_talk *, bool reply);

/* Learns where 'packet' of the first side went, which had another address at
 * first perhaps: it is answered from there. */
void ct_talk_learn(struct ct_talk *, const struct dp_packet *packet);

/* Stores what the "ct" action has for 't'. */
void ct_talk_choose_nat(const struct ct_talk *, struct nat_action_info_t *);

#endif /* ct-talk.h */
