/* SPDX-License-Identifier: Apache-2.0 */

/* CT_F_ARMED is set, and cleared, under the connection's lock, and whoever
 * clears it has told before, without letting the lock go.  So between the look
 * at the bit and the change nobody can arm: for what the lock guards because
 * it is held all the time, for the end of a life because ct_conn_move() sees
 * bit and life in one word. */

#include <config.h>
#include "ct/ct-watch.h"

#include "ct/ct.h"
#include "ct/ct-bypass.h"
#include "ct/ct-state.h"
#include "ct/ct-tell.h"
#include "ovs-rcu.h"
#include "timeval.h"

void
ct_watch_start(struct conntrack *ct, struct ct_listener *listener)
{
    ovs_assert(!ct_listener_of(ct));
    atomic_store_explicit(&ct->listener, listener, memory_order_release);
}

/* Lets 'conn' be as if nobody had ever listened. */
static void
forget(struct conn *conn)
{
    ct_conn_lock(conn);
    ct_conn_clear_flags(conn, CT_F_ARMED);
    ct_bypass_unhide(conn);
    ct_conn_unlock(conn);
}

void
ct_watch_stop(struct conntrack *ct)
{
    if (!ct_listener_of(ct)) {
        return;
    }
    atomic_store_relaxed(&ct->listener, NULL);
    ovsrcu_synchronize();

    for (uint32_t i = 1; i < ct_slab_end(&ct->conns); i++) {
        struct conn *conn = ct_table_conn(&ct->table, i);

        if (ct_conn_flags(conn) & (CT_F_ARMED | CT_F_LIBERAL)
            && ct_conn_life(conn) == CT_LIVE) {
            forget(conn);
        }
    }
}

/* Why 'conn', which the caller has locked, may not be built on, or
 * CT_ARMED. */
static enum ct_armed
check(const struct conn *conn)
{
    uint32_t flags = ct_conn_flags(conn);

    return (!ct_conn_is_visible(conn, time_msec()) ? CT_ARMED_GONE
            : ct_key_is_icmp(&conn->key) ? CT_ARMED_ICMP
            : ct_conn_has_helper(conn) ? CT_ARMED_HELPER
            : flags & CT_F_RELATED ? CT_ARMED_RELATED
            : !ct_state_is_established(conn) ? CT_ARMED_NEW
            : CT_ARMED);
}

/* Sets CT_F_ARMED of 'conn', unless it dies at this moment. */
static bool
arm(struct conn *conn)
{
    uint32_t flags = ct_conn_flags(conn);

    do {
        if ((flags & CT_F_LIFE_MASK) != CT_LIVE) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
                 &conn->flags, &flags, flags | CT_F_ARMED,
                 memory_order_acq_rel, memory_order_relaxed));
    return true;
}

enum ct_armed
ct_watch_arm(struct conntrack *ct, struct ct_handle handle, uint32_t tag)
{
    struct conn *conn = ct_handle_find(ct, handle);
    enum ct_armed armed;

    if (!conn) {
        return CT_ARMED_GONE;
    }
    ct_conn_lock(conn);
    armed = check(conn);
    if (armed == CT_ARMED) {
        /* 'tag' has the place of 'next', which is another's once it died. */
        if (arm(conn)) {
            conn->tag = tag;
        } else {
            armed = CT_ARMED_GONE;
        }
    }
    ct_conn_unlock(conn);
    return armed;
}

void
ct_watch_disarm(struct conntrack *ct, struct ct_handle handle, uint32_t tag)
{
    struct conn *conn = ct_handle_find(ct, handle);

    if (conn) {
        ct_conn_lock(conn);
        if (ct_conn_flags(conn) & CT_F_ARMED && conn->tag == tag) {
            ct_conn_clear_flags(conn, CT_F_ARMED);
        }
        ct_conn_unlock(conn);
    }
}
