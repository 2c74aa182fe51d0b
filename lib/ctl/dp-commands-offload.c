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
#include "ctl/dp-merge-show.h"
#include "offload/dp-offload.h"
#include "offload/dp-rule-name.h"
#include "offload/dp-show.h"

/* "offload/show [PORT]", "offload/rules [PORT]" and "offload/why UFID|all",
 * each with an optional "--format json".  UFID names a flow or a rule
 * (dp-rule-name.h). */

enum what { SHOW, RULES, WHY };

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

/* Calls 'cb' for the flows of the rule 'mega_ufid' in all lanes of 'dp', until
 * it returns false. */
static void
for_flows_of_rule(struct dp *dp, const ovs_u128 *mega_ufid,
                  bool (*cb)(const struct dp_flow *, void *aux), void *aux)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        const struct dp_flow *flow;

        CMAP_FOR_EACH (flow, ufid_node, &pmd->lane.flows.flows) {
            if (ovs_u128_equals(flow->mega_ufid, *mega_ufid)
                && !cb(flow, aux)) {
                return;
            }
        }
    }
}

struct members {
    struct dp *dp;
    struct json *json;
};

static bool
add_member(const struct dp_flow *flow, void *members_)
{
    struct members *members = members_;
    struct json *member = json_object_create();
    struct ds ufid = DS_EMPTY_INITIALIZER;

    odp_format_ufid(&flow->ufid, &ufid);
    json_object_put_string(member, "ufid", ds_cstr(&ufid));
    json_object_put(member, "core",
                    flow->lane_id == NON_PMD_CORE_ID ? json_null_create()
                    : json_integer_create(flow->lane_id));
    dp_merge_put_flow(members->dp, flow, member);
    json_array_add(members->json, member);
    ds_destroy(&ufid);
    return true;
}

/* Returns the flows of the rule 'mega_ufid', as JSON. */
static struct json *
members_json(struct dp *dp, const ovs_u128 *mega_ufid)
{
    struct members members = { dp, json_array_create_empty() };

    for_flows_of_rule(dp, mega_ufid, add_member, &members);
    return members.json;
}

/* What became of attempts to merge the flow 'member'. */
static void
format_merging(const struct json *member, struct ds *s)
{
    long long int n = dp_show_int(member, "merged_flows");
    const char *refused = dp_show_find_str(member, "merge_refused");

    if (n) {
        ds_put_format(s, ", in %lld merged flow%s", n, dp_show_s(n));
    }
    if (refused) {
        ds_put_format(s, ", merging refused: %s", refused);
    }
}

static void
format_members(const struct json *members, struct ds *s)
{
    for (size_t i = 0; i < json_array(members)->n; i++) {
        const struct json *member = json_array(members)->elems[i];
        const struct json *core = shash_find_data(json_object(member),
                                                  "core");

        ds_put_format(s, "  flow %s, ", dp_show_str(member, "ufid"));
        if (core->type == JSON_NULL) {
            ds_put_cstr(s, "main thread");
        } else {
            ds_put_format(s, "core %"PRId64, json_integer(core));
        }
        format_merging(member, s);
        ds_put_char(s, '\n');
    }
}

static bool
take_ufid(const struct dp_flow *flow, void *ufid)
{
    *(ovs_u128 *) ufid = flow->ufid;
    return false;
}

/* Finds a flow of the rule 'mega_ufid' of the datapath 'dp_name', in any of
 * its lanes.  Returns false if there is none. */
bool
dp_find_flow_of_rule(const char *dp_name, const ovs_u128 *mega_ufid,
                     ovs_u128 *ufid)
{
    struct dp *dp;

    *ufid = OVS_U128_ZERO;
    dp_registry_lock();
    dp = dp_find_for_command(dp_name);
    if (dp) {
        for_flows_of_rule(dp, mega_ufid, take_ufid, ufid);
    }
    dp_registry_unlock();
    return !ovs_u128_is_zero(*ufid);
}

/* Is there a rule 'mega_ufid', which no flow in dumps has? */
static bool
is_merged_rule(const struct dp_offload *offload, const ovs_u128 *mega_ufid)
{
    enum dp_offload_why why = dp_offload_flow_why(offload, mega_ufid);

    return why != DP_OFFLOAD_WHY_UNKNOWN && why != DP_OFFLOAD_WHY_OFF;
}

/* Stores in '*mega_ufid' the rule that 's' names, or that of the flow that it
 * names.  Returns NULL, or what is wrong, to be freed. */
