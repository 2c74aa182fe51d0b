/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-tuple.h"

#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* What is found by first bytes is what extraction and a comparison with the
 * match would have found, of sound packets and of others. */

enum { PORT = 77 };

/* Makes 'match' one of the connection and the tags of 'flow', and of other
 * fields by chance. */
static void
random_match(const struct flow *flow, struct match *match)
{
    struct flow *mask = &match->wc.masks;
    bool loose = random_range(2);

    memset(match, 0, sizeof *match);
    mask->in_port.odp_port = u32_to_odp(UINT32_MAX);
    mask->recirc_id = UINT32_MAX;
    mask->packet_type = OVS_BE32_MAX;
    mask->dl_type = OVS_BE16_MAX;
    mask->nw_frag = FLOW_NW_FRAG_MASK;
    mask->nw_proto = UINT8_MAX;
    mask->tp_src = mask->tp_dst = OVS_BE16_MAX;
    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        mask->vlans[i].tci = htons(VLAN_CFI);
    }
    if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        mask->ipv6_src = mask->ipv6_dst = in6addr_exact;
    } else {
        mask->nw_src = mask->nw_dst = OVS_BE32_MAX;
    }
    if (!loose) {
        set_mask_bytes(&mask->dl_src, sizeof mask->dl_src);
        set_mask_bytes(&mask->dl_dst, sizeof mask->dl_dst);
        for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
            set_mask_bytes(&mask->vlans[i], sizeof mask->vlans[i]);
            mask->vlans[i].tci |= htons(VLAN_CFI);
        }
        mask->nw_tos = mask_byte();
        mask->nw_ttl = mask_byte();
        if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
            mask->ipv6_label = OVS_BE32_MAX;
        }
        set_mask_bytes(&mask->tcp_flags, sizeof mask->tcp_flags);
    }
    match->flow = *flow;
    flow_zero_wildcards(&match->flow, &match->wc);
}

static struct flow
random_connection(void)
{
    struct flow flow;

    do {
        flow = random_ip_flow();
    } while (flow.nw_frag || !is_ip_any(&flow)
             || flow.nw_proto == IPPROTO_SCTP);
    flow.in_port.odp_port = u32_to_odp(PORT);
    return flow;
}

/* Returns a flow that has a few fields of 'flow' changed. */
static struct flow
other_packet(const struct flow *flow)
{
    struct flow other = *flow;

    switch (random_range(9)) {
    case 0:
        other.nw_ttl = random_uint32();
        break;
    case 1:
        other.nw_tos = random_uint32();
        break;
    case 2:
        other.dl_src.ea[random_range(6)] = random_uint32();
        break;
    case 3:
        other.vlans[random_range(2)].tci ^= htons(1 << random_range(16));
        break;
    case 4:
        other.tp_src ^= htons(1 << random_range(16));
        break;
    case 5:
        other.tcp_flags ^= htons(1 << random_range(12));
        break;
    case 6:
        other.vlans[0].tpid = htons(ETH_TYPE_VLAN_8021AD);
        break;
    case 7:
        other.nw_proto ^= IPPROTO_TCP ^ IPPROTO_UDP;
        break;
    default:
        break;
    }
    return other;
}

static struct dp_flow *
find(const struct dp_tuples *tuples, struct dp_packet *packet,
     odp_port_t in_port, struct dp_tuple *tuple)
{
    return (dp_tuple_read(tuple, packet, in_port)
            ? dp_tuples_find(tuples, tuple, packet) : NULL);
}

static struct dp_flow *
create_flow(const struct match *match)
{
    ovs_u128 ufid;

    random_bytes(&ufid, sizeof ufid);
    return dp_flow_create(&match->flow, dp_mask_create(&match->wc), &ufid, 0,
                          NULL, 0);
}

/* Compares the answer for 'packet' with what it should be.  Returns whether it
 * is that of 'f'.  'sound': nothing is wrong with the packet. */
static bool
check_packet(const struct dp_tuples *tuples, const struct dp_flow *f,
             const struct dp_packet *packet, bool sound)
{
    struct dp_packet *one = dp_packet_clone(packet);
    struct dp_packet *two = dp_packet_clone(packet);
    struct dp_tuple tuple;
    struct dp_flow *found;
    struct flow flow;

    *dp_packet_ol_flags_ptr(one) = random_rx_flags();
    *dp_packet_ol_flags_ptr(two) = *dp_packet_ol_flags_ptr(one);
    pkt_metadata_init(&one->md, u32_to_odp(PORT));
    flow_extract(one, &flow);
    found = find(tuples, two, u32_to_odp(PORT), &tuple);
    if (found) {
        ovs_assert(found == f);
        if (!naive_match(f, &flow)) {
            dptest_fail("%s is not of the match", flow_to_string(&flow, NULL));
        }
        dp_tuple_set_offsets(&tuple, two);
        ovs_assert(one->l2_pad_size == two->l2_pad_size);
        ovs_assert(one->l2_5_ofs == two->l2_5_ofs);
        ovs_assert(one->l3_ofs == two->l3_ofs);
        ovs_assert(one->l4_ofs == two->l4_ofs);
        ovs_assert((*dp_packet_ol_flags_ptr(one) | DP_PACKET_OL_RSS_HASH)
                   == (*dp_packet_ol_flags_ptr(two) | DP_PACKET_OL_RSS_HASH));
        ovs_assert(flow.tcp_flags == (OVS_FORCE ovs_be16) tuple.tcp_flags
                   || flow.nw_proto != IPPROTO_TCP);
        ovs_assert(!find(tuples, two, u32_to_odp(PORT + 1), &tuple));
    } else {
        ovs_assert(!sound || !naive_match(f, &flow));
    }
    dp_packet_delete(one);
    dp_packet_delete(two);
    return found != NULL;
}

