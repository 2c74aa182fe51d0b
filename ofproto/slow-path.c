/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/slow-path.h"

#include "dpif.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/udpif.h"

/* Packets of protocols that keep links and trees alive use the datapath's
 * special queue, where they do not wait behind ordinary misses. */
#define SLOW_PATH_URGENT (SLOW_CFM | SLOW_BFD | SLOW_LACP | SLOW_STP)

void
slow_path_compose(struct udpif *udpif, const struct ofproto_dpif *ofproto,
                  const struct flow *flow, ofp_port_t ofp_in_port,
                  enum slow_path_reason reason, struct ofpbuf *actions)
{
    uint32_t meter_id = ofproto->up.slowpath_meter_id;
    bool metered = meter_id != UINT32_MAX;
    size_t sample_ofs = 0, inner_ofs = 0;
    struct user_action_cookie cookie;
    odp_port_t port;

    memset(&cookie, 0, sizeof cookie);
    cookie.type = USER_ACTION_COOKIE_SLOW_PATH;
    cookie.ofp_in_port = ofp_in_port;
    cookie.ofproto_uuid = ofproto->uuid;
    cookie.slow_path.reason = reason;

    if (metered) {
        sample_ofs = nl_msg_start_nested(actions, OVS_ACTION_ATTR_SAMPLE);
        nl_msg_put_u32(actions, OVS_SAMPLE_ATTR_PROBABILITY, UINT32_MAX);
        inner_ofs = nl_msg_start_nested(actions, OVS_SAMPLE_ATTR_ACTIONS);
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_METER, meter_id);
    }

    port = reason & SLOW_PATH_URGENT ? ODPP_NONE : flow->in_port.odp_port;
    odp_put_userspace_action(dpif_port_get_pid(udpif->dpif, port),
                             &cookie, sizeof cookie, ODPP_NONE, false,
                             actions, NULL);

    if (metered) {
        nl_msg_end_nested(actions, inner_ofs);
        nl_msg_end_nested(actions, sample_ofs);
    }
}
