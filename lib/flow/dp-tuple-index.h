/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TUPLE_INDEX_H
#define DP_TUPLE_INDEX_H 1

/* dp-tuple-index: entries by hash, one cache line for most lookups
 * ================================================================
 *
 * Job.  Lead from a hash to the entries that may be meant.  Knows of an entry
 * its hash only; whoever looks compares.
 *
 * A bucket is a cache line of seven places, each with a byte of its entry's
 * hash, the *tag*, so that hardly an entry is looked at in vain.  An entry
 * stands in the bucket of its hash or, if that is full, in the next one that
 * is not; a count tells how many have gone past a bucket.
 *
 * Thread-safety.  One writer at a time; readers need only RCU.  An entry that
 * is there, and stays, is found by every lookup.
 *
 * Cost.  A third to two thirds of the places are in use, so nine to nineteen
 * bytes for each entry.  The index grows and shrinks in the writer's thread by
 * copies; readers see the old one until the new one is there. */

#include <stdint.h>

#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "util.h"

enum { DP_TUPLE_INDEX_PLACES = 7 };     /* In a bucket. */

struct dp_tuple_node {
    uint32_t hash;              /* Constant while it is in an index. */
};

/* 'tags' has the tags in its lower bytes, 0 for an empty place, and in the
 * upper one how many have gone past; 255 is "so many, or more". */
struct dp_tuple_bucket {
    ATOMIC(uint64_t) tags;
    ATOMIC(struct dp_tuple_node *) nodes[DP_TUPLE_INDEX_PLACES];
};

struct dp_tuple_buckets {
    uint32_t mask;              /* Number of buckets less 1. */
    struct dp_tuple_bucket *a;  /* Aligned to cache lines. */
};

struct dp_tuple_index {
    OVSRCU_TYPE(struct dp_tuple_buckets *) buckets;
    size_t n;                   /* Writer only. */
};

void dp_tuple_index_init(struct dp_tuple_index *);

/* The index must be empty. */
void dp_tuple_index_uninit(struct dp_tuple_index *);

void dp_tuple_index_insert(struct dp_tuple_index *, struct dp_tuple_node *);

/* 'node' must be there.  Readers may see it until they are quiescent. */
void dp_tuple_index_remove(struct dp_tuple_index *, struct dp_tuple_node *);

/* Calls 'found' for each node that may have 'hash', until it returns true;
 * returns that node, or NULL. */
struct dp_tuple_node *dp_tuple_index_find(
    const struct dp_tuple_index *, uint32_t hash,
    bool (*found)(const struct dp_tuple_node *, const void *aux),
    const void *aux);

static inline const struct dp_tuple_buckets *
dp_tuple_index_get(const struct dp_tuple_index *index)
{
    return ovsrcu_get(struct dp_tuple_buckets *, &index->buckets);
}

/* Where nodes with 'hash' stand, if there is a place. */
static inline const struct dp_tuple_bucket *
dp_tuple_buckets_home(const struct dp_tuple_buckets *buckets, uint32_t hash)
{
    return &buckets->a[hash & buckets->mask];
}

/* Never 0. */
static inline uint8_t
dp_tuple_tag(uint32_t hash)
{
    uint8_t tag = hash >> 24;

    return tag + !tag;
}

static inline uint64_t
dp_tuple_bucket_tags(const struct dp_tuple_bucket *bucket)
{
    uint64_t tags;

    atomic_read_explicit(&CONST_CAST(struct dp_tuple_bucket *, bucket)->tags,
                         &tags, memory_order_acquire);
    return tags;
}

static inline struct dp_tuple_node *
dp_tuple_bucket_node(const struct dp_tuple_bucket *bucket, size_t i)
{
    struct dp_tuple_node *node;

    atomic_read_explicit(
        &CONST_CAST(struct dp_tuple_bucket *, bucket)->nodes[i], &node,
        memory_order_acquire);
    return node;
}

/* Returns 1-bits in those bytes of 'tags' that are the tag of 'hash', and
 * perhaps in some of those above. */
static inline uint64_t
dp_tuple_tags_match(uint64_t tags, uint32_t hash)
{
    const uint64_t ones = UINT64_C(0x0001010101010101);
    uint64_t differ = tags ^ ones * dp_tuple_tag(hash);

    return (differ - ones) & ~differ & (ones << 7);
}

static inline unsigned int
dp_tuple_tags_past(uint64_t tags)
{
    return tags >> 56;
}

/* Stores the first node of 'bucket', the home of 'hash', that may have it, or
 * NULL.  Returns false if there is none anywhere. */
static inline bool
dp_tuple_bucket_guess(const struct dp_tuple_bucket *bucket, uint32_t hash,
                      struct dp_tuple_node **node)
{
    uint64_t tags = dp_tuple_bucket_tags(bucket);
    uint64_t match = dp_tuple_tags_match(tags, hash);

    if (OVS_LIKELY(match)) {
        *node = dp_tuple_bucket_node(bucket, raw_ctz(match) / 8);
        return true;
    }
    *node = NULL;
    return dp_tuple_tags_past(tags) > 0;
}

#endif /* dp-tuple-index.h */
