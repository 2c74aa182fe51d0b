/* SPDX-License-Identifier: Apache-2.0 */

/* dp-rxq-load against an array that forgets nothing. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-rxq-load.h"

#include "../dptest.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

static void
check_model(void)
{
    struct dp_rxq_load load;
    uint64_t history[1000];
    int n = 0;

    dp_rxq_load_init(&load);
    ovs_assert(!dp_rxq_load_recent(&load, 12));
    while (n < ARRAY_SIZE(history)) {
        uint64_t current = 0;

        for (int i = random_range(4); i > 0; i--) {
            uint64_t cycles = random_uint32();

            dp_rxq_load_add(&load, cycles);
            current += cycles;
        }
        ovs_assert(dp_rxq_load_current(&load) == current);
        history[n++] = current;
        dp_rxq_load_next(&load);
        ovs_assert(!dp_rxq_load_current(&load));

        for (int i = 1; i <= DP_RXQ_LOAD_INTERVALS; i++) {
            uint64_t expect = 0;

            for (int j = MAX(0, n - i); j < n; j++) {
                expect += history[j];
            }
            ovs_assert(dp_rxq_load_recent(&load, i) == expect);
        }
        ovs_assert(dp_rxq_load_recent(&load, 0)
                   == dp_rxq_load_recent(&load, 12));
        ovs_assert(dp_rxq_load_recent(&load, 13)
                   == dp_rxq_load_recent(&load, 12));
    }

    dp_rxq_load_add(&load, 1);
    dp_rxq_load_clear(&load);
    ovs_assert(!dp_rxq_load_current(&load) && !dp_rxq_load_recent(&load, 12));
}

static void
check_secs(void)
{
    static const int cases[][2] = {
        { -1, 12 }, { 0, 12 }, { 1, 1 }, { 5, 1 }, { 6, 2 }, { 51, 11 },
        { 55, 11 }, { 56, 12 }, { 60, 12 }, { 61, 12 }, { INT_MAX, 12 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ovs_assert(dp_rxq_load_secs_to_intervals(cases[i][0]) == cases[i][1]);
    }
}

/* A reader beside the writer sees only sums of whole intervals. */

enum { WHOLE = 1000, TURNS = 20000 };

static void *
writer(void *load_)
{
    struct dp_rxq_load *load = load_;

    for (int i = 0; i < TURNS; i++) {
        dp_rxq_load_add(load, WHOLE / 2);
        dp_rxq_load_add(load, WHOLE / 2);
        dp_rxq_load_next(load);
    }
    return NULL;
}

static void
check_threads(void)
{
    struct dp_rxq_load load;
    pthread_t thread;

    dp_rxq_load_init(&load);
    thread = ovs_thread_create("writer", writer, &load);
    for (int i = 0; i < TURNS; i++) {
        uint64_t sum = dp_rxq_load_recent(&load, 12);

        ovs_assert(sum % WHOLE == 0 && sum <= 12 * WHOLE);
        ovs_assert(dp_rxq_load_current(&load) <= WHOLE);
    }
    xpthread_join(thread, NULL);
    ovs_assert(dp_rxq_load_recent(&load, 12) == 12 * WHOLE);
}

static void
test_rxq_load_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    random_set_seed(1);
    check_model();
    check_secs();
    check_threads();
}

DPTEST_REGISTER("rxq-load", test_rxq_load_main);