static void
test_tuple_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    int n_found = 0, n_tries = 200000;

    for (int i = 0; i < n_tries; i++) {
        struct flow flow = random_connection();
        struct dp_packet packet;
        struct dp_tuples tuples;
        struct dp_flow *f;
        struct match match;
        struct flow other;
        bool sound = random_range(2);

        flow_limit_vlans(random_range(3));
        random_match(&flow, &match);
        ovs_assert(dp_tuples_can_hold(&match));
        f = create_flow(&match);
        dp_tuples_init(&tuples);
        dp_tuples_insert(&tuples, f);
        other = other_packet(&flow);
        flow_to_packet(&other, &packet);
        if (!sound) {
            spoil(&packet);
        }
        n_found += check_packet(&tuples, f, &packet, sound);
        dp_packet_uninit(&packet);
        dp_tuples_remove(&tuples, f);
        dp_tuples_uninit(&tuples);
        dp_flow_unref(f);
        if (i % 1000 == 0) {
            ovsrcu_quiesce();
        }
    }
    ovs_assert(n_found > n_tries / 8 && n_found < n_tries * 7 / 8);
}
DPTEST_REGISTER("tuple", test_tuple_main);

/* What can't be compared by headers is not taken: part of a connection, a
 * field that packets do not have on arrival. */
static void
test_tuple_hold_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct flow flow = random_connection();
    struct match match, bad;

    random_match(&flow, &match);
    ovs_assert(dp_tuples_can_hold(&match));
    bad = match;
    bad.wc.masks.tp_src = htons(0xff00);
    ovs_assert(!dp_tuples_can_hold(&bad));
    bad = match;
    bad.flow.nw_proto = IPPROTO_ICMP;
    ovs_assert(!dp_tuples_can_hold(&bad));
    bad = match;
    bad.flow.nw_frag = FLOW_NW_FRAG_ANY;
    ovs_assert(!dp_tuples_can_hold(&bad));
    bad = match;
    bad.flow.recirc_id = 1;
    ovs_assert(!dp_tuples_can_hold(&bad));
    bad = match;
    bad.wc.masks.dl_type = 0;
    ovs_assert(!dp_tuples_can_hold(&bad));
}
DPTEST_REGISTER("tuple-hold", test_tuple_hold_main);

/* Many connections, some of them twice; each is found, and what was removed is
 * not. */
static void
test_tuple_many_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N = 20000 };
    struct dp_flow **flows = xcalloc(N, sizeof *flows);
    struct dp_packet *packets = xcalloc(N, sizeof *packets);
    struct dp_tuples tuples;
    struct dp_tuple tuple;

    dp_tuples_init(&tuples);
    flow_limit_vlans(2);
    for (int i = 0; i < N; i++) {
        struct flow flow = random_connection();
        struct match match;

        flow.tp_src = htons(i);
        flow.tp_dst = htons(i >> 8);
        random_match(&flow, &match);
        flows[i] = create_flow(&match);
        dp_tuples_insert(&tuples, flows[i]);
        flow_to_packet(&flow, &packets[i]);
    }
    ovs_assert(dp_tuples_count(&tuples) == N);
    for (int i = 0; i < N; i += 2) {
        struct match match;
        struct dp_flow *twin;

        dp_flow_get_match(flows[i], &match);
        twin = create_flow(&match);
        dp_tuples_insert(&tuples, twin);
        dp_tuples_remove(&tuples, flows[i]);
        dp_flow_unref(flows[i]);
        flows[i] = twin;
    }
    ovs_assert(dp_tuples_count(&tuples) == N);
    for (int i = 0; i < N; i++) {
        ovs_assert(find(&tuples, &packets[i], u32_to_odp(PORT), &tuple)
                   == flows[i]);
        dp_tuples_remove(&tuples, flows[i]);
        ovs_assert(!find(&tuples, &packets[i], u32_to_odp(PORT), &tuple));
        dp_flow_unref(flows[i]);
        dp_packet_uninit(&packets[i]);
    }
    dp_tuples_uninit(&tuples);
    free(flows);
    free(packets);
}
DPTEST_REGISTER("tuple-many", test_tuple_many_main);
