/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/xdp/xdp-random.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "random.h"
#include "tests/flow/flow-random.h"
#include "util.h"

static void
random_tags(struct flow *flow)
{
    unsigned int n = random_range(4) ? random_range(2) : 2;

    memset(flow->vlans, 0, sizeof flow->vlans);
    for (unsigned int i = 0; i < n; i++) {
        flow->vlans[i].tpid = htons(random_range(3) ? ETH_TYPE_VLAN_8021Q
                                    : ETH_TYPE_VLAN_8021AD);
        flow->vlans[i].tci = htons(VLAN_CFI | random_range(3) << VLAN_PCP_SHIFT
                                   | random_range(3));
    }
}

static void
random_layer4(struct flow *flow)
{
    bool ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);

    flow->tp_src = htons(1 + random_range(3));
    flow->tp_dst = htons(1 + random_range(3));
    switch (random_range(12)) {
    case 0:
        flow->nw_proto = IPPROTO_SCTP;
        break;
    case 1:
    case 2:
        flow->nw_proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        flow->tp_src = htons(random_range(2) ? 8 : 128 + random_range(10));
        flow->tp_dst = htons(random_range(2));
        break;
    case 3:
        flow->nw_proto = random_range(2) ? IPPROTO_IGMP : IPPROTO_GRE;
        break;
    default:
        break;
    }
}

/* Puts an extension header between IPv6 and what follows. */
static void
put_extension(struct dp_packet *packet, const struct flow *flow)
{
    size_t ofs = packet->l3_ofs + IPV6_HEADER_LEN;
    struct ovs_16aligned_ip6_hdr *nh;
    uint8_t *p;

    dp_packet_put_zeros(packet, 8);
    nh = dp_packet_l3(packet);
    p = dp_packet_at_assert(packet, ofs, 8);
    memmove(p + 8, p, dp_packet_size(packet) - ofs - 8);
    memset(p, 0, 8);
    p[0] = nh->ip6_nxt;
    if (random_range(4)) {
        ovs_be16 ofs_flags = htons(random_range(3) ? 1 : 0);

        if (flow->nw_frag & FLOW_NW_FRAG_LATER) {
            ofs_flags |= htons(100 << 3);
        }
        memcpy(p + 2, &ofs_flags, sizeof ofs_flags);
        nh->ip6_nxt = IPPROTO_FRAGMENT;
    } else {
        nh->ip6_nxt = IPPROTO_DSTOPTS;
    }
    nh->ip6_plen = htons(ntohs(nh->ip6_plen) + 8);
}

void
xdp_random_packet(struct dp_packet *packet, odp_port_t port_no, bool sound,
                  struct flow *flow)
{
    struct flow model = random_ip_flow();
    bool ipv6;

    random_tags(&model);
    model.nw_src = htonl(0x0a000000 | random_range(3));
    model.nw_dst = htonl(0x0a010000 | random_range(3));
    memset(&model.ipv6_src, random_range(3), sizeof model.ipv6_src);
    memset(&model.ipv6_dst, random_range(3), sizeof model.ipv6_dst);
    model.dl_dst.ea[5] = random_range(3);
    model.nw_tos = random_range(4);
    model.nw_ttl = random_range(3) ? 64 : random_range(3);
    if (!random_range(12)) {
        model.dl_type = htons(ETH_TYPE_ARP);
        model.nw_proto = ARP_OP_REQUEST;
    } else {
        random_layer4(&model);
    }
    ipv6 = model.dl_type == htons(ETH_TYPE_IPV6);

    flow_to_packet(&model, packet);
    if (ipv6 && (model.nw_frag || !random_range(10))) {
        put_extension(packet, &model);
    }
    if (!random_range(20)) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), htons(5));
    }
    if (!sound) {
        spoil(packet);
    }
    pkt_metadata_init(&packet->md, port_no);
    flow_extract(packet, flow);
}

static void
random_bits(void *mask_, size_t size)
{
    uint8_t *mask = mask_;
    uint32_t how = random_range(6);

    for (size_t i = 0; i < size; i++) {
        mask[i] = how < 3 ? 0 : how < 5 ? 0xff : random_uint32();
    }
}

#define RANDOM_BITS(FIELD) random_bits(&(FIELD), sizeof (FIELD))

void
xdp_random_match(const struct flow *flow, struct match *match)
{
    struct flow *mask = &match->wc.masks;

    memset(match, 0, sizeof *match);
    mask->in_port.odp_port = u32_to_odp(UINT32_MAX);
    mask->recirc_id = UINT32_MAX;
    mask->packet_type = OVS_BE32_MAX;
    mask->dl_type = random_range(20) ? OVS_BE16_MAX : 0;
    RANDOM_BITS(mask->dl_dst);
    RANDOM_BITS(mask->dl_src);
    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        if (random_range(10)) {
            RANDOM_BITS(mask->vlans[i].tci);
            mask->vlans[i].tci |= htons(VLAN_CFI);
            mask->vlans[i].tpid = random_range(2) ? OVS_BE16_MAX : 0;
        }
    }
    if (!random_range(50)) {
        mask->ct_state = random_uint32();
    }
    if (mask->dl_type && is_ip_any(flow)) {
        mask->nw_frag = random_range(10) ? FLOW_NW_FRAG_MASK : random_range(4);
        RANDOM_BITS(mask->nw_tos);
        RANDOM_BITS(mask->nw_ttl);
        if (flow->dl_type == htons(ETH_TYPE_IP)) {
            RANDOM_BITS(mask->nw_src);
            RANDOM_BITS(mask->nw_dst);
        } else {
            RANDOM_BITS(mask->ipv6_src);
            RANDOM_BITS(mask->ipv6_dst);
            RANDOM_BITS(mask->ipv6_label);
            mask->ipv6_label &= htonl(IPV6_LABEL_MASK);
        }
        if (random_range(3)) {
            mask->nw_proto = UINT8_MAX;
            RANDOM_BITS(mask->tp_src);
            RANDOM_BITS(mask->tp_dst);
            if (flow->nw_proto == IPPROTO_TCP) {
                RANDOM_BITS(mask->tcp_flags);
            }
        }
    }
    match->flow = *flow;
    flow_zero_wildcards(&match->flow, &match->wc);
}

