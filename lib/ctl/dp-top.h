/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TOP_H
#define DP_TOP_H 1

/* dp-top: which of many counters rise fastest
 * ===========================================
 *
 * Job.  Takes readings of counters of flows, in rounds, and keeps the rates of
 * those few that are highest, by packets and by bytes.  Knows neither lanes
 * nor clocks.
 *
 * Owns.  One record of less than 100 bytes for each flow, DP_TOP_MAX_COUNTS at
 * most; flows beyond that are only counted.
 *
 * Life.  dp_top_begin(), then dp_top_note() for each flow, then
 * dp_top_sweep() until it returns false: the lists are then those of this
 * round.  A flow that was not noted in a round is forgotten at its end.  The
 * first round has no rates.
 *
 * A flow's rate is that since its last reading, averaged with what it was
 * before: NICs are read in steps of their own, beside which rounds are short.
 *
 * Thread-safety.  One thread for each object.
 *
 * Cost.  dp_top_note(): one hash lookup, one cache line or two. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/types.h"

#define DP_TOP_MAX 50                   /* Flows in a list. */
#define DP_TOP_MAX_COUNTS (1 << 18)

enum dp_top_order {
    DP_TOP_BY_PACKETS,
    DP_TOP_BY_BYTES,
    DP_TOP_N_ORDERS
};

/* A flow with its rates: by dp_top_order, each second. */
struct dp_top_flow {
    ovs_u128 ufid;
    unsigned int lane_id;
    double rates[DP_TOP_N_ORDERS];
};

struct dp_top_list {
    size_t n;
    struct dp_top_flow flows[DP_TOP_MAX];   /* Highest rate first. */
};

struct dp_top {
    struct hmap counts;                 /* Of 'struct dp_top_count'. */
    struct hmap_position swept;
    uint32_t round;
    uint32_t n_rounds;                  /* Completed; stops at 2. */
    size_t n_unwatched;                 /* In this round. */
    struct dp_top_list next[DP_TOP_N_ORDERS];   /* Of this round. */

    /* What users see: of the last round that was completed. */
    size_t n_seen;                      /* Flows, and those of them */
    size_t n_seen_unwatched;            /* for which was no room. */
    struct dp_top_list lists[DP_TOP_N_ORDERS];
};

void dp_top_init(struct dp_top *);
void dp_top_uninit(struct dp_top *);

/* Begins a round, of about 'n_flows'. */
void dp_top_begin(struct dp_top *, size_t n_flows);

/* The counters of flow 'ufid' in lane 'lane_id' were 'counts' at 'now_us'.
 * Counters that go back are those of another flow with the same name. */
void dp_top_note(struct dp_top *, const ovs_u128 *ufid, unsigned int lane_id,
                 const uint64_t counts[DP_TOP_N_ORDERS],
                 long long int now_us);

/* Forgets flows that were not noted, looking at 'n' at most.  Returns false
 * if these were the last: the round is then complete. */
bool dp_top_sweep(struct dp_top *, size_t n);

/* Are there rates?  Only after two rounds. */
static inline bool
dp_top_is_settled(const struct dp_top *top)
{
    return top->n_rounds >= 2;
}

#endif /* dp-top.h */
