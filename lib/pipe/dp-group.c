/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "odp-util.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* The fourth stage: puts the packets of each flow together, so that actions
 * are executed once per flow and burst.  Groups stand in the order of their
 * first packets, packets in the order of their arrival.
 *
 * A flow remembers the number of its group in a scratch member.  The number
 * may be left over from another burst, so it counts only if the group with
 * that number is this flow's. */

static struct dp_group *
group_new(struct dp_burst *burst, struct dp_flow *flow)
{
    struct dp_group *group = &burst->groups[burst->n_groups++];

    /* Most of the actions are there when it is the group's turn. */
    if (flow && dp_flow_get_output(flow) == ODPP_NONE) {
        const char *actions = (const char *) dp_flow_get_actions(flow);

        OVS_PREFETCH(actions);
        OVS_PREFETCH(actions + CACHE_LINE_SIZE);
    }

    group->flow = flow;
    group->n_bytes = 0;
    group->tcp_flags = 0;
    group->members = 0;
    return group;
}

/* Returns the group of the next packet, which 'flow' has decided; NULL: an
 * upcall, which made its flow.  That does not count it. */
static struct dp_group *
group_of(struct dp_burst *burst, struct dp_flow *flow)
{
    struct dp_group *group;

    if (OVS_UNLIKELY(!flow)) {
        return group_new(burst, NULL);
    }
    group = &burst->groups[flow->group];
    if (flow->group >= burst->n_groups || group->flow != flow) {
        flow->group = burst->n_groups;
        return group_new(burst, flow);
    }
    return group;
}

void
dp_group_run(struct dp_lane *lane OVS_UNUSED, struct dp_burst *burst)
{
    struct dp_group *group = NULL;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->decided) {
        struct dp_flow *flow = burst->flows[i];

        if (!group || flow != group->flow || !flow) {
            group = group_of(burst, flow);
        }
        group->n_bytes += dp_packet_size(burst->packets[i]);
        group->tcp_flags |= burst->tcp_flags[i];
        group->members |= UINT32_C(1) << i;
    }
}
