/* SPDX-License-Identifier: Apache-2.0 */

/* Rules are taken a few at a time: a lane that installs a flow may wait for
 * the mutex, and a worker does.  A rule that comes meanwhile may make another
 * one appear twice, one that goes may make another one be passed over. */

#include <config.h>
#include "offload/dp-offload.h"

#include "netlink.h"
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
                                  rule->kind, rule->level, rule->mark, ds);
    }
    ofpbuf_uninit(&actions);
}

/* What the NIC has counted, if it ever has. */
static void
dp_offload_put_counts(const struct dp_offload_rule *rule, struct json *json)
    OVS_REQUIRES(rule->shard->mutex)
{
    uint64_t n_packets = 0, n_bytes = 0;

    for (size_t i = 0; i < rule->n_members; i++) {
        n_packets += rule->members[i].n_packets;
        n_bytes += rule->members[i].n_bytes;
    }
    if (n_packets || rule->level == DP_OFFLOAD_WHOLE) {
        json_object_put(json, "packets", json_integer_create(n_packets));
        json_object_put(json, "bytes", json_integer_create(n_bytes));
    }
}

static struct json *
dp_offload_rule_json(const struct dp_offload *offload,
                     const struct dp_offload_rule *rule, uint64_t now_us)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_port *port
        = dp_offload_port_find(offload, rule->in_port);
    struct json *json = json_object_create();
    struct ds ds = DS_EMPTY_INITIALIZER;

    dp_rule_name_format(rule->kind, &rule->mega_ufid, &ds);
    json_object_put_string(json, "mega_ufid", ds_cstr(&ds));
    json_object_put(json, "port_no",
                    json_integer_create(odp_to_u32(rule->in_port)));
    if (port) {
        json_object_put_string(json, "port", port->name);
    }
    json_object_put_string(json, "offloaded",
                           dp_offload_level_name(rule->level));
    json_object_put_string(json, "why", dp_offload_why_name(rule->why));
    json_object_put_string(json, "why_text", dp_offload_why_text(rule->why));
    if (rule->error) {
        json_object_put_string(json, "error", ovs_strerror(rule->error));
    }
    if (rule->mark) {
        json_object_put(json, "mark", json_integer_create(rule->mark));
    }
    json_object_put(json, "flows", json_integer_create(rule->n_members));
    json_object_put(json, "age_ms",
                    json_integer_create((now_us - rule->since_us) / 1000));
    dp_offload_put_counts(rule, json);
    if (rule->level != DP_OFFLOAD_ABSENT && rule->port->class->format
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
dp_offload_format_age(long long int ms, struct ds *ds)
{
    long long int s = ms / 1000;

    if (ms < 60 * 1000) {
        ds_put_format(ds, "%lld.%lld s", s, ms % 1000 / 100);
    } else if (s < 60 * 60) {
        ds_put_format(ds, "%lld min", s / 60);
    } else {
        ds_put_format(ds, "%lld h %lld min", s / 3600, s % 3600 / 60);
    }
}

/* Software counts all packets but those that a whole rule forwards. */
static void
dp_offload_format_counts(const struct json *json, bool whole, struct ds *ds)
{
    if (shash_find(json_object(json), "packets")) {
        long long int n_packets = dp_show_int(json, "packets");
        long long int n_bytes = dp_show_int(json, "bytes");

        ds_put_format(ds, ", %lld packet%s, %lld byte%s%s", n_packets,
                      dp_show_s(n_packets), n_bytes, dp_show_s(n_bytes),
                      whole ? "" : " in the NIC before");
    }
    if (!whole) {
        ds_put_cstr(ds, ", packets counted in software");
    }
}

static void
dp_offload_format_rule(const struct json *json, struct ds *ds)
{
    const char *level = dp_show_str(json, "offloaded");
    const char *error = dp_show_find_str(json, "error");
    const char *rule = dp_show_find_str(json, "rule");
    const char *port = dp_show_find_str(json, "port");
    long long int n_flows = dp_show_int(json, "flows");
    bool whole = !strcmp(level, "yes");

    ds_put_format(ds, "%s, ", dp_show_str(json, "mega_ufid"));
    if (port) {
        ds_put_cstr(ds, port);
    } else {
        ds_put_format(ds, "port %lld", dp_show_int(json, "port_no"));
    }
    ds_put_format(ds, ", %s", whole ? "whole"
                  : !strcmp(level, "partial") ? "marked" : "in software");
    if (shash_find(json_object(json), "mark")) {
        ds_put_format(ds, ", mark %lld", dp_show_int(json, "mark"));
    }
    ds_put_format(ds, ", %lld flow%s, for ", n_flows, dp_show_s(n_flows));
    dp_offload_format_age(dp_show_int(json, "age_ms"), ds);
    dp_offload_format_counts(json, whole, ds);
    if (!whole) {
        ds_put_format(ds, " (%s%s%s)", dp_show_str(json, "why_text"),
                      error ? ": " : "", error ? error : "");
    }
    ds_put_char(ds, '\n');
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

/* Rules of one reason. */
struct dp_offload_tally {
    uint64_t n[DP_OFFLOAD_WHOLE + 1];   /* By level. */
    ovs_u128 example;                   /* The first that was met. */
};

static uint64_t
dp_offload_tally_total(const struct dp_offload_tally *tally)
{
    uint64_t total = 0;

    for (size_t i = 0; i < ARRAY_SIZE(tally->n); i++) {
        total += tally->n[i];
    }
    return total;
}

static void
dp_offload_count_whys(const struct dp_offload *offload,
                      struct dp_offload_tally tallies[DP_OFFLOAD_N_WHYS])
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        const struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            struct dp_offload_tally *tally = &tallies[rule->why];

            if (!dp_offload_tally_total(tally)) {
                tally->example = rule->mega_ufid;
            }
            tally->n[rule->level]++;
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

/* Returns the names of the ports that the actions of 'rule' output to, as far
 * as they stand at the top. */
static struct json *
dp_offload_outputs_json(const struct dp_offload *offload,
                        const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_env *env = &offload->env;
    struct json *json = json_array_create_empty();
    const struct nlattr *a;
    struct ofpbuf actions;
    struct match match;
    unsigned int left;

    ofpbuf_init(&actions, 256);
    if (rule->n_members
        && env->flow_describe(env->aux,
                              rule->members[rule->n_members - 1].flow,
                              &match, &actions)) {
        NL_ATTR_FOR_EACH (a, left, actions.data, actions.size) {
            const struct dp_offload_port *port;

            if (nl_attr_type(a) == OVS_ACTION_ATTR_OUTPUT) {
                port = dp_offload_port_find(offload, nl_attr_get_odp_port(a));
                if (port) {
                    json_array_add(json, json_string_create(port->name));
                }
            }
        }
    }
    ofpbuf_uninit(&actions);
    return json;
}

/* Returns the rule, or null if it has gone. */
static struct json *
dp_offload_example_json(const struct dp_offload *offload,
                        const ovs_u128 *mega_ufid, bool outputs)
{
    struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
    const struct dp_offload_rule *rule;
    struct json *json = NULL;

    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, mega_ufid);
    if (rule) {
        dp_rule_is_locked(rule, shard);
        json = dp_offload_rule_json(offload, rule, dp_offload_now_us());
        if (outputs) {
            json_object_put(json, "outputs",
                            dp_offload_outputs_json(offload, rule));
        }
    }
    ovs_mutex_unlock(&shard->mutex);
    return json;
}

static void
dp_offload_put_why(struct json *json, enum dp_offload_why why)
{
    json_object_put_string(json, "why", dp_offload_why_name(why));
    json_object_put_string(json, "why_text", dp_offload_why_text(why));
    json_object_put_string(json, "cause", dp_offload_why_cause(why));
    json_object_put_string(json, "cure", dp_offload_why_cure(why));
}

static struct json *
dp_offload_tally_json(const struct dp_offload *offload,
                      const struct dp_offload_tally *tally,
                      enum dp_offload_why why)
{
    struct json *example = dp_offload_example_json(offload, &tally->example,
                                                   true);
    struct json *json = json_object_create();

    dp_offload_put_why(json, why);
    json_object_put(json, "rules", json_integer_create(
                        dp_offload_tally_total(tally)));
    json_object_put(json, "whole",
                    json_integer_create(tally->n[DP_OFFLOAD_WHOLE]));
    json_object_put(json, "marked",
                    json_integer_create(tally->n[DP_OFFLOAD_MARKED]));
    if (example) {
        json_object_put(json, "example", example);
    }
    return json;
}

struct json *
dp_offload_why_json(const struct dp_offload *offload,
                    const ovs_u128 *mega_ufid)
{
    struct dp_offload_tally tallies[DP_OFFLOAD_N_WHYS];
    struct json *json;

    if (mega_ufid) {
        json = dp_offload_example_json(offload, mega_ufid, true);
        if (!json) {
            json = json_object_create();
        }
        dp_offload_put_why(json, dp_offload_flow_why(offload, mega_ufid));
        return json;
    }

    memset(tallies, 0, sizeof tallies);
    dp_offload_count_whys(offload, tallies);
    json = json_array_create_empty();
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        if (dp_offload_tally_total(&tallies[i])) {
            json_array_add(json,
                           dp_offload_tally_json(offload, &tallies[i], i));
        }
    }
    return json;
}

