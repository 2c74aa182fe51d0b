/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/nsh.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "pipe/dp-lane.h"
#include "tests/dptest.h"

/* Lists of actions on packets that have, or have not, the headers that the
 * actions change.
 *
 * A packet ends where its memory ends: behind it is a page that nobody may
 * touch.  So each access behind the end is seen, in Open vSwitch's library,
 * too, with or without sanitizers. */

#define ETH "020000000002" "020000000001"
#define IP4(LEN, FRAG, PROTO) "4500" LEN "0001" FRAG "40" PROTO "0000" \
                              "0a000001" "0a000002"
#define IP6(LEN, PROTO) "60000000" LEN PROTO "ff" \
                        "fe800000000000000000000000000001" \
                        "fe800000000000000000000000000002"
#define TCP "03e807d0" "0000000100000002" "50100400" "1234" "0000"
#define UDP "03e807d0" "00101234" "6162636465666768"
#define SCTP "03e807d0" "00000001" "00000000" "0102030405060708"
#define ICMP "0800" "1234" "00010002"
#define ARP "0001080006040001" "020000000001" "0a000001" \
            "000000000000" "0a000002"
#define NSH "0fc6010300000102" "00000001" "00000002" "00000003" "00000004"
#define SOLICIT "87001234" "00000000" "fe800000000000000000000000000003"

#define SET_ETH "set(eth(src=02:00:00:00:00:07,dst=02:00:00:00:00:08))"
#define SET_IP4 "set(ipv4(src=1.2.3.4,dst=5.6.7.8,tos=4,ttl=9))"
#define SET_IP6 "set(ipv6(src=fe80::7,dst=fe80::8,label=0x12345,tclass=4," \
                "hlimit=9))"
#define SET_ARP "set(arp(sip=1.2.3.4,tip=5.6.7.8,op=2," \
                "sha=02:00:00:00:00:07,tha=02:00:00:00:00:08))"
#define SET_ND "set(nd(target=fe80::7,sll=02:00:00:00:00:07," \
               "tll=02:00:00:00:00:08))"

/* What a packet is, and actions that are made for it. */
static const struct kind {
    uint32_t type;
    const char *bytes;          /* In hex. */
    const char *actions[4];
} kinds[] = {
    { PT_ETH, ETH "0800" IP4("0028", "0000", "06") TCP,
      { SET_IP4, "set(ipv4(src=1.2.0.0/255.255.0.0,ttl=9/0xff))",
        "set(tcp(src=7,dst=8))", "pop_eth" } },
    { PT_ETH, ETH "81000007" "0800" IP4("0024", "0000", "11") UDP,
      { SET_ETH, "set(udp(src=7/0xff,dst=8/0xff))", "pop_vlan", SET_IP4 } },
    { PT_ETH, ETH "0800" IP4("0028", "0000", "84") SCTP,
      { "set(sctp(src=7,dst=8))", "push_vlan(vid=5,pcp=1)" } },
    { PT_ETH, ETH "0800" IP4("001c", "0000", "01") ICMP,
      { "set(icmp(type=3,code=1))", "push_mpls" } },
    { PT_ETH, ETH "0800" IP4("0028", "2000", "06") TCP,
      { SET_IP4, "set(tcp(src=7,dst=8))" } },
    { PT_ETH, ETH "0806" ARP,
      { SET_ARP, "set(arp(sip=1.2.3.4/255.255.255.255,op=2/0xffff))" } },
    { PT_ETH, ETH "8035" ARP, { SET_ARP } },
    { PT_ETH, ETH "86dd" IP6("0014", "06") TCP,
      { SET_IP6, "set(ipv6(src=fe80::7/ffff::ffff,hlimit=9/0xff))",
        "set(tcp(src=7/0xff,dst=8/0xff))" } },
    { PT_ETH, ETH "86dd" IP6("0018", "00") "1100010400000000" UDP,
      { SET_IP6, "set(udp(src=7,dst=8))" } },
    { PT_ETH, ETH "86dd" IP6("0018", "2b") "1100000100000000" UDP,
      { SET_IP6, "set(udp(src=7,dst=8))" } },
    { PT_ETH, ETH "86dd" IP6("0020", "3a") SOLICIT "0101" "020000000001",
      { SET_ND, "set(nd_ext(nd_reserved=0x7,nd_options_type=2))", SET_IP6,
        "set(nd(target=fe80::7/ffff::ffff,sll=02:00:00:00:00:07/"
        "ff:ff:ff:ff:ff:ff))" } },
    { PT_ETH, ETH "86dd" IP6("0018", "3a") SOLICIT, { SET_ND } },
    { PT_ETH, ETH "86dd" IP6("0028", "3a") SOLICIT "0501000005dc0000"
      "0101" "020000000001", { SET_ND } },
    { PT_ETH, ETH "8847" "00007140" IP4("001c", "0000", "01") ICMP,
      { "set(mpls(label=9,tc=1,ttl=8,bos=1))", "pop_mpls", "push_mpls",
        "set(mpls(label=9/0xfffff,tc=0/0,ttl=8/0xff,bos=0/0))" } },
    { PT_ETH, ETH "894f" NSH ETH "1234",
      { "pop_eth", SET_ETH, "set_nsh" } },
    { PT_NSH, NSH ETH "1234",
      { "set_nsh", "pop_nsh()" } },
    { PT_NSH, "0fc61103" "00000102" "00000001" "00000002" "00000003" "00000004"
      ETH "1234", { "set_nsh" } },      /* Type 1 with a reserved bit. */
    { PT_IPV4, IP4("001c", "0000", "01") ICMP,
      { SET_IP4, "push_eth",
        "push_nsh(flags=0,ttl=63,mdtype=1,np=1,spi=0x1,si=1,c1=0x1,c2=0x2,"
        "c3=0x3,c4=0x4)",
        "add_mpls(label=7,tc=1,ttl=9,bos=1,eth_type=0x8847)" } },
    { PT_IPV6, IP6("0014", "06") TCP, { SET_IP6 } },
    { PACKET_TYPE(OFPHTN_ETHERTYPE, ETH_TYPE_MPLS), "00007140" ETH "1234",
      { "pop_mpls_teb", "set(mpls(label=9,tc=1,ttl=8,bos=1))" } },
};

