/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_ODP_FORMAT_H
#define OVS_ODP_FORMAT_H 1

/* ovs-odp-format: flows in netlink form as text
 * =============================================
 *
 * Thread-safety.  Any thread. */

#include "odp-util.h"
#include "ovs/ovs-version.h"

/* Appends 'key' under 'mask' to 's', 'verbose' with wildcarded fields. */
static inline void
ovs_odp_flow_format(const struct nlattr *key, size_t key_len,
                    const struct nlattr *mask, size_t mask_len,
                    const struct hmap *port_names, struct ds *s, bool verbose)
{
    odp_flow_format(key, key_len, mask, mask_len, port_names, s, verbose
#if OVS_IS_SINCE(3, 5)
                    , false
#endif
                   );
}

#endif /* ovs-odp-format.h */