/* Appends a masked set of 'size' bytes.  Each field of it, which ends where
 * 'ends' says, is set wholly or not at all. */
static void
put_set(struct ofpbuf *actions, uint16_t type, size_t size,
        const size_t ends[], size_t n)
{
    size_t start = nl_msg_start_nested(actions, OVS_ACTION_ATTR_SET_MASKED);
    uint8_t *key = nl_msg_put_unspec_zero(actions, type, 2 * size);
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        if (random_range(2)) {
            memset(key + size + from, 0xff, ends[i] - from);
            random_bytes(key + from, ends[i] - from);
        }
        from = ends[i];
    }
    nl_msg_end_nested(actions, start);
}

static void
put_set_ip(struct ofpbuf *actions, const struct flow *flow)
{
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        struct ovs_key_ipv4 *key;
        size_t start = nl_msg_start_nested(actions,
                                           OVS_ACTION_ATTR_SET_MASKED);

        key = nl_msg_put_unspec_zero(actions, OVS_KEY_ATTR_IPV4,
                                     2 * sizeof *key);
        key[1].ipv4_src = random_range(2) ? OVS_BE32_MAX : 0;
        key[1].ipv4_dst = random_range(2) ? OVS_BE32_MAX : 0;
        key[1].ipv4_tos = random_range(2) ? 0xfc : 0;
        key[1].ipv4_ttl = random_range(2) ? 0xff : 0;
        key[0].ipv4_src = htonl(random_uint32()) & key[1].ipv4_src;
        key[0].ipv4_dst = htonl(random_uint32()) & key[1].ipv4_dst;
        key[0].ipv4_tos = random_uint32() & key[1].ipv4_tos;
        key[0].ipv4_ttl = random_uint32() & key[1].ipv4_ttl;
        nl_msg_end_nested(actions, start);
    } else {
        struct ovs_key_ipv6 *key;
        size_t start = nl_msg_start_nested(actions,
                                           OVS_ACTION_ATTR_SET_MASKED);

        key = nl_msg_put_unspec_zero(actions, OVS_KEY_ATTR_IPV6,
                                     2 * sizeof *key);
        if (random_range(2)) {
            memset(&key[1].ipv6_src, 0xff, sizeof key[1].ipv6_src);
            random_bytes(&key[0].ipv6_src, sizeof key[0].ipv6_src);
        }
        if (random_range(2)) {
            memset(&key[1].ipv6_dst, 0xff, sizeof key[1].ipv6_dst);
            random_bytes(&key[0].ipv6_dst, sizeof key[0].ipv6_dst);
        }
        key[1].ipv6_tclass = random_range(2) ? 0xfc : 0;
        key[1].ipv6_hlimit = random_range(2) ? 0xff : 0;
        key[0].ipv6_tclass = random_uint32() & key[1].ipv6_tclass;
        key[0].ipv6_hlimit = random_uint32() & key[1].ipv6_hlimit;
        nl_msg_end_nested(actions, start);
    }
}

void
xdp_random_changes(const struct flow *flow, struct ofpbuf *actions)
{
    static const size_t eth_ends[] = { 6, 12 };
    static const size_t port_ends[] = { 2, 4 };
    unsigned int n_tags = flow_count_vlan_headers(flow);

    if (random_range(2)) {
        put_set(actions, OVS_KEY_ATTR_ETHERNET,
                sizeof(struct ovs_key_ethernet), eth_ends, 2);
    }
    if (is_ip_any(flow) && random_range(2)) {
        put_set_ip(actions, flow);
    }
    if (!(flow->nw_frag & FLOW_NW_FRAG_LATER) && is_ip_any(flow)
        && random_range(2)) {
        if (flow->nw_proto == IPPROTO_TCP) {
            put_set(actions, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp),
                    port_ends, 2);
        } else if (flow->nw_proto == IPPROTO_UDP) {
            put_set(actions, OVS_KEY_ATTR_UDP, sizeof(struct ovs_key_udp),
                    port_ends, 2);
        }
    }
    while (!random_range(3)) {
        if (n_tags && random_range(2)) {
            nl_msg_put_flag(actions, OVS_ACTION_ATTR_POP_VLAN);
            n_tags--;
        } else if (n_tags < FLOW_MAX_VLAN_HEADERS) {
            const struct ovs_action_push_vlan vlan = {
                .vlan_tpid = htons(random_range(2) ? ETH_TYPE_VLAN_8021Q
                                   : ETH_TYPE_VLAN_8021AD),
                .vlan_tci = htons(random_uint32() | VLAN_CFI),
            };

            nl_msg_put_unspec(actions, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                              sizeof vlan);
            n_tags++;
        }
    }
}
