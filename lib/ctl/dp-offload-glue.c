/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-offload-glue.h"

#include "netdev-offload.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "ctl/dp-late.h"
#include "flow/dp-log.h"
#include "markpath-config.h"
#include "merge/dp-books.h"
#include "offload/dp-offload.h"
#include "offload/dp-offload-provider.h"
#include "pipe/dp-carrier.h"
#include "pmd/dp-topology.h"
#include "rte/dp-offload-rte.h"
#include "xdp/dp-offload-xdp.h"

enum { REGISTER_BATCH = 64 };   /* Flows, with a lane's mutex held. */

static void
env_flow_ref(void *aux OVS_UNUSED, void *flow)
{
    dp_flow_ref(flow);
}

static void
env_flow_unref(void *aux OVS_UNUSED, void *flow)
{
    dp_flow_unref(flow);
}

static bool
env_flow_describe(void *aux OVS_UNUSED, const void *flow_,
                  struct match *match, struct ofpbuf *buf)
{
    const struct dp_flow *flow = flow_;
    const struct dp_actions *actions;

    if (dp_flow_is_dead(flow)) {
        return false;
    }
    dp_flow_get_match(flow, match);
    actions = dp_flow_get_actions(flow);
    ofpbuf_put(buf, actions->nla, actions->nla_len);
    return true;
}

static uint64_t
env_port_drained(void *glue_, odp_port_t port_no)
{
    const struct dp_offload_glue *glue = glue_;

    return dp_topology_port_drained(glue->topology, port_no);
}

static bool
env_port_marks_seen(void *glue_, odp_port_t port_no)
{
    const struct dp_offload_glue *glue = glue_;

    return dp_topology_marks_seen(glue->topology, port_no);
}

/* A merged flow's counts are for its contributors: the books wait for them
 * (merge/dp-books.h). */
static void
env_flow_late(void *glue_, void *flow_, const struct dpif_flow_stats *stats)
{
    const struct dp_offload_glue *glue = glue_;
    struct dp_flow *flow = flow_;

    if (flow->merged) {
        dp_credit_count(dp_flow_get_credit(flow), stats->n_packets,
                        stats->n_bytes, stats->tcp_flags, stats->used);
    } else if (glue->late) {
        dp_late_add(glue->late, flow, stats);
    }
}

static uint64_t
env_flow_packets(void *aux OVS_UNUSED, const void *flow)
{
    struct dpif_flow_stats stats;

    dp_flow_get_stats(flow, &stats);
    return stats.n_packets;
}

/* Stores in '*env' the answers for an engine that works for 'glue', which
 * must outlive it.  Its topology need not be initialised before a port is
 * added to the engine. */
void
dp_offload_glue_env(const struct dp_offload_glue *glue,
                    struct dp_offload_env *env)
{
    *env = (struct dp_offload_env) {
        .aux = CONST_CAST(struct dp_offload_glue *, glue),
        .flow_ref = env_flow_ref,
        .flow_unref = env_flow_unref,
        .flow_describe = env_flow_describe,
        .port_drained = env_port_drained,
        .port_marks_seen = env_port_marks_seen,
        .flow_packets = env_flow_packets,
        .flow_late = env_flow_late,
        .log = &this_module,
    };
}

struct dp_offload *
dp_offload_glue_create(const struct dp_offload_glue *glue)
{
    const struct dp_offload_class *classes[] = {
        &dp_offload_rte_class,
#if MARKPATH_HAVE_XDP
        &dp_offload_xdp_class,
#endif
        &dp_offload_netdev_class,
        NULL,
    };
    struct dp_offload_env env;

    dp_offload_glue_env(glue, &env);
    return dp_offload_create(&env, classes, 1);
}

/* Registers all flows of 'lane'.  It may have a million, and upcalls want the
 * mutex, too.
 *
 * None is missed.  Whoever installs a flow has the mutex, and registers the
 * flow himself if the engine is on; it was on before we first took the mutex.
 * So a flow that he did not register was there before, and the walk meets it
 * unless it goes.  To be registered twice does no harm. */
static void
register_flows(struct dp_lane *lane)
{
    size_t position = SIZE_MAX;

    while (position) {
        struct dp_flow *flows[REGISTER_BATCH];
        size_t n;

        dp_flow_table_lock(&lane->flows);
        n = dp_flow_table_next(&lane->flows, &position, flows, REGISTER_BATCH);
        for (size_t i = 0; i < n; i++) {
            dp_lane_offer(lane, flows[i]);
        }
        dp_flow_table_unlock(&lane->flows);
        dp_flow_table_give_way(&lane->flows);
    }
}

/* Switches 'offload' and, if it is on now, registers what is there. */
void
dp_offload_glue_switch(struct dp_offload *offload,
                       struct dp_topology *topology, bool enable)
{
    struct dp_pmd *pmd;

    if (dp_offload_set_enabled(offload, enable)) {
        dp_offload_ports_probe(offload);
        CMAP_FOR_EACH (pmd, node, &topology->lanes) {
            register_flows(&pmd->lane);
        }
        if (topology->shared->books) {
            dp_books_visit(topology->shared->books, dp_carrier_offer);
        }
    }
}

/* Follows 'hw_offload', both ways.  Open vSwitch's own switch, which providers
 * look at, is turned on the first time and stays on.  'new_ports' says that
 * ports have come since the last call: their providers can be found only after
 * Open vSwitch's dpif layer has seen the ports, too. */
void
dp_offload_glue_run(struct dp_offload *offload, struct dp_topology *topology,
                    bool hw_offload, bool new_ports)
{
    bool enable = hw_offload && netdev_is_flow_api_enabled();

    if (enable != dp_offload_is_enabled(offload)) {
        dp_offload_glue_switch(offload, topology, enable);
    } else if (enable && new_ports) {
        dp_offload_ports_probe(offload);
    }
}
