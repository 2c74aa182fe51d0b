/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/merge/merge-tables.h"

#include "flow.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

/* Chance that is the same each time. */
struct dice {
    uint32_t state;
};

static unsigned int
roll(struct dice *dice, unsigned int n)
{
    dice->state = hash_finish(hash_add(dice->state, 1), 4);
    return dice->state % n;
}

/* Fills the 'n' bytes at 'p' by chance. */
static void
roll_bytes(struct dice *dice, void *p_, size_t n)
{
    uint8_t *p = p_;

    for (size_t i = 0; i < n; i++) {
        p[i] = roll(dice, 256);
    }
}

/* Masks. */

#define FIELD(MEMBER, WHEN) \
    { offsetof(struct flow, MEMBER), sizeof ((struct flow *) NULL)->MEMBER, \
      WHEN }

enum when { ALWAYS, IPV4, IPV6 };

static const struct {
    size_t ofs, size;
    enum when when;
} fields[] = {
    FIELD(skb_priority, ALWAYS),
    FIELD(pkt_mark, ALWAYS),
    FIELD(ct_state, ALWAYS),
    FIELD(ct_nw_proto, ALWAYS),
    FIELD(ct_zone, ALWAYS),
    FIELD(ct_mark, ALWAYS),
    FIELD(ct_label, ALWAYS),
    FIELD(dl_dst, ALWAYS),
    FIELD(dl_src, ALWAYS),
    FIELD(vlans[0].tci, ALWAYS),
    FIELD(vlans[0].tpid, ALWAYS),
    FIELD(vlans[1].tci, ALWAYS),
    FIELD(nw_src, IPV4),
    FIELD(nw_dst, IPV4),
    FIELD(ct_nw_src, IPV4),
    FIELD(ct_nw_dst, IPV4),
    FIELD(ipv6_src, IPV6),
    FIELD(ipv6_dst, IPV6),
    FIELD(ct_ipv6_src, IPV6),
    FIELD(ct_ipv6_dst, IPV6),
    FIELD(ipv6_label, IPV6),
    FIELD(nw_tos, ALWAYS),
    FIELD(nw_ttl, ALWAYS),
    FIELD(nw_proto, ALWAYS),
    FIELD(tcp_flags, ALWAYS),
    FIELD(tp_src, ALWAYS),
    FIELD(tp_dst, ALWAYS),
    FIELD(ct_tp_src, ALWAYS),
    FIELD(ct_tp_dst, ALWAYS),
};

/* Adds to 'wc' what the upper layers, or the lane, would not do without: who
 * looks at a field has looked whether it is there, and a tag is there or it
 * is not. */
static void
complete(struct flow_wildcards *wc)
{
    struct flow *m = &wc->masks;

    if (m->tcp_flags) {
        m->nw_proto = UINT8_MAX;
    }
    if (m->ct_nw_proto || m->ct_zone || m->ct_mark
        || !ovs_u128_is_zero(m->ct_label) || m->ct_nw_src || m->ct_nw_dst
        || ipv6_addr_is_set(&m->ct_ipv6_src)
        || ipv6_addr_is_set(&m->ct_ipv6_dst) || m->ct_tp_src
        || m->ct_tp_dst) {
        m->ct_state = UINT8_MAX;
    }
    if (!m->vlans[0].tci) {
        m->vlans[0].tci = htons(VLAN_VID_MASK | VLAN_CFI);
    }
}

static void
choose_mask(struct dice *dice, const struct flow *flow,
            struct flow_wildcards *wc)
{
    const bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);

    wc->masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc->masks.recirc_id = UINT32_MAX;
    wc->masks.packet_type = OVS_BE32_MAX;
    wc->masks.dl_type = OVS_BE16_MAX;
    if (!is_ip_any(flow)) {
        return;
    }
    wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        uint8_t *mask = (uint8_t *) &wc->masks + fields[i].ofs;
        unsigned int chance = roll(dice, 8);

        if (fields[i].when == (is_ipv6 ? IPV4 : IPV6)) {
            continue;
        }
        if (chance < 2) {
            memset(mask, 0xff, fields[i].size);
        } else if (chance == 2) {
            roll_bytes(dice, mask, fields[i].size);
        }
    }
    complete(wc);
}

