/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include <math.h>

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp-flow-show.h"
#include "ctl/dp-top.h"
#include "ctl/dp-watch.h"
#include "ctl/dp.h"
#include "offload/dp-show.h"
#include "offload/dp-table.h"

/* "dpif/top-flows [packets|bytes]", with an optional "--format json".  What
 * is formatted are the few flows that dp-top.h has chosen. */

static struct json *
flow_json(struct dp *dp, const struct dp_lane *lane,
          const struct dp_flow *flow, const double *rates,
          struct hmap *names)
{
    const char *port = dp_flow_show_port(names, flow->in_port);
    struct json *json = json_object_create();
    struct dpif_flow_stats stats;

    if (port) {
        json_object_put_string(json, "port", port);
    }
    json_object_put(json, "core",
                    flow->lane_id == NON_PMD_CORE_ID ? json_null_create()
                    : json_integer_create(flow->lane_id));
    json_object_put(json, "packets_per_second", json_integer_create(
                        llrint(rates[DP_TOP_BY_PACKETS])));
    json_object_put(json, "bytes_per_second", json_integer_create(
                        llrint(rates[DP_TOP_BY_BYTES])));
    dp_flow_show_put(dp, lane, flow, names, json, &stats);
    json_object_put(json, "packets", json_integer_create(stats.n_packets));
    json_object_put(json, "bytes", json_integer_create(stats.n_bytes));
    return json;
}

/* Returns the flows of 'list' that are still there. */
static struct json *
list_json(struct dp *dp, const struct dp_top_list *list)
{
    struct hmap names = HMAP_INITIALIZER(&names);
    struct json *json = json_array_create_empty();

    dp_get_port_names(dp, &names);
    for (size_t i = 0; i < list->n; i++) {
        const struct dp_top_flow *top = &list->flows[i];
        struct dp_pmd *pmd;

        CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
            const struct dp_flow *flow;

            if (pmd->lane.core_id == top->lane_id) {
                flow = dp_flow_table_find(&pmd->lane.flows, &top->ufid);
                if (flow) {
                    json_array_add(json, flow_json(dp, &pmd->lane, flow,
                                                   top->rates, &names));
                }
                break;
            }
        }
    }
    odp_portno_names_destroy(&names);
    hmap_destroy(&names);
    return json;
}

static struct json *
top_json(struct dp *dp, enum dp_top_order order)
{
    const struct dp_top *top = dp_watch_ask(&dp->watch);
    struct json *json = json_object_create();

    json_object_put(json, "settled",
                    json_boolean_create(dp_top_is_settled(top)));
    json_object_put(json, "flows", json_integer_create(top->n_seen));
    json_object_put(json, "unwatched",
                    json_integer_create(top->n_seen_unwatched));
    json_object_put(json, "interval_ms",
                    json_integer_create(dp_watch_interval_ms(dp->watch)));
    json_object_put(json, "top", list_json(dp, &top->lists[order]));
    return json;
}

static void
format_flows(const struct json *flows, struct ds *s)
{
    static const char *const heading[] = {
        "PACKETS/S", "BYTES/S", "CORE", "PORT", "WHERE", "WHY", "FLOW",
    };
    struct dp_table table;

    dp_table_init(&table, ARRAY_SIZE(heading));
    for (size_t i = 0; i < ARRAY_SIZE(heading); i++) {
        dp_table_add(&table, "%s", heading[i]);
    }
    for (size_t i = 0; i < json_array(flows)->n; i++) {
        const struct json *flow = json_array(flows)->elems[i];
        const struct json *core = shash_find_data(json_object(flow), "core");
        const char *port = dp_show_find_str(flow, "port");

        dp_table_add(&table, "%lld", dp_show_int(flow, "packets_per_second"));
        dp_table_add(&table, "%lld", dp_show_int(flow, "bytes_per_second"));
        if (core->type == JSON_NULL) {
            dp_table_add(&table, "main");
        } else {
            dp_table_add(&table, "%"PRId64, json_integer(core));
        }
        dp_table_add(&table, "%s", port ? port : "(gone)");
        dp_table_add(&table, "%s", dp_show_str(flow, "where"));
        dp_table_add(&table, "%s", dp_show_str(flow, "why_text"));
        dp_table_add(&table, "%s, actions:%s", dp_show_str(flow, "match"),
                     dp_show_str(flow, "actions"));
    }
    dp_table_format(&table, 0, s);
    dp_table_uninit(&table);
}

static void
format_top(const struct json *json, struct ds *s)
{
    const struct json *flows = shash_find_data(json_object(json), "top");
    long long int n = dp_show_int(json, "flows");
    long long int n_unwatched = dp_show_int(json, "unwatched");

    if (!dp_show_bool(json, "settled")) {
        ds_put_cstr(s, "Flows are watched from now on: ask again in two "
                    "seconds.\n");
        return;
    }
    ds_put_format(s, "Flows: %lld, looked at every %.1f s", n,
                  dp_show_int(json, "interval_ms") / 1000.0);
    if (n_unwatched) {
        ds_put_format(s, ", but %lld not at all: there are too many",
                      n_unwatched);
    }
    ds_put_char(s, '\n');
    if (json_array(flows)->n) {
        format_flows(flows, s);
    }
}

static char *
show(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    enum dp_top_order order = DP_TOP_BY_PACKETS;
    struct json *json;

    if (args->operand) {
        if (!strcmp(args->operand, "bytes")) {
            order = DP_TOP_BY_BYTES;
        } else if (strcmp(args->operand, "packets")) {
            return xasprintf("'%s' is neither 'packets' nor 'bytes'",
                             args->operand);
        }
    }
    json = top_json(dp, order);
    if (args->json) {
        dp_command_put_json(s, json);
    } else {
        format_top(json, s);
        json_destroy(json);
    }
    return NULL;
}

static void
top_flows(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    dp_command_format(conn, argc, argv, show);
}

void
dp_commands_top_init(void)
{
    unixctl_command_register("dpif/top-flows",
                             "[--format json] [packets|bytes]", 0, 3,
                             top_flows, NULL);
}
