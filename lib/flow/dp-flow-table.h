/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_FLOW_TABLE_H
#define DP_FLOW_TABLE_H 1

/* dp-flow-table: a lane's megaflows
 * =================================
 *
 * Job.  Hold the megaflows of one lane: by UFID for the upper layers, by
 * ingress port in classifiers for packets.
 *
 * Owns.  One reference on each flow, from insertion to removal, and the
 * classifiers.
 *
 * Invariant.  No two flows in a table have the same UFID.  (The upper layers
 * see to it that no two megaflows overlap; the one that is found first wins.)
 *
 * Thread-safety.  Writers hold 'mutex'.  Readers need only RCU.
 *
 * Walking.  Iteration over 'flows' may skip flows when others are inserted
 * meanwhile.  So there is an array besides, which dp_flow_table_next() goes
 * through from its end to its start, some flows for each time that the caller
 * has the mutex.  A flow that is removed leaves its place to the last one, and
 * new ones come last: so whoever is there from the walk's beginning to its end
 * is met, at times twice (it was moved), and of those who come or go
 * meanwhile, some are.  A walk ends, however many come.
 *
 * A mutex goes to who asks first, not to who waits: who lets go of it and
 * takes it again at once has it again, and upcalls may wait for as long as he
 * goes on.  So who has to do with many flows calls dp_flow_table_give_way()
 * now and then. */

#include "cmap.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "flow/dp-cls.h"
#include "flow/dp-flow.h"

struct dp_flow_table {
    struct ovs_mutex mutex;     /* Serialises writers. */
    atomic_uint n_waiting;      /* Threads in dp_flow_table_lock(). */
    struct cmap flows;          /* Published: by UFID. */
    struct cmap classifiers;    /* Published: by ingress port. */

    /* Guarded by 'mutex'.  As large as there ever were flows. */
    struct dp_flow **all OVS_GUARDED;   /* Each at its 'place'. */
    size_t n_all OVS_GUARDED;
    size_t allocated_all OVS_GUARDED;
};

void dp_flow_table_init(struct dp_flow_table *);
void dp_flow_table_uninit(struct dp_flow_table *);

void dp_flow_table_lock(struct dp_flow_table *table)
    OVS_ACQUIRES(table->mutex);
void dp_flow_table_unlock(struct dp_flow_table *table)
    OVS_RELEASES(table->mutex);
void dp_flow_table_give_way(struct dp_flow_table *table)
    OVS_EXCLUDED(table->mutex);

void dp_flow_table_insert(struct dp_flow_table *table, struct dp_flow *)
    OVS_REQUIRES(table->mutex);
void dp_flow_table_remove(struct dp_flow_table *table, struct dp_flow *)
    OVS_REQUIRES(table->mutex);

/* Stores the next flows of a walk in 'flows', 'max' at most, which is not 0,
 * and returns how many.  '*position' is SIZE_MAX when the walk begins, and 0
 * when it has ended. */
size_t dp_flow_table_next(struct dp_flow_table *table, size_t *position,
                          struct dp_flow *flows[], size_t max)
    OVS_REQUIRES(table->mutex);

struct dp_flow *dp_flow_table_find(const struct dp_flow_table *,
                                   const ovs_u128 *ufid);
struct dp_flow *dp_flow_table_find_key(const struct dp_flow_table *,
                                       const struct flow *);
void dp_flow_table_rank(struct dp_flow_table *table)
    OVS_EXCLUDED(table->mutex);
struct dp_mask *dp_flow_table_share_mask(const struct dp_flow_table *,
                                         odp_port_t in_port,
                                         struct dp_mask *);

/* Returns the hash by which a flow stands in 'flows'. */
static inline uint32_t
dp_flow_table_hash(const ovs_u128 *ufid)
{
    return ufid->u32[0];
}

/* Returns the classifier for 'in_port', or NULL if there are no flows. */
static inline struct dp_cls *
dp_flow_table_cls(const struct dp_flow_table *table, odp_port_t in_port)
{
    uint32_t hash = hash_odp_port(in_port);
    struct dp_cls *cls;

    CMAP_FOR_EACH_WITH_HASH (cls, node, hash, &table->classifiers) {
        if (cls->in_port == in_port) {
            return cls;
        }
    }
    return NULL;
}

#endif /* dp-flow-table.h */
