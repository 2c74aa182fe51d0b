/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-actions.h"

#include <netinet/in.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "xdp/dp-xdp-match.h"

struct translation {
    const struct dp_xdp_match *match;
    dp_xdp_find_port *find;
    void *aux;
    struct dp_xdp_actions *dst;

    struct dp_xdp_tag pushed[2];        /* The innermost first. */
    bool dropped;
};

/* Sets of fields.  What is masked in part is not expressed, but for TOS. */

/* Is the mask of 'size' bytes at 'mask' ones, or else zeros?  Stores which. */
static bool
is_plain(const void *mask, size_t size, bool *ones)
{
    *ones = is_all_ones(mask, size);
    return *ones || is_all_zeros(mask, size);
}

/* Copies a field of 'size' bytes that is set, and says so with 'bit'. */
static bool
set_field(struct dp_xdp_action *dst, uint8_t bit, void *field,
          const void *key, const void *mask, size_t size)
{
    bool ones;

    if (!is_plain(mask, size, &ones)) {
        return false;
    }
    if (ones) {
        memcpy(field, key, size);
        dst->set |= bit;
    }
    return true;
}

static void
set_tos(struct dp_xdp_action *dst, uint8_t key, uint8_t mask)
{
    if (mask) {
        dst->nw_tos = (dst->nw_tos & ~mask) | (key & mask);
        dst->nw_tos_mask |= mask;
        dst->set |= DP_XDP_SET_NW_TOS;
    }
}

static bool
set_ethernet(struct dp_xdp_action *dst, const struct ovs_key_ethernet *key)
{
    const struct ovs_key_ethernet *mask = key + 1;

    return (set_field(dst, DP_XDP_SET_DL_SRC, dst->dl_src, &key->eth_src,
                      &mask->eth_src, sizeof dst->dl_src)
            && set_field(dst, DP_XDP_SET_DL_DST, dst->dl_dst, &key->eth_dst,
                         &mask->eth_dst, sizeof dst->dl_dst));
}

static bool
set_ipv4(struct dp_xdp_action *dst, const struct ovs_key_ipv4 *key)
{
    const struct ovs_key_ipv4 *mask = key + 1;

    if (mask->ipv4_proto || mask->ipv4_frag) {
        return false;
    }
    set_tos(dst, key->ipv4_tos, mask->ipv4_tos);
    return (set_field(dst, DP_XDP_SET_NW_SRC, dst->nw_src, &key->ipv4_src,
                      &mask->ipv4_src, sizeof key->ipv4_src)
            && set_field(dst, DP_XDP_SET_NW_DST, dst->nw_dst, &key->ipv4_dst,
                         &mask->ipv4_dst, sizeof key->ipv4_dst)
            && set_field(dst, DP_XDP_SET_NW_TTL, &dst->nw_ttl, &key->ipv4_ttl,
                         &mask->ipv4_ttl, sizeof key->ipv4_ttl));
}

static bool
set_ipv6(struct dp_xdp_action *dst, const struct ovs_key_ipv6 *key)
{
    const struct ovs_key_ipv6 *mask = key + 1;

    if (mask->ipv6_proto || mask->ipv6_frag || mask->ipv6_label) {
        return false;
    }
    set_tos(dst, key->ipv6_tclass, mask->ipv6_tclass);
    return (set_field(dst, DP_XDP_SET_NW_SRC, dst->nw_src, &key->ipv6_src,
                      &mask->ipv6_src, sizeof key->ipv6_src)
            && set_field(dst, DP_XDP_SET_NW_DST, dst->nw_dst, &key->ipv6_dst,
                         &mask->ipv6_dst, sizeof key->ipv6_dst)
            && set_field(dst, DP_XDP_SET_NW_TTL, &dst->nw_ttl,
                         &key->ipv6_hlimit, &mask->ipv6_hlimit,
                         sizeof key->ipv6_hlimit));
}

/* struct ovs_key_udp looks the same. */
static bool
set_ports(struct dp_xdp_action *dst, const struct ovs_key_tcp *key)
{
    const struct ovs_key_tcp *mask = key + 1;

    return (set_field(dst, DP_XDP_SET_TP_SRC, &dst->tp_src, &key->tcp_src,
                      &mask->tcp_src, sizeof key->tcp_src)
            && set_field(dst, DP_XDP_SET_TP_DST, &dst->tp_dst, &key->tcp_dst,
                         &mask->tcp_dst, sizeof key->tcp_dst));
}

/* Do all packets of the flow have fields of layer 3, of the kind that 'type'
 * sets? */
static bool
has_layer3(const struct dp_xdp_match *match, uint16_t type)
{
    uint16_t dl_type = ntohs(match->key.dl_type);

    return match->ip && dl_type == (type == OVS_KEY_ATTR_IPV4
                                    ? ETH_TYPE_IP : ETH_TYPE_IPV6);
}

/* And ports? */
static bool
has_layer4(const struct dp_xdp_match *match, uint16_t type)
{
    return (match->ip && match->whole && match->mask.nw_proto == UINT8_MAX
            && match->key.nw_proto == (type == OVS_KEY_ATTR_TCP
                                       ? IPPROTO_TCP : IPPROTO_UDP));
}

