/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/rte/simnic-rig.h"

#include "dp-packet.h"
#include "hash.h"
#include "netdev-offload.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "rte/dp-offload-rte.h"
#include "smap.h"
#include "tests/dptest.h"
#include "util.h"

/* The datapath. */

static void
sim_ref(void *aux OVS_UNUSED, void *flow_)
{
    struct sim_flow *flow = flow_;

    ovs_refcount_ref(&flow->refs);
}

static void
sim_unref(void *aux OVS_UNUSED, void *flow_)
{
    struct sim_flow *flow = flow_;

    if (ovs_refcount_unref(&flow->refs) == 1) {
        ovsrcu_postpone(free, flow);
    }
}

static bool
sim_describe(void *aux OVS_UNUSED, const void *flow_, struct match *match,
             struct ofpbuf *actions)
{
    struct sim_flow *flow = CONST_CAST(struct sim_flow *, flow_);
    uint32_t output, meter;

    *match = flow->match;
    atomic_read_relaxed(&flow->output, &output);
    atomic_read_relaxed(&flow->meter, &meter);
    if (meter) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_METER, meter);
    }
    if (output) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, output);
    }
    return true;
}

static void
sim_late(void *sim_, void *flow OVS_UNUSED,
         const struct dpif_flow_stats *stats)
{
    struct sim *sim = sim_;
    uint64_t orig;

    atomic_add_relaxed(&sim->n_late, stats->n_packets, &orig);
}

void
sim_init(struct sim *sim, unsigned int n_workers)
{
    const struct dp_offload_class *classes[] = { &dp_offload_rte_class, NULL };
    const struct dp_offload_env env = {
        .aux = sim,
        .flow_ref = sim_ref,
        .flow_unref = sim_unref,
        .flow_describe = sim_describe,
        .flow_late = sim_late,
    };

    atomic_init(&sim->n_late, 0);
    sim->offload = dp_offload_create(&env, classes, n_workers);
    sim->lane = dp_offload_lane_create(sim->offload, 0);
    dp_offload_set_enabled(sim->offload, true);
}

void
sim_forget(struct sim *sim)
{
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        dp_offload_flow_del(sim->offload, sim->lane, sim->flows[i],
                            &sim->flows[i]->mega_ufid, NULL);
        sim_unref(NULL, sim->flows[i]);
    }
    sim->n_flows = 0;
    dp_offload_drain(sim->offload);
}

void
sim_uninit(struct sim *sim)
{
    dp_offload_lane_destroy(sim->offload, sim->lane);
    dp_offload_destroy(sim->offload);
    netdev_rxq_close(sim->rxq);
    for (size_t i = 0; i < ARRAY_SIZE(sim->netdevs); i++) {
        netdev_close(sim->netdevs[i]);
    }
}

/* Ports and packets. */

enum dp_offload_delivery
sim_delivery(struct netdev *netdev)
{
    enum dp_offload_delivery delivery;

    ovs_assert(dp_offload_rte_class.prepare(netdev, &delivery));
    return delivery;
}

struct netdev *
sim_open(const char *name, const char *devargs)
{
    struct smap args = SMAP_INITIALIZER(&args);
    struct netdev *netdev;
    char *error = NULL;

    if (netdev_open(name, "dpdk", &netdev)) {
        dptest_fail("cannot open %s", name);
    }
    smap_add(&args, "dpdk-devargs", devargs);
    if (netdev_set_config(netdev, &args, &error)) {
        dptest_fail("%s: %s", name, error ? error : "bad configuration");
    }
    smap_destroy(&args);
    netdev_set_tx_multiq(netdev, 1);
    ovs_assert(sim_delivery(netdev) == (netdev_is_flow_api_enabled()
                                        ? DP_OFFLOAD_DELIVERY_GRANTED
                                        : DP_OFFLOAD_DELIVERY_LATE));
    if (netdev_reconfigure(netdev)) {
        dptest_fail("%s: cannot be configured", name);
    }
    return netdev;
}

unsigned int
sim_receive(struct sim *sim, unsigned int n_bursts,
            void (*cb)(struct dp_packet *, const struct flow *, void *aux),
            void *aux)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < n_bursts; i++) {
        struct dp_packet_batch batch;
        struct dp_packet *packet;

        dp_packet_batch_init(&batch);
        if (netdev_rxq_recv(sim->rxq, &batch, NULL)) {
            continue;
        }
        DP_PACKET_BATCH_FOR_EACH (j, packet, &batch) {
            struct flow flow;

            pkt_metadata_init(&packet->md, PORT0);
            flow_extract(packet, &flow);
            cb(packet, &flow, aux);
            n++;
        }
        dp_packet_delete_batch(&batch, true);
    }
    return n;
}

