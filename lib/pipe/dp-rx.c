/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "coverage.h"
#include "dp-packet.h"
#include "odp-util.h"
#include "packets.h"
#include "flow/dp-key.h"
#include "offload/dp-offload.h"
#include "ovs/ovs-packet-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-order.h"
#include "pipe/dp-pipe.h"

/* The first stage: makes packets out of what a netdev delivered.
 *
 * A mark means the packet as it arrived, so this is the only stage that looks
 * at marks.  A mark without a flow, or with a flow of another port, means
 * nothing: the packet goes the long way.  So does a packet that a NIC may have
 * read otherwise than extraction would (dp-verify.h); unless the NIC has been
 * asked to see to that itself, its headers have to be looked at.
 *
 * If there are merged flows, the next stage looks first whether there is one
 * for packets whose mark means the begin of a longer way.  Where the mark
 * means a merged flow, the packet must be one that the tracker would let pass:
 * it has the TCP flags that the flow wants, which some NICs can't match on,
 * and its checksums are sound.  Order is kept as in dp-carrier.c: a packet
 * that is not decided here takes along those of its connection, told by the
 * NIC's hash, that are behind it in the burst.
 *
 * Packets leave this stage without metadata ('bare'): many never need them. */

/* May a packet of 'flow' have a merged flow, which takes it to its end? */
static inline bool
may_be_merged(const struct dp_flow *flow)
{
    return (dp_flow_get_output(flow) == ODPP_NONE
            && dp_flow_get_actions(flow)->goes_on);
}

COVERAGE_DEFINE(dp_merged_marked);

/* Would the tracker let 'packet' pass, of the merged 'flow' but for TCP flags,
 * which are 'tcp_flags'?  If the NIC has not looked at checksums, the next
 * stage does. */
static inline bool
may_pass(const struct dp_flow *flow, const struct dp_packet *packet,
         uint16_t tcp_flags)
{
    return ((tcp_flags & flow->tcp_flags_mask) == flow->tcp_flags_value
            && (flow->dl_type != htons(ETH_TYPE_IP)
                || ovs_packet_ip_csum(packet) == OVS_CSUM_GOOD)
            && ovs_packet_l4_csum(packet) == OVS_CSUM_GOOD);
}

/* Takes 'packet', the 'i'th of 'burst', to be of 'flow', which its mark means,
 * unless there is a reason not to.  If the NIC has found it 'sound', no byte
 * of it is read, but for TCP flags.  Returns true if it does. */
static inline bool
take(struct dp_burst *burst, int i, struct dp_flow *flow, bool sound)
{
    struct dp_packet *packet = burst->packets[i];

    if (flow->in_port != burst->in_port || dp_flow_is_dead(flow)
        || !(sound || dp_verify_packet(&flow->verify, packet))) {
        return false;
    }
    burst->flows[i] = flow;
    burst->tcp_flags[i] = (flow->can_be_tcp
                           ? dp_key_peek_tcp_flags(packet) : 0);
    return true;
}

/* Takes those of 'marked' packets, whose marks mean 'flows', that may be
 * taken, of which the NIC has found some 'sound'.  Returns them. */
static uint32_t
take_all(struct dp_burst *burst, uint32_t marked, uint32_t sound,
         struct dp_flow *flows[])
{
    uint32_t hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, marked) {
        if (flows[i] && take(burst, i, flows[i], sound >> i & 1)) {
            hits |= UINT32_C(1) << i;
        }
    }
    return hits;
}

/* Does the same in a lane that has merged flows. */
static uint32_t
take_all_merging(struct dp_lane *lane, struct dp_burst *burst, uint32_t marked,
                 uint32_t sound, struct dp_flow *flows[])
{
    unsigned int n_merged = 0;
    struct dp_order order;      /* By the NIC's hashes. */
    uint32_t hits = 0;

    dp_order_init(&order);
    for (int i = 0; i < burst->n; i++) {
        struct dp_packet *packet = burst->packets[i];
        struct dp_flow *flow = marked & UINT32_C(1) << i ? flows[i] : NULL;
        uint32_t hash = (dp_packet_rss_valid(packet)
                         ? dp_packet_get_rss_hash(packet) : 0);

        if (OVS_LIKELY(flow) && !may_be_merged(flow)
            && !(flow->merged && dp_order_has(&order, hash))
            && take(burst, i, flow, sound >> i & 1)
            && (!flow->merged || may_pass(flow, packet,
                                          burst->tcp_flags[i]))) {
            hits |= UINT32_C(1) << i;
            n_merged += flow->merged;
        } else {
            dp_order_add(&order, hash);
            if (flow && flow->in_port == burst->in_port) {
                lane->mark_found = true;
            }
        }
    }
    COVERAGE_ADD(dp_merged_marked, n_merged);
    return hits;
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
    uint32_t hits, sound = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, marked) {
        slots[i] = dp_mark_index_slot(lane->marks, marks[i]);
        OVS_PREFETCH(slots[i]);
    }
    ULLONG_FOR_EACH_1 (i, marked) {
        bool is_sound;

        flows[i] = dp_mark_slot_read(slots[i], &is_sound);
        sound |= (uint32_t) is_sound << i;
        OVS_PREFETCH_WRITE(flows[i]);
    }
    hits = (dp_tuples_count(&lane->merged)
            ? take_all_merging(lane, burst, marked, sound, flows)
            : take_all(burst, marked, sound, flows));
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
