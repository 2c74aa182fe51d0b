/* SPDX-License-Identifier: Apache-2.0 */

/* A copy of the mask, 'left', is what has still to be said.  Each item takes
 * out of it what it says.  At the end it must be empty; the first field that
 * is not tells why the match cannot be offloaded.
 *
 * Metadata (conntrack state, tunnel, marks, ...) of a packet that has just
 * arrived at a physical port is zero.  A match on zero is therefore met, and
 * a match on anything else cannot be expressed.
 *
 * Where a header field means something else in hardware than in software, the
 * narrower reading is taken:
 *
 *   - A NIC's next header of IPv6 is that of the first header, ours is that
 *     of the last one; a rule on it does not match packets with extension
 *     headers, which go to software.
 *   - Ports of a later fragment are zero in software, and whatever comes
 *     first in the payload for a careless NIC; ports are matched only
 *     together with "not a later fragment".
 *   - An Ethernet type is always exact in hardware, so packets with a tag are
 *     not matched by a rule that does not say whether there is one. */

#include <config.h>
#include "rte/dp-rte-match.h"

#include <netinet/icmp6.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "flow.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "util.h"

struct dp_rte_translation {
    const struct flow *flow;
    struct flow left;                   /* Bits of the mask not consumed. */
    struct dp_rte_pattern *pattern;
};

/* An item's value, range and mask, zeroed, in the pattern's space. */
struct dp_rte_item {
    void *spec;
    void *last;
    void *mask;
};

static void *
dp_rte_space(struct dp_rte_pattern *pattern, size_t size)
{
    void *p = (char *) pattern->space + pattern->used;

    pattern->used += ROUND_UP(size, 8);
    ovs_assert(pattern->used <= sizeof pattern->space);
    memset(p, 0, size);
    return p;
}

static struct dp_rte_item
dp_rte_item_get(struct dp_rte_pattern *pattern, size_t size)
{
    return (struct dp_rte_item) {
        .spec = dp_rte_space(pattern, size),
        .last = dp_rte_space(pattern, size),
        .mask = dp_rte_space(pattern, size),
    };
}

/* Appends an item of 'size' bytes.  One that demands nothing of the header
 * but that it is there has no value. */
static void
dp_rte_item_put(struct dp_rte_pattern *pattern, enum rte_flow_item_type type,
                const struct dp_rte_item *item, size_t size)
{
    struct rte_flow_item *dst = &pattern->items[pattern->n++];

    ovs_assert(pattern->n < DP_RTE_MAX_ITEMS);
    memset(dst, 0, sizeof *dst);
    dst->type = type;
    if (!is_all_zeros(item->mask, size)) {
        dst->spec = item->spec;
        dst->mask = item->mask;
        dst->last = is_all_zeros(item->last, size) ? NULL : item->last;
    }
}

static void
dp_rte_match_end(struct dp_rte_pattern *pattern)
{
    pattern->items[pattern->n] = (struct rte_flow_item) {
        .type = RTE_FLOW_ITEM_TYPE_END
    };
}

/* Moves a field of type TYPE from the match to the item: value and mask. */
#define DP_RTE_MOVE(T, FIELD, TYPE, SPEC, MASK)                     \
    do {                                                            \
        TYPE value__ = (T)->flow->FIELD & (T)->left.FIELD;          \
                                                                    \
        BUILD_ASSERT(sizeof (SPEC) == sizeof value__);              \
        memcpy(&(SPEC), &value__, sizeof value__);                  \
        memcpy(&(MASK), &(T)->left.FIELD, sizeof value__);          \
        (T)->left.FIELD = 0;                                        \
    } while (0)

static void
dp_rte_move_bytes(const void *flow_, void *left_, void *spec_, void *mask_,
                  size_t size)
{
    const uint8_t *flow = flow_;
    uint8_t *left = left_;
    uint8_t *spec = spec_;
    uint8_t *mask = mask_;

    for (size_t i = 0; i < size; i++) {
        spec[i] = flow[i] & left[i];
        mask[i] = left[i];
        left[i] = 0;
    }
}

