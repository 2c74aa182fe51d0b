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
 * Cost.  Hashes are apart from the entries, all in 32 kB: where connections
 * are far more than entries, to find nothing costs no cache miss.  A hit by
 * its head (dp_emc_peek()) reads one cache line and needs no extraction; one
 * by dp_emc_find() reads two for most packets.  A key of more than
 * DP_EMC_MAX_VALUES words (deep encapsulation) is not cached. */

#include "random.h"
#include "flow/dp-flow.h"
#include "flow/dp-head.h"
#include "flow/dp-key.h"

enum {
    DP_EMC_ENTRIES = 8192,      /* A power of 2. */
    DP_EMC_MAX_VALUES = 29,     /* Makes an entry 320 bytes. */
};

struct dp_emc_entry {
    struct dp_flow *flow;       /* Counted; NULL if the entry is free. */
    struct dp_head head;        /* The key once more, if there is a head that
                                 * says the same: one cache line. */

    uint64_t n_values;
    struct flowmap map;
    uint64_t values[DP_EMC_MAX_VALUES];
};
BUILD_ASSERT_DECL(sizeof(struct dp_emc_entry) == 320);
BUILD_ASSERT_DECL(offsetof(struct dp_emc_entry, n_values) == CACHE_LINE_SIZE);

struct dp_emc {
    size_t sweep_at;            /* Next entry that the sweep looks at. */
    struct dp_emc_entry *entries;
    uint32_t *hashes;           /* Of the keys of the entries; of no meaning
                                 * where there is no flow. */
    uint32_t insert_inv;        /* Of the last dp_emc_offer(). */
    uint64_t n_skip;            /* Offers not to be taken until one is. */
};

void dp_emc_init(struct dp_emc *);
void dp_emc_uninit(struct dp_emc *);
void dp_emc_flush(struct dp_emc *);
void dp_emc_insert(struct dp_emc *, const struct dp_key *, struct dp_flow *);
void dp_emc_sweep(struct dp_emc *, size_t n);
void dp_emc_set_insert_inv(struct dp_emc *, uint32_t insert_inv);

/* Returns the index of the first ('i' is 0) or second place of 'hash'. */
static inline size_t
dp_emc_place(uint32_t hash, int i)
{
    return (i ? hash >> 13 : hash) & (DP_EMC_ENTRIES - 1);
}

/* Returns an entry that may have the key of 'hash', or NULL.  If there are
 * two, the other one is found by dp_emc_find() only.  Which of its places a
 * key has got is not predictable, so this is arithmetic. */
static inline const struct dp_emc_entry *
dp_emc_peek(const struct dp_emc *emc, uint32_t hash)
{
    size_t first = dp_emc_place(hash, 0);
    size_t second = dp_emc_place(hash, 1);
    size_t is_second = emc->hashes[first] != hash;
    size_t place = first ^ ((first ^ second) & -is_second);

    return emc->hashes[place] == hash ? &emc->entries[place] : NULL;
}

/* Has 'entry' loaded, for a comparison with 'key'. */
static inline void
dp_emc_prefetch(const struct dp_emc_entry *entry, const struct dp_key *key)
{
    const char *p = (const char *) entry;
    size_t len = offsetof(struct dp_emc_entry, values[key->n_values]);

    for (size_t ofs = 0; ofs < len; ofs += CACHE_LINE_SIZE) {
        OVS_PREFETCH(p + ofs);
    }
}

/* Compares words, which were written as words: memcmp() reads them wider than
 * that, and would wait for the stores to arrive in the cache. */
static inline bool
dp_emc_entry_holds(const struct dp_emc_entry *entry, const struct dp_key *key)
{
    uint64_t differ = 0;

    if (!entry->flow || entry->n_values != key->n_values) {
        return false;
    }
    for (size_t i = 0; i < FLOWMAP_UNITS; i++) {
        differ |= entry->map.bits[i] ^ key->mf.map.bits[i];
    }
    for (size_t i = 0; i < key->n_values; i++) {
        differ |= entry->values[i] ^ key->values[i];
    }
    return !differ;
}

/* Returns the flow of 'key' if it is in 'entry', or NULL. */
static inline struct dp_flow *
dp_emc_entry_find(const struct dp_emc_entry *entry, const struct dp_key *key)
{
    return (dp_emc_entry_holds(entry, key)
            && OVS_LIKELY(!dp_flow_is_dead(entry->flow))
            ? entry->flow : NULL);
}

/* Returns the flow of 'key', or NULL. */
static inline struct dp_flow *
dp_emc_find(const struct dp_emc *emc, const struct dp_key *key)
{
    for (int i = 0; i < 2; i++) {
        size_t place = dp_emc_place(key->hash, i);
        struct dp_flow *flow;

        if (emc->hashes[place] == key->hash) {
            flow = dp_emc_entry_find(&emc->entries[place], key);
            if (flow) {
                return flow;
            }
        }
    }
    return NULL;
}

/* Inserts with a probability of one in 'insert_inv'; 0 is never. */
static inline void
dp_emc_offer(struct dp_emc *emc, const struct dp_key *key,
             struct dp_flow *flow, uint32_t insert_inv)
{
    if (OVS_UNLIKELY(insert_inv != emc->insert_inv)) {
        dp_emc_set_insert_inv(emc, insert_inv);
    }
    if (insert_inv && !emc->n_skip--) {
        dp_emc_insert(emc, key, flow);
        dp_emc_set_insert_inv(emc, insert_inv);
    }
}

#endif /* dp-emc.h */
