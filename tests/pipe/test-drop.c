/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-drop.h"

#include <errno.h>

#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "pipe/dp-pipe.h"
#include "tests/dptest.h"
#include "tests/pipe/pipe-rig.h"

/* Packets with random lists of actions.  A model says of each packet, and of
 * each copy, how it ends: it is sent, a counter tells why it was not, or the
 * list says nothing of it.  The switch must have sent so many, and each
 * counter of drops must have counted so many: no more, no less. */

#define REASONS                                                 \
    REASON(invalid_port)                                        \
    REASON(invalid_bond)                                        \
    REASON(invalid_tnl_port)                                    \
    REASON(rx_invalid_packet)                                   \
    REASON(userspace_action_error)                              \
    REASON(upcall_error)

enum reason {
#define REASON(NAME) R_##NAME,
    REASONS
#undef REASON
    N_REASONS
};

#define REASON(NAME) \
    extern struct coverage_counter counter_datapath_drop_##NAME;
REASONS
#undef REASON

struct tally {
    unsigned int n_sent;
    unsigned int drops[N_REASONS];
};

enum { PORT = 1, NO_PORT = 9, AGAIN = 7 };

static unsigned int n_sent;

static void
count_sent(const struct netdev *netdev OVS_UNUSED,
           const struct dp_packet *packet OVS_UNUSED)
{
    n_sent++;
}

/* The lists. */

static struct ofpbuf list;              /* Of the packets in the pipe. */

static void
put_random_actions(struct ofpbuf *actions, int depth)
{
    const struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN),
        .vlan_tci = htons(VLAN_CFI | 5),
    };
    const struct ovs_action_trunc trunc = { .max_len = 20 };

    for (unsigned int n = random_range(5); n; n--) {
        size_t start;

        switch (random_range(depth ? 10 : 9)) {
        case 0:
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, NO_PORT);
            break;
        case 1:
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_LB_OUTPUT, 1);
            break;
        case 2:
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_TUNNEL_POP, NO_PORT);
            break;
        case 3:
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, AGAIN);
            break;
        case 4:
            start = nl_msg_start_nested(actions, OVS_ACTION_ATTR_USERSPACE);
            nl_msg_put_u32(actions, OVS_USERSPACE_ATTR_USERDATA,
                           random_range(2));
            nl_msg_end_nested(actions, start);
            break;
        case 5:
            nl_msg_put_unspec(actions, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                              sizeof vlan);
            break;
        case 6:
            nl_msg_put_unspec(actions, OVS_ACTION_ATTR_TRUNC, &trunc,
                              sizeof trunc);
            break;
        case 9:
            start = nl_msg_start_nested(actions, OVS_ACTION_ATTR_CLONE);
            put_random_actions(actions, depth - 1);
            nl_msg_end_nested(actions, start);
            break;
        default:
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, PORT);
            break;
        }
    }
}

/* What happens to a packet that 'actions' are done to.  The last one ends
 * it. */
static void
model(const struct nlattr *actions, size_t len, struct tally *tally)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, actions, len) {
        bool last = left <= NLA_ALIGN(a->nla_len);

        switch ((int) nl_attr_type(a)) {
        case OVS_ACTION_ATTR_OUTPUT:
            if (nl_attr_get_u32(a) == PORT) {
                tally->n_sent++;
            } else {
                tally->drops[R_invalid_port] += last;
            }
            break;
        case OVS_ACTION_ATTR_LB_OUTPUT:
            tally->drops[R_invalid_bond] += last;
            break;
        case OVS_ACTION_ATTR_TUNNEL_POP:
            tally->drops[R_invalid_tnl_port] += last;
            break;
        case OVS_ACTION_ATTR_RECIRC:
            tally->drops[R_upcall_error]++;     /* A packet of its own. */
            break;
        case OVS_ACTION_ATTR_USERSPACE:
            if (nl_attr_get_u32(nl_attr_get(a))) {
                tally->n_sent++;
            } else {
                tally->drops[R_userspace_action_error] += last;
            }
            break;
        case OVS_ACTION_ATTR_CLONE:
            model(nl_attr_get(a), nl_attr_get_size(a), tally);
            break;
        }
    }
}

