/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_VERSION_H
#define OVS_VERSION_H 1

/* ovs-version: which Open vSwitch this is built with
 * ==================================================
 *
 * For the headers of this room, each of which hides one difference between
 * the versions that build-aux/versions lists, and for the table of functions
 * in ctl/dpif-netdev.c.  Nobody else asks for a version: check-layers, in
 * utilities, sees to it. */

#include "markpath-config.h"

/* True if Open vSwitch is MAJOR.MINOR or newer. */
#define OVS_IS_SINCE(MAJOR, MINOR)                      \
    (MARKPATH_OVS_MAJOR > (MAJOR)                       \
     || (MARKPATH_OVS_MAJOR == (MAJOR)                  \
         && MARKPATH_OVS_MINOR >= (MINOR)))

#endif /* ovs-version.h */
