/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/xdp/xdp-wire.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "tests/xdp/xdp-wire.skel.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-loader.h"
#include "xdp/dp-xdp-table.h"

/* The program on real devices, at full speed. */

/* Sent in one go. */
#define BURST 100000

/* The wire itself, and what tests/bench/xdp-bench measures a daemon with. */

/* Has 'program' run on "in". */
static void
attach(const struct xdp_wire *wire, const struct bpf_program *program)
{
    int error = -bpf_xdp_attach(wire->in, bpf_program__fd(program),
                                XDP_FLAGS_DRV_MODE, NULL);

    if (error) {
        dptest_fail("\"in\": %s", ovs_strerror(error));
    }
}

/* Sends packets of 'n_flows' flows for 'ms', and prints how many millions of
 * packets a second arrived meanwhile. */
static void
send_for(struct xdp_wire *wire, uint32_t n_flows, unsigned int ms)
{
    uint64_t received = xdp_wire_count(wire, XDP_WIRE_RECEIVED);
    double ns = 0;

    xdp_wire_set_flows(wire, n_flows);
    do {
        ns += xdp_wire_send(wire, 5 * BURST) * 5 * BURST;
    } while (ns < ms * 1e6);
    printf("%.4f\n", (xdp_wire_count(wire, XDP_WIRE_RECEIVED) - received)
                     * 1000.0 / ns);
}

static int
open_packet_socket(const char *name)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = xdp_rig_ifindex(name),
    };
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

    ovs_assert(fd >= 0);
    ovs_assert(!bind(fd, (struct sockaddr *) &address, sizeof address));
    return fd;
}

/* Sends packet 'packet' by socket 'from', and returns how many us later it is
 * there at socket 'to', or -1 if it isn't within a second. */
static double
time_packet(int from, int to, const void *packet)
{
    uint8_t got[XDP_WIRE_SIZE];
    uint64_t start = xdp_rig_now_ns();

    ovs_assert(send(from, packet, sizeof got, 0) == sizeof got);
    do {
        if (recv(to, got, sizeof got, MSG_DONTWAIT) == sizeof got
            && !memcmp(got, packet, sizeof got)) {
            return (xdp_rig_now_ns() - start) / 1000.0;
        }
    } while (xdp_rig_now_ns() - start < 1000000000);
    return -1;
}

/* Prints how long the first packet of each of 'n' flows took, and how long the
 * second one did, in us.  The flows have UDP ports from 'port' on. */
static void
time_first(struct xdp_wire *wire, unsigned int n, unsigned int port)
{
    struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
    int from = open_packet_socket("wire0");
    int to = open_packet_socket("wire1");
    uint8_t packet[XDP_WIRE_SIZE];
    struct udp_header *udp = ALIGNED_CAST(
        struct udp_header *, packet + ETH_HEADER_LEN + IP_HEADER_LEN);

    /* Packets are to reach the socket, and "wire1" is to have a program. */
    bpf_xdp_detach(xdp_rig_ifindex("wire1"), XDP_FLAGS_DRV_MODE, NULL);
    ovs_assert(!bpf_xdp_attach(xdp_rig_ifindex("wire1"),
                               bpf_program__fd(wire->bpf->progs.wire_pass),
                               XDP_FLAGS_DRV_MODE, NULL));
    memcpy(packet, wire->bpf->bss->template, sizeof packet);
    for (unsigned int i = 0; i < n; i++) {
        double first, second;

        udp->udp_dst = htons(port + i);
        nanosleep(&pause, NULL);
        first = time_packet(from, to, packet);
        second = time_packet(from, to, packet);
        printf("%.1f %.1f\n", first, second);
    }
    close(from);
    close(to);
}

/* Without arguments it makes devices and sees that all packets arrive.  With
 * "send MS FLOWS" or "first N PORT" it uses those that there are; "bare MS
 * FLOWS" has the program that only redirects on them, "limit MS FLOWS" the
 * receiver on "in". */
