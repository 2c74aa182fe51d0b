/* SPDX-License-Identifier: Apache-2.0 */

/* The table against a list: what was inserted is found in both directions,
 * nothing else is, and no two connections share a tuple. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-table.h"

#include <errno.h>
#include "random.h"
#include "tests/ct/ct-keys.h"
#include "tests/dptest.h"
#include "util.h"

#define NOW 1000

struct rig {
    struct ct_secret secret;
    struct ct_slab conns, nats;
    struct ct_table table;
};

static void
rig_init(struct rig *rig)
{
    ct_secret_init(&rig->secret);
    ct_slab_init(&rig->conns, sizeof(struct conn), true);
    ct_slab_init(&rig->nats, sizeof(struct ct_nat), false);
    ct_table_init(&rig->table, &rig->secret, &rig->conns, &rig->nats);
}

static void
rig_destroy(struct rig *rig)
{
    ct_table_destroy(&rig->table);
    ct_slab_destroy(&rig->conns);
    ct_slab_destroy(&rig->nats);
}

/* Returns an embryo of 'key', translated if 'reply' is nonnull. */
static struct conn *
make(struct rig *rig, const struct ct_key *key, const struct ct_key *reply)
{
    uint32_t index = ct_slab_alloc(&rig->conns);
    struct conn *conn = ct_table_conn(&rig->table, index);

    ovs_assert(ct_conn_move(conn, CT_FREE, CT_EMBRYO));
    conn->index = index;
    conn->key = *key;
    conn->nat = reply ? ct_slab_alloc(&rig->nats) : 0;
    if (reply) {
        ct_nat_set_reply(ct_table_nat(&rig->table, conn), reply);
    }
    atomic_store_relaxed(&conn->expiry, CT_KEYS_FAR);
    return conn;
}

static void
drop(struct rig *rig, struct conn *conn)
{
    if (ct_conn_life(conn) == CT_EMBRYO) {
        ovs_assert(ct_conn_move(conn, CT_EMBRYO, CT_FREE));
    } else {
        ovs_assert(ct_conn_move(conn, CT_LIVE, CT_DEAD));
        ct_table_remove(&rig->table, conn);
        ovs_assert(ct_conn_move(conn, CT_DEAD, CT_FREE));
    }
    if (conn->nat) {
        ct_slab_free(&rig->nats, conn->nat);
    }
    ct_slab_free(&rig->conns, conn->index);
}

static int
insert(struct rig *rig, struct conn *conn)
{
    struct conn *clash;

    return ct_table_insert(&rig->table, conn, NOW, &clash);
}

static struct conn *
find_with_hint(struct rig *rig, const struct ct_key *key, uint32_t hint,
               bool *reply)
{
    struct ct_key reverse;

    ct_key_reverse(key, &reverse);
    return ct_table_find(&rig->table, key, &reverse,
                         ct_key_hash(&rig->secret, key), hint, NOW, reply);
}

static uint32_t
get_hint(struct rig *rig, const struct ct_key *key)
{
    return ct_table_hint(&rig->table, ct_key_hash(&rig->secret, key));
}

/* With a hint or without, the result is the same. */
static struct conn *
find(struct rig *rig, const struct ct_key *key, bool *reply)
{
    struct conn *conn = find_with_hint(rig, key, 0, reply);
    bool reply2;

    ovs_assert(find_with_hint(rig, key, get_hint(rig, key), &reply2) == conn);
    ovs_assert(!conn || reply2 == *reply);
    return conn;
}

static void
grow(struct rig *rig)
{
    struct ct_buckets *old = ct_table_grow(&rig->table);

    ovs_assert(old);
    ct_buckets_destroy(old, ct_table_buckets(&rig->table));
}

/* Makes and inserts connection 'n'. */
static struct conn *
add(struct rig *rig, uint32_t n, bool is_nat)
{
    struct ct_key key, reply;
    struct conn *conn;

    ct_keys_get(&key, n, n % 7);
    ct_keys_get_reply(&reply, n, n % 7);
    conn = make(rig, &key, is_nat ? &reply : NULL);
    ovs_assert(!insert(rig, conn));
    return conn;
}

