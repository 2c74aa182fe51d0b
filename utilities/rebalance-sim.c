/* SPDX-License-Identifier: Apache-2.0 */

/* The oracle knows the counts of the interval that comes and holds the best
 * flows of it, at no cost; no policy can do better.  "best" are the flows with
 * the greatest true rates, which is the best that can be done without knowing
 * the dice. */

#include <config.h>
#include "rebalance-sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define N_LINES (SIM_N_POLICIES + 1)    /* The oracle is the last. */
#define ORACLE SIM_N_POLICIES
#define RECOVERY 5                      /* Intervals after a move. */

struct sim {
    struct sim_options options;
    struct sim_traffic *traffic;
    struct sim_counters counters;
    struct sim_policy policies[SIM_N_POLICIES];
    double *shares[N_LINES];            /* Hit share, by interval. */
    uint64_t *ops[N_LINES];
};

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: hit share of policies for a full NIC\n"
           "usage: %s [OPTION...]\n\n"
           "  --flows=N         flows (1000000)\n"
           "  --places=K        places in the NIC (1%% of the flows)\n"
           "  --alpha=A         exponent of Zipf's law (1.0)\n"
           "  --packets=N       packets for each interval (10000000)\n"
           "  --intervals=N     (60)\n"
           "  --interval=S      seconds (1)\n"
           "  --move=I          at interval I half of the hot flows change\n"
           "  --scan=I          from interval I on, flows of one packet...\n"
           "  --scan-flows=N    ...so many in each interval (100000)...\n"
           "  --scan-length=N   ...for so many intervals (5)\n"
           "  --idle=N          flows leave after N intervals; 0: never (10)\n"
           "  --budget=N        operations for each interval (K / 4)\n"
           "  --seed=N          (1)\n"
           "  --trace=FILE      lines 'SECONDS FLOW [PACKETS]' instead\n"
           "  --svg=FILE        draw hit shares\n"
           "  --csv=FILE        write hit shares and operations\n"
           "  --check           fail unless the goals are reached\n",
           program_name, program_name);
    exit(EXIT_SUCCESS);
}

/* Option 'name' is 's', a number in the range 'min' to 'max'. */
static double
number(const char *name, const char *s, double min, double max)
{
    char *tail;
    double value = strtod(s, &tail);

    if (tail == s || *tail || !(value >= min && value <= max)) {
        ovs_fatal(0, "--%s is '%s', but must be a number in the range %.12g "
                  "to %.12g", name, s, min, max);
    }
    return value;
}

enum {
    OPT_FLOWS = 256, OPT_PLACES, OPT_ALPHA, OPT_PACKETS, OPT_INTERVALS,
    OPT_INTERVAL, OPT_MOVE, OPT_SCAN, OPT_SCAN_FLOWS, OPT_SCAN_LENGTH,
    OPT_IDLE, OPT_BUDGET, OPT_SEED, OPT_TRACE, OPT_SVG, OPT_CSV, OPT_CHECK
};

static const struct option long_options[] = {
    { "flows", required_argument, NULL, OPT_FLOWS },
    { "places", required_argument, NULL, OPT_PLACES },
    { "alpha", required_argument, NULL, OPT_ALPHA },
    { "packets", required_argument, NULL, OPT_PACKETS },
    { "intervals", required_argument, NULL, OPT_INTERVALS },
    { "interval", required_argument, NULL, OPT_INTERVAL },
    { "move", required_argument, NULL, OPT_MOVE },
    { "scan", required_argument, NULL, OPT_SCAN },
    { "scan-flows", required_argument, NULL, OPT_SCAN_FLOWS },
    { "scan-length", required_argument, NULL, OPT_SCAN_LENGTH },
    { "idle", required_argument, NULL, OPT_IDLE },
    { "budget", required_argument, NULL, OPT_BUDGET },
    { "seed", required_argument, NULL, OPT_SEED },
    { "trace", required_argument, NULL, OPT_TRACE },
    { "svg", required_argument, NULL, OPT_SVG },
    { "csv", required_argument, NULL, OPT_CSV },
    { "check", no_argument, NULL, OPT_CHECK },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};

struct files {
    const char *svg, *csv;
    bool check;
};

