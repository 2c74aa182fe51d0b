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
#include "offload/dp-show.h"
#include "offload/dp-table.h"

/* What "merge/show" shows. */
struct figures {
    bool on;
    uint64_t n_lost;            /* Traces. */
    uint64_t n_received;        /* Packets, by all lanes that are or were. */
    struct dp_books_stats books;
};

static void
get_figures(struct dp *dp, struct figures *f)
{
    f->on = dp_books_is_started(dp->shared.books);
    f->n_lost = dp_merging_n_lost(&dp->merging);
    /* In this order: each packet that is booked has been received. */
    dp_books_get_stats(dp->shared.books, &f->books);
    f->n_received = dp_topology_n_received(&dp->topology);
}

/* Text.  Counts that are 0 are left out where there are many. */

/* One line of a list. */
struct count {
    const char *text;
    uint64_t n;
};

static int
compare_counts(const void *a_, const void *b_)
{
    const struct count *a = a_, *b = b_;

    return a->n < b->n ? 1 : a->n > b->n ? -1 : strcmp(a->text, b->text);
}

/* Appends the 'n' of 'counts', most first, below 'title' and their sum; sorts
 * 'counts'.  'what' they count and what their texts are, 'kind', is the
 * heading. */
static void
format_list(struct ds *s, const char *title, const char *what,
            const char *kind, struct count *counts, size_t n)
{
    struct dp_table table;
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        total += counts[i].n;
    }
    ds_put_format(s, "%s: %"PRIu64"\n", title, total);
    if (!total) {
        return;
    }
    qsort(counts, n, sizeof *counts, compare_counts);
    dp_table_init(&table, 3);
    dp_table_add(&table, "%s", what);
    dp_table_add(&table, "SHARE");
    dp_table_add(&table, "%s", kind);
    for (size_t i = 0; i < n && counts[i].n; i++) {
        dp_table_add(&table, "%"PRIu64, counts[i].n);
        dp_table_add(&table, "%.1f%%", 100.0 * counts[i].n / total);
        dp_table_add(&table, "%s", counts[i].text);
    }
    dp_table_format(&table, 2, s);
    dp_table_uninit(&table);
}

static void
format_traces(const struct figures *f, struct ds *s)
{
    struct count counts[DP_BOOKS_N_VERDICTS + 1];

    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        counts[i] = (struct count) { dp_books_verdict_text(i),
                                     f->books.n_verdicts[i] };
    }
    counts[DP_BOOKS_N_VERDICTS] = (struct count) { "lost: no time for them",
                                                   f->n_lost };
    format_list(s, "Traced packets", "PACKETS", "RESULT", counts,
                ARRAY_SIZE(counts));
}

static void
format_refused(const struct figures *f, struct ds *s)
{
    struct count counts[DP_MERGE_N_WHYS - 1];

    for (int i = 1; i < DP_MERGE_N_WHYS; i++) {
        counts[i - 1] = (struct count) { dp_merge_why_text(i),
                                         f->books.n_refused[i] };
    }
    format_list(s, "Ways that can't be merged", "TRACES", "WHY",
                counts, ARRAY_SIZE(counts));
}

static void
format_ended(const struct figures *f, struct ds *s)
{
    struct count counts[DP_BOOKS_N_CAUSES];

    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        counts[i] = (struct count) { dp_books_cause_text(i),
                                     f->books.n_killed[i] };
    }
    format_list(s, "Merged flows that have ended", "FLOWS", "WHY",
                counts, ARRAY_SIZE(counts));
}

void
dp_merge_show_text(struct dp *dp, struct ds *s)
{
    struct figures f;

    get_figures(dp, &f);
    ds_put_format(s, "Merging: %s\n", f.on ? "on" : "off");
    ds_put_format(s, "Merged flows: %"PRIu64" of at most %"PRIu64", of %"PRIu64
                  " connection%s\n", f.books.n_rules, f.books.max_rules,
                  f.books.n_conns, dp_show_s(f.books.n_conns));
    ds_put_format(s, "By merged flows: %"PRIu64" packet%s, %"PRIu64" byte%s\n",
                  f.books.n_packets, dp_show_s(f.books.n_packets),
                  f.books.n_bytes, dp_show_s(f.books.n_bytes));
    ds_put_format(s, "By lanes: %"PRIu64" of these packets",
                  f.books.n_by_lanes);
    dp_show_put_share(f.books.n_by_lanes, f.n_received, " of all received", s);
    ds_put_char(s, '\n');
    ds_put_format(s, "To be traced, connections must have been seen %"PRIu64
                  " times lately\n", f.books.min_seen);
    format_traces(&f, s);
    format_refused(&f, s);
    format_ended(&f, s);
}

/* JSON.  All counts, always. */

static void
put_count(struct json *object, const char *name, uint64_t n)
{
    json_object_put(object, name, json_integer_create(n));
}

/* The same for 'name' in capitals: "A_METER" is put as "a_meter". */
static void
put_named_count(struct json *object, const char *name, uint64_t n)
{
    char *lower = xstrdup(name);

    for (char *p = lower; *p; p++) {
        *p = tolower((unsigned char) *p);
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
    put_count(json, "max_rules", f.books.max_rules);
    put_count(json, "connections", f.books.n_conns);
    put_count(json, "min_seen", f.books.min_seen);
    put_count(json, "packets", f.books.n_packets);
    put_count(json, "bytes", f.books.n_bytes);
    put_count(json, "by_lanes", f.books.n_by_lanes);
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
    put_count(json, "merged_flows", attempts.n_rules);
    if (attempts.refused) {
        json_object_put_string(json, "merge_refused",
                               dp_merge_why_text(attempts.refused));
    }
}
