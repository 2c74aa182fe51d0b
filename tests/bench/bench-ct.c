/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

/* What our tracker and Open vSwitch's cost, in one run: the same packets, in
 * bursts of 32.
 *
 * usage: bench-ct [CONNECTIONS [ROUNDS]]
 *        bench-ct RIVAL CASE PACKETS
 *
 * Prints medians over the rounds, with half the distance between quartiles.
 * Figures are CPU time of the thread concerned, so that others on its
 * processor matter less; bursts in which it slept, as it does where it waits
 * for another thread, have taken the time on the wall.
 *
 * Each measurement has a process of its own: memory is that of the process,
 * and nobody inherits what another one left.
 *
 * The second form does one thing, for whoever counts instructions or takes
 * samples: sends PACKETS of one connection ("hot", "hot-tcp"), or sets up as
 * many connections ("set-up", "set-up-nat"). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ct-dpif.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-clean.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-theirs.h"

enum { SMALL_ZONE = 2, N_SMALL = 1000, N_BEHIND_ONE = 64000, MAX_ROUNDS = 99 };

/* What is measured.  0 where a rival has no such figure. */
enum figure {
    SET_UP, SET_UP_NAT, SET_UP_2, SET_UP_NAT_2,
    LOOKUP, LOOKUP_NAT, HOT, HOT_TCP,
    MEMORY, MEMORY_NAT,
    FLUSH_ZONE, FLUSH_ALL,
    WAIT_ALONE, WAIT_SWEEP, WAIT_FLUSH, WAIT_DUMP, WAIT_GROWTH,
    LONG_ALONE, LONG_SWEEP, LONG_FLUSH, LONG_DUMP, LONG_GROWTH,
    SLEPT,
    ONE_ADDRESS, REFUSED,
    N_FIGURES
};

static const struct {
    const char *name, *unit;
    double ratio;               /* Goal, in theirs; or 0. */
    double most;                /* Goal, in 'unit'; or 0. */
} figures[N_FIGURES] = {
    [SET_UP] = { "set-up", "ns", 0.4, 0 },
    [SET_UP_NAT] = { "set-up, SNAT to 64 addresses", "ns", 0.25, 0 },
    [SET_UP_2] = { "set-up, two threads, of all", "ns", 0, 0 },
    [SET_UP_NAT_2] = { "set-up, SNAT, two threads, of all", "ns", 0, 0 },
    [LOOKUP] = { "packet of a random connection", "ns", 0.35, 0 },
    [LOOKUP_NAT] = { "packet of a random one, SNAT", "ns", 0, 0 },
    [HOT] = { "packet of one connection, UDP", "ns", 0.5, 0 },
    [HOT_TCP] = { "packet of one connection, TCP", "ns", 0.5, 0 },
    [MEMORY] = { "memory of a connection", "bytes", 0, 150 },
    [MEMORY_NAT] = { "memory of a connection, SNAT", "bytes", 0, 200 },
    [FLUSH_ZONE] = { "flush of a zone of 1000", "us", 0, 1000 },
    [FLUSH_ALL] = { "flush of all", "ms", 0, 0 },
    [WAIT_ALONE] = { "longest burst, nothing else", "us", 0, 0 },
    [WAIT_SWEEP] = { "longest burst, sweeps", "us", 0, 100 },
    [WAIT_FLUSH] = { "longest burst, flushes of a zone", "us", 0, 100 },
    [WAIT_DUMP] = { "longest burst, dumps", "us", 0, 100 },
    [WAIT_GROWTH] = { "longest burst, set-up by another", "us", 0, 100 },
    [LONG_ALONE] = { "> 100 us of a million, nothing else", "", 0, 0 },
    [LONG_SWEEP] = { "> 100 us of a million, sweeps", "", 0, 0 },
    [LONG_FLUSH] = { "> 100 us of a million, flushes", "", 0, 0 },
    [LONG_DUMP] = { "> 100 us of a million, dumps", "", 0, 0 },
    [LONG_GROWTH] = { "> 100 us of a million, set-up", "", 0, 0 },
    [SLEPT] = { "bursts of all these with a sleep", "", 0, 0.5 },
    [ONE_ADDRESS] = { "set-up, 64000 behind one address", "ns", 0, 0 },
    [REFUSED] = { "of these, refused", "", 0, 0.5 },
};

