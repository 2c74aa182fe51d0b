/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-merge.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"
#include "merge/dp-merge-ct.h"
#include "merge/dp-merge-view.h"

/* Two ideas make this short.
 *
 * It is one packet that is followed, with all of its fields, and the trace has
 * its values everywhere.  So nothing has to be solved: a condition that a
 * stage has is true of this packet, or the trace is out of date.  What is
 * found out is which of the packet's bits had to be as they were.  A bit too
 * many in the mask makes the rule narrower, never wrong.
 *
 * Actions are copied in their order, and not sorted or summed up. */

/* A walk along the trace. */
struct walk {
    struct dp_merge_view *view;
    struct ofpbuf *out;
    const struct dp_merge_stage *stage;
    size_t n_conns;             /* Of 'stage', met so far. */
    bool in_clone;

    size_t end;                 /* Of 'out', behind the last action that is
                                 * seen from outside. */
    bool again;                 /* The stage ended by recirculation... */
    bool over;                  /* ...or all is over. */
};

void
dp_merge_rule_init(struct dp_merge_rule *rule)
{
    memset(rule, 0, sizeof *rule);
    ofpbuf_init(&rule->actions, 0);
}

void
dp_merge_rule_uninit(struct dp_merge_rule *rule)
{
    ofpbuf_uninit(&rule->actions);
}

/* The packet. */

static enum dp_merge_why
check_packet(const struct flow *packet)
{
    const uint16_t flags = ntohs(packet->tcp_flags);

    if (packet->recirc_id || packet->ct_state || packet->dp_hash
        || packet->skb_priority || packet->pkt_mark) {
        return DP_MERGE_WHY_P_AGAIN;
    } else if (flow_tnl_dst_is_set(&packet->tunnel)) {
        return DP_MERGE_WHY_P_TUNNEL;
    } else if (packet->packet_type != htonl(PT_ETH)) {
        return DP_MERGE_WHY_P_TYPE;
    } else if (!is_ip_any(packet) || (packet->nw_proto != IPPROTO_TCP
                                      && packet->nw_proto != IPPROTO_UDP)) {
        return DP_MERGE_WHY_P_PROTO;
    } else if (packet->nw_frag) {
        return DP_MERGE_WHY_P_FRAGMENT;
    } else if (packet->nw_proto == IPPROTO_TCP
               && (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK))
                  != TCP_ACK) {
        return DP_MERGE_WHY_P_TCP_FLAGS;
    }
    return DP_MERGE_WHY_NONE;
}

/* Whatever the megaflows ask: the connection exactly, headers in their places,
 * so as many tags, whole packets, and none that moves the connection on. */
static void
look_at_packet(struct dp_merge_view *view)
{
    struct flow mask;

    memset(&mask, 0, sizeof mask);
    mask.in_port.odp_port = u32_to_odp(UINT32_MAX);
    mask.packet_type = OVS_BE32_MAX;
    mask.dl_type = OVS_BE16_MAX;
    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        mask.vlans[i].tci = htons(VLAN_CFI);
        if (!view->now.vlans[i].tci) {
            break;
        }
    }
    if (view->now.dl_type == htons(ETH_TYPE_IPV6)) {
        mask.ipv6_src = mask.ipv6_dst = in6addr_exact;
    } else {
        mask.nw_src = mask.nw_dst = OVS_BE32_MAX;
    }
    mask.nw_frag = FLOW_NW_FRAG_MASK;
    mask.nw_proto = UINT8_MAX;
    mask.tp_src = mask.tp_dst = OVS_BE16_MAX;
    if (view->now.nw_proto == IPPROTO_TCP) {
        mask.tcp_flags = htons(TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
    }
    dp_merge_view_look(view, &mask);
}

/* Setting. */

#define SET(VIEW, MEMBER, KEY, KEY_MEMBER)                              \
    do {                                                                \
        BUILD_ASSERT(sizeof (VIEW)->now.MEMBER                          \
                     == sizeof (KEY)[0].KEY_MEMBER);                    \
        dp_merge_view_set(VIEW, offsetof(struct flow, MEMBER),          \
                          &(KEY)[0].KEY_MEMBER, &(KEY)[1].KEY_MEMBER,   \
                          sizeof (KEY)[0].KEY_MEMBER);                  \
    } while (0)

