/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-commands.h"

#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"

static double
ratio(uint64_t a, uint64_t b)
{
    return b ? (double) a / b : 0;
}

/* The counters of one lane. */
static void
show_stats(struct ds *s, struct dp_pmd *pmd,
           const struct dp_command_args *args OVS_UNUSED)
{
    uint64_t n[PMD_N_STATS], recv, passes, cycles;

    pmd_perf_read_counters(&pmd->lane.perf, n);
    recv = n[PMD_STAT_RECV];
    passes = recv + n[PMD_STAT_RECIRC];
    cycles = n[PMD_CYCLES_ITER_IDLE] + n[PMD_CYCLES_ITER_BUSY];

    dp_command_format_lane(s, pmd);
    ds_put_format(s, "  packets received: %"PRIu64"\n", recv);
    ds_put_format(s, "  packet recirculations: %"PRIu64"\n",
                  n[PMD_STAT_RECIRC]);
    ds_put_format(s, "  avg. datapath passes per packet: %.02f\n",
                  ratio(passes, recv));
    ds_put_format(s, "  phwol hits: %"PRIu64"\n", n[PMD_STAT_PHWOL_HIT]);
    ds_put_format(s, "  mfex opt hits: %"PRIu64"\n",
                  n[PMD_STAT_MFEX_OPT_HIT]);
    ds_put_format(s, "  simple match hits: %"PRIu64"\n",
                  n[PMD_STAT_SIMPLE_HIT]);
    ds_put_format(s, "  emc hits: %"PRIu64"\n", n[PMD_STAT_EXACT_HIT]);
    ds_put_format(s, "  smc hits: %"PRIu64"\n", n[PMD_STAT_SMC_HIT]);
    ds_put_format(s, "  megaflow hits: %"PRIu64"\n", n[PMD_STAT_MASKED_HIT]);
    ds_put_format(s, "  avg. subtable lookups per megaflow hit: %.02f\n",
                  ratio(n[PMD_STAT_MASKED_LOOKUP], n[PMD_STAT_MASKED_HIT]));
    ds_put_format(s, "  miss with success upcall: %"PRIu64"\n",
                  n[PMD_STAT_MISS]);
    ds_put_format(s, "  miss with failed upcall: %"PRIu64"\n",
                  n[PMD_STAT_LOST]);
    ds_put_format(s, "  avg. packets per output batch: %.02f\n",
                  ratio(n[PMD_STAT_SENT_PKTS], n[PMD_STAT_SENT_BATCHES]));
    if (!cycles) {
        return;
    }
    ds_put_format(s, "  idle cycles: %"PRIu64" (%.02f%%)\n",
                  n[PMD_CYCLES_ITER_IDLE],
                  100.0 * n[PMD_CYCLES_ITER_IDLE] / cycles);
    ds_put_format(s, "  processing cycles: %"PRIu64" (%.02f%%)\n",
                  n[PMD_CYCLES_ITER_BUSY],
                  100.0 * n[PMD_CYCLES_ITER_BUSY] / cycles);
    if (!recv) {
        return;
    }
    ds_put_format(s, "  avg cycles per packet: %.02f (%"PRIu64"/%"PRIu64")\n",
                  (double) cycles / recv, cycles, recv);
    ds_put_format(s, "  avg processing cycles per packet: "
                  "%.02f (%"PRIu64"/%"PRIu64")\n",
                  (double) n[PMD_CYCLES_ITER_BUSY] / recv,
                  n[PMD_CYCLES_ITER_BUSY], recv);
}

static void
pmd_stats_show(struct unixctl_conn *conn, int argc, const char *argv[],
               void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_command_args args;

    dp_command_parse_args(argc, argv, &args);
    dp_command_for_lanes(conn, &args, &s, show_stats);
    ds_destroy(&s);
}

static void
clear_stats(struct ds *s OVS_UNUSED, struct dp_pmd *pmd,
            const struct dp_command_args *args OVS_UNUSED)
{
    if (dp_pmd_is_main(pmd)) {
        ovs_mutex_lock(&pmd->lane.main_mutex);
        pmd_perf_stats_clear(&pmd->lane.perf);
        ovs_mutex_unlock(&pmd->lane.main_mutex);
    } else {
        pmd_perf_stats_clear(&pmd->lane.perf);
    }
}

