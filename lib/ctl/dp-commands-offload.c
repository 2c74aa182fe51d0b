/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "offload/dp-offload.h"

/* "offload/show", "offload/rules [PORT]" and "offload/why UFID|all", each with
 * an optional "--format json". */

enum what { SHOW, RULES, WHY };

struct args {
    bool json;
    const char *operand;        /* PORT, UFID or "all"; or NULL. */
};

static char *
parse_args(int argc, const char *argv[], struct args *args)
{
    *args = (struct args) { .json = false };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--format") && i + 1 < argc) {
            args->json = !strcmp(argv[++i], "json");
            if (!args->json && strcmp(argv[i], "text")) {
                return xasprintf("--format is '%s', but must be 'text' or "
                                 "'json'", argv[i]);
            }
        } else if (!args->operand) {
            args->operand = argv[i];
        } else {
            return xasprintf("unknown argument '%s'", argv[i]);
        }
    }
    return NULL;
}

static void
put_json(struct ds *s, struct json *json)
{
    json_to_ds(json, JSSF_PRETTY | JSSF_SORT, s);
    json_destroy(json);
}

static struct dp_flow *
find_flow(struct dp *dp, const ovs_u128 *ufid)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        struct dp_flow *flow = dp_flow_table_find(&pmd->lane.flows, ufid);

        if (flow) {
            return flow;
        }
    }
    return NULL;
}

static char *
show_why(struct dp *dp, const struct args *args, struct ds *s)
{
    const struct dp_offload *offload = dp->shared.offload;
    const ovs_u128 *mega_ufid = NULL;
    ovs_u128 ufid;

    if (!args->operand) {
        return xstrdup("a UFID, or 'all', is missing");
    }
    if (strcmp(args->operand, "all")) {
        struct dp_flow *flow;

        if (odp_ufid_from_string(args->operand, &ufid) <= 0) {
            return xasprintf("'%s' is neither a UFID nor 'all'",
                             args->operand);
        }
        flow = find_flow(dp, &ufid);
        if (!flow) {
            return xasprintf("no flow has the UFID '%s'", args->operand);
        }
        mega_ufid = &flow->mega_ufid;
    }
    if (args->json) {
        put_json(s, dp_offload_why_json(offload, mega_ufid));
    } else {
        dp_offload_format_why(offload, mega_ufid, s);
    }
    return NULL;
}

static char *
show_rules(struct dp *dp, const struct args *args, struct ds *s)
{
    const struct dp_offload *offload = dp->shared.offload;
    odp_port_t port_no = ODPP_NONE;

    if (args->operand) {
        struct dp_port *port;

        ovs_mutex_lock(&dp->topology.mutex);
        port = dp_topology_port_by_name(&dp->topology, args->operand);
        port_no = port ? port->port_no : ODPP_NONE;
        ovs_mutex_unlock(&dp->topology.mutex);
        if (port_no == ODPP_NONE) {
            return xasprintf("no port is called '%s'", args->operand);
        }
    }
    if (args->json) {
        put_json(s, dp_offload_rules_json(offload, port_no));
    } else {
        dp_offload_format_rules(offload, port_no, s);
    }
    return NULL;
}

static char *
show_engine(struct dp *dp, const struct args *args, struct ds *s)
{
    if (args->json) {
        put_json(s, dp_offload_show_json(dp->shared.offload));
    } else {
        dp_offload_format_show(dp->shared.offload, s);
    }
    return NULL;
}

static void
offload_command(struct unixctl_conn *conn, int argc, const char *argv[],
                void *what)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct args args;
    struct dp *dp;
    char *error = parse_args(argc, argv, &args);

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    if (!error && !dp) {
        error = xstrdup("there is not exactly one userspace datapath");
    } else if (!error) {
        error = (what == (void *) WHY ? show_why(dp, &args, &s)
                 : what == (void *) RULES ? show_rules(dp, &args, &s)
                 : show_engine(dp, &args, &s));
    }
    dp_registry_unlock();
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&s));
    }
    ds_destroy(&s);
}

/* Appends to 'ds' what upcall/show says about the offloading of the datapath
 * 'name', if that is switched on. */
void
dp_format_offload(const char *name, struct ds *ds)
{
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(name);
    if (dp && dp_offload_is_enabled(dp->shared.offload)) {
        ds_put_format(ds, "  offloaded flows : %"PRIu64"\n",
                      dp_offload_n_installed(dp->shared.offload));
        dp_offload_format_places(dp->shared.offload, ds);
    }
    dp_registry_unlock();
}

void
dp_commands_offload_init(void)
{
    unixctl_command_register("offload/show", "[--format json]", 0, 2,
                             offload_command, (void *) SHOW);
    unixctl_command_register("offload/rules", "[--format json] [port]", 0, 3,
                             offload_command, (void *) RULES);
    unixctl_command_register("offload/why", "[--format json] ufid|all", 1, 3,
                             offload_command, (void *) WHY);
}
