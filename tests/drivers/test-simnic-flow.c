/* SPDX-License-Identifier: Apache-2.0 */

/* Flow rules of net_simnic: what they ask is what happens to packets. */

#include "test-simnic-flow.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "simnic-port-rig.h"

void
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

void
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

void
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

void
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

void
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

/* A rule takes headers for what they seem, unless it asks for sound ones. */
void
test_integrity(void)
{
    static const struct {
        uint8_t byte, value;            /* Of the frame. */
        bool l3, l4;                    /* What is sound. */
    } cases[] = {
        { 0, 2, true, true },
        { 17, 47, false, false },       /* Total length: one too many; */
        { 17, 19, false, false },       /* less than a header; */
        { 17, 27, true, false },        /* one too few for UDP; */
        { 17, 28, true, true },         /* just enough. */
    };
    uint16_t a = open_port("net_simnic0", "mode=pair,link=w");
    uint16_t b = open_port("net_simnic1", "mode=pair,link=w");
    struct rte_flow_item_integrity spec = { .l3_ok = 1 };
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    struct rule r;

    for (unsigned int i = 0; i < 3 * RTE_DIM(cases); i++) {
        unsigned int k = i / 3, ask = i % 3;

        rule_init(&r, DST(1));
        spec.l4_ok = ask == 2;
        if (ask) {
            r.item[2].type = RTE_FLOW_ITEM_TYPE_INTEGRITY;
            r.item[2].spec = r.item[2].mask = &spec;
        }
        rule_mark(&r, 5);
        flow = rule_create(b, &r);
        CHECK(flow);
        pkts[0] = make_packet(DST(1));
        rte_pktmbuf_mtod(pkts[0], uint8_t *)[cases[k].byte] = cases[k].value;
        CHECK(rte_eth_tx_burst(a, 0, pkts, 1) == 1);
        CHECK(receive(b, 0, pkts, 1) == 1);
        CHECK(!(pkts[0]->ol_flags & RTE_MBUF_F_RX_FDIR_ID)
              == !(!ask || (ask == 1 && cases[k].l3)
                   || (ask == 2 && cases[k].l4)));
        rte_pktmbuf_free(pkts[0]);
        CHECK(!rte_flow_destroy(b, flow, &error));
    }

    /* It has to be asked as a NIC can answer. */
    spec.packet_ok = 1;
    rule_init(&r, DST(1));
    r.item[2].type = RTE_FLOW_ITEM_TYPE_INTEGRITY;
    r.item[2].spec = r.item[2].mask = &spec;
    rule_mark(&r, 5);
    CHECK(!rule_create(b, &r));
    close_port(a);
    close_port(b);

    a = open_port("net_simnic0", "integrity=0");
    spec.packet_ok = 0;
    CHECK(!rule_create(a, &r));
    close_port(a);
}

/* A NIC may not know the flags of TCP, in any layer; ports it knows. */
void
test_tcp_flags(void)
{
    struct rte_flow_item_tcp spec = {
        .hdr.dst_port = RTE_BE16(80),
        .hdr.tcp_flags = RTE_TCP_ACK_FLAG,
    };
    struct rte_flow_item_tcp mask = {
        .hdr.dst_port = UINT16_MAX,
        .hdr.tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_FIN_FLAG,
    };
    struct rte_flow *flow;
    struct rule r;

    rule_init(&r, DST(1));
    r.item[2].type = RTE_FLOW_ITEM_TYPE_TCP;
    r.item[2].spec = &spec;
    r.item[2].mask = &mask;
    rule_mark(&r, 5);
    for (int knows = 0; knows < 2; knows++) {
        uint16_t port = open_port("net_simnic0",
                                  knows ? "tcp-flags=1" : "tcp-flags=0");

        flow = rule_create(port, &r);
        CHECK(!flow == !knows);
        CHECK(knows || strstr(error.message, "tcp-flags=0"));
        mask.hdr.tcp_flags = 0;
        CHECK(rule_create(port, &r));
        mask.hdr.tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_FIN_FLAG;
        close_port(port);
    }
}

void
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

void
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

