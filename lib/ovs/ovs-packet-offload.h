/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_PACKET_OFFLOAD_H
#define OVS_PACKET_OFFLOAD_H 1

/* ovs-packet-offload: what is noted in a packet about its checksums
 * =================================================================
 *
 * Job.  Since 3.2 miniflow_extract() not only reads a packet: it notes in it
 * what the packet is, and which checksums may be left to whoever sends it.
 * Sending relies on that for packets whose checksums are not complete, and
 * for those that are to be cut into segments.  Whoever finds out what a packet
 * is without miniflow_extract() has to do the same, with the functions below.
 * With older versions they do nothing.
 *
 * Open vSwitch's edits note that checksums are not good any more, so that
 * sending computes them.  Ours do that for IPv4 headers.  What covers the
 * payload they keep good, by the difference, which costs a fraction of adding
 * up all bytes.  What an edit makes of a checksum that will be computed anyway
 * does not matter.
 *
 * A packet that a NIC has marked is not looked at, so nothing is noted.  Its
 * checksums are complete, and the same leaves.
 *
 * Thread-safety.  As the packet's owner allows. */

#include <netinet/in.h>

#include "dp-packet.h"
#include "ovs/ovs-version.h"

/* What is known about a checksum of a packet. */
enum ovs_csum {
    OVS_CSUM_UNKNOWN,
    OVS_CSUM_BAD,               /* Who received it says so. */
    OVS_CSUM_GOOD,              /* Likewise, or who sends it completes it. */
};

#if OVS_IS_SINCE(3, 2)

/* Does 'packet' have to be completed by whoever sends it, so that it must not
 * go without notes? */
static inline bool
ovs_packet_is_unfinished(const struct dp_packet *packet)
{
    return (*dp_packet_ol_flags_ptr(packet) & DP_PACKET_OL_TX_TCP_SEG
            || packet->csum_start || dp_packet_ol_l4_csum_partial(packet));
}

/* Makes 'packet', which has its offsets, one whose checksum 'offset' bytes
 * behind the start of layer 4 is left to whoever sends it.  (For tests.) */
static inline void
ovs_packet_leave_csum(struct dp_packet *packet, uint16_t offset)
{
    packet->csum_start = packet->l4_ofs;
    packet->csum_offset = offset;
}

/* Has 'packet' been encapsulated?  Notes are then about its outer headers. */
static inline bool
ovs_packet_is_tunnelled(struct dp_packet *packet)
{
    return dp_packet_hwol_is_tunnel(packet);
}

/* Notes that 'packet', not encapsulated, is a sound TCP segment ('is_tcp') or
 * UDP datagram in IPv6 ('is_ipv6') or IPv4, and no fragment. */
static inline void
ovs_packet_note(struct dp_packet *packet, bool is_ipv6, bool is_tcp)
{
    uint64_t flags = *dp_packet_ol_flags_ptr(packet);

    flags &= ~(uint64_t) (DP_PACKET_OL_TX_IPV4 | DP_PACKET_OL_TX_IPV6);
    if (is_ipv6) {
        flags |= DP_PACKET_OL_TX_IPV6;
    } else {
        flags |= DP_PACKET_OL_TX_IPV4;
        if ((flags & DP_PACKET_OL_RX_IP_CKSUM_MASK)
            == DP_PACKET_OL_RX_IP_CKSUM_GOOD) {
            flags |= DP_PACKET_OL_TX_IP_CKSUM;
        }
    }
    if (OVS_UNLIKELY(packet->csum_start && packet->csum_offset)) {
        flags |= DP_PACKET_OL_RX_L4_CKSUM_MASK;     /* "Partial". */
    }
    if (flags & DP_PACKET_OL_RX_L4_CKSUM_GOOD) {    /* Or partial. */
        flags |= (is_tcp ? DP_PACKET_OL_TX_TCP_CKSUM
                  : DP_PACKET_OL_TX_UDP_CKSUM);
    }
    *dp_packet_ol_flags_ptr(packet) = flags;
}

/* Notes that the IPv4 header of 'packet' has changed: sending computes its
 * checksum, even if whoever called it good was wrong. */
static inline void
ovs_packet_ipv4_changed(struct dp_packet *packet)
{
    if (dp_packet_hwol_tx_ip_csum(packet)) {
        dp_packet_ol_reset_ip_csum_good(packet);
    }
}

/* Notes that 'packet', a UDP datagram without a checksum, has been edited:
 * sending gives it one if it was received as sound. */
static inline void
ovs_packet_want_udp_csum(struct dp_packet *packet)
{
    if (dp_packet_hwol_tx_l4_checksum(packet)) {
        dp_packet_ol_reset_l4_csum_good(packet);
    }
}

/* Computes all checksums of 'packet' that were left to who sends it. */
static inline void
ovs_packet_finish(struct dp_packet *packet)
{
    dp_packet_ol_send_prepare(packet, 0);
}

/* The checksum of the IPv4 header. */
static inline enum ovs_csum
ovs_packet_ip_csum(const struct dp_packet *packet)
{
    return (dp_packet_ip_checksum_bad(packet) ? OVS_CSUM_BAD
            : (dp_packet_ip_checksum_good(packet)
               || dp_packet_hwol_tx_ip_csum(packet)) ? OVS_CSUM_GOOD
            : OVS_CSUM_UNKNOWN);
}

/* That of layer 4. */
static inline enum ovs_csum
ovs_packet_l4_csum(const struct dp_packet *packet)
{
    return (dp_packet_l4_checksum_bad(packet) ? OVS_CSUM_BAD
            : (dp_packet_l4_checksum_good(packet)
               || dp_packet_ol_l4_csum_partial(packet)
               || dp_packet_hwol_tx_l4_checksum(packet)) ? OVS_CSUM_GOOD
            : OVS_CSUM_UNKNOWN);
}

#else

static inline enum ovs_csum
ovs_packet_ip_csum(const struct dp_packet *packet)
{
    return (dp_packet_ip_checksum_bad(packet) ? OVS_CSUM_BAD
            : (dp_packet_ip_checksum_valid(packet)
               || dp_packet_hwol_is_ipv4(packet)) ? OVS_CSUM_GOOD
            : OVS_CSUM_UNKNOWN);
}

static inline enum ovs_csum
ovs_packet_l4_csum(const struct dp_packet *packet)
{
    return (dp_packet_l4_checksum_bad(packet) ? OVS_CSUM_BAD
            : (dp_packet_l4_checksum_valid(packet)
               || dp_packet_hwol_tx_l4_checksum(packet)) ? OVS_CSUM_GOOD
            : OVS_CSUM_UNKNOWN);
}

static inline bool
ovs_packet_is_unfinished(const struct dp_packet *packet OVS_UNUSED)
{
    return false;
}

static inline void
ovs_packet_leave_csum(struct dp_packet *packet OVS_UNUSED,
                      uint16_t offset OVS_UNUSED)
{
}

static inline bool
ovs_packet_is_tunnelled(struct dp_packet *packet OVS_UNUSED)
{
    return false;
}

static inline void
ovs_packet_note(struct dp_packet *packet OVS_UNUSED, bool is_ipv6 OVS_UNUSED,
                bool is_tcp OVS_UNUSED)
{
}

static inline void
ovs_packet_ipv4_changed(struct dp_packet *packet OVS_UNUSED)
{
}

static inline void
ovs_packet_want_udp_csum(struct dp_packet *packet OVS_UNUSED)
{
}

static inline void
ovs_packet_finish(struct dp_packet *packet OVS_UNUSED)
{
}

#endif

#endif /* ovs-packet-offload.h */
