/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include "dp-packet.h"
#include "netdev.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "flow/dp-key.h"
#include "flow/dp-log.h"
#include "flow/dp-rewrite.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-clone.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-follow.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-live.h"
#include "pipe/dp-meter.h"
#include "pipe/dp-pipe.h"

/* Stealing.  A step with 'steal' consumes the packets of its batch; without
 * it, the batch is there afterwards for the next step, perhaps changed (CT,
 * METER, LEAF change packets; OUTPUT, RECIRC and the like work on
 * clones). */

/* Moves or clones the packets of 'batch' into 'own', cut to their length. */
static void
take_packets(struct dp_packet_batch *batch, struct dp_packet_batch *own,
             bool steal)
{
    if (steal) {
        *own = *batch;
        dp_packet_batch_init(batch);
    } else {
        dp_clone_batch(own, batch);
        dp_packet_batch_reset_cutlen(batch);
    }
    dp_exec_cut(own);
}

static void
output(const struct dp_exec *x, struct dp_packet_batch *batch,
       odp_port_t port_no, bool steal)
{
    struct dp_tx_port *port = dp_tx_find(&x->lane->tx, port_no);

    if (OVS_LIKELY(port && port->can_send)) {
        struct dp_packet_batch own;

        if (steal && !batch->trunc) {
            dp_tx_output(x->lane, port, batch->packets, batch->count);
            dp_packet_batch_init(batch);
            return;
        }
        take_packets(batch, &own, steal);
        dp_tx_output(x->lane, port, own.packets, own.count);
    } else {
        dp_drop_stolen(x->lane, x->in_port, DP_DROP_INVALID_PORT, batch,
                       steal);
    }
}

/* Spreads packets over the members of a bond by their hash, those for one
 * member at once. */
static void
lb_output(const struct dp_exec *x, struct dp_packet_batch *batch,
          uint32_t bond_id, bool steal)
{
    struct dp_bond *bond = dp_bonds_find(x->lane->shared->bonds, bond_id);
    odp_port_t ports[NETDEV_MAX_BURST];
    struct dp_bond_tally *tally;
    struct dp_packet_batch own;
    struct dp_packet *packet;
    uint32_t left;

    if (!bond) {
        dp_drop_stolen(x->lane, x->in_port, DP_DROP_INVALID_BOND, batch,
                       steal);
        return;
    }
    tally = dp_bond_tally(bond, x->lane->core_id);
    take_packets(batch, &own, steal);
    DP_PACKET_BATCH_FOR_EACH (i, packet, &own) {
        ports[i] = dp_bond_choose(bond, dp_key_rss_hash(packet));
    }
    left = (UINT64_C(1) << dp_packet_batch_size(&own)) - 1;
    while (left) {
        odp_port_t port_no = ports[rightmost_1bit_idx(left)];
        bool there = dp_tx_find(&x->lane->tx, port_no);
        struct dp_packet_batch same;
        int i;

        dp_packet_batch_init(&same);
        ULLONG_FOR_EACH_1 (i, left) {
            packet = own.packets[i];
            if (ports[i] != port_no) {
                continue;
            }
            if (there) {
                dp_bond_count(tally, dp_packet_get_rss_hash(packet),
                              dp_packet_size(packet));
            }
            dp_packet_batch_add(&same, packet);
            left &= ~(UINT32_C(1) << i);
        }
        output(x, &same, port_no, true);
    }
}

/* Sends packets through the pipe once more, or drops them if they have been
 * there too often.  Takes ownership of them. */
void
dp_exec_again(const struct dp_exec *x, struct dp_packet_batch *batch)
{
    size_t n = dp_packet_batch_size(batch);

    if (OVS_LIKELY(x->depth < DP_MAX_RECIRC_DEPTH)) {
        if (n) {
            if (OVS_UNLIKELY(x->lane->follower)) {
                dp_follow_again(x->lane->follower, batch, x->depth + 1);
            }
            dp_pipe_again(x->lane, batch, x->depth + 1);
        }
    } else {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_WARN_RL(&rl, "Packet dropped. Max recirculation depth "
                     "exceeded.");
        dp_drop_count_batch(x->lane, x->in_port, DP_DROP_RECIRC, batch);
        dp_packet_delete_batch(batch, true);
    }
}

