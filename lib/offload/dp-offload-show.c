/* SPDX-License-Identifier: Apache-2.0 */

/* A snapshot is taken as JSON and text is made of it, so the two never
 * differ. */

#include <config.h>
#include "offload/dp-offload.h"

#include <inttypes.h>

#include "odp-util.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-show.h"
#include "offload/dp-table.h"
#include "offload/dp-places-show.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"

static const char *
dp_offload_port_state_name(enum dp_offload_port_state state)
{
    switch (state) {
    case DP_OFFLOAD_PORT_RUNNING:  return "running";
    case DP_OFFLOAD_PORT_CLEANING: return "flushing";
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
    case DP_OFFLOAD_DELIVERY_GRANTED: return "granted";
    case DP_OFFLOAD_DELIVERY_REFUSED: return "refused";
    case DP_OFFLOAD_DELIVERY_LATE:    return "late";
    case DP_OFFLOAD_DELIVERY_PLAIN:   break;
    }
    return "plain";
}

/* L15: do they arrive?  Null: no packet has told yet.  Whoever asks need not
 * wait until dp-mark-watch runs. */
static const char *
dp_offload_arrival_name(const struct dp_offload *offload,
                        struct dp_offload_port *port)
{
    const struct dp_offload_env *env = &offload->env;
    bool seen = (env->port_marks_seen
                 && env->port_marks_seen(env->aux, port->port_no));
    uint32_t arrival;

    atomic_read_relaxed(&port->arrival, &arrival);
    return (seen || arrival == DP_MARK_ARRIVES ? "arrive"
            : arrival == DP_MARK_LOST ? "lost"
            : NULL);
}

/* What is known about a port that has a provider. */
static void
dp_offload_put_provider(const struct dp_offload *offload,
                        struct dp_offload_port *port, struct json *json)
    OVS_REQUIRES(port->mutex)
{
    const char *arrival = dp_offload_arrival_name(offload, port);
    uint64_t places = dp_places_read(&port->table->capacity);

    json_object_put_string(json, "provider", port->class->name);
    json_object_put(json, "mark_bits",
                    json_integer_create(port->info.mark_bits));
    json_object_put_string(json, "mark_delivery",
                           dp_offload_delivery_name(port));
    if (arrival) {
        json_object_put_string(json, "mark_arrival", arrival);
    }
    json_object_put(json, "places_used", json_integer_create(
                        dp_places_read(&port->table->n_placed)));
    if (places) {
        json_object_put(json, "places", json_integer_create(places));
    }
    if (port->info.whole) {
        json_object_put(json, "verifies_headers",
                        json_boolean_create(port->info.verifies));
    }
    if (port->class->show) {
        json_object_put(json, "device", port->class->show(port->aux));
    }
}

static struct json *
dp_offload_port_json(const struct dp_offload *offload,
                     const struct dp_offload_port *port_)
{
    struct dp_offload_port *port = CONST_CAST(struct dp_offload_port *, port_);
    struct json *failures = json_object_create();
    struct json *json = json_object_create();
    uint64_t n_failed = 0;
    bool is_full;

    json_object_put_string(json, "name", port->name);
    json_object_put(json, "port_no",
                    json_integer_create(odp_to_u32(port->port_no)));
    ovs_mutex_lock(&port->mutex);
    json_object_put_string(json, "state",
                           dp_offload_port_state_name(port->state));
    if (port->class) {
        dp_offload_put_provider(offload, port, json);
    }
    ovs_mutex_unlock(&port->mutex);
    atomic_read_relaxed(&port->is_full, &is_full);
    json_object_put(json, "full", json_boolean_create(is_full));
    json_object_put(json, "marked", dp_offload_json_u64(&port->n_marked));
    json_object_put(json, "whole", dp_offload_json_u64(&port->n_whole));
    json_object_put(json, "unconfirmed", dp_offload_json_u64(&port->n_unsure));
    json_object_put(json, "puts", dp_offload_json_u64(&port->n_puts));
    json_object_put(json, "dels", dp_offload_json_u64(&port->n_dels));
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        uint64_t n;

        atomic_read_relaxed(&port->n_failed[i], &n);
        if (n) {
            json_object_put(failures, dp_offload_why_name(i),
                            json_integer_create(n));
            n_failed += n;
        }
    }
    json_object_put(json, "failed", json_integer_create(n_failed));
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

static int
dp_offload_compare_ports(const void *a, const void *b)
{
    const struct dp_offload_port *const *pa = a, *const *pb = b;

    return strverscmp((*pa)->name, (*pb)->name);
}

