/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-raw.h"

#include "flow/dp-flow.h"
#include "openvswitch/match.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* What is said by a packet's bytes is what extraction and a comparison with
 * the megaflow say, of any mask, of sound packets and of others, with any
 * metadata. */

enum { N_TRIES = 300000, MORE_TRIES = 4 };

/* Sets some of the bits of FIELD. */
#define BY_CHANCE(FIELD)                                \
    if (!random_range(3)) {                             \
        set_mask_bytes(&(FIELD), sizeof (FIELD));       \
    }

/* What a mask may ask of metadata. */
static void
random_metadata_mask(struct flow *mask)
{
    BY_CHANCE(mask->dp_hash);
    BY_CHANCE(mask->skb_priority);
    BY_CHANCE(mask->pkt_mark);
    BY_CHANCE(mask->ct_state);
    BY_CHANCE(mask->ct_zone);
    BY_CHANCE(mask->ct_mark);
    BY_CHANCE(mask->ct_label);
    if (!random_range(4)) {
        BY_CHANCE(mask->ct_nw_proto);
        BY_CHANCE(mask->ct_nw_src);
        BY_CHANCE(mask->ct_nw_dst);
        BY_CHANCE(mask->ct_ipv6_src);
        BY_CHANCE(mask->ct_ipv6_dst);
        BY_CHANCE(mask->ct_tp_src);
        BY_CHANCE(mask->ct_tp_dst);
    }
    if (!random_range(3)) {
        BY_CHANCE(mask->tunnel.ip_dst);
        BY_CHANCE(mask->tunnel.tun_id);
    }
    if (!random_range(50)) {
        mask->tunnel.metadata.present.map = UINT64_MAX;
    }
}

static void
random_header_mask(struct flow *mask)
{
    BY_CHANCE(mask->dl_src);
    BY_CHANCE(mask->dl_dst);
    BY_CHANCE(mask->vlans);
    BY_CHANCE(mask->nw_src);
    BY_CHANCE(mask->nw_dst);
    BY_CHANCE(mask->ipv6_src);
    BY_CHANCE(mask->ipv6_dst);
    BY_CHANCE(mask->ipv6_label);
    mask->ipv6_label &= htonl(IPV6_LABEL_MASK);
    BY_CHANCE(mask->nw_frag);
    BY_CHANCE(mask->nw_tos);
    BY_CHANCE(mask->nw_ttl);
    BY_CHANCE(mask->nw_proto);
    BY_CHANCE(mask->tcp_flags);
    BY_CHANCE(mask->tp_src);
    BY_CHANCE(mask->tp_dst);
    BY_CHANCE(mask->arp_sha);           /* None of these has it. */
}

/* The megaflow of 'flow' under some mask. */
static struct dp_flow *
random_megaflow(const struct flow *flow)
{
    struct flow_wildcards wc;
    ovs_u128 ufid;

    memset(&wc, 0, sizeof wc);
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.packet_type = OVS_BE32_MAX;
    random_metadata_mask(&wc.masks);
    random_header_mask(&wc.masks);
    random_bytes(&ufid, sizeof ufid);
    return dp_flow_create(flow, dp_mask_create(&wc), &ufid, 0, NULL, 0);
}

/* A packet on its way, and what extraction says of it. */
struct subject {
    struct dp_packet *packet;
    struct flow flow;
};

static void
subject_init(struct subject *s, const struct flow *described,
             const struct pkt_metadata *md, bool sound)
{
    struct dp_packet packet;

    flow_to_packet(described, &packet);
    if (!sound) {
        spoil(&packet);
    }
    s->packet = dp_packet_clone(&packet);
    dp_packet_uninit(&packet);
    s->packet->md = *md;
    *dp_packet_ol_flags_ptr(s->packet) = random_rx_flags();
}

/* Extracts a copy, and takes its offsets. */
static void
extract(struct subject *s, struct dp_packet **copy)
{
    *copy = dp_packet_clone(s->packet);
    (*copy)->md = s->packet->md;
    *dp_packet_ol_flags_ptr(*copy) = *dp_packet_ol_flags_ptr(s->packet);
    flow_extract(*copy, &s->flow);
}

/* Returns metadata that are not quite 'md'. */
static struct pkt_metadata
other_metadata(const struct pkt_metadata *md)
{
    struct pkt_metadata other = *md, random;

    memset(&random, 0, sizeof random);
    random_passes(&random);
    switch (random_range(14)) {
    case 0:
        other.recirc_id = random.recirc_id;
        break;
    case 1:
        other.dp_hash = random.dp_hash;
        break;
    case 2:
        other.skb_priority = random.skb_priority;
        break;
    case 3:
        other.pkt_mark = random.pkt_mark;
        break;
    case 4:
        other.ct_state = random.ct_state;
        break;
    case 5:
        other.ct_zone = random.ct_zone;
        break;
    case 6:
        other.ct_mark = random.ct_mark;
        break;
    case 7:
        other.ct_label = random.ct_label;
        break;
    case 8:
        other.ct_orig_tuple_ipv6 = random.ct_orig_tuple_ipv6;
        break;
    case 9:
        other.ct_orig_tuple = random.ct_orig_tuple;
        break;
    case 10:
        other.tunnel = random.tunnel;
        break;
    case 11:
        other.in_port.odp_port = u32_to_odp(1 + random_range(2));
        break;
    default:
        break;
    }
    return other;
}

