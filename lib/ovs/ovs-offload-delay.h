/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_OFFLOAD_DELAY_H
#define OVS_OFFLOAD_DELAY_H 1

/* ovs-offload-delay: how late a NIC may tell what it has counted
 * ==============================================================
 *
 * Since 3.2 other_config:offloaded-stats-delay says so, which bridge.c stores
 * in a variable of ofproto-provider.h; whoever asks includes that header. */

#include "ovs/ovs-version.h"

/* In ms.  Any thread may ask. */
#if OVS_IS_SINCE(3, 2)
#define OVS_OFFLOADED_STATS_DELAY ofproto_offloaded_stats_delay
#else
#define OVS_OFFLOADED_STATS_DELAY 2000u     /* 3.2's default. */
#endif

#endif /* ovs-offload-delay.h */
