/* SPDX-License-Identifier: Apache-2.0 */

/* Translation of matches and actions to rte_flow, seen through the formatter
 * and, for what must not happen, through a naive reading of the pattern: a
 * packet that the pattern matches must be one that the megaflow matches. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-rte-match.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "dp-packet.h"
#include "dpif.h"
#include "tests/dptest.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "rte/dp-rte-actions.h"
#include "rte/dp-rte-format.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "random.h"
#include "simap.h"
#include "util.h"

/* Parses an ODP flow as in dpctl/add-flow, mask included. */
static void
parse(const char *s, struct match *match)
{
    struct ofpbuf key, mask;
    struct simap ports = SIMAP_INITIALIZER(&ports);
    char *error = NULL;

    ofpbuf_init(&key, 0);
    ofpbuf_init(&mask, 0);
    if (odp_flow_from_string(s, &ports, &key, &mask, &error)) {
        dptest_fail("%s: %s", s, error ? error : "bad flow");
    }
    match_init_catchall(match);
    if (odp_flow_key_to_flow(key.data, key.size, &match->flow, &error)
        == ODP_FIT_ERROR
        || odp_flow_key_to_mask(mask.data, mask.size, &match->wc,
                                &match->flow, &error) == ODP_FIT_ERROR) {
        dptest_fail("%s: %s", s, error ? error : "bad flow");
    }
    free(error);
    ofpbuf_uninit(&key);
    ofpbuf_uninit(&mask);
    simap_destroy(&ports);
}

/* Returns the pattern of 'flow' as testpmd would write it, or why there is
 * none; with 'whole', that of a rule that runs whole.  Stores in '*is_sound',
 * unless it is null, whether packets that it marks need no look. */
static const char *
pattern_of(const char *flow, bool whole, bool *is_sound, struct ds *ds)
{
    static const struct rte_flow_action none = {
        .type = RTE_FLOW_ACTION_TYPE_END
    };
    const struct rte_flow_attr attr = { .ingress = 1 };
    struct dp_rte_pattern pattern;
    enum dp_offload_why why;
    struct match match;
    char *end;

    parse(flow, &match);
    ds_clear(ds);
    why = dp_rte_match_translate(&match, &pattern);
    if (why) {
        return dp_offload_why_name(why);
    }
    if (whole && dp_rte_match_is_gullible(&pattern)) {
        dp_rte_match_add_integrity(&pattern, false);
    }
    if (is_sound) {
        *is_sound = dp_rte_match_is_sound(&pattern);
    }
    dp_rte_format_rule(0, &attr, pattern.items, &none, ds);
    end = strstr(ds_cstr(ds), " / end actions");
    ovs_assert(end);
    *end = '\0';
    return ds_cstr(ds) + strlen("flow create 0 ingress pattern ");
}

#define IP "eth_type(0x0800)"
#define IP6 "eth_type(0x86dd)"
#define ANY_IP "ipv4(frag=no)"

