/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-rewrite.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "odp-netlink.h"
#include "packets.h"
#include "flow/dp-csum.h"
#include "flow/dp-header.h"
#include "flow/dp-load.h"
#include "ovs/ovs-packet-offload.h"

BUILD_ASSERT_DECL(sizeof(struct dp_rewrite) <= CACHE_LINE_SIZE);

/* The headers as they lie in a packet, from which words are taken: what a
 * packet has on the wire is what a word has in memory. */
struct ip_image {
    uint8_t ttl, proto;
    ovs_be16 csum;
    ovs_be32 src, dst;
    ovs_be16 tp_src, tp_dst;
};

enum {
    FRAG_OFS = offsetof(struct ip_header, ip_frag_off),
    TTL_OFS = offsetof(struct ip_header, ip_ttl),
    PROTO_OFS = offsetof(struct ip_header, ip_proto),
    DST_OFS = offsetof(struct ip_header, ip_dst),
    CTL_OFS = offsetof(struct tcp_header, tcp_ctl),
};
BUILD_ASSERT_DECL(offsetof(struct ip_image, dst) == DST_OFS - TTL_OFS);
BUILD_ASSERT_DECL(sizeof(struct ip_image) == 16);

/* Adding edits. */

void
dp_rewrite_init(struct dp_rewrite *rewrite)
{
    memset(rewrite, 0, sizeof *rewrite);
}

/* Adds the bits of 'value' that 'mask' has. */
static void
add_image(struct dp_rewrite *rewrite, const struct ip_image *value,
          const struct ip_image *mask)
{
    const uint8_t *v = (const uint8_t *) value, *m = (const uint8_t *) mask;
    uint64_t addrs;

    rewrite->ip.ttl_src |= dp_load64(v) & dp_load64(m);
    rewrite->ip.dst_ports |= dp_load64(v + 8) & dp_load64(m + 8);
    rewrite->ip_mask.ttl_src |= dp_load64(m);
    rewrite->ip_mask.dst_ports |= dp_load64(m + 8);
    addrs = ((uint64_t) dp_part32(rewrite->ip.ttl_src, 1)
             + dp_part32(rewrite->ip.dst_ports, 0));
    rewrite->ip_sum = dp_csum_fold(addrs + dp_part32(rewrite->ip.ttl_src, 0));
    rewrite->l4_sum = dp_csum_fold(addrs
                                   + dp_part32(rewrite->ip.dst_ports, 1));
}

/* The addresses in the order of the wire. */
static void
put_eth(const struct ovs_key_ethernet *eth, uint64_t *head, uint32_t *tail)
{
    uint8_t bytes[2 * ETH_ADDR_LEN];

    memcpy(bytes, &eth->eth_dst, ETH_ADDR_LEN);
    memcpy(bytes + ETH_ADDR_LEN, &eth->eth_src, ETH_ADDR_LEN);
    *head = dp_load64(bytes);
    *tail = dp_load32(bytes + sizeof *head);
}

static bool
add_eth(struct dp_rewrite *rewrite, const struct ovs_key_ethernet *key,
        const struct ovs_key_ethernet *mask)
{
    if (rewrite->sets_eth) {
        return false;
    }
    put_eth(key, &rewrite->eth.head, &rewrite->eth.tail);
    put_eth(mask, &rewrite->eth.head_mask, &rewrite->eth.tail_mask);
    rewrite->eth.head &= rewrite->eth.head_mask;
    rewrite->eth.tail &= rewrite->eth.tail_mask;
    rewrite->sets_eth = true;
    return true;
}

static bool
add_ipv4(struct dp_rewrite *rewrite, const struct ovs_key_ipv4 *key,
         const struct ovs_key_ipv4 *mask)
{
    if (rewrite->sets_ipv4) {
        return false;
    }
    add_image(rewrite,
              &(struct ip_image) { .ttl = key->ipv4_ttl,
                                   .src = key->ipv4_src,
                                   .dst = key->ipv4_dst },
              &(struct ip_image) { .ttl = mask->ipv4_ttl,
                                   .src = mask->ipv4_src,
                                   .dst = mask->ipv4_dst });
    rewrite->tos_mask = mask->ipv4_tos;
    rewrite->tos = key->ipv4_tos & mask->ipv4_tos;
    rewrite->sets_ipv4 = true;
    rewrite->needs_l4 |= mask->ipv4_src || mask->ipv4_dst;
    return true;
}

