/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_EMC_H
#define DP_EMC_H 1

/* dp-emc: exact-match cache
 * =========================
 *
 * Job.  Map the whole key of a packet to its flow with one hash and one
 * comparison.  A key has two places; whoever comes last takes the one that is
 * free, holds a dead flow, or else the one that its hash picks.
 *
 * Owns.  One reference on each flow in the cache, until it is replaced or
 * swept.
 *
 * Thread-safety.  Private to one lane; whoever runs the lane uses it.
 *
 * Cost.  A hit reads one entry: one cache line for the hash and the flow, and
 * as many as the key has.  A key of more than DP_EMC_MAX_VALUES words (deep
 * encapsulation) is not cached. */

#include "random.h"
#include "flow/dp-flow.h"
#include "flow/dp-key.h"

enum {
    DP_EMC_ENTRIES = 8192,      /* A power of 2. */
    DP_EMC_MAX_VALUES = 28,     /* Makes an entry 256 bytes. */
};

struct dp_emc_entry {
    struct dp_flow *flow;       /* Counted; NULL if the entry is free. */
    uint32_t hash;
    uint32_t n_values;
    struct flowmap map;
    uint64_t values[DP_EMC_MAX_VALUES];
};
BUILD_ASSERT_DECL(sizeof(struct dp_emc_entry) == 256);

struct dp_emc {
    size_t sweep_at;            /* Next entry that the sweep looks at. */
    struct dp_emc_entry *entries;
};

void dp_emc_init(struct dp_emc *);
void dp_emc_uninit(struct dp_emc *);
void dp_emc_flush(struct dp_emc *);
void dp_emc_insert(struct dp_emc *, const struct dp_key *, struct dp_flow *);
void dp_emc_sweep(struct dp_emc *);

static inline struct dp_emc_entry *
dp_emc_place(const struct dp_emc *emc, uint32_t hash, int i)
{
    return &emc->entries[(i ? hash >> 13 : hash) & (DP_EMC_ENTRIES - 1)];
}

static inline void
dp_emc_prefetch(const struct dp_emc *emc, uint32_t hash)
{
    OVS_PREFETCH(dp_emc_place(emc, hash, 0));
}

static inline bool
dp_emc_entry_holds(const struct dp_emc_entry *entry, const struct dp_key *key)
{
    return (entry->hash == key->hash
            && entry->n_values == key->n_values
            && flowmap_equal(entry->map, key->mf.map)
            && !memcmp(entry->values, key->values,
                       key->n_values * sizeof key->values[0]));
}

/* Returns the flow of 'key', or NULL. */
static inline struct dp_flow *
dp_emc_find(const struct dp_emc *emc, const struct dp_key *key)
{
    for (int i = 0; i < 2; i++) {
        struct dp_emc_entry *entry = dp_emc_place(emc, key->hash, i);

        if (entry->flow && dp_emc_entry_holds(entry, key)
            && OVS_LIKELY(!dp_flow_is_dead(entry->flow))) {
            return entry->flow;
        }
    }
    return NULL;
}

/* Inserts with a probability of 'insert_min' in 2**32. */
static inline void
dp_emc_offer(struct dp_emc *emc, const struct dp_key *key,
             struct dp_flow *flow, uint32_t insert_min)
{
    if (insert_min && random_uint32() <= insert_min) {
        dp_emc_insert(emc, key, flow);
    }
}

#endif /* dp-emc.h */