static const struct {
    const char *flow;
    const char *pattern;
} matches[] = {
    /* T1: an Ethernet type is never lost. */
    { "in_port(1),eth_type(0x1234)", "eth type is 4660" },
    { "in_port(1),eth(src=00:01:02:03:04:05/ff:ff:ff:00:00:00),"
      "eth_type(0x1234)",
      "eth src spec 00:01:02:00:00:00 src mask ff:ff:ff:00:00:00"
      " type is 4660" },
    { IP "," ANY_IP,
      "eth type is 2048 / ipv4 fragment_offset spec 0"
      " fragment_offset mask 0x3fff" },

    /* What every packet that arrives meets, and what none does. */
    { "recirc_id(0),ct_state(0/0xff),skb_priority(0),skb_mark(0)," IP ","
      "ipv4(src=1.2.3.0/255.255.255.0)",
      "eth type is 2048 / ipv4 src spec 1.2.3.0 src mask 255.255.255.0" },
    { "recirc_id(1)," IP "," ANY_IP, "M_RECIRC" },
    { "dp_hash(1/1)," IP "," ANY_IP, "M_RECIRC" },
    { "ct_state(+trk)," IP "," ANY_IP, "M_CT" },
    { "ct_zone(5)," IP "," ANY_IP, "M_CT" },
    { "ct_mark(5)," IP "," ANY_IP, "M_CT" },
    { "skb_mark(5)," IP "," ANY_IP, "M_META" },
    { "tunnel(tun_id=1,src=1.1.1.1,dst=2.2.2.2,ttl=64,flags(key))," IP ","
      ANY_IP,
      "M_TUNNEL" },

    /* T3, T4. */
    { IP ",ipv4(proto=6,frag=no),tcp(src=80,dst=0x1000/0xff00)",
      "eth type is 2048 / ipv4 proto is 6 fragment_offset spec 0"
      " fragment_offset mask 0x3fff / tcp src is 80 dst spec 4096"
      " dst mask 0xff00" },
    { IP ",ipv4(proto=6,frag=no),tcp_flags(0x002/0x012)",
      "eth type is 2048 / ipv4 proto is 6 fragment_offset spec 0"
      " fragment_offset mask 0x3fff / tcp flags spec 2 flags mask 0x12" },
    { IP ",ipv4(src=1.2.3.4,dst=5.6.7.8,proto=17,tos=0x20/0xfc,ttl=64,"
      "frag=no),udp(dst=53)",
      "eth type is 2048 / ipv4 src is 1.2.3.4 dst is 5.6.7.8 tos spec 32"
      " tos mask 0xfc ttl is 64 proto is 17 fragment_offset spec 0"
      " fragment_offset mask 0x3fff / udp dst is 53" },
    { IP ",ipv4(proto=132,frag=no),sctp(src=5)",
      "eth type is 2048 / ipv4 proto is 132 fragment_offset spec 0"
      " fragment_offset mask 0x3fff / sctp src is 5" },
    { IP ",ipv4(proto=1,frag=no),icmp(type=8,code=0)",
      "eth type is 2048 / ipv4 proto is 1 fragment_offset spec 0"
      " fragment_offset mask 0x3fff / icmp type is 8 code is 0" },

    /* T10: fragments. */
    { IP ",ipv4(proto=17,frag=first),udp(dst=53)",
      "eth type is 2048 / ipv4 proto is 17 fragment_offset spec 8192"
      " fragment_offset mask 0x3fff / udp dst is 53" },
    { IP ",ipv4(proto=17,frag=later)",
      "eth type is 2048 / ipv4 proto spec 17 proto last 0 proto mask 0xff"
      " fragment_offset spec 1 fragment_offset last 8191"
      " fragment_offset mask 0x1fff" },

    /* IPv6, with its flow label. */
    { IP6 ",ipv6(src=::1,dst=2001:db8::/ffff:ffff::,label=0x12345,proto=58,"
      "tclass=0x10/0xfc,hlimit=255,frag=no),icmpv6(type=128)",
      "eth type is 34525 / ipv6 src is ::1 dst spec 2001:db8:: dst mask"
      " ffff:ffff:: proto is 58 hop is 255 tc spec 16 tc mask 0xfc"
      " flow spec 74565 flow mask 0xfffff has_frag_ext is 0 / icmp6 type is"
      " 128" },
    { IP6 ",ipv6(proto=17,frag=first),udp(src=1)",
      "eth type is 34525 / ipv6 has_frag_ext is 1 / ipv6_frag_ext next_hdr"
      " is 17 frag_data spec 1 frag_data mask 0xfff9 / udp src is 1" },
    { IP6 ",ipv6(proto=58,frag=no),icmpv6(type=135,code=0),"
      "nd(target=::1)", "M_ND" },

    /* T2: tags. */
    { "eth_type(0x8100),vlan(vid=99,pcp=7/0x0),encap(" IP ","
      "ipv4(proto=17,frag=no),udp(dst=82))",
      "eth type is 33024 / vlan tci spec 99 tci mask 0xfff inner_type is 2048"
      " / ipv4 proto is 17 fragment_offset spec 0 fragment_offset mask 0x3fff"
      " / udp dst is 82" },
    { "eth_type(0x88a8),vlan(vid=1,pcp=0),encap(eth_type(0x8100),"
      "vlan(vid=2,pcp=3),encap(" IP "," ANY_IP "))",
      "eth type is 34984 / vlan tci spec 1 tci mask 0xefff inner_type is 33024"
      " / vlan tci spec 24578 tci mask 0xefff inner_type is 2048"
      " / ipv4 fragment_offset spec 0 fragment_offset mask 0x3fff" },

    /* ARP. */
    { "eth_type(0x0806),arp(sip=1.2.3.4,op=1)",
      "eth type is 2054 / arp_eth_ipv4 spa is 1.2.3.4" },

    /* Others. */
    { "eth_type(0x8847),mpls(label=100,tc=0,ttl=64,bos=1)", "M_MPLS" },
    { IP ",ipv4(proto=47,frag=no)",
      "eth type is 2048 / ipv4 proto is 47 fragment_offset spec 0"
      " fragment_offset mask 0x3fff" },
};

