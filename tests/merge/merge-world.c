/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "tests/merge/merge-world.h"

#include "conntrack.h"
#include "dp-packet.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "ovs-rcu.h"
#include "random.h"
#include "util.h"
#include "ct/ct.h"
#include "ovs/ovs-conntrack-own.h"
#include "pipe/dp-follow.h"
#include "pipe/dp-pipe.h"
#include "tests/merge/merge-flow.h"

static struct merge_world *world;       /* Whose pipe is at work. */

/* Notes that 'netdev' was sent 'packet'. */
static void
note_sent(const struct netdev *netdev, const struct dp_packet *packet)
{
    const uint32_t size = dp_packet_size(packet);

    ofpbuf_put(&world->sent, netdev->name, strlen(netdev->name) + 1);
    ofpbuf_put(&world->sent, &size, sizeof size);
    ofpbuf_put(&world->sent, dp_packet_data(packet), size);
}

/* The upper layers. */
static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type, const struct nlattr *userdata OVS_UNUSED,
       struct ofpbuf *actions, struct flow_wildcards *wc,
       struct ofpbuf *put_actions OVS_UNUSED, void *aux OVS_UNUSED)
{
    ovs_assert(type == DPIF_UC_MISS);
    world->n_upcalls++;
    merge_tables_answer(&world->tables, flow, wc, actions);
    return 0;
}

/* The world. */

/* Lets connections live for a day: who has the test stand still for a minute
 * is no reason to fail. */
static void
keep_connections(struct conntrack *ct)
{
    struct timeout_policy tp = { .policy.id = DEFAULT_TP_ID };

    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.policy.present |= 1u << i;
        tp.policy.attrs[i] = 86400;
    }
    ovs_assert(!timeout_policy_update(ct, &tp));
}

void
merge_world_init(struct merge_world *w)
{
    memset(w, 0, sizeof *w);
    world = w;
    ofpbuf_init(&w->sent, 0);
    odp_execute_init();
    pipe_rig_init(&w->rig, upcall, note_sent);
    for (unsigned int i = 1; i <= MERGE_PORTS; i++) {
        pipe_rig_add_port(&w->rig, i, "sink");
    }
    w->rig.shared.conntrack = w->ct = conntrack_init();
    keep_connections(w->ct);
    dp_tracer_init(&w->tracer, 4);
    w->rig.lane.follower = dp_follower_create(&w->tracer, &w->rig.lane,
                                             0);

    /* Random sequence numbers are in no window. */
    conntrack_set_tcp_seq_chk(w->ct, false);
}

void
merge_world_uninit(struct merge_world *w)
{
    dp_lane_flush_flows(&w->rig.lane);
    pipe_rig_uninit(&w->rig);
    dp_tracer_uninit(&w->tracer);
    conntrack_destroy(w->ct);
    ofpbuf_uninit(&w->sent);
    world = NULL;
}

void
merge_world_renew(struct merge_world *w)
{
    dp_lane_flush_flows(&w->rig.lane);
    ovs_assert(!conntrack_flush(w->ct, NULL));
    ovsrcu_quiesce();
    w->tables.seed = random_uint32();
    w->tables.n = 2 + random_range(3);
}

void
merge_world_send(struct merge_world *w, struct dp_packet *packet)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, packet);
    pipe_rig_receive(&w->rig, &batch,
                     odp_to_u32(packet->md.in_port.odp_port));
}

struct dp_trace *
merge_world_follow(struct merge_world *w, const struct flow *sample)
{
    struct dp_trace *trace;

    while ((trace = dp_tracer_next(&w->tracer))) {
        dp_trace_destroy(trace);
    }
    merge_world_send(w, merge_flow_packet(sample));
    ovs_assert(!dp_tracer_next(&w->tracer));    /* It had no flows. */
    merge_world_send(w, merge_flow_packet(sample));
    ofpbuf_clear(&w->sent);
    return dp_tracer_next(&w->tracer);
}

/* Ways. */

/* Does one action, which does not end the packet, to it. */
static void
do_action(struct merge_world *w, struct dp_packet *packet,
          const struct flow *flow, const struct nlattr *a)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, packet);
    dp_pipe_execute(&w->rig.lane, &batch, flow, a, NLA_ALIGN(a->nla_len));
    ovs_assert(dp_packet_batch_size(&batch) == 1
               && batch.packets[0] == packet);
}

/* Follows 'packet' through 'stage' of 'way'.  Returns true if it
 * recirculates. */
static bool
follow(struct merge_world *w, struct dp_packet *packet, struct merge_way *way,
       size_t i)
{
    struct dp_merge_stage *stage = &way->stages[i];
    const struct flow *flow = &way->of[i].flow;
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, stage->actions, stage->actions_len) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_RECIRC) {
            packet->md.recirc_id = nl_attr_get_u32(a);
            return true;
        } else if (nl_attr_type(a) == OVS_ACTION_ATTR_CT) {
            const struct nlattr *zone
                = nl_attr_find_nested(a, OVS_CT_ATTR_ZONE);
            struct merge_met met
                = merge_conn_meet(w->ct, packet, nl_attr_get_u16(zone),
                                  w->tables.calm);

            if (met.conn) {
                size_t n = stage->n_conns++;

                ovs_assert(n < ARRAY_SIZE(way->of[i].met));
                way->of[i].met[n] = met;
                merge_conn_describe(w->ct, &met, &way->of[i].conns[n]);
            }
        }
        do_action(w, packet, flow, a);
    }
    return false;
}

void
merge_world_trace(struct merge_world *w, struct dp_packet *packet,
                  struct merge_way *way)
{
    bool again;

    way->n = 0;
    dp_lane_update_clock(&w->rig.lane);
    do {
        size_t i = way->n++;
        struct dp_merge_stage *stage = &way->stages[i];
        struct flow *flow = &way->of[i].flow;
        struct flow_wildcards *wc = &way->of[i].wc;
        struct ofpbuf *actions = &way->of[i].actions;

        ovs_assert(i < DP_MERGE_MAX_STAGES);
        flow_extract(packet, flow);
        if (!i) {
            way->packet = *flow;
        }
        memset(wc, 0, sizeof *wc);
        ofpbuf_init(actions, 0);
        merge_tables_answer(&w->tables, flow, wc, actions);
        *stage = (struct dp_merge_stage) {
            .key = flow,
            .wc = wc,
            .actions = actions->data,
            .actions_len = actions->size,
            .conns = way->of[i].conns,
        };
        again = follow(w, packet, way, i);
    } while (again);
    dp_packet_delete(packet);
    dp_tx_flush(&w->rig.lane, true);
    ofpbuf_clear(&w->sent);
}

void
merge_way_uninit(struct merge_way *way)
{
    for (size_t i = 0; i < way->n; i++) {
        ofpbuf_uninit(&way->of[i].actions);
    }
}
