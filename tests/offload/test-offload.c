/* SPDX-License-Identifier: Apache-2.0 */

/* The engine, one behaviour at a time, against the NIC in memory. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include <errno.h>

#include "dpif.h"
#include "tests/dptest.h"
#include "flow.h"
#include "odp-util.h"
#include "tests/offload/offload-rig.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/netdev.h"
#include "packets.h"
#include "util.h"

#define PORT1 u32_to_odp(1)
#define PORT2 u32_to_odp(2)

static const struct dp_dummy_config plain = { .mark_bits = 24 };

static void
rig_init_on(struct rig *rig, const struct dp_dummy_config *config,
            unsigned int n_workers)
{
    rig_init(rig, config, n_workers);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
}

static void
rig_drain(struct rig *rig)
{
    dp_offload_drain(rig->offload);
    dp_offload_check(rig->offload);
}

/* R5, R6, S7: add, del, del again; everything goes back to nothing. */
static void
test_offload_basic(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_attrs attrs;
    struct dpif_flow_stats stats;
    struct rig_flow *a, *b;
    struct rig rig;

    rig_init_on(&rig, &plain, 1);
    a = rig_flow_create(PORT1, 1, 3);
    b = rig_flow_create(PORT1, 2, 3);
    rig_put(&rig, 0, a);
    rig_put(&rig, 0, b);
    rig_put(&rig, 0, b);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 2);
    ovs_assert(rig_mark(&rig, 0, a) == 1);
    ovs_assert(rig_mark(&rig, 0, b) == 2);
    ovs_assert(dp_offload_n_installed(rig.offload) == 2);
    ovs_assert(dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats,
                                   &attrs));
    ovs_assert(attrs.offloaded && !strcmp(attrs.dp_layer, "ovs"));
    ovs_assert(!stats.n_packets && !stats.n_bytes && !stats.used);
    ovs_assert(dp_offload_flow_why(rig.offload, &a->mega_ufid)
               == DP_OFFLOAD_WHY_A_MARK_ONLY);

    rig_del(&rig, 0, a);
    ovs_assert(!dp_mark_index_get(rig.lanes[0], 1));
    rig_del(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(!rig_installed(&rig, a));
    ovs_assert(!dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats,
                                    &attrs));
    ovs_assert(!attrs.offloaded && !attrs.dp_extra_info);
    ovs_assert(dp_dummy_nic_n_dels(rig.nic) == 1);

    rig_del(&rig, 0, b);
    rig_drain(&rig);
    ovs_assert(!dp_offload_n_rules(rig.offload));
    ovs_assert(!dp_offload_n_installed(rig.offload));
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-basic-R5-R6-S7", test_offload_basic);

/* R6, R8, L10: what meets in the queue cancels out, and a rule stands in it
 * once. */
