/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_TABLE_H
#define CT_TABLE_H 1

/* ct-table: finds the connection of a packet
 * ==========================================
 *
 * Job.  A hash table of connections.  One that is not translated has one
 * entry, which is found by its key and by the reverse: both have the same
 * hash.  One that is translated has two: its key, which matches packets of the
 * original direction only, and the key of its replies, which matches those of
 * the reply direction only.
 *
 * Form.  A power of two of buckets (ct-buckets.h).  A reference is the
 * connection's index times two, plus one in the entry of a translated one's
 * replies.  A bucket's place in the table is the lower bits of the hash, at
 * least CT_TAG_SHIFT; the tag has those above.  So the tag tells where an
 * entry goes when the table grows, and connections are left alone then.
 *
 * Readers take no lock.  An entry stays in its slot as long as it is there, so
 * a reader sees each connection that was inserted before he came and is not
 * removed meanwhile.  He may miss one that is being inserted: who wants to
 * insert the same looks again under the bucket's lock.
 *
 * Writers lock the buckets, in the order of their addresses.
 *
 * Growth.  One thread, ct_table_grow()'s caller, moves bucket after bucket to
 * a larger table, and closes the old ones: who meets that goes on in the new
 * table.  The old one stays as it was until a grace period has passed.
 * Empty overflow buckets are used again after a grace period, too.
 *
 * Invariants (ct_table_check()).  A live connection has each of its entries
 * once.  Nothing but live connections, embryos that are being inserted and
 * dead ones that are being removed has an entry.  No two live connections that
 * are visible share a tuple in either direction.
 *
 * Thread-safety
 * =============
 *              prefetch, find  insert  remove  grow
 *     find           -           -       -      -      -: may run at once.
 *     insert         -           B       B      B      B: waits for the
 *     remove         -           B       B      B         other's bucket lock,
 *     grow           -           B       B      X         below 1 us.
 *                                                      X: one thread only.
 *
 * All run between two quiescent states: see RCU.
 *
 * Cost.  find: bucket and the connection's first line; at 85 % of its slots
 * used, 5 % of the entries are in an overflow bucket. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-buckets.h"
#include "ct/ct-conn.h"
#include "ct/ct-key.h"
#include "ct/ct-slab.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"

#define CT_TABLE_MIN_BITS CT_TAG_SHIFT
#define CT_TABLE_MAX_BITS 28

struct ct_table {
    /* Constant after creation.  Borrowed. */
    const struct ct_secret *secret;
    const struct ct_slab *conns;        /* Of struct conn. */
    const struct ct_slab *nats;         /* Of struct ct_nat. */

    /* Published. */
    ATOMIC(struct ct_buckets *) buckets;

    /* Written at each insertion and removal: a line of its own. */
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint32_t n;      /* Entries. */
    );
};

void ct_table_init(struct ct_table *, const struct ct_secret *,
                   const struct ct_slab *conns, const struct ct_slab *nats);
void ct_table_destroy(struct ct_table *);

static inline struct conn *
ct_table_conn(const struct ct_table *table, uint32_t index)
{
    return ct_slab_at(table->conns, index, sizeof(struct conn));
}

/* Returns what 'conn', which is translated, has besides. */
static inline struct ct_nat *
ct_table_nat(const struct ct_table *table, const struct conn *conn)
{
    return ct_slab_at(table->nats, conn->nat, sizeof(struct ct_nat));
}

static inline struct ct_buckets *
ct_table_buckets(const struct ct_table *table)
{
    struct ct_buckets *b;

    atomic_read_explicit(&CONST_CAST(struct ct_table *, table)->buckets, &b,
                         memory_order_acquire);
    return b;
}

/* Stores the key that replies of 'conn' arrive with. */
static inline void
ct_table_get_reply(const struct ct_table *table, const struct conn *conn,
                   struct ct_key *reply)
{
    if (conn->nat) {
        ct_nat_get_reply(ct_table_nat(table, conn), conn, reply);
    } else {
        ct_key_reverse(&conn->key, reply);
    }
}

/* Asks the memory for the bucket of 'hash'.  First of the passes over a burst;
 * then come ct_table_hint(), ct_table_warm() and ct_table_find(). */
static inline void
ct_table_prefetch(const struct ct_table *table, uint32_t hash)
{
    const struct ct_buckets *b = ct_table_buckets(table);

    OVS_PREFETCH(&b->array[hash & b->mask]);
}

