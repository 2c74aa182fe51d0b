/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-packet.h"

#include "coverage.h"
#include "crc32c.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "unaligned.h"
#include "ct/ct-csum.h"
#include "flow/dp-load.h"
#include "ovs/ovs-ipv6.h"
#include "ovs/ovs-packet-offload.h"

COVERAGE_DEFINE(conntrack_l3csum_err);
COVERAGE_DEFINE(conntrack_l4csum_err);

/* What an ICMP error tells of the packet that it is about. */
#define ICMP_ERROR_L4_LEN 8

/* Type, flags and length. */
#define SCTP_CHUNK_HEADER_LEN 4

/* Bytes that begin with layer 3 or 4, of a packet or within an error. */
struct part {
    const void *l3, *l4;
    size_t l4_len;
    uint8_t proto;
};

/* Layer 3. */

/* Is the checksum of the IPv4 header sound that begins 'size' bytes at 'ip'?
 * What the header says of its lengths may be nonsense. */
static bool
check_ip_csum(const struct dp_packet *packet, const struct ip_header *ip,
              size_t size)
{
    enum ovs_csum status = ovs_packet_ip_csum(packet);
    size_t len = IP_IHL(ip->ip_ihl_ver) * 4;
    bool good = (status == OVS_CSUM_GOOD
                 || (status == OVS_CSUM_UNKNOWN
                     && ct_csum_is_right(ct_csum_add((const uint8_t *) ip,
                                                     MIN(len, size)))));

    if (!good) {
        COVERAGE_INC(conntrack_l3csum_err);
    }
    return good;
}

/* Takes the IPv4 header that begins 'size' bytes at 'data' into 'key' and
 * 'part'.  The payload of an inner packet may be cut, and has no padding. */
static inline bool
parse_ipv4(const void *data, size_t size, bool inner, struct ct_key *key,
           struct part *part)
{
    const struct ip_header *ip = data;
    size_t header_len, total_len;

    if (size < IP_HEADER_LEN) {
        return false;
    }
    header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    total_len = ntohs(ip->ip_tot_len);
    if (header_len < IP_HEADER_LEN || header_len > size
        || (!inner && (total_len < header_len || total_len > size))
        /* An error may be about the first fragment. */
        || ip->ip_frag_off & htons(inner ? IP_FRAG_OFF_MASK
                                   : IP_FRAG_OFF_MASK | IP_MORE_FRAGMENTS)) {
        return false;
    }
    key->words[0] = ct_key_ipv4_word(get_16aligned_be32(&ip->ip_src));
    key->words[1] = 0;
    key->words[2] = ct_key_ipv4_word(get_16aligned_be32(&ip->ip_dst));
    key->words[3] = 0;
    *part = (struct part) {
        .l3 = data,
        .l4 = (const char *) data + header_len,
        .l4_len = (inner ? size : total_len) - header_len,
        .proto = ip->ip_proto,
    };
    return true;
}

/* The same for IPv6, whose extension headers it skips. */
static bool
parse_ipv6(const void *data, size_t size, bool inner, struct ct_key *key,
           struct part *part)
{
    const struct ovs_16aligned_ip6_hdr *ip = data;
    const struct ovs_16aligned_ip6_frag *frag;
    const void *l4 = ip + 1;
    uint8_t nw_frag = 0;
    size_t len;

    if (size < IPV6_HEADER_LEN) {
        return false;
    }
    len = ntohs(ip->ip6_plen);
    if (!inner) {
        if (len > size - IPV6_HEADER_LEN) {
            return false;
        }
    } else {
        len = size - IPV6_HEADER_LEN;
    }
    part->proto = ip->ip6_nxt;
    if (!ovs_parse_ipv6_ext_hdrs(&l4, &len, &part->proto, &nw_frag, &frag)
        || (inner ? nw_frag & FLOW_NW_FRAG_LATER : nw_frag)) {
        return false;
    }
    memcpy(&key->src.ipv6, &ip->ip6_src, sizeof key->src.ipv6);
    memcpy(&key->dst.ipv6, &ip->ip6_dst, sizeof key->dst.ipv6);
    part->l3 = data;
    part->l4 = l4;
    part->l4_len = len;
    return true;
}

