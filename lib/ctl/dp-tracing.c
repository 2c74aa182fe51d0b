/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-tracing.h"

#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"
#include "ctl/dp.h"

static void
end(struct dp *dp, enum dp_tracing_end why)
{
    struct dp_tracing *t = &dp->tracing;
    struct dp_live *live = t->live;

    if (live) {
        dp_live_stop(&dp->shared);
        t->live = NULL;
        t->done(dp, live, why, t->aux);
        dp_live_destroy(live);
    }
}

void
dp_tracing_uninit(struct dp *dp)
{
    end(dp, DP_TRACING_GONE);
}

void
dp_tracing_ask(struct dp *dp, const struct dp_live_filter *filter,
               unsigned int n, long long int timeout_ms,
               dp_tracing_done *done, void *aux)
{
    struct dp_tracing *t = &dp->tracing;

    end(dp, DP_TRACING_REPLACED);
    t->began_us = time_usec();
    t->deadline_ms = time_msec() + timeout_ms;
    t->done = done;
    t->aux = aux;
    t->live = dp_live_create(filter, n);
    dp_live_start(&dp->shared, t->live);
}

void
dp_tracing_run(struct dp *dp)
{
    const struct dp_tracing *t = &dp->tracing;

    if (t->live && dp_live_is_done(t->live)) {
        end(dp, DP_TRACING_DONE);
    } else if (t->live && time_msec() >= t->deadline_ms) {
        end(dp, DP_TRACING_TIMEOUT);
    }
}

void
dp_tracing_wait(const struct dp *dp)
{
    const struct dp_tracing *t = &dp->tracing;

    if (t->live) {
        dp_live_wait(t->live);
        poll_timer_wait_until(t->deadline_ms);
    }
}
