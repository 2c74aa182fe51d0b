/* SPDX-License-Identifier: Apache-2.0 */

/* What the tracker tells a listener, when, and what it owes to those whose
 * packets it does not see. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-watch.h"

#include "ct/ct.h"
#include "ct/ct-bypass.h"
#include "ct/ct-clean.h"
#include "ct/ct-execute.h"
#include "ipf.h"
#include "ovs-rcu.h"
#include "ovs/ovs-conntrack-own.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, TAG = 4711 };

static const struct ct_end client = { CLIENT, 40000 };
static const struct ct_end server = { SERVER, 80 };

/* A listener that writes down what it was told, and looks at the same time
 * what can be seen of it. */
struct diary {
    struct ct_listener up;
    struct conntrack *ct;
    int n_committed, n_established, n_deleted;
    int n_changed, n_leaving, n_expiring, n_flushed, n_configured;
    enum ct_death death;
    enum ct_change change;
    enum ct_leaving leaving;
    enum ct_setting setting;
    int number;
    int zone;                   /* Flushed last; -1: all. */
    uint32_t n_conns;           /* When it was told last... */
    uint32_t mark;              /* ...and the connection's... */
    uint64_t label;
    enum ct_dpif_tcp_state state;
    bool valid;
    bool stays;                 /* Answers to expiring(). */
};

static struct diary *
diary_of(struct ct_listener *listener)
{
    return CONTAINER_OF(listener, struct diary, up);
}

/* What anybody could see now. */
static void
look(struct diary *d, struct ct_handle handle)
{
    const struct conn *conn = ct_table_conn(&d->ct->table, handle.index);
    ovs_u128 label;

    d->valid = ct_handle_is_valid(d->ct, handle);
    conntrack_get_nconns(d->ct, &d->n_conns);
    ct_conn_get_marks(conn, &d->mark, &label);
    d->label = label.u64.lo;
    d->state = MAX(conn->peers[0].state, conn->peers[1].state);
}

static void
committed_cb(struct ct_listener *listener, struct ct_handle handle)
{
    ovs_assert(ct_handle_is_valid(diary_of(listener)->ct, handle));
    diary_of(listener)->n_committed++;
}

static void
established_cb(struct ct_listener *listener, struct ct_handle handle)
{
    struct diary *d = diary_of(listener);
    struct ct_view view;

    ovs_assert(ct_handle_view(d->ct, handle, &view) && view.is_established);
    d->n_established++;
}

static void
deleted_cb(struct ct_listener *listener, struct ct_handle handle,
           enum ct_death death)
{
    ovs_assert(!ct_handle_is_valid(diary_of(listener)->ct, handle));
    diary_of(listener)->n_deleted++;
    diary_of(listener)->death = death;
}

static void
changed_cb(struct ct_listener *listener, struct ct_handle handle, uint32_t tag,
           enum ct_change change)
{
    struct diary *d = diary_of(listener);

    ovs_assert(tag == TAG);
    look(d, handle);
    d->n_changed++;
    d->change = change;
}

static void
leaving_cb(struct ct_listener *listener, struct ct_handle handle, uint32_t tag,
           enum ct_leaving why)
{
    struct diary *d = diary_of(listener);

    ovs_assert(tag == TAG);
    look(d, handle);
    d->n_leaving++;
    d->leaving = why;
}

static bool
expiring_cb(struct ct_listener *listener, struct ct_handle handle,
            uint32_t tag)
{
    struct diary *d = diary_of(listener);

    ovs_assert(tag == TAG && ct_handle_is_valid(d->ct, handle));
    d->n_expiring++;
    return d->stays;
}

static void
flushed_cb(struct ct_listener *listener, const uint16_t *zone)
{
    struct diary *d = diary_of(listener);

    d->zone = zone ? *zone : -1;
    d->n_flushed++;
    conntrack_get_nconns(d->ct, &d->n_conns);
}

static void
configured_cb(struct ct_listener *listener, enum ct_setting setting,
              int number)
{
    struct diary *d = diary_of(listener);

    d->setting = setting;
    d->number = number;
    d->n_configured++;
}

/* A tracker whose time is the test's. */
static struct conntrack *
start(struct diary *d)
{
    struct conntrack *ct = conntrack_init();

    ct_clean_stop(ct->clean);
    *d = (struct diary) {
        .up = {
            .committed = committed_cb,
            .established = established_cb,
            .deleted = deleted_cb,
            .changed = changed_cb,
            .leaving = leaving_cb,
            .expiring = expiring_cb,
            .flushed = flushed_cb,
            .configured = configured_cb,
        },
        .ct = ct,
    };
    ct_watch_start(ct, &d->up);
    return ct;
}

