/* SPDX-License-Identifier: Apache-2.0 */

/* A copy of the mask, 'left', is what has still to be said; each step takes
 * out of it what it says.  Whatever is left at the end can't be said.
 *
 * A packet that comes from an interface has no metadata, so a match on
 * metadata's being zero is met, and any other can't be expressed.
 *
 * How many tags a packet has is always said, exactly.  Open vSwitch may be
 * told to look at no more than one, and takes another for the payload's type;
 * the program always looks at two. */

#include <config.h>
#include "xdp/dp-xdp-match.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "flow.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "util.h"

struct translation {
    const struct flow *flow;
    struct flow left;           /* Bits of the mask that are not said. */
    struct dp_xdp_match *dst;
};

/* Moves field FIELD of the match to field WORD of the key, which is as
 * wide. */
#define MOVE(T, FIELD, WORD)                                            \
    do {                                                                \
        BUILD_ASSERT(sizeof (T)->left.FIELD                             \
                     == sizeof (T)->dst->key.WORD);                     \
        move(&(T)->flow->FIELD, &(T)->left.FIELD, &(T)->dst->key.WORD,  \
             &(T)->dst->mask.WORD, sizeof (T)->left.FIELD);             \
    } while (0)

static void
move(const void *flow_, void *left_, void *key_, void *mask_, size_t size)
{
    const uint8_t *flow = flow_;
    uint8_t *left = left_;
    uint8_t *key = key_;
    uint8_t *mask = mask_;

    for (size_t i = 0; i < size; i++) {
        key[i] |= flow[i] & left[i];
        mask[i] |= left[i];
        left[i] = 0;
    }
}

static bool
is_zero(const struct translation *t, size_t start, size_t end)
{
    const uint8_t *flow = (const uint8_t *) t->flow;
    const uint8_t *left = (const uint8_t *) &t->left;

    for (size_t i = start; i < end; i++) {
        if (flow[i] & left[i]) {
            return false;
        }
    }
    return true;
}

/* Is all that is left of FIELD that it be zero? */
#define IS_ZERO(T, FIELD)                                               \
    is_zero(T, offsetof(struct flow, FIELD),                            \
            offsetof(struct flow, FIELD) + sizeof (T)->left.FIELD)

static enum dp_offload_why
match_metadata(struct translation *t)
{
    const struct flow *flow = t->flow;

    t->left.in_port.odp_port = 0;
    if (flow->packet_type == htonl(PT_ETH)) {
        t->left.packet_type = 0;
    }
    if (!IS_ZERO(t, recirc_id) || !IS_ZERO(t, dp_hash)) {
        return DP_OFFLOAD_WHY_M_RECIRC;
    } else if (!IS_ZERO(t, ct_state) || !IS_ZERO(t, ct_zone)
               || !IS_ZERO(t, ct_mark) || !IS_ZERO(t, ct_label)
               || !IS_ZERO(t, ct_nw_proto)) {
        return DP_OFFLOAD_WHY_M_CT;
    } else if (!IS_ZERO(t, tunnel)) {
        return DP_OFFLOAD_WHY_M_TUNNEL;
    } else if (t->left.packet_type) {
        return DP_OFFLOAD_WHY_M_PACKET_TYPE;
    } else if (!is_zero(t, 0, offsetof(struct flow, dl_dst))) {
        return DP_OFFLOAD_WHY_M_META;
    } else if (!IS_ZERO(t, ct_nw_src) || !IS_ZERO(t, ct_nw_dst)
               || !IS_ZERO(t, ct_ipv6_src) || !IS_ZERO(t, ct_ipv6_dst)
               || !IS_ZERO(t, ct_tp_src) || !IS_ZERO(t, ct_tp_dst)) {
        return DP_OFFLOAD_WHY_M_CT;
    }
    memset(&t->left, 0, offsetof(struct flow, dl_dst));
    t->left.ct_nw_src = t->left.ct_nw_dst = 0;
    t->left.ct_tp_src = t->left.ct_tp_dst = 0;
    memset(&t->left.ct_ipv6_src, 0, sizeof t->left.ct_ipv6_src);
    memset(&t->left.ct_ipv6_dst, 0, sizeof t->left.ct_ipv6_dst);
    return DP_OFFLOAD_WHY_NONE;
}

