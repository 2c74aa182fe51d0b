/* SPDX-License-Identifier: Apache-2.0 */

/* Every operation has the same shape: wait as long as the faults say, lock,
 * see if a fault is due, do it, unlock.
 *
 * Actions are checked before attributes and pattern.  Open vSwitch tries each
 * flow as a transfer rule first and logs a refusal by the kind of its cause:
 * that of an action quietly, others loudly. */

#include "simnic-flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "simnic-age.h"
#include "simnic-classify.h"
#include "simnic-dev.h"
#include "simnic-indirect.h"

static bool
port_ok(void *port_, uint16_t port_id)
{
    const struct simnic_port *port = port_;
    const struct simnic_port *other = simnic_port_by_id(port_id);

    return (other && other->config.caps.switch_domain
                     == port->config.caps.switch_domain);
}

void
simnic_flow_env(struct simnic_port *port, struct simnic_action_env *env)
{
    const struct simnic_caps *caps = &port->config.caps;

    *env = (struct simnic_action_env) {
        .n_rxq = port->n_rxq,
        .rss_types = SIMNIC_RSS_TYPES,
        .mark_bits = caps->mark_bits,
        .n_groups = caps->groups,
        .has_switch = caps->switch_domain >= 0,
        .no_mark = port->no_mark_delivery,
        .no_flag = port->no_flag_delivery,
        .aux = port,
        .port_ok = port_ok,
        .shared = simnic_indirect_find,
    };
}

/* Faults. */

/* Waits as long as an insertion or removal takes on this NIC. */
static void
take_time(struct simnic_port *port)
{
    uint32_t latency, rate;
    uint64_t until = 0;

    pthread_mutex_lock(&port->mutex);
    latency = port->config.faults.latency_us;
    rate = port->config.faults.flow_rate;
    if (rate) {
        uint64_t now = rte_rdtsc();

        until = RTE_MAX(now, port->flow_tokens_at) + rte_get_tsc_hz() / rate;
        port->flow_tokens_at = until;
    }
    pthread_mutex_unlock(&port->mutex);

    if (latency) {
        rte_delay_us_block(latency);
    }
    while (until && (int64_t) (until - rte_rdtsc()) > 0) {
        rte_pause();
    }
}

static int
refuse_removed(struct rte_flow_error *error)
{
    return rte_flow_error_set(error, EIO, RTE_FLOW_ERROR_TYPE_STATE, NULL,
                              "the device was removed");
}

/* Returns 0, or the error that this operation is to fail with. */
static int
check_fault(struct simnic_port *port, enum simnic_flow_op op,
            struct rte_flow_error *error)
{
    struct simnic_faults *f = &port->config.faults;
    int code;

    if (port->removed) {
        return refuse_removed(error);
    }
    if (f->fail_op != op || (f->fail_nth > 1 && f->fail_nth--)) {
        return 0;
    }
    code = f->fail_errno;
    if (!--f->fail_count) {
        f->fail_op = SIMNIC_OP_NONE;
    }
    port->flow_stats.failed++;
    return rte_flow_error_set(error, code, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                              NULL, "failure on demand (fail=)");
}

/* Rules. */

static int
check_attr(struct simnic_port *port, const struct rte_flow_attr *attr,
           struct rte_flow_error *error)
{
    const struct simnic_caps *caps = &port->config.caps;
    enum rte_flow_error_type type;
    const char *why;

    if (!attr) {
        return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ATTR,
                                  NULL, "no attributes");
    } else if (attr->transfer && caps->switch_domain < 0) {
        type = RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER;
        why = "no embedded switch: the port is in no switch domain";
    } else if (attr->egress) {
        type = RTE_FLOW_ERROR_TYPE_ATTR_EGRESS;
        why = "egress rules are not supported";
    } else if (!attr->ingress && !attr->transfer) {
        type = RTE_FLOW_ERROR_TYPE_ATTR_INGRESS;
        why = "a rule must be ingress or transfer";
    } else if (attr->group >= caps->groups) {
        type = RTE_FLOW_ERROR_TYPE_ATTR_GROUP;
        why = "the NIC has fewer groups";
    } else if (attr->priority >= caps->priorities) {
        type = RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY;
        why = "the NIC has fewer priorities";
    } else {
        return 0;
    }
    return rte_flow_error_set(error, ENOTSUP, type, attr, why);
}

static int
check_capacity(struct simnic_port *port, const struct rte_flow_attr *attr,
               struct rte_flow_error *error)
{
    const struct simnic_caps *caps = &port->config.caps;
    const struct simnic_table *table = (attr->transfer
                                        ? &port->rules.transfer
                                        : &port->rules.ingress);

