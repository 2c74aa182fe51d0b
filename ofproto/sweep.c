/* SPDX-License-Identifier: Apache-2.0 */

/* Deleting a flow and reaping its ukey are done in two passes over a batch.
 * In between, the ukeys are EVICTED and unlocked, so a handler may replace
 * some of them: ukey_map_reap() finds those DELETED and leaves them alone.
 *
 * A ukey pointer stays good from when it was found until this thread
 * quiesces, which it does only between batches, when no pointer is kept (and
 * no iteration is in progress). */

#include <config.h>

#include "ofproto/sweep.h"

#include "coverage.h"
#include "ofproto/dp-ops.h"
#include "ofproto/revalidate.h"
#include "ofproto/udpif.h"
#include "ofproto/upcall-log.h"
#include "openvswitch/usdt-probes.h"
#include "timeval.h"

COVERAGE_DEFINE(revalidate_missed_dp_flow);
COVERAGE_DEFINE(revalidate_missing_dp_flow);

/* Carries out 'ops' and reaps the ukeys that it evicted. */
static void
sweep_flush(struct udpif *udpif, struct dp_ops *ops)
{
    struct udpif_key *evicted[DP_OPS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < ops->n; i++) {
        if (ops->ops[i].dop.type == DPIF_OP_FLOW_DEL) {
            evicted[n++] = ops->ops[i].ukey;
        }
    }
    dp_ops_push(ops, udpif);
    for (size_t i = 0; i < n; i++) {
        ukey_map_reap(udpif->ukeys, evicted[i]);
    }
}

/* Counts a dump that did not see 'ukey'.  Returns true once there is no doubt
 * that the datapath does not have the flow. */
static bool
sweep_missed(struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex)
{
    if (ukey->n_missed < UINT8_MAX) {
        ukey->n_missed++;
    }
    return (ukey->n_missed >= SWEEP_MAX_MISSED
            && (ukey->state != UKEY_VISIBLE
                || time_msec() - ukey->created >= SWEEP_VISIBLE_GRACE_MS));
}

/* Looks at 'ukey' and adds to 'ops' what has to be done about its flow. */
static void
sweep_one(struct udpif *udpif, struct udpif_key *ukey, uint64_t dump_seq,
          uint64_t reval_seq, bool complete, struct dp_ops *ops)
    OVS_REQUIRES(ukey->mutex)
{
    enum reval_reason why = REVAL_WHY_OTHER;
    enum reval_result result = REVAL_KEEP;

    if (!ukey_state_is_live(ukey->state)) {
        return;
    }
    if (ukey->state == UKEY_INCONSISTENT) {
        why = REVAL_WHY_UPDATE_FAILED;
        result = REVAL_DELETE;
    } else if (ukey->dump_seq == dump_seq) {
        ukey->n_missed = 0;
        return;
    } else if (complete && sweep_missed(ukey)) {
        COVERAGE_INC(revalidate_missing_dp_flow);
        why = REVAL_WHY_MISSING;
        result = REVAL_DELETE;
    } else if (ukey->state == UKEY_OPERATIONAL
               && ukey->reval_seq < reval_seq) {
        COVERAGE_INC(revalidate_missed_dp_flow);
        result = revalidate_ukey(udpif, ukey, NULL, NULL, reval_seq, &why);
    }
    OVS_USDT_PROBE(revalidator_sweep__, flow_sweep_result, udpif, ukey, result,
                   why);

    if (result == REVAL_DELETE) {
        dp_ops_delete(ops, udpif, ukey);
    } else if (result == REVAL_MODIFY) {
        dp_ops_modify(ops, udpif, ukey);
    }
}

void
sweep(struct udpif *udpif, size_t first, size_t step, uint64_t dump_seq,
      uint64_t reval_seq, bool complete)
{
    struct dp_ops ops;

    dp_ops_init(&ops);
    for (size_t i = first; i < UKEY_MAP_N_SLOTS; i += step) {
        struct udpif_key *ukey;

        CMAP_FOR_EACH (ukey, node, &udpif->ukeys->slots[i].cmap) {
            enum ukey_state state;

            /* In use by a handler or a lane: it is alive, or next time. */
            if (ovs_mutex_trylock(&ukey->mutex)) {
                continue;
            }
            state = ukey->state;
            sweep_one(udpif, ukey, dump_seq, reval_seq, complete, &ops);
            ovs_mutex_unlock(&ukey->mutex);

            if (state == UKEY_EVICTED) {
                ukey_map_reap(udpif->ukeys, ukey);
            }
            if (dp_ops_is_full(&ops)) {
                sweep_flush(udpif, &ops);
            }
        }
        sweep_flush(udpif, &ops);
        ovsrcu_quiesce();
    }
}

/* Deletes the flows of the ukeys that are alive, of all lanes or of 'pmd_id',
 * and reaps these ukeys and the EVICTED ones.  Other lanes may insert
 * meanwhile, but none of those that are to go may be missed.
 *
 * A flow whose deletion fails keeps its ukey, INCONSISTENT, and the sweep will
 * try again: without the ukey it would be adopted, and counted twice. */
static void
sweep_purge__(struct udpif *udpif, bool all, unsigned int pmd_id)
{
    struct dp_ops ops;

    dp_ops_init(&ops);
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        size_t n;
        struct udpif_key **ukeys = ukey_map_snapshot(udpif->ukeys, i, &n);

        for (size_t j = 0; j < n; j++) {
            struct udpif_key *ukey = ukeys[j];
            enum ukey_state state;

            if (!all && ukey->pmd_id != pmd_id) {
                continue;
            }
            ovs_mutex_lock(&ukey->mutex);
            state = ukey->state;
            if (ukey_state_is_live(state)) {
                OVS_USDT_PROBE(revalidator_sweep__, flow_sweep_result, udpif,
                               ukey, REVAL_DELETE, REVAL_WHY_PURGE);
                dp_ops_delete(&ops, udpif, ukey);
            }
            ovs_mutex_unlock(&ukey->mutex);

            if (state == UKEY_EVICTED) {
                ukey_map_reap(udpif->ukeys, ukey);
            }
            if (dp_ops_is_full(&ops)) {
                sweep_flush(udpif, &ops);
            }
        }
        free(ukeys);
        sweep_flush(udpif, &ops);
        ovsrcu_quiesce();
    }
}

void
sweep_purge(struct udpif *udpif)
{
    sweep_purge__(udpif, true, 0);
}

void
sweep_purge_pmd(struct udpif *udpif, unsigned int pmd_id)
{
    sweep_purge__(udpif, false, pmd_id);
}
