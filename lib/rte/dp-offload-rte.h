/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_RTE_H
#define DP_OFFLOAD_RTE_H 1

/* dp-offload-rte: DPDK's rte_flow as a provider of the offload engine
 * ===================================================================
 *
 * Job.  Takes ports of type dpdk.  See offload/dp-offload-provider.h for what
 * is asked of a provider, and by which threads. */

#include "offload/dp-offload-provider.h"

extern const struct dp_offload_class dp_offload_rte_class;

#endif /* dp-offload-rte.h */
