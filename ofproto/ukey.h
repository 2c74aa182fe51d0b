/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UKEY_H
#define OFPROTO_UKEY_H 1

/* ukey: what userspace knows about one datapath flow
 * ==================================================
 *
 * Job.  A ukey stands for one flow of one lane of the datapath (or of the
 * whole datapath, if it has no lanes).  It keeps the key and the mask with
 * which the flow was installed, the statistics that were already attributed
 * to OpenFlow rules, and a state that says how far the flow's life has gone.
 * This module is the object and its state machine; ukey-map.h holds the ukeys
 * that others may find.
 *
 * Life cycle.  One enum, one function that moves it, one table of edges
 * (ukey_edge_is_legal()), which is also the input of tests/models/ukey.pml:
 *
 *     CREATED ------> VISIBLE ---------> OPERATIONAL ----> INCONSISTENT
 *        |               |    \              |               |      ^
 *        |               |     \--------.    |   .-----------'      |
 *        |               v               v   v   v                  |
 *        |            EVICTED <--------- EVICTING -------------------'
 *        |               |                          (delete failed)
 *        '-----------> DELETED
 *
 *   CREATED       Known to its creator only.
 *   VISIBLE       In the map; whether the flow is in the datapath is not
 *                 known yet (its installation may be on the way).
 *   OPERATIONAL   The flow was seen in the datapath.
 *   INCONSISTENT  An operation on the flow failed, so what the datapath has is
 *                 unknown.  The next dump or sweep deletes the flow.
 *   EVICTING      Some thread has decided to delete the flow and does so.
 *   EVICTED       The flow is not in the datapath.  The ukey is an empty
 *                 shell: a handler may replace it at once, the sweep frees it.
 *   DELETED       Out of the map; memory goes after the grace period.
 *
 * There is no edge from INCONSISTENT to EVICTED: a ukey that is freed while
 * its flow lives would be adopted again, and its packets counted twice.
 *
 * Owns.  Key and mask (in the same allocation), actions (RCU), translation
 * cache, references on recirculation ids.
 *
 * Thread-safety
 * =============
 *
 * 'mutex' guards what changes.  Constant members and the actions may be read
 * without it by any thread that found the ukey under RCU, until it quiesces.
 * Lock order: a ukey of the map, then the mutex of a slot of the map, then a
 * ukey that nobody else knows.  Under a slot's mutex a ukey of the map may
 * only be tried, never waited for (see ukey-map.c).
 *
 * Whoever makes a ukey DELETED hands it to RCU, and nobody else does.  Only
 * ukey_discard() and functions of ukey-map.c make it DELETED.
 *
 * See also.  ukey-map.h, upcall.h (creates), revalidator.h, sweep.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmap.h"
#include "dpif.h"
#include "ofproto/ofproto-dpif-rid.h"
#include "openvswitch/thread.h"
#include "ovs-rcu.h"

struct ofpbuf;
struct xlate_cache;

/* In the order of a ukey's life: a state never moves to a smaller one, except
 * that EVICTING goes back to INCONSISTENT when the deletion failed. */
enum ukey_state {
    UKEY_CREATED,
    UKEY_VISIBLE,
    UKEY_OPERATIONAL,
    UKEY_INCONSISTENT,
    UKEY_EVICTING,
    UKEY_EVICTED,
    UKEY_DELETED,
};
#define UKEY_N_STATES (UKEY_DELETED + 1)

/* Datapath actions, immutable once published. */
struct ukey_actions {
    size_t size;                /* Bytes in 'data'. */
    uint32_t data[];            /* Netlink attributes, aligned as such. */
};

struct udpif_key {
    struct cmap_node node;      /* In a 'struct ukey_map'. */

    /* Constant after creation. */
    uint32_t hash;              /* Of 'ufid' and 'pmd_id'. */
    unsigned pmd_id;            /* Lane, or PMD_ID_NULL. */
    ovs_u128 ufid;
    bool ufid_present;          /* The datapath knows the flow by 'ufid'? */
    uint32_t key_recirc_id;     /* If nonzero, counted (_ref) until freed. */
    const struct nlattr *key;   /* Owned: follows this struct. */
    const struct nlattr *mask;  /* Owned: follows 'key'. */
    uint32_t key_len;
    uint32_t mask_len;
    long long int created;      /* In ms. */

    /* Published by RCU; changed with 'mutex' held. */
    OVSRCU_TYPE(struct ukey_actions *) actions;

    struct ovs_mutex mutex;

    /* Guarded by 'mutex'. */
    enum ukey_state state OVS_GUARDED;
    unsigned state_thread OVS_GUARDED;     /* ovsthread_id of last mover... */
    const char *state_where OVS_GUARDED;   /* ...and its source location. */
    struct dpif_flow_stats stats OVS_GUARDED; /* Already attributed. */
    const char *dp_layer OVS_GUARDED;      /* That counted 'stats', or NULL. */
    bool offloaded OVS_GUARDED;            /* By the last dump. */
    uint8_t n_missed OVS_GUARDED;          /* Dumps in a row without it. */
    uint8_t n_unresolved OVS_GUARDED;      /* Translations in a row that lacked
                                            * the neighbor of a tunnel... */
    long long int ask_again OVS_GUARDED;   /* ...and when to try again, in
                                            * ms. */
    uint64_t dump_seq OVS_GUARDED;         /* Dump that saw it last. */
    uint64_t reval_seq OVS_GUARDED;        /* Tables that it was made from. */
    struct xlate_cache *xcache OVS_GUARDED; /* NULL if not populated. */
    uint64_t fits OVS_GUARDED;              /* Hash of the last translation's
                                             * mask that 'mask' was found to
                                             * cover; 0: none yet. */
    struct recirc_refs recircs OVS_GUARDED; /* Ids used by 'actions'. */
    struct recirc_refs old_recircs OVS_GUARDED; /* By those before them, which
                                                 * the datapath may have. */
};

