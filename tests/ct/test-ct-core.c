/* SPDX-License-Identifier: Apache-2.0 */

/* A tracker by hand: what a packet does to it, and what users see of it. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include <errno.h>
#include "ct/ct-clean.h"
#include "ct/ct-control.h"
#include "ipf.h"
#include "ovs-rcu.h"
#include "ovs/ovs-conntrack-own.h"
#include "ovs/ovs-conntrack.h"
#include "tests/ct/ct-keys.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

/* Lets other threads work until CONDITION holds. */
#define WAIT_UNTIL(CONDITION)                   \
    while (!(CONDITION)) {                      \
        ovsrcu_quiesce();                       \
        xnanosleep(1000 * 1000);                \
    }

static uint32_t
n_conns(struct conntrack *ct)
{
    uint32_t n;

    conntrack_get_nconns(ct, &n);
    return n;
}

/* Returns an embryo. */
static struct conn *
make(struct conntrack *ct, uint32_t n, uint16_t zone, bool is_nat)
{
    struct conn *conn = ct_new(ct, zone, is_nat);

    if (conn) {
        ct_keys_get(&conn->key, n, zone);
        if (is_nat) {
            ct_conn_set_flags(conn, CT_F_SNAT);
            ct_keys_set_reply(ct, conn, n);
        }
        ct_set_expiry(ct, conn, CT_KEYS_FAR);
    }
    return conn;
}

static struct conn *
add(struct conntrack *ct, uint32_t n, uint16_t zone, bool is_nat)
{
    struct conn *conn = make(ct, n, zone, is_nat);
    struct conn *clash;

    if (conn) {
        ovs_assert(!ct_commit(ct, conn, time_msec(), &clash));
    }
    return conn;
}

static struct conn *
find(struct conntrack *ct, uint32_t n, uint16_t zone)
{
    struct ct_key key;
    bool reply;

    ct_keys_get(&key, n, zone);
    return ct_find(ct, &key, time_msec(), &reply);
}

/* Dumps 'zone', or all; returns the number of entries, and stores the last
 * one. */
static uint32_t
dump(struct conntrack *ct, const uint16_t *zone, struct ct_dpif_entry *last)
{
    struct conntrack_dump state;
    struct ct_dpif_entry entry;
    uint32_t n = 0;
    int n_buckets;

    ovs_assert(!conntrack_dump_start(ct, &state, zone, &n_buckets));
    ovs_assert(n_buckets == 1);
    while (!conntrack_dump_next(&state, &entry)) {
        ovs_assert(!zone || entry.zone == *zone);
        n++;
        if (last) {
            *last = entry;
            last->helper.name = NULL;
        }
        ct_dpif_entry_uninit(&entry);
    }
    ovs_assert(!conntrack_dump_done(&state));
    return n;
}

static void
test_clash(struct conntrack *ct)
{
    struct conn *winner = add(ct, 1, 3, false);
    struct conn *loser = make(ct, 1, 3, false);
    struct conn *clash;

    /* Set up is what was committed, whatever else is counted meanwhile. */
    ovs_assert(n_conns(ct) == 2);
    ovs_assert(ct_zone_count_set_up(&ct->zones, 3) == 1);
    ovs_assert(ct_commit(ct, loser, time_msec(), &clash) == EEXIST);
    ovs_assert(clash == winner);
    ct_abandon(ct, loser);
    ovs_assert(n_conns(ct) == 1 && ct_zone_count(&ct->zones, 3) == 1);

    /* What has expired is killed on the way. */
    ct_set_expiry(ct, winner, time_msec() - 1);
    ovs_assert(!find(ct, 1, 3) && !dump(ct, NULL, NULL));
    loser = add(ct, 1, 3, false);
    ovs_assert(find(ct, 1, 3) == loser);
    ovs_assert(ct_conn_life(winner) == CT_DEAD && n_conns(ct) == 1);
    ovs_assert(!conntrack_flush(ct, NULL));
    ovs_assert(!n_conns(ct) && !ct_zone_count(&ct->zones, 3));
    ovs_assert(ct_zone_count_set_up(&ct->zones, 3) == 2);
}

