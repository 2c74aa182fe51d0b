/* SPDX-License-Identifier: Apache-2.0 */

/* What connections take of memory.  What they take of time is measured by
 * tests/bench/bench-ct.c, beside Open vSwitch's. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include "conntrack.h"
#include "ovs-rcu.h"
#include "random.h"
#include "tests/ct/ct-keys.h"
#include "tests/dptest.h"

#define BURST 32
#define NOW 1000                /* ms. */
#define ZONE 1

static void
create_one(struct conntrack *ct, uint32_t n, bool is_nat)
{
    struct conn *conn = ct_new(ct, ZONE, is_nat);
    struct conn *clash;

    ovs_assert(conn);
    ct_keys_get(&conn->key, n, ZONE);
    if (is_nat) {
        ct_keys_set_reply(ct, conn, n);
    }
    ct_set_expiry(ct, conn, CT_KEYS_FAR);
    ovs_assert(!ct_commit(ct, conn, NOW, &clash));
}

/* Is connection 'n' found by a packet, of the reply direction or not? */
static void
check_found(const struct conntrack *ct, uint32_t n, bool is_reply)
{
    struct ct_key key, reverse;
    struct conn *conn;
    uint32_t hash;
    bool reply;

    if (is_reply) {
        ct_keys_get_reply(&key, n, ZONE);
    } else {
        ct_keys_get(&key, n, ZONE);
    }
    ct_key_reverse(&key, &reverse);
    hash = ct_key_hash(&ct->secret, &key);
    conn = ct_table_find(&ct->table, &key, &reverse, hash,
                         ct_table_hint(&ct->table, hash), NOW, &reply);
    ovs_assert(conn && reply == is_reply);
}

static double
bytes_each(const struct conntrack *ct, uint32_t n)
{
    struct ct_table_load load;

    ct_table_get_load(&ct->table, &load);
    return ((double) (ct_slab_bytes(&ct->conns) + ct_slab_bytes(&ct->nats)
                      + load.bytes) / n);
}

/* Asserts that 'n' connections take 'limit' bytes each, and up to three blocks
 * that nobody uses yet: "ct_clean" stocks up when it finds the time. */
static void
check_memory(uint32_t n, bool is_nat, double limit)
{
    size_t record_size = sizeof(struct conn) + 6 + (is_nat
                                                    ? sizeof(struct ct_nat)
                                                    : 0);
    struct conntrack *ct = conntrack_init();
    double bytes;

    limit += 3.0 * CT_SLAB_BLOCK * record_size / n;
    for (uint32_t i = 0; i < n; i++) {
        create_one(ct, i, is_nat);
        if (i % BURST == BURST - 1) {
            ovsrcu_quiesce();
        }
    }
    bytes = bytes_each(ct, n);
    if (bytes > limit) {
        dptest_fail("%.1f bytes for each of %"PRIu32" connections", bytes, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        check_found(ct, random_range(n), is_nat);
    }
    conntrack_destroy(ct);
}

static void
test_memory_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_memory(200000, false, 150);
    check_memory(200000, true, 200);
}
DPTEST_REGISTER("ct-memory", test_memory_main);
