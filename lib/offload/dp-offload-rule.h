/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_RULE_H
#define DP_OFFLOAD_RULE_H 1

/* dp-offload-rule: the registry of rules
 * ======================================
 *
 * Job.  Keeps one rule for each megaflow, with the flows that it stands for
 * and its mark.  Private to lib/offload.
 *
 * Thread-safety.  As the prototypes say. */

#include "offload/dp-offload-engine.h"

struct dp_offload_shard *dp_rule_shard(const struct dp_offload *offload,
                                       const ovs_u128 *mega_ufid);

struct dp_offload_rule *dp_rule_find(const struct dp_offload_shard *shard,
                                     const ovs_u128 *mega_ufid)
    OVS_REQUIRES(shard->mutex);

struct dp_offload_rule *dp_rule_create(struct dp_offload *offload,
                                       struct dp_offload_shard *shard,
                                       const ovs_u128 *mega_ufid,
                                       odp_port_t in_port)
    OVS_REQUIRES(shard->mutex);

/* Frees 'rule', which stands nowhere but in the registry. */
void dp_rule_destroy(struct dp_offload *offload, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Puts 'rule' on its worker's queue if it is not there. */
void dp_rule_ready(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Makes dp_offload_flush() wait for 'rule', or not any more. */
void dp_rule_set_flushing(struct dp_offload *offload,
                          struct dp_offload_rule *rule, bool flushing)
    OVS_REQUIRES(rule->shard->mutex);

/* Members.  add() returns false if 'flow' is one already. */
bool dp_rule_member_add(struct dp_offload *offload,
                        struct dp_offload_rule *rule,
                        struct dp_mark_index *index, void *flow)
    OVS_REQUIRES(rule->shard->mutex);
bool dp_rule_member_del(struct dp_offload *offload,
                        struct dp_offload_rule *rule,
                        struct dp_mark_index *index, void *flow)
    OVS_REQUIRES(rule->shard->mutex);
void dp_rule_members_clear(struct dp_offload *offload,
                           struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);
struct dp_offload_member *dp_rule_member_find(
    const struct dp_offload_rule *rule, const void *flow)
    OVS_REQUIRES(rule->shard->mutex);

/* Gives 'rule' a mark that 'port' can carry, and tells it to the lanes.
 * Returns 0 or ENOSPC. */
int dp_rule_take_mark(struct dp_offload *offload,
                      struct dp_offload_rule *rule,
                      const struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* Takes the mark of 'rule', if any, from the lanes and from it.  'port' is the
 * port that packets with the mark may still come from, or null. */
void dp_rule_drop_mark(struct dp_offload *offload,
                       struct dp_offload_rule *rule,
                       struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex);

/* Tells the analysis of locks that who holds the mutex of 'shard' holds that
 * of the shard of 'rule'. */
#if defined(__clang__)
#define DP_RULE_LOCKED(RULE) \
    __attribute__((assert_exclusive_lock((RULE)->shard->mutex)))
#else
#define DP_RULE_LOCKED(RULE)
#endif
static inline void
dp_rule_is_locked(const struct dp_offload_rule *rule,
                  const struct dp_offload_shard *shard)
    DP_RULE_LOCKED(rule)
{
    ovs_assert(rule->shard == shard);
}

/* Microseconds of a clock that nobody stops or warps. */
uint64_t dp_offload_now_us(void);

#endif /* dp-offload-rule.h */
