/* SPDX-License-Identifier: Apache-2.0 */

/* The engine on the way from one state to another: what comes while a rule is
 * about to leave, or when it has just left. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

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

/* R34: what changes while offloading is off counts when it is on again, even
 * if the rule has not left the NIC in between. */
static void
test_offload_off_modify(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *a, *b;
    uint32_t mark, output;
    struct rig rig;

    rig_init(&rig, &whole, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    a = rig_flow_create(PORT1, 1, 4);
    b = rig_flow_create(PORT1, 2, 4);
    rig_put(&rig, 0, a);
    edge_drain(&rig);

    /* The worker is busy with the other one. */
    dp_dummy_nic_hold(rig.nic, true);
    rig_put(&rig, 0, b);
    xnanosleep(20 * 1000 * 1000);
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