static const struct nat_action_info_t bare = { .nat_action = 0 };
static const struct nat_action_info_t many = {
    .nat_action = NAT_ACTION_SRC,
    .min_addr.ipv4 = CONSTANT_HTONL(0xc6336401),
    .max_addr.ipv4 = CONSTANT_HTONL(0xc6336440),
};
static const struct nat_action_info_t one = {
    .nat_action = NAT_ACTION_SRC,
    .min_addr.ipv4 = CONSTANT_HTONL(0xc6336401),
    .max_addr.ipv4 = CONSTANT_HTONL(0xc6336401),
};

static uint32_t n_conns = 1000000;

/* Returns the bytes of the process that are in memory. */
static double
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long pages = 0;

    ovs_assert(file && fscanf(file, "%*s %llu", &pages) == 1);
    fclose(file);
    return pages * (double) get_page_size();
}

static struct ct_sender
make_sender(const struct ct_rival *rival)
{
    atomic_store(&ct_theirs_now_ms, time_msec());
    return (struct ct_sender) {
        .rival = rival,
        .ct = rival->init(),
        .zone = CT_RIVAL_ZONE,
        .proto = IPPROTO_UDP,
        .n = n_conns,
        .commit = true,
    };
}

/* Lets 's' use what it has set up. */
static double
use(struct ct_sender *s, uint32_t n_packets)
{
    s->commit = false;
    s->nat = s->nat ? &bare : NULL;
    s->n_packets = n_packets;
    return ct_sender_run_all(s, 1);
}

/* Waits. */

struct looker {
    struct ct_sender s;
    atomic_bool stop;
    pthread_t thread;
    long long longest_ns;
    uint64_t n_bursts, n_long, n_slept;
};

/* A lane, while other things happen. */
static void *
look(void *looker_)
{
    struct looker *looker = looker_;
    struct ct_sender *s = &looker->s;
    bool stop;

    do {
        ct_sender_run(s);
        looker->longest_ns = MAX(looker->longest_ns, s->longest_ns);
        looker->n_bursts += s->n_bursts;
        looker->n_long += s->n_long;
        looker->n_slept += s->n_slept;
        atomic_read_relaxed(&looker->stop, &stop);
    } while (!stop);
    return NULL;
}

/* Looks at the bursts of a lane while 'what' is done, once or, if it is to go
 * on for longer, for 'ms'.  Stores the longest one's time in 'x[wait]'. */
static void
wait_during(const struct ct_sender *s, void (*what)(const struct ct_sender *),
            int ms, enum figure wait, double x[])
{
    struct looker looker = { .s = *s };
    long long end = time_msec() + ms;

    looker.s.commit = false;
    looker.s.n_packets = 1024;
    atomic_init(&looker.stop, false);
    looker.thread = ovs_thread_create("looker", look, &looker);
    do {
        what(s);
        ovsrcu_quiesce();
    } while (time_msec() < end);
    atomic_store_relaxed(&looker.stop, true);
    ovsrcu_quiesce_start();
    xpthread_join(looker.thread, NULL);
    ovsrcu_quiesce_end();
    x[wait] = looker.longest_ns / 1e3;
    x[wait + LONG_ALONE - WAIT_ALONE] = looker.n_long * 1e6 / looker.n_bursts;
    x[SLEPT] += looker.n_slept;
}

static void
do_nothing(const struct ct_sender *s OVS_UNUSED)
{
    ovsrcu_quiesce_start();
    xnanosleep(100 * 1000 * 1000);
    ovsrcu_quiesce_end();
}

static void
do_sweep(const struct ct_sender *s)
{
    ct_clean_sweep(s->ct, time_msec());
}

/* The zone is not that of the lane. */
static void
do_flush(const struct ct_sender *s)
{
    const uint16_t zone = SMALL_ZONE;
    struct ct_sender small = *s;

    small.zone = SMALL_ZONE;
    small.n = N_SMALL;
    ct_sender_run(&small);
    s->rival->flush(s->ct, &zone);
}

static void
do_dump(const struct ct_sender *s)
{
    struct conntrack_dump dump;
    struct ct_dpif_entry entry;
    int n_buckets;
    uint32_t n = 0;

    s->rival->dump_start(s->ct, &dump, NULL, &n_buckets);
    while (!s->rival->dump_next(&dump, &entry)) {
        ct_dpif_entry_uninit(&entry);
        if (++n % 1024 == 0) {
            ovsrcu_quiesce();
        }
    }
    s->rival->dump_done(&dump);
    ovs_assert(n >= n_conns);
}

/* Twice as many connections: ours needs a larger table, theirs too. */
static void
do_growth(const struct ct_sender *s)
{
    struct ct_sender other = *s;

    other.first = n_conns;
    ct_sender_run(&other);
}

