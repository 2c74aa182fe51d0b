/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_RANDOM_H
#define FLOW_RANDOM_H 1

/* flow-random: packets, keys and megaflows made by chance
 * =======================================================
 *
 * Job.  Give the tests of the flow room packets of few values, so that random
 * megaflows and random packets meet often.
 *
 * Thread-safety.  Each test is a process with one thread. */

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "flow/dp-flow.h"
#include "ovs/ovs-flow-compose.h"

/* A flow as extraction would give it, with a choice of 'n' values for each
 * field. */
static inline struct flow
random_flow(unsigned int n)
{
    struct flow flow;

    memset(&flow, 0, sizeof flow);
    flow.in_port.odp_port = u32_to_odp(1 + random_range(2));
    flow.packet_type = htonl(PT_ETH);
    flow.dl_src = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,01);
    flow.dl_dst = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,02);
    flow.dl_dst.ea[5] = random_range(n);
    if (random_range(3) == 0) {
        flow.vlans[0].tpid = htons(ETH_TYPE_VLAN);
        flow.vlans[0].tci = htons(VLAN_CFI | random_range(n));
    }
    if (random_range(4)) {
        flow.dl_type = htons(ETH_TYPE_IP);
        flow.nw_src = htonl(0x0a000000 | random_range(n));
        flow.nw_dst = htonl(0x0a010000 | random_range(n));
        flow.nw_ttl = 64;
        flow.nw_proto = random_range(2) ? IPPROTO_UDP : IPPROTO_TCP;
        flow.tp_src = htons(1 + random_range(n));
        flow.tp_dst = htons(1 + random_range(n));
    } else {
        flow.dl_type = htons(0x1234);
    }
    return flow;
}

/* Writes into 'packet' what 'flow' describes, with its metadata. */
static inline void
flow_to_packet(const struct flow *flow, struct dp_packet *packet)
{
    dp_packet_init(packet, 0);
    ovs_flow_compose(packet, flow, 64);
    pkt_metadata_init(&packet->md, flow->in_port.odp_port);
}

/* Fills 'key' from 'packet' as the library does it. */
static inline void
extract_long(struct dp_key *key, struct dp_packet *packet)
{
    miniflow_extract(packet, &key->mf);
    key->n_values = miniflow_n_values(&key->mf);
    key->plain = NULL;
    key->hash = dp_key_hash(packet, key);
}

/* Gives 'md' what earlier passes may have said. */
static inline void
random_passes(struct pkt_metadata *md)
{
    md->recirc_id = random_range(3);
    md->dp_hash = random_range(4) ? 0 : random_uint32();
    md->skb_priority = random_range(20) ? 0 : random_uint32();
    md->pkt_mark = random_range(20) ? 0 : random_uint32();
    md->ct_state = random_range(4) ? CS_TRACKED | random_range(256) : 0;
    md->ct_zone = random_range(3);
    md->ct_mark = random_range(3);
    memset(&md->ct_label, 0, sizeof md->ct_label);
    if (!random_range(3)) {
        md->ct_label.u64.lo = random_range(2);
        md->ct_label.u64.hi = random_range(2);
    }
    md->ct_orig_tuple_ipv6 = random_range(2);
    random_bytes(&md->ct_orig_tuple, sizeof md->ct_orig_tuple);
    if (!random_range(3)) {
        memset(&md->ct_orig_tuple, 0, sizeof md->ct_orig_tuple);
    }
    if (!random_range(20)) {
        memset(&md->tunnel, 0, sizeof md->tunnel);
        md->tunnel.ip_dst = htonl(0x0a020001 + random_range(2));
        md->tunnel.tun_id = htonll(random_range(2));
    }
}

