/* SPDX-License-Identifier: Apache-2.0 */

/* What is expected: dumps while it changes, and how long others wait. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-expect.h"

#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include "ovs-rcu.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

enum { MAX_EXPECTED = 1000 };

/* Returns number 'n', whose parent is a connection of its own. */
static struct ct_expected
numbered(uint32_t n)
{
    struct ct_expected expected;

    memset(&expected, 0, sizeof expected);
    expected.key.src.ipv4 = htonl(n);
    expected.parent_index = n;
    return expected;
}

static void
add(struct ct_expects *x, uint32_t n, long long now_ms)
{
    const struct ct_expected expected = numbered(n);

    ct_expect_add(x, &expected, now_ms);
}

static void
take(struct ct_expects *x, uint32_t n)
{
    const struct ct_expected expected = numbered(n);

    ct_expect_take(x, &expected);
}

static bool
find(struct ct_expects *x, uint32_t n, long long now_ms)
{
    const struct ct_expected expected = numbered(n);
    struct ct_expected found;

    return ct_expect_find(x, &expected.key, now_ms, &found);
}

static void
init(struct ct_expects *x)
{
    ct_expects_init(x, &(struct ct_secret) { { 1, 2, 3 } });
}

/* Dumping. */

/* A model: whether each is expected, and how it was with it since the dump
 * began. */
struct model {
    struct ct_expects x;
    struct {
        bool is_there;
        bool has_stayed;        /* It was there when the dump began. */
        unsigned int n_seen;
    } all[MAX_EXPECTED];
};

static void
change(struct model *m)
{
    uint32_t n = random_range(MAX_EXPECTED);

    if (m->all[n].is_there) {
        take(&m->x, n);
        m->all[n].has_stayed = false;
    } else {
        add(&m->x, n, 0);
    }
    m->all[n].is_there = !m->all[n].is_there;
}

/* Dumps, with changes at random between the steps, up to 'max_changes' at a
 * time. */
static void
dump_once(struct model *m, unsigned int max_changes)
{
    struct ct_expected expected;
    unsigned int n_steps = 0;
    uint32_t position;

    for (int i = 0; i < MAX_EXPECTED; i++) {
        m->all[i].has_stayed = m->all[i].is_there;
        m->all[i].n_seen = 0;
    }
    position = ct_expect_dump(&m->x);
    while (ct_expect_dump_next(&m->x, &position, &expected)) {
        uint32_t n = ntohl(expected.key.src.ipv4);

        ovs_assert(n < MAX_EXPECTED && m->all[n].is_there);
        m->all[n].n_seen++;
        ovs_assert(++n_steps <= MAX_EXPECTED);
        for (int i = random_range(max_changes + 1); i > 0; i--) {
            change(m);
        }
    }
    for (int i = 0; i < MAX_EXPECTED; i++) {
        ovs_assert(!m->all[i].has_stayed || m->all[i].n_seen == 1);
    }
}

static void
test_dump_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static struct model m;

    random_set_seed(1);
    init(&m.x);
    dump_once(&m, 0);           /* Nothing. */
    for (int i = 0; i < DPTEST_MANY(1000); i++) {
        for (int j = random_range(MAX_EXPECTED); j > 0; j--) {
            change(&m);
        }
        dump_once(&m, random_range(4));
    }
    ct_expects_destroy(&m.x);
}
DPTEST_REGISTER("ct-expect-dump", test_dump_main);

/* Dumping beside a thread that adds and ends. */

struct changer {
    struct ct_expects *x;
    atomic_bool exit;
};

/* Those below MAX_EXPECTED stay. */
static void *
changer_main(void *changer_)
{
    struct changer *changer = changer_;
    uint32_t n = 0;
    bool exit;

    do {
        add(changer->x, MAX_EXPECTED + n % MAX_EXPECTED, 0);
        take(changer->x, MAX_EXPECTED + (n + 1) * 7 % MAX_EXPECTED);
        n++;
        while (atomic_count_get(&changer->x->n_waiting)) {
            sched_yield();      /* Its turn. */
        }
        atomic_read_relaxed(&changer->exit, &exit);
    } while (!exit);
    return NULL;
}

static void
test_beside_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ct_expects x;
    struct changer changer = { .x = &x };
    pthread_t thread;

    init(&x);
    for (uint32_t i = 0; i < MAX_EXPECTED; i++) {
        add(&x, i, 0);
    }
    atomic_init(&changer.exit, false);
    thread = ovs_thread_create("changer", changer_main, &changer);
    for (int i = 0; i < 20; i++) {
        bool seen[MAX_EXPECTED] = { false };
        struct ct_expected expected;
        uint32_t position = ct_expect_dump(&x);
        unsigned int n_stayed = 0;

        while (ct_expect_dump_next(&x, &position, &expected)) {
            uint32_t n = ntohl(expected.key.src.ipv4);

            if (n < MAX_EXPECTED) {
                ovs_assert(!seen[n]);
                seen[n] = true;
                n_stayed++;
            }
        }
        ovs_assert(n_stayed == MAX_EXPECTED);
    }
    atomic_store_relaxed(&changer.exit, true);
    ovsrcu_quiesce_start();
    xpthread_join(thread, NULL);
    ovsrcu_quiesce_end();
    ct_expects_destroy(&x);
}
DPTEST_REGISTER("ct-expect-beside", test_beside_main);

/* Expiry. */

enum { N_OLD = 100000, N_YOUNG = 100 };

struct asker {
    struct ct_expects *x;
    bool found;
};

/* Asks for the last of the old ones, as a connection that began in time. */
static void *
asker_main(void *asker_)
{
    struct asker *asker = asker_;

    asker->found = find(asker->x, N_OLD - 1, 0);
    return NULL;
}

/* Many end at once.  A connection that begins meanwhile does not wait for the
 * last of them. */
static void
test_expire_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ct_expects x;
    struct asker asker = { .x = &x };
    pthread_t thread;

    init(&x);
    for (uint32_t i = 0; i < N_OLD + N_YOUNG; i++) {
        add(&x, i, i < N_OLD ? 0 : 1);
    }
    ovs_mutex_lock(&x.mutex);
    thread = ovs_thread_create("asker", asker_main, &asker);
    while (!atomic_count_get(&x.n_waiting)) {
        sched_yield();
    }
    ovs_mutex_unlock(&x.mutex);
    ct_expect_expire(&x, CT_EXPECT_MS);
    ovsrcu_quiesce_start();
    xpthread_join(thread, NULL);
    ovsrcu_quiesce_end();
    ovs_assert(asker.found);

    ovs_assert(atomic_count_get(&x.n) == N_YOUNG);
    ovs_assert(!find(&x, N_OLD - 1, 0) && find(&x, N_OLD, 0));
    ct_expects_destroy(&x);
}
DPTEST_REGISTER("ct-expect-expire", test_expire_main);
