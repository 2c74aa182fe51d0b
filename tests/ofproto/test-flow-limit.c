/* SPDX-License-Identifier: Apache-2.0 */

/* The flow limit is arithmetic; each rule has a test.  What the rules make of
 * a switch in the course of many rounds is simulated. */

#include <config.h>

#include "ofproto/flow-limit.h"

#include "random.h"
#include "tests/dptest.h"
#include "util.h"

static void
check_lesson(unsigned int limit, unsigned int max, unsigned int n_flows,
             long long int duration_ms, unsigned int lesson,
             unsigned int want, unsigned int want_lesson,
             enum flow_limit_move want_move)
{
    enum flow_limit_move move;
    unsigned int learnt = lesson;
    unsigned int got = flow_limit_next(limit, max, n_flows, duration_ms,
                                       &learnt, &move);

    if (got != want || move != want_move || learnt != want_lesson) {
        dptest_fail("limit %u of %u, %u flows in %lld ms, lesson %u: got %u "
                    "(move %d, lesson %u), want %u (move %d, lesson %u)",
                    limit, max, n_flows, duration_ms, lesson, got, (int) move,
                    learnt, want, (int) want_move, want_lesson);
    }
}

/* Checks a round of which nothing is to be learnt that matters: 'lesson' is
 * so low that the limit grows by steps only. */
static void
check_next(unsigned int limit, unsigned int max, unsigned int n_flows,
           long long int duration_ms, unsigned int want,
           enum flow_limit_move want_move)
{
    check_lesson(limit, max, n_flows, duration_ms, 0, want, 1, want_move);
}

static void
test_limit(void)
{
    /* Too slow: fewer, the more the slower. */
    check_next(10000, 200000, 9000, 4500, 2500, FLOW_LIMIT_SCALED);
    check_next(10000, 200000, 9000, 2001, 5000, FLOW_LIMIT_SCALED);
    check_next(10000, 200000, 9000, 1400, 7500, FLOW_LIMIT_REDUCED);
    check_next(10000, 200000, 9000, 1300, 10000, FLOW_LIMIT_KEPT);

    /* Never below the least, never above the operator's maximum. */
    check_next(1000, 200000, 900, 100000, 1000, FLOW_LIMIT_SCALED);
    check_next(10000, 5000, 9000, 1100, 5000, FLOW_LIMIT_KEPT);
    check_next(199500, 200000, 190000, 900, 200000, FLOW_LIMIT_GREW);
    check_next(1000, 0, 0, 1, 0, FLOW_LIMIT_KEPT);

    /* Quick, and the limit is in the way of what a second could dump. */
    check_next(10000, 200000, 9000, 500, 11000, FLOW_LIMIT_GREW);
    check_next(10000, 200000, 4000, 500, 10000, FLOW_LIMIT_KEPT);

    /* A low limit recovers though there are few flows (eaa14ad37). */
    check_next(1000, 200000, 1000, 20, 2000, FLOW_LIMIT_GREW);

    /* No division by zero; no overflow. */
    check_next(10000, 200000, 100, 0, 11000, FLOW_LIMIT_GREW);
    check_next(4000000000u, 4294967295u, 4200000000u, 999, 4000001000u,
               FLOW_LIMIT_GREW);
}

