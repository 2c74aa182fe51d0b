/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-numa.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"
#include "flow/dp-log.h"
#include "pipe/dp-bond.h"

static const char no_such_dp[] = "please specify an existing datapath";

/* Parses "[-pmd CORE] [-secs SECS] [DP]".  What can't be read counts as not
 * given. */
void
dp_command_parse_args(int argc, const char *argv[],
                      struct dp_command_args *args)
{
    *args = (struct dp_command_args) { .secs = -1 };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-pmd") && i + 1 < argc) {
            args->filter = str_to_uint(argv[++i], 10, &args->core_id);
        } else if (!strcmp(argv[i], "-secs") && i + 1 < argc) {
            if (!str_to_int(argv[++i], 10, &args->secs)) {
                args->secs = -1;
            }
        } else if (argv[i][0] != '-') {
            args->dp_name = argv[i];
        }
    }
}

/* "pmd thread numa_id 0 core_id 1:" */
void
dp_command_format_lane(struct ds *s, const struct dp_pmd *pmd)
{
    if (dp_pmd_is_main(pmd)) {
        ds_put_cstr(s, "main thread");
    } else {
        ds_put_cstr(s, "pmd thread");
        if (pmd->lane.numa_id != OVS_NUMA_UNSPEC) {
            ds_put_format(s, " numa_id %d", pmd->lane.numa_id);
        }
        ds_put_format(s, " core_id %u", pmd->lane.core_id);
    }
    ds_put_cstr(s, ":\n");
}

/* Calls 'command' for the lanes that 'args' names, by core, and replies with
 * what is then in 's', or with an error.  A name that no datapath has stands
 * for the only one, as in Open vSwitch: scripts pass "netdev@ovs-netdev", as
 * other commands print it, where "ovs-netdev" is meant. */
void
dp_command_for_lanes(struct unixctl_conn *conn,
                     const struct dp_command_args *args, struct ds *s,
                     dp_lane_command *command)
{
    struct dp_pmd **lanes;
    struct dp *dp;
    size_t n;

    dp_registry_lock();
    dp = dp_find_for_command(args->dp_name);
    if (!dp) {
        dp = dp_find_for_command(NULL);
    }
    if (!dp) {
        dp_registry_unlock();
        unixctl_command_reply_error(conn, no_such_dp);
        return;
    }
    lanes = dp_topology_sorted_lanes(&dp->topology, &n);
    for (size_t i = 0; i < n; i++) {
        if (!args->filter || lanes[i]->lane.core_id == args->core_id) {
            command(s, lanes[i], args);
        }
    }
    free(lanes);
    dp_registry_unlock();
    unixctl_command_reply(conn, ds_cstr(s));
}

static int
compare_polls(const void *a_, const void *b_)
{
    const struct dp_rxq *const *a = a_;
    const struct dp_rxq *const *b = b_;
    int cmp = strcmp(netdev_get_name((*a)->port->netdev),
                     netdev_get_name((*b)->port->netdev));

    return cmp ? cmp : (*a)->queue_id - (*b)->queue_id;
}

static void
show_usage(struct ds *s, uint64_t part, uint64_t total)
{
    if (total) {
        ds_put_format(s, "%2"PRIu64" %%\n", part * 100 / total);
    } else {
        ds_put_cstr(s, "NOT AVAIL\n");
    }
}

/* The queues of one lane and their share of its time. */
static void
show_rxqs(struct ds *s, struct dp_pmd *pmd,
          const struct dp_command_args *args)
{
    uint64_t total = 0, busy = 0, queues = 0;
    int n_intervals;
    struct dp_rxq **polls;

    if (!s->length) {
        ds_put_format(s, "Displaying last %u seconds pmd usage %%\n",
                      (dp_rxq_load_secs_to_intervals(args->secs)
                       * DP_RXQ_LOAD_INTERVAL_S));
    }
    if (dp_pmd_is_main(pmd)) {
        return;
    }
    dp_command_format_lane(s, pmd);
    ds_put_format(s, "  isolated : %s\n", pmd->isolated ? "true" : "false");
    if (!pmd->n_polls) {
        return;
    }

    /* A queue may have been on another core before the last assignment;
     * compare over the time since then. */
    n_intervals = MIN(dp_rxq_load_secs_to_intervals(args->secs),
                      dp_rxq_load_n_intervals(&pmd->total));
    if (n_intervals) {
        total = dp_rxq_load_recent(&pmd->total, n_intervals);
        busy = dp_rxq_load_recent(&pmd->busy, n_intervals);
    }
    polls = xmemdup(pmd->polls, pmd->n_polls * sizeof *polls);
    qsort(polls, pmd->n_polls, sizeof *polls, compare_polls);
    for (size_t i = 0; i < pmd->n_polls; i++) {
        uint64_t load = dp_rxq_load_recent(&polls[i]->load, n_intervals);

        ds_put_format(s, "  port: %-16s  queue-id: %2d %s   pmd usage: ",
                      netdev_get_name(polls[i]->port->netdev),
                      polls[i]->queue_id,
                      netdev_rxq_enabled(polls[i]->rx)
                      ? "(enabled)" : "(disabled)");
        show_usage(s, load, total);
        queues += load;
    }
    free(polls);
    ds_put_cstr(s, "  overhead: ");
    show_usage(s, busy > queues ? busy - queues : 0, total);
}

