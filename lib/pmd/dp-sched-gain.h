/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SCHED_GAIN_H
#define DP_SCHED_GAIN_H 1

/* dp-sched-gain: is a new plan worth it?
 * ======================================
 *
 * Job.  PURE.  All decisions of the automatic load balancer (pmd-auto-lb):
 *
 *    1. dp_gain_watch():  is a core overloaded?  Each DP_GAIN_PERIOD_US, per
 *       core: its share of busy cycles reaches the threshold.  Overloaded:
 *       DP_GAIN_PERIODS times in a row.
 *    2. dp_gain_precheck():  could a new plan change anything?  Answers once
 *       per configuration.
 *    3. dp_gain_compare():  is the dry run better than what is?
 *
 *     if (any core overloaded && interval has passed) {
 *         dp_gain_precheck(&balancer, &current, algo, &gain);
 *         dp_gain_log(&gain, module);
 *         if (gain.verdict == DP_GAIN_TRY) {
 *             ...plan anew into 'dry'...
 *             dp_gain_compare(&current, &dry, threshold, &gain);
 *             dp_gain_log(&gain, module);
 *             if (gain.verdict == DP_GAIN_GO) {
 *                 ...reconfigure...
 *             }
 *         }
 *     }
 *
 * Improvement.  Per NUMA node, over the cores that are not isolated: 100 * (1
 * - variance of load in the dry run / variance now), at least 0.  The best
 * node counts.  A node without variance has no improvement.
 *
 * Cross-NUMA.  A load that was measured on one node says little about the load
 * on another.  So there is no verdict but CROSS_NUMA when a queue that is not
 * pinned is, or would be, polled from a remote node; unless all cores are on
 * one node, because then nothing changes in that respect.
 *
 * Thread-safety.  None needed; values in, values out. */

#include <stdbool.h>
#include <stdint.h>

#include "pmd/dp-sched.h"

struct ds;

enum {
    DP_GAIN_PERIOD_US = 10 * 1000 * 1000,
    DP_GAIN_PERIODS = 6,
};

enum dp_gain_verdict {
    /* Of dp_gain_precheck(). */
    DP_GAIN_TRY,                /* Make a dry run. */
    DP_GAIN_ROUNDROBIN,         /* The algorithm ignores loads. */
    DP_GAIN_TOO_FEW,            /* Cores or queues: there is no choice. */
    DP_GAIN_SAME_CONFIG,        /* It could not change anything last time, and
                                 * nobody has configured anything since. */

    /* Of dp_gain_compare(). */
    DP_GAIN_GO,                 /* Apply the new plan. */
    DP_GAIN_CROSS_NUMA,         /* See above. */
    DP_GAIN_TOO_SMALL,          /* Improvement below the threshold. */
};

struct dp_gain {
    enum dp_gain_verdict verdict;

    /* After dp_gain_compare(), but not for CROSS_NUMA. */
    unsigned int improvement;   /* Percent, of the best node. */
    unsigned int threshold;     /* As given. */
    int numa_id;                /* The best node. */
};

/* Memory of dp_gain_precheck(). */
struct dp_gain_memory {
    bool config_changed;        /* Set by the caller with every change of
                                 * cores, queues, pins or algorithm. */
    bool could_gain;            /* The last answer. */
};

#define DP_GAIN_MEMORY_INITIALIZER { .config_changed = true }

/* May a new plan change anything with 'current', made with dp_sched_place()?
 * At least two cores must be free to take any queue, and one of them must have
 * more than one queue. */
void dp_gain_precheck(struct dp_gain_memory *, const struct dp_sched *current,
                      enum dp_sched_algo, struct dp_gain *);

/* Compares 'current' with 'dry', which have the same cores and queues.
 * 'threshold' in percent; 0 accepts any plan. */
void dp_gain_compare(const struct dp_sched *current,
                     const struct dp_sched *dry, unsigned int threshold,
                     struct dp_gain *);

/* How often in a row a core has been found overloaded. */
struct dp_gain_watch {
    unsigned int n_over;
};

/* Takes note of one more period of a core that was busy for 'busy' cycles of
 * 'total'.  Returns true if the core is overloaded.  'threshold' in
 * percent. */
bool dp_gain_watch(struct dp_gain_watch *, uint64_t busy, uint64_t total,
                   unsigned int threshold);

#endif /* dp-sched-gain.h */
