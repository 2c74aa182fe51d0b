/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-offload-xdp.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dpif.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "offload/dp-mark-index.h"
#include "offload/dp-offload.h"
#include "offload/dp-places.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "rebalance/dp-rebalance.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-device.h"
#include "xdp/dp-xdp-object.h"
#include "xdp/dp-xdp-shared.h"
#include "xdp/dp-xdp-table.h"

/* The engine, with ports that have the program, and flows. */

#define PORT1 u32_to_odp(1)
#define PORT2 u32_to_odp(2)

struct mega {
    struct ovs_refcount refs;
    struct match match;
    ovs_u128 mega_ufid;
    uint32_t output;            /* 0: drop. */
    uint32_t meter;             /* Not 0: something to stay for. */
};

struct rig {
    struct dp_xdp_loader *loader;
    struct dp_xdp_table *table;
    struct dp_offload_class class;
    struct dp_offload *offload;
    struct dp_mark_index *lane;
    uint64_t n_late;
};

/* Interfaces of the ports, for a class that has no netdevs. */
static uint32_t ifindexes[3];

static int
open_by_ifindex(const struct dp_offload_class *class,
                struct dp_offload *offload, odp_port_t port_no,
                struct netdev *netdev, void **portp,
                struct dp_offload_port_info *info)
{
    return dp_offload_xdp_open(class, offload, port_no, netdev,
                               ifindexes[odp_to_u32(port_no)], portp, info);
}

static void
mega_ref(void *aux OVS_UNUSED, void *mega_)
{
    struct mega *mega = mega_;

    ovs_refcount_ref(&mega->refs);
}

static void
mega_unref(void *aux OVS_UNUSED, void *mega_)
{
    struct mega *mega = mega_;

    if (ovs_refcount_unref(&mega->refs) == 1) {
        ovsrcu_postpone(free, mega);
    }
}

static bool
mega_describe(void *aux OVS_UNUSED, const void *mega_, struct match *match,
              struct ofpbuf *actions)
{
    const struct mega *mega = mega_;

    *match = mega->match;
    if (mega->meter) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_METER, mega->meter);
    }
    if (mega->output) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, mega->output);
    }
    return true;
}

static void
mega_late(void *rig_, void *mega OVS_UNUSED,
          const struct dpif_flow_stats *stats)
{
    struct rig *rig = rig_;

    rig->n_late += stats->n_packets;
}

static void
rig_init(struct rig *rig)
{
    const struct dp_offload_class *classes[] = { &rig->class, NULL };
    const struct dp_offload_env env = {
        .aux = rig,
        .flow_ref = mega_ref,
        .flow_unref = mega_unref,
        .flow_describe = mega_describe,
        .flow_late = mega_late,
    };
    char *why = NULL;

    dp_xdp_loader_destroy(xdp_rig_load());      /* Or skip. */
    if (dp_xdp_shared_ref(&rig->loader, &why)) {
        dptest_fail("%s", why);
    }
    rig->table = dp_xdp_loader_table(rig->loader);
    rig->class = dp_offload_xdp_class;
    rig->class.open = open_by_ifindex;
    rig->n_late = 0;
    rig->offload = dp_offload_create(&env, classes, 1);
    rig->lane = dp_offload_lane_create(rig->offload, 0);
    dp_offload_set_enabled(rig->offload, true);
}

static void
rig_uninit(struct rig *rig)
{
    ovs_assert(!dp_xdp_table_get_size(rig->table).n_flows);
    dp_offload_lane_destroy(rig->offload, rig->lane);
    dp_offload_destroy(rig->offload);
    dp_xdp_shared_unref();
}

