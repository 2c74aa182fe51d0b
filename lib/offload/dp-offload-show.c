/* SPDX-License-Identifier: Apache-2.0 */

/* A snapshot is taken as JSON and text is made of it, so the two never differ.
 * Rules are taken a few at a time: a lane that installs a flow may wait for
 * the mutex, and a worker does.  A rule that comes meanwhile may make another
 * one appear twice, one that goes may make another one be passed over. */

#include <config.h>
#include "offload/dp-offload.h"

#include <inttypes.h>

#include "odp-util.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-places-show.h"
#include "offload/dp-rule-name.h"
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

static const char *
dp_offload_port_state_name(enum dp_offload_port_state state)
{
    switch (state) {
    case DP_OFFLOAD_PORT_RUNNING:  return "running";
    case DP_OFFLOAD_PORT_CLEANING: return "being flushed";
    case DP_OFFLOAD_PORT_PAUSED:   return "paused";
    case DP_OFFLOAD_PORT_STOPPING: return "stopping";
    }
    OVS_NOT_REACHED();
}

static struct json *
dp_offload_json_u64(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return json_integer_create(value);
}

/* Returns the integer, or the string, member 'name' of 'json', which has
 * it. */
static long long int
dp_offload_int(const struct json *json, const char *name)
{
    return json_integer(shash_find_data(json_object(json), name));
}

static const char *
dp_offload_str(const struct json *json, const char *name)
{
    const struct json *value = shash_find_data(json_object(json), name);

    return value ? json_string(value) : NULL;
}

/* offload/show. */

/* P13: was the driver asked to deliver marks? */
static const char *
dp_offload_delivery_name(struct dp_offload_port *port)
{
    uint32_t delivery;

    atomic_read_relaxed(&port->delivery, &delivery);
    switch ((enum dp_offload_delivery) delivery) {
    case DP_OFFLOAD_DELIVERY_GRANTED:
        return "granted by the driver";
    case DP_OFFLOAD_DELIVERY_REFUSED:
        return "refused by the driver";
    case DP_OFFLOAD_DELIVERY_LATE:
        return "not asked for, hw-offload was off when the device was "
               "configured";
    case DP_OFFLOAD_DELIVERY_PLAIN:
        break;
    }
    return "need not be asked for";
}

/* L15: do they arrive? */
static const char *
dp_offload_arrival_name(struct dp_offload_port *port)
{
    uint32_t arrival;

    atomic_read_relaxed(&port->arrival, &arrival);
    return (arrival == DP_MARK_ARRIVES ? "they arrive"
            : arrival == DP_MARK_LOST ? "but they do not arrive"
            : "none has arrived yet");
}

static struct json *
dp_offload_port_json(const struct dp_offload_port *port_)
{
    struct dp_offload_port *port = CONST_CAST(struct dp_offload_port *, port_);
    struct json *failures = json_object_create();
    struct json *json = json_object_create();
    bool is_full;

    json_object_put_string(json, "name", port->name);
    json_object_put(json, "port_no",
                    json_integer_create(odp_to_u32(port->port_no)));
    ovs_mutex_lock(&port->mutex);
    json_object_put_string(json, "state",
                           dp_offload_port_state_name(port->state));
    if (port->class) {
        json_object_put_string(json, "provider", port->class->name);
        json_object_put(json, "mark_bits",
                        json_integer_create(port->info.mark_bits));
        json_object_put_string(json, "mark_delivery",
                               dp_offload_delivery_name(port));
        json_object_put_string(json, "mark_arrival",
                               dp_offload_arrival_name(port));
        json_object_put(json, "capacity",
                        json_integer_create(port->info.capacity));
        if (port->info.whole) {
            json_object_put(json, "verifies_headers",
                            json_boolean_create(port->info.verifies));
        }
        if (port->class->show) {
            json_object_put(json, "device", port->class->show(port->aux));
        }
    }
    ovs_mutex_unlock(&port->mutex);
    atomic_read_relaxed(&port->is_full, &is_full);
    json_object_put(json, "full", json_boolean_create(is_full));
    json_object_put(json, "partial", dp_offload_json_u64(&port->n_marked));
    json_object_put(json, "whole", dp_offload_json_u64(&port->n_whole));
    json_object_put(json, "unconfirmed", dp_offload_json_u64(&port->n_unsure));
    json_object_put(json, "puts", dp_offload_json_u64(&port->n_puts));
    json_object_put(json, "dels", dp_offload_json_u64(&port->n_dels));
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        uint64_t n;

        atomic_read_relaxed(&port->n_failed[i], &n);
        if (n) {
            json_object_put(failures, dp_offload_why_text(i),
                            json_integer_create(n));
        }
    }
    json_object_put(json, "failures", failures);
    return json;
}

