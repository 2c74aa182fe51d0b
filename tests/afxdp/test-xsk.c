/* SPDX-License-Identifier: Apache-2.0 */

/* Ports and their sockets, on a pair of veth devices in a network namespace of
 * their own: "port0" is the port, and a packet socket is behind "host0". */

#include <config.h>
#undef NDEBUG
#include "afxdp/dp-afxdp-port.h"
#include "afxdp/dp-umem.h"
#include "afxdp/dp-xsk.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dp-packet.h"
#include "netdev-provider.h"
#include "netdev.h"
#include "smap.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"

#define N_PACKETS 5000          /* More than any ring has places. */
#define ETH_TYPE 0x1234         /* Nobody else in the namespace sends it. */

/* Waiting longer than this for a packet is a failure. */
#define PATIENCE_MS 20000

static void
make_devices(void)
{
    xdp_rig_shell("ip link add port0 type veth peer name host0");
    xdp_rig_set_up("port0", "host0");
}

/* Until the kernel has noticed that a link is up, it drops what is sent. */
static void
wait_for_link(const char *device)
{
    char *command = xasprintf(
        "until ip link show %s | grep -q 'state UP'; do sleep 0.01; done",
        device);

    xdp_rig_shell(command);
    free(command);
}

static int
open_packet_socket(const char *device)
{
    struct sockaddr_ll sll = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_TYPE),
        .sll_ifindex = xdp_rig_ifindex(device),
    };
    int bytes = 1 << 26;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_TYPE));

    wait_for_link(device);
    ovs_assert(fd >= 0);
    ignore(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes));
    ovs_assert(!bind(fd, (struct sockaddr *) &sll, sizeof sll));
    return fd;
}

/* Frame 'number': Ethernet, its number, and bytes that depend on it. */
static size_t
make_frame(uint8_t *frame, uint32_t number)
{
    size_t size = 60 + number % 1000;

    memset(frame, number, size);
    memset(frame, 2, 12);
    frame[12] = ETH_TYPE >> 8;
    frame[13] = ETH_TYPE & 0xff;
    memcpy(frame + 14, &number, sizeof number);
    return size;
}

static void
check_frame(const void *data, size_t size, uint32_t number)
{
    uint8_t frame[2048];

    ovs_assert(size == make_frame(frame, number));
    ovs_assert(!memcmp(frame, data, size));
}

static void
send_frame(int fd, uint32_t number)
{
    uint8_t frame[2048];
    size_t size = make_frame(frame, number);

    ovs_assert(send(fd, frame, size, 0) == size);
}

/* Is 'packet' one of ours?  The kernel has things to say on a new device. */
static bool
is_ours(const struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);

    return (dp_packet_size(packet) >= 18
            && data[12] == ETH_TYPE >> 8 && data[13] == (ETH_TYPE & 0xff));
}

/* Takes what has come, and returns those of our packets that are among it, in
 * 'batch'. */
static int
receive(struct dp_xsk *xsk, struct dp_packet_batch *batch, int *n_waiting)
{
    int error = dp_xsk_recv(xsk, batch, n_waiting);
    struct dp_packet *packet;

    if (!error) {
        size_t size = dp_packet_batch_size(batch);
        size_t i;

        ovs_assert(size);
        DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
            if (is_ours(packet)) {
                dp_packet_batch_refill(batch, packet, i);
            } else {
                dp_packet_delete(packet);
            }
        }
    }
    return error;
}

/* Waits for the next packet of ours, of which one is on its way.  The caller
 * deletes it. */
static struct dp_packet *
receive_one(struct dp_xsk *xsk)
{
    long long int deadline = time_msec() + PATIENCE_MS;
    struct dp_packet_batch batch;

    while (time_msec() < deadline) {
        if (!receive(xsk, &batch, NULL) && !dp_packet_batch_is_empty(&batch)) {
            ovs_assert(dp_packet_batch_size(&batch) == 1);
            return batch.packets[0];
        }
    }
    dptest_fail("no packet has come");
}

/* What comes is what was sent, in order, and so for much longer than the rings
 * are. */