static void
stop(struct conntrack *ct)
{
    ct_watch_stop(ct);
    ipf_destroy(ct->ipf);
    ct_unref(ct);
}

/* Packets.  They go to 'zone' 0, and are committed. */

static const struct ct_frame_action commit = { .commit = true };

static struct ct_handle
run(struct conntrack *ct, struct dp_packet *packet, struct ct_frame_action a,
    uint8_t state)
{
    struct ct_sights sights;

    a.sights = &sights;
    ovs_assert(ct_frame_run(ct, packet, &a, time_msec()) == state);
    ovs_assert(sights.n == 1 && sights.a[0].packet == packet);
    ovs_assert(!sights.a[0].conn.index || state & CS_INVALID
               || sights.a[0].reply == !!(state & CS_REPLY_DIR));
    dp_packet_delete(packet);
    return sights.a[0].conn;
}

static struct ct_handle
udp(struct conntrack *ct, bool reply, uint8_t state)
{
    return run(ct, (reply ? ct_frame_udp(false, server, client, "hi")
                    : ct_frame_udp(false, client, server, "hi")),
               commit, state);
}

static struct ct_handle
tcp(struct conntrack *ct, bool reply, uint16_t flags, uint32_t seq,
    uint32_t ack, const char *text, uint8_t state)
{
    return run(ct, (reply
                    ? ct_frame_tcp(false, server, client, flags, seq, ack,
                                   text)
                    : ct_frame_tcp(false, client, server, flags, seq, ack,
                                   text)),
               commit, state);
}

#define NEW (CS_TRACKED | CS_NEW)
#define EST (CS_TRACKED | CS_ESTABLISHED)
#define RPL (EST | CS_REPLY_DIR)
#define INV (CS_TRACKED | CS_INVALID)

static struct ct_handle
open_udp(struct conntrack *ct)
{
    udp(ct, false, NEW);
    return udp(ct, true, RPL);
}

static struct ct_handle
open_tcp(struct conntrack *ct)
{
    tcp(ct, false, TCP_SYN, 1000, 0, "", NEW);
    tcp(ct, true, TCP_SYN | TCP_ACK, 2000, 1001, "", RPL);
    return tcp(ct, false, TCP_ACK, 1001, 2001, "", EST);
}

/* Tests. */

static void
test_handles(void)
{
    struct ct_handle a, b, none = { 0, 0 }, wild = { UINT32_MAX, 0 };
    struct ct_view view;
    struct diary d;
    struct conntrack *ct = start(&d);
    struct conn *conn;
    uint32_t refs;

    ovs_assert(!ct_handle_is_valid(ct, none) && !ct_handle_get(ct, wild));
    a = udp(ct, false, NEW);
    b = udp(ct, true, RPL);
    ovs_assert(ct_handle_equal(a, b) && ct_handle_is_valid(ct, a));
    ovs_assert(d.n_committed == 1 && d.n_established == 1);

    ovs_assert(ct_handle_view(ct, a, &view) && view.is_established);
    ovs_assert(view.state[0] == EST && view.state[1] == RPL);
    ovs_assert(!view.is_translated && !view.nat_state[0]);
    ovs_assert(ntohs(view.keys[0].src_port) == client.port);
    ovs_assert(ntohs(view.keys[1].src_port) == server.port);
    ovs_assert(ct_key_equal(&view.original, &view.keys[0]));

    /* Held, a place is not given to another one. */
    ovs_assert(ct_handle_get(ct, a));
    conn = ct_handle_find(ct, a);
    ovs_assert(conn && ct_handle_equal(ct_handle_of(conn), a));
    ovs_assert(ct_kill(ct, conn, CT_DEATH_FORCED));
    ovs_assert(d.n_deleted == 1 && d.death == CT_DEATH_FORCED);
    ovs_assert(!ct_handle_is_valid(ct, a) && !ct_handle_get(ct, a));
    ovs_assert(!ct_handle_view(ct, a, &view));
    atomic_read_relaxed(&conn->refs, &refs);
    ovs_assert(refs == 1);
    ct_handle_put(ct, a);

    /* Another one at the same place is not meant. */
    atomic_store_relaxed(&conn->generation, a.generation + 1);
    atomic_store_relaxed(&conn->flags, CT_LIVE);
    ovs_assert(!ct_handle_is_valid(ct, a) && !ct_handle_get(ct, a));
    ovs_assert(!ct_bypass_begin(ct, a));
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_GONE);
    atomic_store_relaxed(&conn->flags, CT_DEAD);
    stop(ct);
}

