/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SMC_H
#define DP_SMC_H 1

/* dp-smc: signature-match cache
 * =============================
 *
 * Job.  Remember for a few hundred thousand connections where their flow
 * stands in the lane's table, in six bytes each: a 16-bit signature of the
 * hash and the flow's index in the table's cmap.  What it answers is a guess;
 * the key is compared with the flow's masked words.
 *
 * Owns.  Its buckets.  It holds no references: an index that became stale
 * finds another flow or none, and the comparison finds that out.
 *
 * Thread-safety.  Private to one lane.
 *
 * Cost.  One cache line for a bucket, plus the flow.  Both are rarely in the
 * cache: who looks for several keys asks for the buckets of all with
 * dp_smc_prefetch(), then for the flows of all with dp_smc_guess(). */

#include "flow/dp-flow-table.h"
#include "flow/dp-key.h"

enum {
    DP_SMC_BUCKETS = 32768,     /* A power of 2: 2 MB. */
    DP_SMC_WAYS = 10,
};

struct dp_smc_bucket {
    uint32_t index[DP_SMC_WAYS];
    uint16_t signature[DP_SMC_WAYS];    /* 0: free. */
};
BUILD_ASSERT_DECL(sizeof(struct dp_smc_bucket) <= CACHE_LINE_SIZE);

struct dp_smc {
    struct dp_smc_bucket *buckets;      /* NULL until the first insertion. */
};

static inline struct dp_smc_bucket *
dp_smc_bucket(const struct dp_smc *smc, uint32_t hash)
{
    return &smc->buckets[hash & (DP_SMC_BUCKETS - 1)];
}

/* Has the bucket loaded that may know 'hash'. */
static inline void
dp_smc_prefetch(const struct dp_smc *smc, uint32_t hash)
{
    if (OVS_LIKELY(smc->buckets)) {
        OVS_PREFETCH(dp_smc_bucket(smc, hash));
    }
}

void dp_smc_init(struct dp_smc *);
void dp_smc_uninit(struct dp_smc *);
void dp_smc_insert(struct dp_smc *, const struct dp_flow_table *,
                   const struct dp_key *, const struct dp_flow *);
struct dp_flow *dp_smc_guess(const struct dp_smc *,
                             const struct dp_flow_table *,
                             const struct dp_key *);
struct dp_flow *dp_smc_find(const struct dp_smc *,
                            const struct dp_flow_table *, odp_port_t in_port,
                            const struct dp_key *);

#endif /* dp-smc.h */