/* If all that is asked of a field is that it be zero, it is. */
#define DP_RTE_MET(T, FIELD)                                            \
    dp_rte_met(&(T)->flow->FIELD, &(T)->left.FIELD, sizeof (T)->left.FIELD)

static void
dp_rte_met(const void *flow_, void *left_, size_t size)
{
    const uint8_t *flow = flow_;
    uint8_t *left = left_;

    for (size_t i = 0; i < size; i++) {
        if (flow[i] & left[i]) {
            return;
        }
    }
    memset(left, 0, size);
}

static enum dp_offload_why
dp_rte_match_metadata(struct dp_rte_translation *t)
{
    const struct flow *flow = t->flow;
    struct flow *left = &t->left;

    /* The port is the one that the rule is put into. */
    memset(&left->in_port, 0, sizeof left->in_port);

    DP_RTE_MET(t, tunnel);
    DP_RTE_MET(t, metadata);
    DP_RTE_MET(t, regs);
    DP_RTE_MET(t, skb_priority);
    DP_RTE_MET(t, pkt_mark);
    DP_RTE_MET(t, dp_hash);
    DP_RTE_MET(t, recirc_id);
    DP_RTE_MET(t, ct_state);
    DP_RTE_MET(t, ct_nw_proto);
    DP_RTE_MET(t, ct_zone);
    DP_RTE_MET(t, ct_mark);
    DP_RTE_MET(t, ct_label);
    DP_RTE_MET(t, ct_nw_src);
    DP_RTE_MET(t, ct_nw_dst);
    DP_RTE_MET(t, ct_ipv6_src);
    DP_RTE_MET(t, ct_ipv6_dst);
    DP_RTE_MET(t, ct_tp_src);
    DP_RTE_MET(t, ct_tp_dst);
    DP_RTE_MET(t, conj_id);
    DP_RTE_MET(t, actset_output);
    if (flow->packet_type == htonl(PT_ETH)) {
        left->packet_type = 0;
    }

    if (left->recirc_id || left->dp_hash) {
        return DP_OFFLOAD_WHY_M_RECIRC;
    } else if (left->ct_state || left->ct_nw_proto || left->ct_zone
               || left->ct_mark || !ovs_u128_is_zero(left->ct_label)
               || left->ct_nw_src || left->ct_nw_dst
               || ipv6_addr_is_set(&left->ct_ipv6_src)
               || ipv6_addr_is_set(&left->ct_ipv6_dst)
               || left->ct_tp_src || left->ct_tp_dst) {
        return DP_OFFLOAD_WHY_M_CT;
    } else if (!is_all_zeros(&left->tunnel, sizeof left->tunnel)) {
        return DP_OFFLOAD_WHY_M_TUNNEL;
    } else if (left->packet_type) {
        return DP_OFFLOAD_WHY_M_PACKET_TYPE;
    } else if (!is_all_zeros(left, offsetof(struct flow, dl_dst))) {
        return DP_OFFLOAD_WHY_M_META;
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* One tag.  The next type, of the payload or of another tag, is put in by the
 * caller. */
static enum dp_offload_why
dp_rte_match_tag(struct dp_rte_translation *t, unsigned int i,
                 rte_be16_t *tpid, rte_be16_t *tpid_mask,
                 struct dp_rte_item *item)
{
    union flow_vlan_hdr *left = &t->left.vlans[i];
    struct rte_flow_item_vlan *spec, *mask;

    DP_RTE_MOVE(t, vlans[i].tpid, ovs_be16, *tpid, *tpid_mask);
    if (*tpid_mask && *tpid_mask != OVS_BE16_MAX) {
        return DP_OFFLOAD_WHY_M_VLAN;
    }

    *item = dp_rte_item_get(t->pattern, sizeof *spec);
    spec = item->spec;
    mask = item->mask;

    /* Software keeps "has a tag" in a bit that means something else in the
     * packet. */
    left->tci &= htons(~VLAN_CFI);
    DP_RTE_MOVE(t, vlans[i].tci, ovs_be16, spec->tci, mask->tci);
    return DP_OFFLOAD_WHY_NONE;
}

/* Consumes "vlans[i]: there is none".  Returns false if that is not what is
 * asked. */
static bool
dp_rte_match_no_tag(struct dp_rte_translation *t, unsigned int i)
{
    const union flow_vlan_hdr *flow = &t->flow->vlans[i];
    union flow_vlan_hdr *left = &t->left.vlans[i];

    if (!(left->tci & htons(VLAN_CFI)) || flow->tci & left->tci
        || flow->tpid & left->tpid) {
        return false;
    }
    memset(left, 0, sizeof *left);
    return true;
}

static bool
dp_rte_match_is_tagged(const struct dp_rte_translation *t, unsigned int i)
{
    return (t->left.vlans[i].tci & t->flow->vlans[i].tci
            & htons(VLAN_CFI)) != 0;
}

/* The Ethernet header and up to two tags. */
static enum dp_offload_why
dp_rte_match_l2(struct dp_rte_translation *t)
{
    struct dp_rte_item eth = dp_rte_item_get(t->pattern,
                                             sizeof(struct rte_flow_item_eth));
    struct rte_flow_item_eth *spec = eth.spec;
    struct rte_flow_item_eth *mask = eth.mask;
    struct dp_rte_item tags[FLOW_MAX_VLAN_HEADERS];
    rte_be16_t *type = &spec->type;
    rte_be16_t *type_mask = &mask->type;
    enum dp_offload_why why;
    unsigned int n_tags = 0;

    dp_rte_move_bytes(&t->flow->dl_dst, &t->left.dl_dst, &spec->dst,
                      &mask->dst, ETH_ADDR_LEN);
    dp_rte_move_bytes(&t->flow->dl_src, &t->left.dl_src, &spec->src,
                      &mask->src, ETH_ADDR_LEN);

    while (n_tags < FLOW_MAX_VLAN_HEADERS
           && dp_rte_match_is_tagged(t, n_tags)) {
        struct rte_flow_item_vlan *tag_spec, *tag_mask;

        why = dp_rte_match_tag(t, n_tags, type, type_mask, &tags[n_tags]);
        if (why) {
            return why;
        }
        if (!n_tags && !*type_mask) {
            spec->has_vlan = mask->has_vlan = 1;
        }
        tag_spec = tags[n_tags].spec;
        tag_mask = tags[n_tags].mask;
        type = &tag_spec->inner_type;
        type_mask = &tag_mask->inner_type;
        n_tags++;
    }

    if (t->left.dl_type) {
        uint16_t dl_type = ntohs(t->flow->dl_type);

        /* A tag that software does not look at is the type to it, but a tag
         * to NICs. */
        if (eth_type_vlan(t->flow->dl_type)) {
            return DP_OFFLOAD_WHY_M_VLAN;
        }
        /* Frames without a type have no representation. */
        if (t->left.dl_type != OVS_BE16_MAX || dl_type < ETH_TYPE_MIN) {
            return DP_OFFLOAD_WHY_M_ETH;
        }
        DP_RTE_MOVE(t, dl_type, ovs_be16, *type, *type_mask);
    }
    if (n_tags < FLOW_MAX_VLAN_HEADERS && dp_rte_match_no_tag(t, n_tags)
        && !*type_mask) {
        /* An exact type says it, too. */
        if (!n_tags) {
            mask->has_vlan = 1;
        } else {
            struct rte_flow_item_vlan *tag_mask = tags[n_tags - 1].mask;

            tag_mask->has_more_vlan = 1;
        }
    }
    if (n_tags == 0) {
        /* Without a first tag there is no second one. */
        DP_RTE_MET(t, vlans[1]);
    }
    if (!is_all_zeros(t->left.vlans, sizeof t->left.vlans)) {
        return DP_OFFLOAD_WHY_M_VLAN;
    }

    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_ETH, &eth, sizeof *spec);
    for (unsigned int i = 0; i < n_tags; i++) {
        dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_VLAN, &tags[i],
                        sizeof(struct rte_flow_item_vlan));
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* What a match says about fragments. */
enum dp_rte_frag {
    DP_RTE_FRAG_ANYTHING,
    DP_RTE_FRAG_NONE,           /* Not a fragment. */
    DP_RTE_FRAG_FIRST,
    DP_RTE_FRAG_LATER,
    DP_RTE_FRAG_SOME,           /* A fragment, the first or not. */
    DP_RTE_FRAG_NOT_LATER       /* A whole packet or a first fragment. */
};

static enum dp_rte_frag
dp_rte_match_frag(struct dp_rte_translation *t)
{
    uint8_t mask = t->left.nw_frag & FLOW_NW_FRAG_MASK;
    uint8_t value = t->flow->nw_frag & mask;

    t->left.nw_frag &= ~FLOW_NW_FRAG_MASK;
    if (!mask) {
        return DP_RTE_FRAG_ANYTHING;
    } else if (value & FLOW_NW_FRAG_LATER) {
        return DP_RTE_FRAG_LATER;
    } else if (!(mask & FLOW_NW_FRAG_LATER)) {
        return value ? DP_RTE_FRAG_SOME : DP_RTE_FRAG_NONE;
    } else if (mask & FLOW_NW_FRAG_ANY) {
        return value ? DP_RTE_FRAG_FIRST : DP_RTE_FRAG_NONE;
    } else {
        return DP_RTE_FRAG_NOT_LATER;
    }
}

/* Fragments by a field that has the offset in the bits 'ofs' and "more
 * fragments" in 'more'. */
struct dp_rte_frag_field {
    rte_be16_t spec;
    rte_be16_t last;
    rte_be16_t mask;
};

static struct dp_rte_frag_field
dp_rte_match_frag_field(enum dp_rte_frag frag, uint16_t ofs, uint16_t more)
{
    uint16_t both = ofs | more;
    uint16_t spec = 0, last = 0, mask = 0;

    switch (frag) {
    case DP_RTE_FRAG_ANYTHING:
        break;
    case DP_RTE_FRAG_NONE:
        mask = both;
        break;
    case DP_RTE_FRAG_FIRST:
        spec = more;
        mask = both;
        break;
    case DP_RTE_FRAG_LATER:
        spec = ofs & -ofs;              /* The lowest bit. */
        last = mask = ofs;
        break;
    case DP_RTE_FRAG_SOME:
        spec = both & -both;
        last = mask = both;
        break;
    case DP_RTE_FRAG_NOT_LATER:
        mask = ofs;
        break;
    }
    return (struct dp_rte_frag_field) {
        .spec = htons(spec), .last = htons(last), .mask = htons(mask),
    };
}

static enum dp_rte_frag
dp_rte_match_ipv4(struct dp_rte_translation *t)
{
    struct dp_rte_item item
        = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_ipv4));
    struct rte_flow_item_ipv4 *spec = item.spec;
    struct rte_flow_item_ipv4 *last = item.last;
    struct rte_flow_item_ipv4 *mask = item.mask;
    enum dp_rte_frag frag = dp_rte_match_frag(t);
    struct dp_rte_frag_field field;

    DP_RTE_MOVE(t, nw_src, ovs_be32, spec->hdr.src_addr, mask->hdr.src_addr);
    DP_RTE_MOVE(t, nw_dst, ovs_be32, spec->hdr.dst_addr, mask->hdr.dst_addr);
    DP_RTE_MOVE(t, nw_tos, uint8_t, spec->hdr.type_of_service,
                mask->hdr.type_of_service);
    DP_RTE_MOVE(t, nw_ttl, uint8_t, spec->hdr.time_to_live,
                mask->hdr.time_to_live);
    DP_RTE_MOVE(t, nw_proto, uint8_t, spec->hdr.next_proto_id,
                mask->hdr.next_proto_id);
    field = dp_rte_match_frag_field(frag, RTE_IPV4_HDR_OFFSET_MASK,
                                    RTE_IPV4_HDR_MF_FLAG);
    spec->hdr.fragment_offset = field.spec;
    last->hdr.fragment_offset = field.last;
    mask->hdr.fragment_offset = field.mask;

    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_IPV4, &item, sizeof *spec);
    return frag;
}

