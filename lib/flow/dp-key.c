/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-key.h"

#include <netinet/in.h>

#include "flow/dp-load.h"
#include "ovs/ovs-packet-offload.h"
#include "packets.h"
#include "util.h"

/* Extraction of what most packets are: Ethernet, at most one VLAN tag, IPv4
 * without options or IPv6 without extension headers, TCP or UDP, no fragment.
 * For these the words that make up the key, and so its map, are known before
 * the packet is read.  Whatever else comes, or is not as long as it says, goes
 * to Open vSwitch's miniflow_extract(), with which this must agree.
 *
 * Words are built little-endian; on other machines all packets go there. */

BUILD_ASSERT_DECL(offsetof(struct flow, in_port) % 8 == 4);
BUILD_ASSERT_DECL(offsetof(struct flow, dl_dst) % 8 == 0);
BUILD_ASSERT_DECL(offsetof(struct flow, dl_type)
                  == offsetof(struct flow, dl_dst) + 12);
BUILD_ASSERT_DECL(offsetof(struct flow, nw_dst)
                  == offsetof(struct flow, nw_src) + 4);
BUILD_ASSERT_DECL(offsetof(struct flow, nw_frag)
                  == offsetof(struct flow, ipv6_label) + 4);
BUILD_ASSERT_DECL(offsetof(struct flow, tcp_flags) % 8 == 4);
BUILD_ASSERT_DECL(offsetof(struct flow, tp_src) % 8 == 0);

#ifdef WORDS_BIGENDIAN
static bool
extract_plain(struct dp_key *key OVS_UNUSED,
              struct dp_packet *packet OVS_UNUSED)
{
    return false;
}
#else
/* Where the next word goes. */
struct cursor {
    uint64_t *value;
    struct flowmap map;
};

#define WORD(FIELD) (offsetof(struct flow, FIELD) / sizeof(uint64_t))

/* Appends a word.  'index' is a constant, so this is a store and an 'or'. */
static inline void
put(struct cursor *c, size_t index, uint64_t value)
{
    c->map.bits[index / MAP_T_BITS] |= MAP_1 << index % MAP_T_BITS;
    *c->value++ = value;
}

/* Ports and Ethernet.  Returns the offset of layer 3 and stores its type, in
 * network order, or returns 0. */
static inline size_t
extract_l2(struct cursor *c, const uint8_t *data, odp_port_t in_port,
           uint16_t *type)
{
    *type = dp_load16(data + 12);
    put(c, WORD(in_port), (uint64_t) odp_to_u32(in_port) << 32);
    put(c, WORD(dl_dst), dp_load64(data));
    if (OVS_LIKELY(*type != (OVS_FORCE uint16_t) htons(ETH_TYPE_VLAN))) {
        put(c, WORD(dl_dst) + 1, dp_load64(data + 6) >> 16);
        return ETH_HEADER_LEN;
    }
    if (!flow_vlan_limit) {
        return 0;
    }
    *type = dp_load16(data + 16);
    put(c, WORD(dl_dst) + 1, dp_load32(data + 8) | (uint64_t) *type << 32);
    put(c, WORD(vlans), (dp_load32(data + 12)
                         | (uint32_t) htons(VLAN_CFI) << 16));
    return VLAN_ETH_HEADER_LEN;
}

/* What both versions of IP have besides addresses. */
static inline void
put_ip(struct cursor *c, uint8_t tos, uint8_t ttl, uint8_t proto,
       uint32_t label)
{
    put(c, WORD(ipv6_label), ((uint64_t) tos << 40 | (uint64_t) ttl << 48
                              | (uint64_t) proto << 56 | label));
}

/* IP, of which 'size' bytes are there.  Returns the length of the header, and
 * stores that of the whole and the protocol, or returns 0. */