/* What ukey_create() needs to know.  All pointers are borrowed for the call,
 * their contents copied. */
struct ukey_parms {
    const ovs_u128 *ufid;
    bool ufid_present;
    unsigned pmd_id;
    const struct nlattr *key, *mask, *actions;
    size_t key_len, mask_len, actions_len;      /* In bytes. */
    uint64_t reval_seq;
    long long int used;             /* Of the packet that made it, or 0. */
    uint32_t key_recirc_id;         /* Reference moves to the ukey. */
};

/* Life. */

struct udpif_key *ukey_create(const struct ukey_parms *);

/* Gives back a CREATED 'ukey' that was never published.  A null pointer is
 * fine. */
void ukey_discard(struct udpif_key *ukey)
    OVS_EXCLUDED(ukey->mutex);

/* Moves a ukey that has just been unlinked from its map to DELETED and leaves
 * its memory to RCU.  For ukey-map.c only. */
void ukey_retire_at(struct udpif_key *ukey, const char *where)
    OVS_REQUIRES(ukey->mutex);
#define ukey_retire(UKEY) ukey_retire_at(UKEY, OVS_SOURCE_LOCATOR)

/* Frees all ukey memory right now.  Only for a ukey that no other thread can
 * know, or from a grace period. */
void ukey_free__(struct udpif_key *ukey);

/* State machine. */

const char *ukey_state_to_string(enum ukey_state);
bool ukey_edge_is_legal(enum ukey_state src, enum ukey_state dst);

/* Moves 'ukey' to 'dst' and remembers who did it.  An illegal edge is our own
 * mistake: it aborts, with the names of this mover and the last one.  Callers
 * look at the state first, under the same lock. */
void ukey_transition_at(struct udpif_key *ukey, enum ukey_state dst,
                        const char *where)
    OVS_REQUIRES(ukey->mutex);
#define ukey_transition(UKEY, DST) \
    ukey_transition_at(UKEY, DST, OVS_SOURCE_LOCATOR)

/* The flow of 'ukey' is in the datapath: VISIBLE becomes OPERATIONAL.  Any
 * later state stays, because a revalidator may have been faster than the
 * thread that installed the flow. */
void ukey_saw_flow_at(struct udpif_key *ukey, const char *where)
    OVS_REQUIRES(ukey->mutex);
#define ukey_saw_flow(UKEY) ukey_saw_flow_at(UKEY, OVS_SOURCE_LOCATOR)

/* The datapath refused the flow of 'ukey': VISIBLE becomes EVICTED, so that
 * the next miss may try again.  Any later state stays. */
void ukey_refused_at(struct udpif_key *ukey, const char *where)
    OVS_REQUIRES(ukey->mutex);
#define ukey_refused(UKEY) ukey_refused_at(UKEY, OVS_SOURCE_LOCATOR)

/* True if the flow of a ukey in 'state' may be in the datapath and nobody
 * deletes it yet: states in which a thread may start to evict it. */
static inline bool
ukey_state_is_live(enum ukey_state state)
{
    return state >= UKEY_VISIBLE && state <= UKEY_INCONSISTENT;
}

/* Contents. */

#define UKEY_PREFETCH_BYTES 1024    /* At most. */

/* Borrowed until the caller quiesces. */
static inline const struct ukey_actions *
ukey_actions(const struct udpif_key *ukey)
{
    return ovsrcu_get(struct ukey_actions *, &ukey->actions);
}

/* Asks for the memory of 'ukey' that revalidation reads. */
static inline void
ukey_prefetch(const struct udpif_key *ukey)
{
    const char *p = (const char *) ukey;
    size_t size = MIN(sizeof *ukey + ukey->key_len, UKEY_PREFETCH_BYTES);

    for (size_t i = CACHE_LINE_SIZE; i < size; i += CACHE_LINE_SIZE) {
        OVS_PREFETCH(p + i);
    }
    OVS_PREFETCH(ukey_actions(ukey));
}

/* Publishes a copy of the 'size' bytes of 'actions'. */
void ukey_set_actions(struct udpif_key *ukey, const void *actions, size_t size)
    OVS_REQUIRES(ukey->mutex);

/* Moves the references in 'refs', on the ids that the actions of 'ukey' use,
 * to 'ukey', and those of 'ukey' to 'refs'.  Before it is published. */
void ukey_adopt_recircs(struct udpif_key *ukey, struct recirc_refs *refs);

/* The counters that the datapath reports are those of 'now', read in
 * 'dp_layer' (may be NULL).  Stores in '*delta' what was not attributed yet,
 * and takes it as attributed from here on.
 *
 * Counters that start again because the flow moved between the kernel and TC
 * are counted from zero.  Counters that went backwards without such a reason
 * give a delta of zero and a new base (59c908410: forcing them made live flows
 * look idle). */
void ukey_take_stats(struct udpif_key *ukey, const struct dpif_flow_stats *now,
                     const char *dp_layer, struct dpif_flow_stats *delta)
    OVS_REQUIRES(ukey->mutex);

/* Time of the last packet of the flow, as well as it is known from '*stats':
 * a datapath that was asked for a terse dump, or that counts in hardware, may
 * report packets without a time. */
long long int ukey_last_used(const struct udpif_key *ukey,
                             const struct dpif_flow_stats *stats,
                             bool terse, long long int now)
    OVS_REQUIRES(ukey->mutex);

/* Aborts if an invariant of 'ukey' does not hold. */
void ukey_check(const struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex);

#endif /* ofproto/ukey.h */
