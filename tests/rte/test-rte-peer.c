/* SPDX-License-Identifier: Apache-2.0 */

/* A whole rule must not outlive the port that it outputs to: the next device
 * gets that one's number, and would send what is not for it. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload-provider.h"

#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/netdev.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

static bool
shows(struct sim *sim, const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found;

    dp_offload_format_rules(sim->offload, PORT0, &ds);
    found = strstr(ds_cstr(&ds), text) != NULL;
    ds_destroy(&ds);
    return found;
}

static void
test_rte_peer(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev_stats stats;
    struct netdev *stranger;
    struct sim sim = { .n_flows = 0 };

    simnic_plugin_init();
    simnic_plugin_offload();
    sim.netdevs[1] = sim_open("p1", "net_simnic1,mode=sink,switch=3");
    sim.netdevs[0] = sim_open("p0", "net_simnic0,mode=gen,streams=200,"
                              "megaflows=20,mark-bits=16,switch=3");
    ovs_assert(!netdev_rxq_open(sim.netdevs[0], &sim.rxq, 0));
    sim_init(&sim, 1);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, sim.netdevs[0]));
    sim_receive(&sim, 200, sim_learn, &sim);
    sim_put(&sim);

    /* The port comes after the rules. */
    sim_modify(&sim, odp_to_u32(PORT1));
    sim_expect_why(&sim, DP_OFFLOAD_WHY_A_OUTPUT);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT1, sim.netdevs[1]));
    dp_offload_drain(sim.offload);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    ovs_assert(shows(&sim, "represented_port"));

    /* It goes, and its device with it. */
    dp_offload_port_del(sim.offload, PORT1);
    ovs_assert(!shows(&sim, "represented_port"));
    netdev_close(sim.netdevs[1]);
    dp_offload_drain(sim.offload);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_A_OUTPUT);

    /* A device of somebody else gets its number, and nothing to send. */
    stranger = sim_open("p9", "net_simnic9,mode=sink,switch=3");
    for (int i = 0; i < 20; i++) {
        sim_count(&sim, 100);
        ovs_assert(sim.n_marked || i < 10);
    }
    ovs_assert(!netdev_get_stats(stranger, &stats));
    ovs_assert(!stats.tx_packets);

    sim.netdevs[1] = stranger;
    sim_forget(&sim);
    sim_uninit(&sim);
}
DPTEST_REGISTER("rte-peer", test_rte_peer);
