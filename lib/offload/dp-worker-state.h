/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_WORKER_STATE_H
#define DP_WORKER_STATE_H 1

/* dp-worker-state: what a worker has
 * ==================================
 *
 * Job.  The struct of a worker thread (dp-offload-worker.h), for those who
 * have something for it to do, or to count.  Private to lib/offload.
 *
 * Thread-safety.  As the headings say. */

#include "heap.h"
#include "mov-avg.h"
#include "mpsc-queue.h"
#include "offload/dp-places.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"

#define DP_OFFLOAD_BATCH 32

/* Counters of a worker. */
struct dp_offload_figures {
    uint64_t n_inserted;                /* Rules in NICs now. */
    uint64_t n_puts;
    uint64_t n_dels;
    uint64_t n_put_failures;
    uint64_t n_del_failures;
    uint64_t n_retries;
    struct mov_avg_cma cma;             /* Delay from flow to NIC, us. */
    struct mov_avg_ema ema;
};

struct dp_offload_worker {
    /* Constant after creation. */
    struct dp_offload *offload;
    unsigned int id;

    /* Control thread only. */
    pthread_t thread;
    bool running;

    /* Published (atomic): ready rules.  A change of what is in a NIC comes
     * before what is to come: as long as it waits, packets are treated as they
     * should not be any more, and a thread may wait for a port. */
    struct mpsc_queue changes;          /* Removals and replacements. */
    struct mpsc_queue arrivals;         /* Insertions. */

    /* Published (atomic). */
    atomic_uint64_t n_pending;          /* Ready or busy. */
    atomic_uint64_t sweep_done;         /* Last sweep of counters. */
    atomic_bool exit;

    /* Owner thread only. */
    struct heap retries;                /* Rules by the time to try again. */
    struct dp_places_room markless;     /* Rules that wait for a mark. */
    struct ovs_list free_ops;           /* Spare 'struct dp_offload_op's. */
    struct ovs_list ops;                /* Operations in progress. */
    unsigned int n_ops;                 /* Length of 'ops'. */
    unsigned int batch;                 /* 1...DP_OFFLOAD_BATCH. */
    uint64_t query_us;                  /* When to begin the next sweep. */
    uint64_t reap_us;                   /* When to look after quarantines. */
    uint64_t probe_us;                  /* When to try full ports. */
    uint64_t watch_us;                  /* When to look for marks. */
    uint64_t sweep;                     /* Number of the sweep under way. */
    unsigned int query_shard;           /* Where the sweep is. */
    size_t query_left;                  /* Rules left in that shard. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct dp_offload_figures figures;
};

#endif /* dp-worker-state.h */
