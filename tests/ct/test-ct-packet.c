/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "ct/ct-packet.h"

#include "coverage.h"
#include "csum.h"
#include "ct/ct-csum.h"
#include "flow.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* The short way of parsing takes only what the long one takes, and says the
 * same of it; and it takes all plain packets.  Checksums are right if they are
 * right by the library. */

enum { N_PACKETS = 300000 };

static struct ct_secret secret;

static void
check_csum(void)
{
    for (int i = 0; i < 100000; i++) {
        size_t n = random_range(random_range(20) ? 80 : 1600);
        bool right = random_range(2);
        uint8_t data[1602];

        random_bytes(data, n);
        if (!random_range(100)) {
            memset(data, random_range(2) ? 0 : 0xff, n);
        }
        if (right && n >= 2) {
            ovs_be16 sum;

            memset(data, 0, 2);
            sum = csum(data, n);
            memcpy(data, &sum, 2);
        }
        /* Zeros only are no sum of anything. */
        ovs_assert(ct_csum_is_right(ct_csum_add(data, n))
                   == (!csum(data, n) && !is_all_zeros(data, n)));
    }
}

/* Puts the checksums right of a packet that was extracted as 'flow'. */
static void
repair(struct dp_packet *packet, const struct flow *flow)
{
    struct ip_header *ip = dp_packet_l3(packet);
    uint8_t *l4 = dp_packet_l4(packet);
    size_t size = dp_packet_l4_size(packet);
    size_t ofs = flow->nw_proto == IPPROTO_TCP ? 16 : 6;
    ovs_be16 sum = 0;

    if (flow->dl_type == htons(ETH_TYPE_IP)
        && IP_IHL(ip->ip_ihl_ver) * 4 <= l4 - (uint8_t *) ip) {
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, IP_IHL(ip->ip_ihl_ver) * 4);
    }
    if ((flow->nw_proto == IPPROTO_TCP || flow->nw_proto == IPPROTO_UDP)
        && size >= ofs + 2) {
        memcpy(l4 + ofs, &sum, 2);
        if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
            sum = packet_csum_upperlayer6((void *) ip, l4, flow->nw_proto,
                                          size);
        } else if (flow->nw_proto == IPPROTO_TCP || random_range(2)) {
            sum = csum_finish(csum_continue(packet_csum_pseudoheader(ip), l4,
                                            size));
        }
        memcpy(l4 + ofs, &sum, 2);
    }
}

/* Is 'flow', of a sound packet, what the short way is for?  Extraction does
 * not look at the version of IP. */
static bool
is_plain(const struct flow *flow, const struct dp_packet *packet)
{
    const struct ip_header *ip = dp_packet_l3(packet);
    bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    size_t head_len = is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;

    return (packet->l4_ofs == packet->l3_ofs + head_len
            && (is_ipv6 || IP_VER(ip->ip_ihl_ver) == 4)
            && (flow->nw_proto == IPPROTO_TCP
                || flow->nw_proto == IPPROTO_UDP));
}

/* Returns true if 'packet' took the short way. */
static bool
check_packet(struct dp_packet *packet, const struct flow *flow)
{
    struct ct_packet p, q;
    bool plain, any;

    memset(&p, 0, sizeof p);
    memset(&q, 0, sizeof q);
    plain = ct_packet_parse_plain(&secret, packet, flow->dl_type, 7, NULL, &p);
    any = ct_packet_parse_any(&secret, packet, flow->dl_type, 7, NULL, &q);
    if (plain != (any && is_plain(flow, packet))) {
        dptest_fail("%s: %d, %d", flow_to_string(flow, NULL), plain, any);
    }
    if (plain) {
        ovs_assert(ct_key_equal(&p.key, &q.key)
                   && ct_key_equal(&p.reverse, &q.reverse));
        ovs_assert(p.hash == q.hash && p.l4_len == q.l4_len);
        ovs_assert(!p.is_error && !q.is_error && !p.inner_l3 && !p.inner_l4);
    }
    return plain;
}

