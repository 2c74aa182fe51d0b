/* SPDX-License-Identifier: Apache-2.0 */

/* Rings have the size that the application asked for and are kept full (rx)
 * or full of what was sent (tx): the memory that traffic touches is then that
 * of a real driver, which is much of what a benchmark measures. */

#include "simnic-queue.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ring.h>

#include "simnic-dev.h"
#include "simnic-tx.h"
#include "simnic-wire.h"

/* A core that was about to poll a queue when its port was unplugged may still
 * look at the queue's gate, so the latest that went are kept. */
static pthread_mutex_t graves_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *graves[256];               /* Guarded by 'graves_mutex'. */
static unsigned int next_grave;         /* Guarded by 'graves_mutex'. */

static void
bury(void *queue)
{
    pthread_mutex_lock(&graves_mutex);
    free(graves[next_grave]);
    graves[next_grave] = queue;
    next_grave = (next_grave + 1) % RTE_DIM(graves);
    pthread_mutex_unlock(&graves_mutex);
}

int
simnic_rxq_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t n_desc,
                 unsigned int socket, const struct rte_eth_rxconf *conf,
                 struct rte_mempool *pool)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct rte_mbuf init;
    struct simnic_rxq *q;

    (void) socket;
    if (!pool || rte_pktmbuf_data_room_size(pool) < RTE_PKTMBUF_HEADROOM
                                                    + SIMNIC_TEMPLATE_BYTES) {
        SIMNIC_LOG(ERR, "%s: the mbufs of rx queue %u are too small\n",
                   port->name, queue);
        return -EINVAL;
    }
    simnic_rxq_release(dev, queue);
    q = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof *q);
    if (!q) {
        return -ENOMEM;
    }
    memset(q, 0, sizeof *q);
    q->mask = rte_align32pow2(n_desc) - 1;
    q->ring = calloc(q->mask + 1, sizeof *q->ring);
    if (!q->ring) {
        free(q);
        return -ENOMEM;
    }

    memset(&init, 0, sizeof init);
    init.data_off = RTE_PKTMBUF_HEADROOM;
    init.nb_segs = 1;
    init.port = port->port_id;
    rte_mbuf_refcnt_set(&init, 1);
    memcpy(&q->rearm, &init.rearm_data, sizeof q->rearm);

    q->port = port;
    q->id = queue;
    q->n_desc = n_desc;
    q->pool = pool;
    q->gate.closed = true;
    q->room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
    q->conf = *conf;
    pthread_mutex_lock(&port->mutex);
    port->rxq[queue] = q;
    pthread_mutex_unlock(&port->mutex);
    dev->data->rx_queues[queue] = q;
    return 0;
}

void
simnic_rxq_release(struct rte_eth_dev *dev, uint16_t queue)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_rxq *q = port->rxq[queue];

    if (q) {
        simnic_gate_close(&q->gate);
        simnic_rxq_stop(q);
        pthread_mutex_lock(&port->mutex);
        port->rxq[queue] = NULL;
        pthread_mutex_unlock(&port->mutex);
        if (queue < dev->data->nb_rx_queues && dev->data->rx_queues) {
            dev->data->rx_queues[queue] = NULL;
        }
        free(q->ring);
        bury(q);
    }
}

int
simnic_txq_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t n_desc,
                 unsigned int socket, const struct rte_eth_txconf *conf)
{
    struct simnic_port *port = simnic_port_of(dev);
    uint64_t offloads = conf->offloads | dev->data->dev_conf.txmode.offloads;
    struct simnic_txq *q;

    (void) socket;
    simnic_txq_release(dev, queue);
    q = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof *q);
    if (!q) {
        return -ENOMEM;
    }
    memset(q, 0, sizeof *q);
    q->mask = rte_align32pow2(n_desc) - 1;
    q->ring = calloc(q->mask + 1, sizeof *q->ring);
    q->delays = port->config.stamp ? calloc(1, sizeof *q->delays) : NULL;
    if (!q->ring || (port->config.stamp && !q->delays)) {
        free(q->ring);
        free(q->delays);
        free(q);
        return -ENOMEM;
    }
    q->port = port;
    q->id = queue;
    q->n_desc = n_desc;
    q->gate.closed = true;
    q->fast_free = offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    q->conf = *conf;
    pthread_mutex_lock(&port->mutex);
    port->txq[queue] = q;
    pthread_mutex_unlock(&port->mutex);
    dev->data->tx_queues[queue] = q;
    return 0;
}

void
simnic_txq_release(struct rte_eth_dev *dev, uint16_t queue)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_txq *q = port->txq[queue];

    if (q) {
        simnic_gate_close(&q->gate);
        simnic_txq_stop(q);
        pthread_mutex_lock(&port->mutex);
        port->txq[queue] = NULL;
        pthread_mutex_unlock(&port->mutex);
        if (queue < dev->data->nb_tx_queues && dev->data->tx_queues) {
            dev->data->tx_queues[queue] = NULL;
        }
        free(q->ring);
        free(q->delays);
        bury(q);
    }
}

/* Makes room for 'n' descriptors that wait, but for no more than the ring has.
 * Those that waited are lost. */
