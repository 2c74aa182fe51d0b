/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-places-show.h"

#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload.h"
#include "offload/dp-show.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"

static struct json *
dp_places_ports_json(const struct dp_offload *offload,
                     const struct dp_places_table *table)
{
    struct json *json = json_array_create_empty();
    const struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (port->table == table) {
            json_array_add(json, json_string_create(port->name));
        }
    }
    return json;
}

static void
dp_places_put(struct json *json, const char *name, uint64_t value)
{
    json_object_put(json, name, json_integer_create(value));
}

static struct json *
dp_places_table_json(const struct dp_offload *offload,
                     const struct dp_places_table *table)
{
    const struct dp_places_figures *f = &table->figures;
    uint64_t places = dp_places_read(&table->capacity);
    struct json *json = json_object_create();

    json_object_put(json, "ports", dp_places_ports_json(offload, table));
    json_object_put(json, "full",
                    json_boolean_create(dp_places_table_is_managed(table)));
    if (places) {
        dp_places_put(json, "places", places);
    }
    dp_places_put(json, "used", dp_places_read(&table->n_placed));
    dp_places_put(json, "waiting", f->n_waiting);
    dp_places_put(json, "candidates", f->n_candidates);
    dp_places_put(json, "moved_in", f->n_in);
    dp_places_put(json, "moved_out", f->n_out);
    dp_places_put(json, "no_room", dp_places_read(&table->n_full));
    dp_places_put(json, "probes", f->n_probes);
    dp_places_put(json, "probes_ok", f->n_probes_ok);
    if (f->packets) {
        json_object_put(json, "hit_share",
                        json_real_create((double) f->hits / f->packets));
    }
    return json;
}

struct json *
dp_places_json(const struct dp_offload *offload_)
{
    struct dp_offload *offload = CONST_CAST(struct dp_offload *, offload_);
    struct dp_places *places = &offload->places;
    struct json *json = json_object_create();
    struct json *tables = json_array_create_empty();
    const struct dp_places_table *table;
    struct dp_places_config config;

    dp_places_get_config(places, &config);
    json_object_put(json, "enabled", json_boolean_create(config.rebalance));
    dp_places_put(json, "interval_ms", config.interval_ms);
    dp_places_put(json, "min_pps", config.min_pps);
    ovs_mutex_lock(&places->mutex);
    LIST_FOR_EACH (table, node, &places->tables) {
        json_array_add(tables, dp_places_table_json(offload, table));
    }
    ovs_mutex_unlock(&places->mutex);
    json_object_put(json, "tables", tables);
    return json;
}

static void
dp_places_format_table(const struct json *json, struct ds *ds)
{
    const struct json *ports = shash_find_data(json_object(json), "ports");
    const struct json *share = shash_find_data(json_object(json),
                                               "hit_share");
    bool full = dp_show_bool(json, "full");

    for (size_t i = 0; i < json_array(ports)->n; i++) {
        ds_put_format(ds, "%s%s", i ? ", " : "",
                      json_string(json_array(ports)->elems[i]));
    }
    ds_put_format(ds, ": %s, %lld", full ? "rates decide" : "not full",
                  dp_show_int(json, "used"));
    if (shash_find(json_object(json), "places")) {
        ds_put_format(ds, " of %lld places used",
                      dp_show_int(json, "places"));
    } else {
        ds_put_cstr(ds, " places used");
    }
    ds_put_format(ds, ", %lld waiting, %lld of them candidates, "
                  "%lld moved in, %lld moved out",
                  dp_show_int(json, "waiting"),
                  dp_show_int(json, "candidates"),
                  dp_show_int(json, "moved_in"),
                  dp_show_int(json, "moved_out"));
    if (share) {
        ds_put_format(ds, ", hit share %.1f%%", 100 * json_real(share));
    }
    ds_put_char(ds, '\n');
}

void
dp_places_format(const struct json *json, struct ds *ds)
{
    const struct json *tables = shash_find_data(json_object(json), "tables");

    if (!dp_show_bool(json, "enabled")) {
        return;
    }
    ds_put_format(ds, "Rebalancing: every %lld ms",
                  dp_show_int(json, "interval_ms"));
    if (dp_show_int(json, "min_pps")) {
        ds_put_format(ds, ", flows from %lld pps on",
                      dp_show_int(json, "min_pps"));
    }
    ds_put_char(ds, '\n');
    for (size_t i = 0; i < json_array(tables)->n; i++) {
        const struct json *table = json_array(tables)->elems[i];

        ds_put_cstr(ds, "  ");
        dp_places_format_table(table, ds);
        if (dp_show_int(table, "no_room")) {
            ds_put_format(ds, "    %lld times no room, %lld of %lld probes "
                          "found some\n", dp_show_int(table, "no_room"),
                          dp_show_int(table, "probes_ok"),
                          dp_show_int(table, "probes"));
        }
    }
}

void
dp_offload_format_places(const struct dp_offload *offload, struct ds *ds)
{
    struct json *json = dp_places_json(offload);
    const struct json *tables = shash_find_data(json_object(json), "tables");

    if (dp_show_bool(json, "enabled")) {
        for (size_t i = 0; i < json_array(tables)->n; i++) {
            ds_put_cstr(ds, "  offload places : ");
            dp_places_format_table(json_array(tables)->elems[i], ds);
        }
    }
    json_destroy(json);
}
