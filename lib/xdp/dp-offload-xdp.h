/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_XDP_H
#define DP_OFFLOAD_XDP_H 1

/* dp-offload-xdp: XDP as a provider of the offload engine
 * =======================================================
 *
 * Job.  Takes ports of types afxdp and afxdp-nonpmd, once the XDP program is
 * attached to their devices.  See offload/dp-offload-provider.h for what is
 * asked of a provider, and by which threads. */

#include "offload/dp-offload-provider.h"

extern const struct dp_offload_class dp_offload_xdp_class;

/* For tests: takes any netdev that has the program attached. */
int dp_offload_xdp_open(const struct dp_offload_class *,
                        struct dp_offload *, odp_port_t port_no,
                        struct netdev *, uint32_t ifindex, void **portp,
                        struct dp_offload_port_info *);

#endif /* dp-offload-xdp.h */
