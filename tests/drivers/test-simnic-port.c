/* SPDX-License-Identifier: Apache-2.0 */

/* net_simnic from an application's side: a DPDK program of one thread that
 * opens ports, sets rules, and looks at every packet that comes out.
 *
 * The driver is linked in, not loaded, so that the sanitizers see it.  Needs
 * neither huge pages nor root: run it with
 *     --no-huge -m 256 --no-pci --no-telemetry -l 0
 * Prints "N passed, N failed". */

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_tcp.h>
#include <rte_thash.h>
#include <rte_udp.h>

static struct rte_mempool *pool;
static unsigned int n_passed, n_failed;
static const char *test_name;
static bool test_ok;

#define CHECK(COND)                                                     \
    do {                                                                \
        if (!(COND)) {                                                  \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, test_name,    \
                   #COND);                                              \
            test_ok = false;                                            \
        }                                                               \
    } while (0)

/* Ports. */

static uint16_t
add_port(const char *name, const char *args)
{
    uint16_t port = UINT16_MAX;

    if (rte_vdev_init(name, args)
        || rte_eth_dev_get_port_by_name(name, &port)) {
        return UINT16_MAX;
    }
    return port;
}

static int
start_port(uint16_t port, uint16_t n_queues, uint64_t rx_offloads)
{
    struct rte_eth_conf conf;
    int retval;

    memset(&conf, 0, sizeof conf);
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads = rx_offloads;
    conf.rx_adv_conf.rss_conf.rss_hf = (RTE_ETH_RSS_NONFRAG_IPV4_UDP
                                        | RTE_ETH_RSS_IPV4
                                        | RTE_ETH_RSS_IPV6);
    retval = rte_eth_dev_configure(port, n_queues, 1, &conf);
    for (uint16_t i = 0; !retval && i < n_queues; i++) {
        retval = rte_eth_rx_queue_setup(port, i, 128, 0, NULL, pool);
    }
    if (!retval) {
        retval = rte_eth_tx_queue_setup(port, 0, 128, 0, NULL);
    }
    if (!retval) {
        retval = rte_eth_promiscuous_enable(port);
    }
    return retval ? retval : rte_eth_dev_start(port);
}

static uint16_t
open_port(const char *name, const char *args)
{
    uint16_t port = add_port(name, args);

    CHECK(port != UINT16_MAX);
    CHECK(!start_port(port, 1, 0));
    return port;
}

static void
close_port(uint16_t port)
{
    char name[RTE_ETH_NAME_MAX_LEN];

    CHECK(!rte_eth_dev_get_name_by_port(port, name));
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!rte_eth_dev_close(port));
    CHECK(!rte_vdev_uninit(name));
}

/* Receives until 'n' packets are there or nothing comes. */
static unsigned int
receive(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, unsigned int n)
{
    unsigned int got = 0;

    for (int idle = 0; got < n && idle < 100; idle++) {
        uint16_t k = rte_eth_rx_burst(port, queue, pkts + got,
                                      RTE_MIN(n - got, 32u));

        got += k;
        idle = k ? 0 : idle;
    }
    return got;
}

/* Rules. */

struct rule {
    struct rte_flow_attr attr;
    struct rte_flow_item item[8];
    struct rte_flow_action action[8];
    struct rte_flow_item_ipv4 ipv4, ipv4_mask;
    struct rte_flow_action_mark mark;
    struct rte_flow_action_queue queue;
    struct rte_flow_action_jump jump;
    struct rte_flow_action_age age;
    struct rte_flow_action_ethdev ethdev;
    unsigned int n_items, n_actions;
};

/* eth / ipv4 dst is DST (0: any) */
static void
rule_init(struct rule *r, uint32_t dst)
{
    memset(r, 0, sizeof *r);
    r->attr.ingress = 1;
    r->item[0].type = RTE_FLOW_ITEM_TYPE_ETH;
    r->item[1].type = RTE_FLOW_ITEM_TYPE_IPV4;
    if (dst) {
        r->ipv4.hdr.dst_addr = rte_cpu_to_be_32(dst);
        r->ipv4_mask.hdr.dst_addr = UINT32_MAX;
        r->item[1].spec = &r->ipv4;
        r->item[1].mask = &r->ipv4_mask;
    }
    r->n_items = 2;
}

static void
rule_act(struct rule *r, enum rte_flow_action_type type, const void *conf)
{
    r->action[r->n_actions].type = type;
    r->action[r->n_actions++].conf = conf;
}

static void
rule_mark(struct rule *r, uint32_t mark)
{
    r->mark.id = mark;
    rule_act(r, RTE_FLOW_ACTION_TYPE_MARK, &r->mark);
}

static void
rule_queue(struct rule *r, uint16_t queue)
{
    r->queue.index = queue;
    rule_act(r, RTE_FLOW_ACTION_TYPE_QUEUE, &r->queue);
}

static struct rte_flow_error error;

