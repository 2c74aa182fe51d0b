/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "flow/dp-credit.h"

#include "dpif.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

static struct dpif_flow_stats
stats_of(const struct dp_flow *flow)
{
    struct dpif_flow_stats stats;

    dp_flow_get_stats(flow, &stats);
    return stats;
}

/* What a flow tells is what its lane counted and what was credited to it, the
 * later time, and all TCP flags; zeroing forgets both. */
static void
test_credit_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_flow *flow = random_dp_flow(4);
    struct dp_credit *credit;
    struct dpif_flow_stats stats;

    ovs_assert(!dp_flow_get_credit(flow));
    dp_flow_count(flow, 2, 200, 0x02, 1000);
    credit = dp_flow_ensure_credit(flow);
    ovs_assert(dp_flow_ensure_credit(flow) == credit
               && dp_flow_get_credit(flow) == credit);
    stats = stats_of(flow);
    ovs_assert(stats.n_packets == 2 && stats.n_bytes == 200
               && stats.used == 1000 && stats.tcp_flags == 0x02);

    dp_credit_count(credit, 3, UINT64_C(5000000000), 0x10, 1500);
    dp_credit_count(credit, 1, 60, 0x08, 900);
    stats = stats_of(flow);
    ovs_assert(stats.n_packets == 6 && stats.n_bytes == 5000000260
               && stats.used == 1500 && stats.tcp_flags == 0x1a);

    dp_flow_count(flow, 1, 60, 0, 2000);
    stats = stats_of(flow);
    ovs_assert(stats.n_packets == 7 && stats.used == 2000);

    dp_flow_clear_stats(flow);
    stats = stats_of(flow);
    ovs_assert(!stats.n_packets && !stats.n_bytes && !stats.used
               && !stats.tcp_flags);
    dp_credit_count(credit, 1, 60, 0x10, 3000);
    stats = stats_of(flow);
    ovs_assert(stats.n_packets == 1 && stats.used == 3000);
    dp_flow_unref(flow);
}
DPTEST_REGISTER("flow-credit-M41", test_credit_main);
