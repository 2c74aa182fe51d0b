/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "dpif.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dp-merge-show.h"

/* "merge/show", "merge/dump-flows", and "dpctl/dump-flows type=merged". */

static char *
show(struct dp *dp, const struct dp_format_args *args, struct ds *s)
{
    if (args->operand) {
        return xasprintf("unknown argument '%s'", args->operand);
    } else if (args->json) {
        dp_command_put_json(s, dp_merge_show_json(dp));
    } else {
        dp_merge_show_text(dp, s);
    }
    return NULL;
}

static void
merge_show(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    dp_command_format(conn, argc, argv, show);
}

/* Answers with the merged flows of the datapath 'dp_name', or of the only one
 * if that is NULL. */
static void
reply_dump(struct unixctl_conn *conn, const char *dp_name,
           const struct dp_merge_dump *args)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp *dp;
    char *error;

    dp_registry_lock();
    dp = dp_find_for_command(dp_name);
    error = (dp ? dp_merge_dump(dp, args, &s)
             : xstrdup("please specify an existing datapath"));
    dp_registry_unlock();
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&s));
    }
    ds_destroy(&s);
}

static void
merge_dump_flows(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *aux OVS_UNUSED)
{
    struct dp_merge_dump args = {
        .more = argc > 1 && (!strcmp(argv[1], "-m")
                             || !strcmp(argv[1], "--more")),
    };

    if (argc > 1 && !args.more) {
        unixctl_command_reply_error(conn, "usage: merge/dump-flows [-m]");
        return;
    }
    reply_dump(conn, NULL, &args);
}

/* "dpctl/dump-flows [-m] [--names] [dp] [filter=..] [pmd=..] type=merged". */

static const char type_merged[] = "type=merged";

bool
dp_command_wants_merged(int argc, const char *argv[])
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], type_merged)) {
            return true;
        }
    }
    return false;
}

/* Takes one argument.  Returns false if it is not known. */
static bool
parse_dump_arg(const char *arg, struct dp_merge_dump *args, char **dp_name)
{
    int core;

    if (!strcmp(arg, "-m") || !strcmp(arg, "--more")) {
        args->more = args->names = true;
    } else if (!strcmp(arg, "--names") || !strcmp(arg, "--no-names")) {
        args->names = !strcmp(arg, "--names");
    } else if (!strncmp(arg, "filter=", 7) && !args->filter) {
        args->filter = arg + 7;
    } else if (!strncmp(arg, "pmd=", 4) && str_to_int(arg + 4, 10, &core)) {
        args->only_core = true;
        args->core_id = core == -1 ? NON_PMD_CORE_ID : core;
    } else if (arg[0] != '-' && !strchr(arg, '=') && !*dp_name) {
        char *type;

        dp_parse_name(arg, dp_name, &type);
        free(type);
    } else {
        return !strcmp(arg, type_merged);
    }
    return true;
}

void
dp_command_dump_merged(struct unixctl_conn *conn, int argc,
                       const char *argv[])
{
    struct dp_merge_dump args = { .titles = true };
    char *dp_name = NULL;

    for (int i = 1; i < argc; i++) {
        if (!parse_dump_arg(argv[i], &args, &dp_name)) {
            char *error = xasprintf("'%s' can't be had with 'type=merged'",
                                    argv[i]);

            unixctl_command_reply_error(conn, error);
            free(error);
            free(dp_name);
            return;
        }
    }
    reply_dump(conn, dp_name, &args);
    free(dp_name);
}

void
dp_commands_merge_init(void)
{
    unixctl_command_register("merge/show", "[--format json]", 0, 2,
                             merge_show, NULL);
    unixctl_command_register("merge/dump-flows", "[-m]", 0, 1,
                             merge_dump_flows, NULL);
}