/* Creates the rule; validate() must agree. */
static struct rte_flow *
rule_create(uint16_t port, struct rule *r)
{
    int valid = rte_flow_validate(port, &r->attr, r->item, r->action, &error);
    struct rte_flow *flow;

    memset(&error, 0, sizeof error);
    flow = rte_flow_create(port, &r->attr, r->item, r->action, &error);
    CHECK(!valid == (flow != NULL));
    CHECK(flow || (error.message && error.type));
    return flow;
}

static uint64_t
hits(uint16_t port, struct rte_flow *flow)
{
    struct rte_flow_action count = { .type = RTE_FLOW_ACTION_TYPE_COUNT };
    struct rte_flow_query_count query = { .reset = 0 };

    CHECK(!rte_flow_query(port, flow, &count, &query, &error));
    CHECK(query.hits_set && query.bytes_set);
    return query.hits;
}

static uint32_t
dst_of(const struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip;

    ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, 14);
    return rte_be_to_cpu_32(ip->dst_addr);
}

static bool
csums_ok(const struct rte_mbuf *m)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
        m, struct rte_ipv4_hdr *, 14);
    void *l4 = ip + 1;

    if (rte_ipv4_cksum(ip) != 0 && rte_raw_cksum(ip, 20) != 0xffff) {
        return false;
    }
    return (ip->next_proto_id == IPPROTO_TCP
            ? !rte_ipv4_udptcp_cksum_verify(ip, l4) : true);
}

#define DST(I) (0xc6120001u + (I))      /* 198.18.0.1 + I */
#define MAX 512

/* Tests. */

static void
test_devargs(void)
{
    static const char *const bad[] = {
        "mode=nothing", "streams=0", "streams=x", "streams=", "nonsense=1",
        "mode=pcap", "mode=pcap,file=/nonexistent", "mode=pair",
        "streams=10,megaflows=11", "order=zipf:9", "size=10", "size=64:0",
        "vlan=5000", "proto=udp4+tcp9", "hwaddr=01:00:00:00:00:00",
        "fail=create:0:1", "mark-bits=33", "rate=1,rate=2", "hot=1:2",
        "mega=vlan", "timed=1", "queues=65",
    };
    uint16_t port;

    for (size_t i = 0; i < RTE_DIM(bad); i++) {
        port = add_port("net_simnic9", bad[i]);
        if (strstr(bad[i], "nonexistent")) {
            /* The file is read when the port is configured. */
            CHECK(port != UINT16_MAX);
            CHECK(start_port(port, 1, 0));
            CHECK(!rte_vdev_uninit("net_simnic9"));
        } else if (port != UINT16_MAX) {
            printf("accepted: %s\n", bad[i]);
            CHECK(!"a bad argument was accepted");
            rte_vdev_uninit("net_simnic9");
        }
    }

    port = add_port("net_simnic9", "mode=gen");
    CHECK(port != UINT16_MAX);
    CHECK(add_port("net_simnic9", "mode=gen") == UINT16_MAX
          || rte_vdev_init("net_simnic9", "mode=gen"));
    CHECK(!rte_vdev_uninit("net_simnic9"));

    port = add_port("net_simnic8", "mode=pair,link=a");
    CHECK(port != UINT16_MAX);
    CHECK(add_port("net_simnic9", "mode=pair,link=a") != UINT16_MAX);
    CHECK(add_port("net_simnic7", "mode=pair,link=a") == UINT16_MAX);
    CHECK(!rte_vdev_uninit("net_simnic9"));
    CHECK(!rte_vdev_uninit("net_simnic8"));
}

static void
test_marks(void)
{
    uint16_t port = open_port("net_simnic0", "streams=100,megaflows=10");
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    struct rule r;
    unsigned int n;

    rule_init(&r, DST(3));
    rule_mark(&r, 0xdeadbeef);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    rule_queue(&r, 0);
    flow = rule_create(port, &r);
    CHECK(flow);
    n = receive(port, 0, pkts, 500);
    CHECK(n == 500);
    for (unsigned int i = 0; i < n; i++) {
        bool marked = pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR_ID;

        CHECK(marked == (dst_of(pkts[i]) == DST(3)));
        CHECK(!marked || pkts[i]->hash.fdir.hi == 0xdeadbeef);
        CHECK(csums_ok(pkts[i]));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(hits(port, flow) == 50);

    CHECK(!rte_flow_destroy(port, flow, &error));
    CHECK(rte_flow_destroy(port, flow, &error) == -ENOENT);
    n = receive(port, 0, pkts, 200);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(!(pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);
}

static void
test_drop_and_isolate(void)
{
    uint16_t port = open_port("net_simnic0", "streams=10,megaflows=10");
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    struct rule r;
    unsigned int n;

    rule_init(&r, DST(0));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DROP, NULL);
    flow = rule_create(port, &r);
    CHECK(flow);
    n = receive(port, 0, pkts, 90);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(dst_of(pkts[i]) != DST(0));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(hits(port, flow) == 10);

    CHECK(!rte_flow_isolate(port, 1, &error));
    CHECK(!receive(port, 0, pkts, 10));
    CHECK(!rte_flow_isolate(port, 0, &error));
    CHECK(!rte_flow_flush(port, &error));
    n = receive(port, 0, pkts, 10);
    CHECK(n == 10);
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);
}

