/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-merging.h"

#include "openvswitch/thread.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "flow/dp-log.h"
#include "merge/dp-books.h"
#include "pmd/dp-topology.h"

enum {
    MAX_TRACES = 2048,          /* That wait: some megabytes. */
    OFFER_BATCH = 64,           /* Traces between two quiescent states. */
    MIN_SLEEP_US = 100,
    MAX_SLEEP_US = 5 * 1000,    /* Rules that have died leave NICs then. */
};

/* Offers some traces to the books.  Returns how many. */
static int
offer_traces(struct dp_merging *m)
{
    struct dp_trace *trace;
    int n = 0;

    while (n < OFFER_BATCH && (trace = dp_tracer_next(&m->tracer)) != NULL) {
        dp_books_offer(m->books, trace);
        n++;
    }
    return n;
}

/* The clock may have been set back, by tests: then the next pass is not a long
 * time away. */
static bool
is_due(long long int *next_ms, long long int now_ms)
{
    if (now_ms < *next_ms && *next_ms - now_ms <= DP_BOOKS_AGE_MS) {
        return false;
    }
    *next_ms = now_ms + DP_BOOKS_AGE_MS;
    return true;
}

static void
keep_books(struct dp_merging *m, long long int *next_age,
           long long int now_ms)
{
    if (is_due(next_age, now_ms)) {
        dp_books_age(m->books, now_ms);
    } else if (dp_books_is_urgent(m->books)) {
        dp_books_reap(m->books);
    }
    dp_books_go_on(m->books, now_ms);
    dp_tracer_set_seen(&m->tracer, dp_books_get_min_seen(m->books));
}

static void *
merging_main(void *m_)
{
    struct dp_merging *m = m_;
    long long int next_age = time_msec() + DP_BOOKS_AGE_MS;
    unsigned int sleep_us = MIN_SLEEP_US;
    bool exit;

    for (;;) {
        long long int now_ms = time_msec();
        int n;

        atomic_read_relaxed(&m->exit, &exit);
        if (exit) {
            break;
        }
        n = offer_traces(m);
        keep_books(m, &next_age, now_ms);
        if (n) {
            sleep_us = MIN_SLEEP_US;
            ovsrcu_quiesce();
        } else {
            xnanosleep(sleep_us * 1000);
            sleep_us = MIN(2 * sleep_us, MAX_SLEEP_US);
        }
    }
    return NULL;
}

static void
start(struct dp_merging *m)
{
    dp_books_start(m->books);
    dp_tracer_set_seen(&m->tracer, dp_books_get_min_seen(m->books));
    atomic_store_relaxed(&m->exit, false);
    m->thread = ovs_thread_create("ct_merge", merging_main, m);
    m->running = true;
    ovs_mutex_lock(&m->topology->mutex);
    dp_topology_set_tracer(m->topology, &m->tracer);
    ovs_mutex_unlock(&m->topology->mutex);
}

static void
stop(struct dp_merging *m)
{
    struct dp_trace *trace;

    ovs_mutex_lock(&m->topology->mutex);
    dp_topology_set_tracer(m->topology, NULL);
    ovs_mutex_unlock(&m->topology->mutex);

    atomic_store_relaxed(&m->exit, true);
    ovsrcu_quiesce_start();
    xpthread_join(m->thread, NULL);
    ovsrcu_quiesce_end();
    m->running = false;
    while ((trace = dp_tracer_next(&m->tracer)) != NULL) {
        dp_trace_destroy(trace);
    }
    dp_books_stop(m->books);
}

void
dp_merging_init(struct dp_merging *m, struct dp_books *books,
                struct dp_topology *topology)
{
    m->books = books;
    m->topology = topology;
    dp_tracer_init(&m->tracer, MAX_TRACES);
    m->running = false;
    atomic_init(&m->exit, false);
}

void
dp_merging_uninit(struct dp_merging *m)
{
    if (m->running) {
        stop(m);
    }
    dp_tracer_uninit(&m->tracer);
}

void
dp_merging_configure(struct dp_merging *m, bool on, uint32_t max_rules)
{
    dp_books_set_max(m->books, max_rules);
    if (on != m->running) {
        if (on) {
            start(m);
        } else {
            stop(m);
        }
        VLOG_INFO("merging of tracked connections' flows is %s",
                  on ? "on" : "off");
    }
}

uint64_t
dp_merging_n_lost(const struct dp_merging *m)
{
    uint64_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_merging *, m)->tracer.n_lost,
                        &n);
    return n;
}
