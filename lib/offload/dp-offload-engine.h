/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_ENGINE_H
#define DP_OFFLOAD_ENGINE_H 1

/* dp-offload-engine: what the parts of the engine share
 * =====================================================
 *
 * Private to lib/offload.  Types only; functions are declared in the header
 * of the part that defines them:
 *
 *     dp-offload.c         the front door: switch, lanes, flows
 *     dp-offload-rule.c    the registry: rules, their flows and marks
 *     dp-offload-step.c    what is desired, what is there, what comes next
 *     dp-offload-port.c    ports
 *     dp-offload-worker.c  threads, ready queues, batches
 *     dp-offload-stats.c   figures for others
 *     dp-offload-show.c    text and JSON
 *     dp-rebalance.c       who gets the places in a full NIC
 *
 * Registry.  The rules lie in DP_OFFLOAD_N_SHARDS hash tables, chosen by the
 * hash of the megaflow, each with its mutex.  A shard belongs to one worker,
 * so a rule does, too.  What a rule desires is written by anybody who holds
 * the mutex; what it actually has is written by its worker, under the mutex;
 * only the worker frees it.
 *
 * Life of a rule, as its worker sees it:
 *
 *          flow_put                       put ok
 *     --> ABSENT ------> busy: put -------------------> MARKED or WHOLE
 *           ^  ^             | refused: 'why' tells          |
 *           |  '-------------'                               | last flow gone,
 *           |         del ok, or rule lost                   | changed, off,
 *           '------------------------------- busy: del <-----'  port stopped
 *                                             | ^
 *                                             '-' failed: tried again
 *
 * An ABSENT rule without flows is freed. */

#include <sched.h>

#include "heap.h"
#include "mov-avg.h"
#include "mpsc-queue.h"
#include "offload/dp-mark.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-rebalance-policy.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "cmap.h"
#include "ovs-atomic.h"

#define DP_OFFLOAD_N_SHARDS 256
#define DP_OFFLOAD_BATCH 32

/* A lane's flow for a rule. */
struct dp_offload_member {
    struct dp_mark_index *index;        /* Borrowed: the lane outlives it. */
    void *flow;                         /* Counted. */
    uint64_t n_packets;                 /* What the NIC has done for it. */
    uint64_t n_bytes;
};

struct dp_offload_rule {
    /* Constant after creation. */
    ovs_u128 mega_ufid;
    struct dp_offload_shard *shard;     /* That it lies in. */
    odp_port_t in_port;

    /* Owner thread (the shard's worker) only. */
    uint32_t put_gen;                   /* Value of 'gen' of the put. */
    uint32_t port_gen;                  /* Of the port at that time. */
    uint32_t n_retries;
    struct heap_node retry_node;        /* In worker's 'retries', if idx. */
    struct ovs_list full_node;          /* In a port's 'full' list or, under
                                         * the mutex, a table's 'waiting'. */
    uint64_t hw_packets;                /* Last reading since the put. */
    uint64_t hw_bytes;
    uint64_t actions_hash;              /* Of the actions at that time. */
    bool replace;                       /* Take it out, put it again. */

    /* Guarded by the shard's mutex. */
    struct hmap_node node;              /* In shard's 'rules'. */
    struct mpsc_queue_node ready_node;  /* In the worker's queue. */
    struct ovs_list whole_node;         /* In shard's 'whole'. */
    struct ovs_list place_node;         /* In its table's 'placed'. */
    struct dp_rebalance_table *coming;  /* Where a place is kept for it. */
    struct dp_rebalance_rate rate;
    struct dp_offload_port *port;       /* Counted; null if absent, but for
                                         * one in line, busy, or ready after
                                         * an operation. */
    void *handle;                       /* The provider's. */
    uint64_t ready_us;                  /* Since when it is 'ready'. */
    uint64_t since_us;                  /* Since when 'level' is so. */
    uint64_t born_us;                   /* When its first flow came. */
    long long int used;                 /* Last time NIC counters moved. */
    uint32_t mark;                      /* Or 0. */
    uint32_t gen;                       /* Counts what flows told us. */
    int error;                          /* With 'why'. */
    uint8_t level;                      /* enum dp_offload_level. */
    uint8_t why;                        /* enum dp_offload_why. */
    bool ready;                         /* Stands in the queue. */
    bool busy;                          /* An operation is under way. */
    bool again;                         /* Became ready while busy. */
    bool flushing;                      /* dp_offload_flush() waits for it. */
    bool marked_once;                   /* 'mark' has been in the NIC. */
    bool waiting;                       /* Stands in its table's line. */
    bool evict;                         /* Is to leave the NIC. */
    uint8_t best;                       /* Best 'level' that it has had. */