/* Tag 'i', whose TCI is at 'key' and 'mask'.  Stores in '*there' whether all
 * packets have it; else none has. */
static bool
match_tag(struct translation *t, unsigned int i, __be16 *key, __be16 *mask,
          bool *there)
{
    const union flow_vlan_hdr *flow = &t->flow->vlans[i];
    union flow_vlan_hdr *left = &t->left.vlans[i];
    struct dp_xdp_match *dst = t->dst;

    *there = (flow->tci & left->tci & htons(VLAN_CFI)) != 0;
    if (!*there) {
        if (flow->tci & left->tci || flow->tpid & left->tpid) {
            return false;
        }
        memset(left, 0, sizeof *left);
        dst->mask.tpids |= 0xf << (4 * i);
        return true;
    }

    move(&flow->tci, &left->tci, key, mask, sizeof left->tci);
    dst->key.tpids |= DP_XDP_TAG_THERE << (4 * i);
    dst->mask.tpids |= DP_XDP_TAG_THERE << (4 * i);
    if (left->tpid) {
        if (left->tpid != OVS_BE16_MAX || !eth_type_vlan(flow->tpid)) {
            return false;
        }
        if (flow->tpid == htons(ETH_TYPE_VLAN_8021AD)) {
            dst->key.tpids |= DP_XDP_TAG_8021AD << (4 * i);
        }
        dst->mask.tpids |= DP_XDP_TAG_8021AD << (4 * i);
        left->tpid = 0;
    }
    return true;
}

static enum dp_offload_why
match_l2(struct translation *t)
{
    struct dp_xdp_match *dst = t->dst;
    bool outer, inner;

    MOVE(t, dl_dst, dl_dst);
    MOVE(t, dl_src, dl_src);
    if (!match_tag(t, 0, &dst->key.tci0, &dst->mask.tci0, &outer)
        || !match_tag(t, 1, &dst->key.tci1, &dst->mask.tci1, &inner)
        || (inner && !outer)) {
        return DP_OFFLOAD_WHY_M_VLAN;
    }
    dst->n_tags = outer + inner;

    if (t->left.dl_type) {
        /* A tag that software does not look at is the type to it, but a tag
         * to the program. */
        if (eth_type_vlan(t->flow->dl_type)) {
            return DP_OFFLOAD_WHY_M_VLAN;
        }
        if (t->left.dl_type != OVS_BE16_MAX
            || ntohs(t->flow->dl_type) < ETH_TYPE_MIN) {
            return DP_OFFLOAD_WHY_M_ETH;
        }
        MOVE(t, dl_type, dl_type);
    }
    return DP_OFFLOAD_WHY_NONE;
}

static void
match_frag(struct translation *t)
{
    struct dp_xdp_match *dst = t->dst;
    uint8_t mask = t->left.nw_frag & FLOW_NW_FRAG_MASK;
    uint8_t value = t->flow->nw_frag & mask;

    BUILD_ASSERT(FLOW_NW_FRAG_ANY == DP_XDP_FRAG_ANY);
    BUILD_ASSERT(FLOW_NW_FRAG_LATER == DP_XDP_FRAG_LATER);
    dst->key.frag = value;
    dst->mask.frag = mask;
    t->left.nw_frag &= ~FLOW_NW_FRAG_MASK;

    /* What is no fragment is no later one. */
    dst->whole = (!(value & FLOW_NW_FRAG_LATER)
                  && (mask & FLOW_NW_FRAG_LATER
                      || (mask & FLOW_NW_FRAG_ANY && !value)));
}

/* Layer 4.  The program finds ports where Open vSwitch does, but where that
 * finds something of its own there: fields of ND and IGMP. */
