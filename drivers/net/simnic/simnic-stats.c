/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-stats.h"

#include <stdio.h>
#include <string.h>

#define LOAD(X) __atomic_load_n(&(X), __ATOMIC_RELAXED)

int
simnic_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        const struct simnic_rxq *rxq = port->rxq[i];
        const struct simnic_txq *txq = port->txq[i];
        bool shown = i < RTE_ETHDEV_QUEUE_STAT_CNTRS;

        if (rxq) {
            stats->ipackets += LOAD(rxq->packets);
            stats->ibytes += LOAD(rxq->bytes);
            stats->ierrors += LOAD(rxq->errors);
            stats->imissed += LOAD(rxq->missed);
            if (simnic_port_mode_has_wire(port)) {
                stats->imissed += LOAD(rxq->no_mbuf);
            } else {
                stats->rx_nombuf += LOAD(rxq->no_mbuf);
            }
        }
        if (txq) {
            stats->opackets += LOAD(txq->packets) - LOAD(txq->dropped);
            stats->obytes += LOAD(txq->bytes);
            stats->oerrors += LOAD(txq->dropped);
        }
        if (rxq && shown) {
            stats->q_ipackets[i] = LOAD(rxq->packets);
            stats->q_ibytes[i] = LOAD(rxq->bytes);
            stats->q_errors[i] = LOAD(rxq->errors);
        }
        if (txq && shown) {
            stats->q_opackets[i] = LOAD(txq->packets);
            stats->q_obytes[i] = LOAD(txq->bytes);
        }
    }
    stats->opackets += LOAD(port->switched_packets);
    stats->obytes += LOAD(port->switched_bytes);
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

int
simnic_stats_reset(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        struct simnic_rxq *rxq = port->rxq[i];
        struct simnic_txq *txq = port->txq[i];

        if (rxq) {
            rxq->packets = rxq->bytes = rxq->errors = 0;
            rxq->stepped = rxq->no_mbuf = rxq->missed = 0;
        }
        if (txq) {
            txq->packets = txq->bytes = txq->dropped = 0;
        }
    }
    port->switched_packets = port->switched_bytes = 0;
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

/* The extended statistics, in the order of their ids. */
enum xstat {
    X_RX_STEPPED,
    X_SWITCHED_PACKETS,
    X_SWITCHED_BYTES,
    X_RULES,
    X_RULES_CREATED,
    X_RULES_DESTROYED,
    X_RULES_REFUSED,
    X_RULES_FULL,
    X_RULES_FAILED,
    X_RULES_LOST,
    X_STREAMS_CLASSIFIED,
    N_XSTATS
};

static const char *const xstat_names[N_XSTATS] = {
    [X_RX_STEPPED] = "rx_kept_by_rules_packets",
    [X_SWITCHED_PACKETS] = "tx_switched_packets",
    [X_SWITCHED_BYTES] = "tx_switched_bytes",
    [X_RULES] = "flow_rules",
    [X_RULES_CREATED] = "flow_rules_created",
    [X_RULES_DESTROYED] = "flow_rules_destroyed",
    [X_RULES_REFUSED] = "flow_rules_refused",
    [X_RULES_FULL] = "flow_rules_refused_full",
    [X_RULES_FAILED] = "flow_failures_on_demand",
    [X_RULES_LOST] = "flow_rules_lost_at_stop",
    [X_STREAMS_CLASSIFIED] = "flow_streams_classified",
};

int
simnic_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
                  unsigned int n)
{
    struct simnic_port *port = simnic_port_of(dev);
    uint64_t value[N_XSTATS] = { 0 };

    if (n < N_XSTATS || !xstats) {
        return N_XSTATS;
    }
    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        if (port->rxq[i]) {
            value[X_RX_STEPPED] += LOAD(port->rxq[i]->stepped);
        }
    }
    value[X_SWITCHED_PACKETS] = LOAD(port->switched_packets);
    value[X_SWITCHED_BYTES] = LOAD(port->switched_bytes);
    value[X_RULES] = port->rules.n;
    value[X_RULES_CREATED] = port->flow_stats.created;
    value[X_RULES_DESTROYED] = port->flow_stats.destroyed;
    value[X_RULES_REFUSED] = port->flow_stats.refused;
    value[X_RULES_FULL] = port->flow_stats.full;
    value[X_RULES_FAILED] = port->flow_stats.failed;
    value[X_RULES_LOST] = port->flow_stats.lost;
    value[X_STREAMS_CLASSIFIED] = port->classes.n_classified;
    pthread_mutex_unlock(&port->mutex);

    for (unsigned int i = 0; i < N_XSTATS; i++) {
        xstats[i].id = i;
        xstats[i].value = value[i];
    }
    return N_XSTATS;
}

int
simnic_xstats_reset(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);

    simnic_stats_reset(dev);
    pthread_mutex_lock(&port->mutex);
    memset(&port->flow_stats, 0, sizeof port->flow_stats);
    port->classes.n_classified = 0;
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

int
simnic_xstats_get_names(struct rte_eth_dev *dev,
                        struct rte_eth_xstat_name *names, unsigned int n)
{
    (void) dev;
    if (names && n >= N_XSTATS) {
        for (unsigned int i = 0; i < N_XSTATS; i++) {
            snprintf(names[i].name, sizeof names[i].name, "%s",
                     xstat_names[i]);
        }
    }
    return N_XSTATS;
}
