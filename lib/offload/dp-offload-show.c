/* SPDX-License-Identifier: Apache-2.0 */

/* A snapshot is taken as JSON and text is made of it, so the two never differ. */

#include <config.h>
#include "offload/dp-offload.h"

#include <inttypes.h>

#include "odp-util.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-show.h"
#include "offload/dp-places-show.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"

static const char *
dp_offload_port_state_name(enum dp_offload_port_state state)
{
    switch (state) {
    case DP_OFFLOAD_PORT_RUNNING:  return "running";
    case DP_OFFLOAD_PORT_CLEANING: return "being flushed";
    case DP_OFFLOAD_PORT_PAUSED:   return "paused";
    case DP_OFFLOAD_PORT_STOPPING: return "stopping";
    }
    OVS_NOT_REACHED();
}

static struct json *
dp_offload_json_u64(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return json_integer_create(value);
}

/* offload/show. */

/* P13: was the driver asked to deliver marks? */
static const char *
dp_offload_delivery_name(struct dp_offload_port *port)
{
    uint32_t delivery;

    atomic_read_relaxed(&port->delivery, &delivery);
    switch ((enum dp_offload_delivery) delivery) {
    case DP_OFFLOAD_DELIVERY_GRANTED:
        return "granted by the driver";
    case DP_OFFLOAD_DELIVERY_REFUSED:
        return "refused by the driver";
    case DP_OFFLOAD_DELIVERY_LATE:
        return "not asked for, hw-offload was off when the device was "
               "configured";
    case DP_OFFLOAD_DELIVERY_PLAIN:
        break;
    }
    return "need not be asked for";
}

/* L15: do they arrive? */
static const char *
dp_offload_arrival_name(struct dp_offload_port *port)
{
    uint32_t arrival;

    atomic_read_relaxed(&port->arrival, &arrival);
    return (arrival == DP_MARK_ARRIVES ? "they arrive"
            : arrival == DP_MARK_LOST ? "but they do not arrive"
            : "none has arrived yet");
}

static struct json *
dp_offload_port_json(const struct dp_offload_port *port_)
{
    struct dp_offload_port *port = CONST_CAST(struct dp_offload_port *, port_);
    struct json *failures = json_object_create();
    struct json *json = json_object_create();
    bool is_full;

    json_object_put_string(json, "name", port->name);
    json_object_put(json, "port_no",
                    json_integer_create(odp_to_u32(port->port_no)));
    ovs_mutex_lock(&port->mutex);
    json_object_put_string(json, "state",
                           dp_offload_port_state_name(port->state));
    if (port->class) {
        json_object_put_string(json, "provider", port->class->name);
        json_object_put(json, "mark_bits",
                        json_integer_create(port->info.mark_bits));
        json_object_put_string(json, "mark_delivery",
                               dp_offload_delivery_name(port));
        json_object_put_string(json, "mark_arrival",
                               dp_offload_arrival_name(port));
        json_object_put(json, "capacity",
                        json_integer_create(port->info.capacity));
        if (port->info.whole) {
            json_object_put(json, "verifies_headers",
                            json_boolean_create(port->info.verifies));
        }
        if (port->class->show) {
            json_object_put(json, "device", port->class->show(port->aux));
        }
    }
    ovs_mutex_unlock(&port->mutex);
    atomic_read_relaxed(&port->is_full, &is_full);
    json_object_put(json, "full", json_boolean_create(is_full));
    json_object_put(json, "partial", dp_offload_json_u64(&port->n_marked));
    json_object_put(json, "whole", dp_offload_json_u64(&port->n_whole));
    json_object_put(json, "unconfirmed", dp_offload_json_u64(&port->n_unsure));
    json_object_put(json, "puts", dp_offload_json_u64(&port->n_puts));
    json_object_put(json, "dels", dp_offload_json_u64(&port->n_dels));
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        uint64_t n;

        atomic_read_relaxed(&port->n_failed[i], &n);
        if (n) {
            json_object_put(failures, dp_offload_why_text(i),
                            json_integer_create(n));
        }
    }
    json_object_put(json, "failures", failures);
    return json;
}

static struct json *
dp_offload_providers_json(const struct dp_offload *offload)
{
    struct json *json = json_array_create_empty();

    for (size_t i = 0; offload->classes[i]; i++) {
        json_array_add(json, json_string_create(offload->classes[i]->name));
    }
    return json;
}

struct json *
dp_offload_show_json(const struct dp_offload *offload)
{
    struct json *json = json_object_create();
    struct json *ports = json_array_create_empty();
    const struct dp_offload_port *port;

    json_object_put(json, "enabled",
                    json_boolean_create(dp_offload_is_enabled(offload)));
    json_object_put(json, "threads", json_integer_create(
                        dp_offload_get_n_workers(offload)));
    json_object_put(json, "rules",
                    json_integer_create(dp_offload_n_rules(offload)));
    json_object_put(json, "installed",
                    json_integer_create(dp_offload_n_installed(offload)));
    json_object_put(json, "marks",
                    json_integer_create(dp_offload_n_marks(offload)));
    json_object_put(json, "providers", dp_offload_providers_json(offload));
    CMAP_FOR_EACH (port, node, &offload->ports) {
        json_array_add(ports, dp_offload_port_json(port));
    }
    json_object_put(json, "ports", ports);
    json_object_put(json, "rebalance", dp_places_json(offload));
    return json;
}

