/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TRACE_H
#define DP_TRACE_H 1

/* dp-trace: the way that one packet went
 * ======================================
 *
 * Job.  Hold what a packet met in a lane, stage by stage: megaflows, and the
 * connections that "ct" actions found.  Carry it from the lanes, which follow
 * packets (pipe/dp-follow.h), to one thread that makes rules of it.
 *
 * Owns.  A trace has a reference on each flow.  Of connections it has handles,
 * which may become stale.
 *
 * Truth.  A trace says how it was.  dp_trace_compose() and
 * dp_trace_is_current() ask whether it still is: a flow is dead when it has
 * left its lane, and has a new generation when its actions were replaced.
 *
 * Thread-safety.  A trace has one user at a time: the lane that fills it, the
 * queue, the thread that takes it out.  Any lane may put traces into a queue,
 * one thread takes them out.
 *
 * Cost.  dp_tracer_put(): two atomic operations, no lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow.h"
#include "mpsc-queue.h"
#include "ovs-atomic.h"
#include "ct/ct-handle.h"
#include "merge/dp-merge.h"

struct conntrack;
struct dp_flow;

enum { DP_TRACE_MAX_CONNS = 4 };        /* In one stage. */

struct dp_trace_stage {
    struct dp_flow *flow;               /* Counted. */
    uint32_t generation;                /* Of its actions. */
    size_t n_conns;
    struct {
        struct ct_handle handle;        /* Of none, if 'index' is 0. */
        bool reply;                     /* The packet's direction. */
    } conns[DP_TRACE_MAX_CONNS];
};

struct dp_trace {
    struct mpsc_queue_node node;        /* In the queue. */
    void *lane;                         /* Whose it is; opaque here. */
    struct flow packet;                 /* As it arrived. */
    bool is_cut;                        /* There was more than fits. */
    size_t n;
    struct dp_trace_stage stages[DP_MERGE_MAX_STAGES];
};

struct dp_trace *dp_trace_create(void *lane);
void dp_trace_destroy(struct dp_trace *);

/* The packet is in 'flow' now, which the caller has found since it last was
 * quiescent.  Returns false if the flow is gone already. */
bool dp_trace_add_stage(struct dp_trace *, struct dp_flow *flow);

/* A "ct" action of the last stage has met 'conn'. */
void dp_trace_add_conn(struct dp_trace *, struct ct_handle conn, bool reply);

/* Are all flows there, with the actions that the packet met? */
bool dp_trace_is_current(const struct dp_trace *);

/* As dp_merge_compose(), with the flows' and connections' present state.  The
 * connections are armed with 'tag' before they are looked at (ct-watch.h);
 * they stay so, whatever is returned.  For a rule that is to be used,
 * dp_trace_is_current() must be true once more when it is in its place. */
enum dp_merge_why dp_trace_compose(const struct dp_trace *,
                                   struct conntrack *, uint32_t tag,
                                   struct dp_merge_rule *);

/* A queue of traces. */
struct dp_tracer {
    struct mpsc_queue queue;
    atomic_uint32_t n;                  /* Traces in 'queue'. */
    uint32_t max;                       /* No more than that. */
    ATOMIC(uint64_t) n_lost;            /* For which there was no place. */
    atomic_uint32_t seen;               /* See dp_tracer_set_seen(). */
};

void dp_tracer_init(struct dp_tracer *, uint32_t max);
void dp_tracer_uninit(struct dp_tracer *);

/* Puts 'trace' into the queue, or destroys it if the queue is full. */
void dp_tracer_put(struct dp_tracer *, struct dp_trace *trace);

/* Whoever follows packets should take those of connections that have been seen
 * 'seen' times lately. */
void dp_tracer_set_seen(struct dp_tracer *, uint32_t seen);
uint32_t dp_tracer_get_seen(const struct dp_tracer *);

/* Returns the next trace, for the caller to destroy, or NULL. */
struct dp_trace *dp_tracer_next(struct dp_tracer *);

#endif /* dp-trace.h */
