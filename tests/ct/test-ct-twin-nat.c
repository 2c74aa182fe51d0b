/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Our tracker and Open vSwitch's translate to ranges of addresses and ports.
 *
 * What each chooses from a range is its own affair.  Both must stay in the
 * range, give no two connections the same, keep to what they have chosen, put
 * it back in replies, and refuse what has no place. */

#undef NDEBUG
#include "conntrack.h"

#include "packets.h"
#include "timeval.h"
#include "tests/ct/ct-frame.h"
#include "tests/ct/ct-pass.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "util.h"

enum { MAX_CONNS = 101, SERVER = 0x2000, FIRST_HOST = 0x3000,
       FIRST_PORT = 7000 };

enum method { HASH, RANDOM, PERSISTENT, N_METHODS };

/* What is asked for. */
struct range {
    bool is_ipv6, dnat;
    uint8_t proto;
    enum method method;
    int n_hosts;
    int n_ports;                /* 0: those of the packet. */
    int n_conns;                /* That there is place for. */
};

/* A connection: both ends before, and what each tracker makes of the one that
 * is translated. */
struct connection {
    struct ct_end client, server;
    struct ct_end translated[CT_N_RIVALS];
};

struct trackers {
    struct conntrack *ct[CT_N_RIVALS];
    struct range range;
    struct ct_pass_action commit, look;
    struct connection conns[MAX_CONNS];
};

static void
set_action(struct trackers *t)
{
    const struct range *r = &t->range;
    struct nat_action_info_t *nat = &t->commit.nat;

    t->look = (struct ct_pass_action) { .zone = 1, .has_nat = true };
    t->commit = t->look;
    t->commit.commit = true;
    nat->min_addr = ct_frame_addr(r->is_ipv6, FIRST_HOST);
    nat->max_addr = ct_frame_addr(r->is_ipv6, FIRST_HOST + r->n_hosts - 1);
    nat->nat_action = r->dnat ? NAT_ACTION_DST : NAT_ACTION_SRC;
    if (r->n_ports) {
        nat->nat_action |= r->dnat ? NAT_ACTION_DST_PORT : NAT_ACTION_SRC_PORT;
        nat->min_port = FIRST_PORT;
        nat->max_port = FIRST_PORT + r->n_ports - 1;
    }
    if (r->method == RANDOM) {
        ovs_nat_set_random(nat);
    } else if (r->method == PERSISTENT) {
        ovs_nat_set_persistent(nat);
    }
}

static void
open_trackers(struct trackers *t, const struct range *range)
{
    atomic_store(&ct_theirs_now_ms, time_msec());
    for (int i = 0; i < CT_N_RIVALS; i++) {
        t->ct[i] = ct_rivals[i].init();
    }
    t->range = *range;
    set_action(t);
}

static void
close_trackers(struct trackers *t)
{
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].destroy(t->ct[i]);
    }
}

/* Sends a packet from 'src' to 'dst' through tracker 'i'.  The caller frees
 * it. */
static struct dp_packet *
transmit(struct trackers *t, int i, struct ct_end src, struct ct_end dst,
         const struct ct_pass_action *a, uint16_t flags)
{
    struct dp_packet *p
        = (t->range.proto == IPPROTO_TCP
           ? ct_frame_tcp(t->range.is_ipv6, src, dst, flags, 1000,
                          flags & TCP_ACK ? 1001 : 0, "")
           : ct_frame_udp(t->range.is_ipv6, src, dst, "0123456789"));
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, p);
    ct_pass_run(&ct_rivals[i], t->ct[i], &batch, a, time_msec());
    ct_frame_check(p);
    return p;
}

static bool
is_same(struct ct_end a, struct ct_end b)
{
    return a.host == b.host && a.port == b.port;
}

/* Sends the first packet of 'c' through tracker 'i', which stores where it
 * went.  Returns its state. */