/* Appends 'label' and the words of 'text', in lines of 79 columns, those after
 * the first indented as the text of the first. */
static void
dp_offload_format_wrapped(const char *label, const char *text, struct ds *ds)
{
    const size_t indent = 11;
    size_t column;

    ds_put_format(ds, "  %-*s", (int) indent - 2, label);
    column = indent;
    while (*text) {
        size_t n = strcspn(text, " ");

        if (column > indent && column + n > 79) {
            while (ds_chomp(ds, ' ')) {
                continue;
            }
            ds_put_char(ds, '\n');
            ds_put_char_multiple(ds, ' ', indent);
            column = indent;
        }
        ds_put_buffer(ds, text, n);
        text += n;
        column += n;
        for (; *text == ' '; text++, column++) {
            ds_put_char(ds, ' ');
        }
    }
    ds_put_char(ds, '\n');
}

/* What it comes from, and what can be done. */
static void
dp_offload_format_advice(const struct json *json, struct ds *ds)
{
    dp_offload_format_wrapped("Cause:", dp_show_str(json, "cause"), ds);
    dp_offload_format_wrapped("Cure:", dp_show_str(json, "cure"), ds);
}

/* "12 megaflows are marked only: ..." */
static void
dp_offload_format_sentence(const struct json *json, struct ds *ds)
{
    long long int n = dp_show_int(json, "rules");
    long long int n_whole = dp_show_int(json, "whole");
    long long int n_marked = dp_show_int(json, "marked");
    const char *text = dp_show_str(json, "why_text");

    ds_put_format(ds, "%lld megaflow%s %s ", n, dp_show_s(n),
                  n == 1 ? "is" : "are");
    if (n_whole == n) {
        ds_put_cstr(ds, "forwarded by the NIC");
    } else if (n_marked == n) {
        ds_put_cstr(ds, "marked only");
    } else if (n_whole + n_marked) {
        ds_put_format(ds, "not or not finally offloaded, %lld of them "
                      "forwarded and %lld marked so far", n_whole, n_marked);
    } else {
        ds_put_cstr(ds, "forwarded by software");
    }
    if (strcmp(dp_show_str(json, "why"), dp_offload_why_name(0))) {
        ds_put_format(ds, ": %s", text);
    }
    ds_put_char(ds, '\n');
}

