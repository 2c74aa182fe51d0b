/* SPDX-License-Identifier: Apache-2.0 */

/* Each item type that can be matched has a table of its fields: where they
 * are in the item, where in a layer of the key (or in the key itself, for a
 * tunnel header).  A bit of an item's mask that no field of the table covers
 * cannot be matched, and the pattern is refused.  The bit fields ("has_vlan"
 * and the like) are the exceptions, handled in code.
 *
 * What an item demands besides its fields is that its header is present: a
 * presence bit in the layer, and the same for each item between two others
 * (ETH / IPV4 does not forbid VLAN tags between the two: rte_flow says that
 * ETH without 'has_vlan' and 'type' matches both). */

#include "simnic-match.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#define MAX_ITEM_SIZE 64

struct field {
    uint8_t item_ofs;
    uint8_t size;
    uint8_t key_ofs;            /* In the layer; in the key for tunnels. */
};

/* How one item type is matched. */
struct item_class {
    enum rte_flow_item_type type;
    const char *name;
    uint16_t size;              /* Of the item's specification. */
    const void *default_mask;
    uint8_t stage;              /* Items of a layer come in rising stages. */
    uint8_t present;            /* Bits demanded of 'layer.present'. */
    uint8_t l4;                 /* Bits demanded of 'layer.l4'. */
    uint8_t tunnel;             /* Bits demanded of 'key.tunnel'. */
    uint8_t n_fields;
    struct field fields[10];
};

enum stage {
    ST_START,
    ST_ETH,
    ST_VLAN,
    ST_L3,
    ST_L3_EXT,
    ST_L4,
    ST_TUNNEL
};

#define F(ITEM, MEMBER, SIZE, KEY) \
    { offsetof(struct ITEM, MEMBER), SIZE, offsetof(struct simnic_layer, KEY) }
#define FK(ITEM, MEMBER, SIZE, KEY) \
    { offsetof(struct ITEM, MEMBER), SIZE, offsetof(struct simnic_key, KEY) }
#define ITEM(TYPE, STRUCT, STAGE) \
    .type = RTE_FLOW_ITEM_TYPE_##TYPE, .name = #TYPE, \
    .size = sizeof(struct STRUCT), .default_mask = &STRUCT##_mask, \
    .stage = STAGE

/* rte_flow.h has none: an item without a mask is matched in full. */
static const struct rte_flow_item_ipv6_frag_ext
    rte_flow_item_ipv6_frag_ext_mask = {
        .hdr = { .next_header = 0xff, .frag_data = 0xffff },
    };