static uint64_t
n_refused(struct conntrack *ct, enum ct_refusal why)
{
    uint64_t n;

    atomic_read_relaxed(&ct->n_refused[why], &n);
    return n;
}

static void
check_limit(struct conntrack *ct, int zone, int its_zone, uint32_t limit,
            uint32_t count)
{
    uint32_t got_limit, got_count;

    ovs_assert(ovs_zone_limit_get(ct, zone, &got_limit, &got_count)
               == its_zone);
    ovs_assert(got_limit == limit && got_count == count);
}

static void
test_limits(struct conntrack *ct)
{
    uint32_t max;

    conntrack_get_maxconns(ct, &max);
    ovs_assert(max == 3000000);
    conntrack_set_maxconns(ct, 2);
    ovs_assert(add(ct, 1, 1, false) && add(ct, 2, 2, true));
    ovs_assert(!add(ct, 3, 3, false) && n_conns(ct) == 2);
    ovs_assert(n_refused(ct, CT_REFUSED_FULL) == 1);
    ovs_assert(!ct_zone_count(&ct->zones, 3));
    conntrack_set_maxconns(ct, max);

    check_limit(ct, 1, DEFAULT_ZONE, 0, 0);
    check_limit(ct, DEFAULT_ZONE, DEFAULT_ZONE, 0, 0);
    ovs_assert(!zone_limit_update(ct, DEFAULT_ZONE, 2));
    check_limit(ct, DEFAULT_ZONE, DEFAULT_ZONE, 2, 0);
    check_limit(ct, 1, DEFAULT_ZONE, 2, 1);
    ovs_assert(!zone_limit_update(ct, 7, 0));
    check_limit(ct, 7, 7, 0, 0);
    ovs_assert(!zone_limit_update(ct, MAX_ZONE, 1));

    /* The default is for each zone by itself. */
    ovs_assert(add(ct, 3, 1, false) && !add(ct, 4, 1, false));
    ovs_assert(add(ct, 3, 2, false) && !add(ct, 4, 2, false));
    ovs_assert(!add(ct, 3, 7, false));
    ovs_assert(add(ct, 3, MAX_ZONE, true) && !add(ct, 4, MAX_ZONE, true));
    ovs_assert(n_refused(ct, CT_REFUSED_ZONE) == 4 && n_conns(ct) == 5);
    check_limit(ct, MAX_ZONE, MAX_ZONE, 1, 1);

    /* What is taken back takes no count along. */
    ovs_assert(!zone_limit_delete(ct, MAX_ZONE));
    ovs_assert(!zone_limit_delete(ct, MAX_ZONE));
    check_limit(ct, MAX_ZONE, DEFAULT_ZONE, 2, 1);
    ovs_assert(!zone_limit_delete(ct, 7));
    ovs_assert(add(ct, 3, 7, false));

    ovs_assert(zone_limit_update(ct, INVALID_ZONE, 1) == EINVAL);
    ovs_assert(zone_limit_update(ct, MAX_ZONE + 1, 1) == EINVAL);
    ovs_assert(!conntrack_flush(ct, NULL) && !n_conns(ct));
    ct_zone_clear_limit(&ct->zones, DEFAULT_ZONE);
}