static void
dp_offload_format_example(const struct json *json, struct ds *ds)
{
    const struct json *example
        = shash_find_data(json_object(json), "example");
    const struct json *outputs;
    const char *port;

    if (!example) {
        return;
    }
    outputs = shash_find_data(json_object(example), "outputs");
    port = dp_show_find_str(example, "port");
    ds_put_format(ds, "  Example: %s", dp_show_str(example, "mega_ufid"));
    if (port) {
        ds_put_format(ds, " (%s", port);
        for (size_t i = 0; i < json_array(outputs)->n; i++) {
            ds_put_format(ds, "%s%s", i ? ", " : " -> ",
                          json_string(json_array(outputs)->elems[i]));
        }
        ds_put_format(ds, "); see offload/rules %s", port);
    }
    ds_put_char(ds, '\n');
}

static void
dp_offload_format_whys(const struct json *json, struct ds *ds)
{
    if (!json_array(json)->n) {
        ds_put_cstr(ds, "There are no megaflows.\n");
    }
    for (size_t i = 0; i < json_array(json)->n; i++) {
        const struct json *entry = json_array(json)->elems[i];

        dp_offload_format_sentence(entry, ds);
        dp_offload_format_example(entry, ds);
        if (dp_show_int(entry, "whole") != dp_show_int(entry, "rules")) {
            dp_offload_format_advice(entry, ds);
        }
    }
}

void
dp_offload_format_why(const struct dp_offload *offload,
                      const ovs_u128 *mega_ufid, struct ds *ds)
{
    struct json *json = dp_offload_why_json(offload, mega_ufid);

    if (json->type == JSON_ARRAY && !json_array(json)->n
        && !dp_offload_is_enabled(offload)) {
        /* Until it is on for the first time, flows are not even offered. */
        ds_put_format(ds, "No megaflow has been offered to NICs: %s\n",
                      dp_offload_why_text(DP_OFFLOAD_WHY_OFF));
        dp_offload_format_wrapped(
            "Cure:", dp_offload_why_cure(DP_OFFLOAD_WHY_OFF), ds);
    } else if (json->type == JSON_ARRAY) {
        dp_offload_format_whys(json, ds);
    } else {
        if (dp_show_find_str(json, "mega_ufid")) {
            dp_offload_format_rule(json, ds);
        } else {
            ds_put_format(ds, "in software (%s)\n",
                          dp_show_str(json, "why_text"));
        }
        if (strcmp(dp_show_str(json, "why"), dp_offload_why_name(0))) {
            dp_offload_format_advice(json, ds);
        }
    }
    json_destroy(json);
}
