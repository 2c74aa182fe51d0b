/* SPDX-License-Identifier: Apache-2.0 */

/* The flow limit is arithmetic; each rule has a test. */

#include <config.h>

#include "ofproto/flow-limit.h"

#include "tests/dptest.h"
#include "util.h"

static void
check_next(unsigned int limit, unsigned int max, unsigned int n_flows,
           long long int duration_ms, unsigned int want,
           enum flow_limit_move want_move)
{
    enum flow_limit_move move;
    unsigned int got = flow_limit_next(limit, max, n_flows, duration_ms,
                                       &move);

    if (got != want || move != want_move) {
        dptest_fail("limit %u of %u, %u flows in %lld ms: got %u (move %d), "
                    "want %u (move %d)", limit, max, n_flows, duration_ms,
                    got, (int) move, want, (int) want_move);
    }
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
    test_expiry();
    test_worth();
}
DPTEST_REGISTER("flow-limit-bug21-bug34-bug37", test_flow_limit_main);
