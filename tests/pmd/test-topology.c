/* SPDX-License-Identifier: Apache-2.0 */

/* Ports, PMD threads and the topology, with netdevs of our own and four dummy
 * cores on two nodes.  Packets go through a queue, a lane and out of a port;
 * threads are parked, resumed and ended under traffic; ports and cores come
 * and go, and after each change the whole is checked against what was asked
 * for. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-topology.h"

#include <errno.h>

#include "dp-packet.h"
#include "flow.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/pmd/topology-rig.h"
#include "timeval.h"
#include "util.h"

static struct dp_topology *topology;    /* Of the rig. */

/* One port, without anybody who polls it. */
static void
check_port(void)
{
    struct fake *fake = fake_open("p", "fake-pmd", 3);
    struct dp_port *port;
    bool emc;

    fake->loopback = true;
    ovs_assert(dp_port_create(&fake->up, "fake-pmd", u32_to_odp(1), &port)
               == EINVAL);
    fake->loopback = false;
    ovs_assert(!dp_port_create(&fake->up, "fake-pmd", u32_to_odp(1), &port));
    ovs_assert(port->need_reconfigure && !port->n_rxq && !port->attached);

    ovs_assert(dp_port_set_config(port, "0:1, 2:3", false, true));
    ovs_assert(!dp_port_set_config(port, "0:1, 2:3", false, true));
    ovs_assert(!dp_port_reconfigure(port, NULL));
    ovs_assert(!port->need_reconfigure && port->n_rxq == 3);
    for (int i = 0; i < 3; i++) {
        ovs_assert(port->rxqs[i].port == port && port->rxqs[i].queue_id == i
                   && port->rxqs[i].enabled && !port->rxqs[i].pmd);
        ovs_assert(!dp_rxq_check(&port->rxqs[i]));
    }
    ovs_assert(port->rxqs[0].pinned_core == 1);
    ovs_assert(port->rxqs[1].pinned_core == OVS_CORE_UNSPEC);
    ovs_assert(port->rxqs[2].pinned_core == 3);

    /* The EMC is no reason to assign queues anew, the rest is. */
    ovs_assert(!dp_port_set_config(port, "0:1, 2:3", false, false));
    atomic_read_relaxed(&port->emc_enabled, &emc);
    ovs_assert(!emc);
    ovs_assert(dp_port_set_config(port, "0:1, 2:3", true, false));
    ovs_assert(port->by_hash);
    ovs_assert(dp_port_set_config(port, "0:1, 2", true, false));
    ovs_assert(port->rxqs[0].pinned_core == OVS_CORE_UNSPEC);
    ovs_assert(dp_port_set_config(port, NULL, true, false));

    /* Without queues it is of no use, and can be destroyed. */
    fake->broken = true;
    ovs_assert(dp_port_reconfigure(port, NULL) == EIO && !port->n_rxq);
    dp_port_destroy(port);
    netdev_close(&fake->up);
}

