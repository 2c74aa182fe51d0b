/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MARK_INDEX_H
#define DP_MARK_INDEX_H 1

/* dp-mark-index: from the mark of a packet to a lane's flow
 * =========================================================
 *
 * Job.  A lane (a thread that moves packets) owns one index.  The offload
 * engine writes into it which of the lane's flows a mark means; the lane
 * reads.  The index is the shadow, for one lane, of the engine's registry.
 *
 * Shape.  A table of leaves, 4,096 slots each.  A lookup is two loads, the
 * leaf's address and the slot, and of these only the slot can miss the cache:
 * a million marks use 2 kB of the upper table.
 *
 * Owns.  Leaves.  A flow in a slot is pinned by the engine's reference; it is
 * dropped only after the slot was cleared, and the datapath frees flows after
 * a grace period, so what a lane has read stays valid until it quiesces.
 *
 * Invariants.  Slot 0 is always empty.  Marks above DP_MARK_MAX find nothing.
 *
 * Thread-safety
 * =============
 *
 *             set     get
 *     set      X       -     X: excluded by 'mutex', taken inside.
 *     get      -       -     -: nothing needed; get is called under RCU.
 *
 * What the caller has to check: that the flow's in-port is the port that the
 * packet came from (a NIC that hands out a mark of another port's rule must
 * not be able to forward a packet), that the packet was not recirculated, and
 * that its headers are sound (dp-verify.h), unless the slot says that the NIC
 * has seen to that.
 *
 * Example, in two passes over a burst:
 *
 *     for (i = 0; i < n; i++) {
 *         slots[i] = dp_mark_index_slot(index, mark[i]);
 *         OVS_PREFETCH(slots[i]);
 *     }
 *     for (i = 0; i < n; i++) {
 *         bool sound;
 *         struct dp_flow *flow = dp_mark_slot_read(slots[i], &sound);
 *         ...
 *     }
 */

#include <stddef.h>
#include <stdint.h>
#include "openvswitch/thread.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"

/* Marks are 1...DP_MARK_MAX.  The upper bound is what NICs with 24-bit marks
 * leave to applications (the last 16 values are the driver's). */
#define DP_MARK_BITS 24
#define DP_MARK_MAX UINT32_C(0xffffef)

#define DP_MARK_LEAF_BITS 12
#define DP_MARK_LEAF_SIZE (1u << DP_MARK_LEAF_BITS)
#define DP_MARK_N_LEAVES (1u << (DP_MARK_BITS - DP_MARK_LEAF_BITS))

/* In a slot, beside the address of a flow, which is even. */
#define DP_MARK_SOUND 1

struct dp_mark_slot {
    OVSRCU_TYPE(void *) flow;           /* Counted by the engine; and
                                         * DP_MARK_SOUND. */
};

struct dp_mark_leaf {
    struct dp_mark_slot slots[DP_MARK_LEAF_SIZE];
    unsigned int n_used;                /* Slots that are not empty. */
};

struct dp_mark_index {
    /* Published (RCU). */
    OVSRCU_TYPE(struct dp_mark_leaf *) leaves[DP_MARK_N_LEAVES];

    /* Constant after creation. */
    unsigned int lane_id;               /* For messages only. */

    /* Published (atomic). */
    atomic_count n_flows;               /* Slots that are not empty; written
                                         * with 'mutex'. */

    struct ovs_mutex mutex;             /* Serialises writers. */
};

/* The slot that every mark without a leaf has.  Never written. */
extern const struct dp_mark_slot dp_mark_slot_empty;

struct dp_mark_index *dp_mark_index_create(unsigned int lane_id);

/* Frees 'index', which must be empty and unknown to readers, after a grace
 * period.  Null is fine. */
void dp_mark_index_destroy(struct dp_mark_index *index);

/* Makes 'mark' mean 'flow', or nothing if 'flow' is null.  'sound': the NIC
 * gives 'mark' to packets with sound headers only. */
void dp_mark_index_set(struct dp_mark_index *index, uint32_t mark, void *flow,
                       bool sound)
    OVS_EXCLUDED(index->mutex);

/* Clears 'mark' if it means 'flow'.  Returns true if it did. */
bool dp_mark_index_clear(struct dp_mark_index *index, uint32_t mark,
                         const void *flow)
    OVS_EXCLUDED(index->mutex);

/* Returns the number of marks that mean a flow, at this moment or the last.
 * While it is 0 marks need not be looked at. */
static inline size_t
dp_mark_index_count(const struct dp_mark_index *index)
{
    return atomic_count_get(&CONST_CAST(struct dp_mark_index *,
                                        index)->n_flows);
}

/* Aborts unless the counts agree with the slots. */
void dp_mark_index_check(const struct dp_mark_index *index);

/* Returns the slot of 'mark', valid until the caller quiesces. */
static inline const struct dp_mark_slot *
dp_mark_index_slot(const struct dp_mark_index *index, uint32_t mark)
{
    if (OVS_LIKELY(mark <= DP_MARK_MAX)) {
        const struct dp_mark_leaf *leaf;

        leaf = ovsrcu_get(struct dp_mark_leaf *,
                          &index->leaves[mark >> DP_MARK_LEAF_BITS]);
        if (OVS_LIKELY(leaf)) {
            return &leaf->slots[mark & (DP_MARK_LEAF_SIZE - 1)];
        }
    }
    return &dp_mark_slot_empty;
}

/* Returns the flow in 'slot', valid until the caller quiesces, or null.
 * Stores in '*sound' whether the NIC marks packets with sound headers only. */
static inline void *
dp_mark_slot_read(const struct dp_mark_slot *slot, bool *sound)
{
    uintptr_t word = (uintptr_t) ovsrcu_get(void *, &slot->flow);

    *sound = word & DP_MARK_SOUND;
    return (void *) (word & ~(uintptr_t) DP_MARK_SOUND);
}

/* Both in one, for those who have one packet and look at it themselves. */
static inline void *
dp_mark_index_get(const struct dp_mark_index *index, uint32_t mark)
{
    bool sound;

    return dp_mark_slot_read(dp_mark_index_slot(index, mark), &sound);
}

#endif /* dp-mark-index.h */
