/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_STEP_H
#define DP_OFFLOAD_STEP_H 1

/* dp-offload-step: what is desired, what is there, what to do about it
 * ====================================================================
 *
 * Job.  dp_rule_next() compares the two states of a rule and says which
 * operation comes next; dp_rule_done() takes the result in.  All transitions
 * of a rule are here.  No threads, no calls of providers that may take long.
 * Private to lib/offload.
 *
 * Thread-safety.  For the rule's worker. */

#include "offload/dp-offload-rule.h"

/* What a rule needs next. */
enum dp_rule_step {
    DP_RULE_NOTHING,            /* All is as desired, or can't be helped. */
    DP_RULE_PUT,
    DP_RULE_DEL,
    DP_RULE_QUERY,              /* Never by dp_rule_next(). */
    DP_RULE_PLAN,               /* Actions changed: ask plan(). */
    DP_RULE_FREED               /* The rule was freed. */
};

/* Decides on the next step.  If it is PUT, DEL or PLAN, 'op' has been filled
 * in and 'rule' is busy until dp_rule_done(). */
enum dp_rule_step dp_rule_next(struct dp_offload_worker *worker,
                               struct dp_offload_rule *rule,
                               struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex);

/* Fills in 'op' to read the counters of 'rule'.  Returns false if that is
 * not possible now. */
bool dp_rule_start_query(struct dp_offload_rule *rule,
                         struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex);

/* 'op', on op->rule, is done.  Frees the rule if nothing needs it. */
void dp_rule_done(struct dp_offload_worker *worker, struct dp_offload_op *op)
    OVS_EXCLUDED(op->rule->shard->mutex);

#endif /* dp-offload-step.h */
