/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-pmd.h"

#include <sys/prctl.h>

#include "coverage.h"
#include "dpdk.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "flow/dp-log.h"
#include "pmd/dp-port.h"

/* The life of a PMD thread: parked, or in the loop, in which it does what the
 * control thread asks for between two iterations.
 *
 * Housekeeping.  Everybody who changes something waits until each thread was
 * quiescent, so what a lane does from time to time is done every so many
 * iterations, and HOUSEKEEPING_US after the last time however few these were:
 * an iteration full of upcalls takes milliseconds.  Time is the time-stamp
 * counter, which iterations read anyway.  (Open vSwitch's clock costs more,
 * and tests stop it.)  Its rate is measured from one housekeeping to the next;
 * if it makes a jump, the iterations are still counted.
 *
 * The lane's clock is the counter, too (dp-clock.h), and is set right in each
 * housekeeping; but where tests can stop Open vSwitch's clock, it is that.
 *
 * Sleeping.  With "pmd-maxsleep", each iteration in which no queue delivered
 * at least half a burst makes the sleep before the next one SLEEP_STEP_NS
 * longer, up to the limit; a queue that does ends the sleeping.  Left alone,
 * Linux would wake the thread up to 50 us late. */

enum {
    HOUSEKEEPING_EVERY = 1024,      /* Iterations. */
    HOUSEKEEPING_US = 10 * 1000,
    MIN_MEASURED_US = 1000,         /* Shorter is not exact enough. */
    SLEEP_STEP_NS = 1000,
    SLEEP_SLACK_NS = 1000,          /* That a sleep may take longer. */
    BUSY_BURST = NETDEV_MAX_BURST / 2,
};

static enum dp_pmd_command
get_command(const struct dp_pmd *pmd)
{
    int command;

    atomic_read_relaxed(&CONST_CAST(struct dp_pmd *, pmd)->command, &command);
    return command;
}

/* Sleeps, quiescent, until there is something else to do, and says what. */
static enum dp_pmd_command
park(struct dp_pmd *pmd)
{
    enum dp_pmd_command command;

    ovsrcu_quiesce_start();
    ovs_mutex_lock(&pmd->mutex);
    pmd->parked = true;
    dp_pmd_finish_job(pmd);
    xpthread_cond_broadcast(&pmd->cond);
    while ((command = get_command(pmd)) == DP_PMD_PARK
           || (command == DP_PMD_RUN && !pmd->n_polls)) {
        ovs_mutex_cond_wait(&pmd->cond, &pmd->mutex);
    }
    pmd->parked = false;
    ovs_mutex_unlock(&pmd->mutex);
    ovsrcu_quiesce_end();
    return command;
}

/* Sleeps if 'sleep_ns' says so.  Returns the cycles that went by, which
 * pmd_perf_end_iteration() counts. */
static uint64_t
maybe_sleep(struct dp_pmd *pmd, uint64_t max_ns, uint64_t *sleep_ns)
{
    struct cycle_timer timer;

    if (!max_ns) {
        *sleep_ns = 0;
        return 0;
    }
    *sleep_ns = MIN(*sleep_ns, max_ns);
    if (*sleep_ns < SLEEP_STEP_NS) {
        return 0;
    }

    /* Nobody should wait for us to send or to quiesce meanwhile. */
    dp_tx_flush(&pmd->lane, true);
    cycle_timer_start(&pmd->lane.perf, &timer);
    xnanosleep(*sleep_ns);
    return cycle_timer_stop(&pmd->lane.perf, &timer);
}

/* One turn over all queues.  Returns the number of packets. */
static int
iterate(struct dp_pmd *pmd, uint64_t *sleep_ns)
{
    struct dp_lane *lane = &pmd->lane;
    bool busy = false;
    int total = 0;

    for (size_t i = 0; i < pmd->n_polls; i++) {
        struct dp_rxq *rxq = pmd->polls[i];

        if (OVS_LIKELY(rxq->enabled)) {
            int n = dp_rxq_poll(lane, rxq);

            total += n;
            busy |= n >= BUSY_BURST;
        }
    }
    if (busy) {
        *sleep_ns = 0;
    } else {
        *sleep_ns += SLEEP_STEP_NS;
    }
    return total;
}