struct sim_flow *
sim_find(const struct sim *sim, const struct flow *flow)
{
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        const struct match *match = &sim->flows[i]->match;

        if (flow_equal_except(flow, &match->flow, &match->wc)) {
            return sim->flows[i];
        }
    }
    return NULL;
}

void
sim_learn(struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
          void *sim_)
{
    struct sim *sim = sim_;
    struct sim_flow *f;

    for (unsigned int i = 0; i < sim->n_flows; i++) {
        if (sim->flows[i]->match.flow.nw_src == flow->nw_src
            && sim->flows[i]->match.flow.nw_dst == flow->nw_dst
            && sim->flows[i]->match.flow.tp_src == flow->tp_src
            && sim->flows[i]->match.flow.tp_dst == flow->tp_dst) {
            return;
        }
    }
    if (sim->n_flows >= N_MEGAFLOWS) {
        return;
    }

    f = xzalloc(sizeof *f);
    ovs_refcount_init(&f->refs);
    atomic_init(&f->output, 9);         /* Elsewhere. */
    atomic_init(&f->meter, 0);
    match_init_catchall(&f->match);
    f->match.wc.masks.in_port.odp_port = ODPP_NONE;
    f->match.flow.in_port.odp_port = PORT0;
    f->match.wc.masks.recirc_id = UINT32_MAX;
    f->match.wc.masks.packet_type = OVS_BE32_MAX;
    match_set_dl_type(&f->match, htons(ETH_TYPE_IP));
    match_set_nw_proto(&f->match, flow->nw_proto);
    match_set_nw_frag(&f->match, 0);
    match_set_nw_src(&f->match, flow->nw_src);
    match_set_nw_dst(&f->match, flow->nw_dst);
    match_set_tp_src(&f->match, flow->tp_src);
    match_set_tp_dst(&f->match, flow->tp_dst);
    hash_bytes128(&f->match, sizeof f->match, 0, &f->mega_ufid);
    sim->flows[sim->n_flows++] = f;
}

/* A mark must be that of the packet's own megaflow. */
static void
sim_check(struct dp_packet *packet, const struct flow *flow, void *sim_)
{
    struct sim *sim = sim_;
    uint32_t mark;

    if (dp_packet_has_flow_mark(packet, &mark)) {
        struct sim_flow *found = dp_mark_index_get(sim->lane, mark);

        if (found) {
            ovs_assert(found == sim_find(sim, flow));
        }
        sim->n_marked++;
    } else {
        sim->n_unmarked++;
    }
}

void
sim_count(struct sim *sim, unsigned int n_bursts)
{
    sim->n_marked = sim->n_unmarked = 0;
    sim_receive(sim, n_bursts, sim_check, sim);
}

/* Flows. */

void
sim_put(struct sim *sim)
{
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        const struct dp_offload_info info = {
            .in_port = PORT0,
            .mega_ufid = sim->flows[i]->mega_ufid,
        };

        dp_offload_flow_put(sim->offload, sim->lane, sim->flows[i], &info);
    }
    dp_offload_drain(sim->offload);
}

void
sim_modify(struct sim *sim, uint32_t output)
{
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        atomic_store_relaxed(&sim->flows[i]->output, output);
        dp_offload_flow_modify(sim->offload, sim->flows[i],
                               &sim->flows[i]->mega_ufid);
    }
    dp_offload_drain(sim->offload);
}

/* Rules that the NIC was too busy for may still be on their way. */
void
sim_expect_why(const struct sim *sim, enum dp_offload_why expected)
{
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        enum dp_offload_why why = expected;

        for (int j = 0; j < 5000; j++) {
            why = dp_offload_flow_why(sim->offload,
                                      &sim->flows[i]->mega_ufid);
            if (why != DP_OFFLOAD_WHY_BUSY && why != DP_OFFLOAD_WHY_QUEUED) {
                break;
            }
            xnanosleep(1000 * 1000);
        }
        if (why != expected) {
            dptest_fail("expected %s, got %s", dp_offload_why_name(expected),
                        dp_offload_why_name(why));
        }
    }
}
