/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/upcall-sample.h"

#include "ofproto/connmgr.h"
#include "dp-packet.h"
#include "netlink.h"
#include "ofproto/ofproto-dpif-ipfix.h"
#include "ofproto/ofproto-dpif-rid.h"
#include "ofproto/ofproto-dpif-sflow.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/udpif.h"
#include "ofproto/upcall-log.h"
#include "ofproto/upcall.h"
#include "unaligned.h"
#include "util.h"

/* The actions that the sampled packet will undergo.  The kernel sends them
 * along if asked to; in the userspace datapath the packet's flow is at hand.
 * Returns false if they are not known. */
static bool
sampled_actions(struct udpif *udpif, const struct upcall *upcall,
                const struct nlattr **actions, size_t *size)
{
    if (upcall->actions) {
        *actions = nl_attr_get(upcall->actions);
        *size = nl_attr_get_size(upcall->actions);
    } else {
        const struct udpif_key *ukey
            = ukey_map_find(udpif->ukeys, upcall->ufid, upcall->pmd_id);
        const struct ukey_actions *acts = ukey ? ukey_actions(ukey) : NULL;

        *actions = (acts ? ALIGNED_CAST(const struct nlattr *, acts->data)
                    : NULL);
        *size = acts ? acts->size : 0;
    }
    return *size > 0;
}

static void
sample_sflow(struct udpif *udpif, const struct upcall *upcall)
{
    struct dpif_sflow_actions parsed;
    const struct nlattr *actions;
    bool known;
    size_t size;

    memset(&parsed, 0, sizeof parsed);
    known = sampled_actions(udpif, upcall, &actions, &size);
    if (known) {
        dpif_sflow_read_actions(upcall->flow, actions, size, &parsed, true);
    }
    dpif_sflow_received(upcall->sflow, upcall->packet, upcall->flow,
                        upcall->flow->in_port.odp_port, &upcall->cookie,
                        known ? &parsed : NULL);
}

/* For both kinds of IPFIX: samples of a bridge and of an OpenFlow action. */
static void
sample_ipfix(struct udpif *udpif, const struct upcall *upcall)
{
    odp_port_t in_port = upcall->flow->in_port.odp_port;
    struct dpif_ipfix_actions parsed, *parsedp = NULL;
    struct flow_tnl tunnel, *tunnelp = NULL;
    const struct nlattr *actions;
    size_t size;

    if (upcall->out_tun_key) {
        memset(&tunnel, 0, sizeof tunnel);
        if (odp_tun_key_from_attr(upcall->out_tun_key, &tunnel, NULL)
            == ODP_FIT_ERROR) {
            return;
        }
        tunnelp = &tunnel;
    }
    if (sampled_actions(udpif, upcall, &actions, &size)) {
        memset(&parsed, 0, sizeof parsed);
        dpif_ipfix_read_actions(upcall->flow, actions, size, &parsed);
        parsedp = &parsed;
    }

    if (upcall->kind == UPCALL_IPFIX) {
        dpif_ipfix_bridge_sample(upcall->ipfix, upcall->packet, upcall->flow,
                                 in_port,
                                 upcall->cookie.ipfix.output_odp_port,
                                 tunnelp, parsedp);
    } else {
        dpif_ipfix_flow_sample(upcall->ipfix, upcall->packet, upcall->flow,
                               &upcall->cookie, in_port, tunnelp, parsedp);
    }
}

/* Copies to 'pin' what the controller needs to resume the translation that
 * 'state' froze. */
static void
put_continuation(struct ofputil_packet_in_private *pin,
                 const struct frozen_state *state,
                 const struct upcall *upcall)
{
    pin->bridge = upcall->ofproto->uuid;
    pin->stack = xmemdup(state->stack, state->stack_size);
    pin->stack_size = state->stack_size;
    pin->mirrors = state->mirrors;
    pin->conntracked = state->conntracked;
    pin->actions = xmemdup(state->ofpacts, state->ofpacts_len);
    pin->actions_len = state->ofpacts_len;
    pin->action_set = xmemdup(state->action_set, state->action_set_len);
    pin->action_set_len = state->action_set_len;
    pin->odp_port = upcall->flow->in_port.odp_port;
}

static void
send_to_controller(const struct upcall *upcall)
{
    const struct user_action_cookie *cookie = &upcall->cookie;
    const struct recirc_id_node *node;
    const struct frozen_state *state;
    struct ofproto_async_msg *am;
    struct flow flow;

    if (cookie->controller.dont_send) {
        return;
    }

    /* The tables may have changed since the datapath sent the packet. */
    node = recirc_id_node_find(cookie->controller.recirc_id);
    if (!node) {
        return;
    }
    state = &node->state;

    /* The packet is as the pipeline made it, and so has the metadata to be. */
    flow = *upcall->flow;
    if (!state->conntracked) {
        flow_clear_conntrack(&flow);
    }
    frozen_metadata_to_flow(&upcall->ofproto->up, &state->metadata, &flow);

    am = xzalloc(sizeof *am);
    am->controller_id = cookie->controller.controller_id;
    am->oam = OAM_PACKET_IN;
    am->pin.max_len = cookie->controller.max_len;
    am->pin.up.base.packet = xmemdup(dp_packet_data(upcall->packet),
                                     dp_packet_size(upcall->packet));
    am->pin.up.base.packet_len = dp_packet_size(upcall->packet);
    am->pin.up.base.reason = cookie->controller.reason;
    am->pin.up.base.table_id = state->table_id;
    am->pin.up.base.cookie
        = get_32aligned_be64(&cookie->controller.rule_cookie);
    if (state->userdata_len) {
        am->pin.up.base.userdata = xmemdup(state->userdata,
                                           state->userdata_len);
        am->pin.up.base.userdata_len = state->userdata_len;
    }
    if (cookie->controller.continuation) {
        put_continuation(&am->pin.up, state, upcall);
    }
    flow_get_metadata(&flow, &am->pin.up.base.flow_metadata);
    ofproto_dpif_send_async_msg(upcall->ofproto, am);
}

void
upcall_sample(struct udpif *udpif, const struct upcall *upcall)
{
    switch (upcall->kind) {
    case UPCALL_SFLOW:
        if (upcall->sflow) {
            sample_sflow(udpif, upcall);
        }
        break;

    case UPCALL_FLOW_SAMPLE:
    case UPCALL_IPFIX:
        if (upcall->ipfix) {
            sample_ipfix(udpif, upcall);
        }
        break;

    case UPCALL_CONTROLLER:
        send_to_controller(upcall);
        break;

    case UPCALL_BAD:
    case UPCALL_MISS:
    case UPCALL_SLOW_PATH:
    default:
        OVS_NOT_REACHED();
    }
}