static void
test_receive(struct dp_xsk *xsk, int fd)
{
    for (uint32_t i = 0; i < N_PACKETS; i++) {
        struct dp_packet *packet;
        uint32_t mark;

        send_frame(fd, i);
        packet = receive_one(xsk);
        check_frame(dp_packet_data(packet), dp_packet_size(packet), i);
        ovs_assert(dp_packet_headroom(packet)
                   == DP_UMEM_HEADROOM + DP_UMEM_KERNEL_HEADROOM);
        ovs_assert(!dp_packet_has_flow_mark(packet, &mark));
        dp_packet_delete(packet);
    }
}

/* Packets wait in the ring; each batch says whether there are more. */
static void
test_waiting(struct dp_xsk *xsk, int fd)
{
    long long int deadline = time_msec() + PATIENCE_MS;
    uint32_t n_sent = 100, n = 0;
    bool said = false;
    int waiting = 0;

    for (uint32_t i = 0; i < n_sent; i++) {
        send_frame(fd, i);
    }
    while (n < n_sent) {
        struct dp_packet_batch batch;

        if (receive(xsk, &batch, &waiting)) {
            ovs_assert(!said);
            if (time_msec() > deadline) {
                dptest_fail("%"PRIu32" of %"PRIu32" packets have come", n,
                            n_sent);
            }
        } else {
            n += dp_packet_batch_size(&batch);
            dp_packet_delete_batch(&batch, true);
        }
        said = waiting > 0;
    }
    ovs_assert(n == n_sent);
}

/* Reads the next frame from 'fd', which must be 'number'. */
static void
expect_frame(int fd, uint32_t number)
{
    long long int deadline = time_msec() + PATIENCE_MS;
    uint8_t frame[2048];
    ssize_t size;

    while ((size = recv(fd, frame, sizeof frame, 0)) < 0) {
        ovs_assert(errno == EAGAIN);
        if (time_msec() > deadline) {
            dptest_fail("frame %"PRIu32" has not come", number);
        }
    }
    check_frame(frame, size, number);
}

/* Packets of all kinds of memory go out, in order. */
static void
test_send(struct dp_xsk *xsk, int fd)
{
    struct dp_xsk_stats stats;

    for (uint32_t i = 0; i < N_PACKETS;) {
        struct dp_packet_batch batch;
        uint32_t first = i;

        dp_packet_batch_init(&batch);
        for (; i < first + 1 + first % NETDEV_MAX_BURST; i++) {
            uint8_t frame[2048];
            size_t size = make_frame(frame, i);

            dp_packet_batch_add(&batch, dp_packet_clone_data(frame, size));
        }
        dp_xsk_send(xsk, &batch);
        for (uint32_t number = first; number < i; number++) {
            expect_frame(fd, number);
        }
    }
    ovs_assert(!dp_xsk_get_stats(xsk, &stats));
    ovs_assert(!stats.tx_full && !stats.tx_too_long
               && !stats.tx_invalid_descs && !stats.rx_dropped);
}

/* A packet that does not fit into a frame is dropped and counted; its
 * neighbours go. */
static void
test_too_long(struct dp_xsk *xsk, int fd)
{
    struct dp_packet *giant = dp_packet_new(DP_UMEM_FRAME_SIZE + 1);
    struct dp_packet_batch batch;
    struct dp_xsk_stats stats;
    uint8_t frame[2048];

    dp_packet_put_zeros(giant, DP_UMEM_FRAME_SIZE + 1);
    dp_packet_batch_init(&batch);
    dp_packet_batch_add(&batch,
                        dp_packet_clone_data(frame, make_frame(frame, 1)));
    dp_packet_batch_add(&batch, giant);
    dp_packet_batch_add(&batch,
                        dp_packet_clone_data(frame, make_frame(frame, 2)));
    dp_xsk_send(xsk, &batch);
    expect_frame(fd, 1);
    expect_frame(fd, 2);
    ovs_assert(!dp_xsk_get_stats(xsk, &stats));
    ovs_assert(stats.tx_too_long == 1);
}

static void
send_one(struct dp_xsk *xsk, uint32_t number)
{
    struct dp_packet_batch batch;
    uint8_t frame[2048];
    size_t size = make_frame(frame, number);

    dp_packet_batch_init_packet(&batch, dp_packet_clone_data(frame, size));
    dp_xsk_send(xsk, &batch);
}

/* A device that is down takes nothing: no packet is lost uncounted, and the
 * rest goes when it is up. */
