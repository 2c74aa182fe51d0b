/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
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

    group->flow = flow;
    group->n_bytes = 0;
    group->tcp_flags = 0;
    group->members = 0;
    return group;
}

static struct dp_group *
group_of(struct dp_burst *burst, int i)
{
    struct dp_flow *flow = burst->flows[i];
    struct dp_group *group;

    if (OVS_UNLIKELY(burst->once[i])) {
        return group_new(burst, NULL);      /* It made its flow, which does
                                             * not count it. */
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
    int i;

    ULLONG_FOR_EACH_1 (i, burst->decided) {
        struct dp_group *group = group_of(burst, i);

        group->n_bytes += dp_packet_size(burst->packets[i]);
        group->tcp_flags |= burst->tcp_flags[i];
        group->members |= UINT32_C(1) << i;
    }
}
