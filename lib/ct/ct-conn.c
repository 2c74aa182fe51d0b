/* SPDX-License-Identifier: Apache-2.0 */

/* The life as a table of bits, so that the unit test can compare all pairs
 * with its own table, and tests/models/conn.pml can have the same edges. */

#include <config.h>
#include "ct/ct-conn.h"

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

static void
count_marks(struct conn *conn, memory_order order)
{
    uint32_t orig;

    atomic_add_explicit(&conn->flags, (uint32_t) CT_F_MARKS_ONE, &orig, order);
}

void
ct_conn_set_marks(struct conn *conn, uint32_t mark, ovs_u128 label)
{
    count_marks(conn, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_relaxed(&conn->mark, mark);
    atomic_store_relaxed(&conn->label[0], label.u64.lo);
    atomic_store_relaxed(&conn->label[1], label.u64.hi);
    count_marks(conn, memory_order_release);
}

void
ct_conn_read_marks_again__(const struct conn *conn, uint32_t *mark,
                           ovs_u128 *label)
{
    unsigned int n_tries = 0;

    while (!ct_conn_try_marks__(conn, mark, label)) {
        ct_spin_pause__(&n_tries);
    }
}
