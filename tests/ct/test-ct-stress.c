/* SPDX-License-Identifier: Apache-2.0 */

/* Two lanes want the same connections, while a third thread flushes, dumps,
 * changes limits, policies and settings, and "ct_clean" sweeps, reaps and lets
 * the table grow.  In the end all counts agree.
 *
 * "ct-stress" takes and gives back connections themselves; "ct-stress-packets"
 * sends bursts of packets, half of them translated, and what a packet, or a
 * dump, says of a connection must all be of the same one. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include <errno.h>
#include "conntrack.h"
#include "ct/ct-clean.h"
#include "ipf.h"
#include "netdev.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "ovs/ovs-conntrack.h"
#include "ovs/ovs-conntrack-own.h"
#include "tests/ct/ct-frame.h"
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
    int n_new, n_replies, n_translated;         /* Packets. */
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
        ct_keys_set_reply(ct, conn, n);
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

/* Packets. */

/* The packets of a burst are of one host's connections, some of them UDP's,
 * some TCP's.  The host has its zone.  The low half of a mark tells the host,
 * the high one the burst, and the label tells the mark.  Odd zones translate,
 * all hosts to the same few ports. */
enum {
    FIRST_HOST = 256, N_HOSTS = 16,
    FIRST_PORT = 2000, N_PORTS = 16,
    SERVER = 1, OUTSIDE = 2, OUTSIDE_PORT = 5000, N_OUTSIDE_PORTS = 32,
};

static uint16_t
zone_of(uint16_t host)
{
    return host % N_ZONES;
}

static bool
zone_translates(uint16_t zone)
{
    return zone % 2;
}

static ovs_u128
label_of(uint32_t mark)
{
    return (ovs_u128) { .u64 = { .lo = mark, .hi = ~(uint64_t) mark } };
}

/* Aborts unless 'mark' and 'label' are those of 'host's connections, or those
 * of one that has none yet. */
static void
check_marks(uint16_t host, uint32_t mark, ovs_u128 label)
{
    ovs_assert(host >= FIRST_HOST && host < FIRST_HOST + N_HOSTS);
    ovs_assert((uint16_t) mark == host || !mark);
    ovs_assert(ovs_u128_equals(label, mark ? label_of(mark) : OVS_U128_ZERO));
}

static struct dp_packet *
make_packet(struct lane *lane, uint16_t host, bool reply)
{
    static const uint16_t flags[][2] = {
        { TCP_SYN, TCP_SYN | TCP_ACK },
        { TCP_ACK, TCP_ACK },
        { TCP_FIN | TCP_ACK, TCP_RST | TCP_ACK },
    };
    bool outside = reply && zone_translates(zone_of(host));
    struct ct_end server = { SERVER, 80 };
    struct ct_end client = {
        outside ? OUTSIDE : host,
        outside ? OUTSIDE_PORT + next_random(lane) % N_OUTSIDE_PORTS
                : FIRST_PORT + next_random(lane) % N_PORTS
    };
    struct ct_end src = reply ? server : client, dst = reply ? client : server;

    return (client.port % 4
            ? ct_frame_udp(false, src, dst, "x")
            : ct_frame_tcp(false, src, dst,
                           flags[next_random(lane) % 3][reply],
                           reply ? 2000 : 1000, reply ? 1001 : 2001, ""));
}

/* Checks what the tracker says of 'p', one of 'host's, or a reply to his or,
 * in zones that translate, another host's. */
static void
check_packet(struct lane *lane, struct dp_packet *p, uint16_t host, bool reply)
{
    const struct pkt_metadata *md = &p->md;
    const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;
    struct ct_end end = reply ? ct_frame_dst(p) : ct_frame_src(p);
    uint16_t first = ntohl(t->ipv4_src);

    ovs_assert(md->ct_state & CS_TRACKED && md->ct_zone == zone_of(host));
    if (md->ct_state & CS_INVALID
        || (reply && !(md->ct_state & CS_REPLY_DIR))) {
        return;                 /* Of no connection, or a stray. */
    }
    check_marks(first, md->ct_mark, md->ct_label);
    ovs_assert(zone_of(first) == md->ct_zone);
    if (reply) {
        /* It goes where the connection came from. */
        ovs_assert(end.host == first && end.port == ntohs(t->src_port));
        lane->n_replies++;
    } else {
        ovs_assert(first == host && !(md->ct_state & CS_REPLY_DIR));
        if (md->ct_state & CS_SRC_NAT) {
            ovs_assert(end.host == OUTSIDE
                       && end.port - OUTSIDE_PORT < N_OUTSIDE_PORTS);
            lane->n_translated++;
        } else {
            ovs_assert(end.host == host && end.port == ntohs(t->src_port));
        }
        lane->n_new += (md->ct_state & CS_NEW) != 0;
    }
}

