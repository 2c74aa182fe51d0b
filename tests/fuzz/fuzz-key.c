/* SPDX-License-Identifier: Apache-2.0 */

/* The short ways to a packet's key say what miniflow_extract() says: our
 * extraction, a look at a few fields, and a comparison of heads.
 *
 * Input: the VLAN limit, whether it is an Ethernet packet or one of layer 3,
 * and the packet; then another packet. */

#include <config.h>
#undef NDEBUG

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow.h"
#include "flow/dp-head.h"
#include "flow/dp-key.h"
#include "tests/flow/flow-random.h"
#include "tests/fuzz/fuzz.h"
#include "util.h"

static void
expect_same_offsets(const struct dp_packet *a, const struct dp_packet *b)
{
    ovs_assert(a->l2_pad_size == b->l2_pad_size);
    ovs_assert(a->l2_5_ofs == b->l2_5_ofs);
    ovs_assert(a->l3_ofs == b->l3_ofs);
    ovs_assert(a->l4_ofs == b->l4_ofs);
}

/* A word that is zero may be there or not. */
static bool
same_key(const struct dp_key *a, const struct dp_key *b)
{
    struct flow flows[2];

    ovs_assert(a->n_values == miniflow_n_values(&a->mf));
    ovs_assert(b->n_values == miniflow_n_values(&b->mf));
    miniflow_expand(&a->mf, &flows[0]);
    miniflow_expand(&b->mf, &flows[1]);
    return !memcmp(&flows[0], &flows[1], sizeof flows[0]);
}

static struct dp_packet *
copy_packet(const struct dp_packet *packet)
{
    size_t size = dp_packet_size(packet);
    struct dp_packet *copy = dp_packet_new(size);

    dp_packet_put(copy, dp_packet_data(packet), size);
    copy->packet_type = packet->packet_type;
    pkt_metadata_init(&copy->md, u32_to_odp(77));
    return copy;
}

static void
check_extract(const struct dp_packet *packet, struct dp_key *ours)
{
    struct dp_packet *a = copy_packet(packet);
    struct dp_packet *b = copy_packet(packet);
    struct dp_packet *c = copy_packet(packet);
    struct dp_key theirs, again;

    extract_long(&theirs, a);
    dp_key_extract_fresh(ours, b);
    dp_key_extract(&again, c);
    ovs_assert(same_key(&theirs, ours) && same_key(&theirs, &again));
    ovs_assert(theirs.hash == ours->hash);
    expect_same_offsets(a, b);
    expect_same_offsets(a, c);
    dp_packet_delete(a);
    dp_packet_delete(b);
    dp_packet_delete(c);
}

static void
check_peek(const struct dp_packet *packet)
{
    struct dp_packet *a = copy_packet(packet);
    struct dp_packet *b = copy_packet(packet);
    ovs_be16 dl_type, tci;
    struct flow flow;
    uint16_t flags;
    uint8_t frag;

    flow_extract(a, &flow);
    flags = dp_key_peek(b, &dl_type, &frag, &tci);
    ovs_assert(dl_type == flow.dl_type);
    ovs_assert(frag == flow.nw_frag || !is_ip_any(&flow));
    ovs_assert(tci == flow.vlans[0].tci);
    ovs_assert(flags == (is_ip_any(&flow) && flow.nw_proto == IPPROTO_TCP
                         ? ntohs(flow.tcp_flags) : 0));
    dp_packet_delete(a);
    dp_packet_delete(b);
}

/* 'second' has the head of 'first' only if it has its key. */
static void
check_head(const struct dp_packet *first, struct dp_key *first_key,
           const struct dp_packet *second, const struct dp_key *second_key)
{
    struct dp_packet *a = copy_packet(first);
    struct dp_packet *b = copy_packet(second);
    struct dp_packet *c = copy_packet(second);
    struct dp_head head = { .l3_ofs = 0 };
    struct dp_key key;

    dp_key_extract_fresh(&key, a);
    if (first_key->plain) {
        dp_head_make(&head, a);
        if (dp_head_matches(&head, b, u32_to_odp(77))) {
            ovs_assert(same_key(first_key, second_key));
            extract_long(&key, c);
            expect_same_offsets(b, c);
        }
    }
    dp_packet_delete(a);
    dp_packet_delete(b);
    dp_packet_delete(c);
}

static void
fuzz_key(struct fuzz_input *in)
{
    static const ovs_be16 types[] = {
        0, 0, 0, CONSTANT_HTONS(ETH_TYPE_IP), CONSTANT_HTONS(ETH_TYPE_IPV6),
        CONSTANT_HTONS(ETH_TYPE_MPLS), CONSTANT_HTONS(ETH_TYPE_NSH),
        CONSTANT_HTONS(ETH_TYPE_ARP),
    };
    struct dp_packet *packets[2];
    struct dp_key keys[2];
    uint8_t choice = fuzz_u8(in);
    ovs_be16 type = types[choice >> 2 & 7];

    flow_limit_vlans(choice & 3);
    for (int i = 0; i < 2; i++) {
        packets[i] = fuzz_packet(in, 0);
        if (type) {
            packets[i]->packet_type = htonl(PACKET_TYPE(OFPHTN_ETHERTYPE,
                                                        ntohs(type)));
        }
        check_extract(packets[i], &keys[i]);
        if (!type && dp_packet_size(packets[i]) >= ETH_HEADER_LEN) {
            check_peek(packets[i]);
        }
    }
    check_head(packets[0], &keys[0], packets[1], &keys[1]);
    check_head(packets[0], &keys[0], packets[0], &keys[0]);
    dp_packet_delete(packets[0]);
    dp_packet_delete(packets[1]);
}
FUZZ_REGISTER("key", fuzz_key);
