/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-edit.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "ovs/ovs-packet-offload.h"
#include "flow/dp-csum.h"
#include "flow/dp-header.h"
#include "flow/dp-load.h"

/* The bytes of two Ethernet addresses, which a VLAN tag stands behind. */
enum { ADDRS_LEN = 2 * ETH_ADDR_LEN };

/* Masks of edits that set all fields. */
static const struct ovs_key_ethernet all_eth = {
    ETH_ADDR_C(ff,ff,ff,ff,ff,ff), ETH_ADDR_C(ff,ff,ff,ff,ff,ff),
};
static const struct ovs_key_ipv4 all_ipv4 = {
    .ipv4_src = OVS_BE32_MAX, .ipv4_dst = OVS_BE32_MAX,
    .ipv4_tos = UINT8_MAX, .ipv4_ttl = UINT8_MAX,
};
static const struct ovs_key_ipv6 all_ipv6 = {
    .ipv6_src = IN6ADDR_EXACT_INIT, .ipv6_dst = IN6ADDR_EXACT_INIT,
    .ipv6_label = CONSTANT_HTONL(IPV6_LABEL_MASK), .ipv6_tclass = UINT8_MAX,
    .ipv6_hlimit = UINT8_MAX,
};
static const struct ovs_key_tcp all_tcp = { OVS_BE16_MAX, OVS_BE16_MAX };
static const struct ovs_key_udp all_udp = { OVS_BE16_MAX, OVS_BE16_MAX };

/* Returns the edit that sets fields of the attribute 'key', all of them or
 * those under a mask. */
static enum dp_edit
set_edit(const struct nlattr *key, bool all)
{
    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_ETHERNET:
        return all ? DP_EDIT_SET_ALL_ETH : DP_EDIT_SET_ETH;
    case OVS_KEY_ATTR_IPV4:
        return all ? DP_EDIT_SET_ALL_IPV4 : DP_EDIT_SET_IPV4;
    case OVS_KEY_ATTR_IPV6:
        return all ? DP_EDIT_SET_ALL_IPV6 : DP_EDIT_SET_IPV6;
    case OVS_KEY_ATTR_TCP:
        return all ? DP_EDIT_SET_ALL_TCP : DP_EDIT_SET_TCP;
    case OVS_KEY_ATTR_UDP:
        return all ? DP_EDIT_SET_ALL_UDP : DP_EDIT_SET_UDP;
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
    case OVS_ACTION_ATTR_SET:
        a = nl_attr_get(a);
        *arg = nl_attr_get(a);
        return set_edit(a, type == OVS_ACTION_ATTR_SET);

    default:
        return DP_EDIT_NONE;
    }
}