/* The ports of UDP stand where those of TCP do. */
BUILD_ASSERT_DECL(sizeof(struct ovs_key_udp) == sizeof(struct ovs_key_tcp));
BUILD_ASSERT_DECL(offsetof(struct ovs_key_udp, udp_dst)
                  == offsetof(struct ovs_key_tcp, tcp_dst));

static bool
add_ports(struct dp_rewrite *rewrite, uint8_t proto,
          const struct ovs_key_tcp *key, const struct ovs_key_tcp *mask)
{
    if (rewrite->ports_proto) {
        return false;
    }
    add_image(rewrite,
              &(struct ip_image) { .tp_src = key->tcp_src,
                                   .tp_dst = key->tcp_dst },
              &(struct ip_image) { .tp_src = mask->tcp_src,
                                   .tp_dst = mask->tcp_dst });
    rewrite->ports_proto = proto;
    rewrite->needs_l4 = true;
    return true;
}

bool
dp_rewrite_add(struct dp_rewrite *rewrite, enum dp_edit edit, const void *arg)
{
    switch ((int) edit) {
    case DP_EDIT_SET_ETH:
    case DP_EDIT_SET_ALL_ETH:
        return add_eth(rewrite, arg, dp_edit_mask(edit, arg));
    case DP_EDIT_SET_IPV4:
    case DP_EDIT_SET_ALL_IPV4:
        return add_ipv4(rewrite, arg, dp_edit_mask(edit, arg));
    case DP_EDIT_SET_TCP:
    case DP_EDIT_SET_ALL_TCP:
        return add_ports(rewrite, IPPROTO_TCP, arg, dp_edit_mask(edit, arg));
    case DP_EDIT_SET_UDP:
    case DP_EDIT_SET_ALL_UDP:
        return add_ports(rewrite, IPPROTO_UDP, arg, dp_edit_mask(edit, arg));
    default:
        return false;
    }
}

/* Packets. */

/* Is there a header of TCP or UDP that 'rewrite' may change, right behind the
 * IPv4 header 'l3' of 'packet', which has no options? */
static inline bool
has_l4(const struct dp_rewrite *rewrite, const struct dp_packet *packet,
       const uint8_t *l3)
{
    const uint8_t *l4 = l3 + IP_HEADER_LEN;
    size_t size = dp_packet_size(packet);
    size_t before = packet->l4_ofs + packet->l2_pad_size;   /* And behind. */
    uint8_t proto;
    size_t len;

    if (packet->l4_ofs != packet->l3_ofs + IP_HEADER_LEN
        || before + UDP_HEADER_LEN > size
        || (dp_load16(l3 + FRAG_OFS)
            & (OVS_FORCE uint16_t) htons(IP_FRAG_OFF_MASK))) {
        return false;
    }
    proto = l3[PROTO_OFS];
    if (rewrite->ports_proto && rewrite->ports_proto != proto) {
        return false;
    }
    if (proto != IPPROTO_TCP) {
        return proto == IPPROTO_UDP;
    }
    if (before + TCP_HEADER_LEN > size) {
        return false;
    }
    len = l4[CTL_OFS] >> 4 << 2;
    return len >= TCP_HEADER_LEN && before + len <= size;
}

/* Can 'packet', whose layer 3 would be at 'l3', be rewritten at once? */
static inline bool
is_plain(const struct dp_rewrite *rewrite, const struct dp_packet *packet,
         const uint8_t *l3)
{
    return (OVS_LIKELY(dp_packet_is_eth(packet))
            && (rewrite->needs_l4
                ? has_l4(rewrite, packet, l3)
                : (dp_header_bytes_from(packet, packet->l3_ofs)
                   >= IP_HEADER_LEN)));
}

static inline void
rewrite_eth(const struct dp_rewrite *rewrite, uint8_t *p)
{
    uint64_t head = ((dp_load64(p) & ~rewrite->eth.head_mask)
                     | rewrite->eth.head);
    uint32_t tail = ((dp_load32(p + sizeof head) & ~rewrite->eth.tail_mask)
                     | rewrite->eth.tail);

    memcpy(p, &head, sizeof head);
    memcpy(p + sizeof head, &tail, sizeof tail);
}