static void
test_groups(void)
{
    uint16_t port = open_port("net_simnic0", "streams=10,megaflows=10,"
                              "proto=tcp4");
    struct rte_flow_action_set_ipv4 set = { .ipv4_addr = RTE_BE32(DST(77)) };
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *jump, *after;
    struct rule r;
    unsigned int n;

    /* Group 0: everything is counted and goes on to group 5. */
    rule_init(&r, 0);
    r.jump.group = 5;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_JUMP, &r.jump);
    jump = rule_create(port, &r);
    CHECK(jump);

    /* Group 5: two priorities for one address, PASSTHRU for another. */
    rule_init(&r, DST(1));
    r.attr.group = 5;
    r.attr.priority = 2;
    rule_mark(&r, 2);
    CHECK(rule_create(port, &r));
    rule_init(&r, DST(1));
    r.attr.group = 5;
    r.attr.priority = 1;
    rule_mark(&r, 1);
    CHECK(rule_create(port, &r));
    rule_init(&r, DST(2));
    r.attr.group = 5;
    rule_mark(&r, 20);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_PASSTHRU, NULL);
    CHECK(rule_create(port, &r));
    rule_init(&r, 0);
    r.attr.group = 5;
    r.attr.priority = 9;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_FLAG, NULL);
    after = rule_create(port, &r);
    CHECK(after);

    n = receive(port, 0, pkts, 100);
    for (unsigned int i = 0; i < n; i++) {
        uint32_t dst = dst_of(pkts[i]);
        uint64_t flags = pkts[i]->ol_flags;

        CHECK(flags & RTE_MBUF_F_RX_FDIR);
        CHECK(!(flags & RTE_MBUF_F_RX_FDIR_ID)
              == (dst != DST(1) && dst != DST(2)));
        CHECK(dst != DST(1) || pkts[i]->hash.fdir.hi == 1);
        CHECK(dst != DST(2) || pkts[i]->hash.fdir.hi == 20);
    }
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(hits(port, jump) == 100);
    CHECK(hits(port, after) == 90);

    /* A rule that edits, and one of the next group that sees it. */
    rule_init(&r, DST(4));
    r.jump.group = 6;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_SET_IPV4_DST, &set);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_JUMP, &r.jump);
    r.attr.group = 5;
    CHECK(rule_create(port, &r));
    rule_init(&r, DST(77));
    r.attr.group = 6;
    rule_mark(&r, 77);
    CHECK(rule_create(port, &r));
    n = receive(port, 0, pkts, 100);
    unsigned int n_edited = 0;
    for (unsigned int i = 0; i < n; i++) {
        CHECK(dst_of(pkts[i]) != DST(4));
        CHECK(csums_ok(pkts[i]));
        if (dst_of(pkts[i]) == DST(77)) {
            n_edited++;
            CHECK(pkts[i]->hash.fdir.hi == 77);
        }
    }
    CHECK(n_edited == 10);
    rte_pktmbuf_free_bulk(pkts, n);

    /* Backwards is refused. */
    rule_init(&r, DST(5));
    r.attr.group = 5;
    r.jump.group = 5;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_JUMP, &r.jump);
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ACTION_CONF);
    close_port(port);
}

static void
test_edits(void)
{
    uint16_t port = open_port("net_simnic0", "streams=8,megaflows=8,"
                              "proto=tcp4,size=128,fill=1");
    struct rte_flow_action_of_push_vlan push = { .ethertype
                                                 = RTE_BE16(0x8100) };
    struct rte_flow_action_of_set_vlan_vid vid = { RTE_BE16(123) };
    struct rte_flow_action_of_set_vlan_pcp pcp = { 5 };
    struct rte_flow_action_set_tp tp = { RTE_BE16(4321) };
    struct rte_flow_action_set_mac mac = { { 2, 3, 4, 5, 6, 7 } };
    struct rte_flow_item_eth eth = { .hdr.ether_type = 0 };
    struct rte_flow_item_ipv4 ip = {
        .hdr = { .src_addr = RTE_BE32(1), .dst_addr = RTE_BE32(2) } };
    struct rte_flow_item_udp udp = { .hdr.src_port = RTE_BE16(9) };
    struct rte_flow_item_vxlan vxlan = { .vni = { 0, 1, 2 } };
    struct rte_flow_item definition[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &eth },
        { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip },
        { .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp },
        { .type = RTE_FLOW_ITEM_TYPE_VXLAN, .spec = &vxlan },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    struct rte_flow_action_vxlan_encap encap = { definition };
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *first;
    struct rule r;
    unsigned int n;

    rule_init(&r, DST(0));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_SET_TP_DST, &tp);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_SET_MAC_DST, &mac);
    rule_queue(&r, 0);
    first = rule_create(port, &r);
    CHECK(first);
    rule_init(&r, DST(1));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN, &push);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID, &vid);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP, &pcp);
    rule_mark(&r, 11);
    CHECK(rule_create(port, &r));
    rule_init(&r, DST(2));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP, &encap);
    rule_mark(&r, 22);
    CHECK(rule_create(port, &r));

    n = receive(port, 0, pkts, 64);
    CHECK(n == 64);
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *p = rte_pktmbuf_mtod(pkts[i], uint8_t *);

        if (pkts[i]->hash.fdir.hi == 11) {
            CHECK(pkts[i]->pkt_len == 128);
            CHECK(!memcmp(p + 12, "\x81\x00\xa0\x7b\x08\x00", 6));
            CHECK((pkts[i]->packet_type & RTE_PTYPE_L2_MASK)
                  == RTE_PTYPE_L2_ETHER_VLAN);
        } else if (pkts[i]->hash.fdir.hi == 22) {
            CHECK(pkts[i]->pkt_len == 124 + 50);
            CHECK(csums_ok(pkts[i]));
            CHECK(!memcmp(p + 46, "\0\1\2", 3));
            CHECK(!memcmp(p + 16, "\0\xa0", 2));
            CHECK((pkts[i]->packet_type & RTE_PTYPE_TUNNEL_MASK)
                  == RTE_PTYPE_TUNNEL_VXLAN);
        } else {
            CHECK(csums_ok(pkts[i]));
            if (dst_of(pkts[i]) == DST(0)) {
                CHECK(!memcmp(p, mac.mac_addr, 6));
                CHECK(p[22] == 63);
                CHECK(!memcmp(p + 36, &tp.port, 2));
            } else {
                CHECK(p[22] == 64);
            }
        }
    }
    rte_pktmbuf_free_bulk(pkts, n);

    /* Under traffic: rules with edits come and go. */
    for (unsigned int k = 0; k < 200; k++) {
        CHECK(!rte_flow_destroy(port, first, &error));
        rule_init(&r, DST(0));
        rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
        first = rule_create(port, &r);
        CHECK(first);
        n = receive(port, 0, pkts, 16);
        rte_pktmbuf_free_bulk(pkts, n);
    }
    close_port(port);
}

