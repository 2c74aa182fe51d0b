/* SPDX-License-Identifier: Apache-2.0 */

/* Properties under random churn.  Several lanes add, change and remove flows
 * of the same megaflows and look up marks as a packet path would; meanwhile
 * the control thread restarts and removes ports, switches offloading off and
 * on and changes the number of workers; the NIC is small, refuses, fails, and
 * answers late.  When all of that ends:
 *
 *   - the NIC holds exactly the desired rules, with the marks that the lanes
 *     know, and nothing else;
 *   - after the flows have gone, rules, marks and references are back at
 *     zero, in the engine and in the NIC;
 *   - if the NIC loses nothing, the packets that hit rules have been told,
 *     each once: with the removal of a flow, or afterwards.
 *
 * While it goes on, a mark that a lane finds is one of its own flows, and the
 * memory is valid (run it under AddressSanitizer and ThreadSanitizer). */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "tests/dptest.h"
#include "flow.h"
#include "tests/offload/offload-rig.h"
#include "offload/dp-mark-drain.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "odp-util.h"
#include "openvswitch/thread.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

#define N_PORTS 3
#define N_IDS 40

struct churn;

struct churn_lane {
    struct churn *churn;
    unsigned int id;
    pthread_t thread;

    /* The lane's flows.  The mutex is that of a flow table: the control thread
     * takes it to register them all. */
    struct ovs_mutex mutex;
    struct rig_flow *flows[N_PORTS][N_IDS];

    struct dp_mark_drain drain;
    uint64_t n_hits;
};

struct churn {
    struct rig rig;
    struct churn_lane lanes[RIG_N_LANES];
    unsigned int n_lanes;
    bool exact;                 /* Nothing happens that loses counts. */
    atomic_bool exit;
    atomic_uint64_t n_sent;     /* Packets that hit rules. */
};

static void
churn_flow(struct churn_lane *lane)
{
    struct rig *rig = &lane->churn->rig;
    unsigned int p = random_range(N_PORTS);
    unsigned int id = random_range(N_IDS);
    struct rig_flow **flowp = &lane->flows[p][id];

    ovs_mutex_lock(&lane->mutex);
    if (!*flowp) {
        *flowp = rig_flow_create(u32_to_odp(1 + p), id, 3 + random_range(6));
        rig_put(rig, lane->id, *flowp);
    } else if (random_range(3)) {
        rig_modify(rig, *flowp, 3 + random_range(6));
    } else {
        rig_del(rig, lane->id, *flowp);
        rig_flow_destroy(*flowp);
        *flowp = NULL;
    }
    ovs_mutex_unlock(&lane->mutex);
}

/* Packets arrive, and perhaps hit a rule. */
static void
churn_hit(struct churn_lane *lane)
{
    struct rig *rig = &lane->churn->rig;
    struct rig_flow *flow;
    uint64_t orig;

    ovs_mutex_lock(&lane->mutex);
    flow = lane->flows[random_range(N_PORTS)][random_range(N_IDS)];
    if (flow) {
        uint32_t n = 1 + random_range(9);

        if (dp_dummy_nic_hit(rig->nic, flow->in_port, &flow->mega_ufid, n,
                             n * 64, 0)) {
            atomic_add_relaxed(&lane->churn->n_sent, n, &orig);
        }
    }
    ovs_mutex_unlock(&lane->mutex);
}

static void
churn_lookup(struct churn_lane *lane)
{
    struct rig *rig = &lane->churn->rig;
    struct dp_mark_index *index = rig->lanes[lane->id];

    for (uint32_t mark = 1; mark < 64; mark++) {
        const struct rig_flow *flow = dp_mark_index_get(index, mark);

        if (flow) {
            ovs_assert(odp_to_u32(flow->in_port) >= 1
                       && odp_to_u32(flow->in_port) <= N_PORTS);
            ovs_assert(flow->id < N_IDS);
            lane->n_hits++;
        }
    }
}

