/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books.h"

#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "flow/dp-credit.h"
#include "merge/dp-books-entry.h"

struct words {
    const char *name;
    const char *text;
};

static const struct words verdicts[] = {
#define DP_BOOKS_VERDICT(NAME, TEXT) { #NAME, TEXT },
#include "merge/dp-books-words.def"
};
BUILD_ASSERT_DECL(ARRAY_SIZE(verdicts) == DP_BOOKS_N_VERDICTS);

static const struct words causes[] = {
#define DP_BOOKS_CAUSE(NAME, TEXT) { #NAME, TEXT },
#include "merge/dp-books-words.def"
};
BUILD_ASSERT_DECL(ARRAY_SIZE(causes) == DP_BOOKS_N_CAUSES);

const char *
dp_books_verdict_text(enum dp_books_verdict verdict)
{
    ovs_assert(verdict < DP_BOOKS_N_VERDICTS);
    return verdicts[verdict].text;
}

const char *
dp_books_verdict_name(enum dp_books_verdict verdict)
{
    ovs_assert(verdict < DP_BOOKS_N_VERDICTS);
    return verdicts[verdict].name;
}

const char *
dp_books_cause_text(enum dp_books_cause cause)
{
    ovs_assert(cause < DP_BOOKS_N_CAUSES);
    return causes[cause].text;
}

const char *
dp_books_cause_name(enum dp_books_cause cause)
{
    ovs_assert(cause < DP_BOOKS_N_CAUSES);
    return causes[cause].name;
}

void
dp_books_get_stats(struct dp_books *books, struct dp_books_stats *stats)
{
    uint32_t max_rules, min_seen;

    memset(stats, 0, sizeof *stats);
    stats->n_rules = atomic_count_get(&books->n_rules);
    atomic_read_relaxed(&books->max_rules, &max_rules);
    stats->max_rules = max_rules;
    atomic_read_relaxed(&books->min_seen, &min_seen);
    stats->min_seen = min_seen;
    for (size_t i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        unsigned long long int n;

        atomic_read_relaxed(&books->n_killed[i], &n);
        stats->n_killed[i] = n;
    }

    ovs_mutex_lock(&books->mutex);
    stats->n_conns = cmap_count(&books->conns);
    memcpy(stats->n_verdicts, books->n_verdicts, sizeof stats->n_verdicts);
    memcpy(stats->n_refused, books->n_refused, sizeof stats->n_refused);
    stats->n_packets = books->n_packets;
    stats->n_bytes = books->n_bytes;
    stats->n_by_lanes = books->n_by_lanes;
    ovs_mutex_unlock(&books->mutex);
}

void
dp_books_get_attempts(struct dp_books *books, const struct dp_flow *flow,
                      struct dp_books_attempts *attempts)
{
    const struct dp_credit *credit = dp_flow_get_credit(flow);

    *attempts = (struct dp_books_attempts) { .n_rules = 0 };
    if (credit) {
        const struct dp_books_stage *stage;

        ovs_mutex_lock(&books->mutex);
        LIST_FOR_EACH (stage, node, &credit->dependents) {
            attempts->n_rules += (dp_books_entry_get_life(stage->entry)
                                  == DP_BOOKS_LIVE);
        }
        attempts->refused = credit->refused;
        ovs_mutex_unlock(&books->mutex);
    }
}

struct dp_flow **
dp_books_list(struct dp_books *books, size_t *n)
{
    struct dp_books_entry *entry;
    struct dp_flow **flows;

    *n = 0;
    ovs_mutex_lock(&books->mutex);
    flows = xmalloc(ovs_list_size(&books->entries) * sizeof *flows + 1);
    LIST_FOR_EACH (entry, node, &books->entries) {
        if (dp_books_entry_get_life(entry) == DP_BOOKS_LIVE) {
            struct dp_flow *flow = dp_books_entry_get_flow(entry);

            dp_flow_ref(flow);
            flows[(*n)++] = flow;
        }
    }
    ovs_mutex_unlock(&books->mutex);
    return flows;
}

static void
format_entry(const struct dp_books_entry *entry, struct ds *s)
{
    ds_put_cstr(s, "megaflows:");
    for (size_t i = 0; i < entry->n_stages; i++) {
        odp_format_ufid(&entry->stages[i].flow->ufid, s);
        ds_put_format(s, "@%"PRIu32"%s", entry->stages[i].generation,
                      i + 1 < entry->n_stages ? "," : "");
    }
    ds_put_cstr(s, ", connections:");
    for (size_t i = 0; i < entry->n_visits; i++) {
        const struct dp_books_visit *visit = &entry->visits[i];

        ds_put_format(s, "%"PRIu32"@%"PRIu32"%s%s",
                      visit->conn->handle.index,
                      visit->conn->handle.generation,
                      visit->reply ? "(reply)" : "",
                      i + 1 < entry->n_visits ? "," : "");
    }
}

void
dp_books_format_contributors(struct dp_books *books,
                             const struct dp_flow *flow, struct ds *s)
{
    struct dp_books_entry *entry;

    /* The keeper alone changes 'by_match', and holds 'mutex' when it does. */
    ovs_mutex_lock(&books->mutex);
    HMAP_FOR_EACH_WITH_HASH (entry, by_match, flow->mega_ufid.u32[0],
                             &books->by_match) {
        if (dp_books_entry_get_flow(entry) == flow
            && dp_books_entry_get_life(entry) == DP_BOOKS_LIVE) {
            format_entry(entry, s);
        }
    }
    ovs_mutex_unlock(&books->mutex);
}