/* Sets the byte behind that with the header's length. */
static void
rewrite_tos(const struct dp_rewrite *rewrite, struct dp_packet *packet,
            uint8_t *l3)
{
    struct ip_header *ip = ALIGNED_CAST(struct ip_header *, l3);
    uint16_t old = dp_load16(l3);
    uint16_t new;

    ip->ip_tos = (ip->ip_tos & ~rewrite->tos_mask) | rewrite->tos;
    new = dp_load16(l3);
    if (new != old) {
        ip->ip_csum = dp_csum_apply(ip->ip_csum, dp_csum_diff16(old, new));
        ovs_packet_ipv4_changed(packet);
    }
}

static inline uint8_t *
l4_csum(uint8_t *l4, bool is_tcp)
{
    return l4 + (is_tcp ? offsetof(struct tcp_header, tcp_csum)
                 : offsetof(struct udp_header, udp_csum));
}

/* Updates the checksum of TCP or UDP at 'l4', where words that add up to 'old'
 * were set.  A UDP checksum of 0 means that there is none. */
static inline void
update_l4_csum(const struct dp_rewrite *rewrite, uint8_t *l4, bool is_tcp,
               uint64_t old)
{
    uint8_t *p = l4_csum(l4, is_tcp);
    ovs_be16 csum = (OVS_FORCE ovs_be16) dp_load16(p);
    ovs_be16 new = dp_csum_replace(csum, old, rewrite->l4_sum);

    if (!is_tcp) {
        new = !csum ? 0 : new ? new : OVS_BE16_MAX;
    }
    memcpy(p, &new, sizeof new);
}

/* Rewrites addresses and ports at 'l3', of a packet that has both. */
static inline void
rewrite_l4(const struct dp_rewrite *rewrite, struct dp_packet *packet,
           uint8_t *l3)
{
    uint64_t old[2] = { dp_load64(l3 + TTL_OFS), dp_load64(l3 + DST_OFS) };
    uint64_t went[2] = { old[0] & rewrite->ip_mask.ttl_src,
                         old[1] & rewrite->ip_mask.dst_ports };
    uint64_t new[2] = { old[0] ^ went[0] ^ rewrite->ip.ttl_src,
                        old[1] ^ went[1] ^ rewrite->ip.dst_ports };
    uint64_t addrs = (uint64_t) dp_part32(went[0], 1) + dp_part32(went[1], 0);
    uint32_t moved = (dp_part32(old[0] ^ new[0], 1)
                      | dp_part32(old[1] ^ new[1], 0));

    bool is_tcp = dp_part8(old[0], 1) == IPPROTO_TCP;
    uint8_t *l4 = l3 + IP_HEADER_LEN;

    memcpy(l3 + DST_OFS, &new[1], sizeof new[1]);
    if (moved | dp_part32(old[1] ^ new[1], 1)) {
        update_l4_csum(rewrite, l4, is_tcp, addrs + dp_part32(went[1], 1));
    }
    if (moved | dp_part32(old[0] ^ new[0], 0)) {
        ovs_be16 csum = (OVS_FORCE ovs_be16) dp_part16(old[0], 1);

        csum = dp_csum_replace(csum, addrs + dp_part32(went[0], 0),
                               rewrite->ip_sum);
        new[0] = dp_with_part16(new[0], 1, (OVS_FORCE uint16_t) csum);
        memcpy(l3 + TTL_OFS, &new[0], sizeof new[0]);
        ovs_packet_ipv4_changed(packet);
    }
    if (moved || rewrite->ports_proto) {
        if (!is_tcp && !dp_load16(l4_csum(l4, is_tcp))) {
            ovs_packet_want_udp_csum(packet);
        }
        if (!rewrite->keeps_conn) {
            pkt_metadata_init_conn(&packet->md);
        }
    }
}