static long long int
monotonic_us(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* Starts to measure the rate of the time-stamp counter.  Until it is known,
 * housekeeping is due. */
static void
start_deadline(struct dp_pmd *pmd)
{
    pmd->measured_us = monotonic_us();
    pmd->measured_tsc = cycles_counter_update(&pmd->lane.perf);
    dp_clock_init(&pmd->lane.clock, pmd->measured_tsc, pmd->measured_us);
    pmd->housekeeping_cycles = 0;
    pmd->housekeeping_at = 0;
}

/* Sets the time of the next housekeeping, and the lane's clock. */
static void
set_deadline(struct dp_pmd *pmd)
{
    long long int us = monotonic_us();
    uint64_t tsc = cycles_counter_update(&pmd->lane.perf);
    long long int elapsed = us - pmd->measured_us;

    if (OVS_LIKELY(!pmd->lane.shared->clock_may_stop)) {
        dp_clock_sync(&pmd->lane.clock, tsc, us);
    }
    if (elapsed >= MIN_MEASURED_US) {
        pmd->housekeeping_cycles = ((tsc - pmd->measured_tsc)
                                    * HOUSEKEEPING_US / elapsed);
        pmd->measured_tsc = tsc;
        pmd->measured_us = us;
    }
    pmd->housekeeping_at = tsc + pmd->housekeeping_cycles;
}

static void
housekeeping(struct dp_pmd *pmd)
{
    dp_lane_update_clock(&pmd->lane);
    dp_lane_housekeeping(&pmd->lane);
    dp_pmd_account(pmd);
    for (size_t i = 0; i < pmd->n_polls; i++) {
        dp_rxq_check(pmd->polls[i]);
    }
    coverage_try_clear();       /* Others see this thread's events, too. */
    ovsrcu_try_quiesce();
    set_deadline(pmd);
}

/* Counters of cycles, which take what is added to them as an int: an iteration
 * of 2**31 cycles, a second or less, makes them smaller. */
static const enum pmd_stat_type cycle_counters[] = {
    PMD_CYCLES_ITER_IDLE,
    PMD_CYCLES_ITER_BUSY,
    PMD_CYCLES_UPCALL,
    PMD_CYCLES_SLEEP,
};

/* pmd_perf_end_iteration(), but an iteration in which the thread stood still
 * (a virtual machine was paused, say) counts as DP_RXQ_LOAD_MAX_CYCLES. */
static void
end_iteration(struct pmd_perf_stats *perf, int n_rx, int n_tx,
              uint64_t sleep_cycles, bool metrics)
{
    uint64_t before[ARRAY_SIZE(cycle_counters)];

    for (size_t i = 0; i < ARRAY_SIZE(cycle_counters); i++) {
        atomic_read_relaxed(&perf->counters.n[cycle_counters[i]], &before[i]);
    }
    pmd_perf_end_iteration(perf, n_rx, n_tx, sleep_cycles, metrics);
    if (OVS_LIKELY(perf->last_tsc - perf->start_tsc
                   <= DP_RXQ_LOAD_MAX_CYCLES)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(cycle_counters); i++) {
        atomic_uint64_t *counter = &perf->counters.n[cycle_counters[i]];
        uint64_t after;

        atomic_read_relaxed(counter, &after);
        if (after - before[i] > DP_RXQ_LOAD_MAX_CYCLES) {
            atomic_store_relaxed(counter, before[i] + DP_RXQ_LOAD_MAX_CYCLES);
        }
    }
}

/* Looks at a command that is not to run.  Returns true if the lane is to go on
 * all the same, after a job or because it can't be done yet. */
static bool
obey(struct dp_pmd *pmd)
{
    if (get_command(pmd) != DP_PMD_DO) {
        return false;
    }
    dp_pmd_try_job(pmd);
    return pmd->n_polls > 0;
}

/* Polls until the command says otherwise, or no queues are left. */
static void
poll_loop(struct dp_pmd *pmd)
{
    struct dp_lane *lane = &pmd->lane;
    struct pmd_perf_stats *perf = &lane->perf;
    unsigned int n_iterations = 0;
    uint64_t sleep_ns = 0;

    for (size_t i = 0; i < pmd->n_polls; i++) {
        dp_rxq_check(pmd->polls[i]);
    }
    dp_pmd_restart_account(pmd);
    ovs_mutex_lock(&perf->stats_mutex);
    start_deadline(pmd);                /* The first iteration begins now. */
    while (OVS_LIKELY(get_command(pmd) == DP_PMD_RUN) || obey(pmd)) {
        uint64_t sleep_cycles;
        uint32_t max_sleep;
        bool metrics;
        int n_rx, n_tx;

        atomic_read_relaxed(&pmd->max_sleep_us, &max_sleep);
        atomic_read_relaxed(&lane->shared->perf_metrics, &metrics);
        pmd_perf_start_iteration(perf);
        n_rx = iterate(pmd, &sleep_ns);
        if (!n_rx && !ovs_list_is_empty(&lane->tx.dirty)) {
            dp_lane_glance_at_clock(lane);
            dp_tx_flush(lane, false);
        }
        sleep_cycles = maybe_sleep(pmd, max_sleep * 1000ULL, &sleep_ns);

        if (OVS_UNLIKELY(++n_iterations % HOUSEKEEPING_EVERY == 0
                         || cycles_counter_get(perf) >= pmd->housekeeping_at
                         || sleep_cycles)) {
            housekeeping(pmd);
        }
        n_tx = dp_lane_take_sent(lane);
        end_iteration(perf, n_rx, n_tx, sleep_cycles, metrics);
    }
    ovs_mutex_unlock(&perf->stats_mutex);
    dp_tx_flush(lane, true);
    dp_emc_flush(&lane->emc);
    dp_recent_flush(&lane->recent);
}

void *
dp_pmd_main(void *pmd_)
{
    struct dp_pmd *pmd = pmd_;
    bool attached;

    ovsthread_setspecific(*pmd->lane_key, &pmd->lane);
    ovs_numa_thread_setaffinity_core(pmd->lane.core_id);
    prctl(PR_SET_TIMERSLACK, SLEEP_SLACK_NS);
    attached = dpdk_attach_thread(pmd->lane.core_id);
    while (park(pmd) == DP_PMD_RUN) {
        poll_loop(pmd);
    }
    dp_emc_flush(&pmd->lane.emc);
    dp_recent_flush(&pmd->lane.recent);
    coverage_clear();
    if (attached) {
        dpdk_detach_thread();
    }
    return NULL;
}