/* What packets meet is told whatever becomes of them. */
static void
test_sights(void)
{
    struct nat_action_info_t snat = {
        .nat_action = NAT_ACTION_SRC,
        .min_addr = ct_frame_addr(false, 99),
        .max_addr = ct_frame_addr(false, 99),
    };
    struct ct_frame_action nat = { .commit = true, .nat = &snat };
    struct ct_frame_action look_only = { .commit = false };
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_end nowhere = { SERVER, 0 };
    struct ct_view view;
    struct ct_handle a, b;

    ovs_assert(!run(ct, ct_frame_udp(false, client, nowhere, ""), look_only,
                    INV).index);
    ovs_assert(!run(ct, ct_frame_udp(false, client, server, ""), look_only,
                    NEW).index);
    a = run(ct, ct_frame_udp(false, client, server, ""), nat,
            NEW | CS_SRC_NAT);
    b = run(ct, ct_frame_udp(false, server, (struct ct_end) { 99, 40000 },
                             ""), nat, RPL | CS_DST_NAT);
    ovs_assert(a.index && ct_handle_equal(a, b));
    ovs_assert(ct_handle_view(ct, a, &view) && view.is_translated);
    ovs_assert(view.nat_state[0] == CS_SRC_NAT);
    ovs_assert(view.nat_state[1] == CS_DST_NAT);
    ovs_assert(ntohl(view.keys[1].dst.ipv4) == 0x0a000063);
    stop(ct);
}

static void
test_arm(void)
{
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_frame_action ftp = { .commit = true, .helper = "ftp" };
    struct ct_handle a;
    struct conn *conn;

    a = udp(ct, false, NEW);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_NEW);
    udp(ct, true, RPL);
    ovs_assert(ct_watch_arm(ct, a, 1) == CT_ARMED);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);   /* Only another tag. */

    conn = ct_handle_find(ct, a);
    ct_conn_set_flags(conn, CT_F_RELATED);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_RELATED);
    ct_conn_clear_flags(conn, CT_F_RELATED);
    conn->key.proto = IPPROTO_ICMP;
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_ICMP);
    conn->key.proto = IPPROTO_UDP;

    ct_watch_disarm(ct, a, 1);
    ovs_assert(ct_conn_flags(conn) & CT_F_ARMED);
    ct_watch_disarm(ct, a, TAG);
    ct_kill(ct, conn, CT_DEATH_FORCED);
    ovs_assert(!d.n_leaving && !d.n_changed);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_GONE);

    /* What has expired does not come to life again. */
    a = open_udp(ct);
    ct_set_expiry(ct, ct_handle_find(ct, a), time_msec());
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_GONE);
    conntrack_flush(ct, NULL);

    /* Neither TCP before both sides have acknowledged the other's SYN, nor one
     * that a helper reads. */
    tcp(ct, false, TCP_SYN, 1000, 0, "", NEW);
    a = tcp(ct, true, TCP_SYN | TCP_ACK, 2000, 1001, "", RPL);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_NEW);
    tcp(ct, false, TCP_ACK, 1001, 2001, "", EST);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    conntrack_flush(ct, NULL);
    a = run(ct, ct_frame_tcp(false, client, server, TCP_SYN, 1000, 0, ""),
            ftp, NEW);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_HELPER);
    stop(ct);
}

/* Marks and labels: told before, once, and only if they change. */
static void
test_changed(void)
{
    uint32_t mark[2] = { 5, UINT32_MAX };
    struct ovs_key_ct_labels label[2];
    struct ct_frame_action set = { .commit = true, .mark = mark };
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_handle a = open_udp(ct);
    struct ct_view view;

    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    run(ct, ct_frame_udp(false, client, server, ""), set, EST);
    ovs_assert(d.n_changed == 1 && d.change == CT_CHANGE_MARK);
    ovs_assert(d.mark == 0 && d.valid);         /* As long as it was told. */
    ovs_assert(ct_handle_view(ct, a, &view) && view.mark == 5);

    mark[0] = 6;                                /* Not armed any more. */
    run(ct, ct_frame_udp(false, client, server, ""), set, EST);
    ovs_assert(d.n_changed == 1);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    run(ct, ct_frame_udp(false, client, server, ""), set, EST);
    ovs_assert(d.n_changed == 1);               /* 6 it was. */

    memset(label, 0, sizeof label);
    label[0].ct_labels_32[0] = 7;
    label[1].ct_labels_32[0] = 0xff;
    set = (struct ct_frame_action) { .commit = true, .label = label };
    run(ct, ct_frame_udp(false, client, server, ""), set, EST);
    ovs_assert(d.n_changed == 2 && d.change == CT_CHANGE_LABEL && !d.label);
    ovs_assert(ct_handle_view(ct, a, &view) && view.mark == 6);
    ovs_assert(!ovs_u128_is_zero(view.label));
    stop(ct);
}

