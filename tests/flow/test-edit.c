/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-edit.h"

#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "ovs/ovs-packet-offload.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* Packets are changed as odp_execute_actions() changes them: the same bytes
 * leave and the same is noted, whatever the packet, the headroom, and what the
 * NIC said of the checksums. */

static void
put_set_eth(struct ofpbuf *buf)
{
    struct ovs_key_ethernet *key;
    size_t start = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET_MASKED);

    key = nl_msg_put_unspec_uninit(buf, OVS_KEY_ATTR_ETHERNET,
                                   2 * sizeof *key);
    random_bytes(key, 2 * sizeof *key);
    for (size_t i = 0; i < sizeof *key; i++) {
        ((uint8_t *) &key[0])[i] &= ((uint8_t *) &key[1])[i];
    }
    nl_msg_end_nested(buf, start);
}

static void
put_set_ipv4(struct ofpbuf *buf)
{
    struct ovs_key_ipv4 *key;
    size_t start = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET_MASKED);

    key = nl_msg_put_unspec_zero(buf, OVS_KEY_ATTR_IPV4, 2 * sizeof *key);
    key[1].ipv4_src = random_range(2) ? OVS_BE32_MAX : htonl(0xffff00);
    key[1].ipv4_dst = random_range(2) ? OVS_BE32_MAX : 0;
    key[1].ipv4_tos = random_range(2) ? 0xfc : 0;
    key[1].ipv4_ttl = random_range(2) ? 0xff : 0;
    key[0].ipv4_src = htonl(random_uint32()) & key[1].ipv4_src;
    key[0].ipv4_dst = htonl(random_uint32()) & key[1].ipv4_dst;
    key[0].ipv4_tos = random_uint32() & key[1].ipv4_tos;
    key[0].ipv4_ttl = random_uint32() & key[1].ipv4_ttl;
    nl_msg_end_nested(buf, start);
}

/* Puts an action that is fit for a packet of 'flow'. */
static void
put_action(struct ofpbuf *buf, const struct flow *flow)
{
    const struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(random_range(2) ? ETH_TYPE_VLAN_8021Q
                           : ETH_TYPE_VLAN_8021AD),
        .vlan_tci = htons(random_uint32() | VLAN_CFI),
    };

    switch (random_range(4)) {
    case 0:
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
        break;
    case 1:
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
        break;
    case 2:
        if (flow->dl_type == htons(ETH_TYPE_IP)) {
            put_set_ipv4(buf);
            break;
        }
        /* Fall through. */
    default:
        put_set_eth(buf);
        break;
    }
}

/* Fails unless both have the same bytes when they leave, and offsets. */
static void
check_same(struct dp_packet *a, struct dp_packet *b)
{
    ovs_assert(*dp_packet_ol_flags_ptr(a) == *dp_packet_ol_flags_ptr(b));
    ovs_assert(a->l2_5_ofs == b->l2_5_ofs);
    ovs_assert(a->l3_ofs == b->l3_ofs);
    ovs_assert(a->l4_ofs == b->l4_ofs);
    ovs_packet_finish(a);
    ovs_packet_finish(b);
    ovs_assert(dp_packet_size(a) == dp_packet_size(b));
    ovs_assert(!memcmp(dp_packet_data(a), dp_packet_data(b),
                       dp_packet_size(a)));
}

static void
check_edit(const struct flow *flow, const struct dp_packet *packet)
{
    struct dp_packet_batch ours, theirs;
    struct dp_packet *copy, *twin;
    struct flow ignored;
    struct ofpbuf buf;
    const void *arg;
    enum dp_edit edit;

    ofpbuf_init(&buf, 0);
    put_action(&buf, flow);
    edit = dp_edit_compile(buf.data, &arg);
    ovs_assert(edit != DP_EDIT_NONE);

    copy = dp_packet_clone_with_headroom(packet, random_range(8));
    twin = dp_packet_clone(packet);
    *dp_packet_ol_flags_ptr(copy) = random_rx_flags();
    *dp_packet_ol_flags_ptr(twin) = *dp_packet_ol_flags_ptr(copy);
    pkt_metadata_init(&copy->md, flow->in_port.odp_port);
    pkt_metadata_init(&twin->md, flow->in_port.odp_port);
    flow_extract(copy, &ignored);
    flow_extract(twin, &ignored);
    dp_packet_batch_init_packet(&ours, copy);
    dp_packet_batch_init_packet(&theirs, twin);
    dp_edit_run(&ours, edit, arg);
    odp_execute_actions(NULL, &theirs, false, buf.data, buf.size, NULL);

    check_same(copy, twin);
    dp_packet_delete(copy);
    dp_packet_delete(twin);
    ofpbuf_uninit(&buf);
}

static void
test_edit_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    odp_execute_init();
    for (int i = 0; i < 100000; i++) {
        struct flow flow = random_flow(200);
        struct dp_packet packet;

        flow_to_packet(&flow, &packet);
        check_edit(&flow, &packet);
        dp_packet_uninit(&packet);
    }
}
DPTEST_REGISTER("edit", test_edit_main);