/* One thread: parked, it touches nothing; resumed, it goes on. */
static void
check_pmd(void)
{
    struct fake *in = fake_open("in", "fake-pmd", 1);
    struct fake *out = fake_open("out", "fake-pmd", 1);
    struct dp_port *port, *out_port;
    struct dp_rxq *rxq;
    struct dp_pmd *pmd;
    struct rig rig;

    rig_open(&rig);
    ovs_assert(!dp_port_create(&in->up, "fake-pmd", u32_to_odp(1), &port));
    ovs_assert(!dp_port_create(&out->up, "fake-pmd", u32_to_odp(OUT_PORT),
                               &out_port));
    ovs_assert(!dp_port_reconfigure(port, NULL));
    ovs_assert(!dp_port_reconfigure(out_port, NULL));
    dp_txqs_configure(&out_port->txqs, DP_TXQ_STATIC, 1);

    pmd = dp_pmd_create(&rig.shared, 2, 1, &rig.topology.lane_key);
    ovs_assert(!dp_pmd_is_main(pmd) && pmd->lane.core_id == 2
               && pmd->lane.numa_id == 1);
    dp_pmd_start(pmd);
    dp_pmd_park(pmd);
    rxq = &port->rxqs[0];
    rxq->pmd = pmd;
    dp_pmd_set_polls(pmd, xmemdup(&rxq, sizeof rxq), 1);
    dp_tx_add_port(&pmd->lane.tx, u32_to_odp(OUT_PORT), &out->up,
                   &out_port->txqs);
    fake_inject(in, 0, 100);
    xnanosleep(20 * 1000 * 1000);
    ovs_assert(!atomic_count_get(&in->n_received));

    dp_pmd_resume(pmd);
    rig_wait_for(&out->n_sent, 100);
    ovs_assert(atomic_count_get(&rig.n_upcalls) == 1);

    for (int i = 1; i <= 200; i++) {
        unsigned int n;

        fake_inject(in, 0, 50);
        dp_pmd_park(pmd);
        n = atomic_count_get(&in->n_received);
        ovs_assert(atomic_count_get(&out->n_sent) == n);
        ovs_assert(n <= 100 + 50 * i);
        dp_pmd_park(pmd);               /* Twice is as good as once. */
        ovs_assert(atomic_count_get(&in->n_received) == n);
        dp_pmd_resume(pmd);
    }
    rig_wait_for(&out->n_sent, 100 + 50 * 200);

    /* It goes with the last reference, not with its thread. */
    dp_pmd_park(pmd);
    rxq->pmd = NULL;
    dp_pmd_drop_polls(pmd);
    ovs_assert(!pmd->n_polls);
    dp_tx_del_port(&pmd->lane, u32_to_odp(OUT_PORT));
    dp_pmd_stop(pmd);
    dp_lane_flush_flows(&pmd->lane);
    ovs_assert(dp_pmd_try_ref(pmd));
    dp_pmd_unref(pmd);
    ovs_assert(pmd->lane.core_id == 2);
    dp_pmd_unref(pmd);
    ovs_assert(!dp_pmd_try_ref(pmd));

    dp_port_destroy(port);
    dp_port_destroy(out_port);
    rig_close(&rig);
    netdev_close(&in->up);
    netdev_close(&out->up);
}

static void
check_shapes(void)
{
    struct fake *in = fake_open("in", "fake-pmd", 4);
    struct fake *out = fake_open("out", "fake-pmd", 1);
    struct fake *slow = fake_open("slow", "fake", 2);
    struct fake *bad = fake_open("bad", "fake-pmd", 1);
    struct rig rig;

    rig_open(&rig);
    rig_expect_lanes(&rig, "");
    ovs_assert(!rig_add_port(&rig, slow, 3));
    rig_expect_lanes(&rig, "");
    ovs_assert(rig.topology.main->n_polls == 2);

    /* Without a mask: a core on each node.  The port's node is 0. */
    ovs_assert(!rig_add_port(&rig, in, 1));
    rig_expect_lanes(&rig, "0:4 2:0");
    rig_set_cpu_mask(&rig, "0xf");
    rig_expect_lanes(&rig, "0:2 1:2 2:0 3:0");
    ovs_assert(!rig_add_port(&rig, out, OUT_PORT));
    rig_expect_lanes(&rig, "0:3 1:2 2:0 3:0");

    /* A port that fails is gone, and the others are as before. */
    bad->broken = true;
    ovs_assert(rig_add_port(&rig, bad, 4) == EINVAL);
    ovs_assert(!dp_topology_port(&rig.topology, u32_to_odp(4)));
    ovs_assert(!rig.topology.n_lost);
    rig_expect_lanes(&rig, "0:3 1:2 2:0 3:0");

    /* No core on its node: any will do.  The lanes that go are purged. */
    ovs_assert(!rig.n_purged);
    rig_set_cpu_mask(&rig, "0xc");
    rig_expect_lanes(&rig, "2:3 3:2");
    ovs_assert(rig.n_purged == 2 && rig.purged[0] == 0 && rig.purged[1] == 1);

    /* The last port for PMD threads takes them with it. */
    rig_del_port(&rig, 1);
    rig_expect_lanes(&rig, "2:1 3:0");
    rig_del_port(&rig, OUT_PORT);
    rig_expect_lanes(&rig, "");
    ovs_assert(rig.n_purged == 4 && rig.topology.main->n_polls == 2);
    rig_close(&rig);

    netdev_close(&in->up);
    netdev_close(&out->up);
    netdev_close(&slow->up);
    netdev_close(&bad->up);
}

