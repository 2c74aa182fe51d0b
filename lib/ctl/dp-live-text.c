/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-live-show.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"
#include "offload/dp-show.h"

/* Where text begins: that of a pass, of what is done in it, and of actions in
 * other actions. */
enum { PASS = 2, EVENT = 4, NESTED = 8, CONTINUED = 8 };

static const struct json *
member(const struct json *json, const char *name)
{
    return shash_find_data(json_object(json), name);
}

/* "p1", or "port 7" if it has no name. */
static void
put_port(const struct json *json, struct ds *s)
{
    const char *port = dp_show_find_str(json, "port");

    if (port) {
        ds_put_cstr(s, port);
    } else {
        ds_put_format(s, "port %lld", dp_show_int(json, "port_no"));
    }
}

static void
put_pass(const struct json *event, struct ds *s)
{
    const char *flow = dp_show_find_str(event, "flow");
    long long int n = dp_show_int(event, "packets");

    ds_put_char_multiple(s, ' ', PASS);
    if (!dp_show_int(event, "depth")) {
        ds_put_cstr(s, "Received");
    } else {
        ds_put_cstr(s, "Again");
        if (flow && dp_show_int(event, "recirc_id")) {
            ds_put_format(s, ", recirculated as %#llx",
                          dp_show_int(event, "recirc_id"));
        }
    }
    if (n != 1) {
        ds_put_format(s, ", with others of the datagram: %lld packets", n);
    }
    ds_put_cstr(s, ":\n");
    if (flow) {
        ds_put_char_multiple(s, ' ', EVENT);
        ds_put_format(s, "%s\n", flow);
    }
}

static void
put_openflow(const struct json *event, struct ds *s)
{
    const struct json *lines = member(event, "openflow");

    if (!lines || !json_array(lines)->n) {
        return;
    }
    ds_put_char_multiple(s, ' ', EVENT);
    ds_put_cstr(s, "made by OpenFlow:\n");
    for (size_t i = 0; i < json_array(lines)->n; i++) {
        ds_put_char_multiple(s, ' ', CONTINUED);
        ds_put_format(s, "%s\n", json_string(json_array(lines)->elems[i]));
    }
}

static void
put_found(const struct json *event, struct ds *s)
{
    const char *match = dp_show_find_str(event, "match");

    ds_put_char_multiple(s, ' ', EVENT);
    ds_put_format(s, "found by %s\n", dp_show_str(event, "by_text"));
    ds_put_char_multiple(s, ' ', EVENT);
    if (match) {
        ds_put_format(s, "megaflow %s, %s\n", dp_show_str(event, "ufid"),
                      match);
        ds_put_char_multiple(s, ' ', EVENT);
        ds_put_format(s, "where: %s, %s\n", dp_show_str(event, "where"),
                      dp_show_str(event, "why_text"));
    } else if (dp_show_bool(event, "merged")) {
        ds_put_cstr(s, "a merged flow, see merge/dump-flows\n");
    } else {
        ds_put_format(s, "no megaflow %s any more\n",
                      dp_show_str(event, "ufid"));
    }
    put_openflow(event, s);
    ds_put_char_multiple(s, ' ', EVENT);
    ds_put_format(s, "actions: %s\n", dp_show_str(event, "actions"));
}

static void
put_ct(const struct json *event, struct ds *s)
{
    const char *label = dp_show_str(event, "label");
    long long int mark = dp_show_int(event, "mark");

    ds_put_format(s, "tracked in zone %lld: %s", dp_show_int(event, "zone"),
                  dp_show_str(event, "state"));
    if (mark) {
        ds_put_format(s, ", mark %#llx", mark);
    }
    if (strcmp(label, "0")) {
        ds_put_format(s, ", label %s", label);
    }
}

static void
put_to_port(const struct json *event, const char *what, struct ds *s)
{
    ds_put_format(s, "%s ", what);
    put_port(event, s);
    if (dp_show_bool(event, "lacking")) {
        ds_put_cstr(s, ", which is not there");
    }
}

static void
put_end(const struct json *event, struct ds *s)
{
    const char *reason = dp_show_find_str(event, "text");

    ds_put_cstr(s, "dropped by OpenFlow");
    if (reason) {
        ds_put_format(s, ": %s", reason);
    }
}

