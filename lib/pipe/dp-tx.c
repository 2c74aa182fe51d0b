/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-tx.h"

#include "dp-packet.h"
#include "netdev.h"
#include "util.h"
#include "flow/dp-key.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-rxq-load.h"

void
dp_txqs_init(struct dp_txqs *txqs)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Nobody else knows it yet. */
{
    ovs_mutex_init(&txqs->mutex);
    txqs->mode = DP_TXQ_STATIC;
    txqs->n = 0;
    txqs->n_users = NULL;
}

void
dp_txqs_uninit(struct dp_txqs *txqs)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Nor any more. */
{
    free(txqs->n_users);
    ovs_mutex_destroy(&txqs->mutex);
}

/* Sets mode and number of queues.  Lanes stand still, and must forget the
 * queues that they had taken. */
void
dp_txqs_configure(struct dp_txqs *txqs, enum dp_txq_mode mode, int n)
{
    ovs_mutex_lock(&txqs->mutex);
    txqs->mode = mode;
    txqs->n = n;
    free(txqs->n_users);
    txqs->n_users = xcalloc(n, sizeof *txqs->n_users);
    ovs_mutex_unlock(&txqs->mutex);
}

void
dp_tx_init(struct dp_tx *tx)
{
    hmap_init(&tx->ports);
    memset(tx->near, 0, sizeof tx->near);
    ovs_list_init(&tx->dirty);
    tx->static_qid = 0;
}

void
dp_tx_uninit(struct dp_tx *tx)
{
    ovs_assert(hmap_is_empty(&tx->ports));
    hmap_destroy(&tx->ports);
}

void
dp_tx_add_port(struct dp_tx *tx, odp_port_t port_no, struct netdev *netdev,
               struct dp_txqs *txqs)
{
    struct dp_tx_port *port = xzalloc(sizeof *port);

    port->port_no = port_no;
    port->netdev = netdev;
    port->txqs = txqs;
    port->qid = -1;
    port->can_send = netdev_n_txq(netdev) > 0;
    dp_packet_batch_init(&port->pending);
    hmap_insert(&tx->ports, &port->node, hash_odp_port(port_no));
    if (odp_to_u32(port_no) < DP_TX_NEAR) {
        tx->near[odp_to_u32(port_no)] = port;
    }
}