static void
test_down(struct dp_xsk *xsk, int fd)
{
    struct dp_xsk_stats stats;
    uint32_t n = 0;

    xdp_rig_shell("ip link set port0 down");
    do {
        send_one(xsk, n++);
        ovs_assert(!dp_xsk_get_stats(xsk, &stats));
    } while (!stats.tx_full);
    ovs_assert(stats.tx_full == 1);

    xdp_rig_set_up("port0", "host0");
    send_one(xsk, n);
    for (uint32_t i = 0; i < n - 1; i++) {
        expect_frame(fd, i);
    }
    expect_frame(fd, n);
}

/* One port in one mode: all of the above. */
static void
run_mode(enum afxdp_mode mode, enum afxdp_mode used, bool need_wakeup)
{
    const struct dp_afxdp_port_config config = {
        .name = "port0", .ifindex = xdp_rig_ifindex("port0"), .n_queues = 1,
        .mode = mode, .need_wakeup = need_wakeup, .numa_id = -1,
    };
    int fd = open_packet_socket("host0");
    struct dp_packet *late = NULL;
    struct dp_afxdp_port *port;
    struct dp_xsk *xsk;
    char *text;

    if (dp_afxdp_port_create(&config, &port, &text)) {
        dptest_fail("%s", text);
    }
    ovs_assert(dp_afxdp_port_mode(port) == used);
    ovs_assert(dp_afxdp_port_n_queues(port) == 1);
    xsk = dp_afxdp_port_socket(port, 0);
    test_receive(xsk, fd);
    test_waiting(xsk, fd);
    test_send(xsk, fd);
    test_too_long(xsk, fd);
    test_down(xsk, fd);

    /* A packet may outlive the port. */
    send_frame(fd, 77);
    late = receive_one(xsk);
    dp_afxdp_port_destroy(port);
    check_frame(dp_packet_data(late), dp_packet_size(late), 77);
    dp_packet_delete(late);
    close(fd);
}

static void
test_xsk_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());      /* Or skip. */
    make_devices();
    run_mode(OVS_AF_XDP_MODE_BEST_EFFORT, OVS_AF_XDP_MODE_NATIVE, true);
    run_mode(OVS_AF_XDP_MODE_NATIVE, OVS_AF_XDP_MODE_NATIVE, false);
    run_mode(OVS_AF_XDP_MODE_GENERIC, OVS_AF_XDP_MODE_GENERIC, true);
}
DPTEST_REGISTER("afxdp-xsk", test_xsk_main);

/* Creating a port with 'n_queues' in 'mode' must fail so. */
static void
expect_refusal(unsigned int n_queues, enum afxdp_mode mode, int error,
               const char *text)
{
    const struct dp_afxdp_port_config config = {
        .name = "port0", .ifindex = xdp_rig_ifindex("port0"),
        .n_queues = n_queues, .mode = mode, .need_wakeup = true, .numa_id = -1,
    };
    struct dp_afxdp_port *port;
    char *why;

    ovs_assert(dp_afxdp_port_create(&config, &port, &why) == error);
    ovs_assert(!port);
    if (!strstr(why, text)) {
        dptest_fail("\"%s\" does not say \"%s\"", why, text);
    }
    free(why);
}

/* Loads an XDP program of 'n' instructions. */
static int
load_program(const struct bpf_insn *insns, size_t n)
{
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "Apache-2.0", insns,
                           n, &opts);

    ovs_assert(fd >= 0);
    return fd;
}