/* The end of TCP: told before its state changes, and not of what is not
 * believed. */
static void
test_closing(void)
{
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_handle a = open_tcp(ct);

    ovs_assert(d.n_established == 1);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    tcp(ct, false, TCP_ACK, 1001, 2001, "data", EST);
    tcp(ct, true, TCP_RST, 99999, 0, "", INV);
    tcp(ct, true, TCP_FIN | TCP_ACK, 88888888, 1005, "", INV);
    ovs_assert(!d.n_leaving && !d.n_changed);
    tcp(ct, true, TCP_FIN | TCP_ACK, 2001, 1005, "", RPL);
    ovs_assert(d.n_leaving == 1 && d.leaving == CT_LEAVING_CLOSED);
    ovs_assert(d.valid && d.state == CT_DPIF_TCPS_ESTABLISHED);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED_NEW);
    tcp(ct, false, TCP_RST, 1005, 0, "", EST);
    ovs_assert(d.n_leaving == 1);
    conntrack_flush(ct, NULL);

    a = open_tcp(ct);
    ovs_assert(d.n_established == 2);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    tcp(ct, false, TCP_RST, 1001, 0, "", EST);
    ovs_assert(d.n_leaving == 2 && d.leaving == CT_LEAVING_RESET);
    ovs_assert(d.valid && d.state == CT_DPIF_TCPS_ESTABLISHED);
    stop(ct);
}

/* Deaths: told before the connection cannot be found. */
static void
test_deaths(void)
{
    struct ct_frame_action force = { .commit = true, .force = true };
    uint16_t zone = 0, other = 1;
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
        .src_port = htons(40000), .dst_port = htons(80),
    };
    struct ct_handle a = open_udp(ct);

    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    run(ct, ct_frame_udp(false, server, client, ""), force, NEW);
    ovs_assert(d.n_leaving == 1 && d.leaving == CT_LEAVING_FORCED);
    ovs_assert(d.valid && d.n_conns == 1 && d.n_deleted == 1);
    conntrack_flush(ct, NULL);
    ovs_assert(d.n_flushed == 1 && d.zone == -1 && !d.n_conns);

    a = open_udp(ct);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    conntrack_flush(ct, &other);
    ovs_assert(d.n_flushed == 2 && d.zone == 1 && d.n_conns == 1);
    ovs_assert(d.n_leaving == 1);
    conntrack_flush(ct, &zone);
    ovs_assert(d.n_flushed == 3 && d.zone == 0 && !d.n_conns);
    ovs_assert(d.n_leaving == 2 && d.leaving == CT_LEAVING_FLUSHED);

    a = open_udp(ct);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    tuple.src.ip = ct_frame_addr(false, CLIENT).ipv4;
    tuple.dst.ip = ct_frame_addr(false, SERVER).ipv4;
    ovs_assert(!conntrack_flush_tuple(ct, &tuple, 0));
    ovs_assert(d.n_flushed == 4 && d.n_leaving == 3 && d.valid);
    stop(ct);
}

/* By time alone, nothing goes that is armed. */
static void
test_expiry(void)
{
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_handle a = open_udp(ct);
    struct ct_view view;
    long long end;

    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    ovs_assert(ct_handle_view(ct, a, &view));
    end = time_msec();
    ct_set_expiry(ct, ct_handle_find(ct, a), end);

    d.stays = true;
    for (int i = 1; i <= 3; i++) {
        ovs_assert(!ct_clean_sweep(ct, end + i * 1000));
        ovs_assert(d.n_expiring == i && !d.n_leaving);
        ovs_assert(ct_conn_is_visible(ct_handle_find(ct, a), end + i * 1000));
    }

    /* A packet, or a refresh, gives it another time. */
    udp(ct, true, RPL);
    ovs_assert(!ct_clean_sweep(ct, end + 5000) && d.n_expiring == 3);

    d.stays = false;
    ovs_assert(ct_handle_view(ct, a, &view));
    ovs_assert(ct_clean_sweep(ct, view.expiry + 1000) == 1);
    ovs_assert(d.n_expiring == 4 && d.n_leaving == 1 && d.valid);
    ovs_assert(d.leaving == CT_LEAVING_EXPIRED && d.n_conns == 1);
    ovs_assert(d.n_deleted == 1 && d.death == CT_DEATH_EXPIRED);
    ovs_assert(!ct_handle_is_valid(ct, a));
    stop(ct);
}