static enum dp_offload_why
set(struct translation *t, const struct nlattr *a)
{
    struct dp_xdp_action *dst = &t->dst->action;
    uint16_t type = nl_attr_type(a);
    const void *key = nl_attr_get(a);
    bool ok = false;

    switch (type) {
    case OVS_KEY_ATTR_ETHERNET:
        ok = set_ethernet(dst, key);
        break;
    case OVS_KEY_ATTR_IPV4:
        ok = has_layer3(t->match, type) && set_ipv4(dst, key);
        break;
    case OVS_KEY_ATTR_IPV6:
        ok = has_layer3(t->match, type) && set_ipv6(dst, key);
        break;
    case OVS_KEY_ATTR_TCP:
    case OVS_KEY_ATTR_UDP:
        ok = has_layer4(t->match, type) && set_ports(dst, key);
        break;
    case OVS_KEY_ATTR_TUNNEL:
        return DP_OFFLOAD_WHY_A_TUNNEL;
    case OVS_KEY_ATTR_MPLS:
        return DP_OFFLOAD_WHY_A_MPLS;
    case OVS_KEY_ATTR_NSH:
        return DP_OFFLOAD_WHY_A_NSH;
    }

    /* The checksum of layer 4 covers the addresses, and stands in the first
     * fragment only. */
    if (dst->set & (DP_XDP_SET_NW_SRC | DP_XDP_SET_NW_DST)
        && !t->match->whole) {
        ok = false;
    }
    return ok ? DP_OFFLOAD_WHY_NONE : DP_OFFLOAD_WHY_A_SET;
}

/* Tags. */

static enum dp_offload_why
push_vlan(struct translation *t, const struct ovs_action_push_vlan *vlan)
{
    struct dp_xdp_action *dst = &t->dst->action;

    if (dst->n_push >= ARRAY_SIZE(t->pushed)) {
        return DP_OFFLOAD_WHY_A_OTHER;
    }
    t->pushed[dst->n_push++] = (struct dp_xdp_tag) {
        .tpid = vlan->vlan_tpid,
        .tci = vlan->vlan_tci & htons(~VLAN_CFI),
    };
    return DP_OFFLOAD_WHY_NONE;
}