/* A thread does its housekeeping, which makes it quiescent, by the clock if
 * its iterations are long. */
static void
check_housekeeping(void)
{
    struct fake *in = fake_open("in", "fake-pmd", 1);
    struct rig rig;

    rig_open(&rig);
    in->recv_ns = 1000 * 1000;
    fake_inject(in, 0, 300);
    ovs_assert(!rig_add_port(&rig, in, 1));
    rig_wait_for(&in->n_received, 300);
    rig_del_port(&rig, 1);
    ovs_assert(atomic_count_get(&in->max_unchecked) > 0
               && atomic_count_get(&in->max_unchecked) < 50);
    rig_close(&rig);
    netdev_close(&in->up);
}

/* Brings the topology into shape once a netdev has asked for it, and returns
 * how many ports were lost. */
static uint64_t
reconfigure_when_asked(struct rig *rig)
{
    struct dp_topology *t = &rig->topology;
    long long int end = time_msec() + WAIT_MS;
    uint64_t n_lost;

    ovs_mutex_lock(&t->mutex);
    while (!dp_topology_needs_reconfigure(t)) {
        ovs_mutex_unlock(&t->mutex);
        if (time_msec() > end) {
            dptest_fail("nobody asks for a reconfiguration");
        }
        ovsrcu_quiesce();
        xnanosleep(1000000);
        ovs_mutex_lock(&t->mutex);
    }
    n_lost = t->n_lost;
    dp_topology_reconfigure(t);
    n_lost = t->n_lost - n_lost;
    ovs_mutex_unlock(&t->mutex);
    rig_check(rig);
    return n_lost;
}

/* Waits until all 'n_rxq' queues of port 'port_no' are dead. */
static void
wait_until_dead(struct rig *rig, uint32_t port_no, int n_rxq)
{
    struct dp_port *port = dp_topology_port(&rig->topology,
                                            u32_to_odp(port_no));
    long long int end = time_msec() + WAIT_MS;
    int n;

    do {
        if (time_msec() > end) {
            dptest_fail("the queues stay alive");
        }
        ovsrcu_quiesce();
        xnanosleep(1000000);
        n = 0;
        for (int i = 0; i < n_rxq; i++) {
            int error;

            atomic_read(&port->rxqs[i].error, &error);
            n += error != 0;
        }
    } while (n < n_rxq);
}

/* A device that goes takes its port with it, after one look at each queue; an
 * error that may pass does not.  The port can come back. */
static void
check_death(const char *type, int error)
{
    struct fake *in = fake_open("in", type, 2);
    struct fake *out = fake_open("out", type, 1);
    bool is_pmd = netdev_is_pmd(&in->up);
    struct rig rig;

    rig_open(&rig);
    ovs_assert(!rig_add_port(&rig, out, OUT_PORT));
    ovs_assert(!rig_add_port(&rig, in, 1));
    atomic_store(&in->error, ENETDOWN);
    if (is_pmd) {
        rig_wait_for_at_least(&in->n_errors, 100);
    } else {
        dp_topology_poll_main(&rig.topology);
    }
    atomic_store(&in->error, 0);
    ovs_mutex_lock(&rig.topology.mutex);
    ovs_assert(!dp_topology_needs_reconfigure(&rig.topology));
    ovs_assert(!dp_port_death(dp_topology_port(&rig.topology,
                                               u32_to_odp(1))));
    ovs_mutex_unlock(&rig.topology.mutex);

    atomic_store(&in->error, error);
    if (is_pmd) {
        unsigned int n;

        wait_until_dead(&rig, 1, in->want_rxq);
        n = atomic_count_get(&in->n_errors);
        fake_inject(out, 0, 5000);      /* The lane goes on. */
        rig_wait_for(&out->n_received, 5000);
        ovs_assert(atomic_count_get(&in->n_errors) == n);
    } else {
        dp_topology_poll_main(&rig.topology);
    }
    ovs_assert(reconfigure_when_asked(&rig) == 1);
    ovs_assert(!dp_topology_port(&rig.topology, u32_to_odp(1)));
    ovs_assert(dp_topology_port(&rig.topology, u32_to_odp(OUT_PORT)));

    atomic_store(&in->error, 0);
    ovs_assert(!rig_add_port(&rig, in, 1));
    atomic_count_set(&out->n_sent, 0);
    fake_inject(in, 1, 1);
    dp_topology_poll_main(&rig.topology);
    rig_wait_for(&out->n_sent, 1);
    rig_close(&rig);
    netdev_close(&in->up);
    netdev_close(&out->up);
}