/* A megaflow of UDP packets from 'in_port' to 'tp_dst'. */
static struct mega *
mega_create(odp_port_t in_port, uint16_t tp_dst, uint32_t output)
{
    struct mega *mega = xzalloc(sizeof *mega);

    ovs_refcount_init(&mega->refs);
    mega->output = output;
    match_init_catchall(&mega->match);
    mega->match.wc.masks.in_port.odp_port = ODPP_NONE;
    mega->match.flow.in_port.odp_port = in_port;
    mega->match.wc.masks.recirc_id = UINT32_MAX;
    mega->match.wc.masks.packet_type = OVS_BE32_MAX;
    match_set_dl_type(&mega->match, htons(ETH_TYPE_IP));
    match_set_nw_frag(&mega->match, 0);
    match_set_nw_proto(&mega->match, IPPROTO_UDP);
    match_set_tp_dst(&mega->match, htons(tp_dst));
    hash_bytes128(&mega->match, sizeof mega->match, 0, &mega->mega_ufid);
    return mega;
}

static void
mega_put(struct rig *rig, struct mega *mega)
{
    const struct dp_offload_info info = {
        .in_port = mega->match.flow.in_port.odp_port,
        .mega_ufid = mega->mega_ufid,
    };

    dp_offload_flow_put(rig->offload, rig->lane, mega, &info);
}

static void
mega_del(struct rig *rig, struct mega *mega, uint64_t *n_packets)
{
    struct dpif_flow_stats stats;

    memset(&stats, 0, sizeof stats);
    dp_offload_flow_del(rig->offload, rig->lane, mega, &mega->mega_ufid,
                        &stats);
    *n_packets = stats.n_packets;
    dp_offload_drain(rig->offload);
    mega_unref(NULL, mega);
}

/* Waits until 'n' flows are in the table.  A program has to be loaded first,
 * so they come when they are tried again. */
static void
wait_for_flows(struct rig *rig, unsigned int n)
{
    for (int i = 0; dp_xdp_table_get_size(rig->table).n_flows != n; i++) {
        if (i > 20000) {
            dptest_fail("%u flows instead of %u",
                        dp_xdp_table_get_size(rig->table).n_flows, n);
        }
        ovsrcu_quiesce_start();
        xnanosleep(1000 * 1000);
        ovsrcu_quiesce_end();
    }
    dp_offload_drain(rig->offload);
}

static const uint8_t packet_template[] = {
    0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0x08, 0x00,
    0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    0, 7, 0, 0, 0, 26, 0, 0,
};

static void
make_packet(uint8_t packet[60], uint16_t tp_dst)
{
    memset(packet, 0, 60);
    memcpy(packet, packet_template, sizeof packet_template);
    packet[36] = tp_dst >> 8;
    packet[37] = tp_dst;
}

static void
run_packet(struct rig *rig, uint16_t tp_dst, struct xdp_run *run)
{
    uint8_t packet[60];

    make_packet(packet, tp_dst);
    xdp_rig_run(rig->loader, ifindexes[1], packet, sizeof packet, 1, run);
}

