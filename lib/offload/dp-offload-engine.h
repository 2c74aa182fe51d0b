/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_ENGINE_H
#define DP_OFFLOAD_ENGINE_H 1

/* dp-offload-engine: what the parts of the engine share
 * =====================================================
 *
 * Private to lib/offload.  The engine itself, for those .c files that need
 * more of it than its name; what a part owns, its own header declares.  The
 * parts, each of which knows only those above it:
 *
 *     dp-places.c          who has a place in a NIC, and who waits for one
 *     dp-mark.c            who has which mark
 *     dp-offload-rule.c    the registry: rules and their flows
 *     dp-offload-port.c    ports, and who is inside
 *     dp-rule-mark.c       the mark of a rule
 *     dp-rule-place.c      rules, for who rebalances
 *     dp-rule-change.c     what befalls a rule, and the books about it
 *     dp-offload-step.c    what is desired, what is there, what comes next
 *     dp-rule-count.c      last counts of the rules of a port
 *     dp-port-life.c       how ports come, pause and go
 *     dp-offload-worker.c  threads, ready queues, batches
 *     dp-offload.c         the front door: switch, lanes, flows
 *     dp-offload-stats.c   figures for others
 *     dp-offload-show.c    text and JSON
 *
 * Registry.  The rules lie in DP_OFFLOAD_N_SHARDS hash tables, chosen by the
 * hash of the megaflow, each with its mutex.  A shard belongs to one worker,
 * so a rule does, too.  What a rule desires is written by anybody who holds
 * the mutex; what it actually has is written by its worker, under the mutex;
 * only the worker frees it. */

#include <sched.h>

#include "cmap.h"
#include "offload/dp-mark.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-places.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"

#define DP_OFFLOAD_N_SHARDS DP_PLACES_N_LINES

struct dp_offload {
    struct dp_offload_switch sw;        /* Published (atomic). */

    /* Constant after creation. */
    struct dp_offload_env env;
    const struct dp_offload_class **classes;
    struct dp_marks *marks;

    struct dp_mark_limbo limbo;         /* Marks of ports that are gone. */
    struct dp_offload_shard *shards;    /* DP_OFFLOAD_N_SHARDS. */
    struct dp_offload_worker *workers;  /* DP_OFFLOAD_MAX_WORKERS. */
    struct cmap ports;                  /* Published (RCU): 'struct
                                         * dp_offload_port's. */
    struct dp_places places;
    atomic_uint64_t n_rules;            /* Published (atomic). */
    atomic_uint64_t n_flushing;         /* Published (atomic). */
    atomic_uint32_t n_workers;          /* Published (atomic). */
    atomic_uint64_t delay_us;           /* Published (atomic). */
    atomic_uint64_t sweep;              /* Published (atomic): the one that
                                         * workers should have begun. */
    atomic_uint32_t port_gen;           /* Published (atomic): last one that
                                         * was given to a port. */

    /* Guarded by 'mutex': the control thread's affairs. */
    struct ovs_mutex mutex;
    bool threads_running;
    cpu_set_t process_cpus;             /* That we started with. */
    cpu_set_t worker_cpus;
    pthread_t helper;                   /* Runs there, too... */
    bool has_helper;                    /* ...if there is one. */
    struct dp_offload_port *paused;     /* The one that is, or null. */

    /* Worker 0 only: drain epochs by the clock, if the datapath has none. */
    uint64_t sample_us;
    uint64_t sample_epoch;
    uint64_t drained_epoch;
};

#endif /* dp-offload-engine.h */
