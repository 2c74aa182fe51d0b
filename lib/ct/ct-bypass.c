/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#include "ct/ct-bypass.h"

#include "ct/ct.h"
#include "ct/ct-state.h"
#include "ct/ct-tcp.h"

bool
ct_bypass_begin(struct conntrack *ct, struct ct_handle handle)
{
    struct conn *conn = ct_handle_find(ct, handle);

    if (conn) {
        ct_conn_lock(conn);
        ct_conn_set_flags(conn, CT_F_LIBERAL);
        ct_conn_unlock(conn);
    }
    return conn != NULL;
}

void
ct_bypass_unhide(struct conn *conn)
{
    if (ct_conn_clear_flags(conn, CT_F_LIBERAL) & CT_F_LIBERAL
        && conn->key.proto == IPPROTO_TCP) {
        ct_tcp_forget(conn->peers);
    }
}

bool
ct_bypass_end(struct conntrack *ct, struct ct_handle handle)
{
    struct conn *conn = ct_handle_find(ct, handle);

    if (conn) {
        ct_conn_lock(conn);
        ct_bypass_unhide(conn);
        ct_conn_unlock(conn);
    }
    return conn != NULL;
}

bool
ct_bypass_refresh(struct conntrack *ct, const struct ct_activity *a,
                  long long now_ms)
{
    struct conn *conn = ct_handle_find(ct, a->conn);
    uint64_t orig;

    if (!conn || !ct_conn_is_visible(conn, now_ms)) {
        return false;
    }
    if (a->packets) {
        ct_state_refresh(ct, conn, a->reply, MIN(a->used_ms, now_ms));
        atomic_add_relaxed(&ct->n_hidden_packets, a->packets, &orig);
    }
    if (a->bytes) {
        atomic_add_relaxed(&ct->n_hidden_bytes, a->bytes, &orig);
    }
    return true;
}