/* Fails unless "offload/show" has 'line'. */
static void
expect_shown(const struct rig *rig, const char *line)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    dp_offload_format_show(rig->offload, &ds);
    if (!strstr(ds_cstr(&ds), line)) {
        dptest_fail("no \"%s\" in\n%s", line, ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

/* A drop runs whole, and is counted to the last packet; what can't run whole
 * marks; a restart puts all back; in the end nothing is left. */
static void
test_xdp_offload(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct mega *drop, *meter;
    struct dp_xdp_port *port;
    uint64_t n_packets;
    struct xdp_run run;
    struct rig rig;
    char *why;

    ifindexes[1] = xdp_rig_ifindex("lo");
    rig_init(&rig);
    ovs_assert(dp_offload_port_add(rig.offload, PORT1, NULL) == EOPNOTSUPP);
    dp_offload_port_del(rig.offload, PORT1);
    ovs_assert(!dp_xdp_attach(rig.loader, ifindexes[1], DP_XDP_NOWHERE, &port,
                              &why));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));

    /* Before there are flows, the program does not look for any. */
    ovs_assert(!dp_xdp_loader_can(rig.loader));
    drop = mega_create(PORT1, 100, 0);
    mega_put(&rig, drop);
    wait_for_flows(&rig, 1);
    ovs_assert((dp_xdp_loader_can(rig.loader) & ~DP_XDP_CAN_CACHE)
               == DP_XDP_CAN_LOOKUP);
    for (int i = 0; i < 5; i++) {
        run_packet(&rig, 100, &run);
        ovs_assert(run.verdict == XDP_DROP);
    }
    run_packet(&rig, 101, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.mark);

    meter = mega_create(PORT1, 101, 0);
    meter->meter = 1;
    mega_put(&rig, meter);
    wait_for_flows(&rig, 2);
    run_packet(&rig, 101, &run);
    ovs_assert(run.verdict == XDP_PASS && run.mark);
    ovs_assert(dp_mark_index_get(rig.lane, run.mark) == meter);

    expect_shown(&rig, "Providers: xdp\n");
    expect_shown(&rig, "  program: flows");
    expect_shown(&rig, "  flows: 2\n");
    expect_shown(&rig, "  index hits: 6\n");
    expect_shown(&rig, "  misses: 1\n");

    /* Rules go when the port is paused, and come back. */
    dp_offload_port_pause(rig.offload, PORT1);
    ovs_assert(!dp_xdp_table_get_size(rig.table).n_flows);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.mark);
    dp_offload_port_restart(rig.offload, PORT1);
    wait_for_flows(&rig, 2);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_DROP);

    /* A port that comes does not get the flows of one that has gone without
     * taking them out. */
    dp_xdp_detach(port);
    ovs_assert(!dp_xdp_attach(rig.loader, ifindexes[1], DP_XDP_NOWHERE, &port,
                              &why));
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.mark);
    dp_offload_port_restart(rig.offload, PORT1);
    wait_for_flows(&rig, 2);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_DROP);

    /* What was counted is told when the flow goes, or just after. */
    mega_del(&rig, drop, &n_packets);
    ovs_assert(n_packets + rig.n_late == 7);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.mark);
    mega_del(&rig, meter, &n_packets);
    wait_for_flows(&rig, 0);
    dp_xdp_table_check(rig.table);

    dp_offload_port_del(rig.offload, PORT1);
    dp_xdp_detach(port);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-offload", test_xdp_offload);

static void
wait_for_why(struct rig *rig, const struct mega *mega, enum dp_offload_why why)
{
    for (int i = 0; dp_offload_flow_why(rig->offload, &mega->mega_ufid) != why;
         i++) {
        if (i > 20000) {
            dptest_fail("a flow's state is not \"%s\"",
                        dp_offload_why_text(why));
        }
        ovsrcu_quiesce_start();
        xnanosleep(1000 * 1000);
        ovsrcu_quiesce_end();
    }
}

/* A mask too many for a port waits until there is room.  That does not make
 * the table full, for the port or for others, not even if rates decide. */
static void
test_xdp_mask_limit(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N = DP_XDP_LIST_MASKS + 1 };
    const struct dp_places_config config = {
        .rebalance = true, .interval_ms = 1000,
    };
    struct dp_rebalance *rebalance;
    struct mega *megas[N + 1];
    struct dp_xdp_port *ports[2];
    uint64_t n_packets;
    struct rig rig;
    char *why;

    xdp_rig_unshare();
    xdp_rig_shell("ip link add xdp1 type veth peer name xdp2");
    rig_init(&rig);
    rebalance = dp_rebalance_create(rig.offload);
    dp_rebalance_configure(rebalance, &config);
    for (int i = 0; i < 2; i++) {
        ifindexes[i + 1] = xdp_rig_ifindex(i ? "xdp2" : "xdp1");
        ovs_assert(!dp_xdp_attach(rig.loader, ifindexes[i + 1],
                                  DP_XDP_NOWHERE, &ports[i], &why));
        ovs_assert(!dp_offload_port_add(rig.offload, u32_to_odp(i + 1),
                                        NULL));
    }
    for (int i = 0; i <= N; i++) {
        megas[i] = mega_create(i < N ? PORT1 : PORT2, 100, 0);
        match_set_nw_src_masked(&megas[i]->match, htonl(10 << 24 | i),
                                be32_prefix_mask(i % 32 + 1));
        match_set_nw_dst_masked(&megas[i]->match, htonl(i),
                                htonl(i < N ? 0 : 1));
        hash_bytes128(&megas[i]->match, sizeof megas[i]->match, 0,
                      &megas[i]->mega_ufid);
        mega_put(&rig, megas[i]);
        wait_for_flows(&rig, MIN(i + 1, N - (i < N)));
    }
    wait_for_why(&rig, megas[N - 1], DP_OFFLOAD_WHY_MASKS);
    wait_for_why(&rig, megas[N], DP_OFFLOAD_WHY_NONE);

    mega_del(&rig, megas[0], &n_packets);
    wait_for_why(&rig, megas[N - 1], DP_OFFLOAD_WHY_NONE);
    for (int i = 1; i <= N; i++) {
        mega_del(&rig, megas[i], &n_packets);
    }
    wait_for_flows(&rig, 0);
    dp_xdp_table_check(rig.table);
    for (int i = 0; i < 2; i++) {
        dp_offload_port_del(rig.offload, u32_to_odp(i + 1));
        dp_xdp_detach(ports[i]);
    }
    dp_rebalance_destroy(rebalance);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-mask-limit", test_xdp_mask_limit);

