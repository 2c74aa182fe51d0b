/* SPDX-License-Identifier: Apache-2.0 */

/* A flush that fails when a port is restarted, on net_simnic: four times, as
 * often as it is tried before the device runs again. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload-provider.h"

#include "flow.h"
#include "odp-util.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

/* Packets of one megaflow. */
struct count {
    struct match match;
    unsigned int n;
};

static void
count_packet(struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
             void *count_)
{
    struct count *count = count_;

    count->n += flow_equal_except(flow, &count->match.flow,
                                  &count->match.wc);
}

/* Returns how many of them come to software while the generator sends so many
 * that some should. */
static unsigned int
receive(struct sim *sim, struct count *count)
{
    count->n = 0;
    sim_receive(sim, 500, count_packet, count);
    return count->n;
}

static void
test_rte_flush(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct sim sim = { .n_flows = 0 };
    struct count count;

    simnic_plugin_init();
    simnic_plugin_offload();
    sim.netdevs[0] = sim_open("p0", "net_simnic0,mode=gen,streams=200,"
                              "megaflows=20,mark-bits=16,switch=3,"
                              "fail=flush:1:5:4");
    ovs_assert(!netdev_rxq_open(sim.netdevs[0], &sim.rxq, 0));
    sim_init(&sim, 1);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, sim.netdevs[0]));
    sim_receive(&sim, 200, sim_learn, &sim);
    count.match = sim.flows[0]->match;
    ovs_assert(receive(&sim, &count));
    sim_put(&sim);
    sim_modify(&sim, 0);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    while (receive(&sim, &count)) {
        continue;                       /* Until the ring has none. */
    }

    /* All rules drop.  The device is not stopped here, so they survive. */
    dp_offload_port_pause(sim.offload, PORT0);
    dp_offload_drain(sim.offload);
    ovs_assert(!dp_offload_n_installed(sim.offload));
    ovs_assert(!receive(&sim, &count));
    sim_expect_why(&sim, DP_OFFLOAD_WHY_UNSURE);
    sim_forget(&sim);
    ovs_assert(dp_offload_n_rules(sim.offload) == N_MEGAFLOWS);

    /* Now it can be flushed. */
    dp_offload_port_restart(sim.offload, PORT0);
    dp_offload_drain(sim.offload);
    ovs_assert(!dp_offload_n_rules(sim.offload));
    while (!receive(&sim, &count)) {
        continue;
    }
    dp_offload_check(sim.offload);
    sim_uninit(&sim);
}
DPTEST_REGISTER("rte-flush", test_rte_flush);