static void
test_dump(struct conntrack *ct)
{
    const uint16_t zone3 = 3, zone4 = 4;
    struct ct_dpif_entry entry;
    struct conn *conn;

    for (uint32_t n = 0; n < 1000; n++) {
        add(ct, n, n % 2 ? 4 : 5, n % 3);
    }
    conn = add(ct, 9, 3, true);
    atomic_store_relaxed(&conn->label[0], 77);
    atomic_store_relaxed(&conn->mark, 5);
    ct_set_expiry(ct, conn, time_msec() + 100 * 1000 + 999);
    ovs_assert(dump(ct, NULL, NULL) == 1001 && n_conns(ct) == 1001);
    ovs_assert(dump(ct, &zone4, NULL) == 500);
    ovs_assert(dump(ct, &zone3, &entry) == 1);
    ovs_assert(entry.tuple_orig.l3_type == AF_INET
               && entry.tuple_orig.ip_proto == IPPROTO_UDP
               && entry.tuple_orig.src.ip == conn->key.src.ipv4
               && entry.tuple_orig.dst.ip == conn->key.dst.ipv4
               && entry.tuple_orig.src_port == conn->key.src_port
               && entry.tuple_orig.dst_port == htons(53)
               && entry.tuple_reply.src.ip == conn->key.dst.ipv4
               && entry.tuple_reply.dst.ip == htonl(0xc6336401)
               && entry.tuple_reply.src_port == htons(53)
               && entry.tuple_reply.dst_port == htons(1033)
               && entry.zone == 3 && entry.mark == 5
               && entry.labels.u64.lo == 77 && !entry.labels.u64.hi
               && entry.timeout <= 100 && entry.timeout > 50);

    ovs_assert(!conntrack_flush(ct, &zone4));
    ovs_assert(!dump(ct, &zone4, NULL) && !ct_zone_count(&ct->zones, 4));
    ovs_assert(dump(ct, NULL, NULL) == 501 && n_conns(ct) == 501);
    ovs_assert(find(ct, 2, 5) && !find(ct, 3, 4));
    ct_table_check(&ct->table, time_msec());
    ovs_assert(!conntrack_flush(ct, NULL));
    ovs_assert(!dump(ct, NULL, NULL) && !n_conns(ct));
    ct_table_check(&ct->table, time_msec());
}

static void
test_flush_tuple(struct conntrack *ct)
{
    const uint16_t zone3 = 3;
    struct ct_dpif_entry e;

    add(ct, 1, 3, true);
    ovs_assert(dump(ct, &zone3, &e) == 1);
    ovs_assert(conntrack_flush_tuple(ct, &e.tuple_orig, 4) == ENOENT);
    ovs_assert(!conntrack_flush_tuple(ct, &e.tuple_orig, 3));
    ovs_assert(conntrack_flush_tuple(ct, &e.tuple_orig, 3) == ENOENT);
    add(ct, 1, 3, true);
    ovs_assert(!conntrack_flush_tuple(ct, &e.tuple_reply, 3));
    ovs_assert(!n_conns(ct));

    /* Nonsense is no reason to abort. */
    e.tuple_orig.ip_proto = IPPROTO_ICMP;
    e.tuple_orig.icmp_type = 200;
    ovs_assert(conntrack_flush_tuple(ct, &e.tuple_orig, 3) == ENOENT);
    e.tuple_orig.l3_type = AF_INET6;
    e.tuple_orig.ip_proto = IPPROTO_ICMPV6;
    e.tuple_orig.icmp_type = 1;
    ovs_assert(conntrack_flush_tuple(ct, &e.tuple_orig, 3) == ENOENT);
    e.tuple_orig.l3_type = 0;
    ovs_assert(conntrack_flush_tuple(ct, &e.tuple_orig, 3) == ENOENT);
}

static uint32_t
generation(struct conn *conn)
{
    uint32_t value;

    atomic_read_relaxed(&conn->generation, &value);
    return value;
}