/* More than that of "lo". */
#define ENOUGH_MTU 100000

/* Has 'port_no' transmit packets of up to 'mtu', though it has no device. */
static void
be_output(odp_port_t port_no, uint32_t mtu)
{
    struct dp_xdp_loader *loader;
    char *why;

    ovs_assert(!dp_xdp_shared_ref(&loader, &why));
    dp_xdp_set_output(loader, ifindexes[odp_to_u32(port_no)], mtu);
    dp_xdp_shared_unref();
}

static int
open_as_output(const struct dp_offload_class *class,
               struct dp_offload *offload, odp_port_t port_no,
               struct netdev *netdev, void **portp,
               struct dp_offload_port_info *info)
{
    int error = open_by_ifindex(class, offload, port_no, netdev, portp, info);

    be_output(port_no, ENOUGH_MTU);
    return error;
}

static enum dp_offload_restart
restart_as_output(void *port, struct dp_offload_port_info *info)
{
    enum dp_offload_restart result = dp_offload_xdp_class.restart(port, info);

    be_output(PORT2, ENOUGH_MTU);
    return result;
}

/* Attaches the program to two ports.  What is redirected to the second one,
 * which has no device, leaves by the first. */
static void
attach_two(struct rig *rig, struct dp_xdp_port *ports[2])
{
    uint32_t slot;
    char *why;

    ifindexes[1] = xdp_rig_ifindex("lo");
    ifindexes[2] = 1000000;
    for (int i = 0; i < 2; i++) {
        ovs_assert(!dp_xdp_attach(rig->loader, ifindexes[i + 1],
                                  DP_XDP_NOWHERE, &ports[i], &why));
    }
    slot = dp_xdp_port_slot(ports[1]);
    ovs_assert(!bpf_map_update_elem(dp_xdp_loader_maps(rig->loader)->devs_fd,
                                    &slot, &ifindexes[1], 0));
}

/* A rule runs whole as soon as its output is there, and no longer. */
static void
test_xdp_peer(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_port *ports[2], *other;
    uint64_t n_packets;
    struct mega *mega;
    struct xdp_run run;
    struct rig rig;
    uint32_t slot;
    char *why;

    rig_init(&rig);
    rig.class.open = open_as_output;
    rig.class.restart = restart_as_output;
    attach_two(&rig, ports);
    slot = dp_xdp_port_slot(ports[1]);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));

    mega = mega_create(PORT1, 100, odp_to_u32(PORT2));
    mega_put(&rig, mega);
    wait_for_flows(&rig, 1);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_PASS && run.mark);

    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    dp_offload_drain(rig.offload);
    wait_for_flows(&rig, 1);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_REDIRECT);

    /* It may get another slot: that of its new device. */
    dp_offload_port_pause(rig.offload, PORT2);
    dp_xdp_detach(ports[1]);
    ovs_assert(!dp_xdp_attach(rig.loader, 1000001, DP_XDP_NOWHERE, &other,
                              &why));
    ovs_assert(!dp_xdp_attach(rig.loader, ifindexes[2], DP_XDP_NOWHERE,
                              &ports[1], &why));
    ovs_assert(dp_xdp_port_slot(ports[1]) != slot);
    slot = dp_xdp_port_slot(ports[1]);
    ovs_assert(!bpf_map_update_elem(dp_xdp_loader_maps(rig.loader)->devs_fd,
                                    &slot, &ifindexes[1], 0));
    dp_offload_port_restart(rig.offload, PORT2);
    dp_offload_drain(rig.offload);
    wait_for_flows(&rig, 1);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_REDIRECT);

    dp_offload_port_del(rig.offload, PORT2);
    dp_offload_drain(rig.offload);
    wait_for_flows(&rig, 1);
    run_packet(&rig, 100, &run);
    ovs_assert(run.verdict == XDP_PASS && run.mark);

    mega_del(&rig, mega, &n_packets);
    ovs_assert(n_packets + rig.n_late == 2);
    dp_offload_port_del(rig.offload, PORT1);
    dp_xdp_detach(other);
    dp_xdp_detach(ports[0]);
    dp_xdp_detach(ports[1]);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-peer", test_xdp_peer);

