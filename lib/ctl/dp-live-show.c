/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-live-show.h"

#include "dpif.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-port.h"
#include "util.h"
#include "ctl/dp-flow-show.h"
#include "ctl/dp.h"
#include "offload/dp-offload.h"
#include "offload/dp-show.h"
#include "pipe/dp-live.h"

struct show {
    struct dp *dp;
    struct hmap names;                  /* An odp_portno_names map. */
    struct ofputil_port_map port_map;   /* The same, by the same numbers. */
    long long int began_us;
};

static const struct {
    const char *event;
    const char *id;             /* What 'id' is called, if it has one. */
} types[] = {
    [DP_LIVE_PASS] = { "pass", NULL },
    [DP_LIVE_FOUND] = { "found", NULL },
    [DP_LIVE_OUTPUT] = { "output", NULL },
    [DP_LIVE_BOND] = { "bond", "bond" },
    [DP_LIVE_RECIRC] = { "recirculate", "recirc_id" },
    [DP_LIVE_METER] = { "meter", "meter" },
    [DP_LIVE_CT] = { "ct", NULL },
    [DP_LIVE_KEPT] = { "kept", NULL },
    [DP_LIVE_TUNNEL_PUSH] = { "tunnel_push", NULL },
    [DP_LIVE_TUNNEL_POP] = { "tunnel_pop", NULL },
    [DP_LIVE_USERSPACE] = { "userspace", NULL },
    [DP_LIVE_NEST] = { "nested", NULL },
    [DP_LIVE_END] = { "end", "code" },
    [DP_LIVE_DROP] = { "drop", NULL },
};

static void
put_int(struct json *json, const char *name, long long int value)
{
    json_object_put(json, name, json_integer_create(value));
}

static void
put_port(const struct show *show, struct json *json, odp_port_t port_no)
{
    const char *name = dp_flow_show_port(&show->names, port_no);

    if (name) {
        json_object_put_string(json, "port", name);
    } else {
        put_int(json, "port_no", odp_to_u32(port_no));
    }
}

static void
put_ufid(struct json *json, const ovs_u128 *ufid)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    odp_format_ufid(ufid, &s);
    json_object_put_string(json, "ufid", ds_cstr(&s));
    ds_destroy(&s);
}

static void
put_actions(const struct show *show, struct json *json,
            const struct dp_live_packet *p, struct dp_live_attrs attrs)
{
    const char *bytes = (const char *) p->bytes + attrs.ofs;
    struct ds s = DS_EMPTY_INITIALIZER;

    format_odp_actions(&s, ALIGNED_CAST(const struct nlattr *, bytes),
                       attrs.len, &show->names);
    json_object_put_string(json, "actions", ds_cstr(&s));
    ds_destroy(&s);
}

/* Finds the flow 'ufid' of the lane on 'core_id', which is stored too. */
static const struct dp_flow *
find_flow(struct dp *dp, unsigned int core_id, const ovs_u128 *ufid,
          const struct dp_lane **lanep)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        if (pmd->lane.core_id == core_id) {
            *lanep = &pmd->lane;
            return dp_flow_table_find(&pmd->lane.flows, ufid);
        }
    }
    return NULL;
}

/* The actions are those that were executed, not those that the megaflow has
 * now. */
static void
put_found(struct show *show, struct json *json,
          const struct dp_live_packet *p, const struct dp_live_event *event)
{
    const struct dp_lane *lane;
    const struct dp_flow *flow = NULL;

    json_object_put_string(json, "by", dp_live_how_name(event->found.how));
    json_object_put_string(json, "by_text",
                           dp_live_how_text(event->found.how));
    if (event->found.merged) {
        json_object_put(json, "merged", json_boolean_create(true));
    } else {
        flow = find_flow(show->dp, p->core_id, &event->found.ufid, &lane);
    }
    if (flow) {
        struct dpif_flow_stats stats;

        dp_flow_show_put(show->dp, lane, flow, &show->names, json, &stats);
    }
    put_ufid(json, &event->found.ufid);
    put_actions(show, json, p, event->found.actions);
}

static void
put_pass(struct show *show, struct json *json,
         const struct dp_live_packet *p, const struct dp_live_event *event)
{
    put_int(json, "depth", event->pass.depth);
    put_int(json, "packets", event->pass.n);
    if (event->pass.look >= 0) {
        const struct flow *look = &p->looks[event->pass.look];

        put_int(json, "recirc_id", look->recirc_id);
        json_object_put(json, "flow", json_string_create_nocopy(
                            flow_to_string(look, &show->port_map)));
    }
}

static void
put_ct(struct json *json, const struct dp_live_event *event)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    format_flags(&s, ct_state_to_string, event->ct.state, '|');
    json_object_put_string(json, "state", ds_cstr(&s));
    ds_clear(&s);
    ds_put_hex(&s, &(ovs_be128) { .be64 = {
                         .hi = htonll(event->ct.label.u64.hi),
                         .lo = htonll(event->ct.label.u64.lo) } },
               sizeof(ovs_be128));
    put_int(json, "zone", event->ct.zone);
    put_int(json, "mark", event->ct.mark);
    json_object_put_string(json, "label", ds_cstr(&s));
    ds_destroy(&s);
}

static const char *
nest_name(uint32_t type)
{
    return (type == OVS_ACTION_ATTR_CLONE ? "clone"
            : type == OVS_ACTION_ATTR_SAMPLE ? "sample"
            : type == OVS_ACTION_ATTR_CHECK_PKT_LEN ? "check_pkt_len"
            : "action");
}

