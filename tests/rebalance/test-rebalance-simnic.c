/* SPDX-License-Identifier: Apache-2.0 */

/* Rebalancing through rte_flow and a driver: net_simnic with room for few
 * rules, and traffic after Zipf's law.  The path of its plugin is in
 * SIMNIC_PLUGIN; without, the test is skipped. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-offload-rte.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "flow.h"
#include "hash.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "offload/dp-offload.h"
#include "offload/dp-places.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "rebalance/dp-rebalance.h"
#include "smap.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "util.h"

#define N_FLOWS 400
#define N_PLACES 40
#define FIRST 0xc6120001                /* 198.18.0.1 */
#define PORT u32_to_odp(1)
#define N_BURSTS 200
#define PATIENCE 2000

struct world_flow {
    struct match match;
    ovs_u128 mega_ufid;
    atomic_uint64_t n_packets;
    uint64_t before;                    /* 'n_packets' of the last round. */
};

struct world {
    struct netdev *netdev;
    struct netdev_rxq *rxq;
    struct dp_offload *offload;
    struct dp_mark_index *lane;
    struct world_flow flows[N_FLOWS];
    uint64_t n_marked, n_packets;       /* Of this round. */
};

static void
world_ref(void *aux OVS_UNUSED, void *flow OVS_UNUSED)
{
}

static bool
world_describe(void *aux OVS_UNUSED, const void *flow_, struct match *match,
               struct ofpbuf *actions)
{
    const struct world_flow *flow = flow_;

    *match = flow->match;
    nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 9);
    return true;
}

static uint64_t
world_packets(void *aux OVS_UNUSED, const void *flow_)
{
    struct world_flow *flow = CONST_CAST(struct world_flow *, flow_);
    uint64_t n;

    atomic_read_relaxed(&flow->n_packets, &n);
    return n;
}

static void
world_open_netdev(struct world *w)
{
    struct smap args = SMAP_INITIALIZER(&args);
    char *error = NULL;

    if (netdev_open("sim", "dpdk", &w->netdev)) {
        dptest_fail("cannot open a port");
    }
    smap_add_format(&args, "dpdk-devargs", "net_simnic0,streams=%d,"
                    "megaflows=%d,order=zipf:1,capacity=%d,mark-bits=16",
                    N_FLOWS, N_FLOWS, N_PLACES);
    if (netdev_set_config(w->netdev, &args, &error)) {
        dptest_fail("%s", error ? error : "bad configuration");
    }
    smap_destroy(&args);
    netdev_set_tx_multiq(w->netdev, 1);
    if (netdev_reconfigure(w->netdev)
        || netdev_rxq_open(w->netdev, &w->rxq, 0)) {
        dptest_fail("the port cannot be configured");
    }
}

static void
world_init_flow(struct world_flow *f, size_t i)
{
    match_init_catchall(&f->match);
    f->match.wc.masks.in_port.odp_port = ODPP_NONE;
    f->match.flow.in_port.odp_port = PORT;
    f->match.wc.masks.recirc_id = UINT32_MAX;
    f->match.wc.masks.packet_type = OVS_BE32_MAX;
    match_set_dl_type(&f->match, htons(ETH_TYPE_IP));
    match_set_nw_frag(&f->match, 0);
    match_set_nw_dst(&f->match, htonl(FIRST + i));
    hash_bytes128(&f->match, sizeof f->match, 0, &f->mega_ufid);
    atomic_init(&f->n_packets, 0);
}

/* Receives some bursts, and counts as lanes do. */
static void
world_receive(struct world *w)
{
    for (int i = 0; i < N_BURSTS; i++) {
        struct dp_packet_batch batch;
        struct dp_packet *packet;

        dp_packet_batch_init(&batch);
        if (netdev_rxq_recv(w->rxq, &batch, NULL)) {
            continue;
        }
        DP_PACKET_BATCH_FOR_EACH (j, packet, &batch) {
            struct flow flow;
            uint32_t mark, dst;
            uint64_t orig;

            pkt_metadata_init(&packet->md, PORT);
            flow_extract(packet, &flow);
            dst = ntohl(flow.nw_dst) - FIRST;
            ovs_assert(dst < N_FLOWS);
            atomic_add_relaxed(&w->flows[dst].n_packets, 1, &orig);
            if (dp_packet_has_flow_mark(packet, &mark)) {
                struct world_flow *found = dp_mark_index_get(w->lane, mark);

                ovs_assert(!found || found == &w->flows[dst]);
                w->n_marked += found != NULL;
            }
            w->n_packets++;
        }
        dp_packet_delete_batch(&batch, true);
    }
}

