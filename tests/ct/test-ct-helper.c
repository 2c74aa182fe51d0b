/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Control connections of FTP and TFTP, translated and not: their data
 * connections are related, and translated likewise; the text has the address
 * that the other side must use, and no sequence number gets lost. */

#include "conntrack.h"

#include <string.h>

#include "csum.h"
#include "packets.h"
#include "timeval.h"
#include "ovs/ovs-conntrack.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OTHER = 1234, CONTROL = 2121 };

/* Which tables send a packet through the tracker besides the one that
 * translates: one before, for the state, or one behind. */
enum also { NONE, BEFORE, BEHIND, N_ALSO };

/* A control connection, as both ends see it. */
struct dialogue {
    struct conntrack *ct;
    bool is_ipv6;
    enum also also;
    struct nat_action_info_t nat;
    struct ct_frame_action commit, known;
    struct ct_end client, server;       /* As they know themselves. */
    struct ct_end client_seen, server_seen;     /* As the other knows them. */
    uint32_t client_seq, server_seq;    /* Sent, as the sender counts. */
    uint32_t client_heard, server_heard;        /* Next that each expects. */
    long long now;
};

/* Sends 'p' through the tracker.  Returns its state. */
static uint8_t
run(struct dialogue *d, struct dp_packet *p, const struct ct_frame_action *a)
{
    const struct ct_frame_action look = { .commit = false };
    uint8_t state;

    if (d->also == BEFORE) {
        ct_frame_run(d->ct, p, &look, d->now);
    }
    state = ct_frame_run(d->ct, p, a, d->now);
    if (d->also == BEHIND) {
        ovs_assert(ct_frame_run(d->ct, p, &look, d->now) == state);
    }
    return state;
}

/* Sends a segment of one side.  Returns its state, and in '*out' what arrives
 * at the other side; the caller frees it. */
static uint8_t
say(struct dialogue *d, bool from_server, uint16_t flags, const char *text,
    const struct ct_frame_action *a, struct dp_packet **out)
{
    struct dp_packet *p
        = (from_server
           ? ct_frame_tcp(d->is_ipv6, d->server, d->client_seen, flags,
                          d->server_seq, d->server_heard, text)
           : ct_frame_tcp(d->is_ipv6, d->client, d->server_seen, flags,
                          d->client_seq, d->client_heard, text));
    uint8_t state = run(d, p, a);
    uint32_t *seq = from_server ? &d->server_seq : &d->client_seq;
    uint32_t *heard = from_server ? &d->client_heard : &d->server_heard;
    const struct tcp_header *tcp = dp_packet_l4(p);
    uint32_t arrived = ntohl(get_16aligned_be32(&tcp->tcp_seq));

    ct_frame_check(p);
    ovs_assert(!*heard || arrived == *heard);   /* Without a gap. */
    *seq += strlen(text) + !!(flags & TCP_SYN);
    *heard = arrived + dp_packet_get_tcp_payload_length(p)
             + !!(flags & TCP_SYN);
    *out = p;
    return state;
}

static void
say_nothing_new(struct dialogue *d, bool from_server, const char *text)
{
    struct dp_packet *p;
    uint8_t state = say(d, from_server, TCP_ACK, text, &d->known, &p);

    ovs_assert((state & ~(CS_SRC_NAT | CS_DST_NAT))
               == (CS_TRACKED | CS_ESTABLISHED
                   | (from_server ? CS_REPLY_DIR : 0)));
    dp_packet_delete(p);
}

/* Opens the connection, translated by 'action' (0: not at all). */
static void
open_dialogue(struct dialogue *d, bool is_ipv6, unsigned int action,
              enum also also)
{
    struct dp_packet *p;

