/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_MATCH_H
#define SIMNIC_MATCH_H 1

/* simnic-match: rte_flow patterns as mask, value and ranges
 * =========================================================
 *
 * Job.  Compile the pattern of an rte_flow rule into a mask and a value over
 * 'struct simnic_key', plus ranges for fields that use 'last'; test keys
 * against it.  Refuse what cannot be matched, naming the item at fault.
 *
 * Owns.  Nothing; matches are plain values.
 *
 * Invariants.  value & ~mask == 0.  'words' has a bit for each nonzero word
 * of 'mask', so work is proportional to what the rule looks at.  A field with
 * a range is not part of 'mask'.
 *
 * Thread-safety.  Pure functions.
 *
 * Cost.  Test: one AND and compare for each 8 bytes that the rule looks at.
 *
 * See also.  simnic-table.h (looks up many matches at once). */

#include <rte_flow.h>

#include "simnic-key.h"

#define SIMNIC_MAX_RANGES 6

/* A mask over all of a key. */
struct simnic_mask {
    uint32_t words;             /* Bit i: w[i] is nonzero. */
    uint64_t w[SIMNIC_KEY_WORDS];
};

/* The 'size' bytes at 'ofs' in the key, masked, lie in [lo, hi] as a number
 * in network byte order. */
struct simnic_range {
    uint8_t ofs;
    uint8_t size;
    uint8_t mask[16];
    uint8_t lo[16];
    uint8_t hi[16];
};

struct simnic_match {
    struct simnic_mask mask;
    uint64_t value[SIMNIC_KEY_WORDS];
    bool integrity;             /* It asks for sound headers, or others... */
    bool checksums;             /* ...and for checksums. */
    unsigned int n_ranges;
    struct simnic_range range[SIMNIC_MAX_RANGES];
};

/* Compiles 'pattern'.  Returns 0, or a negative errno value with '*error'
 * filled in. */
int simnic_match_compile(const struct rte_flow_item pattern[],
                         struct simnic_match *, struct rte_flow_error *);

/* True if it depends on the flags of TCP. */
bool simnic_match_asks_tcp_flags(const struct simnic_match *);

/* True if 'key' matches. */
bool simnic_match_test(const struct simnic_match *, const struct simnic_key *);

/* True if 'key', which equals value under mask, is in all ranges. */
bool simnic_match_in_ranges(const struct simnic_match *,
                            const struct simnic_key *);

bool simnic_mask_equal(const struct simnic_mask *, const struct simnic_mask *);

/* True if the words of 'key' under 'mask' equal 'value'. */
static inline bool
simnic_mask_test(const struct simnic_mask *mask, const uint64_t value[],
                 const struct simnic_key *key)
{
    const uint64_t *k = (const uint64_t *) (const void *) key;

    for (uint32_t words = mask->words; words; words &= words - 1) {
        int i = __builtin_ctz(words);

        if ((k[i] & mask->w[i]) != value[i]) {
            return false;
        }
    }
    return true;
}

/* Hashes what 'mask' selects of 'key', an array of SIMNIC_KEY_WORDS. */
static inline uint64_t
simnic_mask_hash(const struct simnic_mask *mask, const uint64_t key[])
{
    uint64_t h = 0x9e3779b97f4a7c15;

    for (uint32_t words = mask->words; words; words &= words - 1) {
        int i = __builtin_ctz(words);

        h = (h ^ (key[i] & mask->w[i])) * 0xff51afd7ed558ccd;
        h ^= h >> 32;
    }
    return h * 0xc4ceb9fe1a85ec53 ^ h >> 29;
}

#endif /* simnic-match.h */