void
test_indirect(void)
{
    uint16_t port = open_port("net_simnic0", "streams=4,megaflows=4,"
                              "counters=1");
    struct rte_flow_indir_action_conf conf = { .ingress = 1 };
    struct rte_flow_action count = { .type = RTE_FLOW_ACTION_TYPE_COUNT };
    struct rte_flow_query_count query = { .reset = 1 };
    struct rte_flow_action_handle *handle;
    struct rte_mbuf *pkts[MAX];
    struct rule r;
    unsigned int n;

    handle = rte_flow_action_handle_create(port, &conf, &count, &error);
    CHECK(handle);
    CHECK(!rte_flow_action_handle_create(port, &conf, &count, &error));
    CHECK(rte_errno == ENOSPC);
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

    /* It outlives its rules. */
    n = receive(port, 0, pkts, 100);
    rte_pktmbuf_free_bulk(pkts, n);
    CHECK(!rte_flow_flush(port, &error));
    n = receive(port, 0, pkts, 100);
    rte_pktmbuf_free_bulk(pkts, n);
    query.reset = 0;
    CHECK(!rte_flow_action_handle_query(port, handle, &query, &error));
    CHECK(query.hits == 50 && query.bytes == 50 * 60);
    CHECK(!rte_flow_action_handle_destroy(port, handle, &error));
    CHECK(rte_flow_action_handle_destroy(port, handle, &error) == -ENOENT);
    handle = rte_flow_action_handle_create(port, &conf, &count, &error);
    CHECK(handle);
    close_port(port);
}

/* PORT_ID from a generator and from a ring, with a change on the way, and a
 * counter that both rules of the ring share. */
void
test_port_id(void)
{
    uint16_t gen = open_port("net_simnic0", "streams=4,megaflows=4,switch=1");
    uint16_t ring = open_port("net_simnic1", "mode=ring,switch=1");
    uint16_t to = open_port("net_simnic2", "mode=ring,switch=1");
    struct rte_flow_indir_action_conf conf = { .transfer = 1 };
    struct rte_flow_action count = { .type = RTE_FLOW_ACTION_TYPE_COUNT };
    struct rte_flow_action_port_id port_id = { .id = to };
    struct rte_flow_action_set_ttl ttl = { 77 };
    struct rte_flow_query_count query = { .reset = 0 };
    struct rte_flow_action_handle *handle;
    struct rte_mbuf *pkts[MAX];
    struct rule r;
    unsigned int n;

    /* From the generator: one stream of four. */
    rule_init(&r, DST(2));
    r.attr = (struct rte_flow_attr) { .transfer = 1 };
    rule_act(&r, RTE_FLOW_ACTION_TYPE_SET_TTL, &ttl);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_PORT_ID, &port_id);
    CHECK(rule_create(gen, &r));
    n = receive(gen, 0, pkts, 30);
    CHECK(n == 30);
    rte_pktmbuf_free_bulk(pkts, n);
    n = receive(to, 0, pkts, MAX);
    CHECK(n >= 9 && n <= 10);
    for (unsigned int i = 0; i < n; i++) {
        CHECK(dst_of(pkts[i]) == DST(2) && csums_ok(pkts[i]));
        CHECK(rte_pktmbuf_mtod(pkts[i], uint8_t *)[22] == 77);
        CHECK(pkts[i]->port == to);
    }
    rte_pktmbuf_free_bulk(pkts, n);

    /* From the ring: one rule forwards, one drops, both count. */
    handle = rte_flow_action_handle_create(ring, &conf, &count, &error);
    CHECK(handle);
    for (unsigned int i = 0; i < 2; i++) {
        rule_init(&r, DST(i));
        r.attr = (struct rte_flow_attr) { .transfer = 1 };
        rule_act(&r, RTE_FLOW_ACTION_TYPE_INDIRECT, handle);
        if (i) {
            rule_act(&r, RTE_FLOW_ACTION_TYPE_DROP, NULL);
        } else {
            rule_act(&r, RTE_FLOW_ACTION_TYPE_PORT_ID, &port_id);
        }
        CHECK(rule_create(ring, &r));
    }
    for (unsigned int i = 0; i < 3; i++) {
        pkts[i] = make_packet(DST(i));
    }
    CHECK(rte_eth_tx_burst(ring, 0, pkts, 3) == 3);
    CHECK(receive(to, 0, pkts, MAX) == 1 && dst_of(pkts[0]) == DST(0));
    rte_pktmbuf_free(pkts[0]);
    CHECK(receive(ring, 0, pkts, MAX) == 1 && dst_of(pkts[0]) == DST(2));
    rte_pktmbuf_free(pkts[0]);
    CHECK(!rte_flow_action_handle_query(ring, handle, &query, &error));
    CHECK(query.hits == 2 && query.bytes == 120);
    close_port(ring);
    close_port(gen);
    close_port(to);
}

