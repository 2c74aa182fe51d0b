/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/dp-ops.h"

#include <errno.h>

#include "openvswitch/util.h"
#include "ofproto/revalidate.h"
#include "ofproto/udpif.h"
#include "ofproto/upcall-log.h"

static struct dp_op *
dp_ops_next(struct dp_ops *ops, struct udpif_key *ukey)
{
    struct dp_op *op = &ops->ops[ops->n++];

    ovs_assert(ops->n <= DP_OPS_MAX);
    op->ukey = ukey;
    memset(&op->stats, 0, sizeof op->stats);
    memset(&op->delta, 0, sizeof op->delta);
    return op;
}

void
dp_ops_delete(struct dp_ops *ops, struct udpif *udpif, struct udpif_key *ukey)
{
    struct dp_op *op = dp_ops_next(ops, ukey);

    ukey_transition(ukey, UKEY_EVICTING);
    op->dop = (struct dpif_op) {
        .type = DPIF_OP_FLOW_DEL,
        .flow_del = {
            .key = ukey->key,
            .key_len = ukey->key_len,
            .ufid = ukey->ufid_present ? &ukey->ufid : NULL,
            .pmd_id = ukey->pmd_id,
            .stats = &op->stats,
            .terse = udpif_use_ufid(udpif),
        },
    };
}

void
dp_ops_delete_stray(struct dp_ops *ops, struct udpif *udpif,
                    const struct dpif_flow *flow)
{
    struct dp_op *op = dp_ops_next(ops, NULL);

    op->dop = (struct dpif_op) {
        .type = DPIF_OP_FLOW_DEL,
        .flow_del = {
            .key = flow->key,
            .key_len = flow->key_len,
            .ufid = flow->ufid_present ? &flow->ufid : NULL,
            .pmd_id = flow->pmd_id,
            .stats = &op->stats,
            .terse = udpif_use_ufid(udpif),
        },
    };
}

void
dp_ops_modify(struct dp_ops *ops, struct udpif *udpif OVS_UNUSED,
              struct udpif_key *ukey)
{
    struct dp_op *op = dp_ops_next(ops, ukey);
    const struct ukey_actions *actions = ukey_actions(ukey);

    /* With a UFID the datapath looks the flow up by it.  A lookup by key
     * could find a wider, overlapping flow (21410ff80). */
    op->dop = (struct dpif_op) {
        .type = DPIF_OP_FLOW_PUT,
        .flow_put = {
            .flags = DPIF_FP_MODIFY,
            .key = ukey->key,
            .key_len = ukey->key_len,
            .mask = ukey->mask,
            .mask_len = ukey->mask_len,
            .actions = ALIGNED_CAST(const struct nlattr *, actions->data),
            .actions_len = actions->size,
            .ufid = ukey->ufid_present ? &ukey->ufid : NULL,
            .pmd_id = ukey->pmd_id,
            .stats = NULL,
        },
    };
}

/* Moves the ukey of 'op', which the datapath has answered. */
static void
dp_op_settle(struct dp_op *op)
{
    struct udpif_key *ukey = op->ukey;

    if (!ukey) {
        return;
    }

    ovs_mutex_lock(&ukey->mutex);
    if (op->dop.type == DPIF_OP_FLOW_DEL) {
        if (!op->dop.error) {
            /* TC and the kernel count apart, but the datapath answers with
             * the same counters that it dumps. */
            ukey_take_stats(ukey, &op->stats, NULL, &op->delta);
            ukey_transition(ukey, UKEY_EVICTED);
        } else if (op->dop.error == ENOENT) {
            ukey_transition(ukey, UKEY_EVICTED);
        } else {
            ukey_transition(ukey, UKEY_INCONSISTENT);
        }
    } else if (!op->dop.error) {
        recirc_refs_unref(&ukey->old_recircs);
    } else {
        /* Nobody else has touched it: a dump's operations are settled before
         * the sweep begins, one thread sweeps a slot, and main purges only
         * while revalidators pause. */
        ukey_transition(ukey, UKEY_INCONSISTENT);
    }
    ovs_mutex_unlock(&ukey->mutex);
}

void
dp_ops_push(struct dp_ops *ops, struct udpif *udpif)
{
    struct dpif_op *dops[DP_OPS_MAX];
    size_t n = ops->n;

    if (!n) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        dops[i] = &ops->ops[i].dop;
    }
    dpif_operate(udpif->dpif, dops, n, DPIF_OFFLOAD_AUTO);

    for (size_t i = 0; i < n; i++) {
        dp_op_settle(&ops->ops[i]);
    }
    for (size_t i = 0; i < n; i++) {
        struct dp_op *op = &ops->ops[i];

        if (op->ukey && op->dop.type == DPIF_OP_FLOW_DEL && !op->dop.error) {
            revalidate_push_final_stats(udpif, op->ukey, &op->delta);
        }
    }
    ops->n = 0;
}
