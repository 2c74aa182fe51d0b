/* SPDX-License-Identifier: Apache-2.0 */

/* Flows that don't last, and marks that don't arrive. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "dpif.h"
#include "odp-util.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-engine.h"
#include "openvswitch/vlog.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "timeval.h"
#include "util.h"

#define PORT1 u32_to_odp(1)
#define PORT2 u32_to_odp(2)

static const struct dp_dummy_config plain = { .mark_bits = 24 };

static void
init_on(struct rig *rig)
{
    rig_init(rig, &plain, 1);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
}

/* L11: with a delay, flows that don't last never bother the NIC; those that do
 * get there; without, all do. */
static void
test_offload_delay(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N_SHORT = 200 };
    struct rig_flow *last;
    struct rig rig;

    init_on(&rig);
    dp_offload_set_delay(rig.offload, 60000);
    last = rig_flow_create(PORT1, N_SHORT, 3);
    rig_put(&rig, 0, last);
    for (unsigned int i = 0; i < N_SHORT; i++) {
        struct rig_flow *flow = rig_flow_create(PORT1, i, 3);

        rig_put(&rig, 0, flow);
        dp_offload_drain(rig.offload);
        rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_YOUNG);
        rig_modify(&rig, flow, 4);
        rig_del(&rig, 0, flow);
        rig_flow_destroy(flow);
    }
    dp_offload_drain(rig.offload);
    ovs_assert(!dp_dummy_nic_n_puts(rig.nic));
    ovs_assert(dp_offload_n_rules(rig.offload) == 1);

    /* A shorter delay holds for what is looked at from now on. */
    dp_offload_set_delay(rig.offload, 1);
    rig_modify(&rig, last, 5);
    rig_wait_why(&rig, last, DP_OFFLOAD_WHY_A_MARK_ONLY);
    ovs_assert(rig_installed(&rig, last));
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 1);
    rig_del(&rig, 0, last);
    rig_flow_destroy(last);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-delay-L11", test_offload_delay);

/* offload/show tells whether the last rule found room. */
static void
test_offload_show_full(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = { .mark_bits = 24, .capacity = 2 };
    struct rig_flow *flows[3];
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (unsigned int i = 0; i < 3; i++) {
        ovs_assert(rig_shows(&rig, " of 2  "));
        flows[i] = rig_flow_create(PORT1, i, 3);
        rig_put(&rig, 0, flows[i]);
        dp_offload_drain(rig.offload);
    }
    ovs_assert(rig_shows(&rig, "2 of 2, full  "));
    rig_del(&rig, 0, flows[0]);
    rig_wait_why(&rig, flows[2], DP_OFFLOAD_WHY_A_MARK_ONLY);
    ovs_assert(rig_shows(&rig, " of 2  "));
    rig_del(&rig, 0, flows[1]);
    rig_del(&rig, 0, flows[2]);
    for (unsigned int i = 0; i < 3; i++) {
        rig_flow_destroy(flows[i]);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-show-full", test_offload_show_full);

/* S4: the NIC knows better than the moment of a reading when the last packet
 * was. */
static void
test_offload_idle(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = {
        .mark_bits = 24, .whole = true, .idle_ms = 5000,
    };
    struct dpif_flow_stats stats;
    struct rig_flow *flow;
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    flow = rig_flow_create(PORT1, 1, 4);
    rig_put(&rig, 0, flow);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_NONE);
    dp_dummy_nic_hit(rig.nic, PORT1, &flow->mega_ufid, 7, 700, 0);
    do {
        xnanosleep(1000 * 1000);
        ovs_assert(dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid,
                                       &stats, NULL));
    } while (!stats.n_packets);
    ovs_assert(stats.n_packets == 7);
    ovs_assert(stats.used && stats.used <= time_msec() - 5000);
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-idle-S4", test_offload_idle);

static void
receive(struct rig_flow *flow, unsigned int n)
{
    uint64_t orig;

    atomic_add_relaxed(&flow->n_packets, n, &orig);
}

/* L15: a port whose rules mark, and whose packets never do, is found; a port
 * without traffic, or with marks, is not accused. */
static void
test_mark_watch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flow;
    struct rig rig;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    init_on(&rig);
    dp_offload_port_set_delivery(rig.offload, PORT1,
                                 DP_OFFLOAD_DELIVERY_GRANTED);
    ovs_assert(rig_shows(&rig, "  none yet\n"));
    flow = rig_flow_create(PORT1, 1, 3);
    receive(flow, 1);
    rig_put(&rig, 0, flow);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_A_MARK_ONLY);

    /* The rule is too young for anything to be said. */
    dp_mark_watch_run(rig.offload);
    receive(flow, 1000);
    dp_mark_watch_run(rig.offload);
    ovs_assert(rig_shows(&rig, "  none yet\n"));

    /* Old enough, but no packets. */
    xnanosleep(1100 * 1000 * 1000ULL);
    dp_mark_watch_run(rig.offload);
    dp_mark_watch_run(rig.offload);
    ovs_assert(rig_shows(&rig, "  none yet\n"));

    /* Packets without a mark. */
    receive(flow, 1000);
    dp_mark_watch_run(rig.offload);
    ovs_assert(rig_shows(&rig, "  lost\n"));
    dp_mark_watch_run(rig.offload);
    ovs_assert(rig_shows(&rig, "  lost\n"));

    /* One with a mark puts it right, at once and for good. */
    atomic_store_relaxed(&rig.marks_seen, true);
    ovs_assert(rig_shows(&rig, "  arrive\n"));
    dp_mark_watch_run(rig.offload);
    atomic_store_relaxed(&rig.marks_seen, false);
    ovs_assert(rig_shows(&rig, "  arrive\n"));
    ovs_assert(!rig_shows(&rig, "without marks"));

    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    rig_uninit(&rig);
}
DPTEST_REGISTER("mark-watch-L15", test_mark_watch);

/* A port that only other ports' rules know, in one shard or another, is
 * looked at, too. */
static void
test_mark_watch_peer(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config peers = {
        .mark_bits = 24, .whole = true, .peers = true
    };
    enum { N_SENDERS = 20 * DP_OFFLOAD_N_SHARDS };
    struct rig_flow *senders[N_SENDERS];
    struct rig_flow *marked;
    struct rig rig;

    rig_init(&rig, &peers, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    marked = rig_flow_create(PORT2, 1, 3);
    rig_put(&rig, 0, marked);
    rig_wait_why(&rig, marked, DP_OFFLOAD_WHY_A_MARK_ONLY);
    for (unsigned int i = 0; i < N_SENDERS; i++) {
        senders[i] = rig_flow_create(PORT1, i, 2);
        rig_put(&rig, 0, senders[i]);
        rig_wait_why(&rig, senders[i], DP_OFFLOAD_WHY_NONE);
    }

    dp_mark_watch_run(rig.offload);

    for (unsigned int i = 0; i < N_SENDERS; i++) {
        rig_del(&rig, 0, senders[i]);
        rig_flow_destroy(senders[i]);
    }
    rig_del(&rig, 0, marked);
    rig_flow_destroy(marked);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("mark-watch-peer", test_mark_watch_peer);
