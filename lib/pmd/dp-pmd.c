/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-pmd.h"

#include "dpdk.h"
#include "ovs-rcu.h"
#include "util.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "pmd/dp-port.h"

/* Returns a new PMD, parked, or the main lane if 'core_id' is
 * NON_PMD_CORE_ID. */
struct dp_pmd *
dp_pmd_create(struct dp_shared *shared, unsigned int core_id, int numa_id,
              ovsthread_key_t *lane_key)
{
    struct dp_pmd *pmd = xzalloc_cacheline(sizeof *pmd);

    dp_lane_init(&pmd->lane, shared, core_id, numa_id);
    if (shared->offload) {
        pmd->lane.marks = dp_offload_lane_create(shared->offload, core_id);
    }
    ovs_refcount_init(&pmd->ref_cnt);
    pmd->lane_key = lane_key;
    dp_rxq_load_init(&pmd->busy);
    dp_rxq_load_init(&pmd->total);
    pmd->next_interval = pmd->lane.now + DP_RXQ_LOAD_INTERVAL_US;
    atomic_init(&pmd->max_sleep_us, 0);
    atomic_init(&pmd->command, DP_PMD_PARK);
    ovs_mutex_init(&pmd->mutex);
    xpthread_cond_init(&pmd->cond, NULL);
    return pmd;
}

/* Starts the thread of 'pmd', still parked. */
void
dp_pmd_start(struct dp_pmd *pmd)
{
    char name[16];

    snprintf(name, sizeof name, "pmd-c%02u/id:", pmd->lane.core_id);
    pmd->thread = ovs_thread_create(name, dp_pmd_main, pmd);
    VLOG_INFO("PMD thread on numa_id: %d, core id: %2u created.",
              pmd->lane.numa_id, pmd->lane.core_id);
}

static void
send_command(struct dp_pmd *pmd, enum dp_pmd_command command)
{
    ovs_mutex_lock(&pmd->mutex);
    atomic_store_explicit(&pmd->command, command, memory_order_release);
    xpthread_cond_broadcast(&pmd->cond);
    ovs_mutex_unlock(&pmd->mutex);
}

/* Asks the thread of 'pmd', which is not the main lane, to park, but does not
 * wait: dp_pmd_park() will. */
void
dp_pmd_request_park(struct dp_pmd *pmd)
{
    send_command(pmd, DP_PMD_PARK);
}

/* Asks the thread to park, if it does not yet, and waits until it has.  The
 * main lane has no thread: its mutex is taken instead. */
void
dp_pmd_park(struct dp_pmd *pmd)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (dp_pmd_is_main(pmd)) {
        ovs_mutex_lock(&pmd->lane.main_mutex);
        return;
    }
    send_command(pmd, DP_PMD_PARK);
    ovs_mutex_lock(&pmd->mutex);
    while (!pmd->parked) {
        ovs_mutex_cond_wait(&pmd->cond, &pmd->mutex);
    }
    ovs_mutex_unlock(&pmd->mutex);
}

void
dp_pmd_resume(struct dp_pmd *pmd)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (dp_pmd_is_main(pmd)) {
        ovs_mutex_unlock(&pmd->lane.main_mutex);
    } else {
        send_command(pmd, DP_PMD_RUN);
    }
}

/* Ends the thread of 'pmd', which must have neither queues nor ports. */
void
dp_pmd_stop(struct dp_pmd *pmd)
{
    send_command(pmd, DP_PMD_EXIT);
    xpthread_join(pmd->thread, NULL);
    VLOG_INFO("PMD thread on numa_id: %d, core id: %2u destroyed.",
              pmd->lane.numa_id, pmd->lane.core_id);
}

bool
dp_pmd_try_ref(struct dp_pmd *pmd)
{
    return ovs_refcount_try_ref_rcu(&pmd->ref_cnt);
}

static void
dp_pmd_free(struct dp_pmd *pmd)
{
    dp_lane_uninit(&pmd->lane);
    xpthread_cond_destroy(&pmd->cond);
    ovs_mutex_destroy(&pmd->mutex);
    free(pmd->polls);
    free_cacheline(pmd);
}

void
dp_pmd_unref(struct dp_pmd *pmd)
{
    if (pmd && ovs_refcount_unref(&pmd->ref_cnt) == 1) {
        ovsrcu_postpone(dp_pmd_free, pmd);
    }
}

void
dp_pmd_add_poll(struct dp_pmd *pmd, struct dp_rxq *rxq)
{
    pmd->polls = xrealloc(pmd->polls,
                          (pmd->n_polls + 1) * sizeof *pmd->polls);
    pmd->polls[pmd->n_polls++] = rxq;
    rxq->pmd = pmd;
}

void
dp_pmd_clear_polls(struct dp_pmd *pmd)
{
    for (size_t i = 0; i < pmd->n_polls; i++) {
        pmd->polls[i]->pmd = NULL;
    }
    pmd->n_polls = 0;
}

/* Starts the PMD's own load history again, because its queues may be others
 * now. */
void
dp_pmd_restart_account(struct dp_pmd *pmd)
{
    struct pmd_counters *counters = &pmd->lane.perf.counters;
    uint64_t idle;

    atomic_read_relaxed(&counters->n[PMD_CYCLES_ITER_BUSY], &pmd->last_busy);
    atomic_read_relaxed(&counters->n[PMD_CYCLES_ITER_IDLE], &idle);
    pmd->last_total = pmd->last_busy + idle;
    dp_rxq_load_clear(&pmd->busy);
    dp_rxq_load_clear(&pmd->total);
    dp_lane_update_clock(&pmd->lane);
    pmd->next_interval = pmd->lane.now + DP_RXQ_LOAD_INTERVAL_US;
}

/* Closes the current interval of all load histories when its time is over. */
void
dp_pmd_account(struct dp_pmd *pmd)
{
    struct pmd_counters *counters = &pmd->lane.perf.counters;
    uint64_t busy, idle, total;

    if (pmd->lane.now < pmd->next_interval) {
        return;
    }
    atomic_read_relaxed(&counters->n[PMD_CYCLES_ITER_BUSY], &busy);
    atomic_read_relaxed(&counters->n[PMD_CYCLES_ITER_IDLE], &idle);
    total = busy + idle;
    dp_rxq_load_add(&pmd->busy, busy - pmd->last_busy);
    dp_rxq_load_add(&pmd->total, total - pmd->last_total);
    pmd->last_busy = busy;
    pmd->last_total = total;
    dp_rxq_load_next(&pmd->busy);
    dp_rxq_load_next(&pmd->total);
    for (size_t i = 0; i < pmd->n_polls; i++) {
        dp_rxq_load_next(&pmd->polls[i]->load);
    }
    pmd->next_interval = pmd->lane.now + DP_RXQ_LOAD_INTERVAL_US;
}
