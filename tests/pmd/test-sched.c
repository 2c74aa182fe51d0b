/* SPDX-License-Identifier: Apache-2.0 */

/* dp-sched against plans that users rely on, against its own invariants on
 * random input, and against the best plan there is on small input. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-sched.h"

#include <string.h>

#include "../dptest.h"
#include "ovs-numa.h"
#include "random.h"
#include "util.h"

#define NO_PIN OVS_CORE_UNSPEC
#define NO_NUMA OVS_NUMA_UNSPEC

/* Known plans. */

struct core_in {
    unsigned int core_id;
    int numa_id;
};

struct rxq_in {
    int numa_id;
    uint64_t load;
    unsigned int pin;
};

struct known {
    const char *what;
    enum dp_sched_algo algo;
    bool isolate;
    struct core_in cores[8];
    size_t n_cores;
    struct rxq_in rxqs[10];
    size_t n_rxqs;
    unsigned int expect[10];    /* Core of each queue, NO_PIN for none. */
};

#define EQUAL(NUMA) { NUMA, 0, NO_PIN }
#define EIGHT(NUMA)                                                     \
    { EQUAL(NUMA), EQUAL(NUMA), EQUAL(NUMA), EQUAL(NUMA),               \
      EQUAL(NUMA), EQUAL(NUMA), EQUAL(NUMA), EQUAL(NUMA) }, 8

static const struct known known[] = {
    { "equal loads, roundrobin", DP_SCHED_ROUNDROBIN, true,
      { { 0, 0 }, { 1, 0 } }, 2, EIGHT(0), { 0, 1, 0, 1, 0, 1, 0, 1 } },
    { "equal loads, cycles", DP_SCHED_CYCLES, true,
      { { 0, 0 }, { 1, 0 } }, 2, EIGHT(0), { 0, 1, 1, 0, 0, 1, 1, 0 } },
    { "equal loads, group", DP_SCHED_GROUP, true,
      { { 0, 0 }, { 1, 0 } }, 2, EIGHT(0), { 0, 1, 0, 1, 0, 1, 0, 1 } },

    { "other node only, roundrobin", DP_SCHED_ROUNDROBIN, true,
      { { 2, 0 }, { 3, 0 } }, 2, EIGHT(1), { 2, 3, 2, 3, 2, 3, 2, 3 } },
    { "other node only, cycles", DP_SCHED_CYCLES, true,
      { { 2, 0 }, { 3, 0 } }, 2, EIGHT(1), { 2, 3, 3, 2, 2, 3, 3, 2 } },
    { "other node only, group", DP_SCHED_GROUP, true,
      { { 2, 0 }, { 3, 0 } }, 2, EIGHT(1), { 2, 3, 2, 3, 2, 3, 2, 3 } },

    { "own node although fuller", DP_SCHED_GROUP, true,
      { { 1, 1 }, { 2, 0 } }, 2, EIGHT(1), { 1, 1, 1, 1, 1, 1, 1, 1 } },

    { "two other nodes, roundrobin", DP_SCHED_ROUNDROBIN, true,
      { { 0, 1 }, { 1, 2 }, { 2, 1 }, { 3, 2 } }, 4,
      { EQUAL(0), EQUAL(0), EQUAL(0), EQUAL(0) }, 4, { 0, 1, 2, 3 } },
    { "two other nodes, cycles", DP_SCHED_CYCLES, true,
      { { 0, 1 }, { 1, 2 }, { 2, 1 }, { 3, 2 } }, 4,
      { EQUAL(0), EQUAL(0), EQUAL(0), EQUAL(0) }, 4, { 0, 1, 2, 3 } },
    { "two other nodes, group", DP_SCHED_GROUP, true,
      { { 0, 1 }, { 1, 2 }, { 2, 1 }, { 3, 2 } }, 4,
      { EQUAL(0), EQUAL(0), EQUAL(0), EQUAL(0) }, 4, { 0, 1, 2, 3 } },
    { "node unknown", DP_SCHED_ROUNDROBIN, true,
      { { 0, 1 }, { 1, 2 } }, 2,
      { EQUAL(NO_NUMA), EQUAL(NO_NUMA) }, 2, { 0, 1 } },

    /* The examples of Documentation/topics/dpdk/pmd.rst. */
    { "example, cycles", DP_SCHED_CYCLES, true,
      { { 8, 0 }, { 3, 0 }, { 7, 0 } }, 3,
      { { 0, 30, NO_PIN }, { 0, 80, NO_PIN }, { 0, 60, NO_PIN },
        { 0, 70, NO_PIN }, { 0, 10, NO_PIN } }, 5, { 8, 3, 8, 7, 7 } },
    { "example, group", DP_SCHED_GROUP, true,
      { { 8, 0 }, { 3, 0 }, { 7, 0 } }, 3,
      { { 0, 10, NO_PIN }, { 0, 80, NO_PIN }, { 0, 50, NO_PIN },
        { 0, 70, NO_PIN }, { 0, 10, NO_PIN } }, 5, { 8, 3, 8, 7, 8 } },

    { "all pinned", DP_SCHED_CYCLES, true,
      { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 7, 0 }, { 8, 0 } }, 5,
      { { 0, 0, 3 }, { 0, 0, 7 }, { 0, 0, 2 }, { 0, 0, 8 } }, 4,
      { 3, 7, 2, 8 } },
    { "pins to missing cores", DP_SCHED_CYCLES, true,
      { { 1, 0 }, { 2, 0 } }, 2,
      { { 0, 0, 3 }, { 0, 0, 7 }, { 0, 0, 2 }, { 0, 0, 8 } }, 4,
      { 1, 1, 2, 1 } },
    { "one pin isolates", DP_SCHED_CYCLES, true,
      { { 1, 0 }, { 2, 0 } }, 2,
      { { 0, 0, 1 }, EQUAL(0), EQUAL(0), EQUAL(0) }, 4, { 1, 2, 2, 2 } },
    { "one pin does not isolate", DP_SCHED_GROUP, false,
      { { 1, 0 }, { 2, 0 } }, 2,
      { { 0, 0, 1 }, EQUAL(0), EQUAL(0), EQUAL(0) }, 4, { 1, 2, 1, 2 } },
    { "a pinned queue weighs", DP_SCHED_GROUP, false,
      { { 1, 0 }, { 2, 0 } }, 2,
      { { 0, 50, 1 }, { 0, 20, NO_PIN }, { 0, 20, NO_PIN },
        { 0, 5, NO_PIN } }, 4, { 1, 2, 2, 2 } },
    { "pins across nodes", DP_SCHED_CYCLES, true,
      { { 1, 0 }, { 2, 0 }, { 3, 1 }, { 5, 8 } }, 4,
      { { 0, 0, 5 }, { 0, 0, 1 }, EQUAL(0) }, 3, { 5, 1, 2 } },
    { "nobody left", DP_SCHED_CYCLES, true,
      { { 1, 0 } }, 1, { { 0, 0, 1 }, EQUAL(0) }, 2, { 1, NO_PIN } },
    { "no cores", DP_SCHED_GROUP, true,
      { { 0, 0 } }, 0, { EQUAL(0) }, 1, { NO_PIN } },
};