static enum dp_offload_why
match_l4(struct translation *t)
{
    uint8_t nw_proto = t->flow->nw_proto;
    bool exact = t->dst->mask.nw_proto == UINT8_MAX;

    if (!t->left.tp_src && !t->left.tp_dst && !t->left.tcp_flags
        && !t->left.igmp_group_ip4) {
        return DP_OFFLOAD_WHY_NONE;
    } else if (!exact) {
        return DP_OFFLOAD_WHY_M_PROTO;
    } else if (nw_proto == IPPROTO_IGMP) {
        return DP_OFFLOAD_WHY_M_IGMP;
    } else if (nw_proto == IPPROTO_ICMPV6
               && (t->left.tcp_flags || t->left.igmp_group_ip4)) {
        return DP_OFFLOAD_WHY_M_ND;
    }
    MOVE(t, tp_src, tp_src);
    MOVE(t, tp_dst, tp_dst);
    t->left.tcp_flags &= htons(0xfff);
    MOVE(t, tcp_flags, tcp_flags);
    return DP_OFFLOAD_WHY_NONE;
}

static enum dp_offload_why
match_ip(struct translation *t)
{
    MOVE(t, nw_tos, nw_tos);
    MOVE(t, nw_ttl, nw_ttl);
    MOVE(t, nw_proto, nw_proto);
    match_frag(t);
    if (t->flow->dl_type == htons(ETH_TYPE_IP)) {
        MOVE(t, nw_src, nw_src);
        MOVE(t, nw_dst, nw_dst);
    } else {
        MOVE(t, ipv6_src, ipv6_src);
        MOVE(t, ipv6_dst, ipv6_dst);
        t->left.ipv6_label &= htonl(IPV6_LABEL_MASK);
        MOVE(t, ipv6_label, ipv6_label);
    }
    t->dst->ip = true;
    return match_l4(t);
}

/* Which field is it that nobody has taken? */
static enum dp_offload_why
match_rest(const struct translation *t)
{
    const struct flow *left = &t->left;

    if (is_all_zeros(left, sizeof *left)) {
        return DP_OFFLOAD_WHY_NONE;
    } else if (!is_all_zeros(left->mpls_lse, sizeof left->mpls_lse)) {
        return DP_OFFLOAD_WHY_M_MPLS;
    } else if (!is_all_zeros(&left->nsh, sizeof left->nsh)) {
        return DP_OFFLOAD_WHY_M_NSH;
    } else if (t->flow->dl_type == htons(ETH_TYPE_IPV6)) {
        return DP_OFFLOAD_WHY_M_ND;
    } else if (t->flow->dl_type == htons(ETH_TYPE_ARP)
               || t->flow->dl_type == htons(ETH_TYPE_RARP)) {
        return DP_OFFLOAD_WHY_M_ARP;
    }
    return DP_OFFLOAD_WHY_M_OTHER;
}

/* What a program must be able to do to find 'match'. */
static uint32_t
needs(const struct dp_xdp_match *match)
{
    uint32_t can = DP_XDP_CAN_LOOKUP;

    /* An old entry of the cache leads to a flow that is being written; that is
     * safe where the program sees stores in their order. */
#ifdef __x86_64__
    can |= DP_XDP_CAN_CACHE;
#endif
    for (int i = DP_XDP_N_BASE_WORDS; i < DP_XDP_N_WORDS; i++) {
        if (match->mask.words[i]) {
            can |= DP_XDP_CAN_IPV6;
        }
    }
    return can;
}

enum dp_offload_why
dp_xdp_match_translate(const struct match *match, uint32_t slot,
                       struct dp_xdp_match *dst)
{
    struct translation t = {
        .flow = &match->flow,
        .left = match->wc.masks,
        .dst = dst,
    };
    bool typed = match->wc.masks.dl_type == OVS_BE16_MAX;
    enum dp_offload_why why;

    memset(dst, 0, sizeof *dst);
    dst->key.slot = slot;
    dst->mask.slot = UINT16_MAX;
    why = match_metadata(&t);
    if (!why) {
        why = match_l2(&t);
    }
    if (!why && typed && (match->flow.dl_type == htons(ETH_TYPE_IP)
                          || match->flow.dl_type == htons(ETH_TYPE_IPV6))) {
        why = match_ip(&t);
    }
    if (!why) {
        why = match_rest(&t);
    }
    if (!why) {
        dst->can = needs(dst);
    }
    return why;
}
