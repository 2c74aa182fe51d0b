/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of a rule is decided in dp-offload-step.c; here are the books
 * that it keeps about places, and the tables themselves. */

#include <config.h>
#include "offload/dp-rebalance.h"

#include "odp-util.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload-worker.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rebalance);

static size_t
dp_rebalance_shard_id(const struct dp_offload_rule *rule)
{
    return rule->mega_ufid.u32[1] % DP_OFFLOAD_N_SHARDS;
}

static uint64_t
dp_rebalance_read(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

static bool
dp_rebalance_is_managed(const struct dp_rebalance_table *table)
{
    bool managed;

    atomic_read_relaxed(&CONST_CAST(struct dp_rebalance_table *,
                                    table)->managed, &managed);
    return managed;
}

static bool
dp_rebalance_is_enabled(const struct dp_rebalance *rb)
{
    bool enabled;

    atomic_read_relaxed(&CONST_CAST(struct dp_rebalance *, rb)->enabled,
                        &enabled);
    return enabled;
}

static uint32_t
dp_rebalance_min_pps(const struct dp_rebalance *rb)
{
    uint32_t min_pps;

    atomic_read_relaxed(&CONST_CAST(struct dp_rebalance *, rb)->min_pps,
                        &min_pps);
    return min_pps;
}

/* Life cycle. */

struct dp_rebalance *
dp_rebalance_create(struct dp_offload *offload)
{
    struct dp_rebalance *rb = xzalloc(sizeof *rb);

    rb->offload = offload;
    atomic_init(&rb->enabled, false);
    atomic_init(&rb->exit, false);
    atomic_init(&rb->interval_ms, 1000);
    atomic_init(&rb->min_pps, 0);
    atomic_init(&rb->sweep, 0);
    ovs_mutex_init(&rb->mutex);
    ovs_list_init(&rb->tables);
    dp_rebalance_plan_init(&rb->plan);
    return rb;
}

void
dp_rebalance_pin(struct dp_offload *offload)
{
    const struct dp_rebalance *rb = offload->rebalance;

    if (rb->running) {
        dp_offload_pin(offload, rb->thread, "rebalancer");
    }
}

void
dp_rebalance_stop(struct dp_rebalance *rb)
{
    if (rb->running) {
        atomic_store_relaxed(&rb->exit, true);
        ovsrcu_quiesce_start();
        xpthread_join(rb->thread, NULL);
        ovsrcu_quiesce_end();
        rb->running = false;
    }
}

void
dp_rebalance_destroy(struct dp_rebalance *rb)
{
    dp_rebalance_stop(rb);
    ovs_assert(ovs_list_is_empty(&rb->tables));
    dp_rebalance_plan_uninit(&rb->plan);
    ovs_mutex_destroy(&rb->mutex);
    free(rb->items);
    free(rb->ufids);
    free(rb);
}

/* Sets which tables are managed: all if rates decide about each rule, none
 * without a thread that could do it, otherwise those that have been found
 * full. */
static void
dp_rebalance_configure_tables(struct dp_rebalance *rb)
{
    bool enabled = dp_rebalance_is_enabled(rb);
    struct dp_rebalance_table *table;

    ovs_mutex_lock(&rb->mutex);
    LIST_FOR_EACH (table, node, &rb->tables) {
        if (!enabled) {
            atomic_store_relaxed(&table->managed, false);
        } else if (dp_rebalance_min_pps(rb)) {
            atomic_store_relaxed(&table->managed, true);
        }
    }
    ovs_mutex_unlock(&rb->mutex);
}

void
dp_offload_set_rebalance(struct dp_offload *offload,
                         const struct dp_rebalance_config *config)
{
    struct dp_rebalance *rb = offload->rebalance;
    bool was_enabled = dp_rebalance_is_enabled(rb);

    atomic_store_relaxed(&rb->interval_ms, config->interval_ms);
    atomic_store_relaxed(&rb->min_pps, config->min_pps);
    atomic_store_relaxed(&rb->enabled, config->enabled);
    if (was_enabled && !config->enabled) {
        dp_rebalance_stop(rb);
    }
    dp_rebalance_configure_tables(rb);
    if (config->enabled && !rb->running) {
        atomic_store_relaxed(&rb->exit, false);
        rb->thread = ovs_thread_create("hw_rebalance", dp_rebalance_main, rb);
        rb->running = true;
        ovs_mutex_lock(&offload->mutex);
        dp_rebalance_pin(offload);
        ovs_mutex_unlock(&offload->mutex);
    }
    if (was_enabled != config->enabled) {
        VLOG_INFO("rebalancing of offloaded flows is %s",
                  config->enabled ? "on" : "off");
        dp_rules_ready_all(offload);
    }
}

/* Tables. */

struct dp_rebalance_table *
dp_rebalance_table_get(struct dp_rebalance *rb,
                       const struct dp_offload_class *class,
                       const struct dp_offload_port_info *info)
{
    struct dp_rebalance_table *table;

    ovs_mutex_lock(&rb->mutex);
    LIST_FOR_EACH (table, node, &rb->tables) {
        if (info->table && table->key == info->table
            && table->class == class) {
            ovs_refcount_ref(&table->ref_cnt);
            ovs_mutex_unlock(&rb->mutex);
            return table;
        }
    }
    table = xzalloc(sizeof *table);
    table->class = class;
    table->key = info->table;
    ovs_refcount_init(&table->ref_cnt);
    atomic_init(&table->managed, (dp_rebalance_is_enabled(rb)
                                  && dp_rebalance_min_pps(rb)));
    atomic_init(&table->capacity, info->capacity);
    atomic_init(&table->n_placed, 0);
    atomic_init(&table->n_coming, 0);
    atomic_init(&table->n_full, 0);
    atomic_init(&table->n_freed, 0);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        ovs_list_init(&table->lines[i].placed);
        ovs_list_init(&table->lines[i].waiting);
    }
    ovs_list_push_back(&rb->tables, &table->node);
    ovs_mutex_unlock(&rb->mutex);

    return table;
}

