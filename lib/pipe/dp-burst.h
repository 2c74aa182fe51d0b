/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BURST_H
#define DP_BURST_H 1

/* dp-burst: packets on their way through the pipe
 * ===============================================
 *
 * Job.  Carry up to 32 packets from one port from stage to stage, as parallel
 * arrays.  A packet is undecided (its bit in 'undecided' is set), decided (it
 * has a flow, or actions of its own after an upcall), or gone (dropped: it is
 * neither).
 *
 * Whatever brings packets into the pipe, dp_burst_init() is their way in: what
 * is too short to be a packet (dp-header.h) ends there.  So stages need not
 * look whether an Ethernet packet has an Ethernet header.
 *
 * Owns.  Its packets, from dp_burst_init() until a stage drops them or
 * dp_exec_run() has executed them; the actions in 'once'.
 *
 * Life.  On the stack of dp_pipe_run().  'keys' is filled only for packets
 * that the lookup stage had to extract. */

#include "dp-packet.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow.h"
#include "flow/dp-header.h"
#include "flow/dp-key.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"

/* The packets of a burst that are to be treated alike. */
struct dp_group {
    struct dp_flow *flow;               /* To count on; NULL: 'once' of the
                                         * only packet counts. */
    unsigned int n_bytes;
    uint16_t tcp_flags;
    uint32_t members;                   /* Bitmap; arrival order. */
};

struct dp_burst {
    odp_port_t in_port;
    unsigned int depth;                 /* Recirculations so far. */
    size_t n;
    uint32_t undecided;                 /* Bitmap. */
    uint32_t decided;                   /* Bitmap. */
    uint32_t bare;                      /* Bitmap: metadata are not set. */
    uint32_t unparsed;                  /* Bitmap: nor are offsets. */
    uint32_t answered;                  /* Bitmap: decided by an upcall. */
    struct dp_packet *packets[NETDEV_MAX_BURST];
    struct dp_flow *flows[NETDEV_MAX_BURST];
    struct dp_actions *once[NETDEV_MAX_BURST];  /* Of 'answered' packets. */
    uint16_t tcp_flags[NETDEV_MAX_BURST];
    struct dp_key *keys[NETDEV_MAX_BURST];      /* In 'key_store'. */

    size_t n_groups;
    struct dp_group groups[NETDEV_MAX_BURST];
    struct dp_key key_store[NETDEV_MAX_BURST];
};

BUILD_ASSERT_DECL(NETDEV_MAX_BURST == 32);

/* Returns the bitmap of all packets of 'burst'. */
static inline uint32_t
dp_burst_all(const struct dp_burst *burst)
{
    return burst->n == 32 ? UINT32_MAX : (UINT32_C(1) << burst->n) - 1;
}

/* Makes 'burst' one of the packets of 'batch', of which it takes ownership; it
 * is what 'lane' does next.  Those that are too short are dropped. */
static inline void
dp_burst_init(struct dp_lane *lane, struct dp_burst *burst,
              const struct dp_packet_batch *batch, odp_port_t in_port,
              unsigned int depth)
{
    size_t n = 0;

    lane->work->depth = depth;
    for (size_t i = 0; i < batch->count; i++) {
        struct dp_packet *packet = batch->packets[i];

        if (OVS_UNLIKELY(dp_header_is_short(packet))) {
            dp_drop_count(lane, in_port, DP_DROP_RX_INVALID, 1, packet);
            dp_packet_delete(packet);
            continue;
        }
        burst->packets[n++] = packet;
    }
    burst->in_port = in_port;
    burst->depth = depth;
    burst->n = n;
    burst->undecided = dp_burst_all(burst);
    burst->decided = 0;
    burst->bare = burst->unparsed = 0;
    burst->answered = 0;
    burst->n_groups = 0;
}

/* The undecided 'packets' go to their 'flows'; 'tcp_flags' are set, too. */
static inline void
dp_burst_decide_all(struct dp_burst *burst, uint32_t packets)
{
    burst->undecided &= ~packets;
    burst->decided |= packets;
}

/* Packet 'i' goes to 'flow'. */
static inline void
dp_burst_decide(struct dp_burst *burst, int i, struct dp_flow *flow,
                uint16_t tcp_flags)
{
    burst->flows[i] = flow;
    burst->tcp_flags[i] = tcp_flags;
    dp_burst_decide_all(burst, UINT32_C(1) << i);
}

/* Packet 'i' ends here. */
static inline void
dp_burst_drop(struct dp_burst *burst, int i)
{
    dp_packet_delete(burst->packets[i]);
    burst->undecided &= ~(UINT32_C(1) << i);
}

#endif /* dp-burst.h */