static struct json *
dp_offload_providers_json(const struct dp_offload *offload)
{
    struct json *json = json_array_create_empty();

    for (size_t i = 0; offload->classes[i]; i++) {
        json_array_add(json, json_string_create(offload->classes[i]->name));
    }
    return json;
}

struct json *
dp_offload_show_json(const struct dp_offload *offload)
{
    struct json *json = json_object_create();
    struct json *ports = json_array_create_empty();
    const struct dp_offload_port *port;

    json_object_put(json, "enabled",
                    json_boolean_create(dp_offload_is_enabled(offload)));
    json_object_put(json, "threads", json_integer_create(
                        dp_offload_get_n_workers(offload)));
    json_object_put(json, "rules",
                    json_integer_create(dp_offload_n_rules(offload)));
    json_object_put(json, "installed",
                    json_integer_create(dp_offload_n_installed(offload)));
    json_object_put(json, "marks",
                    json_integer_create(dp_offload_n_marks(offload)));
    json_object_put(json, "providers", dp_offload_providers_json(offload));
    CMAP_FOR_EACH (port, node, &offload->ports) {
        json_array_add(ports, dp_offload_port_json(port));
    }
    json_object_put(json, "ports", ports);
    json_object_put(json, "rebalance", dp_places_json(offload));
    return json;
}

/* What the provider tells, sorted by name. */
static void
dp_offload_format_device(const struct json *json, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(json_object(json));

    for (size_t i = 0; i < shash_count(json_object(json)); i++) {
        const struct json *value = nodes[i]->data;

        if (value->type == JSON_STRING) {
            ds_put_format(ds, "    %s: %s\n", nodes[i]->name,
                          json_string(value));
        } else {
            ds_put_format(ds, "    %s: %"PRId64"\n", nodes[i]->name,
                          json_integer(value));
        }
    }
    free(nodes);
}

static void
dp_offload_format_port(const struct json *json, struct ds *ds)
{
    const struct json *failures
        = shash_find_data(json_object(json), "failures");
    const struct json *full = shash_find_data(json_object(json), "full");
    const struct json *verifies
        = shash_find_data(json_object(json), "verifies_headers");
    const struct json *device = shash_find_data(json_object(json), "device");
    const char *provider = dp_offload_str(json, "provider");
    struct shash_node *node;

    ds_put_format(ds, "  %s: port %lld, %s", dp_offload_str(json, "name"),
                  dp_offload_int(json, "port_no"),
                  dp_offload_str(json, "state"));
    if (!provider) {
        ds_put_cstr(ds, ", no provider\n");
        return;
    }
    ds_put_format(ds, ", provider %s\n", provider);
    ds_put_format(ds, "    marks of %lld bits, capacity ",
                  dp_offload_int(json, "mark_bits"));
    if (dp_offload_int(json, "capacity")) {
        ds_put_format(ds, "%lld", dp_offload_int(json, "capacity"));
    } else {
        ds_put_cstr(ds, "unknown");
    }
    ds_put_cstr(ds, json_boolean(full) ? ", full\n" : ", not full\n");
    ds_put_format(ds, "    delivery of marks: %s; %s\n",
                  dp_offload_str(json, "mark_delivery"),
                  dp_offload_str(json, "mark_arrival"));
    if (verifies) {
        ds_put_format(ds, "    headers: %s\n",
                      json_boolean(verifies) ? "verified by the NIC"
                      : "not verified by the NIC");
    }
    ds_put_format(ds, "    rules: %lld whole, %lld partial;"
                  " %lld insertions, %lld deletions\n",
                  dp_offload_int(json, "whole"),
                  dp_offload_int(json, "partial"),
                  dp_offload_int(json, "puts"), dp_offload_int(json, "dels"));
    if (device) {
        dp_offload_format_device(device, ds);
    }
    if (dp_offload_int(json, "unconfirmed")) {
        ds_put_format(ds, "    %lld rules that may be in the NIC or not, to be"
                      " flushed\n", dp_offload_int(json, "unconfirmed"));
    }
    SHASH_FOR_EACH (node, json_object(failures)) {
        ds_put_format(ds, "    failed: %s: %"PRId64"\n", node->name,
                      json_integer(node->data));
    }
}

