/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include "simnic-classify.h"
#include "simnic-dev.h"
#include "simnic-queue.h"
#include "simnic-removal.h"
#include "simnic-rx.h"
#include "simnic-wire.h"

/* The older function is deprecated where the newer one exists. */
static void
add_uint(struct rte_tel_data *data, const char *name, uint64_t value)
{
#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
    rte_tel_data_add_dict_u64(data, name, value);
#else
    rte_tel_data_add_dict_uint(data, name, value);
#endif
}

static int
add_name(struct simnic_port *port, void *data)
{
    return rte_tel_data_add_array_string(data, port->name);
}

static int
list_ports(const char *cmd, const char *params, struct rte_tel_data *data)
{
    (void) cmd;
    (void) params;
    rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
    simnic_port_with(NULL, add_name, data);
    return 0;
}

/* Telemetry allows no "-" in names: settings are shown with "_". */
static int
show_port(struct simnic_port *port, void *data)
{
    const struct simnic_config *c = &port->config;
    uint64_t rx = 0, kept = 0, missed = 0, gap = 0;
    char fail[64];

    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < port->n_rxq; i++) {
        rx += port->rxq[i] ? port->rxq[i]->packets : 0;
        kept += port->rxq[i] ? port->rxq[i]->stepped : 0;
        missed += port->rxq[i] ? port->rxq[i]->missed : 0;
        gap = RTE_MAX(gap, port->rxq[i] ? port->rxq[i]->longest_gap : 0);
    }
    rte_tel_data_add_dict_string(data, "mode", simnic_mode_name(c->mode));
    rte_tel_data_add_dict_int(data, "port_id", port->port_id);
    rte_tel_data_add_dict_int(data, "started", port->started);
    rte_tel_data_add_dict_int(data, "removed", port->removed);
    add_uint(data, "tsc_hz", rte_get_tsc_hz());
    add_uint(data, "streams", port->streams.n);
    add_uint(data, "rx_packets", rx);
    add_uint(data, "rx_kept_by_rules", kept);
    add_uint(data, "rx_missed", missed);
    add_uint(data, "longest_gap_ns",
             (double) gap * 1e9 / rte_get_tsc_hz());
    add_uint(data, "rules", port->rules.n);
    add_uint(data, "rules_transfer", port->rules.transfer.n);
    add_uint(data, "rules_created", port->flow_stats.created);
    add_uint(data, "rules_destroyed", port->flow_stats.destroyed);
    add_uint(data, "rules_refused", port->flow_stats.refused);
    add_uint(data, "rules_full", port->flow_stats.full);
    add_uint(data, "rules_failed", port->flow_stats.failed);
    add_uint(data, "rules_lost", port->flow_stats.lost);
    add_uint(data, "streams_classified", port->classes.n_classified);
    add_uint(data, "rate", c->rate);
    add_uint(data, "clump", c->clump);
    add_uint(data, "capacity", c->caps.capacity);
    add_uint(data, "group_capacity", c->caps.group_capacity);
    add_uint(data, "counters", c->caps.counters);
    add_uint(data, "groups", c->caps.groups);
    add_uint(data, "priorities", c->caps.priorities);
    add_uint(data, "mark_bits", c->caps.mark_bits);
    rte_tel_data_add_dict_int(data, "switch", c->caps.switch_domain);
    rte_tel_data_add_dict_int(data, "keep_rules", c->caps.keep_rules);
    add_uint(data, "latency_us", c->faults.latency_us);
    add_uint(data, "flow_rate", c->faults.flow_rate);
    add_uint(data, "counter_lag_ms", c->faults.counter_lag_ms);
    add_uint(data, "inflight", c->faults.inflight);
    rte_tel_data_add_dict_int(data, "no_marks", c->faults.no_marks);
    add_uint(data, "removal_ms", c->faults.removal_ms);
    simnic_config_show_fail(&c->faults, fail, sizeof fail);
    rte_tel_data_add_dict_string(data, "fail", fail);
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

/* Has 'function' fill 'data' with what there is to tell of the port that
 * 'params' names. */
static int
tell(const char *params, int (*function)(struct simnic_port *, void *data),
     struct rte_tel_data *data)
{
    if (!params || !*params) {
        return -EINVAL;
    }
    rte_tel_data_start_dict(data);
    return -simnic_port_with(params, function, data);
}

static int
show(const char *cmd, const char *params, struct rte_tel_data *data)
{
    (void) cmd;
    return tell(params, show_port, data);
}

/* Packets that were sent, by the shortest delay in ns that is counted with
 * theirs.  The longest one is followed by a 0, for its end to be seen. */