static const struct item_class classes[] = {
    { ITEM(ETH, rte_flow_item_eth, ST_ETH),
      .present = SIMNIC_L2_ETH, .n_fields = 3, .fields = {
          F(rte_flow_item_eth, dst, 6, eth_dst),
          F(rte_flow_item_eth, src, 6, eth_src),
          F(rte_flow_item_eth, type, 2, eth_type) } },
    { ITEM(VLAN, rte_flow_item_vlan, ST_VLAN),
      .present = SIMNIC_L2_VLAN, .n_fields = 2, .fields = {
          F(rte_flow_item_vlan, tci, 2, vlan_tci),
          F(rte_flow_item_vlan, inner_type, 2, vlan_type) } },
    { ITEM(IPV4, rte_flow_item_ipv4, ST_L3),
      .present = SIMNIC_L3_IPV4, .n_fields = 6, .fields = {
          F(rte_flow_item_ipv4, hdr.type_of_service, 1, tos),
          F(rte_flow_item_ipv4, hdr.fragment_offset, 2, frag),
          F(rte_flow_item_ipv4, hdr.time_to_live, 1, ttl),
          F(rte_flow_item_ipv4, hdr.next_proto_id, 1, proto),
          F(rte_flow_item_ipv4, hdr.src_addr, 4, src),
          F(rte_flow_item_ipv4, hdr.dst_addr, 4, dst) } },
    { ITEM(IPV6, rte_flow_item_ipv6, ST_L3),
      .present = SIMNIC_L3_IPV6, .n_fields = 5, .fields = {
          F(rte_flow_item_ipv6, hdr.vtc_flow, 4, vtc_flow),
          F(rte_flow_item_ipv6, hdr.proto, 1, next_proto),
          F(rte_flow_item_ipv6, hdr.hop_limits, 1, ttl),
          F(rte_flow_item_ipv6, hdr.src_addr, 16, src),
          F(rte_flow_item_ipv6, hdr.dst_addr, 16, dst) } },
    { ITEM(IPV6_FRAG_EXT, rte_flow_item_ipv6_frag_ext, ST_L3_EXT),
      .present = SIMNIC_L3_FRAG_EXT, .n_fields = 2, .fields = {
          F(rte_flow_item_ipv6_frag_ext, hdr.next_header, 1, frag_proto),
          F(rte_flow_item_ipv6_frag_ext, hdr.frag_data, 2, frag) } },
    { ITEM(ARP_ETH_IPV4, rte_flow_item_arp_eth_ipv4, ST_L3),
      .present = SIMNIC_L3_ARP, .n_fields = 5, .fields = {
          F(rte_flow_item_arp_eth_ipv4, op, 2, arp_op),
          F(rte_flow_item_arp_eth_ipv4, sha, 6, src[4]),
          F(rte_flow_item_arp_eth_ipv4, spa, 4, src),
          F(rte_flow_item_arp_eth_ipv4, tha, 6, dst[4]),
          F(rte_flow_item_arp_eth_ipv4, tpa, 4, dst) } },
    { ITEM(TCP, rte_flow_item_tcp, ST_L4),
      .l4 = SIMNIC_L4_TCP, .n_fields = 3, .fields = {
          F(rte_flow_item_tcp, hdr.src_port, 2, sport),
          F(rte_flow_item_tcp, hdr.dst_port, 2, dport),
          F(rte_flow_item_tcp, hdr.tcp_flags, 1, tcp_flags) } },
    { ITEM(UDP, rte_flow_item_udp, ST_L4),
      .l4 = SIMNIC_L4_UDP, .n_fields = 2, .fields = {
          F(rte_flow_item_udp, hdr.src_port, 2, sport),
          F(rte_flow_item_udp, hdr.dst_port, 2, dport) } },
    { ITEM(SCTP, rte_flow_item_sctp, ST_L4),
      .l4 = SIMNIC_L4_SCTP, .n_fields = 2, .fields = {
          F(rte_flow_item_sctp, hdr.src_port, 2, sport),
          F(rte_flow_item_sctp, hdr.dst_port, 2, dport) } },
    { ITEM(ICMP, rte_flow_item_icmp, ST_L4),
      .l4 = SIMNIC_L4_ICMP, .n_fields = 2, .fields = {
          F(rte_flow_item_icmp, hdr.icmp_type, 1, icmp_type),
          F(rte_flow_item_icmp, hdr.icmp_code, 1, icmp_code) } },
    { ITEM(ICMP6, rte_flow_item_icmp6, ST_L4),
      .l4 = SIMNIC_L4_ICMP6, .n_fields = 2, .fields = {
          F(rte_flow_item_icmp6, type, 1, icmp_type),
          F(rte_flow_item_icmp6, code, 1, icmp_code) } },
    { ITEM(VXLAN, rte_flow_item_vxlan, ST_TUNNEL),
      .tunnel = SIMNIC_TNL_VXLAN, .n_fields = 2, .fields = {
          FK(rte_flow_item_vxlan, flags, 1, tnl_flags),
          FK(rte_flow_item_vxlan, vni, 3, vni) } },
    { ITEM(GRE, rte_flow_item_gre, ST_TUNNEL),
      .tunnel = SIMNIC_TNL_GRE, .n_fields = 2, .fields = {
          FK(rte_flow_item_gre, c_rsvd0_ver, 2, tnl_bits),
          FK(rte_flow_item_gre, protocol, 2, tnl_proto) } },
    { ITEM(GENEVE, rte_flow_item_geneve, ST_TUNNEL),
      .tunnel = SIMNIC_TNL_GENEVE, .n_fields = 3, .fields = {
          FK(rte_flow_item_geneve, ver_opt_len_o_c_rsvd0, 2, tnl_bits),
          FK(rte_flow_item_geneve, protocol, 2, tnl_proto),
          FK(rte_flow_item_geneve, vni, 3, vni) } },
};

