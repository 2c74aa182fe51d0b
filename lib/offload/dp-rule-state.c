/* SPDX-License-Identifier: Apache-2.0 */

/* A table of bits, so that the unit test can compare all pairs with its own
 * table, and the model can have the same edges. */

#include <config.h>
#include "offload/dp-rule-state.h"

#include "util.h"

#define EDGE(STATE) (1u << DP_RULE_##STATE)

/* For each state, the set of states that may follow. */
static const unsigned int dp_rule_edges[DP_RULE_N_STATES] = {
    /* Put, or found out why not; or its last flow has gone. */
    [DP_RULE_ABSENT] = (EDGE(WAITING) | EDGE(REFUSED) | EDGE(PUTTING)
                        | EDGE(DEAD)),

    /* Looked at again. */
    [DP_RULE_WAITING] = EDGE(ABSENT),
    [DP_RULE_REFUSED] = EDGE(ABSENT),
    [DP_RULE_UNFIT] = EDGE(ABSENT),

    /* The NIC has answered. */
    [DP_RULE_PUTTING] = (EDGE(INSTALLED) | EDGE(WAITING) | EDGE(REFUSED)
                         | EDGE(UNFIT) | EDGE(UNSURE)),

    /* A flush has succeeded; or the port has gone without one. */
    [DP_RULE_UNSURE] = EDGE(ABSENT),

    /* Asked something, taken out, or gone with all others of the port, or so
     * they hope. */
    [DP_RULE_INSTALLED] = (EDGE(ASKED) | EDGE(REMOVING) | EDGE(ABSENT)
                           | EDGE(UNSURE)),
    [DP_RULE_ASKED] = EDGE(INSTALLED),

    /* The NIC has answered. */
    [DP_RULE_REMOVING] = (EDGE(ABSENT) | EDGE(STUCK)),

    /* Tried again, desired again, or, as above, gone. */
    [DP_RULE_STUCK] = (EDGE(REMOVING) | EDGE(INSTALLED) | EDGE(ABSENT)
                       | EDGE(UNSURE)),

    [DP_RULE_DEAD] = 0,
};

const char *
dp_rule_state_name(enum dp_rule_state state)
{
    switch (state) {
    case DP_RULE_ABSENT:    return "ABSENT";
    case DP_RULE_WAITING:   return "WAITING";
    case DP_RULE_REFUSED:   return "REFUSED";
    case DP_RULE_UNFIT:     return "UNFIT";
    case DP_RULE_PUTTING:   return "PUTTING";
    case DP_RULE_UNSURE:    return "UNSURE";
    case DP_RULE_INSTALLED: return "INSTALLED";
    case DP_RULE_ASKED:     return "ASKED";
    case DP_RULE_REMOVING:  return "REMOVING";
    case DP_RULE_STUCK:     return "STUCK";
    case DP_RULE_DEAD:      return "DEAD";
    case DP_RULE_N_STATES:
    default:                return "<unknown>";
    }
}

bool
dp_rule_edge_is_legal(enum dp_rule_state src, enum dp_rule_state dst)
{
    return (unsigned int) src < DP_RULE_N_STATES
           && (unsigned int) dst < DP_RULE_N_STATES
           && dp_rule_edges[src] & (1u << dst);
}
