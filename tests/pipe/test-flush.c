/* SPDX-License-Identifier: Apache-2.0 */

/* All flows of a lane are removed.  Upcalls that want to install a flow
 * meanwhile do not wait for the last. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-lane.h"

#include <inttypes.h>
#include <sched.h>

#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "tests/dptest.h"
#include "tests/pipe/pipe-rig.h"
#include "util.h"

enum { N_FLOWS = 100000, N_UPCALLS = 8 };

struct upcall {
    pthread_t thread;
    struct dp_lane *lane;
    uint32_t number;            /* Of its flow. */
    size_t n_seen;              /* Flows there were when it got the mutex. */
};

static void
add_flow(struct dp_lane *lane, uint32_t number)
    OVS_REQUIRES(lane->flows.mutex)
{
    ovs_u128 ufid = { .u32 = { number, 1, 1, 1 } };
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, 1);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst(&match, htonl(number));
    dp_lane_install__(lane, &match, &ufid, NULL, 0);
}

static void *
upcall_main(void *upcall_)
{
    struct upcall *upcall = upcall_;
    struct dp_lane *lane = upcall->lane;

    dp_flow_table_lock(&lane->flows);
    upcall->n_seen = cmap_count(&lane->flows.flows);
    add_flow(lane, upcall->number);
    dp_flow_table_unlock(&lane->flows);
    return NULL;
}

/* Starts 'upcalls', and returns when all wait for the mutex of 'lane', which
 * the caller holds. */
static void
start_upcalls(struct dp_lane *lane, struct upcall upcalls[N_UPCALLS])
    OVS_REQUIRES(lane->flows.mutex)
{
    unsigned int n;

    for (int i = 0; i < N_UPCALLS; i++) {
        upcalls[i].lane = lane;
        upcalls[i].number = N_FLOWS + i;
        upcalls[i].thread = ovs_thread_create("upcall", upcall_main,
                                              &upcalls[i]);
    }
    do {
        sched_yield();
        atomic_read_relaxed(&lane->flows.n_waiting, &n);
    } while (n < N_UPCALLS);
}

static void
test_flush_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct upcall upcalls[N_UPCALLS];
    static struct pipe_rig rig;
    struct dp_lane *lane = &rig.lane;
    int n_late = 0;

    pipe_rig_init(&rig, NULL, NULL);
    dp_flow_table_lock(&lane->flows);
    for (uint32_t i = 0; i < N_FLOWS; i++) {
        add_flow(lane, i);
    }
    start_upcalls(lane, upcalls);
    dp_flow_table_unlock(&lane->flows);
    dp_lane_flush_flows(lane);

    ovsrcu_quiesce_start();
    for (int i = 0; i < N_UPCALLS; i++) {
        xpthread_join(upcalls[i].thread, NULL);
        n_late += upcalls[i].n_seen <= N_UPCALLS;
    }
    ovsrcu_quiesce_end();
    if (n_late) {
        dptest_fail("%d of %d upcalls waited until all of %d flows were "
                    "removed", n_late, N_UPCALLS, N_FLOWS);
    }

    /* What was installed meanwhile goes with the next. */
    dp_lane_flush_flows(lane);
    ovs_assert(!cmap_count(&lane->flows.flows));
    pipe_rig_uninit(&rig);
}
DPTEST_REGISTER("flush-upcall", test_flush_main);