/* r0 = XDP_PASS; exit. */
static const struct bpf_insn pass[] = {
    { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
    { .code = BPF_JMP | BPF_EXIT },
};

static void
test_refuse_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    int fd, ifindex;

    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());
    make_devices();
    expect_refusal(1, OVS_AF_XDP_MODE_NATIVE_ZC, EOPNOTSUPP,
                   "queue 0 in native-with-zerocopy mode");
    expect_refusal(2, OVS_AF_XDP_MODE_BEST_EFFORT, EINVAL, "queue 1");

    /* Somebody else's program stays where it is, in either mode. */
    fd = load_program(pass, ARRAY_SIZE(pass));
    ifindex = xdp_rig_ifindex("port0");
    for (int i = 0; i < 2; i++) {
        uint32_t flags = i ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
        uint32_t id = 0;

        ovs_assert(!bpf_xdp_attach(ifindex, fd, flags, NULL));
        expect_refusal(1, OVS_AF_XDP_MODE_BEST_EFFORT, EBUSY, "foreign");
        expect_refusal(1, OVS_AF_XDP_MODE_GENERIC, EBUSY, "foreign");
        ovs_assert(!bpf_xdp_query_id(ifindex, flags, &id) && id);
        ovs_assert(!bpf_xdp_detach(ifindex, flags, NULL));
    }
    close(fd);
    run_mode(OVS_AF_XDP_MODE_BEST_EFFORT, OVS_AF_XDP_MODE_NATIVE, true);
}
DPTEST_REGISTER("afxdp-refuse", test_refuse_main);

/* An XDP program that puts 'magic' and 'mark' in front of each packet and
 * hands it to the socket in entry 0 of map 'xsks'. */
static int
load_marker(int xsks, uint32_t magic, uint32_t mark)
{
    const struct bpf_insn insns[] = {
        { BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 },    /* r6 = context. */
        { BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, -8 },
        { BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_meta },
        { BPF_JMP | BPF_JNE | BPF_K, 0, 0, 12, 0 },     /* Pass. */
        { BPF_LDX | BPF_MEM | BPF_W, 1, 6,
          offsetof(struct xdp_md, data_meta), 0 },
        { BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct xdp_md, data), 0 },
        { BPF_ALU64 | BPF_MOV | BPF_X, 3, 1, 0, 0 },
        { BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 8 },
        { BPF_JMP | BPF_JGT | BPF_X, 3, 2, 7, 0 },      /* Pass. */
        { BPF_ST | BPF_MEM | BPF_W, 1, 0, 0, magic },
        { BPF_ST | BPF_MEM | BPF_W, 1, 0, 4, mark },
        { BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, xsks },
        { 0, 0, 0, 0, 0 },
        { BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0 },
        { BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS },
        { BPF_JMP | BPF_JA, 0, 0, 2, 0 },
        { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS },
        { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
        { BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map },
        { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
    };

    return load_program(insns, ARRAY_SIZE(insns));
}

/* What the program says of a packet counts if it is our program that says so,
 * and it counts once. */
static void
test_marks_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xsk_config config = {
        .ifname = "port0", .numa_id = -1, .need_wakeup = true,
    };
    const uint32_t magic = 0x1a2b3c4d, key = 0;
    int xsks, program, fd, ifindex;

    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());
    make_devices();
    fd = open_packet_socket("host0");
    ifindex = xdp_rig_ifindex("port0");
    xsks = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", sizeof key, sizeof(int),
                          1, NULL);
    ovs_assert(xsks >= 0);
    program = load_marker(xsks, magic, 4711);
    ovs_assert(!bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, NULL));

    for (int i = 0; i < 3; i++) {
        /* The right number, a wrong one, and a socket that expects none. */
        const uint32_t magics[] = { magic, magic + 1, 0 };
        struct dp_packet *packet;
        struct dp_xdp_meta meta;
        struct dp_xsk *xsk;
        uint32_t mark = 0;
        int xsk_fd;

        config.magic = magics[i];
        ovs_assert(!dp_xsk_create(&config, &xsk));
        xsk_fd = dp_xsk_fd(xsk);
        ovs_assert(!bpf_map_update_elem(xsks, &key, &xsk_fd, BPF_ANY));
        send_frame(fd, 5);
        packet = receive_one(xsk);
        check_frame(dp_packet_data(packet), dp_packet_size(packet), 5);
        ovs_assert(dp_packet_has_flow_mark(packet, &mark) == !i);
        ovs_assert(mark == (i ? 0 : 4711));
        memcpy(&meta, (char *) dp_packet_data(packet) - sizeof meta,
               sizeof meta);
        ovs_assert(meta.magic == (i ? magic : 0));
        dp_packet_delete(packet);
        dp_xsk_destroy(xsk);
    }
    ovs_assert(!bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL));
    close(program);
    close(xsks);
    close(fd);
}
DPTEST_REGISTER("afxdp-marks", test_marks_main);