/* Actions that are for any packet. */
static const char *const others[] = {
    "1", "trunc(20)", "ct_clear", "hash", "hash_sym",
    ("push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x1,si=1,"
     "md2=0x10000104ffffffff)"),
};

static void
put_set_nsh(struct ofpbuf *list, bool with_contexts)
{
    const struct ovs_nsh_key_base base = { .flags = 2, .ttl = 9,
                                           .mdtype = NSH_M_TYPE1 };
    const struct ovs_nsh_key_md1 md1 = { .context = { htonl(5) } };
    size_t set = nl_msg_start_nested(list, OVS_ACTION_ATTR_SET);
    size_t nsh = nl_msg_start_nested(list, OVS_KEY_ATTR_NSH);

    nl_msg_put_unspec(list, OVS_NSH_KEY_ATTR_BASE, &base, sizeof base);
    if (with_contexts) {
        nl_msg_put_unspec(list, OVS_NSH_KEY_ATTR_MD1, &md1, sizeof md1);
    }
    nl_msg_end_nested(list, nsh);
    nl_msg_end_nested(list, set);
}

/* Puts 'action' into 'list'.  Open vSwitch understands most of its own. */
static void
put_action(struct ofpbuf *list, const char *action)
{
    const struct ovs_action_push_mpls mpls = {
        .mpls_ethertype = htons(ETH_TYPE_MPLS),
        .mpls_lse = htonl(0x7109),
    };
    const struct ovs_action_push_eth eth = {
        .addresses.eth_src = ETH_ADDR_C(02,00,00,00,00,07),
        .addresses.eth_dst = ETH_ADDR_C(02,00,00,00,00,08),
    };
    const struct ovs_action_hash hash = {
        .hash_alg = (!strcmp(action, "hash") ? OVS_HASH_ALG_L4
                     : OVS_HASH_ALG_SYM_L4),
    };

    if (!strcmp(action, "push_mpls")) {
        nl_msg_put_unspec(list, OVS_ACTION_ATTR_PUSH_MPLS, &mpls, sizeof mpls);
    } else if (!strncmp(action, "pop_mpls", 8)) {
        nl_msg_put_be16(list, OVS_ACTION_ATTR_POP_MPLS,
                        htons(action[8] ? ETH_TYPE_TEB : ETH_TYPE_IP));
    } else if (!strcmp(action, "push_eth")) {
        nl_msg_put_unspec(list, OVS_ACTION_ATTR_PUSH_ETH, &eth, sizeof eth);
    } else if (!strncmp(action, "set_nsh", 7)) {
        put_set_nsh(list, !action[7]);
    } else if (!strcmp(action, "pop_eth")) {
        nl_msg_put_flag(list, OVS_ACTION_ATTR_POP_ETH);
    } else if (!strncmp(action, "hash", 4)) {
        nl_msg_put_unspec(list, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
    } else if (odp_actions_from_string(action, NULL, list)) {
        dptest_fail("not understood: %s", action);
    }
}

static void put_random_actions(struct ofpbuf *, int depth);

static void
put_random_nest(struct ofpbuf *list, uint16_t type, int depth)
{
    size_t start = nl_msg_start_nested(list, type);

    put_random_actions(list, depth);
    nl_msg_end_nested(list, start);
}

static void
put_random_actions(struct ofpbuf *list, int depth)
{
    for (int n = 1 + random_range(4); n; n--) {
        const struct kind *kind = &kinds[random_range(ARRAY_SIZE(kinds))];
        const char *action = kind->actions[random_range(4)];
        size_t start;

        switch (depth ? random_range(12) : 12) {
        case 0:
            put_random_nest(list, OVS_ACTION_ATTR_CLONE, depth - 1);
            break;
        case 1:
            start = nl_msg_start_nested(list, OVS_ACTION_ATTR_SAMPLE);
            nl_msg_put_u32(list, OVS_SAMPLE_ATTR_PROBABILITY, UINT32_MAX / 2);
            put_random_nest(list, OVS_SAMPLE_ATTR_ACTIONS, depth - 1);
            nl_msg_end_nested(list, start);
            break;
        case 2:
            start = nl_msg_start_nested(list, OVS_ACTION_ATTR_CHECK_PKT_LEN);
            nl_msg_put_u16(list, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, 50);
            put_random_nest(list, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
                            depth - 1);
            put_random_nest(list, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
                            depth - 1);
            nl_msg_end_nested(list, start);
            break;
        default:
            put_action(list, action && random_range(6)
                       ? action : others[random_range(ARRAY_SIZE(others))]);
            break;
        }
    }
}

/* Returns 'len' bytes that end where memory ends, in a place of their own:
 * there are four.  The packet can grow at its head. */
static struct dp_packet *
fenced_packet(const void *bytes, size_t len, uint32_t type)
{
    enum { N_PLACES = 4, ROOM = 8192 };
    static char *places[N_PLACES];
    static unsigned int next;
    struct dp_packet *packet = dp_packet_new(0);
    size_t page = getpagesize();
    char **place = &places[next++ % N_PLACES];
    struct flow flow;

    if (!*place) {
        *place = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ovs_assert(*place != MAP_FAILED
                   && !mprotect(*place + ROOM, page, PROT_NONE));
    }
    dp_packet_uninit(packet);
    dp_packet_use_stub(packet, *place, ROOM);
    dp_packet_set_data(packet, *place + ROOM - len);
    dp_packet_set_size(packet, len);
    memcpy(dp_packet_data(packet), bytes, len);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    packet->packet_type = htonl(type);
    dp_packet_reset_cutlen(packet);
    flow_extract(packet, &flow);
    return packet;
}

static struct dp_packet *
packet_of_kind(const struct kind *kind, size_t max_len)
{
    struct dp_packet *whole = dp_packet_new(0), *packet;

    ovs_assert(!*dp_packet_put_hex(whole, kind->bytes, NULL));
    packet = fenced_packet(dp_packet_data(whole),
                           MIN(dp_packet_size(whole), max_len), kind->type);
    dp_packet_delete(whole);
    return packet;
}

/* Of no lane, so that drops are only summed up. */
static const struct dp_exec laneless;

static void
free_output(void *x OVS_UNUSED, struct dp_packet_batch *batch,
            const struct nlattr *a OVS_UNUSED, bool steal)
{
    dp_packet_delete_batch(batch, steal);
}

/* Is it the same packet?  The library's idea of offsets counts, too. */
static bool
same(const struct dp_packet *a, const struct dp_packet *b)
{
    return (dp_packet_equal(a, b) && a->packet_type == b->packet_type
            && a->l2_5_ofs == b->l2_5_ofs && a->l3_ofs == b->l3_ofs
            && a->l4_ofs == b->l4_ofs);
}

/* An action that was made for a packet does what it does in the library. */
static void
check_made_for(const struct kind *kind, const char *action)
{
    struct dp_packet *before = packet_of_kind(kind, SIZE_MAX);
    struct dp_packet *ours = packet_of_kind(kind, SIZE_MAX);
    struct dp_packet *theirs = packet_of_kind(kind, SIZE_MAX);
    struct dp_packet_batch batch;
    struct ofpbuf actions;

    ofpbuf_init(&actions, 0);
    put_action(&actions, action);
    dp_packet_batch_init_packet(&batch, ours);
    dp_exec_list(&laneless, &batch, false, actions.data, actions.size, NULL);
    /* The library may look behind the end. */
    dp_packet_prealloc_tailroom(theirs, 64);
    dp_packet_batch_init_packet(&batch, theirs);
    odp_execute_actions(NULL, &batch, false, actions.data, actions.size, NULL);
    if (!same(ours, theirs) || same(ours, before)) {
        dptest_fail("%s of %s", action, kind->bytes);
    }
    dp_packet_delete(before);
    dp_packet_delete(ours);
    dp_packet_delete(theirs);
    ofpbuf_uninit(&actions);
}

/* Does the actions to a packet of 'kind'. */
static struct dp_packet *
do_actions(const struct kind *kind, const char *const actions[], size_t n)
{
    struct dp_packet *packet = packet_of_kind(kind, SIZE_MAX);
    struct dp_packet_batch batch;
    struct ofpbuf list;

    ofpbuf_init(&list, 0);
    for (size_t i = 0; i < n; i++) {
        put_action(&list, actions[i]);
    }
    dp_packet_batch_init_packet(&batch, packet);
    dp_exec_list(&laneless, &batch, false, list.data, list.size, NULL);
    ofpbuf_uninit(&list);
    ovs_assert(dp_packet_batch_size(&batch) == 1);
    return packet;
}

/* Contexts are not set to what nobody has said. */
static void
check_nsh_without_contexts(void)
{
    static const struct kind nsh = {
        PT_NSH, NSH ETH "1234", { "set_nsh_base" }
    };
    struct dp_packet *before = packet_of_kind(&nsh, SIZE_MAX);
    struct dp_packet *after = do_actions(&nsh, nsh.actions, 1);

    ovs_assert(same(before, after));
    dp_packet_delete(before);
    dp_packet_delete(after);
}

/* What looks like a layer 4 header in a fragment that is not the first is
 * payload. */
static void
check_later_fragments(void)
{
    static const struct kind later[] = {
        { PT_ETH, ETH "0800" IP4("0028", "00b9", "06") TCP,
          { SET_IP4, "set(ipv4(src=1.2.0.0/255.255.0.0))",
            "set(tcp(src=7,dst=8))", "set(tcp(src=7/0xff))" } },
        { PT_ETH, ETH "0800" IP4("0024", "20b9", "11") UDP,
          { SET_IP4, "set(ipv4(src=1.2.0.0/255.255.0.0))",
            "set(udp(src=7,dst=8))", "set(udp(src=7/0xff))" } },
        { PT_ETH, ETH "0800" IP4("0028", "0001", "84") SCTP,
          { SET_IP4, "set(sctp(src=7,dst=8))", "set(sctp(dst=7/0xff))" } },
        { PT_ETH, ETH "0800" IP4("001c", "0001", "01") ICMP,
          { SET_IP4, "set(icmp(type=3,code=1))" } },
        { PT_ETH, ETH "86dd" IP6("0018", "2c") "1100000900000001" UDP,
          { SET_IP6, "set(udp(src=7,dst=8))", "set(udp(src=7/0xff))",
            "set(tcp(src=7,dst=8))" } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
        const struct kind *kind = &later[i];
        struct dp_packet *before = packet_of_kind(kind, SIZE_MAX);
        struct dp_packet *after = do_actions(kind, kind->actions,
                                             kind->actions[3] ? 4
                                             : kind->actions[2] ? 3 : 2);

        ovs_assert(dp_packet_size(before) == dp_packet_size(after));
        ovs_assert(!memcmp(dp_packet_l4(before), dp_packet_l4(after),
                           dp_packet_l4_size(before)));
        ovs_assert(memcmp(dp_packet_l3(before), dp_packet_l3(after),
                          IP_HEADER_LEN));
        dp_packet_delete(before);
        dp_packet_delete(after);
    }
}

/* A hash of 0 would mean that there is none.  The library gives it to IPv4
 * that is cut off. */
static void
check_hash_of_unknown(void)
{
    static const struct kind unknown = { PT_ETH, ETH "0800" "45", { NULL } };
    static const char *const hashes[] = { "hash", "hash_sym" };

    for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
        struct dp_packet *packet = do_actions(&unknown, &hashes[i], 1);

        ovs_assert(packet->md.dp_hash);
        dp_packet_delete(packet);
    }
}

/* Whatever is done to whatever there is of packets, nothing behind them is
 * touched, none is shorter than it may be, and none is lost. */
static void
check_anything(void)
{
    struct dp_packet_batch batch;
    struct ofpbuf actions;

    ofpbuf_init(&actions, 0);
    put_random_actions(&actions, 2);
    dp_packet_batch_init(&batch);
    for (int i = 0; i < 3; i++) {
        const struct kind *kind = &kinds[random_range(ARRAY_SIZE(kinds))];
        size_t max_len = (random_range(4)
                          ? ETH_HEADER_LEN + random_range(100) : SIZE_MAX);
        struct dp_packet *packet = packet_of_kind(kind, max_len);
        struct flow flow;

        if (random_range(3) == 0) {
            size_t size = dp_packet_size(packet);

            ((uint8_t *) dp_packet_data(packet))[random_range(size)]
                = random_uint32();
            flow_extract(packet, &flow);
        }
        dp_packet_batch_add(&batch, packet);
    }
    dp_exec_list(&laneless, &batch, false, actions.data, actions.size,
                 free_output);
    for (size_t i = 0; i < dp_packet_batch_size(&batch); i++) {
        const struct dp_packet *packet = batch.packets[i];

        ovs_assert(dp_packet_size(packet) < 2000);
        ovs_assert(!dp_packet_is_eth(packet)
                   || dp_packet_size(packet) >= ETH_HEADER_LEN);
    }
    dp_packet_delete_batch(&batch, true);
    ofpbuf_uninit(&actions);
}

static void
test_exec_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    odp_execute_init();
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        for (size_t j = 0; j < 4 && kinds[i].actions[j]; j++) {
            check_made_for(&kinds[i], kinds[i].actions[j]);
        }
    }
    check_nsh_without_contexts();
    check_later_fragments();
    check_hash_of_unknown();
    for (int i = 0; i < DPTEST_MANY(100000); i++) {
        check_anything();
    }
}
DPTEST_REGISTER("exec", test_exec_main);