static void
test_refusals(void)
{
    uint16_t port = open_port("net_simnic0", "streams=100,megaflows=100,"
                              "capacity=5,group-capacity=4,mark-bits=8,"
                              "groups=4,priorities=2");
    struct rte_flow *flow[8];
    struct rule r;

    rule_init(&r, DST(0));
    rule_mark(&r, 256);
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ACTION_CONF);
    rule_init(&r, DST(0));
    rule_queue(&r, 1);
    CHECK(!rule_create(port, &r));
    rule_init(&r, DST(0));
    r.attr.group = 4;
    rule_mark(&r, 1);
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ATTR_GROUP);
    r.attr.group = 0;
    r.attr.priority = 2;
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY);
    r.attr.priority = 0;
    r.attr.egress = 1;
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ATTR_EGRESS);
    r.attr.egress = 0;
    r.attr.transfer = 1;
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ACTION);
    r.attr.transfer = 0;
    r.ipv4_mask.hdr.packet_id = 1;
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ITEM_MASK);
    CHECK(error.cause == &r.item[1]);
    rule_init(&r, DST(0));
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ACTION_NUM);
    rule_queue(&r, 0);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DROP, NULL);
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_ACTION);

    for (unsigned int i = 0; i < 6; i++) {
        rule_init(&r, DST(i));
        rule_mark(&r, i);
        r.attr.group = i >= 4;
        flow[i] = rule_create(port, &r);
        CHECK((flow[i] != NULL) == (i < 5));
    }
    CHECK(rte_errno == ENOSPC);
    CHECK(!rte_flow_destroy(port, flow[4], &error));
    rule_init(&r, DST(9));
    rule_mark(&r, 9);
    CHECK(!rule_create(port, &r) && rte_errno == ENOSPC);   /* The group. */

    /* A stopped port refuses new rules and keeps the old ones. */
    CHECK(!rte_eth_dev_stop(port));
    r.attr.group = 1;
    CHECK(!rule_create(port, &r));
    CHECK(error.type == RTE_FLOW_ERROR_TYPE_STATE && rte_errno == EBUSY);
    CHECK(!rte_flow_destroy(port, flow[0], &error));
    CHECK(!rte_eth_dev_start(port));
    CHECK(rule_create(port, &r));
    close_port(port);
}

