/* SPDX-License-Identifier: Apache-2.0 */

/* Two lanes want the same connections, while a third thread flushes, dumps,
 * changes limits and policies, and "ct_clean" sweeps, reaps and lets the table
 * grow.  In the end all counts agree. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include <errno.h>
#include "conntrack.h"
#include "ct/ct-clean.h"
#include "ipf.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "tests/ct/ct-keys.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

#define N_KEYS 262144           /* More than the first table takes. */
#define N_ZONES 4
#define BURST 32

struct stress {
    struct conntrack *ct;
    int n_bursts;               /* Of each lane. */
    atomic_int n_lanes;         /* That still run. */
};

struct lane {
    struct stress *stress;
    pthread_t thread;
    uint32_t random;
    int n_created, n_adopted, n_found, n_killed, n_refused, n_full;
};

static uint32_t
next_random(struct lane *lane)
{
    lane->random = lane->random * 1664525 + 1013904223;
    return lane->random >> 8;
}

static bool
is_nat(uint32_t n)
{
    return n % 4 == 1;
}

/* Lets a packet of connection 'n' commit. */
static struct conn *
commit(struct lane *lane, uint32_t n, const struct ct_key *key, bool reply)
{
    struct conntrack *ct = lane->stress->ct;
    long long now = time_msec();
    struct conn *conn, *clash;
    int error;

    conn = ct_new(ct, key->zone, is_nat(n) && !reply);
    if (!conn) {
        lane->n_refused++;
        return NULL;
    }
    conn->key = *key;
    if (conn->nat) {
        ct_keys_get_reply(&ct_table_nat(&ct->table, conn)->reply, n,
                          key->zone);
    }
    ct_set_expiry(ct, conn, n % 16 ? CT_KEYS_FAR : now + n % 300);
    error = ct_commit(ct, conn, now, &clash);
    if (!error) {
        lane->n_created++;
        return conn;
    }
    ct_abandon(ct, conn);
    if (error == EEXIST) {
        bool same = ct_key_equal(&clash->key, key);
        struct ct_key reverse;

        ct_key_reverse(key, &reverse);
        ovs_assert(same || ct_key_equal(&clash->key, &reverse));
        lane->n_adopted++;
        return clash;
    }

    /* The other direction of one that is translated, or no room. */
    ovs_assert(error == EADDRINUSE || error == ENOSPC);
    lane->n_full++;
    return NULL;
}

/* One packet.  Returns its connection, or NULL. */
static struct conn *
packet(struct lane *lane, struct ct_key *key)
{
    struct conntrack *ct = lane->stress->ct;
    uint32_t what = next_random(lane) % 100;
    uint32_t n = next_random(lane) % N_KEYS;
    bool reply = what % 10 == 0;
    struct conn *conn;
    bool found_reply;

    /* Some are wanted by both all the time. */
    n = what % 2 ? n : n % 512;
    ct_keys_get(key, n, n % N_ZONES);
    if (reply) {
        struct ct_key forth = *key;

        ct_key_reverse(&forth, key);
    }
    conn = ct_find(ct, key, time_msec(), &found_reply);
    if (conn) {
        lane->n_found++;
        ovs_assert(found_reply == !ct_key_equal(&conn->key, key));
        if (what >= 90) {
            lane->n_killed += ct_kill(ct, conn, CT_DEATH_FORCED);
        } else if (what >= 85) {
            ct_set_expiry(ct, conn, time_msec() + 10);
        }
        return conn;
    }
    return commit(lane, n, key, reply);
}

static void *
lane_main(void *lane_)
{
    struct lane *lane = lane_;
    int orig;

    for (int i = 0; i < lane->stress->n_bursts; i++) {
        struct conn *conns[BURST];
        struct ct_key keys[BURST];

        for (int j = 0; j < BURST; j++) {
            conns[j] = packet(lane, &keys[j]);
        }

        /* Dead or alive, they still are what they were. */
        for (int j = 0; j < BURST; j++) {
            if (conns[j]) {
                struct ct_key reverse;

                ct_key_reverse(&keys[j], &reverse);
                ovs_assert(ct_key_equal(&conns[j]->key, &keys[j])
                           || ct_key_equal(&conns[j]->key, &reverse));
                ovs_assert(ct_conn_life(conns[j]) >= CT_LIVE);
            }
        }
        ovsrcu_quiesce();
    }
    atomic_sub(&lane->stress->n_lanes, 1, &orig);
    return NULL;
}

