/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-bond.h"

#include "hash.h"
#include "util.h"

/* One table for all lanes, because bonds change rarely and lanes only read.
 * What lanes write they write apart: each has a tally of its own per bond,
 * found by core, and the reader adds them up. */

struct dp_bonds *
dp_bonds_create(void)
{
    struct dp_bonds *bonds = xzalloc(sizeof *bonds);

    ovs_mutex_init(&bonds->mutex);
    cmap_init(&bonds->bonds);
    return bonds;
}

static void
bond_free(struct dp_bond *bond)
{
    struct dp_bond_tally *tally;

    /* Nobody else has 'bond' any more, but the iteration itself still looks at
     * what it has removed. */
    CMAP_FOR_EACH (tally, node, &bond->tallies) {
        cmap_remove(&bond->tallies, &tally->node,
                    hash_int(tally->core_id, 0));
        ovsrcu_postpone(free_cacheline, tally);
    }
    cmap_destroy(&bond->tallies);
    ovs_mutex_destroy(&bond->mutex);
    free(ovsrcu_get_protected(struct dp_bond_map *, &bond->map));
    free(bond);
}

void
dp_bonds_destroy(struct dp_bonds *bonds)
{
    struct dp_bond *bond;

    if (bonds) {
        CMAP_FOR_EACH (bond, node, &bonds->bonds) {
            cmap_remove(&bonds->bonds, &bond->node, hash_int(bond->id, 0));
            ovsrcu_postpone(bond_free, bond);
        }
        cmap_destroy(&bonds->bonds);
        ovs_mutex_destroy(&bonds->mutex);
        free(bonds);
    }
}

struct dp_bond *
dp_bonds_find(const struct dp_bonds *bonds, uint32_t bond_id)
{
    struct dp_bond *bond;

    CMAP_FOR_EACH_WITH_HASH (bond, node, hash_int(bond_id, 0),
                             &bonds->bonds) {
        if (bond->id == bond_id) {
            return bond;
        }
    }
    return NULL;
}

void
dp_bond_put(struct dp_bonds *bonds, uint32_t bond_id,
            const odp_port_t members[BOND_BUCKETS])
{
    struct dp_bond_map *map = xmalloc(sizeof *map);
    struct dp_bond *bond;

    memcpy(map->members, members, sizeof map->members);

    ovs_mutex_lock(&bonds->mutex);
    bond = dp_bonds_find(bonds, bond_id);
    if (bond) {
        struct dp_bond_map *old
            = ovsrcu_get_protected(struct dp_bond_map *, &bond->map);

        ovsrcu_set(&bond->map, map);
        ovsrcu_postpone(free, old);
    } else {
        bond = xzalloc(sizeof *bond);
        bond->id = bond_id;
        ovsrcu_init(&bond->map, map);
        ovs_mutex_init(&bond->mutex);
        cmap_init(&bond->tallies);
        cmap_insert(&bonds->bonds, &bond->node, hash_int(bond_id, 0));
    }
    ovs_mutex_unlock(&bonds->mutex);
}

int
dp_bond_del(struct dp_bonds *bonds, uint32_t bond_id)
{
    struct dp_bond *bond;

    ovs_mutex_lock(&bonds->mutex);
    bond = dp_bonds_find(bonds, bond_id);
    if (bond) {
        cmap_remove(&bonds->bonds, &bond->node, hash_int(bond_id, 0));
        ovsrcu_postpone(bond_free, bond);
    }
    ovs_mutex_unlock(&bonds->mutex);
    return bond ? 0 : ENOENT;
}

int
dp_bond_get_stats(const struct dp_bonds *bonds, uint32_t bond_id,
                  uint64_t n_bytes[BOND_BUCKETS])
{
    const struct dp_bond *bond = dp_bonds_find(bonds, bond_id);
    struct dp_bond_tally *tally;

    memset(n_bytes, 0, BOND_BUCKETS * sizeof *n_bytes);
    if (!bond) {
        return ENOENT;
    }
    CMAP_FOR_EACH (tally, node, &bond->tallies) {
        for (int i = 0; i < BOND_BUCKETS; i++) {
            uint64_t bytes;

            atomic_read_relaxed(&tally->bytes[i], &bytes);
            n_bytes[i] += bytes;
        }
    }
    return 0;
}

static struct dp_bond_tally *
tally_find(const struct dp_bond *bond, unsigned int core_id)
{
    struct dp_bond_tally *tally;

    CMAP_FOR_EACH_WITH_HASH (tally, node, hash_int(core_id, 0),
                             &bond->tallies) {
        if (tally->core_id == core_id) {
            return tally;
        }
    }
    return NULL;
}

/* The slow part of dp_bond_tally(): once per lane and bond. */
static struct dp_bond_tally *
tally_create(struct dp_bond *bond, unsigned int core_id)
{
    struct dp_bond_tally *tally = xzalloc_cacheline(sizeof *tally);

    tally->core_id = core_id;
    for (int i = 0; i < BOND_BUCKETS; i++) {
        atomic_init(&tally->bytes[i], 0);
    }
    ovs_mutex_lock(&bond->mutex);
    cmap_insert(&bond->tallies, &tally->node, hash_int(core_id, 0));
    ovs_mutex_unlock(&bond->mutex);
    return tally;
}

struct dp_bond_tally *
dp_bond_tally(struct dp_bond *bond, unsigned int core_id)
{
    struct dp_bond_tally *tally = tally_find(bond, core_id);

    return OVS_LIKELY(tally) ? tally : tally_create(bond, core_id);
}
