/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/xdp/xdp-wire.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "afxdp/dp-xsk.h"
#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "tests/xdp/xdp-wire.skel.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-actions.h"
#include "xdp/dp-xdp-loader.h"
#include "xdp/dp-xdp-match.h"
#include "xdp/dp-xdp-table.h"

/* What the program and its tables cost, beside what they are measured
 * against.  With "benchmark ROUNDS" each prints lines of values, one for each
 * round, for tests/bench/xdp-bench; without, it shows that all of that
 * works. */

struct effort {
    int n_rounds;
    int n_packets;
};

static struct effort
get_effort(int argc, char *argv[])
{
    bool benchmark = argc > 1 && !strcmp(argv[1], "benchmark");

    return (struct effort) {
        .n_rounds = !benchmark ? 1 : argc > 2 ? MAX(1, atoi(argv[2])) : 5,
        .n_packets = benchmark ? 1000000 : 20000,
    };
}

/* The values of a line. */
struct series {
    const char *name;
    double *values;
    int n;
};

static void
series_add(struct series *s, const char *name, double value)
{
    s->name = name;
    s->values = xrealloc(s->values, (s->n + 1) * sizeof *s->values);
    s->values[s->n++] = value;
}

static void
series_print(struct series *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printf("%s:", s[i].name);
        for (int j = 0; j < s[i].n; j++) {
            printf(" %.3f", s[i].values[j]);
        }
        printf("\n");
        free(s[i].values);
    }
}

/* The whole way of a packet: with a program that does nothing but redirect,
 * and with ours. */

enum { MAX_TRIES = 20, WAIT_MS = 200, FEW_PACKETS = 100 };

/* Waits until 'n' packets have been received, but not for long. */
static bool
await_received(const struct xdp_wire *wire, uint64_t n)
{
    for (int ms = 0; xdp_wire_count(wire, XDP_WIRE_RECEIVED) < n; ms++) {
        if (ms >= WAIT_MS) {
            return false;
        }
        xnanosleep(1000 * 1000);
    }
    return xdp_wire_count(wire, XDP_WIRE_RECEIVED) == n;
}

/* Sends packets, all of which must arrive.  On a busy CPU the kernel puts off
 * what it has to do, and then drops what is too much: so if one is missing,
 * others are sent, fewer each time. */
static double
send_all(struct xdp_wire *wire, int n_packets)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        uint64_t received = xdp_wire_count(wire, XDP_WIRE_RECEIVED);
        double ns = xdp_wire_send(wire, n_packets);

        if (await_received(wire, received + n_packets)) {
            return ns;
        }
        n_packets = MAX(n_packets / 2, FEW_PACKETS);
    }
    dptest_fail("of %"PRIu64" packets %"PRIu64" came in, %"PRIu64" had no "
                "rule, %"PRIu64" were received", xdp_wire_sent(wire),
                dp_xdp_loader_count(wire->loader, DP_XDP_COUNT_RX),
                dp_xdp_loader_count(wire->loader, DP_XDP_COUNT_MISS),
                xdp_wire_count(wire, XDP_WIRE_RECEIVED));
}

static double
send_flows(struct xdp_wire *wire, uint32_t can, uint32_t n, int n_packets)
{
    uint32_t flows[DP_XDP_LIST_MASKS];
    double ns;

    xdp_wire_set_can(wire, can);
    xdp_wire_put_flows(wire, n, flows);
    ns = send_all(wire, n_packets);
    xdp_wire_del_flows(wire, n, flows);
    return ns;
}

static void
test_xdp_path(int argc, char *argv[])
{
    const uint32_t without = DP_XDP_CAN_ALL & ~DP_XDP_CAN_CACHE;
    struct effort effort = get_effort(argc, argv);
    struct series series[5];
    struct xdp_wire wire;

    memset(series, 0, sizeof series);
    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_ALL);
    xdp_wire_pin(0);
    for (int i = 0; i < effort.n_rounds; i++) {
        xdp_wire_replace_program(
            &wire, bpf_program__fd(wire.bpf->progs.wire_bare));
        series_add(&series[0], "bare",
                   xdp_wire_send(&wire, effort.n_packets));
        series_add(&series[1], "1 mask",
                   send_flows(&wire, DP_XDP_CAN_ALL, 1, effort.n_packets));
        series_add(&series[2], "31 masks",
                   send_flows(&wire, DP_XDP_CAN_ALL, DP_XDP_LIST_MASKS,
                              effort.n_packets));
        series_add(&series[3], "8 masks, no cache",
                   send_flows(&wire, without, 8, effort.n_packets));
        series_add(&series[4], "31 masks, no cache",
                   send_flows(&wire, without, DP_XDP_LIST_MASKS,
                              effort.n_packets));
    }
    series_print(series, ARRAY_SIZE(series));
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-path", test_xdp_path);