static uint32_t
dump(struct conntrack *ct, const uint16_t *zone)
{
    struct conntrack_dump state;
    struct ct_dpif_entry entry;
    uint32_t n = 0;
    int n_buckets;

    conntrack_dump_start(ct, &state, zone, &n_buckets);
    while (!conntrack_dump_next(&state, &entry)) {
        ovs_assert(!zone || entry.zone == *zone);
        ovs_assert(entry.zone < N_ZONES);
        ct_dpif_entry_uninit(&entry);
        n++;
    }
    conntrack_dump_done(&state);
    return n;
}

static int
count_lanes(struct stress *stress)
{
    int n;

    atomic_read(&stress->n_lanes, &n);
    return n;
}

/* What users do meanwhile. */
static void
control(struct stress *stress)
{
    struct conntrack *ct = stress->ct;

    for (unsigned int i = 0; count_lanes(stress); i++) {
        uint16_t zone = i % N_ZONES;
        struct ct_dpif_timeout_policy policy = { .id = 1 + i % 3 };

        dump(ct, i % 3 ? &zone : NULL);
        if (i % 4 == 3) {
            ovs_assert(!conntrack_flush(ct, i % 16 == 15 ? NULL : &zone));
        }
        if (i % 8 < 4) {
            ct_zone_set_limit(&ct->zones, zone, 100 * (i % 50));
        } else {
            ct_zone_clear_limit(&ct->zones, zone);
        }
        ct_policy_put(&ct->policies, &policy);
        ovs_assert(ct_policy_find(&ct->policies, i % 5));
        if (i % 3 == 0) {
            ct_policy_del(&ct->policies, policy.id);
        }
        ovsrcu_quiesce();
    }
}

/* Nothing moves any more. */
static void
check_counts(struct conntrack *ct)
{
    long long far = time_msec() + 1000;
    uint32_t n, sum = 0;

    ct_clean_sweep(ct, far);
    ct_table_check(&ct->table, far);
    conntrack_get_nconns(ct, &n);
    ovs_assert(dump(ct, NULL) == n);
    for (uint16_t zone = 0; zone < N_ZONES; zone++) {
        uint32_t n_zone = ct_zone_count(&ct->zones, zone);

        ovs_assert(dump(ct, &zone) == n_zone);
        sum += n_zone;
    }
    ovs_assert(sum == n);
    ovs_assert(!conntrack_flush(ct, NULL));
    conntrack_get_nconns(ct, &n);
    ovs_assert(!n && !dump(ct, NULL));
    ct_table_check(&ct->table, far);
}

static void
run(int n_bursts)
{
    struct stress stress = { .ct = conntrack_init(), .n_bursts = n_bursts };
    struct ct_table_load load;
    struct lane lanes[2];

    atomic_init(&stress.n_lanes, 2);
    for (int i = 0; i < 2; i++) {
        lanes[i] = (struct lane) { .stress = &stress, .random = i };
        lanes[i].thread = ovs_thread_create("lane", lane_main, &lanes[i]);
    }
    control(&stress);
    for (int i = 0; i < 2; i++) {
        struct lane *lane = &lanes[i];

        xpthread_join(lane->thread, NULL);
        printf("lane %d: %d created, %d adopted, %d found, %d killed, "
               "%d refused, %d clashed\n", i, lane->n_created,
               lane->n_adopted, lane->n_found, lane->n_killed,
               lane->n_refused, lane->n_full);
        ovs_assert(lane->n_created && lane->n_found && lane->n_killed);
    }
    ct_table_get_load(&stress.ct->table, &load);
    printf("%"PRIu32" entries in %"PRIu32" buckets, %"PRIu32" overflowed\n",
           load.n_entries, load.n_buckets, load.n_overflow);

    ct_clean_stop(stress.ct->clean);
    check_counts(stress.ct);
    ipf_destroy(stress.ct->ipf);
    ct_unref(stress.ct);
}

static void
test_stress_main(int argc, char *argv[])
{
    run(argc > 2 && !strcmp(argv[1], "long") ? atoi(argv[2]) : 20000);
}
DPTEST_REGISTER("ct-stress", test_stress_main);