static void
make_plan(const struct known *k, struct dp_sched *plan)
{
    dp_sched_init(plan);
    for (size_t i = 0; i < k->n_cores; i++) {
        dp_sched_add_core(plan, k->cores[i].core_id, k->cores[i].numa_id);
    }
    for (size_t i = 0; i < k->n_rxqs; i++) {
        dp_sched_add_rxq(plan, "p0", i, k->rxqs[i].numa_id, k->rxqs[i].load,
                         k->rxqs[i].pin, NULL);
    }
}

static unsigned int
core_id_of(const struct dp_sched *plan, size_t rxq)
{
    const struct dp_sched_core *core
        = dp_sched_core_of(plan, &plan->rxqs[rxq]);

    return core ? core->core_id : NO_PIN;
}

static void
check_known(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        const struct known *k = &known[i];
        struct dp_sched plan;

        make_plan(k, &plan);
        dp_sched_run(&plan, k->algo, k->isolate);
        dp_sched_check(&plan);
        for (size_t j = 0; j < k->n_rxqs; j++) {
            unsigned int core_id = core_id_of(&plan, j);

            if (core_id != k->expect[j]) {
                dptest_fail("%s: queue %"PRIuSIZE" is on core %u, not %u",
                            k->what, j, core_id, k->expect[j]);
            }
        }
        dp_sched_uninit(&plan);
    }
}