/* The sweeper's calendar, by hand: with times that the thread never sees. */
static void
test_sweep(void)
{
    const long long base = 1000 * 1000;
    struct conntrack *ct = conntrack_init();
    struct conn *soon, *late, *later, *earlier;

    /* The thread would work with its own time. */
    ct_clean_stop(ct->clean);
    soon = add(ct, 1, 1, false);
    late = add(ct, 2, 2, true);
    later = add(ct, 3, 3, false);
    earlier = add(ct, 4, 4, false);
    ct_set_expiry(ct, soon, base + 1500);
    ct_set_expiry(ct, late, base + 10000);
    ct_set_expiry(ct, later, base + 1500);
    ct_set_expiry(ct, earlier, base + 500 * 1000);

    ovs_assert(!ct_clean_sweep(ct, base));
    ct_set_expiry(ct, later, base + 20000);     /* Put off. */
    ovs_assert(!ct_clean_sweep(ct, base + 1499));
    ovs_assert(ct_clean_sweep(ct, base + 1500) == 1);
    ovs_assert(ct_conn_life(soon) == CT_DEAD && n_conns(ct) == 3);

    ct_set_expiry(ct, earlier, base + 3000);    /* Hurries. */
    ovs_assert(!ct_clean_sweep(ct, base + 2999));
    ovs_assert(ct_clean_sweep(ct, base + 3000) == 1);
    ovs_assert(ct_conn_life(earlier) == CT_DEAD);
    ovs_assert(ct_clean_sweep(ct, base + 10000) == 1);
    ovs_assert(ct_conn_life(late) == CT_DEAD && n_conns(ct) == 1);
    ovs_assert(ct_clean_sweep(ct, base + 20000) == 1 && !n_conns(ct));
    ovs_assert(ct_conn_life(later) == CT_DEAD);
    ct_table_check(&ct->table, base);
    ipf_destroy(ct->ipf);
    ct_unref(ct);
}

/* The thread: kills in time, gives memory back, but not what is held. */
static void
test_reap(struct conntrack *ct)
{
    struct conn *conn = add(ct, 1, 1, true);
    struct conn *held = add(ct, 2, 1, false);
    uint32_t generations[2] = { generation(conn), generation(held) };

    ct_hold(held);
    ct_set_expiry(ct, conn, time_msec() + 50);
    ct_set_expiry(ct, held, time_msec() + 50);
    WAIT_UNTIL (!n_conns(ct));
    WAIT_UNTIL (generation(conn) != generations[0]);
    ovs_assert(generation(conn) == generations[0] + 1);

    /* The batch after that of its death was looked at, too. */
    conn = add(ct, 3, 1, false);
    generations[0] = generation(conn);
    ct_kill(ct, conn, CT_DEATH_FORCED);
    ovs_assert(!ct_kill(ct, conn, CT_DEATH_FORCED));
    ct_clean_wake(ct->clean);
    WAIT_UNTIL (generation(conn) != generations[0]);
    ovs_assert(generation(held) == generations[1]);
    ovs_assert(ct_conn_life(held) == CT_DEAD);

    ct_release(held);
    WAIT_UNTIL (generation(held) != generations[1]);
    ovs_assert(ct_conn_life(held) == CT_FREE);
}

static void
check_policy(struct conntrack *ct, uint32_t id, uint32_t udp_first,
             uint32_t udp_single)
{
    const struct timeout_policy *tp = timeout_policy_get(ct, id);
    const struct ct_policy *policy = ct_policy_find(&ct->policies, id);

    ovs_assert(tp->policy.id == id);
    ovs_assert(tp->policy.attrs[CT_DPIF_TP_ATTR_UDP_FIRST] == udp_first);
    ovs_assert(ct_policy_ms(policy, CT_DPIF_TP_ATTR_UDP_FIRST)
               == udp_first * 1000LL);
    ovs_assert(ct_policy_ms(policy, CT_DPIF_TP_ATTR_UDP_SINGLE)
               == udp_single * 1000LL);
    ovs_assert(ct_policy_ms(policy, CT_DPIF_TP_ATTR_TCP_ESTABLISHED)
               == 86400 * 1000LL);
}