static void
test_faults(void)
{
    uint16_t port = open_port("net_simnic0", "streams=10,megaflows=10,"
                              "keep-rules=0,fail=create:2:5:2,"
                              "counter-lag-ms=60000");
    struct rte_flow *flow[4];
    struct rte_mbuf *pkts[MAX];
    struct rule r;
    unsigned int n;

    for (unsigned int i = 0; i < 4; i++) {
        rule_init(&r, DST(i));
        rule_mark(&r, i + 1);
        rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
        flow[i] = rte_flow_create(port, &r.attr, r.item, r.action, &error);
        CHECK((flow[i] != NULL) == (i == 0 || i == 3));
        CHECK(flow[i] || rte_errno == 5);
    }
    CHECK(hits(port, flow[0]) == 0);
    n = receive(port, 0, pkts, 100);
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(hits(port, flow[0]) == 0);            /* It lags. */
    CHECK(hits(port, flow[3]) == 10);           /* Read the first time. */
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!rte_eth_dev_start(port));
    CHECK(rte_flow_destroy(port, flow[0], &error) == -ENOENT);
    n = receive(port, 0, pkts, 100);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(!(pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);

    /* Marks that are accepted and never delivered. */
    port = open_port("net_simnic0", "no-marks=1");
    rule_init(&r, DST(0));
    rule_mark(&r, 1);
    CHECK(rule_create(port, &r));
    n = receive(port, 0, pkts, 10);
    CHECK(n == 10 && !(pkts[0]->ol_flags & RTE_MBUF_F_RX_FDIR));
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);

    /* A mark that outlives its rule by as many packets as are in flight. */
    port = open_port("net_simnic0", "inflight=40");
    rule_init(&r, DST(0));
    rule_mark(&r, 7);
    flow[0] = rule_create(port, &r);
    n = receive(port, 0, pkts, 200);
    CHECK(n == 200 && pkts[199]->hash.fdir.hi == 7);
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(!rte_flow_destroy(port, flow[0], &error));
    n = receive(port, 0, pkts, 100);
    unsigned int stale = 0;
    for (unsigned int i = 0; i < n; i++) {
        stale += (pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR_ID) != 0;
    }
    CHECK(stale == 40);
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);
}

static void
test_queues(void)
{
    uint16_t port = add_port("net_simnic0", "streams=1000,megaflows=1000");
    unsigned int n[4] = { 0 }, total = 0;
    struct rte_eth_rss_conf conf;
    uint8_t key[40], key_be[40];
    struct rte_mbuf *pkts[MAX];
    struct rule r;

    CHECK(!start_port(port, 4, 0));
    memset(&conf, 0, sizeof conf);
    conf.rss_key = key;
    conf.rss_key_len = sizeof key;
    CHECK(!rte_eth_dev_rss_hash_conf_get(port, &conf));
    rte_convert_rss_key((uint32_t *) key, (uint32_t *) key_be, sizeof key);
    for (uint16_t q = 0; q < 4; q++) {
        n[q] = receive(port, q, pkts, 300);
        for (unsigned int i = 0; i < n[q]; i++) {
            const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
                pkts[i], const struct rte_ipv4_hdr *, 14);
            const struct rte_udp_hdr *udp = (const void *) (ip + 1);
            union rte_thash_tuple t;
            uint32_t hash;

            t.v4.src_addr = rte_be_to_cpu_32(ip->src_addr);
            t.v4.dst_addr = rte_be_to_cpu_32(ip->dst_addr);
            t.v4.sport = rte_be_to_cpu_16(udp->src_port);
            t.v4.dport = rte_be_to_cpu_16(udp->dst_port);
            hash = rte_softrss_be((uint32_t *) &t, RTE_THASH_V4_L4_LEN,
                                  key_be);
            CHECK(pkts[i]->hash.rss == hash);
            CHECK(hash % 128 % 4 == q);
            CHECK(pkts[i]->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
        }
        total += n[q];
        rte_pktmbuf_free_bulk(pkts, n[q]);
    }
    CHECK(total == 1200);

    /* All to queue 2. */
    rule_init(&r, 0);
    rule_queue(&r, 2);
    CHECK(rule_create(port, &r));
    CHECK(!receive(port, 0, pkts, 10));
    total = receive(port, 2, pkts, 500);
    CHECK(total == 500);
    rte_pktmbuf_free_bulk(pkts, total);
    close_port(port);
}

static void
test_age(void)
{
    uint16_t port = open_port("net_simnic0", "streams=2,megaflows=2");
    struct rte_flow_action age = { .type = RTE_FLOW_ACTION_TYPE_AGE };
    struct rte_flow_query_age query;
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    void *context[4];
    struct rule r;
    unsigned int n;

    rule_init(&r, DST(0));
    r.age.timeout = 1;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_AGE, &r.age);
    rule_mark(&r, 1);
    flow = rule_create(port, &r);
    CHECK(flow);
    rte_delay_us_sleep(1300000);
    CHECK(rte_flow_get_aged_flows(port, NULL, 0, &error) == 1);
    CHECK(rte_flow_get_aged_flows(port, context, 4, &error) == 1);
    CHECK(context[0] == flow);
    CHECK(rte_flow_get_aged_flows(port, context, 4, &error) == 0);
    n = receive(port, 0, pkts, 10);
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(!rte_flow_query(port, flow, &age, &query, &error));
    CHECK(!query.aged && query.sec_since_last_hit == 0);
    close_port(port);
}

