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
 * the packet is read.  Packets that come back to the pipe may bring what the
 * connection tracker has said.  Whatever else comes, or is not as long as it
 * says, goes to Open vSwitch's miniflow_extract(), with which this must agree.
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
BUILD_ASSERT_DECL(offsetof(struct flow, recirc_id) % 8 == 0);
BUILD_ASSERT_DECL(offsetof(struct flow, ct_zone)
                  == offsetof(struct flow, recirc_id) + 6);
BUILD_ASSERT_DECL(offsetof(struct flow, ct_mark) % 8 == 0);
BUILD_ASSERT_DECL(offsetof(struct flow, ct_nw_src) % 8 == 0);
BUILD_ASSERT_DECL(offsetof(struct flow, ct_tp_src)
                  == offsetof(struct flow, tp_src) + 4);

#ifdef WORDS_BIGENDIAN
static bool
extract_plain(struct dp_key *key OVS_UNUSED,
              struct dp_packet *packet OVS_UNUSED, bool fresh OVS_UNUSED)
{
    return false;
}
#else
/* Where the next word goes. */
struct cursor {
    uint64_t *value;
    struct flowmap map;
    uint64_t *passes;           /* The word with 'ct_nw_proto', if tracked. */
};

/* The original tuple of the connection of a packet that was tracked. */
struct tuple {
    const uint8_t *addrs;       /* Source, destination. */
    uint32_t ports;             /* Likewise, in network order. */
    uint8_t proto;              /* 0: there is no tuple. */
};

#define WORD(FIELD) (offsetof(struct flow, FIELD) / sizeof(uint64_t))

/* Appends a word.  'index' is a constant, so this is a store and an 'or'. */
static inline void
put(struct cursor *c, size_t index, uint64_t value)
{
    c->map.bits[index / MAP_T_BITS] |= MAP_1 << index % MAP_T_BITS;
    *c->value++ = value;
}

/* What earlier passes say of a packet that comes back. */
static inline void
extract_passes(struct cursor *c, const struct pkt_metadata *md)
{
    if (md->ct_state) {
        c->passes = c->value;
        put(c, WORD(recirc_id), (md->recirc_id | (uint64_t) md->ct_state << 32
                                 | (uint64_t) md->ct_zone << 48));
        put(c, WORD(ct_mark), md->ct_mark);
        if (!ovs_u128_is_zero(md->ct_label)) {
            put(c, WORD(ct_label), md->ct_label.u64.lo);
            put(c, WORD(ct_label) + 1, md->ct_label.u64.hi);
        }
    } else if (md->recirc_id) {
        put(c, WORD(recirc_id), md->recirc_id);
    }
}

/* Returns the original tuple that 'md', of a packet of IP that was tracked,
 * has.  One of the other family, or without a protocol, is none. */
static inline struct tuple
get_tuple(const struct pkt_metadata *md, bool is_ipv6)
{
    const struct ovs_key_ct_tuple_ipv4 *v4 = &md->ct_orig_tuple.ipv4;
    const struct ovs_key_ct_tuple_ipv6 *v6 = &md->ct_orig_tuple.ipv6;
    struct tuple tuple;

    if (is_ipv6) {
        tuple.addrs = (const uint8_t *) &v6->ipv6_src;
        tuple.ports = dp_load32((const uint8_t *) &v6->src_port);
        tuple.proto = v6->ipv6_proto;
    } else {
        tuple.addrs = (const uint8_t *) &v4->ipv4_src;
        tuple.ports = dp_load32((const uint8_t *) &v4->src_port);
        tuple.proto = v4->ipv4_proto;
    }
    if (is_ipv6 != md->ct_orig_tuple_ipv6) {
        tuple.proto = 0;
    }
    return tuple;
}

/* Ethernet.  Returns the offset of layer 3 and stores its type, in network
 * order, or returns 0. */