static enum dp_rte_frag
dp_rte_match_ipv6(struct dp_rte_translation *t)
{
    struct dp_rte_item item
        = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_ipv6));
    struct rte_flow_item_ipv6 *spec = item.spec;
    struct rte_flow_item_ipv6 *mask = item.mask;
    enum dp_rte_frag frag = dp_rte_match_frag(t);
    ovs_be32 vtc;

    dp_rte_move_bytes(&t->flow->ipv6_src, &t->left.ipv6_src,
                      &spec->hdr.src_addr, &mask->hdr.src_addr, 16);
    dp_rte_move_bytes(&t->flow->ipv6_dst, &t->left.ipv6_dst,
                      &spec->hdr.dst_addr, &mask->hdr.dst_addr, 16);
    DP_RTE_MOVE(t, nw_ttl, uint8_t, spec->hdr.hop_limits,
                mask->hdr.hop_limits);

    /* Traffic class and flow label share a word. */
    vtc = htonl(t->left.nw_tos << RTE_IPV6_HDR_TC_SHIFT)
          | (t->left.ipv6_label & htonl(IPV6_LABEL_MASK));
    mask->hdr.vtc_flow = vtc;
    spec->hdr.vtc_flow = vtc & (htonl(t->flow->nw_tos << RTE_IPV6_HDR_TC_SHIFT)
                                | t->flow->ipv6_label);
    t->left.nw_tos = 0;
    t->left.ipv6_label &= ~htonl(IPV6_LABEL_MASK);

    switch (frag) {
    case DP_RTE_FRAG_FIRST:
    case DP_RTE_FRAG_LATER:
    case DP_RTE_FRAG_SOME: {
        struct dp_rte_item ext
            = dp_rte_item_get(t->pattern,
                              sizeof(struct rte_flow_item_ipv6_frag_ext));
        struct rte_flow_item_ipv6_frag_ext *ext_spec = ext.spec;
        struct rte_flow_item_ipv6_frag_ext *ext_last = ext.last;
        struct rte_flow_item_ipv6_frag_ext *ext_mask = ext.mask;
        struct dp_rte_frag_field field;

        spec->has_frag_ext = mask->has_frag_ext = 1;
        DP_RTE_MOVE(t, nw_proto, uint8_t, ext_spec->hdr.next_header,
                    ext_mask->hdr.next_header);
        field = dp_rte_match_frag_field(frag, RTE_IPV6_EHDR_FO_MASK,
                                        RTE_IPV6_EHDR_MF_MASK);
        ext_spec->hdr.frag_data = field.spec;
        ext_last->hdr.frag_data = field.last;
        ext_mask->hdr.frag_data = field.mask;
        dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_IPV6, &item,
                        sizeof *spec);
        dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT, &ext,
                        sizeof *ext_spec);
        return frag;
    }

    case DP_RTE_FRAG_NONE:
    case DP_RTE_FRAG_NOT_LATER:
        /* First fragments, too, if they were asked for, go to software. */
        mask->has_frag_ext = 1;
        break;

    case DP_RTE_FRAG_ANYTHING:
        break;
    }

    DP_RTE_MOVE(t, nw_proto, uint8_t, spec->hdr.proto, mask->hdr.proto);
    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_IPV6, &item, sizeof *spec);
    return frag;
}