static bool main_was_held;

/* If the lane was asked for something, whoever asked must not keep others out
 * of the main lane while he waits.  (A packet may need a lock on its way,
 * whose holder wants to send from the main lane.) */
static void
look_at_main(struct fake *fake OVS_UNUSED)
{
    static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
    struct dp_lane *lane = ovsthread_getspecific(topology->lane_key);
    struct ovs_mutex *main_mutex = &topology->main->lane.main_mutex;
    struct dp_pmd *pmd = CONTAINER_OF(lane, struct dp_pmd, lane);
    int command;

    atomic_read_relaxed(&pmd->command, &command);
    if (command != DP_PMD_RUN) {
        ovs_mutex_lock(&mutex);         /* One lane after the other. */
        if (!ovs_mutex_trylock(main_mutex)) {
            ovs_mutex_unlock(main_mutex);
        } else {
            main_was_held = true;
        }
        ovs_mutex_unlock(&mutex);
    }
}

/* Threads are waited for before the main lane is taken, parked or not. */
static void
check_parking(void)
{
    static const char *masks[] = { "0xf", "0x7" };
    struct fake *in = fake_open("in", "fake-pmd", MAX_RXQS);
    struct fake *extra = fake_open("extra", "fake-pmd", 1);
    struct rig rig;

    rig_open(&rig);
    topology = &rig.topology;
    rig_set_cpu_mask(&rig, "0xf");
    in->recv_ns = 1000 * 1000;
    in->on_recv = look_at_main;
    ovs_assert(!rig_add_port(&rig, in, 1));
    for (int i = 0; i < 20; i++) {
        ovs_assert(!rig_add_port(&rig, extra, 2));
        rig_del_port(&rig, 2);
        rig.n_purged = 0;
        rig_set_cpu_mask(&rig, masks[i % ARRAY_SIZE(masks)]);
    }
    rig_close(&rig);
    ovs_assert(!main_was_held);
    netdev_close(&in->up);
    netdev_close(&extra->up);
}

/* Ports that go because they can't be reconfigured, while all ports are
 * deleted. */
static void
check_broken(void)
{
    struct fake *fakes[8];
    struct rig rig;

    rig_open(&rig);
    for (int i = 0; i < ARRAY_SIZE(fakes); i++) {
        char name[16];

        snprintf(name, sizeof name, "p%d", i);
        fakes[i] = fake_open(name, "fake", 1);
        ovs_assert(!rig_add_port(&rig, fakes[i], i + 1));
    }
    for (int i = 0; i < ARRAY_SIZE(fakes); i++) {
        fakes[i]->broken = true;
        netdev_request_reconfigure(&fakes[i]->up);
    }
    rig_close(&rig);
    for (int i = 0; i < ARRAY_SIZE(fakes); i++) {
        netdev_close(&fakes[i]->up);
    }
}

static uint64_t stall_cycles;

/* Makes it look to the lane as if 'stall_cycles' more had gone by, once. */
static void
stall(struct fake *fake)
{
    struct dp_lane *lane = ovsthread_getspecific(topology->lane_key);

    lane->perf.start_tsc -= stall_cycles;
    lane->booked_at -= stall_cycles;
    fake->on_recv = NULL;
}

/* A thread stood still for 'cycles', because the machine was paused say, while
 * 'n' packets arrived: nobody believes that it worked so long. */
