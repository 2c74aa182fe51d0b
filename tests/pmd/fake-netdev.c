/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG
#include "tests/pmd/fake-netdev.h"

#include <errno.h>

#include "dp-packet.h"
#include "util.h"

static struct fake *
fake_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct fake, up);
}

static struct netdev *
fake_alloc(void)
{
    struct fake *fake = xzalloc(sizeof *fake);

    return &fake->up;
}

static int
fake_construct(struct netdev *netdev)
{
    struct fake *fake = fake_cast(netdev);

    fake->want_rxq = fake->want_txq = 1;
    netdev->n_rxq = netdev->n_txq = 1;
    for (int i = 0; i < MAX_RXQS; i++) {
        atomic_count_init(&fake->due[i], 0);
    }
    atomic_count_init(&fake->n_received, 0);
    atomic_count_init(&fake->n_sent, 0);
    atomic_init(&fake->error, 0);
    atomic_count_init(&fake->n_errors, 0);
    return 0;
}

static void
fake_destruct(struct netdev *netdev OVS_UNUSED)
{
}

static void
fake_dealloc(struct netdev *netdev)
{
    free(fake_cast(netdev));
}

static int
fake_get_numa_id(const struct netdev *netdev OVS_UNUSED)
{
    return 0;
}

static int
fake_set_tx_multiq(struct netdev *netdev, unsigned int n_txq)
{
    struct fake *fake = fake_cast(netdev);

    if (fake->want_txq != n_txq) {
        fake->want_txq = n_txq;
        netdev_request_reconfigure(netdev);
    }
    return 0;
}

static int
fake_reconfigure(struct netdev *netdev)
{
    struct fake *fake = fake_cast(netdev);

    if (fake->broken) {
        return EIO;
    }
    netdev->n_rxq = fake->want_rxq;
    netdev->n_txq = fake->want_txq;
    return 0;
}

static int
fake_update_flags(struct netdev *netdev, enum netdev_flags off OVS_UNUSED,
                  enum netdev_flags on OVS_UNUSED, enum netdev_flags *old)
{
    *old = NETDEV_UP | (fake_cast(netdev)->loopback ? NETDEV_LOOPBACK : 0);
    return 0;
}

static int
fake_send(struct netdev *netdev, int qid, struct dp_packet_batch *batch,
          bool concurrent_txq OVS_UNUSED)
{
    struct fake *fake = fake_cast(netdev);

    ovs_assert(qid < netdev->n_txq);
    for (int i = dp_packet_batch_size(batch); i > 0; i--) {
        atomic_count_inc(&fake->n_sent);
    }
    dp_packet_delete_batch(batch, true);
    return 0;
}

static struct netdev_rxq *
fake_rxq_alloc(void)
{
    return xzalloc(sizeof(struct netdev_rxq));
}

static int
fake_rxq_construct(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static void
fake_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static void
fake_rxq_dealloc(struct netdev_rxq *rxq)
{
    free(rxq);
}

/* A lane asks as part of its housekeeping. */
static bool
fake_rxq_enabled(struct netdev_rxq *rxq)
{
    atomic_count_set(&fake_cast(rxq->netdev)->n_unchecked, 0);
    return true;
}

static int
fake_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
              int *qfill)
{
    struct fake *fake = fake_cast(rxq->netdev);
    struct dp_packet *packet;
    int error;

    if (fake->recv_ns) {
        unsigned int n;

        xnanosleep(fake->recv_ns);
        n = atomic_count_inc(&fake->n_unchecked) + 1;
        if (n > atomic_count_get(&fake->max_unchecked)) {
            atomic_count_set(&fake->max_unchecked, n);
        }
    }
    if (fake->on_recv) {
        fake->on_recv(fake);
    }
    atomic_read(&fake->error, &error);
    if (error) {
        atomic_count_inc(&fake->n_errors);
        return error;
    }
    if (!atomic_count_get(&fake->due[rxq->queue_id])) {
        return EAGAIN;
    }
    atomic_count_dec(&fake->due[rxq->queue_id]);
    atomic_count_inc(&fake->n_received);
    packet = dp_packet_new(64);
    memset(dp_packet_put_zeros(packet, 64), 0x12, 14);
    dp_packet_batch_init_packet(batch, packet);
    if (qfill) {
        *qfill = -ENOTSUP;
    }
    return 0;
}

#define FAKE_CLASS(TYPE, IS_PMD)                \
    {                                           \
        .type = TYPE,                           \
        .is_pmd = IS_PMD,                       \
        .alloc = fake_alloc,                    \
        .construct = fake_construct,            \
        .destruct = fake_destruct,              \
        .dealloc = fake_dealloc,                \
        .get_numa_id = fake_get_numa_id,        \
        .set_tx_multiq = fake_set_tx_multiq,    \
        .reconfigure = fake_reconfigure,        \
        .update_flags = fake_update_flags,      \
        .send = fake_send,                      \
        .rxq_alloc = fake_rxq_alloc,            \
        .rxq_construct = fake_rxq_construct,    \
        .rxq_destruct = fake_rxq_destruct,      \
        .rxq_dealloc = fake_rxq_dealloc,        \
        .rxq_recv = fake_rxq_recv,              \
        .rxq_enabled = fake_rxq_enabled,        \
    }

static const struct netdev_class fake_classes[] = {
    FAKE_CLASS("fake", false),
    FAKE_CLASS("fake-pmd", true),
};

/* The caller closes it. */
struct fake *
fake_open(const char *name, const char *type, int n_rxq)
{
    struct netdev *netdev;

    ovs_assert(!netdev_open(name, type, &netdev));
    fake_cast(netdev)->want_rxq = n_rxq;
    return fake_cast(netdev);
}

/* Makes 'n' more packets due in queue 'rxq'. */
void
fake_inject(struct fake *fake, int rxq, int n)
{
    while (n--) {
        atomic_count_inc(&fake->due[rxq]);
    }
}

void
fake_register(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fake_classes); i++) {
        ovs_assert(!netdev_register_provider(&fake_classes[i]));
    }
}
