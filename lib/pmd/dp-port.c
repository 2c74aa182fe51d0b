/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-port.h"

#include <errno.h>

#include "dp-packet.h"
#include "netdev-provider.h"
#include "ovs-numa.h"
#include "util.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"
#include "pmd/dp-affinity.h"

/* Rings are not longer than this; dp-mark-drain.h wants a bound. */
enum { MAX_RING_SIZE = 4096 };

/* Returns the ifindex of the device of 'netdev', or something that is not
 * positive if there is none.  A tap device may be in another network
 * namespace, where its index is not known: its queue says when it dies. */
static int
device_ifindex(const struct netdev *netdev)
{
    return (!strcmp(netdev_get_type(netdev), "tap")
            ? 0 : netdev_get_ifindex(netdev));
}

/* Creates a port for 'netdev' and stores it in '*portp'.  Returns 0 or a
 * positive errno value. */
int
dp_port_create(struct netdev *netdev, const char *type, odp_port_t port_no,
               struct dp_port **portp)
{
    enum netdev_flags flags;
    struct dp_port *port;
    int error;

    /* Refuse what would loop. */
    netdev_get_flags(netdev, &flags);
    if (flags & NETDEV_LOOPBACK) {
        VLOG_ERR("%s: cannot add a loopback device",
                 netdev_get_name(netdev));
        return EINVAL;
    }

    port = xzalloc(sizeof *port);
    error = dp_promisc_init(&port->promisc, netdev);
    if (error) {
        VLOG_ERR("%s: cannot find the device (%s)", netdev_get_name(netdev),
                 ovs_strerror(error));
        free(port);
        return error;
    }
    port->port_no = port_no;
    ovsrcu_init(&port->drains, NULL);
    port->type = xstrdup(type);
    port->netdev = netdev_ref(netdev);
    port->change_seq = netdev_get_change_seq(netdev);
    port->ifindex = device_ifindex(netdev);
    atomic_init(&port->emc_enabled, true);
    port->need_reconfigure = true;
    dp_txqs_init(&port->txqs);
    *portp = port;
    return 0;
}

/* Destroys 'port', which no lane knows any more and which is no more found
 * under RCU. */
void
dp_port_destroy(struct dp_port *port)
{
    dp_port_close_rxqs(port);
    dp_promisc_stop(&port->promisc);
    netdev_close(port->netdev);
    dp_txqs_uninit(&port->txqs);
    free(port->affinity);
    free(port->type);
    ovsrcu_postpone(free, port);
}

void
dp_port_close_rxqs(struct dp_port *port)
{
    struct dp_drains *drains = ovsrcu_get_protected(struct dp_drains *,
                                                    &port->drains);

    if (drains) {
        ovsrcu_set(&port->drains, NULL);
        ovsrcu_postpone(free, drains);
    }
    for (int i = 0; i < port->n_rxq; i++) {
        netdev_rxq_close(port->rxqs[i].rx);
    }
    free(port->rxqs);
    port->rxqs = NULL;
    port->n_rxq = 0;
}

static int
open_rxqs(struct dp_port *port)
{
    int n = netdev_n_rxq(port->netdev);
    struct dp_drains *drains = xzalloc(sizeof *drains
                                       + n * sizeof drains->queues[0]);

    atomic_init(&drains->marks_seen, false);
    drains->n = n;
    ovsrcu_set(&port->drains, drains);
    port->rxqs = xcalloc(n, sizeof *port->rxqs);
    for (int i = 0; i < n; i++) {
        struct dp_rxq *rxq = &port->rxqs[i];
        int error = netdev_rxq_open(port->netdev, &rxq->rx, i);

        if (error) {
            VLOG_ERR("%s: cannot receive packets on this network device "
                     "queue %d (%s)", netdev_get_name(port->netdev), i,
                     ovs_strerror(error));
            dp_port_close_rxqs(port);
            return error;
        }
        rxq->port = port;
        rxq->queue_id = i;
        rxq->drains = drains;
        rxq->drain = &drains->queues[i];
        rxq->pinned_core = OVS_CORE_UNSPEC;
        rxq->enabled = true;
        atomic_init(&rxq->error, 0);
        dp_rxq_load_init(&rxq->load);
        port->n_rxq = i + 1;
    }
    return 0;
}

/* Has the device of 'port' receive what is for others.  Bridges hear of that
 * and look at all their ports, so it is not for a port that fails: they would
 * try to add it forever. */