static void
set_eth(struct dp_merge_view *view, const struct ovs_key_ethernet eth[2])
{
    SET(view, dl_src, eth, eth_src);
    SET(view, dl_dst, eth, eth_dst);
}

static void
set_ipv4(struct dp_merge_view *view, const struct ovs_key_ipv4 ip[2])
{
    SET(view, nw_src, ip, ipv4_src);
    SET(view, nw_dst, ip, ipv4_dst);
    SET(view, nw_tos, ip, ipv4_tos);
    SET(view, nw_ttl, ip, ipv4_ttl);
}

static void
set_ipv6(struct dp_merge_view *view, const struct ovs_key_ipv6 ip[2])
{
    SET(view, ipv6_src, ip, ipv6_src);
    SET(view, ipv6_dst, ip, ipv6_dst);
    SET(view, ipv6_label, ip, ipv6_label);
    SET(view, nw_tos, ip, ipv6_tclass);
    SET(view, nw_ttl, ip, ipv6_hlimit);
}

/* Of TCP or UDP. */
static void
set_ports(struct dp_merge_view *view, const struct ovs_key_tcp ports[2])
{
    SET(view, tp_src, ports, tcp_src);
    SET(view, tp_dst, ports, tcp_dst);
}

static void
set_u32(struct dp_merge_view *view, size_t ofs, const uint32_t value[2])
{
    dp_merge_view_set(view, ofs, &value[0], &value[1], sizeof value[0]);
}

/* Sets the field 'type' by 'both', the value and the mask. */
static enum dp_merge_why
set_field(struct dp_merge_view *view, enum ovs_key_attr type,
          const void *both)
{
    const bool is_ipv6 = view->now.dl_type == htons(ETH_TYPE_IPV6);

    if (type == OVS_KEY_ATTR_ETHERNET) {
        set_eth(view, both);
    } else if (type == OVS_KEY_ATTR_IPV4 && !is_ipv6) {
        set_ipv4(view, both);
    } else if (type == OVS_KEY_ATTR_IPV6 && is_ipv6) {
        set_ipv6(view, both);
    } else if (type == (view->now.nw_proto == IPPROTO_TCP
                        ? OVS_KEY_ATTR_TCP : OVS_KEY_ATTR_UDP)) {
        set_ports(view, both);
    } else if (type == OVS_KEY_ATTR_PRIORITY) {
        set_u32(view, offsetof(struct flow, skb_priority), both);
    } else if (type == OVS_KEY_ATTR_SKB_MARK) {
        set_u32(view, offsetof(struct flow, pkt_mark), both);
    } else if (type == OVS_KEY_ATTR_TUNNEL) {
        return DP_MERGE_WHY_A_TUNNEL;
    } else {
        return DP_MERGE_WHY_A_SET;
    }
    return DP_MERGE_WHY_NONE;
}

/* Of an action "set", or "set_masked" if 'masked'. */
static enum dp_merge_why
walk_set(struct walk *w, const struct nlattr *a, bool masked)
{
    const struct nlattr *key = nl_attr_get(a);
    const size_t size = nl_attr_get_size(key);
    uint8_t both[2 * sizeof(struct ovs_key_ipv6)];
    const enum ovs_key_attr type = nl_attr_type(key);
    enum dp_merge_why why;

    if (size > sizeof(struct ovs_key_ipv6) * (masked ? 2 : 1)) {
        return (type == OVS_KEY_ATTR_TUNNEL ? DP_MERGE_WHY_A_TUNNEL
                : DP_MERGE_WHY_A_SET);
    }
    memcpy(both, nl_attr_get(key), size);
    if (!masked) {
        memset(both + size, 0xff, size);
    }
    why = set_field(w->view, type, both);
    if (!why) {
        ofpbuf_put(w->out, a, NLA_ALIGN(a->nla_len));
    }
    return why;
}