static void
test_rte_match(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    unsigned int n_bad = 0;

    for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
        const char *got = pattern_of(matches[i].flow, false, NULL, &ds);

        if (strcmp(got, matches[i].pattern)) {
            fprintf(stderr, "%s\n  expected %s\n  got      %s\n",
                    matches[i].flow, matches[i].pattern, got);
            n_bad++;
        }
    }
    ds_destroy(&ds);
    if (n_bad) {
        dptest_fail("%u translations differ", n_bad);
    }
}
DPTEST_REGISTER("rte-match-T1-T4-T10", test_rte_match);

/* A whole rule asks for sound headers if it matters, and only then. */
static void
test_rte_integrity(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const struct {
        const char *flow;
        const char *integrity;          /* Or null. */
        bool is_sound;                  /* Marks need no look then. */
    } rules[] = {
        { "in_port(1),eth(dst=00:01:02:03:04:05),eth_type(0x1234)", NULL,
          false },
        { "eth(dst=00:01:02:03:04:05)," IP "," ANY_IP, NULL, false },
        { "eth()," IP ",ipv4(dst=0.0.0.0/240.0.0.0,frag=no)", NULL, false },
        { "eth()," IP ",ipv4(dst=1.2.3.4,frag=no)", "0x4", false },
        { "eth()," IP ",ipv4(proto=17,frag=no)", "0x4", true },
        { "eth()," IP ",ipv4(proto=6,frag=no)", "0x4", false },
        { "eth()," IP ",ipv4(proto=17,frag=first),udp(dst=53)", "0xc", false },
        { "eth()," IP ",ipv4(proto=17,frag=later)", "0x4", true },
        { "eth()," IP ",ipv4(proto=1,frag=no),icmp(type=8)", "0xc", false },
        { "eth()," IP ",ipv4(frag=later)", "0x4", false },
        { "eth()," IP ",ipv4(proto=17,frag=no),udp(dst=0x0/0x8000)", "0x4",
          true },
        { "eth()," IP ",ipv4(proto=17,frag=no),udp(dst=53)", "0xc", true },
        { "eth()," IP ",ipv4(proto=6,frag=no),tcp_flags(0x002/0x012)", "0xc",
          false },
        { "eth()," IP6 ",ipv6(frag=no)", NULL, false },
        { "eth()," IP6 ",ipv6(dst=2001:db8::1,frag=no)", "0x4", false },
        { "eth()," IP6 ",ipv6(proto=58,frag=no),icmpv6(type=128)", "0xc",
          false },
        { "eth(),eth_type(0x0806),arp(tip=1.2.3.4)", NULL, false },
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ds expected = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        const char *integrity = rules[i].integrity;
        const char *got;
        bool is_sound;

        ds_clear(&expected);
        ds_put_cstr(&expected, pattern_of(rules[i].flow, false, &is_sound,
                                            &ds));
        ovs_assert(!is_sound);
        if (integrity) {
            ds_put_format(&expected, " / integrity level is 0 value spec %s"
                          " value mask %s", integrity, integrity);
        }
        got = pattern_of(rules[i].flow, true, &is_sound, &ds);
        if (is_sound != rules[i].is_sound) {
            dptest_fail("%s: %s", rules[i].flow,
                        is_sound ? "sound" : "not sound");
        }
        if (strcmp(got, ds_cstr(&expected))) {
            dptest_fail("%s: expected %s, got %s", rules[i].flow,
                        ds_cstr(&expected), got);
        }
    }
    ds_destroy(&ds);
    ds_destroy(&expected);
}
DPTEST_REGISTER("rte-integrity", test_rte_integrity);

