/* SPDX-License-Identifier: Apache-2.0 */

/* A list of actions runs whole if it changes the packet in ways that there
 * are actions for, and then sends it to one place.  What comes after that
 * place, or a second one, would need a copy, which rte_flow can't express in
 * a way that drivers agree on.
 *
 * clone(...) as the last action is the same as what is in it, since nobody
 * sees the packet afterwards; that is the form that a tunnel push has. */

#include <config.h>
#include "rte/dp-rte-actions.h"

#include "dpif.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

struct dp_rte_program {
    struct dp_rte_actions *dst;
    dp_rte_find_port *find;
    void *aux;
    bool done;                          /* A fate has been met. */
};

static void *
dp_rte_action_put(struct dp_rte_actions *dst, enum rte_flow_action_type type,
                  size_t size)
{
    struct rte_flow_action *action = &dst->actions[dst->n++];
    void *conf = (char *) dst->space + dst->used;

    ovs_assert(dst->n < DP_RTE_MAX_ACTIONS);
    dst->used += ROUND_UP(size, 8);
    ovs_assert(dst->used <= sizeof dst->space);
    memset(conf, 0, size);
    action->type = type;
    action->conf = size ? conf : NULL;
    return conf;
}

/* Is there room for what one netlink action may need at most? */
static bool
dp_rte_actions_have_room(const struct dp_rte_actions *dst)
{
    return dst->n + 8 < DP_RTE_MAX_ACTIONS
           && dst->used + 1024 < sizeof dst->space;
}

static void
dp_rte_actions_begin(struct dp_rte_actions *dst)
{
    dst->n = 0;
    dst->used = 0;
    dst->transfer = false;
}

static void
dp_rte_actions_end(struct dp_rte_actions *dst)
{
    dst->actions[dst->n].type = RTE_FLOW_ACTION_TYPE_END;
    dst->actions[dst->n].conf = NULL;
}

/* Header fields. */

/* A field that can be set by an action of its own. */
struct dp_rte_field {
    size_t ofs;                         /* In the netlink key. */
    size_t size;
    enum rte_flow_action_type type;
};