const void *
dp_edit_mask(enum dp_edit edit, const void *arg)
{
    switch ((int) edit) {
    case DP_EDIT_SET_ETH:
        return (const struct ovs_key_ethernet *) arg + 1;
    case DP_EDIT_SET_IPV4:
        return (const struct ovs_key_ipv4 *) arg + 1;
    case DP_EDIT_SET_IPV6:
        return (const struct ovs_key_ipv6 *) arg + 1;
    case DP_EDIT_SET_TCP:
        return (const struct ovs_key_tcp *) arg + 1;
    case DP_EDIT_SET_UDP:
        return (const struct ovs_key_udp *) arg + 1;
    case DP_EDIT_SET_ALL_ETH:
        return &all_eth;
    case DP_EDIT_SET_ALL_IPV4:
        return &all_ipv4;
    case DP_EDIT_SET_ALL_IPV6:
        return &all_ipv6;
    case DP_EDIT_SET_ALL_TCP:
        return &all_tcp;
    case DP_EDIT_SET_ALL_UDP:
        return &all_udp;
    default:
        OVS_NOT_REACHED();
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

/* Sets an address as it is read: in words of which none was just written in
 * parts, which processors wait for. */
static inline void
set_eth_addr(uint8_t *p, const struct eth_addr *value,
             const struct eth_addr *mask)
{
    uint32_t head_bits = dp_load32(mask->ea);
    uint16_t tail_bits = dp_load16(mask->ea + sizeof head_bits);
    uint32_t head = ((dp_load32(p) & ~head_bits)
                     | (dp_load32(value->ea) & head_bits));
    uint16_t tail = ((dp_load16(p + sizeof head) & ~tail_bits)
                     | (dp_load16(value->ea + sizeof head) & tail_bits));

    memcpy(p, &head, sizeof head);
    memcpy(p + sizeof head, &tail, sizeof tail);
}

static inline void ALWAYS_INLINE
set_eth(struct dp_packet *packet, const struct ovs_key_ethernet *key,
        const struct ovs_key_ethernet *mask)
{
    uint8_t *p = dp_packet_data(packet);

    if (OVS_LIKELY(dp_packet_is_eth(packet))) {
        set_eth_addr(p, &key->eth_dst, &mask->eth_dst);
        set_eth_addr(p + ETH_ADDR_LEN, &key->eth_src, &mask->eth_src);
    }
}

/* Sets the bits 'mask' of the 16 bits at 'p' to those of 'value'.  Returns the
 * difference. */
static dp_csum_diff
set16(void *p, ovs_be16 value, ovs_be16 mask)
{
    uint16_t old = dp_load16(p);
    uint16_t new = ((old & ~(OVS_FORCE uint16_t) mask)
                    | (OVS_FORCE uint16_t) (value & mask));

    if (new == old) {
        return 0;
    }
    memcpy(p, &new, sizeof new);
    return dp_csum_diff16(old, new);
}

/* The same for 32 bits. */
static dp_csum_diff
set32(void *p, ovs_be32 value, ovs_be32 mask)
{
    uint32_t old = dp_load32(p);
    uint32_t new = ((old & ~(OVS_FORCE uint32_t) mask)
                    | (OVS_FORCE uint32_t) (value & mask));

    if (new == old) {
        return 0;
    }
    memcpy(p, &new, sizeof new);
    return dp_csum_diff32(old, new);
}

static inline void
update_tcp_csum(struct tcp_header *tcp, dp_csum_diff diff)
{
    tcp->tcp_csum = dp_csum_apply(tcp->tcp_csum, diff);
}

/* A UDP checksum of 0 means that there is none. */
static inline void
update_udp_csum(struct dp_packet *packet, struct udp_header *udp,
                dp_csum_diff diff)
{
    if (udp->udp_csum) {
        ovs_be16 csum = dp_csum_apply(udp->udp_csum, diff);

        udp->udp_csum = csum ? csum : htons(0xffff);
    } else {
        ovs_packet_want_udp_csum(packet);
    }
}

/* The checksums of TCP and UDP follow the addresses.  'proto' must be that of
 * a packet which is no fragment, or the first: in the others there is payload
 * at their place. */
static inline void
update_l4_csum(struct dp_packet *packet, uint8_t proto, dp_csum_diff diff)
{
    size_t size = dp_header_l4_bytes(packet);
    void *l4 = dp_packet_l4(packet);

    if (proto == IPPROTO_TCP && size >= TCP_HEADER_LEN) {
        update_tcp_csum(l4, diff);
    } else if (proto == IPPROTO_UDP && size >= UDP_HEADER_LEN) {
        update_udp_csum(packet, l4, diff);
    }
}

/* Returns the layer 3 header of 'packet', of which 'len' bytes are there, or
 * NULL. */
static void *
l3_header(const struct dp_packet *packet, size_t len)
{
    return (OVS_LIKELY(dp_header_bytes_from(packet, packet->l3_ofs) >= len)
            ? (char *) dp_packet_data(packet) + packet->l3_ofs : NULL);
}

static inline void ALWAYS_INLINE
set_ipv4(struct dp_packet *packet, const struct ovs_key_ipv4 *key,
         const struct ovs_key_ipv4 *mask)
{
    struct ip_header *ip = l3_header(packet, IP_HEADER_LEN);
    dp_csum_diff addrs = 0, rest = 0;

    if (OVS_UNLIKELY(!ip)) {
        return;
    }
    if (mask->ipv4_src) {
        addrs += set32(&ip->ip_src, key->ipv4_src, mask->ipv4_src);
    }
    if (mask->ipv4_dst) {
        addrs += set32(&ip->ip_dst, key->ipv4_dst, mask->ipv4_dst);
    }
    if (mask->ipv4_tos) {       /* The other byte of its 16 bits. */
        rest += set16(&ip->ip_ihl_ver, htons(key->ipv4_tos),
                      htons(mask->ipv4_tos));
    }
    if (mask->ipv4_ttl) {
        rest += set16(&ip->ip_ttl, htons(key->ipv4_ttl << 8),
                      htons(mask->ipv4_ttl << 8));
    }
    if (addrs + rest) {
        ip->ip_csum = dp_csum_apply(ip->ip_csum, addrs + rest);
        ovs_packet_ipv4_changed(packet);
    }
    if (addrs) {
        if (OVS_LIKELY(!dp_header_is_later_ipv4(ip))) {
            update_l4_csum(packet, ip->ip_proto, addrs);
        }
        pkt_metadata_init_conn(&packet->md);
    }
}

/* Sets the address at 'p'.  Returns whether it has changed, and if so, adds
 * the difference to '*diff'. */
static inline bool ALWAYS_INLINE
set_ipv6_addr(void *p, const struct in6_addr *value,
              const struct in6_addr *mask, dp_csum_diff *diff)
{
    uint64_t old[2], new[2], values[2], masks[2];
    uint64_t sum = 0;

    memcpy(old, p, sizeof old);
    memcpy(values, value, sizeof values);
    memcpy(masks, mask, sizeof masks);
    for (int i = 0; i < 2; i++) {
        new[i] = (old[i] & ~masks[i]) | (values[i] & masks[i]);
        sum += (uint32_t) ~old[i] + (~old[i] >> 32);
        sum += (uint32_t) new[i] + (new[i] >> 32);
    }
    if (new[0] == old[0] && new[1] == old[1]) {
        return false;
    }
    memcpy(p, new, sizeof new);
    sum = (sum >> 32) + (uint32_t) sum;
    *diff += (sum >> 16) + (uint16_t) sum;
    return true;
}

/* Sets what stands before the length in the header at 'ip6'. */
static void
set_ipv6_flow(void *ip6, const struct ovs_key_ipv6 *key,
              const struct ovs_key_ipv6 *mask)
{
    ovs_be32 label_bits = mask->ipv6_label & htonl(IPV6_LABEL_MASK);

    set32(ip6, key->ipv6_label | htonl((uint32_t) key->ipv6_tclass << 20),
          label_bits | htonl((uint32_t) mask->ipv6_tclass << 20));
}

/* The checksums of TCP, UDP and ICMPv6 follow the addresses.  Not so with a
 * routing header that names hosts still to pass, nor in fragments but the
 * first: so says the library. */
static void
update_ipv6_l4_csum(struct dp_packet *packet, uint8_t proto, dp_csum_diff diff)
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
    } else if (dp_header_l4_bytes(packet) >= sizeof(struct icmp6_header)) {
        struct icmp6_header *icmp6 = dp_packet_l4(packet);

        icmp6->icmp6_cksum = dp_csum_apply(icmp6->icmp6_cksum, diff);
    }
}

