/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "tests/pipe/pipe-rig.h"

#include "dp-packet.h"
#include "netdev-provider.h"
#include "netdev.h"
#include "util.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-meter.h"
#include "pipe/dp-pipe.h"

/* Netdevs of type "sink". */

static void (*show_sent)(const struct netdev *, const struct dp_packet *);

static struct netdev *
sink_alloc(void)
{
    return xzalloc(sizeof(struct netdev));
}

static int
sink_construct(struct netdev *netdev OVS_UNUSED)
{
    return 0;
}

static void
sink_destruct(struct netdev *netdev OVS_UNUSED)
{
}

static void
sink_dealloc(struct netdev *netdev)
{
    free(netdev);
}

static int
sink_send(struct netdev *netdev, int qid OVS_UNUSED,
          struct dp_packet_batch *batch, bool concurrent OVS_UNUSED)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        show_sent(netdev, packet);
    }
    dp_packet_delete_batch(batch, true);
    return 0;
}

static int
sink_update_flags(struct netdev *netdev OVS_UNUSED,
                  enum netdev_flags off OVS_UNUSED,
                  enum netdev_flags on OVS_UNUSED, enum netdev_flags *old)
{
    *old = 0;
    return 0;
}

static const struct netdev_class sink_class = {
    .type = "sink",
    .alloc = sink_alloc,
    .construct = sink_construct,
    .destruct = sink_destruct,
    .dealloc = sink_dealloc,
    .send = sink_send,
    .update_flags = sink_update_flags,
};

/* The rig. */

void
pipe_rig_init(struct pipe_rig *rig, upcall_callback *upcall,
              void (*sent)(const struct netdev *, const struct dp_packet *))
{
    memset(rig, 0, sizeof *rig);
    show_sent = sent;
    ovs_assert(!netdev_register_provider(&sink_class));
    rig->shared.name = "rig";
    rig->shared.meters = dp_meters_create();
    rig->shared.bonds = dp_bonds_create();
    rig->shared.upcalls_enabled = true;
    rig->shared.upcall_cb = upcall;
    fat_rwlock_init(&rig->shared.upcall_rwlock);
    dp_lane_init(&rig->lane, &rig->shared, NON_PMD_CORE_ID, 0);
}

void
pipe_rig_uninit(struct pipe_rig *rig)
{
    for (unsigned int i = 0; i < PIPE_RIG_MAX_PORTS; i++) {
        if (rig->netdevs[i]) {
            dp_tx_del_port(&rig->lane, u32_to_odp(i));
            dp_txqs_uninit(&rig->txqs[i]);
        }
    }
    dp_lane_uninit(&rig->lane);
    for (unsigned int i = 0; i < PIPE_RIG_MAX_PORTS; i++) {
        netdev_close(rig->netdevs[i]);
    }
    fat_rwlock_destroy(&rig->shared.upcall_rwlock);
    dp_bonds_destroy(rig->shared.bonds);
    dp_meters_destroy(rig->shared.meters);
    ovs_assert(!netdev_unregister_provider(sink_class.type));
}

struct netdev *
pipe_rig_add_port(struct pipe_rig *rig, unsigned int number, const char *type)
{
    struct dp_txqs *txqs = &rig->txqs[number];
    char name[16];

    ovs_assert(number < PIPE_RIG_MAX_PORTS && !rig->netdevs[number]);
    snprintf(name, sizeof name, "rig%u", number);
    ovs_assert(!netdev_open(name, type, &rig->netdevs[number]));
    dp_txqs_init(txqs);
    dp_txqs_configure(txqs, DP_TXQ_STATIC, 1);
    dp_tx_add_port(&rig->lane.tx, u32_to_odp(number), rig->netdevs[number],
                   txqs);
    return rig->netdevs[number];
}

void
pipe_rig_receive(struct pipe_rig *rig, struct dp_packet_batch *batch,
                 unsigned int in_port)
{
    dp_packet_batch_init_packet_fields(batch);
    dp_lane_update_clock(&rig->lane);
    dp_pipe_receive(&rig->lane, batch, u32_to_odp(in_port));
    dp_tx_flush(&rig->lane, true);
}
