/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-xdp-watch.h"

#include "ovs-atomic.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-device.h"

static void
note_seen(void *n OVS_UNUSED, uint32_t ifindex OVS_UNUSED,
          const struct dp_xdp_device *now OVS_UNUSED)
{
}

static void
note_change(void *n_, const struct dp_xdp_device *before,
            const struct dp_xdp_device *now)
{
    atomic_uint *n = n_;
    unsigned int orig;

    ovs_assert(before->mtu != now->mtu
               || before->can_transmit != now->can_transmit);
    atomic_add(n, 1, &orig);
}

static void
note_look(void *n OVS_UNUSED)
{
}

static void
watch_start(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch,
            atomic_uint *n)
{
    watch->seen = note_seen;
    watch->changed = note_change;
    watch->looked = note_look;
    watch->aux = n;
    dp_xdp_watch_start(watches, watch);
}

static void
wait_for_change(atomic_uint *n, unsigned int expected)
{
    unsigned int seen;

    for (int i = 0; atomic_read(n, &seen), seen != expected; i++) {
        if (i > 60000) {
            dptest_fail("%u changes instead of %u", seen, expected);
        }
        xnanosleep(1000 * 1000);
    }
}

/* Whoever watches a device is told when packets can be redirected to it, and
 * of its MTU; and if it goes. */
static void
test_xdp_watch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    atomic_uint n = ATOMIC_VAR_INIT(0);
    struct dp_xdp_watches *watches;
    struct dp_xdp_watch watch;
    struct dp_xdp_device device;
    struct dp_xdp_loader *loader;
    struct dp_xdp_port *port;
    uint32_t ifindex;
    char *why;

    xdp_rig_unshare();
    loader = xdp_rig_load();
    watches = dp_xdp_loader_watches(loader);
    xdp_rig_shell("ip link add xdp1 type veth peer name peer1");
    xdp_rig_set_up("xdp1", "peer1");
    ifindex = xdp_rig_ifindex("xdp1");
    if (dp_xdp_attach(loader, ifindex, DP_XDP_NATIVE, &port, &why)) {
        dptest_fail("%s", why);
    }
    watch_start(watches, &watch, &n);
    dp_xdp_watch_look(watches, &watch, ifindex);
    device = dp_xdp_device_get(ifindex);
    ovs_assert(device.mtu == 1500 && !device.can_transmit);

    xdp_rig_shell("ip link set xdp1 mtu 1400");
    wait_for_change(&n, 1);
    ovs_assert(dp_xdp_device_get(ifindex).mtu == 1400);
    if (!system("ethtool -K peer1 gro on")
        && dp_xdp_device_get(ifindex).can_transmit) {
        wait_for_change(&n, 2);
        xdp_rig_shell("ethtool -K peer1 gro off");
        wait_for_change(&n, 3);
    }
    atomic_init(&n, 0);
    xdp_rig_shell("ip link del xdp1");
    wait_for_change(&n, 1);
    device = dp_xdp_device_get(ifindex);
    ovs_assert(!device.mtu && !device.can_transmit);

    dp_xdp_watch_stop(watches, &watch);
    dp_xdp_detach(port);
    dp_xdp_loader_destroy(loader);
}
DPTEST_REGISTER("xdp-watch", test_xdp_watch);

/* Nobody has to wait for the next look: the kernel tells. */
static void
test_xdp_news(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    atomic_uint n = ATOMIC_VAR_INIT(0);
    struct dp_xdp_watches watches;
    struct dp_xdp_watch watch;
    unsigned int seen;
    uint32_t ifindex;

    xdp_rig_unshare();
    dp_xdp_watches_init(&watches);
    xdp_rig_shell("ip link add xdp1 type veth peer name peer1");
    xdp_rig_set_up("xdp1", "peer1");
    ifindex = xdp_rig_ifindex("xdp1");
    watch_start(&watches, &watch, &n);
    dp_xdp_watch_look(&watches, &watch, ifindex);
    xdp_rig_shell("ip link set xdp1 mtu 1400");
    dp_xdp_watches_run(&watches);
    atomic_read(&n, &seen);
    ovs_assert(seen == 1);

    /* For a minute nobody asks. */
    watches.next = time_msec() + 60000;
    xdp_rig_shell("ip link set xdp1 mtu 1300");
    dp_xdp_watches_run(&watches);
    atomic_read(&n, &seen);
    ovs_assert(seen == 2 && watch.device.mtu == 1300);
    if (watches.news.features && !system("ethtool -K peer1 gro on")
        && dp_xdp_device_get(ifindex).can_transmit) {
        dp_xdp_watches_run(&watches);
        atomic_read(&n, &seen);
        ovs_assert(seen == 3 && watch.device.can_transmit);
    }
    xdp_rig_shell("ip link del xdp1");
    dp_xdp_watches_run(&watches);
    ovs_assert(!watch.device.mtu && !watch.device.can_transmit);

    dp_xdp_watch_stop(&watches, &watch);
    dp_xdp_watches_uninit(&watches);
}
DPTEST_REGISTER("xdp-news", test_xdp_news);
