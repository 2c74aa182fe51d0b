/* SPDX-License-Identifier: Apache-2.0 */

/* The edges of a rule's life, all pairs of them, against a table that was
 * written down apart. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-rule-state.h"

#include "tests/dptest.h"
#include "util.h"

/* Rows: from; columns: to; both in the order of enum dp_rule_state. */
static const char *const edge_table[DP_RULE_N_STATES] = {
    /*                        A W R U P ? I S M K D */
    [DP_RULE_ABSENT] =       ". x x . x . . . . . x",
    [DP_RULE_WAITING] =      "x . . . . . . . . . .",
    [DP_RULE_REFUSED] =      "x . . . . . . . . . .",
    [DP_RULE_UNFIT] =        "x . . . . . . . . . .",
    [DP_RULE_PUTTING] =      ". x x x . x x . . . .",
    [DP_RULE_UNSURE] =       "x . . . . . . . . . .",
    [DP_RULE_INSTALLED] =    "x . . . . x . x x . .",
    [DP_RULE_ASKED] =        ". . . . . . x . . . .",
    [DP_RULE_REMOVING] =     "x . . . . . . . . x .",
    [DP_RULE_STUCK] =        "x . . . . x x . x . .",
    [DP_RULE_DEAD] =         ". . . . . . . . . . .",
};

static void
test_rule_state(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int src = 0; src < DP_RULE_N_STATES; src++) {
        for (int dst = 0; dst < DP_RULE_N_STATES; dst++) {
            bool want = edge_table[src][2 * dst] == 'x';

            if (dp_rule_edge_is_legal(src, dst) != want) {
                dptest_fail("from %s to %s: expected %d",
                            dp_rule_state_name(src), dp_rule_state_name(dst),
                            want);
            }
        }

        /* What is busy has an answer to come, from which it goes on. */
        ovs_assert(!dp_rule_state_is_busy(src)
                   || !dp_rule_edge_is_legal(src, src));
    }
    ovs_assert(!dp_rule_edge_is_legal(DP_RULE_N_STATES, DP_RULE_ABSENT));
    ovs_assert(!dp_rule_edge_is_legal(DP_RULE_ABSENT, DP_RULE_N_STATES));
}
DPTEST_REGISTER("offload-rule-state", test_rule_state);