static inline void ALWAYS_INLINE
set_ipv6(struct dp_packet *packet, const struct ovs_key_ipv6 *key,
         const struct ovs_key_ipv6 *mask)
{
    struct ovs_16aligned_ip6_hdr *ip6 = l3_header(packet, IPV6_HEADER_LEN);
    bool changed = false;
    dp_csum_diff diff = 0;

    if (OVS_UNLIKELY(!ip6)) {
        return;
    }
    if (!ipv6_mask_is_any(&mask->ipv6_src)) {
        changed |= set_ipv6_addr(&ip6->ip6_src, &key->ipv6_src,
                                 &mask->ipv6_src, &diff);
    }
    if (!ipv6_mask_is_any(&mask->ipv6_dst)) {
        changed |= set_ipv6_addr(&ip6->ip6_dst, &key->ipv6_dst,
                                 &mask->ipv6_dst, &diff);
    }
    if (changed) {
        update_ipv6_l4_csum(packet, ip6->ip6_nxt, diff);
        pkt_metadata_init_conn(&packet->md);
    }
    set_ipv6_flow(ip6, key, mask);
    ip6->ip6_hlim = ((ip6->ip6_hlim & ~mask->ipv6_hlimit)
                     | (key->ipv6_hlimit & mask->ipv6_hlimit));
}

