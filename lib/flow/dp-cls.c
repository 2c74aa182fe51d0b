/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-cls.h"

#include "bitmap.h"
#include "util.h"

/* Ranking.  'n_hits' counts what a subtable answered since the last
 * dp_cls_rank(), which makes it the subtable's priority and halves it, so that
 * a burst of one second does not turn the order over for good. */

struct dp_subtable {
    struct cmap_node node;      /* In 'subtables', by 'mask->hash'. */
    struct cmap flows;          /* Published: by 'cls_hash'. */
    struct dp_mask *mask;       /* Counted; constant after creation. */
    atomic_uint32_t n_hits;     /* Written by the owner lane; halved by
                                 * dp_cls_rank(), which the owner calls. */
};

enum { DP_CLS_BURST = 32 };

struct dp_cls *
dp_cls_create(odp_port_t in_port)
{
    struct dp_cls *cls = xzalloc(sizeof *cls);

    cls->in_port = in_port;
    cmap_init(&cls->subtables);
    pvector_init(&cls->ranking);
    return cls;
}

static void
subtable_free(struct dp_subtable *subtable)
{
    cmap_destroy(&subtable->flows);
    dp_mask_unref(subtable->mask);
    free_cacheline(subtable);
}

static void
subtable_remove(struct dp_cls *cls, struct dp_subtable *subtable)
{
    pvector_remove(&cls->ranking, subtable);
    pvector_publish(&cls->ranking);
    cmap_remove(&cls->subtables, &subtable->node, subtable->mask->hash);
    ovsrcu_postpone(subtable_free, subtable);
}

/* Destroys 'cls', in which no flow may be left, after a grace period. */
void
dp_cls_destroy(struct dp_cls *cls)
{
    if (cls) {
        struct dp_subtable *subtable;

        CMAP_FOR_EACH (subtable, node, &cls->subtables) {
            ovs_assert(cmap_is_empty(&subtable->flows));
            subtable_remove(cls, subtable);
        }
        cmap_destroy(&cls->subtables);
        pvector_destroy(&cls->ranking);
        ovsrcu_postpone(free, cls);
    }
}

static struct dp_subtable *
subtable_find(const struct dp_cls *cls, const struct dp_mask *mask)
{
    struct dp_subtable *subtable;

    CMAP_FOR_EACH_WITH_HASH (subtable, node, mask->hash, &cls->subtables) {
        if (subtable->mask == mask || dp_mask_equal(subtable->mask, mask)) {
            return subtable;
        }
    }
    return NULL;
}

/* If 'cls' has a subtable with a mask that is equal to 'mask', gives back the
 * caller's reference to 'mask' and returns a new one to the subtable's. */
struct dp_mask *
dp_cls_share_mask(const struct dp_cls *cls, struct dp_mask *mask)
{
    struct dp_subtable *subtable = subtable_find(cls, mask);

    if (!subtable) {
        return mask;
    }
    dp_mask_unref(mask);
    return dp_mask_ref(subtable->mask);
}

void
dp_cls_insert(struct dp_cls *cls, struct dp_flow *flow)
{
    struct dp_subtable *subtable = subtable_find(cls, flow->mask);

    if (!subtable) {
        subtable = xzalloc_cacheline(sizeof *subtable);
        cmap_init(&subtable->flows);
        subtable->mask = dp_mask_ref(flow->mask);
        atomic_init(&subtable->n_hits, 0);
        cmap_insert(&cls->subtables, &subtable->node, flow->mask->hash);
        pvector_insert(&cls->ranking, subtable, 0);
        pvector_publish(&cls->ranking);
    }
    cmap_insert(&subtable->flows, &flow->cls_node, flow->cls_hash);
}

void
dp_cls_remove(struct dp_cls *cls, struct dp_flow *flow)
{
    struct dp_subtable *subtable = subtable_find(cls, flow->mask);

    ovs_assert(subtable);
    if (!cmap_remove(&subtable->flows, &flow->cls_node, flow->cls_hash)) {
        subtable_remove(cls, subtable);
    }
}

bool
dp_cls_is_empty(const struct dp_cls *cls)
{
    return cmap_is_empty(&cls->subtables);
}

