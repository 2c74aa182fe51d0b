/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_LONG_DUMP_H
#define OVS_LONG_DUMP_H 1

/* ovs-long-dump: how loud is "unreasonably long ... dumping flows"?
 * ================================================================
 *
 * Since 3.3 it is a warning, which the tests of 3.3 expect, and those of older
 * versions don't. */

#include "openvswitch/vlog.h"
#include "ovs/ovs-version.h"

#define OVS_LONG_DUMP_LEVEL (OVS_IS_SINCE(3, 3) ? VLL_WARN : VLL_INFO)

#endif /* ovs-long-dump.h */
