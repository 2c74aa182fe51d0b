/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <unistd.h>

#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "rtnetlink.h"
#include "socket-util.h"
#include "util.h"

/* Of the generic netlink family "netdev", which the headers of older kernels
 * do not have. */
enum {
    CMD_DEV_GET = 1,
    ATTR_IFINDEX = 1,
    ATTR_XDP_FEATURES = 3,
    XDP_FEATURE_NDO_XMIT = 1 << 2
};

/* Stores the features of 'ifindex' in '*features'.  Returns 0 or a positive
 * errno value. */
static int
get_features(uint32_t ifindex, uint64_t *features)
{
    static const struct nl_policy policy[] = {
        [ATTR_XDP_FEATURES] = { .type = NL_A_U64 },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct ofpbuf request, *reply;
    int family = 0;             /* Not 0: it is known already. */
    int error;

    error = nl_lookup_genl_family("netdev", &family);
    if (error) {
        return error;
    }
    ofpbuf_init(&request, 0);
    nl_msg_put_genlmsghdr(&request, 0, family, NLM_F_REQUEST, CMD_DEV_GET, 1);
    nl_msg_put_u32(&request, ATTR_IFINDEX, ifindex);
    error = nl_transact(NETLINK_GENERIC, &request, &reply);
    ofpbuf_uninit(&request);
    if (error) {
        return error;
    }
    if (nl_policy_parse(reply, NLMSG_HDRLEN + GENL_HDRLEN, policy, attrs,
                        ARRAY_SIZE(policy))) {
        *features = nl_attr_get_u64(attrs[ATTR_XDP_FEATURES]);
    } else {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    return error;
}

static bool
is_hardware(uint32_t ifindex)
{
    char name[IF_NAMESIZE];
    char *path;
    bool found;

    if (!if_indextoname(ifindex, name)) {
        return false;
    }
    path = xasprintf("/sys/class/net/%s/device", name);
    found = !access(path, F_OK);
    free(path);
    return found;
}

static bool
can_transmit(uint32_t ifindex)
{
    uint64_t features;

    if (get_features(ifindex, &features)) {
        return is_hardware(ifindex);
    }
    return (features & XDP_FEATURE_NDO_XMIT) != 0;
}

static uint32_t
get_mtu(uint32_t ifindex)
{
    struct rtnetlink_change change;
    struct ofpbuf request, *reply;
    struct ifinfomsg *ifi;
    uint32_t mtu = 0;

    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *ifi, RTM_GETLINK, NLM_F_REQUEST);
    ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_index = ifindex;
    if (!nl_transact(NETLINK_ROUTE, &request, &reply)) {
        if (rtnetlink_parse(reply, &change)) {
            mtu = MAX(change.mtu, 0);
        }
        ofpbuf_delete(reply);
    }
    ofpbuf_uninit(&request);
    return mtu;
}

unsigned int
dp_xdp_device_n_rxqs(const char *name)
{
    struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
    struct ifreq ifr = { .ifr_data = (void *) &channels };

    ovs_strzcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    return (af_inet_ioctl(SIOCETHTOOL, &ifr)
            ? 0 : channels.rx_count + channels.combined_count);
}

struct dp_xdp_device
dp_xdp_device_get(uint32_t ifindex)
{
    return (struct dp_xdp_device) {
        .mtu = get_mtu(ifindex),
        .can_transmit = can_transmit(ifindex),
    };
}