    /* Flows, one or more for each lane; the last one is described to
     * the provider. */
    uint16_t n_members;
    uint16_t n_allocated;               /* 1: it is 'one'. */
    struct dp_offload_member *members;
    struct dp_offload_member one;
};

struct dp_offload_shard {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        struct ovs_mutex mutex;

        /* Guarded by 'mutex'. */
        struct hmap rules;              /* 'struct dp_offload_rule's. */
        struct ovs_list whole;          /* Those that run whole. */
        struct dp_offload_worker *worker;
    );
};

enum dp_offload_port_state {
    DP_OFFLOAD_PORT_RUNNING,
    DP_OFFLOAD_PORT_PAUSED,             /* No calls of the provider. */
    DP_OFFLOAD_PORT_STOPPING            /* Removals only. */
};

struct dp_offload_port {
    /* Constant after creation. */
    struct cmap_node node;              /* In engine's 'ports'. */
    odp_port_t port_no;
    struct netdev *netdev;              /* Counted; may be null. */
    char *name;

    /* Set by the control thread while the port is not in use. */
    const struct dp_offload_class *class; /* Null: nobody takes the port. */
    void *aux;                          /* The provider's port. */
    struct dp_offload_port_info info;
    struct dp_rebalance_table *table;   /* Counted; not null with 'class'. */

    /* Published (atomic). */
    atomic_uint32_t gen;                /* Incremented when rules are lost. */
    atomic_uint32_t lost_gen;           /* Handles older than it are void. */
    atomic_uint64_t n_marked;           /* Rules in the NIC, by level. */
    atomic_uint64_t n_whole;
    atomic_uint64_t n_puts;             /* Operations that succeeded. */
    atomic_uint64_t n_dels;
    atomic_uint64_t n_failed[DP_OFFLOAD_N_WHYS];
    atomic_bool is_full;                /* A rule found no room, and since then
                                         * none has come or left. */
    atomic_uint32_t delivery;           /* enum dp_offload_delivery. */
    atomic_uint32_t arrival;            /* enum dp_mark_arrival. */

    /* Guarded by 'watch_mutex': a rule that packets should get marks from
     * (dp-mark-watch.h). */
    struct ovs_mutex watch_mutex;
    ovs_u128 suspect;
    uint64_t suspect_packets;
    bool suspect_picked;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    pthread_cond_t cond;                /* 'n_calls' or 'n_rules' is 0. */
    enum dp_offload_port_state state;
    unsigned int n_calls;               /* Operations under way. */
    size_t n_rules;                     /* Rules whose 'port' it is. */

    /* Owner thread only: one for each worker. */
    struct ovs_list full[DP_OFFLOAD_MAX_WORKERS]; /* Rules without room. */
    uint64_t n_dels_seen[DP_OFFLOAD_MAX_WORKERS];

    struct dp_mark_limbo limbo;

    /* Worker 0 only: since when, without a break, the port has been up. */
    uint64_t up_seq;                    /* The netdev's, or 0: it is not. */
    uint64_t up_epoch;                  /* First one that counts. */
};

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

    /* Published (atomic). */
    struct mpsc_queue queue;            /* Ready rules. */
    atomic_uint64_t n_pending;          /* Ready or busy. */
    atomic_uint64_t sweep_done;         /* Last sweep of counters. */
    atomic_bool exit;

    /* Owner thread only. */
    struct heap retries;                /* Rules by the time to try again. */
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

struct dp_offload {
    struct dp_offload_switch sw;        /* Published (atomic). */

    /* Constant after creation. */
    struct dp_offload_env env;
    const struct dp_offload_class **classes;
    struct dp_marks *marks;

    struct dp_mark_limbo limbo;         /* Marks of ports that are gone. */
    struct dp_offload_shard *shards;    /* DP_OFFLOAD_N_SHARDS. */
    struct dp_offload_worker workers[DP_OFFLOAD_MAX_WORKERS];
    struct cmap ports;                  /* Published (RCU). */
    struct dp_rebalance *rebalance;     /* Constant after creation. */
    atomic_uint64_t n_rules;            /* Published (atomic). */
    atomic_uint64_t n_flushing;         /* Published (atomic). */
    atomic_uint32_t n_workers;          /* Published (atomic). */
    atomic_uint64_t delay_us;           /* Published (atomic). */

    /* Guarded by 'mutex': the control thread's affairs. */
    struct ovs_mutex mutex;
    bool threads_running;
    cpu_set_t process_cpus;             /* That we started with. */
    cpu_set_t worker_cpus;
    uint32_t port_gen;                  /* Last one given to a port. */

    /* Worker 0 only: drain epochs by the clock, if the datapath has none. */
    uint64_t sample_us;
    uint64_t sample_epoch;
    uint64_t drained_epoch;
};

#endif /* dp-offload-engine.h */