static inline void ALWAYS_INLINE
set_tcp(struct dp_packet *packet, const struct ovs_key_tcp *key,
        const struct ovs_key_tcp *mask)
{
    struct tcp_header *tcp = dp_packet_l4(packet);
    dp_csum_diff diff;

    if (OVS_UNLIKELY(!dp_header_has_l4(packet, TCP_HEADER_LEN)
                     || !dp_packet_get_tcp_payload(packet))) {
        return;
    }
    diff = set16(&tcp->tcp_src, key->tcp_src, mask->tcp_src);
    diff += set16(&tcp->tcp_dst, key->tcp_dst, mask->tcp_dst);
    update_tcp_csum(tcp, diff);
    pkt_metadata_init_conn(&packet->md);
}

static inline void ALWAYS_INLINE
set_udp(struct dp_packet *packet, const struct ovs_key_udp *key,
        const struct ovs_key_udp *mask)
{
    struct udp_header *udp = dp_packet_l4(packet);
    dp_csum_diff diff;

    if (OVS_UNLIKELY(!dp_header_has_l4(packet, UDP_HEADER_LEN))) {
        return;
    }
    diff = set16(&udp->udp_src, key->udp_src, mask->udp_src);
    diff += set16(&udp->udp_dst, key->udp_dst, mask->udp_dst);
    update_udp_csum(packet, udp, diff);
    pkt_metadata_init_conn(&packet->md);
}

/* Sets all fields that 'key' has.  The functions that do it are always
 * inlined: here the compiler knows the masks, and in the loops for fields
 * under a mask there is no call. */
static void
set_all(struct dp_packet *packet, enum dp_edit edit, const void *key)
{
    switch ((int) edit) {
    case DP_EDIT_SET_ALL_ETH:
        set_eth(packet, key, &all_eth);
        break;
    case DP_EDIT_SET_ALL_IPV4:
        set_ipv4(packet, key, &all_ipv4);
        break;
    case DP_EDIT_SET_ALL_IPV6:
        set_ipv6(packet, key, &all_ipv6);
        break;
    case DP_EDIT_SET_ALL_TCP:
        set_tcp(packet, key, &all_tcp);
        break;
    case DP_EDIT_SET_ALL_UDP:
        set_udp(packet, key, &all_udp);
        break;
    default:
        OVS_NOT_REACHED();
    }
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

    case DP_EDIT_SET_ALL_ETH:
    case DP_EDIT_SET_ALL_IPV4:
    case DP_EDIT_SET_ALL_IPV6:
    case DP_EDIT_SET_ALL_TCP:
    case DP_EDIT_SET_ALL_UDP:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            set_all(packet, edit, arg);
        }
        break;

    case DP_EDIT_NONE:
    default:
        OVS_NOT_REACHED();
    }
}