/* All ports by name, and in 'devices' what those of a provider share. */
static struct json *
dp_offload_ports_json(const struct dp_offload *offload, struct json *devices)
{
    const struct dp_offload_port **ports = NULL, *port;
    struct json *json = json_array_create_empty();
    size_t n = 0, n_allocated = 0;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (n >= n_allocated) {
            ports = x2nrealloc(ports, &n_allocated, sizeof *ports);
        }
        ports[n++] = port;
    }
    if (n) {
        qsort(ports, n, sizeof *ports, dp_offload_compare_ports);
    }
    for (size_t i = 0; i < n; i++) {
        const struct dp_offload_class *class = ports[i]->class;

        json_array_add(json, dp_offload_port_json(offload, ports[i]));
        if (class && class->show_shared
            && !shash_find(json_object(devices), class->name)) {
            json_object_put(devices, class->name,
                            class->show_shared(ports[i]->aux));
        }
    }
    free(ports);
    return json;
}

struct json *
dp_offload_show_json(const struct dp_offload *offload)
{
    struct json *json = json_object_create();
    struct json *devices = json_object_create();

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
    json_object_put(json, "ports", dp_offload_ports_json(offload, devices));
    json_object_put(json, "devices", devices);
    json_object_put(json, "rebalance", dp_places_json(offload));
    return json;
}

/* What a provider tells, sorted by name. */
static void
dp_offload_format_device(const struct json *json, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(json_object(json));

    for (size_t i = 0; i < shash_count(json_object(json)); i++) {
        const struct json *value = nodes[i]->data;
        char *name = xstrdup(nodes[i]->name);

        for (char *p = name; (p = strchr(p, '_')); ) {
            *p = ' ';
        }
        if (value->type == JSON_STRING) {
            ds_put_format(ds, "  %s: %s\n", name, json_string(value));
        } else {
            ds_put_format(ds, "  %s: %"PRId64"\n", name,
                          json_integer(value));
        }
        free(name);
    }
    free(nodes);
}

static const char *
dp_offload_marks_word(const struct json *json)
{
    const char *delivery = dp_show_str(json, "mark_delivery");
    const char *arrival = dp_show_find_str(json, "mark_arrival");

    return (!dp_show_int(json, "mark_bits") ? "-"
            : arrival ? arrival
            : !strcmp(delivery, "refused") ? "refused"
            : !strcmp(delivery, "late") ? "not asked"
            : "none yet");
}

static void
dp_offload_add_row(const struct json *json, struct dp_table *table)
{
    struct ds places = DS_EMPTY_INITIALIZER;

    ds_put_format(&places, "%lld", dp_show_int(json, "places_used"));
    if (shash_find(json_object(json), "places")) {
        ds_put_format(&places, " of %lld", dp_show_int(json, "places"));
    }
    if (dp_show_bool(json, "full")) {
        ds_put_cstr(&places, ", full");
    }
    dp_table_add(table, "%s", dp_show_str(json, "name"));
    dp_table_add(table, "%s", dp_show_str(json, "provider"));
    dp_table_add(table, "%s", dp_show_str(json, "state"));
    dp_table_add(table, "%lld", dp_show_int(json, "whole"));
    dp_table_add(table, "%lld", dp_show_int(json, "marked"));
    dp_table_add(table, "%s", ds_cstr(&places));
    dp_table_add(table, "%lld", dp_show_int(json, "failed"));
    dp_table_add(table, "%s", dp_offload_marks_word(json));
    ds_destroy(&places);
}

/* A table of those of 'ports' that have a provider, then the others. */
static void
dp_offload_format_table(const struct json *ports, struct ds *ds)
{
    static const char *const heading[] = {
        "PORT", "PROVIDER", "STATE", "WHOLE", "MARKED", "PLACES", "FAILED",
        "MARKS",
    };
    struct ds others = DS_EMPTY_INITIALIZER;
    struct dp_table table;

    dp_table_init(&table, ARRAY_SIZE(heading));
    for (size_t i = 0; i < ARRAY_SIZE(heading); i++) {
        dp_table_add(&table, "%s", heading[i]);
    }
    for (size_t i = 0; i < json_array(ports)->n; i++) {
        const struct json *port = json_array(ports)->elems[i];

        if (dp_show_find_str(port, "provider")) {
            dp_offload_add_row(port, &table);
        } else {
            ds_put_format(&others, "%s%s", others.length ? ", " : "",
                          dp_show_str(port, "name"));
        }
    }
    if (table.cells.n > ARRAY_SIZE(heading)) {
        dp_table_format(&table, 0, ds);
    }
    dp_table_uninit(&table);
    if (others.length) {
        ds_put_format(ds, "Without a provider: %s\n", ds_cstr(&others));
    }
    ds_destroy(&others);
}