/* Asserts that packets of connection 'n' find 'conn', or nobody. */
static void
check_found(struct rig *rig, uint32_t n, bool is_nat, struct conn *conn)
{
    struct ct_key key, reply, reverse;
    bool is_reply;

    ct_keys_get(&key, n, n % 7);
    ct_keys_get_reply(&reply, n, n % 7);
    ct_key_reverse(&key, &reverse);
    ovs_assert(find(rig, &key, &is_reply) == conn);
    ovs_assert(!conn || !is_reply);
    ovs_assert(find(rig, &reverse, &is_reply) == (is_nat ? NULL : conn));
    ovs_assert(is_nat || !conn || is_reply);
    ovs_assert(find(rig, &reply, &is_reply) == (is_nat ? conn : NULL));
    ovs_assert(!is_nat || !conn || is_reply);
}

/* Who must not be inserted. */

static void
test_clashes(void)
{
    struct ct_key a, ra, b, rb, c;
    struct conn *plain, *nat, *conn, *clash;
    struct rig rig;

    rig_init(&rig);
    ct_keys_get(&a, 1, 5);
    ct_key_reverse(&a, &ra);
    plain = make(&rig, &a, NULL);
    ovs_assert(!insert(&rig, plain));

    ct_keys_get(&b, 2, 5);
    ct_keys_get_reply(&rb, 2, 5);
    nat = make(&rig, &b, &rb);
    ovs_assert(!insert(&rig, nat));
    ovs_assert(ct_conn_life(nat) == CT_LIVE);

#define TRY(KEY, REPLY, ERROR, CLASH)                                   \
    clash = NULL;                                                       \
    conn = make(&rig, KEY, REPLY);                                      \
    ovs_assert(ct_table_insert(&rig.table, conn, NOW, &clash) == ERROR);  \
    ovs_assert(ct_conn_life(conn) == (ERROR ? CT_EMBRYO : CT_LIVE));    \
    ovs_assert(!ERROR || clash == CLASH);                               \
    drop(&rig, conn)

    /* The packet belongs to one that is there. */
    TRY(&a, NULL, EEXIST, plain);
    TRY(&ra, NULL, EEXIST, plain);
    TRY(&b, NULL, EEXIST, nat);
    TRY(&rb, NULL, EEXIST, nat);
    TRY(&b, &ra, EEXIST, nat);

    /* Only its replies do. */
    ct_keys_get(&c, 3, 5);
    TRY(&c, &a, EADDRINUSE, plain);
    TRY(&c, &ra, EADDRINUSE, plain);
    TRY(&c, &b, EADDRINUSE, nat);
    TRY(&c, &rb, EADDRINUSE, nat);
    ct_key_reverse(&b, &c);
    TRY(&c, NULL, EADDRINUSE, nat);
    ct_key_reverse(&rb, &c);
    TRY(&c, NULL, EADDRINUSE, nat);

    /* Another zone, and what nobody has. */
    ct_keys_get(&c, 1, 6);
    TRY(&c, NULL, 0, NULL);
    ct_keys_get(&c, 3, 5);
    TRY(&c, NULL, 0, NULL);
    ct_table_check(&rig.table, NOW);

    /* One that has expired, but not gone. */
    atomic_store_relaxed(&plain->expiry, NOW);
    check_found(&rig, 1, false, NULL);
    TRY(&a, NULL, ESTALE, plain);
    TRY(&c, &ra, ESTALE, plain);
    drop(&rig, plain);
    TRY(&a, NULL, 0, NULL);
    ct_table_check(&rig.table, NOW);
#undef TRY
    rig_destroy(&rig);
}

/* One bucket. */

