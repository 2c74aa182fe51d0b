/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-attachment.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp/dp-xdp-pins.h"

VLOG_DEFINE_THIS_MODULE(dp_xdp_attachment);

static void
update(const struct dp_xdp_attachment *a, int prog_fd)
{
    int error = dp_xdp_link_update(a->link_fd, prog_fd);

    if (error && error != ENOLINK) {
        VLOG_WARN("interface %"PRIu32": keeps the old XDP program (%s)",
                  a->ifindex, ovs_strerror(error));
    }
}

/* Takes the link that an earlier process has left, if it has this mode. */
static bool
adopt(struct dp_xdp_attachment *a, enum dp_xdp_mode mode)
{
    enum dp_xdp_mode old_mode;
    int fd = dp_xdp_pins_open(a->ifindex, &old_mode);

    if (fd < 0) {
        return false;
    }
    if (old_mode != mode) {
        dp_xdp_pins_remove(a->ifindex);
        dp_xdp_link_destroy(fd);
        return false;
    }
    a->link_fd = fd;
    a->pinned = true;
    return true;
}

int
dp_xdp_attachment_init(struct dp_xdp_attachment *a, uint32_t ifindex,
                       enum dp_xdp_mode mode, int prog_fd, bool stays,
                       char **errorp)
{
    *a = (struct dp_xdp_attachment) { .ifindex = ifindex, .link_fd = -1 };
    if (mode == DP_XDP_NOWHERE) {
        return 0;
    } else if (!adopt(a, mode)) {
        return dp_xdp_link_create(ifindex, mode, prog_fd, &a->link_fd,
                                  errorp);
    }
    if (stays) {
        a->stays = true;
        VLOG_INFO("interface %"PRIu32": the flows of an earlier daemon stay "
                  "until ours can take their place", ifindex);
    } else {
        update(a, prog_fd);
    }
    return 0;
}

void
dp_xdp_attachment_uninit(struct dp_xdp_attachment *a, bool leave)
{
    if (a->link_fd < 0) {
        return;
    }
    if (a->pinned && leave) {
        close(a->link_fd);
    } else {
        if (a->pinned) {
            dp_xdp_pins_remove(a->ifindex);
        }
        dp_xdp_link_destroy(a->link_fd);
    }
    a->link_fd = -1;
}

/* Says that a link can't be given a name, and why. */
static void
say_unpinned(uint32_t ifindex, int error)
{
    char *folder = dp_xdp_pins_folder();

    VLOG_WARN("interface %"PRIu32": flows do not outlive the daemon: the XDP "
              "program can't be pinned in %s (%s); is a BPF file system "
              "mounted on /sys/fs/bpf?", ifindex, folder,
              ovs_strerror(error));
    free(folder);
}

bool
dp_xdp_attachment_pin(struct dp_xdp_attachment *a, bool persist)
{
    if (a->link_fd < 0 || persist == a->pinned) {
        return a->pinned;
    }
    if (persist) {
        int error = dp_xdp_pins_add(a->ifindex, a->link_fd);

        if (error) {
            say_unpinned(a->ifindex, error);
            return false;
        }
    } else {
        dp_xdp_pins_remove(a->ifindex);
    }
    a->pinned = persist;
    return persist;
}

void
dp_xdp_attachment_update(struct dp_xdp_attachment *a, int prog_fd)
{
    if (a->link_fd >= 0 && !a->stays) {
        update(a, prog_fd);
    }
}

void
dp_xdp_attachment_take_over(struct dp_xdp_attachment *a, int prog_fd)
{
    if (a->stays) {
        a->stays = false;
        update(a, prog_fd);
        VLOG_INFO("interface %"PRIu32": the flows of an earlier daemon have "
                  "made way", a->ifindex);
    }
}

bool
dp_xdp_attachment_is_lost(const struct dp_xdp_attachment *a, int prog_fd)
{
    return !a->stays && !dp_xdp_link_holds(a->link_fd, prog_fd);
}