void
dp_rebalance_table_put(struct dp_rebalance *rb,
                       struct dp_rebalance_table *table)
{
    ovs_mutex_lock(&rb->mutex);
    if (ovs_refcount_unref(&table->ref_cnt) == 1) {
        ovs_list_remove(&table->node);
        ovsrcu_postpone(free, table);
    }
    ovs_mutex_unlock(&rb->mutex);
}

/* Rules. */

void
dp_rebalance_members_changed(const struct dp_offload *offload,
                             struct dp_offload_rule *rule)
{
    const struct dp_offload_env *env = &offload->env;

    if (rule->n_members == 1 && !rule->rate.count && env->flow_packets) {
        /* A new flow: what it has had so far tells nothing, but from here on
         * we count. */
        rule->rate.count = env->flow_packets(env->aux,
                                             rule->members[0].flow);
        rule->rate.when_us = dp_offload_now_us();
    } else {
        dp_rebalance_rate_rebase(&rule->rate);
    }
}

static void
dp_rebalance_enter_line(struct dp_rebalance_table *table,
                        struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_rebalance_line *line
        = &table->lines[dp_rebalance_shard_id(rule)];

    ovs_assert(!rule->waiting);
    rule->waiting = true;
    ovs_list_push_back(&line->waiting, &rule->line_node);
    line->n_waiting++;
}

bool
dp_rebalance_wait(struct dp_rebalance_table *table,
                  struct dp_offload_rule *rule)
{
    if (rule->coming == table || !dp_rebalance_is_managed(table)) {
        return false;
    }
    dp_rebalance_enter_line(table, rule);
    return true;
}

bool
dp_rebalance_full(struct dp_rebalance *rb, struct dp_offload_rule *rule)
{
    struct dp_rebalance_table *table = rule->port->table;
    uint64_t n_placed = dp_rebalance_read(&table->n_placed);
    uint64_t orig;

    atomic_add_relaxed(&table->n_full, 1, &orig);
    if (!dp_rebalance_is_enabled(rb)) {
        return false;
    }
    atomic_store_relaxed(&table->capacity, n_placed);
    if (!dp_rebalance_is_managed(table)) {
        atomic_store_relaxed(&table->managed, true);
        VLOG_INFO("%s: the NIC is full, rates decide about rules from now on",
                  rule->port->name);
    }
    dp_rebalance_enter_line(table, rule);
    return true;
}

void
dp_rebalance_leave_line(struct dp_offload_rule *rule)
{
    if (rule->waiting) {
        rule->port->table->lines[dp_rebalance_shard_id(rule)].n_waiting--;
        rule->waiting = false;
    }
    if (!ovs_list_is_empty(&rule->line_node)) {
        ovs_list_remove(&rule->line_node);
        ovs_list_init(&rule->line_node);
    }
}