static void
recirculate(const struct dp_exec *x, struct dp_packet_batch *batch,
            uint32_t recirc_id, bool steal)
{
    struct dp_packet_batch own;
    struct dp_packet *packet;

    if (steal) {
        own = *batch;
        dp_packet_batch_init(batch);
    } else {
        dp_clone_batch(&own, batch);
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, &own) {
        packet->md.recirc_id = recirc_id;
    }
    dp_exec_again(x, &own);
}

/* Sends packets through the connection tracker.  It keeps fragments until all
 * of their datagram have come, and then gives back as many as a batch holds,
 * so there may be more of them: see exec_fragments(). */
static void
exec_ct(const struct dp_exec *x, struct dp_packet_batch *batch,
        const struct nlattr *ct, bool steal)
{
    bool more;

    do {
        dp_exec_ct(x, batch, ct);
        more = dp_exec_is_fragment(x) && !dp_packet_batch_is_empty(batch);
        dp_packet_delete_batch(batch, steal);
    } while (steal && more);
}

static void
exec_meter(const struct dp_exec *x, struct dp_packet_batch *batch,
           uint32_t id)
{
    struct dp_packet_batch dropped;

    if (OVS_UNLIKELY(dp_meter_run(x->lane->shared->meters, batch, id,
                                  x->lane->now, &dropped))) {
        dp_drop_count_batch(x->lane, x->in_port, DP_DROP_METER, &dropped);
        dp_drop_batch(&dropped);
    }
}

static void exec_cb(void *x, struct dp_packet_batch *, const struct nlattr *,
                    bool steal);

