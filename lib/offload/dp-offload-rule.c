/* SPDX-License-Identifier: Apache-2.0 */

/* The list of members is short, one flow for each lane at most as a rule, so
 * it is an array that is searched; the first member lies in the rule. */

#include <config.h>
#include "offload/dp-offload-rule.h"

#include "hash.h"
#include "odp-util.h"
#include "offload/dp-offload.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-worker-state.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(dp_offload_rule);

uint64_t
dp_rule_hash_actions(const struct ofpbuf *actions, size_t ofs)
{
    size_t len = actions->size - ofs;
    const void *data = ofpbuf_at_assert(actions, ofs, len);

    return (uint64_t) hash_bytes(data, len, 1) << 32
           | hash_bytes(data, len, 2);
}

/* Registry. */

/* The megaflow's name is a hash already. */
static uint32_t
dp_rule_hash(const ovs_u128 *mega_ufid)
{
    return mega_ufid->u32[0];
}

void
dp_shard_init(struct dp_offload_shard *shard)
{
    ovs_mutex_init(&shard->mutex);
    hmap_init(&shard->rules);
    hmap_init(&shard->ports);
    ovs_list_init(&shard->whole);
}

void
dp_shard_uninit(struct dp_offload_shard *shard)
{
    ovs_assert(hmap_is_empty(&shard->rules) && hmap_is_empty(&shard->ports));
    hmap_destroy(&shard->ports);
    hmap_destroy(&shard->rules);
    ovs_mutex_destroy(&shard->mutex);
}

static uint32_t
dp_shard_port_hash(odp_port_t port_no)
{
    return hash_int(odp_to_u32(port_no), 0);
}

struct dp_shard_port *
dp_shard_port_find(const struct dp_offload_shard *shard, odp_port_t port_no)
{
    struct dp_shard_port *sp;

    HMAP_FOR_EACH_WITH_HASH (sp, node, dp_shard_port_hash(port_no),
                             &shard->ports) {
        if (sp->port_no == port_no) {
            return sp;
        }
    }
    return NULL;
}

/* Returns what 'shard' knows about 'port_no'; somebody is about to need it. */
static struct dp_shard_port *
dp_shard_port_need(struct dp_offload_shard *shard, odp_port_t port_no)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_shard_port *sp = dp_shard_port_find(shard, port_no);

    if (!sp) {
        sp = xmalloc(sizeof *sp);
        sp->port_no = port_no;
        ovs_list_init(&sp->rules);
        ovs_list_init(&sp->dependants);
        hmap_insert(&shard->ports, &sp->node, dp_shard_port_hash(port_no));
    }
    return sp;
}

/* Frees what 'shard' knows about 'port_no' if nobody needs it any more. */
static void
dp_shard_port_tidy(struct dp_offload_shard *shard, odp_port_t port_no)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_shard_port *sp = dp_shard_port_find(shard, port_no);

    if (sp && ovs_list_is_empty(&sp->rules)
        && ovs_list_is_empty(&sp->dependants)) {
        hmap_remove(&shard->ports, &sp->node);
        free(sp);
    }
}

struct dp_offload_shard *
dp_rule_shard(const struct dp_offload *offload, const ovs_u128 *mega_ufid)
{
    return &offload->shards[mega_ufid->u32[1] % DP_OFFLOAD_N_SHARDS];
}

struct dp_offload_rule *
dp_rule_find(const struct dp_offload_shard *shard, const ovs_u128 *mega_ufid)
{
    struct dp_offload_rule *rule;

    HMAP_FOR_EACH_WITH_HASH (rule, node, dp_rule_hash(mega_ufid),
                             &shard->rules) {
        if (ovs_u128_equals(rule->mega_ufid, *mega_ufid)) {
            return rule;
        }
    }
    return NULL;
}

struct dp_offload_rule *
dp_rule_create(struct dp_offload *offload, struct dp_offload_shard *shard,
               const struct dp_offload_info *info)
{
    struct dp_offload_rule *rule = xzalloc(sizeof *rule);
    uint64_t orig;

    rule->shard = shard;
    dp_rule_is_locked(rule, shard);
    rule->mega_ufid = info->mega_ufid;
    rule->in_port = info->in_port;
    rule->kind = info->kind;
    rule->state_thread = ovsthread_id_self();
    rule->state_where = OVS_SOURCE_LOCATOR;
    rule->why = DP_OFFLOAD_WHY_QUEUED;
    rule->since_us = dp_offload_now_us();
    rule->members = &rule->one;
    rule->n_allocated = 1;
    dp_places_seat_init(&rule->seat, shard - offload->shards);
    ovs_list_init(&rule->whole_node);
    hmap_insert(&shard->rules, &rule->node, dp_rule_hash(&rule->mega_ufid));
    ovs_list_push_back(&dp_shard_port_need(shard, rule->in_port)->rules,
                       &rule->in_node);
    atomic_add_relaxed(&offload->n_rules, 1, &orig);

    return rule;
}

static void
dp_rule_drop_heir(struct dp_offload *offload, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    if (!rule->n_members && rule->heir) {
        offload->env.flow_unref(offload->env.aux, rule->heir);
        rule->heir = NULL;
    }
}