void
dp_rebalance_placed(struct dp_offload_rule *rule)
{
    struct dp_rebalance_table *table = rule->port->table;
    struct dp_rebalance_line *line
        = &table->lines[dp_rebalance_shard_id(rule)];
    uint64_t orig;

    ovs_list_push_back(&line->placed, &rule->line_node);
    line->n_placed++;
    atomic_add_relaxed(&table->n_placed, 1, &orig);
}

void
dp_rebalance_displaced(struct dp_offload_rule *rule)
{
    struct dp_rebalance_table *table = rule->port->table;
    uint64_t orig;

    ovs_list_remove(&rule->line_node);
    ovs_list_init(&rule->line_node);
    table->lines[dp_rebalance_shard_id(rule)].n_placed--;
    rule->best = MAX(rule->best, rule->level);
    if (!rule->evict && rule->n_members && dp_rebalance_is_managed(table)) {
        /* It leaves for another reason, and comes back at once. */
        dp_rebalance_settle(rule);
        rule->coming = table;
        atomic_add_relaxed(&table->n_coming, 1, &orig);
    }
    rule->evict = false;
    atomic_sub_relaxed(&table->n_placed, 1, &orig);
    atomic_add_relaxed(&table->n_freed, 1, &orig);
}

void
dp_rebalance_settle(struct dp_offload_rule *rule)
{
    uint64_t orig;

    if (rule->coming) {
        atomic_sub_relaxed(&rule->coming->n_coming, 1, &orig);
        rule->coming = NULL;
    }
}

uint64_t
dp_rebalance_sweep(const struct dp_rebalance *rb)
{
    return dp_rebalance_read(&rb->sweep);
}

void
dp_rebalance_call_all(struct dp_offload *offload,
                      struct dp_rebalance_table *table)
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        LIST_FOR_EACH (rule, line_node, &table->lines[i].waiting) {
            dp_rule_is_locked(rule, shard);
            dp_rule_ready(rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

void
dp_rebalance_check(const struct dp_rebalance *rb_)
{
    struct dp_rebalance *rb = CONST_CAST(struct dp_rebalance *, rb_);
    const struct dp_rebalance_table *table;

    ovs_assert(!rb->running);
    ovs_mutex_lock(&rb->mutex);
    LIST_FOR_EACH (table, node, &rb->tables) {
        uint64_t n_placed = 0;

        for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
            const struct dp_rebalance_line *line = &table->lines[i];

            ovs_assert(line->n_placed == ovs_list_size(&line->placed));
            ovs_assert(line->n_waiting == ovs_list_size(&line->waiting));
            n_placed += line->n_placed;
        }
        ovs_assert(n_placed == dp_rebalance_read(&table->n_placed));
    }
    ovs_mutex_unlock(&rb->mutex);
}

/* Figures. */

static struct json *
dp_rebalance_ports_json(const struct dp_offload *offload,
                        const struct dp_rebalance_table *table)
{
    struct json *json = json_array_create_empty();
    const struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (port->table == table) {
            json_array_add(json, json_string_create(port->name));
        }
    }
    return json;
}

static void
dp_rebalance_put(struct json *json, const char *name, uint64_t value)
{
    json_object_put(json, name, json_integer_create(value));
}

static struct json *
dp_rebalance_table_json(const struct dp_offload *offload,
                        const struct dp_rebalance_table *table)
{
    const struct dp_rebalance_figures *f = &table->figures;
    struct json *json = json_object_create();

    json_object_put(json, "ports", dp_rebalance_ports_json(offload, table));
    json_object_put(json, "full",
                    json_boolean_create(dp_rebalance_is_managed(table)));
    dp_rebalance_put(json, "places", dp_rebalance_read(&table->capacity));
    dp_rebalance_put(json, "used", dp_rebalance_read(&table->n_placed));
    dp_rebalance_put(json, "waiting", f->n_waiting);
    dp_rebalance_put(json, "candidates", f->n_candidates);
    dp_rebalance_put(json, "moved_in", f->n_in);
    dp_rebalance_put(json, "moved_out", f->n_out);
    dp_rebalance_put(json, "no_room", dp_rebalance_read(&table->n_full));
    dp_rebalance_put(json, "probes", f->n_probes);
    dp_rebalance_put(json, "probes_ok", f->n_probes_ok);
    json_object_put(json, "hit_share", json_real_create(
                        f->packets ? (double) f->hits / f->packets : 0));
    return json;
}

