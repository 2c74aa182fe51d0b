/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-tuple.h"

#include "flow.h"
#include "flow/dp-load.h"
#include "flow/dp-slab.h"
#include "openvswitch/match.h"
#include "ovs/ovs-packet-offload.h"
#include "packets.h"
#include "util.h"

/* An entry has the words that dp_tuple_word() takes out of a packet, and
 * of each field of the match the bits that its mask has.  So the headers of a
 * match and those of its mask are written as a packet has them, and read like
 * one (dp_tuple_write_headers()). */

/* Packets. */

static inline bool
is_tag_type(uint16_t type)
{
    return (type == (OVS_FORCE uint16_t) htons(ETH_TYPE_VLAN_8021Q)
            || type == (OVS_FORCE uint16_t) htons(ETH_TYPE_VLAN_8021AD));
}

/* Reads a packet whose layer 3, of 'size' bytes with padding, is an IPv6
 * header at 'data' + 'l3_ofs'. */
static bool
read_ipv6(struct dp_tuple *t, const uint8_t *data, size_t l3_ofs, size_t size,
          odp_port_t in_port)
{
    const uint8_t *l3 = data + l3_ofs;
    const uint8_t *l4 = l3 + IPV6_HEADER_LEN;
    size_t l4_len;

    if (size < IPV6_HEADER_LEN + UDP_HEADER_LEN
        || (l3[0] & 0xf0) != DP_TUPLE_IPV6_FIRST) {
        return false;
    }
    size -= IPV6_HEADER_LEN;
    l4_len = ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 4));
    if (l4_len > size || size - l4_len > UINT8_MAX
        || !dp_tuple_read_l4(t, l4, l4_len, l3[6])) {
        return false;
    }
    t->shape = dp_tuple_shape(in_port, t->tcp_flags, l3_ofs, true);
    t->hash = dp_tuple_hash(l3, l4, true, l3[6], in_port);
    t->l3_ofs = l3_ofs;
    t->l4_ofs = l3_ofs + IPV6_HEADER_LEN;
    t->l2_pad_size = size - l4_len;
    t->is_ipv6 = true;
    return true;
}

/* Reads an Ethernet packet that has tags, or is not IPv4, and is not too short
 * to be plain. */
bool
dp_tuple_read_other__(struct dp_tuple *t, struct dp_packet *packet,
                      odp_port_t in_port)
{
    const uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    size_t l3_ofs = ETH_HEADER_LEN;
    uint16_t type = dp_load16(data + l3_ofs - 2);

    for (int i = 0; is_tag_type(type); i++) {
        l3_ofs += VLAN_HEADER_LEN;
        if (i >= flow_vlan_limit || i >= FLOW_MAX_VLAN_HEADERS
            || size < l3_ofs + IP_HEADER_LEN + UDP_HEADER_LEN) {
            return false;
        }
        type = dp_load16(data + l3_ofs - 2);
    }
    size -= l3_ofs;
    if (type == (OVS_FORCE uint16_t) htons(ETH_TYPE_IP)) {
        return dp_tuple_read_ipv4(t, data, l3_ofs, size, in_port);
    }
    return (type == (OVS_FORCE uint16_t) htons(ETH_TYPE_IPV6)
            && read_ipv6(t, data, l3_ofs, size, in_port));
}

/* Matches. */

void
dp_tuple_write_headers(const struct flow *f, size_t l3_ofs, bool is_ipv6,
                       uint8_t bytes[DP_TUPLE_MAX_LEN])
{
    uint8_t *l3 = bytes + l3_ofs;
    uint8_t *l4 = l3 + (is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN);
    size_t ofs = ETH_HEADER_LEN - 2;

    memset(bytes, 0, DP_TUPLE_MAX_LEN);
    memcpy(bytes, &f->dl_dst, sizeof f->dl_dst);
    memcpy(bytes + 6, &f->dl_src, sizeof f->dl_src);
    for (int i = 0; ofs < l3_ofs - 2; i++, ofs += VLAN_HEADER_LEN) {
        ovs_be16 tci = f->vlans[i].tci & ~htons(VLAN_CFI);

        memcpy(bytes + ofs, &f->vlans[i].tpid, 2);
        memcpy(bytes + ofs + 2, &tci, 2);
    }
    memcpy(bytes + ofs, &f->dl_type, 2);
    if (!is_ipv6) {
        l3[1] = f->nw_tos;
        l3[8] = f->nw_ttl;
        l3[9] = f->nw_proto;
        memcpy(l3 + 12, &f->nw_src, 4);
        memcpy(l3 + 16, &f->nw_dst, 4);
    } else {
        ovs_be32 word = (htonl((uint32_t) f->nw_tos << 20)
                         | (f->ipv6_label & htonl(IPV6_LABEL_MASK)));

        memcpy(l3, &word, 4);
        l3[6] = f->nw_proto;
        l3[7] = f->nw_ttl;
        memcpy(l3 + 8, &f->ipv6_src, 16);
        memcpy(l3 + 24, &f->ipv6_dst, 16);
    }
    memcpy(l4, &f->tp_src, 2);
    memcpy(l4 + 2, &f->tp_dst, 2);
}