/* Returns the port, or NULL; valid until the caller quiesces. */
static const struct dp_offload_port *
dp_offload_find_port(const struct dp_offload *offload, odp_port_t port_no)
{
    const struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

struct json *
dp_offload_show_port_json(const struct dp_offload *offload,
                          odp_port_t port_no)
{
    const struct dp_offload_port *port
        = dp_offload_find_port(offload, port_no);

    return port ? dp_offload_port_json(port) : NULL;
}

bool
dp_offload_format_show_port(const struct dp_offload *offload,
                            odp_port_t port_no, struct ds *ds)
{
    struct json *json = dp_offload_show_port_json(offload, port_no);

    if (!json) {
        return false;
    }
    dp_offload_format_port(json, ds);
    json_destroy(json);
    return true;
}

void
dp_offload_format_show(const struct dp_offload *offload, struct ds *ds)
{
    struct json *json = dp_offload_show_json(offload);
    const struct json *ports = shash_find_data(json_object(json), "ports");
    const struct json *providers = shash_find_data(json_object(json),
                                                   "providers");

    ds_put_format(ds, "Offloading: %s, %lld threads\n",
                  dp_offload_is_enabled(offload) ? "on" : "off",
                  dp_offload_int(json, "threads"));
    ds_put_format(ds, "Rules: %lld, in NICs: %lld, marks in use: %lld\n",
                  dp_offload_int(json, "rules"),
                  dp_offload_int(json, "installed"),
                  dp_offload_int(json, "marks"));
    ds_put_cstr(ds, "Providers:");
    for (size_t i = 0; i < json_array(providers)->n; i++) {
        ds_put_format(ds, " %s", json_string(json_array(providers)->elems[i]));
    }
    ds_put_cstr(ds, "\nPorts:\n");
    for (size_t i = 0; i < json_array(ports)->n; i++) {
        dp_offload_format_port(json_array(ports)->elems[i], ds);
    }
    dp_places_format(shash_find_data(json_object(json), "rebalance"), ds);
    json_destroy(json);
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

static struct json *
dp_offload_rule_json(const struct dp_offload *offload,
                     const struct dp_offload_rule *rule, uint64_t now_us)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct json *json = json_object_create();
    const struct dp_offload_port *port = rule->port;
    uint64_t n_packets = 0, n_bytes = 0;
    struct ds ds = DS_EMPTY_INITIALIZER;

    dp_rule_name_format(rule->kind, &rule->mega_ufid, &ds);
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
    const char *error = dp_offload_str(json, "error");
    const char *rule = dp_offload_str(json, "rule");

    ds_put_format(ds, "%s, in_port %lld, offloaded:%s",
                  dp_offload_str(json, "mega_ufid"),
                  dp_offload_int(json, "port_no"),
                  dp_offload_str(json, "offloaded"));
    if (strcmp(dp_offload_str(json, "offloaded"), "yes")) {
        ds_put_format(ds, " (%s%s%s)", dp_offload_str(json, "why"),
                      error ? ": " : "", error ? error : "");
    }
    ds_put_format(ds, ", mark %lld, flows %lld, packets %lld, bytes %lld,"
                  " for %lld ms\n",
                  dp_offload_int(json, "mark"), dp_offload_int(json, "flows"),
                  dp_offload_int(json, "packets"),
                  dp_offload_int(json, "bytes"),
                  dp_offload_int(json, "age_ms"));
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

            ds_put_format(ds, "%6lld  %s\n", dp_offload_int(entry, "rules"),
                          dp_offload_str(entry, "why"));
        }
    } else if (dp_offload_str(json, "mega_ufid")) {
        dp_offload_format_rule(json, ds);
    } else {
        ds_put_format(ds, "offloaded:no (%s)\n",
                      dp_offload_str(json, "why"));
    }
    json_destroy(json);
}
