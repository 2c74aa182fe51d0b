/* SPDX-License-Identifier: Apache-2.0 */

/* How fast the engine is with a provider that costs nothing, how much memory
 * a rule takes, and how long a flow waits for its rule.
 *
 *     dptest offload-speed                    a small run, as a test
 *     dptest offload-speed benchmark [N]      N flows, 1,000,000 by default
 *
 * Prints one line of JSON for each measure. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include <inttypes.h>
#include <malloc.h>
#include <time.h>

#include "tests/dptest.h"
#include "flow.h"
#include "hash.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-offload-rule.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "util.h"

struct speed_flow {
    ovs_u128 mega_ufid;
    atomic_uint32_t refs;
    uint64_t put_us;                    /* When it was put. */
    uint64_t done_us;                   /* When it was in the NIC. */
};

static void
speed_ref(void *aux OVS_UNUSED, void *flow_)
{
    struct speed_flow *flow = flow_;
    uint32_t orig;

    atomic_add_relaxed(&flow->refs, 1, &orig);
}

static void
speed_unref(void *aux OVS_UNUSED, void *flow_)
{
    struct speed_flow *flow = flow_;
    uint32_t orig;

    atomic_sub_relaxed(&flow->refs, 1, &orig);
}

static bool
speed_describe(void *aux OVS_UNUSED, const void *flow OVS_UNUSED,
               struct match *match, struct ofpbuf *actions OVS_UNUSED)
{
    match_init_catchall(match);
    return true;
}

static uint64_t
speed_drained(void *aux OVS_UNUSED, odp_port_t port_no OVS_UNUSED)
{
    return UINT64_MAX;
}

static int
speed_open(const struct dp_offload_class *class OVS_UNUSED,
           struct dp_offload *offload OVS_UNUSED,
           odp_port_t port_no OVS_UNUSED, struct netdev *netdev OVS_UNUSED,
           void **portp, struct dp_offload_port_info *info OVS_UNUSED)
{
    *portp = NULL;
    return 0;
}

static int
speed_close(void *port OVS_UNUSED)
{
    return 0;
}

static void
speed_put(void *port OVS_UNUSED, struct dp_offload_op *ops[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct speed_flow *flow = ops[i]->flow;

        if (flow->put_us) {
            flow->done_us = dp_offload_now_us();
        }
        ops[i]->level = DP_OFFLOAD_MARKED;
        ops[i]->error = 0;
    }
}

static void
speed_del(void *port OVS_UNUSED, struct dp_offload_op *ops[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ops[i]->error = 0;
    }
}

static const struct dp_offload_class speed_class = {
    .name = "none",
    .open = speed_open,
    .close = speed_close,
    .put = speed_put,
    .del = speed_del,
};