/* Does 'mask' ask for the connection exactly, and for nothing that has no
 * place in the headers of 'flow' or is not the same in all packets that a
 * port receives? */
static bool
can_be_compared(const struct flow *flow, const struct flow *mask)
{
    bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    struct flow can;
    struct flowmap map;

    if ((flow->dl_type != htons(ETH_TYPE_IP) && !is_ipv6)
        || (flow->nw_proto != IPPROTO_TCP && flow->nw_proto != IPPROTO_UDP)
        || flow->nw_frag || flow->recirc_id
        || flow->packet_type != htonl(PT_ETH)
        || mask->dl_type != OVS_BE16_MAX || mask->nw_proto != UINT8_MAX
        || mask->tp_src != OVS_BE16_MAX || mask->tp_dst != OVS_BE16_MAX
        || (is_ipv6
            ? (!ipv6_mask_is_exact(&mask->ipv6_src)
               || !ipv6_mask_is_exact(&mask->ipv6_dst))
            : (mask->nw_src != OVS_BE32_MAX
               || mask->nw_dst != OVS_BE32_MAX))) {
        return false;
    }

    memset(&can, 0, sizeof can);
    memset(&can, 0xff, offsetof(struct flow, nw_src));
    memset(&can.mpls_lse, 0, sizeof can.mpls_lse);
    can.nw_src = can.nw_dst = can.ct_nw_src = can.ct_nw_dst = OVS_BE32_MAX;
    can.ipv6_src = can.ipv6_dst = in6addr_exact;
    can.ct_ipv6_src = can.ct_ipv6_dst = in6addr_exact;
    can.ipv6_label = OVS_BE32_MAX;
    can.nw_frag = can.nw_tos = can.nw_ttl = can.nw_proto = UINT8_MAX;
    can.tcp_flags = can.tp_src = can.tp_dst = OVS_BE16_MAX;
    can.ct_tp_src = can.ct_tp_dst = OVS_BE16_MAX;
    flow_wc_map(flow, &map);
    for (size_t i = 0; i < FLOW_U64S; i++) {
        if (flowmap_is_set(&map, i)
            && flow_u64_value(mask, i) & ~flow_u64_value(&can, i)) {
            return false;
        }
    }
    return true;
}

static size_t
match_l3_ofs(const struct flow *flow)
{
    size_t ofs = ETH_HEADER_LEN;

    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        if (flow->vlans[i].tci & htons(VLAN_CFI)) {
            ofs += VLAN_HEADER_LEN;
        }
    }
    return ofs;
}

static size_t
entry_size(size_t n_words)
{
    return sizeof(struct dp_tuple_entry) + n_words * sizeof(uint64_t);
}

/* Fills 'mask', and the rest of 'entry', of 'n_words', for 'match'. */
static void
describe(const struct match *match, size_t n_words,
         struct dp_tuple_entry *entry, struct dp_tuple_mask *mask)
{
    const struct flow *flow = &match->flow;
    bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    size_t l3_ofs = match_l3_ofs(flow);
    uint8_t value[DP_TUPLE_MAX_LEN], bits[DP_TUPLE_MAX_LEN];

    dp_tuple_write_headers(flow, l3_ofs, is_ipv6, value);
    dp_tuple_write_headers(&match->wc.masks, l3_ofs, is_ipv6, bits);
    value[l3_ofs] |= is_ipv6 ? DP_TUPLE_IPV6_FIRST : DP_TUPLE_IPV4_FIRST;
    bits[l3_ofs] |= is_ipv6 ? 0xf0 : 0xff;

    mask->shape = dp_tuple_shape(u32_to_odp(UINT32_MAX),
                                 (OVS_FORCE uint16_t)
                                 (match->wc.masks.tcp_flags & htons(0x0fff)),
                                 UINT8_MAX, true);
    entry->shape = mask->shape & dp_tuple_shape(flow->in_port.odp_port,
                                                (OVS_FORCE uint16_t)
                                                flow->tcp_flags,
                                                l3_ofs, is_ipv6);
    for (size_t i = 0; i < n_words; i++) {
        mask->words[i] = dp_tuple_word(bits, l3_ofs, is_ipv6, i);
        entry->words[i] = (dp_tuple_word(value, l3_ofs, is_ipv6, i)
                           & mask->words[i]);
    }
}

