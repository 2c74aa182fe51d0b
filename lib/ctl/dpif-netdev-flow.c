/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-flow.h"

#include <errno.h>

#include "dp-packet.h"
#include "dpif-netdev.h"
#include "flow.h"
#include "hmapx.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-flow-format.h"
#include "ctl/dpif-netdev-handle.h"
#include "flow/dp-header.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* Lanes: a request names one by its core, or means all with PMD_ID_NULL. */

/* Returns the first lane ('prev' NULL) or the next that 'pmd_id' names. */
static struct dp_pmd *
next_lane(struct dp *dp, unsigned int pmd_id, struct cmap_position *position)
{
    if (pmd_id != PMD_ID_NULL) {
        if (position->bucket) {
            return NULL;
        }
        position->bucket = 1;
        return dp_topology_lane(&dp->topology, pmd_id);
    }

    struct cmap_node *node = cmap_next_position(&dp->topology.lanes,
                                                position);
    return node ? CONTAINER_OF(node, struct dp_pmd, node) : NULL;
}

#define FOR_EACH_LANE(PMD, DP, PMD_ID)                                  \
    for (struct cmap_position position__ = { 0, 0, 0 };                 \
         (PMD = next_lane(DP, PMD_ID, &position__)) != NULL; )

/* Keys. */

static void
log_bad_key(const struct nlattr *key, size_t len, const char *what,
            const char *why)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (!VLOG_DROP_ERR(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        odp_flow_key_format(key, len, &ds);
        VLOG_ERR("internal error parsing flow %s %s (%s)", what, ds_cstr(&ds),
                 why);
        ds_destroy(&ds);
    }
}

/* Parses a key into 'flow'.  Returns 0 or EINVAL, with a message unless
 * 'probe'. */
static int
parse_key(const struct nlattr *key, size_t len, struct flow *flow, bool probe)
{
    char *why = NULL;
    enum odp_key_fitness fitness = odp_flow_key_to_flow(key, len, flow, &why);
    int error = 0;

    if (fitness) {
        if (!probe) {
            log_bad_key(key, len, "key",
                        why ? why : odp_key_fitness_to_string(fitness));
        }
        error = EINVAL;
    } else if (flow->ct_state & ~CS_SUPPORTED_MASK) {
        error = EINVAL;
    }
    free(why);
    return error;
}

static int
parse_match(const struct dpif_flow_put *put, struct match *match)
{
    bool probe = put->flags & DPIF_FP_PROBE;
    enum odp_key_fitness fitness;
    char *why = NULL;
    int error;

    memset(match, 0, sizeof *match);
    error = parse_key(put->key, put->key_len, &match->flow, probe);
    if (error) {
        return error;
    }
    fitness = odp_flow_key_to_mask(put->mask, put->mask_len, &match->wc,
                                   &match->flow, &why);
    if (fitness) {
        if (!probe) {
            log_bad_key(put->mask, put->mask_len, "mask",
                        why ? why : odp_key_fitness_to_string(fitness));
        }
        error = EINVAL;
    } else if (match->wc.masks.in_port.odp_port != ODPP_NONE) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_ERR_RL(&rl, "failed to put%s flow: in_port is not an exact match",
                    put->flags & DPIF_FP_CREATE ? "[create]" : "[modify]");
        error = EINVAL;
    }
    free(why);
    return error;
}

/* Stores in '*ufid' what names the flow with the given UFID or key. */
static int
resolve_ufid(const ovs_u128 *given, const struct nlattr *key, size_t len,
             ovs_u128 *ufid)
{
    struct flow flow;
    int error = 0;

    if (given) {
        *ufid = *given;
    } else {
        error = parse_key(key, len, &flow, false);
        if (!error) {
            odp_flow_key_hash(&flow, sizeof flow, ufid);
        }
    }
    return error;
}

/* Returns the flow that a request means, or NULL.
 *
 *     request   by UFID, given or      else by key: the flow that a
 *               made from the key      packet with this key finds
 *     put       yes                    yes, but see below
 *     get, del  yes                    no
 *
 * A put means what packets find, so that it changes that and puts no second
 * flow beside it.  But a revalidator, which names a UFID and may not create,
 * means that flow and no other: it may be gone, and a wider one be found in
 * its place (21410ff80).  'key' is null for those that don't look by key. */
static struct dp_flow *
find_flow(const struct dp_lane *lane, const ovs_u128 *ufid,
          const struct flow *key)
{
    struct dp_flow *flow = dp_flow_table_find(&lane->flows, ufid);

    return (flow || !key ? flow
            : dp_flow_table_find_key(&lane->flows, key));
}

/* Put. */

