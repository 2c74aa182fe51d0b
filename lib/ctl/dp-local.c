/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ctl/dp-local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dpif.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"
#include "ctl/dp.h"
#include "flow/dp-log.h"

#define INTERVAL_MS 1000

static int
add(struct dp *dp)
{
    odp_port_t local = ODPP_LOCAL;

    return dp_add_port(dp, dp->name,
                       dpif_port_open_type(dp->class->type, "internal"),
                       &local);
}

int
dp_local_create(struct dp *dp)
{
    int error = add(dp);

    dp->next_local = LLONG_MAX;
    if (error == EBUSY) {
        VLOG_WARN("%s: another program, maybe another ovs-vswitchd, has the "
                  "device of that name; this one does without until it is "
                  "free", dp->name);
        dp->next_local = time_msec() + INTERVAL_MS;
        error = 0;
    }
    return error;
}

static bool
is_missing(struct dp *dp)
{
    bool missing;

    ovs_mutex_lock(&dp->topology.mutex);
    missing = !dp_topology_port(&dp->topology, ODPP_LOCAL);
    ovs_mutex_unlock(&dp->topology.mutex);
    return missing;
}

/* Does somebody have the tap device 'name' open?  Open vSwitch would warn each
 * time that he does. */
static bool
is_taken(const char *name)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    bool taken;
    int fd;

    if (!if_nametoindex(name)) {
        return false;
    }
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ovs_strzcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    taken = ioctl(fd, TUNSETIFF, &ifr) && errno == EBUSY;
    close(fd);
    return taken;
}

void
dp_local_lost(struct dp *dp)
{
    dp->next_local = MIN(dp->next_local, time_msec());
}

void
dp_local_run(struct dp *dp)
{
    if (time_msec() < dp->next_local) {
        return;
    }
    dp->next_local = LLONG_MAX;
    if (is_missing(dp) && (is_taken(dp->name) || add(dp))) {
        dp->next_local = time_msec() + INTERVAL_MS;
    }
}

void
dp_local_wait(const struct dp *dp)
{
    if (dp->next_local != LLONG_MAX) {
        poll_timer_wait_until(dp->next_local);
    }
}
