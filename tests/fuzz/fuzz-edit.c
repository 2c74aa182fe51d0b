/* SPDX-License-Identifier: Apache-2.0 */

/* Packets are changed as odp_execute_actions() changes them: the same bytes,
 * the same offsets.
 *
 * Input: headroom, which edit, its argument, and the packet. */

#include <config.h>
#undef NDEBUG

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow.h"
#include "flow/dp-edit.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "tests/flow/library-edit.h"
#include "tests/fuzz/fuzz-attrs.h"
#include "util.h"

/* A label has 20 bits. */
static void
put_set_ipv6(struct fuzz_input *in, struct ofpbuf *buf)
{
    struct ovs_key_ipv6 *key;

    fuzz_attrs_put_set(in, OVS_KEY_ATTR_IPV6, sizeof *key, buf);
    key = ofpbuf_at_assert(buf, buf->size - 2 * sizeof *key, 2 * sizeof *key);
    key[0].ipv6_label &= htonl(IPV6_LABEL_MASK);
    key[1].ipv6_label &= htonl(IPV6_LABEL_MASK);
}

static void
put_edit(struct fuzz_input *in, struct ofpbuf *buf)
{
    struct ovs_action_push_vlan vlan;

    switch (fuzz_range(in, 7)) {
    case 0:
        vlan.vlan_tpid = htons(fuzz_u8(in) & 1 ? ETH_TYPE_VLAN_8021Q
                               : ETH_TYPE_VLAN_8021AD);
        fuzz_take(in, &vlan.vlan_tci, sizeof vlan.vlan_tci);
        vlan.vlan_tci |= htons(VLAN_CFI);
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
        break;
    case 1:
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
        break;
    case 2:
        fuzz_attrs_put_set(in, OVS_KEY_ATTR_ETHERNET,
                           sizeof(struct ovs_key_ethernet), buf);
        break;
    case 3:
        fuzz_attrs_put_set(in, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4),
                           buf);
        break;
    case 4:
        put_set_ipv6(in, buf);
        break;
    case 5:
        fuzz_attrs_put_set(in, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp),
                           buf);
        break;
    case 6:
        fuzz_attrs_put_set(in, OVS_KEY_ATTR_UDP, sizeof(struct ovs_key_udp),
                           buf);
        break;
    }
}

/* Would ofproto let a packet of 'flow' be changed so? */
static bool
fits(enum dp_edit edit, const struct flow *flow)
{
    return (edit == DP_EDIT_SET_IPV4
            ? flow->dl_type == htons(ETH_TYPE_IP) && flow->nw_proto
            : edit == DP_EDIT_SET_IPV6
            ? flow->dl_type == htons(ETH_TYPE_IPV6)
            : edit == DP_EDIT_POP_VLAN ? flow->vlans[0].tci != 0 : true);
}

static void
fuzz_edit(struct fuzz_input *in)
{
    struct dp_packet *packet, *twin;
    struct dp_packet_batch ours;
    unsigned int headroom = 2 * fuzz_range(in, 4);
    struct ofpbuf buf;
    struct flow flow;
    enum dp_edit edit;
    const void *arg;

    odp_execute_init();
    ofpbuf_init(&buf, 128);
    put_edit(in, &buf);
    edit = dp_edit_compile(buf.data, &arg);
    ovs_assert(edit != DP_EDIT_NONE);
    packet = fuzz_packet(in, headroom);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    flow_extract(packet, &flow);
    if (dp_packet_size(packet) >= ETH_HEADER_LEN && fits(edit, &flow)) {
        twin = dp_packet_clone(packet);
        dp_packet_batch_init_packet(&ours, packet);
        dp_edit_run(&ours, edit, arg);
        library_edit(twin, &flow, &buf);
        ovs_assert(dp_packet_size(packet) == dp_packet_size(twin));
        ovs_assert(!memcmp(dp_packet_data(packet), dp_packet_data(twin),
                           dp_packet_size(packet)));
        ovs_assert(packet->l2_5_ofs == twin->l2_5_ofs);
        ovs_assert(packet->l3_ofs == twin->l3_ofs);
        ovs_assert(packet->l4_ofs == twin->l4_ofs);
        dp_packet_delete(twin);
    }
    dp_packet_delete(packet);
    ofpbuf_uninit(&buf);
}
FUZZ_REGISTER("edit", fuzz_edit);
