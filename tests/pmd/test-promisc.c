/* SPDX-License-Identifier: Apache-2.0 */

/* A port's device receives everything, and its flags are left alone.
 *
 * With Open vSwitch 3.1, a port's device gets the flag PROMISC, and loses it
 * again, with all its flags as they were when last heard of, by its name: one
 * that was set up meanwhile is down then, above all one that is made again
 * under a name that a port had.  dp_promisc_start() asks by the device's
 * index, for as long as the daemon lives.  "ip -d link" shows "promiscuity",
 * as with the kernel's datapath, and "ip link" no flag. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-promisc.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "dummy.h"
#include "netdev.h"
#include "tests/dptest.h"
#include "util.h"

static bool
shell(const char *command)
{
    return !system(command);
}

/* Sets up a device by the name of "port0". */
static void
make_device(void)
{
    ovs_assert(shell("ip link add port0 type veth peer name host0 "
                     "&& ip link set port0 up && ip link set host0 up"));
}

static struct netdev *
open_netdev(const char *type)
{
    struct netdev *netdev;

    ovs_assert(!netdev_open("port0", type, &netdev));
    return netdev;
}

static bool
is_up(void)
{
    return shell("ip link show port0 | grep -q '[<,]UP[,>]'");
}

static bool
is_promiscuous(void)
{
    return !shell("ip -d link show port0 | grep -q 'promiscuity 0'");
}

/* The device is set up after the netdev has looked at it. */
static void
test_set_up(struct netdev *netdev)
{
    struct dp_promisc promisc;

    ovs_assert(!dp_promisc_init(&promisc, netdev));
    ovs_assert(!is_promiscuous());
    dp_promisc_stop(&promisc);
    ovs_assert(!dp_promisc_init(&promisc, netdev));
    ovs_assert(shell("ip link set port0 up"));
    for (int i = 0; i < 2; i++) {
        ovs_assert(!dp_promisc_start(&promisc, netdev));
        ovs_assert(is_up());
        ovs_assert(is_promiscuous());
    }
    dp_promisc_stop(&promisc);
    ovs_assert(is_up());
    ovs_assert(!is_promiscuous());
}

/* The device is another one when the time comes to leave it.  The netdev knows
 * that the first one has gone. */
static void
test_remade(struct netdev *netdev)
{
    struct dp_promisc promisc;

    ovs_assert(!dp_promisc_init(&promisc, netdev));
    ovs_assert(!dp_promisc_start(&promisc, netdev));
    ovs_assert(shell("ip link delete port0"));
    netdev_run();
    make_device();
    dp_promisc_stop(&promisc);
    ovs_assert(is_up());
    ovs_assert(!is_promiscuous());
}

static void
test_gone(struct netdev *netdev)
{
    struct dp_promisc promisc;

    ovs_assert(shell("ip link delete port0"));
    ovs_assert(dp_promisc_init(&promisc, netdev) == ENODEV);
}

/* A netdev that is no Linux device has a flag. */
static void
test_flag(void)
{
    enum netdev_flags flags;
    struct dp_promisc promisc;
    struct netdev *netdev;

    dummy_enable("");
    netdev = open_netdev("dummy");
    ovs_assert(!dp_promisc_init(&promisc, netdev));
    ovs_assert(!dp_promisc_start(&promisc, netdev));
    ovs_assert(!netdev_get_flags(netdev, &flags) && flags & NETDEV_PROMISC);
    dp_promisc_stop(&promisc);
    ovs_assert(!netdev_get_flags(netdev, &flags) && !(flags & NETDEV_PROMISC));
    netdev_close(netdev);
}

static void
test_promisc_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct netdev *netdev;

    test_flag();
    if (unshare(CLONE_NEWNET)) {
        dptest_skip("no network namespace: %s", ovs_strerror(errno));
    }
    ovs_assert(shell("ip link add port0 type veth peer name host0"));
    netdev = open_netdev("system");
    netdev_run();
    test_set_up(netdev);
    test_remade(netdev);
    test_gone(netdev);
    netdev_close(netdev);
}
DPTEST_REGISTER("promisc", test_promisc_main);