#define DP_RTE_FIELD(STRUCT, MEMBER, TYPE)                  \
    { offsetof(struct STRUCT, MEMBER),                      \
      sizeof(((struct STRUCT *) NULL)->MEMBER),             \
      RTE_FLOW_ACTION_TYPE_SET_##TYPE }

static const struct dp_rte_field dp_rte_ethernet[] = {
    DP_RTE_FIELD(ovs_key_ethernet, eth_src, MAC_SRC),
    DP_RTE_FIELD(ovs_key_ethernet, eth_dst, MAC_DST),
};
static const struct dp_rte_field dp_rte_ipv4[] = {
    DP_RTE_FIELD(ovs_key_ipv4, ipv4_src, IPV4_SRC),
    DP_RTE_FIELD(ovs_key_ipv4, ipv4_dst, IPV4_DST),
    DP_RTE_FIELD(ovs_key_ipv4, ipv4_ttl, TTL),
};
static const struct dp_rte_field dp_rte_ipv6[] = {
    DP_RTE_FIELD(ovs_key_ipv6, ipv6_src, IPV6_SRC),
    DP_RTE_FIELD(ovs_key_ipv6, ipv6_dst, IPV6_DST),
    DP_RTE_FIELD(ovs_key_ipv6, ipv6_hlimit, TTL),
};
static const struct dp_rte_field dp_rte_ports[] = {
    DP_RTE_FIELD(ovs_key_tcp, tcp_src, TP_SRC),
    DP_RTE_FIELD(ovs_key_tcp, tcp_dst, TP_DST),
};

/* Sets those of the 'n' 'fields' of a key of 'size' bytes that 'mask' has all
 * bits of.  Returns false if 'mask' has other bits, too.  The configuration of
 * each of these actions is the field's value. */
static bool
dp_rte_set_fields(struct dp_rte_actions *dst, const void *key_,
                  const void *mask_, size_t size,
                  const struct dp_rte_field *fields, size_t n)
{
    const uint8_t *key = key_;
    uint8_t mask[64];

    ovs_assert(size <= sizeof mask);
    memcpy(mask, mask_, size);
    for (size_t i = 0; i < n; i++) {
        const struct dp_rte_field *f = &fields[i];

        if (is_all_ones(mask + f->ofs, f->size)) {
            memcpy(dp_rte_action_put(dst, f->type, f->size), key + f->ofs,
                   f->size);
            memset(mask + f->ofs, 0, f->size);
        }
    }
    return is_all_zeros(mask, size);
}

static enum dp_offload_why
dp_rte_set(struct dp_rte_actions *dst, const struct nlattr *a, bool masked)
{
    const struct dp_rte_field *fields;
    size_t size = nl_attr_get_size(a);
    const uint8_t *key = nl_attr_get(a);
    uint8_t all[64];
    const void *mask = all;
    size_t n;

    /* Ports of SCTP are left to software, because of its checksum. */
    switch ((int) nl_attr_type(a)) {
    case OVS_KEY_ATTR_ETHERNET:
        fields = dp_rte_ethernet;
        n = ARRAY_SIZE(dp_rte_ethernet);
        break;
    case OVS_KEY_ATTR_IPV4:
        fields = dp_rte_ipv4;
        n = ARRAY_SIZE(dp_rte_ipv4);
        break;
    case OVS_KEY_ATTR_IPV6:
        fields = dp_rte_ipv6;
        n = ARRAY_SIZE(dp_rte_ipv6);
        break;
    case OVS_KEY_ATTR_TCP:
    case OVS_KEY_ATTR_UDP:
        fields = dp_rte_ports;
        n = ARRAY_SIZE(dp_rte_ports);
        break;
    case OVS_KEY_ATTR_TUNNEL:
    case OVS_KEY_ATTR_TUNNEL_INFO:
        return DP_OFFLOAD_WHY_A_TUNNEL;
    case OVS_KEY_ATTR_MPLS:
        return DP_OFFLOAD_WHY_A_MPLS;
    case OVS_KEY_ATTR_NSH:
        return DP_OFFLOAD_WHY_A_NSH;

    default:
        return DP_OFFLOAD_WHY_A_SET;
    }

    /* A masked attribute is the value and then the mask. */
    if (masked) {
        size /= 2;
        mask = key + size;
    } else if (size <= sizeof all) {
        memset(all, 0xff, size);
    }
    if (size > sizeof all
        || !dp_rte_set_fields(dst, key, mask, size, fields, n)) {
        return DP_OFFLOAD_WHY_A_SET;
    }
    return DP_OFFLOAD_WHY_NONE;
}

static void
dp_rte_push_vlan(struct dp_rte_actions *dst,
                 const struct ovs_action_push_vlan *vlan)
{
    struct rte_flow_action_of_push_vlan *push;
    struct rte_flow_action_of_set_vlan_vid *vid;
    struct rte_flow_action_of_set_vlan_pcp *pcp;

    push = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN,
                             sizeof *push);
    push->ethertype = vlan->vlan_tpid;
    vid = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID,
                            sizeof *vid);
    vid->vlan_vid = htons(vlan_tci_to_vid(vlan->vlan_tci));
    pcp = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP,
                            sizeof *pcp);
    pcp->vlan_pcp = vlan_tci_to_pcp(vlan->vlan_tci);
}

/* Tunnels. */

/* The definition of a VXLAN header, as VXLAN_ENCAP wants it. */
struct dp_rte_vxlan {
    struct rte_flow_action_vxlan_encap encap;
    struct rte_flow_item items[5];
    struct rte_flow_item_eth eth;
    union {
        struct rte_flow_item_ipv4 ipv4;
        struct rte_flow_item_ipv6 ipv6;
    };
    struct rte_flow_item_udp udp;
    struct rte_flow_item_vxlan vxlan;
};

/* What the NIC is to take from the outer IP headers; it fills in the rest.
 * That is more than the default masks have. */
static const struct rte_flow_item_ipv4 dp_rte_outer_ipv4 = {
    .hdr = {
        .type_of_service = UINT8_MAX,
        .fragment_offset = UINT16_MAX,
        .time_to_live = UINT8_MAX,
        .src_addr = UINT32_MAX,
        .dst_addr = UINT32_MAX,
    },
};
static const struct rte_flow_item_ipv6 dp_rte_outer_ipv6 = {
    .hdr = {
        .vtc_flow = UINT32_MAX,
        .hop_limits = UINT8_MAX,
        /* Arrays until DPDK 24.07, structs since then. */
        .src_addr = { "\xff\xff\xff\xff\xff\xff\xff\xff"
                      "\xff\xff\xff\xff\xff\xff\xff\xff" },
        .dst_addr = { "\xff\xff\xff\xff\xff\xff\xff\xff"
                      "\xff\xff\xff\xff\xff\xff\xff\xff" },
    },
};

