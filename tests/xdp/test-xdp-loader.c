/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-xdp-loader.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"

/* Nothing is attached to an interface that has a program, whoever put it
 * there, and the message says which. */
static void
test_xdp_foreign(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_loader *ours, *theirs;
    struct dp_xdp_port *port, *other;
    uint32_t ifindex;
    char *why = NULL;

    xdp_rig_unshare();
    ours = xdp_rig_load();
    theirs = xdp_rig_load();
    xdp_rig_shell("ip link add xdp0 type veth peer name xdp1");
    ifindex = xdp_rig_ifindex("xdp0");

    ovs_assert(!dp_xdp_attach(theirs, ifindex, DP_XDP_NATIVE, &other, &why));
    for (int mode = DP_XDP_NATIVE; mode <= DP_XDP_GENERIC; mode++) {
        ovs_assert(dp_xdp_attach(ours, ifindex, mode, &port, &why) == EBUSY);
        ovs_assert(!port);
        ovs_assert(strstr(why, "xdp0: has another XDP program, id "));
        ovs_assert(strstr(why, "(markpath)"));
        free(why);
    }
    ovs_assert(!dp_xdp_find_slot(ours, ifindex));

    /* It was left alone, and when it is gone ours is welcome. */
    dp_xdp_detach(other);
    ovs_assert(!dp_xdp_attach(ours, ifindex, DP_XDP_NATIVE, &port, &why));
    ovs_assert(dp_xdp_find_slot(ours, ifindex) == dp_xdp_port_slot(port));
    ovs_assert(dp_xdp_attach(ours, ifindex, DP_XDP_NATIVE, &other, &why)
               == EEXIST);
    free(why);

    /* An interface that vanishes takes nothing with it. */
    xdp_rig_shell("ip link del xdp0");
    dp_xdp_detach(port);
    ovs_assert(!dp_xdp_find_slot(ours, ifindex));
    ovs_assert(dp_xdp_attach(ours, ifindex, DP_XDP_NATIVE, &port, &why)
               == ENODEV);
    free(why);
    dp_xdp_loader_destroy(theirs);
    dp_xdp_loader_destroy(ours);
}
DPTEST_REGISTER("xdp-foreign", test_xdp_foreign);

/* A packet of a port gets metadata; one of an interface that is no port is
 * passed on untouched.  Both are counted. */
static void
test_xdp_to_user(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const uint8_t packet[64] = { 1, 2, 3, 4, 5, 6 };
    struct dp_xdp_loader *loader;
    struct dp_xdp_port *port;
    struct xdp_run run;
    uint32_t lo;
    char *why;

    xdp_rig_unshare();
    loader = xdp_rig_load();
    lo = xdp_rig_ifindex("lo");

    xdp_rig_run(loader, lo, packet, sizeof packet, 1, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.has_meta);
    ovs_assert(dp_xdp_loader_count(loader, DP_XDP_COUNT_NO_PORT) == 1);

    ovs_assert(!dp_xdp_attach(loader, lo, DP_XDP_GENERIC, &port, &why));
    xdp_rig_run(loader, lo, packet, sizeof packet, 1, &run);
    ovs_assert(run.verdict == XDP_PASS);        /* There is no socket. */
    ovs_assert(run.has_meta);
    ovs_assert(run.magic == dp_xdp_loader_magic(loader) && !run.mark);
    ovs_assert(run.size == sizeof packet);
    ovs_assert(!memcmp(run.data, packet, sizeof packet));
    ovs_assert(dp_xdp_loader_count(loader, DP_XDP_COUNT_RX) == 2);
    ovs_assert(dp_xdp_loader_count(loader, DP_XDP_COUNT_NO_PORT) == 1);
    ovs_assert(!dp_xdp_loader_count(loader, DP_XDP_COUNT_NO_META));

    ovs_assert(dp_xdp_port_set_socket(port, DP_XDP_MAX_QUEUES, 0) == ENOBUFS);
    dp_xdp_detach(port);
    xdp_rig_run(loader, lo, packet, sizeof packet, 1, &run);
    ovs_assert(run.verdict == XDP_PASS && !run.has_meta);
    dp_xdp_loader_destroy(loader);
}
DPTEST_REGISTER("xdp-to-user", test_xdp_to_user);
