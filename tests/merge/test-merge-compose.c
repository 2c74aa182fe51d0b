/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "merge/dp-merge.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"
#include "tests/dptest.h"

/* One way at a time: what forbids that it is merged, and what a rule looks
 * like.  "M4" and so on are the numbers of Documentation/internals/merge.rst.
 *
 * The way is the same each time but for one thing: a segment of TCP, from
 * 10.0.0.1 to 10.0.0.2, by port 1, meets an established connection in zone 1
 * and a second megaflow, and leaves by port 2. */

enum { MAX_STAGES = DP_MERGE_MAX_STAGES + 1 };

struct way {
    struct flow packet;
    struct dp_merge_conn conn;
    struct flow keys[MAX_STAGES];
    struct flow_wildcards wcs[MAX_STAGES];
    struct ofpbuf actions[MAX_STAGES];
    struct dp_merge_stage stages[MAX_STAGES];
    size_t n;
};

static void
set_key(struct ct_key *key, uint32_t src, uint16_t sport, uint32_t dst,
        uint16_t dport)
{
    memset(key, 0, sizeof *key);
    key->src.ipv4 = htonl(src);
    key->dst.ipv4 = htonl(dst);
    key->src_port = htons(sport);
    key->dst_port = htons(dport);
    key->zone = 1;
    key->proto = IPPROTO_TCP;
}

/* Adds a stage with the given actions, which matches on little. */
static void
add_stage(struct way *way, const char *actions)
{
    size_t i = way->n++;
    struct dp_merge_stage *stage = &way->stages[i];
    struct flow *mask = &way->wcs[i].masks;

    way->keys[i] = way->packet;
    way->keys[i].recirc_id = i;
    memset(mask, 0, sizeof *mask);
    mask->in_port.odp_port = u32_to_odp(UINT32_MAX);
    mask->recirc_id = UINT32_MAX;
    mask->packet_type = OVS_BE32_MAX;
    mask->dl_type = OVS_BE16_MAX;
    mask->nw_frag = FLOW_NW_FRAG_MASK;

    ofpbuf_init(&way->actions[i], 0);
    if (odp_actions_from_string(actions, NULL, &way->actions[i])) {
        dptest_fail("no actions: %s", actions);
    }
    *stage = (struct dp_merge_stage) {
        .key = &way->keys[i],
        .wc = &way->wcs[i],
        .actions = way->actions[i].data,
        .actions_len = way->actions[i].size,
        .conns = &way->conn,
        .n_conns = strstr(actions, "ct(") || strstr(actions, "ct,") ? 1 : 0,
    };
}

static void
init_way(struct way *way, const char *first, const char *second)
{
    struct flow *packet = &way->packet;

    memset(way, 0, sizeof *way);
    packet->packet_type = htonl(PT_ETH);
    packet->in_port.odp_port = u32_to_odp(1);
    packet->dl_type = htons(ETH_TYPE_IP);
    packet->nw_src = htonl(0x0a000001);
    packet->nw_dst = htonl(0x0a000002);
    packet->nw_proto = IPPROTO_TCP;
    packet->nw_ttl = 64;
    packet->tp_src = htons(1000);
    packet->tp_dst = htons(80);
    packet->tcp_flags = htons(TCP_ACK);

    set_key(&way->conn.keys[0], 0x0a000001, 1000, 0x0a000002, 80);
    set_key(&way->conn.keys[1], 0x0a000002, 80, 0x0a000001, 1000);
    way->conn.is_established = true;
    way->conn.mark = 5;
    way->conn.label.u64.hi = 7;

    add_stage(way, first);
    if (second) {
        add_stage(way, second);
    }
}

static void
uninit_way(struct way *way)
{
    for (size_t i = 0; i < way->n; i++) {
        ofpbuf_uninit(&way->actions[i]);
    }
}

static enum dp_merge_why
compose(const struct way *way, struct dp_merge_rule *rule)
{
    const struct dp_merge_trace trace = {
        .packet = &way->packet,
        .stages = way->stages,
        .n_stages = way->n,
    };

    return dp_merge_compose(&trace, rule);
}