static bool
parse_l3(const void *data, size_t size, bool inner, struct ct_key *key,
         struct part *part)
{
    return (key->is_ipv6
            ? parse_ipv6(data, size, inner, key, part)
            : parse_ipv4(data, size, inner, key, part));
}

/* Layer 4. */

/* Has an association's packet of 'len' bytes, which begins at 'data', a header
 * and chunks that fill it?  The length of a chunk is without its padding. */
static bool
has_whole_chunks(const uint8_t *data, size_t len)
{
    size_t used = SCTP_HEADER_LEN;

    while (used + SCTP_CHUNK_HEADER_LEN <= len) {
        const void *size_in = &data[used + 2];
        size_t size = ntohs(get_unaligned_be16(size_in));

        if (size < SCTP_CHUNK_HEADER_LEN) {
            return false;
        }
        used += ROUND_UP(size, 4);
    }
    return used == len;
}

/* Are the headers of 'part', which is not within an error, as long as they say
 * that they are? */
static bool
is_whole(const struct part *part)
{
    size_t len = part->l4_len;

    if (part->proto == IPPROTO_TCP) {
        const struct tcp_header *tcp = part->l4;

        return (len >= TCP_HEADER_LEN
                && TCP_OFFSET(tcp->tcp_ctl) * 4 >= TCP_HEADER_LEN
                && TCP_OFFSET(tcp->tcp_ctl) * 4 <= len);
    } else if (part->proto == IPPROTO_UDP) {
        const struct udp_header *udp = part->l4;

        return (len >= UDP_HEADER_LEN && ntohs(udp->udp_len) >= UDP_HEADER_LEN
                && ntohs(udp->udp_len) <= len);
    }
    return !ct_has_ports(part->proto) || has_whole_chunks(part->l4, len);
}

/* The same for what is within an error. */
static bool
is_enough(const struct part *part, bool is_ipv6)
{
    return part->l4_len >= (is_ipv6 && part->proto == IPPROTO_TCP
                            ? TCP_HEADER_LEN : ICMP_ERROR_L4_LEN);
}

/* TCP, UDP and SCTP have their ports in one place. */
static bool
parse_ports(const struct part *part, struct ct_key *key)
{
    const ovs_be16 *ports = part->l4;
    ovs_be16 src = get_unaligned_be16(&ports[0]);
    ovs_be16 dst = get_unaligned_be16(&ports[1]);

    key->words[4] |= ct_key_last_word(src, dst, 0, 0, false);
    return src && dst;
}

/* Is a message of 'type' an error, with what it is about in it? */
static bool
is_error(bool is_ipv6, uint8_t type)
{
    if (is_ipv6) {
        return type >= ICMP6_DST_UNREACH && type <= ICMP6_PARAM_PROB;
    }
    return (type == ICMP4_DST_UNREACH || type == ICMP4_SOURCEQUENCH
            || type == ICMP4_REDIRECT || type == ICMP4_TIME_EXCEEDED
            || type == ICMP4_PARAM_PROB);
}

/* A query or answer of ICMP or ICMPv6, the headers of which begin alike. */
static bool
parse_query(const struct part *part, struct ct_key *key)
{
    const struct icmp_header *icmp = part->l4;

    if (part->l4_len < ICMP_HEADER_LEN || icmp->icmp_code
        || ct_key_icmp_partner(key->is_ipv6, icmp->icmp_type) < 0) {
        return false;
    }
    key->words[4] |= ct_key_last_word(icmp->icmp_fields.echo.id,
                                      ct_key_icmp_port(icmp->icmp_type,
                                                       icmp->icmp_code),
                                      0, 0, false);
    return true;
}