static void
parse_option(struct sim_options *o, struct files *files, int c,
             const char *name)
{
    switch (c) {
    case OPT_FLOWS:
        o->n_flows = number(name, optarg, 2, 1 << 28);
        break;
    case OPT_PLACES:
        o->n_places = number(name, optarg, 1, 1 << 28);
        break;
    case OPT_ALPHA:
        o->alpha = number(name, optarg, 0, 10);
        break;
    case OPT_PACKETS:
        o->n_packets = number(name, optarg, 1, 1 << 30);
        break;
    case OPT_INTERVALS:
        o->n_intervals = number(name, optarg, 1, 1000000);
        break;
    case OPT_INTERVAL:
        o->interval_s = number(name, optarg, .001, 3600);
        break;
    case OPT_MOVE:
        o->move = number(name, optarg, 1, 1000000);
        break;
    case OPT_SCAN:
        o->scan = number(name, optarg, 1, 1000000);
        break;
    case OPT_SCAN_FLOWS:
        o->scan_flows = number(name, optarg, 1, 1 << 26);
        break;
    case OPT_SCAN_LENGTH:
        o->scan_length = number(name, optarg, 1, 1000);
        break;
    case OPT_IDLE:
        o->idle = number(name, optarg, 0, 1000000);
        break;
    case OPT_BUDGET:
        o->budget = number(name, optarg, 1, 1 << 28);
        break;
    case OPT_SEED:
        o->seed = number(name, optarg, 0, UINT32_MAX);
        break;
    case OPT_TRACE:
        o->trace = optarg;
        break;
    case OPT_SVG:
        files->svg = optarg;
        break;
    case OPT_CSV:
        files->csv = optarg;
        break;
    case OPT_CHECK:
        files->check = true;
        break;
    case 'h':
        usage();
    default:
        exit(EXIT_FAILURE);
    }
}

/* The loop. */

/* Flows without packets leave the switch. */
static void
expire(struct sim *sim, unsigned int now)
{
    struct sim_counters *c = &sim->counters;
    unsigned int idle = sim->options.idle;

    for (size_t i = 0; idle && i < c->n_flows; i++) {
        if (c->last[i] && now + 1 - c->last[i] >= idle) {
            for (size_t j = 0; j < SIM_N_POLICIES; j++) {
                struct sim_policy *policy = &sim->policies[j];

                if (policy->gone) {
                    policy->gone(policy, i);
                }
            }
            c->last[i] = 0;
            c->total[i] = 0;
        }
    }
}

static void
deliver(struct sim *sim, uint32_t flow, unsigned int now)
{
    struct sim_counters *c = &sim->counters;
    bool is_new = !c->last[flow];

    c->last[flow] = now + 1;
    c->total[flow]++;
    c->recent[flow]++;
    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        struct sim_policy *policy = &sim->policies[i];

        if (policy->placed[flow]) {
            policy->n_hits++;
            if (policy->hit) {
                policy->hit(policy, flow);
            }
        } else if (policy->miss) {
            policy->miss(policy, flow, is_new);
        }
    }
}

/* Returns how many packets the best flows of this interval had. */
static uint64_t
oracle_hits(const struct sim *sim)
{
    const struct sim_counters *c = &sim->counters;
    size_t k = sim->options.n_places, n_above = 0;
    uint64_t *counts = xmalloc(c->n_flows * sizeof *counts);
    uint64_t least, hits = 0;

    for (size_t i = 0; i < c->n_flows; i++) {
        counts[i] = c->recent[i];
    }
    least = sim_kth(counts, c->n_flows, k);
    for (size_t i = 0; i < c->n_flows; i++) {
        if (c->recent[i] > least) {
            hits += c->recent[i];
            n_above++;
        }
    }
    free(counts);
    return hits + (k - MIN(n_above, k)) * least;
}

static void
run_interval(struct sim *sim, unsigned int now)
{
    struct sim_counters *c = &sim->counters;
    const uint32_t *packets;
    size_t n = sim_traffic_next(sim->traffic, now, &packets);

    memset(c->recent, 0, c->n_flows * sizeof *c->recent);
    for (size_t i = 0; i < n; i++) {
        deliver(sim, packets[i], now);
    }
    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        struct sim_policy *policy = &sim->policies[i];

        if (policy->end) {
            policy->end(policy, now);
        }
    }
    expire(sim, now);
    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        struct sim_policy *policy = &sim->policies[i];

        sim->shares[i][now] = n ? (double) policy->n_hits / n : -1;
        sim->ops[i][now] = policy->n_ops;
        policy->n_hits = policy->n_ops = 0;
        ovs_assert(policy->used <= sim->options.n_places);
    }
    sim->shares[ORACLE][now] = n ? (double) oracle_hits(sim) / n : -1;
}

/* The report. */

static const char *
line_name(const struct sim *sim, size_t i)
{
    return i == ORACLE ? "oracle" : sim->policies[i].name;
}

