/* SPDX-License-Identifier: Apache-2.0 */

/* Starting and stopping.
 *
 * Threads are started and stopped by main only.  The order on the way down:
 * handlers and revalidators leave, then the datapath is told to drop misses
 * (its lanes stop calling upcall_cb()), and only then flows are purged: now
 * nobody but main has a ukey.  Main joins threads while it is quiescent, or
 * RCU would wait for it, and takes part in RCU again before it touches the
 * map.
 *
 * udpif_destroy() leaves flows in the datapath on purpose, so that traffic
 * goes on while the daemon is restarted.  It forgets the ukeys. */

#include <config.h>

#include "ofproto/udpif.h"

#include "ctl/dp-late.h"
#include "dpif-netdev.h"
#include "ofproto/flow-limit.h"
#include "ofproto/ofproto-dpif-upcall.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/ofproto-provider.h"
#include "ofproto/revalidator.h"
#include "ofproto/sweep.h"
#include "ofproto/upcall-commands.h"
#include "ofproto/upcall-log.h"
#include "ofproto/upcall.h"
#include "ovs-rcu.h"
#include "seq.h"
#include "simap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

/* Scripts that trace our probes copy it to the stack of a BPF program, which
 * has 512 bytes in all. */
BUILD_ASSERT_DECL(sizeof(struct udpif) <= 400);

#define N_FLOWS_CACHE_MS 100    /* Age at which 'n_flows' is read again. */

/* Registry: all udpifs, and the switches that commands set for all of them.
 * The only mutable file-scope data of this room. */
static struct ovs_list all_udpifs = OVS_LIST_INITIALIZER(&all_udpifs);
static atomic_bool enable_megaflows = true;
static atomic_bool enable_ufid = true;

static bool
switch_is_on(atomic_bool *sw)
{
    bool on;

    atomic_read_relaxed(sw, &on);
    return on;
}

bool
udpif_megaflows_enabled(void)
{
    return switch_is_on(&enable_megaflows);
}

bool
udpif_ufid_enabled(void)
{
    return switch_is_on(&enable_ufid);
}

void
udpif_set_megaflows_enabled(bool on)
{
    atomic_store_relaxed(&enable_megaflows, on);
}

void
udpif_set_ufid_enabled(bool on)
{
    atomic_store_relaxed(&enable_ufid, on);
}

struct ovs_list *
udpif_all(void)
{
    return &all_udpifs;
}

bool
udpif_use_ufid(const struct udpif *udpif)
{
    return udpif->backer->rt_support.ufid && udpif_ufid_enabled();
}

uint64_t
udpif_n_flows(struct udpif *udpif)
{
    long long int now = time_msec(), then;
    uint64_t n;

    atomic_read_relaxed(&udpif->n_flows_time, &then);
    if (then < now - N_FLOWS_CACHE_MS
        && !ovs_mutex_trylock(&udpif->n_flows_mutex)) {
        struct dpif_dp_stats stats;
        uint64_t n_offloaded;

        atomic_store_relaxed(&udpif->n_flows_time, now);
        dpif_get_dp_stats(udpif->dpif, &stats);
        n = stats.n_flows;
        if (udpif->counts_offload_apart
            && !dpif_get_n_offloaded_flows(udpif->dpif, &n_offloaded)) {
            n += n_offloaded;
        }
        atomic_store_relaxed(&udpif->n_flows, n);
        ovs_mutex_unlock(&udpif->n_flows_mutex);
    } else {
        atomic_read_relaxed(&udpif->n_flows, &n);
    }
    return n;
}

void
udpif_count_new_flow(struct udpif *udpif)
{
    uint64_t n;

    atomic_add_relaxed(&udpif->n_flows, 1, &n);
}

/* Main thread: pause, purge, stop, start. */

void
udpif_pause_revalidators(struct udpif *udpif)
{
    if (udpif->n_revalidators && !udpif->n_pauses++) {
        latch_set(&udpif->pause_latch);
        ovs_barrier_block(&udpif->pause_barrier);
    }
}

void
udpif_resume_revalidators(struct udpif *udpif)
{
    if (udpif->n_revalidators && udpif->n_pauses && !--udpif->n_pauses) {
        latch_poll(&udpif->pause_latch);
        ovs_barrier_block(&udpif->pause_barrier);
    }
}

void
udpif_purge(struct udpif *udpif)
{
    udpif_pause_revalidators(udpif);
    sweep_purge(udpif);
    atomic_store_relaxed(&udpif->n_flows_time, LLONG_MIN);  /* Count anew. */
    udpif_resume_revalidators(udpif);
}

/* Called by the userspace datapath, in the main thread, before it destroys
 * lane 'pmd_id' with its flows. */
static void
dp_purge_cb(void *udpif_, unsigned pmd_id)
{
    struct udpif *udpif = udpif_;

    udpif_pause_revalidators(udpif);
    sweep_purge_pmd(udpif, pmd_id);
    udpif_resume_revalidators(udpif);
}

