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
        type = nl_attr_type(*arg);      /* Of the field's attribute. */
        *arg = nl_attr_get(*arg);
        return ((int) type == OVS_KEY_ATTR_ETHERNET ? DP_EDIT_SET_ETH
                : (int) type == OVS_KEY_ATTR_IPV4 ? DP_EDIT_SET_IPV4
                : DP_EDIT_NONE);

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

/* The checksums of TCP and UDP follow the addresses in 'ip'.  Of fragments,
 * only the first has one: in the others there is payload at its place. */
static void
update_l4_csum(struct dp_packet *packet, const struct ip_header *ip,
               csum_diff diff)
{
    size_t size = dp_packet_l4_size(packet);
    uint8_t proto = ip->ip_proto;

    if (OVS_UNLIKELY(dp_header_is_later_ipv4(ip))) {
        return;
    }
    if (proto == IPPROTO_TCP && size >= TCP_HEADER_LEN) {
        struct tcp_header *tcp = dp_packet_l4(packet);

        tcp->tcp_csum = apply_diff(tcp->tcp_csum, diff);
        ovs_packet_l4_changed(packet);
    } else if (proto == IPPROTO_UDP && size >= UDP_HEADER_LEN) {
        struct udp_header *udp = dp_packet_l4(packet);

        if (udp->udp_csum) {
            udp->udp_csum = apply_diff(udp->udp_csum, diff);
            if (!udp->udp_csum) {
                udp->udp_csum = htons(0xffff);
            }
        }
        ovs_packet_l4_changed(packet);
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
        update_l4_csum(packet, ip, addrs);
        pkt_metadata_init_conn(&packet->md);
    }
}

void
dp_edit_run(struct dp_packet_batch *batch, enum dp_edit edit, const void *arg)
{
    const struct ovs_key_ethernet *eth = arg;
    const struct ovs_key_ipv4 *ipv4 = arg;
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

    case DP_EDIT_NONE:
    default:
        OVS_NOT_REACHED();
    }
}
