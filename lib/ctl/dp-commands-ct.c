/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ct/ct-show.h"
#include "ctl/dp-ct-show.h"
#include "ctl/dp.h"

/* "ct/show [zone=N]", with an optional "--format json". */

/* Stores in '*zone' what 's' names.  Returns NULL, or what is wrong, to be
 * freed. */
static char *
parse_zone(const char *s, uint16_t *zone)
{
    unsigned int number;

    if (strncmp(s, "zone=", 5) || !str_to_uint(s + 5, 10, &number)
        || number > UINT16_MAX) {
        return xasprintf("'%s' is not 'zone=' and a number up to 65535", s);
    }
    *zone = number;
    return NULL;
}

static char *
show(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    const struct conntrack *ct = dp->shared.conntrack;
    const uint16_t *only = NULL;
    struct json *json, *zones;
    uint16_t zone;

    if (args->operand) {
        char *error = parse_zone(args->operand, &zone);

        if (error) {
            return error;
        }
        only = &zone;
    }
    zones = ct_show_zones_json(ct, only);
    json = only ? NULL : ct_show_json(ct);
    if (!args->json) {
        dp_ct_show_text(json, zones, s);
        json_destroy(json);
        json_destroy(zones);
    } else if (json) {
        json_object_put(json, "zones", zones);
        dp_command_put_json(s, json);
    } else {
        dp_command_put_json(s, zones);
    }
    return NULL;
}

static void
ct_command(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    dp_command_format(conn, argc, argv, show);
}

void
dp_commands_ct_init(void)
{
    unixctl_command_register("ct/show", "[--format json] [zone=N]", 0, 3,
                             ct_command, NULL);
}
