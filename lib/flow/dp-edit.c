/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-edit.h"

#include "csum.h"
#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"

/* The bytes of two Ethernet addresses, which a VLAN tag stands behind. */
enum { ADDRS_LEN = 2 * ETH_ADDR_LEN };

/* Attributes "set_masked" hold a key and, behind it, a mask of its type. */
static const void *
get_key_and_mask(const struct nlattr *a, size_t size, const void **mask)
{
    const struct nlattr *key = nl_attr_get(a);

    *mask = (const char *) nl_attr_get(key) + size;
    return nl_attr_get(key);
}

bool
dp_edit_knows(const struct nlattr *a)
{
    enum ovs_action_attr type = nl_attr_type(a);

    if (type == OVS_ACTION_ATTR_SET_MASKED) {
        enum ovs_key_attr key = nl_attr_type(nl_attr_get(a));

        return key == OVS_KEY_ATTR_ETHERNET || key == OVS_KEY_ATTR_IPV4;
    }
    return (type == OVS_ACTION_ATTR_PUSH_VLAN
            || type == OVS_ACTION_ATTR_POP_VLAN);
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

static void
push_vlan(struct dp_packet *packet, const struct ovs_action_push_vlan *vlan)
{
    ovs_be16 tci = vlan->vlan_tci & htons(~VLAN_CFI);
    uint8_t *from, *to;

    if (OVS_UNLIKELY(dp_packet_headroom(packet) < VLAN_HEADER_LEN)) {
        eth_push_vlan(packet, vlan->vlan_tpid, tci);
        return;
    }
    from = dp_packet_data(packet);
    to = dp_packet_push_uninit(packet, VLAN_HEADER_LEN);
    memmove(to, from, ADDRS_LEN);
    memcpy(to + ADDRS_LEN, &vlan->vlan_tpid, sizeof vlan->vlan_tpid);
    memcpy(to + ADDRS_LEN + 2, &tci, sizeof tci);
    move_offsets(packet, VLAN_HEADER_LEN);
}

static void
pop_vlan(struct dp_packet *packet)
{
    uint8_t *data = dp_packet_data(packet);
    ovs_be16 type;

    if (OVS_UNLIKELY(dp_packet_size(packet) < VLAN_ETH_HEADER_LEN)) {
        return;
    }
    memcpy(&type, data + ADDRS_LEN, sizeof type);
    if (!eth_type_vlan(type)) {
        return;
    }
    memmove(data + VLAN_HEADER_LEN, data, ADDRS_LEN);
    dp_packet_pull(packet, VLAN_HEADER_LEN);
    move_offsets(packet, -VLAN_HEADER_LEN);
}

/* Sets the bits of 'n' bytes at 'p' where 'mask' has 1-bits. */
static void
set_bytes(uint8_t *p, const uint8_t *value, const uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (p[i] & ~mask[i]) | (value[i] & mask[i]);
    }
}

static void
set_eth(struct dp_packet *packet, const struct ovs_key_ethernet *key,
        const struct ovs_key_ethernet *mask)
{
    struct eth_header *eth = dp_packet_eth(packet);

    if (OVS_LIKELY(eth)) {
        set_bytes(eth->eth_dst.ea, key->eth_dst.ea, mask->eth_dst.ea,
                  ETH_ADDR_LEN);
        set_bytes(eth->eth_src.ea, key->eth_src.ea, mask->eth_src.ea,
                  ETH_ADDR_LEN);
    }
}

static void
set_ipv4_addr(struct dp_packet *packet, ovs_16aligned_be32 *addr,
              ovs_be32 value, ovs_be32 mask)
{
    if (mask) {
        ovs_be32 old = get_16aligned_be32(addr);
        ovs_be32 new = (old & ~mask) | (value & mask);

        if (new != old) {
            packet_set_ipv4_addr(packet, addr, new);
        }
    }
}

/* Sets a byte of the IPv4 header 'ip'.  'shift' is its place in the 16-bit
 * word of which it is a part: that is what the checksum sums up. */
static void
set_ipv4_byte(struct ip_header *ip, uint8_t *byte, int shift, uint8_t value,
              uint8_t mask)
{
    uint8_t new = (*byte & ~mask) | (value & mask);

    if (new != *byte) {
        ip->ip_csum = recalc_csum16(ip->ip_csum, htons(*byte << shift),
                                    htons(new << shift));
        *byte = new;
    }
}

static void
set_ipv4(struct dp_packet *packet, const struct ovs_key_ipv4 *key,
         const struct ovs_key_ipv4 *mask)
{
    struct ip_header *ip = dp_packet_l3(packet);

    if (OVS_UNLIKELY(!ip || ((char *) dp_packet_tail(packet) - (char *) ip
                             < IP_HEADER_LEN))) {
        return;
    }
    set_ipv4_addr(packet, &ip->ip_src, key->ipv4_src, mask->ipv4_src);
    set_ipv4_addr(packet, &ip->ip_dst, key->ipv4_dst, mask->ipv4_dst);
    set_ipv4_byte(ip, &ip->ip_tos, 0, key->ipv4_tos, mask->ipv4_tos);
    set_ipv4_byte(ip, &ip->ip_ttl, 8, key->ipv4_ttl, mask->ipv4_ttl);
}

static void
set_masked(struct dp_packet_batch *batch, const struct nlattr *a)
{
    enum ovs_key_attr type = nl_attr_type(nl_attr_get(a));
    struct dp_packet *packet;
    const void *key, *mask;

    if (type == OVS_KEY_ATTR_ETHERNET) {
        key = get_key_and_mask(a, sizeof(struct ovs_key_ethernet), &mask);
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_eth(packet, key, mask);
        }
    } else {
        key = get_key_and_mask(a, sizeof(struct ovs_key_ipv4), &mask);
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_ipv4(packet, key, mask);
        }
    }
}

void
dp_edit_run(struct dp_packet_batch *batch, const struct nlattr *a)
{
    enum ovs_action_attr type = nl_attr_type(a);
    struct dp_packet *packet;

    if (type == OVS_ACTION_ATTR_PUSH_VLAN) {
        const struct ovs_action_push_vlan *vlan = nl_attr_get(a);

        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            push_vlan(packet, vlan);
        }
    } else if (type == OVS_ACTION_ATTR_POP_VLAN) {
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            pop_vlan(packet);
        }
    } else {
        set_masked(batch, a);
    }
}
