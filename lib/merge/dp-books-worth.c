/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books-worth.h"

#include "util.h"

void
dp_books_worth_init(struct dp_books_worth *worth)
{
    *worth = (struct dp_books_worth) {
        .seen = DP_BOOKS_WORTH_MIN_SEEN,
        .pause = DP_BOOKS_WORTH_TRIAL,
    };
}

bool
dp_books_worth_is_over(long long int active_ms, long long int idle_ms)
{
    return idle_ms > 2 * active_ms;
}

bool
dp_books_worth_made(struct dp_books_worth *worth)
{
    return (++worth->n_made < DP_BOOKS_WORTH_TRIES
            || !dp_books_worth_is_strict(worth));
}

void
dp_books_worth_promise(struct dp_books_worth *worth)
{
    worth->n_paid++;
}

void
dp_books_worth_count(struct dp_books_worth *worth, bool has_paid,
                     bool was_promising)
{
    if (!has_paid) {
        worth->n_vain += was_promising ? 2 : 1;
    } else if (!was_promising) {
        worth->n_paid++;
    }
}

bool
dp_books_worth_is_strict(const struct dp_books_worth *worth)
{
    return worth->seen > DP_BOOKS_WORTH_MIN_SEEN;
}

/* Asks for more.  Rules that were made before are told of a little later: to
 * ask for the most, and to ask again, is no second failure. */
static void
tighten(struct dp_books_worth *worth)
{
    if (worth->seen < DP_BOOKS_WORTH_MAX_SEEN) {
        worth->seen = DP_BOOKS_WORTH_MAX_SEEN;
        worth->pause = MIN(2 * worth->pause, DP_BOOKS_WORTH_MAX_PAUSE);
    }
    worth->n_passes = 0;
}

/* Asks for less, if it is time. */
static void
relax(struct dp_books_worth *worth)
{
    uint32_t n_passes = (worth->seen == DP_BOOKS_WORTH_MAX_SEEN ? worth->pause
                         : dp_books_worth_is_strict(worth)
                         ? DP_BOOKS_WORTH_TRIAL : DP_BOOKS_WORTH_MAX_PAUSE);

    if (++worth->n_passes < n_passes) {
        return;
    }
    worth->n_passes = 0;
    if (dp_books_worth_is_strict(worth)) {
        worth->seen = MAX(worth->seen / 4, DP_BOOKS_WORTH_MIN_SEEN);
    } else {
        worth->pause = DP_BOOKS_WORTH_TRIAL;    /* All is forgotten. */
    }
}

void
dp_books_worth_end_pass(struct dp_books_worth *worth)
{
    uint32_t too_many = (dp_books_worth_is_strict(worth)
                         ? DP_BOOKS_WORTH_FEW : DP_BOOKS_WORTH_MANY);

    if (worth->n_vain >= too_many && worth->n_vain > worth->n_paid) {
        tighten(worth);
    } else {
        relax(worth);
    }
    worth->n_made = worth->n_paid = worth->n_vain = 0;
}