static void
check_results(void)
{
    struct dp_sched plan;

    dp_sched_init(&plan);
    dp_sched_add_core(&plan, 1, 0);
    dp_sched_add_core(&plan, 2, 1);
    dp_sched_add_rxq(&plan, "a", 0, 1, 7, 1, &plan);
    dp_sched_add_rxq(&plan, "b", 0, 0, 5, 9, NULL);
    dp_sched_run(&plan, DP_SCHED_CYCLES, true);
    dp_sched_check(&plan);

    ovs_assert(plan.rxqs[0].result == DP_SCHED_PINNED);
    ovs_assert(!plan.rxqs[0].cross_numa && !plan.rxqs[0].pin_absent);
    ovs_assert(plan.rxqs[0].aux == &plan);
    ovs_assert(plan.cores[0].isolated && plan.cores[0].load == 7);

    /* Pinned to a core that isn't there, and no core left on its node. */
    ovs_assert(plan.rxqs[1].result == DP_SCHED_ASSIGNED);
    ovs_assert(plan.rxqs[1].cross_numa && plan.rxqs[1].pin_absent);
    ovs_assert(!plan.cores[1].isolated && plan.cores[1].n_rxqs == 1);
    dp_sched_uninit(&plan);
}

static void
check_place(void)
{
    struct dp_sched plan;

    dp_sched_init(&plan);
    dp_sched_add_core(&plan, 4, 1);
    dp_sched_add_core(&plan, 3, 0);
    dp_sched_add_rxq(&plan, "a", 0, 0, 10, 3, NULL);
    dp_sched_add_rxq(&plan, "a", 1, 0, 20, NO_PIN, NULL);
    dp_sched_add_rxq(&plan, "a", 2, 0, 30, 77, NULL);
    dp_sched_place(&plan, 0, 3, true);
    dp_sched_place(&plan, 1, 4, false);
    dp_sched_place(&plan, 2, 99, false);
    ovs_assert(plan.rxqs[0].result == DP_SCHED_PINNED);
    ovs_assert(plan.rxqs[1].result == DP_SCHED_ASSIGNED);
    ovs_assert(plan.rxqs[1].cross_numa);
    ovs_assert(plan.rxqs[2].result == DP_SCHED_NO_CORE);
    ovs_assert(plan.rxqs[2].pin_absent);
    ovs_assert(plan.cores[0].isolated && plan.cores[0].load == 10);
    ovs_assert(!plan.cores[1].isolated && plan.cores[1].load == 20);
    dp_sched_uninit(&plan);
}

static void
check_names(void)
{
    enum dp_sched_algo algo = DP_SCHED_CYCLES;

    ovs_assert(dp_sched_algo_from_string("group", &algo)
               && algo == DP_SCHED_GROUP);
    ovs_assert(dp_sched_algo_from_string("roundrobin", &algo)
               && algo == DP_SCHED_ROUNDROBIN);
    ovs_assert(dp_sched_algo_from_string("cycles", &algo)
               && algo == DP_SCHED_CYCLES);
    ovs_assert(!dp_sched_algo_from_string("Cycles", &algo));
    ovs_assert(!dp_sched_algo_from_string("", &algo));
    ovs_assert(algo == DP_SCHED_CYCLES);
}

/* Random plans. */

static void
make_random(struct dp_sched *plan, int max_cores, int max_rxqs, int n_numas,
            bool pins)
{
    int n_cores = 1 + random_range(max_cores);
    int n_rxqs = random_range(max_rxqs + 1);
    int load_range = 1 + random_range(1000);
    unsigned int core_id = random_range(4);

    dp_sched_init(plan);
    for (int i = 0; i < n_cores; i++) {
        dp_sched_add_core(plan, core_id, random_range(n_numas));
        core_id += 1 + random_range(3);
    }
    for (int i = 0; i < n_rxqs; i++) {
        dp_sched_add_rxq(plan, "p", i, random_range(n_numas),
                         random_range(load_range),
                         (pins && random_range(3) == 0
                          ? random_range(core_id + 2) : NO_PIN), NULL);
    }
}

static void
assert_same(const struct dp_sched *a, const struct dp_sched *b)
{
    ovs_assert(a->n_rxqs == b->n_rxqs && a->n_cores == b->n_cores);
    for (size_t i = 0; i < a->n_rxqs; i++) {
        ovs_assert(a->rxqs[i].core == b->rxqs[i].core);
        ovs_assert(a->rxqs[i].result == b->rxqs[i].result);
        ovs_assert(a->rxqs[i].cross_numa == b->rxqs[i].cross_numa);
    }
    for (size_t i = 0; i < a->n_cores; i++) {
        ovs_assert(a->cores[i].core_id == b->cores[i].core_id);
        ovs_assert(a->cores[i].load == b->cores[i].load);
        ovs_assert(a->cores[i].isolated == b->cores[i].isolated);
    }
}