static int
pause_never(void *port OVS_UNUSED)
{
    dptest_fail("a port is paused");
}

/* An output that goes while a rule to it is put. */
static struct dp_offload *late_offload;

static void
put_too_late(void *port, struct dp_offload_op *ops[], size_t n)
{
    dp_offload_xdp_class.put(port, ops, n);
    if (late_offload && !ops[0]->error
        && ops[0]->level == DP_OFFLOAD_WHOLE) {
        be_output(PORT2, 0);
        dp_offload_output_changed(late_offload, PORT2);
        late_offload = NULL;
    }
}

static void
change_output(struct rig *rig, uint32_t mtu)
{
    be_output(PORT2, mtu);
    dp_offload_output_changed(rig->offload, PORT2);
}

/* Waits until the packets of the rule of xdp-changes are redirected, or
 * marked.  Until then they get to the daemon in one way or the other. */
static void
wait_for_verdict(struct rig *rig, bool whole)
{
    struct xdp_run run;

    for (int i = 0; i < 20000; i++) {
        dp_offload_drain(rig->offload);
        run_packet(rig, 100, &run);
        if (whole ? run.verdict == XDP_REDIRECT : run.mark != 0) {
            return;
        }
        ovs_assert(run.verdict == XDP_REDIRECT || run.verdict == XDP_PASS);
        xnanosleep(1000 * 1000);
    }
    dptest_fail("the rule is not %s", whole ? "whole" : "marked");
}

/* An output transmits, or does not any more: rules to it are replaced, while
 * ports run. */
static void
test_xdp_changes(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_port *ports[2];
    uint64_t n_packets;
    struct mega *mega;
    struct rig rig;

    rig_init(&rig);
    rig.class.pause = pause_never;
    rig.class.put = put_too_late;
    attach_two(&rig, ports);
    for (int i = 0; i < 2; i++) {
        ovs_assert(!dp_offload_port_add(rig.offload, u32_to_odp(i + 1),
                                        NULL));
    }

    mega = mega_create(PORT1, 100, odp_to_u32(PORT2));
    mega_put(&rig, mega);
    wait_for_flows(&rig, 1);
    wait_for_verdict(&rig, false);
    for (int i = 0; i < 10; i++) {
        change_output(&rig, ENOUGH_MTU);
        wait_for_verdict(&rig, true);
        /* It is smaller than what may come in. */
        change_output(&rig, i % 2 ? 0 : 1500);
        wait_for_verdict(&rig, false);
    }
    late_offload = rig.offload;
    change_output(&rig, ENOUGH_MTU);
    wait_for_why(&rig, mega, DP_OFFLOAD_WHY_A_OUTPUT);
    wait_for_verdict(&rig, false);
    ovs_assert(!late_offload);

    mega_del(&rig, mega, &n_packets);
    for (int i = 0; i < 2; i++) {
        dp_offload_port_del(rig.offload, u32_to_odp(i + 1));
        dp_xdp_detach(ports[i]);
    }
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-changes", test_xdp_changes);

/* Real packets. */

static int
open_socket(const char *name)
{
    struct sockaddr_ll addr = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_TYPE_IP),
        .sll_ifindex = xdp_rig_ifindex(name),
    };
    struct timeval timeout = { .tv_sec = 10 };
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_TYPE_IP));

    if (fd < 0 || bind(fd, (struct sockaddr *) &addr, sizeof addr)
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                      sizeof timeout)) {
        dptest_fail("packet socket: %s", ovs_strerror(errno));
    }
    return fd;
}

