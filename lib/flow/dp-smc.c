/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-smc.h"

#include "util.h"

void
dp_smc_init(struct dp_smc *smc)
{
    smc->buckets = NULL;
}

void
dp_smc_uninit(struct dp_smc *smc)
{
    free_cacheline(smc->buckets);
}

static struct dp_smc_bucket *
bucket_of(const struct dp_smc *smc, uint32_t hash)
{
    return &smc->buckets[hash & (DP_SMC_BUCKETS - 1)];
}

/* The signature comes from bits that have not chosen the bucket; 0 means a
 * free way, so it is not used. */
static uint16_t
signature_of(uint32_t hash)
{
    uint16_t signature = hash >> 16;

    return signature ? signature : 1;
}

/* Remembers that packets with the hash of 'key' go to 'flow' of 'table'. */
void
dp_smc_insert(struct dp_smc *smc, const struct dp_flow_table *table,
              const struct dp_key *key, const struct dp_flow *flow)
{
    if (OVS_UNLIKELY(!smc->buckets)) {
        smc->buckets = xzalloc_cacheline(DP_SMC_BUCKETS
                                         * sizeof *smc->buckets);
    }

    struct dp_smc_bucket *bucket = bucket_of(smc, key->hash);
    uint16_t signature = signature_of(key->hash);
    uint32_t index = cmap_find_index(&table->flows,
                                     dp_flow_table_hash(&flow->ufid));
    int way = key->hash % DP_SMC_WAYS;

    if (index == UINT32_MAX) {
        return;                 /* Just deleted. */
    }
    for (int i = 0; i < DP_SMC_WAYS; i++) {
        if (bucket->signature[i] == signature) {
            way = i;
            break;
        } else if (!bucket->signature[i]) {
            way = i;
        }
    }
    bucket->signature[way] = signature;
    bucket->index[way] = index;
}

/* Returns the flow of 'key' if the cache remembers it, otherwise NULL. */
struct dp_flow *
dp_smc_find(const struct dp_smc *smc, const struct dp_flow_table *table,
            const struct dp_key *key)
{
    if (OVS_UNLIKELY(!smc->buckets)) {
        return NULL;
    }

    const struct dp_smc_bucket *bucket = bucket_of(smc, key->hash);
    uint16_t signature = signature_of(key->hash);

    for (int i = 0; i < DP_SMC_WAYS; i++) {
        if (bucket->signature[i] == signature) {
            const struct cmap_node *node
                = cmap_find_by_index(&table->flows, bucket->index[i]);
            struct dp_flow *flow;

            CMAP_NODE_FOR_EACH (flow, ufid_node, node) {
                if (!dp_flow_is_dead(flow)
                    && dp_flow_matches(flow, key)) {
                    return flow;
                }
            }
        }
    }
    return NULL;
}
