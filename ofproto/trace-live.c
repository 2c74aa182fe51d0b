/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/trace-live.h"

#include <stdlib.h>

#include "bitmap.h"
#include "ctl/dp-commands.h"
#include "ctl/dp-live-show.h"
#include "ctl/dp.h"
#include "dpif-netdev.h"
#include "dpif.h"
#include "netdev.h"
#include "odp-util.h"
#include "offload/dp-show.h"
#include "ofproto/detrace.h"
#include "ofproto/ofproto-dpif-trace.h"
#include "ofproto/ofproto-dpif-xlate.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/ofproto-provider.h"
#include "ofproto/upcall-log.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-port.h"
#include "pipe/dp-live.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"

enum {
    DEFAULT_TIMEOUT_S = 10,
    MAX_TIMEOUT_S = 600,
};

/* A question that waits for its answer. */
struct question {
    struct unixctl_conn *conn;
    bool json;
    unsigned int n, timeout_s;
};

/* The same while it is being read. */
struct args {
    bool json;
    unsigned int n, timeout_s;
    struct ofproto_dpif *bridge;        /* NULL: none. */
    const char *filter;                 /* NULL: none. */
};

/* Which OpenFlow rules. */

/* Adds to 'json', an event "found" in the lane on 'core_id', the rules that
 * made the megaflow. */
