/* SPDX-License-Identifier: Apache-2.0 */

/* Rules of merged flows: they go only into NICs that find them first. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "flow.h"
#include "offload/dp-rule-name.h"
#include "openvswitch/dynamic-string.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

static struct rig_flow *
put_merged(struct rig *rig, uint32_t id, uint32_t output)
{
    struct rig_flow *flow = rig_flow_create(PORT1, id, output);

    flow->kind = DP_OFFLOAD_MERGED;
    rig_put(rig, 0, flow);
    return flow;
}

static void
begin(struct rig *rig, struct dp_dummy_config *config)
{
    rig_init(rig, config, 1);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
}

static void
end(struct rig *rig, struct rig_flow *flows[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rig_del(rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig->offload);
    rig_uninit(rig);
}

/* It runs whole if the NIC is able to, and else marks, whatever happens to its
 * actions and its port.  What is counted when it has gone is told. */
static void
test_whole(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 24, .whole = true, .priorities = true,
    };
    struct rig_flow *flow;
    struct rig rig;

    begin(&rig, &config);
    flow = put_merged(&rig, 1, 5);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_mark(&rig, 0, flow));
    rig_modify(&rig, flow, 6);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_installed(&rig, flow) && !rig_mark(&rig, 0, flow));
    config.restart = DP_OFFLOAD_LOST;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_restart(rig.offload, PORT1);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_installed(&rig, flow) && !rig_mark(&rig, 0, flow));

    dp_dummy_nic_hold(rig.nic, true);
    ovs_assert(dp_offload_flow_is_known(rig.offload, flow, &flow->mega_ufid));
    rig_del(&rig, 0, flow);
    ovs_assert(dp_offload_flow_is_known(rig.offload, flow, &flow->mega_ufid));
    ovs_assert(dp_dummy_nic_hit(rig.nic, PORT1, &flow->mega_ufid, 7, 700, 0));
    dp_dummy_nic_hold(rig.nic, false);
    while (dp_offload_flow_is_known(rig.offload, flow, &flow->mega_ufid)) {
        xnanosleep(1000 * 1000);
    }
    ovs_assert(rig_told(&rig) == 7);
    rig_flow_destroy(flow);
    end(&rig, NULL, 0);
}

/* All marks are in use: what marks waits for one, what runs whole need not. */
static void
test_markless(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 1, .whole = true, .priorities = true,
    };
    struct rig_flow *flows[3];
    struct rig rig;

    begin(&rig, &config);
    flows[0] = put_merged(&rig, 1, 5);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_mark(&rig, 0, flows[0]) == 1);
    flows[1] = put_merged(&rig, 2, 5);
    rig_wait_why(&rig, flows[1], DP_OFFLOAD_WHY_NO_MARK);
    flows[2] = put_merged(&rig, 3, 4);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_installed(&rig, flows[2]));
    ovs_assert(!rig_installed(&rig, flows[1]));
    end(&rig, flows, 3);
}

/* A NIC that does not find them first gets none, until it does. */
static void
test_priority(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = { .mark_bits = 24 };
    struct rig_flow *flows[2];
    struct rig rig;

    begin(&rig, &config);
    flows[0] = rig_flow_create(PORT1, 1, 4);
    rig_put(&rig, 0, flows[0]);
    flows[1] = put_merged(&rig, 2, 4);
    rig_wait_why(&rig, flows[1], DP_OFFLOAD_WHY_PRIORITY);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_installed(&rig, flows[0]));
    ovs_assert(!rig_installed(&rig, flows[1]));
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    config.priorities = true;
    config.restart = DP_OFFLOAD_LOST;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_restart(rig.offload, PORT1);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_mark(&rig, 0, flows[1]));

    config.priorities = false;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_restart(rig.offload, PORT1);
    rig_wait_why(&rig, flows[1], DP_OFFLOAD_WHY_PRIORITY);
    dp_offload_drain(rig.offload);
    ovs_assert(!rig_installed(&rig, flows[1]));
    end(&rig, flows, 2);
}

/* When merging begins or ends, rules are put again, at another priority; but
 * not where there is only one. */
static void
test_switch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int priorities = 0; priorities < 2; priorities++) {
        struct dp_dummy_config config = {
            .mark_bits = 24, .priorities = priorities,
        };
        struct rig_flow *flow;
        uint64_t n_puts;
        struct rig rig;

        begin(&rig, &config);
        flow = rig_flow_create(PORT1, 1, 4);
        rig_put(&rig, 0, flow);
        dp_offload_drain(rig.offload);
        n_puts = dp_dummy_nic_n_puts(rig.nic);
        for (unsigned int n = 1; n < 4; n++) {
            bool merging = n % 2;

            dp_offload_set_merging(rig.offload, merging);
            dp_offload_set_merging(rig.offload, merging);
            dp_offload_drain(rig.offload);
            ovs_assert(dp_offload_is_merging(rig.offload) == merging);
            ovs_assert(dp_dummy_nic_n_puts(rig.nic)
                       == n_puts + n * priorities);
            ovs_assert(rig_mark(&rig, 0, flow));
        }
        end(&rig, &flow, 1);
    }
}

static void
test_name(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const ovs_u128 ufid = OVS_U128_MAX;
    const char *names[] = {
        "mega:ffffffff-ffff-ffff-ffff-ffffffffffff",
        "merged:ffffffff-ffff-ffff-ffff-ffffffffffff",
    };

    for (int kind = 0; kind < 2; kind++) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        ovs_u128 parsed;

        dp_rule_name_format(kind, &ufid, &ds);
        ovs_assert(!strcmp(ds_cstr(&ds), names[kind]));
        ovs_assert(dp_rule_name_parse(ds_cstr(&ds), &parsed)
                   && ovs_u128_equals(parsed, ufid));
        ds_chomp(&ds, 'f');
        ovs_assert(!dp_rule_name_parse(ds_cstr(&ds), &parsed));
        ds_destroy(&ds);
    }
}

DPTEST_REGISTER("offload-merged-whole", test_whole);
DPTEST_REGISTER("offload-merged-markless", test_markless);
DPTEST_REGISTER("offload-merged-priority", test_priority);
DPTEST_REGISTER("offload-merged-switch", test_switch);
DPTEST_REGISTER("offload-merged-name", test_name);
