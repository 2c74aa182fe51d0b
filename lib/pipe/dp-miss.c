/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "flow.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"
#include "pipe/dp-upcall.h"

/* The third stage: asks the upper layers about the packets that no flow
 * matches, and installs the megaflows that they answer.
 *
 * The packets of a burst often miss for the same reason, so each is looked up
 * in the classifier again when an earlier one may have brought its flow. */

/* Installs the answer to an upcall, unless another thread put a flow for the
 * same packets meanwhile. */
static void
install(struct dp_lane *lane, const struct dp_key *key,
        const struct match *match, const ovs_u128 *ufid,
        const struct ofpbuf *actions)
{
    struct dp_flow *flow = NULL;
    bool is_new;

    dp_flow_table_lock(&lane->flows);
    flow = dp_flow_table_find_key(&lane->flows, &match->flow);
    is_new = !flow && !dp_flow_table_find(&lane->flows, ufid);
    if (is_new) {
        flow = dp_lane_install__(lane, match, ufid, actions->data,
                                 actions->size);
    }
    dp_flow_table_unlock(&lane->flows);

    if (flow) {
        bool smc;

        dp_emc_offer(&lane->emc, key, flow, dp_lane_emc_insert_inv(lane));
        atomic_read_relaxed(&lane->shared->smc_enable, &smc);
        if (smc) {
            dp_smc_insert(&lane->smc, &lane->flows, key, flow);
        }
    }
}

/* Makes an upcall for packet 'i'.  Returns true if it went well: the packet
 * then has actions of its own, and a flow may have been installed. */
static bool
handle_miss(struct dp_lane *lane, struct dp_burst *burst, int i,
            struct ofpbuf *actions, struct ofpbuf *put_actions)
{
    const struct dp_key *key = burst->keys[i];
    struct match match;
    ovs_u128 ufid;
    int error;

    memset(&match, 0, sizeof match);
    miniflow_expand(&key->mf, &match.flow);
    ofpbuf_clear(actions);
    ofpbuf_clear(put_actions);

    odp_flow_key_hash(&match.flow, sizeof match.flow, &ufid);
    error = dp_upcall(lane, burst->packets[i], &match.flow, &match.wc, &ufid,
                      DPIF_UC_MISS, NULL, actions, put_actions);
    if (OVS_UNLIKELY(error && error != ENOSPC)) {
        dp_drop_count(lane, burst->in_port, DP_DROP_UPCALL, 1,
                      burst->packets[i]);
        dp_burst_drop(burst, i);
        return false;
    }

    /* The upper layers may have changed what the packet looks like only in
     * their copy; the flow is for what arrived. */
    burst->once[i] = dp_actions_create(actions->data, actions->size);
    burst->answered |= UINT32_C(1) << i;
    dp_burst_decide(burst, i, NULL, 0);
    if (OVS_LIKELY(!error)) {
        install(lane, key, &match, &ufid,
                put_actions->size ? put_actions : actions);
    }
    return true;
}

static void
drop_all(struct dp_lane *lane, struct dp_burst *burst)
{
    unsigned int n = count_1bits(burst->undecided);
    int i;

    dp_drop_count(lane, burst->in_port, DP_DROP_LOCK, n,
                  burst->packets[31 - clz32(burst->undecided)]);
    dp_lane_count(lane, PMD_STAT_LOST, n);
    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        dp_burst_drop(burst, i);
    }
}

void
dp_miss_run(struct dp_lane *lane, struct dp_burst *burst)
{
    uint64_t actions_stub[512 / 8], put_stub[512 / 8];
    struct ofpbuf actions, put_actions;
    unsigned int n_ok = 0, n_failed = 0, n_late = 0, n_tries = 0;
    uint32_t missed = burst->undecided;
    int i;

    if (OVS_LIKELY(!missed)) {
        return;
    }
    if (OVS_UNLIKELY(!dp_upcall_begin(lane))) {
        drop_all(lane, burst);
        return;
    }
    ofpbuf_use_stub(&actions, actions_stub, sizeof actions_stub);
    ofpbuf_use_stub(&put_actions, put_stub, sizeof put_stub);

    ULLONG_FOR_EACH_1 (i, missed) {
        const struct dp_cls *cls = dp_flow_table_cls(&lane->flows,
                                                     burst->in_port);

        if (n_ok && cls
            && !dp_cls_lookup(cls, UINT32_C(1) << i, burst->keys,
                              burst->flows, &n_tries)) {
            dp_burst_decide(burst, i, burst->flows[i],
                            miniflow_get_tcp_flags(&burst->keys[i]->mf));
            n_late++;
        } else if (handle_miss(lane, burst, i, &actions, &put_actions)) {
            n_ok++;
        } else {
            n_failed++;
        }
    }

    ofpbuf_uninit(&actions);
    ofpbuf_uninit(&put_actions);
    dp_upcall_end(lane);

    dp_lane_count(lane, PMD_STAT_MASKED_HIT, n_late);
    dp_lane_count(lane, PMD_STAT_MASKED_LOOKUP, n_tries);
    dp_lane_count(lane, PMD_STAT_MISS, n_ok);
    dp_lane_count(lane, PMD_STAT_LOST, n_failed);
}