/* AGE where the sender counts. */
void
test_age_on_ring(void)
{
    uint16_t port = open_port("net_simnic0", "mode=ring");
    struct rte_flow_action age = { .type = RTE_FLOW_ACTION_TYPE_AGE };
    struct rte_flow_query_age query;
    struct rte_mbuf *m = make_packet(DST(0));
    struct rte_flow *flow;
    void *context[2];
    struct rule r;

    rule_init(&r, DST(0));
    r.age.timeout = 1;
    r.age.context = &r;
    rule_act(&r, RTE_FLOW_ACTION_TYPE_AGE, &r.age);
    flow = rule_create(port, &r);
    rte_delay_us_sleep(1300000);
    CHECK(rte_flow_get_aged_flows(port, context, 2, &error) == 1);
    CHECK(context[0] == &r);
    CHECK(!rte_flow_query(port, flow, &age, &query, &error) && query.aged);
    CHECK(rte_eth_tx_burst(port, 0, &m, 1) == 1);
    CHECK(receive(port, 0, &m, 1) == 1);
    rte_pktmbuf_free(m);
    CHECK(!rte_flow_query(port, flow, &age, &query, &error) && !query.aged);
    close_port(port);
}

/* What was negotiated is delivered, changed packets included; the rest is
 * refused (test-simnic-refuse.c). */
void
test_negotiation(void)
{
    static const uint64_t wants[] = {
        RTE_ETH_RX_METADATA_USER_FLAG, RTE_ETH_RX_METADATA_USER_MARK,
        RTE_ETH_RX_METADATA_USER_FLAG | RTE_ETH_RX_METADATA_USER_MARK,
    };

    for (size_t i = 0; i < RTE_DIM(wants); i++) {
        uint64_t features = wants[i] | RTE_ETH_RX_METADATA_TUNNEL_ID;
        uint16_t port = add_port("net_simnic0", "streams=2,megaflows=2");
        struct rte_mbuf *pkts[MAX];
        unsigned int n;

        CHECK(!rte_eth_rx_metadata_negotiate(port, &features));
        CHECK(features == wants[i]);
        CHECK(!start_port(port, 1, 0));
        for (unsigned int k = 0; k < 2; k++) {
            bool flag = wants[i] == RTE_ETH_RX_METADATA_USER_FLAG;
            struct rule r;

            rule_init(&r, DST(k));
            if (k) {
                rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
            }
            rule_mark(&r, 9);
            CHECK(!rule_create(port, &r) == flag);
            r.n_actions--;
            rule_act(&r, RTE_FLOW_ACTION_TYPE_FLAG, NULL);
            CHECK(!rule_create(port, &r)
                  == !(wants[i] & RTE_ETH_RX_METADATA_USER_FLAG));
        }
        n = receive(port, 0, pkts, 20);
        CHECK(n == 20);
        for (unsigned int k = 0; k < n; k++) {
            uint64_t flags = pkts[k]->ol_flags;

            CHECK(flags & RTE_MBUF_F_RX_FDIR);
            CHECK(!(flags & RTE_MBUF_F_RX_FDIR_ID)
                  == (wants[i] == RTE_ETH_RX_METADATA_USER_FLAG));
        }
        rte_pktmbuf_free_bulk(pkts, n);
        close_port(port);
    }
}

/* A NIC that never delivers marks does not do so for changed packets. */
void
test_no_marks(void)
{
    static const char *const modes[] = {
        "mode=gen,no-marks=1", "mode=ring,no-marks=1",
    };

    for (size_t i = 0; i < RTE_DIM(modes); i++) {
        uint16_t port = open_port("net_simnic0", modes[i]);
        struct rte_mbuf *m = make_packet(DST(0));
        struct rule r;

        rule_init(&r, 0);
        rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
        rule_mark(&r, 9);
        CHECK(rule_create(port, &r));
        CHECK(rte_eth_tx_burst(port, 0, &m, 1) == 1);
        CHECK(receive(port, 0, &m, 1) == 1);
        CHECK(!(m->ol_flags & RTE_MBUF_F_RX_FDIR_ID));
        CHECK(rte_pktmbuf_mtod(m, uint8_t *)[22] == (i ? 8 : 63));
        rte_pktmbuf_free(m);
        close_port(port);
    }
}
