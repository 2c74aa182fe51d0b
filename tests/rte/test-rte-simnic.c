/* SPDX-License-Identifier: Apache-2.0 */

/* The rte_flow provider against a real, if emulated, driver: net_simnic.  The
 * path of its plugin is in SIMNIC_PLUGIN; without, the test is skipped.  DPDK
 * can be initialised once in a process, so all is in one test. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload-provider.h"

#include <errno.h>

#include "dp-packet.h"
#include "dpif.h"
#include "flow.h"
#include "hash.h"
#include "netdev.h"
#include "netdev-offload.h"
#include "netdev-vport.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "offload/dp-offload-rule.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "util.h"

#define N_MEGAFLOWS 20
#define PORT0 u32_to_odp(1)
#define PORT1 u32_to_odp(2)

struct sim_flow {
    struct ovs_refcount refs;
    struct match match;
    ovs_u128 mega_ufid;
    atomic_uint32_t output;             /* 0: drop. */
    atomic_uint32_t meter;              /* Not 0: something to stay for. */
};

static struct netdev *netdevs[2];
static struct netdev_rxq *rxq;

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

/* P13: the driver can be asked to deliver marks only before the device is
 * configured, and is asked only if hw-offload is on. */
static enum dp_offload_delivery
sim_delivery(struct netdev *netdev)
{
    enum dp_offload_delivery delivery;

    ovs_assert(dp_offload_rte_class.prepare(netdev, &delivery));
    return delivery;
}

/* Nobody touches rte_flow as long as hw-offload is off. */
static void
sim_expect_refused(struct netdev *netdev)
{
    struct dp_offload_port_info info;
    void *port;

    ovs_assert(dp_offload_rte_class.open(&dp_offload_rte_class, NULL, PORT1,
                                         netdev, &port, &info) == EOPNOTSUPP);
}

static struct netdev *
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

