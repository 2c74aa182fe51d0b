/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_REWRITE_H
#define DP_REWRITE_H 1

/* dp-rewrite: several edits of IPv4 packets at once
 * =================================================
 *
 * Job.  What routing and address translation change lies close together: TTL,
 * addresses and ports are sixteen bytes of a header without options, behind
 * Ethernet addresses.  Edits that follow each other (flow/dp-edit.h) become
 * one rewrite, which loads, changes and stores these bytes once, and updates
 * each checksum once, without asking which of the fields are to change: where
 * flows differ, each question would be answered wrongly half the time.
 *
 * A packet that is not plain (it has options, is a later fragment, too short
 * or of another protocol) gets the edits one by one.
 *
 * Owns.  Nothing; a rewrite has a copy of what it sets.
 *
 * Thread-safety.  Constant once filled; the packets are the caller's. */

#include <stdbool.h>
#include <stdint.h>

#include "flow/dp-edit.h"

struct dp_packet;

/* Not more than a cache line.  Values have no bits beyond their masks. */
struct dp_rewrite {
    struct {
        uint64_t head, head_mask;       /* Bytes 0 to 7. */
        uint32_t tail, tail_mask;       /* Bytes 8 to 11. */
    } eth;                      /* Ethernet addresses. */
    struct {
        uint64_t ttl_src;       /* From TTL to source address; no checksum. */
        uint64_t dst_ports;     /* Destination address and ports. */
    } ip, ip_mask;              /* Of IPv4 and layer 4. */
    uint16_t ip_sum, l4_sum;    /* What values add to these checksums. */
    uint8_t tos, tos_mask;
    uint8_t ports_proto;        /* IPPROTO_* of the edit of ports, or 0. */
    bool sets_eth : 1, sets_ipv4 : 1;   /* There are such edits. */
    bool needs_l4 : 1;          /* Addresses or ports are set. */
    bool keeps_conn : 1;        /* Packets need not forget their connection:
                                 * nobody is going to ask for it. */
};

void dp_rewrite_init(struct dp_rewrite *);

/* Adds an edit.  Returns false, and does nothing, if 'rewrite' can't have
 * it: it is of another kind, or the same header has been edited already. */
bool dp_rewrite_add(struct dp_rewrite *rewrite, enum dp_edit,
                    const void *arg);

/* Changes 'packet', which is as dp_edit_run() wants it, as the edits would
 * that were added.  One must be of IPv4. */
void dp_rewrite_packet(const struct dp_rewrite *rewrite,
                       struct dp_packet *packet);

#endif /* dp-rewrite.h */
