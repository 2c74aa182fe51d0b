/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BALANCE_H
#define DP_BALANCE_H 1

/* dp-balance: "pmd-auto-lb"
 * =========================
 *
 * Job.  Watch how busy the PMD threads are and, when one has been overloaded
 * for a minute and a new assignment of rx queues would be better by a good
 * margin, reassign.  The arithmetic is in dp-sched-gain.h.
 *
 * Thread-safety.  Main thread. */

#include <stdint.h>

#include "pmd/dp-sched-gain.h"

struct dp_config;
struct dp_topology;

/* State of the balancer of one datapath.  Main thread only. */
struct dp_balance {
    bool enabled;
    long long int next_check;       /* us: look for overload again. */
    long long int last_try;         /* us: when to reassign was tried. */
    uint64_t seen_config;           /* 'n_reconfigured' at the last try. */
    struct dp_gain_memory memory;
};

void dp_balance_configure(struct dp_balance *, const struct dp_config *);
void dp_balance_run(struct dp_balance *, struct dp_topology *,
                    const struct dp_config *);

#endif /* dp-balance.h */
