/* SPDX-License-Identifier: Apache-2.0 */

/* The decisions of the automatic load balancer. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-sched-gain.h"

#include "../dptest.h"
#include "ovs-numa.h"
#include "random.h"
#include "util.h"

#define NO_PIN OVS_CORE_UNSPEC

/* A plan with 'n_cores' cores, of which core i is on node 'numas[i]', and the
 * given loads of queues of node 'numa', queue i on core 'on[i]'. */
static void
make_plan(struct dp_sched *plan, const int numas[], size_t n_cores, int numa,
          const uint64_t loads[], const unsigned int on[], size_t n_rxqs)
{
    dp_sched_init(plan);
    for (size_t i = 0; i < n_cores; i++) {
        dp_sched_add_core(plan, i, numas[i]);
    }
    for (size_t i = 0; i < n_rxqs; i++) {
        dp_sched_add_rxq(plan, "p", i, numa, loads[i], NO_PIN, NULL);
    }
    for (size_t i = 0; i < n_rxqs; i++) {
        dp_sched_place(plan, i, on[i], false);
    }
}

static void
check_watch(void)
{
    struct dp_gain_watch watch = { 0 };

    /* Six periods in a row, not five and one. */
    for (int i = 1; i < DP_GAIN_PERIODS; i++) {
        ovs_assert(!dp_gain_watch(&watch, 95, 100, 95));
    }
    ovs_assert(!dp_gain_watch(&watch, 94, 100, 95));
    for (int i = 1; i < DP_GAIN_PERIODS; i++) {
        ovs_assert(!dp_gain_watch(&watch, 95, 100, 95));
    }
    ovs_assert(dp_gain_watch(&watch, 100, 100, 95));
    ovs_assert(dp_gain_watch(&watch, 100, 100, 95));
    ovs_assert(!dp_gain_watch(&watch, 0, 100, 95));

    /* A threshold of 0 is always reached, even by a thread that has not run;
     * huge numbers do no harm. */
    for (int i = 1; i < DP_GAIN_PERIODS; i++) {
        ovs_assert(!dp_gain_watch(&watch, 0, 0, 0));
    }
    ovs_assert(dp_gain_watch(&watch, 0, 0, 0));
    ovs_assert(dp_gain_watch(&watch, UINT64_MAX, UINT64_MAX, 100));
    ovs_assert(!dp_gain_watch(&watch, UINT64_MAX / 2, UINT64_MAX, 51));
}

static enum dp_gain_verdict
precheck(struct dp_gain_memory *memory, const struct dp_sched *plan,
         enum dp_sched_algo algo)
{
    struct dp_gain gain;

    dp_gain_precheck(memory, plan, algo, &gain);
    return gain.verdict;
}

static void
check_precheck(void)
{
    struct dp_gain_memory memory = DP_GAIN_MEMORY_INITIALIZER;
    const uint64_t loads[] = { 1, 2, 3 };
    const unsigned int alone[] = { 0, 0, 0 };
    const unsigned int spread[] = { 0, 1, 1 };
    const int numas[] = { 0, 0 };
    struct dp_sched one, two, three;

    make_plan(&one, numas, 1, 0, loads, alone, 2);
    make_plan(&two, numas, 2, 0, loads, spread, 2);
    make_plan(&three, numas, 2, 0, loads, spread, 3);

    ovs_assert(precheck(&memory, &one, DP_SCHED_CYCLES) == DP_GAIN_TOO_FEW);
    ovs_assert(precheck(&memory, &one, DP_SCHED_CYCLES)
               == DP_GAIN_SAME_CONFIG);
    memory.config_changed = true;
    ovs_assert(precheck(&memory, &two, DP_SCHED_CYCLES) == DP_GAIN_TOO_FEW);
    memory.config_changed = true;
    ovs_assert(precheck(&memory, &three, DP_SCHED_CYCLES) == DP_GAIN_TRY);
    ovs_assert(precheck(&memory, &three, DP_SCHED_CYCLES) == DP_GAIN_TRY);
    memory.config_changed = true;
    ovs_assert(precheck(&memory, &three, DP_SCHED_ROUNDROBIN)
               == DP_GAIN_ROUNDROBIN);
    ovs_assert(precheck(&memory, &three, DP_SCHED_ROUNDROBIN)
               == DP_GAIN_SAME_CONFIG);
    memory.config_changed = true;
    ovs_assert(precheck(&memory, &three, DP_SCHED_GROUP) == DP_GAIN_TRY);

    /* Isolated cores take no part. */
    three.cores[0].isolated = true;
    memory.config_changed = true;
    ovs_assert(precheck(&memory, &three, DP_SCHED_GROUP) == DP_GAIN_TOO_FEW);

    dp_sched_uninit(&one);
    dp_sched_uninit(&two);
    dp_sched_uninit(&three);
}

static struct dp_gain
compare(const struct dp_sched *current, unsigned int threshold)
{
    struct dp_gain gain;
    struct dp_sched dry;

    dp_sched_init(&dry);
    dp_sched_copy(&dry, current);
    dp_sched_run(&dry, DP_SCHED_GROUP, false);
    dp_gain_compare(current, &dry, threshold, &gain);
    dp_sched_uninit(&dry);
    return gain;
}

