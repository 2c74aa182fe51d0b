/* SPDX-License-Identifier: Apache-2.0 */

/* Tags are compared four at once, in a register.  That a reader needs no
 * version of a bucket rests on four things: an entry never changes its slot;
 * a reference is stored after what it refers to is complete; a connection's
 * memory, an emptied overflow bucket and an old array stay as they are until
 * a grace period has passed; and an array is closed bucket by bucket, after
 * all entries are in the next one. */

#include <config.h>
#include "ct/ct-table.h"

#include <errno.h>
#include "flow/dp-pages.h"
#include "ct/ct-spin.h"
#include "util.h"

/* Per mille of slots that may be in use before the table should grow, and that
 * are in use at most after it has. */
#define CROWDED 850
#define ROOMY 500

/* Buckets moved between two quiescent states. */
#define MOVE_STEP 1024

/* A bucket, and the array that it is in. */
struct home {
    struct ct_buckets *b;
    struct ct_bucket *bucket;
};

static inline struct home
find_home(const struct ct_table *table, uint32_t hash)
{
    struct ct_buckets *b = ct_table_buckets(table);

    for (;;) {
        struct ct_bucket *bucket = &b->array[hash & b->mask];
        uint32_t lock;

        /* Pairs with ct_spin_close(): what it moved is seen in 'next'. */
        atomic_read_explicit(&bucket->lock, &lock, memory_order_acquire);
        if (OVS_LIKELY(!(lock & CT_SPIN_CLOSED))) {
            return (struct home) { b, bucket };
        }
        b = ct_buckets_next(b);
    }
}

/* The table. */

void
ct_table_init(struct ct_table *table, const struct ct_secret *secret,
              const struct ct_slab *conns, const struct ct_slab *nats)
{
    struct ct_buckets *b = ct_buckets_create(CT_TABLE_MIN_BITS);

    if (!b) {
        out_of_memory();
    }
    dp_pages_touch(b->array, ct_buckets_count(b) * sizeof *b->array);
    table->secret = secret;
    table->conns = conns;
    table->nats = nats;
    atomic_init(&table->buckets, b);
    atomic_init(&table->n, 0);
}

void
ct_table_destroy(struct ct_table *table)
{
    ct_buckets_destroy(ct_table_buckets(table), NULL);
}

uint32_t
ct_table_hint(const struct ct_table *table, uint32_t hash)
{
    struct home home = find_home(table, hash);
    uint32_t slots = ct_bucket_match(home.bucket, ct_tag_spread(hash));

    if (slots) {
        uint32_t ref = ct_bucket_ref(home.bucket, raw_ctz(slots));

        if (ref) {
            struct conn *conn = ct_table_conn(table, ref >> 1);

            OVS_PREFETCH(conn);
            OVS_PREFETCH((char *) conn + 64);
            return ref;
        }
    }
    return 0;
}

struct conn *
ct_table_search__(const struct ct_table *table, const struct ct_key *key,
                  const struct ct_key *reverse, uint32_t hash,
                  long long now_ms, bool *reply)
{
    struct home home = find_home(table, hash);
    const struct ct_bucket *bucket = home.bucket;
    uint64_t tag = ct_tag_spread(hash);

    do {
        uint32_t slots = ct_bucket_match(bucket, tag);

        for (; slots; slots = zero_rightmost_1bit(slots)) {
            uint32_t ref = ct_bucket_ref(bucket, raw_ctz(slots));
            struct conn *conn;

            conn = (ref ? ct_table_match__(table, ref, key, reverse, reply)
                    : NULL);
            if (conn && ct_conn_is_visible(conn, now_ms)) {
                return conn;
            }
        }
        bucket = ct_bucket_next(home.b, bucket);
    } while (OVS_UNLIKELY(bucket));
    return NULL;
}

/* Returns a live connection that packets of 'key' belong to, visible or not,
 * from the chain of 'home', which the caller has locked; or NULL. */
static struct conn *
find_live(const struct ct_table *table, struct home home,
          const struct ct_key *key, const struct ct_key *reverse,
          uint32_t hash)
{
    const struct ct_bucket *bucket = home.bucket;

    for (; bucket; bucket = ct_bucket_next(home.b, bucket)) {
        uint32_t slots = ct_bucket_match(bucket, ct_tag_spread(hash));

        for (; slots; slots = zero_rightmost_1bit(slots)) {
            uint32_t ref = ct_bucket_ref(bucket, raw_ctz(slots));
            struct conn *conn;
            bool reply;

            conn = (ref ? ct_table_match__(table, ref, key, reverse, &reply)
                    : NULL);
            if (conn && ct_conn_life(conn) == CT_LIVE) {
                return conn;
            }
        }
    }
    return NULL;
}

static struct home
lock_home(const struct ct_table *table, uint32_t hash)
{
    struct home home;

    do {
        home = find_home(table, hash);
    } while (!ct_spin_lock_unless_closed(&home.bucket->lock));
    return home;
}

