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
        atomic_init(&port->n[i], 0);
    }
    return port;
}

/* Returns the counts of the port that now has the number 'port_no'. */
static struct dp_drops_port *
drops_port_get(struct dp_lane *lane, odp_port_t port_no)
{
    const struct dp_tx_port *now = dp_tx_find(&lane->tx, port_no);
    const char *name = now ? netdev_get_name(now->netdev) : NULL;
    uint32_t hash = hash_int(odp_to_u32(port_no), 0);
    struct dp_drops_port *port, *new;

    CMAP_FOR_EACH_WITH_HASH (port, node, hash, &lane->drops.ports) {
        if (port->port_no == port_no) {
            if (nullable_string_is_equal(port->name, name)) {
                return port;
            }
            new = drops_port_create(port_no, name);
            cmap_replace(&lane->drops.ports, &port->node, &new->node, hash);
            ovsrcu_postpone(drops_port_free, port);
            return new;
        }
    }
    new = drops_port_create(port_no, name);
    cmap_insert(&lane->drops.ports, &new->node, hash);
    return new;
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

/* Counts 'n' packets from 'in_port' that 'lane' has dropped because of 'drop'.
 * Without a lane, only the total is counted. */
void
dp_drop_count(struct dp_lane *lane, odp_port_t in_port, enum dp_drop drop,
              unsigned int n)
{
    atomic_uint64_t *count;
    uint64_t before;

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
        count = &drops_port_get(lane, in_port)->n[drop];
        atomic_read_relaxed(count, &before);
        atomic_store_relaxed(count, before + n);
    }
}

/* Drops the packets of 'batch' because of 'drop' if they are to be stolen.
 * Else they go on, and nothing is counted. */
void
dp_drop_stolen(struct dp_lane *lane, odp_port_t in_port, enum dp_drop drop,
               struct dp_packet_batch *batch, bool steal)
{
    if (steal) {
        dp_drop_count(lane, in_port, drop, dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, true);
    }
}
