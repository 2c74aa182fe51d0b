/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-lane.h"

#include <sched.h>

#include "dpif.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "util.h"
#include "flow/dp-log.h"
#include "merge/dp-books.h"
#include "offload/dp-offload.h"
#include "ovs/ovs-odp-format.h"
#include "pipe/dp-follow.h"

/* Subtables are sorted, and what packets took when they came back is swept,
 * once a second.  The EMC is swept in ten, of which each housekeeping does its
 * share. */
#define RANK_INTERVAL_US 1000000
#define EMC_SWEEP_US 10000000

/* Waiting for the end of a burst: how often to look before other threads are
 * let run, in case the lane's is one of them. */
enum { SPINS = 1000 };

enum { FLUSH_BATCH = 64 };      /* Flows, with the lane's mutex held. */

void
dp_lane_init(struct dp_lane *lane, struct dp_shared *shared,
             unsigned int core_id, int numa_id)
{
    memset(lane, 0, sizeof *lane);
    lane->shared = shared;
    lane->core_id = core_id;
    lane->numa_id = numa_id;
    lane->emc_enabled = true;
    atomic_init(&lane->turn, 0);
    atomic_init(&lane->peak_waiting, 0);
    dp_emc_init(&lane->emc);
    dp_recent_init(&lane->recent);
    dp_smc_init(&lane->smc);
    dp_simple_init(&lane->simple);
    dp_tx_init(&lane->tx);
    ovs_list_init(&lane->spare_items);
    pmd_perf_stats_init(&lane->perf);
    dp_flow_table_init(&lane->flows);
    dp_tuples_init(&lane->merged);
    dp_drops_init(&lane->drops);
    ovs_mutex_init_recursive(&lane->main_mutex);
    dp_lane_update_clock(lane);
    lane->swept_at = lane->now;
}

/* Uninitialises 'lane', whose flows must have been flushed and whose ports
 * must have been removed. */
void
dp_lane_uninit(struct dp_lane *lane)
{
    struct dp_work_item *item;

    dp_follower_destroy(lane->follower);
    dp_emc_uninit(&lane->emc);
    dp_recent_flush(&lane->recent);
    dp_smc_uninit(&lane->smc);
    dp_simple_uninit(&lane->simple);
    dp_tx_uninit(&lane->tx);
    LIST_FOR_EACH_POP (item, node, &lane->spare_items) {
        free(item);
    }
    dp_flow_table_uninit(&lane->flows);
    dp_tuples_uninit(&lane->merged);
    dp_drops_uninit(&lane->drops);
    ovs_mutex_destroy(&lane->main_mutex);
}

static void
log_flow_add(const struct dp_flow *flow, const struct match *match,
             const struct nlattr *actions, size_t len)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct odp_flow_key_parms parms = {
        .flow = &match->flow,
        .mask = &match->wc.masks,
        .support = dp_odp_support,
    };
    struct ofpbuf key, mask;

    ofpbuf_init(&key, 0);
    ofpbuf_init(&mask, 0);
    odp_flow_key_from_flow(&parms, &key);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);

    odp_format_ufid(&flow->ufid, &ds);
    ds_put_cstr(&ds, " mega_");
    odp_format_ufid(&flow->mega_ufid, &ds);
    ds_put_char(&ds, ' ');
    ovs_odp_flow_format(key.data, key.size, mask.data, mask.size, NULL, &ds,
                        false);
    ds_put_cstr(&ds, ", actions:");
    format_odp_actions(&ds, actions, len, NULL);
    VLOG(VLL_DBG, "flow_add: %s", ds_cstr(&ds));

    ofpbuf_uninit(&key);
    ofpbuf_uninit(&mask);
    ds_destroy(&ds);
}

/* Registers 'flow' with the offload engine, if there is one. */
void
dp_lane_offer(struct dp_lane *lane, struct dp_flow *flow)
{
    if (lane->marks && dp_offload_is_enabled(lane->shared->offload)) {
        const struct dp_offload_info info = {
            .in_port = flow->in_port,
            .mega_ufid = flow->mega_ufid,
        };

        atomic_store_relaxed(&flow->offered, true);
        dp_offload_flow_put(lane->shared->offload, lane->marks, flow, &info);
    }
}

/* Takes out of 'match' what a packet of its kind cannot have.  Upper layers
 * look at such fields, too: whether this is a neighbor solicitation with a
 * certain address, they ask of any ICMPv6 packet.  Its type has said no, and
 * that is matched as far as they have looked at it. */
static void
forget_foreign_fields(struct match *match)
{
    struct flowmap map;

    flow_wc_map(&match->flow, &map);
    for (size_t i = 0; i < FLOW_U64S; i++) {
        if (!flowmap_is_set(&map, i)) {
            *flow_u64_lvalue(&match->wc.masks, i) = 0;
        }
    }
}

/* Adds a megaflow to 'lane' and returns it; the table owns it.  The caller has
 * made sure that there is none with this UFID and that none overlaps. */
