/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp.h"

#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "util.h"

/* What concerns all datapaths together: finding them, and the choice of lookup
 * code.  All mutable file-scope data of the datapath is in this file. */

static struct ovs_mutex registry_mutex = OVS_MUTEX_INITIALIZER;
static struct shash registry = SHASH_INITIALIZER(&registry);

/* Main thread only. */
static uint8_t lookup_priorities[DP_N_LOOKUP_IMPLS] = {
    [DP_LOOKUP_AUTOVALIDATOR] = 0,
    [DP_LOOKUP_GENERIC] = 1,
};

void
dp_registry_lock(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_mutex_lock(&registry_mutex);
}

void
dp_registry_unlock(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_mutex_unlock(&registry_mutex);
}

/* The registry must be locked for these three. */

struct dp *
dp_registry_find(const char *name)
{
    return shash_find_data(&registry, name);
}

void
dp_registry_add(struct dp *dp)
{
    shash_add(&registry, dp->name, dp);
    dp_lookup_impl_apply(dp);
}

void
dp_registry_remove(struct dp *dp)
{
    shash_find_and_delete(&registry, dp->name);
}

/* Returns the datapath that a command names, or, if 'name' is NULL, the only
 * one; NULL if there is none or no telling which.  The registry must be
 * locked. */
struct dp *
dp_find_for_command(const char *name)
{
    if (name) {
        return shash_find_data(&registry, name);
    } else if (shash_count(&registry) == 1) {
        return shash_first(&registry)->data;
    }
    return NULL;
}

void
dp_enumerate(struct sset *names, const struct dpif_class *class)
{
    struct shash_node *node;

    dp_registry_lock();
    SHASH_FOR_EACH (node, &registry) {
        struct dp *dp = node->data;

        if (dp->class == class) {
            sset_add(names, node->name);
        }
    }
    dp_registry_unlock();
}

/* Lookup code. */

const char *
dp_lookup_impl_name(enum dp_lookup_impl impl)
{
    return impl == DP_LOOKUP_GENERIC ? "generic" : "autovalidator";
}

int
dp_lookup_impl_priority(enum dp_lookup_impl impl)
{
    return lookup_priorities[impl];
}

/* Returns the implementation in use: "generic" among equals. */
enum dp_lookup_impl
dp_lookup_impl_best(void)
{
    return (lookup_priorities[DP_LOOKUP_AUTOVALIDATOR]
            > lookup_priorities[DP_LOOKUP_GENERIC]
            ? DP_LOOKUP_AUTOVALIDATOR : DP_LOOKUP_GENERIC);
}

void
dp_lookup_impl_apply(struct dp *dp)
{
    atomic_store_relaxed(&dp->shared.validate_lookups,
                         dp_lookup_impl_best() == DP_LOOKUP_AUTOVALIDATOR);
}

void
dp_lookup_impl_set_priority(enum dp_lookup_impl impl, uint8_t priority)
{
    struct shash_node *node;

    lookup_priorities[impl] = priority;
    dp_registry_lock();
    SHASH_FOR_EACH (node, &registry) {
        dp_lookup_impl_apply(node->data);
    }
    dp_registry_unlock();
}

/* Counts classifiers that are not empty and their subtables. */
void
dp_lookup_impl_count(size_t *n_ports, size_t *n_subtables)
{
    struct shash_node *node;

    *n_ports = *n_subtables = 0;
    dp_registry_lock();
    SHASH_FOR_EACH (node, &registry) {
        struct dp *dp = node->data;
        struct dp_pmd *pmd;

        CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
            struct dp_cls *cls;

            CMAP_FOR_EACH (cls, node, &pmd->lane.flows.classifiers) {
                *n_ports += !dp_cls_is_empty(cls);
                *n_subtables += dp_cls_n_subtables(cls);
            }
        }
    }
    dp_registry_unlock();
}

/* Appends the cores of all PMD threads, separated by commas. */
void
dp_format_pmd_cores(struct ds *s)
{
    struct shash_node *node;
    const char *comma = "";

    dp_registry_lock();
    SHASH_FOR_EACH (node, &registry) {
        struct dp *dp = node->data;
        size_t n;
        struct dp_pmd **lanes = dp_topology_sorted_lanes(&dp->topology, &n);

        for (size_t i = 0; i < n; i++) {
            if (!dp_pmd_is_main(lanes[i])) {
                ds_put_format(s, "%s%u", comma, lanes[i]->lane.core_id);
                comma = ",";
            }
        }
        free(lanes);
    }
    dp_registry_unlock();
}

bool
dp_has_pmd_core(unsigned int core_id)
{
    struct shash_node *node;
    bool found = false;

    dp_registry_lock();
    SHASH_FOR_EACH (node, &registry) {
        struct dp *dp = node->data;

        found |= (core_id != NON_PMD_CORE_ID
                  && dp_topology_lane(&dp->topology, core_id));
    }
    dp_registry_unlock();
    return found;
}