static const struct item_class *
find_class(enum rte_flow_item_type type)
{
    for (size_t i = 0; i < RTE_DIM(classes); i++) {
        if (classes[i].type == type) {
            return &classes[i];
        }
    }
    return NULL;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
    while (n && !*p) {
        p++;
        n--;
    }
    return !n;
}

/* The compiler's state. */
struct compiler {
    struct simnic_match *m;
    struct rte_flow_error *error;
    const struct rte_flow_item *item;
    unsigned int layer;
    uint8_t stage;
    uint8_t n_vlan;
    bool conflict;              /* Two items demand opposite things. */
};

static int
refuse(struct compiler *c, int code, enum rte_flow_error_type type,
       const char *why)
{
    return rte_flow_error_set(c->error, code, type, c->item, why);
}

/* Demands that the 'size' bytes at 'ofs' in the key equal 'value' under
 * 'mask'. */
static void
demand(struct compiler *c, size_t ofs, size_t size, const uint8_t *value,
       const uint8_t *mask)
{
    uint8_t *m = (uint8_t *) c->m->mask.w;
    uint8_t *v = (uint8_t *) c->m->value;

    for (size_t i = 0; i < size; i++) {
        if ((v[ofs + i] ^ value[i]) & m[ofs + i] & mask[i]) {
            c->conflict = true;
        }
        m[ofs + i] |= mask[i];
        v[ofs + i] |= value[i] & mask[i];
    }
}

static void
demand_bits(struct compiler *c, size_t ofs, uint8_t bits)
{
    demand(c, ofs, 1, &bits, &bits);
}

/* Demands that bit 'bit' of the byte at 'ofs' is 'value'. */
static void
demand_bit(struct compiler *c, size_t ofs, uint8_t bit, bool value)
{
    uint8_t v = value ? bit : 0;

    demand(c, ofs, 1, &v, &bit);
}

static size_t
layer_ofs(const struct compiler *c, size_t member)
{
    return c->layer * sizeof(struct simnic_layer) + member;
}
#define LAYER_OFS(C, MEMBER) \
    layer_ofs(C, offsetof(struct simnic_layer, MEMBER))

static int
compile_field(struct compiler *c, const struct item_class *class,
              const struct field *f, const uint8_t *spec,
              const uint8_t *last, const uint8_t *mask)
{
    size_t ofs = (class->tunnel ? f->key_ofs
                  : layer_ofs(c, f->key_ofs));
    uint8_t lo[16], hi[16];

    if (class->type == RTE_FLOW_ITEM_TYPE_VLAN && c->n_vlan) {
        ofs += 2;               /* The second element of the array. */
    }
    if (is_zero(mask, f->size)) {
        return 0;
    }
    for (size_t i = 0; i < f->size; i++) {
        lo[i] = spec[i] & mask[i];
        hi[i] = last ? last[i] & mask[i] : 0;
    }
    if (is_zero(hi, f->size) || !memcmp(lo, hi, f->size)) {
        demand(c, ofs, f->size, spec, mask);
        return 0;
    }
    if (memcmp(lo, hi, f->size) > 0) {
        return refuse(c, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_LAST,
                      "'last' is below 'spec'");
    }
    if (c->m->n_ranges >= SIMNIC_MAX_RANGES) {
        return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_LAST,
                      "too many ranges in one pattern");
    }

    struct simnic_range *r = &c->m->range[c->m->n_ranges++];
    r->ofs = ofs;
    r->size = f->size;
    memcpy(r->mask, mask, f->size);
    memcpy(r->lo, lo, f->size);
    memcpy(r->hi, hi, f->size);
    return 0;
}