static char *
find_rule(struct dp *dp, const char *s, ovs_u128 *mega_ufid)
{
    ovs_u128 ufid = OVS_U128_ZERO;
    struct dp_flow *flow;

    if (dp_rule_name_parse(s, mega_ufid)) {
        for_flows_of_rule(dp, mega_ufid, take_ufid, &ufid);
        return (ovs_u128_is_zero(ufid)
                && !is_merged_rule(dp->shared.offload, mega_ufid)
                ? xasprintf("no flow has the rule '%s'", s) : NULL);
    } else if (!dp_flow_name_parse(s, &ufid)) {
        return xasprintf("'%s' is neither 'all' nor the name of a flow or "
                         "rule (ufid:..., mega:... or merged:...)", s);
    }
    flow = find_flow(dp, &ufid);
    if (!flow) {
        return xasprintf("no flow has the UFID '%s'", s);
    }
    *mega_ufid = flow->mega_ufid;
    return NULL;
}

static char *
show_why(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    const struct dp_offload *offload = dp->shared.offload;
    struct json *members;
    ovs_u128 mega_ufid;
    char *error;

    if (!args->operand) {
        return xstrdup("a UFID, or 'all', is missing");
    } else if (!strcmp(args->operand, "all")) {
        if (args->json) {
            dp_command_put_json(s, dp_offload_why_json(offload, NULL));
        } else {
            dp_offload_format_why(offload, NULL, s);
        }
        return NULL;
    }

    error = find_rule(dp, args->operand, &mega_ufid);
    if (error) {
        return error;
    }
    members = members_json(dp, &mega_ufid);
    if (args->json) {
        struct json *json = dp_offload_why_json(offload, &mega_ufid);

        json_object_put(json, "members", members);
        dp_command_put_json(s, json);
    } else {
        dp_offload_format_why(offload, &mega_ufid, s);
        format_members(members, s);
        json_destroy(members);
    }
    return NULL;
}

/* Stores in '*port_no' the port that 'name' names, ODPP_NONE if that is NULL.
 * Returns NULL, or what is wrong, to be freed. */
static char *
find_port(struct dp *dp, const char *name, odp_port_t *port_no)
{
    *port_no = ODPP_NONE;
    if (name) {
        struct dp_port *port;

        ovs_mutex_lock(&dp->topology.mutex);
        port = dp_topology_port_by_name(&dp->topology, name);
        *port_no = port ? port->port_no : ODPP_NONE;
        ovs_mutex_unlock(&dp->topology.mutex);
        if (*port_no == ODPP_NONE) {
            return xasprintf("no port is called '%s'", name);
        }
    }
    return NULL;
}

static char *
show_rules(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    const struct dp_offload *offload = dp->shared.offload;
    odp_port_t port_no;
    char *error = find_port(dp, args->operand, &port_no);

    if (error) {
        return error;
    } else if (args->json) {
        dp_command_put_json(s, dp_offload_rules_json(offload, port_no));
    } else {
        dp_offload_format_rules(offload, port_no, s);
    }
    return NULL;
}

static char *
show_port(const struct dp_offload *offload, odp_port_t port_no,
          const struct dp_format_args *args, struct ds *s)
{
    struct json *json;

    if (!args->json) {
        return (dp_offload_format_show_port(offload, port_no, s) ? NULL
                : xasprintf("the offload engine has no port '%s'",
                            args->operand));
    }
    json = dp_offload_show_port_json(offload, port_no);
    if (!json) {
        return xasprintf("the offload engine has no port '%s'",
                         args->operand);
    }
    dp_command_put_json(s, json);
    return NULL;
}

static char *
show_engine(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    const struct dp_offload *offload = dp->shared.offload;
    odp_port_t port_no;
    char *error = find_port(dp, args->operand, &port_no);

    if (error) {
        return error;
    } else if (port_no != ODPP_NONE) {
        return show_port(offload, port_no, args, s);
    } else if (args->json) {
        dp_command_put_json(s, dp_offload_show_json(offload));
    } else {
        dp_offload_format_show(offload, s);
    }
    return NULL;
}

static void
offload_command(struct unixctl_conn *conn, int argc, const char *argv[],
                void *what)
{
    dp_command_format(conn, argc, argv, (what == (void *) WHY ? show_why
                                         : what == (void *) RULES ? show_rules
                                         : show_engine));
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
    unixctl_command_register("offload/show", "[--format json] [port]", 0, 3,
                             offload_command, (void *) SHOW);
    unixctl_command_register("offload/rules", "[--format json] [port]", 0, 3,
                             offload_command, (void *) RULES);
    unixctl_command_register("offload/why", "[--format json] ufid|all", 1, 3,
                             offload_command, (void *) WHY);
}