/* What somebody should know who runs the switch. */
static void
dp_offload_format_notes(const struct json *json, struct ds *ds)
{
    const struct json *failures
        = shash_find_data(json_object(json), "failures");
    const char *name = dp_show_str(json, "name");
    const char *word;

    if (!dp_show_find_str(json, "provider")) {
        return;
    }
    word = dp_offload_marks_word(json);
    if (!strcmp(word, "lost")) {
        ds_put_format(ds, "%s: The NIC has rules that mark, but packets "
                      "arrive without marks.\n", name);
    } else if (!strcmp(word, "refused")) {
        ds_put_format(ds, "%s: The driver does not deliver marks, so rules "
                      "that only mark save nothing.\n", name);
    } else if (!strcmp(word, "not asked")) {
        ds_put_format(ds, "%s: hw-offload was off when the device was "
                      "configured; it may not deliver marks until the port "
                      "is added again.\n", name);
    }
    if (dp_show_int(json, "unconfirmed")) {
        long long int n = dp_show_int(json, "unconfirmed");

        ds_put_format(ds, "%s: %lld rule%s may or may not be in the NIC; the "
                      "port is going to be flushed.\n", name, n,
                      dp_show_s(n));
    }
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        const struct json *n = shash_find_data(json_object(failures),
                                               dp_offload_why_name(i));

        if (n) {
            ds_put_format(ds, "%s: failed %"PRId64" time%s: %s.\n", name,
                          json_integer(n), dp_show_s(json_integer(n)),
                          dp_offload_why_text(i));
        }
    }
}

/* What is not in the table. */
static void
dp_offload_format_port(const struct json *json, struct ds *ds)
{
    const struct json *device = shash_find_data(json_object(json), "device");
    const char *arrival, *delivery;
    long long int puts, dels;

    ds_put_format(ds, "Port number: %lld\n", dp_show_int(json, "port_no"));
    if (!dp_show_find_str(json, "provider")) {
        return;
    }
    puts = dp_show_int(json, "puts");
    dels = dp_show_int(json, "dels");
    ds_put_format(ds, "Work: %lld insertion%s, %lld deletion%s\n",
                  puts, dp_show_s(puts), dels, dp_show_s(dels));
    if (dp_show_int(json, "mark_bits")) {
        arrival = dp_show_find_str(json, "mark_arrival");
        delivery = dp_show_str(json, "mark_delivery");
        ds_put_format(ds, "Marks: %lld bits wide; the driver %s; %s\n",
                      dp_show_int(json, "mark_bits"),
                      !strcmp(delivery, "granted") ? "delivers them"
                      : !strcmp(delivery, "refused")
                      ? "refuses to deliver them"
                      : !strcmp(delivery, "late")
                      ? "was not asked to deliver them"
                      : "need not be asked to deliver them",
                      !arrival ? "no packet has had one yet"
                      : !strcmp(arrival, "lost") ? "packets have none"
                      : "packets have them");
    }
    if (shash_find(json_object(json), "verifies_headers")) {
        ds_put_format(ds, "Headers: %sverified by the NIC\n",
                      dp_show_bool(json, "verifies_headers") ? "" : "not ");
    }
    if (device && !shash_is_empty(json_object(device))) {
        ds_put_cstr(ds, "Device:\n");
        dp_offload_format_device(device, ds);
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

    return port ? dp_offload_port_json(offload, port) : NULL;
}

bool
dp_offload_format_show_port(const struct dp_offload *offload,
                            odp_port_t port_no, struct ds *ds)
{
    struct json *json = dp_offload_show_port_json(offload, port_no);
    struct json *ports;

    if (!json) {
        return false;
    }
    ports = json_array_create_1(json);
    dp_offload_format_table(ports, ds);
    dp_offload_format_port(json, ds);
    dp_offload_format_notes(json, ds);
    json_destroy(ports);
    return true;
}

void
dp_offload_format_show(const struct dp_offload *offload, struct ds *ds)
{
    struct json *json = dp_offload_show_json(offload);
    const struct json *ports = shash_find_data(json_object(json), "ports");
    const struct json *providers = shash_find_data(json_object(json),
                                                   "providers");
    struct shash_node *node;
    long long int n_threads;

    n_threads = dp_show_int(json, "threads");
    ds_put_format(ds, "Offloading: %s, %lld thread%s\n",
                  dp_offload_is_enabled(offload) ? "on" : "off",
                  n_threads, dp_show_s(n_threads));
    ds_put_format(ds, "Rules: %lld, in NICs: %lld, marks in use: %lld\n",
                  dp_show_int(json, "rules"), dp_show_int(json, "installed"),
                  dp_show_int(json, "marks"));
    ds_put_cstr(ds, "Providers:");
    for (size_t i = 0; i < json_array(providers)->n; i++) {
        ds_put_format(ds, " %s", json_string(json_array(providers)->elems[i]));
    }
    ds_put_char(ds, '\n');
    dp_offload_format_table(ports, ds);
    for (size_t i = 0; i < json_array(ports)->n; i++) {
        dp_offload_format_notes(json_array(ports)->elems[i], ds);
    }
    SHASH_FOR_EACH (node, json_object(shash_find_data(json_object(json),
                                                      "devices"))) {
        ds_put_format(ds, "All ports of provider %s:\n", node->name);
        dp_offload_format_device(node->data, ds);
    }
    dp_places_format(shash_find_data(json_object(json), "rebalance"), ds);
    json_destroy(json);
}