static void
test_lesson(void)
{
    const unsigned int none = FLOW_LIMIT_NO_LESSON;

    /* Twice what a round has seen, or what it could have done if that is
     * less, or the maximum. */
    check_lesson(10000, 200000, 10000, 20, none, 20000, none, FLOW_LIMIT_GREW);
    check_lesson(40000, 60000, 40000, 50, none, 60000, none, FLOW_LIMIT_GREW);
    check_lesson(80000, 200000, 80000, 800, none, 100000, 100000,
                 FLOW_LIMIT_GREW);
    check_lesson(3000000000u, none, 3000000000u, 1, none, none, none,
                 FLOW_LIMIT_GREW);

    /* The limit is not in the way of few flows: no more than a step. */
    check_lesson(10000, 200000, 5500, 20, none, 11000, none, FLOW_LIMIT_GREW);
    check_lesson(10000, 200000, 200, 1, none, 11000, none, FLOW_LIMIT_GREW);

    /* A dear round teaches, a long one, too; a cheap one forgets a little. */
    check_lesson(100000, 200000, 20000, 500, none, 100000, 40000,
                 FLOW_LIMIT_KEPT);
    check_lesson(100000, 200000, 90000, 3000, none, 33333, 30000,
                 FLOW_LIMIT_SCALED);
    check_lesson(20000, 200000, 20000, 30, 30000, 30235, 30235,
                 FLOW_LIMIT_GREW);
    check_lesson(60000, 200000, 60000, 90, 30000, 61000, 30235,
                 FLOW_LIMIT_GREW);

    /* Few flows and short rounds teach nothing. */
    check_lesson(10000, 200000, 10000, 99, none, 20000, none, FLOW_LIMIT_GREW);
    check_lesson(10000, 200000, 999, 5000, none, 2000, none,
                 FLOW_LIMIT_SCALED);
}

/* Whatever rounds cost: the limit never grows less than by a step where it
 * may, and never to more than twice what the round has seen, or than what that
 * could do in a second, but by a step. */
static void
test_bounds(void)
{
    unsigned int lesson = FLOW_LIMIT_NO_LESSON;
    unsigned int limit = FLOW_LIMIT_START;

    for (int i = 0; i < 100000; i++) {
        unsigned int max = 500 + random_range(1000000);
        unsigned int n = random_range(2 * limit);
        long long int ms = random_range(1 << random_range(13));
        unsigned long long int could = n * 1000ULL / MAX(ms, 1);
        enum flow_limit_move move;
        unsigned int next = flow_limit_next(limit, max, n, ms, &lesson, &move);

        ovs_assert(next <= max && next >= MIN(max, FLOW_LIMIT_MIN));
        ovs_assert(next <= MAX(limit + FLOW_LIMIT_STEP, 2ULL * n));
        ovs_assert(next <= MAX(limit + FLOW_LIMIT_STEP, could));
        if (ms < 1000 && limit < could) {
            ovs_assert(move == FLOW_LIMIT_GREW);
            ovs_assert(next >= MIN(max, limit + FLOW_LIMIT_STEP));
        } else if (limit >= FLOW_LIMIT_MIN) {
            ovs_assert(next <= limit);
        }
        limit = next;
    }
}

/* A switch with traffic for more flows than it has. */
struct sim {
    unsigned int limit, lesson;
    unsigned int n_flows;       /* In the datapath. */
    unsigned int n_wanted;      /* By traffic. */
    unsigned int n_killed;      /* How often all flows were deleted. */
    long long int longest_ms;   /* Round. */
};

static void
sim_init(struct sim *sim, unsigned int n_wanted)
{
    *sim = (struct sim) {
        .limit = FLOW_LIMIT_START,
        .lesson = FLOW_LIMIT_NO_LESSON,
        .n_wanted = n_wanted,
    };
}

/* Has flows installed, and judged in a round at 'ns' each. */
static void
sim_round(struct sim *sim, unsigned int ns)
{
    enum flow_limit_move move;
    long long int ms;

    sim->n_flows = MIN(sim->limit, sim->n_wanted);
    ms = sim->n_flows * (long long int) ns / 1000000;
    sim->longest_ms = MAX(sim->longest_ms, ms);
    sim->limit = flow_limit_next(sim->limit, UINT_MAX, sim->n_flows, ms,
                                 &sim->lesson, &move);
    if (flow_limit_expiry(sim->limit, sim->n_flows, 10000).delete_all) {
        sim->n_killed++;
    }
}

/* Rounds, half a second apart, until all flows are there. */
static int
sim_rounds(unsigned int n_wanted, unsigned int ns)
{
    struct sim sim;
    int n = 0;

    for (sim_init(&sim, n_wanted); sim.n_flows < n_wanted && n < 1000; n++) {
        sim_round(&sim, ns);
    }
    ovs_assert(sim.longest_ms <= 1000 && !sim.n_killed);
    return n;
}