static void
test_xdp_wire(int argc, char *argv[])
{
    struct xdp_wire wire;

    if (argc < 4) {
        xdp_wire_make_devices();
        xdp_wire_init(&wire);
        attach(&wire, wire.bpf->progs.wire_bare);
        xdp_wire_send(&wire, BURST);
        ovs_assert(xdp_wire_count(&wire, XDP_WIRE_RECEIVED) == BURST);
        ovs_assert(xdp_wire_sent(&wire) == BURST);
        time_first(&wire, 5, 1);
        xdp_wire_uninit(&wire);
        return;
    }
    xdp_wire_init(&wire);
    xdp_wire_pin(0);
    if (!strcmp(argv[1], "first")) {
        time_first(&wire, atoi(argv[2]), atoi(argv[3]));
    } else {
        if (!strcmp(argv[1], "bare")) {
            attach(&wire, wire.bpf->progs.wire_bare);
        } else if (!strcmp(argv[1], "limit")) {
            attach(&wire, wire.bpf->progs.wire_receive);
        }
        send_for(&wire, atoi(argv[3]), atoi(argv[2]));
        if (strcmp(argv[1], "send")) {
            bpf_xdp_detach(wire.in, XDP_FLAGS_DRV_MODE, NULL);
        }
    }
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-wire", test_xdp_wire);

/* Fails unless all packets that were sent are accounted for: received, or
 * found without a flow.  Returns how many were the latter. */
static uint64_t
check_sum(const struct xdp_wire *wire)
{
    uint64_t sent = xdp_wire_sent(wire);
    uint64_t came = dp_xdp_loader_count(wire->loader, DP_XDP_COUNT_RX);
    uint64_t missed = dp_xdp_loader_count(wire->loader, DP_XDP_COUNT_MISS);
    uint64_t received = xdp_wire_count(wire, XDP_WIRE_RECEIVED);

    if (came != sent || received + missed != sent) {
        dptest_fail("%"PRIu64" packets sent, %"PRIu64" came, %"PRIu64
                    " without flow, %"PRIu64" dropped for want of the output, "
                    "%"PRIu64" received", sent, came, missed,
                    dp_xdp_loader_count(wire->loader,
                                        DP_XDP_COUNT_NO_OUTPUT), received);
    }
    return missed;
}

/* What a program may look at stays as it is until the program has ended. */

static void *
stall_main(void *wire_)
{
    const struct xdp_wire *wire = wire_;
    uint8_t packet[XDP_WIRE_SIZE] = { 0 };
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = packet,
                .data_size_in = sizeof packet);

    ovs_assert(!bpf_prog_test_run_opts(
                   bpf_program__fd(wire->bpf->progs.wire_stall), &opts));
    return NULL;
}

static void
test_xdp_grace(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const volatile uint32_t *stalls, *n_stalls;
    struct dp_xdp_table *table;
    unsigned int n_looks = 0;
    struct xdp_wire wire;

    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_LOOKUP);
    table = dp_xdp_loader_table(wire.loader);
    stalls = &wire.bpf->bss->stalls;
    n_stalls = &wire.bpf->bss->n_stalls;
    /* A machine that is busy may not let us look in time. */
    for (int i = 0; n_looks < 20 && i < 1000; i++) {
        uint32_t before = *n_stalls;
        bool over, runs;
        uint64_t epoch;
        pthread_t thread;
        uint32_t flow;

        xdp_wire_put_flows(&wire, 1, &flow);
        thread = ovs_thread_create("stall", stall_main, &wire);
        while (*n_stalls == before) {
            xnanosleep(10 * 1000);
        }
        epoch = dp_xdp_table_del(table, flow);
        runs = *stalls;                 /* It did when the flow went. */
        dp_xdp_table_forget(table, flow);
        do {
            dp_xdp_loader_wake(wire.loader);
            xnanosleep(100 * 1000);
            over = dp_xdp_table_is_over(table, epoch);
            runs = runs && *stalls;     /* Now, and so when 'over' was read. */
            ovs_assert(!over || !runs);
            n_looks += runs;
        } while (!over);
        xpthread_join(thread, NULL);
    }
    printf("looked %u times\n", n_looks);
    ovs_assert(n_looks >= 20);
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-grace", test_xdp_grace);

/* Update safety: while one thread changes flows as fast as it can, each packet
 * is either of none or wholly of the right one.  What would go wrong is that a
 * CPU has just found a flow when its place is given to another one: so there
 * are few flows, and each change is one of a flow that somebody looks at. */

enum { N_STORM_FLOWS = 8 };

struct storm {
    struct xdp_wire *wire;
    atomic_bool stop;
    atomic_uint64_t n_changes;
    uint32_t flows[N_STORM_FLOWS];      /* 0: none. */
};

/* Puts flow 'i' anew, and then takes out the old one.  Returns how many
 * changes that were. */
static int
put_version(struct storm *storm, uint32_t i, uint32_t version)
{
    const uint8_t mac[6] = { XDP_WIRE_MAC, i, version >> 24, version >> 16,
                             version >> 8, version };
    struct dp_xdp_action action = {
        .fate = DP_XDP_OUTPUT,
        .out = dp_xdp_port_slot(storm->wire->out_port),
        .set = DP_XDP_SET_DL_DST | DP_XDP_SET_DL_SRC,
    };
    uint32_t old = storm->flows[i];

    memcpy(action.dl_dst, mac, sizeof mac);
    memcpy(action.dl_src, mac, sizeof mac);
    /* Eight masks come and go. */
    if (xdp_wire_put(storm->wire, i, random_range(8), &action,
                     &storm->flows[i])) {
        /* All places rest: this is faster than epochs go by. */
        storm->flows[i] = old;
        xnanosleep(1000 * 1000);
        return 0;
    }
    if (old) {
        xdp_wire_del(storm->wire, old);
    }
    return old ? 2 : 1;
}