static void
pmd_rxq_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_command_args args;

    dp_command_parse_args(argc, argv, &args);
    dp_command_for_lanes(conn, &args, &s, show_rxqs);
    ds_destroy(&s);
}

static void
show_sleep(struct ds *s, struct dp_pmd *pmd,
           const struct dp_command_args *args OVS_UNUSED)
{
    uint32_t us;

    if (!dp_pmd_is_main(pmd)) {
        atomic_read_relaxed(&pmd->max_sleep_us, &us);
        dp_command_format_lane(s, pmd);
        ds_put_format(s, "  max sleep: %4"PRIu32" us\n", us);
    }
}

static void
pmd_sleep_show(struct unixctl_conn *conn, int argc, const char *argv[],
               void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_command_args args;
    struct dp *dp;

    dp_command_parse_args(argc, argv, &args);
    dp_registry_lock();
    dp = dp_find_for_command(NULL);
    if (dp) {
        ds_put_format(&s, "Default max sleep: %4"PRIu32" us\n",
                      dp->config.sleep.us);
    }
    dp_registry_unlock();
    dp_command_for_lanes(conn, &args, &s, show_sleep);
    ds_destroy(&s);
}

static void
pmd_rxq_rebalance(struct unixctl_conn *conn, int argc, const char *argv[],
                  void *aux OVS_UNUSED)
{
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(argc > 1 ? argv[1] : NULL);
    if (dp) {
        ovs_mutex_lock(&dp->topology.mutex);
        dp->topology.need_reconfigure = true;
        ovs_mutex_unlock(&dp->topology.mutex);
    }
    dp_registry_unlock();
    if (dp) {
        unixctl_command_reply(conn, "pmd rxq rebalance requested.\n");
    } else {
        unixctl_command_reply_error(conn, no_such_dp);
    }
}

static void
format_bond(struct ds *s, struct dp *dp, const struct dp_bond *bond)
{
    ds_put_format(s, "Bond-id %"PRIu32":\n", bond->id);
    for (uint32_t bucket = 0; bucket < BOND_BUCKETS; bucket++) {
        odp_port_t port_no = dp_bond_choose(bond, bucket);
        struct dp_port *port = dp_topology_port(&dp->topology, port_no);

        ds_put_format(s, "  bucket %"PRIu32" - interface %s\n", bucket,
                      port ? netdev_get_name(port->netdev) : "none");
    }
}

static void
bond_show(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_bond *bond;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(argc > 1 ? argv[1] : NULL);
    if (dp) {
        ovs_mutex_lock(&dp->topology.mutex);
        CMAP_FOR_EACH (bond, node, &dp->shared.bonds->bonds) {
            format_bond(&s, dp, bond);
        }
        ovs_mutex_unlock(&dp->topology.mutex);
    }
    dp_registry_unlock();
    if (dp) {
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        unixctl_command_reply_error(conn, no_such_dp);
    }
    ds_destroy(&s);
}

/* Registers all commands of the datapath.  Called once per process. */
void
dp_commands_init(void)
{
    unixctl_command_register("dpif-netdev/pmd-rxq-show",
                             "[-pmd core] [-secs secs] [dp]", 0, 5,
                             pmd_rxq_show, NULL);
    unixctl_command_register("dpif-netdev/pmd-sleep-show", "[dp]", 0, 1,
                             pmd_sleep_show, NULL);
    unixctl_command_register("dpif-netdev/pmd-rxq-rebalance", "[dp]", 0, 1,
                             pmd_rxq_rebalance, NULL);
    unixctl_command_register("dpif-netdev/bond-show", "[dp]", 0, 1, bond_show,
                             NULL);
    dp_commands_stats_init();
    dp_commands_impl_init();
    dp_commands_offload_init();
    dp_commands_ct_init();
    dp_commands_drops_init();
    dp_commands_merge_init();
    dp_commands_top_init();
}
