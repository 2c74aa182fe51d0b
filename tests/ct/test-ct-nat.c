/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What our tracker does about translation that Open vSwitch's does not. */

#include "conntrack.h"

#include <netinet/icmp6.h>
#include <stdlib.h>

#include "csum.h"
#include "packets.h"
#include "timeval.h"
#include "ct/ct.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OUTSIDE = 3, VIP = 4 };

static struct nat_action_info_t
translate_to(enum nat_action_e action, bool is_ipv6, uint16_t host)
{
    return (struct nat_action_info_t) {
        .min_addr = ct_frame_addr(is_ipv6, host),
        .max_addr = ct_frame_addr(is_ipv6, host),
        .nat_action = action,
    };
}

static uint8_t
send_udp(struct conntrack *ct, struct ct_end src, struct ct_end dst,
         const struct ct_frame_action *a, struct ct_end *new_src)
{
    struct dp_packet *p = ct_frame_udp(false, src, dst, "x");
    uint8_t state = ct_frame_run(ct, p, a, time_msec());

    ct_frame_check(p);
    *new_src = ct_frame_src(p);
    dp_packet_delete(p);
    return state;
}

static uint64_t
n_refused(struct conntrack *ct)
{
    uint64_t n;

    atomic_read_relaxed(&ct->n_refused[CT_REFUSED_NAT], &n);
    return n;
}

/* As many connections as there are ports, to one server and behind one
 * address: each gets one, of its own.  One more gets none, until one has
 * gone. */
