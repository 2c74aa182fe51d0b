/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-removal.h"

#include <rte_alarm.h>

#include "simnic-dev.h"
#include "simnic-rx.h"
#include "simnic-wire.h"

void
simnic_removal_happen(struct simnic_port *port)
{
    if (simnic_port_mode_has_wire(port)) {
        simnic_wire_open(port, false);
    }
    pthread_mutex_lock(&port->mutex);
    port->removed = true;
    if (!simnic_port_mode_has_wire(port)) {
        port->dev->rx_pkt_burst = simnic_rx_choose(port);
        if (port->started) {
            rte_eth_fp_ops[port->port_id].rx_pkt_burst
                = port->dev->rx_pkt_burst;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    SIMNIC_LOG(NOTICE, "%s: removed by surprise\n", port->name);
    rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_INTR_RMV, NULL);
}

static void
expire(void *port_)
{
    struct simnic_port *port = port_;
    bool removed;

    pthread_mutex_lock(&port->mutex);
    removed = port->removed || !port->started;
    pthread_mutex_unlock(&port->mutex);
    if (!removed) {
        simnic_removal_happen(port);
    }
}

void
simnic_removal_start(struct simnic_port *port)
{
    uint32_t ms = port->config.faults.removal_ms;

    rte_eal_alarm_cancel(expire, port);
    if (ms && port->started && !port->removed
        && rte_eal_alarm_set(ms * UINT64_C(1000), expire, port)) {
        SIMNIC_LOG(ERR, "%s: no timer for removal-ms=%u\n", port->name, ms);
    }
}

void
simnic_removal_stop(struct simnic_port *port)
{
    rte_eal_alarm_cancel(expire, port);
}
