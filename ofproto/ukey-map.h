/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UKEY_MAP_H
#define OFPROTO_UKEY_MAP_H 1

/* ukey-map: the ukeys of one datapath, by UFID and lane
 * =====================================================
 *
 * Job.  Find a ukey by (ufid, pmd_id); let at most one ukey stand for each
 * such pair; replace an EVICTED one in place, so that traffic of a flow that
 * was just deleted gets its new flow at once.
 *
 * Owns.  The ukeys in it.  ukey_map_install() takes the ukey over if it says
 * so; ukey_map_reap() gives it to RCU.
 *
 * The map is UKEY_MAP_N_SLOTS hash tables, each with its writers' mutex, to
 * let handlers and lanes insert side by side; revalidator 'i' of 'n' sweeps
 * slots i, i + n, i + 2n...
 *
 * Invariants (ukey_map_check()).  Each ukey in the map is in a state from
 * VISIBLE to EVICTED.  No two have the same UFID and lane.  A ukey in state
 * DELETED is in no map.
 *
 * Thread-safety
 * =============
 *              install  reap  find  iterate
 *     install     S       S     -      -      S: excluded by the slot's mutex,
 *     reap        S       S     -      -         taken inside.
 *     find        -       -     -      -      -: nothing needed but RCU.
 *
 * A slot's mutex is held for a few instructions, and a ukey of the map is only
 * ever tried to be locked under it, so both may be called with the mutex of
 * another ukey held.
 *
 * See also.  ukey.h. */

#include <stddef.h>

#include "cmap.h"
#include "hash.h"
#include "openvswitch/thread.h"
#include "ofproto/ukey.h"

#define UKEY_MAP_N_SLOTS 512

struct ukey_map_slot {
    struct ovs_mutex mutex;     /* Serialises writers of 'cmap'. */
    struct cmap cmap;           /* Published: 'struct udpif_key's. */
};

struct ukey_map {
    struct ukey_map_slot slots[UKEY_MAP_N_SLOTS];
};

/* What became of a ukey that its creator wanted in the map. */
enum ukey_install {
    UKEY_INSTALLED,             /* In the map, VISIBLE. */
    UKEY_REPLACED,              /* Likewise, in place of an EVICTED one. */
    UKEY_DUPLICATE,             /* Another live ukey has this flow. */
    UKEY_BUSY,                  /* Likewise, and it is in use right now. */
    UKEY_CONFLICT,              /* Same UFID and lane, but another key! */
};

static inline uint32_t
ukey_hash(const ovs_u128 *ufid, unsigned pmd_id)
{
    return hash_words64((const uint64_t *) ufid,
                        sizeof *ufid / sizeof(uint64_t), pmd_id);
}

static inline bool
ukey_install_ok(enum ukey_install result)
{
    return result == UKEY_INSTALLED || result == UKEY_REPLACED;
}

void ukey_map_init(struct ukey_map *);

/* Frees all ukeys at once; no other thread may use the map any more. */
void ukey_map_uninit(struct ukey_map *);

size_t ukey_map_count(const struct ukey_map *);

/* Borrowed until the caller quiesces; NULL if there is none.  May return a
 * ukey that another thread is about to take out: look at its state. */
struct udpif_key *ukey_map_find(const struct ukey_map *, const ovs_u128 *ufid,
                                unsigned pmd_id);

/* Returns the '*n' ukeys that slot 'i' holds now, in an array that the caller
 * frees.  They are borrowed until the caller quiesces.  To iterate over the
 * slot instead costs less, but while others insert may miss some. */
struct udpif_key **ukey_map_snapshot(struct ukey_map *, size_t i, size_t *n);

/* Puts 'ukey', CREATED, into the map.  Unless ukey_install_ok() says so, it
 * still belongs to the caller, who may ukey_discard() it.
 *
 * A replacement inherits the old one's dump_seq: if the dump in progress has
 * already seen the flow, seeing it again (a hash table that grows shows some
 * flows twice) must not count its packets a second time. */
enum ukey_install ukey_map_install(struct ukey_map *, struct udpif_key *ukey)
    OVS_EXCLUDED(ukey->mutex);

/* Takes 'ukey' out of the map and frees it after a grace period, if it is
 * EVICTED.  Returns false, and does nothing, if it is not: the caller's
 * opinion is from an earlier critical section, and meanwhile a handler may
 * have replaced the ukey (DELETED) or another sweep reaped it.  Also returns
 * false if the ukey is in use; the next sweep will find it. */
bool ukey_map_reap(struct ukey_map *, struct udpif_key *ukey)
    OVS_EXCLUDED(ukey->mutex);

/* Aborts if an invariant does not hold.  Slow. */
void ukey_map_check(struct ukey_map *);

#endif /* ofproto/ukey-map.h */
