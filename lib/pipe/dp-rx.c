/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "odp-util.h"
#include "packets.h"
#include "flow/dp-key.h"
#include "offload/dp-offload.h"
#include "ovs/ovs-packet-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* The first stage: makes packets out of what a netdev delivered.
 *
 * A mark means the packet as it arrived, so this is the only stage that looks
 * at marks.  A mark without a flow, or with a flow of another port, means
 * nothing: the packet goes the long way.  So does a packet that a NIC may have
 * read otherwise than extraction would (dp-verify.h).  If there are merged
 * flows, the next stage looks first whether there is one for packets whose
 * mark means the begin of a longer way.
 *
 * Packets leave this stage without metadata ('bare'): many never need them. */

/* May a packet of 'flow' have a merged flow, which takes it to its end? */
static inline bool
may_be_merged(const struct dp_flow *flow)
{
    return (dp_flow_get_output(flow) == ODPP_NONE
            && dp_flow_get_actions(flow)->goes_on);
}

/* Decides the 'marked' packets whose mark means a flow.  Their metadata are
 * not touched: whoever needs them or the offsets sets them.
 *
 * In three passes, so that neither slots nor flows are waited for one by
 * one. */
static void
lookup_marks(struct dp_lane *lane, struct dp_burst *burst, uint32_t marked,
             const uint32_t marks[])
{
    const struct dp_mark_slot *slots[NETDEV_MAX_BURST];
    struct dp_flow *flows[NETDEV_MAX_BURST];
    bool merging = dp_tuples_count(&lane->merged);
    uint32_t hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, marked) {
        slots[i] = dp_mark_index_slot(lane->marks, marks[i]);
        OVS_PREFETCH(slots[i]);
    }
    ULLONG_FOR_EACH_1 (i, marked) {
        flows[i] = dp_mark_slot_get(slots[i]);
        OVS_PREFETCH_WRITE(flows[i]);
    }
    ULLONG_FOR_EACH_1 (i, marked) {
        struct dp_packet *packet = burst->packets[i];
        struct dp_flow *flow = flows[i];

        if (OVS_UNLIKELY(merging) && flow && may_be_merged(flow)) {
            continue;
        }
        if (flow && flow->in_port == burst->in_port && !dp_flow_is_dead(flow)
            && dp_verify_packet(&flow->verify, packet)) {
            burst->flows[i] = flow;
            burst->tcp_flags[i] = (flow->can_be_tcp
                                   ? dp_key_peek_tcp_flags(packet) : 0);
            hits |= UINT32_C(1) << i;
        }
    }
    burst->unparsed |= hits;
    dp_burst_decide_all(burst, hits);
    dp_lane_count(lane, PMD_STAT_PHWOL_HIT, count_1bits(hits));
}

void
dp_rx_run(struct dp_lane *lane, struct dp_burst *burst)
{
    bool offload = (lane->marks && dp_mark_index_count(lane->marks)
                    && dp_offload_is_enabled(lane->shared->offload));
    uint32_t marks[NETDEV_MAX_BURST];
    uint32_t marked = 0;

    for (size_t i = 0; i < burst->n; i++) {
        struct dp_packet *packet = burst->packets[i];

        if (offload && dp_packet_has_flow_mark(packet, &marks[i])
            && OVS_LIKELY(!ovs_packet_is_unfinished(packet))) {
            marked |= UINT32_C(1) << i;
        }
        OVS_PREFETCH(dp_packet_data(packet));
    }
    burst->bare = burst->undecided;
    if (marked) {
        lookup_marks(lane, burst, marked, marks);
    }
}
