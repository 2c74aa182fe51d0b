/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-edit.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "ovs/ovs-packet-offload.h"
#include "flow/dp-header.h"

/* The bytes of two Ethernet addresses, which a VLAN tag stands behind. */
enum { ADDRS_LEN = 2 * ETH_ADDR_LEN };

/* Returns the edit that sets fields under a mask, for the attribute 'key'. */
static enum dp_edit
set_masked_edit(const struct nlattr *key)
{
    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_ETHERNET:
        return DP_EDIT_SET_ETH;
    case OVS_KEY_ATTR_IPV4:
        return DP_EDIT_SET_IPV4;
    case OVS_KEY_ATTR_IPV6:
        return DP_EDIT_SET_IPV6;
    case OVS_KEY_ATTR_TCP:
        return DP_EDIT_SET_TCP;
    case OVS_KEY_ATTR_UDP:
        return DP_EDIT_SET_UDP;
    default:
        return DP_EDIT_NONE;
    }
}

enum dp_edit
dp_edit_compile(const struct nlattr *a, const void **arg)
{
    enum ovs_action_attr type = nl_attr_type(a);

    *arg = nl_attr_get(a);
    switch ((int) type) {
    case OVS_ACTION_ATTR_PUSH_VLAN:
        return DP_EDIT_PUSH_VLAN;

    case OVS_ACTION_ATTR_POP_VLAN:
        return DP_EDIT_POP_VLAN;

    case OVS_ACTION_ATTR_SET_MASKED:
        a = nl_attr_get(a);
        *arg = nl_attr_get(a);
        return set_masked_edit(a);

    default:
        return DP_EDIT_NONE;
    }
}

/* Moves the offset at 'ofs', unless there is none, by 'delta'. */
static void
move_offset(uint16_t *ofs, int delta)
{
    if (*ofs != UINT16_MAX) {
        *ofs += delta;
    }
}

/* Books that 'delta' bytes were put in front of all offsets. */
static void
move_offsets(struct dp_packet *packet, int delta)
{
    move_offset(&packet->l2_5_ofs, delta);
    move_offset(&packet->l3_ofs, delta);
    move_offset(&packet->l4_ofs, delta);
}

/* Moves the two Ethernet addresses by 'delta' bytes.  They are loaded before
 * they are stored, for the places overlap. */
static void
move_addrs(uint8_t *p, int delta)
{
    uint64_t a;
    uint32_t b;

    memcpy(&a, p, sizeof a);
    memcpy(&b, p + sizeof a, sizeof b);
    memcpy(p + delta, &a, sizeof a);
    memcpy(p + delta + sizeof a, &b, sizeof b);
}
BUILD_ASSERT_DECL(ADDRS_LEN == sizeof(uint64_t) + sizeof(uint32_t));

static void
push_vlan(struct dp_packet *packet, const struct ovs_action_push_vlan *vlan)
{
    ovs_be16 tci = vlan->vlan_tci & htons(~VLAN_CFI);
    uint8_t *data = dp_packet_data(packet);

    if (OVS_UNLIKELY(!dp_packet_is_eth(packet))) {
        return;
    }
    if (OVS_UNLIKELY(dp_packet_headroom(packet) < VLAN_HEADER_LEN)) {
        eth_push_vlan(packet, vlan->vlan_tpid, tci);
        return;
    }
    move_addrs(data, -VLAN_HEADER_LEN);
    data -= VLAN_HEADER_LEN;
    memcpy(data + ADDRS_LEN, &vlan->vlan_tpid, sizeof vlan->vlan_tpid);
    memcpy(data + ADDRS_LEN + 2, &tci, sizeof tci);
    dp_packet_set_data(packet, data);
    dp_packet_set_size(packet, dp_packet_size(packet) + VLAN_HEADER_LEN);
    move_offsets(packet, VLAN_HEADER_LEN);
}