/* A recirculated packet is refused; user data of 1 let the packet be sent. */
static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type, const struct nlattr *userdata,
       struct ofpbuf *actions, struct flow_wildcards *wc OVS_UNUSED,
       struct ofpbuf *put_actions OVS_UNUSED, void *aux OVS_UNUSED)
{
    if (type == DPIF_UC_ACTION) {
        if (!nl_attr_get_u32(userdata)) {
            return EAGAIN;
        }
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, PORT);
        return 0;
    } else if (flow->recirc_id) {
        return EAGAIN;
    }
    ofpbuf_put(actions, list.data, list.size);
    return ENOSPC;
}

/* Sends a few packets, some of which are too short, through the pipe. */
static void
check_list(struct pipe_rig *rig)
{
    struct tally expected, seen;
    struct dp_packet_batch batch;

    memset(&expected, 0, sizeof expected);
    memset(&seen, 0, sizeof seen);
    dp_packet_batch_init(&batch);
    ofpbuf_clear(&list);
    put_random_actions(&list, 2);
    for (unsigned int n = 1 + random_range(4); n; n--) {
        struct dp_packet *packet = dp_packet_new_with_headroom(64, 64);
        bool is_short = !random_range(10);

        dp_packet_put_zeros(packet, is_short ? 13 : 60);
        dp_packet_batch_add(&batch, packet);
        if (is_short) {
            expected.drops[R_rx_invalid_packet]++;
        } else {
            model(list.data, list.size, &expected);
        }
    }
    n_sent = 0;
    pipe_rig_receive(rig, &batch, 2);

    seen.n_sent = n_sent;
#define REASON(NAME) \
    seen.drops[R_##NAME] = counter_datapath_drop_##NAME.count();
    REASONS
#undef REASON
    ovs_assert(!memcmp(&seen, &expected, sizeof seen));
}

/* What 'drops' have counted as upcalls that failed, of packets from all ports;
 * of 'gone', from those that have gone. */
static uint64_t
count_drops(const struct dp_drops *drops, bool gone)
{
    struct dp_drops_port *port;
    uint64_t n = 0;

    CMAP_FOR_EACH (port, node, &drops->ports) {
        const struct dp_dropped *dropped
            = ovsrcu_get(struct dp_dropped *,
                         &port->dropped[DP_DROP_UPCALL]);

        if (dropped && (!gone || port->port_no == DP_DROPS_GONE)) {
            n += dp_dropped_n(dropped);
        }
    }
    return n;
}

/* Ports come and go with the same number: no packet is forgotten, neither then
 * nor when the lane ends. */
static void
check_books(void)
{
    struct dp_drops past;
    struct pipe_rig rig;

    pipe_rig_init(&rig, upcall, count_sent);
    dp_drops_init(&past);
    dp_drop_count(&rig.lane, u32_to_odp(PORT), DP_DROP_UPCALL, 3, NULL);
    ovs_assert(count_drops(&rig.lane.drops, false) == 3);
    ovs_assert(count_drops(&rig.lane.drops, true) == 0);

    pipe_rig_add_port(&rig, PORT, "sink");
    dp_drop_count(&rig.lane, u32_to_odp(PORT), DP_DROP_UPCALL, 4, NULL);
    dp_drop_count(&rig.lane, u32_to_odp(PORT), DP_DROP_UPCALL, 5, NULL);
    ovs_assert(count_drops(&rig.lane.drops, false) == 12);
    ovs_assert(count_drops(&rig.lane.drops, true) == 3);

    dp_drops_add(&past, &rig.lane.drops);
    dp_drops_add(&past, &rig.lane.drops);
    ovs_assert(count_drops(&past, false) == 24);
    ovs_assert(count_drops(&past, true) == 6);
    dp_drops_uninit(&past);
    pipe_rig_uninit(&rig);
}

/* Metadata may be those of a packet before, but nothing of that is told. */

/* Has packets sent to a port that is not there, by a flow; or again first. */
static int
install_upcall(const struct dp_packet *packet OVS_UNUSED,
               const struct flow *flow, ovs_u128 *ufid OVS_UNUSED,
               unsigned int pmd_id OVS_UNUSED,
               enum dpif_upcall_type type OVS_UNUSED,
               const struct nlattr *userdata OVS_UNUSED,
               struct ofpbuf *actions, struct flow_wildcards *wc,
               struct ofpbuf *put_actions OVS_UNUSED, void *again)
{
    WC_MASK_FIELD(wc, recirc_id);
    WC_MASK_FIELD(wc, packet_type);
    WC_MASK_FIELD(wc, in_port);
    WC_MASK_FIELD(wc, dl_type);
    wc->masks.vlans[0].tci = htons(VLAN_VID_MASK | VLAN_CFI);
    if (again && !flow->recirc_id) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, AGAIN);
    } else {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, NO_PORT);
    }
    return 0;
}