static void
modify(struct dp_lane *lane, struct dp_flow *flow,
       const struct dpif_flow_put *put, struct dpif_flow_stats *stats)
    OVS_REQUIRES(lane->flows.mutex)
{
    bool offered;

    dp_actions_postpone_free(dp_flow_set_actions(flow, put->actions,
                                                 put->actions_len));
    atomic_read_relaxed(&flow->offered, &offered);
    if (offered) {
        dp_offload_flow_modify(lane->shared->offload, flow, &flow->mega_ufid);
    }
    dp_flow_get_all_stats(lane, flow, stats, NULL);
    if (put->flags & DPIF_FP_ZERO_STATS) {
        dp_flow_clear_stats(flow);
        if (offered) {
            dp_offload_flow_clear_stats(lane->shared->offload, flow,
                                        &flow->mega_ufid);
        }
    }
}

/* Does 'put' mean the flow that packets with its key find, and not only the
 * one with its UFID?  "dpctl/mod-flow" gives a UFID in any case: without one
 * of the user's, that which is made from the key. */
static bool
is_by_key(const struct dpif_flow_put *put)
{
    ovs_u128 made;

    if (!put->ufid || put->flags & DPIF_FP_CREATE) {
        return true;
    }
    odp_flow_key_hash(put->key, put->key_len, &made);
    return (put->pmd_id == PMD_ID_NULL
            && ovs_u128_equals(made, *put->ufid));
}

/* Has what merged rules have counted for the flow that 'put' means booked to
 * it, so that it is zeroed with the rest. */
static void
settle_before_zeroing(struct dp_lane *lane, const struct dpif_flow_put *put,
                      const struct match *match, const ovs_u128 *ufid)
{
    struct dp_flow *flow = find_flow(lane, ufid,
                                     is_by_key(put) ? &match->flow : NULL);

    if (flow) {
        dp_lane_settle_flow(lane, flow);
    }
}

static int
put_on_lane(struct dp_lane *lane, const struct dpif_flow_put *put,
            const struct match *match, const ovs_u128 *ufid,
            struct dpif_flow_stats *stats)
{
    struct dp_flow *flow;
    int error = 0;

    memset(stats, 0, sizeof *stats);
    if (put->flags & DPIF_FP_ZERO_STATS) {
        settle_before_zeroing(lane, put, match, ufid);
    }
    dp_flow_table_lock(&lane->flows);
    flow = find_flow(lane, ufid, is_by_key(put) ? &match->flow : NULL);
    if (flow && put->flags & DPIF_FP_MODIFY) {
        modify(lane, flow, put, stats);
    } else if (!flow && put->flags & DPIF_FP_CREATE) {
        dp_lane_install__(lane, match, ufid, put->actions, put->actions_len);
    } else {
        error = flow ? EEXIST : ENOENT;
    }
    dp_flow_table_unlock(&lane->flows);
    if (flow && !error) {
        dp_lane_flow_changed(lane, flow);
    }
    return error;
}

static int
flow_put(struct dp *dp, const struct dpif_flow_put *put)
{
    struct dpif_flow_stats sum, stats;
    struct match match;
    struct dp_pmd *pmd;
    ovs_u128 ufid;
    bool any = false;
    int error;

    memset(&sum, 0, sizeof sum);
    error = parse_match(put, &match);
    if (error) {
        return error;
    }
    if (put->ufid) {
        ufid = *put->ufid;
    } else {
        odp_flow_key_hash(&match.flow, sizeof match.flow, &ufid);
    }
    FOR_EACH_LANE (pmd, dp, put->pmd_id) {
        int lane_error = put_on_lane(&pmd->lane, put, &match, &ufid, &stats);

        if (lane_error) {
            error = lane_error;
        } else {
            dp_flow_add_stats(&sum, &stats);
        }
        any = true;
    }
    if (put->stats) {
        *put->stats = sum;
    }
    return any ? error : EINVAL;
}

/* Delete.
 *
 * A lane that has already found a flow counts the packets of the burst when it
 * is gone from the table.  So statistics are read in two steps: the flows of
 * all operations of a batch are removed, then those lanes are waited for that
 * had them, for the rest of a burst, and then the flows' last counts are
 * read. */

struct removed_flow {
    struct dp_lane *lane;           /* Borrowed until we quiesce. */
    struct dp_flow *flow;           /* Counted. */
    struct dpif_flow_stats *stats;  /* To add to; may be null. */
};

struct removed_flows {
    struct removed_flow *flows;
    size_t n, allocated;
};

static void
remove_flow(struct dp_lane *lane, struct dp_flow *flow,
            struct dpif_flow_stats *stats, struct removed_flows *removed)
    OVS_REQUIRES(lane->flows.mutex)
{
    struct dpif_flow_stats nic;

    if (stats) {
        if (removed->n >= removed->allocated) {
            removed->flows = x2nrealloc(removed->flows, &removed->allocated,
                                        sizeof *removed->flows);
        }
        dp_flow_ref(flow);
        removed->flows[removed->n++] = (struct removed_flow) {
            .lane = lane, .flow = flow, .stats = stats,
        };
    }
    dp_lane_remove(lane, flow, &nic);
    if (stats) {
        dp_flow_add_stats(stats, &nic);
    }
}

