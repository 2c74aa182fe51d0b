/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/offload/twin-packet.h"

#include "csum.h"
#include "flow.h"
#include "hash.h"
#include "tests/offload/twin-rig.h"
#include "util.h"
#include "ovs/ovs-flow-compose.h"

/* Puts 'packet' into a tunnel, with the same Ethernet addresses outside. */
static void
put_into_tunnel(struct dp_packet *packet)
{
    struct eth_header eth = *(struct eth_header *) dp_packet_data(packet);
    size_t len = dp_packet_size(packet);
    struct vxlanhdr *vxlan;
    struct udp_header *udp;
    struct ip_header *ip;

    vxlan = dp_packet_push_zeros(packet, sizeof *vxlan);
    put_16aligned_be32(&vxlan->vx_flags, htonl(VXLAN_FLAGS));
    put_16aligned_be32(&vxlan->vx_vni, htonl(7 << 8));
    udp = dp_packet_push_zeros(packet, sizeof *udp);
    udp->udp_src = htons(50000);
    udp->udp_dst = htons(4789);
    udp->udp_len = htons(sizeof *udp + sizeof *vxlan + len);
    ip = dp_packet_push_zeros(packet, sizeof *ip);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(sizeof *ip + ntohs(udp->udp_len));
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_UDP;
    put_16aligned_be32(&ip->ip_src, htonl(0x0c000001));
    put_16aligned_be32(&ip->ip_dst, htonl(0x0c000002));
    ip->ip_csum = csum(ip, sizeof *ip);
    eth.eth_type = htons(ETH_TYPE_IP);
    dp_packet_push(packet, &eth, sizeof eth);
}

struct dp_packet *
twin_packet_template(unsigned int connection)
{
    unsigned int group = connection / TWIN_PER_GROUP;
    struct dp_packet *packet = dp_packet_new_with_headroom(512, 64);
    enum twin_looks looks = group % TWIN_N_LOOKS;
    struct twin_trailer *trailer;
    struct flow flow;

    memset(&flow, 0, sizeof flow);
    flow.dl_src = (struct eth_addr) ETH_ADDR_C(02,00,00,00,00,00);
    flow.dl_src.ea[5] = group;
    flow.dl_dst = (struct eth_addr) ETH_ADDR_C(02,00,00,00,01,00);
    flow.dl_dst.ea[5] = connection % TWIN_PER_GROUP;
    flow.dl_type = htons(looks == TWIN_TCP6 ? ETH_TYPE_IPV6
                         : looks == TWIN_ARP4 ? ETH_TYPE_ARP : ETH_TYPE_IP);
    flow.nw_src = htonl(0x0a000000 + group);
    flow.nw_dst = htonl(0x0b000000 + connection);
    flow.ipv6_src.s6_addr[15] = group;
    flow.ipv6_dst.s6_addr[15] = connection;
    flow.nw_proto = (looks == TWIN_UDP4 || looks == TWIN_FRAGMENT ? IPPROTO_UDP
                     : looks == TWIN_ARP4 ? ARP_OP_REQUEST : IPPROTO_TCP);
    flow.nw_ttl = 64;
    flow.tp_src = htons(1000 + connection);
    flow.tp_dst = htons(53);
    flow.tcp_flags = htons(TCP_ACK);
    if (looks == TWIN_VLAN_TCP4) {
        flow.vlans[0].tpid = htons(ETH_TYPE_VLAN_8021Q);
        flow.vlans[0].tci = htons(VLAN_CFI | 7);
    } else if (looks == TWIN_FRAGMENT) {
        flow.nw_frag = FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER;
    }
    ovs_flow_compose(packet, &flow, 32);
    if (looks == TWIN_TRUNCATED) {
        struct ip_header *ip = dp_packet_l3(packet);

        ip->ip_tot_len = htons(1400);
    } else if (looks == TWIN_UDP4) {
        dp_packet_put_zeros(packet, 300);       /* More than 255 of padding. */
    }
    trailer = dp_packet_put_zeros(packet, sizeof *trailer);
    trailer->connection = htons(connection);
    if (looks == TWIN_VXLAN) {
        put_into_tunnel(packet);
    }
    return packet;
}

struct dp_packet *
twin_packet_make(const struct dp_packet *template, uint32_t seq,
                 enum twin_looks looks)
{
    size_t size = dp_packet_size(template);
    struct dp_packet *packet = dp_packet_new_with_headroom(size, 64);
    struct twin_trailer *trailer;
    char *data;

    data = dp_packet_put(packet, dp_packet_data(template), size);
    dp_packet_reset_offload(packet);
    trailer = ALIGNED_CAST(struct twin_trailer *,
                           data + size - sizeof *trailer);
    put_16aligned_be32(&trailer->seq, htonl(seq));
    if (looks == TWIN_TCP4) {
        struct tcp_header *tcp = ALIGNED_CAST(struct tcp_header *,
                                              data + ETH_HEADER_LEN
                                              + IP_HEADER_LEN);

        tcp->tcp_ctl = TCP_CTL(hash_int(seq, 0) & 0x3f, 5);
    }
    return packet;
}
