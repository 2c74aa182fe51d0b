/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#include "ct/ct-tell.h"

BUILD_ASSERT_DECL((int) CT_LEAVING_CLOSED == CT_N_DEATHS);

/* All connections. */

void
ct_tell_committed__(struct ct_listener *listener, struct conn *conn)
{
    if (listener->committed) {
        listener->committed(listener, ct_handle_of(conn));
    }
}

void
ct_tell_established(struct conntrack *ct, struct conn *conn)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (listener && listener->established) {
        listener->established(listener, ct_handle_of(conn));
    }
}

void
ct_tell_deleted__(struct ct_listener *listener, struct conn *conn,
                  enum ct_death death)
{
    if (listener->deleted) {
        listener->deleted(listener, ct_handle_of(conn), death);
    }
}

/* Armed ones. */

static bool
is_armed(const struct conn *conn)
{
    return ct_conn_flags(conn) & CT_F_ARMED;
}

void
ct_tell_leaving(struct conntrack *ct, struct conn *conn, enum ct_leaving why)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (is_armed(conn)) {
        if (listener && listener->leaving) {
            listener->leaving(listener, ct_handle_of(conn), conn->tag, why);
        }
        ct_conn_clear_flags(conn, CT_F_ARMED);
    }
}

void
ct_tell_changed__(struct conntrack *ct, struct conn *conn,
                  enum ct_change what)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (listener && listener->changed) {
        listener->changed(listener, ct_handle_of(conn), conn->tag, what);
    }
    ct_conn_clear_flags(conn, CT_F_ARMED);
}

void
ct_tell_death(struct conntrack *ct, struct conn *conn, enum ct_death death)
{
    ct_conn_lock(conn);
    ct_tell_leaving(ct, conn, (enum ct_leaving) death);
    ct_conn_unlock(conn);
}

/* Does the listener want 'conn' to stay, whose time is over? */
static bool
is_wanted(struct conntrack *ct, struct conn *conn)
{
    struct ct_listener *listener = ct_listener_of(ct);

    return (listener && listener->expiring
            && listener->expiring(listener, ct_handle_of(conn), conn->tag));
}

bool
ct_tell_expiry__(struct conntrack *ct, struct conn *conn, long long now_ms)
{
    bool expires = true;

    ct_conn_lock(conn);
    if (is_armed(conn)) {
        long long expiry;

        /* It could be found until now, and so may have been refreshed. */
        atomic_read_relaxed(&conn->expiry, &expiry);
        expires = expiry <= now_ms && !is_wanted(ct, conn);
        if (expires) {
            ct_tell_leaving(ct, conn, CT_LEAVING_EXPIRED);
        }
    }
    ct_conn_unlock(conn);
    return expires;
}

/* The main thread. */

void
ct_tell_flushed(struct conntrack *ct, const uint16_t *zone)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (listener && listener->flushed) {
        listener->flushed(listener, zone);
    }
}

void
ct_tell_setting(struct conntrack *ct, enum ct_setting what, int number)
{
    struct ct_listener *listener = ct_listener_of(ct);

    if (listener && listener->configured) {
        listener->configured(listener, what, number);
    }
}