/* T5: a mask of VLAN presence alone. */
static void
test_rte_match_untagged(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_rte_pattern pattern;
    const struct rte_flow_item_eth *spec, *mask;
    struct match match;

    /* No tag and nothing else. */
    match_init_catchall(&match);
    match.wc.masks.vlans[0].tci = htons(VLAN_CFI | VLAN_VID_MASK);
    ovs_assert(!dp_rte_match_translate(&match, &pattern));
    spec = pattern.items[0].spec;
    mask = pattern.items[0].mask;
    ovs_assert(mask->has_vlan && !spec->has_vlan && !mask->type);

    /* "VID 0 or no tag" is neither the one nor the other. */
    match.wc.masks.vlans[0].tci = htons(VLAN_VID_MASK);
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_VLAN);

    /* A frame without a type. */
    match_init_catchall(&match);
    match.wc.masks.dl_type = OVS_BE16_MAX;
    match.flow.dl_type = htons(FLOW_DL_TYPE_NONE);
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_ETH);

    /* One more tag than vlan-limit has software look at. */
    match_init_catchall(&match);
    match_set_dl_vlan(&match, htons(200), 0);
    match.flow.vlans[0].tpid = htons(ETH_TYPE_VLAN_8021AD);
    match.wc.masks.vlans[0].tpid = OVS_BE16_MAX;
    match_set_dl_type(&match, htons(ETH_TYPE_VLAN_8021Q));
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_VLAN);

    /* Ports without a protocol, or of later fragments. */
    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_tp_dst(&match, htons(80));
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_PROTO);
    match_set_nw_proto(&match, IPPROTO_TCP);
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_FRAG);
    match_set_nw_frag_masked(&match, 0, FLOW_NW_FRAG_LATER);
    ovs_assert(!dp_rte_match_translate(&match, &pattern));
    match_set_nw_frag_masked(&match, FLOW_NW_FRAG_MASK, FLOW_NW_FRAG_MASK);
    ovs_assert(dp_rte_match_translate(&match, &pattern)
               == DP_OFFLOAD_WHY_M_FRAG);
}
DPTEST_REGISTER("rte-match-T2-untagged", test_rte_match_untagged);

/* Any single bit of the mask: either the pattern is not empty there, or the
 * match is refused, or the bit is one that arriving packets meet. */
static void
test_rte_match_consumed(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const uint16_t types[] = {
        0, ETH_TYPE_IP, ETH_TYPE_IPV6, ETH_TYPE_ARP, ETH_TYPE_MPLS
    };
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_ICMPV6,
        IPPROTO_IGMP, 47
    };
    struct dp_rte_pattern pattern;

    for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
        for (size_t p = 0; p < ARRAY_SIZE(protos); p++) {
            struct match base;

            match_init_catchall(&base);
            if (types[t]) {
                match_set_dl_type(&base, htons(types[t]));
            }
            if (types[t] == ETH_TYPE_IP || types[t] == ETH_TYPE_IPV6) {
                match_set_nw_proto(&base, protos[p]);
                match_set_nw_frag(&base, 0);
            }
            for (size_t bit = 0; bit < sizeof base.flow * 8; bit++) {
                struct match match = base;
                uint8_t *mask = (uint8_t *) &match.wc.masks + bit / 8;
                uint8_t *value = (uint8_t *) &match.flow + bit / 8;
                uint8_t b = 1 << bit % 8;
                size_t ofs = bit / 8;
                struct dp_rte_pattern with;
                bool differ = false;

                if (*mask & b
                    || (ofs >= offsetof(struct flow, in_port)
                        && ofs < offsetof(struct flow, recirc_id))) {
                    continue;
                }
                *mask |= b;
                *value |= b;
                if (dp_rte_match_translate(&match, &with)) {
                    continue;
                }
                ovs_assert(!dp_rte_match_translate(&base, &pattern));
                if (with.n != pattern.n) {
                    continue;
                }
                differ = (with.used != pattern.used
                          || memcmp(with.space, pattern.space, with.used));
                if (!differ) {
                    dptest_fail("bit %"PRIuSIZE" of byte %"PRIuSIZE" of "
                                "struct flow was lost, type %"PRIx16
                                ", protocol %"PRIu8, bit % 8, ofs, types[t],
                                protos[p]);
                }
            }
        }
    }
}
DPTEST_REGISTER("rte-match-consumed", test_rte_match_consumed);

/* Actions. */

static bool
find_port(void *aux OVS_UNUSED, odp_port_t port_no, uint16_t *device)
{
    *device = odp_to_u32(port_no) + 10;
    return odp_to_u32(port_no) < 5;
}

