/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"

/* The commands by which Open vSwitch lets users choose between builds of its
 * inner loops.  We have one of each.  For classifier lookups there is also
 * "autovalidator", which checks what "generic" finds against the megaflow
 * itself and logs an error where the two disagree; it is used while it has the
 * higher priority. */

static int
find_impl(const char *name)
{
    for (int i = 0; i < DP_N_LOOKUP_IMPLS; i++) {
        if (!strcmp(dp_lookup_impl_name(i), name)) {
            return i;
        }
    }
    return -1;
}

static void
lookup_info_get(struct unixctl_conn *conn, int argc OVS_UNUSED,
                const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    size_t n_subtables, n_ports;
    int best = dp_lookup_impl_best();

    dp_lookup_impl_count(&n_ports, &n_subtables);
    ds_put_cstr(&s, "Available dpcls implementations:\n");
    for (int i = 0; i < DP_N_LOOKUP_IMPLS; i++) {
        ds_put_format(&s, "  %s (Use count: %"PRIuSIZE", Priority: %d)\n",
                      dp_lookup_impl_name(i), i == best ? n_subtables : 0,
                      dp_lookup_impl_priority(i));
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
lookup_prio_set(struct unixctl_conn *conn, int argc OVS_UNUSED,
                const char *argv[], void *aux OVS_UNUSED)
{
    int impl = find_impl(argv[1]);
    size_t n_subtables, n_ports;
    int priority, old_best;
    char *reply;

    if (!str_to_int(argv[2], 10, &priority)
        || priority < 0 || priority > UINT8_MAX) {
        unixctl_command_reply_error(
            conn, "error converting priority, use integer in range 0-255\n");
        return;
    } else if (impl < 0) {
        unixctl_command_reply_error(
            conn, "error, subtable lookup function not found\n");
        return;
    }

    old_best = dp_lookup_impl_best();
    dp_lookup_impl_set_priority(impl, priority);
    dp_lookup_impl_count(&n_ports, &n_subtables);
    if (dp_lookup_impl_best() == old_best) {
        n_ports = n_subtables = 0;
    }
    reply = xasprintf("Lookup priority change affected %"PRIuSIZE
                      " dpcls ports and %"PRIuSIZE" subtables.\n",
                      n_ports, n_subtables);
    unixctl_command_reply(conn, reply);
    free(reply);
}

static void
put_pmd_cores(struct ds *s)
{
    size_t start = s->length;

    dp_format_pmd_cores(s);
    if (s->length == start) {
        ds_put_cstr(s, "none");
    }
}

static void
dpif_impl_get(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "Available DPIF implementations:\n"
                "  dpif_scalar (pmds: ");
    put_pmd_cores(&s);
    ds_put_cstr(&s, ")\n");
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
dpif_impl_set(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[], void *aux OVS_UNUSED)
{
    bool ok = !strcmp(argv[1], "dpif_scalar");
    char *reply = xasprintf(ok ? "DPIF implementation set to %s.\n"
                            : "DPIF implementation not available: Unknown "
                              "DPIF implementation %s.\n", argv[1]);

    if (ok) {
        unixctl_command_reply(conn, reply);
    } else {
        unixctl_command_reply_error(conn, reply);
    }
    free(reply);
}

static void
miniflow_parser_get(struct unixctl_conn *conn, int argc OVS_UNUSED,
                    const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "Available MFEX implementations:\n"
                "  scalar (available: True pmds: ");
    put_pmd_cores(&s);
    ds_put_cstr(&s, ")\n");
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
miniflow_parser_set(struct unixctl_conn *conn, int argc, const char *argv[],
                    void *aux OVS_UNUSED)
{
    const char *name = NULL;
    unsigned int core_id = 0;
    bool filter = false;
    char *error = NULL;

    for (int i = 1; i < argc && !error; i++) {
        if (!strcmp(argv[i], "-pmd") && !filter) {
            filter = true;
            if (i + 1 >= argc || !str_to_uint(argv[++i], 10, &core_id)) {
                error = xasprintf("Error: -pmd option requires a thread id "
                                  "argument.\n");
            }
        } else if (!name) {
            name = argv[i];
        } else {
            error = xasprintf("Error: unknown argument %s.\n", argv[i]);
        }
    }
    if (!error && !name) {
        error = xasprintf("Error: no miniflow extract name provided. Output "
                          "of miniflow-parser-get shows implementation "
                          "list.\n");
    } else if (!error && strcmp(name, "scalar")) {
        error = xasprintf("Error: unknown miniflow extract implementation "
                          "%s.\n", name);
    } else if (!error && filter && !dp_has_pmd_core(core_id)) {
        error = xasprintf("Error: miniflow extract parser not changed, PMD "
                          "thread %u not in use, pass a valid pmd thread "
                          "ID.\n", core_id);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, "Miniflow extract implementation set to "
                              "scalar.\n");
    }
}

void
dp_commands_impl_init(void)
{
    unixctl_command_register("dpif-netdev/subtable-lookup-prio-set",
                             "[lookup_func] [prio]", 2, 2, lookup_prio_set,
                             NULL);
    unixctl_command_register("dpif-netdev/subtable-lookup-info-get", "", 0, 0,
                             lookup_info_get, NULL);
    unixctl_command_register("dpif-netdev/subtable-lookup-prio-get", NULL, 0,
                             0, lookup_info_get, NULL);
    unixctl_command_register("dpif-netdev/dpif-impl-set",
                             "dpif_implementation_name", 1, 1, dpif_impl_set,
                             NULL);
    unixctl_command_register("dpif-netdev/dpif-impl-get", "", 0, 0,
                             dpif_impl_get, NULL);
    unixctl_command_register("dpif-netdev/miniflow-parser-set",
                             "[-pmd core] miniflow_implementation_name "
                             "[study_pkt_cnt]", 1, 5, miniflow_parser_set,
                             NULL);
    unixctl_command_register("dpif-netdev/miniflow-parser-get", "", 0, 0,
                             miniflow_parser_get, NULL);
}
