/* SPDX-License-Identifier: Apache-2.0 */

/* Copies of packets in DPDK's buffers: what comes from the pool of the packet,
 * and what must not. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-clone.h"

#include "dp-packet.h"
#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "util.h"

#ifdef DPDK_NETDEV
enum {
    POOL_SIZE = 1024,
    DATA_SIZE = 2048,           /* Of a buffer, with headroom. */
    EXTERNAL_SIZE = 16384,
    LENGTH = 100,               /* Of a packet. */
};

static void
init_packet(struct rte_mempool *pool OVS_UNUSED, void *aux OVS_UNUSED,
            void *packet, unsigned int i OVS_UNUSED)
{
    dp_packet_init_dpdk(packet);
}

static struct rte_mempool *
make_pool(void)
{
    size_t private = ROUND_UP(sizeof(struct dp_packet)
                              - sizeof(struct rte_mbuf),
                              RTE_MBUF_PRIV_ALIGN);
    struct rte_mempool *pool
        = rte_pktmbuf_pool_create("clone", POOL_SIZE, 0, private, DATA_SIZE,
                                  SOCKET_ID_ANY);

    ovs_assert(pool);
    rte_mempool_obj_iter(pool, init_packet, NULL);
    return pool;
}

static struct dp_packet *
make_packet(struct rte_mempool *pool)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    struct dp_packet *packet = CONTAINER_OF(mbuf, struct dp_packet, mbuf);

    ovs_assert(mbuf);
    dp_packet_reset_packet(packet, 0);
    packet->packet_type = htonl(PT_ETH);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    memset(dp_packet_put_uninit(packet, LENGTH), 0x5a, LENGTH);
    return packet;
}

static void
check_same(const struct dp_packet *a, const struct dp_packet *b)
{
    ovs_assert(dp_packet_size(a) == LENGTH && dp_packet_size(b) == LENGTH);
    ovs_assert(!memcmp(dp_packet_data(a), dp_packet_data(b), LENGTH));
}

/* Who copies a burst many times does not take the buffers that the NIC needs
 * for what it receives. */
static void
check_reserve(struct rte_mempool *pool)
{
    struct dp_packet_batch batch, copies[2 * POOL_SIZE / NETDEV_MAX_BURST];
    size_t n_pooled = 0;

    dp_packet_batch_init(&batch);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        dp_packet_batch_add(&batch, make_packet(pool));
    }
    for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
        struct dp_packet *packet;

        dp_clone_batch(&copies[i], &batch);
        ovs_assert(copies[i].count == batch.count);
        DP_PACKET_BATCH_FOR_EACH (j, packet, &copies[i]) {
            check_same(packet, batch.packets[j]);
            n_pooled += packet->source == DPBUF_DPDK;
        }
    }
    ovs_assert(n_pooled >= POOL_SIZE / 2);
    ovs_assert(rte_mempool_avail_count(pool) >= NETDEV_MAX_BURST);

    for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
        dp_packet_delete_batch(&copies[i], true);
    }
    dp_packet_delete_batch(&batch, true);
    ovs_assert(rte_mempool_avail_count(pool) == POOL_SIZE);
}

static void
free_external(void *buffer OVS_UNUSED, void *aux OVS_UNUSED)
{
}

/* A packet whose data are not where a buffer of the pool has room, because
 * they are in somebody else's buffer, is not copied into one. */
static void
check_external(struct rte_mempool *pool)
{
    static char buffer[EXTERNAL_SIZE] OVS_ALIGNED_VAR(8);
    struct rte_mbuf_ext_shared_info *info;
    struct dp_packet_batch batch, copies;
    uint16_t size = EXTERNAL_SIZE;
    struct dp_packet *packet;
    struct rte_mbuf *mbuf;

    mbuf = rte_pktmbuf_alloc(pool);
    info = rte_pktmbuf_ext_shinfo_init_helper(buffer, &size, free_external,
                                              NULL);
    rte_pktmbuf_attach_extbuf(mbuf, buffer, RTE_BAD_IOVA, size, info);
    mbuf->data_off = EXTERNAL_SIZE / 2;

    packet = CONTAINER_OF(mbuf, struct dp_packet, mbuf);
    packet->packet_type = htonl(PT_ETH);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    memset(dp_packet_put_uninit(packet, LENGTH), 0xa5, LENGTH);

    dp_packet_batch_init_packet(&batch, packet);
    dp_clone_batch(&copies, &batch);
    ovs_assert(copies.packets[0]->source == DPBUF_MALLOC);
    check_same(copies.packets[0], packet);
    dp_packet_delete_batch(&copies, true);
    dp_packet_delete_batch(&batch, true);
    ovs_assert(rte_mempool_avail_count(pool) == POOL_SIZE);
}

static void
test_clone_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rte_mempool *pool;

    simnic_plugin_init();
    pool = make_pool();
    check_reserve(pool);
    check_external(pool);
    rte_mempool_free(pool);
}
#else
static void
test_clone_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    dptest_skip("built without DPDK");
}
#endif
DPTEST_REGISTER("clone", test_clone_main);
