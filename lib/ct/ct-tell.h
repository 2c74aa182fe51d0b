/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_TELL_H
#define CT_TELL_H 1

/* ct-tell: what the tracker tells its listener
 * ============================================
 *
 * Job.  Calls the hooks of ct-watch.h.  For lib/ct alone.
 *
 * What a connection is told of "before" is told under its lock, by whoever is
 * about to change it, who goes on to hold the lock until that is done; the end
 * of a life, which no lock guards, is told before by ct_tell_death(), and
 * ct_conn_move() sees to it that nobody arms in between.
 *
 * Thread-safety.  As ct-watch.h says. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct.h"

static inline struct ct_listener *
ct_listener_of(const struct conntrack *ct)
{
    struct ct_listener *listener;

    atomic_read_explicit(&CONST_CAST(struct conntrack *, ct)->listener,
                         &listener, memory_order_acquire);
    return listener;
}

/* 'conn' is live. */
void ct_tell_committed__(struct ct_listener *, struct conn *);

static inline void
ct_tell_committed(struct conntrack *ct, struct conn *conn)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (OVS_UNLIKELY(listener)) {
        ct_tell_committed__(listener, conn);
    }
}

/* Both directions of 'conn' have been seen.  The caller has no lock. */
void ct_tell_established(struct conntrack *, struct conn *);

/* 'conn' is dead. */
void ct_tell_deleted__(struct ct_listener *, struct conn *, enum ct_death);

static inline void
ct_tell_deleted(struct conntrack *ct, struct conn *conn, enum ct_death death)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (OVS_UNLIKELY(listener)) {
        ct_tell_deleted__(listener, conn, death);
    }
}

/* 'conn', whose lock the caller has, is about to change.  Disarms it, if it is
 * armed. */
void ct_tell_leaving(struct conntrack *, struct conn *, enum ct_leaving);
void ct_tell_changed__(struct conntrack *, struct conn *, enum ct_change);

static inline void
ct_tell_changed(struct conntrack *ct, struct conn *conn, enum ct_change what)
{
    if (OVS_UNLIKELY(ct_conn_flags(conn) & CT_F_ARMED)) {
        ct_tell_changed__(ct, conn, what);
    }
}

/* 'conn' is about to die.  Disarms it, if it is armed.  Takes its lock. */
void ct_tell_death(struct conntrack *, struct conn *, enum ct_death);

/* 'conn' has expired, and nobody has found it since, unless it is armed.
 * Returns false if it is to stay for now; or else it is not armed any more.
 * Takes its lock. */
bool ct_tell_expiry__(struct conntrack *, struct conn *, long long now_ms);

static inline bool
ct_tell_expiry(struct conntrack *ct, struct conn *conn, long long now_ms)
{
    return (OVS_LIKELY(!(ct_conn_flags(conn) & CT_F_ARMED))
            || ct_tell_expiry__(ct, conn, now_ms));
}

/* The connections of 'zone', or all if NULL, have been killed. */
void ct_tell_flushed(struct conntrack *, const uint16_t *zone);

/* A setting is about to change. */
void ct_tell_setting(struct conntrack *, enum ct_setting, int number);

#endif /* ct-tell.h */
