/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-ct-show.h"

#include "offload/dp-show.h"
#include "offload/dp-table.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"

/* Appends "NAME N, NAME N..." for those members of 'json', an object of
 * integers, that are not 0, sorted by name; or 'none'. */
static void
format_counts(const struct json *json, const char *none, struct ds *s)
{
    const struct shash_node **nodes = shash_sort(json_object(json));
    const char *separator = "";

    for (size_t i = 0; i < shash_count(json_object(json)); i++) {
        long long int n = json_integer(nodes[i]->data);

        if (n) {
            ds_put_format(s, "%s%s %lld", separator, nodes[i]->name, n);
            separator = ", ";
        }
    }
    ds_put_cstr(s, *separator ? "" : none);
    free(nodes);
}

static void
format_table(const struct json *json, struct ds *s)
{
    long long int n_entries = dp_show_int(json, "entries");
    long long int n_places = dp_show_int(json, "places");
    long long int n_overflow = dp_show_int(json, "overflow_buckets");

    ds_put_format(s, "Table: %lld of %lld places", n_entries, n_places);
    dp_show_put_share(n_entries, n_places, "", s);
    ds_put_format(s, ", %lld overflow bucket%s, %lld bytes, and %lld of "
                  "records\n", n_overflow, dp_show_s(n_overflow),
                  dp_show_int(json, "table_bytes"),
                  dp_show_int(json, "record_bytes"));
}

static void
format_tracker(const struct json *json, struct ds *s)
{
    const struct shash *members = json_object(json);
    const struct json *sweep = shash_find_data(members, "sweep");
    const struct json *past = shash_find_data(members, "past_the_tracker");
    long long int n = dp_show_int(json, "connections");
    long long int n_taken = dp_show_int(json, "nat_retries");
    long long int n_packets = dp_show_int(past, "packets");
    long long int n_bytes = dp_show_int(past, "bytes");

    ds_put_format(s, "Connections: %lld of at most %lld", n,
                  dp_show_int(json, "maximum"));
    dp_show_put_share(n, dp_show_int(json, "maximum"), "", s);
    ds_put_format(s, ", %lld set up per second, %lld expected\nEnded: ",
                  dp_show_int(json, "setups_per_second"),
                  dp_show_int(json, "expected"));
    format_counts(shash_find_data(members, "ended"), "none", s);
    ds_put_cstr(s, "\nRefused: ");
    format_counts(shash_find_data(members, "refused"), "none", s);
    ds_put_format(s, "\nNAT: %lld tuple%s taken when tried\n", n_taken,
                  n_taken == 1 ? " was" : "s were");
    format_table(shash_find_data(members, "table"), s);
    ds_put_format(s, "Sweep: the last took %lld ms, and began %lld ms late\n",
                  dp_show_int(sweep, "took_ms"),
                  dp_show_int(sweep, "late_ms"));
    ds_put_format(s, "Past the tracker, by merged flows: %lld packet%s, %lld "
                  "byte%s\n", n_packets, dp_show_s(n_packets), n_bytes,
                  dp_show_s(n_bytes));
}

static void
add_states(const struct json *zone, struct dp_table *table)
{
    static const char *const protos[] = {
        "tcp", "udp", "icmp", "sctp", "other"
    };
    struct ds states = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        const struct json *json = shash_find_data(json_object(zone),
                                                  protos[i]);

        if (json) {
            ds_put_format(&states, "%s%s: ", states.length ? "; " : "",
                          protos[i]);
            format_counts(json, "none", &states);
        }
    }
    dp_table_add(table, "%s", ds_cstr(&states));
    ds_destroy(&states);
}

static void
add_zone(const struct json *zone, struct dp_table *table)
{
    const struct json *limit = shash_find_data(json_object(zone), "limit");
    struct ds refused = DS_EMPTY_INITIALIZER;

    dp_table_add(table, "%lld", dp_show_int(zone, "zone"));
    dp_table_add(table, "%lld", dp_show_int(zone, "connections"));
    if (limit->type == JSON_INTEGER) {
        dp_table_add(table, "%lld", (long long int) json_integer(limit));
    } else {
        dp_table_add(table, "-");
    }
    dp_table_add(table, "%lld", dp_show_int(zone, "with_rules"));
    dp_table_add(table, "%lld", dp_show_int(zone, "set_up"));
    format_counts(shash_find_data(json_object(zone), "refused"), "none",
                  &refused);
    dp_table_add(table, "%s", ds_cstr(&refused));
    ds_destroy(&refused);
    add_states(zone, table);
}

void
dp_ct_show_text(const struct json *json, const struct json *zones,
                struct ds *s)
{
    static const char *const heading[] = {
        "ZONE", "CONNECTIONS", "LIMIT", "MERGED", "SET UP", "REFUSED",
        "STATES",
    };
    struct dp_table table;

    if (json) {
        format_tracker(json, s);
    }
    if (!json_array(zones)->n) {
        return;
    }
    dp_table_init(&table, ARRAY_SIZE(heading));
    for (size_t i = 0; i < ARRAY_SIZE(heading); i++) {
        dp_table_add(&table, "%s", heading[i]);
    }
    for (size_t i = 0; i < json_array(zones)->n; i++) {
        add_zone(json_array(zones)->elems[i], &table);
    }
    dp_table_format(&table, 0, s);
    dp_table_uninit(&table);
}
