/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dp-drop-show.h"
#include "offload/dp-show.h"
#include "offload/dp-table.h"

/* "dpif/show-drops [--pmd] [PORT]", with an optional "--format json". */

static const char *
port_of(const struct json *drop)
{
    const char *port = dp_show_find_str(drop, "port");

    return port ? port : "(gone)";
}

/* Who has dropped: a thread, the datapath or the port. */
static void
add_by(const struct json *drop, struct dp_table *table)
{
    const struct json *core = shash_find_data(json_object(drop), "core");
    const char *by = dp_show_str(drop, "by");

    if (core) {
        dp_table_add(table, "core %"PRId64, json_integer(core));
    } else {
        dp_table_add(table, "%s", (!strcmp(by, "main") ? "main thread"
                                   : !strcmp(by, "past") ? "past threads"
                                   : by));
    }
}

static void
add_row(const struct json *drop, struct dp_table *table)
{
    const struct json *rate = shash_find_data(json_object(drop),
                                              "packets_per_second");
    const char *text = dp_show_find_str(drop, "text");

    dp_table_add(table, "%lld", dp_show_int(drop, "packets"));
    if (rate) {
        dp_table_add(table, "%.1f", json_real(rate));
    } else {
        dp_table_add(table, "%s", "-");
    }
    dp_table_add(table, "%s", port_of(drop));
    add_by(drop, table);
    dp_table_add(table, "%s", dp_show_str(drop, "reason"));
    dp_table_add(table, "%s", text ? text : "");
}

static void
format_last(const struct json *drop, struct ds *s)
{
    const struct json *last = shash_find_data(json_object(drop), "last");
    long long int recirc_id, bytes;

    if (!last) {
        return;
    }
    recirc_id = dp_show_int(last, "recirc_id");
    bytes = dp_show_int(last, "bytes");
    ds_put_format(s, "  %s, %s, %.1f s ago, %lld byte%s", port_of(drop),
                  dp_show_str(drop, "reason"),
                  dp_show_int(last, "age_ms") / 1000.0, bytes,
                  dp_show_s(bytes));
    if (recirc_id) {
        ds_put_format(s, ", recirculated as %#llx", recirc_id);
    }
    ds_put_format(s, ":\n    %s\n", dp_show_str(last, "flow"));
}

static void
format_drops(const struct json *json, struct ds *s)
{
    const struct json_array *drops = json_array(json);
    struct ds packets = DS_EMPTY_INITIALIZER;
    struct dp_table table;

    if (!drops->n) {
        ds_put_cstr(s, "No packets were dropped, but by OpenFlow.\n");
        return;
    }
    dp_table_init(&table, 6);
    dp_table_add(&table, "PACKETS");
    dp_table_add(&table, "PER-SECOND");
    dp_table_add(&table, "PORT");
    dp_table_add(&table, "BY");
    dp_table_add(&table, "REASON");
    dp_table_add(&table, "TEXT");
    for (size_t i = 0; i < drops->n; i++) {
        add_row(drops->elems[i], &table);
        format_last(drops->elems[i], &packets);
    }
    dp_table_format(&table, 0, s);
    dp_table_uninit(&table);
    if (packets.length) {
        ds_put_format(s, "\nThe last packets:\n%s", ds_cstr(&packets));
    }
    ds_destroy(&packets);
}

static char *
show(struct dp *dp, const struct dp_format_args *args, bool by_pmd,
     struct ds *s)
{
    const struct dp_drop_filter filter = { args->operand, by_pmd };
    struct json *json = dp_drop_show_json(dp, &filter);

    if (!json) {
        return xasprintf("no port is called '%s'", args->operand);
    }
    if (args->json) {
        dp_command_put_json(s, json);
    } else {
        format_drops(json, s);
        json_destroy(json);
    }
    return NULL;
}

static char *
show_all(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    return show(dp, args, false, s);
}

static char *
show_by_pmd(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    return show(dp, args, true, s);
}

/* Takes the first "--pmd" out of the arguments: no other command has it. */
static void
show_drops(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    const char **rest = xmalloc(argc * sizeof *rest);
    bool by_pmd = false;
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (i && !by_pmd && !strcmp(argv[i], "--pmd")) {
            by_pmd = true;
        } else {
            rest[n++] = argv[i];
        }
    }
    dp_command_format(conn, n, rest, by_pmd ? show_by_pmd : show_all);
    free(rest);
}

void
dp_commands_drops_init(void)
{
    unixctl_command_register("dpif/show-drops",
                             "[--format json] [--pmd] [port]", 0, 4,
                             show_drops, NULL);
}