/* Returns a flow that has one field of 'flow' changed, or none. */
static struct flow
other_flow(const struct flow *flow)
{
    struct flow random = random_ip_flow();
    struct flow other = *flow;

    switch (random_range(14)) {
    case 0:
        other.dl_src.ea[random_range(6)] = random_uint32();
        break;
    case 1:
        other.vlans[random_range(2)].tci ^= htons(1 << random_range(16));
        break;
    case 2:
        memcpy(other.vlans, random.vlans, sizeof other.vlans);
        break;
    case 3:
        other.nw_src = random.nw_src;
        other.ipv6_src = random.ipv6_src;
        break;
    case 4:
        other.nw_dst = random.nw_dst;
        other.ipv6_dst.s6_addr[random_range(16)] = random_uint32();
        break;
    case 5:
        other.ipv6_label = random.ipv6_label;
        break;
    case 6:
        other.nw_frag = random.nw_frag;
        break;
    case 7:
        other.nw_tos = random.nw_tos;
        break;
    case 8:
        other.nw_ttl = random.nw_ttl;
        break;
    case 9:
        other.nw_proto = random.nw_proto;
        break;
    case 10:
        other.tcp_flags = random.tcp_flags;
        break;
    case 11:
        other.tp_src = random.tp_src;
        break;
    case 12:
        other.tp_dst = random.tp_dst;
        break;
    default:
        break;
    }
    return other;
}

/* Is all of 'a' and 'b' the same that is compared whatever the mask? */
static bool
look_alike(const struct subject *a, const struct subject *b)
{
    const struct pkt_metadata *a_md = &a->packet->md, *b_md = &b->packet->md;
    bool same = (a->flow.dl_type == b->flow.dl_type
                 && a->flow.nw_proto == b->flow.nw_proto
                 && !a->flow.nw_frag && !b->flow.nw_frag
                 && a_md->ct_state == b_md->ct_state
                 && a_md->ct_orig_tuple_ipv6 == b_md->ct_orig_tuple_ipv6
                 && !memcmp(&a_md->ct_orig_tuple, &b_md->ct_orig_tuple,
                            sizeof a_md->ct_orig_tuple)
                 && flow_tnl_dst_is_set(&a_md->tunnel)
                    == flow_tnl_dst_is_set(&b_md->tunnel));

    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        same &= a->flow.vlans[i].tpid == b->flow.vlans[i].tpid;
    }
    return same;
}

/* Compares what 'raw', made of 'first', says of 'second' with what it should
 * say.  Returns true if it matches. */
static bool
check(const struct dp_raw *raw, const struct dp_flow *f,
      const struct subject *first, struct subject *second, bool sound)
{
    struct dp_packet *packet = second->packet, *copy;
    struct dp_raw_passes passes = dp_raw_read_passes(&packet->md);
    uint16_t tcp_flags;
    bool matches;

    extract(second, &copy);
    matches = dp_raw_matches(raw, &passes, packet, &tcp_flags);
    if (matches) {
        if (!naive_match(f, &second->flow)) {
            dptest_fail("%s is not of the megaflow",
                        flow_to_string(&second->flow, NULL));
        }
        ovs_assert(tcp_flags == (second->flow.nw_proto == IPPROTO_TCP
                                 ? ntohs(second->flow.tcp_flags) : 0));
        ovs_assert(packet->l2_pad_size == copy->l2_pad_size);
        ovs_assert(packet->l2_5_ofs == copy->l2_5_ofs);
        ovs_assert(packet->l3_ofs == copy->l3_ofs);
        ovs_assert(packet->l4_ofs == copy->l4_ofs);
        ovs_assert((*dp_packet_ol_flags_ptr(packet) | DP_PACKET_OL_RSS_HASH)
                   == (*dp_packet_ol_flags_ptr(copy) | DP_PACKET_OL_RSS_HASH));
    } else if (raw->min_size != UINT32_MAX && sound
               && naive_match(f, &second->flow)
               && look_alike(first, second)) {
        dptest_fail("%s is of the megaflow",
                    flow_to_string(&second->flow, NULL));
    }
    dp_packet_delete(copy);
    return matches;
}

struct tally {
    int n_made, n_same, n_other;
};

static void
try_one(struct tally *tally)
{
    struct flow described = random_ip_flow();
    struct pkt_metadata md;
    struct subject first;
    struct dp_packet *copy;
    struct dp_flow *f;
    struct dp_raw raw;

    memset(&md, 0, sizeof md);
    pkt_metadata_init(&md, u32_to_odp(1));
    random_passes(&md);
    subject_init(&first, &described, &md, random_range(4));
    extract(&first, &copy);
    dp_packet_delete(copy);
    f = random_megaflow(&first.flow);
    dp_raw_make(&raw, f->mask, first.packet);
    if (raw.min_size != UINT32_MAX) {
        tally->n_made++;
        ovs_assert(check(&raw, f, &first, &first, true));
    }
    for (int i = 0; i < MORE_TRIES; i++) {
        struct flow other = other_flow(&described);
        struct pkt_metadata other_md = other_metadata(&md);
        bool sound = random_range(2);
        struct subject second;

        subject_init(&second, &other, &other_md, sound);
        sound &= !other.nw_frag;        /* That may leave out layer 4. */
        *(check(&raw, f, &first, &second, sound)
          ? &tally->n_same : &tally->n_other) += 1;
        dp_packet_delete(second.packet);
    }
    dp_packet_delete(first.packet);
    dp_flow_unref(f);
}

static void
test_raw_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct tally tally = { .n_made = 0 };

    for (int i = 0; i < N_TRIES / MORE_TRIES; i++) {
        flow_limit_vlans(1 + random_range(2));
        try_one(&tally);
        if (i % 1000 == 0) {
            ovsrcu_quiesce();
        }
    }
    ovs_assert(tally.n_made > N_TRIES / MORE_TRIES / 3);
    ovs_assert(tally.n_same > N_TRIES / 6 && tally.n_other > N_TRIES / 6);
}
DPTEST_REGISTER("raw", test_raw_main);
