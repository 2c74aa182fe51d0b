/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-merge-show.h"

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-flow-format.h"
#include "flow/dp-flow.h"
#include "merge/dp-books.h"
#include "ovs/ovs-odp-format.h"

/* A dump under way. */
struct dump {
    const struct dp_merge_dump *args;
    struct dp *dp;
    struct hmap *port_names;    /* NULL: numbers. */
    bool has_filter;
    struct match filter;
};

/* Returns NULL, or what is wrong with the filter, to be freed. */
static char *
parse_filter(struct dump *dump)
{
    struct ofputil_port_map ports;
    struct flow_wildcards wc;
    struct dp_port *port;
    struct flow flow;
    char *error;

    ofputil_port_map_init(&ports);
    ovs_mutex_lock(&dump->dp->topology.mutex);
    HMAP_FOR_EACH (port, node, &dump->dp->topology.ports) {
        ofputil_port_map_put(&ports,
                             u16_to_ofp(odp_to_u32(port->port_no)),
                             netdev_get_name(port->netdev));
    }
    ovs_mutex_unlock(&dump->dp->topology.mutex);
    error = parse_ofp_exact_flow(&flow, &wc, NULL, dump->args->filter,
                                 &ports);
    ofputil_port_map_destroy(&ports);
    if (error) {
        char *text = xasprintf("Failed to parse filter (%s)", error);

        free(error);
        return text;
    }
    match_init(&dump->filter, &flow, &wc);
    dump->has_filter = true;
    return NULL;
}

/* Would 'flow', by what it looks at, be shown? */
static bool
passes(const struct dump *dump, const struct dp_flow *flow)
{
    struct match match;
    bool found = true;

    if (dump->args->only_core && flow->lane_id != dump->args->core_id) {
        return false;
    }
    if (dump->has_filter) {
        struct minimatch filter;

        dp_flow_get_match(flow, &match);
        minimatch_init(&filter, &dump->filter);
        found = minimatch_matches_flow(&filter, &match.flow);
        minimatch_destroy(&filter);
    }
    return found;
}

static void
format_flow(const struct dump *dump, const struct dp_lane *lane,
            const struct dp_flow *flow, struct ds *s)
{
    struct odputil_keybuf keybuf, maskbuf;
    struct ofpbuf key, mask;
    struct dpif_flow f;

    ofpbuf_use_stack(&key, &keybuf, sizeof keybuf);
    ofpbuf_use_stack(&mask, &maskbuf, sizeof maskbuf);
    dp_flow_to_dpif_flow(lane, flow, &key, &mask, &f, NULL, 0, false);
    if (dump->args->more) {
        odp_format_ufid(&flow->mega_ufid, s);
        ds_put_cstr(s, ", ");
    }
    ovs_odp_flow_format(f.key, f.key_len, f.mask, f.mask_len,
                        dump->port_names, s, dump->args->more);
    ds_put_cstr(s, ", ");
    dpif_flow_stats_format(&f.stats, s);
    if (dump->args->more) {
        if (f.attrs.offloaded) {
            ds_put_cstr(s, ", offloaded:yes");
        }
        ds_put_format(s, ", dp:%s", f.attrs.dp_layer);
    }
    ds_put_cstr(s, ", actions:");
    format_odp_actions(s, f.actions, f.actions_len, dump->port_names);
    if (dump->args->more) {
        if (flow->lane_id != NON_PMD_CORE_ID) {
            ds_put_format(s, ", core:%u", flow->lane_id);
        }
        ds_put_cstr(s, ", ");
        dp_books_format_contributors(dump->dp->shared.books, flow, s);
    }
    ds_put_char(s, '\n');
}

static void
format_title(const struct dp_flow *flow, struct ds *s)
{
    if (flow->lane_id == NON_PMD_CORE_ID) {
        ds_put_cstr(s, "flow-dump from the main thread:\n");
    } else {
        ds_put_format(s, "flow-dump from pmd on cpu core: %u\n",
                      flow->lane_id);
    }
}

static void
format_lane(const struct dump *dump, const struct dp_lane *lane,
            struct dp_flow **flows, size_t n, struct ds *s)
{
    bool titled = !dump->args->titles || dump->args->only_core;

    for (size_t i = 0; i < n; i++) {
        if (flows[i]->lane_id == lane->core_id && passes(dump, flows[i])) {
            if (!titled) {
                format_title(flows[i], s);
                titled = true;
            }
            format_flow(dump, lane, flows[i], s);
        }
    }
}

static void
format_all(const struct dump *dump, struct ds *s)
{
    size_t n_flows, n_lanes;
    struct dp_flow **flows = dp_books_list(dump->dp->shared.books, &n_flows);
    struct dp_pmd **lanes = dp_topology_sorted_lanes(&dump->dp->topology,
                                                     &n_lanes);

    for (size_t i = 0; i < n_lanes; i++) {
        format_lane(dump, &lanes[i]->lane, flows, n_flows, s);
    }
    for (size_t i = 0; i < n_flows; i++) {
        dp_flow_unref(flows[i]);
    }
    free(flows);
    free(lanes);
}

char *
dp_merge_dump(struct dp *dp, const struct dp_merge_dump *args, struct ds *s)
{
    struct dump dump = { .args = args, .dp = dp };
    struct hmap names = HMAP_INITIALIZER(&names);
    char *error = args->filter ? parse_filter(&dump) : NULL;

    if (!error) {
        if (args->names) {
            dp_get_port_names(dp, &names);
            dump.port_names = &names;
        }
        format_all(&dump, s);
    }
    odp_portno_names_destroy(&names);
    hmap_destroy(&names);
    return error;
}