/* Sets 'item' to one that has 'value' and is to be taken as it is. */
static void
dp_rte_vxlan_item(struct rte_flow_item *item, enum rte_flow_item_type type,
                  const void *value, const void *mask)
{
    item->type = type;
    item->spec = value;
    item->mask = mask;
}

/* Translates the 'size' bytes of VXLAN 'header' as the NIC wants it.  Returns
 * false if there is more in them than Ethernet, IP, UDP and VXLAN. */
static bool
dp_rte_push_vxlan(struct dp_rte_actions *dst, const uint8_t *header,
                  size_t size)
{
    const struct eth_header *eth = (const void *) header;
    size_t ofs = sizeof *eth;
    struct dp_rte_vxlan *v;
    bool ipv6 = eth->eth_type == htons(ETH_TYPE_IPV6);
    size_t ip_len = ipv6 ? sizeof v->ipv6.hdr : sizeof v->ipv4.hdr;

    BUILD_ASSERT_DECL(sizeof(struct eth_header)
                      == sizeof(struct rte_ether_hdr));
    if ((!ipv6 && eth->eth_type != htons(ETH_TYPE_IP))
        || size != ofs + ip_len + sizeof v->udp.hdr + sizeof v->vxlan.hdr) {
        return false;
    }

    v = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP, sizeof *v);
    memcpy(&v->eth.hdr, eth, sizeof v->eth.hdr);
    dp_rte_vxlan_item(&v->items[0], RTE_FLOW_ITEM_TYPE_ETH, &v->eth,
                      &rte_flow_item_eth_mask);
    if (ipv6) {
        memcpy(&v->ipv6.hdr, header + ofs, ip_len);
        dp_rte_vxlan_item(&v->items[1], RTE_FLOW_ITEM_TYPE_IPV6, &v->ipv6,
                          &dp_rte_outer_ipv6);
    } else {
        memcpy(&v->ipv4.hdr, header + ofs, ip_len);
        dp_rte_vxlan_item(&v->items[1], RTE_FLOW_ITEM_TYPE_IPV4, &v->ipv4,
                          &dp_rte_outer_ipv4);
    }
    ofs += ip_len;
    memcpy(&v->udp.hdr, header + ofs, sizeof v->udp.hdr);
    dp_rte_vxlan_item(&v->items[2], RTE_FLOW_ITEM_TYPE_UDP, &v->udp,
                      &rte_flow_item_udp_mask);
    ofs += sizeof v->udp.hdr;
    memcpy(&v->vxlan.hdr, header + ofs, sizeof v->vxlan.hdr);
    dp_rte_vxlan_item(&v->items[3], RTE_FLOW_ITEM_TYPE_VXLAN, &v->vxlan,
                      &rte_flow_item_vxlan_mask);
    v->items[4].type = RTE_FLOW_ITEM_TYPE_END;
    v->encap.definition = v->items;
    return true;
}

/* Is the header of 'push' the same for each packet, but for lengths of IP and
 * UDP and the checksum of IPv4, which the NIC fills in?  Software computes
 * other checksums, and writes numbers and lengths into headers of GRE, ERSPAN
 * and GTP-U. */
static bool
dp_rte_header_is_constant(const struct ovs_action_push_tnl *push)
{
    const uint8_t *header = (const uint8_t *) push->header;
    const struct eth_header *eth = (const void *) header;
    const struct gre_base_hdr *gre;
    const struct udp_header *udp;
    size_t ofs = sizeof *eth;

    if (eth->eth_type == htons(ETH_TYPE_IP)) {
        ofs += sizeof(struct ip_header);
    } else if (eth->eth_type == htons(ETH_TYPE_IPV6)) {
        ofs += sizeof(struct ovs_16aligned_ip6_hdr);
    } else {
        return false;
    }

    switch (push->tnl_type) {
    case OVS_VPORT_TYPE_VXLAN:
    case OVS_VPORT_TYPE_GENEVE:
        udp = (const void *) (header + ofs);
        return push->header_len >= ofs + sizeof *udp && !udp->udp_csum;

    case OVS_VPORT_TYPE_GRE:
    case OVS_VPORT_TYPE_IP6GRE:
        gre = (const void *) (header + ofs);
        return (push->header_len >= ofs + sizeof *gre
                && !(gre->flags & htons(GRE_CSUM | GRE_SEQ)));

    default:
        return false;
    }
}

