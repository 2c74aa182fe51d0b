/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-late.h"

#include "coverage.h"
#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-handle.h"
#include "flow/dp-flow.h"
#include "flow/dp-log.h"

COVERAGE_DEFINE(dp_late_lost);

struct reading {
    struct ovs_list node;       /* In 'readings'. */
    struct dp_flow *flow;       /* Counted. */
    struct dpif_flow_stats stats;
};

void
dp_late_init(struct dp_late *late)
{
    ovs_mutex_init(&late->mutex);
    ovs_list_init(&late->readings);
    late->wanted = false;
}

static void
forget(struct reading *reading)
{
    dp_flow_unref(reading->flow);
    free(reading);
}

static void
forget_all(struct dp_late *late)
    OVS_REQUIRES(late->mutex)
{
    struct reading *reading;

    LIST_FOR_EACH_POP (reading, node, &late->readings) {
        COVERAGE_ADD(dp_late_lost, reading->stats.n_packets);
        forget(reading);
    }
}

void
dp_late_uninit(struct dp_late *late)
{
    ovs_mutex_lock(&late->mutex);
    forget_all(late);
    ovs_mutex_unlock(&late->mutex);
    ovs_mutex_destroy(&late->mutex);
}

void
dp_late_add(struct dp_late *late, struct dp_flow *flow,
            const struct dpif_flow_stats *stats)
{
    ovs_mutex_lock(&late->mutex);
    if (late->wanted) {
        struct reading *reading = xmalloc(sizeof *reading);

        dp_flow_ref(flow);
        reading->flow = flow;
        reading->stats = *stats;
        ovs_list_push_back(&late->readings, &reading->node);
    } else {
        COVERAGE_ADD(dp_late_lost, stats->n_packets);
    }
    ovs_mutex_unlock(&late->mutex);
}

void
dp_late_want(struct dpif *dpif, bool wanted)
{
    struct dp_late *late = &dpif_netdev_dp(dpif)->late;

    ovs_mutex_lock(&late->mutex);
    late->wanted = wanted;
    if (!wanted) {
        forget_all(late);
    }
    ovs_mutex_unlock(&late->mutex);
}

bool
dp_late_take(struct dpif *dpif, struct ofpbuf *key,
             struct dpif_flow_stats *stats)
{
    struct dp_late *late = &dpif_netdev_dp(dpif)->late;
    struct reading *reading = NULL;
    struct match match;
    struct odp_flow_key_parms parms = {
        .flow = &match.flow,
        .mask = &match.wc.masks,
        .support = dp_odp_support,
    };

    ovs_mutex_lock(&late->mutex);
    if (!ovs_list_is_empty(&late->readings)) {
        reading = CONTAINER_OF(ovs_list_pop_front(&late->readings),
                               struct reading, node);
    }
    ovs_mutex_unlock(&late->mutex);
    if (!reading) {
        return false;
    }
    dp_flow_get_match(reading->flow, &match);
    odp_flow_key_from_flow(&parms, key);
    *stats = reading->stats;
    forget(reading);
    return true;
}
