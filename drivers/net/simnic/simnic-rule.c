/* SPDX-License-Identifier: Apache-2.0 */

/* Rules are kept small, so that a hundred thousand of them fit: what most
 * rules lack (edits, RSS queues, ranges) is allocated apart.
 *
 * A packet that leaves a group above 0 without a match goes to the host with
 * the marks it has collected, as if the last rule had been the end. */

#include "simnic-rule.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

void
simnic_rules_init(struct simnic_rules *rs)
{
    memset(rs, 0, sizeof *rs);
    simnic_table_init(&rs->ingress);
    simnic_table_init(&rs->transfer);
    simnic_slots_init(&rs->slots);
    simnic_slots_init(&rs->shared);
}

void
simnic_rules_uninit(struct simnic_rules *rs)
{
    for (uint32_t i = 0; i < rs->slots.n; i++) {
        struct simnic_rule *rule = rs->slots.slot[i].object;

        if (rule) {
            simnic_rules_remove(rs, rule);
            simnic_rule_free(rule);
        }
    }
    for (uint32_t i = 0; i < rs->shared.n; i++) {
        if (rs->shared.slot[i].object) {
            simnic_shared_unref(rs->shared.slot[i].object);
        }
    }
    simnic_slots_uninit(&rs->shared);
    simnic_slots_uninit(&rs->slots);
    simnic_table_uninit(&rs->ingress);
    simnic_table_uninit(&rs->transfer);
    memset(rs, 0, sizeof *rs);
}

/* Indirect actions. */

void
simnic_shared_unref(struct simnic_shared *shared)
{
    if (!--shared->n_refs) {
        free(shared);
    }
}

/* 'rule' uses 'shared', which may be NULL, from now on. */
static void
begin_use(struct simnic_shared *shared, struct simnic_rule *rule)
{
    if (shared) {
        shared->user = shared->n_users++ ? NULL : rule;
        shared->n_refs++;
    }
}

/* A rule that uses 'shared', which may be NULL, leaves its table. */
static void
end_use(struct simnic_shared *shared)
{
    if (shared) {
        shared->n_users--;
        shared->user = NULL;
    }
}

/* Rules. */

/* True if other rules may see what 'rule' has made of a packet. */
static bool
edits_then_jumps(const struct simnic_rule *rule)
{
    return (rule->edits
            && (rule->has & (SIMNIC_ACT_JUMP | SIMNIC_ACT_PASSTHRU)
                || !(rule->has & SIMNIC_ACT_FATES)));
}

/* Fills in the path of packets that meet 'rule' alone. */
static void
init_path(struct simnic_rule *rule)
{
    struct simnic_path *path = &rule->path;

    path->n_rules = 1;
    path->rule[0] = rule;
    path->counted = rule->has & (SIMNIC_ACT_COUNT | SIMNIC_ACT_AGE);
    path->exact = rule->shared_count != NULL;
    path->has_mark = rule->has & SIMNIC_ACT_MARK;
    path->flag = rule->has & SIMNIC_ACT_FLAG;
    path->mark = rule->mark;
    path->drop = rule->has & SIMNIC_ACT_DROP;
    path->to_port = rule->has & SIMNIC_ACT_PORT;
    path->port_id = rule->port_id;
    path->slow = path->to_port || (rule->edits && !path->drop);
}

struct simnic_rule *
simnic_rules_add(struct simnic_rules *rs, const struct rte_flow_attr *attr,
                 const struct simnic_match *match, struct simnic_actions *a)
{
    struct simnic_rule *rule = calloc(1, sizeof *rule);

    if (!rule || !simnic_slots_reserve(&rs->slots)) {
        free(rule);
        return NULL;
    }
    rule->entry.group = attr->group;
    rule->entry.priority = attr->priority;
    rule->transfer = attr->transfer;
    rule->checksums = match->checksums;
    rule->has = a->has;
    rule->mark = a->mark;
    rule->jump_group = a->jump_group;
    rule->queue = a->queue;
    rule->port_id = a->port_id;
    rule->shared_count = a->shared_count;
    rule->shared_age = a->shared_age;
    rule->shared_rss = a->shared_rss;
    rule->age.timeout_s = a->age_s;
    rule->age.context = a->age_context;
    rule->age.last_seen = rte_rdtsc();
    if (rule->shared_rss) {
        rule->rss = &rule->shared_rss->rss;
    } else if (rule->has & SIMNIC_ACT_RSS) {
        rule->rss = malloc(sizeof *rule->rss);
        if (!rule->rss) {
            goto error;
        }
        *rule->rss = a->rss;
    }
    if (a->edits.n) {
        rule->edits = malloc(sizeof *rule->edits);
        if (!rule->edits) {
            goto error;
        }
        *rule->edits = a->edits;
    }
    if (simnic_table_insert(rule->transfer ? &rs->transfer : &rs->ingress,
                            &rule->entry, match)) {
        goto error;
    }

    a->edits.n = 0;
    rule->handle = simnic_slots_put(&rs->slots, rule);
    rs->n++;
    rs->n_aging += !!(rule->has & SIMNIC_ACT_AGE);
    rs->n_counted += !!(rule->has & SIMNIC_ACT_COUNT);
    rs->n_checksums += rule->checksums;
    rs->n_edit_jump += edits_then_jumps(rule);
    begin_use(rule->shared_count, rule);
    begin_use(rule->shared_age, rule);
    begin_use(rule->shared_rss, rule);
    init_path(rule);
    return rule;

error:
    if (!rule->shared_rss) {
        free(rule->rss);
    }
    free(rule->edits);
    free(rule);
    return NULL;
}

