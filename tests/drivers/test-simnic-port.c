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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_thash.h>
#include <rte_udp.h>

#include "simnic-port-rig.h"
#include "test-simnic-flow.h"

static unsigned int n_passed, n_failed;

static void
test_devargs(void)
{
    static const char *const bad[] = {
        "mode=nothing", "streams=0", "streams=x", "streams=", "nonsense=1",
        "mode=pcap", "mode=pcap,file=/nonexistent", "mode=pair",
        "streams=10,megaflows=11", "order=zipf:9", "size=10", "size=64:0",
        "vlan=5000", "proto=udp4+tcp9", "hwaddr=01:00:00:00:00:00",
        "fail=create:0:1", "mark-bits=33", "rate=1,rate=2", "hot=1:2",
        "mega=vlan", "timed=1", "queues=65", "clump=0",
        "mode=ring,stamp=1", "stamp=1,inflight=4",
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

/* What a NIC says of the checksums of whole datagrams, of fragments, the first
 * and another, and of what is no IP. */
static void
test_checksums(void)
{
    const uint64_t mask = (RTE_MBUF_F_RX_IP_CKSUM_MASK
                           | RTE_MBUF_F_RX_L4_CKSUM_MASK);
    const uint64_t ip = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    const uint64_t want[] = { ip | RTE_MBUF_F_RX_L4_CKSUM_GOOD, ip, ip, 0 };
    uint16_t a = open_port("net_simnic0", "mode=pair,link=w");
    uint16_t b = open_port("net_simnic1", "mode=pair,link=w");
    struct rte_mbuf *pkts[4];

    for (unsigned int i = 0; i < 4; i++) {
        pkts[i] = make_packet(DST(i));
    }
    rte_pktmbuf_mtod(pkts[1], uint8_t *)[20] = 0x20;
    rte_pktmbuf_mtod(pkts[2], uint8_t *)[21] = 3;
    rte_pktmbuf_mtod(pkts[3], uint8_t *)[12] = 0x88;
    pkts[3]->ol_flags = 0;
    CHECK(rte_eth_tx_burst(a, 0, pkts, 4) == 4);
    CHECK(receive(b, 0, pkts, 4) == 4);
    for (unsigned int i = 0; i < 4; i++) {
        CHECK((pkts[i]->ol_flags & mask) == want[i]);
    }
    rte_pktmbuf_free_bulk(pkts, 4);
    close_port(a);
    close_port(b);
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
    run("edited bytes", test_edit_bytes);
    run("refusals", test_refusals);
    run("refusal table", test_refusal_table);
    run("integrity", test_integrity);
    run("verified-checksums", test_verified_checksums);
    run("tcp-flags", test_tcp_flags);
    run("faults", test_faults);
    run("queues", test_queues);
    run("age", test_age);
    run("indirect", test_indirect);
    run("port id", test_port_id);
    run("age on a ring", test_age_on_ring);
    run("negotiation", test_negotiation);
    run("no marks", test_no_marks);
    run("pair", test_pair);
    run("checksums", test_checksums);
    run("transfer", test_transfer_from_gen);
    run("pcap", test_pcap);
    run("vlan", test_vlan);
    run("orders", test_orders);
    run("rate", test_rate);
    run("clumps", test_clumps);
    run("stamps", test_stamps);
    run("delays", test_delays);
    run("in flight", test_in_flight);
    run("traffic", test_traffic);
    run("abi", test_abi);
    run("second open", test_second_open);
    run("unplug", test_unplug);
    run("pulled out", test_pulled_out);
    rte_mempool_free(pool);
    rte_eal_cleanup();
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed != 0;
}