/* Actions. */

/* What one megaflow's actions are made of. */
struct maker {
    struct dice *dice;
    const struct flow *flow;            /* Some packet of the megaflow. */
    const struct flow_wildcards *wc;
    struct ofpbuf *out;
    int depth;                          /* Of clones. */
};

/* Fills the mask of a field of 'n' bytes: all, some or none of it. */
static void
roll_mask(struct dice *dice, void *mask, size_t n)
{
    unsigned int chance = roll(dice, 4);

    memset(mask, chance < 2 ? 0xff : 0, n);
    if (chance == 2) {
        roll_bytes(dice, mask, n);
    }
}

/* Appends a masked set of 'type' to 'both', value and mask of 'size' bytes
 * each. */
static void
put_set(struct maker *m, enum ovs_key_attr type, void *both, size_t size)
{
    uint8_t *value = both, *mask = value + size;
    size_t ofs = nl_msg_start_nested(m->out, OVS_ACTION_ATTR_SET_MASKED);

    for (size_t i = 0; i < size; i++) {
        value[i] &= mask[i];
    }
    nl_msg_put_unspec(m->out, type, both, 2 * size);
    nl_msg_end_nested(m->out, ofs);
}

static void
put_eth(struct maker *m)
{
    struct ovs_key_ethernet eth[2];

    memset(eth, 0, sizeof eth);
    roll_bytes(m->dice, &eth[0], sizeof eth[0]);
    roll_mask(m->dice, &eth[1].eth_src, sizeof eth[1].eth_src);
    roll_mask(m->dice, &eth[1].eth_dst, sizeof eth[1].eth_dst);
    put_set(m, OVS_KEY_ATTR_ETHERNET, eth, sizeof eth[0]);
}

/* The type of service, or the addresses, and rarely a constant TTL. */
static void
put_ipv4(struct maker *m)
{
    struct ovs_key_ipv4 ip[2];

    memset(ip, 0, sizeof ip);
    ip[0].ipv4_src = htonl(0x0a020000 | roll(m->dice, 4));
    ip[0].ipv4_dst = htonl(0x0a020100 | roll(m->dice, 4));
    ip[0].ipv4_tos = roll(m->dice, 256);
    ip[0].ipv4_ttl = 1 + roll(m->dice, 255);
    if (roll(m->dice, 2)) {
        roll_mask(m->dice, &ip[1].ipv4_tos, sizeof ip[1].ipv4_tos);
    } else if (roll(m->dice, 4)) {
        roll_mask(m->dice, &ip[1].ipv4_src, sizeof ip[1].ipv4_src);
        roll_mask(m->dice, &ip[1].ipv4_dst, sizeof ip[1].ipv4_dst);
    } else {
        ip[1].ipv4_ttl = UINT8_MAX;
    }
    put_set(m, OVS_KEY_ATTR_IPV4, ip, sizeof ip[0]);
}

static void
put_ipv6(struct maker *m)
{
    struct ovs_key_ipv6 ip[2];

    memset(ip, 0, sizeof ip);
    roll_bytes(m->dice, &ip[0], sizeof ip[0]);
    ip[0].ipv6_hlimit |= 1;
    if (roll(m->dice, 2)) {
        roll_mask(m->dice, &ip[1].ipv6_tclass, sizeof ip[1].ipv6_tclass);
        roll_mask(m->dice, &ip[1].ipv6_label, sizeof ip[1].ipv6_label);
        ip[1].ipv6_label &= htonl(IPV6_LABEL_MASK);
    } else if (roll(m->dice, 4)) {
        roll_mask(m->dice, &ip[1].ipv6_src, sizeof ip[1].ipv6_src);
        roll_mask(m->dice, &ip[1].ipv6_dst, sizeof ip[1].ipv6_dst);
    } else {
        ip[1].ipv6_hlimit = UINT8_MAX;
    }
    put_set(m, OVS_KEY_ATTR_IPV6, ip, sizeof ip[0]);
}