/* ARP for Ethernet and IPv4: the only one that software looks into. */
static void
dp_rte_match_arp(struct dp_rte_translation *t)
{
    struct dp_rte_item item;
    struct rte_flow_item_arp_eth_ipv4 *spec, *mask;
    const struct flow *left = &t->left;

    if (!left->nw_src && !left->nw_dst && !left->nw_proto
        && eth_addr_is_zero(left->arp_sha)
        && eth_addr_is_zero(left->arp_tha)) {
        return;
    }

    item = dp_rte_item_get(t->pattern, sizeof *spec);
    spec = item.spec;
    mask = item.mask;
    spec->hrd = htons(ARP_HRD_ETHERNET);
    spec->pro = htons(ARP_PRO_IP);
    spec->hln = ETH_ADDR_LEN;
    spec->pln = 4;
    mask->hrd = mask->pro = OVS_BE16_MAX;
    mask->hln = mask->pln = UINT8_MAX;
    if (left->nw_proto) {
        /* Software keeps the low byte, and 0 if the high one is not 0. */
        spec->op = htons(t->flow->nw_proto & left->nw_proto);
        mask->op = htons(0xff00 | left->nw_proto);
        t->left.nw_proto = 0;
    }
    DP_RTE_MOVE(t, nw_src, ovs_be32, spec->spa, mask->spa);
    DP_RTE_MOVE(t, nw_dst, ovs_be32, spec->tpa, mask->tpa);
    dp_rte_move_bytes(&t->flow->arp_sha, &t->left.arp_sha, &spec->sha,
                      &mask->sha, ETH_ADDR_LEN);
    dp_rte_move_bytes(&t->flow->arp_tha, &t->left.arp_tha, &spec->tha,
                      &mask->tha, ETH_ADDR_LEN);
    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, &item,
                    sizeof *spec);
}