/* Packets a socket receives in a second, by a thread on the other CPU, that
 * comes from a program that does nothing else, from ours without flows, and
 * from ours with a mark. */

struct reader {
    struct dp_xsk *xsk;
    unsigned int cpu;
    atomic_bool stop;
    atomic_uint64_t n_received;
    atomic_uint64_t n_marked;
};

static void *
reader_main(void *reader_)
{
    struct reader *reader = reader_;
    uint64_t n_received = 0, n_marked = 0;
    bool stop;

    xdp_wire_pin(reader->cpu);
    do {
        struct dp_packet_batch batch;
        struct dp_packet *packet;
        uint32_t mark;

        if (!dp_xsk_recv(reader->xsk, &batch, NULL)) {
            DP_PACKET_BATCH_FOR_EACH (i, packet, &batch) {
                n_marked += dp_packet_has_flow_mark(packet, &mark);
            }
            n_received += dp_packet_batch_size(&batch);
            dp_packet_delete_batch(&batch, true);
            atomic_store_relaxed(&reader->n_received, n_received);
            atomic_store_relaxed(&reader->n_marked, n_marked);
        }
        atomic_read_relaxed(&reader->stop, &stop);
    } while (!stop);
    return NULL;
}

/* Returns millions of packets in a second that 'reader' gets while packets are
 * sent.  If they are to be 'marked', sees that they are. */
static double
receive(struct xdp_wire *wire, struct reader *reader, int n_packets,
        bool marked)
{
    atomic_uint64_t *counter = marked ? &reader->n_marked
                                      : &reader->n_received;
    uint64_t before, after;
    double ns;

    atomic_read_relaxed(counter, &before);
    ns = xdp_wire_send(wire, n_packets) * n_packets;
    do {
        atomic_read_relaxed(counter, &after);
    } while (after == before);
    return (after - before) / ns * 1000;
}

static void
test_xdp_receive(int argc, char *argv[])
{
    struct effort effort = get_effort(argc, argv);
    struct reader reader = { .cpu = 1 };
    const struct dp_xdp_action mark = { .fate = DP_XDP_MARK, .mark = 77 };
    struct dp_xsk_config config = {
        .ifname = "in",
        .numa_id = -1,
        .need_wakeup = true,
    };
    struct series series[3];
    struct xdp_wire wire;
    uint32_t zero = 0, fd, flow;
    pthread_t thread;
    int error;

    if (count_cpu_cores() < 2) {
        dptest_skip("there is one CPU only");
    }
    memset(series, 0, sizeof series);
    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, 0);
    config.magic = dp_xdp_loader_magic(wire.loader);
    error = dp_xsk_create(&config, &reader.xsk);
    if (error) {
        dptest_skip("no AF_XDP socket: %s", ovs_strerror(error));
    }
    fd = dp_xsk_fd(reader.xsk);
    ovs_assert(!dp_xdp_port_set_socket(wire.in_port, 0, fd));
    ovs_assert(!bpf_map_update_elem(bpf_map__fd(wire.bpf->maps.wire_xsk),
                                    &zero, &fd, 0));
    thread = ovs_thread_create("reader", reader_main, &reader);
    xdp_wire_pin(0);
    for (int i = 0; i < effort.n_rounds; i++) {
        xdp_wire_replace_program(
            &wire, bpf_program__fd(wire.bpf->progs.wire_bare_xsk));
        series_add(&series[0], "bare",
                   receive(&wire, &reader, effort.n_packets, false));
        xdp_wire_set_can(&wire, 0);
        series_add(&series[1], "no flows",
                   receive(&wire, &reader, effort.n_packets, false));
        xdp_wire_set_can(&wire, DP_XDP_CAN_LOOKUP);
        ovs_assert(!xdp_wire_put(&wire, 0, 0, &mark, &flow));
        series_add(&series[2], "marks",
                   receive(&wire, &reader, effort.n_packets, true));
        xdp_wire_del(&wire, flow);
    }
    atomic_store_relaxed(&reader.stop, true);
    xpthread_join(thread, NULL);
    series_print(series, ARRAY_SIZE(series));
    dp_xdp_port_clear_socket(wire.in_port, 0);
    dp_xsk_destroy(reader.xsk);
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-receive", test_xdp_receive);

