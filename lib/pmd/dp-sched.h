/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SCHED_H
#define DP_SCHED_H 1

/* dp-sched: which core polls which rx queue
 * =========================================
 *
 * Job.  PURE.  Values in: cores, rx queues with their measured loads, pins,
 * an algorithm.  Values out: a core for each queue and the reason why.  No
 * time, lock, log or thread; allocates in dp_sched_add_*() and _copy() alone.
 * Somebody else applies the plan.  See pmd-rxq-assign, pmd-rxq-isolate and
 * pmd-rxq-affinity in ovs-vswitchd.conf.db(5).
 *
 *     struct dp_sched plan;
 *
 *     dp_sched_init(&plan);
 *     dp_sched_add_core(&plan, core_id, numa_id);             (each core)
 *     dp_sched_add_rxq(&plan, port, queue, numa, load, pin, aux); (each queue)
 *     dp_sched_run(&plan, DP_SCHED_CYCLES, true);
 *     ...plan.rxqs[i].core, plan.cores[j].isolated...
 *     dp_sched_uninit(&plan);
 *
 * Rules, in this order:
 *
 *    1. A queue that is pinned to a core of the plan goes there, and the core
 *       becomes isolated if 'isolate'.  A pin to any other core counts as no
 *       pin.
 *    2. All others go to cores that are not isolated, and of those to the
 *       cores of the queue's own NUMA node if there is one.  If not, all
 *       remaining cores are candidates, whatever their node.
 *    3. Among the candidates, the algorithm decides:
 *
 *       - roundrobin: queues in the order in which they were added, cores in
 *         turn.
 *       - cycles: heaviest queue first, cores in turn, up and down again:
 *         1 2 3 3 2 1 1 2 3...
 *       - group: heaviest queue first, each to the core with the least load
 *         so far, pinned queues included.
 *
 * Ties.  Cores are in the order of their ids.  Queues of equal load keep the
 * order in which they were added, so add them sorted by port number and queue.
 * "group" prefers the core with fewer queues among those with the least load.
 *
 * Invariants (dp_sched_check()).  The same input gives the same plan.  Each
 * queue has a core unless all cores are isolated.  An isolated core has pinned
 * queues only.  The cores' 'load' and 'n_rxqs' are the sums over their queues.
 *
 * Thread-safety.  None needed; a plan belongs to whoever made it.
 *
 * Cost.  O((queues + cores) log(queues + cores)), "group": O(queues * cores).
 *
 * See also.  dp-sched-log.h (the plan as log lines), dp-sched-gain.h (is a new
 * plan worth it). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_sched_turn;

/* A NUMA node or core that isn't known: OVS_NUMA_UNSPEC, OVS_CORE_UNSPEC of
 * ovs-numa.h. */

enum dp_sched_algo {
    DP_SCHED_ROUNDROBIN,
    DP_SCHED_CYCLES,
    DP_SCHED_GROUP,
};

enum dp_sched_result {
    DP_SCHED_NO_CORE,           /* All cores are isolated, or there is none. */
    DP_SCHED_PINNED,            /* As the user asked. */
    DP_SCHED_ASSIGNED,          /* As the algorithm chose. */
};

struct dp_sched_core {
    /* Input. */
    unsigned int core_id;
    int numa_id;

    /* Output. */
    bool isolated;              /* Has pinned queues and takes no others. */
    size_t n_rxqs;
    uint64_t load;              /* Of its queues, in their unit. */
};

struct dp_sched_rxq {
    /* Input. */
    const char *port;           /* Borrowed, for messages. */
    int queue_id;
    int numa_id;                /* OVS_NUMA_UNSPEC: any core is local. */
    uint64_t load;              /* Cycles, or any other unit. */
    unsigned int pin;           /* OVS_CORE_UNSPEC: not pinned. */
    void *aux;                  /* The caller's. */

    /* Output. */
    enum dp_sched_result result;
    bool pin_absent;            /* The pin is to a core that isn't there. */
    bool cross_numa;            /* ASSIGNED, and not on its own node. */
    size_t core;                /* Index into 'cores', or SIZE_MAX. */
};

struct dp_sched {
    struct dp_sched_core *cores;    /* Sorted by id. */
    size_t n_cores, allocated_cores;
    struct dp_sched_rxq *rxqs;      /* In the order in which they came. */
    size_t n_rxqs, allocated_rxqs;
    enum dp_sched_algo algo;        /* Of the last run. */

    size_t *order;                  /* Queues in the order in which the last
                                     * run served those that are not PINNED,
                                     * 'n_order' indexes into 'rxqs'. */
    size_t n_order;
    struct dp_sched_turn *turns;    /* Scratch of a run. */
};

void dp_sched_init(struct dp_sched *);
void dp_sched_uninit(struct dp_sched *);

/* Makes 'dst', which must be empty, a copy of 'src'. */
void dp_sched_copy(struct dp_sched *dst, const struct dp_sched *src);

/* Adds a core, which must not be there yet. */
void dp_sched_add_core(struct dp_sched *, unsigned int core_id, int numa_id);

/* Adds a queue.  'port' must stay until dp_sched_uninit(). */
void dp_sched_add_rxq(struct dp_sched *, const char *port, int queue_id,
                      int numa_id, uint64_t load, unsigned int pin,
                      void *aux);

/* Makes the plan.  May be called again with other parameters. */
void dp_sched_run(struct dp_sched *, enum dp_sched_algo, bool isolate);

/* For a plan that records what is, not what ought to be: puts queue 'rxq', an
 * index, on the core with 'core_id', if there is one, and sets the output
 * members accordingly; 'isolated' says whether the core is isolated.  To be
 * called once per queue that somebody polls, after all cores are there. */
void dp_sched_place(struct dp_sched *, size_t rxq, unsigned int core_id,
                    bool isolated);

/* The core of queue 'rxq', or NULL. */
const struct dp_sched_core *dp_sched_core_of(const struct dp_sched *,
                                             const struct dp_sched_rxq *);

/* Asserts the invariants of a plan that dp_sched_run() made. */
void dp_sched_check(const struct dp_sched *);

const char *dp_sched_algo_to_string(enum dp_sched_algo);
bool dp_sched_algo_from_string(const char *, enum dp_sched_algo *);

#endif /* dp-sched.h */