static int
receive_all(struct dp_port *port)
{
    int error = dp_promisc_start(&port->promisc, port->netdev);

    if (error) {
        VLOG_ERR("%s: cannot have the device receive all packets (%s)",
                 netdev_get_name(port->netdev), ovs_strerror(error));
    }
    return error;
}

/* Brings 'port' into the configuration that its netdev was asked for and opens
 * its rx queues again.  No lane may poll it.  Returns 0 or a positive errno
 * value; the port is of no use then. */
int
dp_port_reconfigure(struct dp_port *port, struct dp_offload *offload)
{
    int error;

    dp_port_close_rxqs(port);
    port->need_reconfigure = false;
    if (port->attached && offload) {
        dp_offload_port_pause(offload, port->port_no);
    }
    if (offload && !port->prepared) {
        port->delivery = dp_offload_prepare(offload, port->netdev);
        port->prepared = true;
    }
    error = netdev_reconfigure(port->netdev);
    if (error && error != EOPNOTSUPP) {
        VLOG_ERR("Failed to set interface %s new configuration",
                 netdev_get_name(port->netdev));
    } else {
        error = open_rxqs(port);
    }
    if (!error) {
        error = receive_all(port);
    }
    if (!error) {
        dp_affinity_apply(port);
    }
    if (port->attached && offload) {
        dp_offload_port_restart(offload, port->port_no);
    }
    return error;
}

/* Why is 'rxq' dead?  0 if it is not. */
static int
rxq_death(const struct dp_rxq *rxq)
{
    int error;

    atomic_read_relaxed(&CONST_CAST(struct dp_rxq *, rxq)->error, &error);
    return error;
}

/* Does the netdev of 'port' have no device now, or another one than that of
 * its queues? */
static bool
device_has_gone(const struct dp_port *port)
{
    return (port->ifindex > 0
            && device_ifindex(port->netdev) != port->ifindex);
}

/* Looks at the device of 'port' if something about it has changed.  Returns
 * true if it has gone. */
bool
dp_port_watch(struct dp_port *port)
{
    uint64_t seq = netdev_get_change_seq(port->netdev);

    if (seq == port->change_seq) {
        return false;
    }
    port->change_seq = seq;
    return device_has_gone(port);
}

/* Returns 0 if the device of 'port' and all its queues are alive, otherwise
 * an errno value.  The port is of no use then. */
int
dp_port_death(const struct dp_port *port)
{
    for (int i = 0; i < port->n_rxq; i++) {
        int error = rxq_death(&port->rxqs[i]);

        if (error) {
            return error;
        }
    }
    return device_has_gone(port) ? ENODEV : 0;
}

/* Returns the oldest drain epoch of the rx queues of 'port' (dp-mark-drain.h).
 * While they are closed, packets may wait in the device: 0, nothing is known
 * to be drained.  The same goes for a queue that nobody polls. */
uint64_t
dp_port_drained(const struct dp_port *port)
{
    const struct dp_drains *drains = ovsrcu_get(struct dp_drains *,
                                                &port->drains);
    uint64_t oldest = UINT64_MAX;

    if (!drains) {
        return 0;
    }
    for (int i = 0; i < drains->n; i++) {
        oldest = MIN(oldest, dp_mark_drain_get(&drains->queues[i]));
    }
    return oldest;
}

/* Did a mark lead a packet of 'port' to its flow since the queues were
 * opened? */
bool
dp_port_marks_seen(const struct dp_port *port)
{
    struct dp_drains *drains = ovsrcu_get(struct dp_drains *, &port->drains);
    bool seen = false;

    if (drains) {
        atomic_read_relaxed(&drains->marks_seen, &seen);
    }
    return seen;
}

/* Takes over the settings of an Interface.  Returns true if queues must be
 * assigned anew. */
bool
dp_port_set_config(struct dp_port *port, const char *affinity, bool by_hash,
                   bool emc)
{
    const char *name = netdev_get_name(port->netdev);
    bool changed = false;
    bool old_emc;

    if (by_hash != port->by_hash) {
        port->by_hash = by_hash;
        changed = true;
        VLOG_INFO("%s: Tx packet steering mode has been set to '%s'", name,
                  by_hash ? "hash" : "thread");
    }
    atomic_read_relaxed(&port->emc_enabled, &old_emc);
    if (emc != old_emc) {
        atomic_store_relaxed(&port->emc_enabled, emc);
        VLOG_INFO("%s: EMC has been %s.", name,
                  emc ? "enabled" : "disabled");
    }
    if (netdev_is_pmd(port->netdev)
        && !nullable_string_is_equal(affinity, port->affinity)) {
        free(port->affinity);
        port->affinity = nullable_xstrdup(affinity);
        dp_affinity_apply(port);
        changed = true;
    }
    return changed;
}

