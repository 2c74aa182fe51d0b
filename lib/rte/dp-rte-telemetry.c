/* SPDX-License-Identifier: Apache-2.0 */

/* Telemetry hands a callback the command's name and nothing of ours, hence the
 * pointer to the commands.  Its threads are none of Open vSwitch's: they have
 * to say when they may hold RCU-protected memory and, above all, when not, or
 * grace periods would wait for them. */

#include <config.h>
#include "rte/dp-rte-telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include "dpdk.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rte_telemetry);

/* Longer names and values are cut by telemetry. */
enum { MAX_NAME = 63 };

static const struct dp_rte_telemetry_command *registered;

/* The older function is deprecated where the newer one exists. */
static void
add_uint(struct rte_tel_data *data, const char *name, uint64_t value)
{
#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
    rte_tel_data_add_dict_u64(data, name, value);
#else
    rte_tel_data_add_dict_uint(data, name, value);
#endif
}

static void
put_value(struct rte_tel_data *data, const char *prefix, const char *name,
          const struct json *value)
{
    char clean[MAX_NAME + 1];

    snprintf(clean, sizeof clean, "%s%s%s", prefix, *prefix ? "_" : "", name);
    for (char *p = clean; *p; p++) {
        *p = isalnum((unsigned char) *p) ? *p : '_';
    }
    if (value->type == JSON_STRING) {
        rte_tel_data_add_dict_string(data, clean, json_string(value));
    } else if (value->type == JSON_INTEGER) {
        add_uint(data, clean, json_integer(value));
    } else if (value->type == JSON_TRUE || value->type == JSON_FALSE) {
        rte_tel_data_add_dict_int(data, clean, json_boolean(value));
    } else if (value->type == JSON_OBJECT && !*prefix) {
        struct shash_node *node;

        SHASH_FOR_EACH (node, json_object(value)) {
            put_value(data, clean, node->name, node->data);
        }
    }
}

static int
convert(const struct json *json, struct rte_tel_data *data)
{
    if (json->type == JSON_ARRAY) {
        const struct json_array *array = json_array(json);

        rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
        for (size_t i = 0; i < array->n; i++) {
            if (array->elems[i]->type == JSON_STRING) {
                rte_tel_data_add_array_string(data,
                                              json_string(array->elems[i]));
            }
        }
    } else if (json->type == JSON_OBJECT) {
        struct shash_node *node;

        rte_tel_data_start_dict(data);
        SHASH_FOR_EACH (node, json_object(json)) {
            put_value(data, "", node->name, node->data);
        }
    } else {
        return -EINVAL;
    }
    return 0;
}

static int
answer(const char *path, const char *params, struct rte_tel_data *data)
{
    const struct dp_rte_telemetry_command *command;
    int error = -ENOENT;

    ovsrcu_quiesce_end();
    for (command = registered; command->path; command++) {
        if (!strcmp(command->path, path)) {
            struct json *json = command->answer(params);

            error = json ? convert(json, data) : -EINVAL;
            json_destroy(json);
        }
    }
    ovsrcu_quiesce_start();
    return error;
}

bool
dp_rte_telemetry_register(const struct dp_rte_telemetry_command commands[])
{
    if (registered) {
        return true;
    } else if (!dpdk_available()) {
        return false;
    }
    registered = commands;
    for (; commands->path; commands++) {
        int error = rte_telemetry_register_cmd(commands->path, answer,
                                               commands->help);

        if (error) {
            VLOG_WARN("%s: telemetry does not take the command: %s",
                      commands->path, ovs_strerror(-error));
        }
    }
    return true;
}