    memset(d, 0, sizeof *d);
    d->ct = conntrack_init();
    d->is_ipv6 = is_ipv6;
    d->also = also;
    d->now = time_msec();
    d->client = d->client_seen = (struct ct_end) { CLIENT, 3000 };
    d->server = d->server_seen = (struct ct_end) { SERVER, CONTROL };
    d->client_seq = UINT32_MAX - 20;    /* Wraps soon. */
    d->server_seq = 1000;
    d->nat.nat_action = action;
    d->nat.min_addr = d->nat.max_addr
        = ct_frame_addr(is_ipv6, action == NAT_ACTION_DST ? SERVER : OTHER);
    d->commit = (struct ct_frame_action) {
        .commit = true, .helper = "ftp", .nat = action ? &d->nat : NULL,
    };
    d->known = (struct ct_frame_action) { .nat = action ? &d->nat : NULL };
    if (action == NAT_ACTION_DST) {
        d->server_seen.host = OTHER;
    } else if (action == NAT_ACTION_SRC) {
        d->client_seen.host = OTHER;
    }

    say(d, false, TCP_SYN, "", &d->commit, &p);
    ovs_assert(ct_frame_src(p).host == d->client_seen.host);
    ovs_assert(ct_frame_dst(p).host == d->server.host);
    dp_packet_delete(p);
    say(d, true, TCP_SYN | TCP_ACK, "", &d->known, &p);
    ovs_assert(ct_frame_src(p).host == d->server_seen.host);
    dp_packet_delete(p);
    say_nothing_new(d, false, "");
    say_nothing_new(d, true, "220 hello\r\n");
}

static void
format_announcement(const struct dialogue *d, bool passive, uint16_t host,
                    uint16_t port, char *text, size_t size)
{
    if (d->is_ipv6 && passive) {
        snprintf(text, size, "229 ok (|||%d|)\r\n", port);
    } else if (d->is_ipv6) {
        snprintf(text, size, "EPRT |2|fd00::%x|%d|\r\n", host, port);
    } else {
        snprintf(text, size, "%s10,0,%d,%d,%d,%d%s\r\n",
                 passive ? "227 ok (" : "PORT ", host >> 8, host & 0xff,
                 port >> 8, port & 0xff, passive ? ")" : "");
    }
}

/* One side announces 'port'; checks the text that arrives. */
static void
say_announcement(struct dialogue *d, bool passive, uint16_t port)
{
    const struct ct_end *own = passive ? &d->server : &d->client;
    const struct ct_end *seen = passive ? &d->server_seen : &d->client_seen;
    char text[80], expected[80];
    struct dp_packet *p;

    format_announcement(d, passive, own->host, port, text, sizeof text);
    format_announcement(d, passive, seen->host, port, expected,
                        sizeof expected);
    say(d, passive, TCP_ACK, text, &d->known, &p);
    ovs_assert(dp_packet_get_tcp_payload_length(p) == strlen(expected));
    ovs_assert(!memcmp(dp_packet_get_tcp_payload(p), expected,
                       strlen(expected)));
    dp_packet_delete(p);
}

/* The same.  Both sides go on as if nothing had happened. */
static void
announce(struct dialogue *d, bool passive, uint16_t port)
{
    say_announcement(d, passive, port);
    say_nothing_new(d, !passive, "200 ok, go on\r\n");
    say_nothing_new(d, passive, "and so do we\r\n");
    say_nothing_new(d, !passive, "");
}

/* The tuple of a data connection is that of the control connection. */
static void
check_tuple(const struct dialogue *d, const struct dp_packet *p)
{
    ovs_assert((d->is_ipv6 ? p->md.ct_orig_tuple.ipv6.dst_port
                : p->md.ct_orig_tuple.ipv4.dst_port) == htons(CONTROL));
}

