/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "pmd/dp-promisc.h"

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netdev-provider.h"
#include "netdev.h"

static bool
is_linux_device(const struct netdev *netdev)
{
    return netdev_get_class(netdev)->run == netdev_linux_class.run;
}

/* Stores in '*fdp' a socket that keeps device 'name' as we want it.  Returns 0
 * or a positive errno value. */
static int
open_socket(const char *name, int *fdp)
{
    const struct packet_mreq request = {
        .mr_ifindex = if_nametoindex(name),
        .mr_type = PACKET_MR_PROMISC,
    };
    int fd;

    if (!request.mr_ifindex) {
        return errno;
    }
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request,
                   sizeof request)) {
        int error = errno;

        close(fd);
        return error;
    }
    *fdp = fd;
    return 0;
}

int
dp_promisc_start(struct dp_promisc *promisc, struct netdev *netdev)
{
    promisc->fd = -1;
    promisc->flags = NULL;
    return (is_linux_device(netdev)
            ? open_socket(netdev_get_name(netdev), &promisc->fd)
            : netdev_turn_flags_on(netdev, NETDEV_PROMISC, &promisc->flags));
}

void
dp_promisc_stop(struct dp_promisc *promisc)
{
    if (promisc->fd >= 0) {
        close(promisc->fd);
    }
    netdev_restore_flags(promisc->flags);
}