static void
collect_last_counts(struct removed_flows *removed)
{
    struct hmapx quiet = HMAPX_INITIALIZER(&quiet);     /* Lanes. */

    for (size_t i = 0; i < removed->n; i++) {
        struct removed_flow *r = &removed->flows[i];
        struct dpif_flow_stats stats;

        if (hmapx_add(&quiet, r->lane)) {
            dp_lane_wait(r->lane);
        }
        dp_lane_settle_flow(r->lane, r->flow);
        dp_flow_get_stats(r->flow, &stats);
        dp_flow_add_stats(r->stats, &stats);
        dp_flow_unref(r->flow);
    }
    hmapx_destroy(&quiet);
    free(removed->flows);
}

static int
flow_del(struct dp *dp, const struct dpif_flow_del *del,
         struct removed_flows *removed)
{
    struct dp_pmd *pmd;
    bool found = false;
    ovs_u128 ufid;
    int error;

    if (del->stats) {
        memset(del->stats, 0, sizeof *del->stats);
    }
    error = resolve_ufid(del->ufid, del->key, del->key_len, &ufid);
    if (error) {
        return error;
    }
    FOR_EACH_LANE (pmd, dp, del->pmd_id) {
        struct dp_lane *lane = &pmd->lane;
        struct dp_flow *flow;

        dp_flow_table_lock(&lane->flows);
        flow = find_flow(lane, &ufid, NULL);
        if (flow) {
            remove_flow(lane, flow, del->stats, removed);
            found = true;
        }
        dp_flow_table_unlock(&lane->flows);
        if (flow) {
            dp_lane_flow_changed(lane, flow);
        }
    }
    return found ? 0 : ENOENT;  /* Without a lane there is no flow, either. */
}

/* Get. */

static int
flow_get(struct dp *dp, const struct dpif_flow_get *get)
{
    struct dp_pmd *pmd;
    bool any = false;
    ovs_u128 ufid;
    int error;

    error = resolve_ufid(get->ufid, get->key, get->key_len, &ufid);
    if (error) {
        return error;
    }
    FOR_EACH_LANE (pmd, dp, get->pmd_id) {
        struct dp_flow *flow = find_flow(&pmd->lane, &ufid, NULL);

        if (flow) {
            dp_flow_to_dpif_flow(&pmd->lane, flow, get->buffer, get->buffer,
                                 get->flow, NULL, 0, false);
            return 0;
        }
        any = true;
    }
    return any ? ENOENT : EINVAL;
}

/* Flush. */

int
dpif_netdev_flow_flush(struct dpif *dpif)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        dp_lane_flush_flows(&pmd->lane);
    }
    return 0;
}

/* Execute. */

static int
execute(struct dp *dp, struct dpif_execute *execute)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct dp_lane *lane = ovsthread_getspecific(dp->topology.lane_key);
    struct dp_packet_batch batch;
    struct dp_packet *packet;
    bool borrowed = !lane;

    if (dp_header_is_short(execute->packet)
        || dp_packet_size(execute->packet) > UINT16_MAX) {
        return EINVAL;
    }
    if (execute->probe) {
        return 0;               /* A packet that nobody wants to see leave. */
    }

    packet = dp_packet_clone_with_headroom(execute->packet,
                                           DP_NETDEV_HEADROOM);
    if (!dp_packet_rss_valid(packet)) {
        dp_packet_set_rss_hash(packet, flow_hash_5tuple(execute->flow, 0));
    }
    dp_packet_batch_init_packet(&batch, packet);

    if (borrowed) {
        lane = &dp->topology.main->lane;
        ovs_mutex_lock(&lane->main_mutex);
        dp_lane_update_clock(lane);
    }
    dp_pipe_execute(lane, &batch, execute->flow, execute->actions,
                    execute->actions_len);
    if (dp_packet_batch_size(&batch) == 1) {
        /* The caller sees what the actions did to the packet: it may go on
         * with it.  (The tracker may keep a packet, or bring more.) */
        dp_packet_swap(execute->packet, batch.packets[0]);
    }
    dp_packet_delete_batch(&batch, true);
    if (borrowed) {
        dp_tx_flush(lane, true);
        ovs_mutex_unlock(&lane->main_mutex);
    }
    return 0;
}

void
dpif_netdev_operate(struct dpif *dpif, struct dpif_op **ops, size_t n_ops,
                    enum dpif_offload_type offload_type OVS_UNUSED)
{
    struct removed_flows removed = { NULL, 0, 0 };
    struct dp *dp = dpif_netdev_dp(dpif);

    for (size_t i = 0; i < n_ops; i++) {
        struct dpif_op *op = ops[i];

        switch (op->type) {
        case DPIF_OP_FLOW_PUT:
            op->error = flow_put(dp, &op->flow_put);
            break;
        case DPIF_OP_FLOW_DEL:
            op->error = flow_del(dp, &op->flow_del, &removed);
            break;
        case DPIF_OP_EXECUTE:
            op->error = execute(dp, &op->execute);
            break;
        case DPIF_OP_FLOW_GET:
            op->error = flow_get(dp, &op->flow_get);
            break;
        default:
            OVS_NOT_REACHED();
        }
    }
    collect_last_counts(&removed);
}
