/* SPDX-License-Identifier: Apache-2.0 */

/* What an event of a port means for rules: for those of others, nothing, not
 * even that somebody looks at them. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include <time.h>

#include "odp-util.h"
#include "offload/dp-mark-watch.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

/* Returns the CPU time of this thread, which does not depend on what else the
 * machine does. */
static uint64_t
cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * UINT64_C(1000000) + ts.tv_nsec / 1000;
}

static struct rig_flow **
put_many(struct rig *rig, odp_port_t in_port, size_t n)
{
    struct rig_flow **flows = xmalloc(n * sizeof *flows);

    for (size_t i = 0; i < n; i++) {
        flows[i] = rig_flow_create(in_port, i + 1, 3);
        rig_put(rig, 0, flows[i]);
    }
    dp_offload_drain(rig->offload);
    return flows;
}

static void
del_many(struct rig *rig, struct rig_flow **flows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rig_del(rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig->offload);
    free(flows);
}

/* Returns what an empty port's coming, restart and going costs its thread, and
 * the looks for marks of 64 others. */
static uint64_t
measure_events(struct rig *rig)
{
    enum { N = 64 };
    struct rig_flow *flows[N];
    uint64_t start_us;

    for (unsigned int i = 0; i < N; i++) {
        odp_port_t port_no = u32_to_odp(100 + i);

        ovs_assert(!dp_offload_port_add(rig->offload, port_no, NULL));
        flows[i] = rig_flow_create(port_no, 1, 3);
        rig_put(rig, 0, flows[i]);
    }
    dp_offload_drain(rig->offload);

    start_us = cpu_us();
    for (unsigned int i = 0; i < 20; i++) {
        odp_port_t port_no = u32_to_odp(10 + i);

        ovs_assert(!dp_offload_port_add(rig->offload, port_no, NULL));
        dp_offload_port_restart(rig->offload, port_no);
        dp_offload_port_del(rig->offload, port_no);
    }
    dp_mark_watch_run(rig->offload);
    start_us = cpu_us() - start_us;

    for (unsigned int i = 0; i < N; i++) {
        rig_del(rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
        dp_offload_port_del(rig->offload, u32_to_odp(100 + i));
    }
    return start_us;
}

/* The rules of one port cost nothing when something happens to another. */
static void
test_offload_events(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = { .mark_bits = 24, .blind = true };
    enum { N = 100000 };
    struct rig_flow **flows;
    uint64_t few_us, many_us;
    struct rig rig;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    few_us = measure_events(&rig);
    flows = put_many(&rig, PORT1, N);
    many_us = measure_events(&rig);
    if (many_us > 10 * few_us + 10000) {
        dptest_fail("events took %"PRIu64" us of CPU without other rules and "
                    "%"PRIu64" us with %d", few_us, many_us, N);
    }
    dp_offload_check(rig.offload);
    del_many(&rig, flows, N);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-events", test_offload_events);

/* Ports that rules output to. */

#define PORT2 u32_to_odp(2)

static const struct dp_dummy_config peers = {
    .mark_bits = 24, .whole = true, .peers = true
};

/* A rule runs whole as soon as, and only as long as, the port that it outputs
 * to is there and runs.  The NIC aborts if a port is stopped to which one of
 * its rules outputs. */
static void
test_offload_peer(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flows[8];
    struct rig rig;

    rig_init(&rig, &peers, 2);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, odp_to_u32(PORT2));
        rig_put(&rig, 0, flows[i]);
    }

    for (int round = 0; round < 3; round++) {
        dp_offload_drain(rig.offload);
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            ovs_assert(rig_is_marked(&rig, flows[i]));
        }

        /* It comes. */
        ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            rig_wait_why(&rig, flows[i], DP_OFFLOAD_WHY_NONE);
        }

        /* It stops. */
        dp_offload_port_pause(rig.offload, PORT2);
        dp_offload_drain(rig.offload);
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            ovs_assert(rig_is_marked(&rig, flows[i]));
        }
        dp_offload_port_restart(rig.offload, PORT2);
        for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
            rig_wait_why(&rig, flows[i], DP_OFFLOAD_WHY_NONE);
        }

        /* It goes. */
        dp_offload_drain(rig.offload);
        dp_offload_check(rig.offload);
        dp_offload_port_del(rig.offload, PORT2);
    }

    /* Other actions, which depend on no port: nobody asks any more. */
    rig_modify(&rig, flows[0], 3);
    dp_offload_drain(rig.offload);
    for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_del(&rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-peer", test_offload_peer);

/* A rule that outputs to its own port keeps nobody from stopping it. */
static void
test_offload_peer_self(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flow = rig_flow_create(PORT2, 1, odp_to_u32(PORT2));
    struct rig rig;

    rig_init(&rig, &peers, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    for (int i = 0; i < 3; i++) {
        ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
        rig_put(&rig, 0, flow);
        rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_NONE);
        dp_offload_port_restart(rig.offload, PORT2);
        rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_NONE);
        dp_offload_port_del(rig.offload, PORT2);
    }
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-peer-self", test_offload_peer_self);

/* It is not known whether the NIC has a rule that outputs to a port which
 * goes: first of all the rule's own port is flushed. */
static void
test_offload_peer_unsure(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = peers;
    struct rig_flow *flow;
    struct rig rig;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    config.put_unsure = config.flush_failed = 1000;
    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    flow = rig_flow_create(PORT1, 1, odp_to_u32(PORT2));
    rig_put(&rig, 0, flow);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_UNSURE);
    while (dp_dummy_nic_n_flushes(rig.nic) < 12) {
        xnanosleep(1000 * 1000);        /* The next one is seconds away. */
    }
    config.put_unsure = config.flush_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_del(rig.offload, PORT2);
    dp_offload_drain(rig.offload);
    ovs_assert(rig_is_marked(&rig, flow));

    /* Without success: nobody waits for ever.  The NIC does not look. */
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_NONE);
    dp_offload_drain(rig.offload);
    config.flush_failed = 1000;
    config.del_failed = 1000;
    config.peers = false;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_del(rig.offload, PORT2);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_UNSURE);
    config.flush_failed = config.del_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_restart(rig.offload, PORT1);
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-peer-unsure", test_offload_peer_unsure);

