/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What our tracker does otherwise than Open vSwitch 3.1's, as
 * Documentation/internals/conntrack.rst has it, and no other test looks at. */

#undef NDEBUG
#include "conntrack.h"

#include <netinet/icmp6.h>

#include "crc32c.h"
#include "csum.h"
#include "flow.h"
#include "packets.h"
#include "timeval.h"
#include "ct/ct.h"
#include "ovs/ovs-conntrack.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "unaligned.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OUTSIDE = 3, ROUTER = 4, MTU = 1280 };

static const struct ct_end client = { CLIENT, 1000 };
static const struct ct_end server = { SERVER, 53 };

static struct nat_action_info_t
snat_to(bool is_ipv6, uint16_t first, uint16_t last)
{
    return (struct nat_action_info_t) {
        .min_addr = ct_frame_addr(is_ipv6, first),
        .max_addr = ct_frame_addr(is_ipv6, last),
        .nat_action = NAT_ACTION_SRC,
    };
}

static uint8_t
send_at(struct conntrack *ct, bool is_ipv6, struct ct_end src,
        struct ct_end dst, const struct ct_frame_action *a, long long now_ms,
        struct ct_end *out)
{
    struct dp_packet *p = ct_frame_udp(is_ipv6, src, dst, "0123456789");
    uint8_t state = ct_frame_run(ct, p, a, now_ms);

    ct_frame_check(p);
    if (out) {
        *out = ct_frame_src(p);
    }
    dp_packet_delete(p);
    return state;
}

/* Errors. */

/* Returns an error of ROUTER's to the sender of 'about', which it takes: "too
 * big" over IPv6, "fragmentation needed" over IPv4, both with MTU. */
static struct dp_packet *
make_error(struct dp_packet *about, bool is_ipv6)
{
    union ct_addr router = ct_frame_addr(is_ipv6, ROUTER);
    size_t inner_len = dp_packet_l3_size(about);
    size_t len = 8 + inner_len;
    struct dp_packet *p = dp_packet_new_with_headroom(512, 64);
    uint8_t *icmp;
    struct flow flow;

    dp_packet_put(p, dp_packet_data(about), ETH_HEADER_LEN);
    if (is_ipv6) {
        const struct ovs_16aligned_ip6_hdr *inner = dp_packet_l3(about);
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_put_zeros(p, sizeof *ip);

        put_16aligned_be32(&ip->ip6_flow, htonl(6u << 28));
        ip->ip6_plen = htons(len);
        ip->ip6_nxt = IPPROTO_ICMPV6;
        ip->ip6_hlim = 64;
        memcpy(&ip->ip6_src, &router, sizeof ip->ip6_src);
        ip->ip6_dst = inner->ip6_src;
    } else {
        const struct ip_header *inner = dp_packet_l3(about);
        struct ip_header *ip = dp_packet_put_zeros(p, sizeof *ip);

        ip->ip_ihl_ver = IP_IHL_VER(5, 4);
        ip->ip_tot_len = htons(sizeof *ip + len);
        ip->ip_ttl = 64;
        ip->ip_proto = IPPROTO_ICMP;
        put_16aligned_be32(&ip->ip_src, router.ipv4);
        ip->ip_dst = inner->ip_src;
        ip->ip_csum = csum(ip, sizeof *ip);
    }
    dp_packet_put_zeros(p, 8);
    dp_packet_put(p, dp_packet_l3(about), inner_len);
    icmp = (uint8_t *) dp_packet_tail(p) - len;
    icmp[0] = is_ipv6 ? ICMP6_PACKET_TOO_BIG : ICMP4_DST_UNREACH;
    icmp[1] = is_ipv6 ? 0 : 4;
    put_unaligned_be32((ovs_be32 *) (icmp + 4), htonl(MTU));
    put_unaligned_be16((ovs_be16 *) (icmp + 2),
                       (is_ipv6
                        ? packet_csum_upperlayer6((void *) (icmp - sizeof
                                                            (struct ip6_hdr)),
                                                  icmp, IPPROTO_ICMPV6, len)
                        : csum(icmp, len)));
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    dp_packet_delete(about);
    return p;
}