static void
test_policies(struct conntrack *ct)
{
    struct timeout_policy tp = { .policy.id = 7 };
    struct cmap_position pos = { 0, 0, 0 };
    struct ct_dpif_timeout_policy out;
    int n = 0, sum = 0;

    check_policy(ct, DEFAULT_TP_ID, 60, 60);
    ovs_assert(!timeout_policy_get(ct, 7));
    tp.policy.present = 1u << CT_DPIF_TP_ATTR_UDP_FIRST;
    tp.policy.attrs[CT_DPIF_TP_ATTR_UDP_FIRST] = UINT32_MAX;
    tp.policy.attrs[CT_DPIF_TP_ATTR_UDP_SINGLE] = 9;    /* Not present. */
    ovs_assert(!timeout_policy_update(ct, &tp));
    check_policy(ct, 7, UINT32_MAX, 60);
    tp.policy.present = 1u << CT_DPIF_TP_ATTR_UDP_SINGLE;
    ovs_assert(!timeout_policy_update(ct, &tp));
    check_policy(ct, 7, 60, 9);
    tp.policy.id = 8;
    ovs_assert(!timeout_policy_update(ct, &tp));

    while (conntrack_next_timeout_policy(ct, &pos, &out)) {
        n++;
        sum += out.id;
    }
    ovs_assert(n == 3 && sum == 0 + 7 + 8);

    ovs_assert(!timeout_policy_delete(ct, 7));
    ovs_assert(timeout_policy_delete(ct, 7) == ENOENT);
    ovs_assert(!timeout_policy_get(ct, 7));
    ovs_assert(ct_policy_find(&ct->policies, 7)->up.policy.id
               == DEFAULT_TP_ID);

    /* The default can be changed, and is never away. */
    tp.policy.id = DEFAULT_TP_ID;
    ovs_assert(!timeout_policy_update(ct, &tp));
    check_policy(ct, DEFAULT_TP_ID, 60, 9);
    ovs_assert(!timeout_policy_delete(ct, DEFAULT_TP_ID));
    check_policy(ct, DEFAULT_TP_ID, 60, 60);
}

static void
test_settings(struct conntrack *ct)
{
    ovs_assert(conntrack_get_tcp_seq_chk(ct));
    ovs_assert(!conntrack_set_tcp_seq_chk(ct, false));
    ovs_assert(!conntrack_get_tcp_seq_chk(ct) && !ct_checks_tcp_seq(ct));
    ovs_assert(conntrack_ipf_ctx(ct));
}

/* A window that its scale makes larger than 16 bits, and a peer that does not
 * scale: the window is as large as it can be without. */
static void
test_window_without_scale(void)
{
    struct ct_tcp_segment syn = {
        .seq = 1000, .win = UINT16_MAX, .flags = TCP_SYN,
        .wscale = CT_WSCALE_SEEN | 8,
    };
    struct ct_tcp_segment answer = {
        .seq = 5000, .ack = 1001, .win = UINT16_MAX,
        .flags = TCP_SYN | TCP_ACK,
    };
    struct ct_tcp_segment data = {
        .seq = 5001, .ack = 1001, .len = 1400, .win = UINT16_MAX,
        .flags = TCP_ACK,
    };
    struct ct_tcp_check check = { .window = true };
    struct ct_tcp_peer peers[2];

    ct_tcp_begin(peers, &syn);
    ovs_assert(ct_tcp_take(peers, true, &answer, &check) == CT_TCP_VALID);
    ovs_assert(peers[0].max_win == UINT16_MAX);
    ovs_assert(ct_tcp_take(peers, true, &data, &check) == CT_TCP_VALID);
    ovs_assert(!check.window_missed);
}

/* What users see as a counter does not go back where 32 bits end. */
static void
test_refusals(void)
{
    struct ct_zones zones;

    ct_zones_init(&zones);
    atomic_store_relaxed(&zones.zones[1].n_refused[CT_REFUSED_ZONE],
                         UINT32_MAX);
    ct_zone_refuse(&zones, 1, CT_REFUSED_ZONE);
    ovs_assert(ct_zone_count_refused(&zones, 1, CT_REFUSED_ZONE)
               > UINT32_MAX);
    ct_zones_destroy(&zones);
}

static void
test_core_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct conntrack *ct = conntrack_init();

    test_clash(ct);
    test_limits(ct);
    test_refusals();
    test_dump(ct);
    test_flush_tuple(ct);
    test_policies(ct);
    test_settings(ct);
    test_window_without_scale();
    test_reap(ct);
    conntrack_destroy(ct);

    test_sweep();
}
DPTEST_REGISTER("ct-core", test_core_main);