static void *
remove_port2(void *rig_)
{
    struct rig *rig = rig_;

    dp_offload_port_del(rig->offload, PORT2);
    return NULL;
}

/* A rule that is on its way into the NIC when the port that it outputs to is
 * removed. */
static void
test_offload_peer_late(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = peers;
    struct rig_flow *flow;
    pthread_t thread;
    struct rig rig;

    config.late = 1000;
    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    for (int i = 0; i < 50; i++) {
        flow = rig_flow_create(PORT1, i, odp_to_u32(PORT2));
        dp_dummy_nic_hold(rig.nic, i % 2);
        rig_put(&rig, 0, flow);
        while (i % 2 && !dp_dummy_nic_n_held(rig.nic)) {
            xnanosleep(100 * 1000);
        }
        thread = ovs_thread_create("remove", remove_port2, &rig);
        dp_dummy_nic_hold(rig.nic, false);
        ovsrcu_quiesce_start();
        xpthread_join(thread, NULL);
        ovsrcu_quiesce_end();
        dp_offload_drain(rig.offload);
        ovs_assert(rig_is_marked(&rig, flow));
        ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
        rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_NONE);
        rig_del(&rig, 0, flow);
        rig_flow_destroy(flow);
    }
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-peer-late", test_offload_peer_late);

/* Changes come before arrivals. */

/* Waits until the NIC has 'flow' with 'output'. */
static void
wait_output(struct rig *rig, const struct rig_flow *flow, uint32_t output)
{
    uint32_t mark, now;

    while (!dp_dummy_nic_find(rig->nic, flow->in_port, &flow->mega_ufid,
                              &mark, &now) || now != output) {
        xnanosleep(1000 * 1000);
    }
}

/* While thousands of rules of one port wait to be put into a slow NIC, those
 * of another are changed, and it is removed.  Counts puts, not time. */
static void
test_offload_urgent(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N = 3000, N_WHOLE = 100, FEW = 300 };
    struct dp_dummy_config config = { .mark_bits = 24, .whole = true };
    struct rig_flow *whole[N_WHOLE];
    struct rig_flow **flows;
    uint64_t n_puts, n_dels;
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    for (unsigned int i = 0; i < N_WHOLE; i++) {
        whole[i] = rig_flow_create(PORT1, i, 4);
        rig_put(&rig, 0, whole[i]);
    }
    dp_offload_drain(rig.offload);

    config.delay_us = 1000;
    dp_dummy_nic_set_config(rig.nic, &config);
    flows = xmalloc(N * sizeof *flows);
    for (size_t i = 0; i < N; i++) {
        flows[i] = rig_flow_create(PORT2, i, 3);
        rig_put(&rig, 0, flows[i]);
    }
    n_puts = dp_dummy_nic_n_puts(rig.nic);
    rig_modify(&rig, whole[0], 6);
    wait_output(&rig, whole[0], 6);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) - n_puts < FEW);

    /* All of its rules with one flush. */
    n_puts = dp_dummy_nic_n_puts(rig.nic);
    n_dels = dp_dummy_nic_n_dels(rig.nic);
    dp_offload_port_del(rig.offload, PORT1);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) - n_puts < FEW);
    ovs_assert(dp_dummy_nic_n_dels(rig.nic) == n_dels);
    ovs_assert(dp_dummy_nic_n_flushes(rig.nic) == 1);

    config.delay_us = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    for (unsigned int i = 0; i < N_WHOLE; i++) {
        rig_del(&rig, 0, whole[i]);
        rig_flow_destroy(whole[i]);
    }
    del_many(&rig, flows, N);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-urgent", test_offload_urgent);