static int
delays_port(struct simnic_port *port, void *data)
{
    uint64_t n[SIMNIC_N_DELAYS + 1] = { 0 };
    unsigned int n_used = 0;

    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < port->n_txq; i++) {
        for (unsigned int j = 0; j < SIMNIC_N_DELAYS; j++) {
            n[j] += (port->txq[i] && port->txq[i]->delays
                     ? __atomic_load_n(&port->txq[i]->delays->n[j],
                                       __ATOMIC_RELAXED) : 0);
        }
    }
    pthread_mutex_unlock(&port->mutex);
    for (unsigned int j = 0; j < SIMNIC_N_DELAYS; j++) {
        n_used = n[j] ? j + 1 : n_used;
    }
    for (unsigned int j = 0; n_used && j <= n_used; j++) {
        char name[24];

        snprintf(name, sizeof name, "%.0f",
                 simnic_delays_min(j) * 1e9 / rte_get_tsc_hz());
        add_uint(data, name, n[j]);
    }
    return 0;
}

static int
delays(const char *cmd, const char *params, struct rte_tel_data *data)
{
    (void) cmd;
    return tell(params, delays_port, data);
}

struct set_aux {
    char *key;
    char *value;
    char why[200];
};

static int
set_one(struct simnic_port *port, void *aux_)
{
    struct set_aux *aux = aux_;
    struct simnic_faults old;
    bool new_timer = false;
    int error;

    pthread_mutex_lock(&port->mutex);
    old = port->config.faults;
    error = simnic_config_set(&port->config, aux->key, aux->value, aux->why,
                              sizeof aux->why);
    if (!error && port->started && port->has_streams) {
        if (old.no_marks != port->config.faults.no_marks) {
            simnic_classify_all(port);
        }
        if (old.inflight != port->config.faults.inflight) {
            error = simnic_queues_set_inflight(port,
                                               port->config.faults.inflight);
            if (error) {
                snprintf(aux->why, sizeof aux->why, "out of memory: "
                         "inflight=0 now");
            }
        }
        /* A rate may have come or gone. */
        port->dev->rx_pkt_burst = simnic_rx_choose(port);
        rte_eth_fp_ops[port->port_id].rx_pkt_burst = port->dev->rx_pkt_burst;
    }
    new_timer = !error && old.removal_ms != port->config.faults.removal_ms;
    pthread_mutex_unlock(&port->mutex);
    if (new_timer) {
        simnic_removal_start(port);
    }
    return error;
}

/* PORT,KEY=VALUE[,KEY=VALUE]...; settings before a bad one stay. */
static int
set(const char *cmd, const char *params, struct rte_tel_data *data)
{
    struct set_aux aux = { .why = "no such port" };
    char *copy = strdup(params ? params : "");
    char *save = NULL, *name, *word;
    int error = EINVAL;

    (void) cmd;
    name = copy ? strtok_r(copy, ",", &save) : NULL;
    if (!name || !save || !*save) {
        snprintf(aux.why, sizeof aux.why, "expected PORT,KEY=VALUE,...");
    }
    while (name && (word = strtok_r(NULL, ",", &save)) != NULL) {
        aux.key = word;
        aux.value = strchr(word, '=');
        if (!aux.value) {
            snprintf(aux.why, sizeof aux.why, "%s: needs a value", word);
            error = EINVAL;
            break;
        }
        *aux.value++ = '\0';
        error = simnic_port_with(name, set_one, &aux);
        if (error) {
            break;
        }
    }
    free(copy);
    rte_tel_data_start_dict(data);
    rte_tel_data_add_dict_string(data, "result", error ? "error" : "ok");
    if (error) {
        rte_tel_data_add_dict_string(data, "why", aux.why);
    }
    return 0;
}

static int
get_removed(struct simnic_port *port, void *aux)
{
    *(struct simnic_port **) aux = port;
    return 0;
}

/* The event's callbacks may close the port, so the registry is not locked
 * while they run. */
static int
surprise(const char *cmd, const char *params, struct rte_tel_data *data)
{
    struct simnic_port *port = NULL;

    (void) cmd;
    rte_tel_data_start_dict(data);
    if (!params || simnic_port_with(params, get_removed, &port)) {
        return -ENOENT;
    }
    simnic_removal_happen(port);
    rte_tel_data_add_dict_string(data, "result", "ok");
    return 0;
}

void
simnic_telemetry_register(void)
{
    rte_telemetry_register_cmd("/simnic/list", list_ports,
                               "Lists simnic ports. Takes no parameters");
    rte_telemetry_register_cmd("/simnic/show", show,
                               "Shows a port. Parameter: name");
    rte_telemetry_register_cmd("/simnic/delays", delays,
                               "Counts packets by how many ns they were under "
                               "way. Parameter: name");
    rte_telemetry_register_cmd("/simnic/set", set,
                               "Changes capabilities and faults of a port. "
                               "Parameters: name,key=value,...");
    rte_telemetry_register_cmd("/simnic/remove", surprise,
                               "Removes a port by surprise. "
                               "Parameter: name");
}