/* Actions. */

/* Copies an action that is seen from outside. */
static void
put_visible(struct walk *w, const struct nlattr *a)
{
    ofpbuf_put(w->out, a, NLA_ALIGN(a->nla_len));
    w->end = w->out->size;
}

static enum dp_merge_why
walk_vlan(struct walk *w, const struct nlattr *a)
{
    bool ok;

    if (nl_attr_type(a) == OVS_ACTION_ATTR_PUSH_VLAN) {
        const struct ovs_action_push_vlan *vlan = nl_attr_get(a);

        ok = dp_merge_view_push_vlan(w->view, vlan->vlan_tpid,
                                     vlan->vlan_tci);
    } else {
        ok = dp_merge_view_pop_vlan(w->view);
    }
    if (!ok) {
        return DP_MERGE_WHY_A_VLAN;
    }
    ofpbuf_put(w->out, a, NLA_ALIGN(a->nla_len));
    return DP_MERGE_WHY_NONE;
}

static enum dp_merge_why
walk_ct(struct walk *w, const struct nlattr *a)
{
    const struct dp_merge_stage *stage = w->stage;
    const struct dp_merge_conn *conn
        = (w->n_conns < stage->n_conns ? &stage->conns[w->n_conns] : NULL);

    if (w->in_clone) {
        return DP_MERGE_WHY_A_CLONE;
    }
    w->n_conns++;
    return dp_merge_ct(w->view, a, conn, w->out);
}

/* 'left' has the bytes from 'a' to the end of its list. */
static enum dp_merge_why
walk_recirc(struct walk *w, const struct nlattr *a, unsigned int left)
{
    if (w->in_clone) {
        return DP_MERGE_WHY_A_CLONE;
    }
    if (left > NLA_ALIGN(a->nla_len)) {
        return DP_MERGE_WHY_A_RECIRC;
    }
    DP_MERGE_VIEW_SET(w->view, recirc_id, nl_attr_get_u32(a));
    w->again = true;
    return DP_MERGE_WHY_NONE;
}

static enum dp_merge_why walk_list(struct walk *, const struct nlattr *,
                                   size_t len);

static enum dp_merge_why
walk_clone(struct walk *w, const struct nlattr *a)
{
    struct dp_merge_view view = *w->view;
    struct walk inner = *w;
    enum dp_merge_why why;
    size_t ofs;

    ofs = nl_msg_start_nested(w->out, OVS_ACTION_ATTR_CLONE);
    inner.view = &view;
    inner.in_clone = true;
    inner.over = false;
    why = walk_list(&inner, nl_attr_get(a), nl_attr_get_size(a));
    if (why) {
        return why;
    }
    if (inner.end > ofs) {
        w->out->size = inner.end;
        nl_msg_end_nested(w->out, ofs);
        w->end = w->out->size;
    } else {
        w->out->size = ofs;             /* Nobody sees it. */
    }
    return DP_MERGE_WHY_NONE;
}

/* Why there is no rule with an action of 'type'. */
static enum dp_merge_why
why_not(int type)
{
    switch (type) {
    case OVS_ACTION_ATTR_HASH:
        return DP_MERGE_WHY_A_HASH;
    case OVS_ACTION_ATTR_LB_OUTPUT:
        return DP_MERGE_WHY_A_LB_OUTPUT;
    case OVS_ACTION_ATTR_METER:
        return DP_MERGE_WHY_A_METER;
    case OVS_ACTION_ATTR_USERSPACE:
        return DP_MERGE_WHY_A_USERSPACE;
    case OVS_ACTION_ATTR_SAMPLE:
        return DP_MERGE_WHY_A_SAMPLE;
    case OVS_ACTION_ATTR_TRUNC:
        return DP_MERGE_WHY_A_TRUNC;
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        return DP_MERGE_WHY_A_CHECK_LEN;
    case OVS_ACTION_ATTR_TUNNEL_PUSH:
        return DP_MERGE_WHY_A_TUNNEL_PUSH;
    case OVS_ACTION_ATTR_TUNNEL_POP:
        return DP_MERGE_WHY_A_TUNNEL_POP;
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_POP_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
        return DP_MERGE_WHY_A_MPLS;
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
        return DP_MERGE_WHY_A_NSH;
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_POP_ETH:
        return DP_MERGE_WHY_A_ETH;
    default:
        return DP_MERGE_WHY_A_OTHER;
    }
}

