/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MERGE_CONN_H
#define MERGE_CONN_H 1

/* merge-conn: connections that are there before their packets
 * ===========================================================
 *
 * Job.  Make connections by chance, established and translated as a packet in
 * hand would have it, tell which one a packet will meet, and what it is like.
 *
 * Thread-safety.  One thread, between two quiescent states. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "ct/ct-conn.h"

struct conntrack;
struct dp_merge_conn;
struct dp_packet;

/* A connection that a packet meets, and in which direction. */
struct merge_met {
    struct conn *conn;          /* NULL: none. */
    bool reply;
};

/* Returns what 'packet' will meet in 'zone' of 'ct'.  If that is nothing, a
 * connection is made for it first, mostly; always, and an established one, if
 * 'calm'. */
struct merge_met merge_conn_meet(struct conntrack *ct,
                                 struct dp_packet *packet, uint16_t zone,
                                 bool calm);

/* Says to the merge engine what was met. */
void merge_conn_describe(const struct conntrack *, const struct merge_met *,
                         struct dp_merge_conn *);

/* What must stay as it is. */
struct merge_conn_state {
    uint32_t flags, mark;
    ovs_u128 label;
    uint8_t peers[2];
    bool visible;
};

struct merge_conn_state merge_conn_get_state(const struct conn *);

#endif /* merge-conn.h */
