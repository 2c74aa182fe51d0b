/* SPDX-License-Identifier: Apache-2.0 */

/* What net_simnic costs in each mode, for each packet: receiving from 'gen'
 * and 'pcap' ports, sending to and receiving from 'pair' and 'ring' ports,
 * and what the application pays to read the headers of what it received.
 *
 * Usage: bench-simnic-modes EAL-ARGUMENTS, with the plugin given by -d; for
 * example
 *     --no-huge -m 256 --no-pci --no-telemetry -l 0 -d librte_net_simnic.so
 * Prints one JSON line for each figure: TSC cycles of the thread's CPU time
 * for each packet, the best of RUNS windows, and all of them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_ip.h>

#define RUNS 5
#define WINDOW_NS 150000000
#define BATCH 1024              /* Packets between two looks at the clock. */
#define BURST 32
#define N_DESC 2048
#define BASE_DST 0xc6120001u    /* As simnic-gen.c. */

static struct rte_mempool *pool;
static uint64_t clock_ns;       /* What a look at the clock costs. */
static volatile uint32_t sink;

static uint64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static void
measure_clock(void)
{
    uint64_t start = now_ns();

    for (int i = 0; i < 10000; i++) {
        now_ns();
    }
    clock_ns = (now_ns() - start) / 10001;
}

static uint16_t
open_port(const char *name, const char *args)
{
    struct rte_eth_conf conf;
    uint16_t port;

    memset(&conf, 0, sizeof conf);
    if (rte_vdev_init(name, args)
        || rte_eth_dev_get_port_by_name(name, &port)
        || rte_eth_dev_configure(port, 1, 1, &conf)
        || rte_eth_rx_queue_setup(port, 0, N_DESC, 0, NULL, pool)
        || rte_eth_tx_queue_setup(port, 0, N_DESC, 0, NULL)
        || rte_eth_promiscuous_enable(port)
        || rte_eth_dev_start(port)) {
        fprintf(stderr, "cannot open %s,%s: is the plugin loaded?\n", name,
                args);
        exit(1);
    }
    return port;
}

static void
close_port(uint16_t port, const char *name)
{
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
    rte_vdev_uninit(name);
}

static int
compare(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Prints nanoseconds per packet as cycles. */
static void
print(const char *what, const char *devargs, double ns[RUNS])
{
    double mhz = rte_get_tsc_hz() / 1e6;

    qsort(ns, RUNS, sizeof *ns, compare);
    printf("{\"name\": \"simnic-modes\", \"what\": \"%s\", \"devargs\": "
           "\"%s\", \"huge_pages\": %s, \"cycles_per_packet\": %.1f, "
           "\"runs\": [", what, devargs,
           rte_eal_has_hugepages() ? "true" : "false", ns[0] * mhz / 1000);
    for (int i = 0; i < RUNS; i++) {
        printf("%s%.1f", i ? ", " : "", ns[i] * mhz / 1000);
    }
    printf("], \"tsc_mhz\": %.0f}\n", mhz);
    fflush(stdout);
}

/* Reads what a switch reads first of each packet: each address depends on
 * the packet before, so that misses do not overlap. */
static void
read_headers(struct rte_mbuf **pkts, uint16_t n)
{
    uint32_t x = 0;

    for (uint16_t i = 0; i < n; i++) {
        const uint8_t *data = rte_pktmbuf_mtod(pkts[i], const uint8_t *);

        /* The address depends on what was read before, although it does not
         * change: the compiler must not see that. */
        asm volatile("" : "+r"(x));
        x = data[23 + (x & 0x100)];
    }
    sink = x;
}

/* CPU time to receive a packet, to read its headers if 'read', and to free
 * it. */
static double
receive_window(uint16_t port, bool read)
{
    struct rte_mbuf *pkts[BURST];
    uint64_t start = now_ns(), ns = 0, packets = 0;

    while (ns < WINDOW_NS) {
        for (int i = 0; i < BATCH / BURST; i++) {
            uint16_t n = rte_eth_rx_burst(port, 0, pkts, BURST);

            if (read) {
                read_headers(pkts, n);
            }
            rte_pktmbuf_free_bulk(pkts, n);
            packets += n;
        }
        ns = now_ns() - start;
    }
    return (double) ns / packets;
}

static void
bench_receive(const char *devargs)
{
    uint16_t port = open_port("net_simnic0", devargs);
    double without[RUNS], with[RUNS];

    receive_window(port, true);
    for (int i = 0; i < RUNS; i++) {
        without[i] = receive_window(port, false);
        with[i] = receive_window(port, true);
    }
    print("receive and free", devargs, without);
    print("receive, read headers and free", devargs, with);
    close_port(port, "net_simnic0");
}

static void
fill_packet(struct rte_mbuf *m, uint32_t i)
{
    static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 1, 2, [12] = 8 };
    uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) (p + 14);

    m->data_len = m->pkt_len = 60;
    memset(p, 0, 60);
    memcpy(p, eth, sizeof eth);
    ip->version_ihl = 0x45;
    ip->total_length = RTE_BE16(46);
    ip->time_to_live = 64;
    ip->next_proto_id = IPPROTO_UDP;
    ip->src_addr = RTE_BE32(0x0a000001);
    ip->dst_addr = rte_cpu_to_be_32(BASE_DST + i);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* Rules that mark 'n' addresses. */
