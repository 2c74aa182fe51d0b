/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker's hooks.  But for flushed() and configured(), they run under a
 * connection's lock, in threads that move packets, and so take none
 * themselves. */

#include <config.h>

#include "merge/dp-books-entry.h"

#include "util.h"

#define LEAVING_TO_CAUSE(WHY) (DP_BOOKS_CAUSE_EXPIRED + (WHY))
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_EXPIRED)
                  == DP_BOOKS_CAUSE_EXPIRED);
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_REOPENED)
                  == DP_BOOKS_CAUSE_REOPENED);
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_FORCED)
                  == DP_BOOKS_CAUSE_FORCED);
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_FLUSHED)
                  == DP_BOOKS_CAUSE_FLUSHED);
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_CLOSED)
                  == DP_BOOKS_CAUSE_CLOSED);
BUILD_ASSERT_DECL(LEAVING_TO_CAUSE(CT_LEAVING_RESET)
                  == DP_BOOKS_CAUSE_RESET);

static struct dp_books *
books_of(struct ct_listener *listener)
{
    return CONTAINER_OF(listener, struct dp_books, listener);
}

static void
kill_rules(struct dp_books *books, struct ct_handle handle,
           enum dp_books_cause cause)
{
    struct dp_books_conn *conn = dp_books_find_conn(books, handle);

    for (size_t i = 0; conn && i < DP_BOOKS_CONN_RULES; i++) {
        struct dp_books_entry *entry;

        atomic_read_explicit(&conn->rules[i], &entry, memory_order_acquire);
        if (entry) {
            dp_books_entry_kill(books, entry, cause);
        }
    }
}

static void
changed(struct ct_listener *listener, struct ct_handle handle,
        uint32_t tag OVS_UNUSED, enum ct_change what)
{
    kill_rules(books_of(listener), handle,
               (what == CT_CHANGE_MARK ? DP_BOOKS_CAUSE_MARK
                : DP_BOOKS_CAUSE_LABEL));
}

static void
leaving(struct ct_listener *listener, struct ct_handle handle,
        uint32_t tag OVS_UNUSED, enum ct_leaving why)
{
    kill_rules(books_of(listener), handle, LEAVING_TO_CAUSE(why));
}

/* A pass that began after we were asked first, and has ended, has looked at
 * all of the connection's rules.  If it found something it has refreshed the
 * connection, and forgotten that we were asked. */
static bool
expiring(struct ct_listener *listener, struct ct_handle handle,
         uint32_t tag OVS_UNUSED)
{
    struct dp_books *books = books_of(listener);
    struct dp_books_conn *conn = dp_books_find_conn(books, handle);
    uint32_t asked, ended;

    if (!conn) {
        return false;
    }
    atomic_read_relaxed(&conn->asked, &asked);
    if (!asked) {
        uint32_t begun;

        atomic_read(&books->n_begun, &begun);
        atomic_store_relaxed(&conn->asked, begun + 1);
        return true;
    }
    atomic_read_explicit(&books->n_ended, &ended, memory_order_acquire);
    return (int32_t) (ended - asked) < 0;
}

static void
flushed(struct ct_listener *listener, const uint16_t *zone OVS_UNUSED)
{
    struct dp_books *books = books_of(listener);

    if (books->carrier->has_left) {
        dp_books_await_nics(books);
    }
}

/* Timeouts are looked up when a connection is refreshed, so what came before
 * the change is booked before it. */
static void
configured(struct ct_listener *listener, enum ct_setting setting,
           int number OVS_UNUSED)
{
    if (setting == CT_SETTING_TIMEOUT_POLICY) {
        dp_books_account_all(books_of(listener));
    }
}

void
dp_books_init_listener(struct ct_listener *listener)
{
    *listener = (struct ct_listener) {
        .changed = changed,
        .leaving = leaving,
        .expiring = expiring,
        .flushed = flushed,
        .configured = configured,
    };
}
