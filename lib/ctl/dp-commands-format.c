/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"

static char *
parse_args(int argc, const char *argv[], struct dp_format_args *args)
{
    *args = (struct dp_format_args) { .json = false };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--format") && i + 1 < argc) {
            args->json = !strcmp(argv[++i], "json");
            if (!args->json && strcmp(argv[i], "text")) {
                return xasprintf("--format is '%s', but must be 'text' or "
                                 "'json'", argv[i]);
            }
        } else if (!args->operand) {
            args->operand = argv[i];
        } else {
            return xasprintf("unknown argument '%s'", argv[i]);
        }
    }
    return NULL;
}

void
dp_command_put_json(struct ds *s, struct json *json)
{
    json_to_ds(json, JSSF_PRETTY | JSSF_SORT, s);
    json_destroy(json);
}

void
dp_command_format(struct unixctl_conn *conn, int argc, const char *argv[],
                  dp_format_command *command)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_format_args args;
    struct dp *dp;
    char *error = parse_args(argc, argv, &args);

    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    if (!error && !dp) {
        error = xstrdup("there is not exactly one userspace datapath");
    } else if (!error) {
        error = command(dp, &args, &s);
    }
    dp_registry_unlock();
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&s));
    }
    ds_destroy(&s);
}
