/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LOG_H
#define DP_LOG_H 1

/* dp-log: the datapath's log module
 * =================================
 *
 * Job.  Give all files of the datapath one vlog module, "dpif_netdev", which
 * is the name that users of Open vSwitch set levels for.  A file includes this
 * header in place of VLOG_DEFINE_THIS_MODULE.
 *
 * Also here: which fields our keys can express, for whoever formats one. */

#include "odp-util.h"
#include "openvswitch/vlog.h"

/* The macros of vlog.h say 'this_module'. */
extern struct vlog_module *VLM_dpif_netdev;
#define this_module (*VLM_dpif_netdev)

/* For messages that come once per packet or flow. */
extern struct vlog_rate_limit dp_log_rl;

extern const struct odp_support dp_odp_support;

#endif /* dp-log.h */
