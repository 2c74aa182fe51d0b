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
 * Owns.  Its memory.  Many flows and one subtable per classifier share a mask;
 * each holds a reference.
 *
 * Thread-safety.  Constant after creation.  References may be taken and given
 * back by any thread; whoever reads a mask holds a reference or something that
 * does.
 *
 * Cost.  dp_mask_gather(): per word one load, a population count and an 'and';
 * no branch depends on the packet. */

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

/* Stores in 'values' the words of 'key' under 'mask'; a word that 'key' does
 * not have is 0.  'base[unit]' must be the index in 'key->values' of the first
 * value of flowmap unit 'unit'. */
static inline void
dp_mask_gather(const struct dp_mask *mask, const struct dp_key *key,
               uint64_t values[])
{
    uint8_t base[FLOWMAP_UNITS];
    uint8_t n = 0;
    size_t unit;

    FLOWMAP_FOR_EACH_UNIT (unit) {
        base[unit] = n;
        n += count_1bits(key->mf.map.bits[unit]);
    }
    for (size_t i = 0; i < mask->n_words; i++) {
        const struct dp_mask_word *word = &mask->words[i];
        map_t map = key->mf.map.bits[word->unit];
        size_t idx = base[word->unit] + count_1bits(map & (word->map_bit - 1));
        uint64_t present = -(uint64_t) !!(map & word->map_bit);

        /* 'idx' is at most the number of values, so the load stays inside
         * the key even where the word is absent. */
        values[i] = key->values[idx] & word->bits & present;
    }
}

#endif /* dp-mask.h */
