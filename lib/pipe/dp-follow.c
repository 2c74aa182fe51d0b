/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-follow.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "ct/ct-execute.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow.h"
#include "flow/dp-tuple.h"
#include "merge/dp-trace.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-sample.h"

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
    long long int next_us;      /* When to look at packets again. */
    struct dp_sample *sample;   /* Owned; NULL: any packet will do. */
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
    f->sample = interval_us ? xzalloc(sizeof *f->sample) : NULL;
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
        free(f->sample);
        free(f);
    }
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

/* Returns those packets of 'burst' to which a merged rule would matter. */
static uint32_t
find_candidates(const struct dp_burst *burst)
{
    uint32_t candidates = burst->decided & ~burst->answered;
    int i;

    ULLONG_FOR_EACH_1 (i, candidates) {
        if (!dp_flow_get_actions(burst->flows[i])->goes_on) {
            candidates &= ~(UINT32_C(1) << i);
        }
    }
    return candidates;
}

/* May packet 'i' of 'burst' be of a merged rule?  If so, stores the hash of
 * its connection. */
static bool
get_hash(const struct dp_burst *burst, int i, uint32_t *hash)
{
    const uint16_t flags = (OVS_FORCE uint16_t) htons(TCP_ACK | TCP_SYN
                                                      | TCP_FIN | TCP_RST);
    const uint16_t ack = (OVS_FORCE uint16_t) htons(TCP_ACK);
    struct dp_tuple t;

    if (!dp_tuple_read(&t, burst->packets[i], burst->in_port)
        || (t.is_tcp && (t.tcp_flags & flags) != ack)) {
        return false;
    }
    *hash = t.hash;
    return true;
}

/* Returns a packet by chance. */
static int
choose(uint32_t packets)
{
    for (int skip = random_range(count_1bits(packets)); skip; skip--) {
        packets = zero_rightmost_1bit(packets);
    }
    return raw_ctz(packets);
}

/* Counts 'candidates', and chooses one whose connection is due.  Returns -1 if
 * there is none. */
static int
choose_due(struct dp_follower *f, const struct dp_burst *burst,
           uint32_t candidates)
{
    uint32_t seen = dp_tracer_get_seen(f->tracer);
    uint32_t hashes[NETDEV_MAX_BURST];
    uint32_t due = 0;
    int chosen, i;

    ULLONG_FOR_EACH_1 (i, candidates) {
        if (get_hash(burst, i, &hashes[i])
            && dp_sample_count(f->sample, hashes[i], seen)) {
            due |= UINT32_C(1) << i;
        }
    }
    if (!due) {
        return -1;
    }
    chosen = choose(due);
    ULLONG_FOR_EACH_1 (i, due & ~(UINT32_C(1) << chosen)) {
        dp_sample_defer(f->sample, hashes[i]);
    }
    return chosen;
}

/* Picks a packet of 'burst'.  Returns false if there is none that is worth
 * it.  The packet may not have been parsed yet. */
static bool
pick(struct dp_follower *f, const struct dp_burst *burst)
{
    uint32_t candidates = find_candidates(burst);
    struct dp_packet *packet;
    int i = (!candidates ? -1
             : f->sample ? choose_due(f, burst, candidates)
             : choose(candidates));

    if (i < 0) {
        return false;
    }
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
    if (f->where == HERE || now_us < f->next_us) {
        return false;
    }
    f->next_us = now_us + f->interval_us;
    if (f->sample) {
        dp_sample_run(f->sample, now_us);
    }
    return pick(f, burst);
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