struct json *
dp_rebalance_json(const struct dp_offload *offload)
{
    struct dp_rebalance *rb = offload->rebalance;
    struct json *json = json_object_create();
    struct json *tables = json_array_create_empty();
    const struct dp_rebalance_table *table;
    uint32_t interval_ms;

    atomic_read_relaxed(&rb->interval_ms, &interval_ms);
    json_object_put(json, "enabled",
                    json_boolean_create(dp_rebalance_is_enabled(rb)));
    dp_rebalance_put(json, "interval_ms", interval_ms);
    dp_rebalance_put(json, "min_pps", dp_rebalance_min_pps(rb));
    ovs_mutex_lock(&rb->mutex);
    LIST_FOR_EACH (table, node, &rb->tables) {
        json_array_add(tables, dp_rebalance_table_json(offload, table));
    }
    ovs_mutex_unlock(&rb->mutex);
    json_object_put(json, "tables", tables);
    return json;
}

static const struct json *
dp_rebalance_member(const struct json *json, const char *name)
{
    return shash_find_data(json_object(json), name);
}

static long long int
dp_rebalance_int(const struct json *json, const char *name)
{
    return json_integer(dp_rebalance_member(json, name));
}

static void
dp_rebalance_format_table(const struct json *json, struct ds *ds)
{
    const struct json *ports = dp_rebalance_member(json, "ports");
    bool full = dp_rebalance_member(json, "full")->type == JSON_TRUE;

    for (size_t i = 0; i < json_array(ports)->n; i++) {
        ds_put_format(ds, "%s%s", i ? ", " : "",
                      json_string(json_array(ports)->elems[i]));
    }
    ds_put_format(ds, ": %s, %lld", full ? "rates decide" : "not full",
                  dp_rebalance_int(json, "used"));
    if (dp_rebalance_int(json, "places")) {
        ds_put_format(ds, " of %lld places used",
                      dp_rebalance_int(json, "places"));
    } else {
        ds_put_cstr(ds, " places used");
    }
    ds_put_format(ds, ", %lld waiting, %lld of them candidates, "
                  "%lld moved in, %lld moved out, hit share %.1f%%\n",
                  dp_rebalance_int(json, "waiting"),
                  dp_rebalance_int(json, "candidates"),
                  dp_rebalance_int(json, "moved_in"),
                  dp_rebalance_int(json, "moved_out"),
                  100 * json_real(dp_rebalance_member(json, "hit_share")));
}

void
dp_rebalance_format(const struct json *json, struct ds *ds)
{
    const struct json *tables = dp_rebalance_member(json, "tables");

    if (dp_rebalance_member(json, "enabled")->type != JSON_TRUE) {
        return;
    }
    ds_put_format(ds, "Rebalancing: every %lld ms",
                  dp_rebalance_int(json, "interval_ms"));
    if (dp_rebalance_int(json, "min_pps")) {
        ds_put_format(ds, ", flows from %lld pps on",
                      dp_rebalance_int(json, "min_pps"));
    }
    ds_put_char(ds, '\n');
    for (size_t i = 0; i < json_array(tables)->n; i++) {
        const struct json *table = json_array(tables)->elems[i];

        ds_put_cstr(ds, "  ");
        dp_rebalance_format_table(table, ds);
        if (dp_rebalance_int(table, "no_room")) {
            ds_put_format(ds, "    %lld times no room, %lld of %lld probes "
                          "found some\n", dp_rebalance_int(table, "no_room"),
                          dp_rebalance_int(table, "probes_ok"),
                          dp_rebalance_int(table, "probes"));
        }
    }
}

void
dp_offload_format_places(const struct dp_offload *offload, struct ds *ds)
{
    struct json *json = dp_rebalance_json(offload);
    const struct json *tables = dp_rebalance_member(json, "tables");

    if (dp_rebalance_member(json, "enabled")->type == JSON_TRUE) {
        for (size_t i = 0; i < json_array(tables)->n; i++) {
            ds_put_cstr(ds, "  offload places : ");
            dp_rebalance_format_table(json_array(tables)->elems[i], ds);
        }
    }
    json_destroy(json);
}