/* The same of IP, version 4 or 6, with more in it, and 200 values. */
static inline struct flow
random_ip_flow(void)
{
    struct flow flow = random_flow(200);

    if (random_range(3) == 0) {
        flow.dl_type = htons(ETH_TYPE_IPV6);
        random_bytes(&flow.ipv6_src, sizeof flow.ipv6_src);
        random_bytes(&flow.ipv6_dst, sizeof flow.ipv6_dst);
        flow.ipv6_label = htonl(random_uint32() & 0xfffff);
        flow.nw_proto = random_range(2) ? IPPROTO_UDP : IPPROTO_TCP;
    }
    if (flow.nw_proto == IPPROTO_TCP) {
        flow.tcp_flags = htons(random_range(0x1000));
    }
    flow.nw_tos = random_range(256);
    flow.nw_ttl = random_range(256);
    if (random_range(20) == 0) {
        flow.nw_proto = IPPROTO_SCTP;
    }
    if (random_range(20) == 0) {
        flow.nw_frag = FLOW_NW_FRAG_ANY
                       | (random_range(2) ? FLOW_NW_FRAG_LATER : 0);
    }
    if (flow.vlans[0].tpid && random_range(4) == 0) {
        flow.vlans[1] = flow.vlans[0];
    }
    return flow;
}

/* Makes something wrong with 'packet', or adds padding. */
static inline void
spoil(struct dp_packet *packet)
{
    uint8_t *data = dp_packet_data(packet);

    switch (random_range(6)) {
    case 0:
        data[random_range(MIN(dp_packet_size(packet), 74))] = random_uint32();
        break;
    case 1:
        data[12 + random_range(12)] ^= 1 << random_range(8);
        break;
    case 2:
        dp_packet_set_size(packet,
                           14 + random_range(dp_packet_size(packet) - 13));
        break;
    case 3:
        dp_packet_put_zeros(packet, random_range(300));
        break;
    default:
        break;
    }
}

/* Bytes of a mask: most are exact or wildcarded. */
static inline uint8_t
mask_byte(void)
{
    return random_range(3) ? (random_range(2) ? 0xff : 0) : random_uint32();
}

static inline void
set_mask_bytes(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *) p)[i] = mask_byte();
    }
}

/* A mask as upcalls give it: port, type and pass always, the rest by chance,
 * and no field without those that it depends on. */
static inline struct flow_wildcards
random_mask(const struct flow *flow)
{
    struct flow_wildcards wc;

    memset(&wc, 0, sizeof wc);
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.packet_type = OVS_BE32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.vlans[0].tci = htons(VLAN_CFI | VLAN_VID_MASK);
    if (random_range(2)) {
        memset(&wc.masks.dl_dst, 0xff, sizeof wc.masks.dl_dst);
    }
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
        if (random_range(2)) {
            wc.masks.nw_dst = htonl(0xffffffffu << random_range(3));
        }
        if (random_range(2)) {
            wc.masks.nw_proto = UINT8_MAX;
            if (random_range(2)) {
                wc.masks.tp_dst = OVS_BE16_MAX;
            }
        }
    }
    return wc;
}

static inline struct dp_flow *
random_dp_flow(unsigned int n)
{
    struct flow flow = random_flow(n);
    struct flow_wildcards wc = random_mask(&flow);
    ovs_u128 ufid;

    random_bytes(&ufid, sizeof ufid);
    return dp_flow_create(&flow, dp_mask_create(&wc), &ufid, 0, NULL, 0);
}

/* Whether a packet that looks like 'flow' is in megaflow 'f': the definition,
 * without any of the code under test but expansion. */
static inline bool
naive_match(const struct dp_flow *f, const struct flow *flow)
{
    struct match match;

    dp_flow_get_match(f, &match);
    return flow_equal_except(flow, &match.flow, &match.wc);
}

/* What a NIC, or somebody on this machine, may say of checksums. */
static inline uint32_t
random_rx_flags(void)
{
    return ((random_range(2) ? DP_PACKET_OL_RX_IP_CKSUM_GOOD : 0)
            | (random_range(2) ? DP_PACKET_OL_RX_L4_CKSUM_GOOD : 0)
            | (random_range(4) ? 0 : DP_PACKET_OL_RX_L4_CKSUM_BAD));
}

#endif /* flow-random.h */