static void
dp_rte_match_tcp(struct dp_rte_translation *t)
{
    struct dp_rte_item item
        = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_tcp));
    struct rte_flow_item_tcp *spec = item.spec;
    struct rte_flow_item_tcp *mask = item.mask;
    uint16_t flags_mask = ntohs(t->left.tcp_flags) & 0xfff;
    uint16_t flags = ntohs(t->flow->tcp_flags) & flags_mask;

    DP_RTE_MOVE(t, tp_src, ovs_be16, spec->hdr.src_port, mask->hdr.src_port);
    DP_RTE_MOVE(t, tp_dst, ovs_be16, spec->hdr.dst_port, mask->hdr.dst_port);

    /* The upper four of the twelve flags share a byte with the length. */
    spec->hdr.tcp_flags = flags;
    mask->hdr.tcp_flags = flags_mask;
    spec->hdr.data_off = flags >> 8;
    mask->hdr.data_off = flags_mask >> 8;
    t->left.tcp_flags &= ~htons(0xfff);
    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_TCP, &item, sizeof *spec);
}

static void
dp_rte_match_udp(struct dp_rte_translation *t)
{
    struct dp_rte_item item
        = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_udp));
    struct rte_flow_item_udp *spec = item.spec;
    struct rte_flow_item_udp *mask = item.mask;

    DP_RTE_MOVE(t, tp_src, ovs_be16, spec->hdr.src_port, mask->hdr.src_port);
    DP_RTE_MOVE(t, tp_dst, ovs_be16, spec->hdr.dst_port, mask->hdr.dst_port);
    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_UDP, &item, sizeof *spec);
}

