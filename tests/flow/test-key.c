/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-key.h"

#include "flow/dp-head.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* The short way of extraction says the same as the long one, of packets that
 * are right and of such that have wrong bytes or end too early. */

/* Lets both be what a NIC may have said of their checksums. */
static void
set_rx_flags(struct dp_packet *copy[2])
{
    *dp_packet_ol_flags_ptr(copy[0]) = random_rx_flags();
    *dp_packet_ol_flags_ptr(copy[1]) = *dp_packet_ol_flags_ptr(copy[0]);
}

/* The same is noted in both, but that one has a hash. */
static void
check_notes(struct dp_packet *copy[2])
{
    ovs_assert((*dp_packet_ol_flags_ptr(copy[0]) | DP_PACKET_OL_RSS_HASH)
               == (*dp_packet_ol_flags_ptr(copy[1]) | DP_PACKET_OL_RSS_HASH));
}

/* Both have the same offsets; frees them. */
static void
end_copies(struct dp_packet *copy[2])
{
    ovs_assert(copy[0]->l2_5_ofs == copy[1]->l2_5_ofs);
    ovs_assert(copy[0]->l3_ofs == copy[1]->l3_ofs);
    ovs_assert(copy[0]->l4_ofs == copy[1]->l4_ofs);
    dp_packet_delete(copy[0]);
    dp_packet_delete(copy[1]);
}

/* Both ways agree of 'packet', fresh or with what earlier passes said of
 * it. */
static void
check_packet(const struct dp_packet *packet, bool fresh)
{
    struct dp_packet *copy[2];
    struct pkt_metadata md;
    struct dp_key key[2];
    struct flow flow[2];

    memset(&md, 0, sizeof md);
    pkt_metadata_init(&md, u32_to_odp(77));
    if (!fresh) {
        random_passes(&md);
    }

    copy[0] = dp_packet_clone(packet);
    copy[1] = dp_packet_clone(packet);
    set_rx_flags(copy);
    for (int i = 0; i < 2; i++) {
        copy[i]->md = md;
        if (!i) {
            extract_long(&key[i], copy[i]);
        } else if (fresh) {
            dp_key_extract_fresh(&key[i], copy[i]);
        } else {
            dp_key_extract(&key[i], copy[i]);
            key[i].hash = dp_key_hash(copy[i], &key[i]);
            ovs_assert(!key[i].plain);
        }
        miniflow_expand(&key[i].mf, &flow[i]);
        ovs_assert(key[i].n_values == miniflow_n_values(&key[i].mf));
    }
    if (memcmp(&flow[0], &flow[1], sizeof flow[0])) {
        dptest_fail("%s is not %s", flow_to_string(&flow[1], NULL),
                    flow_to_string(&flow[0], NULL));
    }
    ovs_assert(key[0].hash == key[1].hash);
    ovs_assert(copy[0]->l2_pad_size == copy[1]->l2_pad_size);
    check_notes(copy);
    end_copies(copy);
}

/* A short look is right, too. */
static void
check_peek(const struct dp_packet *packet)
{
    struct dp_packet *copy[2];
    uint16_t tcp_flags[2];
    ovs_be16 type[2], tci[2];
    struct flow flow;
    uint8_t frag[2];

    type[0] = tci[0] = 0;
    frag[0] = 0;
    copy[0] = dp_packet_clone(packet);
    copy[1] = dp_packet_clone(packet);
    parse_tcp_flags(copy[0], &type[0], &frag[0], &tci[0]);
    pkt_metadata_init(&copy[0]->md, u32_to_odp(77));
    flow_extract(copy[0], &flow);
    tcp_flags[0] = flow.nw_proto == IPPROTO_TCP ? ntohs(flow.tcp_flags) : 0;
    tcp_flags[1] = dp_key_peek(copy[1], &type[1], &frag[1], &tci[1]);
    ovs_assert(tcp_flags[0] == tcp_flags[1]);
    tcp_flags[1] = dp_key_peek_tcp_flags(copy[1]);
    ovs_assert(tcp_flags[0] == tcp_flags[1]);
    ovs_assert(type[0] == type[1] && frag[0] == frag[1] && tci[0] == tci[1]);
    end_copies(copy);
}

