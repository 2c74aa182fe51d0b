/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RAW_H
#define DP_RAW_H 1

/* dp-raw: what a megaflow matches, as words of packets
 * ====================================================
 *
 * Job.  Tell without extraction that a packet is of the megaflow that another
 * one was of.  Of plain packets (see dp-tuple.h) each field of the key is a
 * function of some bytes of headers and metadata.  So those that the fields of
 * the mask come of are compared, and what extraction makes sure of is looked
 * at: the lengths.  A packet with the same bytes is of the same megaflow.  One
 * without may be, as more is compared than has to be: which headers there are,
 * and the state of the connection.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  As the owner's.
 *
 * Cost.  dp_raw_matches(): the first line of metadata and of the packet, some
 * sixty instructions, of which none depends on how much the mask asks for, if
 * it asks of the metadata what most do. */

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow.h"
#include "flow/dp-load.h"
#include "ovs/ovs-packet-offload.h"
#include "packets.h"

struct dp_mask;

/* What earlier passes say of a packet, as far as most masks ask for it.  This
 * is read by fields, as it has just been written so, and a load that is wider
 * than a store would have to wait for it. */
struct dp_raw_passes {
    uint64_t round;             /* 'dp_hash', 'recirc_id'. */
    uint64_t ct;                /* 'ct_mark', 'ct_zone', 'ct_state'. */
    odp_port_t in_port;
};

enum {
    DP_RAW_HEAD_WORDS = 6,      /* From the first byte on. */
    DP_RAW_HEAD_LEN = DP_RAW_HEAD_WORDS * 8,
    DP_RAW_IPV6_WORDS = 3,      /* The last of them begins with layer 4. */
    DP_RAW_HEADER_WORDS = DP_RAW_HEAD_WORDS + DP_RAW_IPV6_WORDS,
    DP_RAW_MORE_WORDS = 7,
};

/* A mask, and values under it. */
struct dp_raw_word {
    uint64_t bits, value;
};

struct dp_raw {
    uint32_t min_size;          /* Shorter packets don't match; UINT32_MAX: no
                                 * packet does. */
    uint16_t min_l3_size;       /* The same from layer 3 on. */
    uint8_t l3_ofs, l4_ofs;
    bool is_ipv6, is_tcp;
    bool is_tunnelled;          /* The metadata are about a tunnel, too. */
    bool is_rare;               /* There are tags, or 'more'. */
    odp_port_t in_port;
    ovs_be16 tcp_flags;         /* Under the mask. */
    ovs_be16 tcp_flags_bits;    /* The mask. */
    struct dp_raw_word round, ct;       /* See struct dp_raw_passes. */
    uint64_t bits[DP_RAW_HEADER_WORDS]; /* Of headers. */
    uint64_t values[DP_RAW_HEADER_WORDS];

    /* What few masks ask for. */
    uint8_t n_tags;
    uint8_t n_more;
    uint8_t more_ofs[DP_RAW_MORE_WORDS];        /* Bytes, in metadata. */
    struct dp_raw_word more[DP_RAW_MORE_WORDS];
};

/* Makes 'raw' one that no packet matches. */
static inline void
dp_raw_init(struct dp_raw *raw)
{
    raw->min_size = UINT32_MAX;
}

/* Makes 'raw' say which packets are of the megaflow with 'mask' that 'packet'
 * is of.  No packet matches it if that can't be said. */
void dp_raw_make(struct dp_raw *raw, const struct dp_mask *mask,
                 struct dp_packet *packet);

/* What the tracker says counts only if it has said something. */
static inline struct dp_raw_passes
dp_raw_read_passes(const struct pkt_metadata *md)
{
    return (struct dp_raw_passes) {
        .round = md->dp_hash | (uint64_t) md->recirc_id << 32,
        .ct = (md->ct_state
               ? (md->ct_mark | (uint64_t) md->ct_zone << 32
                  | (uint64_t) md->ct_state << 48) : 0),
        .in_port = md->in_port.odp_port,
    };
}

static inline uint64_t
dp_raw_word_differs(const struct dp_raw_word *word, uint64_t value)
{
    return (value & word->bits) ^ word->value;
}

/* For dp_raw_matches().  Has 'packet', long enough, other headers than 'raw'
 * asks for? */
