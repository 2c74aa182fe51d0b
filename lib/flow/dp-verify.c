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
}
