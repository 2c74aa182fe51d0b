/* SPDX-License-Identifier: Apache-2.0 */

/* How fast net_simnic takes rules, and classifies its streams anew.  Times
 * are CPU times of the calling thread.
 *
 * Usage: bench-simnic-rules EAL-ARGUMENTS, with the plugin given by -d; for
 * example
 *     --no-huge -m 256 --no-pci --no-telemetry -l 0 -d librte_net_simnic.so
 * Prints one JSON line for each figure; "best" of RUNS. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#define RUNS 3
#define BASE_DST 0xc6120001u            /* As simnic-gen.c. */

static struct rte_mempool *pool;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static uint16_t
open_port(uint32_t streams, uint32_t megaflows)
{
    struct rte_eth_conf conf;
    uint16_t port;
    char args[64];

    memset(&conf, 0, sizeof conf);
    snprintf(args, sizeof args, "streams=%u,megaflows=%u", streams,
             megaflows);
    if (rte_vdev_init("net_simnic0", args)
        || rte_eth_dev_get_port_by_name("net_simnic0", &port)
        || rte_eth_dev_configure(port, 1, 1, &conf)
        || rte_eth_rx_queue_setup(port, 0, 128, 0, NULL, pool)
        || rte_eth_tx_queue_setup(port, 0, 128, 0, NULL)
        || rte_eth_dev_start(port)) {
        fprintf(stderr, "cannot open a port: is the plugin loaded?\n");
        exit(1);
    }
    return port;
}

static void
close_port(uint16_t port)
{
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
    rte_vdev_uninit("net_simnic0");
}

/* Creates 'n' rules that mark an address each.  Returns the seconds. */
static double
create_rules(uint16_t port, uint32_t n, struct rte_flow **flow)
{
    struct rte_flow_attr attr = { .ingress = 1 };
    struct rte_flow_item_ipv4 spec, mask;
    struct rte_flow_item pattern[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH },
        { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &spec, .mask = &mask },
        { .type = RTE_FLOW_ITEM_TYPE_UDP },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    struct rte_flow_action_mark mark;
    struct rte_flow_action_queue queue = { .index = 0 };
    struct rte_flow_action actions[] = {
        { .type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &mark },
        { .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
        { .type = RTE_FLOW_ACTION_TYPE_END },
    };
    struct rte_flow_error error;
    double start = now();

    memset(&spec, 0, sizeof spec);
    memset(&mask, 0, sizeof mask);
    mask.hdr.dst_addr = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        spec.hdr.dst_addr = rte_cpu_to_be_32(BASE_DST + i);
        mark.id = i + 1;
        flow[i] = rte_flow_create(port, &attr, pattern, actions, &error);
        if (!flow[i]) {
            fprintf(stderr, "rule %u: %s\n", i, error.message);
            exit(1);
        }
    }
    return now() - start;
}

static double
destroy_rules(uint16_t port, uint32_t n, struct rte_flow **flow)
{
    struct rte_flow_error error;
    double start = now();

    for (uint32_t i = 0; i < n; i++) {
        rte_flow_destroy(port, flow[i], &error);
    }
    return now() - start;
}

static void
bench_rules(uint32_t rules, uint32_t streams)
{
    struct rte_flow **flow = calloc(rules, sizeof *flow);
    double create = 1e9, destroy = 1e9;

    for (int run = 0; run < RUNS; run++) {
        uint16_t port = open_port(streams, RTE_MIN(rules, streams));
        double c = create_rules(port, rules, flow);
        double d = destroy_rules(port, rules, flow);

        create = RTE_MIN(create, c);
        destroy = RTE_MIN(destroy, d);
        close_port(port);
    }
    printf("{\"name\": \"simnic-rules\", \"rules\": %u, \"streams\": %u, "
           "\"create_per_s\": %.0f, \"destroy_per_s\": %.0f, "
           "\"runs\": %d}\n", rules, streams, rules / create,
           rules / destroy, RUNS);
    fflush(stdout);
    free(flow);
}

static void
bench_classify(uint32_t rules, uint32_t streams)
{
    struct rte_flow **flow = calloc(rules, sizeof *flow);
    uint16_t port = open_port(streams, rules);
    double best = 1e9;

    create_rules(port, rules, flow);
    for (int run = 0; run < RUNS; run++) {
        double start = now();

        /* A filter that changes has all streams classified. */
        rte_eth_promiscuous_enable(port);
        best = RTE_MIN(best, now() - start);
        rte_eth_promiscuous_disable(port);
    }
    close_port(port);
    printf("{\"name\": \"simnic-classify\", \"rules\": %u, \"streams\": %u, "
           "\"seconds\": %.3f, \"runs\": %d}\n", rules, streams, best, RUNS);
    fflush(stdout);
    free(flow);
}

int
main(int argc, char *argv[])
{
    if (rte_eal_init(argc, argv) < 0) {
        return 77;
    }
    pool = rte_pktmbuf_pool_create("pool", 1023, 0, 0,
                                   RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (!pool) {
        return 77;
    }
    bench_rules(100000, 1);
    bench_rules(100000, 100000);
    bench_rules(100000, 1000000);
    bench_classify(1, 1000000);
    bench_classify(65536, 1000000);
    return 0;
}