/* Replaces the actions of the first stage by one of 'type'. */
static void
put_only(struct way *way, int type)
{
    struct ofpbuf *actions = &way->actions[0];

    ofpbuf_clear(actions);
    nl_msg_put_u32(actions, type, 0);
    way->stages[0].actions = actions->data;
    way->stages[0].actions_len = actions->size;
}

/* Refusals. */

#define CT "ct(zone=1)"
#define AGAIN "recirc(1)"

/* An item, what stands before or in the place of the usual, and why not. */
static const struct {
    const char *item;
    enum dp_merge_why why;
    const char *first, *second;
} by_actions[] = {
    { "M12", DP_MERGE_WHY_A_CT_HELPER,
      "ct(commit,zone=1,helper=ftp)," AGAIN, "2" },
    { "M13", DP_MERGE_WHY_A_TUNNEL,
      CT "," AGAIN, "set(tunnel(tun_id=1,src=1.1.1.1,dst=2.2.2.2,ttl=64,"
      "tp_src=1,tp_dst=2,flags(key))),2" },
    { "M13", DP_MERGE_WHY_A_TUNNEL_PUSH, CT "," AGAIN,
      "tnl_push(tnl_port(4),header(size=50,type=4,eth(dst=f8:bc:12:44:34:b6,"
      "src=f8:bc:12:46:58:e0,dl_type=0x0800),ipv4(src=1.1.2.88,dst=1.1.2.92,"
      "proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0),"
      "vxlan(flags=0x8000000,vni=0x7b)),out_port(1))" },
    { "M13", DP_MERGE_WHY_A_TUNNEL_POP, CT "," AGAIN, "tnl_pop(4)" },
    { "M14", DP_MERGE_WHY_A_VLAN, "pop_vlan," CT "," AGAIN, "2" },
    { "M14", DP_MERGE_WHY_A_VLAN,
      "push_vlan(vid=1,pcp=0),push_vlan(vid=1,pcp=0),push_vlan(vid=1,pcp=0),"
      CT "," AGAIN, "2" },
    { "M19", DP_MERGE_WHY_A_CT_FORCE, "ct(force_commit,zone=1)," AGAIN, "2" },
    { "M19", DP_MERGE_WHY_C_MARK, "ct(commit,zone=1,mark=6)," AGAIN, "2" },
    { "M19", DP_MERGE_WHY_C_MARK, "ct(commit,zone=1,mark=2/2)," AGAIN, "2" },
    { "M19", DP_MERGE_WHY_C_LABEL,
      "ct(commit,zone=1,label=0x80000000000000000)," AGAIN, "2" },
    { "M23", DP_MERGE_WHY_A_METER, "meter(1)," CT "," AGAIN, "2" },
    { "M24", DP_MERGE_WHY_A_USERSPACE,
      "userspace(pid=1)," CT "," AGAIN, "2" },
    { "M24", DP_MERGE_WHY_A_SAMPLE,
      CT "," AGAIN, "sample(sample=50.0%,actions(3)),2" },
    { "M24", DP_MERGE_WHY_A_TRUNC, "trunc(64),3," CT "," AGAIN, "2" },
    { "M24", DP_MERGE_WHY_A_LB_OUTPUT, CT "," AGAIN, "lb_output(1)" },
    { "M24", DP_MERGE_WHY_A_NSH, CT "," AGAIN, "push_nsh(flags=0,ttl=63,"
      "mdtype=1,np=3,spi=0x1,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4),2" },
    { "M26", DP_MERGE_WHY_A_CHECK_LEN, CT "," AGAIN,
      "check_pkt_len(size=200,gt(3),le(2))" },
    { "M7", DP_MERGE_WHY_C_TUPLE, "ct(zone=2)," AGAIN, "2" },
    { "M21", DP_MERGE_WHY_A_CLONE, "clone(" CT ")," AGAIN, "2" },
    { "M21", DP_MERGE_WHY_A_CLONE, CT ",clone(" AGAIN ")", NULL },
    { "M21", DP_MERGE_WHY_A_RECIRC, CT "," AGAIN ",3", "2" },
    { "M22", DP_MERGE_WHY_A_SET, CT "," AGAIN, "set(udp(src=1)),2" },
    { "M22", DP_MERGE_WHY_A_SET, CT "," AGAIN, "set(ipv6(tclass=1)),2" },
    { "-", DP_MERGE_WHY_T_NO_CT, AGAIN, "2" },
    { "M38", DP_MERGE_WHY_T_MISFIT, CT ",recirc(2)", "2" },
    { "M38", DP_MERGE_WHY_T_MISFIT, CT ",2", "2" },
    { "M38", DP_MERGE_WHY_T_MISFIT, CT "," AGAIN, NULL },
};