    if (port->rules.n < caps->capacity
        && simnic_table_count(table, attr->group) < caps->group_capacity) {
        return 0;
    }
    port->flow_stats.full++;
    return rte_flow_error_set(error, ENOSPC, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                              NULL, port->rules.n < caps->capacity
                              ? "the group is full" : "the NIC is full");
}

/* Checks and compiles a rule.  The caller uninits '*actions'. */
static int
compile(struct simnic_port *port, const struct rte_flow_attr *attr,
        const struct rte_flow_item pattern[],
        const struct rte_flow_action actions_[], struct simnic_match *match,
        struct simnic_actions *actions, struct rte_flow_error *error)
{
    static const struct rte_flow_attr no_attr;
    struct simnic_action_env env;
    int retval;

    simnic_flow_env(port, &env);
    retval = simnic_actions_compile(&env, attr ? attr : &no_attr, actions_,
                                    actions, error);
    if (!retval) {
        retval = check_attr(port, attr, error);
    }
    if (!retval) {
        retval = simnic_match_compile(pattern, match, error);
    }
    if (!retval && match->integrity && !port->config.caps.integrity) {
        return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                                  NULL, "integrity=0: headers are not "
                                  "verified");
    }
    if (!retval && match->checksums && !port->config.caps.checksums) {
        return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                                  NULL, "checksums=0: checksums are not "
                                  "verified");
    }
    if (!retval && !port->config.caps.tcp_flags
        && simnic_match_asks_tcp_flags(match)) {
        return rte_flow_error_set(error, ENOTSUP,
                                  RTE_FLOW_ERROR_TYPE_ITEM_MASK, NULL,
                                  "tcp-flags=0: flags of TCP can't be "
                                  "matched");
    }
    if (!retval && !port->started) {
        return rte_flow_error_set(error, EBUSY, RTE_FLOW_ERROR_TYPE_STATE,
                                  NULL, "the port is stopped: start it, then "
                                  "create rules");
    }
    if (!retval) {
        return check_capacity(port, attr, error);
    }
    port->flow_stats.refused++;
    return retval;
}

static int
flow_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
              const struct rte_flow_item pattern[],
              const struct rte_flow_action actions_[],
              struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_actions actions = { .has = 0 };
    struct simnic_match match;
    int retval;

    pthread_mutex_lock(&port->mutex);
    retval = (port->removed ? refuse_removed(error)
              : compile(port, attr, pattern, actions_, &match, &actions,
                        error));
    simnic_actions_uninit(&actions);
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

static struct rte_flow *
flow_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
            const struct rte_flow_item pattern[],
            const struct rte_flow_action actions_[],
            struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_actions actions = { .has = 0 };
    struct rte_flow *handle = NULL;
    struct simnic_rule *rule;
    struct simnic_match match;

    take_time(port);
    pthread_mutex_lock(&port->mutex);
    if (check_fault(port, SIMNIC_OP_CREATE, error)
        || compile(port, attr, pattern, actions_, &match, &actions, error)) {
        goto out;
    }
    rte_rwlock_write_lock(&port->rules_lock);
    rule = simnic_rules_add(&port->rules, attr, &match, &actions);
    rte_rwlock_write_unlock(&port->rules_lock);
    if (!rule) {
        rte_flow_error_set(error, ENOMEM, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                           NULL, "out of memory");
        goto out;
    }
    if (port->has_streams) {
        simnic_classify_changed(port, &match, attr->group, NULL);
    }
    port->flow_stats.created++;
    simnic_age_start(port);
    handle = simnic_rule_handle(rule);

out:
    simnic_actions_uninit(&actions);
    pthread_mutex_unlock(&port->mutex);
    return handle;
}

/* The match of an installed rule, as simnic_match_compile() made it. */
static void
get_match(const struct simnic_rule *rule, struct simnic_match *match)
{
    const struct simnic_entry *e = &rule->entry;

    if (e->ranges) {
        *match = *e->ranges;
    } else {
        match->mask = *simnic_entry_mask(e);
        memcpy(match->value, e->value, sizeof match->value);
        match->n_ranges = 0;
    }
}

static struct simnic_rule *
find_rule(struct simnic_port *port, const struct rte_flow *handle,
          struct rte_flow_error *error)
{
    struct simnic_rule *rule = simnic_rules_from_handle(&port->rules, handle);

    if (!rule) {
        rte_flow_error_set(error, ENOENT, RTE_FLOW_ERROR_TYPE_HANDLE, handle,
                           "no such rule: destroyed, flushed, or lost when "
                           "the port was stopped");
    }
    return rule;
}