/* Mean hit share of 'line' from interval 'from' to before 'to'. */
static double
mean_share(const struct sim *sim, size_t line, unsigned int from,
           unsigned int to)
{
    unsigned int n = 0;
    double sum = 0;

    for (unsigned int i = from; i < to; i++) {
        if (sim->shares[line][i] >= 0) {
            sum += sim->shares[line][i];
            n++;
        }
    }
    return n ? sum / n : 0;
}

static double
mean_ops(const struct sim *sim, size_t line, unsigned int from,
         unsigned int to)
{
    double sum = 0;

    for (unsigned int i = from; i < to; i++) {
        sum += sim->ops[line][i];
    }
    return to > from ? sum / (to - from) : 0;
}

/* The steady state: the last third before anything happens. */
static void
steady(const struct sim_options *o, unsigned int *from, unsigned int *to)
{
    *to = o->n_intervals;
    if (o->move && o->move < *to) {
        *to = o->move;
    }
    if (o->scan && o->scan < *to) {
        *to = o->scan;
    }
    *from = *to - (*to + 2) / 3;
}

static void
report_span(const struct sim *sim, const char *what, unsigned int from,
            unsigned int to)
{
    double oracle = mean_share(sim, ORACLE, from, to);

    if (from >= to || !oracle) {
        return;
    }
    printf("%s, intervals %u to %u:\n"
           "  %-10s %9s %10s %14s\n", what, from, to - 1,
           "policy", "hit share", "of oracle", "ops/interval");
    for (size_t i = 0; i < N_LINES; i++) {
        double share = mean_share(sim, i, from, to);

        printf("  %-10s %8.2f%% %9.2f%%", line_name(sim, i), 100 * share,
               100 * share / oracle);
        if (i == ORACLE) {
            printf("\n");
        } else {
            double ops = mean_ops(sim, i, from, to);

            printf(" %10.0f (%.1f%% of the places; %s)\n", ops,
                   100 * ops / sim->options.n_places, sim->policies[i].text);
        }
    }
}

static void
report_best(const struct sim *sim, unsigned int from, unsigned int to)
{
    double best = sim_traffic_best(sim->traffic, sim->options.n_places, from);

    if (best && from < to) {
        printf("  %-10s %8.2f%%; markpath has %.2f%% of that\n", "best",
               100 * best, 100 * mean_share(sim, 0, from, to) / best);
    }
}

static void
report_recovery(const struct sim *sim)
{
    const struct sim_options *o = &sim->options;

    printf("after the move, of the oracle's:\n  %-10s", "interval");
    for (unsigned int i = 0; i <= 10; i++) {
        printf(" %5u", i);
    }
    for (size_t line = 0; line < SIM_N_POLICIES; line++) {
        printf("\n  %-10s", line_name(sim, line));
        for (unsigned int i = o->move;
             i <= o->move + 10 && i < o->n_intervals; i++) {
            printf(" %4.1f%%", (100 * sim->shares[line][i]
                                / sim->shares[ORACLE][i]));
        }
    }
    printf("\n");
}

static void
report(const struct sim *sim)
{
    const struct sim_options *o = &sim->options;
    unsigned int from, to;

    steady(o, &from, &to);
    printf("%"PRIuSIZE" flows, %"PRIuSIZE" places, ", o->n_flows, o->n_places);
    if (o->trace) {
        printf("trace %s\n", o->trace);
    } else {
        printf("Zipf %g, %"PRIuSIZE" packets an interval, seed %"PRIu32"\n",
               o->alpha, o->n_packets, o->seed);
    }
    report_span(sim, "steady state", from, to);
    report_best(sim, from, to);
    if (o->scan && o->scan < o->n_intervals) {
        report_span(sim, "scan", o->scan,
                    MIN(o->scan + o->scan_length, o->n_intervals));
    }
    if (o->move && o->move < o->n_intervals) {
        report_recovery(sim);
    }
}

/* The goals, for this policy. */
static bool
check(const struct sim *sim)
{
    const struct sim_options *o = &sim->options;
    unsigned int from, to;
    bool ok;

    steady(o, &from, &to);
    ok = (mean_share(sim, 0, from, to)
          >= .97 * mean_share(sim, ORACLE, from, to)
          && mean_ops(sim, 0, from, to) <= .02 * o->n_places);
    if (o->move && o->move + RECOVERY < o->n_intervals) {
        unsigned int i = o->move + RECOVERY;

        ok = ok && sim->shares[0][i] >= .9 * sim->shares[ORACLE][i];
    }
    printf("goals (97%% of the oracle, 2%% operations, 90%% after %d "
           "intervals): %s\n", RECOVERY, ok ? "reached" : "MISSED");
    return ok;
}

