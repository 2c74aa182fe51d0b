/* SPDX-License-Identifier: Apache-2.0 */

/* How packets arrive: at the rate that was asked for, whoever takes them, with
 * the verdict of when they came, and with checksums that are sound or not. */

#include <math.h>
#include <string.h>

#include <rte_cycles.h>

#include "simnic-port-rig.h"
#include "simnic-stamp.h"
#include "test-simnic-flow.h"

static unsigned int
poll_once(uint16_t port, struct rte_mbuf **pkts)
{
    unsigned int n = rte_eth_rx_burst(port, 0, pkts, 32);

    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

/* As poll_once(), but returns the number of packets with a mark, and stores
 * that of all in '*n'. */
static unsigned int
poll_marked(uint16_t port, unsigned int *n)
{
    struct rte_mbuf *pkts[32];
    unsigned int marked = 0;

    *n = rte_eth_rx_burst(port, 0, pkts, 32);
    for (unsigned int i = 0; i < *n; i++) {
        marked += (pkts[i]->ol_flags & RTE_MBUF_F_RX_FDIR_ID) != 0;
    }
    rte_pktmbuf_free_bulk(pkts, *n);
    return marked;
}

/* Packets that the NIC drops, sends elsewhere, sends elsewhere after a change,
 * or delivers after a change, come as fast as any. */
static void
check_rate(const char *args, enum rte_flow_action_type type, bool edit)
{
    uint16_t to = open_port("net_simnic1", edit ? "mode=ring,switch=1"
                            : "mode=sink,switch=1");
    uint16_t port = open_port("net_simnic0", args);
    struct rte_mbuf *pkts[32];
    struct rte_flow *flow;
    struct rule r;
    uint64_t start = rte_rdtsc(), n = 0;

    rule_init(&r, 0);
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    r.ethdev.port_id = to;
    r.attr.transfer = type == RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT;
    r.attr.ingress = !r.attr.transfer;
    if (edit) {
        rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
    }
    rule_act(&r, type, &r.ethdev);
    if (type == RTE_FLOW_ACTION_TYPE_VOID) {
        rule_mark(&r, 1);
    }
    flow = rule_create(port, &r);
    CHECK(flow);
    while (n < 2000 && rte_rdtsc() - start < rte_get_tsc_hz() * 60) {
        for (int i = 0; i < 100; i++) {
            poll_once(port, pkts);
            if (edit) {
                poll_once(to, pkts);
            }
        }
        n = hits(port, flow);
    }
    CHECK(n >= 2000);
    CHECK(n <= (rte_rdtsc() - start) * 20e3 / rte_get_tsc_hz() + 1);
    close_port(port);
    close_port(to);
}

void
test_rate(void)
{
    static const char *const args[] = {
        "rate=20k,streams=10,switch=1",
        "rate=20k,streams=10,switch=1,inflight=16",
        "rate=20k,streams=10,switch=1,order=rand,burst=4",
    };
    struct rte_mbuf *pkts[32];
    struct rte_eth_stats stats;
    uint64_t start;
    uint16_t port;

    for (size_t i = 0; i < RTE_DIM(args); i++) {
        check_rate(args[i], RTE_FLOW_ACTION_TYPE_DROP, false);
        check_rate(args[i], RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, false);
        check_rate(args[i], RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, true);
        check_rate(args[i], RTE_FLOW_ACTION_TYPE_VOID, true);
    }

    /* Whoever was away finds what fits the ring, and how much was lost: in
     * that millisecond, all but 128. */
    port = open_port("net_simnic0", "rate=1M");
    start = rte_rdtsc();
    while (!poll_once(port, pkts)) {
        CHECK(rte_rdtsc() - start < rte_get_tsc_hz() * 60);
    }
    CHECK(!rte_eth_stats_reset(port));
    rte_delay_us_sleep(1000);
    for (int i = 0; i < 4; i++) {
        CHECK(poll_once(port, pkts) == 32);
    }
    CHECK(!rte_eth_stats_get(port, &stats));
    CHECK(stats.imissed >= 1000 - 128 - 32);
    close_port(port);
}

/* Packets come together, and no poll finds some of them only. */
void
test_clumps(void)
{
    uint16_t port = open_port("net_simnic0", "rate=20k,clump=8");
    struct rte_mbuf *pkts[32];
    uint64_t start = rte_rdtsc();
    unsigned int n = 0;

    while (n < 800 && rte_rdtsc() - start < rte_get_tsc_hz() * 60) {
        unsigned int got = poll_once(port, pkts);

        CHECK(got % 8 == 0);
        n += got;
    }
    CHECK(n >= 800);
    CHECK(n <= (rte_rdtsc() - start) * 20e3 / rte_get_tsc_hz() + 1);
    close_port(port);
}

/* Packets tell when they were due, in pairs of which there are 500 a second,
 * and not when somebody looked. */
void
test_stamps(void)
{
    uint16_t port = open_port("net_simnic0", "rate=1k,clump=2,stamp=1");
    uint64_t start = rte_rdtsc();
    uint64_t tsc[64] = { 0 };
    struct rte_mbuf *pkts[32];
    unsigned int n = 0;

    while (n < 32 && rte_rdtsc() - start < rte_get_tsc_hz() * 60) {
        unsigned int got = rte_eth_rx_burst(port, 0, pkts, 32);

        for (unsigned int i = 0; i < got; i++) {
            CHECK(simnic_stamp_read(pkts[i], &tsc[n + i]));
        }
        n += got;
        rte_pktmbuf_free_bulk(pkts, got);
        rte_delay_us_sleep(5000);       /* Several pairs. */
    }
    CHECK(n >= 32);
    CHECK(tsc[0] >= start && tsc[n - 1] <= rte_rdtsc());
    for (unsigned int i = 0; i < n; i += 2) {
        double pairs = (tsc[i] - tsc[0]) * 500. / rte_get_tsc_hz();

        CHECK(fabs(pairs - rint(pairs)) < .001);
        CHECK(tsc[i] == tsc[i + 1]);
        CHECK(!i || tsc[i] > tsc[i - 1]);
    }
    close_port(port);
}

/* Each delay is counted once, with others that are about as long; a packet
 * without a stamp is not counted. */
void
test_delays(void)
{
    struct rte_mbuf *m = make_packet(DST(0));
    uint64_t now = UINT64_C(1) << 60;

    for (uint64_t delay = 0; delay < UINT64_C(1) << 36;
         delay += delay / 20 + 1) {
        struct simnic_delays delays = { .n = { 0 } };
        unsigned int i = 0, n = 0;

        simnic_stamp_write(rte_pktmbuf_mtod(m, uint8_t *), m->data_len,
                           now - delay);
        simnic_delays_count(&delays, &m, 1, now);
        for (unsigned int j = 0; j < SIMNIC_N_DELAYS; j++) {
            n += delays.n[j];
            i = delays.n[j] ? j : i;
        }
        CHECK(n == 1);
        CHECK(simnic_delays_min(i) <= delay);
        CHECK(simnic_delays_min(i + 1) > delay);
        CHECK(simnic_delays_min(i + 1) - simnic_delays_min(i)
              <= delay / 8 + 8);
    }
    memset(rte_pktmbuf_mtod(m, uint8_t *), 0, m->data_len);
    CHECK(!simnic_stamp_read(m, &now));
    rte_pktmbuf_free(m);
}

/* After a poll that returned nothing, no packet comes with a verdict of before
 * it; nor after as many packets as the ring has descriptors, which are 128. */
static void
check_no_stale_marks(const char *args)
{
    uint16_t port = open_port("net_simnic0", args);
    unsigned int n, n_seen = 0, n_later = 0;
    uint64_t deadline = rte_rdtsc() + rte_get_tsc_hz() * 60;
    struct rte_flow *mark, *drop;
    bool drained = false;
    struct rule r;

    rule_init(&r, DST(1));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_DROP, NULL);
    drop = rule_create(port, &r);
    rule_init(&r, DST(0));
    rule_mark(&r, 7);
    mark = rule_create(port, &r);
    CHECK(drop && mark);
    while (n_seen < 300 && rte_rdtsc() < deadline) {
        n_seen += poll_marked(port, &n);
    }
    CHECK(n_seen >= 300);
    CHECK(!rte_flow_destroy(port, mark, &error));
    for (n_seen = 0; n_later < 300 && rte_rdtsc() < deadline; ) {
        unsigned int marked = poll_marked(port, &n);

        CHECK(!marked || !drained);
        drained = drained || !n || n_seen >= 128;
        n_seen += n;
        n_later += drained ? n : 0;
    }
    CHECK(n_later >= 300);
    close_port(port);
}

