/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "odp-util.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(dpif_netdev);

/* Includes no dp-log.h, whose 'this_module' would be defined twice; the
 * declarations there must agree with the definitions here. */
extern struct vlog_rate_limit dp_log_rl;
extern const struct odp_support dp_odp_support;

struct vlog_rate_limit dp_log_rl = VLOG_RATE_LIMIT_INIT(600, 600);

const struct odp_support dp_odp_support = {
    .max_vlan_headers = SIZE_MAX,
    .max_mpls_depth = SIZE_MAX,
    .recirc = true,
    .ct_state = true,
    .ct_zone = true,
    .ct_mark = true,
    .ct_label = true,
    .ct_state_nat = true,
    .ct_orig_tuple = true,
    .ct_orig_tuple6 = true,
};