/* What 'event', of 'type', was, but for the beginning of a pass. */
static void
put_what(const struct json *event, const char *type, struct ds *s)
{
    if (!strcmp(type, "output")) {
        put_to_port(event, "sent to", s);
    } else if (!strcmp(type, "tunnel_push")) {
        put_to_port(event, "put into the tunnel of", s);
    } else if (!strcmp(type, "tunnel_pop")) {
        put_to_port(event, "taken out of the tunnel of", s);
    } else if (!strcmp(type, "bond")) {
        ds_put_format(s, "bond %lld chooses", dp_show_int(event, "bond"));
    } else if (!strcmp(type, "recirculate")) {
        ds_put_format(s, "recirculated as %#llx",
                      dp_show_int(event, "recirc_id"));
    } else if (!strcmp(type, "meter")) {
        ds_put_format(s, "measured by meter %lld of the datapath",
                      dp_show_int(event, "meter"));
    } else if (!strcmp(type, "ct")) {
        put_ct(event, s);
    } else if (!strcmp(type, "kept")) {
        ds_put_cstr(s, "kept until its datagram is complete");
    } else if (!strcmp(type, "userspace")) {
        ds_put_format(s, "to the upper layers: %s",
                      dp_show_str(event, "actions"));
    } else if (!strcmp(type, "nested")) {
        ds_put_format(s, "in %s:", dp_show_str(event, "action"));
    } else if (!strcmp(type, "end")) {
        put_end(event, s);
    } else {
        long long int n = dp_show_int(event, "packets");

        ds_put_format(s, "dropped, %s: %s", dp_show_str(event, "reason"),
                      dp_show_str(event, "text"));
        if (n != 1) {
            ds_put_format(s, " (%lld packets)", n);
        }
    }
}

static void
put_event(const struct json *event, struct ds *s)
{
    const char *type = dp_show_str(event, "event");

    if (!strcmp(type, "pass")) {
        put_pass(event, s);
    } else if (!strcmp(type, "found")) {
        put_found(event, s);
    } else {
        ds_put_char_multiple(s, ' ',
                             dp_show_bool(event, "nested") ? NESTED : EVENT);
        ds_put_cstr(s, "-> ");
        put_what(event, type, s);
        ds_put_char(s, '\n');
    }
}

/* Returns the last event of 'type', or NULL. */
static const struct json *
find_last(const struct json *events, const char *type)
{
    for (size_t i = json_array(events)->n; i-- > 0; ) {
        const struct json *event = json_array(events)->elems[i];

        if (!strcmp(dp_show_str(event, "event"), type)) {
            return event;
        }
    }
    return NULL;
}

static void
put_verdict(const struct json *packet, struct ds *s)
{
    const struct json *ports = member(packet, "sent_to");
    const char *verdict = dp_show_str(packet, "verdict");
    const struct json *events = member(packet, "events");

    ds_put_char_multiple(s, ' ', PASS);
    if (!strcmp(verdict, "sent")) {
        ds_put_cstr(s, "Sent to");
        for (size_t i = 0; i < json_array(ports)->n; i++) {
            ds_put_format(s, "%s %s", i ? "," : "",
                          json_string(json_array(ports)->elems[i]));
        }
    } else if (!strcmp(verdict, "dropped")) {
        ds_put_format(s, "Dropped: %s",
                      dp_show_str(find_last(events, "drop"), "text"));
    } else if (!strcmp(verdict, "kept")) {
        ds_put_cstr(s, "Kept until its datagram is complete");
    } else if (!strcmp(verdict, "userspace")) {
        ds_put_cstr(s, "Given to the upper layers, and not sent");
    } else if (!strcmp(verdict, "unknown")) {
        ds_put_cstr(s, "Too much happened to tell what became of it");
    } else {
        const struct json *last = find_last(events, "end");

        ds_put_cstr(s, "Dropped by OpenFlow: ");
        ds_put_cstr(s, (last && dp_show_find_str(last, "text")
                        ? dp_show_str(last, "text")
                        : "the actions do not send it"));
    }
    ds_put_cstr(s, ".\n");
}

static void
put_packet(const struct json *packet, size_t i, size_t n, struct ds *s)
{
    const struct json *events = member(packet, "events");
    const struct json *core = member(packet, "core");

    ds_put_format(s, "Packet %"PRIuSIZE" of %"PRIuSIZE": ", i + 1, n);
    put_port(packet, s);
    ds_put_format(s, ", %lld bytes, ", dp_show_int(packet, "bytes"));
    if (core->type == JSON_NULL) {
        ds_put_cstr(s, "main thread");
    } else {
        ds_put_format(s, "PMD thread of core %"PRId64, json_integer(core));
    }
    if (member(packet, "mark")) {
        ds_put_format(s, ", NIC's mark %lld", dp_show_int(packet, "mark"));
    }
    ds_put_char(s, '\n');
    for (size_t j = 0; j < json_array(events)->n; j++) {
        put_event(json_array(events)->elems[j], s);
    }
    if (dp_show_bool(packet, "cut")) {
        ds_put_char_multiple(s, ' ', EVENT);
        ds_put_cstr(s, "There was more than is kept of a packet.\n");
    }
    put_verdict(packet, s);
}

void
dp_live_show_text(const struct json *json, struct ds *s)
{
    const struct json *packets = member(json, "packets");
    size_t n = json_array(packets)->n;

    for (size_t i = 0; i < n; i++) {
        put_packet(json_array(packets)->elems[i], i, n, s);
    }
}
