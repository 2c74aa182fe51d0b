/* SPDX-License-Identifier: Apache-2.0 */

/* A NIC that has got a megaflow's pattern finds no other packets by it: the
 * pattern is compiled by net_simnic, and tried on packets.  One that only
 * marks leaves some to dp_verify_packet(); of one that runs rules whole,
 * everything is asked.
 *
 * Input: masks of fields, the packet that makes the megaflow, and another
 * packet. */

#include <config.h>
#undef NDEBUG

#include <netinet/in.h>

#include "dp-packet.h"
#include "drivers/net/simnic/simnic-match.h"
#include "flow.h"
#include "flow/dp-verify.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "rte/dp-rte-format.h"
#include "rte/dp-rte-match.h"
#include "tests/fuzz/fuzz.h"
#include "util.h"

/* Lets the input choose bits of the field, if it likes. */
#define TAKE(FIELD)                                             \
    do {                                                        \
        uint8_t how__ = choice & 3;                             \
                                                                \
        choice >>= 2;                                           \
        if (how__ == 1) {                                       \
            memset(&(FIELD), 0xff, sizeof (FIELD));             \
        } else if (how__ == 2) {                                \
            fuzz_take(in, &(FIELD), sizeof (FIELD));            \
        }                                                       \
    } while (0)

/* A mask such as ofproto makes: of fields that packets of 'flow' have, and of
 * none without those that say so. */
static void
take_mask(struct fuzz_input *in, const struct flow *flow, struct flow *mask)
{
    uint32_t choice = fuzz_u32(in);

    memset(mask, 0, sizeof *mask);
    mask->in_port.odp_port = ODPP_NONE;
    mask->recirc_id = UINT32_MAX;
    mask->packet_type = OVS_BE32_MAX;
    mask->dl_type = OVS_BE16_MAX;
    mask->vlans[0].tci = htons(VLAN_CFI);
    TAKE(mask->dl_dst);
    TAKE(mask->dl_src);
    TAKE(mask->vlans[0]);
    mask->vlans[0].tci |= htons(VLAN_CFI);
    TAKE(mask->vlans[1]);
    if (is_ip_any(flow)) {
        mask->nw_frag = choice & 1 ? FLOW_NW_FRAG_MASK : FLOW_NW_FRAG_LATER;
        choice >>= 1;
        TAKE(mask->nw_tos);
        TAKE(mask->nw_ttl);
    }
    if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        TAKE(mask->ipv6_src);
        TAKE(mask->ipv6_dst);
        TAKE(mask->ipv6_label);
        mask->ipv6_label &= htonl(IPV6_LABEL_MASK);
    } else {
        TAKE(mask->nw_src);
        TAKE(mask->nw_dst);
    }
    if (choice & 1) {
        mask->nw_proto = UINT8_MAX;
        choice >>= 1;
        TAKE(mask->tp_src);
        TAKE(mask->tp_dst);
        if (flow->nw_proto == IPPROTO_TCP) {
            TAKE(mask->tcp_flags);
            mask->tcp_flags &= htons(0xff);
        }
    }
}

static void
check_format(const struct dp_rte_pattern *pattern)
{
    static const struct rte_flow_attr attr = { .ingress = 1 };
    static const struct rte_flow_action none = {
        .type = RTE_FLOW_ACTION_TYPE_END
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    dp_rte_format_rule(0, &attr, pattern->items, &none, &ds);
    ovs_assert(!strstr(ds_cstr(&ds), "unknown"));
    ds_destroy(&ds);
}

/* Does the NIC find 'packet' by 'pattern'? */
static bool
nic_finds(const struct dp_rte_pattern *pattern, const struct dp_packet *packet)
{
    struct rte_flow_error error;
    struct simnic_parsed parsed;
    struct simnic_match m;

    if (simnic_match_compile(pattern->items, &m, &error)) {
        return false;
    }
    simnic_key_parse(dp_packet_data(packet), dp_packet_size(packet),
                     dp_packet_size(packet), &parsed);
    return simnic_match_test(&m, &parsed.key);
}

/* 'what' has extension headers that are cut off, which is all that a NIC may
 * call sound and extraction does not. */
static bool
has_cut_extensions(const struct flow *what, const struct dp_packet *packet)
{
    return (what->dl_type == htons(ETH_TYPE_IPV6)
            && packet->l4_ofs == UINT16_MAX);
}

static void
check_packet(const struct match *match, struct dp_packet *packet)
{
    struct dp_rte_pattern pattern;
    bool in_software, in_nic;
    struct flow flow;

    if (dp_rte_match_translate(match, &pattern)) {
        return;
    }
    check_format(&pattern);
    flow_extract(packet, &flow);
    in_software = flow_equal_except(&flow, &match->flow, &match->wc);
    in_nic = nic_finds(&pattern, packet);
    if (in_nic && dp_verify_packet(&pattern.verify, packet)) {
        ovs_assert(in_software);
    }
    if (dp_rte_match_is_gullible(&pattern)) {
        dp_rte_match_add_integrity(&pattern, false);
        check_format(&pattern);
        in_nic = nic_finds(&pattern, packet);
    }
    ovs_assert(!in_nic || in_software || has_cut_extensions(&flow, packet));
}

static void
fuzz_rte(struct fuzz_input *in)
{
    struct dp_packet *packets[2];
    struct fuzz_input masks;
    struct match match;

    flow_limit_vlans(2);
    masks = *in;
    for (int i = 0; i < 24; i++) {
        fuzz_u8(in);
    }
    for (int i = 0; i < 2; i++) {
        packets[i] = fuzz_packet(in, 0);
        pkt_metadata_init(&packets[i]->md, u32_to_odp(1));
    }
    memset(&match, 0, sizeof match);
    flow_extract(packets[0], &match.flow);
    masks.size = MIN(masks.size, 24);
    take_mask(&masks, &match.flow, &match.wc.masks);
    check_packet(&match, packets[0]);
    check_packet(&match, packets[1]);
    dp_packet_delete(packets[0]);
    dp_packet_delete(packets[1]);
}
FUZZ_REGISTER("rte", fuzz_rte);