/* An item, what is changed, and why not. */
#define SINGLES                                                             \
    SINGLE(M4, P_TCP_FLAGS, w->packet.tcp_flags |= htons(TCP_SYN))          \
    SINGLE(M4, P_TCP_FLAGS, w->packet.tcp_flags |= htons(TCP_FIN))          \
    SINGLE(M4, P_TCP_FLAGS, w->packet.tcp_flags |= htons(TCP_RST))          \
    SINGLE(M4, P_TCP_FLAGS, w->packet.tcp_flags = 0)                        \
    SINGLE(M9, P_FRAGMENT, w->packet.nw_frag = FLOW_NW_FRAG_ANY)            \
    SINGLE(M11, P_PROTO, w->packet.nw_proto = IPPROTO_ICMP)                 \
    SINGLE(M11, P_PROTO, w->packet.dl_type = htons(ETH_TYPE_ARP))           \
    SINGLE(M13, P_TUNNEL, w->packet.tunnel.ip_dst = htonl(1))               \
    SINGLE(M15, P_AGAIN, w->packet.recirc_id = 1)                           \
    SINGLE(M15, P_AGAIN, w->packet.dp_hash = 1)                             \
    SINGLE(M15, P_AGAIN, w->packet.pkt_mark = 1)                            \
    SINGLE(M15, P_TYPE, w->packet.packet_type                               \
           = PACKET_TYPE_BE(OFPHTN_ETHERTYPE, ETH_TYPE_IP))                 \
    SINGLE(M15, A_HASH, put_only(w, OVS_ACTION_ATTR_HASH))                  \
    SINGLE(M24, A_MPLS, put_only(w, OVS_ACTION_ATTR_PUSH_MPLS))             \
    SINGLE(M24, A_MPLS, put_only(w, OVS_ACTION_ATTR_POP_MPLS))              \
    SINGLE(M24, A_ETH, put_only(w, OVS_ACTION_ATTR_PUSH_ETH))               \
    SINGLE(M24, A_ETH, put_only(w, OVS_ACTION_ATTR_POP_ETH))                \
    SINGLE(-, A_OTHER, put_only(w, NLA_TYPE_MASK))                          \
    SINGLE(M12, C_HELPER, w->conn.has_helper = true)                        \
    SINGLE(M28, C_STATE, w->conn.is_established = false)                    \
    SINGLE(M28, C_NONE, w->stages[0].n_conns = 0)                           \
    SINGLE(M8, C_TUPLE, w->conn.is_reply = true)                            \
    SINGLE(M3, C_TUPLE, w->conn.keys[0].src_port = htons(1))                \
    SINGLE(M7, C_TUPLE, w->conn.keys[0].zone = 2)                           \
    SINGLE(M38, T_MISFIT, w->stages[1].n_conns = 1)                         \
    SINGLE(M38, T_LENGTH, w->n = 0)                                         \
    SINGLE(M37, T_MISFIT, w->keys[1].recirc_id = 7)                         \
    SINGLE(M5, T_MISFIT, (w->keys[1].ct_state = CS_TRACKED | CS_NEW,        \
                          w->wcs[1].masks.ct_state = CS_NEW))               \
    SINGLE(M5, T_MISFIT, (w->keys[1].ct_state = CS_INVALID,                 \
                          w->wcs[1].masks.ct_state = CS_INVALID))           \
    SINGLE(M8, T_MISFIT, (w->keys[1].ct_state = CS_REPLY_DIR,               \
                          w->wcs[1].masks.ct_state = CS_REPLY_DIR))         \
    SINGLE(M6, T_MISFIT, (w->keys[1].ct_mark = 4,                           \
                          w->wcs[1].masks.ct_mark = UINT32_MAX))            \
    SINGLE(M6, T_MISFIT, (w->keys[1].ct_label.u64.hi = 6,                   \
                          w->wcs[1].masks.ct_label.u64.hi = 1))             \
    SINGLE(M2, T_MISFIT, (w->keys[1].nw_ttl = 63,                           \
                          w->wcs[1].masks.nw_ttl = UINT8_MAX))