void
simnic_rules_remove(struct simnic_rules *rs, struct simnic_rule *rule)
{
    simnic_table_remove(rule->transfer ? &rs->transfer : &rs->ingress,
                        &rule->entry);
    simnic_slots_remove(&rs->slots, rule->handle);
    rs->n--;
    rs->n_aging -= !!(rule->has & SIMNIC_ACT_AGE);
    rs->n_checksums -= rule->checksums;
    rs->n_counted -= !!(rule->has & SIMNIC_ACT_COUNT);
    rs->n_edit_jump -= edits_then_jumps(rule);
    end_use(rule->shared_count);
    end_use(rule->shared_age);
    end_use(rule->shared_rss);
}

void
simnic_rule_free(struct simnic_rule *rule)
{
    struct simnic_shared *shared[] = {
        rule->shared_count, rule->shared_age, rule->shared_rss,
    };

    if (!rule->shared_rss) {
        free(rule->rss);
    }
    for (unsigned int i = 0; i < RTE_DIM(shared); i++) {
        if (shared[i]) {
            simnic_shared_unref(shared[i]);
        }
    }
    if (rule->edits) {
        simnic_edits_uninit(rule->edits);
        free(rule->edits);
    }
    free(rule);
}

struct rte_flow *
simnic_rule_handle(const struct simnic_rule *rule)
{
    return (struct rte_flow *) rule->handle;
}

struct simnic_rule *
simnic_rules_from_handle(const struct simnic_rules *rs,
                         const struct rte_flow *handle)
{
    return simnic_slots_find(&rs->slots, (uintptr_t) handle);
}

void
simnic_rule_account(struct simnic_rule *rule, uint64_t hits, uint64_t bytes)
{
    if (rule->has & SIMNIC_ACT_COUNT) {
        struct simnic_counter *c = simnic_rule_counter(rule);

        __atomic_fetch_add(&c->hits, hits, __ATOMIC_RELAXED);
        __atomic_fetch_add(&c->bytes, bytes, __ATOMIC_RELAXED);
    }
    if (rule->has & SIMNIC_ACT_AGE) {
        __atomic_fetch_add(&simnic_rule_age(rule)->hits, hits,
                           __ATOMIC_RELAXED);
    }
}

/* The copy of a packet that edits are applied to, made when first needed. */
struct scratch {
    struct simnic_frame frame;
    bool valid;
};

/* Applies the edits of 'rule' to what is evaluated. */
static void
edit_subject(const struct simnic_rule *rule, struct simnic_subject *subject,
             struct scratch *scratch)
{
    struct simnic_parsed p;

    if (!subject->frame
        || (!scratch->valid
            && !subject->frame(subject->aux, &scratch->frame))) {
        return;
    }
    scratch->valid = true;
    simnic_edits_apply(rule->edits, &scratch->frame);
    simnic_key_parse(scratch->frame.data, scratch->frame.size,
                     scratch->frame.size + scratch->frame.more, &p);
    simnic_key_verify(scratch->frame.data, scratch->frame.size, &p);
    subject->key = p.key;
}

/* Walks one domain from group 0.  Returns true if a fate was met that is not
 * "go on". */
static bool
walk(const struct simnic_table *table, struct simnic_subject *subject,
     struct scratch *scratch, struct simnic_verdict *v)
{
    const struct simnic_entry *after = NULL;
    uint32_t group = 0;

    while (v->n_rules < SIMNIC_MAX_PATH) {
        struct simnic_entry *e = simnic_table_find(table, group,
                                                   &subject->key, after);
        struct simnic_rule *rule = (struct simnic_rule *) e;

        if (!e) {
            break;
        }
        v->rule[v->n_rules++] = rule;
        v->flag |= (rule->has & SIMNIC_ACT_FLAG) != 0;
        if (rule->has & SIMNIC_ACT_MARK) {
            v->has_mark = true;
            v->mark = rule->mark;
        }
        if (rule->edits && !(rule->has & SIMNIC_ACT_DROP)) {
            v->edits = true;
            edit_subject(rule, subject, scratch);
        }
        if (rule->has & SIMNIC_ACT_PASSTHRU) {
            after = e;
        } else if (rule->has & SIMNIC_ACT_JUMP) {
            group = rule->jump_group;
            after = NULL;
        } else {
            v->drop = rule->has & SIMNIC_ACT_DROP;
            v->to_port = rule->has & SIMNIC_ACT_PORT;
            v->port_id = rule->port_id;
            v->has_queue = rule->has & SIMNIC_ACT_QUEUE;
            v->queue = rule->queue;
            v->rss = rule->rss;
            return v->drop || v->to_port;
        }
    }
    return false;
}

void
simnic_rules_eval(const struct simnic_rules *rs,
                  struct simnic_subject *subject, bool filtered,
                  struct simnic_verdict *v)
{
    struct scratch scratch = { .valid = false };
    uint8_t n_before;

    memset(v, 0, sizeof *v);
    if (rs->transfer.n && walk(&rs->transfer, subject, &scratch, v)) {
        return;
    }
    if (filtered) {
        v->drop = true;
        return;
    }
    n_before = v->n_rules;
    if (rs->ingress.n) {
        walk(&rs->ingress, subject, &scratch, v);
    }
    if (v->n_rules == n_before && rs->isolated) {
        v->drop = true;
    }
}