static void
test_key_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int i = 0; i < 200000; i++) {
        struct flow flow = random_ip_flow();
        struct dp_packet packet;

        flow_limit_vlans(random_range(3));
        flow_to_packet(&flow, &packet);
        spoil(&packet);
        check_packet(&packet, true);
        check_packet(&packet, false);
        if (dp_packet_size(&packet) >= ETH_HEADER_LEN) {
            check_peek(&packet);
        }
        dp_packet_uninit(&packet);
    }
}
DPTEST_REGISTER("key", test_key_main);

static void
extract(const struct dp_packet *packet, struct dp_packet **copy,
        struct dp_key *key)
{
    *copy = dp_packet_clone(packet);
    pkt_metadata_init(&(*copy)->md, u32_to_odp(77));
    dp_key_extract_fresh(key, *copy);
}

/* A packet has the head of another one if, and for plain packets only if, it
 * has its key.  Returns 1 if it has. */
static int
check_head(const struct dp_packet *first, const struct dp_packet *second)
{
    struct dp_packet *one, *two, *three;
    struct dp_key one_key, two_key;
    bool same_key, matches = false;
    struct dp_head head = { .l3_ofs = 0 };

    extract(first, &one, &one_key);
    extract(second, &two, &two_key);
    three = dp_packet_clone(second);
    same_key = (flowmap_equal(one_key.mf.map, two_key.mf.map)
                && !memcmp(one_key.values, two_key.values,
                           one_key.n_values * sizeof one_key.values[0]));
    if (one_key.plain) {
        dp_head_make(&head, one_key.plain);
        ovs_assert(!dp_head_matches(&head, three, u32_to_odp(78)));
        matches = dp_head_matches(&head, three, u32_to_odp(77));
        ovs_assert(!matches || same_key);
        ovs_assert(matches || !same_key || !two_key.plain
                   || dp_packet_size(first) < DP_HEAD_LEN
                   || dp_packet_size(second) < DP_HEAD_LEN
                   || one->l3_ofs == VLAN_ETH_HEADER_LEN);  /* CFI differs. */
    }
    if (matches) {
        ovs_assert(two_key.plain);
        ovs_assert(two->l2_pad_size == three->l2_pad_size);
        ovs_assert(two->l2_5_ofs == three->l2_5_ofs);
        ovs_assert(two->l3_ofs == three->l3_ofs);
        ovs_assert(two->l4_ofs == three->l4_ofs);
        check_notes((struct dp_packet *[]) { two, three });
        ovs_assert((OVS_FORCE uint16_t)
                   htons(miniflow_get_tcp_flags(&two_key.mf))
                   == head.tcp_flags);
    }
    dp_packet_delete(one);
    dp_packet_delete(two);
    dp_packet_delete(three);
    return matches;
}

static void
test_head_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    int n_matches = 0, n_tries = 200000;

    for (int i = 0; i < n_tries; i++) {
        struct flow flow = random_ip_flow();
        struct dp_packet first, second;

        flow_limit_vlans(random_range(3));
        flow_to_packet(&flow, &first);
        flow_to_packet(&flow, &second);
        if (random_range(4) == 0) {
            spoil(&first);
        }
        spoil(&second);
        *dp_packet_ol_flags_ptr(&second) = random_rx_flags();
        n_matches += check_head(&first, &second);
        dp_packet_uninit(&first);
        dp_packet_uninit(&second);
    }
    ovs_assert(n_matches > n_tries / 8 && n_matches < n_tries * 7 / 8);
}
DPTEST_REGISTER("head", test_head_main);
