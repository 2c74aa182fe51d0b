/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ct/ct-buckets.h"

#include "flow/dp-pages.h"
#include "util.h"

/* Slots. */

uint32_t
ct_bucket_tag(const struct ct_bucket *bucket_, int slot)
{
    struct ct_bucket *bucket = CONST_CAST(struct ct_bucket *, bucket_);
    uint64_t word;
    uint32_t tag8;

    if (slot < 8) {
        atomic_read_relaxed(&bucket->tags[slot / 4], &word);
        return word >> (slot % 4 * 16) & 0xffff;
    }
    atomic_read_relaxed(&bucket->tag8, &tag8);
    return tag8;
}

static void
set_tag(struct ct_bucket *bucket, int slot, uint32_t tag)
{
    int shift = slot % 4 * 16;
    uint64_t word;

    if (slot < 8) {
        atomic_read_relaxed(&bucket->tags[slot / 4], &word);
        word &= ~((uint64_t) 0xffff << shift);
        atomic_store_relaxed(&bucket->tags[slot / 4],
                             word | (uint64_t) tag << shift);
    } else {
        atomic_store_relaxed(&bucket->tag8, tag);
    }
}

static void
set_slot(struct ct_bucket *bucket, int slot, uint32_t tag, uint32_t ref)
{
    atomic_store_explicit(&bucket->refs[slot], ref, memory_order_release);
    set_tag(bucket, slot, tag);
}

/* Returns the slot of 'bucket' that has 'ref', which may be 0, or -1. */
static int
find_slot(const struct ct_bucket *bucket, uint32_t ref)
{
    for (int i = 0; i < CT_BUCKET_SLOTS; i++) {
        if (ct_bucket_ref(bucket, i) == ref) {
            return i;
        }
    }
    return -1;
}

bool
ct_bucket_is_empty(const struct ct_bucket *bucket)
{
    for (int i = 0; i < CT_BUCKET_SLOTS; i++) {
        if (ct_bucket_ref(bucket, i)) {
            return false;
        }
    }
    return true;
}

/* Arrays. */

static size_t
map_size(const struct ct_buckets *b)
{
    return ((size_t) ct_buckets_count(b) * sizeof *b->array
            * (1 + CT_OVERFLOW_MAX));
}

struct ct_buckets *
ct_buckets_create(int bits)
{
    struct ct_buckets *b = xzalloc_cacheline(sizeof *b);
    size_t size;

    b->mask = (1u << bits) - 1;
    size = (size_t) ct_buckets_count(b) * sizeof *b->array;
    b->array = dp_pages_map(size, CT_OVERFLOW_MAX * size,
                            DP_PAGES_ANY_NODE);
    if (!b->array) {
        free_cacheline(b);
        return NULL;
    }
    return b;
}

void
ct_buckets_destroy(struct ct_buckets *b, struct ct_buckets *end)
{
    while (b != end) {
        struct ct_buckets *next = ct_buckets_next(b);

        dp_pages_unmap(b->array, map_size(b));
        free_cacheline(b);
        b = next;
    }
}

/* Overflow buckets. */

static uint64_t
make_spare(uint64_t old, uint32_t number)
{
    return ((old >> 32) + 1) << 32 | number;
}

/* Puts the overflow bucket 'number' on the stack of those that may be used. */
static void
push_spare(struct ct_buckets *b, uint32_t number)
{
    uint64_t old;

    atomic_read_relaxed(&b->spare, &old);
    do {
        atomic_store_relaxed(&b->array[number].lock, (uint32_t) old);
    } while (!atomic_compare_exchange_weak_explicit(
                 &b->spare, &old, make_spare(old, number),
                 memory_order_release, memory_order_relaxed));
}

static uint32_t
pop_spare(struct ct_buckets *b)
{
    uint32_t number, link;
    uint64_t old;

    atomic_read_explicit(&b->spare, &old, memory_order_acquire);
    do {
        number = old;
        if (!number) {
            return 0;
        }
        atomic_read_relaxed(&b->array[number].lock, &link);
    } while (!atomic_compare_exchange_weak_explicit(
                 &b->spare, &old, make_spare(old, link),
                 memory_order_acquire, memory_order_acquire));
    return number;
}

/* Returns the number of an empty overflow bucket, or 0.  Below 'limit', new
 * ones may be used. */
static uint32_t
take_overflow(struct ct_buckets *b, uint32_t limit)
{
    uint32_t number = pop_spare(b);
    uint32_t n;

    if (number) {
        atomic_store_relaxed(&b->array[number].overflow, 0);
        return number;
    }
    atomic_read_relaxed(&b->n_overflow, &n);
    do {
        if (n >= limit) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak_relaxed(&b->n_overflow, &n, n + 1));
    return ct_buckets_count(b) + n;
}

bool
ct_buckets_put(struct ct_buckets *b, struct ct_bucket *head, uint32_t tag,
               uint32_t ref, int n_overflow)
{
    struct ct_bucket *bucket, *last = NULL;
    uint32_t number;

    for (bucket = head; bucket; bucket = ct_bucket_next(b, bucket)) {
        int slot = find_slot(bucket, 0);

        if (slot >= 0) {
            set_slot(bucket, slot, tag, ref);
            return true;
        }
        last = bucket;
    }

    number = take_overflow(b, ct_buckets_count(b) * n_overflow);
    if (!number) {
        return false;
    }
    set_slot(&b->array[number], 0, tag, ref);
    atomic_store_explicit(&last->overflow, number, memory_order_release);
    return true;
}

void
ct_buckets_take_out(struct ct_buckets *b, struct ct_bucket *head,
                    uint32_t ref)
{
    struct ct_bucket *bucket, *prev = NULL;
    uint32_t number, next, emptied;
    int slot = -1;

    for (bucket = head; ; prev = bucket, bucket = ct_bucket_next(b, bucket)) {
        ovs_assert(bucket);
        slot = find_slot(bucket, ref);
        if (slot >= 0) {
            break;
        }
    }
    set_slot(bucket, slot, 0, 0);
    if (!prev || !ct_bucket_is_empty(bucket)) {
        return;
    }

    /* Readers may be in 'bucket', and go on to what follows it. */
    atomic_read_relaxed(&bucket->overflow, &next);
    atomic_store_explicit(&prev->overflow, next, memory_order_release);
    number = bucket - b->array;
    atomic_read_relaxed(&b->emptied, &emptied);
    do {
        atomic_store_relaxed(&bucket->lock, emptied);
    } while (!atomic_compare_exchange_weak_explicit(
                 &b->emptied, &emptied, number,
                 memory_order_release, memory_order_relaxed));
}

uint32_t
ct_buckets_take_emptied(struct ct_buckets *b)
{
    uint32_t emptied;

    atomic_read_relaxed(&b->emptied, &emptied);
    while (!atomic_compare_exchange_weak_explicit(
               &b->emptied, &emptied, 0,
               memory_order_acquire, memory_order_relaxed)) {
        continue;
    }
    return emptied;
}

void
ct_buckets_reuse(struct ct_buckets *b, uint32_t emptied)
{
    while (emptied) {
        uint32_t next;

        atomic_read_relaxed(&b->array[emptied].lock, &next);
        push_spare(b, emptied);
        emptied = next;
    }
}
