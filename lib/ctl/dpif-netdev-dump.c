/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-flow.h"

#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-flow-format.h"
#include "ctl/dpif-netdev-handle.h"

/* Dumping flows, from several threads at once.
 *
 * A dump walks the lanes that there were when it began, one after the other;
 * it holds a reference on each, so that a lane may end meanwhile.  Threads
 * take flows in turn, DUMP_BATCH at a time, under the dump's mutex, and format
 * them outside.
 *
 * Users of Open vSwitch see the flows for later passes of a packet before the
 * one for its first.  So a thread that asks for few flows at a time (dpctl
 * does, for one) still takes a whole batch, gets it sorted by recirculation
 * ID, highest first, and holds references on what is left of it between
 * calls. */

enum { DUMP_BATCH = 50 };

struct flow_dump {
    struct dpif_flow_dump up;
    bool skip;                      /* The caller wants other flows only. */

    struct ovs_mutex mutex;
    struct dp_pmd **lanes OVS_GUARDED;      /* Counted. */
    size_t n_lanes OVS_GUARDED;
    size_t lane OVS_GUARDED;                /* Being walked. */
    struct cmap_position position OVS_GUARDED;
};

struct flow_dump_thread {
    struct dpif_flow_dump_thread up;
    struct flow_dump *dump;
    struct dp_lane *lane;               /* Of 'flows'; the dump has it. */
    struct dp_flow *flows[DUMP_BATCH];  /* Counted until handed out. */
    int next, n_flows;                  /* flows[next...n_flows - 1]. */
    struct odputil_keybuf keybuf[DUMP_BATCH];
    struct odputil_keybuf maskbuf[DUMP_BATCH];
    char extra[DUMP_BATCH][DP_FLOW_EXTRA_SIZE];
};

struct dpif_flow_dump *
dpif_netdev_flow_dump_create(const struct dpif *dpif, bool terse,
                             struct dpif_flow_dump_types *types)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct flow_dump *dump = xzalloc(sizeof *dump);
    size_t n;

    dpif_flow_dump_init(&dump->up, dpif);
    dump->up.terse = terse;
    dump->skip = types && !types->ovs_flows && !types->netdev_flows;
    ovs_mutex_init(&dump->mutex);
    ovs_mutex_lock(&dump->mutex);
    dump->lanes = dp_topology_sorted_lanes(&dp->topology, &n);
    for (size_t i = 0; i < n; i++) {
        if (dp_pmd_try_ref(dump->lanes[i])) {
            dump->lanes[dump->n_lanes++] = dump->lanes[i];
        }
    }
    ovs_mutex_unlock(&dump->mutex);
    return &dump->up;
}

int
dpif_netdev_flow_dump_destroy(struct dpif_flow_dump *dump_)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct flow_dump *dump = CONTAINER_OF(dump_, struct flow_dump, up);

    for (size_t i = 0; i < dump->n_lanes; i++) {
        dp_pmd_unref(dump->lanes[i]);
    }
    free(dump->lanes);
    ovs_mutex_destroy(&dump->mutex);
    free(dump);
    return 0;
}

struct dpif_flow_dump_thread *
dpif_netdev_flow_dump_thread_create(struct dpif_flow_dump *dump)
{
    struct flow_dump_thread *thread = xmalloc(sizeof *thread);

    dpif_flow_dump_thread_init(&thread->up, dump);
    thread->dump = CONTAINER_OF(dump, struct flow_dump, up);
    thread->next = thread->n_flows = 0;
    return &thread->up;
}

void
dpif_netdev_flow_dump_thread_destroy(struct dpif_flow_dump_thread *thread_)
{
    struct flow_dump_thread *thread
        = CONTAINER_OF(thread_, struct flow_dump_thread, up);

    while (thread->next < thread->n_flows) {
        dp_flow_unref(thread->flows[thread->next++]);
    }
    free(thread);
}

/* Takes a batch of flows of one lane, with references. */
static void
take_flows(struct flow_dump_thread *thread)
{
    struct flow_dump *dump = thread->dump;
    int n = 0;

    ovs_mutex_lock(&dump->mutex);
    while (!n && dump->lane < dump->n_lanes) {
        struct dp_pmd *pmd = dump->lanes[dump->lane];

        while (n < DUMP_BATCH) {
            struct cmap_node *node = cmap_next_position(
                &pmd->lane.flows.flows, &dump->position);

            if (!node) {
                dump->lane++;
                memset(&dump->position, 0, sizeof dump->position);
                break;
            }
            thread->flows[n] = CONTAINER_OF(node, struct dp_flow, ufid_node);
            dp_flow_prefetch(thread->flows[n++]);
        }
        thread->lane = &pmd->lane;

        /* Only now, with all of them on the way from memory. */
        int n_dead = 0;
        for (int i = 0; i < n; i++) {
            thread->flows[i - n_dead] = thread->flows[i];
            n_dead += !dp_flow_try_ref(thread->flows[i]);
        }
        n -= n_dead;
    }
    ovs_mutex_unlock(&dump->mutex);
    thread->next = 0;
    thread->n_flows = n;
}

/* Sorts by recirculation ID, highest first, and otherwise keeps the order. */
static void
sort_flows(struct dp_flow *flows[], int n)
{
    for (int i = 1; i < n; i++) {
        struct dp_flow *flow = flows[i];
        uint32_t recirc_id = miniflow_get_recirc_id(flow->key);
        int j = i;

        while (j && miniflow_get_recirc_id(flows[j - 1]->key) < recirc_id) {
            flows[j] = flows[j - 1];
            j--;
        }
        flows[j] = flow;
    }
}

int
dpif_netdev_flow_dump_next(struct dpif_flow_dump_thread *thread_,
                           struct dpif_flow *out, int max_flows)
{
    struct flow_dump_thread *thread
        = CONTAINER_OF(thread_, struct flow_dump_thread, up);
    struct flow_dump *dump = thread->dump;
    int n;

    if (dump->skip) {
        return 0;
    }
    if (thread->next == thread->n_flows) {
        take_flows(thread);
        if (max_flows < DUMP_BATCH) {
            sort_flows(thread->flows, thread->n_flows);
        }
    }
    n = MIN(MIN(max_flows, DUMP_BATCH), thread->n_flows - thread->next);
    for (int i = 0; i < n; i++) {
        struct dp_flow *flow = thread->flows[thread->next++];
        struct ofpbuf key, mask;

        ofpbuf_use_stack(&key, &thread->keybuf[i], sizeof thread->keybuf[i]);
        ofpbuf_use_stack(&mask, &thread->maskbuf[i],
                         sizeof thread->maskbuf[i]);
        dp_flow_to_dpif_flow(thread->lane, flow, &key, &mask, &out[i],
                             dump->up.terse ? NULL : thread->extra[i],
                             sizeof thread->extra[i], dump->up.terse);

        /* What 'out' points at lives until the caller quiesces. */
        dp_flow_unref(flow);
    }
    return n;
}
