/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-tuple-index.h"

#include "flow/dp-pages.h"
#include "util.h"

/* A node is stored before its tag, and what has gone past a bucket is counted
 * before that.  So a reader who finds no tag and that nothing has gone past
 * knows that no node was there all the time. */

enum {
    MIN_BUCKETS = 8,
    PAST_SHIFT = 8 * DP_TUPLE_INDEX_PLACES,
    PAST_MANY = UINT8_MAX,
};

BUILD_ASSERT_DECL(sizeof(struct dp_tuple_bucket) <= CACHE_LINE_SIZE);

static void *
alloc_array(size_t size)
{
    void *p = (size < DP_PAGES_HUGE ? xzalloc_cacheline(size)
               : dp_pages_map(size, 0, DP_PAGES_ANY_NODE));

    if (!p) {
        out_of_memory();
    }
    return p;
}

static void
free_array(void *p, size_t size)
{
    if (size < DP_PAGES_HUGE) {
        free_cacheline(p);
    } else {
        dp_pages_unmap(p, size);
    }
}

static struct dp_tuple_buckets *
create_buckets(uint32_t n)
{
    struct dp_tuple_buckets *buckets = xmalloc(sizeof *buckets);

    buckets->mask = n - 1;
    buckets->a = alloc_array(n * sizeof *buckets->a);
    for (uint32_t i = 0; i < n; i++) {
        atomic_init(&buckets->a[i].tags, 0);
        for (size_t j = 0; j < DP_TUPLE_INDEX_PLACES; j++) {
            atomic_init(&buckets->a[i].nodes[j], NULL);
        }
    }
    return buckets;
}

static void
free_buckets(struct dp_tuple_buckets *buckets)
{
    free_array(buckets->a, (buckets->mask + 1) * sizeof *buckets->a);
    free(buckets);
}

static void
set_tags(struct dp_tuple_bucket *bucket, uint64_t tags)
{
    atomic_store_explicit(&bucket->tags, tags, memory_order_release);
}

static void
set_node(struct dp_tuple_bucket *bucket, size_t i, struct dp_tuple_node *node)
{
    atomic_store_explicit(&bucket->nodes[i], node, memory_order_release);
}

/* Counts 'n', 1 or -1, past 'bucket', unless nobody knows any more. */
static void
count_past(struct dp_tuple_bucket *bucket, int n)
{
    uint64_t tags = dp_tuple_bucket_tags(bucket);

    if (dp_tuple_tags_past(tags) < PAST_MANY) {
        set_tags(bucket, tags + ((uint64_t) n << PAST_SHIFT));
    }
}

/* Returns a place of 'tags' that is empty, or DP_TUPLE_INDEX_PLACES. */
static size_t
find_empty(uint64_t tags)
{
    size_t i;

    for (i = 0; i < DP_TUPLE_INDEX_PLACES; i++) {
        if (!(tags >> 8 * i & 0xff)) {
            break;
        }
    }
    return i;
}

static void
put(struct dp_tuple_buckets *buckets, struct dp_tuple_node *node)
{
    for (uint32_t pos = node->hash;; pos++) {
        struct dp_tuple_bucket *bucket = &buckets->a[pos & buckets->mask];
        uint64_t tags = dp_tuple_bucket_tags(bucket);
        size_t i = find_empty(tags);

        if (i < DP_TUPLE_INDEX_PLACES) {
            set_node(bucket, i, node);
            set_tags(bucket,
                     tags | (uint64_t) dp_tuple_tag(node->hash) << 8 * i);
            return;
        }
        count_past(bucket, 1);
    }
}

/* Returns the place of 'node' in 'bucket', or DP_TUPLE_INDEX_PLACES. */
static size_t
find_place(const struct dp_tuple_bucket *bucket,
           const struct dp_tuple_node *node)
{
    size_t i;

    for (i = 0; i < DP_TUPLE_INDEX_PLACES; i++) {
        if (dp_tuple_bucket_node(bucket, i) == node) {
            break;
        }
    }
    return i;
}

