/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "ct/ct-tcp.h"

#include "ct/ct-packet.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "util.h"

/* Flags that no segment has, of all there may be. */
static void
check_flags(void)
{
    for (unsigned int flags = 0; flags < 64; flags++) {
        bool syn = flags & TCP_SYN, ack = flags & TCP_ACK;
        bool bad = ((syn && flags & (TCP_FIN | TCP_RST))
                    || !(flags & (TCP_SYN | TCP_ACK | TCP_RST))
                    || (!ack && flags & (TCP_FIN | TCP_PSH | TCP_URG)));

        if (ct_tcp_flags_are_bad(flags) != bad) {
            dptest_fail("flags %#x", flags);
        }
    }
}

/* Options of a SYN, and the window scale that they offer, or -1. */
static const struct {
    uint8_t options[12];
    int scale;
} cases[] = {
    { { 1, 1, 1, 1 }, -1 },
    { { 1, 3, 3, 7 }, 7 },
    { { 3, 3, 99 }, 14 },               /* More than there may be. */
    { { 2, 4, 5, 180, 3, 3, 2, 3, 3, 9 }, 9 },  /* The last one counts. */
    { { 0, 3, 3, 7 }, -1 },             /* Behind the end. */
    { { 254, 0, 3, 3, 7 }, 7 },         /* Impossible length. */
    { { 254, 200, 3, 3, 7 }, -1 },
    { { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3 }, -1 },     /* Cut. */
};

static void
check_options(void)
{
    const struct ct_secret secret = { { 1, 1, 1 } };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t len = TCP_HEADER_LEN + sizeof cases[i].options;
        struct dp_packet *p = ct_frame_tcp(false, (struct ct_end) { 1, 1000 },
                                           (struct ct_end) { 2, 80 }, TCP_SYN,
                                           1, 0, "options here");
        struct tcp_header *tcp = dp_packet_l4(p);
        struct ct_tcp_segment seg;
        struct ct_packet parsed;

        ovs_assert(dp_packet_l4_size(p) == len);
        *dp_packet_ol_flags_ptr(p) |= DP_PACKET_OL_RX_L4_CKSUM_GOOD;
        memcpy(tcp + 1, cases[i].options, sizeof cases[i].options);
        tcp->tcp_ctl = TCP_CTL(TCP_SYN, len / 4);
        ovs_assert(ct_packet_parse(&secret, p, htons(ETH_TYPE_IP), 0, NULL,
                                   &parsed));
        ct_packet_get_segment(p, &parsed, &seg);
        if (seg.wscale != (cases[i].scale < 0 ? 0
                           : cases[i].scale | CT_WSCALE_SEEN)) {
            dptest_fail("options %"PRIuSIZE": scale %#x", i, seg.wscale);
        }
        dp_packet_delete(p);
    }
}

/* ICMP in IPv6, or ICMPv6 in IPv4, begins no connection. */
static void
check_wrong_family(void)
{
    struct conntrack *ct = conntrack_init();
    const struct ct_frame_action commit = { .commit = true };
    struct dp_packet *p = ct_frame_udp(true, (struct ct_end) { 1, 1000 },
                                       (struct ct_end) { 2, 80 }, "x");
    struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(p);
    uint32_t n;

    ip->ip6_nxt = IPPROTO_ICMP;
    ovs_assert(ct_frame_run(ct, p, &commit, 1000)
               == (CS_TRACKED | CS_INVALID));
    ovs_assert(p->md.ct_orig_tuple_ipv6
               && p->md.ct_orig_tuple.ipv6.ipv6_proto == IPPROTO_ICMP
               && !p->md.ct_orig_tuple.ipv6.src_port);
    conntrack_get_nconns(ct, &n);
    ovs_assert(!n);
    dp_packet_delete(p);
    conntrack_destroy(ct);
}

static void
test_ct_tcp_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_flags();
    check_options();
    check_wrong_family();
}
DPTEST_REGISTER("ct-tcp", test_ct_tcp_main);
