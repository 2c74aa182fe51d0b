/* SPDX-License-Identifier: Apache-2.0 */

/* Packets go through the pipe of a lane, are changed, put into tunnels and
 * taken out of them, tracked, and come again.  The sanitizers look; besides,
 * no packet may be left over, and each that leaves must be one.
 *
 * Input: how many packets, the actions for each pass, and the packets. */

#include <config.h>
#undef NDEBUG

#include "conntrack.h"
#include "dp-packet.h"
#include "flow.h"
#include "hash.h"
#include "netdev-provider.h"
#include "netdev-vport.h"
#include "odp-execute.h"
#include "odp-util.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "ovs-router.h"
#include "packets.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-meter.h"
#include "pipe/dp-pipe.h"
#include "seq.h"
#include "smap.h"
#include "netdev.h"
#include "tests/fuzz/fuzz-attrs.h"
#include "util.h"

enum { MAX_PACKETS = 4, ACTIONS_SIZE = 24 };

static struct {
    bool ready;
    struct dp_shared shared;
    struct dp_lane lane;
    struct dp_txqs txqs[FUZZ_FIRST_TUNNEL + FUZZ_N_TUNNELS];
} rig;

/* What each pass does, of the present input: with packets as they come, and
 * with those from tunnels, at first and later. */
static struct fuzz_input plan[FUZZ_MAX_RECIRC + 1 + 2];

/* Netdevs that read what they are sent. */

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

static volatile uint32_t sink_hash;

static int
sink_send(struct netdev *netdev OVS_UNUSED, int qid OVS_UNUSED,
          struct dp_packet_batch *batch, bool concurrent OVS_UNUSED)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        ovs_assert(dp_packet_size(packet) <= UINT16_MAX);
        ovs_assert(!dp_packet_is_eth(packet)
                   || dp_packet_size(packet) >= ETH_HEADER_LEN);
        sink_hash = hash_bytes(dp_packet_data(packet),
                               dp_packet_size(packet), 0);
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

/* The flows. */

static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type OVS_UNUSED,
       const struct nlattr *userdata OVS_UNUSED, struct ofpbuf *actions,
       struct flow_wildcards *wc, struct ofpbuf *put_actions OVS_UNUSED,
       void *aux OVS_UNUSED)
{
    bool inner = odp_to_u32(flow->in_port.odp_port) >= FUZZ_FIRST_TUNNEL;
    uint32_t pass = MIN(flow->recirc_id, FUZZ_MAX_RECIRC);
    struct fuzz_input in = plan[inner ? FUZZ_MAX_RECIRC + 1 + (pass > 0)
                                : pass];

    fuzz_attrs_put(&in, flow, actions);
    if (wc) {
        flow_wildcards_init_for_packet(wc, flow);
        wc->masks.in_port.odp_port = ODPP_NONE;
        wc->masks.recirc_id = UINT32_MAX;
    }
    return 0;
}

static void
add_port(int number, const char *type)
{
    struct netdev *netdev;
    char name[16];

    snprintf(name, sizeof name, "fuzz%d", number);
    ovs_assert(!netdev_open(name, type, &netdev));
    if (number >= FUZZ_FIRST_TUNNEL) {
        struct smap args = SMAP_INITIALIZER(&args);
        char *error = NULL;

        smap_add(&args, "remote_ip", "flow");
        smap_add(&args, "key", "flow");
        ovs_assert(!netdev_set_config(netdev, &args, &error));
        smap_destroy(&args);
    }
    dp_txqs_init(&rig.txqs[number]);
    dp_txqs_configure(&rig.txqs[number], 0, 1);
    dp_tx_add_port(&rig.lane.tx, u32_to_odp(number), netdev,
                   &rig.txqs[number]);
}

static void
rig_init(void)
{
    static const char *const tunnels[FUZZ_N_TUNNELS] = {
        "vxlan", "geneve", "gre", "erspan", "gtpu",
    };

    odp_execute_init();
    tnl_conf_seq = seq_create();
    ovs_router_init();
    ovs_assert(!netdev_register_provider(&sink_class));
    netdev_vport_tunnel_register();
    rig.shared.name = "fuzz";
    rig.shared.conntrack = conntrack_init();
    rig.shared.meters = dp_meters_create();
    rig.shared.bonds = dp_bonds_create();
    rig.shared.upcalls_enabled = true;
    rig.shared.upcall_cb = upcall;
    fat_rwlock_init(&rig.shared.upcall_rwlock);
    dp_lane_init(&rig.lane, &rig.shared, NON_PMD_CORE_ID, 0);
    for (int i = 0; i < FUZZ_N_OUTPUTS; i++) {
        add_port(FUZZ_FIRST_OUTPUT + i, "sink");
    }
    for (int i = 0; i < FUZZ_N_TUNNELS; i++) {
        add_port(FUZZ_FIRST_TUNNEL + i, tunnels[i]);
    }
    rig.ready = true;
}

static void
fuzz_pipe(struct fuzz_input *in)
{
    unsigned int n = 1 + fuzz_range(in, MAX_PACKETS);
    struct dp_packet_batch batch;

    if (!rig.ready) {
        rig_init();
    }
    for (size_t i = 0; i < ARRAY_SIZE(plan); i++) {
        size_t size = MIN(in->size, ACTIONS_SIZE);

        plan[i] = (struct fuzz_input) { in->data, size };
        in->data += size;
        in->size -= size;
    }
    dp_packet_batch_init(&batch);
    for (unsigned int i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, fuzz_packet(in, 0));
    }
    dp_packet_batch_init_packet_fields(&batch);
    dp_lane_update_clock(&rig.lane);
    dp_pipe_receive(&rig.lane, &batch, u32_to_odp(FUZZ_FIRST_OUTPUT));
    dp_tx_flush(&rig.lane, true);
    ovs_assert(!rig.lane.n_waiting);
    dp_lane_flush_flows(&rig.lane);
    ovsrcu_quiesce();
}
FUZZ_REGISTER("pipe", fuzz_pipe);
