/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
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
    CMD_DEV_GET = 1,            /* What it tells by itself looks alike. */
    ATTR_IFINDEX = 1,
    ATTR_XDP_FEATURES = 3,
    XDP_FEATURE_NDO_XMIT = 1 << 2
};

/* Takes a message of that family apart. */
static bool
parse_features(const struct ofpbuf *msg, uint32_t *ifindex,
               uint64_t *features)
{
    static const struct nl_policy policy[] = {
        [ATTR_IFINDEX] = { .type = NL_A_U32 },
        [ATTR_XDP_FEATURES] = { .type = NL_A_U64 },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];

    if (!nl_policy_parse(msg, NLMSG_HDRLEN + GENL_HDRLEN, policy, attrs,
                         ARRAY_SIZE(policy))) {
        return false;
    }
    *ifindex = nl_attr_get_u32(attrs[ATTR_IFINDEX]);
    *features = nl_attr_get_u64(attrs[ATTR_XDP_FEATURES]);
    return true;
}

/* Stores the features of 'ifindex' in '*features'.  Returns 0 or a positive
 * errno value. */
static int
get_features(uint32_t ifindex, uint64_t *features)
{
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
    error = parse_features(reply, &ifindex, features) ? 0 : EPROTO;
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

/* News. */

/* Returns a socket that is in 'group' of 'protocol', or null. */
static struct nl_sock *
subscribe(int protocol, unsigned int group)
{
    struct nl_sock *sock;

    if (nl_sock_create(protocol, &sock)) {
        return NULL;
    }
    if (nl_sock_join_mcgroup(sock, group)) {
        nl_sock_destroy(sock);
        return NULL;
    }
    return sock;
}

void
dp_xdp_news_init(struct dp_xdp_news *news)
{
    unsigned int group;

    news->links = subscribe(NETLINK_ROUTE, RTNLGRP_LINK);
    news->features = (nl_lookup_genl_mcgroup("netdev", "mgmt", &group)
                      ? NULL : subscribe(NETLINK_GENERIC, group));
}

void
dp_xdp_news_uninit(struct dp_xdp_news *news)
{
    nl_sock_destroy(news->links);
    nl_sock_destroy(news->features);
}

typedef void told(void *aux, uint32_t ifindex, const uint32_t *mtu,
                  const bool *can_transmit);

static void
hear_link(struct ofpbuf *msg, told *cb, void *aux)
{
    struct rtnetlink_change change;
    const struct nlmsghdr *nlmsg = msg->data;

    if (rtnetlink_type_is_rtnlgrp_link(nlmsg->nlmsg_type)
        && rtnetlink_parse(msg, &change)) {
        uint32_t mtu = MAX(change.mtu, 0);

        /* That a bridge of Linux lets go of a device looks as if it went. */
        cb(aux, change.if_index,
           change.nlmsg_type == RTM_NEWLINK && mtu ? &mtu : NULL, NULL);
    }
}

static void
hear_features(struct ofpbuf *msg, told *cb, void *aux)
{
    uint64_t features;
    uint32_t ifindex;

    if (parse_features(msg, &ifindex, &features)) {
        bool can = (features & XDP_FEATURE_NDO_XMIT) != 0;

        cb(aux, ifindex, NULL, &can);
    }
}

/* Has 'hear' take what 'sock' has.  Returns false if something was missed. */
static bool
hear_all(struct nl_sock *sock,
         void (*hear)(struct ofpbuf *, told *, void *aux), told *cb,
         void *aux)
{
    struct ofpbuf msg;
    int error;

    ofpbuf_init(&msg, 4096);
    while (!(error = nl_sock_recv(sock, &msg, NULL, false))) {
        hear(&msg, cb, aux);
    }
    ofpbuf_uninit(&msg);
    return error == EAGAIN;
}

bool
dp_xdp_news_run(struct dp_xdp_news *news, told *cb, void *aux)
{
    bool all = true;

    if (news->features) {
        all = hear_all(news->features, hear_features, cb, aux);
    }
    if (news->links) {
        all = hear_all(news->links, hear_link, cb, aux) && all;
    }
    return all;
}

void
dp_xdp_news_wait(const struct dp_xdp_news *news)
{
    if (news->features) {
        nl_sock_wait(news->features, POLLIN);
    }
    if (news->links) {
        nl_sock_wait(news->links, POLLIN);
    }
}
