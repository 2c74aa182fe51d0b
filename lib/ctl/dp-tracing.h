/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TRACING_H
#define DP_TRACING_H 1

/* dp-tracing: who has asked what becomes of packets
 * =================================================
 *
 * Job.  Keep the one question of this kind that a datapath may have at a time
 * (pipe/dp-live.h), and tell who has asked when it has ended: all packets have
 * been found, its time is over, somebody has asked anew, or the datapath goes.
 *
 * Owns.  The question, until after the asker has been told.
 *
 * Thread-safety.  Main thread. */

#include "pipe/dp-live.h"

struct dp;

enum dp_tracing_end {
    DP_TRACING_DONE,            /* All packets have been found. */
    DP_TRACING_TIMEOUT,
    DP_TRACING_REPLACED,        /* Somebody else has asked. */
    DP_TRACING_GONE,            /* The datapath goes. */
};

/* 'live' has what was found.  The registry may be locked. */
typedef void dp_tracing_done(struct dp *, struct dp_live *live,
                             enum dp_tracing_end, void *aux);

struct dp_tracing {
    struct dp_live *live;       /* NULL: nobody has asked. */
    long long int began_us;
    long long int deadline_ms;
    dp_tracing_done *done;
    void *aux;
};

void dp_tracing_uninit(struct dp *);

/* Asks for 'n' packets that match 'filter', of which it takes 'ports', for
 * 'timeout_ms' at most.  Calls 'done', once, with 'aux'. */
void dp_tracing_ask(struct dp *, const struct dp_live_filter *filter,
                    unsigned int n, long long int timeout_ms,
                    dp_tracing_done *done, void *aux);

void dp_tracing_run(struct dp *);
void dp_tracing_wait(const struct dp *);

#endif /* dp-tracing.h */