size_t
dp_cls_n_subtables(const struct dp_cls *cls)
{
    return cmap_count(&cls->subtables);
}

/* Fills 'values', with a stride of the number of words, and 'hashes'. */
static void
mask_keys(const struct dp_mask *mask, uint32_t want,
          struct dp_key *const keys[], uint64_t values[], uint32_t hashes[])
{
    struct dp_mask_plan plan;
    bool planned = false;
    int i;

    ULLONG_FOR_EACH_1 (i, want) {
        const struct dp_key *key = keys[i];

        if (OVS_UNLIKELY(!planned || !dp_mask_plan_fits(&plan, key))) {
            dp_mask_make_plan(mask, &key->mf.map, &plan);
            planned = true;
        }
        hashes[i] = dp_mask_apply_plan(&plan, mask->n_words, key,
                                       &values[i * mask->n_words]);
    }
}

static inline bool
words_equal(const uint64_t a[], const uint64_t b[], size_t n)
{
    uint64_t differ = 0;

    for (size_t i = 0; i < n; i++) {
        differ |= a[i] ^ b[i];
    }
    return !differ;
}

/* Looks up 'want' in one subtable; returns those that it found. */
static inline uint32_t
subtable_lookup(struct dp_subtable *subtable, uint32_t want,
                struct dp_key *const keys[], struct dp_flow *flows[])
{
    size_t n_words = subtable->mask->n_words;
    uint64_t values[DP_CLS_BURST * FLOW_U64S];
    const struct cmap_node *nodes[DP_CLS_BURST];
    uint32_t hashes[DP_CLS_BURST];
    uint32_t found = 0;
    unsigned long int map;
    int i;

    mask_keys(subtable->mask, want, keys, values, hashes);
    map = cmap_find_batch(&subtable->flows, want, hashes, nodes);
    ULLONG_FOR_EACH_1 (i, map) {
        OVS_PREFETCH(nodes[i]);
        OVS_PREFETCH_WRITE(CONTAINER_OF(nodes[i], struct dp_flow, cls_node));
    }
    ULLONG_FOR_EACH_1 (i, map) {
        struct dp_flow *flow;

        CMAP_NODE_FOR_EACH (flow, cls_node, nodes[i]) {
            if (OVS_LIKELY(words_equal(flow->values, &values[i * n_words],
                                       n_words))) {
                flows[i] = flow;
                found |= UINT32_C(1) << i;
                break;
            }
        }
    }
    return found;
}

uint32_t
dp_cls_lookup(const struct dp_cls *cls, uint32_t want,
              struct dp_key *const keys[], struct dp_flow *flows[],
              unsigned int *n_tries)
{
    struct dp_subtable *subtable;
    unsigned int rank = 0;

    PVECTOR_FOR_EACH (subtable, &cls->ranking) {
        uint32_t found = subtable_lookup(subtable, want, keys, flows);

        rank++;
        if (found) {
            unsigned int n = count_1bits(found);
            uint32_t hits;

            atomic_read_relaxed(&subtable->n_hits, &hits);
            atomic_store_relaxed(&subtable->n_hits, hits + n);
            *n_tries += n * rank;
            want &= ~found;
            if (!want) {
                break;
            }
        }
    }
    return want;
}

/* Returns the flow of the packet with 'key', or NULL.  Counts nothing, so that
 * it may run beside the lane. */
struct dp_flow *
dp_cls_find(const struct dp_cls *cls, struct dp_key *key)
{
    struct dp_subtable *subtable;
    struct dp_flow *flow;

    PVECTOR_FOR_EACH (subtable, &cls->ranking) {
        if (subtable_lookup(subtable, 1, &key, &flow)) {
            return flow;
        }
    }
    return NULL;
}

/* Sorts the subtables by what they answered lately. */
void
dp_cls_rank(struct dp_cls *cls)
{
    struct dp_subtable *subtable;

    CMAP_FOR_EACH (subtable, node, &cls->subtables) {
        uint32_t hits;

        atomic_read_relaxed(&subtable->n_hits, &hits);
        pvector_change_priority(&cls->ranking, subtable,
                                MIN(hits, INT_MAX));
        atomic_store_relaxed(&subtable->n_hits, hits / 2);
    }
    pvector_publish(&cls->ranking);
}
