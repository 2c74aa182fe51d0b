/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MIRROR_H
#define OVS_MIRROR_H 1

/* ovs-mirror: do mirrors that are set make flows due?
 * =================================================== */

#include "ovs/ovs-version.h"

/* Since 3.5 they do.  Before, somebody has to look what they are, with a
 * mirror_get() that has many arguments.  Mirrors that are removed make nothing
 * due with any version. */
#define OVS_MIRRORS_TELL OVS_IS_SINCE(3, 5)

#endif /* ovs-mirror.h */
