/* SPDX-License-Identifier: Apache-2.0 */

/* A clock beside a simulated one and its counter. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-clock.h"

#include "random.h"
#include "tests/dptest.h"
#include "util.h"

struct sim {
    struct dp_clock clock;
    long long int us;
    uint64_t tsc;
    uint64_t mhz;
};

static void
sim_init(struct sim *sim, uint64_t mhz)
{
    *sim = (struct sim) { .us = random_uint32(), .tsc = random_uint32(),
                          .mhz = mhz };
    dp_clock_init(&sim->clock, sim->tsc, sim->us);
}

static void
pass(struct sim *sim, long long int us)
{
    sim->us += us;
    sim->tsc += us * sim->mhz;
}

/* Lets 'us' pass, with a dp_clock_sync() every 10 ms. */
static void
run(struct sim *sim, long long int us)
{
    for (; us > 0; us -= 10000) {
        pass(sim, 10000);
        dp_clock_sync(&sim->clock, sim->tsc, sim->us);
    }
}

static bool
knows(const struct sim *sim)
{
    long long int us;

    return dp_clock_read(&sim->clock, sim->tsc, &us);
}

/* Is 'sim' right for the next 10 ms, but for a us? */
static bool
is_right(struct sim *sim)
{
    long long int last = sim->us - 1;

    for (int i = 0; i < 1000; i++) {
        long long int us;

        if (!dp_clock_read(&sim->clock, sim->tsc, &us)
            || us > sim->us || us < sim->us - 1 || us < last) {
            return false;
        }
        last = us;
        pass(sim, random_range(20));
    }
    return true;
}

static void
test_rates(void)
{
    static const uint64_t mhz[] = { 2, 25, 1000, 2600, 6001 };

    for (size_t i = 0; i < ARRAY_SIZE(mhz); i++) {
        struct sim sim;

        /* Nothing is known before two spans have passed. */
        sim_init(&sim, mhz[i]);
        ovs_assert(!knows(&sim));
        run(&sim, DP_CLOCK_SPAN_US);
        ovs_assert(!knows(&sim));
        run(&sim, DP_CLOCK_SPAN_US);
        for (int j = 0; j < 100; j++) {
            ovs_assert(is_right(&sim));
            run(&sim, 10000);
        }
    }
}

static void
test_mistrust(void)
{
    struct sim sim;

    /* Too long ago. */
    sim_init(&sim, 2600);
    run(&sim, 2 * DP_CLOCK_SPAN_US);
    ovs_assert(is_right(&sim));
    sim.tsc = sim.clock.tsc + DP_CLOCK_MAX_CYCLES + 1;
    ovs_assert(!knows(&sim));

    /* Another frequency. */
    sim_init(&sim, 2600);
    run(&sim, 2 * DP_CLOCK_SPAN_US);
    sim.mhz = 2500;
    run(&sim, DP_CLOCK_SPAN_US);
    ovs_assert(!knows(&sim));
    run(&sim, 2 * DP_CLOCK_SPAN_US);
    ovs_assert(is_right(&sim));

    /* Jumps of the counter, both ways, and of the clock. */
    for (int i = 0; i < 3; i++) {
        sim_init(&sim, 2600);
        run(&sim, 2 * DP_CLOCK_SPAN_US);
        if (i < 2) {
            sim.tsc += i ? UINT64_C(1) << 40 : -(UINT64_C(1) << 40);
            ovs_assert(!knows(&sim));
        } else {
            sim.us -= 3600 * 1000000LL;
        }
        dp_clock_sync(&sim.clock, sim.tsc, sim.us);
        run(&sim, DP_CLOCK_SPAN_US);
        ovs_assert(!knows(&sim));
        run(&sim, 3 * DP_CLOCK_SPAN_US);
        ovs_assert(is_right(&sim));
    }

    /* A counter that does not count, and a clock that stands still. */
    sim_init(&sim, 0);
    run(&sim, 5 * DP_CLOCK_SPAN_US);
    ovs_assert(!knows(&sim));
    sim_init(&sim, 2600);
    for (int i = 0; i < 100; i++) {
        sim.tsc += 26000000;
        dp_clock_sync(&sim.clock, sim.tsc, sim.us);
        ovs_assert(!knows(&sim));
    }
}

static void
test_clock_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_clock nothing = { .rate = 0 };
    long long int us;

    ovs_assert(!dp_clock_read(&nothing, 0, &us));
    test_rates();
    test_mistrust();
}
DPTEST_REGISTER("clock", test_clock_main);