static void
test_offload_cancel(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config slow = plain;
    struct rig_flow *first, *a;
    struct rig rig;
    uint64_t n_puts;

    slow.delay_us = 50000;
    rig_init_on(&rig, &slow, 1);
    first = rig_flow_create(PORT1, 1, 3);
    a = rig_flow_create(PORT1, 2, 3);

    /* The worker is busy with the first one. */
    rig_put(&rig, 0, first);
    xnanosleep(20 * 1000 * 1000);
    for (int i = 0; i < 1000; i++) {
        struct rig_flow *flow = rig_flow_create(PORT1, 2, 3);

        rig_put(&rig, 0, flow);
        rig_modify(&rig, flow, i);
        rig_del(&rig, 0, flow);
        rig_flow_destroy(flow);
    }
    ovs_assert(dp_offload_n_rules(rig.offload) == 2);
    rig_drain(&rig);
    n_puts = dp_dummy_nic_n_puts(rig.nic);
    ovs_assert(n_puts <= 2);
    ovs_assert(dp_offload_n_rules(rig.offload) == 1);

    rig_del(&rig, 0, first);
    rig_put(&rig, 0, first);
    rig_put(&rig, 1, a);
    rig_drain(&rig);
    rig_del(&rig, 0, first);
    rig_del(&rig, 1, a);
    rig_drain(&rig);
    rig_flow_destroy(first);
    rig_flow_destroy(a);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-cancel-R6-R8-L10", test_offload_cancel);

/* L8, L9, R8: a rule that marks is not touched when actions change or another
 * lane has the megaflow too; there is one rule for all lanes. */
static void
test_offload_lanes(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flows[RIG_N_LANES];
    struct rig rig;
    uint32_t mark;

    rig_init_on(&rig, &plain, 1);
    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        flows[i] = rig_flow_create(PORT1, 7, 3);
        rig_put(&rig, i, flows[i]);
        rig_drain(&rig);
    }
    mark = rig_mark(&rig, 0, flows[0]);
    ovs_assert(mark);
    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        ovs_assert(dp_mark_index_get(rig.lanes[i], mark) == flows[i]);
        rig_modify(&rig, flows[i], 4 + i);
        rig_drain(&rig);
    }
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 1);
    ovs_assert(dp_dummy_nic_n_dels(rig.nic) == 0);
    ovs_assert(dp_offload_n_rules(rig.offload) == 1);

    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        ovs_assert(rig_installed(&rig, flows[i]));
        ovs_assert(dp_mark_index_get(rig.lanes[i], mark) == flows[i]);
        rig_del(&rig, i, flows[i]);
        ovs_assert(!dp_mark_index_get(rig.lanes[i], mark));
        rig_drain(&rig);
    }
    ovs_assert(!rig_installed(&rig, flows[0]));
    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        rig_flow_destroy(flows[i]);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-lanes-L8-L9", test_offload_lanes);

/* A lane may add the successor of a flow before it removes the flow. */
static void
test_offload_overlap(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *a, *b;
    struct rig rig;
    uint32_t mark;

    rig_init_on(&rig, &plain, 1);
    a = rig_flow_create(PORT1, 7, 3);
    b = rig_flow_create(PORT1, 7, 3);
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    mark = rig_mark(&rig, 0, a);
    rig_put(&rig, 0, b);
    ovs_assert(dp_mark_index_get(rig.lanes[0], mark) == b);
    rig_del(&rig, 0, b);
    ovs_assert(dp_mark_index_get(rig.lanes[0], mark) == a);
    rig_put(&rig, 0, b);
    rig_del(&rig, 0, a);
    ovs_assert(dp_mark_index_get(rig.lanes[0], mark) == b);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, b) == mark);
    rig_del(&rig, 0, b);
    rig_drain(&rig);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-overlap", test_offload_overlap);