static void
check_stall(uint64_t cycles, unsigned int n)
{
    struct fake *in = fake_open("in", "fake-pmd", 1);
    struct dp_pmd *pmd;
    uint64_t stats[PMD_N_STATS];
    uint64_t load, began = time_msec();
    struct dp_port *port;
    struct rig rig;

    rig_open(&rig);
    topology = &rig.topology;
    stall_cycles = cycles;
    in->on_recv = stall;
    fake_inject(in, 0, n);
    ovs_assert(!rig_add_port(&rig, in, 1));
    rig_wait_for(&in->n_received, n);
    fake_inject(in, 0, 1);
    rig_wait_for(&in->n_received, n + 1);

    ovs_mutex_lock(&rig.topology.mutex);
    port = dp_topology_port(&rig.topology, u32_to_odp(1));
    pmd = port->rxqs[0].pmd;
    dp_pmd_park(pmd);
    load = dp_rxq_load_current(&port->rxqs[0].load);
    pmd_perf_read_counters(&pmd->lane.perf, stats);
    dp_pmd_resume(pmd);
    ovs_mutex_unlock(&rig.topology.mutex);

    /* No processor does 10 cycles in a nanosecond. */
    uint64_t max = INT_MAX + (time_msec() - began + 1) * 10 * 1000 * 1000;
    ovs_assert(stats[PMD_CYCLES_ITER_BUSY] + stats[PMD_CYCLES_ITER_IDLE]
               <= max);
    ovs_assert(stats[PMD_CYCLES_ITER_BUSY] <= max);
    ovs_assert(load <= max);
    rig_del_port(&rig, 1);
    rig_close(&rig);
    netdev_close(&in->up);
}

/* Whatever changes, and however often: each packet that was received by a
 * port that stays has been sent. */
static void
check_traffic(void)
{
    static const char *masks[] = { "0x1", "0x3", "0x5", "0xe", "0xf" };
    struct fake *in = fake_open("in", "fake-pmd", 2);
    struct fake *out = fake_open("out", "fake-pmd", 1);
    struct fake *extra = fake_open("extra", "fake-pmd", 1);
    struct fake *slow = fake_open("slow", "fake", 1);
    unsigned int n = 0;
    struct rig rig;

    rig_open(&rig);
    ovs_assert(!rig_add_port(&rig, out, OUT_PORT));
    ovs_assert(!rig_add_port(&rig, in, 1));
    ovs_assert(!rig_add_port(&rig, slow, 3));
    for (int i = 0; i < 60; i++) {
        struct dp_port *port = dp_topology_port(&rig.topology,
                                                u32_to_odp(2));

        for (int j = 0; j < 2; j++, n += 200) {
            fake_inject(in, j, 200);
        }
        fake_inject(slow, 0, 5);
        n += 5;
        switch (random_range(3)) {
        case 0:
            rig.n_purged = 0;
            rig_set_cpu_mask(&rig, masks[random_range(ARRAY_SIZE(masks))]);
            break;
        case 1:
            if (port) {
                rig_del_port(&rig, 2);
            } else {
                extra->want_rxq = 1 + random_range(MAX_RXQS);
                ovs_assert(!rig_add_port(&rig, extra, 2));
            }
            break;
        case 2:
            /* What the netdev itself asks for. */
            if (port) {
                extra->want_rxq = 1 + random_range(MAX_RXQS);
                netdev_request_reconfigure(&extra->up);
                ovs_mutex_lock(&rig.topology.mutex);
                ovs_assert(dp_topology_needs_reconfigure(&rig.topology));
                dp_topology_reconfigure(&rig.topology);
                ovs_mutex_unlock(&rig.topology.mutex);
            }
            break;
        }
        rig_check(&rig);
        for (int j = 0; j < 5; j++) {
            dp_topology_poll_main(&rig.topology);
        }
        ovsrcu_quiesce();
    }
    rig_wait_for(&in->n_received, n - 60 * 5);
    ovs_assert(atomic_count_get(&slow->n_received) == 60 * 5);
    rig_wait_for(&out->n_sent, n);
    rig_close(&rig);
    netdev_close(&in->up);
    netdev_close(&out->up);
    netdev_close(&extra->up);
    netdev_close(&slow->up);
}

static void
test_topology_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    ovs_numa_set_dummy("0,0,1,1");
    ovs_numa_init();
    random_set_seed(1);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    fake_register();
    check_port();
    check_pmd();
    check_housekeeping();
    check_parking();
    check_broken();
    for (unsigned int n = 0; n <= 1; n++) {
        check_stall(3ULL << 30, n);
        check_stall(7ULL << 30, n);
        check_stall(100ULL << 30, n);
    }
    check_shapes();
    check_death("fake", EBADFD);
    check_death("fake-pmd", ENODEV);
    check_traffic();
}

DPTEST_REGISTER("topology", test_topology_main);
