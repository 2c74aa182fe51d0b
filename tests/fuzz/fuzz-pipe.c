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
#include "netdev.h"
#include "netdev-vport.h"
#include "odp-execute.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "ovs-router.h"
#include "packets.h"
#include "seq.h"
#include "smap.h"
#include "util.h"
#include "tests/fuzz/fuzz-attrs.h"
#include "tests/pipe/pipe-rig.h"

enum { MAX_PACKETS = 4, ACTIONS_SIZE = 24 };

/* What each pass does, of the present input: with packets as they come, and
 * with those from tunnels, at first and later. */
static struct fuzz_input plan[FUZZ_MAX_RECIRC + 1 + 2];

static volatile uint32_t sent_hash;

/* Reads what is sent. */
static void
read_sent(const struct netdev *netdev OVS_UNUSED,
          const struct dp_packet *packet)
{
    ovs_assert(dp_packet_size(packet) <= UINT16_MAX);
    ovs_assert(!dp_packet_is_eth(packet)
               || dp_packet_size(packet) >= ETH_HEADER_LEN);
    sent_hash = hash_bytes(dp_packet_data(packet), dp_packet_size(packet), 0);
}

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
add_tunnel(struct pipe_rig *rig, int number, const char *type)
{
    struct smap args = SMAP_INITIALIZER(&args);
    char *error = NULL;

    smap_add(&args, "remote_ip", "flow");
    smap_add(&args, "key", "flow");
    ovs_assert(!netdev_set_config(pipe_rig_add_port(rig, number, type), &args,
                                  &error));
    smap_destroy(&args);
}

/* Returns a rig with all ports.  It lasts for ever. */
static struct pipe_rig *
rig_create(void)
{
    static const char *const tunnels[FUZZ_N_TUNNELS] = {
        "vxlan", "geneve", "gre", "erspan", "gtpu",
    };
    struct pipe_rig *rig = xmalloc(sizeof *rig);

    odp_execute_init();
    tnl_conf_seq = seq_create();
    ovs_router_init();
    pipe_rig_init(rig, upcall, read_sent);
    netdev_vport_tunnel_register();
    rig->shared.conntrack = conntrack_init();
    for (int i = 0; i < FUZZ_N_OUTPUTS; i++) {
        pipe_rig_add_port(rig, FUZZ_FIRST_OUTPUT + i, "sink");
    }
    for (int i = 0; i < FUZZ_N_TUNNELS; i++) {
        add_tunnel(rig, FUZZ_FIRST_TUNNEL + i, tunnels[i]);
    }
    return rig;
}

static void
fuzz_pipe(struct fuzz_input *in)
{
    unsigned int n = 1 + fuzz_range(in, MAX_PACKETS);
    struct dp_packet_batch batch;
    static struct pipe_rig *rig;

    if (!rig) {
        rig = rig_create();
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
    pipe_rig_receive(rig, &batch, FUZZ_FIRST_OUTPUT);
    ovs_assert(!rig->lane.n_waiting);
    dp_lane_flush_flows(&rig->lane);
    ovsrcu_quiesce();
}
FUZZ_REGISTER("pipe", fuzz_pipe);