/* Tunnels: whatever comes behind the outer IP header is taken for a tunnel's
 * header as far as it is there. */

static struct dp_packet *
outer_packet(uint8_t proto, size_t len)
{
    enum { L4 = ETH_HEADER_LEN + IP_HEADER_LEN };
    struct ip_header ip = {
        .ip_ihl_ver = IP_IHL_VER(5, random_range(10) ? 4 : 6),
        .ip_tot_len = htons(IP_HEADER_LEN + len),
        .ip_proto = proto,
        .ip_frag_off = random_range(50) ? 0 : htons(1),
    };
    uint8_t frame[L4 + 100];
    uint8_t *l4 = &frame[L4];

    random_bytes(frame, sizeof frame);
    memcpy(&frame[12], "\x08", 2);
    ip.ip_csum = csum(&ip, sizeof ip);
    memcpy(&frame[ETH_HEADER_LEN], &ip, sizeof ip);
    if (proto == IPPROTO_UDP) {
        memset(&l4[6], 0, 2);                   /* No checksum. */
        l4[8] = random_range(2) ? 0x30 : 0x32;  /* GTP-U: flags... */
        l4[9] = random_range(4) ? 0xff : 1;     /* ...and type. */
    } else {
        memcpy(l4, random_range(2) ? "\x10\0\x88\xbe" : "\0\0\x65\x58", 4);
        l4[8] = random_range(4) << 4;           /* ERSPAN: version. */
    }
    return fenced_packet(frame, L4 + len, PT_ETH);
}

