/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_REBALANCE_POLICY_H
#define DP_REBALANCE_POLICY_H 1

/* dp-rebalance-policy: which flows deserve the places in a full NIC
 * =================================================================
 *
 * Job.  PURE.  Values in, moves out: no clock, no thread, no lock, no log.
 * The engine (dp-rebalance.h) and the simulator (utilities/rebalance-sim.c)
 * run the same object code.
 *
 *     dp_rebalance_rate_update()     counter readings -> rates
 *     dp_rebalance_plan_run()        rates + places   -> moves
 *
 * Rates.  Two exponentially weighted averages, DP_REBALANCE_TAU_FAST and
 * DP_REBALANCE_TAU_SLOW intervals long.  Where they agree, as far as counting
 * statistics can tell, the slow one is believed because it is more exact, and
 * where they differ the fast one, because the flow has changed.  A flow starts
 * at 0.  Before they are compared, the slow ones are scaled by what all flows
 * together have more or less now than on average, so that it does not look as
 * if all had changed when the traffic comes and goes as a whole.
 *
 * Readings may come at any time; one that lags is made up for by the next.  A
 * counter that went back was restarted somewhere: that reading is a new base,
 * and nothing is concluded from it.
 *
 * Score of a flow: rate * CPU cycles that a place in the NIC saves for each
 * packet / places that it needs.  A rate is known only as well as its packets
 * were counted, so a flow that waits is taken for the lower end of what its
 * rate may be (minus 'z' standard deviations of a Poisson process), and a flow
 * that would have to leave for the upper end.  A flow seen once or twice thus
 * has the score 0, and a scan moves nothing.
 *
 * Plan.  1. Places beyond the reserve are filled with the best that wait.
 * 2. If the reserve is used, the worst that may leave do.  3. The best that
 * waits is exchanged for the worst that are there, as long as its score is
 * better than theirs by 'margin', what is gained in 'life_s' seconds pays for
 * the operations, and the budget lasts.  Whoever has come less than
 * 'residence_ms' ago stays.  Order: score, then 'id', so the plan does not
 * depend on the order of the items.
 *
 * Invariants.  Applying the first i moves, for any i, uses at most 'capacity'
 * places, if that was so before.  No flow is moved twice.  Moves in phase 1
 * and 3 have a gain.  Costs O(n + m log m), m the budget.
 *
 * Sources.  The idea that admission should ask whether the candidate is more
 * frequent than the victim: TinyLFU (Einziger, Friedman, Manes,
 * arXiv:1512.00727).  Offloading by rates at several time scales with a
 * bounded rate of updates: Sarrar et al., Leveraging Zipf's law for traffic
 * offloading (CCR 2012).  Rates as the metric: FasTrak (Niranjan Mysore et
 * al., CoNEXT 2013).  Exact counters make a sketch unnecessary.  The choice
 * between two averages is a control chart: the fast one leaves the limits
 * around the slow one (Roberts, Control chart tests based on geometric moving
 * averages, 1959).
 *
 * Thread-safety.  None needed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-places.h"

/* Time constants, in intervals. */
#define DP_REBALANCE_TAU_FAST 1.5
#define DP_REBALANCE_TAU_SLOW 10.0

/* Takes in that the flow has 'count' packets at time 'now_us', not 0.  Returns
 * the number of packets since the last reading, 0 if that can't be known. */
uint64_t dp_rebalance_rate_update(struct dp_places_rate *rate,
                                  uint64_t count, uint64_t now_us,
                                  uint64_t interval_us);

struct dp_rebalance_params {
    uint64_t interval_us;       /* Between two plans. */
    uint64_t capacity;          /* Places. */
    uint64_t reserve;           /* Of these, places to keep free. */
    uint32_t budget;            /* Operations for this plan. */
    uint32_t residence_ms;      /* Minimum stay. */
    double min_pps;             /* Flows below it are not worth a place. */
    double margin;              /* .1: 10% better. */
    double z;                   /* Standard deviations. */
    double life_s;              /* How long a move is expected to pay. */
    double op_cycles;           /* What an operation costs. */
};

/* Sets all but interval, capacity and budget, which are given. */
void dp_rebalance_params_init(struct dp_rebalance_params *params,
                              uint64_t interval_us, uint64_t capacity,
                              uint32_t budget);

/* A flow that has a place or waits for one. */
struct dp_rebalance_item {
    uint64_t id;                /* Unique. */
    float fast, slow;           /* As in struct dp_places_rate. */
    float cycles;               /* Saved for each packet. */
    uint32_t places;            /* Needed, at least 1. */
    uint32_t age_ms;            /* Since when 'placed' is as it is. */
    bool placed;
};

struct dp_rebalance_move {
    uint32_t item;              /* Index. */
    bool in;                    /* Into the NIC, or out of it. */
};

/* A plan, and memory for the next one. */
struct dp_rebalance_plan {
    struct dp_rebalance_move *moves;    /* In the order to apply them. */
    size_t n_moves;
    size_t n_in;                /* Of these, into the NIC. */
    uint64_t used;              /* Places, before the moves. */
    size_t n_candidates;        /* Items that wait and are worth a place. */

    double scale;               /* Of slow rates. */

    /* Private. */
    struct dp_rebalance_entry *in, *out;
    size_t allocated;
};

void dp_rebalance_plan_init(struct dp_rebalance_plan *plan);
void dp_rebalance_plan_uninit(struct dp_rebalance_plan *plan);
void dp_rebalance_plan_run(struct dp_rebalance_plan *plan,
                           const struct dp_rebalance_params *params,
                           const struct dp_rebalance_item items[], size_t n);

/* Least and greatest score, for each place, that 'item' is taken for, if slow
 * rates are to be multiplied by 'scale'. */
double dp_rebalance_score_min(const struct dp_rebalance_params *params,
                              const struct dp_rebalance_item *item,
                              double scale);
double dp_rebalance_score_max(const struct dp_rebalance_params *params,
                              const struct dp_rebalance_item *item,
                              double scale);

#endif /* dp-rebalance-policy.h */