static void
check_all_ports(void)
{
    enum { N = UINT16_MAX - 1023 };
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, false,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct conntrack *ct = conntrack_init();
    struct ct_end server = { SERVER, 53 }, out;
    bool *taken = xcalloc(UINT16_MAX + 1, sizeof *taken);
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET,
        .ip_proto = IPPROTO_UDP,
        .src.ip = ct_frame_addr(false, 100).ipv4,
        .dst.ip = ct_frame_addr(false, SERVER).ipv4,
        .src_port = htons(2000),
        .dst_port = htons(53),
    };

    for (int i = 0; i < N; i++) {
        /* Many want the same port. */
        struct ct_end client = { 100 + i / 16, 2000 + i % 16 };

        ovs_assert(send_udp(ct, client, server, &commit, &out)
                   == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
        ovs_assert(out.host == OUTSIDE && out.port >= 1024);
        ovs_assert(!taken[out.port]);
        taken[out.port] = true;
    }
    ovs_assert(!n_refused(ct));
    ovs_assert(send_udp(ct, (struct ct_end) { 99, 1 + 2000 }, server, &commit,
                        &out) == (CS_TRACKED | CS_NEW));
    ovs_assert(out.host == 99 && n_refused(ct) == 1);

    ovs_assert(!conntrack_flush_tuple(ct, &tuple, 0));
    ovs_assert(send_udp(ct, (struct ct_end) { 99, 2001 }, server, &commit,
                        &out) == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    free(taken);
    conntrack_destroy(ct);
}

/* A client has nearly all ports behind an address, which nobody else has
 * wanted before: another one gets those that are left, and no longer any. */
static void
check_last_ports(void)
{
    enum { FIRST = 1024, N_PORTS = UINT16_MAX + 1 - FIRST, N_LEFT = 3 };
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, false,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_end server = { SERVER, 53 }, out;
    struct conntrack *ct = conntrack_init();

    for (int i = N_LEFT; i < N_PORTS; i++) {
        struct ct_end client = { CLIENT, FIRST + i };

        ovs_assert(send_udp(ct, client, server, &commit, &out)
                   == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
        ovs_assert(out.port == client.port);
    }
    for (int i = 0; i <= N_LEFT; i++) {
        struct ct_end client = { CLIENT + 10, 20000 + i };
        uint8_t state = send_udp(ct, client, server, &commit, &out);

        ovs_assert(state == (CS_TRACKED | CS_NEW
                             | (i < N_LEFT ? CS_SRC_NAT : 0)));
        ovs_assert(i == N_LEFT || out.port < FIRST + N_LEFT);
    }
    ovs_assert(n_refused(ct) == 1);
    conntrack_destroy(ct);
}

/* "ct(commit,nat)" without an address commits what is not translated. */
static void
check_bare(void)
{
    struct nat_action_info_t bare = { .nat_action = 0 };
    struct ct_frame_action a = { .commit = true, .nat = &bare };
    struct ct_end client = { CLIENT, 1000 }, server = { SERVER, 53 }, out;
    struct conntrack *ct = conntrack_init();

    ovs_assert(send_udp(ct, client, server, &a, &out)
               == (CS_TRACKED | CS_NEW));
    ovs_assert(send_udp(ct, server, client, &a, &out)
               == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    ovs_assert(out.host == SERVER);
    conntrack_destroy(ct);
}

/* Two connections whose replies would be the same: the second is not there. */
static void
check_same_replies(void)
{
    struct nat_action_info_t nat = translate_to(NAT_ACTION_DST, false, SERVER);
    struct ct_frame_action dnat = { .commit = true, .nat = &nat };
    struct ct_frame_action plain = { .commit = true };
    struct ct_end client = { CLIENT, 1000 }, out;
    struct conntrack *ct = conntrack_init();
    uint32_t n;

    ovs_assert(send_udp(ct, client, (struct ct_end) { VIP, 53 }, &dnat, &out)
               == (CS_TRACKED | CS_NEW | CS_DST_NAT));
    ovs_assert(send_udp(ct, client, (struct ct_end) { SERVER, 53 }, &plain,
                        &out) == (CS_TRACKED | CS_NEW));
    conntrack_get_nconns(ct, &n);
    ovs_assert(n == 1);
    conntrack_destroy(ct);
}

/* A range of ports may begin with 0, which is none. */
static void
check_all_numbers(void)
{
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, false,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_end server = { SERVER, 53 }, out;
    struct conntrack *ct = conntrack_init();

    nat.nat_action |= NAT_ACTION_SRC_PORT;
    for (uint32_t max = 0; max <= UINT16_MAX; max += UINT16_MAX) {
        nat.max_port = max;
        for (int i = 0; i < 100; i++) {
            struct ct_end client = { CLIENT + 10, 1000 + i };
            uint8_t state = send_udp(ct, client, server, &commit, &out);

            /* Of 0 alone, there is one, which is 1. */
            ovs_assert(state == (CS_TRACKED | CS_NEW
                                 | (max || !i ? CS_SRC_NAT : 0)));
            ovs_assert(out.port && (max || !i == (out.port == 1)));
        }
        conntrack_flush(ct, NULL);
    }
    conntrack_destroy(ct);
}

/* Sends the echo request of 'src' with identifier 'id', or the reply to it.
 * Stores the end of it that is ours in '*out', with the identifier as port. */
static uint8_t
ping(struct conntrack *ct, bool is_ipv6, bool reply, struct ct_end host,
     const struct ct_frame_action *a, struct ct_end *out)
{
    struct ct_end server = { SERVER, 0 };
    struct dp_packet *p = ct_frame_udp(is_ipv6, reply ? server : host,
                                       reply ? host : server, "");
    struct icmp_header *icmp = dp_packet_l4(p);
    uint8_t state;

    icmp->icmp_type = (is_ipv6 ? reply ? ICMP6_ECHO_REPLY : ICMP6_ECHO_REQUEST
                       : reply ? ICMP4_ECHO_REPLY : ICMP4_ECHO_REQUEST);
    icmp->icmp_code = 0;
    icmp->icmp_fields.echo.id = htons(host.port);
    icmp->icmp_fields.echo.seq = htons(1);
    icmp->icmp_csum = 0;
    if (is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(p);

        ip->ip6_nxt = IPPROTO_ICMPV6;
        icmp->icmp_csum = packet_csum_upperlayer6(ip, icmp, IPPROTO_ICMPV6,
                                                  sizeof *icmp);
    } else {
        struct ip_header *ip = dp_packet_l3(p);

        ip->ip_proto = IPPROTO_ICMP;
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
        icmp->icmp_csum = csum(icmp, sizeof *icmp);
    }
    state = ct_frame_run(ct, p, a, time_msec());
    ct_frame_check(p);
    *out = reply ? ct_frame_dst(p) : ct_frame_src(p);
    out->port = ntohs(icmp->icmp_fields.echo.id);
    dp_packet_delete(p);
    return state;
}

/* Clients behind one address may ping with one identifier: each gets the reply
 * to its own, as it expects it. */
static void
check_pings(bool is_ipv6)
{
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, is_ipv6,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_end seen[3], out;
    struct conntrack *ct = conntrack_init();

    for (int i = 0; i < 3; i++) {
        struct ct_end client = { CLIENT + 10 + i, 7 };

        ovs_assert(ping(ct, is_ipv6, false, client, &commit, &seen[i])
                   == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
        ovs_assert(seen[i].host == OUTSIDE && (i || seen[i].port == 7));
    }
    for (int i = 0; i < 3; i++) {
        ovs_assert(ping(ct, is_ipv6, true, seen[i], &commit, &out)
                   == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR
                       | CS_DST_NAT));
        ovs_assert(out.host == CLIENT + 10 + i && out.port == 7);
    }
    conntrack_destroy(ct);
}

/* "force" from the other side of a translated connection begins a new one. */
static void
check_force(void)
{
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, false,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_frame_action force = { .commit = true, .force = true };
    struct ct_end client = { CLIENT, 1000 }, server = { SERVER, 53 }, out;
    struct conntrack *ct = conntrack_init();
    struct dp_packet *p;

    send_udp(ct, client, server, &commit, &out);
    p = ct_frame_udp(false, server, out, "x");
    ovs_assert(ct_frame_run(ct, p, &force, time_msec())
               == (CS_TRACKED | CS_NEW));
    ovs_assert(p->md.conn && !p->md.reply);     /* Of the new one. */
    dp_packet_delete(p);
    conntrack_destroy(ct);
}

/* A packet that another thread's connection was faster than, or that has been
 * translated as one of a connection that has gone, finds a connection that is
 * over only when it commits: it begins a new one, as any SYN does. */
static void
check_late_clash(void)
{
    struct nat_action_info_t nat = translate_to(NAT_ACTION_SRC, false,
                                                OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_end client = { CLIENT, 1000 }, server = { SERVER, 80 };
    struct conntrack *ct = conntrack_init();
    struct dp_packet *p;
    uint32_t n;

    for (int i = 0; i < 2; i++) {
        p = ct_frame_tcp(false, client, server, i ? TCP_RST : TCP_SYN, 1 + i,
                         0, "");
        ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
                   == (CS_TRACKED | (i ? CS_ESTABLISHED : CS_NEW)
                       | CS_SRC_NAT));
        dp_packet_delete(p);
    }
    p = ct_frame_tcp(false, client, server, TCP_SYN, 1000, 0, "");
    p->md.ct_state = CS_TRACKED | CS_NEW | CS_SRC_NAT;
    p->md.ct_zone = commit.zone;
    ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
               == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    ovs_assert(ct_frame_src(p).host == OUTSIDE);
    dp_packet_delete(p);
    conntrack_get_nconns(ct, &n);
    ovs_assert(n == 1);
    conntrack_destroy(ct);
}

static void
test_ct_nat_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_all_ports();
    check_last_ports();
    check_bare();
    check_same_replies();
    check_all_numbers();
    check_pings(false);
    check_pings(true);
    check_force();
    check_late_clash();
}

DPTEST_REGISTER("ct-nat", test_ct_nat_main);