static void
pop_vlan(struct dp_packet *packet)
{
    uint8_t *data = dp_packet_data(packet);
    ovs_be16 type;

    if (OVS_UNLIKELY(!dp_packet_is_eth(packet)
                     || dp_packet_size(packet) < VLAN_ETH_HEADER_LEN)) {
        return;
    }
    memcpy(&type, data + ADDRS_LEN, sizeof type);
    if (!eth_type_vlan(type)) {
        return;
    }
    move_addrs(data, VLAN_HEADER_LEN);
    dp_packet_set_data(packet, data + VLAN_HEADER_LEN);
    dp_packet_set_size(packet, dp_packet_size(packet) - VLAN_HEADER_LEN);
    move_offsets(packet, -VLAN_HEADER_LEN);
}

static void
set_eth_addr(struct eth_addr *addr, const struct eth_addr *value,
             const struct eth_addr *mask)
{
    for (size_t i = 0; i < ARRAY_SIZE(addr->be16); i++) {
        addr->be16[i] = (addr->be16[i] & ~mask->be16[i])
                        | (value->be16[i] & mask->be16[i]);
    }
}

static void
set_eth(struct dp_packet *packet, const struct ovs_key_ethernet *key,
        const struct ovs_key_ethernet *mask)
{
    struct eth_header *eth = dp_packet_eth(packet);

    if (OVS_LIKELY(eth)) {
        set_eth_addr(&eth->eth_dst, &key->eth_dst, &mask->eth_dst);
        set_eth_addr(&eth->eth_src, &key->eth_src, &mask->eth_src);
    }
}

/* Differences that checksums have to follow: a sum of 16-bit words in network
 * byte order, of what came and of the complement of what went. */
typedef uint32_t csum_diff;

static csum_diff
diff16(uint16_t old, uint16_t new)
{
    return (uint16_t) ~old + new;
}

static csum_diff
diff32(uint32_t old, uint32_t new)
{
    return diff16(old, new) + diff16(old >> 16, new >> 16);
}

static ovs_be16
apply_diff(ovs_be16 csum, csum_diff diff)
{
    uint32_t sum = (uint16_t) ~(OVS_FORCE uint16_t) csum + diff;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (OVS_FORCE ovs_be16) ~sum;
}

/* Returns the difference. */
static csum_diff
set_ipv4_addr(ovs_16aligned_be32 *addr, ovs_be32 value, ovs_be32 mask)
{
    ovs_be32 old = get_16aligned_be32(addr);
    ovs_be32 new = (old & ~mask) | (value & mask);

    if (new == old) {
        return 0;
    }
    put_16aligned_be32(addr, new);
    return diff32((OVS_FORCE uint32_t) old, (OVS_FORCE uint32_t) new);
}

/* Sets a byte of an IPv4 header, which stands 'shift' bits up in its 16-bit
 * word.  Returns the difference. */
static csum_diff
set_ipv4_byte(uint8_t *byte, int shift, uint8_t value, uint8_t mask)
{
    uint8_t old = *byte;
    uint8_t new = (old & ~mask) | (value & mask);

    if (new == old) {
        return 0;
    }
    *byte = new;
    return diff16((OVS_FORCE uint16_t) htons(old << shift),
                  (OVS_FORCE uint16_t) htons(new << shift));
}

static void
update_tcp_csum(struct dp_packet *packet, csum_diff diff)
{
    struct tcp_header *tcp = dp_packet_l4(packet);

    tcp->tcp_csum = apply_diff(tcp->tcp_csum, diff);
    ovs_packet_l4_changed(packet);
}

/* A UDP checksum of 0 means that there is none. */
static void
update_udp_csum(struct dp_packet *packet, csum_diff diff)
{
    struct udp_header *udp = dp_packet_l4(packet);

    if (udp->udp_csum) {
        udp->udp_csum = apply_diff(udp->udp_csum, diff);
        if (!udp->udp_csum) {
            udp->udp_csum = htons(0xffff);
        }
    }
    ovs_packet_l4_changed(packet);
}

/* The checksums of TCP and UDP follow the addresses.  'proto' must be that of
 * a packet which is no fragment, or the first: in the others there is payload
 * at their place. */
static void
update_l4_csum(struct dp_packet *packet, uint8_t proto, csum_diff diff)
{
    size_t size = dp_packet_l4_size(packet);

    if (proto == IPPROTO_TCP && size >= TCP_HEADER_LEN) {
        update_tcp_csum(packet, diff);
    } else if (proto == IPPROTO_UDP && size >= UDP_HEADER_LEN) {
        update_udp_csum(packet, diff);
    }
}