static inline size_t
extract_ip(struct cursor *c, const uint8_t *ip, size_t size, uint16_t type,
           size_t *ip_len, uint8_t *proto)
{
    if (OVS_LIKELY(type == (OVS_FORCE uint16_t) htons(ETH_TYPE_IP))) {
        const uint16_t frag_bits = (OVS_FORCE uint16_t) htons(0x3fff);

        if (ip[0] != 0x45 || dp_load16(ip + 6) & frag_bits) {
            return 0;
        }
        *ip_len = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
        *proto = ip[9];
        put(c, WORD(nw_src), dp_load64(ip + 12));
        put_ip(c, ip[1], ip[8], *proto, 0);
        return IP_HEADER_LEN;
    } else if (type == (OVS_FORCE uint16_t) htons(ETH_TYPE_IPV6)
               && size >= IPV6_HEADER_LEN && ip[0] >> 4 == 6) {
        uint32_t word = ntohl((OVS_FORCE ovs_be32) dp_load32(ip));

        *ip_len = (IPV6_HEADER_LEN
                   + ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 4)));
        *proto = ip[6];
        put(c, WORD(ipv6_src), dp_load64(ip + 8));
        put(c, WORD(ipv6_src) + 1, dp_load64(ip + 16));
        put(c, WORD(ipv6_dst), dp_load64(ip + 24));
        put(c, WORD(ipv6_dst) + 1, dp_load64(ip + 32));
        put_ip(c, word >> 20, ip[7], *proto,
               (OVS_FORCE uint32_t) htonl(word & 0xfffff));
        return IPV6_HEADER_LEN;
    }
    return 0;
}

/* TCP or UDP, of 'size' bytes.  Returns false if it is neither. */
static inline bool
extract_l4(struct cursor *c, const uint8_t *l4, size_t size, uint8_t proto)
{
    if (proto == IPPROTO_TCP && size >= TCP_HEADER_LEN) {
        uint16_t flags = dp_load16(l4 + 12)
                         & (OVS_FORCE uint16_t) htons(0x0fff);
        size_t head_len = (l4[12] >> 4) * 4;

        if (head_len < TCP_HEADER_LEN || head_len > size) {
            return false;
        }
        put(c, WORD(tcp_flags), (uint64_t) flags << 32);
    } else if (proto != IPPROTO_UDP || size < UDP_HEADER_LEN) {
        return false;
    }
    put(c, WORD(tp_src), dp_load32(l4));
    return true;
}

/* Fills 'key', but for its hash, from 'packet' and sets its offsets, or
 * returns false. */
static bool
extract_plain(struct dp_key *key, struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    struct cursor c = { .value = key->values };
    size_t l3, l3_len, ip_len;
    uint16_t type;
    uint8_t proto;

    if (!dp_packet_is_eth(packet)
        || size < VLAN_ETH_HEADER_LEN + IP_HEADER_LEN
        || OVS_UNLIKELY(ovs_packet_is_tunnelled(packet))) {
        return false;
    }
    l3 = extract_l2(&c, data, packet->md.in_port.odp_port, &type);
    if (!l3) {
        return false;
    }
    size -= l3;
    l3_len = extract_ip(&c, data + l3, size, type, &ip_len, &proto);
    if (!l3_len || ip_len > size || size - ip_len > UINT8_MAX
        || ip_len < l3_len
        || !extract_l4(&c, data + l3 + l3_len, ip_len - l3_len, proto)) {
        return false;
    }
    key->mf.map = c.map;
    key->n_values = c.value - key->values;
    key->plain = l3_len == IP_HEADER_LEN ? packet : NULL;
    packet->l2_pad_size = size - ip_len;
    packet->l2_5_ofs = UINT16_MAX;
    packet->l3_ofs = l3;
    packet->l4_ofs = l3 + l3_len;
    ovs_packet_note(packet, l3_len != IP_HEADER_LEN, proto == IPPROTO_TCP);
    return true;
}
#endif

/* Fills 'key' from 'packet', whose metadata are as pkt_metadata_init() left
 * them.  Sets the header offsets of 'packet'. */
void
dp_key_extract_fresh(struct dp_key *key, struct dp_packet *packet)
{
    if (OVS_UNLIKELY(!extract_plain(key, packet))) {
        dp_key_extract(key, packet);
        return;
    }
    key->hash = dp_key_hash(packet, key);
}

/* Fills 'key' from 'packet', whose metadata must be initialised.  Sets the
 * header offsets of 'packet'. */
void
dp_key_extract(struct dp_key *key, struct dp_packet *packet)
{
    miniflow_extract(packet, &key->mf);
    key->n_values = miniflow_n_values(&key->mf);
    key->plain = NULL;
    key->hash = dp_key_hash(packet, key);
}

