/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_ENV_H
#define DP_OFFLOAD_ENV_H 1

/* dp-offload-env: words that the engine shares with those around it
 * =================================================================
 *
 * Job.  Types that the front door (dp-offload.h), the parts of the engine and
 * the providers have in common: what the engine asks of the datapath, why a
 * flow is not offloaded, and the switch.
 *
 * Thread-safety.  As the comments say. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/types.h"
#include "ovs-atomic.h"
#include "util.h"

struct dp_offload;
struct dpif_flow_stats;
struct match;
struct ofpbuf;
struct vlog_module;

#define DP_OFFLOAD_MAX_WORKERS 10

/* Why a megaflow is not offloaded, or not wholly. */
enum dp_offload_why {
#define DP_OFFLOAD_WHY(NAME, TEXT, CAUSE, CURE) DP_OFFLOAD_WHY_##NAME,
#include "offload/dp-offload-why.def"
    DP_OFFLOAD_N_WHYS
};

/* Returns the text, or the name ("M_CT"), of 'why'. */
const char *dp_offload_why_text(enum dp_offload_why why);
const char *dp_offload_why_name(enum dp_offload_why why);

/* Return sentences for users: what 'why' comes from, and what can be done. */
const char *dp_offload_why_cause(enum dp_offload_why why);
const char *dp_offload_why_cure(enum dp_offload_why why);

/* What the engine asks of the datapath.  The functions are called on worker
 * threads, in a non-quiescent state, with no lock held except where noted. */
struct dp_offload_env {
    void *aux;                          /* First argument of all. */

    /* Takes and drops a reference on a flow.  Called with a shard's mutex
     * held, so they may not call back into the engine.  Dropping the last
     * one must not free the flow before the next grace period. */
    void (*flow_ref)(void *aux, void *flow);
    void (*flow_unref)(void *aux, void *flow);

    /* Stores what 'flow' matches into '*match' (which the callee initialises
     * whole) and appends its present actions, netlink attributes, to
     * 'actions'.  Returns false if 'flow' has been removed meanwhile; the
     * engine then waits for the flow_del that must come.  May be called with a
     * shard's mutex held, too. */
    bool (*flow_describe)(void *aux, const void *flow, struct match *match,
                          struct ofpbuf *actions);

    /* Returns the oldest drain epoch among the rx queues of 'port_no' (see
     * dp-mark-drain.h): 0 if it can't tell now, UINT64_MAX if the port has
     * none.  Must wait for nobody.  May be null: marks are then kept in
     * quarantine for a fixed time. */
    uint64_t (*port_drained)(void *aux, odp_port_t port_no);

    /* Did a marked packet that 'port_no' received since it was last configured
     * lead to a flow?  Waits for nobody.  May be null: then nobody watches
     * whether marks arrive (dp-mark-watch.h). */
    bool (*port_marks_seen)(void *aux, odp_port_t port_no);

    /* Returns the number of packets that software has counted for 'flow'.
     * Called with a shard's mutex held; waits for nobody.  May be null: none,
     * if port_marks_seen is null, too. */
    uint64_t (*flow_packets)(void *aux, const void *flow);

    /* The NIC has forwarded packets of 'flow' that dp_offload_flow_del() could
     * not tell of, for nobody had asked the NIC yet: '*stats' is in addition
     * to what it told.  Called with a shard's mutex held, after flow_del(), at
     * most a few times for a flow; waits for nobody.  May be null: only their
     * number is kept ("dp_offload_late_packets" in coverage/show). */
    void (*flow_late)(void *aux, void *flow,
                      const struct dpif_flow_stats *stats);

    /* The log module of the datapath, for the lines about single rules that
     * administrators know ("succeed to add netdev flow"); null for the
     * engine's own. */
    struct vlog_module *log;
};

/* What is known about the way of marks from a NIC to us. */
enum dp_offload_delivery {
    DP_OFFLOAD_DELIVERY_PLAIN,      /* The driver need not be asked. */
    DP_OFFLOAD_DELIVERY_GRANTED,    /* It was, and said yes. */
    DP_OFFLOAD_DELIVERY_REFUSED,    /* It said no. */
    DP_OFFLOAD_DELIVERY_LATE        /* It was not asked in time. */
};

/* The first member of every engine. */
struct dp_offload_switch {
    atomic_bool enabled;
    atomic_bool verify;                 /* See dp_offload_set_verify(). */
};

static inline bool
dp_offload_is_enabled(const struct dp_offload *offload)
{
    const struct dp_offload_switch *sw
        = (const struct dp_offload_switch *) offload;
    bool enabled;

    atomic_read_explicit(&CONST_CAST(struct dp_offload_switch *, sw)->enabled,
                         &enabled, memory_order_acquire);
    return enabled;
}

/* Must a NIC verify headers before it runs a rule that depends on that? */
static inline bool
dp_offload_must_verify(const struct dp_offload *offload)
{
    const struct dp_offload_switch *sw
        = (const struct dp_offload_switch *) offload;
    bool verify;

    atomic_read_relaxed(&CONST_CAST(struct dp_offload_switch *, sw)->verify,
                        &verify);
    return verify;
}

#endif /* dp-offload-env.h */
