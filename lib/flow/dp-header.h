/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_HEADER_H
#define DP_HEADER_H 1

/* dp-header: what is there of a packet
 * ====================================
 *
 * Job.  Know how many bytes a packet must have for what is to be done with
 * it: to be looked up at all, to have a header of layer 3 or 4, to bear an
 * action that Open vSwitch's odp_execute_actions() does without looking.  This
 * is the only place that knows.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  Any thread; the packets are the caller's, and have their
 * offsets.
 *
 * Cost.  A few loads; dp_header_meets() walks the headers of IPv6.  What an
 * action needs is found out once for many packets; most need nothing. */

#include "dp-packet.h"
#include "packets.h"

struct nlattr;

enum dp_header_what {
    DP_NEED_NOTHING,            /* Or the library looks itself. */
    DP_NEED_IPV4,               /* The header of that, whole. */
    DP_NEED_IPV6,
    DP_NEED_ARP,
    DP_NEED_NSH,                /* All fields that can be set. */
    DP_NEED_NSH_WITHOUT_CONTEXTS,
    DP_NEED_MPLS,
    DP_NEED_L4,                 /* 'l4_len' bytes of layer 4. */
    DP_NEED_ND,                 /* Neighbor discovery, with its options. */
    DP_NEED_ETH,
    DP_NEED_NO_ETH,
    DP_NEED_PLACE_FOR_MPLS,
    DP_NEED_POP_MPLS,           /* What these actions take for granted. */
    DP_NEED_POP_ETH,
    DP_NEED_PUSH_NSH,
    DP_NEED_POP_NSH,
};

/* What an action needs of a packet. */
struct dp_header_need {
    uint8_t what;               /* enum dp_header_what. */
    uint8_t l4_len;
};

/* Returns true if 'packet' is too short to be looked up.  Open vSwitch wants
 * an Ethernet header's length of packets of any type. */
static inline bool
dp_header_is_short(const struct dp_packet *packet)
{
    return dp_packet_size(packet) < ETH_HEADER_LEN;
}

/* Returns the number of bytes of 'packet' from offset 'ofs', which may be
 * none (UINT16_MAX) or behind the end. */
static inline size_t
dp_header_bytes_from(const struct dp_packet *packet, uint16_t ofs)
{
    size_t size = dp_packet_size(packet);

    return ofs != UINT16_MAX && ofs < size ? size - ofs : 0;
}

/* Returns the number of bytes of 'packet' from its layer 4 offset, which is 0
 * without one, to the end, without padding. */
static inline size_t
dp_header_l4_bytes(const struct dp_packet *packet)
{
    size_t n = dp_header_bytes_from(packet, packet->l4_ofs);

    return n > packet->l2_pad_size ? n - packet->l2_pad_size : 0;
}

/* Has the IPv4 packet with header 'ip' no layer 4 header, because it is a
 * fragment and not the first? */
static inline bool
dp_header_is_later_ipv4(const struct ip_header *ip)
{
    return ip->ip_frag_off & htons(IP_FRAG_OFF_MASK);
}

/* Returns the number of bytes of 'packet' that "trunc" lets go out.  It has
 * noted how many to cut off when the packet had headers that may have been
 * taken off since: of what is left, as much stays as "trunc" itself would let
 * stay of a short packet. */
static inline uint32_t
dp_header_send_len(const struct dp_packet *packet)
{
    uint32_t size = dp_packet_size(packet);
    uint32_t min = MIN(size, ETH_HEADER_LEN);

    return size - MIN(dp_packet_get_cutlen(packet), size - min);
}

bool dp_header_is_later_fragment(const struct dp_packet *);

/* Has 'packet' at least 'len' bytes of layer 4, with a header? */
static inline bool
dp_header_has_l4(const struct dp_packet *packet, size_t len)
{
    return (dp_header_l4_bytes(packet) >= len
            && !(packet->l4_ofs == packet->l3_ofs + IP_HEADER_LEN
                 /* IPv4: so short is no header of IPv6. */
                 ? dp_header_is_later_ipv4(dp_packet_l3(packet))
                 : dp_header_is_later_fragment(packet)));
}

struct dp_header_need dp_header_need_of(const struct nlattr *action);
bool dp_header_meets(struct dp_packet *, struct dp_header_need);
bool dp_header_allows_without_l4(const struct dp_packet *,
                                 const struct nlattr *action);

#endif /* dp-header.h */