static void
refuse(const char *item, const struct way *way, enum dp_merge_why expected)
{
    struct dp_merge_rule rule;
    enum dp_merge_why why;

    dp_merge_rule_init(&rule);
    why = compose(way, &rule);
    if (why != expected) {
        dptest_fail("%s: expected \"%s\", got \"%s\"", item,
                    dp_merge_why_text(expected), dp_merge_why_text(why));
    }
    dp_merge_rule_uninit(&rule);
}

static void
test_refuse_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    bool seen[DP_MERGE_N_WHYS] = { false };
    struct way way, *w = &way;

    for (size_t i = 0; i < ARRAY_SIZE(by_actions); i++) {
        init_way(w, by_actions[i].first, by_actions[i].second);
        refuse(by_actions[i].item, w, by_actions[i].why);
        seen[by_actions[i].why] = true;
        uninit_way(w);
    }
#define SINGLE(ITEM, WHY, CHANGE)               \
    init_way(w, CT "," AGAIN, "2");             \
    CHANGE;                                     \
    refuse(#ITEM, w, DP_MERGE_WHY_##WHY);       \
    seen[DP_MERGE_WHY_##WHY] = true;            \
    w->n = 2;                                   \
    uninit_way(w);
    SINGLES
#undef SINGLE

    init_way(w, CT "," AGAIN, NULL);
    while (w->n < MAX_STAGES) {
        char *actions = xasprintf("recirc(%"PRIuSIZE")", w->n + 1);

        add_stage(w, actions);
        free(actions);
    }
    refuse("M38", w, DP_MERGE_WHY_T_LENGTH);
    uninit_way(w);

    /* No reason is there that nothing has.  (That something has changed is
     * found out by others.) */
    for (int i = 0; i < DP_MERGE_N_WHYS; i++) {
        if (!seen[i] && i != DP_MERGE_WHY_NONE
            && i != DP_MERGE_WHY_T_CHANGED) {
            dptest_fail("nothing is refused for \"%s\"",
                        dp_merge_why_text(i));
        }
    }
}
DPTEST_REGISTER("merge-refuse-M2-M3-M4-M5-M6-M7-M8-M9-M11-M12-M13-M14-M15-M19"
                "-M21-M22-M23-M24-M26-M28-M37-M38", test_refuse_main);

/* Rules. */

/* Composes 'way', whose rule must have 'match' and 'actions' as text, and
 * lengths that add up to 'length'. */
static void
check(struct way *way, const char *match, const char *actions, int length)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct dp_merge_rule rule;
    enum dp_merge_why why;
    int sum = 0;

    dp_merge_rule_init(&rule);
    why = compose(way, &rule);
    if (why) {
        dptest_fail("%s", dp_merge_why_text(why));
    }
    match_format(&rule.match, NULL, &ds, OFP_DEFAULT_PRIORITY);
    if (strcmp(ds_cstr(&ds), match)) {
        dptest_fail("%s instead of %s", ds_cstr(&ds), match);
    }
    ds_clear(&ds);
    format_odp_actions(&ds, rule.actions.data, rule.actions.size, NULL);
    if (strcmp(ds_cstr(&ds), actions)) {
        dptest_fail("%s instead of %s", ds_cstr(&ds), actions);
    }
    for (size_t i = 0; i < way->n; i++) {
        sum += rule.length[i];
    }
    ovs_assert(sum == length);
    ds_destroy(&ds);
    dp_merge_rule_uninit(&rule);
    uninit_way(way);
}

