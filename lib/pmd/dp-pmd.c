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
        ovs_mutex_lock(&pmd->mutex);
        pmd->parked = true;
        ovs_mutex_unlock(&pmd->mutex);
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
        ovs_mutex_lock(&pmd->mutex);
        pmd->parked = false;
        ovs_mutex_unlock(&pmd->mutex);
        ovs_mutex_unlock(&pmd->lane.main_mutex);
    } else {
        send_command(pmd, DP_PMD_RUN);
    }
}

/* Does the job that the lane was asked to do, if any. */
void
dp_pmd_finish_job(struct dp_pmd *pmd)
{
    int doing = DP_PMD_DO;

    if (pmd->job) {
        pmd->job(pmd, pmd->job_aux);
        pmd->job = NULL;
        xpthread_cond_broadcast(&pmd->cond);
        atomic_compare_exchange_strong(&pmd->command, &doing, DP_PMD_RUN);
    }
}

/* Hands 'job' to the lane of 'pmd'.  It is done when dp_pmd_wait() returns,
 * but maybe at once: a lane that is parked, or has no queues, has no thread
 * that is awake, so the caller does it. */
void
dp_pmd_ask(struct dp_pmd *pmd, dp_pmd_job *job, void *aux)
{
    ovs_mutex_lock(&pmd->mutex);
    ovs_assert(!pmd->job);
    pmd->job = job;
    pmd->job_aux = aux;
    if (pmd->parked) {
        dp_pmd_finish_job(pmd);
    } else if (!dp_pmd_is_main(pmd)) {
        atomic_store_explicit(&pmd->command, DP_PMD_DO, memory_order_release);
    }
    ovs_mutex_unlock(&pmd->mutex);
}

/* Waits until the lane has done what it was asked to do.  The caller does what
 * the main lane was asked to do, and takes its mutex for that. */
void
dp_pmd_wait(struct dp_pmd *pmd)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Main lane: a mutex more. */
{
    bool is_main = dp_pmd_is_main(pmd);

    if (is_main) {
        ovs_mutex_lock(&pmd->lane.main_mutex);
    }
    ovs_mutex_lock(&pmd->mutex);
    if (is_main) {
        dp_pmd_finish_job(pmd);
    }
    while (pmd->job) {
        ovs_mutex_cond_wait(&pmd->cond, &pmd->mutex);
    }
    ovs_mutex_unlock(&pmd->mutex);
    if (is_main) {
        ovs_mutex_unlock(&pmd->lane.main_mutex);
    }
}

/* dp_pmd_finish_job(), but if somebody has the mutex, who may have lost his
 * core meanwhile, the job stays for the next iteration. */
void
dp_pmd_try_job(struct dp_pmd *pmd)
{
    if (!ovs_mutex_trylock(&pmd->mutex)) {
        dp_pmd_finish_job(pmd);
        ovs_mutex_unlock(&pmd->mutex);
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

/* Has the lane poll the 'n' queues 'polls', which it takes over; the control
 * thread has made it their owner ('pmd'). */
void
dp_pmd_set_polls(struct dp_pmd *pmd, struct dp_rxq **polls, size_t n)
{
    free(pmd->polls);
    pmd->polls = polls;
    pmd->n_polls = n;
    for (size_t i = 0; i < n; i++) {
        dp_rxq_check(polls[i]);
    }
    dp_pmd_restart_account(pmd);
}

/* Has the lane drop the queues of which it is not the owner any more.  Sends
 * what came from them: whoever is their next owner may send at once. */
void
dp_pmd_drop_polls(struct dp_pmd *pmd)
{
    size_t n = 0;

    dp_tx_flush(&pmd->lane, true);
    for (size_t i = 0; i < pmd->n_polls; i++) {
        if (pmd->polls[i]->pmd == pmd) {
            pmd->polls[n++] = pmd->polls[i];
        }
    }
    pmd->n_polls = n;
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
