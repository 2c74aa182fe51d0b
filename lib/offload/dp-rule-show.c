/* SPDX-License-Identifier: Apache-2.0 */

/* Rules are taken a few at a time: a lane that installs a flow may wait for
 * the mutex, and a worker does.  A rule that comes meanwhile may make another
 * one appear twice, one that goes may make another one be passed over. */

#include <config.h>
#include "offload/dp-offload.h"

#include "odp-util.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-rule-name.h"
#include "offload/dp-show.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Rules that are described with a shard's mutex held. */
#define DP_OFFLOAD_SHOW_CHUNK 16

static const char *
dp_offload_level_name(enum dp_offload_level level)
{
    switch (level) {
    case DP_OFFLOAD_ABSENT: return "no";
    case DP_OFFLOAD_MARKED: return "partial";
    case DP_OFFLOAD_WHOLE:  return "yes";
    }
    OVS_NOT_REACHED();
}

/* offload/rules. */

/* Appends what is in the NIC for 'rule', as its provider writes it.  If the
 * actions have changed since, what a whole rule does can't be told. */
static void
dp_offload_describe_rule(const struct dp_offload *offload,
                         const struct dp_offload_rule *rule, struct ds *ds)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_env *env = &offload->env;
    const void *flow = rule->members[rule->n_members - 1].flow;
    struct ofpbuf actions;
    struct match match;

    ofpbuf_init(&actions, 256);
    if (env->flow_describe(env->aux, flow, &match, &actions)
        && (rule->level != DP_OFFLOAD_WHOLE
            || rule->actions_hash == dp_rule_hash_actions(&actions, 0))) {
        rule->port->class->format(rule->port->aux, &match, &actions,
                                  rule->level, rule->mark, ds);
    }
    ofpbuf_uninit(&actions);
}

static struct json *
dp_offload_rule_json(const struct dp_offload *offload,
                     const struct dp_offload_rule *rule, uint64_t now_us)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct json *json = json_object_create();
    const struct dp_offload_port *port = rule->port;
    uint64_t n_packets = 0, n_bytes = 0;
    struct ds ds = DS_EMPTY_INITIALIZER;

    dp_rule_name_format(&rule->mega_ufid, &ds);
    json_object_put_string(json, "mega_ufid", ds_cstr(&ds));
    json_object_put(json, "port_no",
                    json_integer_create(odp_to_u32(rule->in_port)));
    json_object_put_string(json, "offloaded",
                           dp_offload_level_name(rule->level));
    json_object_put_string(json, "why", dp_offload_why_text(rule->why));
    if (rule->error) {
        json_object_put_string(json, "error", ovs_strerror(rule->error));
    }
    json_object_put(json, "mark", json_integer_create(rule->mark));
    json_object_put(json, "flows", json_integer_create(rule->n_members));
    json_object_put(json, "age_ms",
                    json_integer_create((now_us - rule->since_us) / 1000));
    for (size_t i = 0; i < rule->n_members; i++) {
        n_packets += rule->members[i].n_packets;
        n_bytes += rule->members[i].n_bytes;
    }
    json_object_put(json, "packets", json_integer_create(n_packets));
    json_object_put(json, "bytes", json_integer_create(n_bytes));
    if (rule->level != DP_OFFLOAD_ABSENT && port->class->format
        && rule->n_members) {
        ds_clear(&ds);
        dp_offload_describe_rule(offload, rule, &ds);
        if (ds.length) {
            json_object_put_string(json, "rule", ds_cstr(&ds));
        }
    }
    ds_destroy(&ds);
    return json;
}

/* Appends to 'json' the rules of 'port_no' that come next in 'shard', from
 * '*pos' on, of the few that it looks at.  Returns false if these were the
 * last ones. */
static bool
dp_offload_some_rules_json(const struct dp_offload *offload,
                           struct dp_offload_shard *shard,
                           struct hmap_position *pos, odp_port_t port_no,
                           struct json *json)
{
    uint64_t now_us = dp_offload_now_us();
    struct hmap_node *node = NULL;

