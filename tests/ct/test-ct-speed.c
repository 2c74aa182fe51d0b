/* SPDX-License-Identifier: Apache-2.0 */

/* What connections cost: memory, which is checked, and time, which is printed.
 *
 *     dptest ct-speed                      checks memory
 *     dptest ct-speed benchmark [N]        N connections, 1000000 by default
 *
 * Times are of one run; run it more than once, on a quiet machine. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include "conntrack.h"
#include "ct/ct-clean.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/ct/ct-keys.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

#define BURST 32
#define ZONE 1
#define SMALL_ZONE 2

static long long
now_ns(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Of the calling thread, so that others on its processor matter less. */
static long long
cpu_ns(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Waits, and how many were long. */
struct waits {
    long long worst_ns;
    int n_long;                 /* Above 100 us. */
};

static void
note_wait(struct waits *waits, long long ns)
{
    waits->worst_ns = MAX(waits->worst_ns, ns);
    waits->n_long += ns > 100 * 1000;
}

/* Set-up. */

struct creator {
    struct conntrack *ct;
    uint32_t first, n;          /* Connections by number. */
    uint16_t zone;
    bool is_nat;
    pthread_t thread;
    struct waits waits;         /* Of one connection each. */
    long long cpu_ns;
    uint32_t n_refused;
};

static void
create_one(struct creator *c, uint32_t n)
{
    struct conn *conn = ct_new(c->ct, c->zone, c->is_nat);
    struct conn *clash;

    if (conn) {
        ct_keys_get(&conn->key, n, c->zone);
        if (c->is_nat) {
            ct_keys_get_reply(&ct_table_nat(&c->ct->table, conn)->reply, n,
                              c->zone);
        }
        ct_set_expiry(c->ct, conn, CT_KEYS_FAR);
        if (ct_commit(c->ct, conn, 1000, &clash)) {
            ct_abandon(c->ct, conn);
            conn = NULL;
        }
    }
    c->n_refused += !conn;
}

static void *
create(void *c_)
{
    struct creator *c = c_;
    long long before = now_ns(), cpu_before = cpu_ns();

    for (uint32_t i = 0; i < c->n; i++) {
        long long after;

        create_one(c, c->first + i);
        after = now_ns();
        note_wait(&c->waits, after - before);
        before = after;
        if (i % BURST == BURST - 1) {
            ovsrcu_quiesce();
        }
    }
    c->cpu_ns = cpu_ns() - cpu_before;
    return NULL;
}

/* Lets 'n_threads' create 'n' connections. */
static void
create_all(struct conntrack *ct, uint32_t n, int n_threads, bool is_nat,
           bool quiet)
{
    struct creator creators[2] = { { .n_refused = 0 } };
    long long start = now_ns(), wall_ns, longest_cpu_ns = 0;
    struct waits waits = { .n_long = 0 };
    uint32_t n_refused = 0;

    for (int i = 0; i < n_threads; i++) {
        struct creator *c = &creators[i];

        c->ct = ct;
        c->first = i * (n / n_threads);
        c->n = n / n_threads;
        c->zone = ZONE;
        c->is_nat = is_nat;
        c->thread = ovs_thread_create("creator", create, c);
    }
    ovsrcu_quiesce_start();
    for (int i = 0; i < n_threads; i++) {
        xpthread_join(creators[i].thread, NULL);
    }
    ovsrcu_quiesce_end();
    for (int i = 0; i < n_threads; i++) {
        waits.worst_ns = MAX(waits.worst_ns, creators[i].waits.worst_ns);
        waits.n_long += creators[i].waits.n_long;
        n_refused += creators[i].n_refused;
        longest_cpu_ns = MAX(longest_cpu_ns, creators[i].cpu_ns);
    }
    wall_ns = now_ns() - start;
    if (!quiet) {
        printf("%d thread(s)%s: %.0f ns each (by CPU time %.0f), longest "
               "%.1f us, %d above 100 us, %"PRIu32" refused\n", n_threads,
               is_nat ? ", translated" : "", (double) wall_ns / n,
               (double) longest_cpu_ns / n, waits.worst_ns / 1e3,
               waits.n_long, n_refused);
    }
    ovs_assert(!n_refused);
}

/* Lookup. */

/* Looks up one of 'n' connections, or their replies, at random, 'n_packets'
 * times, in bursts; returns ns for each. */
static double
look_up(struct conntrack *ct, uint32_t n, uint32_t n_packets, bool replies,
        struct waits *waits)
{
    struct ct_key keys[BURST], reverses[BURST];
    uint32_t hashes[BURST], hints[BURST];
    long long spent = 0;

    for (uint32_t i = 0; i < n_packets; i += BURST) {
        long long before;

        for (int j = 0; j < BURST; j++) {
            if (replies) {
                ct_keys_get_reply(&keys[j], random_range(n), ZONE);
            } else {
                ct_keys_get(&keys[j], random_range(n), ZONE);
            }
        }
        before = now_ns();
        for (int j = 0; j < BURST; j++) {
            ct_key_reverse(&keys[j], &reverses[j]);
            hashes[j] = ct_key_hash(&ct->secret, &keys[j]);
            ct_table_prefetch(&ct->table, hashes[j]);
        }
        for (int j = 0; j < BURST; j++) {
            hints[j] = ct_table_hint(&ct->table, hashes[j]);
        }
        for (int j = 0; j < BURST; j++) {
            struct conn *conn;
            bool reply;

            conn = ct_table_find(&ct->table, &keys[j], &reverses[j],
                                 hashes[j], hints[j], 1000, &reply);
            ovs_assert(conn && reply == replies);
        }
        before = now_ns() - before;
        spent += before;
        if (waits) {
            note_wait(waits, before);
        }
        ovsrcu_quiesce();
    }
    return (double) spent / n_packets;
}

struct looker {
    struct conntrack *ct;
    uint32_t n;
    atomic_bool stop;
    struct waits waits;         /* Of one burst each. */
    pthread_t thread;
};

static void *
look(void *looker_)
{
    struct looker *looker = looker_;
    bool stop;

    do {
        look_up(looker->ct, looker->n, 100 * BURST, false, &looker->waits);
        atomic_read(&looker->stop, &stop);
    } while (!stop);
    return NULL;
}

static void
start_looking(struct looker *looker, struct conntrack *ct, uint32_t n)
{
    memset(looker, 0, sizeof *looker);
    looker->ct = ct;
    looker->n = n;
    atomic_init(&looker->stop, false);
    looker->thread = ovs_thread_create("looker", look, looker);
}

static void
stop_looking(struct looker *looker, const char *what)
{
    atomic_store(&looker->stop, true);
    xpthread_join(looker->thread, NULL);
    printf("%s: longest burst of a lane %.1f us, %d above 100 us\n", what,
           looker->waits.worst_ns / 1e3, looker->waits.n_long);
}

/* Memory. */

static double
bytes_each(const struct conntrack *ct, uint32_t n)
{
    struct ct_table_load load;

    ct_table_get_load(&ct->table, &load);
    return ((double) (ct_slab_bytes(&ct->conns) + ct_slab_bytes(&ct->nats)
                      + load.bytes) / n);
}

/* Flush. */

static void
flush_small_zone(struct conntrack *ct, uint32_t n)
{
    struct creator c = { .ct = ct, .n = 1000, .zone = SMALL_ZONE };
    const uint16_t zone = SMALL_ZONE;
    struct looker looker;
    long long ns;

    create(&c);
    ovs_assert(ct_zone_count(&ct->zones, SMALL_ZONE) == 1000);
    start_looking(&looker, ct, n);
    ns = cpu_ns();
    conntrack_flush(ct, &zone);
    ns = cpu_ns() - ns;
    ovs_assert(!ct_zone_count(&ct->zones, SMALL_ZONE));
    printf("flush of 1000 of %"PRIu32": %.0f us\n", n, ns / 1e3);
    stop_looking(&looker, "flush of a zone");
}

static void
measure_sweeps(struct conntrack *ct, uint32_t n)
{
    struct looker looker;
    long long ns = cpu_ns();

    ct_clean_sweep(ct, 1000);
    ns = cpu_ns() - ns;
    printf("sweep of %"PRIu32" that are not due: %.0f us\n", n, ns / 1e3);

    start_looking(&looker, ct, n);
    ovsrcu_quiesce_start();
    xnanosleep(200 * 1000 * 1000);
    ovsrcu_quiesce_end();
    stop_looking(&looker, "nothing else");

    start_looking(&looker, ct, n);
    for (int i = 0; i < 50; i++) {
        ct_clean_sweep(ct, 1000);
    }
    stop_looking(&looker, "50 sweeps");
}

static void
measure(uint32_t n, bool is_nat)
{
    struct conntrack *ct = conntrack_init();
    struct ct_table_load load;
    long long ns;

    create_all(ct, n, 1, is_nat, false);
    ct_table_get_load(&ct->table, &load);
    printf("%.1f bytes each; %"PRIu32" entries in %"PRIu32" buckets, %"PRIu32
           " overflowed\n", bytes_each(ct, n), load.n_entries, load.n_buckets,
           load.n_overflow);
    for (int i = 0; i < 2; i++) {
        look_up(ct, n, n, i && is_nat, NULL);
        printf("random %s: %.0f ns each\n", i && is_nat ? "reply" : "packet",
               look_up(ct, n, 2 * n, i && is_nat, NULL));
    }
    if (!is_nat) {
        flush_small_zone(ct, n);
        measure_sweeps(ct, n);
    }
    ns = cpu_ns();
    conntrack_flush(ct, NULL);
    ns = cpu_ns() - ns;
    printf("flush of all: %.1f ms\n", ns / 1e6);
    conntrack_destroy(ct);

    ct = conntrack_init();
    create_all(ct, n, 2, is_nat, false);
    conntrack_destroy(ct);
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

    create_all(ct, n, 1, is_nat, true);
    bytes = bytes_each(ct, n);
    if (bytes > limit) {
        dptest_fail("%.1f bytes for each of %"PRIu32" connections", bytes, n);
    }
    look_up(ct, n, n, is_nat, NULL);
    conntrack_destroy(ct);
}

static void
test_speed_main(int argc, char *argv[])
{
    if (argc > 1 && !strcmp(argv[1], "benchmark")) {
        uint32_t n = argc > 2 ? atoi(argv[2]) : 1000000;

        measure(n, false);
        measure(n, true);
    } else {
        check_memory(200000, false, 150);
        check_memory(200000, true, 200);
    }
}
DPTEST_REGISTER("ct-speed", test_speed_main);
