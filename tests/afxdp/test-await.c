/* SPDX-License-Identifier: Apache-2.0 */

/* A port whose device has somebody else's program: what the user is told, and
 * that the bridges are told when it has gone. */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-xdp-await.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "if-notifier.h"
#include "netdev-provider.h"
#include "netdev.h"
#include "openvswitch/poll-loop.h"
#include "ovs-atomic.h"
#include "smap.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-loader.h"

/* Waiting longer than this is a failure. */
#define PATIENCE_MS 20000

static atomic_count n_reports = ATOMIC_COUNT_INIT(0);

static void
count_report(void *aux OVS_UNUSED)
{
    atomic_count_inc(&n_reports);
}

static int
load_foreign(void)
{
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
    const struct bpf_insn pass[] = {
        { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS },
        { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "Apache-2.0", pass,
                           ARRAY_SIZE(pass), &opts);

    ovs_assert(fd >= 0);
    return fd;
}

/* Configures 'netdev' as a bridge does.  Returns whether that worked; if not,
 * the error says 'text'. */
static bool
configure(struct netdev *netdev, const char *text)
{
    struct smap args = SMAP_INITIALIZER(&args);
    char *why = NULL;
    int error = netdev_set_config(netdev, &args, &why);

    ovs_assert(!error || error == EBUSY);
    if (error && (!why || !strstr(why, "port0: has another XDP program, id ")
                  || !strstr(why, "(foreign)") || !strstr(why, text))) {
        dptest_fail("\"%s\" does not say \"%s\"", why, text);
    }
    free(why);
    return !error && !netdev_reconfigure(netdev);
}

/* Is woken until somebody reports a change. */
static void
expect_report(void)
{
    long long int deadline = time_msec() + PATIENCE_MS;

    for (;;) {
        dp_xdp_await_run();
        if (atomic_count_get(&n_reports)) {
            break;
        } else if (time_msec() > deadline) {
            dptest_fail("nobody says that the program has gone");
        }
        dp_xdp_await_wait();
        poll_timer_wait_until(deadline + 1);
        poll_block();
    }
    atomic_count_set(&n_reports, 0);
}

static void
test_await_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const uint32_t modes[] = { XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE };
    struct netdev *netdev;
    int foreign, ifindex;

    xdp_rig_unshare();
    dp_xdp_loader_destroy(xdp_rig_load());
    xdp_rig_shell("ip link add port0 type veth peer name host0");
    ifindex = xdp_rig_ifindex("port0");
    foreign = load_foreign();
    if_notifier_manual_set_cb(count_report);

    for (int i = 0; i < ARRAY_SIZE(modes); i++) {
        LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = modes[i]);
        int link = bpf_link_create(foreign, ifindex, BPF_XDP, &opts);

        ovs_assert(link >= 0);
        ovs_assert(!netdev_open("port0", "afxdp", &netdev));
        ovs_assert(!configure(netdev, "as long as link "));
        ovs_assert(!dp_xdp_await_start(ifindex));
        dp_xdp_await_run();
        ovs_assert(!atomic_count_get(&n_reports));
        close(link);
        expect_report();

        ovs_assert(!bpf_xdp_attach(ifindex, foreign, modes[i], NULL));
        ovs_assert(!configure(netdev, "\"ip link set dev port0 xdp off\""));
        ovs_assert(!bpf_xdp_detach(ifindex, modes[i], NULL));
        expect_report();

        /* Nobody waits for what he has. */
        ovs_assert(dp_xdp_await_start(ifindex));
        ovs_assert(configure(netdev, NULL));
        ovs_assert(configure(netdev, NULL));
        netdev_close(netdev);
        ovs_assert(dp_xdp_await_start(ifindex));
        dp_xdp_await_stop(ifindex);
    }

    /* A device that goes. */
    ovs_assert(dp_xdp_await_start(ifindex));
    xdp_rig_shell("ip link del port0");
    expect_report();
    if_notifier_manual_set_cb(NULL);
    close(foreign);
}
DPTEST_REGISTER("afxdp-await", test_await_main);
