/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-follow.h"

#include "dp-packet.h"
#include "flow.h"
#include "random.h"
#include "util.h"
#include "ct/ct-execute.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow.h"
#include "merge/dp-trace.h"
#include "pipe/dp-burst.h"

/* Where the packet is. */
enum where {
    NOWHERE,                    /* Nobody is followed. */
    HERE,                       /* Its actions are being executed. */
    AHEAD,                      /* It will come again, if nobody drops it. */
};

struct dp_follower {
    struct dp_tracer *tracer;   /* Borrowed. */
    void *lane;                 /* Named in traces. */
    long long int interval_us;
    long long int next_us;      /* When to begin another trace. */
    enum where where;
    const struct dp_packet *packet;     /* Only to be compared. */
    unsigned int depth;         /* In which pass it will be, if AHEAD. */
    struct dp_trace *trace;     /* Owned; NULL if NOWHERE. */
};

struct dp_follower *
dp_follower_create(struct dp_tracer *tracer, void *lane,
                   long long int interval_us)
{
    struct dp_follower *f = xzalloc(sizeof *f);

    f->lane = lane;
    f->tracer = tracer;
    f->interval_us = interval_us;
    f->where = NOWHERE;
    return f;
}

/* Follows nobody any more. */
static void
forget(struct dp_follower *f)
{
    dp_trace_destroy(f->trace);
    f->trace = NULL;
    f->where = NOWHERE;
}

void
dp_follower_destroy(struct dp_follower *f)
{
    if (f) {
        forget(f);
        free(f);
    }
}

/* Does something happen to packets of 'flow' that a merged rule would
 * spare? */
static bool
is_worth_it(const struct dp_flow *flow)
{
    const struct dp_actions *actions = dp_flow_get_actions(flow);

    for (size_t i = 0; i < actions->n_steps; i++) {
        if (actions->steps[i].type == DP_STEP_CT
            || actions->steps[i].type == DP_STEP_RECIRC) {
            return true;
        }
    }
    return false;
}

/* Notes that packet 'i' of 'burst' is here. */
static bool
arrive(struct dp_follower *f, const struct dp_burst *burst, int i)
{
    if (!burst->flows[i] || !dp_trace_add_stage(f->trace, burst->flows[i])) {
        forget(f);
        return false;
    }
    f->where = HERE;
    return true;
}

/* Picks a packet of 'burst'.  Returns false if there is none that is worth
 * it.  The packet may not have been parsed yet. */
static bool
pick(struct dp_follower *f, const struct dp_burst *burst)
{
    uint32_t candidates = burst->decided & ~burst->answered;
    struct dp_packet *packet;
    int i;

    ULLONG_FOR_EACH_1 (i, candidates) {
        if (!is_worth_it(burst->flows[i])) {
            candidates &= ~(UINT32_C(1) << i);
        }
    }
    if (!candidates) {
        return false;
    }
    for (int skip = random_range(count_1bits(candidates)); skip; skip--) {
        candidates = zero_rightmost_1bit(candidates);
    }
    i = raw_ctz(candidates);
    packet = burst->packets[i];
    if (burst->bare & (UINT32_C(1) << i)) {
        pkt_metadata_init(&packet->md, burst->in_port);
    }
    f->trace = dp_trace_create(f->lane);
    flow_extract(packet, &f->trace->packet);
    f->packet = packet;
    return arrive(f, burst, i);
}

/* Returns true if 'burst' has the packet that was AHEAD. */
static bool
meet(struct dp_follower *f, const struct dp_burst *burst)
{
    int i;

    if (burst->depth != f->depth) {
        return false;
    }
    ULLONG_FOR_EACH_1 (i, burst->decided) {
        if (burst->packets[i] == f->packet) {
            return arrive(f, burst, i);
        }
    }
    return false;
}

bool
dp_follow_enter(struct dp_follower *f, const struct dp_burst *burst,
                long long int now_us)
{
    if (burst->depth) {
        return f->where == AHEAD && meet(f, burst);
    }
    if (f->where == AHEAD) {
        forget(f);              /* It was dropped in an earlier turn. */
    }
    if (f->where == HERE || now_us < f->next_us || !pick(f, burst)) {
        return false;
    }
    f->next_us = now_us + f->interval_us;
    return true;
}

void
dp_follow_leave(struct dp_follower *f)
{
    if (f->where == HERE) {
        dp_tracer_put(f->tracer, f->trace);
        f->trace = NULL;
        f->where = NOWHERE;
    }
}

bool
dp_follow_is_here(const struct dp_follower *f)
{
    return f->where == HERE;
}

void
dp_follow_ct(struct dp_follower *f, const struct ct_sights *sights)
{
    for (size_t i = 0; i < sights->n; i++) {
        const struct ct_sight *sight = &sights->a[i];

        if (sight->packet == f->packet) {
            dp_trace_add_conn(f->trace, sight->conn, sight->reply);
            return;
        }
    }
}

void
dp_follow_again(struct dp_follower *f, const struct dp_packet_batch *batch,
                unsigned int depth)
{
    if (f->where == HERE) {
        for (size_t i = 0; i < batch->count; i++) {
            if (batch->packets[i] == f->packet) {
                f->where = AHEAD;
                f->depth = depth;
                return;
            }
        }
    }
}
