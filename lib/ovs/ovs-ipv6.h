/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_IPV6_H
#define OVS_IPV6_H 1

/* ovs-ipv6: IPv6 extension headers
 * ================================
 *
 * Thread-safety.  Any thread. */

#include "flow.h"
#include "ovs/ovs-version.h"

/* Pulls the extension headers of a packet, as parse_ipv6_ext_hdrs() does. */
static inline bool
ovs_parse_ipv6_ext_hdrs(const void **data, size_t *size, uint8_t *nw_proto,
                        uint8_t *nw_frag,
                        const struct ovs_16aligned_ip6_frag **frag)
{
    return parse_ipv6_ext_hdrs(data, size, nw_proto, nw_frag, frag
#if OVS_IS_SINCE(3, 2)
                               , NULL
#endif
                              );
}

#endif /* ovs-ipv6.h */
