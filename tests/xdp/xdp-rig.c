/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/xdp/xdp-rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/dptest.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"

void
xdp_rig_unshare(void)
{
    if (unshare(CLONE_NEWNET)) {
        dptest_skip("no network namespace: %s", ovs_strerror(errno));
    }
    xdp_rig_shell("ip link set lo up");
}

struct dp_xdp_loader *
xdp_rig_load(void)
{
    struct dp_xdp_loader *loader;
    char *why = NULL;
    int error = dp_xdp_loader_create(&loader, &why);

    if (error == EPERM || error == EACCES || error == ENOSYS) {
        dptest_skip("%s", why);
    } else if (error) {
        dptest_fail("%s", why);
    }
    return loader;
}

void
xdp_rig_pin(void)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(sched_getcpu(), &cpus);
    ovs_assert(!sched_setaffinity(0, sizeof cpus, &cpus));
}

void
xdp_rig_shell(const char *command)
{
    if (system(command)) {
        dptest_fail("%s", command);
    }
}

void
xdp_rig_set_up(const char *a, const char *b)
{
    char *command = xasprintf(
        "for i in %s %s; do ip link set $i up || exit; done; "
        "for i in %s %s; do "
        "until ip link show $i | grep -q ' state UP '; do sleep 0.01; done; "
        "done", a, b, a, b);

    xdp_rig_shell(command);
    free(command);
}

uint32_t
xdp_rig_ifindex(const char *name)
{
    uint32_t ifindex = if_nametoindex(name);

    ovs_assert(ifindex);
    return ifindex;
}

uint64_t
xdp_rig_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* Every namespace has its own interface of that index. */
static bool
is_link_of(int fd, uint32_t ifindex, uint32_t prog_id)
{
    struct bpf_link_info info;
    uint32_t len = sizeof info;

    memset(&info, 0, sizeof info);
    return (!bpf_obj_get_info_by_fd(fd, &info, &len)
            && info.type == BPF_LINK_TYPE_XDP
            && info.xdp.ifindex == ifindex && info.prog_id == prog_id);
}

int
xdp_rig_open_link(uint32_t ifindex)
{
    uint32_t prog_id = dp_xdp_link_program(ifindex);
    uint32_t id = 0;

    while (!bpf_link_get_next_id(id, &id)) {
        int fd = bpf_link_get_fd_by_id(id);

        if (fd >= 0) {
            if (is_link_of(fd, ifindex, prog_id)) {
                return fd;
            }
            close(fd);
        }
    }
    dptest_fail("interface %"PRIu32" has no program with a link", ifindex);
}

void
xdp_rig_run_program(int prog_fd, uint32_t ifindex, const void *data,
                    size_t size, int repeat, struct xdp_run *run)
{
    struct xdp_md in = { .data_end = size, .ingress_ifindex = ifindex };
    struct dp_xdp_meta meta;
    struct xdp_md out;
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = data,
                .data_size_in = size,
                .data_out = run->data,
                .data_size_out = sizeof run->data,
                .ctx_in = &in,
                .ctx_size_in = sizeof in,
                .ctx_out = &out,
                .ctx_size_out = sizeof out,
                .repeat = repeat);
    int error = -bpf_prog_test_run_opts(prog_fd, &opts);

    if (error) {
        dptest_fail("BPF_PROG_TEST_RUN: %s", ovs_strerror(error));
    }
    run->verdict = opts.retval;
    run->size = opts.data_size_out;
    run->ns = opts.duration;
    run->has_meta = out.data - out.data_meta == sizeof meta;
    if (run->has_meta) {
        memcpy(&meta, run->data, sizeof meta);
        run->magic = meta.magic;
        run->mark = meta.mark;
        run->size -= sizeof meta;
        memmove(run->data, run->data + sizeof meta, run->size);
    }
}

void
xdp_rig_run(struct dp_xdp_loader *loader, uint32_t ifindex,
            const void *data, size_t size, int repeat, struct xdp_run *run)
{
    xdp_rig_run_program(dp_xdp_loader_prog_fd(loader), ifindex, data, size,
                        repeat, run);
}