static void
test_indirect(void)
{
    uint16_t port = open_port("net_simnic0", "streams=4,megaflows=4");
    struct rte_flow_indir_action_conf conf = { .ingress = 1 };
    struct rte_flow_action count = { .type = RTE_FLOW_ACTION_TYPE_COUNT };
    struct rte_flow_query_count query = { .reset = 1 };
    struct rte_flow_action_handle *handle;
    struct rte_mbuf *pkts[MAX];
    struct rule r;
    unsigned int n;

    handle = rte_flow_action_handle_create(port, &conf, &count, &error);
    CHECK(handle);
    for (unsigned int i = 0; i < 2; i++) {
        rule_init(&r, DST(i));
        rule_act(&r, RTE_FLOW_ACTION_TYPE_INDIRECT, handle);
        rule_mark(&r, i);
        CHECK(rule_create(port, &r));
    }
    n = receive(port, 0, pkts, 100);
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(!rte_flow_action_handle_query(port, handle, &query, &error));
    CHECK(query.hits == 50 && query.bytes == 50 * 60);
    CHECK(!rte_flow_action_handle_query(port, handle, &query, &error));
    CHECK(query.hits == 0);
    CHECK(rte_flow_action_handle_destroy(port, handle, &error) == -EBUSY);
    CHECK(!rte_flow_flush(port, &error));
    CHECK(!rte_flow_action_handle_destroy(port, handle, &error));
    CHECK(rte_flow_action_handle_destroy(port, handle, &error) == -ENOENT);
    close_port(port);
}

static struct rte_mbuf *
make_packet(uint32_t dst)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    uint8_t *p = (uint8_t *) rte_pktmbuf_append(m, 60);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) (p + 14);
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *) (ip + 1);

    memset(p, 0, 60);
    memcpy(p, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
    ip->version_ihl = 0x45;
    ip->total_length = RTE_BE16(46);
    ip->time_to_live = 9;
    ip->next_proto_id = IPPROTO_UDP;
    ip->src_addr = RTE_BE32(0x0a000001);
    ip->dst_addr = rte_cpu_to_be_32(dst);
    udp->dgram_len = RTE_BE16(26);
    m->l2_len = 14;
    m->l3_len = 20;
    m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    return m;
}

static void
test_pair(void)
{
    uint16_t a = open_port("net_simnic0", "mode=pair,link=w,switch=1");
    uint16_t b = open_port("net_simnic1", "mode=pair,link=w,switch=1");
    uint16_t c = open_port("net_simnic2", "mode=ring,switch=1");
    uint16_t sink = open_port("net_simnic3", "mode=sink,switch=1");
    struct rte_eth_stats stats;
    struct rte_mbuf *pkts[MAX];
    struct rte_eth_link link;
    struct rte_flow *flow;
    struct rule r;

    CHECK(!rte_eth_link_get_nowait(a, &link) && link.link_status);

    rule_init(&r, DST(1));
    rule_mark(&r, 55);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    flow = rule_create(b, &r);
    CHECK(flow);
    rule_init(&r, DST(2));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DROP, NULL);
    CHECK(rule_create(b, &r));
    rule_init(&r, DST(3));
    r.attr.ingress = 0;
    r.attr.transfer = 1;
    r.ethdev.port_id = c;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, &r.ethdev);
    CHECK(rule_create(b, &r));
    rule_init(&r, DST(4));
    r.attr.ingress = 0;
    r.attr.transfer = 1;
    r.ethdev.port_id = sink;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, &r.ethdev);
    CHECK(rule_create(b, &r));

    for (unsigned int i = 0; i < 5; i++) {
        pkts[i] = make_packet(DST(i));
    }
    CHECK(rte_eth_tx_burst(a, 0, pkts, 5) == 5);
    CHECK(receive(b, 0, pkts, 10) == 2);
    CHECK(dst_of(pkts[0]) == DST(0) && dst_of(pkts[1]) == DST(1));
    CHECK(!(pkts[0]->ol_flags & RTE_MBUF_F_RX_FDIR_ID));
    CHECK(pkts[1]->ol_flags & RTE_MBUF_F_RX_FDIR_ID
          && pkts[1]->hash.fdir.hi == 55);
    CHECK(csums_ok(pkts[0]) && csums_ok(pkts[1]));
    CHECK(pkts[0]->port == b);
    rte_pktmbuf_free_bulk(pkts, 2);
    CHECK(hits(b, flow) == 1);
    CHECK(receive(c, 0, pkts, 10) == 1);
    CHECK(dst_of(pkts[0]) == DST(3) && csums_ok(pkts[0]));
    CHECK(rte_pktmbuf_mtod(pkts[0], uint8_t *)[22] == 8);
    rte_pktmbuf_free(pkts[0]);
    CHECK(!rte_eth_stats_get(sink, &stats) && stats.opackets == 1);

    /* A ring hears itself. */
    pkts[0] = make_packet(DST(9));
    CHECK(rte_eth_tx_burst(c, 0, pkts, 1) == 1);
    CHECK(receive(c, 0, pkts, 10) == 1);
    rte_pktmbuf_free(pkts[0]);

    /* Nobody at the other end. */
    CHECK(!rte_eth_dev_stop(b));
    CHECK(!rte_eth_link_get_nowait(a, &link) && !link.link_status);
    pkts[0] = make_packet(DST(0));
    CHECK(rte_eth_tx_burst(a, 0, pkts, 1) == 1);
    CHECK(!rte_eth_stats_get(a, &stats) && stats.oerrors == 1);
    CHECK(!rte_eth_dev_start(b));
    close_port(a);
    close_port(b);
    close_port(c);
    close_port(sink);
}