/* Receives some bursts; calls 'cb' for each packet. */
static unsigned int
sim_receive(unsigned int n_bursts,
            void (*cb)(struct dp_packet *, const struct flow *, void *aux),
            void *aux)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < n_bursts; i++) {
        struct dp_packet_batch batch;
        struct dp_packet *packet;

        dp_packet_batch_init(&batch);
        if (netdev_rxq_recv(rxq, &batch, NULL)) {
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

struct sim {
    struct dp_offload *offload;
    struct dp_mark_index *lane;
    struct sim_flow *flows[N_MEGAFLOWS];
    unsigned int n_flows;
    unsigned int n_marked;
    unsigned int n_unmarked;
};

static struct sim_flow *
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

/* Makes a megaflow of addresses and ports of a packet that has none. */
static void
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

static void
sim_count(struct sim *sim, unsigned int n_bursts)
{
    sim->n_marked = sim->n_unmarked = 0;
    sim_receive(n_bursts, sim_check, sim);
}

static void
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

static void
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
static void
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

static void
test_rte_simnic(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_offload_class *classes[] = { &dp_offload_rte_class, NULL };
    const struct dp_offload_env env = {
        .flow_ref = sim_ref,
        .flow_unref = sim_unref,
        .flow_describe = sim_describe,
    };
    struct sim sim = { .n_flows = 0 };
    struct dpif_flow_stats stats;
    struct dpif_flow_attrs attrs;
    struct ds ds = DS_EMPTY_INITIALIZER;

    simnic_plugin_init();
    netdevs[1] = sim_open("p1", "net_simnic1,mode=sink,switch=3");
    sim_expect_refused(netdevs[1]);
    simnic_plugin_offload();
    /* Rules come to be marked, twice; then it is EBUSY for two. */
    netdevs[0] = sim_open("p0", "net_simnic0,mode=gen,streams=200,"
                          "megaflows=20,mark-bits=16,switch=3,"
                          "fail=create:41:16:2");
    ovs_assert(sim_delivery(netdevs[0]) == DP_OFFLOAD_DELIVERY_LATE);
    ovs_assert(!netdev_rxq_open(netdevs[0], &rxq, 0));

    sim.offload = dp_offload_create(&env, classes, 2);
    sim.lane = dp_offload_lane_create(sim.offload, 0);
    dp_offload_set_enabled(sim.offload, true);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, netdevs[0]));
    ovs_assert(!dp_offload_port_add(sim.offload, PORT1, netdevs[1]));
    dp_offload_format_show(sim.offload, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "provider rte_flow\n"
                      "    marks of 16 bits"));

    /* Marked. */
    sim_receive(200, sim_learn, &sim);
    ovs_assert(sim.n_flows == N_MEGAFLOWS);
    sim_count(&sim, 50);
    ovs_assert(!sim.n_marked && sim.n_unmarked);
    sim_put(&sim);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_A_OUTPUT);
    sim_count(&sim, 20);                /* Those that were in the ring. */
    sim_count(&sim, 100);
    ovs_assert(sim.n_marked);
    ds_clear(&ds);
    dp_offload_format_rules(sim.offload, PORT0, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "flow create 1 ingress pattern eth type "
                      "is 2048 / ipv4 src is "));
    ovs_assert(strstr(ds_cstr(&ds), "actions mark id "));

    /* Restart: the rules come back. */
    dp_offload_port_pause(sim.offload, PORT0);
    sim_count(&sim, 20);
    sim_count(&sim, 50);
    ovs_assert(!sim.n_marked);
    dp_offload_port_restart(sim.offload, PORT0);
    dp_offload_drain(sim.offload);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_A_OUTPUT);
    sim_count(&sim, 20);
    sim_count(&sim, 50);
    ovs_assert(sim.n_marked);

    /* Whole: nothing arrives any more, and the NIC counts.  Those that it was
     * too busy for at first are whole, too. */
    sim_modify(&sim, odp_to_u32(PORT1));
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    for (int i = 0; ; i++) {
        unsigned int n_counted = 0;

        sim_count(&sim, 100);
        for (unsigned int j = 0; j < sim.n_flows; j++) {
            ovs_assert(dp_offload_flow_get(sim.offload, sim.flows[j],
                                           &sim.flows[j]->mega_ufid, &stats,
                                           &attrs));
            ovs_assert(!strcmp(attrs.dp_layer, "dpdk"));
            n_counted += stats.n_packets > 0;
        }
        if (n_counted == sim.n_flows && !sim.n_marked) {
            break;
        }
        ovs_assert(i < 5000);
        xnanosleep(1000 * 1000);
    }
    ds_clear(&ds);
    dp_offload_format_rules(sim.offload, PORT0, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "actions count / age timeout 3600 / "
                      "represented_port ethdev_port_id 0 / end"));

    /* Dropped in the NIC, then marked again. */
    sim_modify(&sim, 0);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    sim_modify(&sim, 9);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_A_OUTPUT);
    for (unsigned int i = 0; i < sim.n_flows; i++) {
        dp_offload_flow_get(sim.offload, sim.flows[i],
                            &sim.flows[i]->mega_ufid, &stats, &attrs);
        ovs_assert(stats.n_packets && !strcmp(attrs.dp_layer, "ovs"));
    }

    /* Gone. */
    for (unsigned int i = 0; i < sim.n_flows; i++) {
        dp_offload_flow_del(sim.offload, sim.lane, sim.flows[i],
                            &sim.flows[i]->mega_ufid);
        sim_unref(NULL, sim.flows[i]);
    }
    sim.n_flows = 0;
    dp_offload_drain(sim.offload);
    ovs_assert(!dp_offload_n_rules(sim.offload));
    sim_count(&sim, 20);
    sim_count(&sim, 50);
    ovs_assert(!sim.n_marked && sim.n_unmarked);
    dp_offload_check(sim.offload);

    dp_offload_lane_destroy(sim.offload, sim.lane);
    dp_offload_destroy(sim.offload);
    netdev_rxq_close(rxq);
    netdev_close(netdevs[0]);
    netdev_close(netdevs[1]);
    ds_destroy(&ds);
}
DPTEST_REGISTER("rte-simnic-P13-L4-L5-L14", test_rte_simnic);
