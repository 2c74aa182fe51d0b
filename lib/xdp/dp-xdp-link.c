/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static uint32_t
mode_flags(enum dp_xdp_mode mode)
{
    return mode == DP_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

const char *
dp_xdp_mode_name(enum dp_xdp_mode mode)
{
    return (mode == DP_XDP_NATIVE ? "native"
            : mode == DP_XDP_GENERIC ? "generic" : "no");
}

/* Stores what the kernel tells about program 'fd' in '*info'. */
static bool
get_program(int fd, struct bpf_prog_info *info)
{
    __u32 len = sizeof *info;

    memset(info, 0, sizeof *info);
    return !bpf_obj_get_info_by_fd(fd, info, &len);
}

bool
dp_xdp_link_holds(int fd, int prog_fd)
{
    struct bpf_prog_info prog;
    struct bpf_link_info link;
    __u32 len = sizeof link;

    memset(&link, 0, sizeof link);
    return (!bpf_obj_get_info_by_fd(fd, &link, &len) && link.xdp.ifindex
            && get_program(prog_fd, &prog) && link.prog_id == prog.id);
}

bool
dp_xdp_link_is_on(int fd, uint32_t ifindex, enum dp_xdp_mode *mode)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    struct bpf_link_info link;
    __u32 len = sizeof link;

    memset(&link, 0, sizeof link);
    if (bpf_obj_get_info_by_fd(fd, &link, &len)
        || link.xdp.ifindex != ifindex || bpf_xdp_query(ifindex, 0, &query)) {
        return false;
    }
    *mode = (link.prog_id == query.drv_prog_id
             ? DP_XDP_NATIVE : DP_XDP_GENERIC);
    return (link.prog_id == query.drv_prog_id
            || link.prog_id == query.skb_prog_id);
}

int
dp_xdp_link_update(int fd, int prog_fd)
{
    return bpf_link_update(fd, prog_fd, NULL) ? errno : 0;
}

/* Returns program 'id' as "id 12 (name)". */
static char *
describe(uint32_t id)
{
    int fd = bpf_prog_get_fd_by_id(id);
    struct bpf_prog_info info;
    bool named = false;

    if (fd >= 0) {
        named = get_program(fd, &info) && info.name[0];
        close(fd);
    }
    return (named
            ? xasprintf("id %"PRIu32" (%.*s)", id, (int) sizeof info.name,
                        info.name)
            : xasprintf("id %"PRIu32, id));
}

char *
dp_xdp_link_describe(uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    uint32_t id;

    if (bpf_xdp_query(ifindex, 0, &query)) {
        return NULL;
    }
    id = (query.prog_id ? query.prog_id
          : query.drv_prog_id ? query.drv_prog_id
          : query.skb_prog_id ? query.skb_prog_id
          : query.hw_prog_id);
    return id ? describe(id) : NULL;
}

uint32_t
dp_xdp_link_program(uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);

    if (bpf_xdp_query(ifindex, 0, &query)) {
        return 0;
    }
    return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

/* Is 'id' the link that holds program 'prog_id' on interface 'ifindex'? */
static bool
is_link_of(uint32_t id, uint32_t ifindex, uint32_t prog_id)
{
    int fd = bpf_link_get_fd_by_id(id);
    struct bpf_link_info info;
    __u32 len = sizeof info;
    bool is;

    if (fd < 0) {
        return false;
    }
    memset(&info, 0, sizeof info);
    is = (!bpf_obj_get_info_by_fd(fd, &info, &len)
          && info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog_id
          && info.xdp.ifindex == ifindex);
    close(fd);
    return is;
}

char *
dp_xdp_link_obstacle(uint32_t ifindex, const char *name)
{
    uint32_t prog_id = dp_xdp_link_program(ifindex);
    uint32_t link = 0;
    char *program, *text;

    if (!prog_id) {
        return NULL;
    }
    program = describe(prog_id);
    while (!bpf_link_get_next_id(link, &link)) {
        if (is_link_of(link, ifindex, prog_id)) {
            text = xasprintf("%s: has another XDP program, %s, which stays as "
                             "long as link %"PRIu32" holds it", name,
                             program, link);
            free(program);
            return text;
        }
    }
    text = xasprintf("%s: has another XDP program, %s, which stays; "
                     "\"ip link set dev %s xdp off\" removes it", name,
                     program, name);
    free(program);
    return text;
}

static char *
explain(const char *name, uint32_t ifindex, enum dp_xdp_mode mode, int error)
{
    char *text = dp_xdp_link_obstacle(ifindex, name);

    if (text) {
        return text;
    } else if (error == EOPNOTSUPP && mode == DP_XDP_NATIVE) {
        text = xasprintf("%s: the driver does not run XDP programs", name);
    } else if ((error == ERANGE || error == EINVAL)
               && mode == DP_XDP_NATIVE) {
        text = xasprintf("%s: the driver does not run an XDP program in "
                         "native mode with the interface's settings (%s): its "
                         "MTU may be too large", name, ovs_strerror(error));
    } else {
        text = xasprintf("%s: can't attach the XDP program in %s mode (%s)%s",
                         name, dp_xdp_mode_name(mode), ovs_strerror(error),
                         error == EINVAL ? "; Linux 5.13 is needed" : "");
    }
    return text;
}

int
dp_xdp_link_create(uint32_t ifindex, enum dp_xdp_mode mode, int prog_fd,
                   int *fdp, char **errorp)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode_flags(mode));
    char name[IF_NAMESIZE];
    int error;

    *fdp = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);
    if (*fdp >= 0) {
        return 0;
    }
    error = errno;
    if (!if_indextoname(ifindex, name)) {
        *errorp = xasprintf("interface %"PRIu32" does not exist", ifindex);
        return ENODEV;
    }
    *errorp = explain(name, ifindex, mode, error);
    /* One that runs in the other mode is EEXIST. */
    return error == EEXIST ? EBUSY : error;
}

void
dp_xdp_link_destroy(int fd)
{
    ignore(bpf_link_detach(fd));        /* It fails if nothing is there. */
    close(fd);
}