/* What the provider tells, sorted by name. */
static void
dp_offload_format_device(const struct json *json, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(json_object(json));

    for (size_t i = 0; i < shash_count(json_object(json)); i++) {
        const struct json *value = nodes[i]->data;

        if (value->type == JSON_STRING) {
            ds_put_format(ds, "    %s: %s\n", nodes[i]->name,
                          json_string(value));
        } else {
            ds_put_format(ds, "    %s: %"PRId64"\n", nodes[i]->name,
                          json_integer(value));
        }
    }
    free(nodes);
}

static void
dp_offload_format_port(const struct json *json, struct ds *ds)
{
    const struct json *failures
        = shash_find_data(json_object(json), "failures");
    const struct json *full = shash_find_data(json_object(json), "full");
    const struct json *verifies
        = shash_find_data(json_object(json), "verifies_headers");
    const struct json *device = shash_find_data(json_object(json), "device");
    const char *provider = dp_show_str(json, "provider");
    struct shash_node *node;

    ds_put_format(ds, "  %s: port %lld, %s", dp_show_str(json, "name"),
                  dp_show_int(json, "port_no"),
                  dp_show_str(json, "state"));
    if (!provider) {
        ds_put_cstr(ds, ", no provider\n");
        return;
    }
    ds_put_format(ds, ", provider %s\n", provider);
    ds_put_format(ds, "    marks of %lld bits, capacity ",
                  dp_show_int(json, "mark_bits"));
    if (dp_show_int(json, "capacity")) {
        ds_put_format(ds, "%lld", dp_show_int(json, "capacity"));
    } else {
        ds_put_cstr(ds, "unknown");
    }
    ds_put_cstr(ds, json_boolean(full) ? ", full\n" : ", not full\n");
    ds_put_format(ds, "    delivery of marks: %s; %s\n",
                  dp_show_str(json, "mark_delivery"),
                  dp_show_str(json, "mark_arrival"));
    if (verifies) {
        ds_put_format(ds, "    headers: %s\n",
                      json_boolean(verifies) ? "verified by the NIC"
                      : "not verified by the NIC");
    }
    ds_put_format(ds, "    rules: %lld whole, %lld partial;"
                  " %lld insertions, %lld deletions\n",
                  dp_show_int(json, "whole"),
                  dp_show_int(json, "partial"),
                  dp_show_int(json, "puts"), dp_show_int(json, "dels"));
    if (device) {
        dp_offload_format_device(device, ds);
    }
    if (dp_show_int(json, "unconfirmed")) {
        ds_put_format(ds, "    %lld rules that may be in the NIC or not, to be"
                      " flushed\n", dp_show_int(json, "unconfirmed"));
    }
    SHASH_FOR_EACH (node, json_object(failures)) {
        ds_put_format(ds, "    failed: %s: %"PRId64"\n", node->name,
                      json_integer(node->data));
    }
}

/* Returns the port, or NULL; valid until the caller quiesces. */
static const struct dp_offload_port *
dp_offload_find_port(const struct dp_offload *offload, odp_port_t port_no)
{
    const struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

struct json *
dp_offload_show_port_json(const struct dp_offload *offload,
                          odp_port_t port_no)
{
    const struct dp_offload_port *port
        = dp_offload_find_port(offload, port_no);

    return port ? dp_offload_port_json(port) : NULL;
}

bool
dp_offload_format_show_port(const struct dp_offload *offload,
                            odp_port_t port_no, struct ds *ds)
{
    struct json *json = dp_offload_show_port_json(offload, port_no);

    if (!json) {
        return false;
    }
    dp_offload_format_port(json, ds);
    json_destroy(json);
    return true;
}

void
dp_offload_format_show(const struct dp_offload *offload, struct ds *ds)
{
    struct json *json = dp_offload_show_json(offload);
    const struct json *ports = shash_find_data(json_object(json), "ports");
    const struct json *providers = shash_find_data(json_object(json),
                                                   "providers");

    ds_put_format(ds, "Offloading: %s, %lld threads\n",
                  dp_offload_is_enabled(offload) ? "on" : "off",
                  dp_show_int(json, "threads"));
    ds_put_format(ds, "Rules: %lld, in NICs: %lld, marks in use: %lld\n",
                  dp_show_int(json, "rules"),
                  dp_show_int(json, "installed"),
                  dp_show_int(json, "marks"));
    ds_put_cstr(ds, "Providers:");
    for (size_t i = 0; i < json_array(providers)->n; i++) {
        ds_put_format(ds, " %s", json_string(json_array(providers)->elems[i]));
    }
    ds_put_cstr(ds, "\nPorts:\n");
    for (size_t i = 0; i < json_array(ports)->n; i++) {
        dp_offload_format_port(json_array(ports)->elems[i], ds);
    }
    dp_places_format(shash_find_data(json_object(json), "rebalance"), ds);
    json_destroy(json);
}