/* Returns a reference to the connection that is probably the one of 'hash',
 * and asks the memory for it; 0 if there is none.  Valid until the caller is
 * quiescent. */
uint32_t ct_table_hint(const struct ct_table *, uint32_t hash);

/* Asks the memory for what the connection of 'hint', if any, has besides. */
static inline void
ct_table_warm(const struct ct_table *table, uint32_t hint)
{
    if (hint) {
        const struct conn *conn = ct_table_conn(table, hint >> 1);

        if (OVS_UNLIKELY(conn->nat)) {
            OVS_PREFETCH(ct_table_nat(table, conn));
        }
    }
}

/* For ct_table_find().  Do packets of 'key', whose reverse is 'reverse',
 * belong to the connection of 'ref', and in which direction? */
static inline struct conn *
ct_table_match__(const struct ct_table *table, uint32_t ref,
                 const struct ct_key *key, const struct ct_key *reverse,
                 bool *reply)
{
    struct conn *conn = ct_table_conn(table, ref >> 1);

    if (ref & 1) {
        struct ct_key reply_key;

        *reply = true;
        ct_nat_get_reply(ct_table_nat(table, conn), conn, &reply_key);
        return ct_key_equal(key, &reply_key) ? conn : NULL;
    }
    *reply = false;
    if (ct_key_equal(key, &conn->key)) {
        return conn;
    }
    *reply = true;
    return ct_key_equal(reverse, &conn->key) && !conn->nat ? conn : NULL;
}

/* Likewise: as ct_table_find(), without a hint. */
struct conn *ct_table_search__(const struct ct_table *,
                               const struct ct_key *key,
                               const struct ct_key *reverse, uint32_t hash,
                               long long now_ms, bool *reply);

/* Returns the connection, visible at 'now_ms', that packets of 'key' belong
 * to, and stores whether they are of its reply direction; NULL if there is
 * none.  'reverse' is the reverse of 'key', 'hash' the hash of both.  'hint'
 * is what ct_table_hint() returned for 'hash' since the caller was quiescent,
 * or 0: it saves a look at the bucket.
 *
 * A translated connection's replies have the key that they arrive with.
 *
 * Who looks for a free address or port for the reply direction may look for
 * the reply key, and find it taken or not. */
static inline struct conn *
ct_table_find(const struct ct_table *table, const struct ct_key *key,
              const struct ct_key *reverse, uint32_t hash, uint32_t hint,
              long long now_ms, bool *reply)
{
    if (OVS_LIKELY(hint)) {
        /* What was in the table, is visible, and so still in it, and has the
         * tuple, is the one: no two that are visible share a tuple. */
        struct conn *conn = ct_table_match__(table, hint, key, reverse, reply);

        if (OVS_LIKELY(conn && ct_conn_is_visible(conn, now_ms))) {
            return conn;
        }
    }
    return ct_table_search__(table, key, reverse, hash, now_ms, reply);
}

/* Makes 'conn', an embryo, live and found, unless it must not be.  Returns
 * - 0;
 * - EEXIST: packets of its original direction belong to '*clash', visible at
 *   'now_ms', in either direction;
 * - EADDRINUSE: only its replies do;
 * - ESTALE: '*clash' is in the way, but no longer visible: remove it, and try
 *   again;
 * - ENOSPC: the table must grow first.
 * Unless it returns 0, 'conn' is as it was. */
int ct_table_insert(struct ct_table *, struct conn *conn, long long now_ms,
                    struct conn **clash);

/* Removes 'conn', which whoever calls this has made dead. */
void ct_table_remove(struct ct_table *, const struct conn *conn);

/* Should ct_table_grow() be called?  Cheap. */
bool ct_table_is_crowded(const struct ct_table *);

/* Makes the table larger.  Returns the old buckets, which the caller passes to
 * ct_buckets_destroy() after a grace period; NULL if there is no memory.
 * Quiesces. */
struct ct_buckets *ct_table_grow(struct ct_table *);

/* Numbers, for those who are curious. */
struct ct_table_load {
    uint32_t n_entries;
    uint32_t n_buckets;         /* Without overflow buckets. */
    uint32_t n_overflow;        /* Overflow buckets that were ever needed. */
    size_t bytes;               /* Of both. */
};
void ct_table_get_load(const struct ct_table *, struct ct_table_load *);

/* Aborts if an invariant does not hold.  Nobody else may use the table. */
void ct_table_check(const struct ct_table *, long long now_ms);

#endif /* ct-table.h */
