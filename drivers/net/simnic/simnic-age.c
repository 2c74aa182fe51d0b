/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-age.h"

#include <rte_alarm.h>
#include <rte_cycles.h>

#include "simnic-classify.h"

#define PERIOD_US 500000
#define SYNC_S 20               /* 32-bit hit counters must not wrap. */

void
simnic_age_update(struct simnic_age *age, uint64_t now)
{
    uint64_t hits = __atomic_load_n(&age->hits, __ATOMIC_RELAXED);

    if (hits != age->last_hits) {
        age->last_hits = hits;
        age->last_seen = now;
        age->aged = age->reported = false;
    } else if (now - age->last_seen > age->timeout_s * rte_get_tsc_hz()) {
        age->aged = true;
    }
}

static bool
is_needed(const struct simnic_port *port)
{
    return port->rules.n_aging || port->rules.n_counted || port->garbage;
}

static void
housekeep(void *port_)
{
    struct simnic_port *port = port_;
    uint64_t now = rte_rdtsc();
    bool aged = false;

    pthread_mutex_lock(&port->mutex);
    simnic_reclaim_run(port, !port->started);
    if (port->rules.n_aging
        || now - port->synced_at > SYNC_S * rte_get_tsc_hz()) {
        simnic_classify_sync(port, NULL);
    }
    for (uint32_t i = 0; port->rules.n_aging && i < port->rules.slots.n;
         i++) {
        struct simnic_rule *rule = port->rules.slots.slot[i].object;

        if (rule && rule->has & SIMNIC_ACT_AGE) {
            struct simnic_age *age = simnic_rule_age(rule);
            bool before = age->aged;

            simnic_age_update(age, now);
            aged |= age->aged && !before;
        }
    }
    port->alarm = is_needed(port) && !rte_eal_alarm_set(PERIOD_US, housekeep,
                                                        port);
    pthread_mutex_unlock(&port->mutex);

    if (aged) {
        rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_FLOW_AGED,
                                     NULL);
    }
}

void
simnic_age_start(struct simnic_port *port)
{
    if (!port->alarm && is_needed(port)) {
        port->alarm = !rte_eal_alarm_set(PERIOD_US, housekeep, port);
    }
}

void
simnic_age_stop(struct simnic_port *port)
{
    rte_eal_alarm_cancel(housekeep, port);
    port->alarm = false;
}
