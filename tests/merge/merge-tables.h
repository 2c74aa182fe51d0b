/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MERGE_TABLES_H
#define MERGE_TABLES_H 1

/* merge-tables: flow tables made by chance
 * ========================================
 *
 * Job.  Say which megaflow a packet is in and what is to be done with it, as
 * the upper layers would: a pure function of what the packet looks like, and
 * of a seed.  All packets in a megaflow have the same actions, and megaflows
 * of one pass do not overlap.
 *
 * A packet of IP goes through up to 'n' passes, most of which send it through
 * the connection tracker, and some of which change it and send copies out.
 *
 * Thread-safety.  Any thread. */

#include <stdbool.h>
#include <stdint.h>

struct flow;
struct flow_wildcards;
struct ofpbuf;

enum {
    MERGE_PORTS = 4,            /* 1...MERGE_PORTS. */
    MERGE_ZONES = 3,
    MERGE_MARKS = 2,            /* Of connections: fewer than that. */
};

struct merge_tables {
    uint32_t seed;
    unsigned int n;             /* Passes: recirculation IDs 0...n - 1. */
    bool calm;                  /* No action changes a connection. */
};

/* Stores the mask of the megaflow of 'flow' into 'wc', which is zero, and
 * appends its actions. */
void merge_tables_answer(const struct merge_tables *, const struct flow *flow,
                         struct flow_wildcards *wc, struct ofpbuf *actions);

#endif /* merge-tables.h */
