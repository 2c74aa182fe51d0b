/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include "dp-packet.h"
#include "netdev.h"
#include "netdev-native-tnl.h"
#include "netdev-provider.h"
#include "odp-netlink.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "flow/dp-header.h"
#include "flow/dp-key.h"
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
    struct dp_packet *packet;

    dp_exec_cut(batch);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        /* The netdev takes the outer source port from it, and doesn't ask
         * whether it is there: a packet whose flow a mark told has none. */
        dp_key_rss_hash(packet);
    }
    if (port && netdev_has_tunnel_push_pop(port->netdev)
        && !netdev_push_header(port->netdev, batch, data)) {
        return true;
    }
    dp_drop_count(x->lane, x->in_port, DP_DROP_TUNNEL_PUSH, n,
                  n == dp_packet_batch_size(batch) && n
                  ? batch->packets[n - 1] : NULL);
    dp_packet_delete_batch(batch, true);
    return false;
}

/* How many bytes Open vSwitch's functions read behind the IP header before
 * they look how many there are.  (Those of VXLAN and Geneve do look.) */

static size_t
gre_len(const void *l4 OVS_UNUSED, size_t size OVS_UNUSED)
{
    return sizeof(struct gre_base_hdr);
}

static size_t
erspan_len(const void *l4, size_t size)
{
    size_t len = ERSPAN_GREHDR_LEN + sizeof(struct erspan_base_hdr);

    if (size < len) {
        return len;
    }
    return len + (ERSPAN_HDR(l4)->ver == 2
                  ? ERSPAN_V2_MDSIZE : ERSPAN_V1_MDSIZE);
}

/* They look for the version of the IP packet inside.  The shortest one is
 * longer than where they look. */
static size_t
gtpu_len(const void *l4, size_t size)
{
    const struct gtpuhdr *gtpu
        = ALIGNED_CAST(const struct gtpuhdr *,
                       (const char *) l4 + UDP_HEADER_LEN);
    size_t len = UDP_HEADER_LEN + sizeof *gtpu;

    if (size < len || gtpu->md.msgtype != GTPU_MSGTYPE_GPDU) {
        return len;
    }
    return (len + IP_HEADER_LEN
            + (gtpu->md.flags & GTPU_S_MASK ? sizeof(struct gtpuhdr_opt) : 0));
}

/* Is there as much of the outer IP header of 'packet' as Open vSwitch reads?
 * It goes by the version in the header, not by the Ethernet type. */
static bool
has_outer_ip(const struct dp_packet *packet)
{
    const uint8_t *ip = dp_packet_l3(packet);
    size_t size = dp_header_bytes_from(packet, packet->l3_ofs);

    return (size >= IP_HEADER_LEN
            && (*ip >> 4 != 4 || size >= (*ip & 15) * 4)
            && (*ip >> 4 != 6 || size >= IPV6_HEADER_LEN));
}

/* Can 'netdev' take the tunnel's headers from 'packet' without reading what is
 * not there?  It believes that Ethernet and IP stand in front of them, without
 * a VLAN tag, and that they are whole. */
static bool
can_pop(const struct netdev *netdev, const struct dp_packet *packet)
{
    static const struct {
        struct dp_packet *(*pop)(struct dp_packet *);
        size_t (*len)(const void *l4, size_t size);
    } types[] = {
        { netdev_gre_pop_header, gre_len },
        { netdev_erspan_pop_header, erspan_len },
        { netdev_gtpu_pop_header, gtpu_len },
    };
    size_t size = dp_header_bytes_from(packet, packet->l4_ofs);

    if (!dp_packet_is_eth(packet) || packet->l3_ofs != ETH_HEADER_LEN || !size
        || !has_outer_ip(packet) || dp_header_is_later_fragment(packet)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (netdev->netdev_class->pop_header == types[i].pop) {
            return size >= types[i].len(dp_packet_l4(packet), size);
        }
    }
    return true;
}

/* Sets the type of 'packet', an IP packet that was in GTP-U.  Open vSwitch 3.1
 * looks for the version eight bytes too far on, and believes that it is an
 * Ethernet packet if it does not like what it finds there.  Returns false if
 * it is no IP packet. */
static bool
set_type_of_gtpu_payload(struct dp_packet *packet)
{
    uint8_t version = *(const uint8_t *) dp_packet_data(packet) >> 4;

    packet->packet_type = htonl(version == 4 ? PT_IPV4 : PT_IPV6);
    return version == 4 || version == 6;
}

static void
drop_no_tunnel(const struct dp_exec *x, struct dp_packet *packet)
{
    dp_drop_count(x->lane, x->in_port, DP_DROP_TUNNEL_POP, 1, packet);
    dp_packet_delete(packet);
}

/* Decapsulates 'packet' with 'netdev'.  Returns false, with the packet dropped
 * and counted, if it is no packet of that tunnel. */
static bool
pop_one(const struct dp_exec *x, struct netdev *netdev,
        struct dp_packet *packet)
{
    struct dp_packet_batch one;

    if (OVS_UNLIKELY(!can_pop(netdev, packet))) {
        drop_no_tunnel(x, packet);
        return false;
    }
    dp_packet_batch_init_packet(&one, packet);
    netdev_pop_header(netdev, &one);
    if (OVS_UNLIKELY(dp_packet_batch_is_empty(&one))) {
        dp_drop_count(x->lane, x->in_port, DP_DROP_TUNNEL_POP, 1, NULL);
        return false;
    }
    if (netdev->netdev_class->pop_header == netdev_gtpu_pop_header
        && packet->md.tunnel.gtpu_msgtype == GTPU_MSGTYPE_GPDU
        && !set_type_of_gtpu_payload(packet)) {
        drop_no_tunnel(x, packet);
        return false;
    }
    return true;
}

/* Decapsulates the packets of 'batch' with 'netdev'.  Those that are no
 * packets of its tunnel are dropped. */
static void
pop(const struct dp_exec *x, struct netdev *netdev,
    struct dp_packet_batch *batch)
{
    const size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
        if (OVS_LIKELY(pop_one(x, netdev, packet))) {
            dp_packet_batch_refill(batch, packet, i);
        }
    }
}

/* Decapsulates the packets of 'batch' (or clones of them) and sends them
 * through the pipe as packets from the tunnel port. */
void
dp_exec_tunnel_pop(const struct dp_exec *x, struct dp_packet_batch *batch,
                   const struct dp_step *step, bool steal)
{
    struct dp_tx_port *port = dp_tx_find(&x->lane->tx, step->port);
    struct dp_packet_batch own;
    struct dp_packet *packet;

    if (!port || !netdev_has_tunnel_push_pop(port->netdev)) {
        dp_drop_stolen(x->lane, x->in_port, DP_DROP_INVALID_TNL_PORT, batch,
                       steal);
        return;
    }
    dp_exec_take(batch, &own, steal);
    dp_exec_cut(&own);
    pop(x, port->netdev, &own);
    DP_PACKET_BATCH_FOR_EACH (i, packet, &own) {
        packet->md.in_port.odp_port = step->port;
    }
    if (!dp_packet_batch_is_empty(&own)) {
        dp_exec_again(x, &own);
    }
}
