/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_FRAG_H
#define CT_FRAG_H 1

/* ct-frag: fragments that reassembly must not get
 * ===============================================
 *
 * Job.  Open vSwitch's reassembly (ipf.h) adds lengths up in 16 bits: before
 * 3.5, fragments that together are longer than a datagram can be make it write
 * past the memory that it has asked for, whatever their sender likes.  So such
 * fragments look to it like packets that are none, and are invalid to the
 * tracker then, like all that it gets in pieces.
 *
 * Nobody knows, of one fragment, what the others have before their data.  So
 * there is a limit for that, and one for the data, where both together would
 * not be too much: of IPv6, CT_FRAG_MAX_HEAD and CT_FRAG_MAX_END.  Of IPv4,
 * reassembly takes care of options itself.
 *
 * Ownership.  Packets stay their owner's, who lets nobody see them meanwhile.
 *
 * Thread-safety.  Any thread, on packets of its own. */

#include <stddef.h>
#include <stdint.h>
#include "dp-packet.h"
#include "openvswitch/types.h"

/* Bytes behind the IPv6 header: up to the data of a fragment, with the
 * fragment header, and where data may end within their datagram. */
#define CT_FRAG_MAX_HEAD 40
#define CT_FRAG_MAX_END (UINT16_MAX - CT_FRAG_MAX_HEAD)

/* Fragments of a batch that look like none. */
struct ct_veil {
    size_t n;
    struct {
        struct dp_packet *packet;
        ovs_be16 frag_off;      /* Of IPv4. */
        uint8_t next;           /* Of IPv6: what follows its header. */
    } a[NETDEV_MAX_BURST];
};

/* Lets fragments of 'batch', whose Ethernet type is 'dl_type', look like none
 * that are too long, or are not what they say. */
void ct_frag_hide(struct ct_veil *, const struct dp_packet_batch *batch,
                  ovs_be16 dl_type);

/* Lets them look like what they are again. */
void ct_frag_show(const struct ct_veil *, ovs_be16 dl_type);

#endif /* ct-frag.h */