/* Rewrites the TTL at 'l3'. */
static inline void
rewrite_ttl(const struct dp_rewrite *rewrite, struct dp_packet *packet,
            uint8_t *l3)
{
    uint64_t old = dp_load64(l3 + TTL_OFS);
    uint64_t went = old & rewrite->ip_mask.ttl_src;
    uint64_t new = old ^ went ^ rewrite->ip.ttl_src;

    if (new != old) {
        ovs_be16 csum = (OVS_FORCE ovs_be16) dp_part16(old, 1);

        csum = dp_csum_replace(csum, dp_part32(went, 0), rewrite->ip_sum);
        new = dp_with_part16(new, 1, (OVS_FORCE uint16_t) csum);
        memcpy(l3 + TTL_OFS, &new, sizeof new);
        ovs_packet_ipv4_changed(packet);
    }
}

static inline void
rewrite_plain(const struct dp_rewrite *rewrite, struct dp_packet *packet,
              uint8_t *data)
{
    uint8_t *l3 = data + packet->l3_ofs;

    rewrite_eth(rewrite, data);
    if (OVS_UNLIKELY(rewrite->tos_mask)) {
        rewrite_tos(rewrite, packet, l3);
    }
    if (rewrite->needs_l4) {
        rewrite_l4(rewrite, packet, l3);
    } else {
        rewrite_ttl(rewrite, packet, l3);
    }
}

/* One packet, edit by edit: what the words say, as these want it. */

static void
run_eth(const struct dp_rewrite *rewrite, struct dp_packet_batch *one)
{
    uint8_t bytes[2][2 * ETH_ADDR_LEN];
    struct ovs_key_ethernet eth[2];

    memcpy(bytes[0], &rewrite->eth.head, 8);
    memcpy(bytes[0] + 8, &rewrite->eth.tail, 4);
    memcpy(bytes[1], &rewrite->eth.head_mask, 8);
    memcpy(bytes[1] + 8, &rewrite->eth.tail_mask, 4);
    for (int i = 0; i < 2; i++) {
        memcpy(&eth[i].eth_dst, bytes[i], ETH_ADDR_LEN);
        memcpy(&eth[i].eth_src, bytes[i] + ETH_ADDR_LEN, ETH_ADDR_LEN);
    }
    dp_edit_run(one, DP_EDIT_SET_ETH, eth);
}

static void
run_ipv4(const struct dp_rewrite *rewrite, const struct ip_image images[2],
         struct dp_packet_batch *one)
{
    struct ovs_key_ipv4 ipv4[2];

    memset(ipv4, 0, sizeof ipv4);
    for (int i = 0; i < 2; i++) {
        ipv4[i].ipv4_ttl = images[i].ttl;
        ipv4[i].ipv4_src = images[i].src;
        ipv4[i].ipv4_dst = images[i].dst;
    }
    ipv4[0].ipv4_tos = rewrite->tos;
    ipv4[1].ipv4_tos = rewrite->tos_mask;
    dp_edit_run(one, DP_EDIT_SET_IPV4, ipv4);
}

static void
run_ports(const struct dp_rewrite *rewrite, const struct ip_image images[2],
          struct dp_packet_batch *one)
{
    struct ovs_key_tcp ports[2];

    for (int i = 0; i < 2; i++) {
        ports[i].tcp_src = images[i].tp_src;
        ports[i].tcp_dst = images[i].tp_dst;
    }
    dp_edit_run(one, (rewrite->ports_proto == IPPROTO_TCP
                      ? DP_EDIT_SET_TCP : DP_EDIT_SET_UDP), ports);
}

static void
run_one_by_one(const struct dp_rewrite *rewrite, struct dp_packet *packet)
{
    struct dp_packet_batch one;
    struct ip_image images[2];

    dp_packet_batch_init_packet(&one, packet);
    memcpy(&images[0], &rewrite->ip, sizeof images[0]);
    memcpy(&images[1], &rewrite->ip_mask, sizeof images[1]);
    if (rewrite->sets_eth) {
        run_eth(rewrite, &one);
    }
    if (rewrite->sets_ipv4) {
        run_ipv4(rewrite, images, &one);
    }
    if (rewrite->ports_proto) {
        run_ports(rewrite, images, &one);
    }
}

void
dp_rewrite_packet(const struct dp_rewrite *rewrite, struct dp_packet *packet)
{
    uint8_t *data = dp_packet_data(packet);

    if (OVS_LIKELY(is_plain(rewrite, packet, data + packet->l3_ofs))) {
        rewrite_plain(rewrite, packet, data);
    } else {
        run_one_by_one(rewrite, packet);
    }
}
