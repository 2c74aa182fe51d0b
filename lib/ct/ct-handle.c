/* SPDX-License-Identifier: Apache-2.0 */

/* A connection's generation rises after its grace period, before its place is
 * given out again.  So who finds it live first, and its generation to be that
 * of the handle then, has found the right one, and has it until he is
 * quiescent; the other order would let another connection come in between.
 * The same makes a reference count: the place is given back only if a look at
 * 'refs', a grace period after death, sees none. */

#include <config.h>
#include "ct/ct-handle.h"

#include "ct/ct.h"
#include "ct/ct-helper.h"
#include "ct/ct-state.h"
#include "packets.h"

struct ct_handle
ct_handle_of(const struct conn *conn)
{
    struct ct_handle handle = { .index = conn->index };

    atomic_read_relaxed(&CONST_CAST(struct conn *, conn)->generation,
                        &handle.generation);
    return handle;
}

/* Returns the place that 'handle' names, whoever is there, or NULL. */
static struct conn *
place_of(const struct conntrack *ct, struct ct_handle handle)
{
    return (handle.index && handle.index < ct_slab_end(&ct->conns)
            ? ct_table_conn(&ct->table, handle.index) : NULL);
}

/* Is the live connection at 'conn' the one that 'handle' names? */
static bool
is_named(const struct conn *conn, struct ct_handle handle)
{
    return (ct_conn_life(conn) == CT_LIVE
            && ct_handle_equal(ct_handle_of(conn), handle));
}

struct conn *
ct_handle_find(const struct conntrack *ct, struct ct_handle handle)
{
    struct conn *conn = place_of(ct, handle);

    return conn && is_named(conn, handle) ? conn : NULL;
}

bool
ct_handle_is_valid(const struct conntrack *ct, struct ct_handle handle)
{
    return ct_handle_find(ct, handle) != NULL;
}

bool
ct_handle_get(struct conntrack *ct, struct ct_handle handle)
{
    struct conn *conn = place_of(ct, handle);

    if (!conn) {
        return false;
    }

    /* First, so that the place cannot be given back any more if the connection
     * is found to live.  If it is another one's, he does not mind. */
    ct_hold(conn);
    if (!is_named(conn, handle)) {
        ct_release(conn);
        return false;
    }
    return true;
}

void
ct_handle_put(struct conntrack *ct, struct ct_handle handle)
{
    ct_release(place_of(ct, handle));
}

/* Stores the ct_state of both directions. */
static void
view_states(const struct conn *conn, struct ct_view *view)
{
    uint32_t flags = ct_conn_flags(conn);

    view->is_established = ct_state_is_established(conn);
    if (view->is_established) {
        uint8_t state = (CS_TRACKED | CS_ESTABLISHED
                         | (flags & CT_F_RELATED ? CS_RELATED : 0));

        view->state[0] = state;
        view->state[1] = state | CS_REPLY_DIR;
    }
    if (flags & (CT_F_SNAT | CT_F_DNAT)) {
        view->is_translated = true;
        view->nat_state[0] = flags & CT_F_SNAT ? CS_SRC_NAT : CS_DST_NAT;
        view->nat_state[1] = flags & CT_F_SNAT ? CS_DST_NAT : CS_SRC_NAT;
    }
}

bool
ct_handle_view(const struct conntrack *ct, struct ct_handle handle,
               struct ct_view *view)
{
    struct conn *conn = ct_handle_find(ct, handle);
    bool is_live;

    if (!conn) {
        return false;
    }
    memset(view, 0, sizeof *view);
    view->keys[0] = conn->key;
    ct_table_get_reply(&ct->table, conn, &view->keys[1]);
    view->original = *ct_helper_original(ct, conn);
    view->tp_id = conn->tp_id;

    ct_conn_lock(conn);
    view_states(conn, view);
    ct_conn_get_marks(conn, &view->mark, &view->label);
    atomic_read_relaxed(&conn->expiry, &view->expiry);
    is_live = ct_conn_life(conn) == CT_LIVE;
    ct_conn_unlock(conn);
    return is_live;
}
