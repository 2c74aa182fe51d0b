/* SPDX-License-Identifier: Apache-2.0 */

/* The engine on the way from one state to another: what comes while a rule is
 * about to leave, or when it has just left. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "dummy.h"
#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/netdev.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

static const struct dp_dummy_config whole = {
    .mark_bits = 24, .whole = true
};

static void
edge_drain(struct rig *rig)
{
    dp_offload_drain(rig->offload);
    dp_offload_check(rig->offload);
}

/* Starts 'rig', with '*a' in the NIC and the worker busy with '*b' until the
 * NIC is let go. */
static void
begin_busy(struct rig *rig, struct rig_flow **a, struct rig_flow **b)
{
    rig_init(rig, &whole, 1);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
    *a = rig_flow_create(PORT1, 1, 4);
    *b = rig_flow_create(PORT1, 2, 4);
    rig_put(rig, 0, *a);
    edge_drain(rig);

    dp_dummy_nic_hold(rig->nic, true);
    rig_put(rig, 0, *b);
    xnanosleep(20 * 1000 * 1000);
}

/* R34: what changes while offloading is off counts when it is on again, even
 * if the rule has not left the NIC in between. */
static void
test_offload_off_modify(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *a, *b;
    uint32_t mark, output;
    struct rig rig;

    begin_busy(&rig, &a, &b);
    dp_offload_set_enabled(rig.offload, false);
    rig_modify(&rig, a, 6);
    dp_offload_set_enabled(rig.offload, true);
    dp_dummy_nic_hold(rig.nic, false);
    edge_drain(&rig);
    ovs_assert(dp_dummy_nic_find(rig.nic, PORT1, &a->mega_ufid, &mark,
                                 &output));
    ovs_assert(!mark && output == 6);

    rig_del(&rig, 0, a);
    rig_del(&rig, 0, b);
    edge_drain(&rig);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-off-modify-R34", test_offload_off_modify);

/* L1: what looks like an empty ring while a port is down proves nothing. */
static void
test_offload_down(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev *netdev;
    struct rig_flow *a;
    uint64_t epoch;
    struct rig rig;

    dummy_enable("");
    ovs_assert(!netdev_open("edge", "dummy", &netdev));
    rig_init(&rig, &whole, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, netdev));
    atomic_store_relaxed(&rig.drained, 0);
    a = rig_flow_create(PORT1, 1, 3);
    rig_put(&rig, 0, a);
    edge_drain(&rig);
    rig_del(&rig, 0, a);
    edge_drain(&rig);
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    ovs_assert(!netdev_turn_flags_off(netdev, NETDEV_UP, NULL));
    atomic_store_relaxed(&rig.drained, UINT64_MAX);
    xnanosleep(50 * 1000 * 1000);
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    /* Nor does it when the port is up again. */
    atomic_read_relaxed(&CONST_CAST(struct dp_mark_epoch *,
                                    dp_offload_epoch(rig.offload))->current,
                        &epoch);
    atomic_store_relaxed(&rig.drained, epoch);
    ovs_assert(!netdev_turn_flags_on(netdev, NETDEV_UP, NULL));
    xnanosleep(50 * 1000 * 1000);
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);
    atomic_store_relaxed(&rig.drained, UINT64_MAX);
    while (dp_offload_n_marks(rig.offload)) {
        xnanosleep(1000 * 1000);
    }

    rig_flow_destroy(a);
    rig_uninit(&rig);
    netdev_close(netdev);
}
DPTEST_REGISTER("offload-down-L1", test_offload_down);

/* Returns the total of "Insertions done". */
static uint64_t
edge_n_puts(struct rig *rig)
{
    struct netdev_custom_stats stats = { .size = 0 };
    uint64_t n = 0;

    ovs_assert(!dp_offload_stats_get(rig->offload, &stats));
    for (size_t i = 0; i < stats.size; i++) {
        if (strstr(stats.counters[i].name, "Total")
            && strstr(stats.counters[i].name, "Insertions done")) {
            n = stats.counters[i].value;
        }
    }
    netdev_free_custom_stats_counters(&stats);
    return n;
}

/* Totals don't go back when threads are stopped. */
static void
test_offload_totals(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flows[100];
    struct rig rig;

    rig_init(&rig, &whole, 4);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, 3);
        rig_put(&rig, 0, flows[i]);
    }
    edge_drain(&rig);
    ovs_assert(edge_n_puts(&rig) == ARRAY_SIZE(flows));
    ovs_assert(!dp_offload_set_n_workers(rig.offload, 1));
    ovs_assert(edge_n_puts(&rig) == ARRAY_SIZE(flows));
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_del(&rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    edge_drain(&rig);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-totals", test_offload_totals);