static void
test_simulation(void)
{
    struct sim sim;

    /* Time to steady state: 2 s; 4 s; and if that is more than a second can
     * do, no round is longer than that, and as many flows as can be. */
    ovs_assert(sim_rounds(60000, 800) == 4);
    ovs_assert(sim_rounds(500000, 1500) == 7);
    sim_init(&sim, 500000);
    for (int i = 0; i < 1000; i++) {
        sim_round(&sim, 10000);
    }
    ovs_assert(sim.longest_ms <= 1010 && !sim.n_killed);
    ovs_assert(sim.limit >= 99000 && sim.limit <= 101000);

    /* All flows are translated in each tenth round, which is ten times as
     * dear.  Flows are deleted for that at most once, after the first. */
    sim_init(&sim, 500000);
    for (int i = 0; i < 10000; i++) {
        if (i == 20) {
            sim.longest_ms = sim.n_killed = 0;
        }
        sim_round(&sim, i % 10 ? 1000 : 10000);
    }
    ovs_assert(sim.longest_ms <= 2000 && !sim.n_killed);
    ovs_assert(sim.limit >= 90000);

    /* One round takes long for another reason (the machine stood still). */
    sim_init(&sim, 100000);
    for (int i = 0; i < 20; i++) {
        sim_round(&sim, 1000);
    }
    sim_round(&sim, 100000);
    for (int i = 0; i < 91; i++) {
        sim_round(&sim, 1000);
    }
    ovs_assert(sim.n_flows == 100000);
}

static void
test_expiry(void)
{
    struct flow_limit_expiry expiry;

    expiry = flow_limit_expiry(1000, 1000, 10000);
    ovs_assert(expiry.max_idle_ms == 10000 && !expiry.delete_all);
    expiry = flow_limit_expiry(1000, 1001, 10000);
    ovs_assert(expiry.max_idle_ms == FLOW_LIMIT_IDLE_MS && !expiry.delete_all);
    expiry = flow_limit_expiry(1000, 2000, 10000);
    ovs_assert(!expiry.delete_all);
    expiry = flow_limit_expiry(1000, 2001, 10000);
    ovs_assert(expiry.delete_all);
    expiry = flow_limit_expiry(UINT32_MAX, UINT32_MAX, 10000);
    ovs_assert(!expiry.delete_all);
}

/* Is a flow worth it that had 'packets' in the 'ms' up to now? */
static bool
worth(unsigned long long int packets, long long int ms,
      unsigned int stats_delay_ms, long long int dump_ms, unsigned int min_pps)
{
    long long int now = 99999;

    return flow_limit_worth_revalidating(packets, now - ms, now,
                                         stats_delay_ms, dump_ms, 500,
                                         min_pps);
}

static void
test_worth(void)
{
    /* Dumps are quick: everything is. */
    ovs_assert(worth(0, 98999, 0, 249, 5));
    /* Never looked at before. */
    ovs_assert(flow_limit_worth_revalidating(0, 0, 99999, 0, 400, 500, 5));
    /* Fewer than 5 packets a second: not. */
    ovs_assert(!worth(4, 1000, 0, 400, 5));
    ovs_assert(worth(6, 1000, 0, 400, 5));
    /* 0: all, however slow (e5b3cb999). */
    ovs_assert(worth(0, 98999, 0, 400, 0));
    /* A NIC tells late about its packets (29720e378), but not that late. */
    ovs_assert(!worth(0, 1999, 0, 400, 5));
    ovs_assert(worth(0, 1999, 2000, 400, 5));
    ovs_assert(!worth(0, 2000, 2000, 400, 5));
    ovs_assert(!worth(4, 2500, 2000, 400, 5));
    ovs_assert(worth(2500, 2500, 2000, 400, 5));
    ovs_assert(worth(0, 98999, UINT_MAX, 400, 5));
}

static void
test_flow_limit_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_limit();
    test_lesson();
    test_bounds();
    test_simulation();
    test_expiry();
    test_worth();
}
DPTEST_REGISTER("flow-limit-bug21-bug34-bug37", test_flow_limit_main);
