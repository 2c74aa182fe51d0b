/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-drop.h"

#include "coverage.h"
#include "dp-packet.h"
#include "util.h"

COVERAGE_DEFINE(datapath_drop_invalid_port);
COVERAGE_DEFINE(datapath_drop_invalid_bond);
COVERAGE_DEFINE(datapath_drop_invalid_tnl_port);
COVERAGE_DEFINE(datapath_drop_tunnel_pop_error);
COVERAGE_DEFINE(datapath_drop_tunnel_push_error);
COVERAGE_DEFINE(datapath_drop_rx_invalid_packet);
COVERAGE_DEFINE(datapath_drop_upcall_error);
COVERAGE_DEFINE(datapath_drop_userspace_action_error);
COVERAGE_DEFINE(datapath_drop_lock_error);
COVERAGE_DEFINE(datapath_drop_recirc_error);

/* Frees the packets of 'batch' and makes it empty.  DPDK's go back to their
 * pool at once, which costs less than one by one. */
void
dp_drop_batch(struct dp_packet_batch *batch)
{
#ifdef DPDK_NETDEV
    bool dpdk = true;
    struct dp_packet *packet;

    BUILD_ASSERT_DECL(!offsetof(struct dp_packet, mbuf));
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        dpdk &= packet->source == DPBUF_DPDK;
    }
    if (OVS_LIKELY(dpdk)) {
        rte_pktmbuf_free_bulk((struct rte_mbuf **) batch->packets,
                              batch->count);
        dp_packet_batch_init(batch);
        return;
    }
#endif
    dp_packet_delete_batch(batch, true);
}

/* Counts 'n' packets that were dropped because of 'drop'. */
void
dp_drop_count(enum dp_drop drop, unsigned int n)
{
    switch (drop) {
#define DP_DROP(ENUM, NAME)                                     \
    case DP_DROP_##ENUM:                                        \
        COVERAGE_ADD(datapath_drop_##NAME, n);                  \
        break;
    DP_DROPS
#undef DP_DROP
    default:
        OVS_NOT_REACHED();
    }
}

/* Drops the packets of 'batch' because of 'drop' if they are to be stolen.
 * Else they go on, and nothing is counted. */
void
dp_drop_stolen(enum dp_drop drop, struct dp_packet_batch *batch, bool steal)
{
    if (steal) {
        dp_drop_count(drop, dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, true);
    }
}