void
dp_rule_go_at(struct dp_offload_rule *rule, enum dp_rule_state state,
              const char *where)
{
    if (OVS_UNLIKELY(!dp_rule_edge_is_legal(rule->state, state))) {
        VLOG_ABORT("%s: rule "UUID_FMT" cannot go from %s to %s (last moved "
                   "by thread %u at %s)",
                   where, UUID_ARGS((struct uuid *) &rule->mega_ufid),
                   dp_rule_state_name(rule->state),
                   dp_rule_state_name(state),
                   rule->state_thread, rule->state_where);
    }
    rule->state = state;
    rule->state_thread = ovsthread_id_self();
    rule->state_where = where;
}

void
dp_rule_destroy(struct dp_offload *offload, struct dp_offload_rule *rule)
{
    uint64_t orig;

    ovs_assert(rule->state == DP_RULE_DEAD && !rule->ready && !rule->mark
               && !rule->port && !dp_rule_peer(rule) && !rule->n_members
               && !rule->retry_node.idx);
    dp_rule_set_out_port(rule, ODPP_NONE);
    dp_rule_drop_heir(offload, rule);
    dp_places_settle(&rule->seat);
    hmap_remove(&rule->shard->rules, &rule->node);
    ovs_list_remove(&rule->in_node);
    dp_shard_port_tidy(rule->shard, rule->in_port);
    if (rule->members != &rule->one) {
        free(rule->members);
    }
    atomic_sub_relaxed(&offload->n_rules, 1, &orig);
    /* Last: whom this wakes finds no such rule. */
    dp_rule_set_flushing(offload, rule, false);
    free(rule);
}

/* Is what 'rule' waits for a change of what is in the NIC?  One that is being
 * put will be there when it is looked at. */
static bool
dp_rule_is_change(const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    return (dp_rule_state_is_in(rule->state)
            || rule->state == DP_RULE_PUTTING
            || rule->state == DP_RULE_UNSURE
            || rule->returning);
}

void
dp_rule_ready(struct dp_offload_rule *rule)
{
    if (!rule->ready) {
        struct dp_offload_worker *worker = rule->shard->worker;
        uint64_t orig;

        rule->ready = true;
        rule->ready_us = dp_offload_now_us();
        atomic_add_explicit(&worker->n_pending, 1, &orig,
                            memory_order_acq_rel);
        mpsc_queue_insert(dp_rule_is_change(rule) ? &worker->changes
                          : &worker->arrivals, &rule->ready_node);
    }
}

void
dp_rules_ready_all(struct dp_offload *offload)
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            dp_rule_is_locked(rule, shard);
            dp_rule_ready(rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

void
dp_rule_set_out_port(struct dp_offload_rule *rule, odp_port_t port_no)
{
    struct dp_rule_link *link = rule->link;

    if (link) {
        if (link->port_no == port_no) {
            return;
        }
        ovs_assert(!link->peer);
        ovs_list_remove(&link->node);
        dp_shard_port_tidy(rule->shard, link->port_no);
        free(link);
        rule->link = NULL;
    }
    if (port_no != ODPP_NONE) {
        link = rule->link = xmalloc(sizeof *link);
        link->rule = rule;
        link->port_no = port_no;
        link->peer = NULL;
        ovs_list_push_back(
            &dp_shard_port_need(rule->shard, port_no)->dependants,
            &link->node);
    }
}

/* 'rule' is to be planned anew. */
static void
dp_rule_replan(struct dp_offload_rule *rule, struct dp_offload_shard *shard)
    OVS_REQUIRES(shard->mutex)
{
    dp_rule_is_locked(rule, shard);
    rule->replan = true;
    dp_rule_ready(rule);
}

static void
dp_shard_replan_output(struct dp_offload_shard *shard,
                       const struct dp_shard_port *sp)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_rule_link *link;

    LIST_FOR_EACH (link, node, &sp->dependants) {
        dp_rule_replan(link->rule, shard);
    }
}

static void
dp_shard_replan_input(struct dp_offload_shard *shard,
                      const struct dp_shard_port *sp)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_offload_rule *rule;

    LIST_FOR_EACH (rule, in_node, &sp->rules) {
        dp_rule_replan(rule, shard);
    }
}

static void
dp_shard_ready_port(struct dp_offload_shard *shard,
                    const struct dp_shard_port *sp)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_offload_rule *rule;

    LIST_FOR_EACH (rule, in_node, &sp->rules) {
        dp_rule_is_locked(rule, shard);
        dp_rule_ready(rule);
    }
    dp_shard_replan_output(shard, sp);
}