/* Sends a packet to 'tp_dst' into 'tx', and waits until it comes out of
 * 'rx'. */
static void
cross(const struct rig *rig, int tx, int rx, uint16_t tp_dst)
{
    uint8_t packet[60], got[2048];
    ssize_t n;

    make_packet(packet, tp_dst);
    ovs_assert(write(tx, packet, sizeof packet) == sizeof packet);
    do {
        n = read(rx, got, sizeof got);
        if (n < 0) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            dp_offload_format_why(rig->offload, NULL, &ds);
            ds_put_format(&ds, "transmit: %d %d\n",
                          dp_xdp_device_get(ifindexes[1]).can_transmit,
                          dp_xdp_device_get(ifindexes[2]).can_transmit);
            dp_offload_format_show(rig->offload, &ds);
            dptest_fail("nothing came: %s\n%s", ovs_strerror(errno),
                        ds_cstr(&ds));
        }
    } while (n != sizeof packet || memcmp(got, packet, sizeof packet));
}

static struct dp_xdp_port *
attach_veth(struct rig *rig, int i)
{
    char command[128], name[16], peer[16];
    struct dp_xdp_port *port;
    char *why;

    snprintf(name, sizeof name, "xdp%d", i);
    snprintf(peer, sizeof peer, "peer%d", i);
    snprintf(command, sizeof command,
             "ip link add %s type veth peer name %s", name, peer);
    xdp_rig_shell(command);
    xdp_rig_set_up(name, peer);
    ifindexes[i] = xdp_rig_ifindex(name);
    if (dp_xdp_attach(rig->loader, ifindexes[i], DP_XDP_NATIVE, &port,
                      &why)) {
        dptest_fail("%s", why);
    }
    return port;
}

/* From one veth to another, without userspace.  A veth whose peer can't take
 * what is redirected to it is no output. */
static void
test_xdp_redirect(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_port *ports[3];
    uint64_t n_packets;
    struct mega *mega;
    struct rig rig;
    int tx, rx;

    xdp_rig_unshare();
    rig_init(&rig);
    ports[1] = attach_veth(&rig, 1);
    ports[2] = attach_veth(&rig, 2);
    tx = open_socket("peer1");
    rx = open_socket("peer2");

    ovs_assert(!dp_xdp_device_get(ifindexes[2]).can_transmit);
    if (system("ethtool -K peer2 gro on")
        || !dp_xdp_device_get(ifindexes[2]).can_transmit) {
        dptest_skip("the kernel does not tell what devices can transmit");
    }
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    mega = mega_create(PORT1, 100, odp_to_u32(PORT2));
    mega_put(&rig, mega);
    wait_for_flows(&rig, 1);
    for (int i = 0; i < 10; i++) {
        cross(&rig, tx, rx, 100);
    }

    /* Other programs take the place of this one, under way. */
    for (uint32_t can = DP_XDP_CAN_LOOKUP; can <= DP_XDP_CAN_ALL;
         can = can * 2 + 1) {
        char *why;

        ovs_assert(!dp_xdp_loader_switch(rig.loader, can, &why));
        cross(&rig, tx, rx, 100);
    }
    mega_del(&rig, mega, &n_packets);
    ovs_assert(n_packets + rig.n_late == 16);

    close(tx);
    close(rx);
    dp_offload_port_del(rig.offload, PORT1);
    dp_offload_port_del(rig.offload, PORT2);
    dp_xdp_detach(ports[1]);
    dp_xdp_detach(ports[2]);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-redirect", test_xdp_redirect);
