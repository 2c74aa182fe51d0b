/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include "dp-packet.h"
#include "netdev.h"
#include "odp-netlink.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"

/* Encapsulates the packets of 'batch', which stay in the batch for the actions
 * that follow.  Returns false, with the batch empty, if they could not be. */
bool
dp_exec_tunnel_push(const struct dp_exec *x, struct dp_packet_batch *batch,
                    const struct nlattr *a)
{
    const struct ovs_action_push_tnl *data = nl_attr_get(a);
    struct dp_tx_port *port = dp_tx_find(&x->lane->tx,
                                         u32_to_odp(data->tnl_port));
    size_t n = dp_packet_batch_size(batch);

    dp_packet_batch_apply_cutlen(batch);
    if (port && netdev_has_tunnel_push_pop(port->netdev)
        && !netdev_push_header(port->netdev, batch, data)) {
        return true;
    }
    dp_drop_count(DP_DROP_TUNNEL_PUSH, n);
    dp_packet_delete_batch(batch, true);
    return false;
}

/* Decapsulates the packets of 'batch' (or clones of them) and sends them
 * through the pipe as packets from the tunnel port. */
void
dp_exec_tunnel_pop(const struct dp_exec *x, struct dp_packet_batch *batch,
                   const struct dp_step *step, bool steal)
{
    struct dp_tx_port *port = dp_tx_find(&x->lane->tx, step->port);
    size_t n = dp_packet_batch_size(batch);
    struct dp_packet_batch own;
    struct dp_packet *packet;

    if (!port || !netdev_has_tunnel_push_pop(port->netdev)) {
        dp_drop_count(DP_DROP_INVALID_TNL_PORT, n);
        dp_packet_delete_batch(batch, steal);
        return;
    }
    dp_exec_take(batch, &own, steal);
    dp_packet_batch_apply_cutlen(&own);

    netdev_pop_header(port->netdev, &own);
    if (dp_packet_batch_size(&own) < n) {
        dp_drop_count(DP_DROP_TUNNEL_POP, n - dp_packet_batch_size(&own));
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, &own) {
        packet->md.in_port.odp_port = step->port;
    }
    if (!dp_packet_batch_is_empty(&own)) {
        dp_exec_again(x, &own);
    }
}