/* Returns how many packets 'lane' has taken by their marks. */
static uint64_t
n_mark_hits(const struct dp_lane *lane)
{
    uint64_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_lane *, lane)
                        ->perf.counters.n[PMD_STAT_PHWOL_HIT], &n);
    return n;
}

/* Does a netdev that answers with 'error' do so for ever, because it has lost
 * its device?  A tap device says EBADFD.  (A packet socket says ENETDOWN once,
 * when its device is set down, and may not tell when it goes.) */
static bool
error_is_lasting(int error)
{
    return error == EBADFD || error == ENODEV || error == ENXIO;
}

/* Takes note of 'error', with which 'rxq' was polled. */
static void
rxq_failed(struct dp_rxq *rxq, int error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (error_is_lasting(error)) {
        rxq->enabled = false;
        atomic_store_relaxed(&rxq->error, error);
        netdev_request_reconfigure(rxq->port->netdev);  /* Wakes up main. */
    } else {
        VLOG_ERR_RL(&rl, "error receiving data from %s: %s",
                    netdev_get_name(rxq->port->netdev), ovs_strerror(error));
    }
}

/* Receives a burst from 'rxq' and forwards it.  Returns the number of packets.
 * The time since the last look at the time-stamp counter, that is since the
 * caller began or polled another queue, goes to the queue's account, unless
 * there were no packets. */
int
dp_rxq_poll(struct dp_lane *lane, struct dp_rxq *rxq)
{
    struct dp_shared *shared = lane->shared;
    struct dp_packet_batch batch;
    bool metrics;
    int qfill = 0;
    int error, n;

    dp_lane_begin_lap(lane);
    atomic_read_relaxed(&shared->perf_metrics, &metrics);
    dp_packet_batch_init(&batch);
    error = netdev_rxq_recv(rxq->rx, &batch, metrics ? &qfill : NULL);
    n = error ? 0 : dp_packet_batch_size(&batch);
    if (shared->offload && (n || error == EAGAIN)) {
        /* After another error, or if policing has dropped all packets, nobody
         * knows whether the ring is empty. */
        dp_mark_drain_poll(rxq->drain, dp_offload_epoch(shared->offload), n,
                           MAX_RING_SIZE);
    }
    if (OVS_LIKELY(n)) {
        struct iter_stats *current = &lane->perf.current;
        uint64_t n_hits = 0;
        bool marks_seen;

        dp_lane_glance_at_clock(lane);
        current->batches++;
        if (metrics) {
            histogram_add_sample(&lane->perf.pkts_per_batch, n);
            if (qfill >= 0
                && !strncmp(rxq->port->type, "dpdkvhostuser", 13)) {
                /* 'qfill' is without those just taken. */
                current->max_vhost_qfill = MAX(current->max_vhost_qfill,
                                               n + qfill);
            }
        }
        lane->load = &rxq->load;
        atomic_read_relaxed(&rxq->port->emc_enabled, &lane->emc_enabled);
        dp_packet_batch_init_packet_fields(&batch);
        atomic_read_relaxed(&rxq->drains->marks_seen, &marks_seen);
        if (OVS_UNLIKELY(!marks_seen)) {
            n_hits = n_mark_hits(lane);
            lane->mark_found = false;
        }
        dp_pipe_receive(lane, &batch, rxq->port->port_no);
        if (OVS_UNLIKELY(!marks_seen)
            && (lane->mark_found || n_mark_hits(lane) != n_hits)) {
            atomic_store_relaxed(&rxq->drains->marks_seen, true);
        }
        if (!dp_tx_flush(lane, false)) {
            dp_rxq_load_charge(&rxq->load, dp_lane_lap(lane));
        }
        lane->load = NULL;
    } else {
        cycles_counter_update(&lane->perf);
        if (error && error != EAGAIN && error != EOPNOTSUPP) {
            rxq_failed(rxq, error);
        }
    }
    return n;
}

/* Finds out whether 'rxq' can deliver packets at all (a virtio queue may be
 * disabled, a device may have gone).  Returns true if that has changed. */
bool
dp_rxq_check(struct dp_rxq *rxq)
{
    bool enabled = !rxq_death(rxq) && netdev_rxq_enabled(rxq->rx);
    bool changed = enabled != rxq->enabled;

    rxq->enabled = enabled;
    return changed;
}
