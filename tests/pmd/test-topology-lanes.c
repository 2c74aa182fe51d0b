/* SPDX-License-Identifier: Apache-2.0 */

/* Ports come, change and go while one lane is held up: others go on. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-topology.h"

#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "tests/dptest.h"
#include "tests/pmd/topology-rig.h"
#include "util.h"

enum { HELD_PORT = 1, FREE_PORT = 2, OTHER_PORT = 10, N_BURSTS = 20 };

static atomic_bool hold;            /* Is the lane of HELD_PORT to be? */
static atomic_count n_held;         /* How often it was. */

static void
wait_while_held(struct fake *fake OVS_UNUSED)
{
    bool held;

    atomic_read(&hold, &held);
    if (held) {
        atomic_count_inc(&n_held);
    }
    while (held) {
        xnanosleep(1000000);
        atomic_read(&hold, &held);
    }
}

static struct dp_pmd *
lane_of(struct rig *rig, uint32_t port_no)
{
    return dp_topology_port(&rig->topology, u32_to_odp(port_no))->rxqs[0].pmd;
}

static void
hold_lane(void)
{
    unsigned int n = atomic_count_get(&n_held);

    atomic_store(&hold, true);
    rig_wait_for_at_least(&n_held, n + 1);
}

/* What the control thread does, in a thread of its own. */
struct change {
    struct rig *rig;
    struct fake *other;
    void (*run)(struct change *);
    atomic_count n_done;
};

static void *
change_main(void *change_)
{
    struct change *change = change_;

    change->run(change);
    atomic_count_inc(&change->n_done);
    return NULL;
}

static void
add_other(struct change *change)
{
    ovs_assert(!rig_add_port(change->rig, change->other, OTHER_PORT));
}

static void
reconfigure_other(struct change *change)
{
    struct dp_topology *t = &change->rig->topology;

    change->other->want_rxq = 3;
    netdev_request_reconfigure(&change->other->up);
    ovs_mutex_lock(&t->mutex);
    dp_topology_reconfigure(t);
    ovs_mutex_unlock(&t->mutex);
}

static void
del_other(struct change *change)
{
    rig_del_port(change->rig, OTHER_PORT);
}

/* Does 'run' while the lane of HELD_PORT is held: nobody takes its queues and
 * ports out of its hands, but the lane of FREE_PORT goes on receiving and
 * sending. */
static void
check_change(struct rig *rig, struct fake *other, struct fake *free_port,
             struct fake *out, void (*run)(struct change *))
{
    struct change change = { .rig = rig, .other = other, .run = run };
    struct dp_pmd *held = lane_of(rig, HELD_PORT);
    unsigned int n = atomic_count_get(&out->n_sent);
    pthread_t thread;
    int command;

    ovs_assert(held != lane_of(rig, FREE_PORT));
    atomic_count_init(&change.n_done, 0);
    hold_lane();
    thread = ovs_thread_create("change", change_main, &change);
    do {
        ovsrcu_quiesce();
        xnanosleep(1000000);
        atomic_read(&held->command, &command);
    } while (command == DP_PMD_RUN);
    for (int i = 0; i < N_BURSTS; i++) {
        fake_inject(free_port, 0, 50);
        n += 50;
        rig_wait_for(&out->n_sent, n);
    }
    ovs_assert(!atomic_count_get(&change.n_done));
    atomic_store(&hold, false);
    rig_wait_for(&change.n_done, 1);
    xpthread_join(thread, NULL);
    rig_check(rig);
}

static void
test_topology_lanes_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct fake *held, *free_port, *out, *other;
    struct rig rig;

    ovs_numa_set_dummy("0,0,1,1");
    ovs_numa_init();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    fake_register();
    held = fake_open("held", "fake-pmd", 1);
    free_port = fake_open("free", "fake-pmd", 1);
    out = fake_open("out", "fake-pmd", 1);
    other = fake_open("other", "fake-pmd", 1);
    atomic_init(&hold, false);
    atomic_count_init(&n_held, 0);
    held->on_recv = wait_while_held;

    rig_open(&rig);
    rig_set_cpu_mask(&rig, "0x3");
    ovs_assert(!rig_add_port(&rig, held, HELD_PORT));
    ovs_assert(!rig_add_port(&rig, free_port, FREE_PORT));
    ovs_assert(!rig_add_port(&rig, out, OUT_PORT));
    for (int i = 0; i < 3; i++) {
        check_change(&rig, other, free_port, out, add_other);
        check_change(&rig, other, free_port, out, reconfigure_other);
        check_change(&rig, other, free_port, out, del_other);
    }
    rig_close(&rig);
    netdev_close(&held->up);
    netdev_close(&free_port->up);
    netdev_close(&out->up);
    netdev_close(&other->up);
}

DPTEST_REGISTER("topology-lanes", test_topology_lanes_main);
