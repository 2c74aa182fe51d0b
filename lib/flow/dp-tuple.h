/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TUPLE_H
#define DP_TUPLE_H 1

/* dp-tuple: flows by the connection that a packet's first bytes tell
 * =================================================================
 *
 * Job.  Find, without extraction, the flow of a packet that belongs to a
 * transport connection.  Flows in this table match addresses, protocol and
 * ports exactly, as merged flows do, and of the other fields what they like.
 *
 * Only *plain* packets are found: Ethernet, as many VLAN tags as extraction
 * would see, IPv4 without options or IPv6 without extension headers, no
 * fragment, TCP or UDP, with lengths that fit together.  Of these, all that
 * extraction would say is a function of the headers' bytes, so a flow's entry
 * has these bytes under a mask, and is compared with those of the packet.
 * Checksums are the caller's business.
 *
 * Several entries may have the same connection and differ in other fields; if
 * a packet is of two, either is found.
 *
 * Owns.  The entries; each has a reference on its flow.
 *
 * Thread-safety.  One writer at a time: dp_tuples_insert(),
 * dp_tuples_remove().  Readers need only RCU.
 *
 * Cost.  One cache line for each entry, two with tags or IPv6, and what
 * dp-tuple-index.h says.  A lookup waits for three lines that are not in the
 * cache, one after the other: bucket, entry, flow.  So a burst asks for those
 * of all packets first. */

#include <netinet/in.h>

#include "dp-packet.h"
#include "flow/dp-flow.h"
#include "flow/dp-load.h"
#include "flow/dp-tuple-index.h"
#include "ovs/ovs-packet-offload.h"
#include "packets.h"

struct match;

/* What has been read of a plain packet. */
struct dp_tuple {
    uint64_t shape;             /* See dp_tuple_shape(). */
    uint32_t hash;              /* Of port and connection. */
    uint16_t tcp_flags;         /* Network byte order; 0 if UDP. */
    uint8_t l3_ofs;
    uint8_t l4_ofs;
    uint8_t l2_pad_size;
    bool is_ipv6;
    bool is_tcp;
};

enum {
    DP_TUPLE_IPV4_FIRST = 0x45, /* First byte: version, and no options. */
    DP_TUPLE_IPV6_FIRST = 0x60,
    DP_TUPLE_L4_LEN = 8,        /* Of layer 4, that is looked at as words. */
    DP_TUPLE_MAX_LEN = (ETH_HEADER_LEN
                        + FLOW_MAX_VLAN_HEADERS * VLAN_HEADER_LEN
                        + IPV6_HEADER_LEN + DP_TUPLE_L4_LEN),
};

/* Words of headers, see dp_tuple_word().  A tag asks for one more. */
enum {
    DP_TUPLE_IPV4_WORDS = 4,
    DP_TUPLE_IPV6_WORDS = 8,
    DP_TUPLE_WORDS = DP_TUPLE_IPV6_WORDS + 1,
};

/* Shared by many entries, so that it stays in the cache. */
struct dp_tuple_mask {
    uint64_t shape;             /* See dp_tuple_shape(). */
    uint64_t words[DP_TUPLE_WORDS];
    struct ovs_list node;       /* In the table's masks. */
    size_t n_entries;           /* That use it. */
};

/* One cache line, unless there is a tag or it is IPv6. */
struct dp_tuple_entry {
    struct dp_tuple_node node;  /* In the index, by the connection's hash. */
    struct dp_flow *flow;       /* Counted. */
    struct dp_tuple_mask *mask;
    uint64_t shape;             /* Under the mask, as are the words. */
    uint64_t words[];
};
BUILD_ASSERT_DECL(offsetof(struct dp_tuple_entry, words)
                  + DP_TUPLE_IPV4_WORDS * sizeof(uint64_t)
                  <= CACHE_LINE_SIZE);

struct dp_tuples {
    atomic_uint n;              /* Entries. */
    struct dp_tuple_index index;
    struct ovs_list masks;      /* Writer only: 'struct dp_tuple_mask's. */
};

void dp_tuples_init(struct dp_tuples *);

/* The table must be empty. */
void dp_tuples_uninit(struct dp_tuples *);

/* Can plain packets be compared with 'match'? */
bool dp_tuples_can_hold(const struct match *match);

/* Adds 'flow', whose match can be held, and takes a reference. */
void dp_tuples_insert(struct dp_tuples *, struct dp_flow *flow);

/* Removes 'flow', if it is there; gives back the reference after a grace
 * period. */
void dp_tuples_remove(struct dp_tuples *, struct dp_flow *flow);

