/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/merge/merge-flow.h"

#include <netinet/in.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "ovs/ovs-flow-compose.h"
#include "tests/merge/merge-tables.h"

static void
set_address(struct in6_addr *addr, unsigned int host)
{
    memset(addr, 0, sizeof *addr);
    addr->s6_addr[0] = 0xfd;
    addr->s6_addr[15] = host;
}

static ovs_be16
random_tcp_flags(void)
{
    static const uint16_t flags[] = {
        TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_URG, TCP_ACK | TCP_ECE,
        TCP_ACK | TCP_CWR, TCP_ACK | TCP_NS,
    };

    return htons(flags[random_range(ARRAY_SIZE(flags))]);
}

static void
set_vlans(struct flow *flow)
{
    static const uint16_t tpids[] = { ETH_TYPE_VLAN_8021Q,
                                      ETH_TYPE_VLAN_8021AD };
    unsigned int n = random_range(5);

    memset(flow->vlans, 0, sizeof flow->vlans);
    for (int i = 0; i < (n > 2 ? 0 : n); i++) {
        flow->vlans[i].tpid = htons(tpids[random_range(2)]);
        flow->vlans[i].tci = htons(VLAN_CFI | random_range(4)
                                   | random_range(2) << VLAN_PCP_SHIFT);
    }
}

void
merge_flow_random(struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    flow->packet_type = htonl(PT_ETH);
    flow->in_port.odp_port = u32_to_odp(1 + random_range(2));
    flow->dl_src = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,01);
    flow->dl_dst = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,02);
    flow->dl_dst.ea[5] = random_range(4);
    set_vlans(flow);
    if (random_range(3)) {
        flow->dl_type = htons(ETH_TYPE_IP);
        flow->nw_src = htonl(0x0a000000 | random_range(4));
        flow->nw_dst = htonl(0x0a010000 | random_range(4));
    } else {
        flow->dl_type = htons(ETH_TYPE_IPV6);
        set_address(&flow->ipv6_src, 1 + random_range(4));
        set_address(&flow->ipv6_dst, 5 + random_range(4));
        flow->ipv6_label = htonl(random_range(4));
    }
    flow->nw_proto = random_range(2) ? IPPROTO_TCP : IPPROTO_UDP;
    flow->nw_tos = random_range(4);
    flow->nw_ttl = 60 + random_range(5);
    flow->tp_src = htons(1000 + random_range(4));
    flow->tp_dst = htons(80 + random_range(4));
    if (flow->nw_proto == IPPROTO_TCP) {
        flow->tcp_flags = random_tcp_flags();
    }
}

/* Takes the field at MEMBER from another flow. */
#define TAKE(MEMBER) memcpy(&flow->MEMBER, &other.MEMBER, sizeof flow->MEMBER)

static void
change_one(struct flow *flow)
{
    struct flow other;

    do {
        merge_flow_random(&other);
    } while (other.dl_type != flow->dl_type);

    switch (random_range(16)) {
    case 0:
        TAKE(in_port);
        break;
    case 1:
        flow->dl_dst.ea[random_range(6)] ^= 1 << random_range(8);
        break;
    case 2:
        flow->dl_src.ea[random_range(6)] ^= 1 << random_range(8);
        break;
    case 3:
    case 4:
        set_vlans(flow);
        break;
    case 5:
        TAKE(nw_src);
        TAKE(ipv6_src);
        break;
    case 6:
        TAKE(nw_dst);
        TAKE(ipv6_dst);
        break;
    case 7:
        TAKE(ipv6_label);
        break;
    case 8:
        TAKE(tp_src);
        break;
    case 9:
        TAKE(tp_dst);
        break;
    case 10:
        flow->nw_tos = random_range(256);
        break;
    case 11:
        flow->nw_tos ^= 1 << random_range(8);
        break;
    case 12:
        flow->nw_ttl = random_range(256);
        break;
    case 13:
        TAKE(nw_ttl);
        break;
    case 14:
        if (flow->nw_proto == IPPROTO_TCP) {
            flow->tcp_flags = (random_range(2) ? random_tcp_flags()
                               : htons(random_range(0x1000)));
        }
        break;
    case 15:
        if (flow->dl_type == htons(ETH_TYPE_IP) && random_range(4) == 0) {
            flow->nw_frag = FLOW_NW_FRAG_ANY
                            | (random_range(2) ? FLOW_NW_FRAG_LATER : 0);
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
}

void
merge_flow_change(struct flow *flow)
{
    for (unsigned int n = random_range(4); n; n--) {
        change_one(flow);
    }
}

/* Makes room for 'n' bytes behind the header of layer 3 of 'packet', which has
 * 'header_len' bytes, and returns it.  Layer 4 moves. */
static void *
insert_l3(struct dp_packet *packet, size_t header_len, size_t n)
{
    char *at;

    dp_packet_put_zeros(packet, n);
    at = (char *) dp_packet_l3(packet) + header_len;
    memmove(at + n, at, (char *) dp_packet_tail(packet) - at - n);
    return at;
}

/* Puts an option, which does nothing, into the IPv4 header. */
static void
add_ipv4_option(struct dp_packet *packet)
{
    enum { LEN = 4, NOP = 1 };
    struct ip_header *ip;

    memset(insert_l3(packet, IP_HEADER_LEN, LEN), NOP, LEN);
    ip = dp_packet_l3(packet);
    ip->ip_ihl_ver = IP_IHL_VER((IP_HEADER_LEN + LEN) / 4, 4);
    ip->ip_tot_len = htons(ntohs(ip->ip_tot_len) + LEN);
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, IP_HEADER_LEN + LEN);
}

/* The same for IPv6: a header of hop-by-hop options, with padding only. */
static void
add_ipv6_option(struct dp_packet *packet)
{
    enum { LEN = 8, PADN = 1 };
    uint8_t *options = insert_l3(packet, IPV6_HEADER_LEN, LEN);
    struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(packet);

    memset(options, 0, LEN);
    options[0] = ip->ip6_nxt;
    options[2] = PADN;
    options[3] = LEN - 4;
    ip->ip6_nxt = IPPROTO_HOPOPTS;
    ip->ip6_plen = htons(ntohs(ip->ip6_plen) + LEN);
}

/* Does what no field shows: there may be options, and UDP in IPv4 need not
 * have a checksum. */
static void
vary(struct dp_packet *packet, bool is_ipv6, bool is_udp)
{
    if (!is_ipv6 && is_udp && random_range(4) == 0) {
        struct udp_header *udp = dp_packet_l4(packet);

        udp->udp_csum = 0;
    }
    if (random_range(4) == 0) {
        if (is_ipv6) {
            add_ipv6_option(packet);
        } else {
            add_ipv4_option(packet);
        }
    }
}

struct dp_packet *
merge_flow_packet(const struct flow *flow)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(128, 128);

    ovs_flow_compose(packet, flow, random_range(3) * 33);
    if (!flow->nw_frag) {
        vary(packet, flow->dl_type == htons(ETH_TYPE_IPV6),
             flow->nw_proto == IPPROTO_UDP);
    }
    pkt_metadata_init(&packet->md, flow->in_port.odp_port);
    dp_packet_reset_offload(packet);
    return packet;
}
