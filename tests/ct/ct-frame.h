/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_FRAME_H
#define CT_FRAME_H 1

/* ct-frame: packets for a tracker
 * ===============================
 *
 * Job.  Writes IPv4 and IPv6 packets with sound lengths and checksums, and
 * sends them through our tracker, one by one. */

#include <stdbool.h>
#include <stdint.h>
#include "conntrack.h"
#include "ct/ct-execute.h"
#include "dp-packet.h"

/* One end: the last two bytes of an address, 10.0.x.x or fd00::xxxx, and a
 * port. */
struct ct_end {
    uint16_t host, port;
};

union ct_addr ct_frame_addr(bool is_ipv6, uint16_t host);

/* Returns a packet of 'proto', IPPROTO_TCP or IPPROTO_UDP, with 'text'. */
struct dp_packet *ct_frame_udp(bool is_ipv6, struct ct_end src,
                               struct ct_end dst, const char *text);
struct dp_packet *ct_frame_tcp(bool is_ipv6, struct ct_end src,
                               struct ct_end dst, uint16_t flags, uint32_t seq,
                               uint32_t ack, const char *text);

/* Returns the source or the destination of 'packet'. */
struct ct_end ct_frame_src(const struct dp_packet *);
struct ct_end ct_frame_dst(const struct dp_packet *);

/* Aborts if a length or a checksum of 'packet' is wrong. */
void ct_frame_check(struct dp_packet *packet);

/* What an action asks for. */
struct ct_frame_action {
    bool commit, force;
    uint16_t zone;
    const char *helper;
    const struct nat_action_info_t *nat;
    const uint32_t *mark;               /* Value and mask, or NULL. */
    const struct ovs_key_ct_labels *label;      /* Likewise. */
    uint32_t tp_id;
    struct ct_sights *sights;           /* Stored, if not NULL. */
};

/* Sends 'packet' through 'ct' and returns its state. */
uint8_t ct_frame_run(struct conntrack *ct, struct dp_packet *packet,
                     const struct ct_frame_action *, long long now_ms);

#endif /* ct-frame.h */
