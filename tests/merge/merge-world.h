/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MERGE_WORLD_H
#define MERGE_WORLD_H 1

/* merge-world: a lane, a tracker and tables, and ports that remember
 * ==================================================================
 *
 * Job.  Send packets through a real pipe with random tables, and tell what
 * left by which port; and follow one packet step by step, to tell its way.
 *
 * Thread-safety.  One thread. */

#include <stdbool.h>

#include "flow.h"
#include "openvswitch/ofpbuf.h"
#include "merge/dp-merge.h"
#include "merge/dp-trace.h"
#include "tests/merge/merge-conn.h"
#include "tests/merge/merge-tables.h"
#include "tests/pipe/pipe-rig.h"

struct conntrack;
struct dp_packet;

struct merge_world {
    struct pipe_rig rig;
    struct conntrack *ct;
    struct merge_tables tables;
    struct ofpbuf sent;         /* For each packet that left its netdev's name,
                                 * its size, and itself. */
    struct dp_tracer tracer;    /* The lane follows packets for it. */
    unsigned int n_upcalls;
};

void merge_world_init(struct merge_world *);
void merge_world_uninit(struct merge_world *);

/* Forgets flows and connections, and makes other tables. */
void merge_world_renew(struct merge_world *);

/* Sends 'packet', of which it takes ownership, and adds what left to
 * 'sent'. */
void merge_world_send(struct merge_world *, struct dp_packet *packet);

/* Sends packets that look like 'sample' until the lane has flows for them and
 * has followed one, and returns the trace, or NULL if there is none. */
struct dp_trace *merge_world_follow(struct merge_world *,
                                    const struct flow *sample);

/* A way. */
struct merge_way {
    struct flow packet;
    size_t n;
    struct dp_merge_stage stages[DP_MERGE_MAX_STAGES];
    struct {
        struct flow flow;       /* The packet's. */
        struct flow_wildcards wc;
        struct ofpbuf actions;
        struct merge_met met[8];
        struct dp_merge_conn conns[8];
    } of[DP_MERGE_MAX_STAGES];
};

/* Follows 'packet', of which it takes ownership, and stores what it met. */
void merge_world_trace(struct merge_world *, struct dp_packet *packet,
                       struct merge_way *);
void merge_way_uninit(struct merge_way *);

#endif /* merge-world.h */