static void
write_csv(const struct sim *sim, const char *path)
{
    FILE *csv = fopen(path, "w");

    if (!csv) {
        ovs_fatal(errno, "%s", path);
    }
    fprintf(csv, "interval");
    for (size_t i = 0; i < N_LINES; i++) {
        fprintf(csv, ",%s", line_name(sim, i));
    }
    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        fprintf(csv, ",%s ops", line_name(sim, i));
    }
    for (unsigned int now = 0; now < sim->options.n_intervals; now++) {
        fprintf(csv, "\n%u", now);
        for (size_t i = 0; i < N_LINES; i++) {
            fprintf(csv, ",%.6f", sim->shares[i][now]);
        }
        for (size_t i = 0; i < SIM_N_POLICIES; i++) {
            fprintf(csv, ",%"PRIu64, sim->ops[i][now]);
        }
    }
    fprintf(csv, "\n");
    if (fclose(csv)) {
        ovs_fatal(errno, "%s", path);
    }
}

static void
write_svg(const struct sim *sim, const char *path)
{
    const struct sim_options *o = &sim->options;
    const char *names[N_LINES];
    char *title;
    int error;

    for (size_t i = 0; i < N_LINES; i++) {
        names[i] = line_name(sim, i);
    }
    title = xasprintf("Hit share: %"PRIuSIZE" flows, %"PRIuSIZE" places, "
                      "%s%.1f", o->n_flows, o->n_places,
                      o->trace ? "trace, intervals of " : "Zipf ",
                      o->trace ? o->interval_s : o->alpha);
    error = sim_svg_write(path, title, names, sim->shares, N_LINES,
                          o->n_intervals);
    if (error) {
        ovs_fatal(error, "%s", path);
    }
    free(title);
}

static void
sim_init(struct sim *sim)
{
    struct sim_options *o = &sim->options;
    struct sim_counters *c = &sim->counters;

    sim->traffic = sim_traffic_create(o);
    if (!o->n_places) {
        o->n_places = MAX(o->n_flows / 100, 1);
    }
    if (o->n_places >= o->n_flows) {
        ovs_fatal(0, "--places is %"PRIuSIZE", but must be less than the "
                  "number of flows, %"PRIuSIZE, o->n_places, o->n_flows);
    }
    if (!o->budget) {
        o->budget = MAX(o->n_places / 4, 2);
    }
    c->n_flows = sim_traffic_n_flows(sim->traffic);
    c->total = xcalloc(c->n_flows, sizeof *c->total);
    c->recent = xcalloc(c->n_flows, sizeof *c->recent);
    c->last = xcalloc(c->n_flows, sizeof *c->last);
    sim_policies_create(sim->policies, o, c);
    for (size_t i = 0; i < N_LINES; i++) {
        sim->shares[i] = xcalloc(o->n_intervals, sizeof *sim->shares[i]);
        sim->ops[i] = xcalloc(o->n_intervals, sizeof *sim->ops[i]);
    }
}

static void
sim_uninit(struct sim *sim)
{
    for (size_t i = 0; i < N_LINES; i++) {
        free(sim->shares[i]);
        free(sim->ops[i]);
    }
    sim_policies_destroy(sim->policies);
    free(sim->counters.total);
    free(sim->counters.recent);
    free(sim->counters.last);
    sim_traffic_destroy(sim->traffic);
}

int
main(int argc, char *argv[])
{
    struct sim sim = {
        .options = {
            .n_flows = 1000000, .alpha = 1, .n_packets = 10000000,
            .n_intervals = 60, .interval_s = 1, .idle = 10, .seed = 1,
            .scan_flows = 100000, .scan_length = 5,
        },
    };
    struct files files = { .svg = NULL };
    bool ok = true;
    int c, i;

    set_program_name(argv[0]);
    while ((c = getopt_long(argc, argv, "h", long_options, &i)) != -1) {
        parse_option(&sim.options, &files, c, c == 'h' ? "help"
                     : c == '?' ? "" : long_options[i].name);
    }
    if (optind < argc) {
        ovs_fatal(0, "unknown argument '%s'", argv[optind]);
    }

    sim_init(&sim);
    for (unsigned int now = 0; now < sim.options.n_intervals; now++) {
        run_interval(&sim, now);
    }
    report(&sim);
    if (files.svg) {
        write_svg(&sim, files.svg);
    }
    if (files.csv) {
        write_csv(&sim, files.csv);
    }
    if (files.check) {
        ok = check(&sim);
    }
    sim_uninit(&sim);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