static void
set_ipv4(struct dp_packet *packet, const struct ovs_key_ipv4 *key,
         const struct ovs_key_ipv4 *mask)
{
    struct ip_header *ip = dp_packet_l3(packet);
    csum_diff addrs, rest;

    if (OVS_UNLIKELY(!ip || ((char *) dp_packet_tail(packet) - (char *) ip
                             < IP_HEADER_LEN))) {
        return;
    }
    addrs = set_ipv4_addr(&ip->ip_src, key->ipv4_src, mask->ipv4_src);
    addrs += set_ipv4_addr(&ip->ip_dst, key->ipv4_dst, mask->ipv4_dst);
    rest = set_ipv4_byte(&ip->ip_tos, 0, key->ipv4_tos, mask->ipv4_tos);
    rest += set_ipv4_byte(&ip->ip_ttl, 8, key->ipv4_ttl, mask->ipv4_ttl);
    if (addrs + rest) {
        ip->ip_csum = apply_diff(ip->ip_csum, addrs + rest);
        ovs_packet_ipv4_changed(packet);
    }
    if (addrs) {
        if (OVS_LIKELY(!dp_header_is_later_ipv4(ip))) {
            update_l4_csum(packet, ip->ip_proto, addrs);
        }
        pkt_metadata_init_conn(&packet->md);
    }
}

/* Sets an IPv6 address.  Returns whether it has changed, and if so, adds the
 * difference to '*diff'. */
static bool
set_ipv6_addr(ovs_16aligned_be32 addr[4], const struct in6_addr *value,
              const struct in6_addr *mask, csum_diff *diff)
{
    ovs_be32 values[4], masks[4];
    uint32_t changed = 0;
    uint64_t sum = 0;

    memcpy(values, value, sizeof values);
    memcpy(masks, mask, sizeof masks);
    for (int i = 0; i < 4; i++) {
        ovs_be32 old = get_16aligned_be32(&addr[i]);
        ovs_be32 new = (old & ~masks[i]) | (values[i] & masks[i]);

        changed |= (OVS_FORCE uint32_t) (old ^ new);
        sum += (OVS_FORCE uint32_t) ~old;
        sum += (OVS_FORCE uint32_t) new;
        put_16aligned_be32(&addr[i], new);
    }
    if (changed) {
        sum = (sum >> 32) + (sum & UINT32_MAX);
        *diff += (sum >> 16) + (sum & UINT16_MAX);
    }
    return changed;
}

/* Sets what stands before the length in the header 'ip6'. */
static void
set_ipv6_flow(struct ovs_16aligned_ip6_hdr *ip6,
              const struct ovs_key_ipv6 *key, const struct ovs_key_ipv6 *mask)
{
    ovs_be32 value = htonl((uint32_t) key->ipv6_tclass << 20)
                     | key->ipv6_label;
    ovs_be32 bits = htonl((uint32_t) mask->ipv6_tclass << 20)
                    | (mask->ipv6_label & htonl(IPV6_LABEL_MASK));
    ovs_be32 old = get_16aligned_be32(&ip6->ip6_flow);

    put_16aligned_be32(&ip6->ip6_flow, (old & ~bits) | (value & bits));
}

/* The checksums of TCP, UDP and ICMPv6 follow the addresses.  Not so with a
 * routing header that names hosts still to pass, nor in fragments but the
 * first: so says the library. */
static void
update_ipv6_l4_csum(struct dp_packet *packet, uint8_t proto, csum_diff diff)
{
    bool has_csum = true;

    if (OVS_UNLIKELY(proto != IPPROTO_TCP && proto != IPPROTO_UDP
                     && proto != IPPROTO_ICMPV6)
        && (packet->l4_ofs == UINT16_MAX
            || packet_rh_present(packet, &proto, &has_csum) || !has_csum)) {
        return;
    }
    if (OVS_LIKELY(proto != IPPROTO_ICMPV6)) {
        update_l4_csum(packet, proto, diff);
    } else if (dp_packet_l4_size(packet) >= sizeof(struct icmp6_header)) {
        struct icmp6_header *icmp6 = dp_packet_l4(packet);

        icmp6->icmp6_cksum = apply_diff(icmp6->icmp6_cksum, diff);
    }
}

