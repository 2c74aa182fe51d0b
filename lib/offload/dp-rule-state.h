/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_STATE_H
#define DP_RULE_STATE_H 1

/* dp-rule-state: how far the life of a rule has gone
 * ==================================================
 *
 * Job.  The states of a rule and which may follow which.  Pure.  Private to
 * lib/offload.
 *
 * The rule's worker alone moves it, with dp_rule_go() (dp-offload-rule.h),
 * under the mutex of the rule's shard.  tests/models/rule.pml has the same
 * edges. */

#include <stdbool.h>

enum dp_rule_state {
    /* Not in the NIC. */
    DP_RULE_ABSENT,             /* Nothing speaks for or against a put, but
                                 * perhaps a switch or its port. */
    DP_RULE_WAITING,            /* For its time, a mark, room, a place. */
    DP_RULE_REFUSED,            /* Until its actions or its port change. */
    DP_RULE_UNFIT,              /* Nobody can express its match: until its port
                                 * changes. */
    DP_RULE_PUTTING,            /* A put is under way. */
    DP_RULE_UNSURE,             /* Or perhaps it is in the NIC, but nobody has
                                 * a handle: until a flush has succeeded. */

    /* In the NIC, marking or whole. */
    DP_RULE_INSTALLED,
    DP_RULE_ASKED,              /* A query or a plan is under way. */
    DP_RULE_REMOVING,           /* A removal is under way. */
    DP_RULE_STUCK,              /* A removal failed; it will be tried again. */

    DP_RULE_DEAD,               /* About to be freed. */
    DP_RULE_N_STATES
};

const char *dp_rule_state_name(enum dp_rule_state state);

/* May a rule go from 'src' to 'dst'? */
bool dp_rule_edge_is_legal(enum dp_rule_state src, enum dp_rule_state dst);

/* Is an operation under way? */
static inline bool
dp_rule_state_is_busy(enum dp_rule_state state)
{
    return (state == DP_RULE_PUTTING || state == DP_RULE_ASKED
            || state == DP_RULE_REMOVING);
}

/* Has the NIC confirmed the rule, and not confirmed that it has gone? */
static inline bool
dp_rule_state_is_in(enum dp_rule_state state)
{
    return state >= DP_RULE_INSTALLED && state <= DP_RULE_STUCK;
}

#endif /* dp-rule-state.h */
