/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vswitchd/encap-guard.h"

#include "flow.h"
#include "packets.h"

enum slow_path_reason
__wrap_commit_odp_actions(const struct flow *flow, struct flow *base,
                          struct ofpbuf *odp_actions,
                          struct flow_wildcards *wc, bool use_masked,
                          bool pending_encap, bool pending_decap,
                          struct ofpbuf *encap_data)
{
    if (!pending_decap && flow->packet_type == htonl(PT_ETH)
        && pt_ns(base->packet_type) == OFPHTN_ETHERTYPE) {
        pending_encap = true;
    }
    return __real_commit_odp_actions(flow, base, odp_actions, wc, use_masked,
                                     pending_encap, pending_decap, encap_data);
}
