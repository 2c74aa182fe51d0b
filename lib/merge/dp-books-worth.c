/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books-worth.h"

#include <string.h>

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
dp_books_worth_paid(struct dp_books_worth *worth)
{
    worth->n_paid++;
}

void
dp_books_worth_broken(struct dp_books_worth *worth)
{
    worth->n_broken++;
}

void
dp_books_worth_vain(struct dp_books_worth *worth, uint32_t age)
{
    uint32_t n = MIN(age, DP_BOOKS_WORTH_AGE);

    worth->n_vain[MIN(DP_BOOKS_WORTH_AGE - n, DP_BOOKS_WORTH_AGE - 1)]++;
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
    uint32_t n_vain = worth->n_vain[0];

    if (n_vain >= too_many && n_vain + worth->n_broken > worth->n_paid) {
        tighten(worth);
    } else {
        relax(worth);
    }
    worth->n_made = worth->n_paid = worth->n_broken = 0;
    memmove(&worth->n_vain[0], &worth->n_vain[1],
            sizeof worth->n_vain - sizeof worth->n_vain[0]);
    worth->n_vain[DP_BOOKS_WORTH_AGE - 1] = 0;
}
