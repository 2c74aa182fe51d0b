/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBRARY_EDIT_H
#define LIBRARY_EDIT_H 1

/* library-edit: what Open vSwitch's library makes of a packet
 * ===========================================================
 *
 * Job.  Say what an edit of ours (flow/dp-edit.h) must make of a packet.  The
 * library trusts that a packet has the header that an action changes, so it is
 * given only those that have it (flow/dp-header.h).
 *
 * Thread-safety.  Any thread, after odp_execute_init(). */

#include "dp-packet.h"
#include "flow.h"
#include "odp-execute.h"
#include "openvswitch/ofpbuf.h"
#include "flow/dp-header.h"

/* Has the library do the only action in 'buf' to 'packet', which has its
 * offsets and looks like 'flow', as far as it bears that. */
static inline void
library_edit(struct dp_packet *packet, const struct flow *flow,
             const struct ofpbuf *buf)
{
    struct dp_header_need need = dp_header_need_of(buf->data);
    const uint16_t l4_ofs = packet->l4_ofs;
    bool hide_l4 = false;
    struct dp_packet_batch batch;

    if (!dp_header_meets(packet, need)) {
        hide_l4 = dp_header_allows_without_l4(packet, buf->data);
        if (!hide_l4) {
            return;
        }
        packet->l4_ofs = packet->l3_ofs;
    } else if (need.what == DP_NEED_IPV4
               && flow->nw_frag & FLOW_NW_FRAG_LATER) {
        hide_l4 = true;         /* It would take payload for a header. */
        packet->l4_ofs = UINT16_MAX;
    }
    dp_packet_batch_init_packet(&batch, packet);
    odp_execute_actions(NULL, &batch, false, buf->data, buf->size, NULL);
    if (hide_l4) {
        packet->l4_ofs = l4_ofs;
    }
}

#endif /* library-edit.h */