struct dp_tx_port *
dp_tx_find_far(const struct dp_tx *tx, odp_port_t port_no)
{
    struct dp_tx_port *port;

    HMAP_FOR_EACH_IN_BUCKET (port, node, hash_odp_port(port_no), &tx->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

/* Gives back the queue that 'port' has taken, if any. */
static void
release_queue(struct dp_tx_port *port)
{
    if (port->qid >= 0) {
        ovs_mutex_lock(&port->txqs->mutex);
        if (port->qid < port->txqs->n) {
            port->txqs->n_users[port->qid]--;
        }
        ovs_mutex_unlock(&port->txqs->mutex);
        port->qid = -1;
    }
}

/* Returns the XPS queue of 'port', taking the least used one if need be. */
static int
take_queue(struct dp_tx_port *port, long long int now)
{
    port->last_used = now;
    if (port->qid < 0) {
        struct dp_txqs *txqs = port->txqs;
        int best = 0;

        ovs_mutex_lock(&txqs->mutex);
        for (int i = 1; i < txqs->n; i++) {
            if (txqs->n_users[i] < txqs->n_users[best]) {
                best = i;
            }
        }
        txqs->n_users[best]++;
        ovs_mutex_unlock(&txqs->mutex);
        port->qid = best;
    }
    return port->qid;
}

/* Sends 'batch' to the queues that each packet's hash picks. */
static void
send_by_hash(struct dp_tx_port *port, struct dp_packet_batch *batch)
{
    struct dp_packet_batch one_queue;
    int qids[NETDEV_MAX_BURST];
    size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        qids[i] = dp_key_rss_hash(packet) % port->txqs->n;
    }
    for (size_t i = 0; i < n; i++) {
        if (qids[i] < 0) {
            continue;
        }

        int qid = qids[i];

        dp_packet_batch_init(&one_queue);
        for (size_t j = i; j < n; j++) {
            if (qids[j] == qid) {
                dp_packet_batch_add(&one_queue, batch->packets[j]);
                qids[j] = -1;
            }
        }
        netdev_send(port->netdev, qid, &one_queue, true);
    }
}

/* Books 'cycles', which sending the 'n' pending packets took, to the rx queues
 * that they came from: sending is part of what these cost. */
static void
book_cycles(const struct dp_tx_port *port, size_t n, uint64_t cycles)
{
    if (OVS_LIKELY(port->n_pieces == 1)) {
        if (port->pieces[0].load) {
            dp_rxq_load_charge(port->pieces[0].load, cycles);
        }
        return;
    }
    for (size_t i = 0; i < port->n_pieces; i++) {
        const struct dp_tx_piece *piece = &port->pieces[i];

        if (piece->load) {
            dp_rxq_load_charge(piece->load, cycles * piece->n / n);
        }
    }
}

/* Books what 'lane' has done so far, before it sends what is pending on
 * 'port'.  If it is all work for the same rx queue, it may as well be booked
 * when that has been sent. */
static void
book_before(struct dp_lane *lane, const struct dp_tx_port *port)
{
    if (!lane->load || port->n_pieces != 1
        || port->pieces[0].load != lane->load) {
        uint64_t cycles = dp_lane_lap(lane);

        if (lane->load) {
            dp_rxq_load_charge(lane->load, cycles);
        }
    }
}

/* Hands what is pending on 'port' to its netdev.  Returns how many packets. */
static int
flush_port(struct dp_lane *lane, struct dp_tx_port *port)
{
    int n = dp_packet_batch_size(&port->pending);

    book_before(lane, port);
    switch (port->txqs->mode) {
    case DP_TXQ_HASH:
        send_by_hash(port, &port->pending);
        break;
    case DP_TXQ_XPS:
        netdev_send(port->netdev, take_queue(port, lane->now), &port->pending,
                    true);
        break;
    case DP_TXQ_STATIC:
        netdev_send(port->netdev, lane->tx.static_qid, &port->pending, false);
        break;
    default:
        OVS_NOT_REACHED();
    }
    dp_packet_batch_init(&port->pending);
    ovs_list_remove(&port->dirty);
    book_cycles(port, n, dp_lane_lap(lane));
    port->n_pieces = 0;
    lane->n_sent += n;
    dp_lane_count(lane, PMD_STAT_SENT_PKTS, n);
    dp_lane_count(lane, PMD_STAT_SENT_BATCHES, 1);
    return n;
}

/* Says when 'port', on which nothing was pending, is to send. */
static void
begin_pending(struct dp_lane *lane, struct dp_tx_port *port)
{
    uint32_t interval;

    atomic_read_relaxed(&lane->shared->tx_flush_interval, &interval);
    port->flush_at = lane->now + interval;
    ovs_list_push_back(&lane->tx.dirty, &port->dirty);
}

/* Adds as many of the 'n' packets to those pending on 'port' as can be sent
 * with them, and returns how many.  A netdev may look at the first packet of a
 * burst only to find out where the memory of all comes from. */
static size_t
add_pending(struct dp_tx_port *port, struct dp_rxq_load *load,
            struct dp_packet *const packets[], size_t n)
{
    struct dp_packet_batch *pending = &port->pending;
    const struct dp_packet *first = (pending->count ? pending->packets[0]
                                     : packets[0]);
    size_t max = MIN(n, NETDEV_MAX_BURST - pending->count);
    size_t i;

    for (i = 0; i < max && packets[i]->source == first->source; i++) {
        pending->packets[pending->count + i] = packets[i];
    }
    pending->count += i;
    if (port->n_pieces && port->pieces[port->n_pieces - 1].load == load) {
        port->pieces[port->n_pieces - 1].n += i;
    } else if (i) {
        port->pieces[port->n_pieces++] = (struct dp_tx_piece) { load, i };
    }
    return i;
}

/* Queues 'n' packets to 'port'.  Takes ownership of them. */
void
dp_tx_output(struct dp_lane *lane, struct dp_tx_port *port,
             struct dp_packet *const packets[], size_t n)
{
    for (size_t i = 0; i < n; ) {
        if (dp_packet_batch_is_empty(&port->pending)) {
            begin_pending(lane, port);
        }
        i += add_pending(port, lane->load, &packets[i], n - i);
        if (i < n) {
            flush_port(lane, port);
        }
    }
}

/* Sends what is pending and due, or with 'force' everything.  Returns how many
 * packets were sent. */
int
dp_tx_flush(struct dp_lane *lane, bool force)
{
    struct dp_tx_port *port;
    int n = 0;

    LIST_FOR_EACH_SAFE (port, dirty, &lane->tx.dirty) {
        if (force || lane->now >= port->flush_at) {
            n += flush_port(lane, port);
        }
    }
    return n;
}

/* Removes a port, sending what is pending on it.  Does nothing if the lane
 * does not have the port. */
void
dp_tx_del_port(struct dp_lane *lane, odp_port_t port_no)
{
    struct dp_tx_port *port = dp_tx_find(&lane->tx, port_no);

    if (port) {
        if (!dp_packet_batch_is_empty(&port->pending)) {
            flush_port(lane, port);
        }
        release_queue(port);
        hmap_remove(&lane->tx.ports, &port->node);
        if (odp_to_u32(port_no) < DP_TX_NEAR) {
            lane->tx.near[odp_to_u32(port_no)] = NULL;
        }
        free(port);
    }
}

/* Forgets all XPS queues, because dp_txqs_configure() has. */
void
dp_tx_forget_queues(struct dp_tx *tx)
{
    struct dp_tx_port *port;

    HMAP_FOR_EACH (port, node, &tx->ports) {
        port->qid = -1;
    }
}

/* Gives back the XPS queues that were not used for a while. */
void
dp_tx_expire_queues(struct dp_lane *lane)
{
    struct dp_tx_port *port;

    HMAP_FOR_EACH (port, node, &lane->tx.ports) {
        if (port->qid >= 0
            && lane->now - port->last_used >= DP_TX_XPS_TIMEOUT_MS * 1000LL) {
            release_queue(port);
        }
    }
}