static uint8_t
send_first(struct trackers *t, int i, struct connection *c,
           const struct ct_pass_action *a)
{
    struct dp_packet *p = transmit(t, i, c->client, c->server, a, TCP_SYN);
    uint8_t state = p->md.ct_state;
    struct ct_end src = ct_frame_src(p), dst = ct_frame_dst(p);

    c->translated[i] = t->range.dnat ? dst : src;
    ovs_assert(t->range.dnat ? is_same(src, c->client)
               : is_same(dst, c->server));
    dp_packet_delete(p);
    return state;
}

/* 'c' has been translated to what 'range' has, and what no earlier connection
 * has. */
static void
check_place(const struct trackers *t, int i, size_t n)
{
    const struct range *r = &t->range;
    const struct connection *c = &t->conns[n];
    const struct ct_end *to = &c->translated[i];
    uint16_t own = r->dnat ? c->server.port : c->client.port;

    ovs_assert(to->host >= FIRST_HOST && to->host < FIRST_HOST + r->n_hosts);
    if (r->n_ports) {
        ovs_assert(to->port >= FIRST_PORT
                   && to->port < FIRST_PORT + r->n_ports);
    } else if (r->dnat) {
        ovs_assert(to->port == own);
    } else {
        /* Another one may have it: then one of its class. */
        ovs_assert(own < 1024 ? to->port >= 600 && to->port < 1024
                   : to->port >= 1024);
    }
    for (size_t j = 0; !r->dnat && j < n; j++) {
        ovs_assert(!is_same(t->conns[j].translated[i], *to));
    }
}

/* The reply to 'c' comes back as if nothing had been translated. */
static struct dp_packet *
get_reply(struct trackers *t, int i, const struct connection *c)
{
    struct ct_end from = t->range.dnat ? c->translated[i] : c->server;
    struct ct_end to = t->range.dnat ? c->client : c->translated[i];
    struct dp_packet *p = transmit(t, i, from, to, &t->look,
                                   TCP_SYN | TCP_ACK);

    ovs_assert(is_same(ct_frame_src(p), c->server));
    ovs_assert(is_same(ct_frame_dst(p), c->client));
    return p;
}

static void
check_reply(struct trackers *t, const struct connection *c)
{
    uint8_t nat = t->range.dnat ? CS_SRC_NAT : CS_DST_NAT;
    struct dp_packet *p[CT_N_RIVALS];

    for (int i = 0; i < CT_N_RIVALS; i++) {
        p[i] = get_reply(t, i, c);
        ovs_assert(p[i]->md.ct_state == (CS_TRACKED | CS_ESTABLISHED
                                         | CS_REPLY_DIR | nat));
    }
    ovs_assert(dp_packet_size(p[0]) == dp_packet_size(p[1])
               && !memcmp(dp_packet_data(p[0]), dp_packet_data(p[1]),
                          dp_packet_size(p[0])));
    for (int i = 0; i < CT_N_RIVALS; i++) {
        dp_packet_delete(p[i]);
    }
}

/* Connection 'n' of many clients, whose ports are the same now and then. */
static void
make_connection(struct connection *c, size_t n)
{
    *c = (struct connection) {
        .client = { 1 + n % 37, n % 5 ? 5000 : 700 },
        .server = { SERVER, 80 },
    };
    c->client.port += n / 37;
}

/* Opens as many connections as there is place for, and one more, if 'full'. */
static void
check_range(const struct range *range, bool full)
{
    uint8_t nat = range->dnat ? CS_DST_NAT : CS_SRC_NAT;
    uint32_t counts[CT_N_RIVALS];
    struct trackers t;

    open_trackers(&t, range);
    for (int n = 0; n < range->n_conns + full; n++) {
        struct connection *c = &t.conns[n];

        make_connection(c, n);
        for (int i = 0; i < CT_N_RIVALS; i++) {
            uint8_t state = send_first(&t, i, c, &t.commit);

            if (n == range->n_conns) {
                ovs_assert(state == (CS_TRACKED | CS_NEW));
                ovs_assert(is_same(c->translated[i], c->client));
            } else {
                ovs_assert(state == (CS_TRACKED | CS_NEW | nat));
                check_place(&t, i, n);
            }
        }
    }
    for (int n = 0; n < range->n_conns; n++) {
        struct connection *c = &t.conns[n], again = *c;

        for (int i = 0; i < CT_N_RIVALS; i++) {
            ovs_assert(send_first(&t, i, &again, &t.look)
                       == (CS_TRACKED | CS_NEW | nat));
            ovs_assert(is_same(again.translated[i], c->translated[i]));
        }
        check_reply(&t, c);
    }
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].get_nconns(t.ct[i], &counts[i]);
        ovs_assert(counts[i] == range->n_conns);
    }
    close_trackers(&t);
}

