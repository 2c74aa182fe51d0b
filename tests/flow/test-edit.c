/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-edit.h"

#include <netinet/in.h>

#include "flow/dp-actions.h"

#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "ovs/ovs-packet-offload.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"
#include "tests/flow/library-edit.h"

/* Packets are changed as odp_execute_actions() changes them: the same bytes
 * leave and the same is noted, but that layer 4's checksum is good still;
 * whatever the packet, the headroom, and what the NIC said of the checksums;
 * one by one, and several edits at once. */

/* What dp_actions_create() has made of edits: rewrites, and edits that needed
 * no step of their own. */
static int n_rewrites, n_joined;

/* Does all that 'actions', which are edits, say to the packet of 'one'. */
static void
run(const struct dp_actions *actions, struct dp_packet_batch *one)
{
    for (size_t i = 0; i < actions->n_steps; i++) {
        dp_actions_edit(&actions->steps[i], one);
    }
}

/* Puts an action that sets all of 'size' bytes of field 'type'. */
static void
put_set_all(struct ofpbuf *buf, enum ovs_key_attr type, size_t size)
{
    size_t start = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET);
    void *key = nl_msg_put_unspec_uninit(buf, type, size);

    random_bytes(key, size);
    if (type == OVS_KEY_ATTR_IPV6) {
        ((struct ovs_key_ipv6 *) key)->ipv6_label &= htonl(IPV6_LABEL_MASK);
    }
    nl_msg_end_nested(buf, start);
}

/* Puts an action that sets some bits of 'size' bytes of field 'type', of which
 * only those in 'limit' are to be set; or, now and then, all of them. */
static void
put_set(struct ofpbuf *buf, enum ovs_key_attr type, size_t size,
        const void *limit)
{
    const uint8_t *bits = limit;
    uint8_t *key, *mask;
    size_t start;

    if (random_range(4) == 0) {
        put_set_all(buf, type, size);
        return;
    }
    start = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET_MASKED);
    key = nl_msg_put_unspec_uninit(buf, type, 2 * size);
    mask = key + size;
    random_bytes(key, 2 * size);
    for (size_t i = 0; i < size; i++) {
        mask[i] &= bits[i];
        key[i] &= mask[i];
    }
    nl_msg_end_nested(buf, start);
}

/* Makes 'limit', of 'size' bytes, all ones in some parts of 'unit' bytes. */
static void
choose_parts(void *limit, size_t size, size_t unit)
{
    memset(limit, 0, size);
    for (size_t i = 0; i < size; i += unit) {
        if (random_range(2)) {
            memset((uint8_t *) limit + i, 0xff, unit);
        }
    }
}

static void
put_set_eth(struct ofpbuf *buf)
{
    struct ovs_key_ethernet limit;

    choose_parts(&limit, sizeof limit, ETH_ADDR_LEN);
    put_set(buf, OVS_KEY_ATTR_ETHERNET, sizeof limit, &limit);
}

static void
put_set_ipv4(struct ofpbuf *buf)
{
    struct ovs_key_ipv4 limit;

    choose_parts(&limit, sizeof limit, 1);
    limit.ipv4_src = random_range(2) ? OVS_BE32_MAX : 0;
    limit.ipv4_proto = limit.ipv4_frag = 0;
    put_set(buf, OVS_KEY_ATTR_IPV4, sizeof limit, &limit);
}

static void
put_set_ipv6(struct ofpbuf *buf)
{
    struct ovs_key_ipv6 limit;

    choose_parts(&limit, sizeof limit, 1);
    memset(&limit.ipv6_src, random_range(2) ? 0xff : 0,
           sizeof limit.ipv6_src);
    limit.ipv6_label &= htonl(IPV6_LABEL_MASK);
    limit.ipv6_proto = limit.ipv6_frag = 0;
    put_set(buf, OVS_KEY_ATTR_IPV6, sizeof limit, &limit);
}