/* Does what parse_tcp_flags() does: sets the offsets of 'packet', stores the
 * fields, if the pointers are not null, and returns the TCP flags in host byte
 * order.  But as extraction does, it finds no flags in a header whose length
 * is wrong. */
uint16_t
dp_key_tcp_flags(struct dp_packet *packet, ovs_be16 *dl_type, uint8_t *nw_frag,
                 ovs_be16 *vlan_tci)
{
    uint16_t flags = parse_tcp_flags(packet, dl_type, nw_frag, vlan_tci);
    const struct tcp_header *tcp;
    size_t tcp_len;

    if (!flags) {
        return 0;
    }
    tcp = dp_packet_l4(packet);
    tcp_len = TCP_OFFSET(tcp->tcp_ctl) * 4;
    return (tcp_len >= TCP_HEADER_LEN && tcp_len <= dp_packet_l4_size(packet)
            ? flags : 0);
}

/* Returns what dp_key_tcp_flags() does, at less cost for most packets;
 * 'packet' must be an Ethernet packet.  Its offsets may be set or not. */
uint16_t
dp_key_peek_tcp_flags(struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    const uint8_t *ip = data + ETH_HEADER_LEN;
    size_t size = dp_packet_size(packet);
    size_t ip_len, tcp_len;

    if (OVS_UNLIKELY(size < ETH_HEADER_LEN + IP_HEADER_LEN + TCP_HEADER_LEN
                     || dp_load16(data + 12) != (OVS_FORCE uint16_t)
                                             htons(ETH_TYPE_IP)
                     || ip[0] != 0x45
                     || dp_load16(ip + 6) & (OVS_FORCE uint16_t)
                                          htons(0x3fff))) {
        return dp_key_tcp_flags(packet, NULL, NULL, NULL);
    }
    size -= ETH_HEADER_LEN;
    ip_len = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
    tcp_len = (ip[IP_HEADER_LEN + 12] >> 4) * 4;
    if (ip[9] != IPPROTO_TCP || ip_len > size || tcp_len < TCP_HEADER_LEN
        || IP_HEADER_LEN + tcp_len > ip_len) {
        return 0;
    }
    return ntohs((OVS_FORCE ovs_be16) dp_load16(ip + IP_HEADER_LEN + 12))
           & 0xfff;
}

/* Does what dp_key_tcp_flags() does, at less cost for most packets; 'packet'
 * must be an Ethernet packet, and fields are 0 if they are not there. */
uint16_t
dp_key_peek(struct dp_packet *packet, ovs_be16 *dl_type, uint8_t *nw_frag,
            ovs_be16 *vlan_tci)
{
    const uint8_t *data = dp_packet_data(packet);
    const uint8_t *ip = data + ETH_HEADER_LEN;
    size_t size = dp_packet_size(packet);
    uint16_t ip_len;

    *dl_type = 0;
    *nw_frag = 0;
    *vlan_tci = 0;
    if (OVS_LIKELY(size >= ETH_HEADER_LEN + IP_HEADER_LEN + UDP_HEADER_LEN
                   && dp_load16(data + 12) == (OVS_FORCE uint16_t)
                                           htons(ETH_TYPE_IP)
                   && ip[0] == 0x45 && ip[9] == IPPROTO_UDP
                   && !(dp_load16(ip + 6) & (OVS_FORCE uint16_t)
                                         htons(0x3fff)))) {
        ip_len = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
        size -= ETH_HEADER_LEN;
        if (ip_len >= IP_HEADER_LEN && ip_len <= size
            && size - ip_len <= UINT8_MAX) {
            *dl_type = htons(ETH_TYPE_IP);
            packet->l2_pad_size = size - ip_len;
            packet->l2_5_ofs = UINT16_MAX;
            packet->l3_ofs = ETH_HEADER_LEN;
            packet->l4_ofs = ETH_HEADER_LEN + IP_HEADER_LEN;
            ovs_packet_note(packet, false, false);
            return 0;
        }
    }
    return dp_key_tcp_flags(packet, dl_type, nw_frag, vlan_tci);
}
