/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "ct/ct-tcp.h"

#include "ct/ct-packet.h"
#include "packets.h"
#include "random.h"
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

/* Returns a number near 'x', or at some border of it. */
static uint32_t
near(uint32_t x)
{
    static const uint32_t far[] = { 0, 1, 1000, UINT16_MAX, 1 << 20, 1 << 30 };
    uint32_t by = far[random_range(ARRAY_SIZE(far))] + random_range(3) - 1;

    return random_range(2) ? x + by : x - by;
}

static struct ct_tcp_peer
random_peer(uint32_t seq)
{
    static const uint8_t wscales[] = {
        0, CT_WSCALE_SEEN | 7, CT_WSCALE_SEEN, CT_WSCALE_UNKNOWN,
        CT_WSCALE_SEEN | 14, CT_WSCALE_LOST, CT_WSCALE_SEEN | CT_WSCALE_GUESSED
    };

    return (struct ct_tcp_peer) {
        .seqlo = near(seq),
        .seqhi = near(seq),
        .max_win = near(0),
        .wscale = wscales[random_range(ARRAY_SIZE(wscales))],
        .state = (random_range(4) ? CT_DPIF_TCPS_ESTABLISHED
                  : random_range(CT_DPIF_TCPS_MAX_NUM)),
    };
}

/* The short way takes what the long one takes as valid between two sides that
 * are established and not lost, and does the same with it; else nothing. */
static void
check_plain(void)
{
    unsigned int n_plain = 0;

    for (int i = 0; i < 1000000; i++) {
        uint32_t seq = random_uint32(), ack = random_uint32();
        struct ct_tcp_peer before[2] = { random_peer(seq), random_peer(ack) };
        struct ct_tcp_peer plain[2] = { before[0], before[1] };
        struct ct_tcp_peer any[2] = { before[0], before[1] };
        struct ct_tcp_check check = { .window = random_range(8) };
        bool reply = random_range(2);
        struct ct_tcp_segment seg = {
            .seq = near(reply ? ack : seq),
            .ack = near(reply ? seq : ack),
            .len = random_range(2) ? random_range(2000) : 0,
            .win = random_uint32(),
            .flags = (random_range(4) ? TCP_ACK | random_range(2) * TCP_PSH
                      : random_range(64)),
        };
        bool done = ct_tcp_take_plain(plain, reply, &seg);
        enum ct_tcp_fit fit = ct_tcp_take(any, reply, &seg, &check);
        uint8_t lost = CT_WSCALE_LOST | CT_WSCALE_GUESSED;

        ovs_assert(done == (ct_tcp_is_established(before)
                            && fit == CT_TCP_VALID && !check.window_missed
                            && !((before[0].wscale | before[1].wscale) & lost)
                            && (seg.flags & (TCP_SYN | TCP_FIN | TCP_RST
                                             | TCP_ACK)) == TCP_ACK));
        ovs_assert(!memcmp(plain, done ? any : before, sizeof plain));
        n_plain += done;
    }
    ovs_assert(n_plain > 10000);
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
    check_plain();
    check_wrong_family();
}
DPTEST_REGISTER("ct-tcp", test_ct_tcp_main);
