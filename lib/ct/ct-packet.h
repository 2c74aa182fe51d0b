/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_PACKET_H
#define CT_PACKET_H 1

/* ct-packet: what the tracker reads in a packet
 * =============================================
 *
 * Job.  Finds the key of a packet, and tests what must be sound before anybody
 * believes it: lengths, checksums, types.
 *
 * A packet with an ICMP error in it has the key of the direction that the
 * error travels: the reverse of the packet that it is about.
 *
 * Ownership.  A struct ct_packet points into its packet, and is void when the
 * packet's data move.
 *
 * Thread-safety.  Any thread, on packets of its own.
 *
 * Errors.  What cannot be tracked is invalid; bad checksums are counted. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ct/ct-key.h"
#include "ct/ct-tcp.h"

struct dp_packet;

struct ct_packet {
    struct ct_key key;
    struct ct_key reverse;
    uint32_t hash;
    uint16_t l4_len;            /* Header and payload, without padding. */
    bool is_error;              /* Of ICMP or ICMPv6. */
    uint16_t inner_l3;          /* Offset of what an error is about, bytes from
                                 * the start of the packet; 0 if no error. */
    uint16_t inner_l4;
};

/* Fills 'p' from 'packet', whose offsets are set and whose Ethernet type is
 * 'dl_type'.  Returns false if the packet is invalid.  'last' is what came of
 * another packet, or NULL: one of the same key has the same hash. */
bool ct_packet_parse(const struct ct_secret *, struct dp_packet *packet,
                     ovs_be16 dl_type, uint16_t zone,
                     const struct ct_packet *last, struct ct_packet *p);

/* Its parts.  The first one takes what most packets are: TCP or UDP in IPv4
 * without options or IPv6 without extension headers, no fragment, and sound.
 * It returns false of all others, sound or not, and counts nothing.  The
 * second one takes any packet. */
bool ct_packet_parse_plain(const struct ct_secret *, struct dp_packet *packet,
                           ovs_be16 dl_type, uint16_t zone,
                           const struct ct_packet *last, struct ct_packet *p);
bool ct_packet_parse_any(const struct ct_secret *, struct dp_packet *packet,
                         ovs_be16 dl_type, uint16_t zone,
                         const struct ct_packet *last, struct ct_packet *p);

/* Are the checksums sound of 'packet', TCP or UDP in IPv6 ('is_ipv6') or in
 * IPv4 without options, whose offsets are set and whose lengths fit together?
 * Says what ct_packet_parse() would, and counts nothing. */
bool ct_packet_csums_are_good(const struct dp_packet *packet, bool is_ipv6);

/* Stores the segment that 'packet' is, which is TCP and was parsed to 'p'. */
void ct_packet_get_segment(const struct dp_packet *packet,
                           const struct ct_packet *p, struct ct_tcp_segment *);

#endif /* ct-packet.h */
