/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-merge-show.h"

#include <ctype.h>
#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"
#include "ctl/dp.h"
#include "flow/dp-flow.h"
#include "merge/dp-books.h"

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

    f->on = dp_books_is_started(dp->shared.books);
    f->n_lost = dp_merging_n_lost(&dp->merging);
    f->n_received = 0;
    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        uint64_t n[PMD_N_STATS];

        pmd_perf_read_counters(&pmd->lane.perf, n);
        f->n_received += n[PMD_STAT_RECV];
    }
    dp_books_get_stats(dp->shared.books, &f->books);
}

/* Text.  Counts that are 0 are left out where there are many. */

static void
put_line(struct ds *s, const char *text, uint64_t n)
{
    ds_put_format(s, "  %s: %"PRIu64"\n", text, n);
}

static void
format_counts(const struct figures *f, struct ds *s)
{
    const struct dp_books_stats *books = &f->books;

    ds_put_cstr(s, "traces:\n");
    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        put_line(s, dp_books_verdict_text(i), books->n_verdicts[i]);
    }
    put_line(s, "lost", f->n_lost);
    ds_put_cstr(s, "refused:\n");
    for (int i = 1; i < DP_MERGE_N_WHYS; i++) {
        if (books->n_refused[i]) {
            put_line(s, dp_merge_why_text(i), books->n_refused[i]);
        }
    }
    ds_put_cstr(s, "ended:\n");
    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        if (books->n_killed[i]) {
            put_line(s, dp_books_cause_text(i), books->n_killed[i]);
        }
    }
}

void
dp_merge_show_text(struct dp *dp, struct ds *s)
{
    struct figures f;

    get_figures(dp, &f);
    ds_put_format(s, "merging: %s\n", f.on ? "on" : "off");
    ds_put_format(s, "rules: %"PRIu64" of at most %"PRIu64", with %"PRIu64
                  " connections\n", f.books.n_rules, f.books.max_rules,
                  f.books.n_conns);
    ds_put_format(s, "packets: %"PRIu64", bytes: %"PRIu64, f.books.n_packets,
                  f.books.n_bytes);
    ds_put_format(s, ", %.1f%% of all received\n",
                  f.n_received ? 100.0 * f.books.n_packets / f.n_received
                  : 0.0);
    format_counts(&f, s);
}

/* JSON.  All counts, always. */

static void
put_count(struct json *object, const char *name, uint64_t n)
{
    json_object_put(object, name, json_integer_create(n));
}

/* The same for 'name' in capitals: "A_METER" is put as "a-meter". */
static void
put_named_count(struct json *object, const char *name, uint64_t n)
{
    char *lower = xstrdup(name);

    for (char *p = lower; *p; p++) {
        *p = *p == '_' ? '-' : tolower((unsigned char) *p);
    }
    put_count(object, lower, n);
    free(lower);
}

static struct json *
traces_json(const struct figures *f)
{
    struct json *traces = json_object_create();

    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        put_named_count(traces, dp_books_verdict_name(i),
                        f->books.n_verdicts[i]);
    }
    put_count(traces, "lost", f->n_lost);
    return traces;
}

static struct json *
refused_json(const struct dp_books_stats *books)
{
    struct json *refused = json_object_create();

    for (int i = 1; i < DP_MERGE_N_WHYS; i++) {
        put_named_count(refused, dp_merge_why_name(i), books->n_refused[i]);
    }
    return refused;
}

static struct json *
ended_json(const struct dp_books_stats *books)
{
    struct json *ended = json_object_create();

    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        put_named_count(ended, dp_books_cause_name(i), books->n_killed[i]);
    }
    return ended;
}

struct json *
dp_merge_show_json(struct dp *dp)
{
    struct json *json = json_object_create();
    struct figures f;

    get_figures(dp, &f);
    json_object_put(json, "merging", json_boolean_create(f.on));
    put_count(json, "rules", f.books.n_rules);
    put_count(json, "max-rules", f.books.max_rules);
    put_count(json, "connections", f.books.n_conns);
    put_count(json, "packets", f.books.n_packets);
    put_count(json, "bytes", f.books.n_bytes);
    put_count(json, "received", f.n_received);
    json_object_put(json, "traces", traces_json(&f));
    json_object_put(json, "refused", refused_json(&f.books));
    json_object_put(json, "ended", ended_json(&f.books));
    return json;
}

/* One megaflow. */

void
dp_merge_put_flow(struct dp *dp, const struct dp_flow *flow,
                  struct json *json)
{
    struct dp_books_attempts attempts;

    dp_books_get_attempts(dp->shared.books, flow, &attempts);
    put_count(json, "merged-flows", attempts.n_rules);
    json_object_put(json, "merge-refused", attempts.refused
                    ? json_string_create(dp_merge_why_text(attempts.refused))
                    : json_null_create());
}
