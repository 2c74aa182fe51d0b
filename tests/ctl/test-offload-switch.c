/* SPDX-License-Identifier: Apache-2.0 */

/* When offloading is switched on, all flows of a lane are registered.  An
 * upcall that wants to install a flow meanwhile does not wait for the last. */

#include <config.h>
#undef NDEBUG
#include "ctl/dp-offload-glue.h"

#include <sched.h>

#include "../dptest.h"
#include "fat-rwlock.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"
#include "offload/dp-offload.h"
#include "offload/dp-offload-provider.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-meter.h"
#include "pmd/dp-topology.h"
#include "tests/flow/flow-random.h"

enum { N_FLOWS = 1000 };

struct rig {
    struct dp_shared shared;
    struct dp_topology topology;
    struct dp_offload_glue glue;
    void (*flow_ref)(void *aux, void *flow);

    /* An upcall, which begins when the first flow is registered. */
    pthread_t upcall;
    bool has_upcall;
    size_t n_seen;              /* Flows registered when it got the mutex. */
};

static struct dp_lane *
rig_lane(struct rig *rig)
{
    return &rig->topology.main->lane;
}

static size_t
count_offered(struct dp_flow_table *flows)
{
    struct dp_flow *flow;
    size_t n = 0;

    CMAP_FOR_EACH (flow, ufid_node, &flows->flows) {
        bool offered;

        atomic_read_relaxed(&flow->offered, &offered);
        n += offered;
    }
    return n;
}

static void *
upcall(void *rig_)
{
    struct rig *rig = rig_;
    struct dp_flow_table *flows = &rig_lane(rig)->flows;

    dp_flow_table_lock(flows);
    rig->n_seen = count_offered(flows);
    dp_flow_table_unlock(flows);
    return NULL;
}

/* Begins the upcall, and returns when it waits. */
static void
begin_upcall(struct rig *rig)
{
    unsigned int n;

    rig->has_upcall = true;
    rig->upcall = ovs_thread_create("upcall", upcall, rig);
    do {
        sched_yield();
        atomic_read_relaxed(&rig_lane(rig)->flows.n_waiting, &n);
    } while (!n);
}

/* The engine takes a flow: the lane's mutex is held. */
static void
flow_ref(void *glue, void *flow)
{
    struct rig *rig = CONTAINER_OF(glue, struct rig, glue);

    rig->flow_ref(glue, flow);
    if (!rig->has_upcall) {
        begin_upcall(rig);
    }
}

static void
purge(void *rig OVS_UNUSED, unsigned int core_id OVS_UNUSED)
{
}

static void
rig_init(struct rig *rig)
{
    const struct dp_offload_class *classes[] = { NULL };
    struct dp_offload_env env;

    memset(rig, 0, sizeof *rig);
    rig->shared.name = "rig";
    rig->shared.meters = dp_meters_create();
    rig->shared.bonds = dp_bonds_create();
    fat_rwlock_init(&rig->shared.upcall_rwlock);
    rig->glue.topology = &rig->topology;
    dp_offload_glue_env(&rig->glue, &env);
    rig->flow_ref = env.flow_ref;
    env.flow_ref = flow_ref;
    rig->shared.offload = dp_offload_create(&env, classes, 1);
    dp_topology_init(&rig->topology, &rig->shared, purge, rig);
}

static void
rig_uninit(struct rig *rig)
{
    dp_topology_uninit(&rig->topology);
    dp_offload_destroy(rig->shared.offload);
    fat_rwlock_destroy(&rig->shared.upcall_rwlock);
    dp_bonds_destroy(rig->shared.bonds);
    dp_meters_destroy(rig->shared.meters);
}

static void
add_flow(struct dp_lane *lane, uint32_t number)
{
    ovs_u128 ufid = { .u32 = { number, 1, 1, 1 } };
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, 1);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst(&match, htonl(number));
    dp_flow_table_lock(&lane->flows);
    dp_lane_install__(lane, &match, &ufid, NULL, 0);
    dp_flow_table_unlock(&lane->flows);
}

static void
test_offload_switch_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig rig;

    rig_init(&rig);
    for (uint32_t i = 1; i <= N_FLOWS; i++) {
        add_flow(rig_lane(&rig), i);
    }
    dp_offload_glue_switch(rig.shared.offload, &rig.topology, true);
    ovs_assert(rig.has_upcall);
    ovsrcu_quiesce_start();
    xpthread_join(rig.upcall, NULL);
    ovsrcu_quiesce_end();
    ovs_assert(count_offered(&rig_lane(&rig)->flows) == N_FLOWS);
    if (!rig.n_seen || rig.n_seen == N_FLOWS) {
        dptest_fail("an upcall waited until %"PRIuSIZE" of %d flows were "
                    "registered", rig.n_seen, N_FLOWS);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-switch-upcall", test_offload_switch_main);