static void
test_transfer_from_gen(void)
{
    uint16_t gen = open_port("net_simnic0", "streams=10,megaflows=10,"
                             "switch=3");
    uint16_t sink = open_port("net_simnic1", "mode=sink,switch=3");
    uint16_t ring = open_port("net_simnic2", "mode=ring,switch=3");
    uint16_t other = open_port("net_simnic3", "mode=sink,switch=4");
    uint16_t to[3] = { sink, ring, other };
    struct rte_eth_stats stats;
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow = NULL;
    struct rule r;
    unsigned int n;

    for (unsigned int i = 0; i < 3; i++) {
        rule_init(&r, DST(i));
        r.attr.ingress = 0;
        r.attr.transfer = 1;
        r.ethdev.port_id = to[i];
        rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
        rule_act(&r, RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, &r.ethdev);
        flow = rule_create(gen, &r);
        CHECK((flow != NULL) == (i < 2));
    }
    n = receive(gen, 0, pkts, 80);
    CHECK(n == 80);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(dst_of(pkts[i]) != DST(0) && dst_of(pkts[i]) != DST(1));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(!rte_eth_stats_get(sink, &stats) && stats.opackets == 10);
    CHECK(!rte_eth_stats_get(ring, &stats) && stats.opackets == 10);
    n = receive(ring, 0, pkts, 20);
    CHECK(n == 10);
    CHECK(n && dst_of(pkts[0]) == DST(1) && csums_ok(pkts[0]));
    rte_pktmbuf_free_bulk(pkts, n);

    /* The port that rules point to goes first. */
    close_port(ring);
    n = receive(gen, 0, pkts, 80);
    CHECK(n == 80);
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(gen);
    close_port(sink);
    close_port(other);
}

static void
test_pcap(void)
{
    char path[] = "/tmp/test-simnic-XXXXXX", args[128];
    uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
    struct rte_mbuf *pkts[MAX], *m;
    uint32_t packet[4] = { 0 };
    struct rule r;
    uint16_t port;
    unsigned int n;
    FILE *file;

    file = fdopen(mkstemp(path), "wb");
    fwrite(header, sizeof header, 1, file);
    for (unsigned int i = 0; i < 3; i++) {
        m = make_packet(DST(i));
        packet[1] = i * 1000;
        packet[2] = packet[3] = 60;
        fwrite(packet, sizeof packet, 1, file);
        fwrite(rte_pktmbuf_mtod(m, void *), 60, 1, file);
        rte_pktmbuf_free(m);
    }
    fclose(file);

    snprintf(args, sizeof args, "mode=pcap,file=%s,loop=0", path);
    port = open_port("net_simnic0", args);
    rule_init(&r, DST(1));
    rule_mark(&r, 5);
    CHECK(rule_create(port, &r));
    n = receive(port, 0, pkts, 10);
    CHECK(n == 3);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(dst_of(pkts[i]) == DST(i) && pkts[i]->pkt_len == 60);
        CHECK(!(pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR_ID) == (i != 1));
    }
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);

    snprintf(args, sizeof args, "mode=pcap,file=%s", path);
    port = open_port("net_simnic0", args);
    n = receive(port, 0, pkts, 100);
    CHECK(n == 100);
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);

    if (truncate(path, 50)) {
        CHECK(!"truncate");
    }
    port = add_port("net_simnic0", args);
    CHECK(start_port(port, 1, 0) == -EBADMSG);
    CHECK(!rte_vdev_uninit("net_simnic0"));
    unlink(path);
}

static void
test_vlan(void)
{
    uint16_t port = add_port("net_simnic0", "vlan=100+7,proto=udp6+tcp6,"
                             "streams=6,megaflows=6");
    struct rte_flow_item_vlan spec = { .tci = RTE_BE16(100) };
    struct rte_flow_item_vlan mask = { .tci = RTE_BE16(0xfff) };
    struct rte_mbuf *pkts[MAX];
    struct rule r;
    unsigned int n;

    CHECK(!start_port(port, 1, RTE_ETH_RX_OFFLOAD_VLAN_STRIP));
    rule_init(&r, 0);
    r.item[1].type = RTE_FLOW_ITEM_TYPE_VLAN;
    r.item[1].spec = &spec;
    r.item[1].mask = &mask;
    r.item[2].type = RTE_FLOW_ITEM_TYPE_VLAN;
    r.item[3].type = RTE_FLOW_ITEM_TYPE_IPV6;
    rule_mark(&r, 3);
    CHECK(rule_create(port, &r));
    n = receive(port, 0, pkts, 60);
    CHECK(n == 60);
    for (unsigned int i = 0; i < n; i++) {
        struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(
            pkts[i], struct rte_ipv6_hdr *, 18);

        CHECK(pkts[i]->vlan_tci == 100);
        CHECK(pkts[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED);
        CHECK(pkts[i]->hash.fdir.hi == 3);
        CHECK(!rte_ipv6_udptcp_cksum_verify(ip, ip + 1));
        CHECK(pkts[i]->data_len == pkts[i]->pkt_len);
    }
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);
}