static void *
storm_main(void *storm_)
{
    struct storm *storm = storm_;
    uint64_t n = 0;
    bool stop;

    do {
        n += put_version(storm, random_range(N_STORM_FLOWS), n);
        atomic_store_relaxed(&storm->n_changes, n);
        atomic_read_relaxed(&storm->stop, &stop);
    } while (!stop);
    return NULL;
}

/* Arguments: how many packets there are to be at least, and changes. */
static void
test_xdp_storm(int argc, char *argv[])
{
    uint64_t n_packets = argc > 2 ? strtoull(argv[1], NULL, 0) : 2000000;
    uint64_t n_changes = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
    uint32_t burst = MIN(n_packets / 5, 10 * BURST);
    uint64_t changes, missed;
    struct storm storm;
    struct xdp_wire wire;
    pthread_t thread;

    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_ALL);
    xdp_wire_set_flows(&wire, N_STORM_FLOWS);
    wire.bpf->bss->check_macs = true;
    memset(&storm, 0, sizeof storm);
    storm.wire = &wire;
    for (uint32_t i = 0; i < N_STORM_FLOWS; i++) {
        ovs_assert(put_version(&storm, i, 0));
    }
    thread = ovs_thread_create("changes", storm_main, &storm);
    xdp_wire_pin(0);
    do {
        xdp_wire_send(&wire, burst);
        atomic_read_relaxed(&storm.n_changes, &changes);
    } while (xdp_wire_sent(&wire) < n_packets || changes < n_changes);
    atomic_store_relaxed(&storm.stop, true);
    xpthread_join(thread, NULL);

    missed = check_sum(&wire);
    printf("lookups: %"PRIu64"\nchanges: %"PRIu64"\nwithout flow: %"PRIu64"\n"
           "wrong: %"PRIu64"\ntorn: %"PRIu64"\n", xdp_wire_sent(&wire),
           changes, missed, xdp_wire_count(&wire, XDP_WIRE_WRONG),
           xdp_wire_count(&wire, XDP_WIRE_TORN));
    ovs_assert(!xdp_wire_count(&wire, XDP_WIRE_WRONG)
               && !xdp_wire_count(&wire, XDP_WIRE_TORN));
    /* Who passed a mask before the new flow was there and comes to the other
     * one after the old one has gone finds none. */
    ovs_assert(missed < xdp_wire_sent(&wire) / 100);
    xdp_wire_del_flows(&wire, N_STORM_FLOWS, storm.flows);
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-storm", test_xdp_storm);

/* Another program takes the place of the one that runs while packets pass. */

struct swaps {
    struct xdp_wire *wire;
    unsigned int n;
    atomic_bool done;
};

static void *
swaps_main(void *swaps_)
{
    static const uint32_t programs[] = {
        DP_XDP_CAN_LOOKUP,
        DP_XDP_CAN_ALL,
        DP_XDP_CAN_ALL & ~DP_XDP_CAN_CACHE,
        DP_XDP_CAN_LOOKUP | DP_XDP_CAN_CACHE,
        DP_XDP_CAN_ALL & ~DP_XDP_CAN_IPV6,
    };
    struct swaps *swaps = swaps_;

    for (unsigned int i = 0; i < swaps->n; i++) {
        xdp_wire_set_can(swaps->wire, programs[i % ARRAY_SIZE(programs)]);
    }
    atomic_store_relaxed(&swaps->done, true);
    return NULL;
}

/* Argument: how many. */
static void
test_xdp_swap(int argc, char *argv[])
{
    enum { N = 12 };
    uint32_t flows[N];
    struct xdp_wire wire;
    struct swaps swaps = {
        .wire = &wire,
        .n = argc > 1 && atoi(argv[1]) ? atoi(argv[1]) : 5,
    };
    pthread_t thread;
    bool done;

    xdp_wire_make_devices();
    xdp_wire_init(&wire);
    xdp_wire_init_switch(&wire, DP_XDP_CAN_ALL);
    xdp_wire_put_flows(&wire, N, flows);
    thread = ovs_thread_create("swaps", swaps_main, &swaps);
    xdp_wire_pin(0);
    do {
        xdp_wire_send(&wire, BURST);
        atomic_read_relaxed(&swaps.done, &done);
    } while (!done);
    xpthread_join(thread, NULL);
    printf("swaps: %u\npackets: %"PRIu64"\nlost: %"PRIu64"\n", swaps.n,
           xdp_wire_sent(&wire),
           xdp_wire_sent(&wire) - xdp_wire_count(&wire, XDP_WIRE_RECEIVED));
    ovs_assert(!check_sum(&wire));
    xdp_wire_del_flows(&wire, N, flows);
    xdp_wire_uninit_switch(&wire);
    xdp_wire_uninit(&wire);
}
DPTEST_REGISTER("xdp-swap", test_xdp_swap);
