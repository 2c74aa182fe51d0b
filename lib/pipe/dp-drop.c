/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-drop.h"

#include "coverage.h"
#include "util.h"

COVERAGE_DEFINE(datapath_drop_invalid_port);
COVERAGE_DEFINE(datapath_drop_invalid_bond);
COVERAGE_DEFINE(datapath_drop_invalid_tnl_port);
COVERAGE_DEFINE(datapath_drop_tunnel_pop_error);
COVERAGE_DEFINE(datapath_drop_tunnel_push_error);
COVERAGE_DEFINE(datapath_drop_rx_invalid_packet);
COVERAGE_DEFINE(datapath_drop_upcall_error);
COVERAGE_DEFINE(datapath_drop_userspace_action_error);
COVERAGE_DEFINE(datapath_drop_lock_error);
COVERAGE_DEFINE(datapath_drop_recirc_error);

/* Counts 'n' packets that were dropped because of 'drop'. */
void
dp_drop_count(enum dp_drop drop, unsigned int n)
{
    switch (drop) {
#define DP_DROP(ENUM, NAME)                                     \
    case DP_DROP_##ENUM:                                        \
        COVERAGE_ADD(datapath_drop_##NAME, n);                  \
        break;
    DP_DROPS
#undef DP_DROP
    default:
        OVS_NOT_REACHED();
    }
}