static void
test_orders(void)
{
    static const char *const args[] = {
        "streams=1000,megaflows=10,order=rand",
        "streams=1000,megaflows=10,order=zipf:1.1",
        "streams=1000,megaflows=10,train=8",
        "streams=1000,megaflows=10,hot=10:90:50",
        "streams=1000,megaflows=10,size=imix,fill=1,cold=1",
        "streams=1000,megaflows=10,burst=4,order=rand",
        "streams=100,megaflows=100,mega=eth-dst,proto=icmp4+udp4+icmp6",
        "streams=100,megaflows=100,mega=l4-src",
    };
    struct rte_mbuf *pkts[MAX];

    for (size_t i = 0; i < RTE_DIM(args); i++) {
        uint16_t port = open_port("net_simnic0", args[i]);
        unsigned int n = receive(port, 0, pkts, MAX), same = 0;

        CHECK(n == MAX);
        for (unsigned int k = 1; k < n; k++) {
            same += !memcmp(rte_pktmbuf_mtod(pkts[k], void *),
                            rte_pktmbuf_mtod(pkts[k - 1], void *), 60);
        }
        CHECK(!strstr(args[i], "train") || same == MAX * 7 / 8);
        rte_pktmbuf_free_bulk(pkts, n);
        close_port(port);
    }

    /* 100,000 packets per second for 0.2 s. */
    uint16_t port = open_port("net_simnic0", "rate=100k,streams=10");
    uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 5;
    unsigned int total = 0;
    while (rte_rdtsc() < end) {
        uint16_t n = rte_eth_rx_burst(port, 0, pkts, 32);

        rte_pktmbuf_free_bulk(pkts, n);
        total += n;
    }
    printf("rate: %u of 20000\n", total);
    CHECK(total > 2000 && total < 20500);       /* We may be preempted. */
    close_port(port);
}

static volatile bool stop_polling;
static volatile uint64_t polled;

static void *
poll_port(void *port_)
{
    uint16_t port = (uintptr_t) port_;
    struct rte_mbuf *pkts[32];

    while (!stop_polling) {
        uint16_t n = rte_eth_rx_burst(port, 0, pkts, 32);

        rte_pktmbuf_free_bulk(pkts, n);
        polled += n;
    }
    return NULL;
}

/* Rules come and go, with edits, jumps and counters, while another thread
 * polls; then everything goes at once. */
static void
test_traffic(void)
{
    uint16_t port = open_port("net_simnic0", "streams=1000,megaflows=50");
    struct rte_flow *flow[50] = { NULL };
    struct rule r;
    pthread_t thread;

    stop_polling = false;
    CHECK(!pthread_create(&thread, NULL, poll_port,
                          (void *) (uintptr_t) port));
    srand(1);
    for (unsigned int k = 0; k < 3000; k++) {
        unsigned int i = rand() % 50;

        if (flow[i]) {
            CHECK(!rte_flow_destroy(port, flow[i], &error));
            flow[i] = NULL;
            continue;
        }
        rule_init(&r, rand() % 10 ? DST(i) : 0);
        r.attr.priority = i;
        rule_mark(&r, i);
        rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
        if (rand() % 2) {
            rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
        }
        switch (rand() % 3) {
        case 0:
            rule_queue(&r, 0);
            break;
        case 1:
            rule_act(&r, RTE_FLOW_ACTION_TYPE_PASSTHRU, NULL);
            break;
        case 2:
            r.jump.group = 3;
            rule_act(&r, RTE_FLOW_ACTION_TYPE_JUMP, &r.jump);
            break;
        }
        flow[i] = rule_create(port, &r);
        CHECK(flow[i]);
    }
    CHECK(!rte_flow_flush(port, &error));
    stop_polling = true;
    pthread_join(thread, NULL);
    CHECK(polled > 0);
    /* Without stop() and close(). */
    CHECK(!rte_vdev_uninit("net_simnic0"));
    CHECK(!rte_eth_dev_is_valid_port(port));
}

static void
run(const char *name, void (*test)(void))
{
    unsigned int before = rte_mempool_avail_count(pool);

    test_name = name;
    test_ok = true;
    test();
    CHECK(rte_mempool_avail_count(pool) == before);
    printf("%s: %s\n", name, test_ok ? "ok" : "FAILED");
    fflush(stdout);
    n_passed += test_ok;
    n_failed += !test_ok;
}

int
main(int argc, char *argv[])
{
    if (rte_eal_init(argc, argv) < 0) {
        return 77;
    }
    pool = rte_pktmbuf_pool_create("pool", 4095, 0, 0,
                                   RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (!pool) {
        return 77;
    }
    run("devargs", test_devargs);
    run("marks", test_marks);
    run("drop, isolate", test_drop_and_isolate);
    run("groups", test_groups);
    run("edits", test_edits);
    run("refusals", test_refusals);
    run("faults", test_faults);
    run("queues", test_queues);
    run("age", test_age);
    run("indirect", test_indirect);
    run("pair", test_pair);
    run("transfer", test_transfer_from_gen);
    run("pcap", test_pcap);
    run("vlan", test_vlan);
    run("orders", test_orders);
    run("traffic", test_traffic);
    rte_mempool_free(pool);
    rte_eal_cleanup();
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed != 0;
}