/* Masks: what each more costs, and what it costs in a hash map of the
 * kernel's. */

/* Has flow number 0 alone, with the last of 'n' masks. */
static void
fill_hash(const struct xdp_wire *wire, uint32_t n)
{
    struct {
        uint64_t words[5];
        uint64_t mask;
    } mask = { .mask = 0 }, key = { .mask = 0 };
    int masks_fd = bpf_map__fd(wire->bpf->maps.wire_masks);
    int fd = bpf_map__fd(wire->bpf->maps.wire_hash);
    uint64_t value = 1;

    memset(mask.words, 0xff, sizeof mask.words);
    for (uint32_t i = 0; i < XDP_WIRE_MAX_MASKS; i++) {
        ovs_assert(!bpf_map_update_elem(masks_fd, &i, &mask, 0));
    }
    memcpy(key.words, wire->bpf->bss->template, sizeof key.words);
    for (key.mask = 0; key.mask < n - 1; key.mask++) {
        bpf_map_delete_elem(fd, &key);
    }
    ovs_assert(!bpf_map_update_elem(fd, &key, &value, 0));
    wire->bpf->bss->n_masks = n;
}

/* Returns the time of a run of program 'fd' on the packet of flow 0. */
static double
run_ns(const struct xdp_wire *wire, int fd, int repeat)
{
    uint8_t out[256];
    struct xdp_md ctx = {
        .data_end = XDP_WIRE_SIZE,
        .ingress_ifindex = wire->in,
    };
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = wire->bpf->bss->template,
                .data_size_in = XDP_WIRE_SIZE,
                .data_out = out,
                .data_size_out = sizeof out,
                .ctx_in = &ctx,
                .ctx_size_in = sizeof ctx,
                .repeat = repeat);

    ovs_assert(!bpf_prog_test_run_opts(fd, &opts));
    ovs_assert(opts.retval == XDP_DROP);
    return opts.duration;
}

/* The same in the program of the switch, where flow 0 comes last. */
static double
run_ours(struct xdp_wire *wire, uint32_t n, int repeat)
{
    const struct dp_xdp_action drop = { .fate = DP_XDP_DROP };
    uint32_t flows[DP_XDP_LIST_MASKS];
    double ns;

    for (uint32_t i = 0; i < n; i++) {
        ovs_assert(!xdp_wire_put(wire, n - 1 - i, i, &drop, &flows[i]));
    }
    ns = run_ns(wire, dp_xdp_loader_prog_fd(wire->loader), repeat);
    xdp_wire_del_flows(wire, n, flows);
    return ns;
}

static void
test_xdp_masks(int argc, char *argv[])
{
    struct effort effort = get_effort(argc, argv);
    struct series series[4];
    struct xdp_wire wire;

    memset(series, 0, sizeof series);
    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_ALL & ~DP_XDP_CAN_CACHE);
    xdp_wire_pin(0);
    for (int i = 0; i < effort.n_rounds; i++) {
        int fd = bpf_program__fd(wire.bpf->progs.wire_lookup);

        series_add(&series[0], "ours, 1 mask",
                   run_ours(&wire, 1, effort.n_packets));
        series_add(&series[1], "ours, 31 masks",
                   run_ours(&wire, DP_XDP_LIST_MASKS, effort.n_packets));
        fill_hash(&wire, 1);
        series_add(&series[2], "hash map, 1 mask",
                   run_ns(&wire, fd, effort.n_packets));
        fill_hash(&wire, DP_XDP_LIST_MASKS);
        series_add(&series[3], "hash map, 31 masks",
                   run_ns(&wire, fd, effort.n_packets));
    }
    series_print(series, ARRAY_SIZE(series));
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-masks", test_xdp_masks);

/* Insertion, from a megaflow to the table; and reading all counters. */

static bool
find_port(void *wire_, odp_port_t port_no OVS_UNUSED,
          struct dp_xdp_member *member)
{
    const struct xdp_wire *wire = wire_;

    member->slot = dp_xdp_port_slot(wire->out_port);
    member->ifindex = wire->out;
    return true;
}