static void *
churn_lane_main(void *lane_)
{
    struct churn_lane *lane = lane_;
    struct rig *rig = &lane->churn->rig;
    bool done;

    random_set_seed(lane->id + 100);
    do {
        for (int i = 0; i < 20; i++) {
            struct dpif_flow_stats *stats = NULL;
            struct rig_flow *flow;

            churn_hit(lane);
            churn_flow(lane);
            churn_lookup(lane);

            ovs_mutex_lock(&lane->mutex);
            flow = lane->flows[random_range(N_PORTS)][random_range(N_IDS)];
            if (flow) {
                dp_offload_flow_get(rig->offload, flow, &flow->mega_ufid,
                                    stats, NULL);
            }
            ovs_mutex_unlock(&lane->mutex);
            dp_mark_drain_poll(&lane->drain, dp_offload_epoch(rig->offload),
                               random_range(3), 16);
        }
        ovsrcu_quiesce();
        xnanosleep(random_range(200000));
        atomic_read_relaxed(&lane->churn->exit, &done);
    } while (!done);
    return NULL;
}

/* What a datapath does when hw-offload is switched on. */
static void
churn_register(struct churn *churn)
{
    for (unsigned int i = 0; i < churn->n_lanes; i++) {
        struct churn_lane *lane = &churn->lanes[i];

        ovs_mutex_lock(&lane->mutex);
        for (unsigned int p = 0; p < N_PORTS; p++) {
            for (unsigned int id = 0; id < N_IDS; id++) {
                if (lane->flows[p][id]) {
                    rig_put(&churn->rig, i, lane->flows[p][id]);
                }
            }
        }
        ovs_mutex_unlock(&lane->mutex);
    }
}

static void
churn_drained(struct churn *churn)
{
    uint64_t drained = UINT64_MAX;

    for (unsigned int i = 0; i < churn->n_lanes; i++) {
        drained = MIN(drained, dp_mark_drain_get(&churn->lanes[i].drain));
    }
    atomic_store_explicit(&churn->rig.drained, drained, memory_order_release);
}

static void
churn_control(struct churn *churn, struct dp_dummy_config *config)
{
    struct rig *rig = &churn->rig;
    odp_port_t port_no = u32_to_odp(1 + random_range(N_PORTS));
    struct ds ds = DS_EMPTY_INITIALIZER;

    config->restart = random_range(3);
    dp_dummy_nic_set_config(rig->nic, config);
    switch (random_range(12)) {
    case 0:
        dp_offload_port_del(rig->offload, port_no);
        break;
    case 1:
    case 2:
        dp_offload_port_add(rig->offload, port_no, NULL);
        break;
    case 3:
        dp_offload_port_restart(rig->offload, port_no);
        break;
    case 4:
        dp_offload_port_pause(rig->offload, port_no);
        xnanosleep(1000 * 1000);
        dp_offload_port_restart(rig->offload, port_no);
        break;
    case 5:
        if (!random_range(3)) {
            dp_offload_set_enabled(rig->offload, false);
        }
        break;
    case 6:
    case 7:
        if (dp_offload_set_enabled(rig->offload, true)) {
            churn_register(churn);
        }
        break;
    case 8:
        dp_offload_set_n_workers(rig->offload, 1 + random_range(4));
        break;
    case 9:
        if (!churn->exact && !random_range(3)) {
            dp_offload_flush(rig->offload);
            churn_register(churn);
        }
        break;
    case 10:
        dp_offload_format_show(rig->offload, &ds);
        dp_offload_format_rules(rig->offload, ODPP_NONE, &ds);
        dp_offload_format_why(rig->offload, NULL, &ds);
        break;
    default:
        break;
    }
    ds_destroy(&ds);
}

/* Returns the flows of megaflow ('p', 'id'). */
static unsigned int
churn_count(const struct churn *churn, unsigned int p, unsigned int id)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < churn->n_lanes; i++) {
        n += churn->lanes[i].flows[p][id] != NULL;
    }
    return n;
}