static void
send_burst(struct lane *lane, uint16_t host, bool reply)
{
    const struct nat_action_info_t nat = {
        .nat_action = reply ? 0 : NAT_ACTION_SRC | NAT_ACTION_SRC_PORT,
        .min_addr = ct_frame_addr(false, OUTSIDE),
        .max_addr = ct_frame_addr(false, OUTSIDE),
        .min_port = OUTSIDE_PORT,
        .max_port = OUTSIDE_PORT + N_OUTSIDE_PORTS - 1,
    };
    uint32_t mark[2] = { host | next_random(lane) << 16, UINT32_MAX };
    ovs_u128 label[2] = { label_of(mark[0]), OVS_U128_MAX };
    struct ovs_key_ct_labels labels[2];
    struct dp_packet *packets[BURST];
    struct dp_packet_batch batch;

    memcpy(labels, label, sizeof labels);
    dp_packet_batch_init(&batch);
    for (int i = 0; i < BURST; i++) {
        packets[i] = make_packet(lane, host, reply);
        dp_packet_batch_add(&batch, packets[i]);
    }
    conntrack_execute(lane->stress->ct, &batch, htons(ETH_TYPE_IP), false,
                      !reply, zone_of(host), reply ? NULL : mark,
                      reply ? NULL : labels, OVS_CT_NO_PORTS NULL,
                      zone_translates(zone_of(host)) ? &nat : NULL,
                      time_msec(), next_random(lane) % 5);
    ovs_assert(dp_packet_batch_size(&batch) == BURST);
    for (int i = 0; i < BURST; i++) {
        ovs_assert(batch.packets[i] == packets[i]);
        check_packet(lane, packets[i], host, reply);
    }
    dp_packet_delete_batch(&batch, true);
}

/* Often, both lanes want the same host. */
static uint16_t
choose_host(struct lane *lane)
{
    return FIRST_HOST + (next_random(lane) % 4 ? time_msec() / 4
                         : next_random(lane)) % N_HOSTS;
}

static void *
packets_main(void *lane_)
{
    struct lane *lane = lane_;
    int orig;

    for (int i = 0; i < lane->stress->n_bursts || !lane->n_replies
                    || !lane->n_translated; i++) {
        send_burst(lane, choose_host(lane), next_random(lane) % 2);
        ovsrcu_quiesce();
    }
    atomic_sub(&lane->stress->n_lanes, 1, &orig);
    return NULL;
}

/* The third thread. */

/* Of lanes that send packets, a dump shows marks as packets do. */
static void
check_entry(const struct ct_dpif_entry *entry)
{
    uint16_t host = ntohl(entry->tuple_orig.src.ip);

    if (entry->mark) {
        check_marks(host, entry->mark, entry->labels);
        ovs_assert(zone_of(host) == entry->zone);
    }
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
        check_entry(&entry);
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
        conntrack_set_tcp_seq_chk(ct, i % 2);
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

/* Lets two lanes run 'loop' till their end, and checks what they leave. */
static void
run(void *(*loop)(void *), int n_bursts, struct lane lanes[2])
{
    struct stress stress = { .ct = conntrack_init(), .n_bursts = n_bursts };
    struct ct_table_load load;

    conntrack_set_sweep_interval(stress.ct, 2);
    atomic_init(&stress.n_lanes, 2);
    for (int i = 0; i < 2; i++) {
        lanes[i] = (struct lane) { .stress = &stress, .random = i };
        lanes[i].thread = ovs_thread_create("lane", loop, &lanes[i]);
    }
    control(&stress);
    for (int i = 0; i < 2; i++) {
        xpthread_join(lanes[i].thread, NULL);
    }
    ct_table_get_load(&stress.ct->table, &load);
    printf("%"PRIu32" entries in %"PRIu32" buckets, %"PRIu32" overflowed\n",
           load.n_entries, load.n_buckets, load.n_overflow);

    ct_clean_stop(stress.ct->clean);
    check_counts(stress.ct);
    ipf_destroy(stress.ct->ipf);
    ct_unref(stress.ct);
}

static int
count_bursts(int argc, char *argv[], int n)
{
    return argc > 2 && !strcmp(argv[1], "long") ? atoi(argv[2]) : n;
}

static void
test_stress_main(int argc, char *argv[])
{
    struct lane lanes[2];

    run(lane_main, count_bursts(argc, argv, 20000), lanes);
    for (int i = 0; i < 2; i++) {
        const struct lane *lane = &lanes[i];

        printf("lane %d: %d created, %d adopted, %d found, %d killed, "
               "%d refused, %d clashed\n", i, lane->n_created,
               lane->n_adopted, lane->n_found, lane->n_killed,
               lane->n_refused, lane->n_full);
        ovs_assert(lane->n_created && lane->n_found && lane->n_killed);
    }
}
DPTEST_REGISTER("ct-stress", test_stress_main);

static void
test_stress_packets_main(int argc, char *argv[])
{
    struct lane lanes[2];

    /* That ports run out is what is wanted. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    run(packets_main, count_bursts(argc, argv, 10000), lanes);
    for (int i = 0; i < 2; i++) {
        printf("lane %d: %d new, %d translated, %d replies\n", i,
               lanes[i].n_new, lanes[i].n_translated, lanes[i].n_replies);
        ovs_assert(lanes[i].n_new);
    }
}
DPTEST_REGISTER("ct-stress-packets", test_stress_packets_main);