static void
set_ipv6(struct dp_packet *packet, const struct ovs_key_ipv6 *key,
         const struct ovs_key_ipv6 *mask)
{
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);
    csum_diff diff = 0;
    bool changed;

    if (OVS_UNLIKELY(!ip6 || ((char *) dp_packet_tail(packet) - (char *) ip6
                              < IPV6_HEADER_LEN))) {
        return;
    }
    changed = set_ipv6_addr(ip6->ip6_src.be32, &key->ipv6_src,
                            &mask->ipv6_src, &diff);
    changed |= set_ipv6_addr(ip6->ip6_dst.be32, &key->ipv6_dst,
                             &mask->ipv6_dst, &diff);
    if (changed) {
        update_ipv6_l4_csum(packet, ip6->ip6_nxt, diff);
        pkt_metadata_init_conn(&packet->md);
    }
    set_ipv6_flow(ip6, key, mask);
    ip6->ip6_hlim = ((ip6->ip6_hlim & ~mask->ipv6_hlimit)
                     | (key->ipv6_hlimit & mask->ipv6_hlimit));
}

/* Returns the difference. */
static csum_diff
set_port(ovs_be16 *port, ovs_be16 value, ovs_be16 mask)
{
    ovs_be16 old = *port;
    ovs_be16 new = (old & ~mask) | (value & mask);

    if (new == old) {
        return 0;
    }
    *port = new;
    return diff16((OVS_FORCE uint16_t) old, (OVS_FORCE uint16_t) new);
}

static void
set_tcp(struct dp_packet *packet, const struct ovs_key_tcp *key,
        const struct ovs_key_tcp *mask)
{
    struct tcp_header *tcp = dp_packet_l4(packet);
    csum_diff diff;

    if (OVS_UNLIKELY(!dp_header_has_l4(packet, TCP_HEADER_LEN)
                     || !dp_packet_get_tcp_payload(packet))) {
        return;
    }
    diff = set_port(&tcp->tcp_src, key->tcp_src, mask->tcp_src);
    diff += set_port(&tcp->tcp_dst, key->tcp_dst, mask->tcp_dst);
    update_tcp_csum(packet, diff);
    pkt_metadata_init_conn(&packet->md);
}

static void
set_udp(struct dp_packet *packet, const struct ovs_key_udp *key,
        const struct ovs_key_udp *mask)
{
    struct udp_header *udp = dp_packet_l4(packet);
    csum_diff diff;

    if (OVS_UNLIKELY(!dp_header_has_l4(packet, UDP_HEADER_LEN))) {
        return;
    }
    diff = set_port(&udp->udp_src, key->udp_src, mask->udp_src);
    diff += set_port(&udp->udp_dst, key->udp_dst, mask->udp_dst);
    update_udp_csum(packet, diff);
    pkt_metadata_init_conn(&packet->md);
}

void
dp_edit_run(struct dp_packet_batch *batch, enum dp_edit edit, const void *arg)
{
    const struct ovs_key_ethernet *eth = arg;
    const struct ovs_key_ipv4 *ipv4 = arg;
    const struct ovs_key_ipv6 *ipv6 = arg;
    const struct ovs_key_tcp *tcp = arg;
    const struct ovs_key_udp *udp = arg;
    struct dp_packet *packet;

    switch (edit) {
    case DP_EDIT_PUSH_VLAN:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            push_vlan(packet, arg);
        }
        break;

    case DP_EDIT_POP_VLAN:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            pop_vlan(packet);
        }
        break;

    case DP_EDIT_SET_ETH:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_eth(packet, &eth[0], &eth[1]);
        }
        break;

    case DP_EDIT_SET_IPV4:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_ipv4(packet, &ipv4[0], &ipv4[1]);
        }
        break;

    case DP_EDIT_SET_IPV6:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_ipv6(packet, &ipv6[0], &ipv6[1]);
        }
        break;

    case DP_EDIT_SET_TCP:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_tcp(packet, &tcp[0], &tcp[1]);
        }
        break;

    case DP_EDIT_SET_UDP:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_udp(packet, &udp[0], &udp[1]);
        }
        break;

    case DP_EDIT_NONE:
    default:
        OVS_NOT_REACHED();
    }
}