/* Returns true if the NIC holds exactly the desired rules. */
static bool
churn_agrees(struct churn *churn)
{
    size_t n_desired[N_PORTS] = { 0 };

    for (unsigned int p = 0; p < N_PORTS; p++) {
        for (unsigned int id = 0; id < N_IDS; id++) {
            n_desired[p] += churn_count(churn, p, id) > 0;
            for (unsigned int i = 0; i < churn->n_lanes; i++) {
                struct rig_flow *flow = churn->lanes[i].flows[p][id];

                if (flow && !rig_installed(&churn->rig, flow)) {
                    return false;
                }
            }
        }
        if (dp_dummy_nic_count(churn->rig.nic, u32_to_odp(1 + p))
            != n_desired[p]) {
            return false;
        }
    }
    return true;
}

static void
churn_verify(struct churn *churn)
{
    struct rig *rig = &churn->rig;

    for (unsigned int p = 0; p < N_PORTS; p++) {
        for (unsigned int id = 0; id < N_IDS; id++) {
            bool output_found = false;
            uint32_t mark = 0, output = 0;
            bool any = false;

            for (unsigned int i = 0; i < churn->n_lanes; i++) {
                struct rig_flow *flow = churn->lanes[i].flows[p][id];
                uint32_t flow_output;

                if (!flow) {
                    continue;
                }
                any = true;
                ovs_assert(dp_dummy_nic_find(rig->nic, flow->in_port,
                                             &flow->mega_ufid, &mark,
                                             &output));
                if (mark) {
                    ovs_assert(dp_mark_index_get(rig->lanes[i], mark)
                               == flow);
                }
                atomic_read_relaxed(&flow->output, &flow_output);
                output_found |= flow_output == output;
            }
            ovs_assert(!any || mark || output_found);
        }
    }
}

/* Each packet that hit a rule was told of once. */
static void
churn_verify_counts(struct churn *churn)
{
    uint64_t n_sent, n_told, n_late;

    atomic_read_relaxed(&churn->n_sent, &n_sent);
    atomic_read_relaxed(&churn->rig.n_told, &n_told);
    atomic_read_relaxed(&churn->rig.n_late, &n_late);
    if (n_told + n_late != n_sent || !n_late) {
        dptest_fail("%"PRIu64" packets hit rules; %"PRIu64" were told with "
                    "removals, %"PRIu64" afterwards", n_sent, n_told, n_late);
    }
}

static void
churn_run(const struct dp_dummy_config *orig_config, unsigned int n_lanes,
          bool exact, unsigned int duration_ms)
{
    struct dp_dummy_config config = *orig_config;
    struct churn *churn = xzalloc(sizeof *churn);
    struct rig *rig = &churn->rig;
    uint64_t end_us, n_hits = 0;

    random_set_seed(7);
    rig_init(rig, &config, 2);
    churn->n_lanes = n_lanes;
    churn->exact = exact;
    atomic_init(&churn->n_sent, 0);
    atomic_init(&churn->exit, false);
    for (unsigned int p = 0; p < N_PORTS; p++) {
        dp_offload_port_add(rig->offload, u32_to_odp(1 + p), NULL);
    }
    dp_offload_set_enabled(rig->offload, true);
    for (unsigned int i = 0; i < n_lanes; i++) {
        struct churn_lane *lane = &churn->lanes[i];

        lane->churn = churn;
        lane->id = i;
        ovs_mutex_init(&lane->mutex);
        lane->thread = ovs_thread_create("lane", churn_lane_main, lane);
    }

    end_us = dp_offload_now_us() + duration_ms * 1000;
    while (dp_offload_now_us() < end_us) {
        churn_drained(churn);
        if (!random_range(4)) {
            churn_control(churn, &config);
        }
        xnanosleep(500 * 1000);
    }

    /* Quiet: no faults, room for all, all ports, on. */
    config.put_refused = config.put_busy = config.del_failed = 0;
    config.capacity = 0;
    config.restart = DP_OFFLOAD_STALE;
    dp_dummy_nic_set_config(rig->nic, &config);
    atomic_store_relaxed(&churn->exit, true);
    for (unsigned int i = 0; i < n_lanes; i++) {
        xpthread_join(churn->lanes[i].thread, NULL);
        n_hits += churn->lanes[i].n_hits;
    }
    atomic_store_relaxed(&rig->drained, UINT64_MAX);
    for (unsigned int p = 0; p < N_PORTS; p++) {
        dp_offload_port_add(rig->offload, u32_to_odp(1 + p), NULL);
        dp_offload_port_restart(rig->offload, u32_to_odp(1 + p));
    }
    dp_offload_set_enabled(rig->offload, true);
    churn_register(churn);
    for (int i = 0; !churn_agrees(churn); i++) {
        if (i > 20000) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            dp_offload_format_show(rig->offload, &ds);
            dp_offload_format_why(rig->offload, NULL, &ds);
            dptest_fail("the NIC does not hold what is desired\n%s",
                        ds_cstr(&ds));
        }
        xnanosleep(1000 * 1000);
    }
    dp_offload_drain(rig->offload);
    ovs_assert(churn_agrees(churn));
    churn_verify(churn);
    dp_offload_check(rig->offload);
    ovs_assert(n_hits > 0);

    for (unsigned int i = 0; i < n_lanes; i++) {
        for (unsigned int p = 0; p < N_PORTS; p++) {
            for (unsigned int id = 0; id < N_IDS; id++) {
                struct rig_flow *flow = churn->lanes[i].flows[p][id];

                if (flow) {
                    rig_del(rig, i, flow);
                    rig_flow_destroy(flow);
                }
            }
        }
        ovs_mutex_destroy(&churn->lanes[i].mutex);
    }
    dp_offload_drain(rig->offload);
    dp_offload_check(rig->offload);
    ovs_assert(!dp_offload_n_rules(rig->offload));
    ovs_assert(!dp_offload_n_installed(rig->offload));
    for (unsigned int p = 0; p < N_PORTS; p++) {
        ovs_assert(!dp_dummy_nic_count(rig->nic, u32_to_odp(1 + p)));
    }
    while (dp_offload_n_marks(rig->offload)) {
        xnanosleep(1000 * 1000);
    }
    if (exact) {
        churn_verify_counts(churn);
    }
    rig_uninit(rig);
    free(churn);
}

