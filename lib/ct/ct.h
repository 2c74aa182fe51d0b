/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_H
#define CT_H 1

/* ct: a connection tracker
 * ========================
 *
 * Job.  What conntrack.h, Open vSwitch's header, calls struct conntrack: the
 * connections of one datapath, what limits them and how long they live.  This
 * header is for lib/ct alone; the others have conntrack.h.
 *
 * How a connection comes and goes:
 *
 *     conn = ct_new(ct, zone, translated);     Counted, but nobody sees it.
 *     ...fill key, expiry, what else is fixed...
 *     error = ct_commit(ct, conn, now, &clash);        Live.
 *     if (error) {
 *         ct_abandon(ct, conn);                Free again.
 *     }
 *     ...
 *     ct_kill(ct, conn, CT_DEATH_EXPIRED);     Dead: not found, not counted.
 *
 * Any thread may kill.  The memory comes back when a grace period has passed
 * and nobody holds a reference, by the thread "ct_clean" (ct-clean.h).
 *
 * Counts.  A connection counts, for its zone and for all, from ct_new() to
 * ct_abandon() or ct_kill().  So a limit is never exceeded, and the sum of the
 * zones is the total.
 *
 * Thread-safety.  Any number of threads, between two quiescent states, unless
 * a function says otherwise.  No function here that packets need waits for a
 * mutex, but for the slab's, once per CT_SLAB_MAGAZINE connections. */

#include <stdbool.h>
#include <stdint.h>
#include "conntrack.h"
#include "ct/ct-conn.h"
#include "ct/ct-expect.h"
#include "ct/ct-key.h"
#include "ct/ct-policy.h"
#include "ct/ct-ports.h"
#include "ct/ct-slab.h"
#include "ct/ct-table.h"
#include "ct/ct-watch.h"
#include "ct/ct-zone.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"

struct ct_clean;
struct ipf;

struct conntrack {
    /* Constant after creation. */
    struct ct_secret secret;
    struct ipf *ipf;            /* Owned. */
    struct ct_clean *clean;     /* Owned. */

    /* Each for itself. */
    struct ct_slab conns;       /* Of struct conn. */
    struct ct_slab nats;        /* Of struct ct_nat. */
    struct ct_slab extras;      /* Of struct ct_extra. */
    struct ct_table table;
    struct ct_zones zones;
    struct ct_policies policies;
    struct ct_expects expects;
    struct ct_ports ports;

    /* Settings.  Written by the main thread. */
    atomic_uint32_t max_conns;
    atomic_bool tcp_seq_chk;
    atomic_uint32_t sweep_ms;   /* Most that the dead wait for the sweeper. */
    ATOMIC(struct ct_listener *) listener;      /* Or NULL; borrowed. */

    /* Written by many. */
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint32_t n_conns;        /* All that count. */
    );
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint32_t dead;   /* Stack of indexes, for "ct_clean". */
    );
    ATOMIC(uint64_t) n_refused[CT_N_REFUSALS];
    ATOMIC(uint64_t) n_died[CT_N_DEATHS];
    ATOMIC(uint64_t) n_nat_retries;     /* Tuples that were taken. */
    ATOMIC(uint64_t) n_hidden_packets;  /* That refreshes told of. */
    ATOMIC(uint64_t) n_hidden_bytes;

    /* For users to see.  Written by "ct_clean". */
    atomic_uint32_t setups_per_s;
    atomic_uint32_t sweep_took_ms;
    atomic_uint32_t sweep_late_ms;      /* It began so much too late. */

    struct ovs_refcount ref_cnt;        /* The owner, and "ct_clean"'s
                                         * callbacks of RCU. */
};

/* Returns an embryo that counts in 'zone', with a struct ct_nat if it
 * 'is_nat', or NULL, counted by cause.  Its members are zero but 'index',
 * 'nat', 'generation', the life and the zone of 'key'.  The caller stores the
 * rest of 'key', 'expiry', and whatever else it knows; the first four stay as
 * they are, and the members of flags other than the life are set by
 * atomic_or(). */
struct conn *ct_new(struct conntrack *, uint16_t zone, bool is_nat);

/* Makes 'conn', which ct_new() returned, live.  Returns
 * - 0;
 * - EEXIST: the packet that wanted 'conn' belongs to '*clash' by now, another
 *   thread was faster.  Adopt that one.  It is of the reply direction if its
 *   key is not that of 'conn';
 * - EADDRINUSE: only the replies belong to somebody else.  Not counted as a
 *   refusal: who has more ports tries the next, with the same 'conn';
 * - ENOSPC: the table is too full for now; counted.
 * On failure, 'conn' still is an embryo. */
int ct_commit(struct conntrack *, struct conn *conn, long long now_ms,
              struct conn **clash);

/* Gives back an embryo. */
void ct_abandon(struct conntrack *, struct conn *);

/* Ends the life of 'conn', of which the caller must not have the lock.
 * Returns true if it was this call that did it, false if it was dead
 * already. */
bool ct_kill(struct conntrack *, struct conn *conn, enum ct_death);

/* Counts a refusal. */
void ct_refuse(struct conntrack *, uint16_t zone, enum ct_refusal);

/* As ct_table_find(), for those who have only 'key'. */
struct conn *ct_find(const struct conntrack *, const struct ct_key *key,
                     long long now_ms, bool *reply);

/* As ct_kill(), for 'n' connections, whose indexes were live at some time
 * since the caller was quiescent.  Faster. */
void ct_kill_all(struct conntrack *, const uint32_t *indexes, size_t n,
                 enum ct_death);

/* Gives up a reference on the tracker; the last one frees it. */
void ct_unref(struct conntrack *);

/* Returns what the column "due" has for a connection that ends at 'expiry', in
 * ms: the second in which it does.  Never 0. */
static inline uint32_t
ct_due(long long expiry)
{
    return MIN(MAX(expiry / 1000, 1), UINT32_MAX);
}

/* For ct_set_expiry(). */
void ct_hurry__(struct conntrack *, struct conn *, long long expiry);

/* Lets 'conn', which is live, expire at 'expiry', in ms.  Writes nothing if
 * that is so already. */
static inline void
ct_set_expiry(struct conntrack *ct, struct conn *conn, long long expiry)
{
    long long old;

    atomic_read_relaxed(&conn->expiry, &old);
    if (expiry > old) {
        atomic_store_relaxed(&conn->expiry, expiry);
    } else if (expiry < old) {
        ct_hurry__(ct, conn, expiry);
    }
}

/* Lets 'conn' expire not before 'expiry'.  As ct_set_expiry(), for whoever may
 * be late. */
void ct_prolong(struct conn *, long long expiry);

/* Keeps the slot of 'conn', which the caller has found since it last was
 * quiescent, from being used again.  Does not keep it alive. */
void ct_hold(struct conn *);
void ct_release(struct conn *);

static inline bool
ct_checks_tcp_seq(const struct conntrack *ct)
{
    bool enabled;

    atomic_read_relaxed(&CONST_CAST(struct conntrack *, ct)->tcp_seq_chk,
                        &enabled);
    return enabled;
}

#endif /* ct.h */