static int
flow_destroy(struct rte_eth_dev *dev, struct rte_flow *handle,
             struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_rule *rule;
    struct simnic_match match;
    int retval;

    take_time(port);
    pthread_mutex_lock(&port->mutex);
    retval = check_fault(port, SIMNIC_OP_DESTROY, error);
    rule = retval ? NULL : find_rule(port, handle, error);
    if (rule) {
        uint32_t group = rule->entry.group;
        bool all = group && port->rules.n_edit_jump;

        get_match(rule, &match);
        rte_rwlock_write_lock(&port->rules_lock);
        simnic_rules_remove(&port->rules, rule);
        rte_rwlock_write_unlock(&port->rules_lock);
        if (port->has_streams) {
            if (all) {
                simnic_classify_all(port);
            } else {
                simnic_classify_changed(port, &match, group, rule);
            }
        }
        simnic_reclaim_rule(port, rule);
        simnic_age_start(port);
        port->flow_stats.destroyed++;
    } else if (!retval) {
        retval = -ENOENT;
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

uint32_t
simnic_flow_flush_all(struct simnic_port *port)
{
    struct simnic_rules *rs = &port->rules;
    struct simnic_rule **gone = malloc((rs->n + 1) * sizeof *gone);
    uint32_t n = 0;

    if (!gone) {
        return 0;
    }
    rte_rwlock_write_lock(&port->rules_lock);
    for (uint32_t i = 0; i < rs->slots.n; i++) {
        if (rs->slots.slot[i].object) {
            gone[n++] = rs->slots.slot[i].object;
            simnic_rules_remove(rs, rs->slots.slot[i].object);
        }
    }
    rte_rwlock_write_unlock(&port->rules_lock);
    if (n && port->has_streams) {
        simnic_classify_all(port);
    }
    for (uint32_t i = 0; i < n; i++) {
        simnic_reclaim_rule(port, gone[i]);
    }
    free(gone);
    return n;
}

static int
flow_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    int retval;

    pthread_mutex_lock(&port->mutex);
    retval = check_fault(port, SIMNIC_OP_FLUSH, error);
    if (!retval) {
        port->flow_stats.destroyed += simnic_flow_flush_all(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

/* Queries. */

void
simnic_flow_read_counter(struct simnic_port *port, struct simnic_counter *c,
                         struct rte_flow_query_count *query)
{
    uint64_t lag_ms = port->config.faults.counter_lag_ms;
    uint64_t now = rte_rdtsc();

    if (!lag_ms || !c->shown_at
        || now - c->shown_at >= lag_ms * rte_get_tsc_hz() / 1000) {
        c->shown_hits = __atomic_load_n(&c->hits, __ATOMIC_RELAXED);
        c->shown_bytes = __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
        c->shown_at = now;
    }
    query->hits_set = 1;
    query->bytes_set = 1;
    query->hits = c->shown_hits;
    query->bytes = c->shown_bytes;
    if (query->reset) {
        __atomic_fetch_sub(&c->hits, c->shown_hits, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&c->bytes, c->shown_bytes, __ATOMIC_RELAXED);
        c->shown_hits = c->shown_bytes = 0;
    }
}

static int
query_action(struct simnic_port *port, struct simnic_rule *rule,
             const struct rte_flow_action *action, void *data,
             struct rte_flow_error *error)
{
    switch ((int) action->type) {
    case RTE_FLOW_ACTION_TYPE_COUNT:
        if (!(rule->has & SIMNIC_ACT_COUNT)) {
            break;
        }
        /* A shared counter has hits of other rules, too. */
        simnic_classify_sync(port, rule->shared_count ? NULL : rule);
        simnic_flow_read_counter(port, simnic_rule_counter(rule), data);
        return 0;
    case RTE_FLOW_ACTION_TYPE_AGE: {
        struct rte_flow_query_age *query = data;
        struct simnic_age *age = simnic_rule_age(rule);
        uint64_t now = rte_rdtsc();

        if (!(rule->has & SIMNIC_ACT_AGE)) {
            break;
        }
        simnic_classify_sync(port, rule->shared_age ? NULL : rule);
        simnic_age_update(age, now);
        memset(query, 0, sizeof *query);
        query->aged = age->aged;
        query->sec_since_last_hit_valid = 1;
        query->sec_since_last_hit = ((now - age->last_seen)
                                     / rte_get_tsc_hz());
        return 0;
    }
    default:
        return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION,
                                  action, "only COUNT and AGE can be queried");
    }
    return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION,
                              action, "the rule has no such action");
}

static int
flow_query(struct rte_eth_dev *dev, struct rte_flow *handle,
           const struct rte_flow_action *action, void *data,
           struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_rule *rule;
    int retval;

    pthread_mutex_lock(&port->mutex);
    retval = check_fault(port, SIMNIC_OP_QUERY, error);
    if (!retval) {
        rule = find_rule(port, handle, error);
        retval = (!rule ? -ENOENT
                  : !action || !data
                  ? rte_flow_error_set(error, EINVAL,
                                       RTE_FLOW_ERROR_TYPE_ACTION, NULL,
                                       "nothing to query")
                  : query_action(port, rule, action, data, error));
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

static int
flow_isolate(struct rte_eth_dev *dev, int set, struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);

    (void) error;
    pthread_mutex_lock(&port->mutex);
    rte_rwlock_write_lock(&port->rules_lock);
    port->rules.isolated = set;
    rte_rwlock_write_unlock(&port->rules_lock);
    if (port->has_streams && port->started) {
        simnic_classify_all(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static void
dump_rule(const struct simnic_rule *rule, FILE *file)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {
        { SIMNIC_ACT_FLAG, "flag" }, { SIMNIC_ACT_COUNT, "count" },
        { SIMNIC_ACT_AGE, "age" }, { SIMNIC_ACT_QUEUE, "queue" },
        { SIMNIC_ACT_RSS, "rss" }, { SIMNIC_ACT_DROP, "drop" },
        { SIMNIC_ACT_PASSTHRU, "passthru" },
    };
    const struct simnic_mask *mask = simnic_entry_mask(&rule->entry);

    fprintf(file, "%p %s group %u priority %u:",
            (void *) simnic_rule_handle(rule),
            rule->transfer ? "transfer" : "ingress", rule->entry.group,
            rule->entry.priority);
    for (uint32_t words = mask->words; words; words &= words - 1) {
        int i = __builtin_ctz(words);

        fprintf(file, " [%d] 0x%016llx/0x%016llx", i * 8,
                (unsigned long long) rte_be_to_cpu_64(rule->entry.value[i]),
                (unsigned long long) rte_be_to_cpu_64(mask->w[i]));
    }
    fprintf(file, " =>");
    if (rule->has & SIMNIC_ACT_MARK) {
        fprintf(file, " mark 0x%x", rule->mark);
    }
    for (size_t i = 0; i < RTE_DIM(names); i++) {
        if (rule->has & names[i].bit) {
            fprintf(file, " %s", names[i].name);
        }
    }
    if (rule->has & SIMNIC_ACT_JUMP) {
        fprintf(file, " jump %u", rule->jump_group);
    }
    if (rule->has & SIMNIC_ACT_PORT) {
        fprintf(file, " port %u", rule->port_id);
    }
    if (rule->edits) {
        fprintf(file, " edits %u", rule->edits->n);
    }
    fprintf(file, " streams %u\n", rule->path.n_streams);
}

static int
flow_dump(struct rte_eth_dev *dev, struct rte_flow *handle, FILE *file,
          struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    int retval = 0;

    pthread_mutex_lock(&port->mutex);
    if (handle) {
        struct simnic_rule *rule = find_rule(port, handle, error);

        if (rule) {
            dump_rule(rule, file);
        } else {
            retval = -ENOENT;
        }
    } else {
        for (uint32_t i = 0; i < port->rules.slots.n; i++) {
            if (port->rules.slots.slot[i].object) {
                dump_rule(port->rules.slots.slot[i].object, file);
            }
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

static int
flow_get_aged(struct rte_eth_dev *dev, void **contexts, uint32_t size,
              struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    uint32_t n = 0;

    if (size && !contexts) {
        return rte_flow_error_set(error, EINVAL,
                                  RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL,
                                  "no room for contexts");
    }
    pthread_mutex_lock(&port->mutex);
    if (port->rules.n_aging) {
        simnic_classify_sync(port, NULL);
    }
    for (uint32_t i = 0; i < port->rules.slots.n; i++) {
        struct simnic_rule *rule = port->rules.slots.slot[i].object;
        struct simnic_age *age;

        if (!rule || !(rule->has & SIMNIC_ACT_AGE)) {
            continue;
        }
        age = simnic_rule_age(rule);
        simnic_age_update(age, rte_rdtsc());
        if (age->aged && (!age->reported || !size)) {
            if (size) {
                if (n >= size) {
                    break;
                }
                contexts[n] = (age->context ? age->context
                               : simnic_rule_handle(rule));
                age->reported = true;
            }
            n++;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return n;
}

static int
flow_pick_transfer_proxy(struct rte_eth_dev *dev, uint16_t *proxy,
                         struct rte_flow_error *error)
{
    (void) error;
    *proxy = dev->data->port_id;
    return 0;
}

const struct rte_flow_ops simnic_flow_ops = {
    .validate = flow_validate,
    .create = flow_create,
    .destroy = flow_destroy,
    .flush = flow_flush,
    .query = flow_query,
    .isolate = flow_isolate,
    .dev_dump = flow_dump,
    .get_aged_flows = flow_get_aged,
    .action_handle_create = simnic_indirect_create,
    .action_handle_destroy = simnic_indirect_destroy,
    .action_handle_update = simnic_indirect_update,
    .action_handle_query = simnic_indirect_query,
    .pick_transfer_proxy = flow_pick_transfer_proxy,
};
