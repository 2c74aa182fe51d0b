/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-credit.h"

#include "dpif.h"
#include "util.h"

struct dp_credit *
dp_credit_create(void)
{
    struct dp_credit *credit = xzalloc(sizeof *credit);

    ovs_list_init(&credit->dependents);
    atomic_init(&credit->n_packets, 0);
    atomic_init(&credit->n_bytes, 0);
    atomic_init(&credit->used, 0);
    atomic_init(&credit->tcp_flags, 0);
    return credit;
}

void
dp_credit_destroy(struct dp_credit *credit)
{
    if (credit) {
        ovs_assert(ovs_list_is_empty(&credit->dependents));
        free(credit);
    }
}

void
dp_credit_count(struct dp_credit *credit, uint64_t n_packets,
                uint64_t n_bytes, uint16_t tcp_flags, long long int used)
{
    unsigned long long int orig;
    long long int latest;
    uint16_t flags;

    /* Atomically: another thread may count, too, or zero them. */
    atomic_add_relaxed(&credit->n_packets, n_packets, &orig);
    atomic_add_relaxed(&credit->n_bytes, n_bytes, &orig);
    atomic_or_relaxed(&credit->tcp_flags, tcp_flags, &flags);
    atomic_read_relaxed(&credit->used, &latest);
    while (used > latest
           && !atomic_compare_exchange_weak_relaxed(&credit->used, &latest,
                                                    used)) {
        continue;
    }
}

void
dp_credit_add_stats(const struct dp_credit *credit_,
                    struct dpif_flow_stats *stats)
{
    struct dp_credit *credit = CONST_CAST(struct dp_credit *, credit_);
    unsigned long long int count;
    long long int used;
    uint16_t flags;

    atomic_read_relaxed(&credit->n_packets, &count);
    stats->n_packets += count;
    atomic_read_relaxed(&credit->n_bytes, &count);
    stats->n_bytes += count;
    atomic_read_relaxed(&credit->used, &used);
    stats->used = MAX(stats->used, used);
    atomic_read_relaxed(&credit->tcp_flags, &flags);
    stats->tcp_flags |= flags;
}

void
dp_credit_clear(struct dp_credit *credit)
{
    atomic_store_relaxed(&credit->n_packets, 0);
    atomic_store_relaxed(&credit->n_bytes, 0);
    atomic_store_relaxed(&credit->used, 0);
    atomic_store_relaxed(&credit->tcp_flags, 0);
}