    ovs_mutex_lock(&shard->mutex);
    for (int i = 0; i < DP_OFFLOAD_SHOW_CHUNK; i++) {
        const struct dp_offload_rule *rule;

        node = hmap_at_position(&shard->rules, pos);
        if (!node) {
            break;
        }
        rule = CONTAINER_OF(node, struct dp_offload_rule, node);
        if (port_no == ODPP_NONE || rule->in_port == port_no) {
            dp_rule_is_locked(rule, shard);
            json_array_add(json, dp_offload_rule_json(offload, rule, now_us));
        }
    }
    ovs_mutex_unlock(&shard->mutex);
    return node != NULL;
}

struct json *
dp_offload_rules_json(const struct dp_offload *offload, odp_port_t port_no)
{
    struct json *json = json_array_create_empty();

    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct hmap_position pos = { 0, 0 };

        while (dp_offload_some_rules_json(offload, &offload->shards[i], &pos,
                                          port_no, json)) {
            continue;
        }
    }
    return json;
}

static void
dp_offload_format_rule(const struct json *json, struct ds *ds)
{
    const char *error = dp_show_str(json, "error");
    const char *rule = dp_show_str(json, "rule");

    ds_put_format(ds, "%s, in_port %lld, offloaded:%s",
                  dp_show_str(json, "mega_ufid"),
                  dp_show_int(json, "port_no"),
                  dp_show_str(json, "offloaded"));
    if (strcmp(dp_show_str(json, "offloaded"), "yes")) {
        ds_put_format(ds, " (%s%s%s)", dp_show_str(json, "why"),
                      error ? ": " : "", error ? error : "");
    }
    ds_put_format(ds, ", mark %lld, flows %lld, packets %lld, bytes %lld,"
                  " for %lld ms\n",
                  dp_show_int(json, "mark"), dp_show_int(json, "flows"),
                  dp_show_int(json, "packets"),
                  dp_show_int(json, "bytes"),
                  dp_show_int(json, "age_ms"));
    if (rule) {
        ds_put_format(ds, "  %s\n", rule);
    }
}

void
dp_offload_format_rules(const struct dp_offload *offload, odp_port_t port_no,
                        struct ds *ds)
{
    struct json *json = dp_offload_rules_json(offload, port_no);

    for (size_t i = 0; i < json_array(json)->n; i++) {
        dp_offload_format_rule(json_array(json)->elems[i], ds);
    }
    json_destroy(json);
}

/* offload/why. */

struct json *
dp_offload_why_json(const struct dp_offload *offload,
                    const ovs_u128 *mega_ufid)
{
    uint64_t counts[DP_OFFLOAD_N_WHYS] = { 0 };
    struct json *json;

    if (mega_ufid) {
        struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
        const struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        rule = dp_rule_find(shard, mega_ufid);
        if (rule) {
            dp_rule_is_locked(rule, shard);
            json = dp_offload_rule_json(offload, rule,
                                        dp_offload_now_us());
        } else {
            json = NULL;
        }
        ovs_mutex_unlock(&shard->mutex);

        if (!json) {
            json = json_object_create();
            json_object_put_string(
                json, "why", dp_offload_why_text(
                    dp_offload_flow_why(offload, mega_ufid)));
        }
        return json;
    }

    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        const struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            counts[rule->why]++;
        }
        ovs_mutex_unlock(&shard->mutex);
    }

    json = json_array_create_empty();
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        if (counts[i]) {
            struct json *entry = json_object_create();

            json_object_put_string(entry, "why", dp_offload_why_text(i));
            json_object_put(entry, "rules", json_integer_create(counts[i]));
            json_array_add(json, entry);
        }
    }
    return json;
}

void
dp_offload_format_why(const struct dp_offload *offload,
                      const ovs_u128 *mega_ufid, struct ds *ds)
{
    struct json *json = dp_offload_why_json(offload, mega_ufid);

    if (json->type == JSON_ARRAY) {
        for (size_t i = 0; i < json_array(json)->n; i++) {
            const struct json *entry = json_array(json)->elems[i];

            ds_put_format(ds, "%6lld  %s\n", dp_show_int(entry, "rules"),
                          dp_show_str(entry, "why"));
        }
    } else if (dp_show_str(json, "mega_ufid")) {
        dp_offload_format_rule(json, ds);
    } else {
        ds_put_format(ds, "offloaded:no (%s)\n",
                      dp_show_str(json, "why"));
    }
    json_destroy(json);
}