/* Returns the hash of the packets of 'flow'. */
static uint32_t
hash_match(const struct flow *flow)
{
    bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    const uint8_t *l3;
    uint8_t bytes[DP_TUPLE_MAX_LEN];

    dp_tuple_write_headers(flow, ETH_HEADER_LEN, is_ipv6, bytes);
    l3 = bytes + ETH_HEADER_LEN;
    return dp_tuple_hash(l3, l3 + (is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN),
                         is_ipv6, flow->nw_proto, flow->in_port.odp_port);
}

/* The table. */

void
dp_tuples_init(struct dp_tuples *tuples)
{
    atomic_init(&tuples->n, 0);
    dp_tuple_index_init(&tuples->index);
    ovs_list_init(&tuples->masks);
}

void
dp_tuples_uninit(struct dp_tuples *tuples)
{
    ovs_assert(ovs_list_is_empty(&tuples->masks));
    dp_tuple_index_uninit(&tuples->index);
}

/* Returns the table's mask that is like 'like', with one user more. */
static struct dp_tuple_mask *
share_mask(struct dp_tuples *tuples, const struct dp_tuple_mask *like)
{
    struct dp_tuple_mask *mask;

    LIST_FOR_EACH (mask, node, &tuples->masks) {
        if (mask->shape == like->shape
            && !memcmp(mask->words, like->words, sizeof mask->words)) {
            mask->n_entries++;
            return mask;
        }
    }
    mask = xmemdup(like, sizeof *like);
    mask->n_entries = 1;
    ovs_list_push_front(&tuples->masks, &mask->node);
    return mask;
}

bool
dp_tuples_can_hold(const struct match *match)
{
    return can_be_compared(&match->flow, &match->wc.masks);
}

void
dp_tuples_insert(struct dp_tuples *tuples, struct dp_flow *flow)
{
    struct dp_tuple_entry *entry;
    struct dp_tuple_mask mask;
    struct match match;
    size_t n_words;

    dp_flow_get_match(flow, &match);
    n_words = dp_tuple_n_words(match_l3_ofs(&match.flow),
                               match.flow.dl_type == htons(ETH_TYPE_IPV6));
    entry = dp_slab_alloc(entry_size(n_words));
    memset(&mask, 0, sizeof mask);
    describe(&match, n_words, entry, &mask);
    dp_flow_ref(flow);
    entry->node.hash = hash_match(&match.flow);
    entry->flow = flow;
    entry->mask = share_mask(tuples, &mask);
    dp_tuple_index_insert(&tuples->index, &entry->node);
    atomic_store_relaxed(&tuples->n, tuples->index.n);
}

static void
free_entry(struct dp_tuple_entry *entry)
{
    size_t n_words = dp_tuple_n_words(entry->shape >> 48 & UINT8_MAX,
                                      entry->shape >> 56);

    dp_flow_unref(entry->flow);
    dp_slab_free(entry, entry_size(n_words));
}

static void
remove_entry(struct dp_tuples *tuples, struct dp_tuple_entry *entry)
{
    struct dp_tuple_mask *mask = entry->mask;

    dp_tuple_index_remove(&tuples->index, &entry->node);
    atomic_store_relaxed(&tuples->n, tuples->index.n);
    if (!--mask->n_entries) {
        ovs_list_remove(&mask->node);
        ovsrcu_postpone(free, mask);
    }
    ovsrcu_postpone(free_entry, entry);
}

static struct dp_tuple_entry *
entry_of(const struct dp_tuple_node *node)
{
    return CONTAINER_OF(node, struct dp_tuple_entry, node);
}

static bool
is_of_flow(const struct dp_tuple_node *node, const void *flow)
{
    return entry_of(node)->flow == flow;
}

void
dp_tuples_remove(struct dp_tuples *tuples, struct dp_flow *flow)
{
    struct dp_tuple_node *node;
    struct match match;

    dp_flow_get_match(flow, &match);
    node = dp_tuple_index_find(&tuples->index, hash_match(&match.flow),
                               is_of_flow, flow);
    if (node) {
        remove_entry(tuples, entry_of(node));
    }
}

/* What a lookup wants. */
struct wanted {
    const struct dp_tuple *tuple;
    const struct dp_packet *packet;
};

static bool
is_wanted(const struct dp_tuple_node *node, const void *wanted_)
{
    const struct dp_tuple_entry *entry = entry_of(node);
    const struct wanted *wanted = wanted_;

    return (dp_tuple_entry_matches(entry, wanted->tuple, wanted->packet)
            && !dp_flow_is_dead(entry->flow));
}

struct dp_flow *
dp_tuples_find(const struct dp_tuples *tuples, const struct dp_tuple *t,
               const struct dp_packet *packet)
{
    const struct wanted wanted = { .tuple = t, .packet = packet };
    const struct dp_tuple_node *node
        = dp_tuple_index_find(&tuples->index, t->hash, is_wanted, &wanted);

    return node ? entry_of(node)->flow : NULL;
}
