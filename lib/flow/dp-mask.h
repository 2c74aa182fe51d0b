/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MASK_H
#define DP_MASK_H 1

/* dp-mask: megaflow masks
 * =======================
 *
 * Job.  Hold one set of wildcards in the form that lookups want: a list of
 * the 64-bit words of a flow in which any bit counts, each with the data that
 * finds the word in a packet's miniflow without a loop over the map.
 *
 * The ingress port is left out: every megaflow matches it exactly, and whoever
 * looks for a packet's megaflow looks among those of its port, or compares the
 * port with dp_flow's 'in_port'.
 *
 * Owns.  Its memory.  Many flows and one subtable per classifier share a mask;
 * each holds a reference.
 *
 * Thread-safety.  Constant after creation.  References may be taken and given
 * back by any thread; whoever reads a mask holds a reference or something that
 * does.
 *
 * Cost.  dp_mask_apply_plan(): per word two loads, an 'and' and a step of the
 * hash; no branch depends on the packet.  Packets of one kind (say, TCP in
 * IPv4) have the same map, so a burst needs few plans. */

#include "flow.h"
#include "openvswitch/match.h"
#include "ovs-atomic.h"
#include "flow/dp-key.h"

/* One 64-bit word of 'struct flow' in which the mask has 1-bits. */
struct dp_mask_word {
    uint64_t bits;              /* The mask itself. */
    map_t map_bit;              /* The word's bit in its flowmap unit. */
    uint8_t unit;               /* Its unit in the flowmap. */
    uint8_t index;              /* Its index in 'struct flow'. */
};

struct dp_mask {
    struct ovs_refcount ref_cnt;
    uint32_t hash;              /* Of 'words', to find equal masks. */
    uint32_t n_words;
    struct dp_mask_word words[];
};

struct dp_mask *dp_mask_create(const struct flow_wildcards *);
struct dp_mask *dp_mask_ref(const struct dp_mask *);
void dp_mask_unref(struct dp_mask *);
bool dp_mask_equal(const struct dp_mask *, const struct dp_mask *);
void dp_mask_expand(const struct dp_mask *, struct flow_wildcards *);
void dp_mask_apply(const struct dp_mask *, const struct flow *,
                   uint64_t values[]);

/* Hashes 'n' masked words.  One step per word; good enough to spread over a
 * cmap, whose own rehashing guards against bad luck. */
static inline uint32_t
dp_mask_hash_values(const uint64_t values[], size_t n)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < n; i++) {
        hash = hash_add64(hash, values[i]);
    }
    return hash_finish(hash, n * 8);
}

/* Where the words of a mask are in the values of all keys with one map. */
struct dp_mask_plan {
    struct flowmap map;
    struct {
        uint64_t bits;          /* The mask; 0 if the keys lack the word. */
        uint64_t index;         /* In 'values'. */
    } words[FLOW_U64S];
};

/* Makes 'plan' the one for 'mask' and keys that have 'map'. */
static inline void
dp_mask_make_plan(const struct dp_mask *mask, const struct flowmap *map,
                  struct dp_mask_plan *plan)
{
    uint8_t base[FLOWMAP_UNITS];
    uint8_t n = 0;
    size_t unit;

    FLOWMAP_FOR_EACH_UNIT (unit) {
        plan->map.bits[unit] = map->bits[unit];
        base[unit] = n;
        n += count_1bits(map->bits[unit]);
    }
    for (size_t i = 0; i < mask->n_words; i++) {
        const struct dp_mask_word *word = &mask->words[i];
        map_t bits = map->bits[word->unit];

        /* The index is at most the number of values, so the load stays inside
         * the key even where the word is absent. */
        plan->words[i].index = (base[word->unit]
                                + count_1bits(bits & (word->map_bit - 1)));
        plan->words[i].bits = bits & word->map_bit ? word->bits : 0;
    }
}

/* Returns whether 'plan' is good for 'key'. */
static inline bool
dp_mask_plan_fits(const struct dp_mask_plan *plan, const struct dp_key *key)
{
    map_t differ = 0;

    for (size_t i = 0; i < FLOWMAP_UNITS; i++) {
        differ |= plan->map.bits[i] ^ key->mf.map.bits[i];
    }
    return !differ;
}

/* Stores in 'values' the 'n' words of 'key' under the mask of 'plan', which
 * fits; a word that 'key' does not have is 0.  Returns their hash, as
 * dp_mask_hash_values() does. */
static inline uint32_t
dp_mask_apply_plan(const struct dp_mask_plan *plan, size_t n,
                   const struct dp_key *key, uint64_t values[])
{
    uint32_t hash = 0;

    for (size_t i = 0; i < n; i++) {
        values[i] = key->values[plan->words[i].index] & plan->words[i].bits;
        hash = hash_add64(hash, values[i]);
    }
    return hash_finish(hash, n * 8);
}

/* Are the 'n' words of 'key' under the mask of 'plan', which fits, those of
 * 'values'? */
static inline bool
dp_mask_plan_finds(const struct dp_mask_plan *plan, size_t n,
                   const struct dp_key *key, const uint64_t values[])
{
    uint64_t differ = 0;

    for (size_t i = 0; i < n; i++) {
        differ |= ((key->values[plan->words[i].index] & plan->words[i].bits)
                   ^ values[i]);
    }
    return !differ;
}

/* Stores in 'values' the words of one key under 'mask'. */
static inline void
dp_mask_gather(const struct dp_mask *mask, const struct dp_key *key,
               uint64_t values[])
{
    struct dp_mask_plan plan;

    dp_mask_make_plan(mask, &key->mf.map, &plan);
    dp_mask_apply_plan(&plan, mask->n_words, key, values);
}

#endif /* dp-mask.h */
