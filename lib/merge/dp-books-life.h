/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOOKS_LIFE_H
#define DP_BOOKS_LIFE_H 1

/* dp-books-life: how far the life of a merged rule has gone
 * =========================================================
 *
 * Job.  The states of a rule and which may follow which.  Pure.  Private to
 * lib/merge.
 *
 * Any thread may make a rule DEAD; only the keeper of the books makes it
 * anything else.  tests/models/merged.pml has the same edges. */

#include <stdbool.h>

enum dp_books_life {
    DP_BOOKS_BUILDING,          /* Linked with its contributors.  No lane has
                                 * it. */
    DP_BOOKS_LIVE,              /* The lane may run it. */
    DP_BOOKS_DEAD,              /* No packet begins to use it. */
    DP_BOOKS_PARTING,           /* The lane can't find it any more, but may
                                 * count on. */
    DP_BOOKS_GONE,              /* All that it did is booked; unlinked. */
    DP_BOOKS_N_LIVES
};

const char *dp_books_life_name(enum dp_books_life);

/* May a rule go from 'src' to 'dst'? */
bool dp_books_life_edge_is_legal(enum dp_books_life src,
                                 enum dp_books_life dst);

#endif /* dp-books-life.h */
