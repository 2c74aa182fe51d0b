/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_HANDLE_H
#define CT_HANDLE_H 1

/* ct-handle: the name of a connection
 * ===================================
 *
 * Job.  Names a connection for those who remember it longer than until their
 * next quiescent state: who moves its packets past the tracker, above all.
 *
 * A handle is where the connection is, and the how manieth it is there.  It
 * may be copied, compared, kept for ever and thrown away: a handle of a
 * connection that is gone is stale, and every function that takes a handle
 * says so.  It never names another connection.
 *
 * A handle is of the connection, that is of both directions.  Where one of
 * them is meant there is a 'reply' besides.
 *
 * References.  Who has one keeps the place from being used again, so that the
 * handle goes on to be the connection's after its death.  It does not keep the
 * connection alive.
 *
 * Thread-safety.  Any thread, between two quiescent states. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-key.h"
#include "openvswitch/types.h"

struct conn;
struct conntrack;

struct ct_handle {
    uint32_t index;             /* 0: of no connection. */
    uint32_t generation;
};

static inline bool
ct_handle_equal(struct ct_handle a, struct ct_handle b)
{
    return a.index == b.index && a.generation == b.generation;
}

/* Returns the handle of 'conn', which the caller has found since it last was
 * quiescent; packets have theirs in 'md.conn', if it is not NULL.
 * ct-execute.h tells it of all packets. */
struct ct_handle ct_handle_of(const struct conn *);

/* Is the connection live?  It may have died when the caller looks at the
 * answer; "no" is for ever. */
bool ct_handle_is_valid(const struct conntrack *, struct ct_handle);

/* Takes a reference and returns true, or returns false if the connection has
 * died.  Put gives it back, whether the connection lives or not. */
bool ct_handle_get(struct conntrack *, struct ct_handle);
void ct_handle_put(struct conntrack *, struct ct_handle);

/* What a connection does to its packets, now. */
struct ct_view {
    /* The key with which packets of each direction come to the tracker: [0]
     * original, [1] reply.  What ct(nat) makes of a packet of direction 'd' is
     * the reverse of 'keys[!d]'. */
    struct ct_key keys[2];
    bool is_translated;         /* That differs from 'keys[d]'. */

    /* If it is established: ct_state of the next sound packet of each
     * direction, which neither opens nor ends it, and what ct(nat) adds to
     * that. */
    bool is_established;
    uint8_t state[2];
    uint8_t nat_state[2];

    uint32_t mark;
    ovs_u128 label;
    struct ct_key original;     /* What ct_nw_src and so on show. */
    uint32_t tp_id;             /* Its timeout policy. */
    long long expiry;           /* In ms. */
};

/* Stores what is true of the connection at one moment; returns false if it has
 * died.  Whoever builds on that arms first (ct-watch.h), and looks then. */
bool ct_handle_view(const struct conntrack *, struct ct_handle,
                    struct ct_view *);

/* For lib/ct: returns the connection, which is live and may be used until the
 * caller is quiescent, or NULL. */
struct conn *ct_handle_find(const struct conntrack *, struct ct_handle);

#endif /* ct-handle.h */
