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

int
dp_promisc_init(struct dp_promisc *promisc, const struct netdev *netdev)
{
    *promisc = (struct dp_promisc) { .fd = -1 };
    if (!is_linux_device(netdev)) {
        return 0;
    }
    promisc->ifindex = if_nametoindex(netdev_get_name(netdev));
    return promisc->ifindex ? 0 : errno;
}

/* Has a socket keep device 'ifindex' as we want it, and stores it in '*fdp'.
 * Returns 0 or a positive errno value. */
static int
open_socket(int ifindex, int *fdp)
{
    const struct packet_mreq request = {
        .mr_ifindex = ifindex,
        .mr_type = PACKET_MR_PROMISC,
    };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

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
    if (promisc->fd >= 0 || promisc->flags) {
        return 0;
    }
    return (promisc->ifindex
            ? open_socket(promisc->ifindex, &promisc->fd)
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
