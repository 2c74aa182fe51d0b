/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books-life.h"

#include "util.h"

#define EDGE(STATE) (1u << DP_BOOKS_##STATE)

/* For each state, the set of states that may follow. */
static const unsigned int dp_books_edges[DP_BOOKS_N_LIVES] = {
    /* Nothing has changed since the trace; or something has, or no rule can be
     * made. */
    [DP_BOOKS_BUILDING] = EDGE(LIVE) | EDGE(DEAD),

    /* Killed. */
    [DP_BOOKS_LIVE] = EDGE(DEAD),

    /* Taken out of its lane; and the lane has been waited for. */
    [DP_BOOKS_DEAD] = EDGE(PARTING),
    [DP_BOOKS_PARTING] = EDGE(GONE),
    [DP_BOOKS_GONE] = 0,
};

const char *
dp_books_life_name(enum dp_books_life life)
{
    switch (life) {
    case DP_BOOKS_BUILDING: return "BUILDING";
    case DP_BOOKS_LIVE:     return "LIVE";
    case DP_BOOKS_DEAD:     return "DEAD";
    case DP_BOOKS_PARTING:  return "PARTING";
    case DP_BOOKS_GONE:     return "GONE";
    case DP_BOOKS_N_LIVES:
    default:                return "<unknown>";
    }
}

bool
dp_books_life_edge_is_legal(enum dp_books_life src, enum dp_books_life dst)
{
    return (src < DP_BOOKS_N_LIVES && dst < DP_BOOKS_N_LIVES
            && dp_books_edges[src] & (1u << dst));
}
