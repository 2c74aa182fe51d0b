/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-sched-log.h"

#include <inttypes.h>

#include "openvswitch/vlog.h"
#include "pmd/dp-sched.h"
#include "pmd/dp-sched-gain.h"
#include "util.h"

/* Pinned queues first, then the others in the order in which they were served,
 * so that reading the log from the top explains each choice. */

struct sink {
    struct vlog_module *module;
    bool dry_run;
};

/* The level that 'level' becomes in 'sink'. */
static enum vlog_level
sink_level(const struct sink *sink, enum vlog_level level)
{
    return sink->dry_run ? VLL_DBG : level;
}

static void
log_assigned(const struct sink *sink, const struct dp_sched *plan,
             const struct dp_sched_rxq *rxq)
{
    const struct dp_sched_core *core = dp_sched_core_of(plan, rxq);

    if (rxq->cross_numa) {
        vlog(sink->module, sink_level(sink, VLL_INFO),
             "There's no available (non-isolated) pmd thread on numa node %d. "
             "Port '%s' rx queue %d will be assigned to a pmd on numa node "
             "%d. This may lead to reduced performance.",
             rxq->numa_id, rxq->port, rxq->queue_id, core->numa_id);
    }
    if (plan->algo == DP_SCHED_ROUNDROBIN) {
        vlog(sink->module, sink_level(sink, VLL_INFO),
             "Core %2u on numa node %d assigned port '%s' rx queue %d.",
             core->core_id, core->numa_id, rxq->port, rxq->queue_id);
    } else {
        vlog(sink->module, sink_level(sink, VLL_INFO),
             "Core %2u on numa node %d assigned port '%s' rx queue %d "
             "(measured processing cycles %"PRIu64").",
             core->core_id, core->numa_id, rxq->port, rxq->queue_id,
             rxq->load);
    }
}

static void
log_pin(const struct sink *sink, const struct dp_sched *plan,
        const struct dp_sched_rxq *rxq)
{
    const struct dp_sched_core *core = dp_sched_core_of(plan, rxq);

    if (rxq->pin_absent) {
        vlog(sink->module, sink_level(sink, VLL_WARN),
             "Core %u cannot be pinned with port '%s' rx queue %d, because it "
             "has no pmd thread: add it to pmd-cpu-mask. Until then the queue "
             "is treated as not pinned.",
             rxq->pin, rxq->port, rxq->queue_id);
    } else if (rxq->result == DP_SCHED_PINNED) {
        vlog(sink->module, sink_level(sink, VLL_INFO),
             "Core %2u on numa node %d is pinned with port '%s' rx queue %d%s",
             core->core_id, core->numa_id, rxq->port, rxq->queue_id,
             core->isolated ? " and polls pinned queues only." : ".");
    }
}

void
dp_sched_log(const struct dp_sched *plan, struct vlog_module *module,
             bool dry_run)
{
    const struct sink sink = { .module = module, .dry_run = dry_run };

    for (size_t i = 0; i < plan->n_rxqs; i++) {
        log_pin(&sink, plan, &plan->rxqs[i]);
    }
    if (plan->n_order) {
        vlog(module, sink_level(&sink, VLL_INFO),
             "Performing pmd to rx queue assignment using %s algorithm.",
             dp_sched_algo_to_string(plan->algo));
    }
    for (size_t i = 0; i < plan->n_order; i++) {
        const struct dp_sched_rxq *rxq = &plan->rxqs[plan->order[i]];

        if (rxq->result == DP_SCHED_ASSIGNED) {
            log_assigned(&sink, plan, rxq);
        } else {
            vlog(module, sink_level(&sink, VLL_WARN),
                 "Port '%s' rx queue %d is not polled: there is no available "
                 "(non-isolated) pmd thread on any numa node.",
                 rxq->port, rxq->queue_id);
        }
    }
}

void
dp_gain_log(const struct dp_gain *gain, struct vlog_module *module)
{
    switch (gain->verdict) {
    case DP_GAIN_TRY:
        vlog(module, VLL_DBG,
             "PMD auto load balance performing dry run.");
        break;

    case DP_GAIN_ROUNDROBIN:
        vlog(module, VLL_DBG,
             "PMD auto load balance nothing to do, "
             "pmd-rxq-assign=roundrobin assignment type configured.");
        break;

    case DP_GAIN_TOO_FEW:
        vlog(module, VLL_DBG,
             "PMD auto load balance nothing to do, "
             "not enough non-isolated PMDs or RxQs.");
        break;

    case DP_GAIN_SAME_CONFIG:
        vlog(module, VLL_DBG,
             "PMD auto load balance nothing to do, "
             "no configuration changes since last check.");
        break;

    case DP_GAIN_CROSS_NUMA:
        vlog(module, VLL_DBG,
             "PMD auto load balance detected cross-numa polling with several "
             "numa nodes in use. Loads after a change can't be estimated, so "
             "nothing is changed.");
        break;

    case DP_GAIN_GO:
    case DP_GAIN_TOO_SMALL:
        vlog(module, VLL_DBG,
             "PMD auto load balance dry run on numa node %d: "
             "Variance improvement %u%%. Threshold %u%%.",
             gain->numa_id, gain->improvement, gain->threshold);
        if (gain->verdict == DP_GAIN_GO) {
            vlog(module, VLL_INFO,
                 "PMD auto load balance moves rx queues: the variance of load "
                 "improves by %u%%.", gain->improvement);
        }
        break;

    default:
        OVS_NOT_REACHED();
    }
}