/* Measurements, each in a process of its own. */

static void
measure_plain(const struct ct_rival *rival, double *x)
{
    const uint16_t small_zone = SMALL_ZONE;
    double before = resident_bytes();
    struct ct_sender s = make_sender(rival), small;
    long long start;

    x[SET_UP] = ct_sender_run_all(&s, 1);
    x[MEMORY] = (resident_bytes() - before) / n_conns;

    small = s;
    small.zone = SMALL_ZONE;
    small.n = N_SMALL;
    ct_sender_run(&small);
    start = ct_rival_cpu_ns();
    rival->flush(s.ct, &small_zone);
    x[FLUSH_ZONE] = (ct_rival_cpu_ns() - start) / 1e3;

    x[LOOKUP] = use(&s, 2 * n_conns);
    start = ct_rival_cpu_ns();
    rival->flush(s.ct, NULL);
    x[FLUSH_ALL] = (ct_rival_cpu_ns() - start) / 1e6;
}

static void
measure_nat(const struct ct_rival *rival, double *x)
{
    double before = resident_bytes();
    struct ct_sender s = make_sender(rival);

    s.nat = &many;
    x[SET_UP_NAT] = ct_sender_run_all(&s, 1);
    x[MEMORY_NAT] = (resident_bytes() - before) / n_conns;
    x[LOOKUP_NAT] = use(&s, 2 * n_conns);
}

static void
measure_two(const struct ct_rival *rival, double *x)
{
    struct ct_sender s = make_sender(rival);

    x[SET_UP_2] = ct_sender_run_all(&s, 2);
}

static void
measure_two_nat(const struct ct_rival *rival, double *x)
{
    struct ct_sender s = make_sender(rival);

    s.nat = &many;
    x[SET_UP_NAT_2] = ct_sender_run_all(&s, 2);
}

static double
measure_one(const struct ct_rival *rival, uint8_t proto, uint32_t n_packets)
{
    struct ct_sender s = make_sender(rival);

    double ns;

    s.proto = proto;
    s.n = 1;
    ct_sender_run(&s);
    s.reply = true;
    ct_sender_run(&s);
    s.reply = false;
    ns = use(&s, n_packets);
    ovs_assert(s.states == (CS_TRACKED | CS_ESTABLISHED));
    return ns;
}

static void
measure_hot(const struct ct_rival *rival, double *x)
{
    x[HOT] = measure_one(rival, IPPROTO_UDP, 4000000);
    x[HOT_TCP] = measure_one(rival, IPPROTO_TCP, 4000000);
}

/* Ours is not swept but in do_sweep(); theirs sweeps all the time. */
static void
measure_waits(const struct ct_rival *rival, double *x)
{
    bool ours = rival == &ct_rivals[CT_RIVAL_OURS];
    struct ct_sender s = make_sender(rival);

    ct_sender_run(&s);
    if (ours) {
        ct_clean_stop(s.ct->clean);
    }
    wait_during(&s, do_nothing, 2000, WAIT_ALONE, x);
    if (ours) {
        wait_during(&s, do_sweep, 2000, WAIT_SWEEP, x);
        ct_clean_destroy(s.ct->clean);
        ct_clean_start(s.ct);
    }
    wait_during(&s, do_flush, 2000, WAIT_FLUSH, x);
    wait_during(&s, do_dump, 2000, WAIT_DUMP, x);
    wait_during(&s, do_growth, 0, WAIT_GROWTH, x);
}

static void
measure_one_address(const struct ct_rival *rival, double *x)
{
    struct ct_sender s = make_sender(rival);

    s.n = N_BEHIND_ONE;
    s.nat = &one;
    x[ONE_ADDRESS] = ct_sender_run_all(&s, 1);
    x[REFUSED] = s.n_untranslated;
}

static void (*const measurements[])(const struct ct_rival *, double *) = {
    measure_plain, measure_nat, measure_two, measure_two_nat, measure_hot,
    measure_waits, measure_one_address,
};

