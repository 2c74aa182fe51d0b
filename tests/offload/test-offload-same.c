/* SPDX-License-Identifier: Apache-2.0 */

/* "Same packets": what leaves the switch with offloading is byte for byte, and
 * for each connection in order, what leaves it without.  The twin rig compares
 * after each step; here is what happens to the switches meanwhile: flows come,
 * change and go; ports are restarted, with more or fewer queues, and removed;
 * offloading is switched off and on; the number of workers changes; the NIC is
 * full, refuses, fails, forgets its rules and answers late.
 *
 *     tests/dptest offload-same-... soak PACKETS     says how fast it was
 *     DPTEST_SHARE=N     one Nth of the packets
 *
 * With sanitizers it is one twentieth by itself. */

#include <config.h>
#undef NDEBUG
#include "tests/offload/twin-rig.h"

#include <unistd.h>

#include "dp-packet.h"
#include "offload/dp-offload.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "random.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHARE "20"
#else
#define SHARE "1"
#endif

struct plan {
    struct dp_dummy_config config;
    uint64_t n_packets;
    uint64_t min_puts;              /* That the NIC must have seen; how many
                                     * packets that takes depends on who gets
                                     * the CPU. */
    unsigned int max_waiting;       /* In flight, per port. */
    bool ports;                     /* Restart and remove ports. */
    bool faults;                    /* Change what the NIC does wrong. */
    bool hold;                      /* The NIC completes nothing at all. */
};

/* Changes something for the engine as a whole. */
static void
churn_control(struct twin *twin, const struct plan *plan)
{
    int port = 1 + random_range(TWIN_N_PORTS);
    struct dp_dummy_config config;

    switch (random_range(10)) {
    case 0:
    case 1:
        if (plan->ports) {
            twin_toggle_port(twin, port);
        }
        break;
    case 2:
        if (plan->ports) {
            twin_restart_port(twin, port, 1 + random_range(TWIN_MAX_RXQS),
                              random_range(2));
        }
        break;
    case 3:
        twin_set_offload(twin, random_range(3));
        break;
    case 4:
    case 5:
        twin_set_offload(twin, true);
        break;
    case 6:
        if (plan->hold) {
            break;
        }
        dp_offload_set_n_workers(twin_engine(twin), 1 + random_range(4));
        break;
    case 7:
        if (plan->faults) {
            config = plan->config;
            config.put_refused = random_range(2) * random_range(100);
            config.put_busy = random_range(2) * random_range(200);
            config.del_failed = random_range(2) * random_range(300);
            config.late = random_range(2) * random_range(500);
            config.capacity = random_range(2) * random_range(100);
            config.restart = random_range(3);
            dp_dummy_nic_set_config(twin->nic, &config);
        }
        break;
    default:
        for (int s = 0; s < TWIN_N_SIDES; s++) {
            struct dp_shared *shared = &twin->sides[s].shared;

            atomic_store_relaxed(&shared->smc_enable, random_range(2));
            atomic_store_relaxed(&shared->emc_insert_inv,
                                 random_range(2));
        }
        break;
    }
}

static void
churn(struct twin *twin, const struct plan *plan)
{
    unsigned int group = random_range(TWIN_N_GROUPS);

    if (!random_range(4)) {
        switch (random_range(3)) {
        case 0:
            twin_bump(twin, group, true);
            break;
        case 1:
            twin_bump(twin, group, false);
            break;
        default:
            twin_forget(twin, group);
            break;
        }
    }
    if (!random_range(300)) {
        churn_control(twin, plan);
    }
}

static bool
is_done(struct twin *twin, const struct plan *plan)
{
    return (twin->n_packets >= plan->n_packets
            && (dp_dummy_nic_n_puts(twin->nic) >= plan->min_puts
                || twin->n_packets >= 10 * plan->n_packets));
}

/* Rings fill up to a random level, then run dry, and so on. */
static void
drive(struct twin *twin, const struct plan *plan)
{
    size_t n_waiting = 0, level = 0;
    bool filling = true;

    while (!is_done(twin, plan)) {
        for (int port = 1; port <= TWIN_N_RX_PORTS; port++) {
            if (filling || random_range(2)) {
                twin_arrive(twin, port, random_range(filling ? 300 : 40));
            }
        }
        do {
            n_waiting = twin_step(twin, 1 + random_range(NETDEV_MAX_BURST));
        } while (n_waiting && (twin->whole || !random_range(30)));
        if (filling && n_waiting >= level) {
            filling = false;
        } else if (!filling && !n_waiting) {
            filling = true;
            level = random_range(3) ? 0 : random_range(plan->max_waiting);
        }
        churn(twin, plan);
        ovsrcu_quiesce();
    }
    while (twin_step(twin, NETDEV_MAX_BURST)) {
        continue;
    }
}