/* R8, L9, S1, S2, S5: whole rules; actions change; counters carry on. */
static void
test_offload_whole(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct dpif_flow_attrs attrs;
    struct dpif_flow_stats stats;
    struct rig_flow *a;
    uint32_t mark, output;
    struct rig rig;

    config.whole = true;
    rig_init_on(&rig, &config, 1);
    a = rig_flow_create(PORT1, 7, 3);
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a));

    /* Now they can run there. */
    rig_modify(&rig, a, 4);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_find(rig.nic, PORT1, &a->mega_ufid, &mark,
                                 &output));
    ovs_assert(!mark && output == 4);
    ovs_assert(dp_offload_flow_why(rig.offload, &a->mega_ufid)
               == DP_OFFLOAD_WHY_NONE);
    ovs_assert(dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats,
                                   &attrs));
    ovs_assert(attrs.offloaded && !strcmp(attrs.dp_layer, "dummy"));

    /* Nothing to do for the same actions. */
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 2);
    rig_modify(&rig, a, 4);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 2);

    /* The last reading comes with the removal. */
    ovs_assert(dp_dummy_nic_hit(rig.nic, PORT1, &a->mega_ufid, 10, 1000,
                                TCP_SYN));
    rig_modify(&rig, a, 6);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_hit(rig.nic, PORT1, &a->mega_ufid, 5, 500,
                                TCP_FIN));
    for (;;) {
        dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats, &attrs);
        ovs_assert(stats.n_packets == 10 || stats.n_packets == 15);
        ovs_assert(stats.used);
        ovs_assert(stats.tcp_flags == (stats.n_packets == 10
                                       ? TCP_SYN : TCP_SYN | TCP_FIN));
        if (stats.n_packets == 15 && stats.n_bytes == 1500) {
            break;
        }
        xnanosleep(1000 * 1000);
    }

    /* And back to a mark. */
    rig_modify(&rig, a, 3);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a));
    dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats, &attrs);
    ovs_assert(stats.n_packets == 15 && stats.n_bytes == 1500);
    ovs_assert(attrs.offloaded && !strcmp(attrs.dp_layer, "ovs"));

    /* Switched off, it still counts as what it was. */
    dp_offload_set_enabled(rig.offload, false);
    rig_drain(&rig);
    ovs_assert(!dp_offload_flow_get(rig.offload, a, &a->mega_ufid, &stats,
                                    &attrs));
    ovs_assert(stats.n_packets == 15 && !attrs.offloaded);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a));

    rig_del(&rig, 0, a);
    rig_drain(&rig);
    rig_flow_destroy(a);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-whole-R8-L9-S1-S2-S5", test_offload_whole);

/* L2, L3: a rule that can't be removed keeps its mark, and is tried again. */
static void
test_offload_removal_fails(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct rig_flow *a, *b;
    struct rig rig;

    config.mark_bits = 1;               /* One mark. */
    rig_init_on(&rig, &config, 1);
    a = rig_flow_create(PORT1, 1, 3);
    b = rig_flow_create(PORT1, 2, 3);
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a) == 1);

    config.del_failed = 1000;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_del(&rig, 0, a);
    rig_wait_why(&rig, a, DP_OFFLOAD_WHY_REMOVAL);
    rig_put(&rig, 0, b);
    rig_wait_why(&rig, b, DP_OFFLOAD_WHY_NO_MARK);
    ovs_assert(rig_installed(&rig, a));
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    config.del_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_wait_why(&rig, b, DP_OFFLOAD_WHY_A_MARK_ONLY);
    ovs_assert(!rig_installed(&rig, a));
    ovs_assert(rig_mark(&rig, 0, b) == 1);

    rig_del(&rig, 0, b);
    rig_drain(&rig);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-removal-fails-L2-L3", test_offload_removal_fails);

/* M3, M8, R7: refused and busy rules leave no mark behind; refused ones are
 * not tried again until the flow changes. */
static void
test_offload_errors(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rig_flow *a;
    struct rig rig;

    config.put_refused = 1000;
    rig_init_on(&rig, &config, 1);
    a = rig_flow_create(PORT1, 1, 3);
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(dp_offload_flow_why(rig.offload, &a->mega_ufid)
               == DP_OFFLOAD_WHY_REFUSED);
    dp_offload_format_why(rig.offload, &a->mega_ufid, &ds);
    ovs_assert(strstr(ds_cstr(&ds),
                      " (driver refused the rule: Invalid argument)\n"));
    ds_destroy(&ds);
    ovs_assert(!dp_offload_n_marks(rig.offload));
    ovs_assert(!dp_mark_index_count(rig.lanes[0]));
    xnanosleep(20 * 1000 * 1000);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 1);
    dp_rules_ready_port(rig.offload, ODPP_NONE);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 1);

    rig_modify(&rig, a, 4);
    rig_modify(&rig, a, 5);
    rig_drain(&rig);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) >= 2);

    /* Only the datapath says that a flow has gone. */
    config.put_error = ENOENT;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_modify(&rig, a, 7);
    rig_drain(&rig);
    ovs_assert(dp_offload_flow_why(rig.offload, &a->mega_ufid)
               == DP_OFFLOAD_WHY_REFUSED);

    config.put_refused = 0;
    config.put_busy = 500;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_modify(&rig, a, 4);
    rig_wait_why(&rig, a, DP_OFFLOAD_WHY_A_MARK_ONLY);
    ovs_assert(rig_mark(&rig, 0, a));

    rig_del(&rig, 0, a);
    rig_drain(&rig);
    rig_flow_destroy(a);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-errors-M3-M8-R7", test_offload_errors);