static int
compare_u64(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static size_t
heap_used(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void
speed_put_all(struct dp_offload *offload, struct dp_mark_index *lane,
              struct speed_flow *flows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct dp_offload_info info = {
            .in_port = u32_to_odp(1),
            .mega_ufid = flows[i].mega_ufid,
        };

        dp_offload_flow_put(offload, lane, &flows[i], &info);
        if (!(i % 1000)) {
            ovsrcu_quiesce();
        }
    }
}

/* Clocks: of the wall, of the lane (this thread), and of all threads. */
struct speed_clock {
    uint64_t wall_ns;
    uint64_t lane_ns;
    uint64_t all_ns;
};

static uint64_t
clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static struct speed_clock
speed_clock(void)
{
    return (struct speed_clock) {
        .wall_ns = clock_ns(CLOCK_MONOTONIC),
        .lane_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
        .all_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
    };
}

/* CPU time is what counts on a machine that runs other things: "per_s" is what
 * a worker does in a second of its own. */
static void
speed_report(const char *name, size_t n, const struct speed_clock *start)
{
    struct speed_clock end = speed_clock();
    uint64_t lane_ns = end.lane_ns - start->lane_ns;
    uint64_t worker_ns = end.all_ns - start->all_ns - lane_ns;

    printf("{\"name\": \"offload-speed %s\", \"flows\": %"PRIuSIZE", "
           "\"wall_us\": %"PRIu64", \"lane_ns\": %"PRIu64", "
           "\"worker_ns\": %"PRIu64", \"per_s\": %.0f}\n",
           name, n, (end.wall_ns - start->wall_ns) / 1000, lane_ns / n,
           worker_ns / n, n * 1e9 / MAX(worker_ns, 1));
}

static void
test_offload_speed(int argc, char *argv[])
{
    const struct dp_offload_class *classes[] = { &speed_class, NULL };
    const struct dp_offload_env env = {
        .flow_ref = speed_ref,
        .flow_unref = speed_unref,
        .flow_describe = speed_describe,
        .port_drained = speed_drained,
    };
    bool benchmark = argc > 1 && !strcmp(argv[1], "benchmark");
    size_t n = argc > 2 ? atoi(argv[2]) : benchmark ? 1000000 : 20000;
    struct speed_flow *flows = xcalloc(n, sizeof *flows);
    struct dp_offload *offload = dp_offload_create(&env, classes, 1);
    struct dp_mark_index *lane = dp_offload_lane_create(offload, 0);
    struct speed_clock clock;
    uint64_t start;
    uint64_t *delays;
    size_t used, n_delays;

    for (size_t i = 0; i < n; i++) {
        uint64_t key = i;

        hash_bytes128(&key, sizeof key, 0, &flows[i].mega_ufid);
    }
    dp_offload_set_enabled(offload, true);
    ovs_assert(!dp_offload_port_add(offload, u32_to_odp(1), NULL));

    for (int round = 0; round < 3; round++) {
        used = heap_used();
        clock = speed_clock();
        speed_put_all(offload, lane, flows, n);
        dp_offload_drain(offload);
        speed_report("add", n, &clock);
        ovs_assert(dp_offload_n_installed(offload) == n);
        used = heap_used() - used;
        printf("{\"name\": \"offload-speed memory\", \"bytes\": %"PRIuSIZE
               "}\n", used / n);

        clock = speed_clock();
        for (size_t i = 0; i < n; i++) {
            dp_offload_flow_del(offload, lane, &flows[i],
                                &flows[i].mega_ufid, NULL);
            if (!(i % 1000)) {
                ovsrcu_quiesce();
            }
        }
        dp_offload_drain(offload);
        speed_report("delete", n, &clock);
        ovs_assert(!dp_offload_n_rules(offload));
    }
    if (used / n > 512) {
        dptest_fail("%"PRIuSIZE" bytes per rule", used / n);
    }

    /* 10,000 new flows a second. */
    n_delays = MIN(n, benchmark ? 50000 : 2000);
    delays = xcalloc(n_delays, sizeof *delays);
    start = dp_offload_now_us();
    for (size_t i = 0; i < n_delays; i++) {
        while (dp_offload_now_us() < start + i * 100) {
            xnanosleep(20 * 1000);
        }
        flows[i].put_us = dp_offload_now_us();
        speed_put_all(offload, lane, &flows[i], 1);
    }
    dp_offload_drain(offload);
    for (size_t i = 0; i < n_delays; i++) {
        delays[i] = flows[i].done_us - flows[i].put_us;
    }
    qsort(delays, n_delays, sizeof *delays, compare_u64);
    printf("{\"name\": \"offload-speed delay\", \"flows\": %"PRIuSIZE", "
           "\"median_us\": %"PRIu64", \"p99_us\": %"PRIu64"}\n", n_delays,
           delays[n_delays / 2], delays[n_delays * 99 / 100]);
    free(delays);

    dp_offload_set_enabled(offload, false);
    dp_offload_flush(offload);
    for (size_t i = 0; i < n; i++) {
        uint32_t refs;

        atomic_read_relaxed(&flows[i].refs, &refs);
        ovs_assert(!refs);
    }
    dp_offload_lane_destroy(offload, lane);
    dp_offload_destroy(offload);
    ovsrcu_quiesce_start();
    ovsrcu_barrier();
    ovsrcu_quiesce_end();
    free(flows);
}
DPTEST_REGISTER("offload-speed", test_offload_speed);