static void
udpif_stop_threads(struct udpif *udpif, bool delete_flows)
{
    if (!udpif->n_revalidators) {
        return;
    }

    /* An operator's pause does not outlive the threads. */
    while (udpif->n_pauses) {
        udpif_resume_revalidators(udpif);
    }
    udpif->paused = false;

    latch_set(&udpif->exit_latch);
    ovsrcu_quiesce_start();
    for (size_t i = 0; i < udpif->n_handlers; i++) {
        xpthread_join(udpif->handlers[i].thread, NULL);
    }
    for (size_t i = 0; i < udpif->n_revalidators; i++) {
        xpthread_join(udpif->revalidators[i].thread, NULL);
    }
    dpif_disable_upcall(udpif->dpif);
    ovsrcu_quiesce_end();
    latch_poll(&udpif->exit_latch);

    free(udpif->handlers);
    udpif->handlers = NULL;
    udpif->n_handlers = 0;
    free(udpif->revalidators);
    udpif->revalidators = NULL;
    udpif->n_revalidators = 0;
    ovs_barrier_destroy(&udpif->reval_barrier);
    ovs_barrier_destroy(&udpif->pause_barrier);

    if (delete_flows) {
        sweep_purge(udpif);
    }
}

static void
udpif_start_threads(struct udpif *udpif, size_t handlers_wanted,
                    size_t revals_wanted)
{
    if (!revals_wanted) {
        return;
    }
    ovs_barrier_init(&udpif->reval_barrier, revals_wanted);
    ovs_barrier_init(&udpif->pause_barrier, revals_wanted + 1);
    udpif->reval_exit = false;
    udpif->pause = false;

    /* All members first: a thread may look at its neighbours. */
    udpif->handlers = xcalloc(handlers_wanted, sizeof *udpif->handlers);
    udpif->n_handlers = handlers_wanted;
    udpif->revalidators = xcalloc(revals_wanted,
                                  sizeof *udpif->revalidators);
    udpif->n_revalidators = revals_wanted;

    for (size_t i = 0; i < handlers_wanted; i++) {
        struct udpif_handler *handler = &udpif->handlers[i];

        handler->udpif = udpif;
        handler->id = i;
        handler->thread = ovs_thread_create("handler", upcall_handler_main,
                                            handler);
    }
    dpif_enable_upcall(udpif->dpif);

    for (size_t i = 0; i < revals_wanted; i++) {
        struct udpif_revalidator *revalidator = &udpif->revalidators[i];

        revalidator->udpif = udpif;
        revalidator->index = i;
        revalidator->thread = ovs_thread_create("revalidator",
                                                revalidator_main, revalidator);
    }
}

/* How many revalidators there are if nobody has a wish, for 'n_threads'
 * threads in all. */
static uint32_t
default_revalidators(int n_threads)
{
    return n_threads / 4 + 1;
}

/* Computes how many threads there should be from what was asked for (0: no
 * wish).  Returns true if the datapath insists on its number of handlers, 0 if
 * it makes its upcalls itself. */
static bool
choose_threads(struct udpif *udpif, uint32_t *handlers_wanted,
               uint32_t *revals_wanted)
{
    int n_threads = MAX(count_cpu_cores(), 2);
    uint32_t n_required;

    if (dpif_number_handlers_required(udpif->dpif, &n_required)) {
        *handlers_wanted = n_required;
        if (!*revals_wanted) {
            *revals_wanted = default_revalidators(n_required ? n_required
                                                  : n_threads);
        }
        return true;
    }

    if (!*revals_wanted) {
        *revals_wanted = (*handlers_wanted
                           ? MAX(n_threads - (int) *handlers_wanted, 1)
                           : default_revalidators(n_threads));
    }
    if (!*handlers_wanted) {
        *handlers_wanted = MAX(n_threads - (int) *revals_wanted, 1);
    }
    return false;
}

/* Answers those who wait for a dump that has ended, or all of them. */
static void
answer_waiters(struct udpif *udpif, bool all)
{
    uint64_t now = seq_read(udpif->dump_seq);
    size_t n = 0;

    for (size_t i = 0; i < udpif->n_waiters; i++) {
        struct udpif_waiter *waiter = &udpif->waiters[i];

        if (all || waiter->dump_seq != now) {
            unixctl_command_reply(waiter->conn, NULL);
        } else {
            udpif->waiters[n++] = *waiter;
        }
    }
    udpif->n_waiters = n;
}

/* The functions of ofproto-dpif-upcall.h. */

void
udpif_init(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        upcall_commands_register();
        ovsthread_once_done(&once);
    }
}

