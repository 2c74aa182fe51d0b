/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-clone.h"

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"

struct rte_mempool;

#ifdef DPDK_NETDEV
/* Copies are made in the pool while more than 1 in RESERVE of its buffers are
 * free. */
enum { RESERVE = 16 };

/* Copies what stands behind the buffer: offsets and metadata.  Of the
 * metadata, the tunnel's are long and mostly absent. */
static void
copy_context(struct dp_packet *copy, const struct dp_packet *packet)
{
    const size_t start = offsetof(struct dp_packet, l2_pad_size);
    const size_t end = offsetof(struct dp_packet, md.tunnel);

    memcpy((char *) copy + start, (const char *) packet + start, end - start);
    if (OVS_UNLIKELY(flow_tnl_dst_is_set(&packet->md.tunnel))) {
        copy->md.tunnel = packet->md.tunnel;
    } else {
        copy->md.tunnel.ip_dst = 0;
        copy->md.tunnel.ipv6_dst = in6addr_any;
    }
}

/* Has 'pool' more buffers than the NIC will need for what it receives next?
 * Those in the caches of threads do not count. */
static bool
is_plentiful(const struct rte_mempool *pool)
{
    return (rte_mempool_get_ops(pool->ops_index)->get_count(pool)
            > pool->size / RESERVE);
}

/* Returns a copy in a buffer of the same pool, or NULL.  '*plentiful' is the
 * pool that was last found to be that, or NULL. */
static struct dp_packet *
clone_mbuf(const struct dp_packet *packet,
           const struct rte_mempool **plentiful)
{
    const struct rte_mbuf *from = &packet->mbuf;
    struct rte_mbuf *to;

    if (packet->source != DPBUF_DPDK || from->nb_segs != 1) {
        return NULL;
    }
    if (from->pool != *plentiful) {
        if (OVS_UNLIKELY(!is_plentiful(from->pool))) {
            return NULL;
        }
        *plentiful = from->pool;
    }
    to = rte_pktmbuf_alloc(from->pool);
    if (!to) {
        return NULL;
    }
    if (OVS_UNLIKELY(from->data_off + from->data_len > to->buf_len)) {
        rte_pktmbuf_free(to);       /* Its buffer was not the pool's own. */
        return NULL;
    }
    to->data_off = from->data_off;
    to->data_len = from->data_len;
    to->pkt_len = from->pkt_len;
    to->ol_flags = from->ol_flags & ~(RTE_MBUF_F_INDIRECT
                                      | RTE_MBUF_F_EXTERNAL);
    to->packet_type = from->packet_type;
    to->hash = from->hash;
    to->tx_offload = from->tx_offload;
    memcpy(rte_pktmbuf_mtod(to, void *), rte_pktmbuf_mtod(from, void *),
           from->data_len);

    struct dp_packet *copy = CONTAINER_OF(to, struct dp_packet, mbuf);
    copy_context(copy, packet);
    return copy;
}
#else
static struct dp_packet *
clone_mbuf(const struct dp_packet *packet OVS_UNUSED,
           const struct rte_mempool **plentiful OVS_UNUSED)
{
    return NULL;
}
#endif

void
dp_clone_batch(struct dp_packet_batch *copies,
               const struct dp_packet_batch *batch)
{
    const struct rte_mempool *plentiful = NULL;

    dp_packet_batch_init(copies);
    for (size_t i = 0; i < batch->count; i++) {
        struct dp_packet *copy = clone_mbuf(batch->packets[i], &plentiful);

        copies->packets[i] = (OVS_LIKELY(copy)
                              ? copy : dp_packet_clone(batch->packets[i]));
    }
    copies->count = batch->count;
    copies->trunc = batch->trunc;
}