static bool
parse_l4(const struct part *part, struct ct_key *key)
{
    key->words[4] |= ct_key_last_word(0, 0, 0, part->proto, false);
    if (ct_has_ports(part->proto)) {
        return parse_ports(part, key);
    }
    return !ct_key_is_icmp(key) || parse_query(part, key);
}

/* Replaces the key of an error by that of its direction: the reverse of the
 * packet that it is about.  Whoever sends the error, it goes to the sender of
 * that packet. */
static bool
parse_error(const struct dp_packet *packet, const struct part *part,
            struct ct_packet *p)
{
    const char *start = dp_packet_data(packet);
    struct ct_key inner = {
        .words[4] = ct_key_last_word(0, 0, p->key.zone, 0, p->key.is_ipv6),
    };
    struct part inner_part;

    if (!parse_l3((const char *) part->l4 + ICMP_HEADER_LEN,
                  part->l4_len - ICMP_HEADER_LEN, true, &inner, &inner_part)
        || memcmp(&inner.src, &p->key.dst, sizeof inner.src)
        || (ct_has_ports(inner_part.proto)
            && !is_enough(&inner_part, inner.is_ipv6))
        || !parse_l4(&inner_part, &inner)) {
        return false;
    }
    p->is_error = true;
    p->inner_l3 = (const char *) inner_part.l3 - start;
    p->inner_l4 = (const char *) inner_part.l4 - start;
    ct_key_reverse(&inner, &p->key);
    p->reverse = inner;
    return true;
}

/* The checksum of layer 4. */

/* Is the checksum of the association's packet 'sctp' sound, which has 'len'
 * bytes?  It covers itself as 0. */
static bool
sctp_csum_is_good(struct sctp_header *sctp, size_t len)
{
    ovs_be32 want = get_16aligned_be32(&sctp->sctp_csum);
    ovs_be32 sum;

    put_16aligned_be32(&sctp->sctp_csum, 0);
    sum = crc32c((const uint8_t *) sctp, len);
    put_16aligned_be32(&sctp->sctp_csum, want);
    return sum == want;
}

/* Returns the sum of the pseudo header of a packet of 'key', which says that
 * there are 'len' bytes of 'proto'. */
static inline uint64_t
sum_pseudo_header(const struct ct_key *key, uint8_t proto, size_t len)
{
    uint64_t sum = ((OVS_FORCE uint16_t) htons(proto)
                    + (OVS_FORCE uint16_t) htons(len));

    for (int i = 0; i < 4; i++) {
        sum += ct_csum_halves(key->words[i]);
    }
    return sum;
}

/* Is the checksum of 'packet' sound?  A pseudo header says that there are
 * 'said_len' bytes. */
static bool
l4_csum_is_good(const struct dp_packet *packet, const struct part *part,
                const struct ct_key *key, size_t said_len)
{
    uint64_t sum;

    if (part->proto == IPPROTO_SCTP) {
        return sctp_csum_is_good(dp_packet_l4(packet), part->l4_len);
    }
    sum = ct_csum_add(dp_packet_l4(packet), part->l4_len);
    if (part->proto != IPPROTO_ICMP || key->is_ipv6) {
        sum += sum_pseudo_header(key, part->proto, said_len);
    }
    return ct_csum_is_right(sum);
}

static bool
has_csum(const struct part *part, const struct ct_key *key)
{
    if (key->proto == IPPROTO_UDP) {
        const struct udp_header *udp = part->l4;

        return key->is_ipv6 || udp->udp_csum;
    }
    return (key->proto == IPPROTO_TCP || ct_key_is_icmp(key)
            || (key->proto == IPPROTO_SCTP && ovs_ct_has_sctp_ports()));
}

static bool
check_l4_csum(const struct dp_packet *packet, const struct part *part,
              const struct ct_key *key, size_t said_len)
{
    enum ovs_csum status = ovs_packet_l4_csum(packet);
    bool good = (status == OVS_CSUM_GOOD
                 || (status == OVS_CSUM_UNKNOWN
                     && (!has_csum(part, key)
                         || l4_csum_is_good(packet, part, key, said_len))));

    if (!good) {
        COVERAGE_INC(conntrack_l4csum_err);
    }
    return good;
}