void
test_in_flight(void)
{
    static const char *const args[] = {
        "streams=2,megaflows=2,inflight=64",
        "streams=2,megaflows=2,inflight=64,rate=20k",
        "streams=2,megaflows=2,inflight=64,rate=5M",
        "streams=2,megaflows=2,inflight=4096,rate=5M",
        "streams=2,megaflows=2,inflight=4096",
        "streams=2,megaflows=2,inflight=7,burst=3",
    };
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    struct rule r;
    uint16_t port;

    for (size_t i = 0; i < RTE_DIM(args); i++) {
        check_no_stale_marks(args[i]);
    }

    /* Rules count packets when they come, not when they are delivered. */
    port = open_port("net_simnic0", "inflight=40");
    rule_init(&r, DST(0));
    rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
    rule_mark(&r, 7);
    flow = rule_create(port, &r);
    CHECK(poll_once(port, pkts) == 32);
    CHECK(hits(port, flow) == 72);
    CHECK(poll_once(port, pkts) == 32);
    CHECK(hits(port, flow) == 104);
    close_port(port);
}

/* A rule may ask for sound checksums. */
void
test_verified_checksums(void)
{
    static const struct {
        uint8_t byte, flip;             /* Of a sound frame; 0: nothing. */
        bool l3, l4;                    /* What is sound. */
    } cases[] = {
        { 0, 0, true, true },
        { 25, 1, false, true },         /* IPv4's checksum. */
        { 40, 1, true, false },         /* UDP's. */
        { 59, 1, true, false },         /* The last byte that it covers. */
        { 29, 1, false, false },        /* An address: both cover it. */
        { 39, 3, true, false },         /* A length that is not IP's. */
    };
    uint16_t a = open_port("net_simnic0", "mode=pair,link=w");
    uint16_t b = open_port("net_simnic1", "mode=pair,link=w");
    struct rte_flow_item_integrity spec;
    struct rte_mbuf *pkts[MAX];
    struct rte_flow *flow;
    struct rule r;

    for (unsigned int i = 0; i < 2 * RTE_DIM(cases); i++) {
        unsigned int k = i / 2;
        struct rte_ipv4_hdr *ip;
        struct rte_udp_hdr *udp;
        uint8_t *data;

        rule_init(&r, 0);
        r.item[1].spec = r.item[1].mask = NULL;
        memset(&spec, 0, sizeof spec);
        spec.ipv4_csum_ok = i % 2;
        spec.l4_csum_ok = !(i % 2);
        r.item[2].type = RTE_FLOW_ITEM_TYPE_INTEGRITY;
        r.item[2].spec = r.item[2].mask = &spec;
        rule_mark(&r, 5);
        flow = rule_create(b, &r);
        CHECK(flow);

        pkts[0] = make_packet(DST(1));
        pkts[0]->ol_flags = 0;
        data = rte_pktmbuf_mtod(pkts[0], uint8_t *);
        ip = (struct rte_ipv4_hdr *) (data + 14);
        udp = (struct rte_udp_hdr *) (ip + 1);
        ip->hdr_checksum = rte_ipv4_cksum(ip);
        udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
        data[cases[k].byte] ^= cases[k].flip;
        CHECK(rte_eth_tx_burst(a, 0, pkts, 1) == 1);
        CHECK(receive(b, 0, pkts, 1) == 1);
        CHECK(!(pkts[0]->ol_flags & RTE_MBUF_F_RX_FDIR_ID)
              == !(i % 2 ? cases[k].l3 : cases[k].l4));
        rte_pktmbuf_free(pkts[0]);
        CHECK(!rte_flow_destroy(b, flow, &error));
    }

    /* UDP need not have one. */
    spec.ipv4_csum_ok = 0;
    spec.l4_csum_ok = 1;
    CHECK((flow = rule_create(b, &r)) != NULL);
    pkts[0] = make_packet(DST(1));
    CHECK(rte_eth_tx_burst(a, 0, pkts, 1) == 1);
    CHECK(receive(b, 0, pkts, 1) == 1);
    CHECK(pkts[0]->ol_flags & RTE_MBUF_F_RX_FDIR_ID);
    rte_pktmbuf_free(pkts[0]);

    /* Of inner headers none is verified. */
    spec.level = 2;
    CHECK(!rule_create(b, &r));
    close_port(a);
    close_port(b);

    a = open_port("net_simnic0", "checksums=0");
    spec.level = 0;
    CHECK(!rule_create(a, &r));
    close_port(a);
}