/* Returns how many flows there are, or were a moment ago. */
static inline unsigned int
dp_tuples_count(const struct dp_tuples *tuples)
{
    unsigned int n;

    atomic_read_relaxed(&CONST_CAST(struct dp_tuples *, tuples)->n, &n);
    return n;
}

bool dp_tuple_read_other__(struct dp_tuple *, struct dp_packet *packet,
                           odp_port_t in_port);

/* Writes the fields of 'f', which may be a mask, as a plain packet has them
 * whose layer 3 is at 'l3_ofs'. */
void dp_tuple_write_headers(const struct flow *f, size_t l3_ofs, bool is_ipv6,
                            uint8_t bytes[DP_TUPLE_MAX_LEN]);

/* Returns a hash of what is not wild in any entry.  All bits of a word come to
 * the upper half of a product, from where they are taken on. */
static inline uint32_t
dp_tuple_hash(const uint8_t *l3, const uint8_t *l4, bool is_ipv6,
              uint8_t proto, odp_port_t in_port)
{
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t ports = (dp_load32(l4) | (uint64_t) proto << 32
                      | (uint64_t) odp_to_u32(in_port) << 40);
    uint64_t h;

    if (!is_ipv6) {
        h = dp_load64(l3 + 12) * factor;
    } else {
        h = dp_load64(l3 + 8) * factor;
        for (size_t ofs = 16; ofs < IPV6_HEADER_LEN; ofs += 8) {
            h = (h ^ (h >> 32) ^ dp_load64(l3 + ofs)) * factor;
        }
    }
    h = (h ^ (h >> 32) ^ ports) * factor;
    return h >> 32;
}

/* All that two packets must have in common before their words can be compared,
 * and TCP flags, which no word has. */
static inline uint64_t
dp_tuple_shape(odp_port_t in_port, uint16_t tcp_flags, size_t l3_ofs,
               bool is_ipv6)
{
    return (odp_to_u32(in_port) | (uint64_t) tcp_flags << 32
            | (uint64_t) l3_ofs << 48 | (uint64_t) is_ipv6 << 56);
}

/* Reads layer 4, which has 'len' bytes. */
static inline bool
dp_tuple_read_l4(struct dp_tuple *t, const uint8_t *l4, size_t len,
                 uint8_t proto)
{
    if (proto == IPPROTO_TCP && len >= TCP_HEADER_LEN) {
        size_t head_len = (l4[12] >> 4) * 4;

        t->is_tcp = true;
        t->tcp_flags = (dp_load16(l4 + 12)
                        & (OVS_FORCE uint16_t) htons(0x0fff));
        return head_len >= TCP_HEADER_LEN && head_len <= len;
    } else if (proto == IPPROTO_UDP && len >= UDP_HEADER_LEN) {
        size_t udp_len = ntohs((OVS_FORCE ovs_be16) dp_load16(l4 + 4));

        t->is_tcp = false;
        t->tcp_flags = 0;
        return udp_len >= UDP_HEADER_LEN && udp_len <= len;
    }
    return false;
}

/* Reads a packet whose layer 3, of 'size' bytes with padding, is an IPv4
 * header at 'data' + 'l3_ofs'. */
static inline bool
dp_tuple_read_ipv4(struct dp_tuple *t, const uint8_t *data, size_t l3_ofs,
                   size_t size, odp_port_t in_port)
{
    const uint16_t frag_bits = (OVS_FORCE uint16_t) htons(0x3fff);
    const uint8_t *l3 = data + l3_ofs;
    const uint8_t *l4 = l3 + IP_HEADER_LEN;
    size_t len = ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + 2));

    if (l3[0] != DP_TUPLE_IPV4_FIRST || dp_load16(l3 + 6) & frag_bits
        || len < IP_HEADER_LEN || size - len > UINT8_MAX
        || !dp_tuple_read_l4(t, l4, len - IP_HEADER_LEN, l3[9])) {
        return false;
    }
    t->shape = dp_tuple_shape(in_port, t->tcp_flags, l3_ofs, false);
    t->hash = dp_tuple_hash(l3, l4, false, l3[9], in_port);
    t->l3_ofs = l3_ofs;
    t->l4_ofs = l3_ofs + IP_HEADER_LEN;
    t->l2_pad_size = size - len;
    t->is_ipv6 = false;
    return true;
}

/* Reads 'packet', which 'in_port' has just received.  Returns false if it is
 * not plain. */