/* Returns what is read of 'packet', a sound one. */
static struct ct_packet
parse(struct dp_packet *packet, bool is_ipv6, bool any)
{
    ovs_be16 dl_type = htons(is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    struct ct_packet p;

    memset(&p, 0, sizeof p);
    ovs_assert((any ? ct_packet_parse_any : ct_packet_parse)(
                   &secret, packet, dl_type, 7, NULL, &p));
    return p;
}

/* Bytes behind the IP datagram, of any number and value, are not read, and a
 * segment is not longer with them. */
static void
check_padding(void)
{
    static const size_t sizes[] = { 1, 6, 46, 127, 128, 255, 256, 700 };
    struct ct_end a = { 1, 1000 }, b = { 2, 80 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes) * 8; i++) {
        bool is_ipv6 = i & 1, is_tcp = i & 2, any = i & 4;
        struct dp_packet *packet
            = (is_tcp ? ct_frame_tcp(is_ipv6, a, b, TCP_ACK, 1, 1, "")
               : ct_frame_udp(is_ipv6, a, b, "x"));
        struct ct_packet without = parse(packet, is_ipv6, any), with;
        size_t size = sizes[i / 8];
        struct flow flow;

        random_bytes(dp_packet_put_uninit(packet, size), size);
        flow_extract(packet, &flow);
        with = parse(packet, is_ipv6, any);
        ovs_assert(!memcmp(&with, &without, sizeof with));
        ovs_assert(ct_packet_csums_are_good(packet, is_ipv6));
        if (is_tcp) {
            struct ct_tcp_segment seg;

            ct_packet_get_segment(packet, &with, &seg);
            ovs_assert(!seg.len);
        }
        dp_packet_delete(packet);
    }
}

/* Wrong checksums of layer 4, since the last call. */
static unsigned int
l4csum_errors(void)
{
    extern struct coverage_counter counter_conntrack_l4csum_err;

    return counter_conntrack_l4csum_err.count();
}

static bool
is_sound(struct dp_packet *packet)
{
    struct ct_packet p;

    return ct_packet_parse(&secret, packet, htons(ETH_TYPE_IP), 0, NULL, &p);
}

/* What the NIC says of a checksum is believed, and what it says is wrong is
 * counted. */
static void
check_nic(void)
{
    struct ct_end a = { 1, 1000 }, b = { 2, 80 };

    for (int wrong = 0; wrong < 2; wrong++) {
        struct dp_packet *packet = ct_frame_udp(false, a, b, "x");
        struct udp_header *udp = dp_packet_l4(packet);

        l4csum_errors();
        udp->udp_csum ^= htons(wrong);
        ovs_assert(is_sound(packet) == !wrong);
        ovs_assert(l4csum_errors() == wrong);
        *dp_packet_ol_flags_ptr(packet) = DP_PACKET_OL_RX_L4_CKSUM_GOOD;
        ovs_assert(is_sound(packet) && !l4csum_errors());
        *dp_packet_ol_flags_ptr(packet) = DP_PACKET_OL_RX_L4_CKSUM_BAD;
        ovs_assert(!is_sound(packet));
        ovs_assert(l4csum_errors() == 1);
        dp_packet_delete(packet);
    }
}

/* The checksum of an IPv4 header is that of its options, too. */
static void
check_ip_options(void)
{
    enum { LEN = 8, HEAD_LEN = IP_HEADER_LEN + LEN };
    struct dp_packet *plain = ct_frame_udp(false, (struct ct_end) { 1, 1000 },
                                           (struct ct_end) { 2, 80 }, "x");
    size_t l4_len = dp_packet_l4_size(plain);
    struct dp_packet *packet = dp_packet_new(128);
    struct ip_header *ip;
    struct flow flow;

    dp_packet_put(packet, dp_packet_data(plain),
                  ETH_HEADER_LEN + IP_HEADER_LEN);
    memset(dp_packet_put_uninit(packet, LEN), 1, LEN);  /* Nothing. */
    dp_packet_put(packet, dp_packet_l4(plain), l4_len);
    ip = dp_packet_at_assert(packet, ETH_HEADER_LEN, HEAD_LEN);
    ip->ip_ihl_ver = IP_IHL_VER(HEAD_LEN / 4, 4);
    ip->ip_tot_len = htons(HEAD_LEN + l4_len);
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, HEAD_LEN);
    flow_extract(packet, &flow);
    ovs_assert(is_sound(packet));
    ((uint8_t *) ip)[HEAD_LEN - 1] = 0;
    ovs_assert(!is_sound(packet));
    dp_packet_delete(packet);
    dp_packet_delete(plain);
}

static void
test_ct_packet_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_plain = 0, n_other = 0;

    ct_secret_init(&secret);
    check_csum();
    check_padding();
    check_nic();
    check_ip_options();
    flow_limit_vlans(1);
    for (int i = 0; i < N_PACKETS; i++) {
        struct flow flow = random_ip_flow();
        struct dp_packet packet;

        flow_to_packet(&flow, &packet);
        spoil(&packet);
        flow_extract(&packet, &flow);
        if (is_ip_any(&flow) && packet.l4_ofs != UINT16_MAX) {
            if (random_range(8)) {
                repair(&packet, &flow);
            }
            *dp_packet_ol_flags_ptr(&packet) = (random_range(2) ? 0
                                                : random_rx_flags());
            if (check_packet(&packet, &flow)) {
                n_plain++;
            } else {
                n_other++;
            }
        }
        dp_packet_uninit(&packet);
    }
    ovs_assert(n_plain > N_PACKETS / 8 && n_other > N_PACKETS / 20);
}
DPTEST_REGISTER("ct-packet", test_ct_packet_main);