/* Sets ports of 'type', TCP's or UDP's. */
static void
put_set_ports(struct ofpbuf *buf, enum ovs_key_attr type)
{
    uint8_t limit[sizeof(struct ovs_key_tcp)];

    BUILD_ASSERT(sizeof limit == sizeof(struct ovs_key_udp));
    choose_parts(limit, sizeof limit, sizeof(ovs_be16));
    put_set(buf, type, sizeof limit, limit);
}

/* Puts an action that changes the header of layer 4 of 'flow', if any of ours
 * does. */
static bool
put_l4_action(struct ofpbuf *buf, const struct flow *flow)
{
    if (!is_ip_any(flow) || (flow->nw_proto != IPPROTO_TCP
                             && flow->nw_proto != IPPROTO_UDP)) {
        return false;
    }
    put_set_ports(buf, flow->nw_proto == IPPROTO_TCP ? OVS_KEY_ATTR_TCP
                       : OVS_KEY_ATTR_UDP);
    return true;
}

static bool
put_l3_action(struct ofpbuf *buf, const struct flow *flow)
{
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        put_set_ipv4(buf);
    } else if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        put_set_ipv6(buf);
    } else {
        return false;
    }
    return true;
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

    switch (random_range(8)) {
    case 0:
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
        return;
    case 1:
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
        return;
    case 2:
        break;
    case 3:
    case 4:
        if (put_l4_action(buf, flow)) {
            return;
        }
        break;
    default:
        if (put_l3_action(buf, flow)) {
            return;
        }
        break;
    }
    put_set_eth(buf);
}

/* Puts headers between the IPv6 header and layer 4 of 'packet', none behind
 * the one that comes last. */
static void
put_extensions(struct dp_packet *packet)
{
    static const uint8_t types[] = {
        IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS,
        IPPROTO_AH,
    };
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);
    size_t end = packet->l3_ofs + IPV6_HEADER_LEN;

    for (int n = random_range(4); n; n--) {
        uint8_t type = types[random_range(ARRAY_SIZE(types))];
        uint8_t header[8];
        uint8_t *data;

        memset(header, 0, sizeof header);
        header[0] = ip6->ip6_nxt;
        if (type == IPPROTO_FRAGMENT) {
            header[3] = random_range(4) << (random_range(2) * 3);
        } else if (type == IPPROTO_ROUTING) {
            header[3] = random_range(2);        /* Segments left. */
        }
        ip6->ip6_nxt = type;
        ip6->ip6_plen = htons(ntohs(ip6->ip6_plen) + sizeof header);

        dp_packet_put_zeros(packet, sizeof header);
        data = dp_packet_data(packet);
        memmove(data + end + sizeof header, data + end,
                dp_packet_size(packet) - end - sizeof header);
        memcpy(data + end, header, sizeof header);
        ip6 = dp_packet_l3(packet);
    }
}

/* Returns where the checksum of layer 4 is in 'packet', which looks like
 * 'flow', or NULL. */
static ovs_be16 *
l4_csum(struct dp_packet *packet, const struct flow *flow)
{
    if (flow->nw_proto == IPPROTO_UDP && dp_packet_get_udp_payload(packet)) {
        return &((struct udp_header *) dp_packet_l4(packet))->udp_csum;
    } else if (flow->nw_proto == IPPROTO_TCP
               && dp_packet_get_tcp_payload(packet)) {
        return &((struct tcp_header *) dp_packet_l4(packet))->tcp_csum;
    }
    return NULL;
}

/* Gives 'packet' a checksum that may be taken for something else before or
 * after 'actions': one of the two zeros.  If it has been found good the only
 * one is that of UDP which says that there is none. */
