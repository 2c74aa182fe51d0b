/* SPDX-License-Identifier: Apache-2.0 */

/* What a NIC that verifies headers, or does not, is asked for.  DPDK can be
 * initialised once in a process, so these are tests of their own. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-offload-rte.h"

#include "openvswitch/dynamic-string.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

/* Each rule is in the NIC, in 'layer', and 'why' tells the reason. */
static void
expect(struct sim *sim, enum dp_offload_why why, const char *layer)
{
    dp_offload_drain(sim->offload);
    sim_expect_why(sim, why);
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        struct dpif_flow_attrs attrs;

        ovs_assert(dp_offload_flow_get(sim->offload, sim->flows[i],
                                       &sim->flows[i]->mega_ufid, NULL,
                                       &attrs));
        ovs_assert(!strcmp(attrs.dp_layer, layer));
    }
    dp_offload_check(sim->offload);
}

/* A NIC that does not verify headers runs rules whole that depend on them, but
 * not if the administrator wants them verified; and that may change. */
static void
test_rte_verify(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct sim sim = { .n_flows = 0 };

    simnic_plugin_init();
    simnic_plugin_offload();
    sim.netdevs[0] = sim_open("p0", "net_simnic0,mode=gen,streams=200,"
                              "megaflows=20,switch=3,integrity=0");
    ovs_assert(!netdev_rxq_open(sim.netdevs[0], &sim.rxq, 0));
    sim_init(&sim, 2);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, sim.netdevs[0]));
    sim_receive(&sim, 200, sim_learn, &sim);
    sim_put(&sim);
    sim_modify(&sim, 0);

    ovs_assert(dp_offload_format_show_port(sim.offload, PORT0, &ds));
    ovs_assert(strstr(ds_cstr(&ds), "Headers: not verified by the NIC\n"));
    for (int i = 0; i < 2; i++) {
        expect(&sim, DP_OFFLOAD_WHY_NONE, "dpdk");
        dp_offload_set_verify(sim.offload, true);
        expect(&sim, DP_OFFLOAD_WHY_A_INTEGRITY, "ovs");
        dp_offload_set_verify(sim.offload, false);
    }

    sim_forget(&sim);
    ovs_assert(!dp_offload_n_rules(sim.offload));
    sim_uninit(&sim);
    ds_destroy(&ds);
}
DPTEST_REGISTER("rte-verify", test_rte_verify);

/* In a NIC that verifies headers a rule that marks UDP asks for that, and
 * lanes are told so; elsewhere they look. */
static void
check_marks(const char *devargs, bool want)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct sim sim = { .n_flows = 0 };

    simnic_plugin_init();
    simnic_plugin_offload();
    sim.netdevs[0] = sim_open("p0", devargs);
    ovs_assert(!netdev_rxq_open(sim.netdevs[0], &sim.rxq, 0));
    sim_init(&sim, 2);
    ovs_assert(!dp_offload_port_add(sim.offload, PORT0, sim.netdevs[0]));
    sim_receive(&sim, 200, sim_learn, &sim);
    sim_put(&sim);
    dp_offload_drain(sim.offload);

    for (unsigned int i = 0; i < sim.n_flows; i++) {
        unsigned int n_found = 0;

        for (uint32_t mark = 1; mark <= N_MEGAFLOWS; mark++) {
            bool sound;

            if (dp_mark_slot_read(dp_mark_index_slot(sim.lane, mark), &sound)
                == sim.flows[i]) {
                ovs_assert(sound == want);
                n_found++;
            }
        }
        ovs_assert(n_found == 1);
    }
    dp_offload_format_rules(sim.offload, PORT0, &ds);
    ovs_assert(!strstr(ds_cstr(&ds), "integrity") == !want);

    sim_count(&sim, 200);
    ovs_assert(sim.n_marked);
    sim_forget(&sim);
    sim_uninit(&sim);
    ds_destroy(&ds);
}

static void
test_rte_mark_sound(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_marks("net_simnic0,mode=gen,streams=200,megaflows=20", true);
}
DPTEST_REGISTER("rte-mark-sound", test_rte_mark_sound);

static void
test_rte_mark_any(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_marks("net_simnic0,mode=gen,streams=200,megaflows=20,integrity=0",
                false);
}
DPTEST_REGISTER("rte-mark-any", test_rte_mark_any);
