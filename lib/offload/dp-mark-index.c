/* SPDX-License-Identifier: Apache-2.0 */

/* Leaves come with the first mark in their range and go, after a grace
 * period, with the last one, but for the first leaf: a lane that has few
 * offloaded flows keeps marks coming and going there, and would allocate
 * 32 kB each time. */

#include <config.h>
#include "offload/dp-mark-index.h"
#include "util.h"

const struct dp_mark_slot dp_mark_slot_empty
    = { .flow = OVSRCU_INITIALIZER(NULL) };

struct dp_mark_index *
dp_mark_index_create(unsigned int lane_id)
{
    struct dp_mark_index *index = xzalloc_cacheline(sizeof *index);

    index->lane_id = lane_id;
    ovs_mutex_init(&index->mutex);
    return index;
}

static void
dp_mark_index_free(struct dp_mark_index *index)
{
    for (size_t i = 0; i < DP_MARK_N_LEAVES; i++) {
        free(ovsrcu_get_protected(struct dp_mark_leaf *, &index->leaves[i]));
    }
    ovs_mutex_destroy(&index->mutex);
    free_cacheline(index);
}

void
dp_mark_index_destroy(struct dp_mark_index *index)
{
    if (index) {
        ovs_assert(!dp_mark_index_count(index));
        ovsrcu_postpone(dp_mark_index_free, index);
    }
}

static void
dp_mark_index_set__(struct dp_mark_index *index, uint32_t mark, void *flow,
                    bool sound)
    OVS_REQUIRES(index->mutex)
{
    unsigned int leaf_no = mark >> DP_MARK_LEAF_BITS;
    struct dp_mark_leaf *leaf;
    struct dp_mark_slot *slot;
    void *old;

    leaf = ovsrcu_get_protected(struct dp_mark_leaf *,
                                &index->leaves[leaf_no]);
    if (!leaf) {
        if (!flow) {
            return;
        }
        leaf = xzalloc(sizeof *leaf);
        ovsrcu_set(&index->leaves[leaf_no], leaf);
    }

    slot = &leaf->slots[mark & (DP_MARK_LEAF_SIZE - 1)];
    old = ovsrcu_get_protected(void *, &slot->flow);
    ovsrcu_set(&slot->flow, (void *) ((uintptr_t) flow
                                      | (sound ? DP_MARK_SOUND : 0)));

    if (!old && flow) {
        leaf->n_used++;
        atomic_count_inc(&index->n_flows);
    } else if (old && !flow) {
        atomic_count_dec(&index->n_flows);
        if (!--leaf->n_used && leaf_no) {
            ovsrcu_set(&index->leaves[leaf_no],
                       (struct dp_mark_leaf *) NULL);
            ovsrcu_postpone(free, leaf);
        }
    }
}

void
dp_mark_index_set(struct dp_mark_index *index, uint32_t mark, void *flow,
                  bool sound)
{
    ovs_assert(mark && mark <= DP_MARK_MAX);
    ovs_assert(!((uintptr_t) flow & DP_MARK_SOUND) && (flow || !sound));

    ovs_mutex_lock(&index->mutex);
    dp_mark_index_set__(index, mark, flow, sound);
    ovs_mutex_unlock(&index->mutex);
}

bool
dp_mark_index_clear(struct dp_mark_index *index, uint32_t mark,
                    const void *flow)
{
    bool found;

    ovs_mutex_lock(&index->mutex);
    found = flow && dp_mark_index_get(index, mark) == flow;
    if (found) {
        dp_mark_index_set__(index, mark, NULL, false);
    }
    ovs_mutex_unlock(&index->mutex);

    return found;
}

void
dp_mark_index_check(const struct dp_mark_index *index_)
{
    struct dp_mark_index *index = CONST_CAST(struct dp_mark_index *, index_);
    size_t n_flows = 0;

    ovs_mutex_lock(&index->mutex);
    ovs_assert(!dp_mark_index_get(index, 0));
    for (size_t i = 0; i < DP_MARK_N_LEAVES; i++) {
        const struct dp_mark_leaf *leaf
            = ovsrcu_get_protected(struct dp_mark_leaf *, &index->leaves[i]);
        size_t n_used = 0;

        if (leaf) {
            for (size_t j = 0; j < DP_MARK_LEAF_SIZE; j++) {
                bool sound;

                n_used += dp_mark_slot_read(&leaf->slots[j], &sound) != NULL;
            }
            ovs_assert(n_used == leaf->n_used);
            ovs_assert(n_used || !i);
        }
        n_flows += n_used;
    }
    ovs_assert(n_flows == dp_mark_index_count(index));
    ovs_mutex_unlock(&index->mutex);
}