static void
dp_rte_match_sctp(struct dp_rte_translation *t)
{
    struct dp_rte_item item
        = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_sctp));
    struct rte_flow_item_sctp *spec = item.spec;
    struct rte_flow_item_sctp *mask = item.mask;

    DP_RTE_MOVE(t, tp_src, ovs_be16, spec->hdr.src_port, mask->hdr.src_port);
    DP_RTE_MOVE(t, tp_dst, ovs_be16, spec->hdr.dst_port, mask->hdr.dst_port);
    dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_SCTP, &item, sizeof *spec);
}

/* Type and code of both kinds of ICMP stand where ports do, in the lower
 * byte. */
static void
dp_rte_match_icmp(struct dp_rte_translation *t, bool ipv6)
{
    uint8_t type_mask = ntohs(t->left.tp_src);
    uint8_t code_mask = ntohs(t->left.tp_dst);
    uint8_t type = ntohs(t->flow->tp_src) & type_mask;
    uint8_t code = ntohs(t->flow->tp_dst) & code_mask;

    if (ipv6) {
        struct dp_rte_item item
            = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_icmp6));
        struct rte_flow_item_icmp6 *spec = item.spec;
        struct rte_flow_item_icmp6 *mask = item.mask;

        spec->type = type;
        spec->code = code;
        mask->type = type_mask;
        mask->code = code_mask;
        dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_ICMP6, &item,
                        sizeof *spec);
    } else {
        struct dp_rte_item item
            = dp_rte_item_get(t->pattern, sizeof(struct rte_flow_item_icmp));
        struct rte_flow_item_icmp *spec = item.spec;
        struct rte_flow_item_icmp *mask = item.mask;

        spec->hdr.icmp_type = type;
        spec->hdr.icmp_code = code;
        mask->hdr.icmp_type = type_mask;
        mask->hdr.icmp_code = code_mask;
        dp_rte_item_put(t->pattern, RTE_FLOW_ITEM_TYPE_ICMP, &item,
                        sizeof *spec);
    }

    /* What software has in the upper byte is zero. */
    t->left.tp_src &= htons(0xff00);
    t->left.tp_dst &= htons(0xff00);
    DP_RTE_MET(t, tp_src);
    DP_RTE_MET(t, tp_dst);
}