static enum dp_offload_why
pop_vlan(struct translation *t)
{
    struct dp_xdp_action *dst = &t->dst->action;

    if (dst->n_push) {
        dst->n_push--;
    } else if (dst->n_pop < t->match->n_tags) {
        dst->n_pop++;
    } else {
        return DP_OFFLOAD_WHY_A_OTHER;
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* Outputs. */

static enum dp_offload_why
output(struct translation *t, odp_port_t port_no)
{
    struct dp_xdp_actions *dst = t->dst;
    struct dp_xdp_member member;
    size_t i;

    if (dst->n_outputs >= ARRAY_SIZE(dst->outputs)
        || !t->find(t->aux, port_no, &member)
        || member.slot == t->match->key.slot) {
        return DP_OFFLOAD_WHY_A_OUTPUT;
    }
    for (i = dst->n_outputs; i > 0; i--) {
        if (dst->outputs[i - 1].slot == member.slot) {
            return DP_OFFLOAD_WHY_A_OUTPUT;
        } else if (dst->outputs[i - 1].slot < member.slot) {
            break;
        }
    }
    memmove(&dst->outputs[i + 1], &dst->outputs[i],
            (dst->n_outputs - i) * sizeof dst->outputs[0]);
    dst->outputs[i] = member;
    dst->n_outputs++;
    return DP_OFFLOAD_WHY_NONE;
}

/* Why an action of 'type' is none of those that the program runs. */
static enum dp_offload_why
why_not(uint16_t type)
{
    switch (type) {
    case OVS_ACTION_ATTR_LB_OUTPUT:
        return DP_OFFLOAD_WHY_A_OUTPUT;
    case OVS_ACTION_ATTR_CT:
        return DP_OFFLOAD_WHY_A_CT;
    case OVS_ACTION_ATTR_METER:
        return DP_OFFLOAD_WHY_A_METER;
    case OVS_ACTION_ATTR_SAMPLE:
        return DP_OFFLOAD_WHY_A_SAMPLE;
    case OVS_ACTION_ATTR_USERSPACE:
        return DP_OFFLOAD_WHY_A_USERSPACE;
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_HASH:
        return DP_OFFLOAD_WHY_A_RECIRC;
    case OVS_ACTION_ATTR_SET:
        return DP_OFFLOAD_WHY_A_SET;
    case OVS_ACTION_ATTR_TUNNEL_PUSH:
    case OVS_ACTION_ATTR_TUNNEL_POP:
        return DP_OFFLOAD_WHY_A_TUNNEL;
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_POP_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
        return DP_OFFLOAD_WHY_A_MPLS;
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
        return DP_OFFLOAD_WHY_A_NSH;
    case OVS_ACTION_ATTR_CLONE:
        return DP_OFFLOAD_WHY_A_CLONE;
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
    case OVS_ACTION_ATTR_TRUNC:
        return DP_OFFLOAD_WHY_A_CHECK_LEN;
    default:
        return DP_OFFLOAD_WHY_A_OTHER;
    }
}

/* One action, but for a clone.  All copies of a packet are the same, so
 * nothing may change after the first output. */
static enum dp_offload_why
translate_action(struct translation *t, const struct nlattr *a)
{
    uint16_t type = nl_attr_type(a);

    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
        return output(t, nl_attr_get_odp_port(a));
    case OVS_ACTION_ATTR_CT_CLEAR:
        /* There is no connection to forget. */
        return DP_OFFLOAD_WHY_NONE;
    case OVS_ACTION_ATTR_DROP:
        t->dropped = true;
        return DP_OFFLOAD_WHY_NONE;

    case OVS_ACTION_ATTR_SET_MASKED:
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_POP_VLAN:
        if (t->dst->n_outputs) {
            return DP_OFFLOAD_WHY_A_OUTPUT;
        }
        return (type == OVS_ACTION_ATTR_SET_MASKED ? set(t, nl_attr_get(a))
                : type == OVS_ACTION_ATTR_PUSH_VLAN
                ? push_vlan(t, nl_attr_get(a))
                : pop_vlan(t));

    default:
        return why_not(type);
    }
}

static enum dp_offload_why
translate(struct translation *t, const void *actions, size_t size,
          bool outermost)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH (a, left, actions, size) {
        bool last = left <= NLA_ALIGN(a->nla_len);
        enum dp_offload_why why;

        if (t->dropped) {
            break;
        }
        /* What comes last may as well be done to the packet itself. */
        why = (nl_attr_type(a) == OVS_ACTION_ATTR_CLONE && last && outermost
               ? translate(t, nl_attr_get(a), nl_attr_get_size(a), false)
               : translate_action(t, a));
        if (why) {
            return why;
        }
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* What becomes of the packet in the end, and what that takes. */
static void
conclude(struct translation *t)
{
    struct dp_xdp_actions *dst = t->dst;
    struct dp_xdp_action *action = &dst->action;

    if (!dst->n_outputs) {
        /* Nobody will see what has been changed. */
        memset(action, 0, sizeof *action);
        action->fate = DP_XDP_DROP;
        return;
    }
    for (int i = 0; i < action->n_push; i++) {
        action->tags[i] = t->pushed[action->n_push - 1 - i];
    }
    if (action->n_push || action->n_pop) {
        dst->can |= DP_XDP_CAN_TAG;
    }
    if (action->set & DP_XDP_SET_L3L4) {
        dst->can |= DP_XDP_CAN_SET;
    }
    if (dst->n_outputs > 1) {
        action->fate = DP_XDP_GROUP;
        dst->can |= DP_XDP_CAN_GROUP;
    } else {
        action->fate = DP_XDP_OUTPUT;
        action->out = dst->outputs[0].slot;
    }
}

enum dp_offload_why
dp_xdp_actions_translate(const struct ofpbuf *actions,
                         const struct dp_xdp_match *match,
                         dp_xdp_find_port *find, void *aux,
                         struct dp_xdp_actions *dst)
{
    struct translation t = {
        .match = match,
        .find = find,
        .aux = aux,
        .dst = dst,
    };
    enum dp_offload_why why;

    memset(dst, 0, sizeof *dst);
    why = translate(&t, actions->data, actions->size, true);
    if (!why) {
        conclude(&t);
    }
    return why;
}

void
dp_xdp_actions_mark(uint32_t mark, struct dp_xdp_actions *dst)
{
    memset(dst, 0, sizeof *dst);
    dst->action.fate = DP_XDP_MARK;
    dst->action.mark = mark;
}

/* Names of fields that are set, by bit. */
static const char *const set_names[] = {
    "dl_src", "dl_dst", "nw_src", "nw_dst", "nw_tos", "nw_ttl", "tp_src",
    "tp_dst",
};

void
dp_xdp_actions_format(const struct dp_xdp_actions *a, struct ds *ds)
{
    const struct dp_xdp_action *action = &a->action;

    for (size_t i = 0; i < ARRAY_SIZE(set_names); i++) {
        if (action->set & (1u << i)) {
            ds_put_format(ds, ", set %s", set_names[i]);
        }
    }
    for (int i = 0; i < action->n_pop; i++) {
        ds_put_cstr(ds, ", pop tag");
    }
    for (int i = action->n_push - 1; i >= 0; i--) {
        ds_put_format(ds, ", push tag 0x%04"PRIx16" tci 0x%04"PRIx16,
                      ntohs(action->tags[i].tpid),
                      ntohs(action->tags[i].tci));
    }
    switch (action->fate) {
    case DP_XDP_DROP:
        ds_put_cstr(ds, ", drop");
        break;
    case DP_XDP_MARK:
        ds_put_format(ds, ", mark %"PRIu32, action->mark);
        break;
    default:
        for (size_t i = 0; i < a->n_outputs; i++) {
            ds_put_format(ds, ", output slot %"PRIu32, a->outputs[i].slot);
        }
        break;
    }
}
