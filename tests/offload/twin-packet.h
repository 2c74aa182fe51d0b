/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TWIN_PACKET_H
#define TWIN_PACKET_H 1

/* twin-packet: the packets of twin-rig.h
 * ======================================
 *
 * The last byte of an Ethernet source address is the group, that of the
 * destination the connection within it; eight bytes at the end tell
 * connection and number.  The same goes for what is in a tunnel. */

#include "dp-packet.h"
#include "packets.h"

/* What packets look like.  All packets of a group look alike. */
enum twin_looks {
    TWIN_UDP4, TWIN_TCP4, TWIN_TCP6, TWIN_VLAN_TCP4, TWIN_ARP4, TWIN_FRAGMENT,
    TWIN_TRUNCATED, TWIN_VXLAN, TWIN_N_LOOKS
};

/* The last eight bytes of a packet. */
struct twin_trailer {
    ovs_16aligned_be32 seq;
    ovs_be16 connection;
    ovs_be16 unused;
};

/* Returns what packets of 'connection' look like, but for their numbers. */
struct dp_packet *twin_packet_template(unsigned int connection);

/* Returns packet number 'seq' made after 'template'. */
struct dp_packet *twin_packet_make(const struct dp_packet *template,
                                   uint32_t seq, enum twin_looks looks);

static inline const struct twin_trailer *
twin_packet_trailer(const struct dp_packet *packet)
{
    return ALIGNED_CAST(const struct twin_trailer *,
                        (const char *) dp_packet_tail(packet)
                        - sizeof(struct twin_trailer));
}

#endif /* twin-packet.h */