/* Lets a process measure, and adds what it found to 'x'. */
static void
measure(const struct ct_rival *rival,
        void (*what)(const struct ct_rival *, double *), double *x)
{
    double part[N_FIGURES] = { 0 };
    int fds[2], status;
    pid_t pid;

    xpipe(fds);
    fflush(stdout);
    pid = fork();
    ovs_assert(pid >= 0);
    if (!pid) {
        what(rival, part);
        ovs_assert(write(fds[1], part, sizeof part) == sizeof part);
        _exit(0);
    }
    close(fds[1]);
    if (read(fds[0], part, sizeof part) != sizeof part
        || waitpid(pid, &status, 0) != pid || status) {
        ovs_fatal(0, "%s: a measurement failed", rival->name);
    }
    close(fds[0]);
    for (int i = 0; i < N_FIGURES; i++) {
        x[i] += part[i];
    }
}

/* Results. */

struct result {
    double median, spread;
};

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static struct result
summarize(double x[], int n)
{
    qsort(x, n, sizeof *x, compare_doubles);
    return (struct result) { x[n / 2], (x[3 * n / 4] - x[n / 4]) / 2 };
}

static void
print_figure(enum figure f, struct result ours, struct result theirs)
{
    bool missed;

    printf("%-34s %8.0f +-%-6.0f %8.0f +-%-6.0f %-5s", figures[f].name,
           ours.median, ours.spread, theirs.median, theirs.spread,
           figures[f].unit);
    if (theirs.median > 0) {
        printf(" %5.2f", ours.median / theirs.median);
    } else {
        printf("      ");
    }
    if (figures[f].ratio) {
        missed = ours.median > figures[f].ratio * theirs.median;
        printf("  goal %.2f%s", figures[f].ratio, missed ? ": missed" : "");
    } else if (figures[f].most) {
        missed = ours.median > figures[f].most;
        printf("  goal %.0f%s%s%s", figures[f].most,
               figures[f].unit[0] ? " " : "", figures[f].unit,
               missed ? ": missed" : "");
    }
    printf("\n");
}

static void
measure_all(int n_rounds)
{
    static double x[MAX_ROUNDS][CT_N_RIVALS][N_FIGURES];

    for (int i = 0; i < n_rounds; i++) {
        for (size_t m = 0; m < ARRAY_SIZE(measurements); m++) {
            for (int r = 0; r < CT_N_RIVALS; r++) {
                measure(&ct_rivals[r], measurements[m], x[i][r]);
            }
        }
    }
    printf("%"PRIu32" connections, %d rounds\n%-34s %16s %16s\n", n_conns,
           n_rounds, "", "ours", "theirs");
    for (int f = 0; f < N_FIGURES; f++) {
        struct result results[CT_N_RIVALS];

        for (int r = 0; r < CT_N_RIVALS; r++) {
            double values[MAX_ROUNDS];

            for (int i = 0; i < n_rounds; i++) {
                values[i] = x[i][r][f];
            }
            results[r] = summarize(values, n_rounds);
        }
        print_figure(f, results[CT_RIVAL_OURS], results[CT_RIVAL_THEIRS]);
    }
}

static const struct ct_rival *
find_rival(const char *name)
{
    for (int r = 0; r < CT_N_RIVALS; r++) {
        if (!strcmp(ct_rivals[r].name, name)) {
            return &ct_rivals[r];
        }
    }
    ovs_fatal(0, "no tracker is called \"%s\"", name);
}

/* Returns what 'what' costs, ns for each packet. */
static double
run_case(const struct ct_rival *rival, const char *what, uint32_t n)
{
    double x[N_FIGURES];

    n_conns = n;
    if (!strcmp(what, "hot")) {
        return measure_one(rival, IPPROTO_UDP, n);
    } else if (!strcmp(what, "hot-tcp")) {
        return measure_one(rival, IPPROTO_TCP, n);
    } else if (!strcmp(what, "set-up")) {
        measure_plain(rival, x);
        return x[SET_UP];
    } else if (!strcmp(what, "set-up-nat")) {
        measure_nat(rival, x);
        return x[SET_UP_NAT];
    }
    ovs_fatal(0, "no case is called \"%s\"", what);
}

int
main(int argc, char *argv[])
{
    int n_rounds = 5;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    if (argc == 4) {
        printf("%.1f ns\n", run_case(find_rival(argv[1]), argv[2],
                                     strtoul(argv[3], NULL, 0)));
        return 0;
    }
    if (argc > 1) {
        n_conns = strtoul(argv[1], NULL, 0);
    }
    if (argc > 2) {
        n_rounds = atoi(argv[2]);
    }
    if (argc > 4 || !n_conns || n_rounds < 1 || n_rounds > MAX_ROUNDS) {
        ovs_fatal(0, "usage: %s [CONNECTIONS [ROUNDS]]", program_name);
    }
    measure_all(n_rounds);
    return 0;
}
