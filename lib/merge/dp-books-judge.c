/* SPDX-License-Identifier: Apache-2.0 */

/* Was a rule worth it?  One that lives is judged when it has paid, or when
 * some passes in a row have found no packets of it; one that is dead when all
 * is booked, if it was its connection that ended.  Of others nothing is known:
 * they might have paid. */

#include <config.h>

#include "merge/dp-books-entry.h"

#include "util.h"

/* Passes without packets, until a connection is taken to be over: the clock
 * goes on while the switch stands still. */
enum { SILENT_PASSES = 2 };

/* Returns how many passes old 'entry' is. */
static uint32_t
get_age(const struct dp_books_entry *entry, long long int now_ms)
{
    return MAX(now_ms - entry->born, 0) / DP_BOOKS_AGE_MS;
}

/* Will there be no more packets, whatever 'entry' died of? */
static bool
has_ended(const struct dp_books_entry *entry)
{
    switch (entry->cause) {
    case DP_BOOKS_CAUSE_EXPIRED:
    case DP_BOOKS_CAUSE_REOPENED:
    case DP_BOOKS_CAUSE_FORCED:
    case DP_BOOKS_CAUSE_FLUSHED:
    case DP_BOOKS_CAUSE_CLOSED:
    case DP_BOOKS_CAUSE_RESET:
    case DP_BOOKS_CAUSE_IDLE:
    case DP_BOOKS_CAUSE_ROOM:
    case DP_BOOKS_CAUSE_VAIN:
        return true;
    case DP_BOOKS_CAUSE_FLOW:
    case DP_BOOKS_CAUSE_MARK:
    case DP_BOOKS_CAUSE_LABEL:
    case DP_BOOKS_CAUSE_PORT:
    case DP_BOOKS_CAUSE_LANE:
    case DP_BOOKS_CAUSE_REPLACED:
    case DP_BOOKS_CAUSE_STOP:
    case DP_BOOKS_CAUSE_UNBORN:
        return false;
    case DP_BOOKS_N_CAUSES:
    default:
        OVS_NOT_REACHED();
    }
}

/* 'entry' won't pay, or nothing is known. */
static void
break_promise(struct dp_books *books, struct dp_books_entry *entry)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    if (entry->is_promising) {
        dp_books_worth_broken(&books->worth);
    }
}

/* 'entry' has paid, or 'is_over' before it has.  Each is counted once. */
static void
judge(struct dp_books *books, struct dp_books_entry *entry, bool is_over,
      long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    bool has_paid = entry->n_packets >= DP_BOOKS_WORTH_PACKETS;

    if (entry->is_judged || !(has_paid || is_over)) {
        return;
    }
    entry->is_judged = true;
    if (!has_paid) {
        dp_books_worth_vain(&books->worth, get_age(entry, now_ms));
        break_promise(books, entry);
    } else if (!entry->is_promising) {
        dp_books_worth_paid(&books->worth);
    }
}

/* Looks whether 'entry', which may not have paid yet, goes on at a good
 * pace. */
static void
look_for_promise(struct dp_books *books, struct dp_books_entry *entry,
                 long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    if (!entry->is_judged && !entry->is_promising
        && get_age(entry, now_ms) >= DP_BOOKS_WORTH_AGE
        && now_ms - entry->used < SILENT_PASSES * DP_BOOKS_AGE_MS
        && entry->n_packets >= DP_BOOKS_WORTH_PROMISING) {
        entry->is_promising = true;
        dp_books_worth_paid(&books->worth);
    }
}

void
dp_books_judge(struct dp_books *books, struct dp_books_entry *entry,
               long long int now_ms)
{
    bool is_over
        = (entry->n_packets < DP_BOOKS_WORTH_PACKETS
           && entry->n_idle >= SILENT_PASSES
           && dp_books_worth_is_over(entry->used - entry->born,
                                     now_ms - entry->used));

    judge(books, entry, is_over, now_ms);
    look_for_promise(books, entry, now_ms);
    if (is_over && dp_books_worth_is_strict(&books->worth)) {
        dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_VAIN);
    }
}

void
dp_books_judge_last(struct dp_books *books, struct dp_books_entry *entry,
                    long long int now_ms)
{
    judge(books, entry, has_ended(entry), now_ms);
    if (!entry->is_judged) {
        break_promise(books, entry);
    }
}

/* Tells lanes what the pass that begins asks of a connection. */
static void
begin_pass(struct dp_books *books)
    OVS_REQUIRES(books->keeper)
{
    atomic_store_relaxed(&books->min_seen, books->worth.seen);
    atomic_store_relaxed(&books->has_enough, false);
}

void
dp_books_judge_all(struct dp_books *books)
{
    dp_books_worth_end_pass(&books->worth);
    begin_pass(books);
}

void
dp_books_judge_made(struct dp_books *books)
{
    if (!dp_books_worth_made(&books->worth)) {
        atomic_store_relaxed(&books->has_enough, true);
    }
}

void
dp_books_judge_anew(struct dp_books *books)
{
    dp_books_worth_init(&books->worth);
    begin_pass(books);
}

uint32_t
dp_books_get_min_seen(const struct dp_books *books_)
{
    struct dp_books *books = CONST_CAST(struct dp_books *, books_);
    bool has_enough;
    uint32_t seen;

    atomic_read_relaxed(&books->has_enough, &has_enough);
    atomic_read_relaxed(&books->min_seen, &seen);
    return has_enough ? UINT32_MAX : seen;
}
