/* SPDX-License-Identifier: Apache-2.0 */

/* Each field of an item is written as "NAME is VALUE" if its mask is full, and
 * otherwise as "NAME spec VALUE NAME mask MASK", with "NAME last VALUE" for a
 * range.  Numbers are in host order; masks too. */

#include <config.h>
#include "rte/dp-rte-format.h"

#include <inttypes.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

enum dp_rte_kind {
    DP_RTE_U8,
    DP_RTE_BE16,
    DP_RTE_BE24,
    DP_RTE_BE32,
    DP_RTE_MAC,
    DP_RTE_IPV4,
    DP_RTE_IPV6
};

struct dp_rte_format_field {
    const char *name;
    size_t ofs;
    enum dp_rte_kind kind;
};

struct dp_rte_format_item {
    enum rte_flow_item_type type;
    const char *name;
    const void *default_mask;
    size_t size;
    struct dp_rte_format_field fields[10];
};

#define DP_RTE_F(NAME, ITEM, MEMBER, KIND) \
    { NAME, offsetof(struct rte_flow_item_##ITEM, MEMBER), DP_RTE_##KIND }
#define DP_RTE_I(TYPE, ITEM, NAME) \
    RTE_FLOW_ITEM_TYPE_##TYPE, NAME, &rte_flow_item_##ITEM##_mask, \
    sizeof(struct rte_flow_item_##ITEM)

/* The extension header has no default mask in DPDK. */
static const struct rte_flow_item_ipv6_frag_ext
    rte_flow_item_ipv6_frag_ext_mask;

static const struct dp_rte_format_item dp_rte_format_items[] = {
    { DP_RTE_I(ETH, eth, "eth"), {
        DP_RTE_F("src", eth, hdr.src_addr, MAC),
        DP_RTE_F("dst", eth, hdr.dst_addr, MAC),
        DP_RTE_F("type", eth, hdr.ether_type, BE16) } },
    { DP_RTE_I(VLAN, vlan, "vlan"), {
        DP_RTE_F("tci", vlan, hdr.vlan_tci, BE16),
        DP_RTE_F("inner_type", vlan, hdr.eth_proto, BE16) } },
    { DP_RTE_I(IPV4, ipv4, "ipv4"), {
        DP_RTE_F("src", ipv4, hdr.src_addr, IPV4),
        DP_RTE_F("dst", ipv4, hdr.dst_addr, IPV4),
        DP_RTE_F("tos", ipv4, hdr.type_of_service, U8),
        DP_RTE_F("ttl", ipv4, hdr.time_to_live, U8),
        DP_RTE_F("proto", ipv4, hdr.next_proto_id, U8),
        DP_RTE_F("fragment_offset", ipv4, hdr.fragment_offset, BE16) } },
    { DP_RTE_I(IPV6, ipv6, "ipv6"), {
        DP_RTE_F("src", ipv6, hdr.src_addr, IPV6),
        DP_RTE_F("dst", ipv6, hdr.dst_addr, IPV6),
        DP_RTE_F("proto", ipv6, hdr.proto, U8),
        DP_RTE_F("hop", ipv6, hdr.hop_limits, U8) } },
    { DP_RTE_I(IPV6_FRAG_EXT, ipv6_frag_ext, "ipv6_frag_ext"), {
        DP_RTE_F("next_hdr", ipv6_frag_ext, hdr.next_header, U8),
        DP_RTE_F("frag_data", ipv6_frag_ext, hdr.frag_data, BE16) } },
    { DP_RTE_I(TCP, tcp, "tcp"), {
        DP_RTE_F("src", tcp, hdr.src_port, BE16),
        DP_RTE_F("dst", tcp, hdr.dst_port, BE16),
        DP_RTE_F("flags", tcp, hdr.tcp_flags, U8) } },
    { DP_RTE_I(UDP, udp, "udp"), {
        DP_RTE_F("src", udp, hdr.src_port, BE16),
        DP_RTE_F("dst", udp, hdr.dst_port, BE16) } },
    { DP_RTE_I(SCTP, sctp, "sctp"), {
        DP_RTE_F("src", sctp, hdr.src_port, BE16),
        DP_RTE_F("dst", sctp, hdr.dst_port, BE16) } },
    { DP_RTE_I(ICMP, icmp, "icmp"), {
        DP_RTE_F("type", icmp, hdr.icmp_type, U8),
        DP_RTE_F("code", icmp, hdr.icmp_code, U8) } },
    { DP_RTE_I(ICMP6, icmp6, "icmp6"), {
        DP_RTE_F("type", icmp6, type, U8),
        DP_RTE_F("code", icmp6, code, U8) } },
    { DP_RTE_I(ARP_ETH_IPV4, arp_eth_ipv4, "arp_eth_ipv4"), {
        DP_RTE_F("sha", arp_eth_ipv4, sha, MAC),
        DP_RTE_F("spa", arp_eth_ipv4, spa, IPV4),
        DP_RTE_F("tha", arp_eth_ipv4, tha, MAC),
        DP_RTE_F("tpa", arp_eth_ipv4, tpa, IPV4) } },
    { DP_RTE_I(VXLAN, vxlan, "vxlan"), {
        DP_RTE_F("vni", vxlan, vni, BE24) } },
    { DP_RTE_I(INTEGRITY, integrity, "integrity"), { { .name = NULL } } },
};

static size_t
dp_rte_kind_size(enum dp_rte_kind kind)
{
    switch (kind) {
    case DP_RTE_U8: return 1;
    case DP_RTE_BE16: return 2;
    case DP_RTE_BE24: return 3;
    case DP_RTE_BE32: return 4;
    case DP_RTE_MAC: return 6;
    case DP_RTE_IPV4: return 4;
    case DP_RTE_IPV6: return 16;
    }
    OVS_NOT_REACHED();
}

/* Writes one value; numbers in base 16 if it is a mask. */
static void
dp_rte_format_value(enum dp_rte_kind kind, const uint8_t *p, bool mask,
                    struct ds *ds)
{
    struct in6_addr ipv6;
    uint32_t number = 0;

    switch (kind) {
    case DP_RTE_MAC:
        ds_put_format(ds, "%02x:%02x:%02x:%02x:%02x:%02x",
                      p[0], p[1], p[2], p[3], p[4], p[5]);
        break;
    case DP_RTE_IPV4:
        ds_put_format(ds, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        break;
    case DP_RTE_IPV6:
        memcpy(&ipv6, p, sizeof ipv6);
        ipv6_format_addr(&ipv6, ds);
        break;
    case DP_RTE_U8:
    case DP_RTE_BE16:
    case DP_RTE_BE24:
    case DP_RTE_BE32:
        for (size_t i = 0; i < dp_rte_kind_size(kind); i++) {
            number = number << 8 | p[i];
        }
        ds_put_format(ds, mask ? "0x%"PRIx32 : "%"PRIu32, number);
        break;
    }
}

static void
dp_rte_format_field(const struct dp_rte_format_field *f,
                    const struct rte_flow_item *item, const uint8_t *mask,
                    struct ds *ds)
{
    const uint8_t *spec = (const uint8_t *) item->spec + f->ofs;
    size_t size = dp_rte_kind_size(f->kind);

    if (is_all_zeros(mask + f->ofs, size)) {
        return;
    }
    if (is_all_ones(mask + f->ofs, size) && !item->last) {
        ds_put_format(ds, "%s is ", f->name);
        dp_rte_format_value(f->kind, spec, false, ds);
        ds_put_char(ds, ' ');
        return;
    }
    ds_put_format(ds, "%s spec ", f->name);
    dp_rte_format_value(f->kind, spec, false, ds);
    if (item->last) {
        ds_put_format(ds, " %s last ", f->name);
        dp_rte_format_value(f->kind, (const uint8_t *) item->last + f->ofs,
                            false, ds);
    }
    ds_put_format(ds, " %s mask ", f->name);
    dp_rte_format_value(f->kind, mask + f->ofs, true, ds);
    ds_put_char(ds, ' ');
}

/* Bits that are not fields of whole bytes. */
static void
dp_rte_format_bits(const struct rte_flow_item *item, const void *mask_,
                   struct ds *ds)
{
    if (item->type == RTE_FLOW_ITEM_TYPE_ETH) {
        const struct rte_flow_item_eth *spec = item->spec;
        const struct rte_flow_item_eth *mask = mask_;

        if (mask->has_vlan) {
            ds_put_format(ds, "has_vlan is %u ", spec->has_vlan);
        }
    } else if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
        const struct rte_flow_item_vlan *spec = item->spec;
        const struct rte_flow_item_vlan *mask = mask_;

        if (mask->has_more_vlan) {
            ds_put_format(ds, "has_more_vlan is %u ", spec->has_more_vlan);
        }
    } else if (item->type == RTE_FLOW_ITEM_TYPE_IPV6) {
        const struct rte_flow_item_ipv6 *spec = item->spec;
        const struct rte_flow_item_ipv6 *mask = mask_;
        uint32_t vtc = ntohl(spec->hdr.vtc_flow);
        uint32_t vtc_mask = ntohl(mask->hdr.vtc_flow);

        if (vtc_mask & RTE_IPV6_HDR_TC_MASK) {
            ds_put_format(ds, "tc spec %"PRIu32" tc mask 0x%"PRIx32" ",
                          (vtc & RTE_IPV6_HDR_TC_MASK)
                          >> RTE_IPV6_HDR_TC_SHIFT,
                          (vtc_mask & RTE_IPV6_HDR_TC_MASK)
                          >> RTE_IPV6_HDR_TC_SHIFT);
        }
        if (vtc_mask & RTE_IPV6_HDR_FL_MASK) {
            ds_put_format(ds, "flow spec %"PRIu32" flow mask 0x%"PRIx32" ",
                          vtc & RTE_IPV6_HDR_FL_MASK,
                          vtc_mask & RTE_IPV6_HDR_FL_MASK);
        }
        if (mask->has_frag_ext) {
            ds_put_format(ds, "has_frag_ext is %u ", spec->has_frag_ext);
        }
    } else if (item->type == RTE_FLOW_ITEM_TYPE_INTEGRITY) {
        const struct rte_flow_item_integrity *spec = item->spec;
        const struct rte_flow_item_integrity *mask = mask_;

        ds_put_format(ds, "level is %"PRIu32" value spec 0x%"PRIx64
                      " value mask 0x%"PRIx64" ",
                      spec->level, spec->value, mask->value);
    }
}

static void
dp_rte_format_item(const struct rte_flow_item *item, struct ds *ds)
{
    for (size_t i = 0; i < ARRAY_SIZE(dp_rte_format_items); i++) {
        const struct dp_rte_format_item *class = &dp_rte_format_items[i];

        if (class->type != item->type) {
            continue;
        }
        ds_put_format(ds, "%s ", class->name);
        if (item->spec) {
            const void *mask = item->mask ? item->mask : class->default_mask;

            for (size_t j = 0; class->fields[j].name; j++) {
                dp_rte_format_field(&class->fields[j], item, mask, ds);
            }
            dp_rte_format_bits(item, mask, ds);
        }
        ds_put_cstr(ds, "/ ");
        return;
    }
    ds_put_format(ds, "unknown(%d) / ", item->type);
}

/* Actions. */

/* An action whose configuration is one value. */
struct dp_rte_format_action {
    enum rte_flow_action_type type;
    const char *text;                   /* With the name of the value. */
    enum dp_rte_kind kind;
};

static const struct dp_rte_format_action dp_rte_format_actions[] = {
    { RTE_FLOW_ACTION_TYPE_SET_MAC_SRC, "set_mac_src mac_addr", DP_RTE_MAC },
    { RTE_FLOW_ACTION_TYPE_SET_MAC_DST, "set_mac_dst mac_addr", DP_RTE_MAC },
    { RTE_FLOW_ACTION_TYPE_SET_IPV4_SRC, "set_ipv4_src ipv4_addr",
      DP_RTE_IPV4 },
    { RTE_FLOW_ACTION_TYPE_SET_IPV4_DST, "set_ipv4_dst ipv4_addr",
      DP_RTE_IPV4 },
    { RTE_FLOW_ACTION_TYPE_SET_IPV6_SRC, "set_ipv6_src ipv6_addr",
      DP_RTE_IPV6 },
    { RTE_FLOW_ACTION_TYPE_SET_IPV6_DST, "set_ipv6_dst ipv6_addr",
      DP_RTE_IPV6 },
    { RTE_FLOW_ACTION_TYPE_SET_TTL, "set_ttl ttl_value", DP_RTE_U8 },
    { RTE_FLOW_ACTION_TYPE_SET_TP_SRC, "set_tp_src port", DP_RTE_BE16 },
    { RTE_FLOW_ACTION_TYPE_SET_TP_DST, "set_tp_dst port", DP_RTE_BE16 },
    { RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN, "of_push_vlan ethertype",
      DP_RTE_BE16 },
    { RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID, "of_set_vlan_vid vlan_vid",
      DP_RTE_BE16 },
    { RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP, "of_set_vlan_pcp vlan_pcp",
      DP_RTE_U8 },
};

static void
dp_rte_format_rss(const struct rte_flow_action_rss *rss, struct ds *ds)
{
    static const struct {
        uint64_t types;
        const char *name;
    } names[] = {
        { RTE_ETH_RSS_IP, "ip" },
        { RTE_ETH_RSS_TCP, "tcp" },
        { RTE_ETH_RSS_UDP, "udp" },
    };

    ds_put_cstr(ds, "rss types ");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (rss->types & names[i].types) {
            ds_put_format(ds, "%s ", names[i].name);
        }
    }
    ds_put_cstr(ds, "end queues ");
    for (uint32_t i = 0; i < rss->queue_num; i++) {
        ds_put_format(ds, "%"PRIu16" ", rss->queue[i]);
    }
    ds_put_cstr(ds, "end ");
}

static void
dp_rte_format_action(const struct rte_flow_action *action, struct ds *ds)
{
    const struct rte_flow_action_mark *mark = action->conf;
    const struct rte_flow_action_ethdev *ethdev = action->conf;

    for (size_t i = 0; i < ARRAY_SIZE(dp_rte_format_actions); i++) {
        const struct dp_rte_format_action *f = &dp_rte_format_actions[i];

        if (f->type == action->type) {
            ds_put_format(ds, "%s ", f->text);
            dp_rte_format_value(f->kind, action->conf,
                                f->type == RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN,
                                ds);
            ds_put_cstr(ds, " / ");
            return;
        }
    }

    if (action->type == RTE_FLOW_ACTION_TYPE_MARK) {
        ds_put_format(ds, "mark id %"PRIu32" ", mark->id);
    } else if (action->type == RTE_FLOW_ACTION_TYPE_RSS) {
        dp_rte_format_rss(action->conf, ds);
    } else if (action->type == RTE_FLOW_ACTION_TYPE_COUNT
               || action->type == RTE_FLOW_ACTION_TYPE_INDIRECT) {
        /* What is indirect is a counter, without a name of use to anybody. */
        ds_put_cstr(ds, "count ");
    } else if (action->type == RTE_FLOW_ACTION_TYPE_AGE) {
        const struct rte_flow_action_age *age = action->conf;

        ds_put_format(ds, "age timeout %u ", age->timeout);
    } else if (action->type == RTE_FLOW_ACTION_TYPE_DROP) {
        ds_put_cstr(ds, "drop ");
    } else if (action->type == RTE_FLOW_ACTION_TYPE_OF_POP_VLAN) {
        ds_put_cstr(ds, "of_pop_vlan ");
    } else if (action->type == RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT) {
        ds_put_format(ds, "represented_port ethdev_port_id %"PRIu16" ",
                      ethdev->port_id);
    } else if (action->type == RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP) {
        ds_put_cstr(ds, "vxlan_encap ");
    } else if (action->type == RTE_FLOW_ACTION_TYPE_RAW_ENCAP) {
        ds_put_cstr(ds, "raw_encap index 0 ");
    } else {
        ds_put_format(ds, "unknown(%d) ", action->type);
    }
    ds_put_cstr(ds, "/ ");
}

/* "set vxlan", of the items that 'encap' consists of. */
static void
dp_rte_format_vxlan(const struct rte_flow_action_vxlan_encap *encap,
                    struct ds *ds)
{
    const struct rte_flow_item_eth *eth = encap->definition[0].spec;
    const struct rte_flow_item_ipv4 *ipv4 = encap->definition[1].spec;
    const struct rte_flow_item_ipv6 *ipv6 = encap->definition[1].spec;
    const struct rte_flow_item_udp *udp = encap->definition[2].spec;
    const struct rte_flow_item_vxlan *vxlan = encap->definition[3].spec;
    bool is_ipv6 = encap->definition[1].type == RTE_FLOW_ITEM_TYPE_IPV6;
    enum dp_rte_kind kind = is_ipv6 ? DP_RTE_IPV6 : DP_RTE_IPV4;

    ds_put_format(ds, "set vxlan ip-version %s vni ",
                  is_ipv6 ? "ipv6" : "ipv4");
    dp_rte_format_value(DP_RTE_BE24, vxlan->vni, false, ds);
    ds_put_format(ds, " udp-src %"PRIu16" udp-dst %"PRIu16" ip-src ",
                  ntohs(udp->hdr.src_port), ntohs(udp->hdr.dst_port));
    dp_rte_format_value(kind, is_ipv6
                        ? (const uint8_t *) &ipv6->hdr.src_addr
                        : (const uint8_t *) ipv4
                          + offsetof(struct rte_flow_item_ipv4, hdr.src_addr),
                        false, ds);
    ds_put_cstr(ds, " ip-dst ");
    dp_rte_format_value(kind, is_ipv6
                        ? (const uint8_t *) &ipv6->hdr.dst_addr
                        : (const uint8_t *) ipv4
                          + offsetof(struct rte_flow_item_ipv4, hdr.dst_addr),
                        false, ds);
    ds_put_cstr(ds, " eth-src ");
    dp_rte_format_value(DP_RTE_MAC, eth->src.addr_bytes, false, ds);
    ds_put_cstr(ds, " eth-dst ");
    dp_rte_format_value(DP_RTE_MAC, eth->dst.addr_bytes, false, ds);
    ds_put_char(ds, '\n');
}

/* "set raw_encap", with the bytes as a comment, because testpmd takes items
 * only. */
static void
dp_rte_format_raw(const struct rte_flow_action_raw_encap *raw, struct ds *ds)
{
    ds_put_cstr(ds, "# raw_encap 0 is ");
    for (size_t i = 0; i < raw->size; i++) {
        ds_put_format(ds, "%02x", raw->data[i]);
    }
    ds_put_char(ds, '\n');
}

void
dp_rte_format_rule(uint16_t device, const struct rte_flow_attr *attr,
                   const struct rte_flow_item items[],
                   const struct rte_flow_action actions[], struct ds *ds)
{
    for (size_t i = 0; actions[i].type != RTE_FLOW_ACTION_TYPE_END; i++) {
        if (actions[i].type == RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP) {
            dp_rte_format_vxlan(actions[i].conf, ds);
        } else if (actions[i].type == RTE_FLOW_ACTION_TYPE_RAW_ENCAP) {
            dp_rte_format_raw(actions[i].conf, ds);
        }
    }

    ds_put_format(ds, "flow create %"PRIu16" ", device);
    if (attr->group) {
        ds_put_format(ds, "group %"PRIu32" ", attr->group);
    }
    if (attr->priority) {
        ds_put_format(ds, "priority %"PRIu32" ", attr->priority);
    }
    ds_put_format(ds, "%s%spattern ", attr->ingress ? "ingress " : "",
                  attr->transfer ? "transfer " : "");
    for (size_t i = 0; items[i].type != RTE_FLOW_ITEM_TYPE_END; i++) {
        dp_rte_format_item(&items[i], ds);
    }
    ds_put_cstr(ds, "end actions ");
    for (size_t i = 0; actions[i].type != RTE_FLOW_ACTION_TYPE_END; i++) {
        dp_rte_format_action(&actions[i], ds);
    }
    ds_put_cstr(ds, "end");
}
