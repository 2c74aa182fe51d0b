/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-drop-show.h"

#include <math.h>

#include "dp-packet.h"
#include "flow.h"
#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "timeval.h"
#include "util.h"
#include "ctl/dp.h"
#include "pipe/dp-drop.h"

/* Custom statistics of netdevs that count packets that were dropped have one
 * of these in their names. */
static const char *const custom_words[] = { "drop", "full", "too_long" };

/* Who has dropped packets. */
enum { BY_PORT, BY_LANES, BY_PAST, BY_MAIN, BY_CORE };

/* Packets that one, or all threads, have dropped for one reason. */
struct row {
    char *port;                         /* NULL: it has gone. */
    char *reason;
    const char *text;                   /* NULL: none. */
    int by;
    unsigned int core;                  /* If BY_CORE. */
    uint64_t n;
    bool has_rate, has_last;
    double rate;                        /* Packets per second. */
    struct dp_dropped_packet last;
};

struct drops {
    const struct dp_drop_filter *filter;
    bool by_reason;                     /* Of all ports in one row. */
    long long int now;                  /* us. */
    struct dp_readings *readings;       /* Of ports. */
    struct shash rows;                  /* 'struct row's, by what tells them
                                         * apart. */
};

/* Returns the row of 'port', 'reason' and so on, which is made if it is not
 * there yet; NULL if it is not wanted. */
static struct row *
get_row(struct drops *drops, const char *port, const char *reason,
        const char *text, int by, unsigned int core)
{
    struct row *row;
    char *key;

    if (drops->filter->port
        && (!port || strcmp(port, drops->filter->port))) {
        return NULL;
    }
    if (by != BY_PORT && !drops->filter->by_pmd) {
        by = BY_LANES;
        core = 0;
    }
    if (drops->by_reason) {
        port = NULL;
    }
    key = xasprintf("%s %d %u %s", reason, by, core, port ? port : "");
    row = shash_find_data(&drops->rows, key);
    if (!row) {
        row = xzalloc(sizeof *row);
        row->port = nullable_xstrdup(port);
        row->text = text;
        row->by = by;
        row->core = core;
        row->reason = xstrdup(reason);
        shash_add(&drops->rows, key, row);
    }
    free(key);
    return row;
}

/* Lanes. */

static void
add_dropped(struct drops *drops, struct row *row,
            const struct dp_dropped *dropped)
{
    struct dp_dropped_packet last;

    row->n += dp_dropped_n(dropped);
    row->has_rate = true;
    row->rate += ((double) dp_dropped_recent(dropped, drops->now)
                  / DP_DROPPED_SECONDS);
    if (dp_dropped_last(dropped, &last)
        && (!row->has_last || row->last.when < last.when)) {
        row->has_last = true;
        row->last = last;
    }
}

/* Adds what 'pmd' has dropped; NULL: what threads have that are no more. */
static void
add_lane(void *drops_, const struct dp_pmd *pmd,
         const struct dp_drops *lane_drops)
{
    struct drops *drops = drops_;
    unsigned int core = 0;
    int by = BY_PAST;
    struct dp_drops_port *port;

    if (pmd) {
        by = dp_pmd_is_main(pmd) ? BY_MAIN : BY_CORE;
        core = by == BY_CORE ? pmd->lane.core_id : 0;
    }
    CMAP_FOR_EACH (port, node, &lane_drops->ports) {
        for (int i = 0; i < DP_N_DROPS; i++) {
            const struct dp_dropped *dropped
                = ovsrcu_get(struct dp_dropped *, &port->dropped[i]);
            struct row *row = dropped ? get_row(drops, port->name,
                                                dp_drop_name(i),
                                                dp_drop_text(i), by, core)
                                      : NULL;

            if (row) {
                add_dropped(drops, row, dropped);
            }
        }
    }
}

/* Ports. */

static void
add_counter(struct drops *drops, const char *port, const char *reason,
            uint64_t n)
{
    double rate = 0;
    bool has_rate;
    struct row *row;
    char *key;

    if (n == UINT64_MAX) {
        return;
    }
    key = xasprintf("%s %s", port, reason);
    has_rate = dp_readings_put(drops->readings, key, n, time_msec(), &rate);
    free(key);
    row = n ? get_row(drops, port, reason, NULL, BY_PORT, 0) : NULL;
    if (row) {
        row->n = n;
        row->has_rate = has_rate;
        row->rate = rate;
    }
}

static bool
is_drop(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(custom_words); i++) {
        if (strstr(name, custom_words[i])) {
            return true;
        }
    }
    return false;
}

/* What a port has dropped before packets came in, or after they went out. */
static void
add_port(struct drops *drops, const struct netdev *netdev)
{
    struct netdev_custom_stats custom = { .size = 0 };
    const char *name = netdev_get_name(netdev);
    struct netdev_stats stats;

    if (!netdev_get_stats(netdev, &stats)) {
        add_counter(drops, name, "rx_dropped", stats.rx_dropped);
        add_counter(drops, name, "rx_missed_errors", stats.rx_missed_errors);
        add_counter(drops, name, "rx_errors", stats.rx_errors);
        add_counter(drops, name, "tx_dropped", stats.tx_dropped);
        add_counter(drops, name, "tx_errors", stats.tx_errors);
    }
    if (!netdev_get_custom_stats(netdev, &custom)) {
        for (size_t i = 0; i < custom.size; i++) {
            if (is_drop(custom.counters[i].name)) {
                add_counter(drops, name, custom.counters[i].name,
                            custom.counters[i].value);
            }
        }
        netdev_free_custom_stats_counters(&custom);
    }
}