/* Removes a bit field from 'mask' and demands 'present' bit 'bit' for it. */
#define TAKE_PRESENT(STRUCT, MEMBER, BIT)                               \
    do {                                                                \
        struct STRUCT *mask_ = (void *) mask;                           \
        const struct STRUCT *spec_ = (const void *) spec;               \
                                                                        \
        if (mask_->MEMBER) {                                            \
            mask_->MEMBER = 0;                                          \
            demand_bit(c, LAYER_OFS(c, present), BIT, spec_->MEMBER);   \
        }                                                               \
    } while (0)

#define TAKE_EXT(MEMBER, BIT)                                           \
    do {                                                                \
        struct rte_flow_item_ipv6 *mask_ = (void *) mask;               \
        const struct rte_flow_item_ipv6 *spec_ = (const void *) spec;   \
                                                                        \
        if (mask_->MEMBER) {                                            \
            uint16_t bit_ = BIT;                                        \
            uint16_t value_ = spec_->MEMBER ? BIT : 0;                  \
                                                                        \
            mask_->MEMBER = 0;                                          \
            demand(c, LAYER_OFS(c, ext), 2, (const uint8_t *) &value_,  \
                   (const uint8_t *) &bit_);                            \
        }                                                               \
    } while (0)

/* Each packet that has this item is ARP for Ethernet and IPv4: that is
 * demanded already, and cleared in 'mask'. */
static void
compile_arp(struct compiler *c, const uint8_t *spec, uint8_t *mask)
{
    static const uint8_t kind[] = { 0, 1, 8, 0, 6, 4 };

    for (size_t i = 0; i < sizeof kind && !c->item->last; i++) {
        c->conflict |= ((spec[i] ^ kind[i]) & mask[i]) != 0;
        mask[i] = 0;
    }
}

/* Handles what is not in the item's table, and clears it in 'mask'. */
static void
compile_bits(struct compiler *c, const uint8_t *spec, uint8_t *mask)
{
    switch ((int) c->item->type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
        TAKE_PRESENT(rte_flow_item_eth, has_vlan, SIMNIC_L2_VLAN);
        break;
    case RTE_FLOW_ITEM_TYPE_VLAN:
        if (c->n_vlan) {
            TAKE_PRESENT(rte_flow_item_vlan, has_more_vlan, SIMNIC_L2_VLAN3);
        } else {
            TAKE_PRESENT(rte_flow_item_vlan, has_more_vlan,
                         SIMNIC_L2_MORE_VLAN);
        }
        break;
    case RTE_FLOW_ITEM_TYPE_IPV6:
        TAKE_EXT(has_hop_ext, SIMNIC_EXT_HOP);
        TAKE_EXT(has_route_ext, SIMNIC_EXT_ROUTE);
        TAKE_EXT(has_frag_ext, SIMNIC_EXT_FRAG);
        TAKE_EXT(has_auth_ext, SIMNIC_EXT_AUTH);
        TAKE_EXT(has_esp_ext, SIMNIC_EXT_ESP);
        TAKE_EXT(has_dest_ext, SIMNIC_EXT_DEST);
        TAKE_EXT(has_mobil_ext, SIMNIC_EXT_MOBIL);
        TAKE_EXT(has_hip_ext, SIMNIC_EXT_HIP);
        TAKE_EXT(has_shim6_ext, SIMNIC_EXT_SHIM6);
        break;
    case RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4:
        compile_arp(c, spec, mask);
        break;
    default:
        break;
    }
}

