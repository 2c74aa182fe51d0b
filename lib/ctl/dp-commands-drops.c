/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include <inttypes.h>

#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "offload/dp-show.h"
#include "offload/dp-table.h"
#include "pipe/dp-drop.h"

/* "dpif/show-drops [PORT]", with an optional "--format json". */

/* Custom statistics of netdevs that count packets that were dropped have one
 * of these in their names. */
static const char *const custom_words[] = { "drop", "full", "too_long" };

/* Collects drops in 'json', an array; those of 'only', unless that is NULL. */
struct drops {
    struct json *json;
    const char *only;
};

/* Adds 'n' packets that 'port' has lost for 'reason'; 'core', which it takes,
 * says where, NULL: in the port.  'port' is NULL if it is not known. */
static void
put_drops(struct drops *drops, const char *port, const char *reason,
          const char *text, struct json *core, uint64_t n)
{
    struct json *json;

    if (!n || n == UINT64_MAX
        || (drops->only && (!port || strcmp(port, drops->only)))) {
        json_destroy(core);
        return;
    }
    json = json_object_create();
    if (port) {
        json_object_put_string(json, "port", port);
    }
    json_object_put_string(json, "reason", reason);
    if (text) {
        json_object_put_string(json, "text", text);
    }
    if (core) {
        json_object_put(json, "core", core);
    }
    json_object_put(json, "packets", json_integer_create(n));
    json_array_add(drops->json, json);
}

/* What 'pmd' has dropped. */
static void
put_lane(struct drops *drops, const struct dp_pmd *pmd)
{
    const struct dp_lane *lane = &pmd->lane;
    struct dp_drops_port *port;

    CMAP_FOR_EACH (port, node, &lane->drops.ports) {
        for (int i = 0; i < DP_N_DROPS; i++) {
            uint64_t n;

            atomic_read_relaxed(&port->n[i], &n);
            put_drops(drops, port->name, dp_drop_name(i), dp_drop_text(i),
                      dp_lane_is_main(lane) ? json_null_create()
                      : json_integer_create(lane->core_id), n);
        }
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
put_port(struct drops *drops, const struct netdev *netdev)
{
    struct netdev_custom_stats custom = { .size = 0 };
    const char *name = netdev_get_name(netdev);
    struct netdev_stats stats;

    if (!netdev_get_stats(netdev, &stats)) {
        put_drops(drops, name, "rx_dropped", NULL, NULL, stats.rx_dropped);
        put_drops(drops, name, "rx_missed_errors", NULL, NULL,
                  stats.rx_missed_errors);
        put_drops(drops, name, "rx_errors", NULL, NULL, stats.rx_errors);
        put_drops(drops, name, "tx_dropped", NULL, NULL, stats.tx_dropped);
        put_drops(drops, name, "tx_errors", NULL, NULL, stats.tx_errors);
    }
    if (!netdev_get_custom_stats(netdev, &custom)) {
        for (size_t i = 0; i < custom.size; i++) {
            if (is_drop(custom.counters[i].name)) {
                put_drops(drops, name, custom.counters[i].name, NULL, NULL,
                          custom.counters[i].value);
            }
        }
        netdev_free_custom_stats_counters(&custom);
    }
}

static int
compare_drops(const void *a_, const void *b_)
{
    const struct json *const *a = a_, *const *b = b_;
    long long int n = dp_show_int(*a, "packets");
    long long int m = dp_show_int(*b, "packets");

    return (n < m ? 1 : n > m ? -1
            : strcmp(dp_show_str(*a, "reason"), dp_show_str(*b, "reason")));
}

static void
format_drops(const struct json *json, struct ds *s)
{
    struct dp_table table;

    if (!json_array(json)->n) {
        ds_put_cstr(s, "No packets were dropped, but by OpenFlow.\n");
        return;
    }
    dp_table_init(&table, 5);
    dp_table_add(&table, "PACKETS");
    dp_table_add(&table, "PORT");
    dp_table_add(&table, "BY");
    dp_table_add(&table, "REASON");
    dp_table_add(&table, "TEXT");
    for (size_t i = 0; i < json_array(json)->n; i++) {
        const struct json *drop = json_array(json)->elems[i];
        const struct json *core = shash_find_data(json_object(drop), "core");
        const char *port = dp_show_find_str(drop, "port");
        const char *text = dp_show_find_str(drop, "text");

        dp_table_add(&table, "%lld", dp_show_int(drop, "packets"));
        dp_table_add(&table, "%s", port ? port : "(gone)");
        if (!core) {
            dp_table_add(&table, "port");
        } else if (core->type == JSON_NULL) {
            dp_table_add(&table, "main thread");
        } else {
            dp_table_add(&table, "core %"PRId64, json_integer(core));
        }
        dp_table_add(&table, "%s", dp_show_str(drop, "reason"));
        dp_table_add(&table, "%s", text ? text : "");
    }
    dp_table_format(&table, 0, s);
    dp_table_uninit(&table);
}

static char *
show(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    struct drops drops = { json_array_create_empty(), args->operand };
    bool found = !drops.only;
    const struct dp_port *port;
    const struct dp_pmd *pmd;
    struct json_array *array;

    ovs_mutex_lock(&dp->topology.mutex);
    HMAP_FOR_EACH (port, node, &dp->topology.ports) {
        found |= drops.only && !strcmp(netdev_get_name(port->netdev),
                                       drops.only);
        put_port(&drops, port->netdev);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    if (!found) {
        json_destroy(drops.json);
        return xasprintf("no port is called '%s'", drops.only);
    }
    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        put_lane(&drops, pmd);
    }
    array = json_array(drops.json);
    if (array->n) {
        qsort(array->elems, array->n, sizeof *array->elems, compare_drops);
    }
    if (args->json) {
        dp_command_put_json(s, drops.json);
    } else {
        format_drops(drops.json, s);
        json_destroy(drops.json);
    }
    return NULL;
}

static void
show_drops(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    dp_command_format(conn, argc, argv, show);
}

void
dp_commands_drops_init(void)
{
    unixctl_command_register("dpif/show-drops", "[--format json] [port]", 0, 3,
                             show_drops, NULL);
}
