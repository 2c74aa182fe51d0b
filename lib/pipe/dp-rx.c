/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "packets.h"
#include "offload/dp-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* The first stage: makes packets out of what a netdev delivered.
 *
 * A mark means the packet as it arrived, so this is the only stage that looks
 * at marks.  A mark without a flow, or with a flow of another port, means
 * nothing: the packet goes the long way. */

/* Reads the TCP flags of a packet that nobody has parsed, and sets its header
 * offsets on the way. */
static uint16_t
read_tcp_flags(struct dp_packet *packet)
{
    return parse_tcp_flags(packet, NULL, NULL, NULL);
}

static void
lookup_marks(struct dp_lane *lane, struct dp_burst *burst)
{
    const struct dp_mark_slot *slots[NETDEV_MAX_BURST];
    uint32_t marked = 0, hits = 0;
    uint32_t mark;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        if (dp_packet_has_flow_mark(burst->packets[i], &mark)) {
            slots[i] = dp_mark_index_slot(lane->marks, mark);
            OVS_PREFETCH(slots[i]);
            marked |= UINT32_C(1) << i;
        }
    }
    ULLONG_FOR_EACH_1 (i, marked) {
        struct dp_flow *flow = dp_mark_slot_get(slots[i]);

        if (flow && flow->in_port == burst->in_port
            && !dp_flow_is_dead(flow)) {
            dp_burst_decide(burst, i, flow, read_tcp_flags(burst->packets[i]));
            hits++;
        }
    }
    if (hits) {
        dp_lane_count(lane, PMD_STAT_PHWOL_HIT, hits);
    }
}

void
dp_rx_run(struct dp_lane *lane, struct dp_burst *burst)
{
    unsigned int n_invalid = 0;

    dp_lane_count(lane, PMD_STAT_RECV, burst->n);
    for (size_t i = 0; i < burst->n; i++) {
        struct dp_packet *packet = burst->packets[i];

        if (i + 2 < burst->n) {
            OVS_PREFETCH(dp_packet_data(burst->packets[i + 2]));
            pkt_metadata_prefetch_init(&burst->packets[i + 2]->md);
        }
        if (OVS_UNLIKELY(dp_packet_size(packet) < ETH_HEADER_LEN)) {
            dp_burst_drop(burst, i);
            n_invalid++;
            continue;
        }
        pkt_metadata_init(&packet->md, burst->in_port);
    }
    if (n_invalid) {
        dp_drop_count(DP_DROP_RX_INVALID, n_invalid);
    }
    if (lane->marks && dp_offload_is_enabled(lane->shared->offload)) {
        lookup_marks(lane, burst);
    }
}
