/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-balance.h"

#include "timeval.h"
#include "util.h"
#include "ctl/dp-config.h"
#include "flow/dp-log.h"
#include "pmd/dp-sched-log.h"
#include "pmd/dp-topology.h"

#define US_PER_MINUTE (60 * 1000 * 1000LL)

/* The switch may have changed. */
void
dp_balance_configure(struct dp_balance *balance,
                     const struct dp_config *config)
{
    if (config->alb && !balance->enabled) {
        balance->next_check = time_usec() + DP_GAIN_PERIOD_US;
        balance->last_try = time_usec();
        balance->memory = (struct dp_gain_memory) DP_GAIN_MEMORY_INITIALIZER;
    }
    balance->enabled = config->alb;
}

/* Looks at each PMD once per period.  Returns whether one is overloaded. */
static bool
check_overload(struct dp_topology *topology, const struct dp_config *config)
{
    bool overloaded = false;
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &topology->lanes) {
        uint64_t n[PMD_N_STATS], busy, total;

        if (dp_pmd_is_main(pmd) || pmd->isolated) {
            continue;
        }
        for (int i = 0; i < PMD_N_STATS; i++) {
            atomic_read_relaxed(&pmd->lane.perf.counters.n[i], &n[i]);
        }
        busy = n[PMD_CYCLES_ITER_BUSY];
        total = busy + n[PMD_CYCLES_ITER_IDLE];
        overloaded |= dp_gain_watch(&pmd->watch, busy - pmd->watched_busy,
                                    total - pmd->watched_total,
                                    config->alb_load);
        pmd->watched_busy = busy;
        pmd->watched_total = total;
    }
    return overloaded;
}

/* Makes a dry run.  Returns true if its result should be applied. */
static bool
is_worth_it(struct dp_balance *balance, struct dp_topology *topology,
            const struct dp_config *config)
    OVS_REQUIRES(topology->mutex)
{
    struct dp_sched current, dry;
    struct dp_gain gain;

    if (balance->seen_config != topology->n_reconfigured) {
        balance->seen_config = topology->n_reconfigured;
        balance->memory.config_changed = true;
    }
    dp_sched_init(&current);
    dp_topology_record(topology, &current);
    dp_gain_precheck(&balance->memory, &current, topology->rxq_assign, &gain);
    dp_gain_log(&gain, &this_module);
    if (gain.verdict == DP_GAIN_TRY) {
        dp_sched_init(&dry);
        dp_topology_plan(topology, &dry);
        dp_sched_log(&dry, &this_module, true);
        dp_gain_compare(&current, &dry, config->alb_improvement, &gain);
        dp_gain_log(&gain, &this_module);
        dp_sched_uninit(&dry);
    }
    dp_sched_uninit(&current);
    return gain.verdict == DP_GAIN_GO;
}

void
dp_balance_run(struct dp_balance *balance, struct dp_topology *topology,
               const struct dp_config *config)
{
    long long int now;

    if (!balance->enabled) {
        return;
    }
    now = time_usec();
    if (now < balance->next_check) {
        return;
    }
    balance->next_check = now + DP_GAIN_PERIOD_US;
    if (!check_overload(topology, config)
        || now < balance->last_try + config->alb_interval * US_PER_MINUTE) {
        return;
    }
    balance->last_try = now;

    ovs_mutex_lock(&topology->mutex);
    if (is_worth_it(balance, topology, config)) {
        VLOG_INFO("PMD auto load balance dry run. Requesting datapath "
                  "reconfigure.");
        topology->need_reconfigure = true;
    }
    ovs_mutex_unlock(&topology->mutex);
}