static void
take_out(struct dp_tuple_buckets *buckets, const struct dp_tuple_node *node)
{
    for (uint32_t pos = node->hash;; pos++) {
        struct dp_tuple_bucket *bucket = &buckets->a[pos & buckets->mask];
        size_t i = find_place(bucket, node);

        if (i < DP_TUPLE_INDEX_PLACES) {
            set_tags(bucket, (dp_tuple_bucket_tags(bucket)
                              & ~(UINT64_C(0xff) << 8 * i)));
            set_node(bucket, i, NULL);
            return;
        }
        count_past(bucket, -1);
    }
}

void
dp_tuple_index_init(struct dp_tuple_index *index)
{
    ovsrcu_init(&index->buckets, create_buckets(MIN_BUCKETS));
    index->n = 0;
}

void
dp_tuple_index_uninit(struct dp_tuple_index *index)
{
    ovs_assert(!index->n);
    free_buckets(ovsrcu_get_protected(struct dp_tuple_buckets *,
                                      &index->buckets));
}

/* Gives the index 'n' buckets. */
static void
resize(struct dp_tuple_index *index, uint32_t n)
{
    struct dp_tuple_buckets *old
        = ovsrcu_get_protected(struct dp_tuple_buckets *, &index->buckets);
    struct dp_tuple_buckets *new = create_buckets(n);

    for (uint32_t i = 0; i <= old->mask; i++) {
        for (size_t j = 0; j < DP_TUPLE_INDEX_PLACES; j++) {
            struct dp_tuple_node *node = dp_tuple_bucket_node(&old->a[i], j);

            if (node) {
                put(new, node);
            }
        }
    }
    ovsrcu_set(&index->buckets, new);
    ovsrcu_postpone(free_buckets, old);
}

/* Two thirds of the places are in use at most. */
void
dp_tuple_index_insert(struct dp_tuple_index *index, struct dp_tuple_node *node)
{
    struct dp_tuple_buckets *buckets
        = ovsrcu_get_protected(struct dp_tuple_buckets *, &index->buckets);
    uint32_t n_buckets = buckets->mask + 1;

    index->n++;
    if (index->n * 3 > (uint64_t) n_buckets * DP_TUPLE_INDEX_PLACES * 2) {
        resize(index, n_buckets * 2);
        buckets = ovsrcu_get_protected(struct dp_tuple_buckets *,
                                       &index->buckets);
    }
    put(buckets, node);
}

/* If not more than one sixth is in use, half of them go. */
void
dp_tuple_index_remove(struct dp_tuple_index *index, struct dp_tuple_node *node)
{
    struct dp_tuple_buckets *buckets
        = ovsrcu_get_protected(struct dp_tuple_buckets *, &index->buckets);
    uint32_t n_buckets = buckets->mask + 1;

    take_out(buckets, node);
    index->n--;
    if (n_buckets > MIN_BUCKETS
        && index->n * 6 < (uint64_t) n_buckets * DP_TUPLE_INDEX_PLACES) {
        resize(index, n_buckets / 2);
    }
}

struct dp_tuple_node *
dp_tuple_index_find(const struct dp_tuple_index *index, uint32_t hash,
                    bool (*found)(const struct dp_tuple_node *,
                                  const void *aux),
                    const void *aux)
{
    const struct dp_tuple_buckets *buckets = dp_tuple_index_get(index);

    for (uint32_t i = 0; i <= buckets->mask; i++) {
        const struct dp_tuple_bucket *bucket
            = dp_tuple_buckets_home(buckets, hash + i);
        uint64_t tags = dp_tuple_bucket_tags(bucket);

        for (uint64_t match = dp_tuple_tags_match(tags, hash); match;
             match = zero_rightmost_1bit(match)) {
            struct dp_tuple_node *node
                = dp_tuple_bucket_node(bucket, raw_ctz(match) / 8);

            if (node && found(node, aux)) {
                return node;
            }
        }
        if (OVS_LIKELY(!dp_tuple_tags_past(tags))) {
            break;
        }
    }
    return NULL;
}