static void
put_ports(struct maker *m)
{
    struct ovs_key_tcp ports[2];

    memset(ports, 0, sizeof ports);
    roll_bytes(m->dice, &ports[0], sizeof ports[0]);
    roll_mask(m->dice, &ports[1].tcp_src, sizeof ports[1].tcp_src);
    roll_mask(m->dice, &ports[1].tcp_dst, sizeof ports[1].tcp_dst);
    put_set(m, (m->flow->nw_proto == IPPROTO_TCP
                ? OVS_KEY_ATTR_TCP : OVS_KEY_ATTR_UDP),
            ports, sizeof ports[0]);
}

/* The TTL, one less: so the upper layers do it, who look at it for that. */
static void
put_dec_ttl(struct maker *m)
{
    const uint8_t ttl = m->flow->nw_ttl - 1;

    if (m->flow->dl_type == htons(ETH_TYPE_IP)) {
        struct ovs_key_ipv4 ip[2];

        memset(ip, 0, sizeof ip);
        ip[0].ipv4_ttl = ttl;
        ip[1].ipv4_ttl = UINT8_MAX;
        put_set(m, OVS_KEY_ATTR_IPV4, ip, sizeof ip[0]);
    } else {
        struct ovs_key_ipv6 ip[2];

        memset(ip, 0, sizeof ip);
        ip[0].ipv6_hlimit = ttl;
        ip[1].ipv6_hlimit = UINT8_MAX;
        put_set(m, OVS_KEY_ATTR_IPV6, ip, sizeof ip[0]);
    }
}

static void
put_metadata(struct maker *m)
{
    uint32_t value[2] = { roll(m->dice, 4), UINT32_MAX };

    put_set(m, (roll(m->dice, 2)
                ? OVS_KEY_ATTR_PRIORITY : OVS_KEY_ATTR_SKB_MARK),
            value, sizeof value[0]);
}

static void
put_push_vlan(struct maker *m)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(roll(m->dice, 4) ? ETH_TYPE_VLAN_8021Q
                           : ETH_TYPE_VLAN_8021AD),
        .vlan_tci = htons(VLAN_CFI | roll(m->dice, 8)),
    };

    nl_msg_put_unspec(m->out, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
}

static void
put_output(struct maker *m)
{
    nl_msg_put_u32(m->out, OVS_ACTION_ATTR_OUTPUT,
                   1 + roll(m->dice, MERGE_PORTS));
}

static void put_some(struct maker *, unsigned int n);

static void
put_clone(struct maker *m)
{
    size_t ofs = nl_msg_start_nested(m->out, OVS_ACTION_ATTR_CLONE);

    m->depth++;
    put_some(m, 3);
    if (roll(m->dice, 4)) {
        put_output(m);
    }
    m->depth--;
    nl_msg_end_nested(m->out, ofs);
}

/* Is the protocol the same in all of the megaflow, as who sets ports makes
 * sure? */
static bool
knows_ports(const struct maker *m)
{
    return (m->wc->masks.nw_proto == UINT8_MAX
            && (m->flow->nw_proto == IPPROTO_TCP
                || m->flow->nw_proto == IPPROTO_UDP));
}

/* Appends something that leaves connections and passes alone. */
static void
put_one(struct maker *m)
{
    switch (roll(m->dice, 12)) {
    case 0:
        put_eth(m);
        break;
    case 1:
        if (m->flow->dl_type == htons(ETH_TYPE_IP)) {
            put_ipv4(m);
        } else {
            put_ipv6(m);
        }
        break;
    case 2:
        if (knows_ports(m)) {
            put_ports(m);
        }
        break;
    case 3:
    case 4:
        if (m->wc->masks.nw_ttl == UINT8_MAX && m->flow->nw_ttl > 1) {
            put_dec_ttl(m);
        }
        break;
    case 5:
        put_metadata(m);
        break;
    case 6:
        put_push_vlan(m);
        break;
    case 7:
        /* Who pops looks whether there is a tag; or he does not. */
        if (m->flow->vlans[0].tci & htons(VLAN_CFI)
            && (m->wc->masks.vlans[0].tci & htons(VLAN_CFI)
                || !roll(m->dice, 4))) {
            nl_msg_put_flag(m->out, OVS_ACTION_ATTR_POP_VLAN);
        }
        break;
    case 8:
        if (m->depth < 2) {
            put_clone(m);
        }
        break;
    default:
        put_output(m);
        break;
    }
}