/* Is the checksum of TCP or UDP sound, of 'len' bytes at 'l4', which follow
 * the IP header at 'l3' at once? */
static bool
plain_csum_is_good(const uint8_t *l3, const uint8_t *l4, size_t len,
                   bool is_ipv6)
{
    uint8_t proto = l3[is_ipv6 ? 6 : 9];
    uint64_t sum;

    if (!is_ipv6 && proto == IPPROTO_UDP
        && !((const struct udp_header *) l4)->udp_csum) {
        return true;
    }
    sum = ct_csum_add(l4, len);
    sum += is_ipv6 ? ct_csum_add(l3 + 8, 32) : ct_csum_add(l3 + 12, 8);
    sum += (OVS_FORCE uint16_t) htons(proto);
    sum += (OVS_FORCE uint16_t) htons(len);
    return ct_csum_is_right(sum);
}

bool
ct_packet_csums_are_good(const struct dp_packet *packet, bool is_ipv6)
{
    const uint8_t *l3 = dp_packet_l3(packet);
    enum ovs_csum status;

    if (!is_ipv6) {
        status = ovs_packet_ip_csum(packet);
        if (status != OVS_CSUM_GOOD
            && (status == OVS_CSUM_BAD
                || !ct_csum_is_right(ct_csum_add(l3, IP_HEADER_LEN)))) {
            return false;
        }
    }
    status = ovs_packet_l4_csum(packet);
    return (status != OVS_CSUM_UNKNOWN
            ? status == OVS_CSUM_GOOD
            : plain_csum_is_good(l3, dp_packet_l4(packet),
                                 dp_packet_l4_size(packet), is_ipv6));
}

/* What most packets are. */

/* What layer 3 tells about what is behind it. */
struct inside {
    uint64_t pseudo_sum;        /* Of addresses and length. */
    uint8_t proto;
};

/* IPv4 without options at 'l3', and no fragment, with 'len' bytes behind it.
 * Stores the addresses in 'key'. */
static inline bool
parse_plain_ipv4(const struct dp_packet *packet, const uint8_t *l3,
                 size_t len, struct ct_key *key, struct inside *in)
{
    const uint16_t frag_bits = (OVS_FORCE uint16_t) htons(IP_FRAG_OFF_MASK
                                                          | IP_MORE_FRAGMENTS);
    enum ovs_csum status = ovs_packet_ip_csum(packet);
    uint32_t src = dp_load32(l3 + 12), dst = dp_load32(l3 + 16);
    size_t total_len = ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 2));

    key->words[0] = ct_key_ipv4_word((OVS_FORCE ovs_be32) src);
    key->words[1] = 0;
    key->words[2] = ct_key_ipv4_word((OVS_FORCE ovs_be32) dst);
    key->words[3] = 0;
    in->proto = l3[9];
    in->pseudo_sum = ((uint64_t) src + dst
                      + (OVS_FORCE uint16_t) htons(total_len
                                                   - IP_HEADER_LEN));
    return (l3[0] == IP_IHL_VER(IP_HEADER_LEN / 4, 4)
            && !(dp_load16(l3 + 6) & frag_bits)
            && total_len >= IP_HEADER_LEN && total_len - IP_HEADER_LEN <= len
            && status != OVS_CSUM_BAD
            && (status == OVS_CSUM_GOOD
                || ct_csum_is_right((uint64_t) src + dst + dp_load32(l3 + 8)
                                    + ct_csum_halves(dp_load64(l3)))));
}

/* The same of IPv6 without extension headers. */
static inline bool
parse_plain_ipv6(const uint8_t *l3, size_t len, struct ct_key *key,
                 struct inside *in)
{
    in->pseudo_sum = (OVS_FORCE uint16_t) htons(len);
    for (int i = 0; i < 4; i++) {
        key->words[i] = dp_load64(l3 + 8 + 8 * i);
        in->pseudo_sum += ct_csum_halves(key->words[i]);
    }
    in->proto = l3[6];
    return ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 4)) <= len;
}

