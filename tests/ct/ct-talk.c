/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/ct/ct-talk.h"

#include <limits.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "random.h"
#include "ovs/ovs-conntrack.h"
#include "util.h"

enum { N_HOSTS = 4, N_PORTS = 3 };

/* Packets. */

static struct in6_addr
host_ipv6(uint16_t host)
{
    struct in6_addr addr = IN6ADDR_ANY_INIT;

    addr.s6_addr[0] = 0xfd;
    addr.s6_addr[14] = (host + 1) >> 8;
    addr.s6_addr[15] = host + 1;
    return addr;
}

static ovs_be32
host_ipv4(uint16_t host)
{
    return htonl(0x0a000001 + host);
}

static void
put_l3(struct dp_packet *p, const struct ct_talk *t, bool reply, uint8_t proto,
       size_t l4_len, uint16_t router)
{
    uint16_t src = reply ? t->at[1].dst : t->at[0].src;
    uint16_t dst = reply ? t->at[1].src : t->at[0].dst;
    struct eth_header *eth = dp_packet_put_zeros(p, sizeof *eth);

    if (router) {
        src = router;
    }
    if (t->is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_put_zeros(p, sizeof *ip);
        struct in6_addr a = host_ipv6(src), b = host_ipv6(dst);

        eth->eth_type = htons(ETH_TYPE_IPV6);
        put_16aligned_be32(&ip->ip6_flow, htonl(6u << 28));
        ip->ip6_plen = htons(l4_len);
        ip->ip6_nxt = proto;
        ip->ip6_hlim = 64;
        memcpy(&ip->ip6_src, &a, sizeof a);
        memcpy(&ip->ip6_dst, &b, sizeof b);
    } else {
        struct ip_header *ip = dp_packet_put_zeros(p, sizeof *ip);

        eth->eth_type = htons(ETH_TYPE_IP);
        ip->ip_ihl_ver = IP_IHL_VER(5, 4);
        ip->ip_tot_len = htons(sizeof *ip + l4_len);
        ip->ip_ttl = 64;
        ip->ip_proto = proto;
        put_16aligned_be32(&ip->ip_src, host_ipv4(src));
        put_16aligned_be32(&ip->ip_dst, host_ipv4(dst));
        ip->ip_csum = csum(ip, sizeof *ip);
    }
}

static ovs_be16
l4_csum(const struct dp_packet *p, uint8_t proto, const void *l4, size_t len)
{
    const void *l3 = (const char *) dp_packet_data(p) + ETH_HEADER_LEN;

    if (IP_VER(*(const uint8_t *) l3) == 6) {
        return packet_csum_upperlayer6(l3, l4, proto, len);
    }
    return (proto == IPPROTO_ICMP
            ? csum(l4, len)
            : csum_finish(csum_continue(packet_csum_pseudoheader(l3), l4,
                                        len)));
}

/* A TCP segment's flags and numbers for a turn of 'side'. */
static uint16_t
choose_flags(void)
{
    static const uint16_t flags[] = {
        TCP_SYN, TCP_SYN, TCP_SYN | TCP_ACK, TCP_SYN | TCP_ACK, TCP_ACK,
        TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK,
        TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_FIN, 0,
        TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_PSH, TCP_ACK | TCP_URG,
    };
    uint32_t r = random_range(60);

    return r < ARRAY_SIZE(flags) ? flags[r] : TCP_ACK;
}