static void
put_openflow(struct dp *dp, struct json *json, unsigned int core_id)
{
    const char *name = dp_show_str(json, "ufid");
    struct json *lines = json_array_create_empty();
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *save = NULL, *line;
    ovs_u128 ufid;

    if (odp_ufid_from_string(name, &ufid) > 0) {
        detrace_flow(dp->name, &ufid, core_id, &ds);
    }
    for (line = strtok_r(ds_cstr(&ds), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_array_add(lines, json_string_create(line));
    }
    json_object_put(json, "openflow", lines);
    ds_destroy(&ds);
}

static void
put_details(struct dp *dp, struct json *packet)
{
    const struct json *core = shash_find_data(json_object(packet), "core");
    unsigned int core_id = (core->type == JSON_NULL ? NON_PMD_CORE_ID
                            : json_integer(core));
    const struct json *events = shash_find_data(json_object(packet),
                                                "events");

    for (size_t i = 0; i < json_array(events)->n; i++) {
        struct json *event = json_array(events)->elems[i];
        const char *type = dp_show_str(event, "event");

        if (!strcmp(type, "found") && !dp_show_bool(event, "merged")) {
            put_openflow(dp, event, core_id);
        } else if (!strcmp(type, "end") && dp_show_int(event, "code")) {
            json_object_put_string(
                event, "text", xlate_strerror(dp_show_int(event, "code")));
        }
    }
}

/* The answer. */

static const char *
end_name(enum dp_tracing_end end)
{
    switch (end) {
    case DP_TRACING_DONE:     return "done";
    case DP_TRACING_TIMEOUT:  return "timeout";
    case DP_TRACING_REPLACED: return "replaced";
    case DP_TRACING_GONE:     return "gone";
    }
    OVS_NOT_REACHED();
}

static void
format_end(const struct question *q, const struct json *json,
           enum dp_tracing_end end, struct ds *s)
{
    long long int n_seen = dp_show_int(json, "seen");
    long long int n_whole = dp_show_int(json, "whole_rules");
    size_t n = json_array(shash_find_data(json_object(json), "packets"))->n;

    if (end == DP_TRACING_TIMEOUT) {
        ds_put_format(s, "%"PRIuSIZE" of %u packet%s in %u s, of %lld that "
                      "came in by the ports in question.\n", n, q->n,
                      dp_show_s(q->n), q->timeout_s, n_seen);
    } else if (end == DP_TRACING_REPLACED) {
        ds_put_format(s, "%"PRIuSIZE" of %u packet%s: ended by another "
                      "ofproto/trace-live.\n", n, q->n, dp_show_s(q->n));
    } else if (end == DP_TRACING_GONE) {
        ds_put_format(s, "%"PRIuSIZE" of %u packet%s: the datapath has "
                      "gone.\n", n, q->n, dp_show_s(q->n));
    }
    if (n_whole) {
        ds_put_format(s, "What NICs or XDP forward by themselves is not seen: "
                      "they run %lld flow%s, see offload/rules.\n", n_whole,
                      dp_show_s(n_whole));
    }
}

static void
answer(struct dp *dp, struct dp_live *live, enum dp_tracing_end end,
       void *q_)
{
    struct json *json = dp_live_show_json(dp, live, dp->tracing.began_us);
    const struct json *packets = shash_find_data(json_object(json),
                                                 "packets");
    struct ds s = DS_EMPTY_INITIALIZER;
    struct question *q = q_;

    for (size_t i = 0; i < json_array(packets)->n; i++) {
        put_details(dp, json_array(packets)->elems[i]);
    }
    json_object_put_string(json, "end", end_name(end));
    if (q->json) {
        dp_command_put_json(&s, json);
    } else {
        dp_live_show_text(json, &s);
        format_end(q, json, end, &s);
        json_destroy(json);
    }
    unixctl_command_reply(q->conn, ds_cstr(&s));
    ds_destroy(&s);
    free(q);
}

/* The question. */

/* Returns the only bridge there is, or NULL. */
static struct ofproto_dpif *
only_bridge(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    struct sset names = SSET_INITIALIZER(&names);
    struct ofproto_dpif *bridge = NULL;
    const char *type;

    ofproto_enumerate_types(&types);
    SSET_FOR_EACH (type, &types) {
        struct sset some = SSET_INITIALIZER(&some);
        const char *name;

        if (!ofproto_enumerate_names(type, &some)) {
            SSET_FOR_EACH (name, &some) {
                sset_add(&names, name);
            }
        }
        sset_destroy(&some);
    }
    if (sset_count(&names) == 1) {
        bridge = ofproto_dpif_lookup_by_name(SSET_FIRST(&names));
    }
    sset_destroy(&names);
    sset_destroy(&types);
    return bridge;
}

static char *
parse_number(const char *option, const char *s, unsigned int max,
             unsigned int *np)
{
    if (!str_to_uint(s, 10, np) || !*np || *np > max) {
        return xasprintf("%s is '%s', but must be from 1 to %u", option, s,
                         max);
    }
    return NULL;
}

/* One operand is a bridge if it is called so, else a filter. */
static char *
parse_operand(struct args *args, const char *operand)
{
    struct ofproto_dpif *bridge = ofproto_dpif_lookup_by_name(operand);

    if (args->filter) {
        return xasprintf("unknown argument '%s'", operand);
    } else if (bridge && !args->bridge) {
        args->bridge = bridge;
    } else {
        args->filter = operand;
    }
    return NULL;
}

static char *
parse_args(int argc, const char *argv[], struct args *args)
{
    char *error = NULL;

    *args = (struct args) { .n = 1, .timeout_s = DEFAULT_TIMEOUT_S };
    for (int i = 1; i < argc && !error; i++) {
        const char *arg = argv[i];

        if (arg[0] != '-') {
            error = parse_operand(args, arg);
        } else if (i + 1 >= argc) {
            error = xasprintf("unknown argument '%s', or nothing follows it",
                              arg);
        } else if (!strcmp(arg, "--count")) {
            error = parse_number(arg, argv[++i], DP_LIVE_PACKETS_MAX,
                                 &args->n);
        } else if (!strcmp(arg, "--timeout")) {
            error = parse_number(arg, argv[++i], MAX_TIMEOUT_S,
                                 &args->timeout_s);
        } else if (!strcmp(arg, "--format")) {
            args->json = !strcmp(argv[++i], "json");
            if (!args->json && strcmp(argv[i], "text")) {
                error = xasprintf("--format is '%s', but must be 'text' or "
                                  "'json'", argv[i]);
            }
        } else {
            error = xasprintf("unknown argument '%s'", arg);
        }
    }
    return error;
}

/* Do packets that have just come in have nothing that 'match' looks at? */
static bool
is_of_later(const struct match *match)
{
    struct flow masks = match->wc.masks;

    masks.in_port.odp_port = 0;
    masks.packet_type = 0;
    return !is_all_zeros(&masks, offsetof(struct flow, dl_dst));
}

/* Replaces the OpenFlow port in 'match', of 'bridge', by the datapath's. */
static char *
translate_port(struct dp *dp, const struct ofproto_dpif *bridge,
               struct match *match)
{
    ofp_port_t ofp_port = match->flow.in_port.ofp_port;
    odp_port_t port_no = ODPP_NONE;
    const struct ofport *port;

    if (!match->wc.masks.in_port.ofp_port) {
        match->flow.in_port.odp_port = 0;
        return NULL;
    } else if (!bridge) {
        return xstrdup("a filter with in_port needs a bridge before it");
    }
    port = ofproto_get_port(&bridge->up, ofp_port);
    if (port) {
        port_no = dp_find_port(dp, netdev_get_name(port->netdev));
    }
    if (odp_to_u32(port_no) >= DP_LIVE_PORTS) {
        return xasprintf("no packets come in by port %"PRIu32" of bridge %s",
                         ofp_port, bridge->up.name);
    }
    memset(&match->flow.in_port, 0, sizeof match->flow.in_port);
    match->flow.in_port.odp_port = port_no;
    match->wc.masks.in_port.odp_port = ODPP_NONE;
    return NULL;
}

static char *
parse_fields(const char *s, struct ofproto_dpif *bridge, struct match *match)
{
    struct ofputil_port_map ports = OFPUTIL_PORT_MAP_INITIALIZER(&ports);
    enum ofputil_protocol protocols;
    struct ofputil_flow_mod fm;
    char *error;

    if (bridge) {
        ofproto_append_ports_to_map(&ports, bridge->up.ports);
    }
    error = parse_ofp_str(&fm, OFPFC_DELETE, s, &ports, NULL, &protocols);
    ofputil_port_map_destroy(&ports);
    if (error) {
        char *reason = error;

        error = xasprintf("'%s' is neither a bridge nor a filter: %s", s,
                          reason);
        free(reason);
        return error;
    }
    minimatch_expand(&fm.match, match);
    if (fm.table_id != 0xff || fm.cookie_mask || fm.out_port != OFPP_ANY
        || fm.out_group != OFPG_ANY || fm.priority != OFP_DEFAULT_PRIORITY) {
        error = xstrdup("a filter has only fields of packets");
    } else if (is_of_later(match)) {
        error = xstrdup("a filter has only fields that packets have when they "
                        "come in");
    }
    minimatch_destroy(&fm.match);
    free(fm.ofpacts);
    return error;
}

/* Returns the ports of 'bridge' as a bitmap of the datapath's numbers. */
static unsigned long *
list_ports(struct dp *dp, const struct ofproto_dpif *bridge)
{
    unsigned long *ports = bitmap_allocate(DP_LIVE_PORTS);
    const struct ofport *port;

    HMAP_FOR_EACH (port, hmap_node, &bridge->up.ports) {
        odp_port_t port_no = dp_find_port(dp, netdev_get_name(port->netdev));

        if (odp_to_u32(port_no) < DP_LIVE_PORTS) {
            bitmap_set1(ports, odp_to_u32(port_no));
        }
    }
    return ports;
}

static char *
parse_filter(struct dp *dp, const struct args *args,
             struct dp_live_filter *filter)
{
    struct ofproto_dpif *bridge = args->bridge ? args->bridge : only_bridge();
    char *error = NULL;

    match_init_catchall(&filter->match);
    filter->ports = NULL;
    if (args->filter) {
        error = parse_fields(args->filter, bridge, &filter->match);
        if (!error) {
            error = translate_port(dp, bridge, &filter->match);
        }
    }
    if (!error && filter->match.wc.masks.in_port.odp_port) {
        /* Others need not even be looked at. */
        filter->ports = bitmap_allocate(DP_LIVE_PORTS);
        bitmap_set1(filter->ports,
                    odp_to_u32(filter->match.flow.in_port.odp_port));
    } else if (!error && args->bridge) {
        filter->ports = list_ports(dp, args->bridge);
    }
    return error;
}

/* Returns the datapath that 'args' is about, or NULL. */
static struct dp *
find_dp(const struct args *args)
{
    const struct dpif *dpif = args->bridge ? args->bridge->backer->dpif : NULL;

    return (!dpif ? dp_find_for_command(NULL)
            : dpif_is_netdev(dpif) ? dp_find_for_command(dpif_base_name(dpif))
            : NULL);
}

/* Asks 'dp', if there is one. */
static char *
ask(struct dp *dp, const struct args *args, struct unixctl_conn *conn)
{
    struct dp_live_filter filter;
    struct question *q;
    char *error;

    if (!dp) {
        return xstrdup(args->bridge ? "the bridge has no userspace datapath"
                       : "there is not exactly one userspace datapath");
    }
    error = parse_filter(dp, args, &filter);
    if (error) {
        return error;
    }
    q = xmalloc(sizeof *q);
    *q = (struct question) { conn, args->json, args->n, args->timeout_s };
    dp_tracing_ask(dp, &filter, q->n, q->timeout_s * 1000LL, answer, q);
    VLOG_INFO("%s: waiting for %u packet%s of \"%s\" for up to %u s",
              dp->name, q->n, dp_show_s(q->n),
              args->filter ? args->filter : "", q->timeout_s);
    return NULL;
}

void
trace_live_command(struct unixctl_conn *conn, int argc, const char *argv[],
                   void *aux OVS_UNUSED)
{
    struct args args;
    char *error = parse_args(argc, argv, &args);

    if (!error) {
        dp_registry_lock();
        error = ask(find_dp(&args), &args, conn);
        dp_registry_unlock();
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    }
}
