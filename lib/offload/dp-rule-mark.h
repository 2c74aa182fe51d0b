/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_MARK_H
#define DP_RULE_MARK_H 1

/* dp-rule-mark: the mark of a rule
 * ================================
 *
 * Job.  Takes a mark (dp-mark.h) for a rule and tells it to the lanes that
 * have its flows, before the NIC is asked for the rule; and gives it back.
 * Private to lib/offload.
 *
 * Thread-safety.  For the rule's worker. */

#include "offload/dp-offload-rule.h"

/* Gives 'rule' a mark that 'port' can carry, and tells it to the lanes.
 * Returns 0 or ENOSPC. */
int dp_rule_take_mark(struct dp_offload *offload,
                      struct dp_offload_rule *rule,
                      const struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* The NIC marks packets with the mark of 'rule', or may do so: those with
 * sound headers only if 'sound'.  Lanes need not look at them then, unless it
 * has marked others with it before, which may still wait in a ring. */
void dp_rule_mark_in(struct dp_offload_rule *rule, bool sound)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' leaves the NIC.  If it keeps its mark, it may be put there again in
 * another way. */
void dp_rule_mark_out(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Takes the mark of 'rule', if any, from the lanes and from it.  'port' is the
 * port that packets with the mark may still come from, or null. */
void dp_rule_drop_mark(struct dp_offload *offload,
                       struct dp_offload_rule *rule,
                       struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* The mark of 'rule' may be in the NIC for ever: nobody gets it again. */
void dp_rule_lose_mark(struct dp_offload *offload,
                       struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

#endif /* dp-rule-mark.h */