static void
unlock_homes(const struct home homes[2])
{
    ct_spin_unlock(&homes[0].bucket->lock);
    if (homes[1].bucket != homes[0].bucket) {
        ct_spin_unlock(&homes[1].bucket->lock);
    }
}

/* Locks the buckets of both of 'hashes', which may be the same. */
static void
lock_homes(const struct ct_table *table, const uint32_t hashes[2],
           struct home homes[2])
{
    for (;;) {
        struct ct_bucket *first, *second;

        homes[0] = find_home(table, hashes[0]);
        homes[1] = find_home(table, hashes[1]);
        first = MIN(homes[0].bucket, homes[1].bucket);
        second = MAX(homes[0].bucket, homes[1].bucket);
        if (!ct_spin_lock_unless_closed(&first->lock)) {
            continue;
        }
        if (first == second || ct_spin_lock_unless_closed(&second->lock)) {
            return;
        }
        ct_spin_unlock(&first->lock);
    }
}

/* Both names of a connection. */
struct names {
    struct ct_key keys[2];      /* Original direction, reply direction. */
    uint32_t hashes[2];
};

static void
get_names(const struct ct_table *table, const struct conn *conn,
          struct names *names)
{
    names->keys[0] = conn->key;
    names->hashes[0] = ct_key_hash(table->secret, &conn->key);
    ct_table_get_reply(table, conn, &names->keys[1]);
    names->hashes[1] = (conn->nat
                        ? ct_key_hash(table->secret, &names->keys[1])
                        : names->hashes[0]);
}

/* Looks for who has one of 'names' already. */
static int
find_clash(const struct ct_table *table, const struct home homes[2],
           const struct names *names, long long now_ms, struct conn **clash)
{
    static const int errors[2] = { EEXIST, EADDRINUSE };

    for (int i = 0; i < 2; i++) {
        struct ct_key reverse;

        ct_key_reverse(&names->keys[i], &reverse);
        *clash = find_live(table, homes[i], &names->keys[i], &reverse,
                           names->hashes[i]);
        if (*clash) {
            return (ct_conn_is_visible(*clash, now_ms) ? errors[i] : ESTALE);
        }
    }
    return 0;
}

/* Stores the entries of 'conn'.  Returns false, with none stored, if there is
 * no room. */
static bool
put_entries(struct ct_table *table, const struct home homes[2],
            const struct conn *conn, const struct names *names)
{
    uint32_t n_entries = conn->nat ? 2 : 1;
    uint32_t n;

    for (uint32_t i = 0; i < n_entries; i++) {
        uint32_t tag = ct_tag_spread(names->hashes[i]) & 0xffff;

        if (!ct_buckets_put(homes[i].b, homes[i].bucket, tag,
                            conn->index * 2 + i,
                            CT_OVERFLOW_INSERT)) {
            if (i) {
                ct_buckets_take_out(homes[0].b, homes[0].bucket,
                                    conn->index * 2);
            }
            return false;
        }
    }
    atomic_add_explicit(&table->n, n_entries, &n, memory_order_relaxed);
    return true;
}

int
ct_table_insert(struct ct_table *table, struct conn *conn, long long now_ms,
                struct conn **clash)
{
    struct home homes[2];
    struct names names;
    int error;

    get_names(table, conn, &names);
    lock_homes(table, names.hashes, homes);
    error = find_clash(table, homes, &names, now_ms, clash);
    if (!error && !put_entries(table, homes, conn, &names)) {
        error = ENOSPC;
    }
    if (!error) {
        /* Under the lock: who kills it waits for the lock, and removes it. */
        ovs_assert(ct_conn_move(conn, CT_EMBRYO, CT_LIVE));
    }
    unlock_homes(homes);
    return error;
}

void
ct_table_remove(struct ct_table *table, const struct conn *conn)
{
    uint32_t n_entries = conn->nat ? 2 : 1;
    struct names names;
    uint32_t n;

    get_names(table, conn, &names);
    for (uint32_t i = 0; i < n_entries; i++) {
        struct home home = lock_home(table, names.hashes[i]);

        ct_buckets_take_out(home.b, home.bucket, conn->index * 2 + i);
        ct_spin_unlock(&home.bucket->lock);
    }
    atomic_sub_explicit(&table->n, n_entries, &n, memory_order_relaxed);
}

/* Growth. */

static uint64_t
n_slots(const struct ct_buckets *b)
{
    return (uint64_t) ct_buckets_count(b) * CT_BUCKET_SLOTS;
}

bool
ct_table_is_crowded(const struct ct_table *table)
{
    const struct ct_buckets *b = ct_table_buckets(table);
    uint32_t n;

    atomic_read_relaxed(&CONST_CAST(struct ct_table *, table)->n, &n);
    return (n > n_slots(b) * CROWDED / 1000
            && ct_buckets_count(b) < 1u << CT_TABLE_MAX_BITS
            && !ct_buckets_next(b));
}

/* Moves all entries of the bucket 'number' of 'old' to 'new', where nobody
 * looks for them until the old bucket is closed.
 *
 * The lower bits of an entry's place are 'number', its tag has the others. */