/* The other side opens the data connection. */
static void
open_data(struct dialogue *d, bool passive, uint16_t port)
{
    struct ct_end from = passive ? d->client : d->server;
    struct ct_end to = passive ? d->server_seen : d->client_seen;
    struct ct_end real = passive ? d->server : d->client;
    struct ct_end from_seen = passive ? d->client_seen : d->server_seen;
    struct nat_action_info_t bare = { .nat_action = 0 };
    struct ct_frame_action a = {
        .commit = true, .nat = d->nat.nat_action ? &bare : NULL,
    };
    struct dp_packet *p;
    uint8_t state;

    from.port = 20;
    to.port = port;
    /* It is known for what it is before it is committed. */
    p = ct_frame_tcp(d->is_ipv6, from, to, TCP_SYN, 1, 0, "");
    ovs_assert(ct_frame_run(d->ct, p, &d->known, d->now)
               == (CS_TRACKED | CS_NEW | CS_RELATED));
    check_tuple(d, p);
    dp_packet_delete(p);

    p = ct_frame_tcp(d->is_ipv6, from, to, TCP_SYN, 1, 0, "");
    state = ct_frame_run(d->ct, p, &a, d->now);
    ct_frame_check(p);
    ovs_assert((state & ~(CS_SRC_NAT | CS_DST_NAT))
               == (CS_TRACKED | CS_NEW | CS_RELATED));
    ovs_assert(ct_frame_dst(p).host == real.host);
    ovs_assert(ct_frame_dst(p).port == port);
    ovs_assert(ct_frame_src(p).host == from_seen.host);
    check_tuple(d, p);
    dp_packet_delete(p);

    /* What was expected has come: another one is not expected. */
    from.port = 21;
    p = ct_frame_tcp(d->is_ipv6, from, to, TCP_SYN, 1, 0, "");
    ovs_assert(!(ct_frame_run(d->ct, p, &d->known, d->now) & CS_RELATED));
    dp_packet_delete(p);
}

/* Either side may reset, at exactly where it is, behind an announcement,
 * too. */
static void
check_reset(struct dialogue *d, bool passive)
{
    say_announcement(d, passive, 2003);
    for (int from_server = 0; from_server < 2; from_server++) {
        struct dp_packet *p;

        ovs_assert(!(say(d, from_server, TCP_RST | TCP_ACK, "", &d->known, &p)
                     & CS_INVALID));
        dp_packet_delete(p);
    }
}

static void
check_ftp(bool is_ipv6, unsigned int action, bool passive, enum also also)
{
    struct dialogue d;

    open_dialogue(&d, is_ipv6, action, also);
    for (uint16_t port = 2000; port < 2003; port++) {
        announce(&d, passive, port);
        open_data(&d, passive, port);
    }
    check_reset(&d, passive);
    conntrack_destroy(d.ct);
}

/* Who announces a stranger's address is not believed. */
static void
check_stranger(void)
{
    struct dialogue d;
    struct dp_packet *p;

    open_dialogue(&d, false, 0, NONE);
    ovs_assert(say(&d, false, TCP_ACK, "PORT 10,0,0,99,8,0\r\n", &d.known, &p)
               & CS_INVALID);
    dp_packet_delete(p);
    p = ct_frame_tcp(false, d.server, (struct ct_end) { 99, 2048 }, TCP_SYN, 1,
                     0, "");
    ovs_assert(ct_frame_run(d.ct, p, &d.known, d.now)
               == (CS_TRACKED | CS_NEW));
    dp_packet_delete(p);
    conntrack_destroy(d.ct);
}

/* Does the server's data connection to 'port' of the client belong to the
 * control connection, at 'now'? */
static bool
is_expected(struct dialogue *d, uint16_t port, long long now)
{
    struct ct_end from = { d->server.host, 20 };
    struct ct_end to = { d->client_seen.host, port };
    struct dp_packet *p = ct_frame_tcp(d->is_ipv6, from, to, TCP_SYN, 1, 0,
                                       "");
    uint8_t state = ct_frame_run(d->ct, p, &d->known, now);

    dp_packet_delete(p);
    ovs_assert((state & ~CS_RELATED) == (CS_TRACKED | CS_NEW));
    return state & CS_RELATED;
}

/* What is expected goes with the control connection, or by time, and is not
 * much. */
static void
check_expectations(void)
{
    const uint16_t zone = 0;
    struct dialogue d;

    open_dialogue(&d, false, NAT_ACTION_SRC, NONE);
    for (int i = 0; i < 10; i++) {
        announce(&d, false, 2000 + i);
    }
    for (int i = 0; i < 10; i++) {
        ovs_assert(is_expected(&d, 2000 + i, d.now + 299999) == (i < 8));
    }
    ovs_assert(!is_expected(&d, 2000, d.now + 300000));
    ovs_assert(is_expected(&d, 2001, d.now));
    conntrack_flush(d.ct, &zone);
    ovs_assert(!is_expected(&d, 2001, d.now));
    conntrack_destroy(d.ct);
}

