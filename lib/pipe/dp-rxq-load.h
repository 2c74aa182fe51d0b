/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RXQ_LOAD_H
#define DP_RXQ_LOAD_H 1

/* dp-rxq-load: how much work something was, lately
 * ================================================
 *
 * Job.  Count cycles spent on an rx queue (or anything else) in intervals of
 * five seconds and remember the last minute.
 *
 * Invariants.  'sums[(n - 1) % 12]' is the last closed interval; intervals
 * that have not been yet count as 0.
 *
 * Thread-safety.  One writer at a time: the thread that polls the queue.  A
 * queue changes hands only through a handshake that orders memory (dp-pmd.h).
 * Any thread may read at any time without a lock and see each interval whole.
 * A reader that meets dp_rxq_load_next() may see the oldest interval or the
 * new one in its place, which is as good.
 *
 *              add  next  clear  recent
 *     add       X     X     X      -      X: same thread, or ordered.
 *     next      X     X     X      -      -: nothing needed.
 *     clear     X     X     X      -
 *
 * Cost.  add: a load and a store, no locked instruction.
 *
 * Units.  Cycles of the time-stamp counter. */

#include <limits.h>
#include <stdint.h>

#include "ovs-atomic.h"
#include "util.h"

enum {
    DP_RXQ_LOAD_INTERVAL_US = 5 * 1000 * 1000,
    DP_RXQ_LOAD_INTERVAL_S = 5,
    DP_RXQ_LOAD_INTERVALS = 12,
};

/* Nobody works for so many cycles, about a second, without looking up: whoever
 * seems to did not run all that time, and is charged this. */
#define DP_RXQ_LOAD_MAX_CYCLES INT_MAX

struct dp_rxq_load {
    /* Written by the owner, read by anyone. */
    atomic_uint64_t current;    /* Of the interval that is not over. */
    atomic_uint64_t sums[DP_RXQ_LOAD_INTERVALS];
    atomic_uint32_t n;          /* Intervals closed so far. */
};

void dp_rxq_load_init(struct dp_rxq_load *);

/* Forgets everything.  Owner. */
void dp_rxq_load_clear(struct dp_rxq_load *);

/* Ends the current interval.  Owner, every DP_RXQ_LOAD_INTERVAL_US. */
void dp_rxq_load_next(struct dp_rxq_load *);

/* Returns the sum over the last 'n_intervals' that are over (1 to 12, others
 * mean 12). */
uint64_t dp_rxq_load_recent(const struct dp_rxq_load *, int n_intervals);

/* Returns the number of intervals that are over, at most 12. */
int dp_rxq_load_n_intervals(const struct dp_rxq_load *);

/* Returns the sum over the current interval. */
uint64_t dp_rxq_load_current(const struct dp_rxq_load *);

/* Returns the number of intervals that "-secs SECS" stands for: rounded up; if
 * out of range, all. */
int dp_rxq_load_secs_to_intervals(int secs);

/* Adds 'cycles' to the current interval.  Owner. */
static inline void
dp_rxq_load_add(struct dp_rxq_load *load, uint64_t cycles)
{
    uint64_t current;

    atomic_read_relaxed(&load->current, &current);
    atomic_store_relaxed(&load->current, current + cycles);
}

/* Adds 'cycles', from one look at the counter to the next, to the current
 * interval.  Owner. */
static inline void
dp_rxq_load_charge(struct dp_rxq_load *load, uint64_t cycles)
{
    dp_rxq_load_add(load, MIN(cycles, DP_RXQ_LOAD_MAX_CYCLES));
}

#endif /* dp-rxq-load.h */
