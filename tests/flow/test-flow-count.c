/* SPDX-License-Identifier: Apache-2.0 */

/* Who reads a flow's statistics while its lane counts may miss bytes of a
 * packet that he has seen, but never sees bytes of one that he has not. */

#include <config.h>
#undef NDEBUG

#include "flow/dp-flow.h"

#include "dpif.h"
#include "ovs-thread.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

enum { N_PACKETS = 2000000, SIZE = 100 };

struct counted {
    struct dp_flow *flow;
    atomic_bool is_over;
};

static void *
lane_main(void *counted_)
{
    struct counted *counted = counted_;

    for (int i = 0; i < N_PACKETS; i++) {
        dp_flow_count(counted->flow, 1, SIZE, 0, 0);
    }
    atomic_store(&counted->is_over, true);
    return NULL;
}

static void
test_flow_count(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct counted counted = { .flow = random_dp_flow(2) };
    pthread_t lane = ovs_thread_create("lane", lane_main, &counted);
    struct dpif_flow_stats stats;
    bool is_over;

    do {
        atomic_read(&counted.is_over, &is_over);
        dp_flow_get_stats(counted.flow, &stats);
        ovs_assert(stats.n_bytes <= stats.n_packets * SIZE);
    } while (!is_over);
    ovs_assert(stats.n_packets == N_PACKETS);
    ovs_assert(stats.n_bytes == (uint64_t) N_PACKETS * SIZE);
    xpthread_join(lane, NULL);
    dp_flow_unref(counted.flow);
}
DPTEST_REGISTER("flow-count", test_flow_count);