static inline bool
dp_tuple_read(struct dp_tuple *t, struct dp_packet *packet, odp_port_t in_port)
{
    const uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);

    if (size < ETH_HEADER_LEN + IP_HEADER_LEN + UDP_HEADER_LEN
        || !dp_packet_is_eth(packet)
        || OVS_UNLIKELY(ovs_packet_is_tunnelled(packet))) {
        return false;
    }
    if (OVS_LIKELY(dp_load16(data + ETH_HEADER_LEN - 2)
                   == (OVS_FORCE uint16_t) htons(ETH_TYPE_IP))) {
        return dp_tuple_read_ipv4(t, data, ETH_HEADER_LEN,
                                  size - ETH_HEADER_LEN, in_port);
    }
    return dp_tuple_read_other__(t, packet, in_port);
}

/* Sets the offsets of 'packet', which reads 't'. */
static inline void
dp_tuple_set_offsets(const struct dp_tuple *t, struct dp_packet *packet)
{
    packet->l2_pad_size = t->l2_pad_size;
    packet->l2_5_ofs = UINT16_MAX;
    packet->l3_ofs = t->l3_ofs;
    packet->l4_ofs = t->l4_ofs;
    ovs_packet_note(packet, t->is_ipv6, t->is_tcp);
}

/* Asks for the memory that dp_tuple_entry_matches() reads in most cases. */
static inline void
dp_tuple_entry_prefetch(const struct dp_tuple_entry *entry)
{
    OVS_PREFETCH(entry);
}

static inline size_t
dp_tuple_n_words(size_t l3_ofs, bool is_ipv6)
{
    return ((is_ipv6 ? DP_TUPLE_IPV6_WORDS : DP_TUPLE_IPV4_WORDS)
            + (l3_ofs > ETH_HEADER_LEN));
}

/* Does a packet that reads 't' have DP_TUPLE_IPV4_WORDS words? */
static inline bool
dp_tuple_is_short(const struct dp_tuple *t)
{
    return t->shape >> 48 == ETH_HEADER_LEN;
}

/* Returns the 'i'th word of headers.  Together they have all that extraction
 * reads of layers 2 and 3, and the ports. */
static inline uint64_t
dp_tuple_word(const uint8_t *data, size_t l3_ofs, bool is_ipv6, size_t i)
{
    const uint8_t *l3 = data + l3_ofs;

    if (i == dp_tuple_n_words(ETH_HEADER_LEN, is_ipv6)) {
        return dp_load64(data + 8);     /* There are tags. */
    }
    switch (i) {
    case 0: return dp_load64(data);
    case 1: return dp_load64(l3 - 6);
    case 2: return dp_load64(l3 + 8);
    case 3: return dp_load64(l3 + 16);
    case 4: return dp_load64(l3 + 24);
    case 5: return dp_load64(l3 + 32);
    case 6: return dp_load64(l3);
    case 7: return dp_load64(l3 + IPV6_HEADER_LEN);
    default: OVS_NOT_REACHED();
    }
}

static inline uint64_t
dp_tuple_word_differs(const struct dp_tuple_entry *entry, const uint8_t *data,
                      size_t l3_ofs, bool is_ipv6, size_t i)
{
    return ((dp_tuple_word(data, l3_ofs, is_ipv6, i) & entry->mask->words[i])
            ^ entry->words[i]);
}

/* Is 'packet', which reads 't', of 'entry'?  What most packets need is
 * compared without a branch: one that is taken wrongly costs more. */
static inline bool
dp_tuple_entry_matches(const struct dp_tuple_entry *entry,
                       const struct dp_tuple *t,
                       const struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    uint64_t differ = (t->shape & entry->mask->shape) ^ entry->shape;

    differ |= dp_tuple_word_differs(entry, data, t->l3_ofs, false, 0);
    differ |= dp_tuple_word_differs(entry, data, t->l3_ofs, false, 1);
    differ |= dp_tuple_word_differs(entry, data, t->l3_ofs, false, 2);
    differ |= dp_tuple_word_differs(entry, data, t->l3_ofs, false, 3);
    if (OVS_UNLIKELY(!dp_tuple_is_short(t) && !differ)) {
        size_t n = dp_tuple_n_words(t->l3_ofs, t->is_ipv6);

        for (size_t i = DP_TUPLE_IPV4_WORDS; i < n; i++) {
            differ |= dp_tuple_word_differs(entry, data, t->l3_ofs,
                                            t->is_ipv6, i);
        }
    }
    return !differ;
}

/* Finds a living flow of 'packet', which reads 't', or returns NULL. */
struct dp_flow *dp_tuples_find(const struct dp_tuples *,
                               const struct dp_tuple *t,
                               const struct dp_packet *packet);

#endif /* dp-tuple.h */
