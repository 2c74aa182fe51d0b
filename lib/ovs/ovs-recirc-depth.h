/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_RECIRC_DEPTH_H
#define OVS_RECIRC_DEPTH_H 1

/* ovs-recirc-depth: how often a packet may be recirculated
 * ========================================================
 *
 * A datapath may do more, but then a loop of OpenFlow tables looks otherwise
 * than with Open vSwitch's own. */

#include "ovs/ovs-version.h"

#define OVS_MAX_RECIRC_DEPTH (OVS_IS_SINCE(3, 3) ? 8 : 6)

#endif /* ovs-recirc-depth.h */
