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

    struct dp_smc_bucket *bucket = dp_smc_bucket(smc, key->hash);
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

/* Returns a bitmap of the ways of 'bucket' with 'signature'. */
static uint32_t
ways_of(const struct dp_smc_bucket *bucket, uint16_t signature)
{
    uint32_t ways = 0;

    for (int i = 0; i < DP_SMC_WAYS; i++) {
        ways |= (uint32_t) (bucket->signature[i] == signature) << i;
    }
    return ways;
}

/* Returns the flow that most likely is that of 'key', and has it loaded, or
 * NULL if dp_smc_find() will find none.  The caller must compare the flow, if
 * it is not dead, and if it is another one ask dp_smc_find(). */
struct dp_flow *
dp_smc_guess(const struct dp_smc *smc, const struct dp_flow_table *table,
             const struct dp_key *key)
{
    if (OVS_UNLIKELY(!smc->buckets)) {
        return NULL;
    }

    const struct dp_smc_bucket *bucket = dp_smc_bucket(smc, key->hash);
    uint32_t ways = ways_of(bucket, signature_of(key->hash));
    const struct cmap_node *node;
    struct dp_flow *flow;
    int i;

    ULLONG_FOR_EACH_1 (i, ways) {
        node = cmap_find_by_index(&table->flows, bucket->index[i]);
        if (node) {
            flow = CONTAINER_OF(node, struct dp_flow, ufid_node);
            OVS_PREFETCH_WRITE(flow);
            OVS_PREFETCH(&flow->mask);
            OVS_PREFETCH(&flow->values[3]);
            return flow;
        }
    }
    return NULL;
}

/* Returns the flow of 'key', of a packet from 'in_port', if the cache
 * remembers it, otherwise NULL. */
struct dp_flow *
dp_smc_find(const struct dp_smc *smc, const struct dp_flow_table *table,
            odp_port_t in_port, const struct dp_key *key)
{
    if (OVS_UNLIKELY(!smc->buckets)) {
        return NULL;
    }

    const struct dp_smc_bucket *bucket = dp_smc_bucket(smc, key->hash);
    uint32_t ways = ways_of(bucket, signature_of(key->hash));
    int i;

    ULLONG_FOR_EACH_1 (i, ways) {
        const struct cmap_node *node
            = cmap_find_by_index(&table->flows, bucket->index[i]);
        struct dp_flow *flow;

        CMAP_NODE_FOR_EACH (flow, ufid_node, node) {
            if (!dp_flow_is_dead(flow)
                && dp_flow_matches(flow, in_port, key)) {
                return flow;
            }
        }
    }
    return NULL;
}