struct dp_flow *
dp_lane_install__(struct dp_lane *lane, const struct match *match_,
                  const ovs_u128 *ufid, const struct nlattr *actions,
                  size_t len)
{
    struct match match = *match_;
    struct dp_mask *mask;
    struct dp_flow *flow;

    /* A port's megaflows stand in a classifier of their own, and a megaflow is
     * good for one pass only. */
    match.wc.masks.in_port.odp_port = ODPP_NONE;
    match.wc.masks.recirc_id = UINT32_MAX;

    /* Netlink keys can't leave the presence of a VLAN tag open: no tag in the
     * key means "no tag" to whoever dumps the flow, and a tag means a tag.  So
     * where the tag was not looked at, match what the packet had. */
    if (!match.wc.masks.vlans[0].tci) {
        match.wc.masks.vlans[0].tci = htons(VLAN_VID_MASK | VLAN_CFI);
    }
    forget_foreign_fields(&match);

    mask = dp_flow_table_share_mask(&lane->flows,
                                    match.flow.in_port.odp_port,
                                    dp_mask_create(&match.wc));
    flow = dp_flow_create(&match.flow, mask, ufid, lane->core_id, actions,
                          len);
    dp_flow_table_insert(&lane->flows, flow);
    dp_simple_insert(&lane->simple, flow);
    dp_lane_offer(lane, flow);
    if (OVS_UNLIKELY(!VLOG_DROP_DBG(&dp_log_rl))) {
        log_flow_add(flow, &match, actions, len);
    }
    return flow;
}

/* Removes 'flow' from 'lane', and initialises '*nic' (may be NULL) with what
 * NICs have counted for it.  When the caller has unlocked the table, he calls
 * dp_lane_flow_changed(). */
void
dp_lane_remove(struct dp_lane *lane, struct dp_flow *flow,
               struct dpif_flow_stats *nic)
{
    bool offered;

    dp_simple_remove(&lane->simple, flow);
    atomic_read_relaxed(&flow->offered, &offered);
    if (offered) {
        dp_offload_flow_del(lane->shared->offload, lane->marks, flow,
                            &flow->mega_ufid, nic);
    } else if (nic) {
        memset(nic, 0, sizeof *nic);
    }
    dp_flow_table_remove(&lane->flows, flow);
}

/* 'flow' of 'lane' has just been removed, or has got new actions: nothing may
 * be built on it any more.  To be called before anybody is told of that, and
 * without the lock of the table, which upcalls want: there may be many rules
 * to kill. */
void
dp_lane_flow_changed(const struct dp_lane *lane, struct dp_flow *flow)
{
    if (lane->shared->books) {
        dp_books_flow_changed(lane->shared->books, flow);
    }
}

/* Books to 'flow' of 'lane' what merged rules have counted for it.  The caller
 * has no lock. */
void
dp_lane_settle_flow(const struct dp_lane *lane, struct dp_flow *flow)
{
    if (lane->shared->books) {
        dp_books_settle_flow(lane->shared->books, flow);
    }
}

/* Removes the flows that 'lane' has now, and perhaps some that come meanwhile.
 * It may have a million, and upcalls want the mutex, too. */
void
dp_lane_flush_flows(struct dp_lane *lane)
{
    size_t position = SIZE_MAX;

    while (position) {
        struct dp_flow *flows[FLUSH_BATCH];
        size_t n;

        dp_flow_table_lock(&lane->flows);
        n = dp_flow_table_next(&lane->flows, &position, flows, FLUSH_BATCH);
        for (size_t i = 0; i < n; i++) {
            dp_lane_remove(lane, flows[i], NULL);
        }
        dp_flow_table_unlock(&lane->flows);
        dp_flow_table_give_way(&lane->flows);

        /* They are there until we quiesce. */
        for (size_t i = 0; i < n; i++) {
            dp_lane_flow_changed(lane, flows[i]);
        }
    }
}

/* Waits until no packet that is in the pipe now is there any more: a flow that
 * was removed before will not count packets after.  The caller may hold
 * nothing that a packet may need on its way: no lock of a flow table, no ukey.
 * (A grace period would do, too, but waits for all threads instead of for one
 * burst.) */
void
dp_lane_wait(const struct dp_lane *lane_)
{
    struct dp_lane *lane = CONST_CAST(struct dp_lane *, lane_);
    unsigned int turn, now;

    dp_fence_rare(lane->shared->fence_registered);
    atomic_read_explicit(&lane->turn, &turn, memory_order_acquire);
    now = turn;
    for (int i = 0; turn % 2 && now == turn; i++) {
        if (i >= SPINS) {
            sched_yield();
        }
        /* Pairs with the release in dp_lane_end_turn(). */
        atomic_read_explicit(&lane->turn, &now, memory_order_acquire);
    }
}

static void
sweep_emc(struct dp_lane *lane)
{
    long long int elapsed = lane->now - lane->swept_at;
    long long int n = elapsed * DP_EMC_ENTRIES / EMC_SWEEP_US;

    if (n > 0) {
        dp_emc_sweep(&lane->emc, MIN(n, DP_EMC_ENTRIES));
        lane->swept_at = lane->now;
    }
}

/* Does what a lane has to do from time to time: whenever a PMD thread does its
 * housekeeping (dp-pmd-loop.c), and in every run of the main thread. */
void
dp_lane_housekeeping(struct dp_lane *lane)
{
    sweep_emc(lane);
    if (lane->now >= lane->next_rank) {
        dp_flow_table_rank(&lane->flows);
        dp_recent_sweep(&lane->recent);
        lane->next_rank = lane->now + RANK_INTERVAL_US;
    }
    dp_tx_expire_queues(lane);
}