/* A megaflow of UDP packets, number 'i'; its mask is number 'mask_i' of
 * 4,096. */
static void
make_match(uint32_t i, uint32_t mask_i, struct match *match)
{
    match_init_catchall(match);
    match->wc.masks.in_port.odp_port = ODPP_NONE;
    match->wc.masks.recirc_id = UINT32_MAX;
    match->wc.masks.packet_type = OVS_BE32_MAX;
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_frag(match, 0);
    match_set_nw_proto(match, IPPROTO_UDP);
    match_set_nw_src(match, htonl(i));
    match_set_dl_dst_masked(match, eth_addr_zero,
                            (struct eth_addr) { { .ea = {
                                0, 0, 0, 0, mask_i >> 8, mask_i } } });
}

/* Returns how long it takes to put a flow. */
static uint64_t
put_megaflow(struct xdp_wire *wire, const struct match *match,
             const struct ofpbuf *actions, uint32_t *flow)
{
    struct dp_xdp_table *table = dp_xdp_loader_table(wire->loader);
    struct dp_xdp_actions a;
    struct dp_xdp_match m;
    uint64_t start;
    int error;

    do {
        start = xdp_rig_now_ns();
        ovs_assert(!dp_xdp_match_translate(
                       match, dp_xdp_port_slot(wire->in_port), &m));
        ovs_assert(!dp_xdp_actions_translate(actions, &m, find_port, wire,
                                             &a));
        error = dp_xdp_table_put(table, &m.key, &m.mask, &a.action, flow);
        if (error == EBUSY) {
            dp_xdp_loader_wake(wire->loader);
            sched_yield();
        }
    } while (error == EBUSY);
    ovs_assert(!error);
    return xdp_rig_now_ns() - start;
}

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Puts 'n' flows.  If 'new_masks', each has a mask that no other has, and goes
 * again at once; else they stay, in 'flows', and have 31 masks. */
static void
put_megaflows(struct xdp_wire *wire, const struct ofpbuf *actions,
              uint32_t *flows, int n, bool new_masks, struct series series[3])
{
    double *us = xmalloc(n * sizeof *us);
    double sum = 0;

    for (int i = 0; i < n; i++) {
        struct match match;

        make_match(i, new_masks ? i % 4096 : i % DP_XDP_LIST_MASKS, &match);
        us[i] = put_megaflow(wire, &match, actions, &flows[i]) / 1000.0;
        sum += us[i];
        if (new_masks) {
            xdp_wire_del(wire, flows[i]);
        }
    }
    qsort(us, n, sizeof *us, compare_doubles);
    series_add(&series[0],
               new_masks ? "put with a mask, median" : "put, median",
               us[n / 2]);
    series_add(&series[1], new_masks ? "put with a mask, 99%" : "put, 99%",
               us[n - 1 - n / 100]);
    series_add(&series[2], new_masks ? "put with a mask, rate" : "put, rate",
               n / sum * 1e6);
    free(us);
}

static void
test_xdp_insert(int argc, char *argv[])
{
    struct effort effort = get_effort(argc, argv);
    int n = effort.n_packets > 100000 ? 64000 : 5000;
    uint32_t *flows = xcalloc(n, sizeof *flows);
    struct dp_xdp_table *table;
    struct series series[7];
    struct ofpbuf actions;
    struct xdp_wire wire;

    memset(series, 0, sizeof series);
    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_ALL);
    table = dp_xdp_loader_table(wire.loader);
    ofpbuf_init(&actions, 0);
    nl_msg_put_u32(&actions, OVS_ACTION_ATTR_OUTPUT, 2);
    for (int i = 0; i < effort.n_rounds; i++) {
        struct dp_xdp_stats stats;
        uint64_t start;

        put_megaflows(&wire, &actions, flows, n / 4, true, series);
        put_megaflows(&wire, &actions, flows, n, false, series + 3);
        start = xdp_rig_now_ns();
        for (int j = 0; j < n; j++) {
            dp_xdp_table_read(table, flows[j], &stats);
            ovs_assert(!stats.n_packets && !stats.n_bytes);
        }
        series_add(&series[6], "read all", (xdp_rig_now_ns() - start) / 1e6);
        for (int j = 0; j < n; j++) {
            xdp_wire_del(&wire, flows[j]);
        }
    }
    series_print(series, ARRAY_SIZE(series));
    ofpbuf_uninit(&actions);
    free(flows);
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-insert", test_xdp_insert);