/* Returns the recirculation ID that is told of the last packet that was
 * dropped because of 'drop'. */
static uint32_t
last_recirc_id(const struct pipe_rig *rig, enum dp_drop drop)
{
    struct dp_dropped_packet last = { .when = 0 };
    struct dp_drops_port *port;

    CMAP_FOR_EACH (port, node, &rig->lane.drops.ports) {
        const struct dp_dropped *dropped
            = ovsrcu_get(struct dp_dropped *, &port->dropped[drop]);

        if (dropped) {
            ovs_assert(dp_dropped_last(dropped, &last));
        }
    }
    ovs_assert(last.when);
    return last.recirc_id;
}

static struct dp_packet *
make_packet(size_t size, uint32_t recirc_id)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(64, 64);

    dp_packet_put_zeros(packet, size);
    packet->md.in_port.odp_port = u32_to_odp(PORT);
    packet->md.recirc_id = recirc_id;
    return packet;
}

/* Receives a packet of 'size' bytes. */
static void
receive_one(struct pipe_rig *rig, size_t size)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, make_packet(size, UINT32_MAX));
    pipe_rig_receive(rig, &batch, PORT);
}

/* Executes actions on a packet of the upper layers'. */
static void
execute_one(struct pipe_rig *rig)
{
    const struct flow flow = { .recirc_id = AGAIN };
    struct dp_packet_batch batch;
    struct ofpbuf actions;
    size_t start;

    ofpbuf_init(&actions, 0);
    start = nl_msg_start_nested(&actions, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_u32(&actions, OVS_ACTION_ATTR_OUTPUT, NO_PORT);
    nl_msg_end_nested(&actions, start);
    dp_packet_batch_init_packet(&batch, make_packet(60, AGAIN));
    dp_pipe_execute(&rig->lane, &batch, &flow, actions.data, actions.size);
    dp_packet_delete_batch(&batch, true);
    ofpbuf_uninit(&actions);
}

static void
check_recirc_id(bool again)
{
    struct pipe_rig rig;

    pipe_rig_init(&rig, install_upcall, count_sent);
    rig.shared.upcall_aux = again ? &rig : NULL;
    pipe_rig_add_port(&rig, PORT, "sink");
    receive_one(&rig, 13);
    ovs_assert(!last_recirc_id(&rig, DP_DROP_RX_INVALID));
    for (int i = 0; i < 4; i++) {
        receive_one(&rig, 60);
        ovs_assert(last_recirc_id(&rig, DP_DROP_INVALID_PORT)
                   == (again ? AGAIN : 0));
    }
    receive_one(&rig, 13);
    ovs_assert(!last_recirc_id(&rig, DP_DROP_RX_INVALID));
    execute_one(&rig);
    ovs_assert(last_recirc_id(&rig, DP_DROP_INVALID_PORT) == AGAIN);
    dp_lane_flush_flows(&rig.lane);
    pipe_rig_uninit(&rig);
}

static void
test_drop_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct pipe_rig rig;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    pipe_rig_init(&rig, upcall, count_sent);
    pipe_rig_add_port(&rig, PORT, "sink");
    ofpbuf_init(&list, 0);

    for (int i = 0; i < 30000; i++) {
        check_list(&rig);
    }

    ofpbuf_uninit(&list);
    pipe_rig_uninit(&rig);
    check_books();
    check_recirc_id(false);
    check_recirc_id(true);
}
DPTEST_REGISTER("drop", test_drop_main);