static struct json *
event_json(struct show *show, const struct dp_live_packet *p,
           const struct dp_live_event *event)
{
    struct json *json = json_object_create();

    json_object_put_string(json, "event", types[event->type].event);
    if (event->nested) {
        json_object_put(json, "nested", json_boolean_create(true));
    }
    if (types[event->type].id) {
        put_int(json, types[event->type].id, event->id);
    }
    switch (event->type) {
    case DP_LIVE_PASS:
        put_pass(show, json, p, event);
        break;

    case DP_LIVE_FOUND:
        put_found(show, json, p, event);
        break;

    case DP_LIVE_OUTPUT:
    case DP_LIVE_TUNNEL_PUSH:
    case DP_LIVE_TUNNEL_POP:
        put_port(show, json, event->port);
        if (event->lacking) {
            json_object_put(json, "lacking", json_boolean_create(true));
        }
        break;

    case DP_LIVE_CT:
        put_ct(json, event);
        break;

    case DP_LIVE_USERSPACE:
        put_actions(show, json, p, event->attrs);
        break;

    case DP_LIVE_NEST:
        json_object_put_string(json, "action", nest_name(event->id));
        break;

    case DP_LIVE_DROP:
        json_object_put_string(json, "reason",
                               dp_drop_name(event->drop.reason));
        json_object_put_string(json, "text",
                               dp_drop_text(event->drop.reason));
        put_int(json, "packets", event->drop.n);
        break;

    case DP_LIVE_BOND:
    case DP_LIVE_RECIRC:
    case DP_LIVE_METER:
    case DP_LIVE_KEPT:
    case DP_LIVE_END:
    default:
        break;
    }
    return json;
}

static bool
is_output(const struct dp_live_event *event)
{
    return event->type == DP_LIVE_OUTPUT && !event->lacking;
}

/* Adds the ports that 'p' was sent to, each once. */
static void
put_outputs(const struct show *show, struct json *json,
            const struct dp_live_packet *p)
{
    struct json *ports = json_array_create_empty();

    for (unsigned int i = 0; i < p->n_events; i++) {
        const char *name = NULL;
        unsigned int j;

        if (is_output(&p->events[i])) {
            name = dp_flow_show_port(&show->names, p->events[i].port);
        }
        for (j = 0; j < i; j++) {
            if (is_output(&p->events[j])
                && p->events[j].port == p->events[i].port) {
                break;
            }
        }
        if (name && j == i) {
            json_array_add(ports, json_string_create(name));
        }
    }
    json_object_put(json, "sent_to", ports);
}

static bool
has(const struct dp_live_packet *p, enum dp_live_type type)
{
    for (unsigned int i = 0; i < p->n_events; i++) {
        if (p->events[i].type == type) {
            return true;
        }
    }
    return false;
}

/* What became of 'p' in the end, in one word. */
static const char *
verdict(const struct dp_live_packet *p)
{
    for (unsigned int i = 0; i < p->n_events; i++) {
        if (is_output(&p->events[i])) {
            return "sent";
        }
    }
    return (has(p, DP_LIVE_DROP) ? "dropped"
            : has(p, DP_LIVE_KEPT) ? "kept"
            : p->is_cut ? "unknown"
            : has(p, DP_LIVE_USERSPACE) ? "userspace"
            : "dropped_by_openflow");
}

static struct json *
packet_json(struct show *show, const struct dp_live_packet *p)
{
    struct json *json = json_object_create();
    struct json *events = json_array_create_empty();

    put_port(show, json, p->in_port);
    json_object_put(json, "core",
                    p->core_id == NON_PMD_CORE_ID ? json_null_create()
                    : json_integer_create(p->core_id));
    put_int(json, "bytes", p->size);
    put_int(json, "after_us", MAX(0, p->when - show->began_us));
    if (p->has_mark) {
        put_int(json, "mark", p->mark);
    }
    if (p->is_cut) {
        json_object_put(json, "cut", json_boolean_create(true));
    }
    for (unsigned int i = 0; i < p->n_events; i++) {
        json_array_add(events, event_json(show, p, &p->events[i]));
    }
    json_object_put(json, "events", events);
    json_object_put_string(json, "verdict", verdict(p));
    put_outputs(show, json, p);
    return json;
}

/* Rules whose packets no lane sees. */
static long long int
count_whole(const struct dp *dp)
{
    struct json *json = dp_offload_show_json(dp->shared.offload);
    const struct json *ports = shash_find_data(json_object(json), "ports");
    long long int n = 0;

    for (size_t i = 0; i < json_array(ports)->n; i++) {
        n += dp_show_int(json_array(ports)->elems[i], "whole");
    }
    json_destroy(json);
    return n;
}

struct json *
dp_live_show_json(struct dp *dp, struct dp_live *live,
                  long long int began_us)
{
    struct show show = { .dp = dp, .began_us = began_us };
    struct json *json = json_object_create();
    struct json *packets = json_array_create_empty();
    const struct odp_portno_names *name;
    struct dp_live_packet *p;

    hmap_init(&show.names);
    dp_get_port_names(dp, &show.names);
    ofputil_port_map_init(&show.port_map);
    HMAP_FOR_EACH (name, hmap_node, &show.names) {
        ofputil_port_map_put(&show.port_map,
                             u16_to_ofp(odp_to_u32(name->port_no)),
                             name->name);
    }
    while ((p = dp_live_take(live)) != NULL) {
        json_array_add(packets, packet_json(&show, p));
        free(p);
    }
    json_object_put(json, "packets", packets);
    put_int(json, "seen", dp_live_n_seen(live));
    put_int(json, "whole_rules", count_whole(dp));
    ofputil_port_map_destroy(&show.port_map);
    odp_portno_names_destroy(&show.names);
    hmap_destroy(&show.names);
    return json;
}
