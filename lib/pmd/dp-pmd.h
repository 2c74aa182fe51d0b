/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PMD_H
#define DP_PMD_H 1

/* dp-pmd: threads that poll
 * =========================
 *
 * Job.  Run a lane on a core of its own: poll rx queues, flush output, sleep
 * if allowed, quiesce.  The main lane is a 'struct dp_pmd' without a thread;
 * the main thread polls it.
 *
 * The handshake.  The control thread never changes a lane that runs.  Either
 * it has the lane do so: dp_pmd_ask() hands it a job, which its thread does
 * between two iterations, and dp_pmd_wait() returns when that is done.  So the
 * lane does not stand still for longer than the job takes, whatever becomes of
 * the control thread meanwhile.  Or, where several lanes must change at once,
 * it calls dp_pmd_park(), which returns when the thread has sent all that was
 * pending and sleeps, quiescent; does the jobs itself; and calls
 * dp_pmd_resume().
 *
 * 'command' is written by the control thread (release), but for the end of a
 * job, and read by the PMD once per iteration (relaxed: seeing it late costs
 * time only).  'parked' and 'job' are guarded by 'mutex', which also orders
 * what was changed in between.  A lane that runs never waits for 'mutex'.
 *
 * Owns.  Its lane and thread.  Reference counted, because a dump of flows may
 * go on while the thread ends; the last reference frees it after a grace
 * period.
 *
 * Thread-safety.  create, request_park, park, resume, ask, wait, stop: the
 * control thread.  finish_job, try_job: the lane's thread.  set_polls,
 * drop_polls: a job, or the control thread while the lane is parked.  ref,
 * unref: any. */

#include <pthread.h>

#include "cmap.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-rxq-load.h"
#include "pmd/dp-sched-gain.h"

struct dp_pmd;
struct dp_rxq;

enum dp_pmd_command {
    DP_PMD_RUN,
    DP_PMD_DO,                      /* Do the job, then run. */
    DP_PMD_PARK,
    DP_PMD_EXIT,
};

/* What a lane is to do between two iterations. */
typedef void dp_pmd_job(struct dp_pmd *, void *aux);

struct dp_pmd {
    struct dp_lane lane;

    /* Constant after creation. */
    struct cmap_node node;          /* In the topology's lanes, by core. */
    struct ovs_refcount ref_cnt;
    pthread_t thread;
    ovsthread_key_t *lane_key;      /* Borrowed: "the lane that I run". */

    /* Written by jobs, or by the control thread while parked; read by the PMD
     * and the control thread. */
    struct dp_rxq **polls;          /* Borrowed from ports. */
    size_t n_polls;

    /* Written by the control thread, read by anyone. */
    atomic_uint32_t max_sleep_us;   /* 0: it never sleeps. */

    /* Control thread only. */
    bool isolated;                  /* Polls pinned queues only. */
    struct dp_gain_watch watch;     /* Is it overloaded? */
    uint64_t watched_busy, watched_total;   /* At the last look. */

    /* Written by the PMD thread, read by anyone. */
    struct dp_rxq_load busy;        /* Cycles of iterations with packets. */
    struct dp_rxq_load total;       /* All cycles. */
    uint64_t last_busy, last_total; /* PMD only: at the last interval. */
    long long int next_interval;    /* PMD only: us. */

    /* PMD thread only: when housekeeping is due (dp-pmd-loop.c). */
    uint64_t housekeeping_at;       /* TSC. */
    uint64_t housekeeping_cycles;   /* From one to the next; 0: unknown. */
    uint64_t measured_tsc;          /* TSC and monotonic clock at the same */
    long long int measured_us;      /* moment. */

    /* The handshake. */
    atomic_int command;             /* enum dp_pmd_command. */
    struct ovs_mutex mutex;
    pthread_cond_t cond;            /* Either side has something to see. */
    bool parked OVS_GUARDED;        /* Main lane: the control thread has it. */
    dp_pmd_job *job OVS_GUARDED;    /* NULL: it is done. */
    void *job_aux OVS_GUARDED;      /* Borrowed. */
};

struct dp_pmd *dp_pmd_create(struct dp_shared *, unsigned int core_id,
                             int numa_id, ovsthread_key_t *);
void dp_pmd_start(struct dp_pmd *);
void dp_pmd_request_park(struct dp_pmd *);
void dp_pmd_park(struct dp_pmd *);
void dp_pmd_resume(struct dp_pmd *);
void dp_pmd_ask(struct dp_pmd *, dp_pmd_job *, void *aux);
void dp_pmd_wait(struct dp_pmd *);
void dp_pmd_finish_job(struct dp_pmd *pmd) OVS_REQUIRES(pmd->mutex);
void dp_pmd_try_job(struct dp_pmd *);
void dp_pmd_stop(struct dp_pmd *);
bool dp_pmd_try_ref(struct dp_pmd *);
void dp_pmd_unref(struct dp_pmd *);
void dp_pmd_set_polls(struct dp_pmd *, struct dp_rxq **, size_t n);
void dp_pmd_drop_polls(struct dp_pmd *);
void dp_pmd_account(struct dp_pmd *);
void dp_pmd_restart_account(struct dp_pmd *);

/* dp-pmd-loop.c */
void *dp_pmd_main(void *pmd);

static inline bool
dp_pmd_is_main(const struct dp_pmd *pmd)
{
    return dp_lane_is_main(&pmd->lane);
}

#endif /* dp-pmd.h */