/* "offload-churn soak SECONDS" runs for longer. */
static unsigned int
churn_duration(int argc, char *argv[])
{
    return argc > 2 && !strcmp(argv[1], "soak") ? atoi(argv[2]) * 1000 : 1500;
}

/* R1-R12, R20-R22, R36, L2, L3, L12, "nothing left". */
static void
test_offload_churn(int argc, char *argv[])
{
    const struct dp_dummy_config config = {
        .mark_bits = 24,
        .capacity = 60,
        .whole = true,
        .put_refused = 30,
        .put_busy = 100,
        .del_failed = 100,
        .late = 200,
    };

    churn_run(&config, RIG_N_LANES, false, churn_duration(argc, argv));
}
DPTEST_REGISTER("offload-churn-R1-R12-R20-L2-L12", test_offload_churn);

/* L1, L14: with too few marks, so that they are reused all the time. */
static void
test_offload_churn_marks(int argc, char *argv[])
{
    const struct dp_dummy_config config = {
        .mark_bits = 8,
        .put_busy = 50,
        .del_failed = 50,
    };

    churn_run(&config, RIG_N_LANES, false, churn_duration(argc, argv));
}
DPTEST_REGISTER("offload-churn-marks-L1-L14", test_offload_churn_marks);

/* Without faults but slow, so that requests meet in the queue. */
static void
test_offload_churn_slow(int argc, char *argv[])
{
    const struct dp_dummy_config config = {
        .mark_bits = 16,
        .whole = true,
        .delay_us = 500,
        .late = 100,
    };

    churn_run(&config, 2, false, churn_duration(argc, argv));
}
DPTEST_REGISTER("offload-churn-slow-R5-R8", test_offload_churn_slow);

/* S2: each packet that a NIC has forwarded is told of, once. */
static void
test_offload_churn_count(int argc, char *argv[])
{
    const struct dp_dummy_config config = {
        .mark_bits = 24,
        .capacity = 60,
        .whole = true,
        .counts_stay = true,
        .put_refused = 30,
        .put_busy = 100,
        .late = 200,
    };

    churn_run(&config, RIG_N_LANES, true, churn_duration(argc, argv));
}
DPTEST_REGISTER("offload-churn-count", test_offload_churn_count);
