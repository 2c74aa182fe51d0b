/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-drop.h"

#include "coverage.h"
#include "dp-packet.h"
#include "hash.h"
#include "netdev.h"
#include "ovs-rcu.h"
#include "util.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-live.h"

COVERAGE_DEFINE(datapath_drop_invalid_port);
COVERAGE_DEFINE(datapath_drop_invalid_bond);
COVERAGE_DEFINE(datapath_drop_invalid_tnl_port);
COVERAGE_DEFINE(datapath_drop_tunnel_pop_error);
COVERAGE_DEFINE(datapath_drop_tunnel_push_error);
COVERAGE_DEFINE(datapath_drop_rx_invalid_packet);
COVERAGE_DEFINE(datapath_drop_upcall_error);
COVERAGE_DEFINE(datapath_drop_userspace_action_error);
COVERAGE_DEFINE(datapath_drop_lock_error);
COVERAGE_DEFINE(datapath_drop_recirc_error);
COVERAGE_DEFINE(datapath_drop_meter);

static const struct {
    const char *name;
    const char *text;
} drops[DP_N_DROPS] = {
#define DP_DROP(ENUM, NAME, TEXT) [DP_DROP_##ENUM] = { #NAME, TEXT },
    DP_DROPS
#undef DP_DROP
};

const char *
dp_drop_name(enum dp_drop drop)
{
    return drops[drop].name;
}

const char *
dp_drop_text(enum dp_drop drop)
{
    return drops[drop].text;
}

void
dp_drops_init(struct dp_drops *drops_)
{
    cmap_init(&drops_->ports);
}

static void
drops_port_free(struct dp_drops_port *port)
{
    for (int i = 0; i < DP_N_DROPS; i++) {
        free(ovsrcu_get_protected(struct dp_dropped *, &port->dropped[i]));
    }
    free(port->name);
    free(port);
}

/* Readers may still be there. */
void
dp_drops_uninit(struct dp_drops *drops_)
{
    struct dp_drops_port *port;

    CMAP_FOR_EACH (port, node, &drops_->ports) {
        cmap_remove(&drops_->ports, &port->node,
                    hash_int(odp_to_u32(port->port_no), 0));
        ovsrcu_postpone(drops_port_free, port);
    }
    cmap_destroy(&drops_->ports);
}

static struct dp_drops_port *
drops_port_create(odp_port_t port_no, const char *name)
{
    struct dp_drops_port *port = xzalloc(sizeof *port);

    port->port_no = port_no;
    port->name = nullable_xstrdup(name);
    for (int i = 0; i < DP_N_DROPS; i++) {
        ovsrcu_init(&port->dropped[i], NULL);
    }
    return port;
}

/* Returns the counts of 'port' for 'drop', of which the caller is the
 * writer. */
static struct dp_dropped *
get_dropped(struct dp_drops_port *port, enum dp_drop drop)
{
    struct dp_dropped *dropped
        = ovsrcu_get_protected(struct dp_dropped *, &port->dropped[drop]);

    if (!dropped) {
        dropped = xmalloc(sizeof *dropped);
        dp_dropped_init(dropped);
        ovsrcu_set(&port->dropped[drop], dropped);
    }
    return dropped;
}

/* Adds what 'from' has counted to 'to'. */
static void
drops_port_add(struct dp_drops_port *to, const struct dp_drops_port *from)
{
    for (int i = 0; i < DP_N_DROPS; i++) {
        const struct dp_dropped *dropped
            = ovsrcu_get(struct dp_dropped *, &from->dropped[i]);

        if (dropped) {
            dp_dropped_add(get_dropped(to, i), dropped);
        }
    }
}

/* Returns the counts of the port 'port_no' if it has the given 'name', which
 * may be NULL. */
