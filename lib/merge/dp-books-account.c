/* SPDX-License-Identifier: Apache-2.0 */

/* Counts are booked as differences to what was booked before, under 'mutex',
 * so it does not matter who does it, nor how often.
 *
 * A lane stores packets first and bytes then, and may be read in between: the
 * bytes come the next time.  But a stage that packets enter shorter than they
 * came must not be credited less than nothing; so what can't be is left for
 * the next time altogether.  Bytes never come before their packets, which
 * would then be left for a time that does not come. */

#include <config.h>

#include "merge/dp-books-entry.h"

#include "coverage.h"
#include "openvswitch/util.h"
#include "packets.h"
#include "util.h"
#include "ct/ct-bypass.h"
#include "flow/dp-credit.h"

COVERAGE_DEFINE(merge_packet);

/* What a rule's packets have done since the last time. */
struct activity {
    uint64_t n_packets, n_bytes;        /* As they arrived. */
    uint64_t n_by_lane;                 /* Of the packets. */
    uint16_t tcp_flags;
    long long int used;
};

/* Refreshes the connections of 'entry' that packets meet in 'stage', where
 * they are 'n_bytes'. */
static void
account_conns(struct dp_books *books, struct dp_books_entry *entry,
              size_t stage, const struct activity *a, uint64_t n_bytes,
              long long int now_ms)
{
    size_t end = (stage + 1 < entry->n_stages
                  ? entry->stages[stage + 1].first_visit : entry->n_visits);

    for (size_t i = entry->stages[stage].first_visit; i < end; i++) {
        const struct dp_books_visit *visit = &entry->visits[i];
        struct ct_activity activity = {
            .conn = visit->conn->handle,
            .reply = visit->reply,
            .packets = a->n_packets,
            .bytes = n_bytes,
            .used_ms = a->used,
        };

        atomic_store_relaxed(&visit->conn->asked, 0);
        if (!ct_bypass_refresh(books->ct, &activity, now_ms)) {
            dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_EXPIRED);
        }
    }
}

/* Stores what 'entry' has to tell.  Returns false if that is nothing. */
static bool
take_activity(const struct dp_books *books, struct dp_books_entry *entry,
              bool is_last, struct activity *a)
{
    const struct dp_flow *flow = dp_books_entry_get_flow(entry);
    struct dpif_flow_stats stats;
    uint64_t n_by_lane;

    if (!flow) {
        return false;
    }
    if (books->carrier->get_stats) {
        books->carrier->get_stats(books->aux, flow, &stats);
    } else {
        dp_flow_get_stats(flow, &stats);
    }
    /* The lane may have counted more meanwhile. */
    n_by_lane = MIN(dp_flow_get_n_counted(flow), stats.n_packets);
    *a = (struct activity) {
        .n_packets = stats.n_packets - entry->n_packets,
        .n_bytes = stats.n_bytes - entry->n_bytes,
        .n_by_lane = n_by_lane - entry->n_by_lane,
        .tcp_flags = stats.tcp_flags,
        .used = stats.used,
    };
    if ((!a->n_packets && !a->n_bytes)
        || (a->n_bytes < a->n_packets * ETH_HEADER_LEN && !is_last)) {
        return false;
    }
    entry->n_packets = stats.n_packets;
    entry->n_bytes = stats.n_bytes;
    entry->n_by_lane = n_by_lane;
    entry->used = stats.used;
    return true;
}

void
dp_books_account(struct dp_books *books, struct dp_books_entry *entry,
                 long long int now_ms, bool is_last)
{
    struct activity a;

    if (!take_activity(books, entry, is_last, &a)) {
        return;
    }
    for (size_t i = 0; i < entry->n_stages; i++) {
        const struct dp_books_stage *stage = &entry->stages[i];
        uint64_t n_bytes = a.n_bytes + a.n_packets * (int64_t) stage->length;

        dp_credit_count(dp_flow_get_credit(stage->flow), a.n_packets, n_bytes,
                        a.tcp_flags, a.used);
        account_conns(books, entry, i, &a, n_bytes, now_ms);
    }
    books->n_packets += a.n_packets;
    books->n_bytes += a.n_bytes;
    books->n_by_lanes += a.n_by_lane;
    COVERAGE_ADD(merge_packet, a.n_packets);
}