/* TCP or UDP, of 'len' bytes at 'l4', with ports and a checksum that is
 * right. */
static inline bool
parse_plain_l4(const struct dp_packet *packet, const uint8_t *l4, size_t len,
               const struct inside *in, struct ct_key *key)
{
    enum ovs_csum status = ovs_packet_l4_csum(packet);
    bool has_sum = true;
    uint16_t src, dst;

    if (in->proto == IPPROTO_TCP && len >= TCP_HEADER_LEN) {
        size_t head_len = (l4[12] >> 4) * 4;

        if (head_len < TCP_HEADER_LEN || head_len > len) {
            return false;
        }
    } else if (in->proto == IPPROTO_UDP && len >= UDP_HEADER_LEN) {
        size_t udp_len = ntohs((OVS_FORCE ovs_be16) dp_load16(l4 + 4));

        if (udp_len < UDP_HEADER_LEN || udp_len > len) {
            return false;
        }
        has_sum = key->is_ipv6 || dp_load16(l4 + 6);
    } else {
        return false;
    }
    src = dp_load16(l4);
    dst = dp_load16(l4 + 2);
    key->words[4] |= ct_key_last_word((OVS_FORCE ovs_be16) src,
                                      (OVS_FORCE ovs_be16) dst, 0, in->proto,
                                      false);
    return (src && dst && status != OVS_CSUM_BAD
            && (status == OVS_CSUM_GOOD || !has_sum
                || ct_csum_is_right(ct_csum_add(l4, len) + in->pseudo_sum
                                    + (OVS_FORCE uint16_t) htons(in->proto))));
}

/* Stores the hash of the key of 'p'.  'last' is as for ct_packet_parse(). */
static inline void
set_hash(const struct ct_secret *secret, const struct ct_packet *last,
         struct ct_packet *p)
{
    p->hash = (last && ct_key_equal(&last->key, &p->key)
               ? last->hash : ct_key_hash(secret, &p->key));
}

bool
ct_packet_parse_plain(const struct ct_secret *secret, struct dp_packet *packet,
                      ovs_be16 dl_type, uint16_t zone,
                      const struct ct_packet *last, struct ct_packet *p)
{
    size_t end = dp_packet_size(packet) - dp_packet_l2_pad_size(packet);
    const uint8_t *data = dp_packet_data(packet);
    const uint8_t *l3 = data + packet->l3_ofs, *l4 = data + packet->l4_ofs;
    bool is_ipv6 = dl_type == htons(ETH_TYPE_IPV6);
    size_t head_len = is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;
    struct ct_key *key = &p->key;
    struct inside in;
    size_t len;

    if ((dl_type != htons(ETH_TYPE_IP) && !is_ipv6)
        || packet->l4_ofs != packet->l3_ofs + head_len
        || packet->l4_ofs > end) {
        return false;
    }
    len = end - packet->l4_ofs;
    p->is_error = false;
    p->inner_l3 = p->inner_l4 = 0;
    p->l4_len = len;
    key->words[4] = ct_key_last_word(0, 0, zone, 0, is_ipv6);
    if (!(is_ipv6
          ? parse_plain_ipv6(l3, len, key, &in)
          : parse_plain_ipv4(packet, l3, len, key, &in))
        || !parse_plain_l4(packet, l4, len, &in, key)) {
        return false;
    }
    ct_key_reverse(key, &p->reverse);
    set_hash(secret, last, p);
    return true;
}

/* Any packet. */