static void
move_bucket(struct ct_buckets *old, struct ct_buckets *new, uint32_t number)
{
    struct ct_bucket *head = &old->array[number];
    uint32_t upper = new->mask & ~old->mask;

    ct_spin_lock(&head->lock);
    for (const struct ct_bucket *bucket = head; bucket;
         bucket = ct_bucket_next(old, bucket)) {
        for (int i = 0; i < CT_BUCKET_SLOTS; i++) {
            uint32_t ref = ct_bucket_ref(bucket, i);

            if (ref) {
                uint32_t tag = ct_bucket_tag(bucket, i);
                uint32_t place = number | ((tag << CT_TAG_SHIFT) & upper);

                ovs_assert(ct_buckets_put(new, &new->array[place], tag, ref,
                               CT_OVERFLOW_MAX));
            }
        }
    }
    ct_spin_close(&head->lock);
}

struct ct_buckets *
ct_table_grow(struct ct_table *table)
{
    struct ct_buckets *old = ct_table_buckets(table);
    struct ct_buckets *new;
    int bits = 32 - clz32(old->mask) + 1;
    uint32_t n;

    atomic_read_relaxed(&table->n, &n);
    while (n > ((uint64_t) CT_BUCKET_SLOTS << bits) * ROOMY / 1000
           && bits < CT_TABLE_MAX_BITS) {
        bits++;
    }
    new = ct_buckets_create(bits);
    if (!new) {
        return NULL;
    }

    /* Pairs with ct_buckets_next(), by those who met a closed bucket. */
    atomic_store_explicit(&old->next, new, memory_order_release);
    for (uint32_t i = 0; i < ct_buckets_count(old); i++) {
        move_bucket(old, new, i);
        if (i % MOVE_STEP == MOVE_STEP - 1) {
            ovsrcu_quiesce();
        }
    }
    atomic_store_explicit(&table->buckets, new, memory_order_release);
    return old;
}

/* Inspection. */

void
ct_table_get_load(const struct ct_table *table, struct ct_table_load *load)
{
    struct ct_buckets *b = ct_table_buckets(table);

    atomic_read_relaxed(&CONST_CAST(struct ct_table *, table)->n,
                        &load->n_entries);
    load->n_buckets = ct_buckets_count(b);
    atomic_read_relaxed(&b->n_overflow, &load->n_overflow);
    load->bytes = ((size_t) load->n_buckets + load->n_overflow)
                  * sizeof *b->array;
}

/* Counts the visible connections that packets of 'key' belong to. */
static int
count_owners(const struct ct_table *table, const struct ct_key *key,
             uint32_t hash, long long now_ms)
{
    struct home home = find_home(table, hash);
    struct ct_key reverse;
    int n = 0;

    ct_key_reverse(key, &reverse);
    for (const struct ct_bucket *bucket = home.bucket; bucket;
         bucket = ct_bucket_next(home.b, bucket)) {
        for (int i = 0; i < CT_BUCKET_SLOTS; i++) {
            uint32_t ref = ct_bucket_ref(bucket, i);
            struct conn *conn;
            bool reply;

            conn = (ref ? ct_table_match__(table, ref, key, &reverse, &reply)
                    : NULL);
            n += conn && ct_conn_is_visible(conn, now_ms);
        }
    }
    return n;
}

static void
check_entry(const struct ct_table *table, struct home home, uint32_t tag,
            uint32_t ref, long long now_ms)
{
    const struct conn *conn = ct_table_conn(table, ref >> 1);
    struct names names;

    ovs_assert(conn->index == ref >> 1 && ct_conn_life(conn) == CT_LIVE);
    ovs_assert(!(ref & 1) || conn->nat);
    get_names(table, conn, &names);
    ovs_assert(find_home(table, names.hashes[ref & 1]).bucket == home.bucket);
    ovs_assert(tag == (ct_tag_spread(names.hashes[ref & 1]) & 0xffff));
    if (ct_conn_is_visible(conn, now_ms)) {
        for (int i = 0; i < 2; i++) {
            ovs_assert(count_owners(table, &names.keys[i], names.hashes[i],
                                    now_ms) == 1);
        }
    }
}

void
ct_table_check(const struct ct_table *table, long long now_ms)
{
    struct ct_buckets *b = ct_table_buckets(table);
    struct ct_table_load load;
    uint32_t n = 0;

    ovs_assert(!ct_buckets_next(b));
    for (uint32_t i = 0; i < ct_buckets_count(b); i++) {
        struct home home = { b, &b->array[i] };

        for (const struct ct_bucket *bucket = home.bucket; bucket;
             bucket = ct_bucket_next(b, bucket)) {
            ovs_assert(bucket == home.bucket || !ct_bucket_is_empty(bucket));
            for (int slot = 0; slot < CT_BUCKET_SLOTS; slot++) {
                uint32_t ref = ct_bucket_ref(bucket, slot);

                if (ref) {
                    check_entry(table, home, ct_bucket_tag(bucket, slot), ref,
                                now_ms);
                    n++;
                }
            }
        }
    }
    ct_table_get_load(table, &load);
    ovs_assert(n == load.n_entries);
}