static void
put_odd_csum(struct dp_packet *packet, const struct flow *flow,
             const struct dp_actions *actions)
{
    ovs_be16 *csum = l4_csum(packet, flow);

    if (!csum) {
        return;
    } else if (ovs_packet_l4_csum(packet) == OVS_CSUM_GOOD) {
        *csum = flow->nw_proto == IPPROTO_UDP ? 0 : *csum;
    } else if (random_range(3) == 0) {
        *csum = random_range(2) ? 0 : OVS_BE16_MAX;
    } else {
        struct dp_packet *copy = dp_packet_clone(packet);
        struct dp_packet_batch batch;
        uint32_t sum;

        dp_packet_batch_init_packet(&batch, copy);
        run(actions, &batch);
        sum = ((OVS_FORCE uint16_t) *csum
               + (uint16_t) ~(OVS_FORCE uint16_t) *l4_csum(copy, flow));
        *csum = (OVS_FORCE ovs_be16) ((sum & 0xffff) + (sum >> 16));
        dp_packet_delete(copy);
    }
}

/* Since 3.2 the library may leave the checksum of an IPv4 header to whoever
 * sends the packet, which then does not compute it if nothing follows the
 * header. */
static void
forget_left_csum(struct dp_packet *packet, const struct flow *flow)
{
    size_t size = dp_header_bytes_from(packet, packet->l3_ofs);
    struct ip_header *ip = dp_packet_l3(packet);

    if (flow->dl_type == htons(ETH_TYPE_IP) && size >= IP_HEADER_LEN
        && size - packet->l2_pad_size == IP_IHL(ip->ip_ihl_ver) * 4) {
        ip->ip_csum = 0;
    }
}

/* Fails unless both, which looked like 'flow', have the same bytes when they
 * leave, and offsets.  The library does not keep layer 4's checksum good. */
static void
check_same(struct dp_packet *a, struct dp_packet *b, const struct flow *flow)
{
    const uint32_t good = DP_PACKET_OL_RX_L4_CKSUM_GOOD;

    ovs_assert((*dp_packet_ol_flags_ptr(a) | good)
               == (*dp_packet_ol_flags_ptr(b) | good));
    ovs_assert(a->l2_5_ofs == b->l2_5_ofs);
    ovs_assert(a->l3_ofs == b->l3_ofs);
    ovs_assert(a->l4_ofs == b->l4_ofs);
    ovs_assert(a->md.conn == b->md.conn);
    ovs_packet_finish(a);
    ovs_packet_finish(b);
    forget_left_csum(a, flow);
    forget_left_csum(b, flow);
    ovs_assert(dp_packet_size(a) == dp_packet_size(b));
    ovs_assert(!memcmp(dp_packet_data(a), dp_packet_data(b),
                       dp_packet_size(a)));
}

/* What is known of a packet's checksums when it is received. */
struct reception {
    uint32_t flags;
    uint16_t unfinished;        /* Offset of the checksum in layer 4; 0: none
                                 * was left to whoever sends the packet. */
};

static struct reception
random_reception(void)
{
    struct reception r = { .flags = random_rx_flags() };

    if (random_range(4) == 0) {
        r.unfinished = (random_range(2)
                        ? offsetof(struct tcp_header, tcp_csum)
                        : offsetof(struct udp_header, udp_csum));
    }
    return r;
}

/* Makes 'packet' one that has been received.  Returns what it looks like. */
static struct flow
receive(struct dp_packet *packet, const struct reception *r)
{
    struct flow flow;

    pkt_metadata_init(&packet->md, u32_to_odp(1));
    flow_extract(packet, &flow);
    *dp_packet_ol_flags_ptr(packet) = r->flags;
    if (r->unfinished && packet->l4_ofs != UINT16_MAX) {
        ovs_packet_leave_csum(packet, r->unfinished);
    }
    flow_extract(packet, &flow);
    return flow;
}

/* Makes the checksum of layer 4 good if whoever receives 'packet' says it is.
 * Of fragments nobody can say that, and behind other extension headers of IPv6
 * the library computes checksums without regard to them. */