static void
run(const struct plan *plan_, int argc, char *argv[])
{
    bool soak = argc > 2 && !strcmp(argv[1], "soak");
    const char *env = getenv("DPTEST_SHARE");
    int share = MAX(atoi(env ? env : SHARE), 1);
    struct plan plan = *plan_;
    uint64_t n_hits, n_puts;
    long long int start;
    struct twin *twin;

    if (soak) {
        plan.n_packets = strtoull(argv[2], NULL, 10);
        plan.min_puts = plan_->min_puts * MIN(1, plan.n_packets
                                                 / plan_->n_packets);
    } else {
        plan.n_packets /= share;
        plan.min_puts /= share;
    }
    alarm(soak ? 0 : 900);          /* More than a test usually takes. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    random_set_seed(soak ? time_usec() | 1 : 4);
    twin = twin_create(&plan.config);
    dp_dummy_nic_hold(twin->nic, plan.hold);
    start = time_msec();
    drive(twin, &plan);
    start = time_msec() - start;
    n_hits = twin_n_hits(twin);
    n_puts = dp_dummy_nic_n_puts(twin->nic);
    printf("%"PRIu64" packets, %"PRIu64" with a mark, %"PRIu64" of which took "
           "the short way, %"PRIu64" forwarded by the NIC, %"PRIu64" outputs "
           "equal; %"PRIu64" rules put; longest poll %"PRIu64" us, longest in "
           "which it waited %"PRIu64" us\n"
           "%.0f packets/s\n",
           twin->n_packets, twin->n_marked, n_hits, twin->n_direct,
           twin->n_sent, n_puts, twin->worst_us, twin->worst_blocked_us,
           twin->n_packets * 1000.0 / MAX(start, 1));

    /* It was not the software path all the time. */
    ovs_assert(plan.min_puts
               ? n_hits + twin->n_direct > twin->n_packets / 100
               : !n_puts || !plan.hold);
    ovs_assert(twin->n_sent > twin->n_packets / 4);
    ovs_assert(n_puts >= plan.min_puts);

    dp_dummy_nic_hold(twin->nic, false);
    plan.config.delay_us = 0;
    dp_dummy_nic_set_config(twin->nic, &plan.config);
    twin_destroy(twin);
}

/* P1 to P12, L1, L7, L16, L20: all kinds of churn. */
static void
test_offload_same(int argc, char *argv[])
{
    const struct plan plan = {
        .config = { .mark_bits = 16 },
        .n_packets = 10 * 1000 * 1000,
        .min_puts = 10000,
        .max_waiting = 4096,
        .ports = true,
        .faults = true,
    };

    run(&plan, argc, argv);
}
DPTEST_REGISTER("offload-same-P1-P12-L7-L16-L20", test_offload_same);

/* L1, "no stranger": with marks of 4 bits each mark is soon given to another
 * rule, while up to 4,096 packets wait that may have the old one. */
static void
test_offload_same_marks(int argc, char *argv[])
{
    const struct plan plan = {
        .config = { .mark_bits = 4 },
        .n_packets = 2 * 1000 * 1000,
        .min_puts = 300,
        .max_waiting = 4096,
        .ports = true,
        .faults = true,
    };

    run(&plan, argc, argv);
}
DPTEST_REGISTER("offload-same-marks-L1-L14", test_offload_same_marks);

/* With a NIC that runs some rules whole.  Its packets overtake those that
 * wait, so only the bytes are compared, not the order. */
static void
test_offload_same_whole(int argc, char *argv[])
{
    const struct plan plan = {
        .config = { .mark_bits = 16, .whole = true },
        .n_packets = 1000 * 1000,
        .min_puts = 1000,
        .max_waiting = 1024,
        .faults = true,
    };

    run(&plan, argc, argv);
}
DPTEST_REGISTER("offload-same-whole", test_offload_same_whole);

/* "Never wait": all workers are stuck in the provider for as long as the
 * packets last, and packets, new flows, changes and removals go on; if a lane
 * waited for the provider, this would never end. */
static void
test_offload_never_wait_held(int argc, char *argv[])
{
    const struct plan plan = {
        .config = { .mark_bits = 16 },
        .n_packets = 300 * 1000,
        .max_waiting = 1024,
        .hold = true,
    };

    run(&plan, argc, argv);
}
DPTEST_REGISTER("offload-never-wait-held-R14", test_offload_never_wait_held);

/* The same with 100 ms for each rule.  Prints the longest poll; a time is not
 * checked, because a machine that does other things may take the CPU away. */
static void
test_offload_never_wait_slow(int argc, char *argv[])
{
    const struct plan plan = {
        .config = { .mark_bits = 16, .delay_us = 100000 },
        .n_packets = 300 * 1000,
        .max_waiting = 1024,
    };

    run(&plan, argc, argv);
}
DPTEST_REGISTER("offload-never-wait-slow", test_offload_never_wait_slow);
