/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOND_H
#define DP_BOND_H 1

/* dp-bond: bonds whose member the datapath picks
 * ==============================================
 *
 * Job.  The map behind the action lb_output(BOND): for each of BOND_BUCKETS
 * values of a packet's hash the port that it leaves by, and how many bytes
 * each bucket has sent, from which the bond rebalances.
 *
 *     struct dp_bond *bond = dp_bonds_find(bonds, bond_id);
 *     struct dp_bond_tally *tally = dp_bond_tally(bond, lane->core_id);
 *
 *     for each packet {
 *         port = dp_bond_choose(bond, hash);
 *         dp_bond_count(tally, hash, bytes);
 *     }
 *
 * Owns.  Bonds, their maps and one tally for each lane that has used one.
 *
 * Invariants.  A tally has one writer: the lane with its 'core_id'.  Tallies
 * live as long as their bond, so a bond's counters never go back, even when
 * lanes come and go and when its map is replaced.
 *
 * Thread-safety
 * =============
 * put, del: excluded from each other by 'mutex', taken inside.  find, choose,
 * tally, count: any lane, under RCU.  stats: any thread, under RCU.  tally
 * takes the bond's mutex and allocates the first time a lane uses a bond,
 * never again.
 *
 * Cost.  choose: two loads.  count: a load and a store in a line of the lane's
 * own.  tally: one lookup in a map of as many entries as lanes, per burst. */

#include <stdint.h>

#include "cmap.h"
#include "dpif.h"
#include "openvswitch/types.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

struct dp_bonds {
    struct ovs_mutex mutex;     /* Serialises writers. */
    struct cmap bonds;          /* Published: 'struct dp_bond's by id. */
};

struct dp_bond_map {
    odp_port_t members[BOND_BUCKETS];
};

struct dp_bond {
    struct cmap_node node;      /* In 'dp_bonds'. */
    uint32_t id;                /* Constant after creation. */
    OVSRCU_TYPE(struct dp_bond_map *) map;
    struct ovs_mutex mutex;     /* Serialises additions to 'tallies'. */
    struct cmap tallies;        /* Published: 'struct dp_bond_tally's. */
};

/* What one lane has sent, by bucket. */
struct dp_bond_tally {
    struct cmap_node node;      /* In 'dp_bond's 'tallies'. */
    unsigned int core_id;       /* Constant after creation: of the lane. */
    atomic_uint64_t bytes[BOND_BUCKETS]; /* Written by the lane. */
};

struct dp_bonds *dp_bonds_create(void);
void dp_bonds_destroy(struct dp_bonds *);

/* Adds a bond, or gives an existing one another map. */
void dp_bond_put(struct dp_bonds *bonds, uint32_t bond_id,
                 const odp_port_t members[BOND_BUCKETS])
    OVS_EXCLUDED(bonds->mutex);

/* Returns 0, or ENOENT if there is no such bond. */
int dp_bond_del(struct dp_bonds *bonds, uint32_t bond_id)
    OVS_EXCLUDED(bonds->mutex);

/* Stores the bytes of all lanes by bucket.  Returns 0, or ENOENT if there is
 * no such bond; 'n_bytes' is then all zeros. */
int dp_bond_get_stats(const struct dp_bonds *bonds, uint32_t bond_id,
                      uint64_t n_bytes[BOND_BUCKETS]);

/* Returns the bond or NULL.  It may be used until the caller quiesces. */
struct dp_bond *dp_bonds_find(const struct dp_bonds *bonds, uint32_t bond_id);

/* Returns the counters of the lane with 'core_id'; only that lane may call
 * it. */
struct dp_bond_tally *dp_bond_tally(struct dp_bond *, unsigned int core_id);

/* Returns the port for a packet with the given 'hash'; ODPP_NONE if the bucket
 * has no member. */
static inline odp_port_t
dp_bond_choose(const struct dp_bond *bond, uint32_t hash)
{
    const struct dp_bond_map *map
        = ovsrcu_get(struct dp_bond_map *,
                     &CONST_CAST(struct dp_bond *, bond)->map);

    return map->members[hash & BOND_MASK];
}

static inline void
dp_bond_count(struct dp_bond_tally *tally, uint32_t hash, uint64_t bytes)
{
    atomic_uint64_t *counter = &tally->bytes[hash & BOND_MASK];
    uint64_t old;

    atomic_read_relaxed(counter, &old);
    atomic_store_relaxed(counter, old + bytes);
}

#endif /* dp-bond.h */
