/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_REBALANCE_H
#define DP_REBALANCE_H 1

/* dp-rebalance: who gets the places in a full NIC
 * ===============================================
 *
 * Job.  Applies the policy (dp-rebalance-policy.h) to the engine's rules.
 * Private to lib/offload, but for what dp-offload.h declares.
 *
 * Tables.  A table is what fills up: the places of one port, or of all ports
 * for which the provider names the same 'table'.  It is OPEN, and each rule is
 * put at once, until a put fails for want of room.  Then it is MANAGED: new
 * rules wait in line without asking the NIC, and the rebalancer's thread says
 * who comes and who leaves.  What it knows about the number of places is what
 * the NIC has shown: a put that fails lowers it, more rules than that raise
 * it, and from time to time, less and less often as long as that is in vain,
 * the reserve and one place more are tried.  When all that wait would fit, the
 * table is open again.  With 'min_pps' a table is always managed, and a rule
 * is put only after it has shown its rate.
 *
 * Moves.  The thread only changes what rules desire: 'evict' says that the
 * rule is to leave the NIC, 'coming' that it has leave to come.  The workers
 * do the rest, so everything that holds for other requests holds for these:
 * software has the flow whenever the NIC has not, counters are read before a
 * rule goes, marks are quarantined.  A rule that leaves the NIC for another
 * reason (new actions, a restart of the port) keeps its place.  A rule comes
 * only when a place is free, for which the reserve is kept; it never waits for
 * a removal that was asked for at the same time.
 *
 * Thread-safety.  Functions for rules: as the prototypes say, on any thread.
 * configure: control thread.  Lists of a table are guarded by the mutex of the
 * shard with their index, which is held for DP_REBALANCE_CHUNK rules at a
 * time.  Lanes are not involved: their counters are read with relaxed loads.
 *
 * Locks.  An engine's 'mutex', then a rebalancer's 'mutex'; a shard's mutex is
 * never taken with the latter held.
 *
 * Cost.  Each interval, one visit to each rule that has a place in a managed
 * table or waits for one.  Rules that can't be offloaded, and those of open
 * tables, cost nothing. */

#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-rule.h"

#include "offload/dp-rebalance-policy.h"

#define DP_REBALANCE_CHUNK 64

/* What the last plan knew and did. */
struct dp_rebalance_figures {
    uint64_t n_waiting;                 /* Rules in line. */
    uint64_t n_candidates;              /* Of these, worth a place. */
    uint64_t n_in;                      /* Moves so far. */
    uint64_t n_out;
    uint64_t n_probes;                  /* Attempts to find more places... */
    uint64_t n_probes_ok;               /* ...that found some. */
    uint64_t hits;                      /* Packets of the last interval... */
    uint64_t packets;                   /* ...with those that waited. */
};

struct dp_rebalance_table {
    /* Constant after creation. */
    const struct dp_offload_class *class;
    uint64_t key;                       /* The provider's; 0: one port. */

    /* Guarded by the rebalancer's mutex. */
    struct ovs_list node;               /* In rebalancer's 'tables'. */
    struct dp_rebalance_figures figures;

    /* Published (atomic). */
    struct ovs_refcount ref_cnt;
    atomic_bool managed;
    atomic_uint64_t capacity;           /* Places; 0: not known. */
    atomic_uint64_t n_placed;           /* Rules in the NIC. */
    atomic_uint64_t n_coming;           /* Rules that have leave to come. */
    atomic_uint64_t n_full;             /* Puts without room. */
    atomic_uint64_t n_freed;            /* Places that have become free. */

    /* Rebalancer's thread only. */
    uint64_t probe_us;                  /* When to probe next. */
    uint64_t backoff_us;                /* And how long after that. */
    uint64_t probe_step;                /* Places to try at once. */

    /* Element i guarded by the mutex of shard i. */
    struct dp_rebalance_line {
        struct ovs_list placed;         /* Rules in the NIC. */
        struct ovs_list waiting;        /* Rules in line. */
        size_t n_placed, n_waiting;
    } lines[DP_OFFLOAD_N_SHARDS];
};

struct dp_rebalance {
    /* Constant after creation. */
    struct dp_offload *offload;

    /* Control thread only. */
    pthread_t thread;
    bool running;

    /* Published (atomic). */
    atomic_bool enabled;
    atomic_bool exit;
    atomic_uint32_t interval_ms;
    atomic_uint32_t min_pps;
    atomic_uint64_t sweep;              /* See dp_rebalance_sweep(). */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct ovs_list tables;

    /* Rebalancer's thread only. */
    struct dp_rebalance_plan plan;
    struct dp_rebalance_item *items;
    ovs_u128 *ufids;                    /* Of the items. */
    size_t n_items, allocated;
};

struct dp_rebalance *dp_rebalance_create(struct dp_offload *offload);

/* Stops the thread and frees 'rb'.  All ports must have gone. */
void dp_rebalance_destroy(struct dp_rebalance *rb);

/* Stops the thread, before the engine does. */
void dp_rebalance_stop(struct dp_rebalance *rb);

/* Puts the thread, if it runs, where the engine's workers may be.  Control
 * thread only. */
void dp_rebalance_pin(struct dp_offload *offload)
    OVS_REQUIRES(offload->mutex);

/* Tables. */

/* Returns the table of a port of 'class' that has 'info', counted. */
struct dp_rebalance_table *dp_rebalance_table_get(
    struct dp_rebalance *rb, const struct dp_offload_class *class,
    const struct dp_offload_port_info *info);

/* Drops a reference; the table goes after a grace period. */
void dp_rebalance_table_put(struct dp_rebalance *rb,
                            struct dp_rebalance_table *table);

/* Rules.  'rule->port' is set where a table is needed. */

/* 'rule' has new members, or lost some: its packets can't be compared. */
void dp_rebalance_members_changed(const struct dp_offload *offload,
                                  struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' wants to come into 'table'.  Returns true if it has to wait: it
 * stands in line then. */
bool dp_rebalance_wait(struct dp_rebalance_table *table,
                       struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* The NIC had no room for 'rule'.  Returns true if it stands in line now,
 * false if nobody looks after the table. */
bool dp_rebalance_full(struct dp_rebalance *rb, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' waits no more, in whichever line. */
void dp_rebalance_leave_line(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' has come into the NIC, or left it. */
void dp_rebalance_placed(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);
void dp_rebalance_displaced(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* The leave of 'rule' to come, if it has one, is used up or given back. */
void dp_rebalance_settle(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* The number of the sweep that workers should have begun: the rebalancer wants
 * to see all counters as of the same time. */
uint64_t dp_rebalance_sweep(const struct dp_rebalance *rb);

/* Aborts if the books are wrong.  No rule may move meanwhile. */
void dp_rebalance_check(const struct dp_rebalance *rb);

/* Puts all rules in line of 'table' on their workers' queues. */
void dp_rebalance_call_all(struct dp_offload *offload,
                           struct dp_rebalance_table *table);

/* The thread's main function. */
void *dp_rebalance_main(void *rb);

/* Figures. */
struct json *dp_rebalance_json(const struct dp_offload *offload);
void dp_rebalance_format(const struct json *json, struct ds *ds);

#endif /* dp-rebalance.h */
