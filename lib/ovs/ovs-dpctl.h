/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_DPCTL_H
#define OVS_DPCTL_H 1

/* ovs-dpctl: what dpctl's commands can't stand
 * ============================================ */

#include "ovs/ovs-version.h"

/* Does "zone=", a list of zones without a zone, make "dpctl/ct-get-limits"
 * read through a null pointer?  Since 3.5 it means no zone. */
#define OVS_DPCTL_TRIPS_ON_EMPTY_LISTS (!OVS_IS_SINCE(3, 5))

#endif /* ovs-dpctl.h */
