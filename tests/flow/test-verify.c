/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-verify.h"

#include "flow/dp-key.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* A NIC that trusts lengths finds packets in megaflows in which extraction
 * does not find them; none of these passes.  Sound packets do. */

static ovs_be16
get16(const uint8_t *p)
{
    return (OVS_FORCE ovs_be16) dp_load16(p);
}

static void
read_ipv4(const uint8_t *ip, struct flow *flow)
{
    uint16_t frag = ntohs(get16(ip + 6));

    memcpy(&flow->nw_src, ip + 12, 4);
    memcpy(&flow->nw_dst, ip + 16, 4);
    flow->nw_tos = ip[1];
    flow->nw_ttl = ip[8];
    flow->nw_proto = ip[9];
    flow->nw_frag = (frag & 0x1fff ? FLOW_NW_FRAG_MASK
                     : frag & 0x2000 ? FLOW_NW_FRAG_ANY : 0);
}

static void
read_ipv6(const uint8_t *ip, struct flow *flow)
{
    uint32_t word = ntohl((OVS_FORCE ovs_be32) dp_load32(ip));

    memcpy(&flow->ipv6_src, ip + 8, 16);
    memcpy(&flow->ipv6_dst, ip + 24, 16);
    flow->ipv6_label = htonl(word & 0xfffff);
    flow->nw_tos = word >> 20;
    flow->nw_ttl = ip[7];
    flow->nw_proto = ip[6];
}

/* Rules say which kind of ARP they are about. */
static void
read_arp(const uint8_t *arp, struct flow *flow)
{
    static const uint8_t kind[7] = { 0, 1, 8, 0, 6, 4, 0 };

    if (memcmp(arp, kind, sizeof kind)) {
        return;
    }
    flow->nw_proto = arp[7];
    memcpy(&flow->arp_sha, arp + 8, ETH_ADDR_LEN);
    memcpy(&flow->nw_src, arp + 14, 4);
    memcpy(&flow->arp_tha, arp + 18, ETH_ADDR_LEN);
    memcpy(&flow->nw_dst, arp + 24, 4);
}

/* Reads fields of 'packet' where they would stand, whatever is there; only
 * tags and types must be there.  Metadata are as in 'like'. */
static void
read_carelessly(const struct dp_packet *packet, const struct flow *like,
                struct flow *flow)
{
    uint8_t data[512] = { 0 };
    const uint8_t *p = data + ETH_HEADER_LEN;
    size_t l4_ofs = 0;

    memcpy(data, dp_packet_data(packet), MIN(dp_packet_size(packet), 400));
    *flow = *like;
    memset(&flow->dl_dst, 0, sizeof *flow - offsetof(struct flow, dl_dst));
    memcpy(&flow->dl_dst, data, ETH_ADDR_LEN);
    memcpy(&flow->dl_src, data + 6, ETH_ADDR_LEN);
    for (int i = 0; i < flow_vlan_limit && eth_type_vlan(get16(p - 2))
         && p + VLAN_HEADER_LEN <= data + dp_packet_size(packet); i++) {
        flow->vlans[i].tpid = get16(p - 2);
        flow->vlans[i].tci = get16(p) | htons(VLAN_CFI);
        p += VLAN_HEADER_LEN;
    }
    flow->dl_type = get16(p - 2);
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        read_ipv4(p, flow);
        l4_ofs = (p[0] & 15) * 4;
    } else if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        read_ipv6(p, flow);
        l4_ofs = IPV6_HEADER_LEN;
    } else if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        read_arp(p, flow);
    }
    if (l4_ofs && !(flow->nw_frag & FLOW_NW_FRAG_LATER)) {
        flow->tp_src = get16(p + l4_ofs);
        flow->tp_dst = get16(p + l4_ofs + 2);
        if (flow->nw_proto == IPPROTO_TCP) {
            flow->tcp_flags = get16(p + l4_ofs + 12) & htons(0xfff);
        }
    }
}