/* Returns how many of the 'n' 'flows' are kept from the NIC by 'why'. */
static size_t
count_why(struct dp_offload *offload, struct rig_flow *const flows[], size_t n,
          enum dp_offload_why why)
{
    size_t n_why = 0;

    for (size_t i = 0; i < n; i++) {
        n_why += dp_offload_flow_why(offload, &flows[i]->mega_ufid) == why;
    }
    return n_why;
}

/* A full NIC: rules wait, and come when there is room. */
static void
test_offload_full(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct rig_flow *flows[100];
    struct rig rig;

    config.capacity = 60;
    rig_init_on(&rig, &config, 2);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, 3);
        rig_put(&rig, 0, flows[i]);
    }
    dp_offload_drain(rig.offload);
    ovs_assert(dp_dummy_nic_count(rig.nic, PORT1) == 60);

    /* Now and then one of them goes to see whether there is room. */
    while (count_why(rig.offload, flows, ARRAY_SIZE(flows),
                     DP_OFFLOAD_WHY_FULL) != 40
           || dp_offload_n_marks(rig.offload) != 60) {
        xnanosleep(1000 * 1000);
    }

    /* Each removal makes room for one. */
    for (unsigned int i = 0; i < 30; i++) {
        rig_del(&rig, 0, flows[i]);
    }
    while (dp_offload_n_rules(rig.offload) != 70
           || dp_dummy_nic_count(rig.nic, PORT1) != 60) {
        xnanosleep(1000 * 1000);
    }
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) < 400);

    /* A port that goes takes along those that wait, too. */
    dp_offload_port_del(rig.offload, PORT1);
    for (unsigned int i = 30; i < ARRAY_SIZE(flows); i++) {
        rig_wait_why(&rig, flows[i], DP_OFFLOAD_WHY_NO_PORT);
        rig_del(&rig, 0, flows[i]);
    }
    rig_drain(&rig);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_flow_destroy(flows[i]);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-full", test_offload_full);

/* R9, R10, R12, R25, L12: port removal is a barrier; a port that comes back
 * under the same number gets its rules again. */
static void
test_offload_port(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *a, *b;
    struct rig rig;

    rig_init_on(&rig, &plain, 3);
    ovs_assert(dp_offload_port_add(rig.offload, PORT1, NULL) == EEXIST);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    a = rig_flow_create(PORT1, 1, 3);
    b = rig_flow_create(PORT2, 1, 3);
    rig_put(&rig, 0, a);
    rig_put(&rig, 0, b);
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a) && rig_mark(&rig, 0, b));

    dp_offload_port_del(rig.offload, PORT1);
    ovs_assert(!rig_installed(&rig, a));
    ovs_assert(!dp_dummy_nic_count(rig.nic, PORT1));
    ovs_assert(rig_mark(&rig, 0, b));
    rig_drain(&rig);
    ovs_assert(dp_offload_flow_why(rig.offload, &a->mega_ufid)
               == DP_OFFLOAD_WHY_NO_PORT);
    dp_offload_port_del(rig.offload, PORT1);

    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    rig_drain(&rig);
    ovs_assert(rig_mark(&rig, 0, a));

    rig_del(&rig, 0, a);
    rig_del(&rig, 0, b);
    rig_drain(&rig);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-port-R9-R10-R12-R25-L12", test_offload_port);

