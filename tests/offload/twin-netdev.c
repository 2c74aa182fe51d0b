/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/offload/twin-netdev.h"

#include <errno.h>

#include "util.h"

static struct twin_netdev *
twin_netdev_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct twin_netdev, up);
}

static struct netdev *
twin_alloc(void)
{
    struct twin_netdev *dev = xzalloc(sizeof *dev);

    return &dev->up;
}

static int
twin_construct(struct netdev *netdev)
{
    struct twin_netdev *dev = twin_netdev_cast(netdev);

    dev->burst = NETDEV_MAX_BURST;
    dev->want_n_rxq = 2;
    netdev->n_rxq = dev->want_n_rxq;
    return 0;
}

static void
twin_empty_rings(struct twin_netdev *dev)
{
    for (int i = 0; i < TWIN_MAX_RXQS; i++) {
        struct twin_ring *ring = &dev->rings[i];

        while (ring->n) {
            dp_packet_delete(ring->packets[ring->head]);
            ring->head = (ring->head + 1) % TWIN_RING_SIZE;
            ring->n--;
        }
    }
}

static void
twin_destruct(struct netdev *netdev)
{
    struct twin_netdev *dev = twin_netdev_cast(netdev);

    ovs_assert(!dev->n_sent);
    twin_empty_rings(dev);
    free(dev->sent);
}

static void
twin_dealloc(struct netdev *netdev)
{
    free(twin_netdev_cast(netdev));
}

static int
twin_reconfigure(struct netdev *netdev)
{
    struct twin_netdev *dev = twin_netdev_cast(netdev);

    if (dev->stop) {
        twin_empty_rings(dev);
        dev->stop = false;
        netdev->n_rxq = dev->want_n_rxq;
    }
    return 0;
}

static struct netdev_rxq *
twin_rxq_alloc(void)
{
    return xzalloc(sizeof(struct netdev_rxq));
}

static int
twin_rxq_construct(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static void
twin_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static void
twin_rxq_dealloc(struct netdev_rxq *rxq)
{
    free(rxq);
}

static int
twin_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
              int *qfill)
{
    struct twin_netdev *dev = twin_netdev_cast(rxq->netdev);
    struct twin_ring *ring = &dev->rings[rxq->queue_id];
    unsigned int n = MIN(dev->burst, ring->n);

    batch->count = 0;
    while (batch->count < n) {
        batch->packets[batch->count++] = ring->packets[ring->head];
        ring->head = (ring->head + 1) % TWIN_RING_SIZE;
        ring->n--;
    }
    if (qfill) {
        *qfill = ring->n;
    }
    return n ? 0 : EAGAIN;
}

void
twin_netdev_keep(struct twin_netdev *dev, struct dp_packet *packet)
{
    if (dev->n_sent == dev->allocated_sent) {
        dev->sent = x2nrealloc(dev->sent, &dev->allocated_sent,
                               sizeof *dev->sent);
    }
    dev->sent[dev->n_sent++] = packet;
}

static int
twin_send(struct netdev *netdev, int qid OVS_UNUSED,
          struct dp_packet_batch *batch, bool concurrent OVS_UNUSED)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        twin_netdev_keep(twin_netdev_cast(netdev), packet);
    }
    return 0;
}

static int
twin_update_flags(struct netdev *netdev OVS_UNUSED,
                  enum netdev_flags off OVS_UNUSED,
                  enum netdev_flags on OVS_UNUSED, enum netdev_flags *old)
{
    *old = NETDEV_UP;
    return 0;
}

static const struct netdev_class twin_class = {
    .type = "twin",
    .alloc = twin_alloc,
    .construct = twin_construct,
    .destruct = twin_destruct,
    .dealloc = twin_dealloc,
    .reconfigure = twin_reconfigure,
    .rxq_alloc = twin_rxq_alloc,
    .rxq_construct = twin_rxq_construct,
    .rxq_destruct = twin_rxq_destruct,
    .rxq_dealloc = twin_rxq_dealloc,
    .rxq_recv = twin_rxq_recv,
    .send = twin_send,
    .update_flags = twin_update_flags,
};

void
twin_netdev_register(void)
{
    int error = netdev_register_provider(&twin_class);

    ovs_assert(!error);
}

struct twin_netdev *
twin_netdev_open(const char *name)
{
    struct netdev *netdev;
    int error = netdev_open(name, "twin", &netdev);

    ovs_assert(!error);
    return twin_netdev_cast(netdev);
}

bool
twin_netdev_receive(struct twin_netdev *dev, unsigned int hash,
                    struct dp_packet *packet)
{
    struct twin_ring *ring = &dev->rings[hash % dev->up.n_rxq];

    if (ring->n == TWIN_RING_SIZE) {
        dp_packet_delete(packet);
        return false;
    }
    ring->packets[(ring->head + ring->n++) % TWIN_RING_SIZE] = packet;
    return true;
}

size_t
twin_netdev_n_waiting(const struct twin_netdev *dev)
{
    size_t n = 0;

    for (int i = 0; i < TWIN_MAX_RXQS; i++) {
        n += dev->rings[i].n;
    }
    return n;
}