static int
make_latches(struct simnic_rxq *q, uint32_t n)
{
    n = RTE_MIN(n, q->n_desc);
    free(q->latch);
    q->latch = n ? calloc(n, sizeof *q->latch) : NULL;
    q->latch_size = q->latch ? n : 0;
    q->latch_head = q->latch_count = 0;
    return n && !q->latch ? ENOMEM : 0;
}

static int
start_streams(struct simnic_port *port, struct simnic_rxq *q)
{
    const struct simnic_config *c = &port->config;
    uint32_t n = port->streams.n;

    q->record = port->streams.record;
    q->host = port->streams.host;
    q->only_queue = port->n_rxq == 1;
    q->n = q->only_queue ? n : 0;
    q->picks = (c->mode == SIMNIC_GEN
                && (c->order != SIMNIC_RR || c->train > 1
                    || c->hot_streams));
    if (!q->only_queue && n) {
        q->list = malloc(n * sizeof *q->list);
        q->in_list = calloc((n + 63) / 64, sizeof *q->in_list);
        if (!q->list || !q->in_list) {
            return ENOMEM;
        }
    }
    if (q->picks) {
        uint32_t share = RTE_MAX(n / port->n_rxq, 1u);

        q->picked = calloc(SIMNIC_PICK_BLOCK * SIMNIC_PICK_BLOCKS,
                           sizeof *q->picked);
        if (!q->picked
            || simnic_picker_init(&q->picker, c, share, q->id)) {
            return ENOMEM;
        }
    }
    return make_latches(q, c->faults.inflight);
}

int
simnic_rxq_start(struct simnic_port *port, struct simnic_rxq *q)
{
    int error = 0;

    q->burst = port->config.burst;
    if (simnic_port_mode_has_wire(port)) {
        error = simnic_wire_start_queue(q);
    } else if (port->has_streams) {
        if (port->streams.max_size > q->room) {
            SIMNIC_LOG(ERR, "%s: frames of %u bytes do not fit the mbufs of "
                       "rx queue %u\n", port->name, port->streams.max_size,
                       q->id);
            return EINVAL;
        }
        if (rte_mempool_get_bulk(q->pool, (void **) q->ring, q->n_desc)) {
            SIMNIC_LOG(ERR, "%s: not enough mbufs for rx queue %u\n",
                       port->name, q->id);
            return ENOMEM;
        }
        q->ready = q->n_desc;
        q->refill = q->n_desc & q->mask;
        error = start_streams(port, q);
    }
    if (error) {
        simnic_rxq_stop(q);
    }
    q->lap_start = rte_rdtsc();
    return error;
}

void
simnic_queues_close(struct simnic_port *port)
{
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        if (port->rxq[i]) {
            simnic_gate_close(&port->rxq[i]->gate);
        }
        if (port->txq[i]) {
            simnic_gate_close(&port->txq[i]->gate);
        }
    }
}

void
simnic_queues_pass(struct simnic_port *port)
{
    simnic_gate_fence();
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        const struct simnic_rxq *q = port->rxq[i];
        uint64_t n = q ? __atomic_load_n(&q->bursts, __ATOMIC_ACQUIRE) : 0;

        while (q && simnic_gate_is_busy(&q->gate)
               && __atomic_load_n(&q->bursts, __ATOMIC_ACQUIRE) == n) {
            sched_yield();
        }
    }
}

void
simnic_queues_open(struct simnic_port *port)
{
    for (uint16_t i = 0; i < port->n_rxq; i++) {
        simnic_gate_open(&port->rxq[i]->gate);
    }
    for (uint16_t i = 0; i < port->n_txq; i++) {
        if (port->txq[i]) {
            simnic_gate_open(&port->txq[i]->gate);
        }
    }
}

int
simnic_queues_set_inflight(struct simnic_port *port, uint32_t n)
{
    int error = 0;

    simnic_queues_close(port);
    for (uint16_t i = 0; i < port->n_rxq && !error; i++) {
        error = make_latches(port->rxq[i], n);
    }
    port->config.faults.inflight = error ? 0 : n;
    simnic_queues_open(port);
    return error;
}

void
simnic_rxq_stop(struct simnic_rxq *q)
{
    if (q->wire) {
        simnic_wire_stop_queue(q);
    }
    while (q->ready) {
        rte_mempool_put(q->pool, q->ring[q->tail]);
        q->tail = (q->tail + 1) & q->mask;
        q->ready--;
    }
    simnic_picker_uninit(&q->picker);
    free(q->list);
    free(q->in_list);
    free(q->picked);
    free(q->latch);
    q->list = NULL;
    q->in_list = NULL;
    q->picked = NULL;
    q->latch = NULL;
    q->list_len = 0;
    q->latch_size = q->latch_head = q->latch_count = 0;
    q->tail = q->refill = q->pos = q->n = 0;
    q->picked_pos = 0;
    q->picked_any = false;
    q->rate = 0;
    q->once_done = false;
}

void
simnic_txq_stop(struct simnic_txq *q)
{
    simnic_tx_free(q, q->pending);
    q->head = 0;
}
