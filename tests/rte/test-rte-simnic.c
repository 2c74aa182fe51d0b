/* SPDX-License-Identifier: Apache-2.0 */

/* The rte_flow provider against a real, if emulated, driver: net_simnic.  The
 * path of its plugin is in SIMNIC_PLUGIN; without, the test is skipped.  DPDK
 * can be initialised once in a process, so all is in one test. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-offload-rte.h"

#include <errno.h>

#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

/* Nobody touches rte_flow as long as hw-offload is off. */
static void
sim_expect_refused(struct netdev *netdev)
{
    struct dp_offload_port_info info;
    void *port;

    ovs_assert(dp_offload_rte_class.open(&dp_offload_rte_class, NULL, PORT1,
                                         netdev, &port, &info) == EOPNOTSUPP);
}

static void
test_rte_simnic(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct sim sim = { .n_flows = 0 };
    struct dpif_flow_stats stats;
    struct dpif_flow_attrs attrs;
    struct ds ds = DS_EMPTY_INITIALIZER;

    simnic_plugin_init();
    sim.netdevs[1] = sim_open("p1", "net_simnic1,mode=sink,switch=3");
    sim_expect_refused(sim.netdevs[1]);
    simnic_plugin_offload();
    /* Rules come to be marked, twice; then it is EBUSY for two. */
    sim.netdevs[0] = sim_open("p0", "net_simnic0,mode=gen,streams=200,"
                              "megaflows=20,mark-bits=16,switch=3,"
                              "fail=create:41:16:2");
    ovs_assert(sim_delivery(sim.netdevs[0]) == DP_OFFLOAD_DELIVERY_LATE);
    ovs_assert(!netdev_rxq_open(sim.netdevs[0], &sim.rxq, 0));

    sim_init(&sim, 2);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, sim.netdevs[0]));
    ovs_assert(!dp_offload_port_add(sim.offload, PORT1, sim.netdevs[1]));
    ovs_assert(dp_offload_format_show_port(sim.offload, PORT0, &ds));
    ovs_assert(strstr(ds_cstr(&ds), "  rte_flow  running  "));
    ovs_assert(strstr(ds_cstr(&ds), "Marks: 16 bits wide; "));

    /* Marked. */
    sim_receive(&sim, 200, sim_learn, &sim);
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
    for (;;) {
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
    sim_forget(&sim);
    ovs_assert(!dp_offload_n_rules(sim.offload));
    sim_count(&sim, 20);
    sim_count(&sim, 50);
    ovs_assert(!sim.n_marked && sim.n_unmarked);
    dp_offload_check(sim.offload);

    sim_uninit(&sim);
    ds_destroy(&ds);
}
DPTEST_REGISTER("rte-simnic-P13-L4-L5-L14", test_rte_simnic);