static struct flow
random_any_flow(void)
{
    struct flow flow = random_ip_flow();

    if (random_range(8) == 0) {
        flow = random_flow(200);
        flow.dl_type = htons(ETH_TYPE_ARP);
        flow.nw_ttl = 0;
        flow.nw_proto = 1 + random_range(2);
        flow.tp_src = flow.tp_dst = 0;
        random_bytes(&flow.arp_sha, sizeof flow.arp_sha);
    }
    return flow;
}

#define WILD(FIELD)                                     \
    (random_range(2)                                    \
     ? (memset(&(FIELD), 0xff, sizeof (FIELD)), true)   \
     : false)

/* A mask of any fields that 'flow' has. */
static struct flow_wildcards
random_fields(const struct flow *flow)
{
    struct flow_wildcards wc = random_mask(flow);
    struct flow *mask = &wc.masks;

    mask->vlans[0].tci = mask->vlans[1].tci = htons(VLAN_CFI);
    mask->nw_frag = is_ip_any(flow) ? FLOW_NW_FRAG_MASK : 0;
    mask->tp_dst = 0;
    WILD(mask->nw_src);
    WILD(mask->nw_dst);
    if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        mask->nw_src = mask->nw_dst = 0;
        WILD(mask->ipv6_src);
        WILD(mask->ipv6_dst);
        if (WILD(mask->ipv6_label)) {
            mask->ipv6_label = htonl(IPV6_LABEL_MASK);
        }
    } else if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        WILD(mask->arp_sha);
        WILD(mask->arp_tha);
    }
    if (is_ip_any(flow)) {
        WILD(mask->nw_tos);
        WILD(mask->nw_ttl);
    }
    mask->nw_proto = 0;
    if (WILD(mask->nw_proto) && is_ip_any(flow)
        && !(flow->nw_frag & FLOW_NW_FRAG_LATER)) {
        WILD(mask->tp_src);
        WILD(mask->tp_dst);
        if (flow->nw_proto == IPPROTO_TCP && WILD(mask->tcp_flags)) {
            mask->tcp_flags = htons(0xfff);
        }
    }
    return wc;
}

static void
test_verify_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_caught = 0, n_nothing = 0, n_passed = 0, n_strict = 0;

    for (int i = 0; i < 400000; i++) {
        struct flow like = random_any_flow(), hw, sw;
        struct dp_packet packet;
        struct flow_wildcards wc;
        struct dp_verify v;
        bool is_sound, passes;

        flow_limit_vlans(1 + random_range(2));
        flow_to_packet(&like, &packet);
        flow_extract(&packet, &like);
        wc = random_fields(&like);
        dp_verify_init(&v, &like, &wc);
        is_sound = random_range(4) == 0;
        if (!is_sound) {
            spoil(&packet);
        }
        read_carelessly(&packet, &like, &hw);
        flow_extract(&packet, &sw);
        if (hw.dl_type == htons(ETH_TYPE_IPV6)) {
            /* Rules say whether there is a fragment header, wherever. */
            hw.nw_frag = sw.nw_frag;
        }
        if (flow_equal_except(&hw, &like, &wc)) {
            passes = dp_verify_packet(&v, &packet);
            if (flow_equal_except(&sw, &like, &wc)) {
                n_passed += passes;
                n_strict += !passes;
                ovs_assert(!is_sound || passes
                           || like.dl_type == htons(ETH_TYPE_IPV6));
            } else {
                if (passes) {
                    dptest_fail("not caught: %s", flow_to_string(&sw, NULL));
                }
                n_caught++;
            }
            n_nothing += v.what == DP_VERIFY_NOTHING;
        }
        dp_packet_uninit(&packet);
    }
    ovs_assert(n_caught > 1000 && n_nothing > 1000 && n_passed > 100000);
    ovs_assert(n_strict < n_passed / 20);
}
DPTEST_REGISTER("verify", test_verify_main);
