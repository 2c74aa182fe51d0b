/* SPDX-License-Identifier: Apache-2.0 */

/* Drives Open vSwitch's own flow API of netdevs (netdev-offload.h).  What it
 * is good for is the dummy netdev, which marks packets without any hardware,
 * so that the whole path can be tested anywhere.
 *
 * That API is switched on for the whole process, once, when hw-offload is set
 * for the first time.  Ports that were there before have no provider until
 * dp_offload_ports_probe() is called. */

#include <config.h>
#include "offload/dp-offload-provider.h"

#include <errno.h>

#include "dpif.h"
#include "netdev-offload.h"
#include "netdev-provider.h"
#include "netdev.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

struct dp_netdev_port {
    struct netdev *netdev;              /* Counted. */
    odp_port_t port_no;
};

static int
dp_netdev_open(const struct dp_offload_class *class OVS_UNUSED,
               struct dp_offload *offload OVS_UNUSED,
               odp_port_t port_no, struct netdev *netdev, void **portp,
               struct dp_offload_port_info *info)
{
    struct dp_netdev_port *port;

    /* Only a provider of the userspace datapath marks packets; "tc" would
     * install rules in the kernel, behind our back. */
    if (!netdev || !netdev_is_flow_api_enabled()
        || strncmp(netdev_get_type(netdev), "dummy", 5)
        || netdev_init_flow_api(netdev)) {
        return EOPNOTSUPP;
    }

    port = xmalloc(sizeof *port);
    port->netdev = netdev_ref(netdev);
    port->port_no = port_no;
    *portp = port;
    info->dp_layer = "ovs";
    return 0;
}

/* There is no flush(): the dummy netdev has none, so rules leave one by one,
 * before this. */
static int
dp_netdev_close(void *port_)
{
    struct dp_netdev_port *port = port_;

    netdev_close(port->netdev);
    free(port);
    return 0;
}

static void
dp_netdev_put(void *port_, struct dp_offload_op *ops[], size_t n)
{
    struct dp_netdev_port *port = port_;
    struct ofpbuf actions;
    struct match match;

    ofpbuf_init(&actions, 512);
    for (size_t i = 0; i < n; i++) {
        struct offload_info info = {
            .flow_mark = ops[i]->mark,
            .orig_in_port = port->port_no,
        };

        ofpbuf_clear(&actions);
        if (!dp_offload_op_describe(ops[i], &match, &actions)) {
            ops[i]->error = ENOENT;
            continue;
        }
        ops[i]->error = netdev_flow_put(port->netdev, &match, actions.data,
                                        actions.size, &ops[i]->mega_ufid,
                                        &info, NULL);
        ops[i]->level = DP_OFFLOAD_MARKED;
        ops[i]->why = DP_OFFLOAD_WHY_A_MARK_ONLY;
    }
    ofpbuf_uninit(&actions);
}

static void
dp_netdev_del(void *port_, struct dp_offload_op *ops[], size_t n)
{
    struct dp_netdev_port *port = port_;

    for (size_t i = 0; i < n; i++) {
        ops[i]->error = netdev_flow_del(port->netdev, &ops[i]->mega_ufid,
                                        NULL);
    }
}

const struct dp_offload_class dp_offload_netdev_class = {
    .name = "netdev",
    .open = dp_netdev_open,
    .close = dp_netdev_close,
    .put = dp_netdev_put,
    .del = dp_netdev_del,
};