static void
exec_step(const struct dp_exec *x, struct dp_packet_batch *batch,
          const struct dp_step *step, bool steal)
{
    switch (step->type) {
    case DP_STEP_OUTPUT:
        output(x, batch, step->port, steal);
        break;

    case DP_STEP_LB_OUTPUT:
        lb_output(x, batch, step->arg, steal);
        break;

    case DP_STEP_RECIRC:
        recirculate(x, batch, step->arg, steal);
        break;

    case DP_STEP_METER:
        exec_meter(x, batch, step->arg);
        dp_packet_delete_batch(batch, steal);
        break;

    case DP_STEP_CT:
        exec_ct(x, batch, step->attr, steal);
        break;

    case DP_STEP_TUNNEL_PUSH:
        dp_exec_tunnel_push(x, batch, step->attr);
        dp_packet_delete_batch(batch, steal);
        break;

    case DP_STEP_TUNNEL_POP:
        dp_exec_tunnel_pop(x, batch, step, steal);
        break;

    case DP_STEP_USERSPACE:
        dp_exec_userspace(x, batch, step->attr, steal);
        break;

    case DP_STEP_EDIT:
    case DP_STEP_REWRITE:
        dp_actions_edit(step, batch);
        dp_packet_delete_batch(batch, steal);
        break;

    case DP_STEP_DROP:
        /* Only the counting, of which Open vSwitch has the counters. */
        dp_exec_leaf(x, batch, step->attr);
        dp_drop_batch(batch);
        break;

    case DP_STEP_LEAF:
        dp_exec_leaf(x, batch, step->attr);
        dp_packet_delete_batch(batch, steal);
        break;

    case DP_STEP_NESTED:
        dp_exec_nlattrs(x, batch, step->attr, NLA_ALIGN(step->attr->nla_len),
                        steal);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

/* Ends the packets of 'batch' that the tracker has given back, though nothing
 * follows.  Returns true if there may be more of them, see exec_ct(). */
static bool
drop_tracked(const struct dp_exec *x, struct dp_packet_batch *batch)
{
    bool more = dp_exec_is_fragment(x) && !dp_packet_batch_is_empty(batch);

    dp_packet_delete_batch(batch, true);
    return more;
}

/* Executes 'step', and notes what that does to a packet of which somebody
 * wants to be told. */
static void
exec_step_live(const struct dp_exec *x, struct dp_packet_batch *batch,
               const struct dp_step *step)
{
    bool keep = step->type == DP_STEP_CT && step->last;

    dp_live_begin_step(x, batch, step);
    do {
        exec_step(x, batch, step, step->last && !keep);
        dp_live_end_step(x, batch, step);
    } while (keep && drop_tracked(x, batch));
}

static void
exec_step_maybe_live(const struct dp_exec *x, struct dp_packet_batch *batch,
                     const struct dp_step *step)
{
    if (OVS_UNLIKELY(x->lane->live)) {
        exec_step_live(x, batch, step);
    } else {
        exec_step(x, batch, step, step->last);
    }
}

/* dp_exec_list() meets an action that only a datapath can do, inside "clone",
 * "sample" and the like. */
static void
exec_cb(void *x, struct dp_packet_batch *batch, const struct nlattr *a,
        bool steal)
{
    struct dp_step step;

    if (!dp_actions_step_from_attr(a, &step)) {
        OVS_NOT_REACHED();
    }
    step.last = steal;
    exec_step_maybe_live(x, batch, &step);
}

static void exec_fragments(const struct dp_exec *, struct dp_packet_batch *,
                           const struct dp_step *ct);

/* Executes 'step' and those that follow it. */
static inline void
exec_steps(const struct dp_exec *x, struct dp_packet_batch *batch,
           const struct dp_step *step)
{
    for (;; step++) {
        exec_step(x, batch, step, step->last);
        if (step->last || dp_packet_batch_is_empty(batch)) {
            break;
        }
        if (OVS_UNLIKELY(step->type == DP_STEP_CT && dp_exec_is_fragment(x))) {
            exec_fragments(x, batch, step);
            break;
        }
    }
}

/* The same, for a packet of which somebody wants to be told. */
static void
exec_steps_live(const struct dp_exec *x, struct dp_packet_batch *batch,
                const struct dp_step *step)
{
    for (;; step++) {
        exec_step_live(x, batch, step);
        if (step->last || dp_packet_batch_is_empty(batch)) {
            break;
        }
        if (step->type == DP_STEP_CT && dp_exec_is_fragment(x)) {
            exec_fragments(x, batch, step);
            break;
        }
    }
}

/* 'batch' has fragments that step 'ct' has given back.  Takes those
 * that the tracker still has, and does what follows with all of them.  Left
 * there, they would leave with the next packets that anybody, be it the next
 * step, sends to the tracker. */
static void
exec_fragments(const struct dp_exec *x, struct dp_packet_batch *batch,
               const struct dp_step *ct)
{
    struct dp_packet_batch *batches = NULL;
    size_t n = 0, allocated = 0;

    do {
        if (n == allocated) {
            batches = x2nrealloc(batches, &allocated, sizeof *batches);
        }
        batches[n++] = *batch;
        dp_packet_batch_init(batch);
        exec_step(x, batch, ct, ct->last);
    } while (!dp_packet_batch_is_empty(batch));

    for (size_t j = 0; j < n; j++) {
        if (OVS_UNLIKELY(x->lane->live)) {
            exec_steps_live(x, &batches[j], ct + 1);
        } else {
            exec_steps(x, &batches[j], ct + 1);
        }
    }
    free(batches);
}

/* Executes attributes that have not been compiled. */
void
dp_exec_nlattrs(const struct dp_exec *x, struct dp_packet_batch *batch,
                const struct nlattr *nla, size_t len, bool steal)
{
    dp_exec_list(x, batch, steal, nla, len, exec_cb);
}

/* Executes actions on the packets of 'batch', which looked like 'mf' and stay
 * the caller's. */
void
dp_exec_attrs(struct dp_lane *lane, struct dp_packet_batch *batch,
              const struct nlattr *nla, size_t len, const struct miniflow *mf)
{
    struct dp_exec x = {
        .lane = lane,
        .mf = mf,
        .in_port = (dp_packet_batch_is_empty(batch) ? ODPP_NONE
                    : batch->packets[0]->md.in_port.odp_port),
        .depth = lane->work->depth,
    };

    dp_exec_nlattrs(&x, batch, nla, len, false);
}

/* Gives packet 'i' what it lacks and 'actions' need.  Who wants the hash of a
 * packet without one has to extract it, and that takes metadata. */
static void
dress(const struct dp_burst *burst, int i, const struct dp_actions *actions)
{
    struct dp_packet *packet = burst->packets[i];

    if (actions->metadata || OVS_UNLIKELY(!dp_packet_rss_valid(packet))) {
        pkt_metadata_init(&packet->md, burst->in_port);
    }
    if (burst->unparsed & (UINT32_C(1) << i) && actions->parse) {
        parse_tcp_flags(packet, NULL, NULL, NULL);
    }
}

/* Makes 'batch' one of the packets of 'group', for 'actions'. */
static inline void
gather(const struct dp_burst *burst, const struct dp_group *group,
       const struct dp_actions *actions, struct dp_packet_batch *batch)
{
    int i;

    dp_packet_batch_init(batch);
    ULLONG_FOR_EACH_1 (i, group->members) {
        struct dp_packet *packet = burst->packets[i];

        if (burst->bare & (UINT32_C(1) << i)) {
            dress(burst, i, actions);
        }
        dp_packet_batch_add(batch, packet);
    }
}

/* Returns the actions of 'group', and makes 'batch' the packets that they are
 * for. */
static inline const struct dp_actions *
begin_group(struct dp_exec *x, const struct dp_burst *burst,
            const struct dp_group *group, struct dp_packet_batch *batch)
{
    struct dp_flow *flow = group->flow;
    const struct dp_actions *actions;

    if (OVS_LIKELY(flow)) {
        actions = dp_flow_get_actions(flow);
        x->mf = flow->key;
    } else {
        int first = rightmost_1bit_idx(group->members);

        actions = burst->once[first];
        x->mf = &burst->keys[first]->mf;
    }
    gather(burst, group, actions, batch);
    return actions;
}

static inline void
end_group(const struct dp_burst *burst, const struct dp_group *group)
{
    if (OVS_UNLIKELY(!group->flow)) {
        dp_actions_free(burst->once[rightmost_1bit_idx(group->members)]);
    }
}

/* Executes whatever 'group' has to do. */
static void
exec_group(struct dp_exec *x, struct dp_burst *burst,
           const struct dp_group *group)
{
    struct dp_packet_batch batch;
    const struct dp_actions *actions = begin_group(x, burst, group, &batch);

    if (OVS_LIKELY(actions->n_steps)) {
        exec_steps(x, &batch, actions->steps);
    } else {
        dp_drop_batch(&batch);
    }
    end_group(burst, group);
}

/* Executes all steps of 'actions' but the last, which are edits.  Not inline:
 * what it needs would be saved and restored for bursts that are only dropped,
 * too, and costs these 3 cycles a packet. */
static void __attribute__((noinline))
edit_group(const struct dp_burst *burst, const struct dp_group *group,
           const struct dp_actions *actions)
{
    const struct dp_step *step = actions->steps;
    struct dp_packet_batch batch;
    int i;

    if (OVS_LIKELY(step->type == DP_STEP_REWRITE && step[1].last)) {
        ULLONG_FOR_EACH_1 (i, group->members) {
            if (burst->bare & (UINT32_C(1) << i)) {
                dress(burst, i, actions);
            }
            dp_rewrite_packet(step->rewrite, burst->packets[i]);
        }
        return;
    }
    gather(burst, group, actions, &batch);
    for (; !step->last; step++) {
        dp_actions_edit(step, &batch);
    }
}

/* Packets of neighbouring groups that have only to be sent, to one port, by
 * now at least: they have been edited. */
struct dp_run {
    odp_port_t port_no;                 /* ODPP_NONE: no packets. */
    struct dp_tx_port *port;
    uint32_t members;                   /* Bitmap. */
};

/* Sends the packets of 'run', in the order in which they came, and makes it
 * empty. */
static void
end_run(struct dp_lane *lane, const struct dp_burst *burst,
        struct dp_run *run)
{
    struct dp_packet *packets[NETDEV_MAX_BURST];
    size_t n = 0;
    int i;

    if (!run->members) {
        /* Nothing to do. */
    } else if (run->members == dp_burst_all(burst)) {
        dp_tx_output(lane, run->port, burst->packets, burst->n);
    } else {
        ULLONG_FOR_EACH_1 (i, run->members) {
            packets[n++] = burst->packets[i];
        }
        dp_tx_output(lane, run->port, packets, n);
    }
    run->members = 0;
    run->port_no = ODPP_NONE;
}

/* Makes the empty 'run' one to 'port_no'.  Returns false, and does nothing, if
 * there is no such port, or if it has to know more of the packets than there
 * is. */
static bool
begin_run(struct dp_lane *lane, const struct dp_burst *burst,
          struct dp_run *run, odp_port_t port_no)
{
    struct dp_tx_port *port = dp_tx_find(&lane->tx, port_no);

    if (OVS_UNLIKELY(!port || !port->can_send
                     || (burst->bare && port->txqs->mode == DP_TXQ_HASH))) {
        return false;
    }
    run->port_no = port_no;
    run->port = port;
    return true;
}

void
dp_exec_run(struct dp_lane *lane, struct dp_burst *burst)
{
    struct dp_exec x = {
        .lane = lane,
        .in_port = burst->in_port,
        .depth = burst->depth,
    };
    bool followed = (OVS_UNLIKELY(lane->follower)
                      && dp_follow_enter(lane->follower, burst, lane->now));
    struct dp_run run = { .port_no = ODPP_NONE };
    long long int now = lane->now / 1000;

    for (size_t g = 0; g < burst->n_groups; g++) {
        const struct dp_group *group = &burst->groups[g];
        const struct dp_actions *edits = NULL;
        odp_port_t port_no = ODPP_NONE;

        if (OVS_LIKELY(group->flow)) {
            dp_flow_count(group->flow, count_1bits(group->members),
                          group->n_bytes, group->tcp_flags, now);
            port_no = dp_flow_get_output(group->flow);
            if (port_no == ODPP_NONE) {
                edits = dp_flow_get_actions(group->flow);
                port_no = edits->edited_output;
            }
        }
        if (port_no != run.port_no || port_no == ODPP_NONE) {
            end_run(lane, burst, &run);
            if (port_no == ODPP_NONE
                || !begin_run(lane, burst, &run, port_no)) {
                exec_group(&x, burst, group);
                continue;
            }
        }
        if (edits) {
            edit_group(burst, group, edits);
        }
        run.members |= group->members;
    }
    end_run(lane, burst, &run);
    if (OVS_UNLIKELY(followed)) {
        dp_follow_leave(lane->follower);
    }
}

/* There are few packets, and the merge tracer does without them. */
void
dp_exec_run_live(struct dp_lane *lane, struct dp_burst *burst)
{
    struct dp_exec x = {
        .lane = lane,
        .in_port = burst->in_port,
        .depth = burst->depth,
    };

    for (size_t g = 0; g < burst->n_groups; g++) {
        const struct dp_group *group = &burst->groups[g];
        const struct dp_actions *actions;
        struct dp_packet_batch batch;

        if (group->flow) {
            dp_flow_count(group->flow, count_1bits(group->members),
                          group->n_bytes, group->tcp_flags,
                          lane->now / 1000);
        }
        actions = begin_group(&x, burst, group, &batch);
        if (actions->n_steps) {
            exec_steps_live(&x, &batch, actions->steps);
        } else {
            dp_drop_batch(&batch);
        }
        end_group(burst, group);
    }
}