static void
check_improvement(void)
{
    const uint64_t loads[] = { 40, 30, 20, 10 };
    const unsigned int bad[] = { 0, 0, 1, 1 };      /* 70, 30 */
    const unsigned int best[] = { 0, 1, 1, 0 };     /* 50, 50 */
    const int numas[] = { 0, 0 };
    struct dp_sched plan;
    struct dp_gain gain;

    make_plan(&plan, numas, 2, 0, loads, bad, 4);
    gain = compare(&plan, 25);
    ovs_assert(gain.verdict == DP_GAIN_GO && gain.improvement == 100);
    dp_sched_uninit(&plan);

    make_plan(&plan, numas, 2, 0, loads, best, 4);
    gain = compare(&plan, 25);
    ovs_assert(gain.verdict == DP_GAIN_TOO_SMALL && gain.improvement == 0);
    gain = compare(&plan, 0);
    ovs_assert(gain.verdict == DP_GAIN_GO && gain.improvement == 0);
    dp_sched_uninit(&plan);

    /* 60, 30, 30 becomes 50, 40, 30: variance from 200 to 200/3. */
    {
        const uint64_t loads3[] = { 50, 10, 30, 30 };
        const unsigned int on3[] = { 0, 0, 1, 2 };
        const int numas3[] = { 0, 0, 0 };

        make_plan(&plan, numas3, 3, 0, loads3, on3, 4);
        gain = compare(&plan, 66);
        ovs_assert(gain.verdict == DP_GAIN_GO && gain.improvement == 66);
        gain = compare(&plan, 67);
        ovs_assert(gain.verdict == DP_GAIN_TOO_SMALL);
        dp_sched_uninit(&plan);
    }
}

static void
check_nodes(void)
{
    const uint64_t loads[] = { 40, 30, 20, 10 };
    const unsigned int bad[] = { 0, 0, 0, 1 };
    const int one_node[] = { 1, 1 };
    const int two_nodes[] = { 1, 2 };
    struct dp_sched plan;

    /* Remote, but so it would stay. */
    make_plan(&plan, one_node, 2, 0, loads, bad, 4);
    ovs_assert(plan.rxqs[0].cross_numa);
    ovs_assert(compare(&plan, 25).verdict == DP_GAIN_GO);
    dp_sched_uninit(&plan);

    make_plan(&plan, two_nodes, 2, 0, loads, bad, 4);
    ovs_assert(compare(&plan, 25).verdict == DP_GAIN_CROSS_NUMA);
    ovs_assert(compare(&plan, 0).verdict == DP_GAIN_CROSS_NUMA);

    /* All pinned: nothing can be remote against the user's will, and nothing
     * can improve. */
    for (size_t i = 0; i < plan.n_rxqs; i++) {
        plan.rxqs[i].pin = plan.cores[plan.rxqs[i].core].core_id;
        plan.rxqs[i].result = DP_SCHED_PINNED;
        plan.rxqs[i].cross_numa = false;
    }
    ovs_assert(compare(&plan, 25).verdict == DP_GAIN_TOO_SMALL);
    ovs_assert(compare(&plan, 25).improvement == 0);
    dp_sched_uninit(&plan);

    /* The best node counts. */
    dp_sched_init(&plan);
    for (int i = 0; i < 4; i++) {
        dp_sched_add_core(&plan, i, i / 2);
    }
    dp_sched_add_rxq(&plan, "a", 0, 0, 10, NO_PIN, NULL);
    dp_sched_add_rxq(&plan, "a", 1, 0, 10, NO_PIN, NULL);
    dp_sched_add_rxq(&plan, "b", 0, 1, 10, NO_PIN, NULL);
    dp_sched_add_rxq(&plan, "b", 1, 1, 10, NO_PIN, NULL);
    dp_sched_place(&plan, 0, 0, false);
    dp_sched_place(&plan, 1, 1, false);
    dp_sched_place(&plan, 2, 2, false);
    dp_sched_place(&plan, 3, 2, false);
    ovs_assert(compare(&plan, 100).verdict == DP_GAIN_GO);
    ovs_assert(compare(&plan, 100).numa_id == 1);
    dp_sched_uninit(&plan);
}

/* Whatever the plans are, an improvement is a percentage, and a plan is no
 * improvement on itself. */
static void
check_random(void)
{
    for (int i = 0; i < 5000; i++) {
        struct dp_sched current, dry;
        struct dp_gain gain;
        int n_cores = 1 + random_range(6);

        dp_sched_init(&current);
        for (int j = 0; j < n_cores; j++) {
            dp_sched_add_core(&current, j, random_range(2));
        }
        for (int j = random_range(12); j > 0; j--) {
            dp_sched_add_rxq(&current, "p", j, random_range(2),
                             random_uint64() >> random_range(64), NO_PIN,
                             NULL);
        }
        dp_sched_run(&current, random_range(3), true);

        dp_sched_init(&dry);
        dp_sched_copy(&dry, &current);
        dp_gain_compare(&current, &dry, 1, &gain);
        ovs_assert(gain.improvement == 0 && gain.verdict != DP_GAIN_GO);

        dp_sched_run(&dry, random_range(3), true);
        dp_gain_compare(&current, &dry, 1, &gain);
        ovs_assert(gain.improvement <= 100);
        ovs_assert((gain.verdict == DP_GAIN_GO) == (gain.improvement >= 1));
        dp_sched_uninit(&current);
        dp_sched_uninit(&dry);
    }
}

static void
test_sched_gain_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    random_set_seed(1);
    check_watch();
    check_precheck();
    check_improvement();
    check_nodes();
    check_random();
}

DPTEST_REGISTER("sched-gain", test_sched_gain_main);