static int
compare_down(const void *a_, const void *b_)
{
    const uint64_t *a = a_, *b = b_;

    return *a > *b ? -1 : *a < *b;
}

/* Returns the share of packets with marks, of what the best flows had. */
static double
world_round(struct world *w)
{
    uint64_t counts[N_FLOWS], best = 0;

    w->n_marked = w->n_packets = 0;
    for (size_t i = 0; i < N_FLOWS; i++) {
        w->flows[i].before = world_packets(NULL, &w->flows[i]);
    }
    for (int i = 0; i < 20; i++) {
        world_receive(w);
        xnanosleep(1000 * 1000);
    }
    for (size_t i = 0; i < N_FLOWS; i++) {
        counts[i] = world_packets(NULL, &w->flows[i]) - w->flows[i].before;
    }
    qsort(counts, N_FLOWS, sizeof *counts, compare_down);
    for (size_t i = 0; i < N_PLACES; i++) {
        best += counts[i];
    }
    return best ? (double) w->n_marked / best : 0;
}

/* The flows that come first are the slowest that have packets at all. */
static void
world_put(struct world *w)
{
    for (size_t pass = 0; pass < 2; pass++) {
        uint64_t limit = w->n_packets / N_FLOWS;

        for (size_t i = 0; i < N_FLOWS; i++) {
            struct world_flow *flow = &w->flows[i];
            const struct dp_offload_info info = {
                .in_port = PORT, .mega_ufid = flow->mega_ufid,
            };

            if (pass == (world_packets(NULL, flow) > limit)) {
                dp_offload_flow_put(w->offload, w->lane, flow, &info);
            }
        }
        dp_offload_drain(w->offload);
    }
}

static void
test_rebalance_simnic(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_places_config off = { .rebalance = false };
    const struct dp_places_config config = {
        .rebalance = true, .interval_ms = 100,
    };
    const struct dp_offload_class *classes[] = { &dp_offload_rte_class, NULL };
    const struct dp_offload_env env = {
        .flow_ref = world_ref,
        .flow_unref = world_ref,
        .flow_describe = world_describe,
        .flow_packets = world_packets,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct dp_rebalance *rb;
    struct world *w;

    simnic_plugin_init();
    simnic_plugin_offload();
    w = xzalloc(sizeof *w);
    world_open_netdev(w);
    for (size_t i = 0; i < N_FLOWS; i++) {
        world_init_flow(&w->flows[i], i);
    }

    w->offload = dp_offload_create(&env, classes, 2);
    w->lane = dp_offload_lane_create(w->offload, 0);
    rb = dp_rebalance_create(w->offload);
    dp_rebalance_configure(rb, &config);
    dp_offload_set_enabled(w->offload, true);
    ovs_assert(!dp_offload_port_add(w->offload, PORT, w->netdev));

    ovs_assert(!world_round(w));
    world_put(w);
    ovs_assert(dp_offload_n_rules(w->offload) == N_FLOWS);
    ovs_assert(dp_offload_n_installed(w->offload) <= N_PLACES);
    for (int i = 0; world_round(w) < .95; i++) {
        ovs_assert(dp_offload_n_installed(w->offload) <= N_PLACES);
        if (i > PATIENCE) {
            dp_offload_format_show(w->offload, &ds);
            dptest_fail("%s", ds_cstr(&ds));
        }
    }

    for (size_t i = 0; i < N_FLOWS; i++) {
        dp_offload_flow_del(w->offload, w->lane, &w->flows[i],
                            &w->flows[i].mega_ufid, NULL);
    }
    dp_offload_drain(w->offload);
    ovs_assert(!dp_offload_n_rules(w->offload));
    dp_rebalance_configure(rb, &off);
    dp_offload_check(w->offload);
    dp_offload_lane_destroy(w->offload, w->lane);
    dp_rebalance_destroy(rb);
    dp_offload_destroy(w->offload);
    netdev_rxq_close(w->rxq);
    netdev_close(w->netdev);
    free(w);
    ds_destroy(&ds);
}
DPTEST_REGISTER("rebalance-simnic", test_rebalance_simnic);