bool
ct_packet_parse_any(const struct ct_secret *secret, struct dp_packet *packet,
                    ovs_be16 dl_type, uint16_t zone,
                    const struct ct_packet *last, struct ct_packet *p)
{
    const char *data = dp_packet_data(packet);
    const char *end = data + (dp_packet_size(packet)
                              - dp_packet_l2_pad_size(packet));
    bool is_ipv6 = dl_type == htons(ETH_TYPE_IPV6);
    const void *l3 = data + packet->l3_ofs;
    struct part part;
    size_t said_len;

    p->key.words[4] = ct_key_last_word(0, 0, zone, 0, is_ipv6);
    p->is_error = false;
    p->inner_l3 = p->inner_l4 = 0;
    if ((dl_type != htons(ETH_TYPE_IP) && !is_ipv6)
        || packet->l3_ofs == UINT16_MAX || packet->l4_ofs == UINT16_MAX
        || (!is_ipv6 && end - (char *) l3 >= IP_HEADER_LEN
            && !check_ip_csum(packet, l3, end - (char *) l3))
        || !parse_l3(l3, end - (char *) l3, false, &p->key, &part)) {
        return false;
    }
    /* A datagram of IPv6 that was in fragments still has a fragment header,
     * which its other headers do not tell of. */
    part.l4 = data + packet->l4_ofs;
    said_len = part.l4_len;
    part.l4_len = end - (char *) part.l4;
    if (is_ipv6) {
        said_len = part.l4_len;
    }
    p->l4_len = part.l4_len;
    p->key.words[4] |= ct_key_last_word(0, 0, 0, part.proto, false);
    if (!is_whole(&part)
        || !check_l4_csum(packet, &part, &p->key, said_len)) {
        return false;
    }
    if (OVS_UNLIKELY(ct_key_is_icmp(&p->key))
        && part.l4_len >= ICMP_HEADER_LEN
        && is_error(is_ipv6, *(const uint8_t *) part.l4)) {
        if (!parse_error(packet, &part, p)) {
            return false;
        }
    } else {
        if (!parse_l4(&part, &p->key)) {
            return false;
        }
        ct_key_reverse(&p->key, &p->reverse);
    }
    set_hash(secret, last, p);
    return true;
}

bool
ct_packet_parse(const struct ct_secret *secret, struct dp_packet *packet,
                ovs_be16 dl_type, uint16_t zone, const struct ct_packet *last,
                struct ct_packet *p)
{
    return (ct_packet_parse_plain(secret, packet, dl_type, zone, last, p)
            || ct_packet_parse_any(secret, packet, dl_type, zone, last, p));
}

/* Returns the window scale that the SYN with header 'tcp' offers, with
 * CT_WSCALE_SEEN, or 0.  Of several, the last one counts, as it does to those
 * who receive it. */
static uint8_t
find_wscale(const struct tcp_header *tcp)
{
    enum { END, NOP, WSCALE = 3, WSCALE_LEN = 3, MAX_SHIFT = 14 };
    const uint8_t *opt = (const uint8_t *) (tcp + 1);
    const uint8_t *end = (const uint8_t *) tcp + TCP_OFFSET(tcp->tcp_ctl) * 4;
    uint8_t wscale = 0;

    while (end - opt >= WSCALE_LEN && opt[0] != END) {
        if (opt[0] == NOP) {
            opt++;
            continue;
        }
        if (opt[0] == WSCALE) {
            wscale = MIN(opt[2], MAX_SHIFT) | CT_WSCALE_SEEN;
        }
        opt += MAX(opt[1], 2);
    }
    return wscale;
}

void
ct_packet_get_segment(const struct dp_packet *packet,
                      const struct ct_packet *p, struct ct_tcp_segment *seg)
{
    const struct tcp_header *tcp = dp_packet_l4(packet);

    *seg = (struct ct_tcp_segment) {
        .seq = ntohl(get_16aligned_be32(&tcp->tcp_seq)),
        .ack = ntohl(get_16aligned_be32(&tcp->tcp_ack)),
        .len = p->l4_len - TCP_OFFSET(tcp->tcp_ctl) * 4,
        .win = ntohs(tcp->tcp_winsz),
        .flags = TCP_FLAGS(tcp->tcp_ctl),
    };
    if (seg->flags & TCP_SYN) {
        seg->wscale = find_wscale(tcp);
    }
}
