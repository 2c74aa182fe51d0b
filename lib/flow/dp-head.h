/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_HEAD_H
#define DP_HEAD_H 1

/* dp-head: the first bytes of a packet, as they are
 * =================================================
 *
 * Job.  Tell without extraction that a packet has the same key as an earlier
 * one.  Of plain packets (Ethernet, at most one VLAN tag, IPv4 without options
 * and not fragmented, TCP or UDP) the key is a function of 'in_port' and of
 * some of the first 48 bytes, and of the TCP flags.  So these are compared
 * under a mask, and what extraction makes sure of is looked at: the lengths.
 *
 * Owns.  Nothing; a head is a member of a cache's entry.
 *
 * Thread-safety.  As the owner's.
 *
 * Cost.  One cache line of the packet, six words, no loop that depends on the
 * packet. */

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow.h"
#include "flow/dp-load.h"
#include "ovs/ovs-packet-offload.h"
#include "packets.h"

enum {
    DP_HEAD_WORDS = 6,
    DP_HEAD_LEN = DP_HEAD_WORDS * 8,    /* Shorter packets have no head. */
};

struct dp_head {
    odp_port_t in_port;
    uint16_t tcp_flags;             /* Network byte order, as 'words'. */
    uint8_t l3_ofs;                 /* 0: no packet has this head. */
    bool is_tcp;
    uint64_t words[DP_HEAD_WORDS];  /* Masked. */
};
BUILD_ASSERT_DECL(sizeof(struct dp_head) == 56);

/* Bytes that are in the key, or must be what they are in the first packet: of
 * IPv4 all but length, ID, "don't fragment" and checksum. */
#define DP_HEAD_ONES4 0xff, 0xff, 0xff, 0xff
#define DP_HEAD_ETH DP_HEAD_ONES4, DP_HEAD_ONES4, DP_HEAD_ONES4, 0xff, 0xff
#define DP_HEAD_IPV4 0xff, 0xff, 0, 0, 0, 0, 0x3f, 0xff, \
                     0xff, 0xff, 0, 0, DP_HEAD_ONES4, DP_HEAD_ONES4
#define DP_HEAD_PORTS DP_HEAD_ONES4

static inline const uint8_t *
dp_head_mask(size_t l3_ofs)
{
    static const uint8_t untagged[DP_HEAD_LEN] = {
        DP_HEAD_ETH, DP_HEAD_IPV4, DP_HEAD_PORTS,
    };
    static const uint8_t tagged[DP_HEAD_LEN] = {
        DP_HEAD_ETH, DP_HEAD_ONES4, DP_HEAD_IPV4, DP_HEAD_PORTS,
    };

    return l3_ofs == ETH_HEADER_LEN ? untagged : tagged;
}

/* Returns the TCP flags of the header at 'tcp', in network byte order. */
static inline uint16_t
dp_head_tcp_flags(const uint8_t *tcp)
{
    return dp_load16(tcp + 12) & (OVS_FORCE uint16_t) htons(0x0fff);
}

/* Makes 'head' that of 'packet', which must be plain and have its offsets and
 * metadata. */
static inline void
dp_head_make(struct dp_head *head, const struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    const uint8_t *mask = dp_head_mask(packet->l3_ofs);

    head->l3_ofs = 0;
    if (dp_packet_size(packet) < DP_HEAD_LEN) {
        return;
    }
    head->in_port = packet->md.in_port.odp_port;
    head->l3_ofs = packet->l3_ofs;
    head->is_tcp = data[packet->l3_ofs + 9] == IPPROTO_TCP;
    head->tcp_flags = (head->is_tcp
                       ? dp_head_tcp_flags(data + packet->l4_ofs) : 0);
    for (size_t i = 0; i < DP_HEAD_WORDS; i++) {
        head->words[i] = dp_load64(data + 8 * i) & dp_load64(mask + 8 * i);
    }
}

static inline uint64_t
dp_head_word_differs(const struct dp_head *head, const uint8_t *data,
                     const uint8_t *mask, size_t i)
{
    return (dp_load64(data + 8 * i) & dp_load64(mask + 8 * i))
           ^ head->words[i];
}

/* Do the bytes at 'data' differ from those of 'head'?  'l3_ofs' is that of
 * 'head', and constant: so the mask is not loaded, and words that are whole or
 * nothing in it need no mask. */
static inline bool
dp_head_differs(const struct dp_head *head, const uint8_t *data,
                size_t l3_ofs)
{
    const uint8_t *mask = dp_head_mask(l3_ofs);

    return (dp_head_word_differs(head, data, mask, 0)
            | dp_head_word_differs(head, data, mask, 1)
            | dp_head_word_differs(head, data, mask, 2)
            | dp_head_word_differs(head, data, mask, 3)
            | dp_head_word_differs(head, data, mask, 4)
            | dp_head_word_differs(head, data, mask, 5));
}
BUILD_ASSERT_DECL(DP_HEAD_WORDS == 6);

/* The rest of dp_head_matches() for TCP, of 'len' bytes. */
static inline bool
dp_head_matches_tcp(const struct dp_head *head, const uint8_t *tcp,
                    size_t len)
{
    size_t head_len = (tcp[12] >> 4) * 4;

    return (head_len >= TCP_HEADER_LEN && head_len <= len
            && dp_head_tcp_flags(tcp) == head->tcp_flags);
}

/* Has 'packet', fresh from 'in_port', the key of the packet that 'head' was
 * made of?  If so, sets its offsets. */
static inline bool
dp_head_matches(const struct dp_head *head, struct dp_packet *packet,
                odp_port_t in_port)
{
    const uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    size_t l3_ofs = head->l3_ofs;
    bool differ;
    size_t ip_len, pad;

    if (!l3_ofs || size < DP_HEAD_LEN || head->in_port != in_port
        || !dp_packet_is_eth(packet)
        || OVS_UNLIKELY(ovs_packet_is_tunnelled(packet))
        || (l3_ofs != ETH_HEADER_LEN && !flow_vlan_limit)) {
        return false;
    }
    differ = (l3_ofs == ETH_HEADER_LEN
              ? dp_head_differs(head, data, ETH_HEADER_LEN)
              : dp_head_differs(head, data,
                                ETH_HEADER_LEN + VLAN_HEADER_LEN));
    ip_len = ntohs((OVS_FORCE ovs_be16) dp_load16(data + l3_ofs + 2));
    pad = size - l3_ofs - ip_len;       /* Huge if the packet is cut off. */
    if (differ || pad > UINT8_MAX
        || ip_len < IP_HEADER_LEN + (head->is_tcp ? TCP_HEADER_LEN
                                     : UDP_HEADER_LEN)
        || (head->is_tcp
            && !dp_head_matches_tcp(head, data + l3_ofs + IP_HEADER_LEN,
                                    ip_len - IP_HEADER_LEN))) {
        return false;
    }
    packet->l2_pad_size = pad;
    packet->l2_5_ofs = UINT16_MAX;
    packet->l3_ofs = l3_ofs;
    packet->l4_ofs = l3_ofs + IP_HEADER_LEN;
    ovs_packet_note(packet, false, head->is_tcp);
    return true;
}

#endif /* dp-head.h */