static void
make_good(struct dp_packet *packet, struct reception *r)
{
    struct flow flow = receive(packet, r);

    if (flow.dl_type == htons(ETH_TYPE_IPV6)
        && packet->l4_ofs != packet->l3_ofs + IPV6_HEADER_LEN) {
        r->flags &= ~DP_PACKET_OL_RX_L4_CKSUM_GOOD;
        r->unfinished = 0;
    }
    receive(packet, r);
    *dp_packet_ol_flags_ptr(packet) &= ~DP_PACKET_OL_RX_L4_CKSUM_GOOD;
    ovs_packet_finish(packet);
}

/* Has the library do all that 'buf' has to 'packet', which looked like
 * 'flow'. */
static void
library_run(struct dp_packet *packet, const struct flow *flow,
            const struct ofpbuf *buf)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, buf->data, buf->size) {
        struct ofpbuf one;

        ofpbuf_use_const(&one, a, NLA_ALIGN(a->nla_len));
        library_edit(packet, flow, &one);
    }
}

/* Compiles 1 to 'max' edits. */
static struct dp_actions *
random_edits(struct ofpbuf *buf, const struct flow *flow, int max)
{
    int n = 1 + random_range(max);
    struct dp_actions *actions;

    for (int i = 0; i < n; i++) {
        put_action(buf, flow);
    }
    actions = dp_actions_create(buf->data, buf->size);
    for (size_t i = 0; i < actions->n_steps; i++) {
        const struct dp_step *step = &actions->steps[i];

        ovs_assert(step->type == DP_STEP_EDIT
                   || step->type == DP_STEP_REWRITE);
        n_rewrites += step->type == DP_STEP_REWRITE;
    }
    n_joined += n - actions->n_steps;
    return actions;
}

static void
check_edit(const struct dp_packet *packet)
{
    struct reception reception = random_reception();
    struct conn *conn = (struct conn *) packet;     /* Just not NULL. */
    struct dp_packet *copy, *twin;
    struct dp_packet_batch ours;
    struct dp_actions *actions;
    struct flow flow;
    struct ofpbuf buf;

    copy = dp_packet_clone_with_headroom(packet, random_range(8));
    make_good(copy, &reception);
    flow = receive(copy, &reception);
    ofpbuf_init(&buf, 0);
    actions = random_edits(&buf, &flow, 4);
    if (random_range(4) == 0) {
        put_odd_csum(copy, &flow, actions);
    }
    twin = dp_packet_clone(copy);
    receive(twin, &reception);
    copy->md.conn = twin->md.conn = conn;

    dp_packet_batch_init_packet(&ours, copy);
    run(actions, &ours);
    library_run(twin, &flow, &buf);
    check_same(copy, twin, &flow);

    dp_packet_delete(copy);
    dp_packet_delete(twin);
    dp_actions_free(actions);
    ofpbuf_uninit(&buf);
}

static void
test_edit_main(int argc, char *argv[])
{
    int n = argc > 2 ? atoi(argv[2]) : DPTEST_MANY(300000);

    odp_execute_init();
    for (int i = 0; i < n; i++) {
        struct flow flow = random_ip_flow();
        struct dp_packet packet;

        if (is_ip_any(&flow) && random_range(10) == 0) {
            flow.nw_proto = (flow.dl_type == htons(ETH_TYPE_IP)
                             ? IPPROTO_ICMP : IPPROTO_ICMPV6);
            flow.tp_src = htons(128);
            flow.tp_dst = 0;
        }
        flow_to_packet(&flow, &packet);
        if (flow.dl_type == htons(ETH_TYPE_IPV6) && !flow.nw_frag
            && random_range(2)) {
            put_extensions(&packet);
        }
        spoil(&packet);
        if (dp_packet_size(&packet) >= ETH_HEADER_LEN) {
            check_edit(&packet);
        }
        dp_packet_uninit(&packet);
    }
    ovs_assert(n_rewrites > n / 10 && n_joined > n / 10);
}
DPTEST_REGISTER("edit", test_edit_main);