static void
test_settings(void)
{
    struct timeout_policy tp = { .policy.id = 3 };
    struct diary d;
    struct conntrack *ct = start(&d);

    zone_limit_update(ct, 7, 10);
    ovs_assert(d.n_configured == 1 && d.setting == CT_SETTING_ZONE_LIMIT);
    ovs_assert(d.number == 7);
    zone_limit_delete(ct, 8);
    ovs_assert(d.n_configured == 2 && d.number == 8);
    timeout_policy_update(ct, &tp);
    ovs_assert(d.n_configured == 3 && d.setting == CT_SETTING_TIMEOUT_POLICY);
    ovs_assert(d.number == 3);
    timeout_policy_delete(ct, 3);
    ovs_assert(d.n_configured == 4);
    conntrack_set_tcp_seq_chk(ct, false);
    ovs_assert(d.n_configured == 5 && d.setting == CT_SETTING_WINDOW_CHECK);
    stop(ct);
}

static long long
expiry_of(struct conntrack *ct, struct ct_handle handle)
{
    struct ct_view view;

    ovs_assert(ct_handle_view(ct, handle, &view));
    return view.expiry;
}

/* Hidden packets count from when they were seen, by the connection's state
 * and policy. */
static void
test_refresh(void)
{
    struct timeout_policy tp = {
        .policy = {
            .id = 9,
            .present = 1u << CT_DPIF_TP_ATTR_UDP_MULTIPLE,
            .attrs[CT_DPIF_TP_ATTR_UDP_MULTIPLE] = 100,
        },
    };
    struct ct_frame_action policy = { .commit = true, .tp_id = 9 };
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_activity act = { .packets = 3, .bytes = 180 };
    uint64_t n_packets, n_bytes;
    long long now, expiry;

    timeout_policy_update(ct, &tp);
    run(ct, ct_frame_udp(false, client, server, ""), policy, NEW);
    act.conn = run(ct, ct_frame_udp(false, server, client, ""), policy, RPL);
    now = time_msec();
    expiry = expiry_of(ct, act.conn);
    act.used_ms = now + 5000;
    ovs_assert(ct_bypass_refresh(ct, &act, now + 7000));
    ovs_assert(expiry_of(ct, act.conn) == now + 5000 + 100000);

    /* Neither shorter, nor later than now, nor for nothing but bytes that were
     * missing before. */
    act.used_ms = now + 1000;
    ovs_assert(ct_bypass_refresh(ct, &act, now + 7000));
    ovs_assert(expiry_of(ct, act.conn) == now + 5000 + 100000);
    act.used_ms = now + 9000;
    ovs_assert(ct_bypass_refresh(ct, &act, now + 7000));
    ovs_assert(expiry_of(ct, act.conn) == now + 7000 + 100000);
    act.packets = 0;
    act.used_ms = now + 9000;
    ovs_assert(ct_bypass_refresh(ct, &act, now + 9000));
    ovs_assert(expiry_of(ct, act.conn) == now + 7000 + 100000);
    atomic_read_relaxed(&ct->n_hidden_packets, &n_packets);
    atomic_read_relaxed(&ct->n_hidden_bytes, &n_bytes);
    ovs_assert(n_packets == 9 && n_bytes == 720);

    /* Who is gone is gone. */
    act.packets = 1;
    ovs_assert(!ct_bypass_refresh(ct, &act, now + 200000));
    ovs_assert(ct_clean_sweep(ct, now + 200000) == 1);
    ovs_assert(!ct_bypass_refresh(ct, &act, now));

    /* TCP, and at its end, too. */
    now = time_msec();
    act.conn = open_tcp(ct);
    act.used_ms = now + 20000;
    ovs_assert(ct_bypass_refresh(ct, &act, now + 20000));
    ovs_assert(expiry_of(ct, act.conn) == now + 20000 + 86400 * 1000);
    tcp(ct, false, TCP_FIN | TCP_ACK, 1001, 2001, "", EST);
    expiry = expiry_of(ct, act.conn);
    ovs_assert(expiry < now + 1000 * 1000);
    ovs_assert(ct_bypass_refresh(ct, &act, now + 20000));
    ovs_assert(expiry_of(ct, act.conn) == now + 20000 + 900 * 1000);
    stop(ct);
}