/* The client sends 'text' at 'seq', which it has sent before.  Returns where
 * that arrives, and checks that it is 'expected'. */
static uint32_t
repeat(struct dialogue *d, uint32_t seq, const char *text,
       const char *expected)
{
    struct dp_packet *p = ct_frame_tcp(d->is_ipv6, d->client, d->server_seen,
                                       TCP_ACK, seq, d->client_heard, text);
    const struct tcp_header *tcp;
    uint32_t arrived;

    ct_frame_run(d->ct, p, &d->known, d->now);
    ct_frame_check(p);
    tcp = dp_packet_l4(p);
    arrived = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    ovs_assert(dp_packet_get_tcp_payload_length(p) == strlen(expected));
    ovs_assert(!memcmp(dp_packet_get_tcp_payload(p), expected,
                       strlen(expected)));
    dp_packet_delete(p);
    return arrived;
}

/* What is sent again arrives where it did at first. */
static void
check_repetition(void)
{
    const char *const announcement = "PORT 10,0,0,1,8,0\r\n";
    uint32_t seq, heard;
    struct dialogue d;

    open_dialogue(&d, false, NAT_ACTION_SRC, NONE);
    seq = d.client_seq;
    heard = d.server_heard;
    say_nothing_new(&d, false, "USER x\r\n");
    announce(&d, false, 2048);
    for (int i = 0; i < 2; i++) {
        ovs_assert(repeat(&d, seq, "USER x\r\n", "USER x\r\n") == heard);
        ovs_assert(repeat(&d, seq + 8, announcement, "PORT 10,0,4,210,8,0\r\n")
                   == heard + 8);
        say_nothing_new(&d, false, "NOOP\r\n");
        say_nothing_new(&d, true, "200 ok\r\n");
    }
    conntrack_destroy(d.ct);
}

/* Blocks that the server acknowledges selectively are those that the client
 * has sent. */
static void
check_sack(void)
{
    ovs_16aligned_be32 *edges;
    struct tcp_header *tcp;
    uint32_t sent, heard;
    struct dp_packet *p;
    struct dialogue d;

    open_dialogue(&d, false, NAT_ACTION_SRC, NONE);
    announce(&d, false, 2048);
    sent = d.client_seq;
    heard = d.server_heard;
    ovs_assert(heard != sent);

    /* Two bytes of nothing, and one block. */
    p = ct_frame_tcp(false, d.server, d.client_seen, TCP_ACK, d.server_seq,
                     heard, "\1\1\5\12--------");
    tcp = dp_packet_l4(p);
    tcp->tcp_ctl = TCP_CTL(TCP_ACK, TCP_HEADER_LEN / 4 + 3);
    edges = (ovs_16aligned_be32 *) ((char *) (tcp + 1) + 4);
    put_16aligned_be32(&edges[0], htonl(heard + 10));
    put_16aligned_be32(&edges[1], htonl(heard + 30));
    tcp->tcp_csum = 0;
    tcp->tcp_csum
        = csum_finish(csum_continue(packet_csum_pseudoheader(dp_packet_l3(p)),
                                    tcp, dp_packet_l4_size(p)));
    ovs_assert(!(ct_frame_run(d.ct, p, &d.known, d.now) & CS_INVALID));
    ct_frame_check(p);
    tcp = dp_packet_l4(p);
    ovs_assert(ntohl(get_16aligned_be32(&tcp->tcp_ack)) == sent);
    ovs_assert(ntohl(get_16aligned_be32(&edges[0])) == sent + 10);
    ovs_assert(ntohl(get_16aligned_be32(&edges[1])) == sent + 30);
    dp_packet_delete(p);
    conntrack_destroy(d.ct);
}

/* A data connection has the mark that its control connection has when it is
 * committed, whatever it was when it was announced. */