static inline size_t
extract_l2(struct cursor *c, const uint8_t *data, uint16_t *type)
{
    *type = dp_load16(data + 12);
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

/* Puts the addresses of the tuple that 'md' has, if it has one.  Returns its
 * ports. */
static inline uint32_t
extract_tuple(struct cursor *c, const struct pkt_metadata *md, bool is_ipv6)
{
    struct tuple tuple = get_tuple(md, is_ipv6);

    if (!tuple.proto) {
        return 0;
    }
    *c->passes |= (uint64_t) tuple.proto << 40;
    if (is_ipv6) {
        for (size_t i = 0; i < 4; i++) {
            put(c, WORD(ct_ipv6_src) + i, dp_load64(tuple.addrs + 8 * i));
        }
    } else {
        put(c, WORD(ct_nw_src), dp_load64(tuple.addrs));
    }
    return tuple.ports;
}

/* IP, of which 'size' bytes are there.  Returns the length of the header, and
 * stores that of the whole, the protocol, and the ports of the tuple that
 * 'tracked' has, if it is not NULL, or returns 0. */
static inline size_t
extract_ip(struct cursor *c, const uint8_t *ip, size_t size, uint16_t type,
           const struct pkt_metadata *tracked, size_t *ip_len, uint8_t *proto,
           uint32_t *ct_ports)
{
    *ct_ports = 0;
    if (OVS_LIKELY(type == (OVS_FORCE uint16_t) htons(ETH_TYPE_IP))) {
        const uint16_t frag_bits = (OVS_FORCE uint16_t) htons(0x3fff);

        if (ip[0] != 0x45 || dp_load16(ip + 6) & frag_bits) {
            return 0;
        }
        *ip_len = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
        *proto = ip[9];
        put(c, WORD(nw_src), dp_load64(ip + 12));
        if (tracked) {
            *ct_ports = extract_tuple(c, tracked, false);
        }
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
        if (tracked) {
            *ct_ports = extract_tuple(c, tracked, true);
        }
        put_ip(c, word >> 20, ip[7], *proto,
               (OVS_FORCE uint32_t) htonl(word & 0xfffff));
        return IPV6_HEADER_LEN;
    }
    return 0;
}

/* TCP or UDP, of 'size' bytes.  Returns false if it is neither. */
static inline bool
extract_l4(struct cursor *c, const uint8_t *l4, size_t size, uint8_t proto,
           uint32_t ct_ports)
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
    put(c, WORD(tp_src), dp_load32(l4) | (uint64_t) ct_ports << 32);
    return true;
}

/* Fills 'key', but for its hash, from 'packet' and sets its offsets, or
 * returns false.  The metadata of one that is 'fresh' are as
 * pkt_metadata_init() left them. */
static inline bool
extract_plain(struct dp_key *key, struct dp_packet *packet, bool fresh)
{
    const struct pkt_metadata *md = &packet->md;
    const struct pkt_metadata *tracked = !fresh && md->ct_state ? md : NULL;
    const uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    struct cursor c = { .value = key->values };
    size_t l3, l3_len, ip_len;
    uint32_t ct_ports;
    uint16_t type;
    uint8_t proto;

    if (!dp_packet_is_eth(packet)
        || size < VLAN_ETH_HEADER_LEN + IP_HEADER_LEN
        || OVS_UNLIKELY(ovs_packet_is_tunnelled(packet))
        || (!fresh && (OVS_UNLIKELY(flow_tnl_dst_is_set(&md->tunnel))
                       || md->skb_priority || md->pkt_mark))) {
        return false;
    }
    put(&c, WORD(in_port), ((uint64_t) odp_to_u32(md->in_port.odp_port) << 32
                            | (fresh ? 0 : md->dp_hash)));
    if (!fresh) {
        extract_passes(&c, md);
    }
    l3 = extract_l2(&c, data, &type);
    if (!l3) {
        return false;
    }
    size -= l3;
    l3_len = extract_ip(&c, data + l3, size, type, tracked, &ip_len, &proto,
                        &ct_ports);
    if (!l3_len || ip_len > size || size - ip_len > UINT8_MAX
        || ip_len < l3_len
        || !extract_l4(&c, data + l3 + l3_len, ip_len - l3_len, proto,
                       ct_ports)) {
        return false;
    }
    key->mf.map = c.map;
    key->n_values = c.value - key->values;
    key->plain = fresh && l3_len == IP_HEADER_LEN ? packet : NULL;
    packet->l2_pad_size = size - ip_len;
    packet->l2_5_ofs = UINT16_MAX;
    packet->l3_ofs = l3;
    packet->l4_ofs = l3 + l3_len;
    ovs_packet_note(packet, l3_len != IP_HEADER_LEN, proto == IPPROTO_TCP);
    return true;
}
#endif

/* The long way. */
static void
extract_any(struct dp_key *key, struct dp_packet *packet)
{
    miniflow_extract(packet, &key->mf);
    key->n_values = miniflow_n_values(&key->mf);
    key->plain = NULL;
}

/* Fills 'key' from 'packet', whose metadata are as pkt_metadata_init() left
 * them.  Sets the header offsets of 'packet'. */
void
dp_key_extract_fresh(struct dp_key *key, struct dp_packet *packet)
{
    if (OVS_UNLIKELY(!extract_plain(key, packet, true))) {
        extract_any(key, packet);
    }
    key->hash = dp_key_hash(packet, key);
}

/* The same, whatever the metadata of 'packet' are, but leaves the hash to the
 * caller, see dp_key_hash(). */
void
dp_key_extract(struct dp_key *key, struct dp_packet *packet)
{
    if (OVS_UNLIKELY(!extract_plain(key, packet, false))) {
        extract_any(key, packet);
    }
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