/* While packets are hidden windows are not checked; afterwards they are,
 * where the sides are then. */
static void
test_hidden(void)
{
    struct diary d;
    struct conntrack *ct = start(&d);
    struct ct_handle a = open_tcp(ct);
    struct conntrack_dump dump;
    struct ct_dpif_entry entry;
    int n_buckets;

    tcp(ct, false, TCP_ACK, 5000000, 2001, "far off", INV);
    ovs_assert(ct_bypass_begin(ct, a));
    tcp(ct, false, TCP_ACK, 5000000, 2001, "seen by chance", EST);
    ovs_assert(!conntrack_dump_start(ct, &dump, NULL, &n_buckets));
    ovs_assert(!conntrack_dump_next(&dump, &entry));
    ovs_assert(entry.protoinfo.tcp.flags_orig & CT_DPIF_TCPF_BE_LIBERAL);

    ovs_assert(ct_bypass_end(ct, a) && ct_bypass_end(ct, a));
    tcp(ct, false, TCP_ACK, 3000000000u, 90000, "here", EST);
    tcp(ct, true, TCP_ACK, 90000, 3000000004u, "there", RPL);
    tcp(ct, false, TCP_ACK, 3000000004u, 90005, "on", EST);
    tcp(ct, false, TCP_ACK, 1001, 90005, "stale", INV);
    tcp(ct, true, TCP_ACK, 2001, 3000000006u, "stale", INV);
    tcp(ct, false, TCP_RST, 1001, 0, "", INV);
    tcp(ct, true, TCP_ACK, 90005, 3000000006u, "", RPL);
    ovs_assert(!conntrack_dump_start(ct, &dump, NULL, &n_buckets));
    ovs_assert(!conntrack_dump_next(&dump, &entry));
    ovs_assert(!(entry.protoinfo.tcp.flags_orig & CT_DPIF_TCPF_BE_LIBERAL));

    /* What is acknowledged without having been seen has been sent: nobody
     * resets from before that. */
    ovs_assert(ct_bypass_begin(ct, a) && ct_bypass_end(ct, a));
    tcp(ct, false, TCP_ACK, 70000, 500, "once more", EST);
    tcp(ct, true, TCP_ACK, 500, 71000, "", RPL);
    tcp(ct, false, TCP_RST, 70009, 0, "", INV);
    tcp(ct, true, TCP_ACK, 500, 72000, "", RPL);
    tcp(ct, false, TCP_RST, 71000, 0, "", INV);
    tcp(ct, false, TCP_RST, 72100, 0, "", EST); /* In flight, perhaps. */
    stop(ct);
}

/* Without a listener nothing is left of him. */
static void
test_stop(void)
{
    struct diary d, other;
    struct conntrack *ct = start(&d);
    struct ct_handle a = open_tcp(ct);
    struct conn *conn = ct_handle_find(ct, a);

    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    ovs_assert(ct_bypass_begin(ct, a));
    ct_watch_stop(ct);
    ct_watch_stop(ct);
    ovs_assert(!(ct_conn_flags(conn) & (CT_F_ARMED | CT_F_LIBERAL)));
    ovs_assert(conn->peers[0].wscale & CT_WSCALE_LOST);

    other = d;
    ct_watch_start(ct, &other.up);
    ct_kill(ct, conn, CT_DEATH_FORCED);
    ovs_assert(!d.n_deleted && other.n_deleted == 1 && !other.n_leaving);
    ct_watch_stop(ct);

    /* Armed for nobody. */
    a = open_udp(ct);
    ovs_assert(ct_watch_arm(ct, a, TAG) == CT_ARMED);
    ovs_assert(ct_kill(ct, ct_handle_find(ct, a), CT_DEATH_FORCED));
    stop(ct);
}

static void
test_watch_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_handles();
    test_sights();
    test_arm();
    test_changed();
    test_closing();
    test_deaths();
    test_expiry();
    test_settings();
    test_refresh();
    test_hidden();
    test_stop();
}
DPTEST_REGISTER("ct-watch", test_watch_main);