void
ct_talk_put_segment(struct dp_packet *p, const struct ct_talk *t,
                    const struct ct_segment *s)
{
    size_t header_len = TCP_HEADER_LEN + (s->scale >= 0 ? 4 : 0);
    size_t len = header_len + s->payload;
    struct tcp_header *tcp;

    put_l3(p, t, s->reply, IPPROTO_TCP, len, 0);
    tcp = dp_packet_put_zeros(p, len);
    tcp->tcp_src = htons(s->reply ? t->at[1].dport : t->at[0].sport);
    tcp->tcp_dst = htons(s->reply ? t->at[1].sport : t->at[0].dport);
    put_16aligned_be32(&tcp->tcp_seq, htonl(s->seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(s->flags & TCP_ACK ? s->ack : 0));
    tcp->tcp_ctl = TCP_CTL(s->flags, header_len / 4);
    tcp->tcp_winsz = htons(s->window);
    if (s->scale >= 0) {
        uint8_t *option = (uint8_t *) (tcp + 1);

        option[0] = 1;
        option[1] = 3;
        option[2] = 3;
        option[3] = s->scale;
    }
    tcp->tcp_csum = l4_csum(p, IPPROTO_TCP, tcp, len);
}

static void
put_tcp(struct dp_packet *p, struct ct_talk *t, bool reply, size_t payload)
{
    struct ct_side *me = &t->sides[reply], *other = &t->sides[!reply];
    struct ct_segment s = { .reply = reply, .flags = choose_flags(),
                            .seq = me->seq, .ack = me->acked,
                            .scale = -1, .payload = payload };
    bool scale = s.flags & TCP_SYN && random_range(2);

    switch (random_range(24)) {
    case 0: s.seq -= random_range(100000); break;
    case 1: s.seq += random_range(100000); break;
    case 2: s.ack -= random_range(100000); break;
    case 3: s.ack += random_range(100000); break;
    case 4: s.seq = random_uint32(); break;
    case 5: s.ack = random_range(2) ? 0 : random_uint32(); break;
    default:
        me->seq += payload + !!(s.flags & TCP_SYN) + !!(s.flags & TCP_FIN);
        other->acked = me->seq;
    }
    /* No window that its scale makes larger than 16 bits: when the other side
     * does not scale, theirs takes what is left of it. */
    s.window = random_range(4) ? 8000 : random_range(8192);
    if (scale) {
        s.scale = random_range(4);
    }
    ct_talk_put_segment(p, t, &s);
}

static void
put_udp(struct dp_packet *p, struct ct_talk *t, bool reply, size_t payload)
{
    size_t len = UDP_HEADER_LEN + payload;
    struct udp_header *udp;

    put_l3(p, t, reply, IPPROTO_UDP, len, 0);
    udp = dp_packet_put_zeros(p, len);
    udp->udp_src = htons(reply ? t->at[1].dport : t->at[0].sport);
    udp->udp_dst = htons(reply ? t->at[1].sport : t->at[0].dport);
    udp->udp_len = htons(len);
    if (t->is_ipv6 || random_range(4)) {
        udp->udp_csum = l4_csum(p, IPPROTO_UDP, udp, len);
        if (!udp->udp_csum) {
            udp->udp_csum = htons(UINT16_MAX);
        }
    }
}

static void
put_icmp(struct dp_packet *p, struct ct_talk *t, bool reply, size_t payload)
{
    static const uint8_t v4[][2] = { { 8, 0 }, { 13, 14 }, { 15, 16 } };
    uint8_t proto = t->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    size_t len = ICMP_HEADER_LEN + payload;
    struct icmp_header *icmp;
    bool answer = random_range(8) ? reply : !reply;

    put_l3(p, t, reply, proto, len, 0);
    icmp = dp_packet_put_zeros(p, len);
    icmp->icmp_type = (t->is_ipv6 ? (answer ? 129 : 128)
                       : v4[t->at[0].sport % 3][answer]);
    icmp->icmp_code = !random_range(20);
    icmp->icmp_fields.echo.id = htons(reply ? t->at[1].sport
                                      : t->at[0].sport);
    icmp->icmp_csum = l4_csum(p, proto, icmp, len);
}

static void
put_other(struct dp_packet *p, struct ct_talk *t, bool reply, size_t payload)
{
    put_l3(p, t, reply, t->proto, payload, 0);
    dp_packet_put_zeros(p, payload);
}

/* An error about a packet that went the other way. */
void
ct_talk_put_error(struct dp_packet *p, struct ct_talk *t, bool reply)
{
    uint8_t proto = t->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    struct ct_talk copy = *t;
    struct dp_packet *about = dp_packet_new(256);
    uint8_t types[] = { 3, 4, 5, 11, 12 };
    struct icmp_header *icmp;
    size_t inner, len;

    /* The packet as it is on the wire at the sender of the error. */
    ct_talk_put_plain(about, &copy, !reply, 8);
    inner = dp_packet_size(about) - ETH_HEADER_LEN;
    if (random_range(2)) {
        size_t l4_len = random_range(24);

        /* Of a TCP header that is cut near its checksum, theirs sums up only
         * half of what it changes. */
        l4_len = l4_len > 16 && l4_len < 20 ? TCP_HEADER_LEN : l4_len;
        inner = MIN(inner, (t->is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN)
                    + l4_len);
    }
    len = ICMP_HEADER_LEN + inner;
    put_l3(p, t, reply, proto, len, random_range(2) ? 99 : 0);
    icmp = dp_packet_put_zeros(p, len);
    icmp->icmp_type = (t->is_ipv6 ? 1 + random_range(4)
                       : types[random_range(ARRAY_SIZE(types))]);
    icmp->icmp_fields.frag.mtu = htons(1280);
    memcpy(icmp + 1, (char *) dp_packet_data(about) + ETH_HEADER_LEN, inner);
    icmp->icmp_csum = l4_csum(p, proto, icmp, len);
    dp_packet_delete(about);
}

void
ct_talk_put_plain(struct dp_packet *p, struct ct_talk *t, bool reply,
                  size_t payload)
{
    if (t->proto == IPPROTO_TCP) {
        put_tcp(p, t, reply, payload);
    } else if (t->proto == IPPROTO_UDP) {
        put_udp(p, t, reply, payload);
    } else if (t->proto == IPPROTO_ICMP) {
        put_icmp(p, t, reply, payload);
    } else {
        put_other(p, t, reply, payload);
    }
}

void
ct_talk_choose_nat(const struct ct_talk *t, struct nat_action_info_t *nat)
{
    bool src = (t->nat == CT_TALK_NAT_SRC || t->nat == CT_TALK_NAT_SRC_PORT);
    uint16_t host = t->at[0].src + (src ? 10000 : 20000);

    memset(nat, 0, sizeof *nat);
    if (t->nat == CT_TALK_NAT_BARE) {
        return;
    }
    nat->nat_action = src ? NAT_ACTION_SRC : NAT_ACTION_DST;
    if (t->is_ipv6) {
        nat->min_addr.ipv6 = nat->max_addr.ipv6 = host_ipv6(host);
    } else {
        nat->min_addr.ipv4 = nat->max_addr.ipv4 = host_ipv4(host);
    }
    if (t->is_random) {
        ovs_nat_set_random(nat);
    } else if (t->is_persistent) {
        ovs_nat_set_persistent(nat);
    }
    if (t->nat == CT_TALK_NAT_SRC_PORT || t->nat == CT_TALK_NAT_DST_PORT) {
        nat->nat_action |= src ? NAT_ACTION_SRC_PORT : NAT_ACTION_DST_PORT;
        nat->min_port = nat->max_port = 4000 + t->at[0].sport;
    }
}

/* What is translated has hosts of its own: with connections that have tuples
 * in common, theirs mistakes one for the other, and aborts. */
void
ct_talk_start(struct ct_talk *t, long long now)
{
    static uint16_t next_host;

    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,
                                      IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP,
                                      IPPROTO_ICMP, IPPROTO_GRE };

    memset(t, 0, sizeof *t);
    t->is_ipv6 = !random_range(3);
    t->proto = protos[random_range(ARRAY_SIZE(protos))];
    t->at[0].src = random_range(N_HOSTS);
    t->at[0].dst = (t->at[0].src + 1 + random_range(N_HOSTS - 1)) % N_HOSTS;
    t->at[0].sport = 1000 + random_range(N_PORTS);
    t->at[0].dport = 80 + random_range(N_PORTS);
    t->at[1] = t->at[0];
    t->sides[0].seq = t->sides[1].acked = random_uint32();
    t->sides[1].seq = t->sides[0].acked = random_uint32();
    t->zone = random_range(CT_TALK_ZONES);
    /* No address of zeros: 3.1 aborts when such a connection expires. */
    t->nat = random_range(2) ? CT_TALK_NAT_NONE : random_range(CT_TALK_N_NATS);
    t->is_random = !random_range(4);
    t->is_persistent = !random_range(4);
    t->end = LLONG_MAX;
    if (t->nat != CT_TALK_NAT_NONE) {
        /* Theirs keeps replies of a connection that has expired, and aborts
         * when it meets one. */
        t->end = now + 29000;
        t->at[0].src = 1000 + next_host++ % 8000;
        t->at[1] = t->at[0];
    }
}

/* Learns where the packet went, so that it is answered from there. */
void
ct_talk_learn(struct ct_talk *t, const struct dp_packet *p)
{
    const ovs_be16 *ports = dp_packet_l4(p);

    if (t->is_ipv6) {
        const struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(p);

        t->at[1].src = ntohs(ip->ip6_src.be16[7]) - 1;
        t->at[1].dst = ntohs(ip->ip6_dst.be16[7]) - 1;
    } else {
        const struct ip_header *ip = dp_packet_l3(p);

        t->at[1].src = ntohl(get_16aligned_be32(&ip->ip_src)) - 0x0a000001;
        t->at[1].dst = ntohl(get_16aligned_be32(&ip->ip_dst)) - 0x0a000001;
    }
    if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
        t->at[1].sport = ntohs(ports[0]);
        t->at[1].dport = ntohs(ports[1]);
    } else if (t->proto == IPPROTO_ICMP) {
        t->at[1].sport = ntohs(ports[2]);
    }
}