static enum dp_offload_why
dp_rte_match_l4(struct dp_rte_translation *t, bool ipv6,
                enum dp_rte_frag frag, uint8_t nw_proto_mask)
{
    const struct flow *left = &t->left;
    uint8_t nw_proto = t->flow->nw_proto;

    if (nw_proto_mask == UINT8_MAX && nw_proto != IPPROTO_TCP
        && nw_proto != IPPROTO_ICMPV6) {
        DP_RTE_MET(t, tcp_flags);
    }
    if (!left->tp_src && !left->tp_dst && !left->tcp_flags
        && !left->igmp_group_ip4) {
        return DP_OFFLOAD_WHY_NONE;
    } else if (nw_proto_mask != UINT8_MAX) {
        return DP_OFFLOAD_WHY_M_PROTO;
    } else if (frag == DP_RTE_FRAG_LATER) {
        /* All of that is zero in software. */
        DP_RTE_MET(t, tp_src);
        DP_RTE_MET(t, tp_dst);
        DP_RTE_MET(t, tcp_flags);
        DP_RTE_MET(t, igmp_group_ip4);
        return (left->tp_src || left->tp_dst || left->tcp_flags
                ? DP_OFFLOAD_WHY_M_FRAG : DP_OFFLOAD_WHY_NONE);
    } else if (frag == DP_RTE_FRAG_ANYTHING || frag == DP_RTE_FRAG_SOME) {
        return DP_OFFLOAD_WHY_M_FRAG;
    }