static const char *
actions_of(const char *s, struct ds *ds)
{
    static const struct rte_flow_item none = {
        .type = RTE_FLOW_ITEM_TYPE_END
    };
    struct rte_flow_attr attr = { .group = 0 };
    struct dp_rte_actions dst;
    enum dp_offload_why why;
    struct ofpbuf actions;
    char *p;

    ofpbuf_init(&actions, 0);
    if (odp_actions_from_string(s, NULL, &actions)) {
        dptest_fail("%s: bad actions", s);
    }
    why = dp_rte_actions_whole(&actions, find_port, NULL, false, &dst);
    ofpbuf_uninit(&actions);
    if (why) {
        return dp_offload_why_name(why);
    }
    attr.transfer = dst.transfer;
    attr.ingress = !dst.transfer;
    ds_clear(ds);
    dp_rte_format_rule(0, &attr, &none, dst.actions, ds);
    ovs_assert(strstr(ds_cstr(ds), dst.transfer ? "transfer" : "ingress"));
    p = strstr(ds_cstr(ds), "actions ");
    ovs_assert(p);
    return p + strlen("actions ");
}

/* The beginning of a push of a tunnel over IPv4. */
#define TNL_PUSH(SIZE, TYPE, PROTO)                                         \
    "clone(tnl_push(tnl_port(4),header(size=" SIZE ",type=" TYPE ","        \
    "eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800),"      \
    "ipv4(src=1.1.2.88,dst=1.1.2.92,proto=" PROTO ",tos=0,ttl=64,"          \
    "frag=0x4000),"

static const struct {
    const char *actions;
    const char *expected;
} programs[] = {
    { "1", "count / represented_port ethdev_port_id 11 / end" },
    { "7", "A_OUTPUT" },
    { "1,2", "A_OUTPUT" },
    { "drop", "count / drop / end" },
    { "", "count / drop / end" },
    { "push_vlan(vid=5,pcp=3)", "count / drop / end" },
    { "set(eth(src=00:01:02:03:04:05,dst=00:01:02:03:04:06)),2",
      "count / set_mac_src mac_addr 00:01:02:03:04:05 /"
      " set_mac_dst mac_addr 00:01:02:03:04:06 /"
      " represented_port ethdev_port_id 12 / end" },
    { "set(ipv4(src=1.2.3.4,ttl=63)),set(tcp(dst=81)),2",
      "count / set_ipv4_src ipv4_addr 1.2.3.4 / set_ttl ttl_value 63 /"
      " set_tp_dst port 81 / represented_port ethdev_port_id 12 / end" },
    { "set(ipv6(dst=::1)),set(udp(src=7)),2",
      "count / set_ipv6_dst ipv6_addr ::1 / set_tp_src port 7 /"
      " represented_port ethdev_port_id 12 / end" },
    { "set(ipv4(src=1.2.3.4/255.255.255.0)),2", "A_SET" },
    { "set(ipv4(tos=4/0xfc)),2", "A_SET" },
    { "set(tcp(dst=81/0xff)),2", "A_SET" },
    { "set(skb_mark(1)),2", "A_SET" },
    { "pop_vlan,push_vlan(tpid=0x88a8,vid=5,pcp=3),2",
      "count / of_pop_vlan / of_push_vlan ethertype 0x88a8 /"
      " of_set_vlan_vid vlan_vid 5 / of_set_vlan_pcp vlan_pcp 3 /"
      " represented_port ethdev_port_id 12 / end" },
    { "ct(commit),2", "A_CT" },
    { "ct_clear,2", "count / represented_port ethdev_port_id 12 / end" },
    { "meter(1),2", "A_METER" },
    { "recirc(1)", "A_RECIRC" },
    { "userspace(pid=0)", "A_USERSPACE" },
    { "trunc(100),2", "A_CHECK_LEN" },
    { "sample(sample=50%,actions(1)),2", "A_SAMPLE" },
    { "tnl_pop(4)", "A_TUNNEL" },
    { "clone(1),2", "A_CLONE" },
    { "clone(push_vlan(vid=5,pcp=0),2)",
      "count / of_push_vlan ethertype 0x8100 / of_set_vlan_vid vlan_vid 5 /"
      " of_set_vlan_pcp vlan_pcp 0 / represented_port ethdev_port_id 12"
      " / end" },
    { "clone(tnl_push(tnl_port(4),header(size=50,type=4,"
      "eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800),"
      "ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0,ttl=64,frag=0x4000),"
      "udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x7b)),"
      "out_port(1)),2)",
      "count / vxlan_encap / represented_port ethdev_port_id 12 / end" },
    { "clone(tnl_push(tnl_port(4),header(size=38,type=3,"
      "eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800),"
      "ipv4(src=1.1.2.88,dst=1.1.2.92,proto=47,tos=0,ttl=64,frag=0x4000),"
      "gre((flags=0x0,proto=0x6558))),out_port(1)),2)",
      "count / raw_encap index 0 / represented_port ethdev_port_id 12"
      " / end" },

    /* Headers that software completes for each packet: checksums and numbers
     * of GRE, checksums of UDP, lengths of GTP-U. */
    { TNL_PUSH("42", "3", "47")
      "gre((flags=0x2000,proto=0x6558),key=0x7b)),out_port(1)),2)",
      "count / raw_encap index 0 / represented_port ethdev_port_id 12"
      " / end" },
    { TNL_PUSH("42", "3", "47")
      "gre((flags=0x8000,proto=0x6558),csum=0x0)),out_port(1)),2)",
      "A_TUNNEL" },
    { TNL_PUSH("42", "3", "47")
      "gre((flags=0x1000,proto=0x6558),seq=0x0)),out_port(1)),2)",
      "A_TUNNEL" },
    { TNL_PUSH("50", "5", "17")
      "udp(src=0,dst=6081,csum=0x0),geneve(vni=0x7b)),out_port(1)),2)",
      "count / raw_encap index 0 / represented_port ethdev_port_id 12"
      " / end" },
    { TNL_PUSH("50", "5", "17")
      "udp(src=0,dst=6081,csum=0xffff),geneve(vni=0x7b)),out_port(1)),2)",
      "A_TUNNEL" },
    { TNL_PUSH("50", "110", "17")
      "gtpu(flags=48,msgtype=255,teid=0x7b)),out_port(1)),2)",
      "A_TUNNEL" },
    { "clone(tnl_push(tnl_port(4),header(size=70,type=5,"
      "eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x86dd),"
      "ipv6(src=2001:db8::1,dst=2001:db8::2,label=0,proto=17,tclass=0x0,"
      "hlimit=64),"
      "udp(src=0,dst=6081,csum=0xffff),geneve(vni=0x7b)),out_port(1)),2)",
      "A_TUNNEL" },
};

