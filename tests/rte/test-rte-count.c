/* SPDX-License-Identifier: Apache-2.0 */

/* Every packet that the NIC forwards is told: with the flow, or afterwards.
 * What the flows have been told in all must be what the sink got.  DPDK can be
 * initialised once in a process, so these are tests of their own. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-offload-rte.h"

#include "ovs-thread.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

enum { N_ROUNDS = 150 };

struct poller {
    struct sim *sim;
    struct ovs_mutex mutex;             /* Held while it polls. */
    atomic_bool exit;
};

static void *
poll_main(void *poller_)
{
    struct poller *poller = poller_;
    bool exiting = false;

    while (!exiting) {
        ovs_mutex_lock(&poller->mutex);
        sim_count(poller->sim, 8);
        ovs_mutex_unlock(&poller->mutex);
        sched_yield();
        atomic_read_relaxed(&poller->exit, &exiting);
    }
    return NULL;
}

static uint64_t
sink_packets(const struct sim *sim)
{
    struct netdev_stats stats;

    ovs_assert(!netdev_get_stats(sim->netdevs[1], &stats));
    return stats.tx_packets;
}

/* Waits until the sink has got more. */
static void
wait_for_packets(const struct sim *sim)
{
    uint64_t n = sink_packets(sim);

    while (sink_packets(sim) < n + 100) {
        xnanosleep(100 * 1000);
    }
}

/* Removes all flows, in the order in which the NIC has the least time, and
 * returns what they tell. */
static uint64_t
remove_all(struct sim *sim)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < sim->n_flows; i++) {
        struct dpif_flow_stats stats;

        dp_offload_flow_del(sim->offload, sim->lane, sim->flows[i],
                            &sim->flows[i]->mega_ufid, &stats);
        n += stats.n_packets;
    }
    dp_offload_drain(sim->offload);
    ovs_assert(!dp_offload_n_rules(sim->offload));
    return n;
}

/* Starts an engine with a generator, which gets 'devargs', and a sink, and
 * learns flows from the one to the other, which have not come yet. */
static void
begin(struct sim *sim, const char *devargs)
{
    simnic_plugin_init();
    simnic_plugin_offload();
    sim->netdevs[0] = sim_open("p0", devargs);
    sim->netdevs[1] = sim_open("p1", "net_simnic1,mode=sink,switch=3");
    ovs_assert(!netdev_rxq_open(sim->netdevs[0], &sim->rxq, 0));
    sim_init(sim, 1);
    ovs_assert(!dp_offload_port_add(sim->offload, PORT0, sim->netdevs[0]));
    ovs_assert(!dp_offload_port_add(sim->offload, PORT1, sim->netdevs[1]));
    sim_receive(sim, 200, sim_learn, sim);
    for (unsigned int i = 0; i < sim->n_flows; i++) {
        atomic_store_relaxed(&sim->flows[i]->output, odp_to_u32(PORT1));
    }
}

static void
end(struct sim *sim)
{
    sim_forget(sim);
    dp_offload_check(sim->offload);
    sim_uninit(sim);
}

/* While a thread polls, rules come and go, change, and are lost when the port
 * is restarted. */
static void
test_rte_count(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct sim sim = { .n_flows = 0 };
    struct poller poller = { .sim = &sim };
    uint64_t n_told = 0, n_late;
    pthread_t thread;

    begin(&sim, "net_simnic0,mode=gen,streams=200,megaflows=20,switch=3");

    ovs_mutex_init(&poller.mutex);
    atomic_init(&poller.exit, false);
    thread = ovs_thread_create("poller", poll_main, &poller);
    for (int i = 0; i < N_ROUNDS; i++) {
        sim_put(&sim);
        wait_for_packets(&sim);
        if (i % 3 == 1) {
            sim_modify(&sim, 9);
            sim_modify(&sim, odp_to_u32(PORT1));
            wait_for_packets(&sim);
        } else if (i % 3 == 2) {
            ovs_mutex_lock(&poller.mutex);
            dp_offload_port_restart(sim.offload, PORT0);
            ovs_mutex_unlock(&poller.mutex);
            wait_for_packets(&sim);
        }
        n_told += remove_all(&sim);
        atomic_read_relaxed(&sim.n_late, &n_late);
        if (n_told + n_late != sink_packets(&sim)) {
            dptest_fail("round %d: %"PRIu64" packets told, %"PRIu64" of them "
                        "late; the sink has %"PRIu64, i, n_told + n_late,
                        n_late, sink_packets(&sim));
        }
    }
    ovs_assert(n_late);
    atomic_store_relaxed(&poller.exit, true);
    xpthread_join(thread, NULL);
    ovs_mutex_destroy(&poller.mutex);
    end(&sim);
}
DPTEST_REGISTER("rte-count", test_rte_count);

/* Fails unless the flows have what the sink has got. */
static void
check_told(const struct sim *sim, const char *when)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < sim->n_flows; i++) {
        struct dpif_flow_stats stats;

        dp_offload_flow_get(sim->offload, sim->flows[i],
                            &sim->flows[i]->mega_ufid, &stats, NULL);
        n += stats.n_packets;
    }
    if (n != sink_packets(sim)) {
        dptest_fail("%s: %"PRIu64" packets told; the sink has %"PRIu64,
                    when, n, sink_packets(sim));
    }
}

/* The NIC has counters that outlive their rules for half of them: nobody polls
 * while all leave at once, and the others have their last counts, too. */
static void
test_rte_count_few(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct sim sim = { .n_flows = 0 };

    begin(&sim, "net_simnic0,mode=gen,streams=200,megaflows=20,switch=3,"
          "counters=10");
    sim_put(&sim);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    sim_count(&sim, 50);
    dp_offload_port_restart(sim.offload, PORT0);
    ovs_assert(sink_packets(&sim));
    check_told(&sim, "restart");

    dp_offload_drain(sim.offload);
    sim_expect_why(&sim, DP_OFFLOAD_WHY_NONE);
    sim_count(&sim, 50);
    dp_offload_port_del(sim.offload, PORT0);
    check_told(&sim, "removal");
    end(&sim);
}
DPTEST_REGISTER("rte-count-few", test_rte_count_few);
