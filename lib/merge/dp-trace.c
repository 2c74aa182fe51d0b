/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-trace.h"

#include "openvswitch/match.h"
#include "ovs-thread.h"
#include "util.h"
#include "ct/ct-watch.h"
#include "flow/dp-flow.h"

struct dp_trace *
dp_trace_create(void *lane)
{
    struct dp_trace *trace = xmalloc(sizeof *trace);

    trace->lane = lane;
    trace->is_cut = false;
    trace->n = 0;
    return trace;
}

void
dp_trace_destroy(struct dp_trace *trace)
{
    if (trace) {
        for (size_t i = 0; i < trace->n; i++) {
            dp_flow_unref(trace->stages[i].flow);
        }
        free(trace);
    }
}

bool
dp_trace_add_stage(struct dp_trace *trace, struct dp_flow *flow)
{
    struct dp_trace_stage *stage;

    if (trace->n >= ARRAY_SIZE(trace->stages)) {
        trace->is_cut = true;
        return true;
    }
    if (!dp_flow_try_ref(flow)) {
        return false;
    }
    stage = &trace->stages[trace->n++];
    stage->flow = flow;
    stage->generation = dp_flow_get_generation(flow);
    stage->n_conns = 0;
    return true;
}

void
dp_trace_add_conn(struct dp_trace *trace, struct ct_handle conn, bool reply)
{
    struct dp_trace_stage *stage = &trace->stages[trace->n - 1];

    if (trace->is_cut || stage->n_conns >= ARRAY_SIZE(stage->conns)) {
        trace->is_cut = true;
        return;
    }
    stage->conns[stage->n_conns].handle = conn;
    stage->conns[stage->n_conns].reply = reply;
    stage->n_conns++;
}

bool
dp_trace_is_current(const struct dp_trace *trace)
{
    for (size_t i = 0; i < trace->n; i++) {
        const struct dp_trace_stage *stage = &trace->stages[i];

        if (dp_flow_is_dead(stage->flow)
            || dp_flow_get_generation(stage->flow) != stage->generation) {
            return false;
        }
    }
    return true;
}

/* Composing. */

/* What a stage's pointers lead to. */
struct stage_data {
    struct match match;
    struct dp_merge_conn conns[DP_TRACE_MAX_CONNS];
};

static enum dp_merge_why
why_not_armed(enum ct_armed armed)
{
    switch (armed) {
    case CT_ARMED:
        return DP_MERGE_WHY_NONE;
    case CT_ARMED_NEW:
        return DP_MERGE_WHY_C_STATE;
    case CT_ARMED_ICMP:
        return DP_MERGE_WHY_P_PROTO;
    case CT_ARMED_HELPER:
    case CT_ARMED_RELATED:
        return DP_MERGE_WHY_C_HELPER;
    case CT_ARMED_GONE:
        return DP_MERGE_WHY_T_CHANGED;
    case CT_N_ARMED:
    default:
        OVS_NOT_REACHED();
    }
}

static enum dp_merge_why
describe_conn(struct conntrack *ct, struct ct_handle handle, bool reply,
              uint32_t tag, struct dp_merge_conn *conn)
{
    enum dp_merge_why why;
    struct ct_view view;

    if (!handle.index) {
        return DP_MERGE_WHY_C_NONE;
    }
    why = why_not_armed(ct_watch_arm(ct, handle, tag));
    if (why) {
        return why;
    }
    if (!ct_handle_view(ct, handle, &view)) {
        return DP_MERGE_WHY_T_CHANGED;
    }
    *conn = (struct dp_merge_conn) {
        .keys = { view.keys[0], view.keys[1] },
        .is_reply = reply,
        .is_established = view.is_established,
        .nat = view.nat_state[reply],
        .mark = view.mark,
        .label = view.label,
    };
    return DP_MERGE_WHY_NONE;
}

static enum dp_merge_why
describe_stage(const struct dp_trace_stage *traced, struct conntrack *ct,
               uint32_t tag, struct stage_data *data,
               struct dp_merge_stage *stage)
{
    const struct dp_actions *actions = dp_flow_get_actions(traced->flow);

