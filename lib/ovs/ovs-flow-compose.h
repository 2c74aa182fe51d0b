/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_FLOW_COMPOSE_H
#define OVS_FLOW_COMPOSE_H 1

/* ovs-flow-compose: a packet that looks like a flow
 * =================================================
 *
 * For tests.
 *
 * Thread-safety.  Any thread. */

#include "flow.h"
#include "ovs/ovs-version.h"

/* Makes the empty 'packet' one of 'flow', with 'size' bytes of payload. */
static inline void
ovs_flow_compose(struct dp_packet *packet, const struct flow *flow,
                 size_t size)
{
#if OVS_IS_SINCE(3, 3)
    flow_compose(packet, flow, NULL, size, false);
#else
    flow_compose(packet, flow, NULL, size);
#endif
}

#endif /* ovs-flow-compose.h */
