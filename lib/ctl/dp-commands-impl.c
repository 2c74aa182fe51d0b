/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "flow/dp-log.h"

/* The commands by which Open vSwitch lets users choose between builds of its
 * inner loops.  We have one of each.  For classifier lookups there is also
 * "autovalidator", which checks what "generic" finds against the megaflow
 * itself and logs an error where the two disagree; it is used while it has the
 * higher priority.
 *
 * Scripts choose by the names of Open vSwitch 3.1.  Those that we know but do
 * not have are accepted, with Open vSwitch's answer and a note in the log:
 * what works is the same, so a script that wants more speed has no reason to
 * fail. */

#define DEFAULT_STUDY_PACKETS 128

static const char *const other_lookups[] = { "avx512_gather", NULL };
static const char *const other_dpifs[] = { "dpif_avx512", NULL };
static const char *const other_parsers[] = {
    "autovalidator",
    "avx512_dot1q_ipv4_tcp",
    "avx512_dot1q_ipv4_udp",
    "avx512_dot1q_ipv6_tcp",
    "avx512_dot1q_ipv6_udp",
    "avx512_ipv4_nvgre",
    "avx512_ipv4_tcp",
    "avx512_ipv4_udp",
    "avx512_ipv6_tcp",
    "avx512_ipv6_udp",
    "avx512_vbmi_avx512_dot1q_ipv6_tcp",
    "avx512_vbmi_avx512_dot1q_ipv6_udp",
    "avx512_vbmi_dot1q_ipv4_tcp",
    "avx512_vbmi_dot1q_ipv4_udp",
    "avx512_vbmi_ipv4_nvgre",
    "avx512_vbmi_ipv4_tcp",
    "avx512_vbmi_ipv4_udp",
    "avx512_vbmi_ipv6_tcp",
    "avx512_vbmi_ipv6_udp",
    "study",
    NULL
};

static bool
is_among(const char *name, const char *const names[])
{
    for (size_t i = 0; names[i]; i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* Logs that 'name', which was asked for, changes nothing. */
static void
log_note(const char *name, const char *kept)
{
    VLOG_INFO("Markpath has no \"%s\"; \"%s\" stays in use.", name, kept);
}

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
    struct ds s = DS_EMPTY_INITIALIZER;
    int impl = find_impl(argv[1]);
    size_t n_subtables, n_ports;
    int priority, old_best;

    if (!str_to_int(argv[2], 10, &priority)
        || priority < 0 || priority > UINT8_MAX) {
        unixctl_command_reply_error(
            conn, "error converting priority, use integer in range 0-255\n");
        return;
    } else if (impl < 0 && !is_among(argv[1], other_lookups)) {
        unixctl_command_reply_error(
            conn, "error, subtable lookup function not found\n");
        return;
    }

    old_best = dp_lookup_impl_best();
    if (impl >= 0) {
        dp_lookup_impl_set_priority(impl, priority);
    }
    dp_lookup_impl_count(&n_ports, &n_subtables);
    if (dp_lookup_impl_best() == old_best) {
        n_ports = n_subtables = 0;
    }
    ds_put_format(&s, "Lookup priority change affected %"PRIuSIZE
                  " dpcls ports and %"PRIuSIZE" subtables.\n",
                  n_ports, n_subtables);
    if (impl < 0) {
        log_note(argv[1], dp_lookup_impl_name(old_best));
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
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
    bool is_other = is_among(argv[1], other_dpifs);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (is_other || !strcmp(argv[1], "dpif_scalar")) {
        ds_put_format(&s, "DPIF implementation set to %s.\n", argv[1]);
        if (is_other) {
            log_note(argv[1], "dpif_scalar");
        }
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        ds_put_format(&s, "DPIF implementation not available: Unknown "
                      "DPIF implementation %s.\n", argv[1]);
        unixctl_command_reply_error(conn, ds_cstr(&s));
    }
    ds_destroy(&s);
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

/* What "miniflow-parser-set" was asked for. */
struct parser_args {
    const char *name;
    bool filter;                /* "-pmd" was given... */
    unsigned int core_id;       /* ...with this core. */
    uint32_t n_study;           /* For "study": packets. */
};

/* Parses "[-pmd CORE] NAME [STUDY_CNT]".  Returns NULL, or what is wrong, to
 * be freed. */
static char *
parse_parser_args(int argc, const char *argv[], struct parser_args *args)
{
    *args = (struct parser_args) { .n_study = DEFAULT_STUDY_PACKETS };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-pmd") && !args->name) {
            args->filter = true;
            if (++i >= argc) {
                return xstrdup("Error: -pmd option requires a thread id "
                               "argument.\n");
            } else if (!str_to_uint(argv[i], 10, &args->core_id)) {
                return xasprintf("Error: miniflow extract parser not changed, "
                                 "PMD thread passed is not valid: '%s'. Pass "
                                 "a valid pmd thread ID.\n", argv[i]);
            }
        } else if (!args->name) {
            args->name = argv[i];
        } else if (strcmp(args->name, "study")) {
            return xasprintf("Error: unknown argument %s.\n", argv[i]);
        } else if (!str_to_uint(argv[i], 10, &args->n_study)
                   || !args->n_study) {
            return xasprintf("Error: invalid study_pkt_cnt value: %s.\n",
                             argv[i]);
        }
    }
    return NULL;
}

/* Returns NULL if 'args' names a parser and, if it names a core, one that has
 * a thread; else what is wrong, to be freed. */
static char *
check_parser_args(const struct parser_args *args)
{
    if (!args->name) {
        return xstrdup("Error: no miniflow extract name provided. Output "
                       "of miniflow-parser-get shows implementation "
                       "list.\n");
    } else if (strcmp(args->name, "scalar")
               && !is_among(args->name, other_parsers)) {
        return xasprintf("Error: unknown miniflow extract implementation "
                         "%s.\n", args->name);
    } else if (args->filter && !dp_has_pmd_core(args->core_id)) {
        return xasprintf("Error: miniflow extract parser not changed, PMD "
                         "thread %u not in use, pass a valid pmd thread "
                         "ID.\n", args->core_id);
    }
    return NULL;
}

static void
miniflow_parser_set(struct unixctl_conn *conn, int argc, const char *argv[],
                    void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct parser_args args;
    char *error = parse_parser_args(argc, argv, &args);

    if (!error) {
        error = check_parser_args(&args);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }

    ds_put_format(&s, "Miniflow extract implementation set to %s", args.name);
    if (args.filter) {
        ds_put_format(&s, ", on pmd thread %u", args.core_id);
    }
    if (!strcmp(args.name, "study")) {
        ds_put_format(&s, ", studying %"PRIu32" packets", args.n_study);
    }
    ds_put_cstr(&s, ".\n");
    if (strcmp(args.name, "scalar")) {
        log_note(args.name, "scalar");
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
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