    dp_flow_get_match(traced->flow, &data->match);
    *stage = (struct dp_merge_stage) {
        .key = &data->match.flow,
        .wc = &data->match.wc,
        .actions = actions->nla,
        .actions_len = actions->nla_len,
        .conns = data->conns,
        .n_conns = traced->n_conns,
    };
    for (size_t i = 0; i < traced->n_conns; i++) {
        enum dp_merge_why why
            = describe_conn(ct, traced->conns[i].handle,
                            traced->conns[i].reply, tag, &data->conns[i]);

        if (why) {
            return why;
        }
    }
    return DP_MERGE_WHY_NONE;
}

static enum dp_merge_why
compose(const struct dp_trace *trace, struct conntrack *ct, uint32_t tag,
        struct stage_data data[], struct dp_merge_rule *rule)
{
    struct dp_merge_stage stages[DP_MERGE_MAX_STAGES];

    for (size_t i = 0; i < trace->n; i++) {
        enum dp_merge_why why = describe_stage(&trace->stages[i], ct, tag,
                                               &data[i], &stages[i]);

        if (why) {
            return why;
        }
    }
    return dp_merge_compose(&(struct dp_merge_trace) {
                                .packet = &trace->packet,
                                .stages = stages,
                                .n_stages = trace->n,
                            }, rule);
}

enum dp_merge_why
dp_trace_compose(const struct dp_trace *trace, struct conntrack *ct,
                 uint32_t tag, struct dp_merge_rule *rule)
{
    struct stage_data *data;
    enum dp_merge_why why;

    if (trace->is_cut) {
        return DP_MERGE_WHY_T_LENGTH;
    }

    /* Before the actions are read: what is replaced later is found out by who
     * asks once more. */
    if (!dp_trace_is_current(trace)) {
        return DP_MERGE_WHY_T_CHANGED;
    }
    data = xmalloc(trace->n * sizeof *data);
    why = compose(trace, ct, tag, data, rule);
    free(data);
    return why;
}

/* The queue. */

void
dp_tracer_init(struct dp_tracer *tracer, uint32_t max)
{
    mpsc_queue_init(&tracer->queue);
    atomic_init(&tracer->n, 0);
    atomic_init(&tracer->n_lost, 0);
    atomic_init(&tracer->seen, 0);
    tracer->max = max;
}

void
dp_tracer_uninit(struct dp_tracer *tracer)
{
    struct dp_trace *trace;

    while ((trace = dp_tracer_next(tracer))) {
        dp_trace_destroy(trace);
    }
    mpsc_queue_destroy(&tracer->queue);
}

void
dp_tracer_put(struct dp_tracer *tracer, struct dp_trace *trace)
{
    uint32_t n;

    atomic_add_relaxed(&tracer->n, 1, &n);
    if (n < tracer->max) {
        mpsc_queue_insert(&tracer->queue, &trace->node);
    } else {
        uint64_t n_lost;

        atomic_sub_relaxed(&tracer->n, 1, &n);
        atomic_add_relaxed(&tracer->n_lost, 1, &n_lost);
        dp_trace_destroy(trace);
    }
}

void
dp_tracer_set_seen(struct dp_tracer *tracer, uint32_t seen)
{
    atomic_store_relaxed(&tracer->seen, seen);
}

uint32_t
dp_tracer_get_seen(const struct dp_tracer *tracer)
{
    uint32_t seen;

    atomic_read_relaxed(&CONST_CAST(struct dp_tracer *, tracer)->seen, &seen);
    return seen;
}

struct dp_trace *
dp_tracer_next(struct dp_tracer *tracer)
{
    struct mpsc_queue_node *node;
    uint32_t n;

    mpsc_queue_acquire(&tracer->queue);
    node = mpsc_queue_pop(&tracer->queue);
    mpsc_queue_release(&tracer->queue);
    if (!node) {
        return NULL;
    }
    atomic_sub_relaxed(&tracer->n, 1, &n);
    return CONTAINER_OF(node, struct dp_trace, node);
}
