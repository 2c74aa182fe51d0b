/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_KEY_H
#define SIMNIC_KEY_H 1

/* simnic-key: the header fields of a packet
 * =========================================
 *
 * Job.  Parse a frame into a flat, fixed-size key that rules are matched
 * against, and remember where the headers were.  Knows no rule.
 *
 * Owns.  Nothing; keys are plain values.
 *
 * Invariants.  Fields are in network byte order, so comparing them as bytes
 * compares them as numbers.  What a packet does not have is zero, and a
 * presence bit tells "zero" from "absent".  A key is a whole number of
 * 64-bit words without padding, so that it can be hashed as such.
 *
 * Thread-safety.  Pure functions.
 *
 * Cost.  About 100 cycles per parsed packet; never called by a polling core
 * in modes 'gen' and 'pcap'.
 *
 * See also.  simnic-match.h (patterns over keys), simnic-edit.h (changes
 * packets and keys alike). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 'simnic_layer.present'. */
#define SIMNIC_L2_ETH       0x01
#define SIMNIC_L2_VLAN      0x02    /* At least one tag. */
#define SIMNIC_L2_MORE_VLAN 0x04    /* At least two. */
#define SIMNIC_L3_IPV4      0x08
#define SIMNIC_L3_IPV6      0x10
#define SIMNIC_L3_ARP       0x20
#define SIMNIC_L3_FRAG_EXT  0x40    /* IPv6 fragment header. */
#define SIMNIC_L2_VLAN3     0x80    /* At least three tags. */

/* 'simnic_layer.l4'. */
#define SIMNIC_L4_TCP       0x01
#define SIMNIC_L4_UDP       0x02
#define SIMNIC_L4_SCTP      0x04
#define SIMNIC_L4_ICMP      0x08
#define SIMNIC_L4_ICMP6     0x10

/* 'simnic_layer.sound', as in rte_flow_item_integrity. */
#define SIMNIC_SOUND_L3     0x01    /* IP, and its lengths fit the frame. */
#define SIMNIC_SOUND_L4     0x02    /* And L4's header fits IP's length. */
#define SIMNIC_SOUND_CSUM3  0x04    /* IPv4: the header's checksum. */
#define SIMNIC_SOUND_CSUM4  0x08    /* TCP and UDP: L4's, and its lengths. */

/* 'simnic_layer.ext': IPv6 extension headers, as in rte_flow_item_ipv6. */
#define SIMNIC_EXT_HOP      0x0001
#define SIMNIC_EXT_ROUTE    0x0002
#define SIMNIC_EXT_FRAG     0x0004
#define SIMNIC_EXT_AUTH     0x0008
#define SIMNIC_EXT_ESP      0x0010
#define SIMNIC_EXT_DEST     0x0020
#define SIMNIC_EXT_MOBIL    0x0040
#define SIMNIC_EXT_HIP      0x0080
#define SIMNIC_EXT_SHIM6    0x0100

/* 'simnic_key.tunnel'. */
#define SIMNIC_TNL_VXLAN    0x01
#define SIMNIC_TNL_GRE      0x02
#define SIMNIC_TNL_GENEVE   0x04

/* One Ethernet header and what it carries. */
struct simnic_layer {
    uint8_t eth_dst[6];
    uint8_t eth_src[6];
    uint16_t eth_type;          /* What follows 'eth_src': TPID if tagged. */
    uint16_t vlan_tci[2];       /* Outermost first. */
    uint16_t vlan_type[2];      /* What follows each tag. */
    uint8_t present;            /* SIMNIC_L2_*, SIMNIC_L3_*. */
    uint8_t l4;                 /* SIMNIC_L4_*. */
    uint8_t src[16];            /* IPv4: 4 bytes.  ARP: SPA, then SHA. */
    uint8_t dst[16];            /* IPv4: 4 bytes.  ARP: TPA, then THA. */
    uint8_t proto;              /* IPv6: after all extension headers. */
    uint8_t tos;                /* IPv4. */
    uint8_t ttl;                /* IPv4 TTL, IPv6 hop limit. */
    uint8_t tcp_flags;
    uint16_t frag;              /* IPv4 flags and offset; IPv6 'frag_data'. */
    uint16_t ext;               /* SIMNIC_EXT_*, host byte order. */
    uint32_t vtc_flow;          /* IPv6. */
    uint16_t arp_op;
    uint8_t icmp_type;
    uint8_t icmp_code;
    uint16_t sport;
    uint16_t dport;
    uint8_t next_proto;         /* IPv6: next header of the fixed header. */
    uint8_t frag_proto;         /* IPv6: next header of the fragment one. */
    uint8_t sound;              /* SIMNIC_SOUND_*. */
    uint8_t pad;                /* Zero. */
};

struct simnic_key {
    struct simnic_layer layer[2];   /* Outer, inner. */
    uint8_t tunnel;                 /* SIMNIC_TNL_*. */
    uint8_t tnl_flags;              /* VXLAN. */
    uint16_t tnl_bits;              /* First 16 bits of GRE and GENEVE. */
    uint16_t tnl_proto;             /* GRE and GENEVE. */
    uint8_t pad[2];                 /* Zero. */
    uint8_t vni[3];                 /* VXLAN and GENEVE. */
    uint8_t pad2[5];                /* Zero. */
};

#define SIMNIC_KEY_WORDS (sizeof(struct simnic_key) / 8)

_Static_assert(sizeof(struct simnic_layer) == 80, "padding in a layer");
_Static_assert(sizeof(struct simnic_key) == 176, "padding in a key");

/* Where a layer's headers begin, in bytes from the frame's first; 0 if the
 * header is absent ('l2' of the outer layer is 0 as well). */
struct simnic_place {
    uint16_t l2;
    uint16_t l3;
    uint16_t l4;
    uint16_t payload;           /* After the last header that was parsed. */
    uint32_t ptype;             /* RTE_PTYPE_* of this layer, outer form. */
};

struct simnic_parsed {
    struct simnic_key key;
    struct simnic_place place[2];
    uint32_t ptype;             /* RTE_PTYPE_* of the whole packet. */
};

/* Parses the first 'size' bytes, at 'frame', of a frame of 'wire_size'.  A
 * header that is cut off is absent, with all that would follow; a later
 * fragment has no L4 header.  As a NIC does, it reads fields without regard
 * to the lengths that are in the headers; 'sound' tells whether these are
 * right. */
void simnic_key_parse(const void *frame, size_t size, size_t wire_size,
                      struct simnic_parsed *);

/* Adds to 'parsed', of the frame whose first 'size' bytes are at 'frame',
 * which checksums of the outer layer are sound.  One whose bytes are not all
 * there is not. */
void simnic_key_verify(const void *frame, size_t size,
                       struct simnic_parsed *parsed);

/* Drops the outer layer of 'key', which must have a tunnel: the inner one
 * takes its place. */
void simnic_key_decap(struct simnic_key *key);

#endif /* simnic-key.h */