/* Gives all that threads publish a first value. */
static void
publish_nothing(struct udpif *udpif)
{
    ovs_mutex_init(&udpif->n_flows_mutex);
    atomic_init(&udpif->n_flows_time, LLONG_MIN);
    atomic_init(&udpif->n_flows, 0);
    atomic_init(&udpif->lacked_neighbor, LLONG_MIN / 2);
    atomic_init(&udpif->avg_n_flows, 0);
    atomic_init(&udpif->max_n_flows, 0);
    atomic_init(&udpif->dump_duration, 0);
    atomic_init(&udpif->flow_limit,
                MIN(ofproto_flow_limit, FLOW_LIMIT_START));
}

struct udpif *
udpif_create(struct dpif_backer *backer, struct dpif *dpif)
{
    struct udpif *udpif = xzalloc(sizeof *udpif);

    udpif->dpif = dpif;
    udpif->backer = backer;
    udpif->counts_offload_apart = !dpif_is_netdev(dpif);
    udpif->has_late_stats = dpif_is_netdev(dpif);
    udpif->lesson = FLOW_LIMIT_NO_LESSON;
    udpif->ukeys = xmalloc(sizeof *udpif->ukeys);
    ukey_map_init(udpif->ukeys);
    latch_init(&udpif->exit_latch);
    latch_init(&udpif->pause_latch);
    udpif->dump_seq = seq_create();
    udpif->reval_seq = seq_create();
    atomic_count_init(&udpif->n_asked_again, 0);
    publish_nothing(udpif);
    bridge_watch_init(&udpif->watch);
    ovs_list_push_back(&all_udpifs, &udpif->list_node);

    dpif_register_upcall_cb(dpif, upcall_cb, udpif);
    dpif_register_dp_purge_cb(dpif, dp_purge_cb, udpif);
    if (udpif->has_late_stats) {
        dp_late_want(dpif, true);
    }
    return udpif;
}

void
udpif_run(struct udpif *udpif)
{
    answer_waiters(udpif, false);
    bridge_watch_run(&udpif->watch, udpif);
}

void
udpif_destroy(struct udpif *udpif)
{
    if (!udpif) {
        return;
    }
    udpif_stop_threads(udpif, false);

    if (udpif->has_late_stats) {
        dp_late_want(udpif->dpif, false);
    }
    dpif_register_dp_purge_cb(udpif->dpif, NULL, udpif);
    dpif_register_upcall_cb(udpif->dpif, NULL, udpif);

    ovs_list_remove(&udpif->list_node);
    bridge_watch_uninit(&udpif->watch);
    answer_waiters(udpif, true);
    free(udpif->waiters);
    ukey_map_uninit(udpif->ukeys);
    free(udpif->ukeys);
    ovs_mutex_destroy(&udpif->n_flows_mutex);
    seq_destroy(udpif->dump_seq);
    seq_destroy(udpif->reval_seq);
    latch_destroy(&udpif->pause_latch);
    latch_destroy(&udpif->exit_latch);
    free(udpif);
}

void
udpif_set_threads(struct udpif *udpif, uint32_t handlers_wanted,
                  uint32_t revals_wanted)
{
    bool forced = choose_threads(udpif, &handlers_wanted, &revals_wanted);

    if (udpif->n_handlers == handlers_wanted
        && udpif->n_revalidators == revals_wanted) {
        return;
    }

    if (forced) {
        VLOG_INFO("Overriding n-handler-threads to %u, setting "
                  "n-revalidator-threads to %u",
                  handlers_wanted, revals_wanted);
    } else {
        VLOG_INFO("Setting n-handler-threads to %u, setting "
                  "n-revalidator-threads to %u",
                  handlers_wanted, revals_wanted);
    }

    udpif_stop_threads(udpif, true);
    int error = dpif_handlers_set(udpif->dpif, handlers_wanted);
    if (error) {
        VLOG_ERR("failed to configure handlers in dpif %s: %s",
                 dpif_name(udpif->dpif), ovs_strerror(error));
        return;
    }
    VLOG_INFO("Starting %"PRIu32" threads", handlers_wanted + revals_wanted);
    udpif_start_threads(udpif, handlers_wanted, revals_wanted);
}

void
udpif_revalidate(struct udpif *udpif)
{
    seq_change(udpif->reval_seq);
}

void
udpif_get_memory_usage(struct udpif *udpif, struct simap *usage)
{
    simap_increase(usage, "udpif keys", ukey_map_count(udpif->ukeys));
    simap_increase(usage, "revalidators", udpif->n_revalidators);
    simap_increase(usage, "handlers", udpif->n_handlers);
}

struct seq *
udpif_dump_seq(struct udpif *udpif)
{
    return udpif->dump_seq;
}

void
udpif_flush(struct udpif *udpif)
{
    size_t handlers_wanted = udpif->n_handlers;
    size_t revals_wanted = udpif->n_revalidators;

    udpif_stop_threads(udpif, true);
    dpif_flow_flush(udpif->dpif);

    /* The caller may be about to complain of recirculation ids that ukeys
     * still have.  They give them back after the grace period. */
    ovsrcu_barrier();
    udpif_start_threads(udpif, handlers_wanted, revals_wanted);
}
