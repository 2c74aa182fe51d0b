/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-flow-table.h"

#include <sched.h>

#include "util.h"

void
dp_flow_table_init(struct dp_flow_table *table)
{
    ovs_mutex_init(&table->mutex);
    atomic_init(&table->n_waiting, 0);
    cmap_init(&table->flows);
    cmap_init(&table->classifiers);

    ovs_mutex_lock(&table->mutex);
    table->all = NULL;
    table->n_all = table->allocated_all = 0;
    ovs_mutex_unlock(&table->mutex);
}

/* Uninitialises 'table', which must be empty. */
void
dp_flow_table_uninit(struct dp_flow_table *table)
{
    struct dp_cls *cls;

    ovs_assert(cmap_is_empty(&table->flows));
    CMAP_FOR_EACH (cls, node, &table->classifiers) {
        cmap_remove(&table->classifiers, &cls->node,
                    hash_odp_port(cls->in_port));
        dp_cls_destroy(cls);
    }
    cmap_destroy(&table->classifiers);
    cmap_destroy(&table->flows);

    ovs_mutex_lock(&table->mutex);
    ovs_assert(!table->n_all);
    free(table->all);
    ovs_mutex_unlock(&table->mutex);
    ovs_mutex_destroy(&table->mutex);
}

void
dp_flow_table_lock(struct dp_flow_table *table)
{
    unsigned int orig;

    atomic_add_relaxed(&table->n_waiting, 1, &orig);
    ovs_mutex_lock(&table->mutex);
    atomic_sub_relaxed(&table->n_waiting, 1, &orig);
}

void
dp_flow_table_unlock(struct dp_flow_table *table)
{
    ovs_mutex_unlock(&table->mutex);
}

/* Lets others have the mutex who wait for it, if any.  They have it for the
 * time that one flow takes. */
void
dp_flow_table_give_way(struct dp_flow_table *table)
{
    unsigned int n;

    for (;;) {
        atomic_read_relaxed(&table->n_waiting, &n);
        if (!n) {
            break;
        }
        sched_yield();
    }
}

/* Adds 'flow' and takes over the caller's reference.  A classifier stays when
 * its last flow leaves: ports are few, and come back. */
void
dp_flow_table_insert(struct dp_flow_table *table, struct dp_flow *flow)
{
    struct dp_cls *cls = dp_flow_table_cls(table, flow->in_port);

    if (!cls) {
        cls = dp_cls_create(flow->in_port);
        cmap_insert(&table->classifiers, &cls->node,
                    hash_odp_port(cls->in_port));
    }
    dp_cls_insert(cls, flow);
    cmap_insert(&table->flows, &flow->ufid_node,
                dp_flow_table_hash(&flow->ufid));

    if (table->n_all == table->allocated_all) {
        table->all = x2nrealloc(table->all, &table->allocated_all,
                                sizeof *table->all);
    }
    flow->place = table->n_all;
    table->all[table->n_all++] = flow;
}

/* Removes 'flow', marks it dead and gives up the table's reference. */
void
dp_flow_table_remove(struct dp_flow_table *table, struct dp_flow *flow)
{
    struct dp_flow *last = table->all[--table->n_all];

    table->all[flow->place] = last;
    last->place = flow->place;
    dp_cls_remove(dp_flow_table_cls(table, flow->in_port), flow);
    cmap_remove(&table->flows, &flow->ufid_node,
                dp_flow_table_hash(&flow->ufid));
    atomic_store_relaxed(&flow->dead, true);
    dp_flow_unref(flow);
}

size_t
dp_flow_table_next(struct dp_flow_table *table, size_t *position,
                   struct dp_flow *flows[], size_t max)
{
    size_t n = 0;

    /* Those from here on were met, or have come since. */
    *position = MIN(*position, table->n_all);
    while (n < max && *position) {
        flows[n++] = table->all[--*position];
    }
    return n;
}

struct dp_flow *
dp_flow_table_find(const struct dp_flow_table *table, const ovs_u128 *ufid)
{
    struct dp_flow *flow;

    CMAP_FOR_EACH_WITH_HASH (flow, ufid_node, dp_flow_table_hash(ufid),
                             &table->flows) {
        if (ovs_u128_equals(flow->ufid, *ufid)) {
            return flow;
        }
    }
    return NULL;
}

/* Returns the megaflow that a packet with exactly the fields of 'flow' would
 * hit, or NULL. */
struct dp_flow *
dp_flow_table_find_key(const struct dp_flow_table *table,
                       const struct flow *flow)
{
    const struct dp_cls *cls = dp_flow_table_cls(table,
                                                 flow->in_port.odp_port);
    struct dp_key key;

    if (!cls) {
        return NULL;
    }
    dp_key_from_flow(&key, flow);
    return dp_cls_find(cls, &key);
}

/* Sorts the subtables of all classifiers by use.  Skipped when somebody is
 * changing flows: the next round will do. */
void
dp_flow_table_rank(struct dp_flow_table *table)
{
    if (!ovs_mutex_trylock(&table->mutex)) {
        struct dp_cls *cls;

        CMAP_FOR_EACH (cls, node, &table->classifiers) {
            dp_cls_rank(cls);
        }
        ovs_mutex_unlock(&table->mutex);
    }
}

/* See dp_cls_share_mask(). */
struct dp_mask *
dp_flow_table_share_mask(const struct dp_flow_table *table,
                         odp_port_t in_port, struct dp_mask *mask)
{
    const struct dp_cls *cls = dp_flow_table_cls(table, in_port);

    return cls ? dp_cls_share_mask(cls, mask) : mask;
}