/* Queues that are not pinned are served in the order that the header says. */
static void
assert_order(const struct dp_sched *plan)
{
    for (size_t i = 1; i < plan->n_order; i++) {
        size_t a = plan->order[i - 1];
        size_t b = plan->order[i];

        if (plan->algo == DP_SCHED_ROUNDROBIN
            || plan->rxqs[a].load == plan->rxqs[b].load) {
            ovs_assert(a < b);
        } else {
            ovs_assert(plan->rxqs[a].load > plan->rxqs[b].load);
        }
    }
}

/* "In turn" means that no core of a node gets two queues of that node more
 * than another. */
static void
assert_fair(const struct dp_sched *plan)
{
    for (size_t i = 0; i < plan->n_cores; i++) {
        for (size_t j = 0; j < plan->n_cores; j++) {
            const struct dp_sched_core *a = &plan->cores[i];
            const struct dp_sched_core *b = &plan->cores[j];

            if (a->numa_id == b->numa_id && !a->isolated && !b->isolated) {
                size_t n_a = 0, n_b = 0;

                for (size_t k = 0; k < plan->n_rxqs; k++) {
                    const struct dp_sched_rxq *rxq = &plan->rxqs[k];

                    if (rxq->result == DP_SCHED_ASSIGNED
                        && !rxq->cross_numa) {
                        n_a += rxq->core == i;
                        n_b += rxq->core == j;
                    }
                }
                ovs_assert(n_a <= n_b + 1 && n_b <= n_a + 1);
            }
        }
    }
}

static void
check_random(void)
{
    for (int i = 0; i < 20000; i++) {
        enum dp_sched_algo algo = random_range(3);
        bool isolate = random_range(2);
        struct dp_sched plan, twin;

        make_random(&plan, 8, 24, 3, true);
        dp_sched_init(&twin);
        dp_sched_copy(&twin, &plan);
        dp_sched_run(&plan, algo, isolate);
        dp_sched_check(&plan);
        assert_order(&plan);
        if (algo != DP_SCHED_GROUP) {
            assert_fair(&plan);
        }

        /* The same input gives the same plan, whatever the plan was before,
         * and a record of it is the same again. */
        dp_sched_run(&twin, random_range(3), random_range(2));
        dp_sched_run(&twin, algo, isolate);
        assert_same(&plan, &twin);
        dp_sched_uninit(&twin);
        dp_sched_copy(&twin, &plan);
        assert_same(&plan, &twin);
        dp_sched_uninit(&plan);
        dp_sched_uninit(&twin);
    }
}

/* The best plan. */

static uint64_t
heaviest(const uint64_t loads[], size_t n)
{
    uint64_t max = 0;

    for (size_t i = 0; i < n; i++) {
        max = MAX(max, loads[i]);
    }
    return max;
}

/* Returns the least load of the heaviest core over all plans for queues from
 * 'rxq' on, given what cores have so far. */
static uint64_t
brute_force(const struct dp_sched *plan, size_t rxq, uint64_t loads[])
{
    uint64_t best = UINT64_MAX;

    if (rxq >= plan->n_rxqs) {
        return heaviest(loads, plan->n_cores);
    }
    for (size_t i = 0; i < plan->n_cores; i++) {
        uint64_t result;

        loads[i] += plan->rxqs[rxq].load;
        result = brute_force(plan, rxq + 1, loads);
        loads[i] -= plan->rxqs[rxq].load;
        best = MIN(best, result);
    }
    return best;
}

static void
check_best(void)
{
    for (int i = 0; i < 300; i++) {
        uint64_t zeros[3] = { 0, 0, 0 };
        uint64_t loads[3];
        uint64_t best;
        struct dp_sched plan;

        make_random(&plan, 3, 7, 1, false);
        dp_sched_run(&plan, DP_SCHED_GROUP, true);
        dp_sched_check(&plan);
        for (size_t j = 0; j < plan.n_cores; j++) {
            loads[j] = plan.cores[j].load;
        }
        best = brute_force(&plan, 0, zeros);
        ovs_assert(3 * heaviest(loads, plan.n_cores) <= 4 * best);
        dp_sched_uninit(&plan);
    }
}

static void
test_sched_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    random_set_seed(1);
    check_known();
    check_results();
    check_place();
    check_names();
    check_random();
    check_best();
}

DPTEST_REGISTER("sched", test_sched_main);
