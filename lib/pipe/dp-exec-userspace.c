/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include <errno.h>

#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-upcall.h"

/* Asks the upper layers about 'packet', takes it over and does what they
 * answer.  Returns false if they do not; the packet is then the caller's. */
static bool
ask(const struct dp_exec *x, struct dp_packet *packet,
    const struct nlattr *userdata, struct ofpbuf *actions)
{
    struct dp_packet_batch one;
    struct flow flow;
    ovs_u128 ufid;
    int error;

    flow_extract(packet, &flow);
    odp_flow_key_hash(&flow, sizeof flow, &ufid);
    ofpbuf_clear(actions);
    error = dp_upcall(x->lane, packet, &flow, NULL, &ufid, DPIF_UC_ACTION,
                      userdata, actions, NULL);
    dp_packet_batch_init_packet(&one, packet);
    if (!error || error == ENOSPC) {
        dp_exec_nlattrs(x, &one, actions->data, actions->size, true);
        return true;
    }
    return false;
}

/* Executes a "userspace" action.  What is not answered is dropped, unless the
 * packet goes on without. */
void
dp_exec_userspace(const struct dp_exec *x, struct dp_packet_batch *batch,
                  const struct nlattr *a, bool steal)
{
    const struct nlattr *userdata;
    struct dp_packet_batch own;
    struct dp_packet *packet;
    struct ofpbuf actions;

    if (!dp_upcall_begin(x->lane)) {
        dp_drop_stolen(x->lane, x->in_port, DP_DROP_LOCK, batch, steal);
        return;
    }
    dp_exec_take(batch, &own, steal);
    dp_exec_cut(&own);

    userdata = nl_attr_find_nested(a, OVS_USERSPACE_ATTR_USERDATA);
    ofpbuf_init(&actions, 0);
    DP_PACKET_BATCH_FOR_EACH (i, packet, &own) {
        if (!ask(x, packet, userdata, &actions)) {
            if (steal) {
                dp_drop_count(x->lane, x->in_port, DP_DROP_USERSPACE, 1,
                              packet);
            }
            dp_packet_delete(packet);
        }
    }
    ofpbuf_uninit(&actions);
    dp_upcall_end(x->lane);
}