static void
test_overflow(void)
{
    enum { N = 4 * CT_BUCKET_SLOTS };
    struct conn *conns[N];
    struct ct_table_load load;
    uint32_t numbers[N];
    struct ct_key key;
    struct rig rig;
    uint32_t n = 0;

    rig_init(&rig);
    for (uint32_t i = 0; n < N; i++) {
        ct_keys_get(&key, i, i % 7);
        if (!(ct_key_hash(&rig.secret, &key)
              & ((1u << CT_TABLE_MIN_BITS) - 1))) {
            numbers[n++] = i;
        }
    }

    /* Overflow buckets that are empty serve again. */
    for (int round = 0; round < 10; round++) {
        struct ct_buckets *b = ct_table_buckets(&rig.table);

        for (uint32_t i = 0; i < N; i++) {
            conns[i] = add(&rig, numbers[i], false);
        }
        ct_table_check(&rig.table, NOW);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t which = i * 7 % N;

            check_found(&rig, numbers[which], false, conns[which]);
            drop(&rig, conns[which]);
            check_found(&rig, numbers[which], false, NULL);
        }
        ct_table_check(&rig.table, NOW);
        ct_buckets_reuse(b, ct_buckets_take_emptied(b));
    }
    ct_table_get_load(&rig.table, &load);
    ovs_assert(load.n_overflow == N / CT_BUCKET_SLOTS - 1);
    rig_destroy(&rig);
}

/* Without growth, all is refused at some time, and nothing lost. */
static void
test_full(void)
{
    struct conn *clash, *conn;
    struct ct_key key, reply;
    struct rig rig;
    uint32_t n;

    rig_init(&rig);
    for (n = 0; ; n++) {
        ct_keys_get(&key, n, n % 7);
        ct_keys_get_reply(&reply, n, n % 7);
        conn = make(&rig, &key, n % 3 ? NULL : &reply);
        if (ct_table_insert(&rig.table, conn, NOW, &clash)) {
            break;
        }
    }
    ovs_assert(ct_table_insert(&rig.table, conn, NOW, &clash) == ENOSPC);
    ovs_assert(n > CT_BUCKET_SLOTS << CT_TABLE_MIN_BITS);
    ovs_assert(ct_table_is_crowded(&rig.table));
    drop(&rig, conn);
    ct_table_check(&rig.table, NOW);

    grow(&rig);
    ovs_assert(!ct_table_is_crowded(&rig.table));
    ct_table_check(&rig.table, NOW);
    add(&rig, n, !(n % 3));
    rig_destroy(&rig);
}

/* Random insertions and removals, and growth between them. */
static void
test_random(void)
{
    enum { N = 150000 };
    struct conn **conns = xcalloc(N, sizeof *conns);
    struct rig rig;
    int n_grown = 0, n_there = 0, n_hints = 0;

    rig_init(&rig);
    for (int i = 0; i < 3 * N; i++) {
        uint32_t n = random_range(N);

        check_found(&rig, n, n & 1, conns[n]);
        if (!conns[n]) {
            conns[n] = add(&rig, n, n & 1);
        } else if (random_range(3) == 0) {
            struct ct_key key = conns[n]->key;
            uint32_t hint = get_hint(&rig, &key);
            bool reply;

            drop(&rig, conns[n]);
            conns[n] = NULL;
            ovs_assert(!find_with_hint(&rig, &key, hint, &reply));
        }
        if (ct_table_is_crowded(&rig.table)) {
            grow(&rig);
            ct_table_check(&rig.table, NOW);
            n_grown++;
        }
    }
    ovs_assert(n_grown);
    for (int n = 0; n < N; n++) {
        check_found(&rig, n, n & 1, conns[n]);
        if (conns[n]) {
            n_there++;
            n_hints += (get_hint(&rig, &conns[n]->key) >> 1
                        == conns[n]->index);
        }
    }
    ovs_assert(n_hints > n_there * 8 / 10);
    ct_table_check(&rig.table, NOW);
    rig_destroy(&rig);
    free(conns);
}

static void
test_table_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_clashes();
    test_overflow();
    test_full();
    test_random();
}
DPTEST_REGISTER("ct-table", test_table_main);