#define IN "recirc_id=0,eth,"
#define PACKET "nw_src=10.0.0.1,nw_dst=10.0.0.2"
#define TCP1 "tcp,in_port=1,vlan_tci=0x0000/0x1000,"     /* No tag. */
#define TWO "vlan_tci1=0x0000/0x1000,"          /* There is room for one. */
#define PORTS ",nw_frag=no,tp_src=1000,tp_dst=80,tcp_flags=-fin-syn-rst+ack"

static void
test_rule_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct way way, *w = &way;
    struct dp_merge_conn other, both[2];

    /* M3, M4, M9: what nobody asks. */
    init_way(w, CT "," AGAIN, "2");
    w->wcs[0].masks.nw_frag = w->wcs[1].masks.nw_frag = 0;
    check(w, IN TCP1 PACKET PORTS, "2", 0);

    /* M5, M6, M8: conditions on what the tracker writes are decided. */
    init_way(w, CT "," AGAIN, "2");
    w->keys[1].ct_state = CS_TRACKED | CS_ESTABLISHED;
    w->wcs[1].masks.ct_state = UINT8_MAX;
    w->keys[1].ct_mark = 5;
    w->wcs[1].masks.ct_mark = UINT32_MAX;
    w->keys[1].ct_label.u64.hi = 7;
    w->wcs[1].masks.ct_label = OVS_U128_MAX;
    w->keys[1].ct_zone = 1;
    w->wcs[1].masks.ct_zone = UINT16_MAX;
    check(w, IN TCP1 PACKET PORTS, "2", 0);

    /* M2, M20: two routers; what the second one looks at is set by the
     * first. */
    init_way(w, "set(ipv4(ttl=63))," CT "," AGAIN, "set(ipv4(ttl=62)),2");
    w->wcs[0].masks.nw_ttl = w->wcs[1].masks.nw_ttl = UINT8_MAX;
    w->keys[1].nw_ttl = 63;
    check(w, IN TCP1 PACKET ",nw_ttl=64" PORTS,
          "set(ipv4(ttl=63)),set(ipv4(ttl=62)),2", 0);

    /* M1, M22: two stages look at different bits of a field, some of which
     * were set in between. */
    init_way(w, "set(eth(src=00:00:00:00:00:ff/00:00:00:00:00:ff))," CT ","
             AGAIN, "2");
    w->wcs[0].masks.dl_src.ea[0] = 0xff;
    w->keys[1].dl_src.ea[5] = 0xff;
    w->wcs[1].masks.dl_src.ea[1] = 0xff;
    w->wcs[1].masks.dl_src.ea[5] = 0xff;
    check(w, IN TCP1 "dl_src=00:00:00:00:00:00/ff:ff:00:00:00:00,"
          PACKET PORTS,
          "set(eth(src=00:00:00:00:00:ff/00:00:00:00:00:ff)),2", 0);

    /* M18: translation, in both directions. */
    init_way(w, "ct(zone=1,nat)," AGAIN, "2");
    set_key(&w->conn.keys[1], 0x0a000002, 80, 0x0a000009, 5000);
    w->conn.nat = CS_SRC_NAT;
    w->keys[1].ct_state = CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT;
    w->wcs[1].masks.ct_state = UINT8_MAX;
    w->keys[1].nw_src = htonl(0x0a000009);
    w->wcs[1].masks.nw_src = OVS_BE32_MAX;
    check(w, IN TCP1 PACKET PORTS,
          "set(ipv4(src=10.0.0.9)),set(tcp(src=5000)),2", 0);

    init_way(w, "ct(zone=1,nat)," AGAIN, "2");
    set_key(&w->conn.keys[0], 0x0a000007, 80, 0x0a000001, 1000);
    set_key(&w->conn.keys[1], 0x0a000001, 1000, 0x0a000002, 80);
    w->conn.nat = CS_DST_NAT;
    w->conn.is_reply = true;
    w->keys[1].ct_state = (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR
                           | CS_DST_NAT);
    w->wcs[1].masks.ct_state = UINT8_MAX;
    check(w, IN TCP1 PACKET PORTS, "set(ipv4(dst=10.0.0.7)),2",
          0);

    /* M18: whoever was translated, and then rewritten to be of another
     * connection, is known by its reverse, and not translated again. */
    init_way(w, "ct(zone=1,nat)," AGAIN, "ct(zone=1,nat),recirc(2)");
    set_key(&w->conn.keys[1], 0x0a000002, 80, 0x0a000009, 5000);
    w->conn.nat = CS_SRC_NAT;
    w->keys[1].ct_state = CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT;
    w->wcs[1].masks.ct_state = UINT8_MAX;
    add_stage(w, "2");
    w->keys[2].ct_state = CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT;
    w->wcs[2].masks.ct_state = UINT8_MAX;
    other = w->conn;
    other.nat = CS_DST_NAT;
    w->stages[1].conns = &other;
    check(w, IN TCP1 PACKET PORTS,
          "set(ipv4(src=10.0.0.9)),set(tcp(src=5000)),2", 0);

    /* M7: two zones in one stage. */
    init_way(w, "ct(zone=1),ct(zone=2)," AGAIN, "2");
    both[0] = both[1] = w->conn;
    both[1].keys[0].zone = both[1].keys[1].zone = 2;
    both[1].mark = 9;
    w->stages[0].conns = both;
    w->stages[0].n_conns = 2;
    w->keys[1].ct_mark = 9;
    w->wcs[1].masks.ct_mark = UINT32_MAX;
    check(w, IN TCP1 PACKET PORTS, "2", 0);

    /* M19: what "commit" would set is there; the other bits don't matter. */
    init_way(w, "ct(commit,zone=1,mark=4/6)," AGAIN, "2");
    check(w, IN TCP1 PACKET PORTS, "2", 0);

    /* M21, M25: what leaves on the way keeps its place, and what nobody sees
     * is not done. */
    init_way(w, "3,set(eth(src=00:00:00:00:00:01)),clone(push_vlan(vid=5,"
             "pcp=0),4,set(ipv4(ttl=1)))," CT "," AGAIN,
             "set(eth(src=00:00:00:00:00:02)),clone(set(ipv4(ttl=1)))");
    check(w, IN TCP1 TWO PACKET PORTS,
          "3,set(eth(src=00:00:00:00:00:01)),"
          "clone(push_vlan(vid=5,pcp=0),4)", 0);
    init_way(w, "set(ipv4(ttl=1))," CT "," AGAIN, "set(ipv4(ttl=2))");
    check(w, IN TCP1 PACKET PORTS, "drop", 0);

    /* M14, M41: a tag that is pushed, and one that is taken off. */
    init_way(w, "push_vlan(vid=5,pcp=0)," CT "," AGAIN, "2");
    check(w, IN TCP1 TWO PACKET PORTS,
          "push_vlan(vid=5,pcp=0),2", 4);

    init_way(w, "pop_vlan," CT "," AGAIN, "2");
    w->packet.vlans[0].tpid = htons(ETH_TYPE_VLAN);
    w->packet.vlans[0].tci = htons(VLAN_CFI | 5);
    check(w, IN "tcp,in_port=1,vlan_tci=0x1000/0x1000," TWO PACKET PORTS,
          "pop_vlan,2", -4);
}
DPTEST_REGISTER("merge-rule-M1-M2-M3-M4-M5-M6-M7-M8-M9-M14-M18-M19-M20-M21-M22"
                "-M25-M41", test_rule_main);
