/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_BUCKETS_H
#define CT_BUCKETS_H 1

/* ct-buckets: the memory of a table of connections
 * ================================================
 *
 * Job.  An array of buckets of one cache line.  A bucket has a lock, nine tags
 * of 16 bits, nine references, and the number of an overflow bucket, so that
 * it may be the head of a chain.  A tag has bits 14 to 29 of a hash.  What a
 * reference is, ct-table.h says; 0 is an empty slot.  For ct-table and
 * ct-clean.
 *
 * Overflow buckets stand behind the others.  One that has become empty leaves
 * its chain, but not to be used before a grace period has passed: readers may
 * be in it.
 *
 * Thread-safety.  Who changes a chain has the lock of its head, or has the
 * array for himself.  Others may read it meanwhile.  Lists of overflow buckets
 * are free of locks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/util.h"
#include "ovs-atomic.h"

#define CT_BUCKET_SLOTS 9
#define CT_TAG_SHIFT 14

/* Overflow buckets that there may be for each bucket: of those who insert, and
 * with those of the thread that moves entries to a larger array, which must
 * not fail.  It never needs more than the old array has in use, at most
 * CT_OVERFLOW_MAX for each bucket.  The new array has at least twice as many
 * buckets, so that is half of CT_OVERFLOW_MAX for each.  Memory that is not
 * touched is not there, so this is cheap: many, so that growth may be late. */
#define CT_OVERFLOW_INSERT 3
#define CT_OVERFLOW_MAX 6
BUILD_ASSERT_DECL(CT_OVERFLOW_MAX
                  == CT_OVERFLOW_INSERT + CT_OVERFLOW_MAX / 2);

struct ct_bucket {
    atomic_uint32_t lock;       /* See ct-spin.h; closed: go on in 'next'.  In
                                 * an overflow bucket in a list: its link. */
    atomic_uint32_t overflow;   /* Number of a bucket, or 0. */
    ATOMIC(uint64_t) tags[2];   /* Slots 0 to 7, lowest bits first. */
    atomic_uint32_t tag8;       /* Slot 8. */
    atomic_uint32_t refs[CT_BUCKET_SLOTS];      /* 0 if the slot is empty. */
};
BUILD_ASSERT_DECL(sizeof(struct ct_bucket) == 64);

struct ct_buckets {
    /* Constant after creation. */
    struct ct_bucket *array;    /* 'mask + 1', then overflow buckets. */
    uint32_t mask;

    /* Published. */
    ATOMIC(struct ct_buckets *) next;   /* While growing, and after. */

    /* Overflow buckets: those in use begin after 'mask'. */
    atomic_uint32_t n_overflow; /* That ever were used. */
    ATOMIC(uint64_t) spare;     /* Stack of those that may be used again: a
                                 * number, and above it a count of changes. */
    atomic_uint32_t emptied;    /* Stack of those that readers may see. */
};

/* Returns 2**'bits' empty buckets, or NULL if there is no memory. */
struct ct_buckets *ct_buckets_create(int bits);

/* Frees 'old' and those that came after it, up to, but not including, 'end',
 * which may be NULL. */
void ct_buckets_destroy(struct ct_buckets *old, struct ct_buckets *end);

/* Puts an entry into the chain of 'head'.  Returns false if that is full, and
 * there are no more than 'n_overflow' overflow buckets for each bucket, all in
 * use. */
bool ct_buckets_put(struct ct_buckets *, struct ct_bucket *head, uint32_t tag,
                    uint32_t ref, int n_overflow);

/* Removes 'ref' from the chain of 'head', where it is. */
void ct_buckets_take_out(struct ct_buckets *, struct ct_bucket *head,
                         uint32_t ref);

/* Takes the overflow buckets that are empty; returns 0 if there are none.
 * After a grace period, they may be passed to ct_buckets_reuse(). */
uint32_t ct_buckets_take_emptied(struct ct_buckets *);
void ct_buckets_reuse(struct ct_buckets *, uint32_t emptied);

bool ct_bucket_is_empty(const struct ct_bucket *);
uint32_t ct_bucket_tag(const struct ct_bucket *, int slot);

/* Returns the number of buckets, without overflow buckets. */
static inline uint32_t
ct_buckets_count(const struct ct_buckets *b)
{
    return b->mask + 1;
}

/* Returns the tag of 'hash', four times. */
static inline uint64_t
ct_tag_spread(uint32_t hash)
{
    return (uint64_t) ((hash >> CT_TAG_SHIFT) & 0xffff) * 0x0001000100010001;
}

/* Returns the highest bit of each 16 bits of 'word' that equal those of
 * 'spread_tag'. */
static inline uint64_t
ct_tag_match4__(uint64_t word, uint64_t spread_tag)
{
    const uint64_t low = 0x7fff7fff7fff7fff;
    uint64_t x = word ^ spread_tag;

    return ~(((x & low) + low) | x | low);
}

/* Returns the set of slots of 'bucket' whose tag is that of 'tag', which is
 * spread. */
static inline uint32_t
ct_bucket_match(const struct ct_bucket *bucket_, uint64_t tag)
{
    struct ct_bucket *bucket = CONST_CAST(struct ct_bucket *, bucket_);
    uint64_t word0, word1;
    uint32_t tag8;

    atomic_read_relaxed(&bucket->tags[0], &word0);
    atomic_read_relaxed(&bucket->tags[1], &word1);
    atomic_read_relaxed(&bucket->tag8, &tag8);

    /* Bits 15, 31, 47, 63 go to 0...3: the product brings them to the top. */
    word0 = (ct_tag_match4__(word0, tag) >> 15) * 0x1000200040008 >> 48 & 0xf;
    word1 = (ct_tag_match4__(word1, tag) >> 15) * 0x1000200040008 >> 48 & 0xf;
    return word0 | word1 << 4 | (tag8 == (tag & 0xffff)) << 8;
}

static inline uint32_t
ct_bucket_ref(const struct ct_bucket *bucket, int slot)
{
    uint32_t ref;

    /* Pairs with the release in set_slot(): what it refers to is complete. */
    atomic_read_explicit(&CONST_CAST(struct ct_bucket *, bucket)->refs[slot],
                         &ref, memory_order_acquire);
    return ref;
}

/* Returns the bucket after 'bucket' in its chain, or NULL. */
static inline struct ct_bucket *
ct_bucket_next(const struct ct_buckets *b, const struct ct_bucket *bucket)
{
    uint32_t number;

    atomic_read_explicit(&CONST_CAST(struct ct_bucket *, bucket)->overflow,
                         &number, memory_order_acquire);
    return number ? &b->array[number] : NULL;
}

static inline struct ct_buckets *
ct_buckets_next(const struct ct_buckets *b)
{
    struct ct_buckets *next;

    atomic_read_explicit(&CONST_CAST(struct ct_buckets *, b)->next, &next,
                         memory_order_acquire);
    return next;
}

#endif /* ct-buckets.h */
