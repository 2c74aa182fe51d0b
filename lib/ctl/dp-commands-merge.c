/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include <inttypes.h>

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "flow/dp-flow.h"
#include "flow/dp-log.h"
#include "merge/dp-books.h"
#include "ovs/ovs-odp-format.h"

/* "merge/show" and "merge/dump-flows". */

/* What "merge/show" shows. */
struct figures {
    bool on;
    uint64_t n_lost;            /* Traces. */
    uint64_t n_received;        /* Packets, by all lanes. */
    struct dp_books_stats books;
};

static void
get_figures(struct dp *dp, struct figures *f)
{
    struct dp_pmd *pmd;

    f->on = dp->merging.running;
    f->n_lost = dp_merging_n_lost(&dp->merging);
    f->n_received = 0;
    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        uint64_t n[PMD_N_STATS];

        pmd_perf_read_counters(&pmd->lane.perf, n);
        f->n_received += n[PMD_STAT_RECV];
    }
    dp_books_get_stats(dp->shared.books, &f->books);
}

/* Calls 'put' for each count with its name, so that text and JSON have the
 * same. */
typedef void put_count(void *aux, const char *name, uint64_t n);

static void
put_verdicts(const struct dp_books_stats *stats, put_count *put, void *aux)
{
    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        put(aux, dp_books_verdict_text(i), stats->n_verdicts[i]);
    }
}

static void
put_refused(const struct dp_books_stats *stats, put_count *put, void *aux)
{
    for (int i = 1; i < DP_MERGE_N_WHYS; i++) {
        if (stats->n_refused[i]) {
            put(aux, dp_merge_why_text(i), stats->n_refused[i]);
        }
    }
}

static void
put_killed(const struct dp_books_stats *stats, put_count *put, void *aux)
{
    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        if (stats->n_killed[i]) {
            put(aux, dp_books_cause_text(i), stats->n_killed[i]);
        }
    }
}

static void
put_text(void *s, const char *name, uint64_t n)
{
    ds_put_format(s, "  %s: %"PRIu64"\n", name, n);
}

static void
put_json(void *object, const char *name, uint64_t n)
{
    json_object_put(object, name, json_integer_create(n));
}

static void
show_text(const struct figures *f, struct ds *s)
{
    const struct dp_books_stats *books = &f->books;

    ds_put_format(s, "merging: %s\n", f->on ? "on" : "off");
    ds_put_format(s, "rules: %"PRIu64" of at most %"PRIu64", with %"PRIu64
                  " connections\n", books->n_rules, books->max_rules,
                  books->n_conns);
    ds_put_format(s, "packets: %"PRIu64", bytes: %"PRIu64, books->n_packets,
                  books->n_bytes);
    ds_put_format(s, ", %.1f%% of all received\n",
                  f->n_received ? 100.0 * books->n_packets / f->n_received
                  : 0.0);
    ds_put_cstr(s, "traces:\n");
    put_verdicts(books, put_text, s);
    put_text(s, "lost", f->n_lost);
    ds_put_cstr(s, "refused:\n");
    put_refused(books, put_text, s);
    ds_put_cstr(s, "ended:\n");
    put_killed(books, put_text, s);
}

static struct json *
show_json(const struct figures *f)
{
    const struct dp_books_stats *books = &f->books;
    struct json *json = json_object_create();
    struct json *traces = json_object_create();
    struct json *refused = json_object_create();
    struct json *ended = json_object_create();

    json_object_put(json, "merging", json_boolean_create(f->on));
    put_json(json, "rules", books->n_rules);
    put_json(json, "max-rules", books->max_rules);
    put_json(json, "connections", books->n_conns);
    put_json(json, "packets", books->n_packets);
    put_json(json, "bytes", books->n_bytes);
    put_json(json, "received", f->n_received);
    put_verdicts(books, put_json, traces);
    put_json(traces, "lost", f->n_lost);
    put_refused(books, put_json, refused);
    put_killed(books, put_json, ended);
    json_object_put(json, "traces", traces);
    json_object_put(json, "refused", refused);
    json_object_put(json, "ended", ended);
    return json;
}

static char *
show(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    struct figures f;

    if (args->operand) {
        return xasprintf("unknown argument '%s'", args->operand);
    }
    get_figures(dp, &f);
    if (args->json) {
        dp_command_put_json(s, show_json(&f));
    } else {
        show_text(&f, s);
    }
    return NULL;
}

static void
merge_show(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    dp_command_format(conn, argc, argv, show);
}

/* Appends 'flow' as "dpctl/dump-flows" shows a megaflow. */
static void
format_flow(struct dp_books *books, const struct dp_flow *flow, bool more,
            struct ds *s)
{
    const struct dp_actions *actions = dp_flow_get_actions(flow);
    struct dpif_flow_stats stats;
    struct odputil_keybuf keybuf, maskbuf;
    struct ofpbuf key, mask;
    struct match match;
    struct odp_flow_key_parms parms = {
        .flow = &match.flow,
        .mask = &match.wc.masks,
        .support = dp_odp_support,
    };

    dp_flow_get_match(flow, &match);
    ofpbuf_use_stack(&key, &keybuf, sizeof keybuf);
    ofpbuf_use_stack(&mask, &maskbuf, sizeof maskbuf);
    odp_flow_key_from_flow(&parms, &key);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);
    if (more) {
        odp_format_ufid(&flow->mega_ufid, s);
        ds_put_cstr(s, ", ");
    }
    ovs_odp_flow_format(key.data, key.size, mask.data, mask.size, NULL, s,
                        more);
    dp_flow_get_stats(flow, &stats);
    ds_put_cstr(s, ", ");
    dpif_flow_stats_format(&stats, s);
    ds_put_cstr(s, ", actions:");
    format_odp_actions(s, actions->nla, actions->nla_len, NULL);
    if (more) {
        if (flow->lane_id != NON_PMD_CORE_ID) {
            ds_put_format(s, ", core:%u", flow->lane_id);
        }
        ds_put_cstr(s, ", ");
        dp_books_format_contributors(books, flow, s);
    }
    ds_put_char(s, '\n');
}

static void
merge_dump_flows(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *aux OVS_UNUSED)
{
    bool more = argc > 1 && (!strcmp(argv[1], "-m")
                             || !strcmp(argv[1], "--more"));
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp *dp;

    if (argc > 1 && !more) {
        unixctl_command_reply_error(conn, "usage: merge/dump-flows [-m]");
        return;
    }
    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    if (dp) {
        struct dp_books *books = dp->shared.books;
        size_t n;
        struct dp_flow **flows = dp_books_list(books, &n);

        for (size_t i = 0; i < n; i++) {
            format_flow(books, flows[i], more, &s);
            dp_flow_unref(flows[i]);
        }
        free(flows);
    }
    dp_registry_unlock();
    if (dp) {
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        unixctl_command_reply_error(conn,
                                    "please specify an existing datapath");
    }
    ds_destroy(&s);
}

void
dp_commands_merge_init(void)
{
    unixctl_command_register("merge/show", "[--format json]", 0, 2,
                             merge_show, NULL);
    unixctl_command_register("merge/dump-flows", "[-m]", 0, 1,
                             merge_dump_flows, NULL);
}
