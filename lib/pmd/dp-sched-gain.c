/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-sched-gain.h"

#include "util.h"

/* Variance rather than, say, the heaviest core alone: a plan that takes load
 * from a core that is about to drown and one that merely evens out the rest
 * both count, the first for more.  The unit of load cancels out of the ratio,
 * so cycles do; doubles hold their squares well enough to be rounded to a
 * percent. */

static double
variance(const struct dp_sched *plan, int numa_id)
{
    double mean = 0, sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < plan->n_cores; i++) {
        const struct dp_sched_core *core = &plan->cores[i];

        if (core->numa_id == numa_id && !core->isolated) {
            mean += core->load;
            n++;
        }
    }
    if (!n) {
        return 0;
    }
    mean /= n;
    for (size_t i = 0; i < plan->n_cores; i++) {
        const struct dp_sched_core *core = &plan->cores[i];

        if (core->numa_id == numa_id && !core->isolated) {
            sum += (core->load - mean) * (core->load - mean);
        }
    }
    return sum / n;
}

static bool
is_on_several_nodes(const struct dp_sched *plan)
{
    for (size_t i = 1; i < plan->n_cores; i++) {
        if (plan->cores[i].numa_id != plan->cores[0].numa_id) {
            return true;
        }
    }
    return false;
}

static bool
has_cross_numa(const struct dp_sched *plan)
{
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        if (plan->rxqs[i].cross_numa) {
            return true;
        }
    }
    return false;
}

void
dp_gain_precheck(struct dp_gain_memory *memory,
                 const struct dp_sched *current, enum dp_sched_algo algo,
                 struct dp_gain *gain)
{
    size_t n_free = 0;
    bool choice = false;

    *gain = (struct dp_gain) { .verdict = DP_GAIN_TRY };
    if (!memory->config_changed) {
        if (!memory->could_gain) {
            gain->verdict = DP_GAIN_SAME_CONFIG;
        }
        return;
    }
    memory->config_changed = false;

    for (size_t i = 0; i < current->n_cores; i++) {
        const struct dp_sched_core *core = &current->cores[i];

        if (!core->isolated) {
            n_free++;
            choice |= core->n_rxqs > 1;
        }
    }
    if (algo == DP_SCHED_ROUNDROBIN) {
        gain->verdict = DP_GAIN_ROUNDROBIN;
    } else if (n_free < 2 || !choice) {
        gain->verdict = DP_GAIN_TOO_FEW;
    }
    memory->could_gain = gain->verdict == DP_GAIN_TRY;
}

void
dp_gain_compare(const struct dp_sched *current, const struct dp_sched *dry,
                unsigned int threshold, struct dp_gain *gain)
{
    ovs_assert(current->n_cores == dry->n_cores);

    *gain = (struct dp_gain) { .threshold = threshold };
    if (is_on_several_nodes(current)
        && (has_cross_numa(current) || has_cross_numa(dry))) {
        gain->verdict = DP_GAIN_CROSS_NUMA;
        return;
    }

    for (size_t i = 0; i < current->n_cores; i++) {
        int numa_id = current->cores[i].numa_id;
        double now = variance(current, numa_id);
        double then = variance(dry, numa_id);
        unsigned int improvement = 0;

        if (now > 0 && then < now) {
            improvement = 100 * (now - then) / now;
        }
        if (!i || improvement > gain->improvement) {
            gain->improvement = improvement;
            gain->numa_id = numa_id;
        }
    }
    gain->verdict = (gain->improvement >= threshold
                     ? DP_GAIN_GO : DP_GAIN_TOO_SMALL);
}

bool
dp_gain_watch(struct dp_gain_watch *watch, uint64_t busy, uint64_t total,
              unsigned int threshold)
{
    /* In percent of 'total', without a product that could overflow. */
    double load = total ? 100.0 * busy / total : 0;

    if (load < threshold) {
        watch->n_over = 0;
    } else if (watch->n_over < DP_GAIN_PERIODS) {
        watch->n_over++;
    }
    return watch->n_over >= DP_GAIN_PERIODS;
}