static void
check_late_mark(void)
{
    const uint32_t mark[2] = { 0x77, UINT32_MAX };
    struct ct_frame_action commit = { .commit = true };
    struct ct_frame_action set = { .commit = true, .mark = mark };
    struct dp_packet *p;
    struct dialogue d;

    open_dialogue(&d, false, 0, NONE);
    announce(&d, false, 2000);
    say(&d, false, TCP_ACK, "NOOP\r\n", &set, &p);
    ovs_assert(p->md.ct_mark == 0x77);
    dp_packet_delete(p);
    p = ct_frame_tcp(false, (struct ct_end) { SERVER, 20 },
                     (struct ct_end) { CLIENT, 2000 }, TCP_SYN, 1, 0, "");
    ovs_assert(ct_frame_run(d.ct, p, &commit, d.now)
               == (CS_TRACKED | CS_NEW | CS_RELATED));
    ovs_assert(p->md.ct_mark == 0x77);
    dp_packet_delete(p);
    conntrack_destroy(d.ct);
}

/* The helper of one connection does not read what others say in the same
 * burst. */
static void
check_neighbours(void)
{
    const struct ct_frame_action plain = { .commit = true };
    struct dp_packet_batch batch;
    struct dp_packet *p;
    struct dialogue d;

    open_dialogue(&d, false, 0, NONE);
    p = ct_frame_tcp(false, (struct ct_end) { CLIENT, 4000 },
                     (struct ct_end) { SERVER, 80 }, TCP_SYN, 1, 0, "");
    ct_frame_run(d.ct, p, &plain, d.now);
    dp_packet_delete(p);

    dp_packet_batch_init(&batch);
    dp_packet_batch_add(&batch,
                        ct_frame_tcp(false, d.client, d.server, TCP_ACK,
                                     d.client_seq, d.client_heard,
                                     "NOOP\r\n"));
    for (int i = 0; i < 2; i++) {
        dp_packet_batch_add(&batch,
                            ct_frame_tcp(false,
                                         (struct ct_end) { CLIENT, 4000 },
                                         (struct ct_end) { SERVER, 80 },
                                         TCP_ACK, 2, 1,
                                         i ? "PORT 10,0,0,1,8,0\r\n"
                                         : "PORT 1,2,3\r\n"));
    }
    conntrack_execute(d.ct, &batch, htons(ETH_TYPE_IP), false, false, 0, NULL,
                      NULL, OVS_CT_NO_PORTS NULL, NULL, d.now, 0);
    for (int i = 0; i < 3; i++) {
        ovs_assert(!(batch.packets[i]->md.ct_state & CS_INVALID));
    }
    dp_packet_delete_batch(&batch, true);
    ovs_assert(!is_expected(&d, 2048, d.now));
    conntrack_destroy(d.ct);
}

/* A server of TFTP answers from any port. */
static void
check_tftp(void)
{
    struct ct_frame_action commit = { .commit = true, .helper = "tftp" };
    struct ct_end client = { CLIENT, 3000 }, server = { SERVER, 69 };
    struct conntrack *ct = conntrack_init();
    struct dp_packet *p = ct_frame_udp(false, client, server, "x");

    ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
               == (CS_TRACKED | CS_NEW));
    dp_packet_delete(p);
    server.port = 4000;
    p = ct_frame_udp(false, server, client, "x");
    ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
               == (CS_TRACKED | CS_NEW | CS_RELATED));
    dp_packet_delete(p);
    conntrack_destroy(ct);
}

static void
test_ct_helper_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const unsigned int actions[] = { 0, NAT_ACTION_SRC,
                                            NAT_ACTION_DST };

    for (int i = 0; i < 12; i++) {
        for (enum also also = NONE; also < N_ALSO; also++) {
            check_ftp(i & 1, actions[i >> 2], i & 2, also);
        }
    }
    check_stranger();
    check_expectations();
    check_repetition();
    check_sack();
    check_late_mark();
    check_neighbours();
    check_tftp();
}

DPTEST_REGISTER("ct-helper", test_ct_helper_main);