/* Reads all ports, so that there will be readings to compare with.  Returns
 * false if there is no port of the name that is wanted. */
static bool
add_ports(struct dp *dp, struct drops *drops)
{
    bool found = !drops->filter->port;
    const struct dp_port *port;

    dp_readings_begin(drops->readings);
    ovs_mutex_lock(&dp->topology.mutex);
    HMAP_FOR_EACH (port, node, &dp->topology.ports) {
        found |= (drops->filter->port
                  && !strcmp(netdev_get_name(port->netdev),
                             drops->filter->port));
        add_port(drops, port->netdev);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    dp_readings_end(drops->readings);
    return found;
}

/* JSON. */

static char *
packet_to_string(const struct dp_dropped_packet *dropped)
{
    struct dp_packet *packet = dp_packet_new(dropped->size);
    struct flow flow;

    /* What is not here must not look as if it had been cut off. */
    dp_packet_put(packet, dropped->bytes, dropped->n);
    dp_packet_put_zeros(packet, dropped->size - dropped->n);
    packet->packet_type = dropped->packet_type;
    flow_extract(packet, &flow);
    dp_packet_delete(packet);
    return flow_to_string(&flow, NULL);
}

static struct json *
packet_to_json(const struct dp_dropped_packet *dropped, long long int now)
{
    struct ds headers = DS_EMPTY_INITIALIZER;
    struct json *json = json_object_create();

    json_object_put(json, "age_ms",
                    json_integer_create(MAX(0, now - dropped->when) / 1000));
    json_object_put(json, "bytes", json_integer_create(dropped->size));
    json_object_put(json, "recirc_id",
                    json_integer_create(dropped->recirc_id));
    json_object_put(json, "flow", json_string_create_nocopy(
                        packet_to_string(dropped)));
    for (size_t i = 0; i < dropped->n; i++) {
        ds_put_format(&headers, "%02x", dropped->bytes[i]);
    }
    json_object_put(json, "headers", json_string_create_nocopy(
                        ds_steal_cstr(&headers)));
    return json;
}

static struct json *
row_to_json(const struct row *row, long long int now)
{
    static const char *const by_names[] = {
        [BY_PORT] = "port",
        [BY_LANES] = "datapath",
        [BY_PAST] = "past",
        [BY_MAIN] = "main",
        [BY_CORE] = "pmd",
    };
    struct json *json = json_object_create();

    if (row->port) {
        json_object_put_string(json, "port", row->port);
    }
    json_object_put_string(json, "reason", row->reason);
    if (row->text) {
        json_object_put_string(json, "text", row->text);
    }
    json_object_put_string(json, "by", by_names[row->by]);
    if (row->by == BY_CORE) {
        json_object_put(json, "core", json_integer_create(row->core));
    }
    json_object_put(json, "packets", json_integer_create(row->n));
    if (row->has_rate) {
        json_object_put(json, "packets_per_second",
                        json_real_create(row->rate));
    }
    if (row->has_last) {
        json_object_put(json, "last", packet_to_json(&row->last, now));
    }
    return json;
}

static int
compare_rows(const void *a_, const void *b_)
{
    const struct shash_node *const *a = a_, *const *b = b_;
    const struct row *row_a = (*a)->data, *row_b = (*b)->data;

    return (row_a->n < row_b->n ? 1 : row_a->n > row_b->n ? -1
            : strcmp((*a)->name, (*b)->name));
}

/* Frees 'drops' and returns them as an array. */
static struct json *
rows_to_json(struct drops *drops)
{
    struct json *json = json_array_create_empty();
    size_t n = shash_count(&drops->rows), i = 0;
    const struct shash_node **nodes = xmalloc((n + 1) * sizeof *nodes);
    struct shash_node *node;

    SHASH_FOR_EACH (node, &drops->rows) {
        nodes[i++] = node;
    }
    qsort(nodes, n, sizeof *nodes, compare_rows);
    for (i = 0; i < n; i++) {
        struct row *row = nodes[i]->data;

        json_array_add(json, row_to_json(row, drops->now));
        free(row->port);
        free(row->reason);
    }
    free(nodes);
    shash_destroy_free_data(&drops->rows);
    return json;
}

struct json *
dp_drop_show_json(struct dp *dp, const struct dp_drop_filter *filter)
{
    struct drops drops = { .filter = filter, .now = time_usec(),
                           .readings = &dp->drop_readings };
    struct json *json;
    bool found;

    shash_init(&drops.rows);
    found = add_ports(dp, &drops);
    dp_topology_for_drops(&dp->topology, add_lane, &drops);
    json = rows_to_json(&drops);
    if (!found) {
        json_destroy(json);
        return NULL;
    }
    return json;
}

/* Telemetry has whole numbers only. */
static struct json *
reason_to_json(const struct row *row)
{
    struct json *json = json_object_create();

    json_object_put(json, "packets", json_integer_create(row->n));
    json_object_put(json, "packets_per_second",
                    json_integer_create(ceil(row->rate)));
    return json;
}

struct json *
dp_drop_reasons_json(struct dp *dp, const char *port)
{
    const struct dp_drop_filter filter = { .port = port };
    struct drops drops = { .filter = &filter, .now = time_usec(),
                           .by_reason = true };
    struct json *json = json_object_create();
    struct shash_node *node;

    shash_init(&drops.rows);
    dp_topology_for_drops(&dp->topology, add_lane, &drops);
    SHASH_FOR_EACH (node, &drops.rows) {
        struct row *row = node->data;

        json_object_put(json, row->reason, reason_to_json(row));
        free(row->port);
        free(row->reason);
    }
    shash_destroy_free_data(&drops.rows);
    return json;
}