/* Checks that the item may follow the items before it. */
static int
check_order(struct compiler *c, const struct item_class *class)
{
    bool again = (class->stage == ST_VLAN && c->stage == ST_VLAN);

    if (class->stage < c->stage || (class->stage == c->stage && !again)) {
        return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                      "this item cannot follow the one before it");
    }
    if (class->stage == ST_VLAN && c->n_vlan >= 2) {
        return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                      "more than two VLAN items");
    }
    if (class->tunnel && c->layer) {
        return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                      "a tunnel within a tunnel");
    }
    return 0;
}

static int
compile_item(struct compiler *c, const struct item_class *class)
{
    const struct rte_flow_item *item = c->item;
    uint8_t mask[MAX_ITEM_SIZE], rest[MAX_ITEM_SIZE];
    int error = check_order(c, class);

    if (error) {
        return error;
    }
    if (!item->spec && (item->mask || item->last)) {
        return refuse(c, EINVAL, (item->mask ? RTE_FLOW_ERROR_TYPE_ITEM_MASK
                                  : RTE_FLOW_ERROR_TYPE_ITEM_LAST),
                      "an item has a mask or a range without a value");
    }

    if (c->layer && c->stage == ST_START && class->stage > ST_ETH) {
        /* What a tunnel carries may begin with Ethernet or without. */
        demand_bit(c, LAYER_OFS(c, present), SIMNIC_L2_ETH, false);
    }
    demand_bits(c, LAYER_OFS(c, present),
                class->stage == ST_VLAN && c->n_vlan ? SIMNIC_L2_MORE_VLAN
                : class->present);
    demand_bits(c, LAYER_OFS(c, l4), class->l4);
    demand_bits(c, offsetof(struct simnic_key, tunnel), class->tunnel);
    if (item->spec) {
        memcpy(mask, item->mask ? item->mask : class->default_mask,
               class->size);
        compile_bits(c, item->spec, mask);
        memcpy(rest, mask, class->size);
        for (size_t i = 0; i < class->n_fields; i++) {
            const struct field *f = &class->fields[i];
            const uint8_t *last = item->last;

            error = compile_field(c, class, f,
                                  (const uint8_t *) item->spec + f->item_ofs,
                                  last ? last + f->item_ofs : NULL,
                                  mask + f->item_ofs);
            if (error) {
                return error;
            }
            memset(rest + f->item_ofs, 0, f->size);
        }
        if (!is_zero(rest, class->size)) {
            return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_MASK,
                          "the item's mask has a field that cannot be "
                          "matched");
        }
    }

    c->stage = class->stage;
    c->n_vlan += class->stage == ST_VLAN;
    if (class->tunnel) {
        c->layer = 1;
        c->stage = ST_START;
        c->n_vlan = 0;
    }
    return 0;
}

/* Whether a layer is sound is asked anywhere in a pattern.  Checksums are
 * verified of the outer layer only. */
static int
compile_integrity(struct compiler *c)
{
    const struct rte_flow_item_integrity *spec = c->item->spec;
    const struct rte_flow_item_integrity *mask = c->item->mask;
    struct rte_flow_item_integrity rest;
    size_t ofs = offsetof(struct simnic_key, layer[0].sound);

    if (!spec || !mask || c->item->last) {
        return refuse(c, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM,
                      "integrity needs a value and a mask, and no range");
    }
    rest = *mask;
    rest.l3_ok = rest.l3_len_ok = rest.l4_ok = 0;
    if (spec->level < 2) {
        rest.ipv4_csum_ok = rest.l4_csum_ok = 0;
    }
    if (rest.value || spec->level > 2) {
        return refuse(c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_MASK,
                      "only l3_ok, l3_len_ok and l4_ok can be matched, and of "
                      "the outer layer ipv4_csum_ok and l4_csum_ok");
    }
    c->m->integrity = true;
    c->m->checksums |= mask->ipv4_csum_ok || mask->l4_csum_ok;
    if (spec->level == 2) {
        ofs += sizeof(struct simnic_layer);
    }
    if (mask->l3_ok) {
        demand_bit(c, ofs, SIMNIC_SOUND_L3, spec->l3_ok);
    }
    if (mask->l3_len_ok) {
        demand_bit(c, ofs, SIMNIC_SOUND_L3, spec->l3_len_ok);
    }
    if (mask->l4_ok) {
        demand_bit(c, ofs, SIMNIC_SOUND_L4, spec->l4_ok);
    }
    if (mask->ipv4_csum_ok) {
        demand_bit(c, ofs, SIMNIC_SOUND_CSUM3, spec->ipv4_csum_ok);
    }
    if (mask->l4_csum_ok) {
        demand_bit(c, ofs, SIMNIC_SOUND_CSUM4, spec->l4_csum_ok);
    }
    return 0;
}

