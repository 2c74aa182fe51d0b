/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MIRROR_H
#define OVS_MIRROR_H 1

/* ovs-mirror: do mirrors that change make flows due?
 * ================================================== */

#include "ovs/ovs-version.h"

/* Since 3.5 they do.  Before, somebody has to look whether they have changed,
 * with a mirror_get() that has many arguments. */
#define OVS_MIRRORS_TELL OVS_IS_SINCE(3, 5)

#endif /* ovs-mirror.h */
