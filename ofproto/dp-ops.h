/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_DP_OPS_H
#define OFPROTO_DP_OPS_H 1

/* dp-ops: batched changes of datapath flows
 * =========================================
 *
 * Job.  Collect deletions and modifications that a revalidator has decided,
 * hand them to the datapath in one call, then move the ukeys on and attribute
 * the last statistics of what was deleted.
 *
 * Order.  All ukeys of the batch move first, before the (slower) attribution
 * of statistics, so that a miss of a deleted flow finds its ukey EVICTED, and
 * thus replaceable, as early as possible.  A ukey that was replaced or reaped
 * meanwhile is DELETED, but its memory and its cache stay valid until this
 * thread quiesces, which it does not do inside.
 *
 * Owns.  Nothing: ukeys and flows are borrowed until dp_ops_push() returns.
 * The caller must not quiesce between dp_ops_*() and dp_ops_push().
 *
 * Thread-safety.  A batch belongs to one thread.
 *
 * See also.  revalidator.h, sweep.h. */

#include <stdbool.h>
#include <stddef.h>

#include "dpif.h"
#include "ofproto/ukey.h"

struct udpif;

#define DP_OPS_MAX 50           /* Operations in a batch. */

struct dp_op {
    struct udpif_key *ukey;         /* NULL: a flow that has none. */
    struct dpif_flow_stats stats;   /* Of a deleted flow. */
    struct dpif_flow_stats delta;   /* Of these, what was not attributed. */
    struct dpif_op dop;
};

struct dp_ops {
    size_t n;
    struct dp_op ops[DP_OPS_MAX];
};

static inline void
dp_ops_init(struct dp_ops *ops)
{
    ops->n = 0;
}

static inline bool
dp_ops_is_full(const struct dp_ops *ops)
{
    return ops->n >= DP_OPS_MAX;
}

/* Adds the deletion of the flow of 'ukey', which becomes EVICTING. */
void dp_ops_delete(struct dp_ops *ops, struct udpif *udpif,
                   struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex);

/* Adds the deletion of 'flow', which has no ukey.  Nobody's statistics. */
void dp_ops_delete_stray(struct dp_ops *ops, struct udpif *udpif,
                         const struct dpif_flow *flow);

/* Adds the change of the actions of the flow of 'ukey' to what ukey_actions()
 * says now. */
void dp_ops_modify(struct dp_ops *ops, struct udpif *udpif,
                   struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex);

/* Carries out the batch and empties it.  Deleted: ukeys become EVICTED, or
 * INCONSISTENT if the datapath refused for a reason other than that it has no
 * such flow.  Modified: they stay, or become INCONSISTENT. */
void dp_ops_push(struct dp_ops *ops, struct udpif *udpif);

#endif /* ofproto/dp-ops.h */