int
simnic_match_compile(const struct rte_flow_item pattern[],
                     struct simnic_match *m, struct rte_flow_error *error)
{
    struct compiler c = { .m = m, .error = error };

    memset(m, 0, sizeof *m);
    if (!pattern) {
        return rte_flow_error_set(error, EINVAL,
                                  RTE_FLOW_ERROR_TYPE_ITEM_NUM, NULL,
                                  "no pattern");
    }
    for (c.item = pattern; c.item->type != RTE_FLOW_ITEM_TYPE_END; c.item++) {
        const struct item_class *class;
        int retval;

        if (c.item->type == RTE_FLOW_ITEM_TYPE_VOID) {
            continue;
        }
        class = find_class(c.item->type);
        if (c.item->type == RTE_FLOW_ITEM_TYPE_INTEGRITY) {
            retval = compile_integrity(&c);
        } else if (!class) {
            return refuse(&c, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                          "this type of item cannot be matched");
        } else {
            retval = compile_item(&c, class);
        }
        if (retval) {
            return retval;
        }
        if (c.conflict) {
            return refuse(&c, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM,
                          "this item contradicts one before it");
        }
    }
    for (size_t i = 0; i < SIMNIC_KEY_WORDS; i++) {
        m->mask.words |= (uint32_t) !!m->mask.w[i] << i;
    }
    return 0;
}

/* Does 'm' look at the byte at 'ofs' of the key? */
static bool
looks_at(const struct simnic_match *m, size_t ofs)
{
    for (unsigned int i = 0; i < m->n_ranges; i++) {
        const struct simnic_range *r = &m->range[i];

        if (ofs >= r->ofs && ofs < r->ofs + (size_t) r->size
            && r->mask[ofs - r->ofs]) {
            return true;
        }
    }
    return ((const uint8_t *) m->mask.w)[ofs];
}

bool
simnic_match_asks_tcp_flags(const struct simnic_match *m)
{
    return (looks_at(m, offsetof(struct simnic_key, layer[0].tcp_flags))
            || looks_at(m, offsetof(struct simnic_key, layer[1].tcp_flags)));
}

bool
simnic_match_in_ranges(const struct simnic_match *m,
                       const struct simnic_key *key)
{
    for (unsigned int i = 0; i < m->n_ranges; i++) {
        const struct simnic_range *r = &m->range[i];
        const uint8_t *k = (const uint8_t *) key + r->ofs;
        uint8_t v[16];

        for (size_t j = 0; j < r->size; j++) {
            v[j] = k[j] & r->mask[j];
        }
        if (memcmp(v, r->lo, r->size) < 0 || memcmp(v, r->hi, r->size) > 0) {
            return false;
        }
    }
    return true;
}

bool
simnic_match_test(const struct simnic_match *m, const struct simnic_key *key)
{
    return (simnic_mask_test(&m->mask, m->value, key)
            && simnic_match_in_ranges(m, key));
}

bool
simnic_mask_equal(const struct simnic_mask *a, const struct simnic_mask *b)
{
    return a->words == b->words && !memcmp(a->w, b->w, sizeof a->w);
}