/* Sets the options of 'netdev' and brings it into that shape, if 'changed'. */
static void
configure(struct netdev *netdev, const char *mode, bool changed)
{
    struct smap args = SMAP_INITIALIZER(&args);
    struct smap shown = SMAP_INITIALIZER(&shown);

    smap_add(&args, "xdp-mode", mode);
    ovs_assert(!netdev_set_config(netdev, &args, NULL));
    ovs_assert(netdev_is_reconf_required(netdev) == changed);
    if (changed) {
        ovs_assert(!netdev_reconfigure(netdev));
    }
    ovs_assert(!netdev_get_config(netdev, &shown));
    ovs_assert(!strcmp(smap_get(&shown, "xdp-mode"), mode));
    smap_destroy(&shown);
    smap_destroy(&args);
}

/* Packets come, through rx queue 0 of 'netdev', and go. */
static void
exercise(struct netdev *netdev)
{
    long long int deadline = time_msec() + PATIENCE_MS;
    int fd = open_packet_socket("host0");
    struct dp_packet_batch batch;
    struct netdev_rxq *rxq;
    uint8_t frame[2048];
    bool come = false;

    ovs_assert(!netdev_rxq_open(netdev, &rxq, 0));
    send_frame(fd, 9);
    while (!come) {
        if (time_msec() > deadline) {
            dptest_fail("no packet has come");
        } else if (!netdev_rxq_recv(rxq, &batch, NULL)) {
            for (size_t i = 0; i < dp_packet_batch_size(&batch); i++) {
                come |= is_ours(batch.packets[i]);
            }
            dp_packet_delete_batch(&batch, true);
        }
    }
    netdev_rxq_close(rxq);

    dp_packet_batch_init_packet(
        &batch, dp_packet_clone_data(frame, make_frame(frame, 10)));
    ovs_assert(!netdev_send(netdev, 0, &batch, false));
    expect_frame(fd, 10);
    close(fd);
}

/* Sends a packet that does not fit into a frame. */
static void
send_giant(struct netdev *netdev)
{
    struct dp_packet *giant = dp_packet_new(DP_UMEM_FRAME_SIZE + 1);
    struct dp_packet_batch batch;

    dp_packet_put_zeros(giant, DP_UMEM_FRAME_SIZE + 1);
    dp_packet_batch_init_packet(&batch, giant);
    ovs_assert(!netdev_send(netdev, 0, &batch, false));
}

/* 'netdev' has dropped 'n' giants since it was opened, whatever has become of
 * its sockets since. */
static void
expect_giants(struct netdev *netdev, uint64_t n)
{
    struct netdev_custom_stats custom;
    struct netdev_stats stats;
    uint64_t n_too_long = 0;

    ovs_assert(!netdev_get_stats(netdev, &stats));
    ovs_assert(stats.tx_dropped >= n);
    ovs_assert(!netdev_get_custom_stats(netdev, &custom));
    for (size_t i = 0; i < custom.size; i++) {
        if (strstr(custom.counters[i].name, "tx_too_long")) {
            n_too_long += custom.counters[i].value;
        }
    }
    ovs_assert(n_too_long == n);
    netdev_free_custom_stats_counters(&custom);
}

/* The netdev, with options that change, an MTU that is too large, and a device
 * that goes and comes back while somebody has the netdev open. */
static void
test_netdev_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev *netdev;

    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());
    make_devices();
    ovs_assert(!netdev_open("port0", "afxdp", &netdev));
    configure(netdev, "best-effort", true);
    exercise(netdev);
    send_giant(netdev);
    configure(netdev, "best-effort", false);
    configure(netdev, "generic", true);
    exercise(netdev);
    expect_giants(netdev, 1);
    send_giant(netdev);
    expect_giants(netdev, 2);
    ovs_assert(netdev_set_mtu(netdev, DP_UMEM_MAX_MTU + 1) == EINVAL);

    xdp_rig_shell("ip link del port0");
    make_devices();
    configure(netdev, "generic", true);
    exercise(netdev);
    expect_giants(netdev, 2);
    netdev_close(netdev);
}
DPTEST_REGISTER("afxdp-netdev", test_netdev_main);