/* 'left' has the bytes from 'a' to the end of its list. */
static enum dp_merge_why
walk_action(struct walk *w, const struct nlattr *a, unsigned int left)
{
    const int type = nl_attr_type(a);

    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
        put_visible(w, a);
        return DP_MERGE_WHY_NONE;
    case OVS_ACTION_ATTR_DROP:
        put_visible(w, a);              /* It is counted. */
        w->over = true;
        return DP_MERGE_WHY_NONE;
    case OVS_ACTION_ATTR_SET:
        return walk_set(w, a, false);
    case OVS_ACTION_ATTR_SET_MASKED:
        return walk_set(w, a, true);
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_POP_VLAN:
        return walk_vlan(w, a);
    case OVS_ACTION_ATTR_CT:
        return walk_ct(w, a);
    case OVS_ACTION_ATTR_CT_CLEAR:
        dp_merge_ct_clear(w->view);
        return DP_MERGE_WHY_NONE;
    case OVS_ACTION_ATTR_RECIRC:
        return walk_recirc(w, a, left);
    case OVS_ACTION_ATTR_CLONE:
        return walk_clone(w, a);
    default:
        return why_not(type);
    }
}

static enum dp_merge_why
walk_list(struct walk *w, const struct nlattr *actions, size_t len)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, actions, len) {
        enum dp_merge_why why = walk_action(w, a, left);

        if (why || w->over) {
            return why;
        }
    }
    return DP_MERGE_WHY_NONE;
}

/* One stage. */
static enum dp_merge_why
walk_stage(struct walk *w, const struct dp_merge_stage *stage)
{
    enum dp_merge_why why;

    if (!flow_equal_except(&w->view->now, stage->key, stage->wc)) {
        return DP_MERGE_WHY_T_MISFIT;
    }
    dp_merge_view_look(w->view, &stage->wc->masks);

    w->stage = stage;
    w->n_conns = 0;
    w->again = false;
    why = walk_list(w, stage->actions, stage->actions_len);
    return (why ? why
            : w->n_conns < stage->n_conns ? DP_MERGE_WHY_T_MISFIT
            : DP_MERGE_WHY_NONE);
}

enum dp_merge_why
dp_merge_compose(const struct dp_merge_trace *trace,
                 struct dp_merge_rule *rule)
{
    struct match *match = &rule->match;
    struct dp_merge_view view;
    struct walk w = { .view = &view, .out = &rule->actions };
    enum dp_merge_why why = check_packet(trace->packet);
    size_t n_conns = 0;

    if (why) {
        return why;
    }
    if (!trace->n_stages || trace->n_stages > DP_MERGE_MAX_STAGES) {
        return DP_MERGE_WHY_T_LENGTH;
    }
    memset(match, 0, sizeof *match);
    ofpbuf_clear(&rule->actions);
    dp_merge_view_init(&view, trace->packet, &match->wc);
    look_at_packet(&view);
    match->wc.masks.recirc_id = UINT32_MAX;

    for (size_t i = 0; i < trace->n_stages; i++) {
        rule->length[i] = view.length;
        why = walk_stage(&w, &trace->stages[i]);
        if (why) {
            return why;
        }
        if (w.again != (i + 1 < trace->n_stages)) {
            return DP_MERGE_WHY_T_MISFIT;
        }
        n_conns += w.n_conns;
    }
    if (!n_conns) {
        return DP_MERGE_WHY_T_NO_CT;
    }
    rule->actions.size = w.end;
    match->flow = *trace->packet;
    flow_zero_wildcards(&match->flow, &match->wc);
    return DP_MERGE_WHY_NONE;
}
