/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-verify.h"

/* Where tags are, a NIC looks for them, too: a rule says how many there are,
 * by what it demands of them and by the type that follows. */
static size_t
l3_ofs(const struct flow *flow, const struct flow_wildcards *wc)
{
    size_t ofs = ETH_HEADER_LEN;

    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        if (!(flow->vlans[i].tci & wc->masks.vlans[i].tci & htons(VLAN_CFI))) {
            break;
        }
        ofs += VLAN_HEADER_LEN;
    }
    return ofs;
}

/* Of IPPROTO_*, all of which are below 64: what may stand between an IPv6
 * header and layer 4. */
#define EXTENSIONS (UINT64_C(1) << IPPROTO_HOPOPTS      \
                    | UINT64_C(1) << IPPROTO_ROUTING    \
                    | UINT64_C(1) << IPPROTO_FRAGMENT   \
                    | UINT64_C(1) << IPPROTO_AH         \
                    | UINT64_C(1) << IPPROTO_DSTOPTS)

static bool
is_extension(uint8_t nw_proto)
{
    return nw_proto < 64 && EXTENSIONS >> nw_proto & 1;
}

/* What extraction finds out about a header of 'nw_proto' must be as long as
 * this. */
static size_t
l4_len(uint8_t nw_proto)
{
    switch (nw_proto) {
    case IPPROTO_TCP:
        return TCP_HEADER_LEN;
    case IPPROTO_SCTP:
        return SCTP_HEADER_LEN;
    default:
        /* UDP, ICMP, ICMPv6, IGMP. */
        return UDP_HEADER_LEN;
    }
}

/* Prepares the short test. */
static void
init_short(struct dp_verify *v, const struct flow *flow,
           const struct flow *mask)
{
    if (v->what == DP_VERIFY_IPV4) {
        v->byte = 0x45;                 /* Version, and no options. */
        v->byte_ofs = 0;
        v->length_ofs = 2;
        v->min_length = IP_HEADER_LEN + v->l4_len;
        v->l4_ofs = v->l3_ofs + IP_HEADER_LEN;
    } else if (v->what == DP_VERIFY_IPV6_PLAIN && mask->nw_proto == UINT8_MAX
               && !is_extension(flow->nw_proto)) {
        v->byte = flow->nw_proto;
        v->byte_ofs = 6;
        v->length_ofs = 4;
        v->min_length = v->l4_len;
        v->l4_ofs = v->l3_ofs + IPV6_HEADER_LEN;
    } else {
        return;
    }
    v->min_size = v->l4_ofs + v->l4_len;
}

void
dp_verify_init(struct dp_verify *v, const struct flow *flow,
               const struct flow_wildcards *wc)
{
    const struct flow *mask = &wc->masks;
    bool nw, addresses4, addresses6, l4, arp;
    struct flow f = *flow;

    memset(v, 0, sizeof *v);
    if (mask->dl_type != OVS_BE16_MAX || flow->packet_type != htonl(PT_ETH)) {
        return;
    }
    v->l3_ofs = l3_ofs(flow, wc);

    /* Only what must not be zero tells sound packets from others. */
    flow_zero_wildcards(&f, wc);
    nw = f.nw_tos || f.nw_ttl || f.nw_proto || f.nw_frag || f.ipv6_label;
    addresses4 = f.nw_src || f.nw_dst;
    addresses6 = (ipv6_addr_is_set(&f.ipv6_src)
                  || ipv6_addr_is_set(&f.ipv6_dst));
    arp = !eth_addr_is_zero(f.arp_sha) || !eth_addr_is_zero(f.arp_tha);
    l4 = f.tp_src || f.tp_dst || f.tcp_flags || f.igmp_group_ip4;
    switch (ntohs(flow->dl_type)) {
    case ETH_TYPE_IP:
        v->what = (nw || addresses4 || l4
                   ? DP_VERIFY_IPV4 : DP_VERIFY_NOTHING);
        break;
    case ETH_TYPE_IPV6:
        v->what = (nw || l4 ? DP_VERIFY_IPV6_PLAIN
                   : addresses6 ? DP_VERIFY_IPV6 : DP_VERIFY_NOTHING);
        break;
    case ETH_TYPE_ARP:
    case ETH_TYPE_RARP:
        v->what = (nw || addresses4 || arp
                   ? DP_VERIFY_ARP : DP_VERIFY_NOTHING);
        return;
    }
    if (l4 && mask->nw_proto == UINT8_MAX) {
        v->l4_len = l4_len(flow->nw_proto);
        v->tcp = flow->nw_proto == IPPROTO_TCP;
    }
    init_short(v, flow, mask);
}

/* Returns the length of the IPv4 header at 'ip', of which 'size' bytes are
 * there, and stores that of the whole; or returns 0 if they are wrong. */
static size_t
ipv4_len(const uint8_t *ip, size_t size, size_t *total)
{
    size_t ip_len = (ip[0] & 15) * 4;

    *total = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
    return ip_len >= IP_HEADER_LEN && ip_len <= *total && *total <= size
           ? ip_len : 0;
}

/* The same for IPv6, whose header may only be followed by layer 4 if it has to
 * be 'plain'. */
static size_t
ipv6_len(const uint8_t *ip, size_t size, size_t *total, bool plain)
{
    *total = (IPV6_HEADER_LEN
              + ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 4)));
    if (*total > size || (plain && is_extension(ip[6]))) {
        return 0;
    }
    return IPV6_HEADER_LEN;
}

/* dp_verify_packet() for packets that may be of any shape. */
bool
dp_verify_headers(const struct dp_verify *v, const struct dp_packet *packet)
{
    const uint8_t *l3 = (const uint8_t *) dp_packet_data(packet) + v->l3_ofs;
    size_t size = dp_packet_size(packet);
    size_t l3_len, total;

    if (OVS_UNLIKELY(size < v->l3_ofs + IP_HEADER_LEN)) {
        return false;
    }
    size -= v->l3_ofs;
    if (OVS_LIKELY(v->what == DP_VERIFY_IPV4)) {
        l3_len = ipv4_len(l3, size, &total);
    } else if (v->what == DP_VERIFY_ARP) {
        return size >= ARP_ETH_HEADER_LEN;
    } else {
        l3_len = (size >= IPV6_HEADER_LEN
                  ? ipv6_len(l3, size, &total,
                             v->what == DP_VERIFY_IPV6_PLAIN) : 0);
    }
    if (OVS_UNLIKELY(!l3_len || total - l3_len < v->l4_len)) {
        return false;
    }
    if (v->tcp) {
        size_t tcp_len = (l3[l3_len + 12] >> 4) * 4;

        return tcp_len >= TCP_HEADER_LEN && tcp_len <= total - l3_len;
    }
    return true;
}
