/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_HEADER_H
#define DP_HEADER_H 1

/* dp-header: what is there of a packet
 * ====================================
 *
 * Job.  Know how many bytes a packet must have for what is to be done with
 * it.  This is the only place that knows.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  Any thread; the packets are the caller's.
 *
 * Cost.  A load. */

#include "dp-packet.h"
#include "packets.h"

/* Returns true if 'packet' is too short to be looked up.  Open vSwitch wants
 * an Ethernet header's length of packets of any type. */
static inline bool
dp_header_is_short(const struct dp_packet *packet)
{
    return dp_packet_size(packet) < ETH_HEADER_LEN;
}

#endif /* dp-header.h */
