/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_CHANGE_H
#define DP_RULE_CHANGE_H 1

/* dp-rule-change: what befalls a rule, and the books about it
 * ===========================================================
 *
 * Job.  Moves a rule from one state to the next, with all that belongs to it:
 * counters of its port and its worker, lists, places, packets.  When to do so
 * is decided in dp-offload-step.c.  Private to lib/offload.
 *
 * Thread-safety.  For the rule's worker. */

#include "offload/dp-offload-rule.h"

/* Records that 'rule' is in the NIC of its port as 'level'. */
void dp_rule_set_level(struct dp_offload_worker *worker,
                       struct dp_offload_rule *rule,
                       enum dp_offload_level level)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule', which is in the NIC, does not run whole for want of room, and will
 * be tried again: 'halved'; or it does not wait for that, or not any more. */
void dp_rule_set_halved(struct dp_offload_worker *worker,
                        struct dp_offload_rule *rule, bool halved)
    OVS_REQUIRES(rule->shard->mutex);

/* Books what the NIC has counted since the last reading, which is in 'op', to
 * the flow that has the rule.  Counters that went back (another rule, a reset)
 * are a new base.  If the last flow has gone, its statistics have been told
 * already: the datapath is told of the rest. */
void dp_rule_book(const struct dp_offload *offload,
                  struct dp_offload_rule *rule,
                  const struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' has left the NIC. */
void dp_rule_absent(struct dp_offload_worker *worker,
                    struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

void dp_rule_forget(struct dp_offload_worker *worker,
                    struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Has 'rule' been in the NIC when 'port' lost its rules? */
bool dp_rule_is_lost(const struct dp_offload_rule *rule,
                     struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* Has the NIC confirmed, since 'rule' was put, that it has no rules of
 * 'port'? */
bool dp_rule_is_gone(const struct dp_offload_rule *rule,
                     struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* Nobody knows whether the NIC has 'rule', and nobody can take it out. */
void dp_rule_doubt(struct dp_offload_worker *worker,
                   struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Looks whether anything has become of 'rule', which is UNSURE.  Returns true
 * if it is no more: either the NIC has confirmed that it has not got it, or
 * the port goes, and the mark is lost with it. */
bool dp_rule_settle_doubt(struct dp_offload_worker *worker,
                          struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Looks at 'rule' again at 'when_us'. */
void dp_rule_wait(struct dp_offload_worker *worker,
                  struct dp_offload_rule *rule, uint64_t when_us)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' will be tried again: after a while that doubles each time, or, with
 * count_retry(), when the caller says. */
void dp_rule_count_retry(struct dp_offload_worker *worker,
                         struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);
void dp_rule_retry(struct dp_offload_worker *worker,
                   struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* 'rule' is not in the NIC; what kept it from being put may not any more. */
void dp_rule_look_again(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

void dp_rule_free(struct dp_offload *offload, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

#endif /* dp-rule-change.h */