static enum dp_offload_why
dp_rte_push_tunnel(struct dp_rte_actions *dst,
                   const struct ovs_action_push_tnl *push)
{
    struct rte_flow_action_raw_encap *raw;
    struct {
        struct rte_flow_action_raw_encap raw;
        uint8_t data[TNL_PUSH_HEADER_SIZE];
    } *conf;

    if (push->header_len > TNL_PUSH_HEADER_SIZE) {
        return DP_OFFLOAD_WHY_A_TUNNEL;
    }
    if (push->tnl_type == OVS_VPORT_TYPE_VXLAN
        && dp_rte_push_vxlan(dst, (const uint8_t *) push->header,
                             push->header_len)) {
        return DP_OFFLOAD_WHY_NONE;
    } else if (!dp_rte_header_is_constant(push)) {
        return DP_OFFLOAD_WHY_A_TUNNEL;
    }

    conf = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_RAW_ENCAP,
                             sizeof *conf);
    raw = &conf->raw;
    memcpy(conf->data, push->header, push->header_len);
    raw->data = conf->data;
    raw->size = push->header_len;
    return DP_OFFLOAD_WHY_NONE;
}

/* Programs. */

static enum dp_offload_why
dp_rte_output(struct dp_rte_program *p, odp_port_t port_no)
{
    struct rte_flow_action_ethdev *ethdev;
    uint16_t device;

    if (!p->find(p->aux, port_no, &device)) {
        return DP_OFFLOAD_WHY_A_OUTPUT;
    }
    ethdev = dp_rte_action_put(p->dst,
                               RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT,
                               sizeof *ethdev);
    ethdev->port_id = device;
    p->dst->transfer = true;
    p->done = true;
    return DP_OFFLOAD_WHY_NONE;
}

static enum dp_offload_why
dp_rte_compile(struct dp_rte_program *p, const struct nlattr *actions,
               size_t size, bool outermost)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH (a, left, actions, size) {
        bool last = left <= NLA_ALIGN(a->nla_len);
        enum dp_offload_why why = DP_OFFLOAD_WHY_NONE;

        if (p->done) {
            return DP_OFFLOAD_WHY_A_OUTPUT;
        } else if (!dp_rte_actions_have_room(p->dst)) {
            return DP_OFFLOAD_WHY_A_OTHER;
        }

        switch (nl_attr_type(a)) {
        case OVS_ACTION_ATTR_OUTPUT:
            why = dp_rte_output(p, nl_attr_get_odp_port(a));
            break;
        case OVS_ACTION_ATTR_DROP:
            p->done = true;
            p->dst->transfer = false;
            dp_rte_action_put(p->dst, RTE_FLOW_ACTION_TYPE_DROP, 0);
            break;
        case OVS_ACTION_ATTR_SET:
            why = dp_rte_set(p->dst, nl_attr_get(a), false);
            break;
        case OVS_ACTION_ATTR_SET_MASKED:
            why = dp_rte_set(p->dst, nl_attr_get(a), true);
            break;
        case OVS_ACTION_ATTR_PUSH_VLAN:
            dp_rte_push_vlan(p->dst, nl_attr_get(a));
            break;
        case OVS_ACTION_ATTR_POP_VLAN:
            dp_rte_action_put(p->dst, RTE_FLOW_ACTION_TYPE_OF_POP_VLAN, 0);
            break;
        case OVS_ACTION_ATTR_TUNNEL_PUSH:
            why = dp_rte_push_tunnel(p->dst, nl_attr_get(a));
            break;
        case OVS_ACTION_ATTR_CLONE:
            why = (last && outermost
                   ? dp_rte_compile(p, nl_attr_get(a), nl_attr_get_size(a),
                                    false)
                   : DP_OFFLOAD_WHY_A_CLONE);
            break;
        case OVS_ACTION_ATTR_CT_CLEAR:
            /* The NIC has no connection to forget. */
            break;

        case OVS_ACTION_ATTR_LB_OUTPUT:
            return DP_OFFLOAD_WHY_A_OUTPUT;
        case OVS_ACTION_ATTR_CT:
            return DP_OFFLOAD_WHY_A_CT;
        case OVS_ACTION_ATTR_METER:
            return DP_OFFLOAD_WHY_A_METER;
        case OVS_ACTION_ATTR_SAMPLE:
            return DP_OFFLOAD_WHY_A_SAMPLE;
        case OVS_ACTION_ATTR_USERSPACE:
            return DP_OFFLOAD_WHY_A_USERSPACE;
        case OVS_ACTION_ATTR_RECIRC:
        case OVS_ACTION_ATTR_HASH:
            return DP_OFFLOAD_WHY_A_RECIRC;
        case OVS_ACTION_ATTR_TUNNEL_POP:
            return DP_OFFLOAD_WHY_A_TUNNEL;
        case OVS_ACTION_ATTR_PUSH_MPLS:
        case OVS_ACTION_ATTR_POP_MPLS:
        case OVS_ACTION_ATTR_ADD_MPLS:
            return DP_OFFLOAD_WHY_A_MPLS;
        case OVS_ACTION_ATTR_PUSH_NSH:
        case OVS_ACTION_ATTR_POP_NSH:
            return DP_OFFLOAD_WHY_A_NSH;
        case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        case OVS_ACTION_ATTR_TRUNC:
            return DP_OFFLOAD_WHY_A_CHECK_LEN;
        default:
            return DP_OFFLOAD_WHY_A_OTHER;
        }
        if (why) {
            return why;
        }
    }
    return DP_OFFLOAD_WHY_NONE;
}

