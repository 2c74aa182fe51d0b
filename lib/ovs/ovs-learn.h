/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_LEARN_H
#define OVS_LEARN_H 1

/* ovs-learn: when a learned rule was learned
 * ==========================================
 *
 * Since 3.5 'modified' of a rule that a "learn" action has made, or refreshed,
 * is the time of the packet that did so, no more the time at which that packet
 * was credited.  So it can be told which of two packets came later. */

#include "ovs/ovs-version.h"

#define OVS_LEARN_KEEPS_PACKET_TIME OVS_IS_SINCE(3, 5)

#endif /* ovs-learn.h */