/* How many of the same connections are translated otherwise than at first. */
struct changes {
    int hosts, ports;
};

static struct changes
compare_choices(const struct trackers *a, const struct trackers *b, int i)
{
    struct changes changes = { 0, 0 };

    for (int n = 0; n < MAX_CONNS; n++) {
        const struct ct_end *x = &a->conns[n].translated[i];
        const struct ct_end *y = &b->conns[n].translated[i];

        changes.hosts += x->host != y->host;
        changes.ports += x->port != y->port;
    }
    return changes;
}

static void
choose_all(struct trackers *t, int i)
{
    for (int n = 0; n < MAX_CONNS; n++) {
        make_connection(&t->conns[n], n);
        send_first(t, i, &t->conns[n], &t->commit);
    }
    ct_rivals[i].flush(t->ct[i], NULL);
}

/* What one tracker chooses once more, and what another one chooses. */
static void
check_method(enum method method, int i)
{
    struct range range = { .proto = IPPROTO_UDP, .method = method,
                           .n_hosts = 2000, .n_ports = 2000 };
    struct trackers first, again, other;
    struct changes repeated, restarted;

    open_trackers(&first, &range);
    choose_all(&first, i);
    again = first;
    choose_all(&again, i);
    open_trackers(&other, &range);
    choose_all(&other, i);
    repeated = compare_choices(&first, &again, i);
    restarted = compare_choices(&first, &other, i);
    close_trackers(&first);
    close_trackers(&other);

    /* That chance chooses the same is possible, but not often. */
    if (method == RANDOM) {
        ovs_assert(repeated.ports > MAX_CONNS / 2);
    } else {
        ovs_assert(!repeated.hosts && !repeated.ports);
    }
    ovs_assert(restarted.ports > MAX_CONNS / 2);
    ovs_assert(method == PERSISTENT ? !restarted.hosts
               : restarted.hosts > MAX_CONNS / 2);
}

static void
test_ct_twin_nat_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const struct range ranges[] = {
        { .n_hosts = 1, .n_ports = 0, .n_conns = 100 },
        { .n_hosts = 5, .n_ports = 0, .n_conns = 100 },
        { .n_hosts = 1, .n_ports = 1, .n_conns = 1 },
        { .n_hosts = 1, .n_ports = 7, .n_conns = 7 },
        { .n_hosts = 1, .n_ports = 100, .n_conns = 100 },
        { .n_hosts = 9, .n_ports = 1000, .n_conns = 100 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(ranges) * 8 * N_METHODS; i++) {
        struct range r = ranges[i % ARRAY_SIZE(ranges)];
        size_t rest = i / ARRAY_SIZE(ranges);

        r.is_ipv6 = rest & 1;
        r.dnat = rest & 2;
        r.proto = rest & 4 ? IPPROTO_TCP : IPPROTO_UDP;
        r.method = rest / 8;
        if (r.dnat) {
            r.n_conns = 100;    /* Each client has its own port. */
        }
        check_range(&r, r.n_hosts == 1 && r.n_ports && !r.dnat);
    }
    for (enum method method = 0; method < N_METHODS; method++) {
        check_method(method, CT_RIVAL_OURS);
        if (ovs_nat_has_methods() || method == HASH) {
            check_method(method, CT_RIVAL_THEIRS);
        }
    }
}
DPTEST_REGISTER("ct-twin-nat", test_ct_twin_nat_main);