/* Appends fewer than 'n' of these. */
static void
put_some(struct maker *m, unsigned int n)
{
    for (n = roll(m->dice, n); n; n--) {
        put_one(m);
    }
}

static void
put_nat(struct maker *m)
{
    size_t ofs = nl_msg_start_nested(m->out, OVS_CT_ATTR_NAT);

    if (roll(m->dice, 3) == 0) {
        nl_msg_put_flag(m->out, (roll(m->dice, 2) ? OVS_NAT_ATTR_SRC
                                 : OVS_NAT_ATTR_DST));
        nl_msg_put_be32(m->out, OVS_NAT_ATTR_IP_MIN, htonl(0x0a090909));
    }
    nl_msg_end_nested(m->out, ofs);
}

static void
put_ct(struct maker *m, bool calm)
{
    const bool is_ipv6 = m->flow->dl_type == htons(ETH_TYPE_IPV6);
    size_t ofs = nl_msg_start_nested(m->out, OVS_ACTION_ATTR_CT);

    if (roll(m->dice, 3) == 0) {
        nl_msg_put_flag(m->out, OVS_CT_ATTR_COMMIT);
    }
    nl_msg_put_u16(m->out, OVS_CT_ATTR_ZONE, roll(m->dice, MERGE_ZONES));
    if (!calm && roll(m->dice, 8) == 0) {
        uint32_t mark[2] = { roll(m->dice, MERGE_MARKS), UINT32_MAX };

        if (roll(m->dice, 2)) {
            mark[1] = 1 << roll(m->dice, 2);
            mark[0] &= mark[1];
        }
        nl_msg_put_unspec(m->out, OVS_CT_ATTR_MARK, mark, sizeof mark);
    }
    if (!calm && roll(m->dice, 8) == 0) {
        ovs_u128 label[2] = { OVS_U128_ZERO, OVS_U128_MAX };

        label[0].u64.hi = roll(m->dice, MERGE_MARKS);
        nl_msg_put_unspec(m->out, OVS_CT_ATTR_LABELS, label, sizeof label);
    }
    if (!is_ipv6 ? roll(m->dice, 2) : roll(m->dice, 3) == 0) {
        if (is_ipv6) {
            nl_msg_put_flag(m->out, OVS_CT_ATTR_NAT);
        } else {
            put_nat(m);
        }
    }
    nl_msg_end_nested(m->out, ofs);
}

void
merge_tables_answer(const struct merge_tables *t, const struct flow *flow,
                    struct flow_wildcards *wc, struct ofpbuf *actions)
{
    struct dice dice = {
        hash_3words(t->seed, flow->recirc_id, (OVS_FORCE uint32_t)
                    flow->dl_type),
    };
    struct maker m = {
        .dice = &dice,
        .flow = flow,
        .wc = wc,
        .out = actions,
    };
    struct flow masked = *flow;

    choose_mask(&dice, flow, wc);
    if (!is_ip_any(flow) || flow->nw_frag || flow->recirc_id >= t->n) {
        return;
    }
    flow_zero_wildcards(&masked, wc);
    dice.state = hash_bytes(&masked, sizeof masked, t->seed);
    put_some(&m, 4);
    if (flow->recirc_id < t->n - 1) {
        if (roll(&dice, 10) == 0) {
            nl_msg_put_flag(actions, OVS_ACTION_ATTR_CT_CLEAR);
        }
        for (unsigned int n = roll(&dice, 4) ? 1 : roll(&dice, 3); n; n--) {
            put_ct(&m, t->calm);
            put_some(&m, 2);
        }
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, flow->recirc_id + 1);
    } else if (roll(&dice, 8)) {
        put_output(&m);
    }
}
