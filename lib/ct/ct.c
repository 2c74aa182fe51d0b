/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct.h"

#include <errno.h>
#include "coverage.h"
#include "ct/ct-clean.h"
#include "ct/ct-tell.h"
#include "util.h"

COVERAGE_DEFINE(conntrack_full);
COVERAGE_DEFINE(conntrack_zone_full);

void
ct_refuse(struct conntrack *ct, uint16_t zone, enum ct_refusal why)
{
    uint64_t n;

    atomic_add_explicit(&ct->n_refused[why], 1, &n, memory_order_relaxed);
    ct_zone_refuse(&ct->zones, zone, why);
}

/* Counts. */

static void
uncount(struct conntrack *ct)
{
    uint32_t n;

    atomic_sub_explicit(&ct->n_conns, 1, &n, memory_order_relaxed);
    ovs_assert(n);
}

/* Counts one more in 'zone', unless a limit is reached. */
static bool
count(struct conntrack *ct, uint16_t zone)
{
    uint32_t n, max;

    atomic_read_relaxed(&ct->max_conns, &max);
    atomic_add_explicit(&ct->n_conns, 1, &n, memory_order_relaxed);
    if (OVS_UNLIKELY(n >= max)) {
        atomic_sub_explicit(&ct->n_conns, 1, &n, memory_order_relaxed);
        COVERAGE_INC(conntrack_full);
        ct_refuse(ct, zone, CT_REFUSED_FULL);
        return false;
    }
    if (OVS_UNLIKELY(!ct_zone_take(&ct->zones, zone))) {
        atomic_sub_explicit(&ct->n_conns, 1, &n, memory_order_relaxed);
        COVERAGE_INC(conntrack_zone_full);
        ct_refuse(ct, zone, CT_REFUSED_ZONE);
        return false;
    }
    return true;
}

/* Birth. */

/* Makes 'conn', a free record, an embryo. */
static void
begin(struct conn *conn, uint32_t index, uint32_t nat, uint16_t zone)
{
    ovs_assert(ct_conn_move(conn, CT_FREE, CT_EMBRYO));
    memset(&conn->key, 0, sizeof conn->key);
    conn->key.zone = zone;
    atomic_store_relaxed(&conn->expiry, 0);
    atomic_store_relaxed(&conn->mark, 0);
    conn->index = index;
    atomic_store_relaxed(&conn->label[0], 0);
    atomic_store_relaxed(&conn->label[1], 0);
    memset(conn->peers, 0, sizeof conn->peers);
    atomic_store_relaxed(&conn->lock, 0);
    conn->nat = nat;
    conn->tp_id = 0;
    conn->extra = 0;
    conn->next = 0;
}

struct conn *
ct_new(struct conntrack *ct, uint16_t zone, bool is_nat)
{
    uint32_t index, nat = 0;
    struct conn *conn;

    if (!count(ct, zone)) {
        return NULL;
    }
    index = ct_slab_alloc(&ct->conns);
    if (index && is_nat) {
        nat = ct_slab_alloc(&ct->nats);
        if (!nat) {
            ct_slab_free(&ct->conns, index);
            index = 0;
        }
    }
    if (!index) {
        ct_zone_give(&ct->zones, zone);
        uncount(ct);
        ct_refuse(ct, zone, CT_REFUSED_MEMORY);
        return NULL;
    }

    if (OVS_UNLIKELY(ct_slab_is_low(&ct->conns)
                     || (is_nat && ct_slab_is_low(&ct->nats)))) {
        ct_clean_wake(ct->clean);
    }
    conn = ct_table_conn(&ct->table, index);
    begin(conn, index, nat, zone);
    return conn;
}

int
ct_commit(struct conntrack *ct, struct conn *conn, long long now_ms,
          struct conn **clash)
{
    struct ct_slab_columns *columns;
    long long expiry;
    int error;

    /* Before it is live: who searches the columns must find all that are. */
    columns = ct_slab_columns(&ct->conns, conn->index);
    atomic_read_relaxed(&conn->expiry, &expiry);
    atomic_store_relaxed(&columns->zone[conn->index & CT_SLAB_MASK],
                         conn->key.zone);
    atomic_store_relaxed(&columns->due[conn->index & CT_SLAB_MASK],
                         ct_due(expiry));

    while ((error = ct_table_insert(&ct->table, conn, now_ms, clash))
           == ESTALE) {
        ct_kill(ct, *clash, CT_DEATH_EXPIRED);
    }
    if (!error) {
        ct_zone_set_up(&ct->zones, conn->key.zone);
        ct_tell_committed(ct, conn);
    } else if (error == ENOSPC) {
        ct_refuse(ct, conn->key.zone, CT_REFUSED_CROWDED);
    }
    if (OVS_UNLIKELY(ct_table_is_crowded(&ct->table))) {
        ct_clean_wake(ct->clean);
    }
    return error;
}

