/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/ct/ct-frame.h"

#include "csum.h"
#include "flow.h"
#include "packets.h"
#include "ct/ct-packet.h"
#include "util.h"

union ct_addr
ct_frame_addr(bool is_ipv6, uint16_t host)
{
    union ct_addr addr;

    memset(&addr, 0, sizeof addr);
    if (is_ipv6) {
        addr.ipv6.s6_addr[0] = 0xfd;
        addr.ipv6.s6_addr[14] = host >> 8;
        addr.ipv6.s6_addr[15] = host;
    } else {
        addr.ipv4 = htonl(0x0a000000 | host);
    }
    return addr;
}

static struct dp_packet *
put_l3(bool is_ipv6, uint16_t src, uint16_t dst, uint8_t proto, size_t l4_len)
{
    union ct_addr a = ct_frame_addr(is_ipv6, src);
    union ct_addr b = ct_frame_addr(is_ipv6, dst);
    struct dp_packet *p = dp_packet_new_with_headroom(256, 64);
    struct eth_header *eth = dp_packet_put_zeros(p, sizeof *eth);

    if (is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_put_zeros(p, sizeof *ip);

        eth->eth_type = htons(ETH_TYPE_IPV6);
        put_16aligned_be32(&ip->ip6_flow, htonl(6u << 28));
        ip->ip6_plen = htons(l4_len);
        ip->ip6_nxt = proto;
        ip->ip6_hlim = 64;
        memcpy(&ip->ip6_src, &a, sizeof ip->ip6_src);
        memcpy(&ip->ip6_dst, &b, sizeof ip->ip6_dst);
    } else {
        struct ip_header *ip = dp_packet_put_zeros(p, sizeof *ip);

        eth->eth_type = htons(ETH_TYPE_IP);
        ip->ip_ihl_ver = IP_IHL_VER(5, 4);
        ip->ip_tot_len = htons(sizeof *ip + l4_len);
        ip->ip_ttl = 64;
        ip->ip_proto = proto;
        put_16aligned_be32(&ip->ip_src, a.ipv4);
        put_16aligned_be32(&ip->ip_dst, b.ipv4);
        ip->ip_csum = csum(ip, sizeof *ip);
    }
    return p;
}

/* Returns the checksum over 'len' bytes at 'l4' and the addresses. */
static ovs_be16
sum_l4(const struct dp_packet *p, bool is_ipv6, uint8_t proto, const void *l4,
       size_t len)
{
    const void *l3 = (const char *) dp_packet_data(p) + ETH_HEADER_LEN;

    return (is_ipv6 ? packet_csum_upperlayer6(l3, l4, proto, len)
            : csum_finish(csum_continue(packet_csum_pseudoheader(l3), l4,
                                        len)));
}

static struct dp_packet *
finish(struct dp_packet *p)
{
    struct flow flow;

    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

struct dp_packet *
ct_frame_udp(bool is_ipv6, struct ct_end src, struct ct_end dst,
             const char *text)
{
    size_t len = UDP_HEADER_LEN + strlen(text);
    struct dp_packet *p = put_l3(is_ipv6, src.host, dst.host, IPPROTO_UDP,
                                 len);
    struct udp_header *udp = dp_packet_put_zeros(p, sizeof *udp);

    dp_packet_put(p, text, strlen(text));
    udp = (void *) ((char *) dp_packet_tail(p) - len);
    udp->udp_src = htons(src.port);
    udp->udp_dst = htons(dst.port);
    udp->udp_len = htons(len);
    udp->udp_csum = sum_l4(p, is_ipv6, IPPROTO_UDP, udp, len);
    return finish(p);
}

struct dp_packet *
ct_frame_tcp(bool is_ipv6, struct ct_end src, struct ct_end dst,
             uint16_t flags, uint32_t seq, uint32_t ack, const char *text)
{
    size_t len = TCP_HEADER_LEN + strlen(text);
    struct dp_packet *p = put_l3(is_ipv6, src.host, dst.host, IPPROTO_TCP,
                                 len);
    struct tcp_header *tcp = dp_packet_put_zeros(p, sizeof *tcp);

    dp_packet_put(p, text, strlen(text));
    tcp = (void *) ((char *) dp_packet_tail(p) - len);
    tcp->tcp_src = htons(src.port);
    tcp->tcp_dst = htons(dst.port);
    put_16aligned_be32(&tcp->tcp_seq, htonl(seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(ack));
    tcp->tcp_ctl = TCP_CTL(flags, TCP_HEADER_LEN / 4);
    tcp->tcp_winsz = htons(8192);
    tcp->tcp_csum = sum_l4(p, is_ipv6, IPPROTO_TCP, tcp, len);
    return finish(p);
}

static struct ct_end
get_end(const struct dp_packet *p, bool dst)
{
    const uint8_t *l3 = dp_packet_l3(p);
    const ovs_be16 *ports = dp_packet_l4(p);
    const uint8_t *addr;

    if (IP_VER(l3[0]) == 6) {
        addr = l3 + 8 + (dst ? 32 : 16);
    } else {
        addr = l3 + 12 + (dst ? 8 : 4);
    }
    return (struct ct_end) {
        .host = addr[-2] << 8 | addr[-1],
        .port = ntohs(ports[dst]),
    };
}

struct ct_end
ct_frame_src(const struct dp_packet *p)
{
    return get_end(p, false);
}

struct ct_end
ct_frame_dst(const struct dp_packet *p)
{
    return get_end(p, true);
}

void
ct_frame_check(struct dp_packet *p)
{
    const struct eth_header *eth = dp_packet_data(p);
    struct ct_secret secret = { { 1, 1, 1 } };
    struct ct_packet parsed;

    ovs_assert(ct_packet_parse(&secret, p, eth->eth_type, 0, NULL,
                               &parsed));
    ovs_assert(parsed.l4_len == dp_packet_l4_size(p));
}

uint8_t
ct_frame_run(struct conntrack *ct, struct dp_packet *packet,
             const struct ct_frame_action *a, long long now_ms)
{
    const struct eth_header *eth = dp_packet_data(packet);
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, packet);
    ct_execute(ct, &batch, eth->eth_type, a->force, a->commit, a->zone,
               a->mark, a->label, a->helper, a->nat, now_ms, a->tp_id,
               a->sights);
    return packet->md.ct_state;
}
