/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-telemetry.h"

#include "openvswitch/json.h"
#include "openvswitch/netdev.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "ct/ct-show.h"
#include "ctl/dp-drop-show.h"
#include "ctl/dp-merge-show.h"
#include "ctl/dp.h"
#include "offload/dp-offload.h"
#include "rte/dp-rte-telemetry.h"

/* Each of these answers for 'offload', and gets what followed the command, or
 * NULL. */
typedef struct json *offload_answer(const struct dp_offload *,
                                    const char *params);

static struct json *
ask_engine(offload_answer *answer, const char *params)
{
    struct json *json;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    json = dp ? answer(dp->shared.offload, params) : NULL;
    dp_registry_unlock();
    return json;
}

static struct json *
describe_ports(const struct dp_offload *offload, const char *name)
{
    struct json *show = dp_offload_show_json(offload);
    const struct json_array *ports
        = json_array(shash_find_data(json_object(show), "ports"));
    struct json *names = json_array_create_empty();
    struct json *found = NULL;

    for (size_t i = 0; i < ports->n; i++) {
        struct json *port = ports->elems[i];
        const char *port_name
            = json_string(shash_find_data(json_object(port), "name"));

        json_array_add(names, json_string_create(port_name));
        if (name && !strcmp(name, port_name)) {
            found = json_clone(port);
        }
    }
    json_destroy(show);
    if (name) {
        json_destroy(names);
    }
    return name ? found : names;
}

static struct json *
count_rules(const struct dp_offload *offload, const char *params OVS_UNUSED)
{
    struct json *whys = dp_offload_why_json(offload, NULL);
    struct json *reasons = json_object_create();
    struct json *json = json_object_create();

    for (size_t i = 0; i < json_array(whys)->n; i++) {
        const struct shash *why = json_object(json_array(whys)->elems[i]);

        json_object_put(reasons, json_string(shash_find_data(why, "why")),
                        json_clone(shash_find_data(why, "rules")));
    }
    json_destroy(whys);
    json_object_put(json, "rules",
                    json_integer_create(dp_offload_n_rules(offload)));
    json_object_put(json, "installed",
                    json_integer_create(dp_offload_n_installed(offload)));
    json_object_put(json, "marks",
                    json_integer_create(dp_offload_n_marks(offload)));
    json_object_put(json, "why", reasons);
    return json;
}

static struct json *
show_stats(const struct dp_offload *offload, const char *params OVS_UNUSED)
{
    struct netdev_custom_stats stats = { .size = 0 };
    struct json *json = json_object_create();

    json_object_put(json, "enabled",
                    json_boolean_create(dp_offload_is_enabled(offload)));
    if (!dp_offload_stats_get(offload, &stats)) {
        for (size_t i = 0; i < stats.size; i++) {
            /* They are padded to look well in a column. */
            char *name = xstrdup(stats.counters[i].name);
            char *from = name, *to = name;

            for (; *from; from++) {
                if (*from != ' ' || (to > name && to[-1] != ' ')) {
                    *to++ = *from;
                }
            }
            *to = '\0';
            json_object_put(json, name,
                            json_integer_create(stats.counters[i].value));
            free(name);
        }
        netdev_free_custom_stats_counters(&stats);
    }
    return json;
}

static struct json *
answer_ports(const char *params)
{
    return ask_engine(describe_ports, params);
}

static struct json *
answer_rules(const char *params)
{
    return ask_engine(count_rules, params);
}

static struct json *
answer_stats(const char *params)
{
    return ask_engine(show_stats, params);
}

/* Connections. */

static struct json *
answer_ct_stats(const char *params OVS_UNUSED)
{
    struct json *json;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    json = dp ? ct_show_json(dp->shared.conntrack) : NULL;
    dp_registry_unlock();
    return json;
}

/* Returns the zone that 'params' names, or the numbers of all. */
static struct json *
answer_ct_zones(const char *params)
{
    struct json *zones = NULL, *json = NULL;
    unsigned int number = 0;
    uint16_t zone;
    struct dp *dp;

    if (params && (!str_to_uint(params, 10, &number)
                   || number > UINT16_MAX)) {
        return NULL;
    }
    zone = number;
    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    if (dp) {
        zones = ct_show_zones_json(dp->shared.conntrack,
                                   params ? &zone : NULL);
    }
    dp_registry_unlock();

    if (zones && params) {
        json = json_clone(json_array(zones)->elems[0]);
    } else if (zones) {
        json = json_array_create_empty();
        for (size_t i = 0; i < json_array(zones)->n; i++) {
            const struct shash *z = json_object(json_array(zones)->elems[i]);
            char *name = xasprintf("%"PRId64, json_integer(
                                       shash_find_data(z, "zone")));

            json_array_add(json, json_string_create_nocopy(name));
        }
    }
    json_destroy(zones);
    return json;
}

/* Merged flows. */

static struct json *
answer_merge_stats(const char *params OVS_UNUSED)
{
    struct json *json;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    json = dp ? dp_merge_show_json(dp) : NULL;
    dp_registry_unlock();
    return json;
}

/* Packets that were dropped. */

static struct json *
answer_drops(const char *port)
{
    struct json *json;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    json = dp ? dp_drop_reasons_json(dp, port) : NULL;
    dp_registry_unlock();
    return json;
}

void
dp_telemetry_run(void)
{
    static const struct dp_rte_telemetry_command commands[] = {
        { "/markpath/offload/ports",
          "Ports of the offload engine.  Parameter: a name, for figures",
          answer_ports },
        { "/markpath/offload/rules",
          "Numbers of offload rules.  No parameter", answer_rules },
        { "/markpath/offload/stats",
          "Figures of the offload threads.  No parameter", answer_stats },
        { "/markpath/ct/stats",
          "Figures of connection tracking.  No parameter", answer_ct_stats },
        { "/markpath/ct/zones",
          "Zones that have connections.  Parameter: a number, for figures",
          answer_ct_zones },
        { "/markpath/merge/stats",
          "Figures of merged flows.  No parameter", answer_merge_stats },
        { "/markpath/drops",
          "What the datapath has dropped, by reason.  Parameter: a port",
          answer_drops },
        { NULL, NULL, NULL },
    };

    dp_rte_telemetry_register(commands);
}