void
ct_abandon(struct conntrack *ct, struct conn *conn)
{
    uint16_t zone = conn->key.zone;
    uint32_t index = conn->index;
    uint32_t nat = conn->nat, extra = conn->extra;

    atomic_store_relaxed(&ct_slab_columns(&ct->conns, index)
                         ->due[index & CT_SLAB_MASK], 0);
    atomic_store_relaxed(&conn->flags, CT_EMBRYO);
    ovs_assert(ct_conn_move(conn, CT_EMBRYO, CT_FREE));
    ct_slab_free(&ct->conns, index);
    if (nat) {
        ct_slab_free(&ct->nats, nat);
    }
    if (extra) {
        ct_slab_free(&ct->extras, extra);
    }
    ct_zone_give(&ct->zones, zone);
    uncount(ct);
}

/* Death. */

static void
push_dead(struct conntrack *ct, struct conn *conn)
{
    uint32_t head;

    atomic_read_relaxed(&ct->dead, &head);
    do {
        conn->next = head;
    } while (!atomic_compare_exchange_weak_explicit(
                 &ct->dead, &head, conn->index,
                 memory_order_release, memory_order_relaxed));
}

bool
ct_kill(struct conntrack *ct, struct conn *conn, enum ct_death why)
{
    uint64_t n;

    while (!ct_conn_move(conn, CT_LIVE, CT_DEAD)) {
        if (ct_conn_life(conn) != CT_LIVE) {
            return false;
        }
        ct_tell_death(ct, conn, why);
    }
    ct_table_remove(&ct->table, conn);
    if (conn->nat) {
        struct ct_key reply;

        ct_table_get_reply(&ct->table, conn, &reply);
        ct_ports_released(&ct->ports, &reply);
    }
    if (conn->extra) {
        ct_expect_forget(&ct->expects, conn);
    }
    atomic_store_relaxed(&ct_slab_columns(&ct->conns, conn->index)
                         ->due[conn->index & CT_SLAB_MASK], 0);
    ct_zone_give(&ct->zones, conn->key.zone);
    uncount(ct);
    atomic_add_explicit(&ct->n_died[why], 1, &n, memory_order_relaxed);
    ct_tell_deleted(ct, conn, why);
    push_dead(ct, conn);
    return true;
}

void
ct_kill_all(struct conntrack *ct, const uint32_t *indexes, size_t n,
            enum ct_death why)
{
    for (size_t i = 0; i < n; i++) {
        OVS_PREFETCH_WRITE(ct_table_conn(&ct->table, indexes[i]));
    }
    for (size_t i = 0; i < n; i++) {
        struct conn *conn = ct_table_conn(&ct->table, indexes[i]);

        if (ct_conn_life(conn) == CT_LIVE) {
            ct_table_prefetch(&ct->table,
                              ct_key_hash(&ct->secret, &conn->key));
        }
    }
    for (size_t i = 0; i < n; i++) {
        ct_kill(ct, ct_table_conn(&ct->table, indexes[i]), why);
    }
}

/* What is known of a connection's end. */

/* Stores 'expiry', which is earlier than before, and lets the sweeper look at
 * 'conn' by then. */
void
ct_hurry__(struct conntrack *ct, struct conn *conn, long long expiry)
{
    struct ct_slab_columns *columns = ct_slab_columns(&ct->conns, conn->index);
    atomic_uint32_t *place = &columns->due[conn->index & CT_SLAB_MASK];
    uint32_t old, due = ct_due(expiry);

    /* In one order with what put_off() in ct-clean.c does: either the sweeper
     * sees the new expiry, or we see what he has written. */
    atomic_store(&conn->expiry, expiry);
    atomic_read(place, &old);
    while (old > due) {
        if (atomic_compare_exchange_weak_relaxed(place, &old, due)) {
            break;
        }
    }
}

void
ct_prolong(struct conn *conn, long long expiry)
{
    long long old;

    atomic_read_relaxed(&conn->expiry, &old);
    while (expiry > old
           && !atomic_compare_exchange_weak_relaxed(&conn->expiry, &old,
                                                    expiry)) {
        continue;
    }
}

void
ct_hold(struct conn *conn)
{
    uint32_t n;

    atomic_add_explicit(&conn->refs, 1, &n, memory_order_relaxed);
}

void
ct_release(struct conn *conn)
{
    uint32_t n;

    atomic_sub_explicit(&conn->refs, 1, &n, memory_order_release);
    ovs_assert(n);
}

struct conn *
ct_find(const struct conntrack *ct, const struct ct_key *key,
        long long now_ms, bool *reply)
{
    struct ct_key reverse;

    ct_key_reverse(key, &reverse);
    return ct_table_find(&ct->table, key, &reverse,
                         ct_key_hash(&ct->secret, key), 0, now_ms, reply);
}
