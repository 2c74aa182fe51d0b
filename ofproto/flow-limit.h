/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_FLOW_LIMIT_H
#define OFPROTO_FLOW_LIMIT_H 1

/* flow-limit: how many flows the revalidators can keep up with
 * ============================================================
 *
 * Job.  PURE: values in, decision out.  From what rounds of revalidation have
 * cost, says how many flows the datapath may have (the dynamic limit), and
 * from the number of flows, how long an idle one may stay.
 *
 * A round should take no more than a second.  So what a round has cost says
 * how many flows are too many, if all rounds cost the same.  They don't: one
 * after a change of tables translates all flows again, and costs ten times as
 * much as those before.  Hence the limit grows in large steps only up to what
 * the dearest round lately could do ('lesson'), and in small ones beyond; and
 * in no case, but by a small step, to more than twice the flows that a round
 * has seen.
 *
 * Thread-safety.  Functions of their arguments; nothing to protect.
 *
 * See also.  revalidator.h (applies it), tests/ofproto/test-flow-limit.c. */

#include <limits.h>
#include <stdbool.h>

#define FLOW_LIMIT_START 10000  /* Until the first dump has been timed. */
#define FLOW_LIMIT_MIN   1000   /* The dynamic limit falls no lower. */
#define FLOW_LIMIT_IDLE_MS 100  /* Idle time once the limit is exceeded. */
#define FLOW_LIMIT_STEP  1000   /* It may always grow so much in a round. */

/* A dump that takes longer than this, in ms, is worth a word in the log. */
#define FLOW_LIMIT_LONG_DUMP_MS 2000

enum flow_limit_move {
    FLOW_LIMIT_KEPT,
    FLOW_LIMIT_GREW,            /* By a step, or to what was learnt. */
    FLOW_LIMIT_REDUCED,         /* By a quarter. */
    FLOW_LIMIT_SCALED,          /* Divided by the seconds that it took. */
};

/* What rounds have taught: so many flows can be handled in a second, even if
 * they cost what they did in the dearest round lately. */
#define FLOW_LIMIT_NO_LESSON UINT_MAX

/* Returns the limit for the next round: 'limit' was in force when 'n_flows'
 * flows were dumped in 'duration_ms', and the operator's maximum is 'max'.
 * '*lesson' begins as FLOW_LIMIT_NO_LESSON, and is updated. */
unsigned int flow_limit_next(unsigned int limit, unsigned int max,
                             unsigned int n_flows, long long int duration_ms,
                             unsigned int *lesson, enum flow_limit_move *move);

/* How to expire flows when the datapath has 'n_flows' of them. */
struct flow_limit_expiry {
    long long int max_idle_ms;  /* Delete flows idle for longer. */
    bool delete_all;            /* Emergency: delete whatever is dumped. */
};
struct flow_limit_expiry flow_limit_expiry(unsigned int limit,
                                           unsigned int n_flows,
                                           long long int max_idle_ms);

/* Is a flow worth the work of translating it again?  'packets' passed since
 * 'used', the time of the packet known before ('now' in ms, too).  Always
 * true while dumps are quick: 'dump_ms' is how long the last one took, and
 * 'max_revalidator_ms' the longest pause between two.  'min_pps' 0 means that
 * each flow is worth it.
 *
 * A NIC may tell 'stats_delay_ms' late about packets, so for so long a flow of
 * its own without any may be a busy one (29720e378); 0 for other flows. */
bool flow_limit_worth_revalidating(unsigned long long int packets,
                                   long long int used, long long int now,
                                   unsigned int stats_delay_ms,
                                   long long int dump_ms,
                                   unsigned int max_revalidator_ms,
                                   unsigned int min_pps);

#endif /* ofproto/flow-limit.h */