static void
pmd_stats_clear(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_command_args args;

    dp_command_parse_args(argc, argv, &args);
    dp_command_for_lanes(conn, &args, &s, clear_stats);
    ds_destroy(&s);
}

/* pmd-perf-show: the same lanes, in more detail. */

struct perf_args {
    struct dp_command_args up;
    struct pmd_perf_params params;
};

static void
show_perf(struct ds *s, struct dp_pmd *pmd,
          const struct dp_command_args *args_)
{
    const struct perf_args *args = CONTAINER_OF(args_, struct perf_args, up);
    struct pmd_perf_stats *perf = &pmd->lane.perf;
    unsigned int peak;
    double duration;
    bool metrics;

    atomic_read_relaxed(&pmd->lane.shared->perf_metrics, &metrics);
    if (dp_pmd_is_main(pmd)) {
        return;
    }
    /* The start of the measurement is a time of the monotonic clock. */
    duration = (time_msec() - (long long int) perf->start_ms) / 1000.0;
    ds_put_cstr(s, "\nTime: ");
    ds_put_strftime_msec(s, "%H:%M:%S.###\n", time_wall_msec(), true);
    ds_put_format(s, "Measurement duration: %.3f s\n\n", duration);
    dp_command_format_lane(s, pmd);
    ds_put_cstr(s, "\n");
    pmd_perf_format_overall_stats(s, perf, duration);
    atomic_read_relaxed(&pmd->lane.peak_waiting, &peak);
    ds_put_format(s, "  Recirculating:     %12u  packets at most\n", peak);
    if (!metrics) {
        return;
    }

    /* Nobody may clear the figures while they are read. */
    ovs_mutex_lock(&perf->clear_mutex);
    if (args->params.histograms) {
        ds_put_cstr(s, "\n");
        pmd_perf_format_histograms(s, perf);
    }
    if (args->params.iter_hist_len > 0) {
        ds_put_cstr(s, "\n");
        pmd_perf_format_iteration_history(s, perf,
                                          args->params.iter_hist_len);
    }
    if (args->params.ms_hist_len > 0) {
        ds_put_cstr(s, "\n");
        pmd_perf_format_ms_history(s, perf, args->params.ms_hist_len);
    }
    ovs_mutex_unlock(&perf->clear_mutex);
}

/* Returns the length of history that the argument after argv[*i] gives. */
static size_t
parse_history_length(int argc, const char *argv[], int *i)
{
    int len = 0;

    if (*i + 1 < argc) {
        len = strtol(argv[++*i], NULL, 10);
    }
    return len < 0 || len > HISTORY_LEN ? DEF_HIST_SHOW : len;
}

static void
pmd_perf_show(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct perf_args args = { .params = { .histograms = true } };
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *rest[10];
    int n_rest = 1;

    rest[0] = argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-nh")) {
            args.params.histograms = false;
        } else if (!strcmp(argv[i], "-it")) {
            args.params.iter_hist_len = parse_history_length(argc, argv, &i);
        } else if (!strcmp(argv[i], "-ms")) {
            args.params.ms_hist_len = parse_history_length(argc, argv, &i);
        } else {
            rest[n_rest++] = argv[i];
        }
    }
    dp_command_parse_args(n_rest, rest, &args.up);
    dp_command_for_lanes(conn, &args.up, &s, show_perf);
    ds_destroy(&s);
}

void
dp_commands_stats_init(void)
{
    unixctl_command_register("dpif-netdev/pmd-stats-show", "[-pmd core] [dp]",
                             0, 3, pmd_stats_show, NULL);
    unixctl_command_register("dpif-netdev/pmd-stats-clear",
                             "[-pmd core] [dp]", 0, 3, pmd_stats_clear, NULL);
    unixctl_command_register("dpif-netdev/pmd-perf-show",
                             "[-nh] [-it iter-history-len]"
                             " [-ms ms-history-len]"
                             " [-pmd core] [dp]",
                             0, 8, pmd_perf_show, NULL);
    unixctl_command_register("dpif-netdev/pmd-perf-log-set",
                             "on|off [-b before] [-a after] [-e|-ne] "
                             "[-us usec] [-q qlen]",
                             0, 10, pmd_perf_log_set_cmd, NULL);
}