static void
add_rules(uint16_t port, uint32_t n)
{
    struct rte_flow_attr attr = { .ingress = 1 };
    struct rte_flow_item_ipv4 spec, mask;
    struct rte_flow_item pattern[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH },
        { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &spec, .mask = &mask },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    struct rte_flow_action_mark mark;
    struct rte_flow_action actions[] = {
        { .type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &mark },
        { .type = RTE_FLOW_ACTION_TYPE_END },
    };
    struct rte_flow_error error;

    memset(&spec, 0, sizeof spec);
    memset(&mask, 0, sizeof mask);
    mask.hdr.dst_addr = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        spec.hdr.dst_addr = rte_cpu_to_be_32(BASE_DST + i);
        mark.id = i;
        if (!rte_flow_create(port, &attr, pattern, actions, &error)) {
            fprintf(stderr, "cannot create a rule: %s\n", error.message);
            exit(1);
        }
    }
}

/* Sends BATCH packets that go round, over and over. */
static void
wire_window(uint16_t tx, uint16_t rx, struct rte_mbuf **pkts, double *tx_ns,
            double *rx_ns)
{
    uint64_t sending = 0, receiving = 0, packets = 0;

    while (sending + receiving < WINDOW_NS) {
        uint64_t t0 = now_ns(), t1, t2;
        uint16_t sent = 0, got = 0, n;

        for (int i = 0; i < BATCH / BURST; i++) {
            sent += rte_eth_tx_burst(tx, 0, pkts + sent, BURST);
        }
        t1 = now_ns();
        while (got < sent
               && (n = rte_eth_rx_burst(rx, 0, pkts + got, BURST))) {
            got += n;
        }
        t2 = now_ns();
        if (sent != BATCH || got != BATCH) {
            fprintf(stderr, "sent %u, received %u of %u\n", sent, got, BATCH);
            exit(1);
        }
        sending += t1 - t0 - RTE_MIN(clock_ns, t1 - t0);
        receiving += t2 - t1 - RTE_MIN(clock_ns, t2 - t1);
        packets += BATCH;
    }
    *tx_ns = (double) sending / packets;
    *rx_ns = (double) receiving / packets;
}

static void
bench_wire(bool pair, uint32_t n_rules)
{
    const char *devargs = pair ? "mode=pair,link=bench" : "mode=ring";
    uint16_t tx = open_port("net_simnic0", devargs);
    uint16_t rx = pair ? open_port("net_simnic1", devargs) : tx;
    double tx_ns[RUNS], rx_ns[RUNS];
    struct rte_mbuf *pkts[BATCH];
    char what[80];

    add_rules(rx, n_rules);
    if (rte_pktmbuf_alloc_bulk(pool, pkts, BATCH)) {
        exit(1);
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        fill_packet(pkts[i], n_rules ? i % n_rules : 0);
    }
    wire_window(tx, rx, pkts, &tx_ns[0], &rx_ns[0]);
    for (int i = 0; i < RUNS; i++) {
        wire_window(tx, rx, pkts, &tx_ns[i], &rx_ns[i]);
    }
    rte_pktmbuf_free_bulk(pkts, BATCH);
    snprintf(what, sizeof what, "send, %u rules", n_rules);
    print(what, devargs, tx_ns);
    snprintf(what, sizeof what, "receive, %u rules", n_rules);
    print(what, devargs, rx_ns);
    if (pair) {
        close_port(rx, "net_simnic1");
    }
    close_port(tx, "net_simnic0");
}

/* Writes a capture of 'n' packets of 'size' bytes.  Returns its name. */
static const char *
write_capture(uint32_t n, uint32_t size)
{
    static char path[64];
    uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
    uint32_t packet[4] = { 0, 0, size, size };
    static uint8_t bytes[2048];
    FILE *file;

    strcpy(path, "/tmp/simnic-XXXXXX");
    file = fdopen(mkstemp(path), "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fwrite(header, sizeof header, 1, file);
    for (uint32_t i = 0; i < n; i++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

        fill_packet(m, i);
        memcpy(bytes, rte_pktmbuf_mtod(m, void *), 60);
        rte_pktmbuf_free(m);
        fwrite(packet, sizeof packet, 1, file);
        fwrite(bytes, size, 1, file);
    }
    fclose(file);
    return path;
}

static void
bench_pcap(uint32_t n, uint32_t size)
{
    const char *path = write_capture(n, size);
    char args[96];

    snprintf(args, sizeof args, "mode=pcap,file=%s", path);
    printf("%u packets of %u bytes:\n", n, size);
    bench_receive(args);
    unlink(path);
}

int
main(int argc, char *argv[])
{
    static const char *const gen[] = {
        "mode=gen", "mode=gen,cold=1",
        "mode=gen,streams=1000000,megaflows=1000",
        "mode=gen,streams=1000000,megaflows=1000,cold=1",
    };
    static const uint32_t n_rules[] = { 0, 1, 1000 };

    if (rte_eal_init(argc, argv) < 0) {
        return 77;
    }
    pool = rte_pktmbuf_pool_create("pool", 16383, 256, 0,
                                   RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (!pool) {
        return 77;
    }
    measure_clock();
    for (size_t i = 0; i < RTE_DIM(gen); i++) {
        bench_receive(gen[i]);
    }
    bench_pcap(1, 60);
    bench_pcap(1000, 60);
    bench_pcap(1000, 1514);
    for (int pair = 0; pair < 2; pair++) {
        for (size_t i = 0; i < RTE_DIM(n_rules); i++) {
            bench_wire(pair, n_rules[i]);
        }
    }
    rte_eal_cleanup();
    return 0;
}