/* R9, L3: a rule that refuses to go does not keep its port. */
static void
test_offload_port_stuck(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct rig_flow *a;
    struct rig rig;

    config.del_failed = 1000;
    rig_init_on(&rig, &config, 1);
    a = rig_flow_create(PORT1, 1, 3);
    rig_put(&rig, 0, a);
    rig_drain(&rig);
    dp_offload_port_del(rig.offload, PORT1);
    ovs_assert(!rig_installed(&rig, a));
    rig_del(&rig, 0, a);
    rig_drain(&rig);
    ovs_assert(!dp_offload_n_rules(rig.offload));
    rig_flow_destroy(a);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-port-stuck-R9-L3", test_offload_port_stuck);

/* R13, L4, L5: restart of a port. */
static void
test_offload_restart(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const enum dp_offload_restart how[] = {
        DP_OFFLOAD_LOST, DP_OFFLOAD_STALE, DP_OFFLOAD_KEPT
    };
    struct rig_flow *flows[50], *b;
    struct rig rig;

    rig_init_on(&rig, &plain, 2);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    b = rig_flow_create(PORT2, 1, 3);
    rig_put(&rig, 0, b);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, 3);
    }
    for (unsigned int h = 0; h < ARRAY_SIZE(how); h++) {
        struct dp_dummy_config config = plain;
        uint64_t n_puts, n_dels;

        config.restart = how[h];
        dp_dummy_nic_set_config(rig.nic, &config);
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            rig_put(&rig, 0, flows[i]);
        }
        rig_drain(&rig);
        n_puts = dp_dummy_nic_n_puts(rig.nic);
        n_dels = dp_dummy_nic_n_dels(rig.nic);

        dp_offload_port_pause(rig.offload, PORT1);
        for (unsigned int i = 0; i < 10; i++) {
            rig_del(&rig, 0, flows[i]);
        }
        dp_offload_drain(rig.offload);
        dp_offload_port_restart(rig.offload, PORT1);
        rig_drain(&rig);
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            ovs_assert(rig_installed(&rig, flows[i]) == (i >= 10));
            if (i >= 10) {
                ovs_assert(rig_mark(&rig, 0, flows[i]));
            }
        }
        ovs_assert(rig_mark(&rig, 0, b));
        n_puts = dp_dummy_nic_n_puts(rig.nic) - n_puts;
        n_dels = dp_dummy_nic_n_dels(rig.nic) - n_dels;
        switch (how[h]) {
        case DP_OFFLOAD_LOST:
            ovs_assert(n_puts == 40 && n_dels == 0);
            break;
        case DP_OFFLOAD_STALE:
            ovs_assert(n_puts == 40 && n_dels == 50);
            break;
        case DP_OFFLOAD_KEPT:
            ovs_assert(n_puts == 0 && n_dels == 10);
            break;
        }
    }

    /* Removal of a port that is paused. */
    dp_offload_port_pause(rig.offload, PORT1);
    dp_offload_port_del(rig.offload, PORT1);
    ovs_assert(!dp_dummy_nic_count(rig.nic, PORT1));

    for (unsigned int i = 10; i < ARRAY_SIZE(flows); i++) {
        rig_del(&rig, 0, flows[i]);
    }
    rig_del(&rig, 0, b);
    rig_drain(&rig);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_flow_destroy(flows[i]);
    }
    rig_flow_destroy(b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-restart-R13-L4-L5", test_offload_restart);

/* R34, R40, R41: switching on and off, flush, number of threads. */
static void
test_offload_switch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flows[200];
    struct rig rig;

    rig_init(&rig, &plain, 1);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, 3);
        rig_put(&rig, i % RIG_N_LANES, flows[i]);
    }
    ovs_assert(!dp_offload_n_rules(rig.offload));
    ovs_assert(dp_offload_flow_why(rig.offload, &flows[0]->mega_ufid)
               == DP_OFFLOAD_WHY_OFF);
    dp_offload_drain(rig.offload);
    dp_offload_flush(rig.offload);

    ovs_assert(dp_offload_set_n_workers(rig.offload, 0) == EINVAL);
    ovs_assert(dp_offload_set_n_workers(rig.offload, 11) == EINVAL);
    for (unsigned int round = 0; round < 4; round++) {
        unsigned int n_workers = 1 + round * 3;

        ovs_assert(!dp_offload_set_n_workers(rig.offload, n_workers));
        ovs_assert(dp_offload_get_n_workers(rig.offload) == n_workers);
        ovs_assert(dp_offload_set_enabled(rig.offload, true));
        ovs_assert(!dp_offload_set_enabled(rig.offload, true));
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            rig_put(&rig, i % RIG_N_LANES, flows[i]);
            if (i == ARRAY_SIZE(flows) / 2) {
                ovs_assert(!dp_offload_set_n_workers(rig.offload,
                                                     10 - round));
            }
        }
        rig_drain(&rig);
        ovs_assert(dp_dummy_nic_count(rig.nic, PORT1)
                   == ARRAY_SIZE(flows));

        if (round & 1) {
            dp_offload_flush(rig.offload);
            ovs_assert(!dp_offload_n_rules(rig.offload));
        }
        ovs_assert(!dp_offload_set_enabled(rig.offload, false));
        rig_drain(&rig);
        for (unsigned int i = 0; i < RIG_N_LANES; i++) {
            ovs_assert(!dp_mark_index_count(rig.lanes[i]));
        }
        ovs_assert(!dp_dummy_nic_count(rig.nic, PORT1));
        if (!(round & 1)) {
            ovs_assert(dp_offload_flow_why(rig.offload,
                                           &flows[0]->mega_ufid)
                       == DP_OFFLOAD_WHY_OFF);
        }
        if (round == 2) {
            /* Flows that go while it is off, and come back. */
            for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
                rig_del(&rig, i % RIG_N_LANES, flows[i]);
            }
            rig_drain(&rig);
            ovs_assert(!dp_offload_n_rules(rig.offload));
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_flow_destroy(flows[i]);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-switch-R34-R40-R41", test_offload_switch);