/* Calls 'cb' for what each shard knows about 'port_no'. */
static void
dp_rules_for_port(struct dp_offload *offload, odp_port_t port_no,
                  void (*cb)(struct dp_offload_shard *,
                             const struct dp_shard_port *))
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_shard_port *sp;

        ovs_mutex_lock(&shard->mutex);
        sp = dp_shard_port_find(shard, port_no);
        if (sp) {
            cb(shard, sp);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

void
dp_rules_ready_port(struct dp_offload *offload, odp_port_t port_no)
{
    dp_rules_for_port(offload, port_no, dp_shard_ready_port);
}

void
dp_rules_replan_output(struct dp_offload *offload, odp_port_t port_no)
{
    dp_rules_for_port(offload, port_no, dp_shard_replan_output);
}

void
dp_rules_replan_input(struct dp_offload *offload, odp_port_t port_no)
{
    dp_rules_for_port(offload, port_no, dp_shard_replan_input);
}

void
dp_rule_set_flushing(struct dp_offload *offload, struct dp_offload_rule *rule,
                     bool flushing)
{
    uint64_t orig;

    if (flushing && !rule->flushing) {
        atomic_add_relaxed(&offload->n_flushing, 1, &orig);
    } else if (!flushing && rule->flushing) {
        atomic_sub_explicit(&offload->n_flushing, 1, &orig,
                            memory_order_release);
    }
    rule->flushing = flushing;
}

/* Members. */

/* May the NIC have counted what nobody was told?  While a put is under way
 * nobody knows. */
static bool
dp_rule_may_count(const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    return (rule->level == DP_OFFLOAD_WHOLE
            || rule->state == DP_RULE_PUTTING);
}

struct dp_offload_member *
dp_rule_member_find(const struct dp_offload_rule *rule, const void *flow)
{
    for (size_t i = 0; i < rule->n_members; i++) {
        if (rule->members[i].flow == flow) {
            return &rule->members[i];
        }
    }
    return NULL;
}

/* 'rule' has new members, or lost some: its packets can't be compared with
 * those of the last reading. */
static void
dp_rule_rebase_rate(const struct dp_offload *offload,
                    struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_env *env = &offload->env;
    struct dp_places_rate *rate = &rule->seat.rate;

    if (rule->n_members == 1 && !rate->count && env->flow_packets) {
        /* A new flow: what it has had so far tells nothing, but from here on
         * we count. */
        rate->count = env->flow_packets(env->aux, rule->members[0].flow);
        rate->when_us = dp_offload_now_us();
    } else {
        dp_places_rate_rebase(rate);
    }
}

bool
dp_rule_member_add(struct dp_offload *offload, struct dp_offload_rule *rule,
                   struct dp_mark_index *index, void *flow)
{
    struct dp_offload_member *member;

    if (dp_rule_member_find(rule, flow)) {
        return false;
    }
    if (rule->n_members >= rule->n_allocated) {
        size_t n = rule->n_allocated * 2;
        struct dp_offload_member *members = xmalloc(n * sizeof *members);

        memcpy(members, rule->members, rule->n_members * sizeof *members);
        if (rule->members != &rule->one) {
            free(rule->members);
        }
        rule->members = members;
        rule->n_allocated = n;
    }
    offload->env.flow_ref(offload->env.aux, flow);
    dp_rule_drop_heir(offload, rule);
    member = &rule->members[rule->n_members++];
    *member = (struct dp_offload_member) { .index = index, .flow = flow };
    if (rule->mark) {
        dp_mark_index_set(index, rule->mark, flow, rule->mark_sound);
    }
    dp_rule_rebase_rate(offload, rule);
    return true;
}

/* Takes member 'i' out.  Another flow of the same lane takes its slot over. */
static void
dp_rule_member_remove(struct dp_offload *offload,
                      struct dp_offload_rule *rule, size_t i)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_member member = rule->members[i];

    rule->n_members--;
    memmove(&rule->members[i], &rule->members[i + 1],
            (rule->n_members - i) * sizeof member);

    if (rule->mark
        && dp_mark_index_clear(member.index, rule->mark, member.flow)) {
        for (size_t j = rule->n_members; j-- > 0; ) {
            if (rule->members[j].index == member.index) {
                dp_mark_index_set(member.index, rule->mark,
                                  rule->members[j].flow, rule->mark_sound);
                break;
            }
        }
    }
    dp_rule_rebase_rate(offload, rule);
    if (!rule->n_members) {
        rule->heir = dp_rule_may_count(rule) ? member.flow : NULL;
    }
    if (rule->n_members || !rule->heir) {
        offload->env.flow_unref(offload->env.aux, member.flow);
    }
}

bool
dp_rule_member_del(struct dp_offload *offload, struct dp_offload_rule *rule,
                   struct dp_mark_index *index, void *flow)
{
    struct dp_offload_member *member = dp_rule_member_find(rule, flow);

    if (!member || member->index != index) {
        return false;
    }
    dp_rule_member_remove(offload, rule, member - rule->members);
    return true;
}

void
dp_rule_members_clear(struct dp_offload *offload,
                      struct dp_offload_rule *rule)
{
    while (rule->n_members) {
        dp_rule_member_remove(offload, rule, rule->n_members - 1);
    }
}

uint64_t
dp_rule_soft_packets(const struct dp_offload *offload,
                     const struct dp_offload_rule *rule)
{
    const struct dp_offload_env *env = &offload->env;
    uint64_t n = 0;

    for (size_t i = 0; env->flow_packets && i < rule->n_members; i++) {
        n += env->flow_packets(env->aux, rule->members[i].flow);
    }
    return n;
}