enum dp_offload_why
dp_rte_actions_whole(const struct ofpbuf *actions, dp_rte_find_port *find,
                     void *aux, bool age, struct dp_rte_actions *dst)
{
    struct dp_rte_program p = { .dst = dst, .find = find, .aux = aux };
    unsigned int n_figures;
    enum dp_offload_why why;

    dp_rte_actions_begin(dst);
    dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_COUNT,
                      sizeof(struct rte_flow_action_count));
    if (age) {
        struct rte_flow_action_age *conf;

        conf = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_AGE, sizeof *conf);
        conf->timeout = DP_RTE_AGE_S;
    }
    n_figures = dst->n;
    why = dp_rte_compile(&p, actions->data, actions->size, true);
    if (!why && !dst->transfer) {
        /* Nobody will see what has been changed. */
        dst->n = n_figures;
        dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_DROP, 0);
    }
    dp_rte_actions_end(dst);
    return why;
}

void
dp_rte_actions_set_counter(struct dp_rte_actions *actions,
                           struct rte_flow_action_handle *counter)
{
    struct rte_flow_action *first = &actions->actions[0];

    ovs_assert(first->type == RTE_FLOW_ACTION_TYPE_COUNT);
    first->type = RTE_FLOW_ACTION_TYPE_INDIRECT;
    first->conf = counter;
}

void
dp_rte_actions_mark(uint32_t mark, unsigned int n_rxq, uint64_t rss_types,
                    struct dp_rte_actions *dst)
{
    struct rte_flow_action_mark *m;
    struct rte_flow_action_rss *rss;
    uint16_t *queues;

    dp_rte_actions_begin(dst);
    m = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_MARK, sizeof *m);
    m->id = mark;

    /* Most NICs refuse a mark without a fate; a fixed queue would bind the
     * flow to one lane.  Types of 0 would let the driver choose, and some
     * then hash on addresses only. */
    n_rxq = MIN(n_rxq, 1024);
    rss = dp_rte_action_put(dst, RTE_FLOW_ACTION_TYPE_RSS,
                            sizeof *rss + n_rxq * sizeof *queues);
    queues = (uint16_t *) (rss + 1);
    for (unsigned int i = 0; i < n_rxq; i++) {
        queues[i] = i;
    }
    rss->func = RTE_ETH_HASH_FUNCTION_DEFAULT;
    rss->types = rss_types;
    rss->queue_num = n_rxq;
    rss->queue = queues;
    dp_rte_actions_end(dst);
}