/* Workers keep off the cores of lanes, those that run and those to come. */
static void
test_offload_cores(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const unsigned int all[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    struct rig_flow *a;
    struct rig rig;

    rig_init_on(&rig, &plain, 2);
    a = rig_flow_create(PORT1, 1, 3);
    for (size_t n = 0; n <= ARRAY_SIZE(all); n++) {
        dp_offload_avoid_cores(rig.offload, all, n);
        dp_offload_set_n_workers(rig.offload, 1 + n);
        rig_put(&rig, 0, a);
        rig_drain(&rig);
        ovs_assert(rig_mark(&rig, 0, a));
        rig_del(&rig, 0, a);
        rig_drain(&rig);
    }
    rig_flow_destroy(a);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-cores", test_offload_cores);

/* R13, "never wait": no request takes 1 ms though the NIC takes 100. */
static void
test_offload_never_wait(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = plain;
    struct dpif_flow_stats stats;
    struct rig_flow *flows[100];
    uint64_t worst = 0;
    struct rig rig;

    config.delay_us = 100000;
    rig_init_on(&rig, &config, 1);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        uint64_t start;

        flows[i] = rig_flow_create(PORT1, i, 3);
        start = dp_offload_now_us();
        rig_put(&rig, 0, flows[i]);
        rig_modify(&rig, flows[i], 4);
        dp_offload_flow_get(rig.offload, flows[i], &flows[i]->mega_ufid,
                            &stats, NULL);
        worst = MAX(worst, dp_offload_now_us() - start);
        xnanosleep(3 * 1000 * 1000);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        uint64_t start = dp_offload_now_us();

        rig_del(&rig, 0, flows[i]);
        worst = MAX(worst, dp_offload_now_us() - start);
        rig_flow_destroy(flows[i]);
    }

    /* A machine that runs other things may take the CPU away; what counts
     * is that it is not the NIC's time. */
    if (worst > 50000) {
        dptest_fail("a request took %"PRIu64" us", worst);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-never-wait-R14", test_offload_never_wait);

/* S3, S10, L13: figures and texts; two engines at once. */
static void
test_offload_show(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev_custom_stats stats = { .size = 0 };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rig_flow *a, *b;
    struct rig rig, other;
    struct json *json;

    rig_init(&rig, &plain, 2);
    ovs_assert(dp_offload_stats_get(rig.offload, &stats) == EOPNOTSUPP);
    dp_offload_set_enabled(rig.offload, true);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    rig_init_on(&other, &plain, 1);

    a = rig_flow_create(PORT1, 1, 3);
    b = rig_flow_create(PORT2, 1, 3);
    rig_put(&rig, 0, a);
    rig_put(&rig, 0, b);
    rig_put(&other, 0, a);
    rig_drain(&rig);
    rig_drain(&other);
    ovs_assert(rig_mark(&rig, 0, a) == 1);
    ovs_assert(rig_mark(&other, 0, a) == 1);

    ovs_assert(!dp_offload_stats_get(rig.offload, &stats));
    ovs_assert(strstr(stats.counters[0].name, "Total"));
    ovs_assert(strstr(stats.counters[0].name, "Enqueued offloads"));
    ovs_assert(!stats.counters[0].value);
    ovs_assert(strstr(stats.counters[1].name, "Inserted offloads"));
    ovs_assert(stats.counters[1].value == 1);
    netdev_free_custom_stats_counters(&stats);

    dp_offload_format_show(rig.offload, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "Offloading: on, 2 threads\n"));
    ovs_assert(strstr(ds_cstr(&ds), "Rules: 2, in NICs: 1"));
    ovs_assert(strstr(ds_cstr(&ds), "port1  dummy     running      0       1  "
                      "     1  "));
    ovs_assert(!strstr(ds_cstr(&ds), "port2"));
    ds_clear(&ds);
    dp_offload_format_rules(rig.offload, ODPP_NONE, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "dummy mark 1"));
    ovs_assert(strstr(ds_cstr(&ds), "port1, marked, mark 1, 1 flow, for "));
    ds_clear(&ds);
    dp_offload_format_rules(rig.offload, PORT2, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "port 2, in software, 1 flow, for "));
    ovs_assert(strstr(ds_cstr(&ds), " s, packets counted in software (in_port"
                      " is not a port of the engine)\n"));
    ovs_assert(!strstr(ds_cstr(&ds), "dummy mark 1"));
    ds_clear(&ds);
    dp_offload_format_why(rig.offload, &b->mega_ufid, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "port 2, in software, 1 flow, for "));
    ovs_assert(strstr(ds_cstr(&ds), "\n  Cause:   The flow's packets come"));
    ds_clear(&ds);
    dp_offload_format_why(rig.offload, NULL, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "1 megaflow is forwarded by software: "
                      "in_port is not a port"));
    ovs_assert(strstr(ds_cstr(&ds), "1 megaflow is marked only: actions: "));
    ovs_assert(strstr(ds_cstr(&ds), " (port1); see offload/rules port1\n"));
    ds_destroy(&ds);

    json = dp_offload_show_json(rig.offload);
    ovs_assert(json_integer(shash_find_data(json_object(json), "installed"))
               == 1);
    json_destroy(json);

    rig_del(&rig, 0, a);
    rig_del(&rig, 0, b);
    rig_del(&other, 0, a);
    rig_drain(&rig);
    rig_drain(&other);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    rig_uninit(&other);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-show-S3-S10-L13", test_offload_show);
