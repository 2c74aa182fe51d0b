/* SPDX-License-Identifier: Apache-2.0 */

/* The life as a table of bits, so that the unit test can compare all pairs
 * with its own table, and tests/models/conn.pml can have the same edges. */

#include <config.h>
#include "ct/ct-conn.h"

#include "ct/ct-spin.h"
#include "util.h"

#define EDGE(LIFE) (1u << CT_##LIFE)

/* For each life, the set of lives that may follow. */
static const unsigned int ct_life_edges[CT_N_LIVES] = {
    [CT_FREE] = EDGE(EMBRYO),
    [CT_EMBRYO] = EDGE(LIVE) | EDGE(FREE),      /* Committed, or not. */
    [CT_LIVE] = EDGE(DEAD),
    [CT_DEAD] = EDGE(FREE),
};

bool
ct_conn_move(struct conn *conn, enum ct_life from, enum ct_life to)
{
    uint32_t flags = ct_conn_flags(conn);

    ovs_assert(ct_life_edges[from] & (1u << to));
    do {
        if ((flags & CT_F_LIFE_MASK) != from
            || (to == CT_DEAD && OVS_UNLIKELY(flags & CT_F_ARMED))) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
                 &conn->flags, &flags, (flags & ~CT_F_LIFE_MASK) | to,
                 memory_order_acq_rel, memory_order_relaxed));
    return true;
}

void
ct_conn_lock(struct conn *conn)
{
    ct_spin_lock(&conn->lock);
}

void
ct_conn_unlock(struct conn *conn)
{
    ct_spin_unlock(&conn->lock);
}