    if (nw_proto == IPPROTO_TCP) {
        dp_rte_match_tcp(t);
    } else if (nw_proto == IPPROTO_UDP) {
        dp_rte_match_udp(t);
    } else if (nw_proto == IPPROTO_SCTP) {
        dp_rte_match_sctp(t);
    } else if ((nw_proto == IPPROTO_ICMP && !ipv6)
               || (nw_proto == IPPROTO_ICMPV6 && ipv6)) {
        dp_rte_match_icmp(t, ipv6);
    } else if (nw_proto == IPPROTO_IGMP) {
        return DP_OFFLOAD_WHY_M_IGMP;
    } else {
        return DP_OFFLOAD_WHY_M_PROTO;
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* Which field is it that nobody has consumed? */
static enum dp_offload_why
dp_rte_match_rest(const struct dp_rte_translation *t)
{
    const struct flow *left = &t->left;

    if (is_all_zeros(left, sizeof *left)) {
        return DP_OFFLOAD_WHY_NONE;
    } else if (!is_all_zeros(left->mpls_lse, sizeof left->mpls_lse)) {
        return DP_OFFLOAD_WHY_M_MPLS;
    } else if (!is_all_zeros(&left->nsh, sizeof left->nsh)) {
        return DP_OFFLOAD_WHY_M_NSH;
    } else if (ipv6_addr_is_set(&left->nd_target)
               || (t->flow->dl_type == htons(ETH_TYPE_IPV6)
                   && (!eth_addr_is_zero(left->arp_sha)
                       || !eth_addr_is_zero(left->arp_tha)
                       || left->tcp_flags || left->igmp_group_ip4))) {
        return DP_OFFLOAD_WHY_M_ND;
    } else if (!eth_addr_is_zero(left->arp_sha)
               || !eth_addr_is_zero(left->arp_tha)) {
        return DP_OFFLOAD_WHY_M_ARP;
    } else if (left->igmp_group_ip4) {
        return DP_OFFLOAD_WHY_M_IGMP;
    } else if (left->ipv6_label) {
        return DP_OFFLOAD_WHY_M_LABEL;
    } else if (left->nw_frag) {
        return DP_OFFLOAD_WHY_M_FRAG;
    } else if (left->dl_type) {
        return DP_OFFLOAD_WHY_M_ETH;
    }
    return DP_OFFLOAD_WHY_M_OTHER;
}

/* See dp_rte_match_is_sound(). */
static bool
leaves_to_nic(const struct match *match, const struct dp_verify *verify)
{
    const struct flow *mask = &match->wc.masks;
    const struct flow *flow = &match->flow;

    return (verify->what == DP_VERIFY_IPV4 && mask->nw_proto == UINT8_MAX
            && flow->nw_proto != IPPROTO_TCP
            && (!verify->l4_len
                || (flow->nw_proto == IPPROTO_UDP && !flow->nw_frag)));
}

enum dp_offload_why
dp_rte_match_translate(const struct match *match,
                       struct dp_rte_pattern *pattern)
{
    struct dp_rte_translation t = {
        .flow = &match->flow,
        .left = match->wc.masks,
        .pattern = pattern,
    };
    bool typed = match->wc.masks.dl_type == OVS_BE16_MAX;
    uint8_t nw_proto_mask = match->wc.masks.nw_proto;
    uint16_t dl_type = ntohs(match->flow.dl_type);
    enum dp_offload_why why;

    pattern->n = 0;
    pattern->used = 0;

    why = dp_rte_match_metadata(&t);
    if (!why) {
        why = dp_rte_match_l2(&t);
    }
    if (!why && typed) {
        switch (dl_type) {
        case ETH_TYPE_IP:
            why = dp_rte_match_l4(&t, false, dp_rte_match_ipv4(&t),
                                  nw_proto_mask);
            break;
        case ETH_TYPE_IPV6:
            why = dp_rte_match_l4(&t, true, dp_rte_match_ipv6(&t),
                                  nw_proto_mask);
            break;
        case ETH_TYPE_ARP:
            dp_rte_match_arp(&t);
            break;
        }
    }
    if (!why) {
        why = dp_rte_match_rest(&t);
    }
    if (!why) {
        dp_verify_init(&pattern->verify, &match->flow, &match->wc);
        pattern->leaves_to_nic = leaves_to_nic(match, &pattern->verify);
        dp_rte_match_end(pattern);
    }
    return why;
}

void
dp_rte_match_add_integrity(struct dp_rte_pattern *pattern, bool checksums)
{
    struct dp_rte_item item
        = dp_rte_item_get(pattern, sizeof(struct rte_flow_item_integrity));
    struct rte_flow_item_integrity *spec = item.spec;
    struct rte_flow_item_integrity *mask = item.mask;

    spec->l3_ok = mask->l3_ok = 1;
    if (pattern->verify.l4_len) {
        spec->l4_ok = mask->l4_ok = 1;
    }
    if (checksums) {
        if (pattern->verify.what == DP_VERIFY_IPV4) {
            spec->ipv4_csum_ok = mask->ipv4_csum_ok = 1;
        }
        spec->l4_csum_ok = mask->l4_csum_ok = 1;
    }
    dp_rte_item_put(pattern, RTE_FLOW_ITEM_TYPE_INTEGRITY, &item,
                    sizeof *spec);
    dp_rte_match_end(pattern);
}

static bool
has_integrity(const struct dp_rte_pattern *pattern)
{
    return (pattern->items[pattern->n - 1].type
            == RTE_FLOW_ITEM_TYPE_INTEGRITY);
}

void
dp_rte_match_remove_integrity(struct dp_rte_pattern *pattern)
{
    if (has_integrity(pattern)) {
        pattern->n--;
        dp_rte_match_end(pattern);
    }
}

bool
dp_rte_match_is_sound(const struct dp_rte_pattern *pattern)
{
    return pattern->leaves_to_nic && has_integrity(pattern);
}