static void
test_rte_actions(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    unsigned int n_bad = 0;

    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        const char *got = actions_of(programs[i].actions, &ds);

        if (strcmp(got, programs[i].expected)) {
            fprintf(stderr, "%s\n  expected %s\n  got      %s\n",
                    programs[i].actions, programs[i].expected, got);
            n_bad++;
        }
    }
    ds_destroy(&ds);
    if (n_bad) {
        dptest_fail("%u translations differ", n_bad);
    }
}
DPTEST_REGISTER("rte-actions-T8-T11", test_rte_actions);

/* S4: a NIC that knows AGE can tell when the last packet was. */
static void
test_rte_age(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const char *lists[][2] = {
        { "2", "count / age timeout 3600 / represented_port ethdev_port_id 12"
               " / end" },
        { "push_vlan(vid=5,pcp=3)", "count / age timeout 3600 / drop / end" },
        { "drop", "count / age timeout 3600 / drop / end" },
    };
    static const struct rte_flow_attr attr = { .ingress = 1 };
    static const struct rte_flow_item none = {
        .type = RTE_FLOW_ITEM_TYPE_END
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct dp_rte_actions dst;
        struct ofpbuf actions;

        ofpbuf_init(&actions, 0);
        ovs_assert(!odp_actions_from_string(lists[i][0], NULL, &actions));
        ovs_assert(!dp_rte_actions_whole(&actions, find_port, NULL, true,
                                         &dst));
        ofpbuf_uninit(&actions);
        ds_clear(&ds);
        dp_rte_format_rule(0, &attr, &none, dst.actions, &ds);
        if (!strstr(ds_cstr(&ds), lists[i][1])) {
            dptest_fail("%s: got %s", lists[i][0], ds_cstr(&ds));
        }
    }
    ds_destroy(&ds);
}
DPTEST_REGISTER("rte-age-S4", test_rte_age);

/* T7: packets that are marked are spread over all queues. */
static void
test_rte_mark(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct rte_flow_attr attr = { .ingress = 1 };
    static const struct rte_flow_item none = {
        .type = RTE_FLOW_ITEM_TYPE_END
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct dp_rte_actions dst;

    dp_rte_actions_mark(77, 3,
                        RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP,
                        &dst);
    dp_rte_format_rule(5, &attr, &none, dst.actions, &ds);
    ovs_assert(!strcmp(ds_cstr(&ds),
                       "flow create 5 ingress pattern end actions mark id 77 /"
                       " rss types ip tcp udp end queues 0 1 2 end / end"));
    ds_destroy(&ds);
}
DPTEST_REGISTER("rte-mark-T7", test_rte_mark);