static struct dp_drops_port *
drops_port_get(struct dp_drops *drops_, odp_port_t port_no, const char *name)
{
    uint32_t hash = hash_int(odp_to_u32(port_no), 0);
    struct dp_drops_port *port, *new;

    CMAP_FOR_EACH_WITH_HASH (port, node, hash, &drops_->ports) {
        if (port->port_no == port_no) {
            if (nullable_string_is_equal(port->name, name)) {
                return port;
            }
            drops_port_add(drops_port_get(drops_, DP_DROPS_GONE, NULL), port);
            new = drops_port_create(port_no, name);
            cmap_replace(&drops_->ports, &port->node, &new->node, hash);
            ovsrcu_postpone(drops_port_free, port);
            return new;
        }
    }
    new = drops_port_create(port_no, name);
    cmap_insert(&drops_->ports, &new->node, hash);
    return new;
}

void
dp_drops_add(struct dp_drops *to, const struct dp_drops *from)
{
    struct dp_drops_port *port;

    CMAP_FOR_EACH (port, node, &from->ports) {
        drops_port_add(drops_port_get(to, port->port_no, port->name), port);
    }
}

/* Frees the packets of 'batch' and makes it empty.  DPDK's go back to their
 * pool at once, which costs less than one by one. */
void
dp_drop_batch(struct dp_packet_batch *batch)
{
#ifdef DPDK_NETDEV
    bool dpdk = true;
    struct dp_packet *packet;

    BUILD_ASSERT_DECL(!offsetof(struct dp_packet, mbuf));
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        dpdk &= packet->source == DPBUF_DPDK;
    }
    if (OVS_LIKELY(dpdk)) {
        rte_pktmbuf_free_bulk((struct rte_mbuf **) batch->packets,
                              batch->count);
        dp_packet_batch_init(batch);
        return;
    }
#endif
    dp_packet_delete_batch(batch, true);
}

/* Returns the recirculation ID of 'packet', which 'lane' is about to drop; 0
 * if it may be that of a packet that was in the same place before. */
static uint32_t
get_recirc_id(const struct dp_lane *lane, const struct dp_packet *packet)
{
    const struct dp_work *work = lane->work;

    return work && work->received && !work->depth ? 0 : packet->md.recirc_id;
}

/* Counts 'n' packets from 'in_port' that 'lane' has dropped because of 'drop';
 * 'last', which may be NULL, is the last of them, and still there.  Without a
 * lane, only the total is counted. */
void
dp_drop_count(struct dp_lane *lane, odp_port_t in_port, enum dp_drop drop,
              unsigned int n, const struct dp_packet *last)
{
    if (!n) {
        return;
    }
    switch (drop) {
#define DP_DROP(ENUM, NAME, TEXT)                               \
    case DP_DROP_##ENUM:                                        \
        COVERAGE_ADD(datapath_drop_##NAME, n);                  \
        break;
    DP_DROPS
#undef DP_DROP
    case DP_N_DROPS:
    default:
        OVS_NOT_REACHED();
    }
    if (lane) {
        const struct dp_tx_port *port = dp_tx_find(&lane->tx, in_port);
        const char *name = port ? netdev_get_name(port->netdev) : NULL;

        dp_dropped_count(get_dropped(drops_port_get(&lane->drops, in_port,
                                                    name), drop),
                         n, last, last ? get_recirc_id(lane, last) : 0,
                         lane->now);
        if (OVS_UNLIKELY(lane->live)) {
            dp_live_drop(lane, drop, n);
        }
    }
}

/* Counts the packets of 'batch', which are about to be dropped. */
void
dp_drop_count_batch(struct dp_lane *lane, odp_port_t in_port,
                    enum dp_drop drop, const struct dp_packet_batch *batch)
{
    size_t n = dp_packet_batch_size(batch);

    if (n) {
        dp_drop_count(lane, in_port, drop, n, batch->packets[n - 1]);
    }
}

/* Drops the packets of 'batch' because of 'drop' if they are to be stolen.
 * Else they go on, and nothing is counted. */
void
dp_drop_stolen(struct dp_lane *lane, odp_port_t in_port, enum dp_drop drop,
               struct dp_packet_batch *batch, bool steal)
{
    if (steal) {
        dp_drop_count_batch(lane, in_port, drop, batch);
        dp_packet_delete_batch(batch, true);
    }
}