static inline uint64_t
dp_raw_headers_differ(const struct dp_raw *raw, const struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    uint64_t differ = 0;

    for (size_t i = 0; i < DP_RAW_HEAD_WORDS; i++) {
        differ |= (dp_load64(data + 8 * i) & raw->bits[i]) ^ raw->values[i];
    }
    if (raw->is_ipv6) {
        const uint8_t *p = data + raw->l4_ofs - 8 * (DP_RAW_IPV6_WORDS - 1);

        for (size_t i = DP_RAW_HEAD_WORDS; i < DP_RAW_HEADER_WORDS; i++) {
            differ |= (dp_load64(p) & raw->bits[i]) ^ raw->values[i];
            p += 8;
        }
    }
    return differ;
}

/* Is there a tunnel in 'md'?  As flow_tnl_dst_is_set(), in a few words. */
static inline bool
dp_raw_is_tunnelled(const struct pkt_metadata *md)
{
    const uint8_t *ipv6_dst = (const uint8_t *) &md->tunnel.ipv6_dst;

    return ((OVS_FORCE uint32_t) md->tunnel.ip_dst
            | dp_load64(ipv6_dst) | dp_load64(ipv6_dst + 8)) != 0;
}

/* Has 'packet' other metadata than 'raw' asks for, those aside that few masks
 * ask for? */
static inline uint64_t
dp_raw_passes_differ(const struct dp_raw *raw,
                     const struct dp_raw_passes *passes)
{
    return (dp_raw_word_differs(&raw->round, passes->round)
            | dp_raw_word_differs(&raw->ct, passes->ct)
            | (odp_to_u32(passes->in_port) ^ odp_to_u32(raw->in_port)));
}

/* Likewise, for what is rare. */
static inline bool
dp_raw_rest_differs(const struct dp_raw *raw, const struct pkt_metadata *md)
{
    uint64_t differ = 0;

    for (size_t i = 0; i < raw->n_more; i++) {
        differ |= dp_raw_word_differs(
            &raw->more[i], dp_load64((const uint8_t *) md + raw->more_ofs[i]));
    }
    return differ || raw->n_tags > flow_vlan_limit;
}

/* Likewise, for what extraction wants to know of a TCP header of 'size'
 * bytes; stores the flags, in host byte order. */
static inline bool
dp_raw_tcp_differs(const struct dp_raw *raw, const uint8_t *tcp, size_t size,
                   uint16_t *tcp_flags)
{
    uint16_t flags = dp_load16(tcp + 12);
    size_t head_len = (tcp[12] >> 4) * 4;

    *tcp_flags = ntohs((OVS_FORCE ovs_be16) flags) & 0x0fff;
    return (head_len < TCP_HEADER_LEN || head_len > size
            || ((flags & (OVS_FORCE uint16_t) raw->tcp_flags_bits)
                != (OVS_FORCE uint16_t) raw->tcp_flags));
}

/* Is 'packet', whose metadata say 'passes', of the megaflow of 'raw'?  If so,
 * sets its offsets, and stores its TCP flags, in host byte order. */
static inline bool
dp_raw_matches(const struct dp_raw *raw, const struct dp_raw_passes *passes,
               struct dp_packet *packet, uint16_t *tcp_flags)
{
    const uint8_t *l3 = (const uint8_t *) dp_packet_data(packet) + raw->l3_ofs;
    size_t size = dp_packet_size(packet);
    size_t l3_size, pad;

    if (size < raw->min_size
        || (dp_raw_headers_differ(raw, packet)
            | dp_raw_passes_differ(raw, passes))
        || !dp_packet_is_eth(packet)
        || OVS_UNLIKELY(ovs_packet_is_tunnelled(packet))
        || dp_raw_is_tunnelled(&packet->md) != raw->is_tunnelled
        || (OVS_UNLIKELY(raw->is_rare)
            && dp_raw_rest_differs(raw, &packet->md))) {
        return false;
    }
    l3_size = (raw->is_ipv6
               ? (IPV6_HEADER_LEN
                  + ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 4)))
               : ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 2)));
    pad = size - raw->l3_ofs - l3_size; /* Huge if the packet is cut off. */
    *tcp_flags = 0;
    if (pad > UINT8_MAX || l3_size < raw->min_l3_size
        || (raw->is_tcp
            && dp_raw_tcp_differs(raw, l3 + (raw->l4_ofs - raw->l3_ofs),
                                  size - pad - raw->l4_ofs, tcp_flags))) {
        return false;
    }
    packet->l2_pad_size = pad;
    packet->l2_5_ofs = UINT16_MAX;
    packet->l3_ofs = raw->l3_ofs;
    packet->l4_ofs = raw->l4_ofs;
    ovs_packet_note(packet, raw->is_ipv6, raw->is_tcp);
    return true;
}

#endif /* dp-raw.h */