/* Waits until the netdev has seen that its program is not there any more. */
static void
expect_loss(struct netdev *netdev)
{
    long long int deadline = time_msec() + PATIENCE_MS;

    ovs_assert(!netdev_is_reconf_required(netdev));
    while (!netdev_is_reconf_required(netdev)) {
        if (time_msec() > deadline) {
            dptest_fail("nobody has seen that the program was taken off");
        }
        xnanosleep(10 * 1000 * 1000);
    }
}

/* An administrator takes the program off, has its link hold another one, or
 * takes it off and puts another one there, which stays. */
static void
test_taken_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev *netdev;
    int foreign, ifindex, fd;

    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());
    make_devices();
    ovs_assert(!netdev_open("port0", "afxdp", &netdev));
    configure(netdev, "native", true);
    ifindex = xdp_rig_ifindex("port0");
    foreign = load_program(pass, ARRAY_SIZE(pass));

    for (int i = 0; i < 3; i++) {
        exercise(netdev);
        send_giant(netdev);
        fd = xdp_rig_open_link(ifindex);
        ovs_assert(!(i ? bpf_link_detach(fd)
                     : bpf_link_update(fd, foreign, NULL)));
        close(fd);
        if (i == 2) {
            ovs_assert(!bpf_xdp_attach(ifindex, foreign, XDP_FLAGS_DRV_MODE,
                                       NULL));
        }
        expect_loss(netdev);
        ovs_assert(netdev_reconfigure(netdev) == (i == 2 ? EBUSY : 0));
    }
    ovs_assert(!bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL));
    netdev_request_reconfigure(netdev);
    ovs_assert(!netdev_reconfigure(netdev));
    exercise(netdev);
    expect_giants(netdev, 3);
    close(foreign);
    netdev_close(netdev);
}
DPTEST_REGISTER("afxdp-taken", test_taken_main);

/* What a kernel may be without: a system call, or with one first argument. */
struct lack {
    int nr;
    uint32_t arg;
    bool any_arg;
    int error;                  /* What the call returns then... */
    const char *text;           /* ...and what the user is told. */
};

static const struct lack lacks[] = {
    { SYS_bpf, 0, true, EPERM, "CAP_BPF and CAP_NET_ADMIN are needed" },
    { SYS_bpf, 0, true, ENOSYS, "it is without bpf()" },
    { SYS_bpf, BPF_PROG_LOAD, false, 524, "without a BPF JIT compiler" },
    { SYS_bpf, BPF_PROG_LOAD, false, EINVAL, "Linux 5.13 is needed" },
    { SYS_bpf, BPF_LINK_CREATE, false, EINVAL, "Linux 5.13 is needed" },
    { SYS_socket, AF_XDP, false, EAFNOSUPPORT, "kernel is without AF_XDP" },
};

/* From now on, for this process, the kernel is one that lacks 'lack'. */
static void
take_away(const struct lack *lack)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, lack->nr, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[0])
                 + (htons(1) == 1 ? 4 : 0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, lack->arg, 0,
                 lack->any_arg ? 0 : 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | lack->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {
        .len = ARRAY_SIZE(code), .filter = code,
    };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) {
        dptest_skip("no seccomp: %s", ovs_strerror(errno));
    }
}

/* Runs 'try' in a process of its own, which has not loaded anything yet. */
static void
run_apart(void (*try)(const struct lack *), const struct lack *lack)
{
    pid_t pid = fork();
    int status;

    ovs_assert(pid >= 0);
    if (!pid) {
        try(lack);
        exit(0);
    }
    ovs_assert(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        exit(77);
    }
    ovs_assert(!status);
}

static void
try_all(const struct lack *lack OVS_UNUSED)
{
    dp_xdp_loader_destroy(xdp_rig_load());
    run_mode(OVS_AF_XDP_MODE_BEST_EFFORT, OVS_AF_XDP_MODE_NATIVE, true);
}

static void
try_without(const struct lack *lack)
{
    take_away(lack);
    expect_refusal(1, OVS_AF_XDP_MODE_BEST_EFFORT, lack->error, lack->text);
}

/* A kernel without what is needed: the port is refused, and the message says
 * what is missing. */
static void
test_lacking_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    xdp_rig_unshare();
    make_devices();
    run_apart(try_all, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
        run_apart(try_without, &lacks[i]);
    }
    run_apart(try_all, NULL);
}
DPTEST_REGISTER("afxdp-lacking", test_lacking_main);
