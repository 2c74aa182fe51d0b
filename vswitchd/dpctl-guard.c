/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vswitchd/dpctl-guard.h"

#include <string.h>

#include "dpif.h"
#include "sset.h"
#include "util.h"
#include "ctl/dp-commands.h"
#include "ovs/ovs-dpctl.h"

/* What stands before a command of dpctl.  Lives as long as the command, which
 * is for ever. */
struct dpctl_guard {
    int min_args;               /* As registered. */
    bool wants_limits;          /* Zones or limits must come... */
    bool wants_zones;           /* ...or a list of zones may come. */
    bool dumps_flows;
    unixctl_cb_func *cb;
    void *aux;
};

/* Returns true if dpctl takes 'arg' for an option.  One that it does not know
 * is an error to it, without reading further. */
static bool
is_option(const char *arg)
{
    static const char *const long_options[] = {
        "--statistics", "--clear", "--may-create", "--more", "--names",
        "--no-names",
    };

    for (size_t i = 0; i < ARRAY_SIZE(long_options); i++) {
        if (!strcmp(arg, long_options[i])) {
            return true;
        }
    }
    return arg[0] == '-' && arg[1] && !arg[1 + strspn(arg + 1, "ms")];
}

static bool
is_datapath(const char *arg)
{
    struct sset types = SSET_INITIALIZER(&types);
    struct sset names = SSET_INITIALIZER(&names);
    char *name, *type;
    bool found;

    dp_parse_name(arg, &name, &type);
    dp_enumerate_types(&types);
    found = (sset_contains(&types, type)
             && !dp_enumerate_names(type, &names)
             && sset_contains(&names, name));
    sset_destroy(&names);
    sset_destroy(&types);
    free(name);
    free(type);
    return found;
}

/* Returns true if 'arg' is a list of zones that has none. */
static bool
is_empty_list(const char *arg)
{
    return (!strncmp(arg, "zone=", 5)
            && !arg[5 + strspn(arg + 5, ",")]);
}

/* Returns what is wrong with the arguments of 'argv', to be freed, or NULL if
 * the command may have them. */
static char *
check(const struct dpctl_guard *guard, int argc, const char *argv[])
{
    const char *command = argv[0];

    while (argc > 1 && is_option(argv[1])) {
        argc--;
        argv++;
    }
    if (argc - 1 < guard->min_args) {
        return xasprintf("\"%s\" command requires at least %d arguments",
                         command, guard->min_args);
    }
    if (guard->wants_limits && argc == 2 && is_datapath(argv[1])) {
        return xasprintf("\"%s\" command requires arguments after the "
                         "datapath", command);
    }
    for (int i = 1; guard->wants_zones && i < argc; i++) {
        if (OVS_DPCTL_TRIPS_ON_EMPTY_LISTS && is_empty_list(argv[i])) {
            return xasprintf("\"%s\": there is no zone in \"%s\"", command,
                             argv[i]);
        }
    }
    return NULL;
}

static void
run_guarded(struct unixctl_conn *conn, int argc, const char *argv[],
            void *guard_)
{
    const struct dpctl_guard *guard = guard_;
    char *error = check(guard, argc, argv);

    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else if (guard->dumps_flows && dp_command_wants_merged(argc, argv)) {
        dp_command_dump_merged(conn, argc, argv);
    } else {
        guard->cb(conn, argc, argv, guard->aux);
    }
}

void
__wrap_unixctl_command_register(const char *name, const char *usage,
                                int min_args, int max_args,
                                unixctl_cb_func *cb, void *aux)
{
    bool sets = !strcmp(name, "dpctl/ct-set-limits");
    bool dels = !strcmp(name, "dpctl/ct-del-limits");
    bool gets = !strcmp(name, "dpctl/ct-get-limits");

    if (!strncmp(name, "dpctl/", 6)) {
        struct dpctl_guard *guard = xmalloc(sizeof *guard);

        *guard = (struct dpctl_guard) {
            .min_args = min_args,
            .wants_limits = sets || dels,
            .wants_zones = gets || dels,
            .dumps_flows = !strcmp(name, "dpctl/dump-flows"),
            .cb = cb,
            .aux = aux,
        };
        cb = run_guarded;
        aux = guard;
    }
    __real_unixctl_command_register(name, usage, min_args, max_args, cb, aux);
}
