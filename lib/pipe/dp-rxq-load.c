/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-rxq-load.h"

#include "util.h"

/* All loads and stores are relaxed: each number is useful by itself, and a
 * reader who combines numbers of different moments is wrong by a part of an
 * interval, which he is anyway. */

void
dp_rxq_load_init(struct dp_rxq_load *load)
{
    atomic_init(&load->current, 0);
    for (int i = 0; i < DP_RXQ_LOAD_INTERVALS; i++) {
        atomic_init(&load->sums[i], 0);
    }
    atomic_init(&load->n, 0);
}

void
dp_rxq_load_clear(struct dp_rxq_load *load)
{
    atomic_store_relaxed(&load->current, 0);
    for (int i = 0; i < DP_RXQ_LOAD_INTERVALS; i++) {
        atomic_store_relaxed(&load->sums[i], 0);
    }
    atomic_store_relaxed(&load->n, 0);
}

void
dp_rxq_load_next(struct dp_rxq_load *load)
{
    uint64_t current;
    uint32_t n;

    atomic_read_relaxed(&load->current, &current);
    atomic_read_relaxed(&load->n, &n);
    atomic_store_relaxed(&load->sums[n % DP_RXQ_LOAD_INTERVALS], current);
    atomic_store_relaxed(&load->current, 0);

    /* Kept below twice the size of the ring, so that it never wraps around
     * to a number out of step with the ring. */
    n++;
    atomic_store_relaxed(&load->n, (n >= 2 * DP_RXQ_LOAD_INTERVALS
                                    ? n - DP_RXQ_LOAD_INTERVALS : n));
}

uint64_t
dp_rxq_load_recent(const struct dp_rxq_load *load_, int n_intervals)
{
    struct dp_rxq_load *load = CONST_CAST(struct dp_rxq_load *, load_);
    uint64_t total = 0;
    uint32_t n;

    if (n_intervals < 1 || n_intervals > DP_RXQ_LOAD_INTERVALS) {
        n_intervals = DP_RXQ_LOAD_INTERVALS;
    }
    atomic_read_relaxed(&load->n, &n);
    for (int i = 1; i <= n_intervals; i++) {
        uint64_t sum;

        /* Before the ring is full the slots ahead are still 0. */
        atomic_read_relaxed(&load->sums[(n + DP_RXQ_LOAD_INTERVALS - i)
                                        % DP_RXQ_LOAD_INTERVALS], &sum);
        total += sum;
    }
    return total;
}

uint64_t
dp_rxq_load_current(const struct dp_rxq_load *load)
{
    uint64_t current;

    atomic_read_relaxed(&CONST_CAST(struct dp_rxq_load *, load)->current,
                        &current);
    return current;
}

int
dp_rxq_load_secs_to_intervals(int secs)
{
    int max = DP_RXQ_LOAD_INTERVALS * DP_RXQ_LOAD_INTERVAL_S;

    return (secs < 1 || secs > max
            ? DP_RXQ_LOAD_INTERVALS
            : DIV_ROUND_UP(secs, DP_RXQ_LOAD_INTERVAL_S));
}

int
dp_rxq_load_n_intervals(const struct dp_rxq_load *load)
{
    uint32_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_rxq_load *, load)->n, &n);
    return MIN(n, DP_RXQ_LOAD_INTERVALS);
}