/* An error about the first fragment of a connection's datagram is related. */
static void
check_error_about_fragment(void)
{
    struct conntrack *ct = conntrack_init();
    struct ct_frame_action commit = { .commit = true };
    struct ct_frame_action look = { .commit = false };

    ovs_assert(send_at(ct, false, client, server, &commit, time_msec(), NULL)
               == (CS_TRACKED | CS_NEW));
    for (int later = 0; later < 2; later++) {
        struct dp_packet *p = ct_frame_udp(false, client, server, "012345678");
        struct ip_header *ip = dp_packet_l3(p);
        uint8_t expected = (later ? CS_TRACKED | CS_INVALID
                            : CS_TRACKED | CS_RELATED | CS_REPLY_DIR);

        ip->ip_frag_off = htons(IP_MORE_FRAGMENTS | later);
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
        p = make_error(p, false);
        ovs_assert(ct_frame_run(ct, p, &look, time_msec()) == expected);
        dp_packet_delete(p);
    }
    conntrack_destroy(ct);
}

/* An error of ICMPv6 about a translated packet is translated, in both headers,
 * has a sound checksum, and keeps the MTU that it tells. */
static void
check_translated_error(void)
{
    struct nat_action_info_t nat = snat_to(true, OUTSIDE, OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct conntrack *ct = conntrack_init();
    union ct_addr want = ct_frame_addr(true, CLIENT);
    const struct ovs_16aligned_ip6_hdr *outer, *inner;
    const struct udp_header *udp;
    const uint8_t *icmp;
    struct dp_packet *p;
    struct ct_end out;

    ovs_assert(send_at(ct, true, client, server, &commit, time_msec(), &out)
               == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    ovs_assert(out.host == OUTSIDE);
    p = make_error(ct_frame_udp(true, out, server, "0123456789"), true);
    ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
               == (CS_TRACKED | CS_RELATED | CS_REPLY_DIR | CS_DST_NAT));

    outer = dp_packet_l3(p);
    icmp = (const uint8_t *) (outer + 1);
    inner = (const void *) (icmp + 8);
    udp = (const void *) (inner + 1);
    ovs_assert(!memcmp(&outer->ip6_dst, &want, sizeof want));
    ovs_assert(!memcmp(&inner->ip6_src, &want, sizeof want));
    ovs_assert(udp->udp_src == htons(client.port));
    ovs_assert(get_unaligned_be32((const ovs_be32 *) (icmp + 4))
               == htonl(MTU));
    ovs_assert(!packet_csum_upperlayer6(outer, icmp, IPPROTO_ICMPV6,
                                        ntohs(outer->ip6_plen)));
    dp_packet_delete(p);
    conntrack_destroy(ct);
}

/* Masked sets of mark and label begin with what the connection has, whatever
 * the packet's own metadata have from elsewhere. */
static void
check_masked_sets(void)
{
    struct conntrack *ct = conntrack_init();

    for (int i = 0; i < 2; i++) {
        uint32_t mark[2] = { 1u << i, 1u << i };
        struct ovs_key_ct_labels label[2];
        struct ct_frame_action a = {
            .commit = true, .mark = mark, .label = label,
        };
        struct dp_packet *p = ct_frame_udp(false, client, server, "");

        memset(label, 0, sizeof label);
        label[0].ct_labels_32[i] = label[1].ct_labels_32[i] = 0xff;
        p->md.ct_state = CS_TRACKED | CS_NEW;
        p->md.ct_zone = 7;
        p->md.ct_mark = 0xf0;
        p->md.ct_label.u32[3] = 0xf0;
        ct_frame_run(ct, p, &a, time_msec());
        ovs_assert(p->md.ct_mark == (i ? 3 : 1));
        ovs_assert(p->md.ct_label.u32[0] == 0xff && !p->md.ct_label.u32[3]);
        ovs_assert(p->md.ct_label.u32[1] == (i ? 0xff : 0));
        dp_packet_delete(p);
    }
    conntrack_destroy(ct);
}

/* A packet that has met its connection, which then goes, begins another one
 * when it passes again: what is set is not lost. */
static void
check_flush_between(void)
{
    const uint32_t mark[2] = { 5, UINT32_MAX };
    const struct ct_frame_action look = { .commit = false };
    const struct ct_frame_action commit = { .commit = true };
    const struct ct_frame_action set = { .commit = true, .mark = mark };
    struct conntrack *ct = conntrack_init();

    for (int again = 0; again < 2; again++) {
        struct dp_packet *p = ct_frame_udp(false, client, server, "");

        send_at(ct, false, client, server, &commit, time_msec(), NULL);
        ct_frame_run(ct, p, &look, time_msec());
        ovs_assert(p->md.conn && !p->md.ct_mark);
        conntrack_flush(ct, NULL);
        ovs_assert(ct_frame_run(ct, p, again ? &look : &set, time_msec())
                   == (CS_TRACKED | CS_NEW));
        ovs_assert(again ? !p->md.conn : p->md.conn && p->md.ct_mark == 5);
        dp_packet_delete(p);
        conntrack_flush(ct, NULL);
    }
    conntrack_destroy(ct);
}

/* The port of a connection whose time is over is free, swept or not. */
static void
check_expired_port(void)
{
    struct nat_action_info_t nat = snat_to(false, OUTSIDE, OUTSIDE);
    struct ct_frame_action commit = { .commit = true, .nat = &nat };
    struct ct_end another = { 9, 1000 }, out;
    struct conntrack *ct = conntrack_init();
    long long now = time_msec();

    nat.nat_action |= NAT_ACTION_SRC_PORT;
    nat.min_port = nat.max_port = 7000;
    send_at(ct, false, client, server, &commit, now, &out);
    ovs_assert(out.host == OUTSIDE && out.port == 7000);
    ovs_assert(send_at(ct, false, another, server, &commit, now + 59999, &out)
               == (CS_TRACKED | CS_NEW));
    ovs_assert(send_at(ct, false, another, server, &commit, now + 60000, &out)
               == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    ovs_assert(out.host == OUTSIDE && out.port == 7000);
    conntrack_destroy(ct);
}

/* Two associations of SCTP between the same hosts are two connections, if this
 * Open vSwitch knows their ports. */
static void
check_sctp(void)
{
    struct ct_frame_action commit = { .commit = true };
    struct conntrack *ct = conntrack_init();
    uint32_t n;

    for (int i = 0; i < 2; i++) {
        struct ct_end src = { CLIENT, 10 + i };
        struct dp_packet *p = ct_frame_udp(false, src,
                                           server, "01234567890123456789");
        struct ip_header *ip = dp_packet_l3(p);
        struct sctp_header *sctp = dp_packet_l4(p);
        ovs_be16 *chunk = (ovs_be16 *) (sctp + 1);
        size_t len = dp_packet_l4_size(p);

        chunk[1] = htons(len - sizeof *sctp);   /* One of any type. */
        ip->ip_proto = IPPROTO_SCTP;
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
        put_16aligned_be32(&sctp->sctp_csum, 0);
        put_16aligned_be32(&sctp->sctp_csum, crc32c((void *) sctp, len));
        ovs_assert(ct_frame_run(ct, p, &commit, time_msec())
                   == (CS_TRACKED | CS_NEW));
        dp_packet_delete(p);
    }
    conntrack_get_nconns(ct, &n);
    ovs_assert(n == (ovs_ct_has_sctp_ports() ? 2 : 1));
    conntrack_destroy(ct);
}

/* What 32 clients are translated to, out of 4096 addresses. */
static void
choose(struct conntrack *ct, const struct ct_frame_action *a,
       uint16_t hosts[32])
{
    for (int i = 0; i < 32; i++) {
        struct ct_end src = { CLIENT + 100 * i, 1000 }, out;

        send_at(ct, false, src, server, a, time_msec(), &out);
        hosts[i] = out.host;
    }
    conntrack_flush(ct, NULL);
}

/* "hash" is the same as long as the switch runs, "persistent" for ever, and
 * "random" never, whichever version of Open vSwitch this is. */
static void
check_choices(void)
{
    struct conntrack *a = conntrack_init(), *b = conntrack_init();
    uint16_t first[32], again[32], other[32];

    for (int i = 0; i < 3; i++) {
        struct nat_action_info_t nat = snat_to(false, 0x4000, 0x4fff);
        struct ct_frame_action act = { .commit = true, .nat = &nat };

        if (i == 1) {
            ovs_nat_set_persistent(&nat);
        } else if (i == 2) {
            ovs_nat_set_random(&nat);
        }
        ovs_assert(ovs_nat_is_persistent(&nat) == (i == 1));
        ovs_assert(ovs_nat_is_random(&nat) == (i == 2));
        choose(a, &act, first);
        choose(a, &act, again);
        choose(b, &act, other);
        ovs_assert(!memcmp(first, again, sizeof first) == (i != 2));
        ovs_assert(!memcmp(first, other, sizeof first) == (i == 1));
    }
    conntrack_destroy(a);
    conntrack_destroy(b);
}

static void
test_differences_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_error_about_fragment();
    check_translated_error();
    check_masked_sets();
    check_flush_between();
    check_expired_port();
    check_sctp();
    check_choices();
}
DPTEST_REGISTER("ct-differences", test_differences_main);