static void
test_exec_tunnel_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const char *const types[] = {
        "vxlan", "geneve", "gre", "erspan", "gtpu",
    };
    struct dp_shared shared;
    struct dp_txqs txqs;
    struct dp_lane lane;
    struct dp_exec x = { .lane = &lane, .depth = DP_MAX_RECIRC_DEPTH };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    memset(&shared, 0, sizeof shared);
    dp_lane_init(&lane, &shared, NON_PMD_CORE_ID, 0);
    dp_txqs_init(&txqs);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct netdev *netdev;

        ovs_assert(!netdev_open(types[i], types[i], &netdev));
        dp_tx_add_port(&lane.tx, u32_to_odp(i), netdev, &txqs);
    }
    for (int i = 0; i < DPTEST_MANY(100000); i++) {
        size_t type = random_range(ARRAY_SIZE(types));
        const struct dp_step step = { .port = u32_to_odp(type) };
        bool gre = !strcmp(types[type], "gre")
                   || !strcmp(types[type], "erspan");
        struct dp_packet_batch batch;

        dp_packet_batch_init_packet(
            &batch, outer_packet(gre ? IPPROTO_GRE : IPPROTO_UDP,
                                 random_range(100)));
        dp_exec_tunnel_pop(&x, &batch, &step, true);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct netdev *netdev = dp_tx_find(&lane.tx, u32_to_odp(i))->netdev;

        dp_tx_del_port(&lane, u32_to_odp(i));
        netdev_close(netdev);
    }
    dp_txqs_uninit(&txqs);
    dp_lane_uninit(&lane);
}
DPTEST_REGISTER("exec-tunnel", test_exec_tunnel_main);
