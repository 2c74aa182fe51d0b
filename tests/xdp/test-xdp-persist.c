/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-xdp-loader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-pins.h"
#include "xdp/dp-xdp-table.h"

/* A network namespace and a BPF file system of our own. */
static void
set_up(void)
{
    xdp_rig_unshare();
    if (unshare(CLONE_NEWNS)
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)
        || mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL)) {
        dptest_skip("no BPF file system: %s", ovs_strerror(errno));
    }
    xdp_rig_shell("ip link add xdp0 type veth peer name xdp1");
}

static struct dp_xdp_port *
attach(struct dp_xdp_loader *loader, uint32_t ifindex, enum dp_xdp_mode mode)
{
    struct dp_xdp_port *port;
    char *why;

    if (dp_xdp_attach(loader, ifindex, mode, &port, &why)) {
        dptest_fail("%s", why);
    }
    dp_xdp_port_watch(port, NULL, NULL);
    return port;
}

/* The program that is on 'ifindex' does this with a packet. */
static void
expect(uint32_t ifindex, uint32_t verdict)
{
    static const uint8_t packet[64] = { [12] = 0x88, [13] = 0xb5 };
    int fd = bpf_prog_get_fd_by_id(dp_xdp_link_program(ifindex));
    struct xdp_run run;

    ovs_assert(fd >= 0);
    xdp_rig_run_program(fd, ifindex, packet, sizeof packet, 1, &run);
    close(fd);
    if (run.verdict != verdict) {
        dptest_fail("verdict %"PRIu32" instead of %"PRIu32, run.verdict,
                    verdict);
    }
}

static void
switch_to(struct dp_xdp_loader *loader, uint32_t can)
{
    char *why;

    if (dp_xdp_loader_switch(loader, can, &why)) {
        dptest_fail("%s", why);
    }
}

/* Puts a flow that drops all packets of 'port'. */
static uint32_t
put_drop(struct dp_xdp_loader *loader, const struct dp_xdp_port *port)
{
    struct dp_xdp_action action = { .fate = DP_XDP_DROP };
    struct dp_xdp_key key, mask;
    uint32_t flow;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.slot = dp_xdp_port_slot(port);
    mask.slot = UINT16_MAX;
    switch_to(loader, DP_XDP_CAN_LOOKUP);
    ovs_assert(!dp_xdp_table_put(dp_xdp_loader_table(loader), &key, &mask,
                                 &action, &flow));
    return flow;
}

/* A daemon comes, has a flow on 'ifindex', and goes in good order. */
static void
come_and_go(uint32_t ifindex, enum dp_xdp_mode mode)
{
    struct dp_xdp_loader *loader = xdp_rig_load();
    struct dp_xdp_port *port;
    uint32_t flow;

    dp_xdp_loader_set_persist(loader, true);
    dp_xdp_loader_take_over(loader);
    port = attach(loader, ifindex, mode);
    expect(ifindex, XDP_PASS);
    flow = put_drop(loader, port);
    expect(ifindex, XDP_DROP);

    /* What it does now is not seen. */
    dp_xdp_loader_leave(loader);
    switch_to(loader, 0);
    dp_xdp_table_del(dp_xdp_loader_table(loader), flow);
    dp_xdp_table_forget(dp_xdp_loader_table(loader), flow);
    dp_xdp_table_check(dp_xdp_loader_table(loader));
    dp_xdp_detach(port);
    dp_xdp_loader_destroy(loader);
    expect(ifindex, XDP_DROP);
}

/* Flows are at work until the next daemon says so, whatever mode the program
 * is in, and whether that daemon's flows are to stay, too. */
static void
test_xdp_persist(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    uint32_t ifindex;
    char *folder;

    set_up();
    folder = dp_xdp_pins_folder();
    ifindex = xdp_rig_ifindex("xdp0");
    for (int i = 0; i < 4; i++) {
        enum dp_xdp_mode mode = i & 1 ? DP_XDP_NATIVE : DP_XDP_GENERIC;
        struct dp_xdp_loader *loader;
        struct dp_xdp_port *port;
        enum dp_xdp_mode left;
        bool persist = i & 2;

        come_and_go(ifindex, mode);
        ovs_assert(dp_xdp_pins_have(ifindex, &left) && left == mode);
        loader = xdp_rig_load();
        dp_xdp_loader_set_persist(loader, persist);
        port = attach(loader, ifindex, mode);
        expect(ifindex, XDP_DROP);
        dp_xdp_loader_take_over(loader);
        expect(ifindex, XDP_PASS);
        ovs_assert(dp_xdp_pins_have(ifindex, &left) == persist);

        /* It can be switched at any time. */
        dp_xdp_loader_set_persist(loader, !persist);
        ovs_assert(dp_xdp_pins_have(ifindex, &left) == !persist);
        put_drop(loader, port);
        expect(ifindex, XDP_DROP);
        dp_xdp_detach(port);
        ovs_assert(!dp_xdp_link_program(ifindex));
        ovs_assert(access(folder, F_OK) && errno == ENOENT);
        dp_xdp_loader_destroy(loader);
    }
    free(folder);
}
DPTEST_REGISTER("xdp-persist", test_xdp_persist);

/* What is left and nobody's goes: of a device that is not used any more, of
 * one that has gone, and of one that another mode is wanted for. */
static void
test_xdp_persist_left(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_loader *loader;
    struct dp_xdp_port *port;
    enum dp_xdp_mode left;
    uint32_t ifindex, gone;
    char *folder;

    set_up();
    xdp_rig_shell("ip link add gone0 type veth peer name gone1");
    folder = dp_xdp_pins_folder();
    ifindex = xdp_rig_ifindex("xdp0");
    gone = xdp_rig_ifindex("gone0");

    come_and_go(ifindex, DP_XDP_NATIVE);
    come_and_go(gone, DP_XDP_NATIVE);
    ovs_assert(dp_xdp_pins_have(gone, &left));
    xdp_rig_shell("ip link del gone0");
    ovs_assert(!dp_xdp_pins_have(gone, &left));

    loader = xdp_rig_load();
    dp_xdp_loader_set_persist(loader, true);
    port = attach(loader, ifindex, DP_XDP_GENERIC);
    expect(ifindex, XDP_PASS);
    ovs_assert(dp_xdp_pins_have(ifindex, &left) && left == DP_XDP_GENERIC);
    dp_xdp_detach(port);
    dp_xdp_loader_destroy(loader);

    come_and_go(ifindex, DP_XDP_NATIVE);
    loader = xdp_rig_load();
    expect(ifindex, XDP_DROP);
    dp_xdp_loader_take_over(loader);
    ovs_assert(!dp_xdp_link_program(ifindex));
    ovs_assert(access(folder, F_OK) && errno == ENOENT);
    dp_xdp_loader_destroy(loader);
    free(folder);
}
DPTEST_REGISTER("xdp-persist-left", test_xdp_persist_left);
