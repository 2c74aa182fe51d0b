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
 * Cost.  Two cache lines for each entry, and eight bytes and a half in the
 * index, at most twice that after many have gone.  The index grows and shrinks
 * in the writer's thread; readers see the old one until the new one is there.
 * A lookup waits for three lines that are not in the cache, one after the
 * other, so a burst asks for those of all packets first. */

#include <netinet/in.h>

#include "cmap.h"
#include "dp-packet.h"
#include "flow/dp-flow.h"
#include "flow/dp-load.h"
#include "packets.h"

struct match;

/* What has been read of a plain packet. */
struct dp_tuple {
    uint32_t hash;              /* Of port and connection. */
    uint16_t tcp_flags;         /* Network byte order; 0 if UDP. */
    uint8_t l3_ofs;
    uint8_t l4_ofs;
    uint8_t l2_pad_size;
    bool is_ipv6;
    bool is_tcp;
};

enum {
    DP_TUPLE_L4_LEN = 8,        /* Of layer 4, that is looked at as words. */
    DP_TUPLE_MAX_LEN = (ETH_HEADER_LEN
                        + FLOW_MAX_VLAN_HEADERS * VLAN_HEADER_LEN
                        + IPV6_HEADER_LEN + DP_TUPLE_L4_LEN),
};

/* Words of headers, see dp_tuple_word(). */
enum {
    DP_TUPLE_L2_WORDS = 3,
    DP_TUPLE_IPV4_WORDS = 3,
    DP_TUPLE_IPV6_WORDS = 5,
    DP_TUPLE_WORDS = DP_TUPLE_L2_WORDS + DP_TUPLE_IPV6_WORDS + 1,
};

/* Shared by many entries, so that it stays in the cache. */
struct dp_tuple_mask {
    struct ovs_list node;       /* In the table's masks. */
    size_t n_entries;           /* That use it. */
    uint16_t tcp_flags;         /* Network byte order. */
    uint64_t words[DP_TUPLE_WORDS];
};

struct dp_tuple_entry {
    struct cmap_node node;      /* In the table, by the connection's hash. */
    struct dp_flow *flow;       /* Counted. */
    struct dp_tuple_mask *mask;
    odp_port_t in_port;
    uint16_t tcp_flags;         /* Under the mask, network byte order. */
    uint8_t l3_ofs;
    uint8_t n_words;            /* Says which version of IP. */
    uint64_t words[DP_TUPLE_WORDS];     /* Under the mask. */
    uint32_t hash;
};
BUILD_ASSERT_DECL(sizeof(struct dp_tuple_entry) <= 2 * CACHE_LINE_SIZE);

struct dp_tuples {
    atomic_uint n;              /* Entries.  (cmap_count() is a call.) */
    struct cmap entries;
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

/* Reads 'packet', which 'in_port' has just received.  Returns false if it is
 * not plain. */
bool dp_tuple_read(struct dp_tuple *, struct dp_packet *packet,
                   odp_port_t in_port);

/* Sets the offsets of 'packet', which reads 'tuple'. */
void dp_tuple_set_offsets(const struct dp_tuple *tuple,
                          struct dp_packet *packet);

/* Writes the fields of 'f', which may be a mask, as a plain packet has them
 * whose layer 3 is at 'l3_ofs'. */
void dp_tuple_write_headers(const struct flow *f, size_t l3_ofs, bool is_ipv6,
                            uint8_t bytes[DP_TUPLE_MAX_LEN]);

/* Asks for the memory that dp_tuple_entry_matches() reads. */
static inline void
dp_tuple_entry_prefetch(const struct dp_tuple_entry *entry)
{
    OVS_PREFETCH(entry);
    OVS_PREFETCH((const char *) entry + CACHE_LINE_SIZE);
}

static inline size_t
dp_tuple_n_words(bool is_ipv6)
{
    return (DP_TUPLE_L2_WORDS + 1
            + (is_ipv6 ? DP_TUPLE_IPV6_WORDS : DP_TUPLE_IPV4_WORDS));
}

/* Returns the 'i'th word of headers: of layers 2 and 3, in words that overlap
 * where the length asks for it, and then the first word of layer 4. */
static inline uint64_t
dp_tuple_word(const uint8_t *data, size_t l3_ofs, bool is_ipv6, size_t i)
{
    const uint8_t *l3 = data + l3_ofs;

    switch (i) {
    case 0: return dp_load64(data);
    case 1: return dp_load64(data + 8);
    case 2: return dp_load64(l3 - 8);
    case 3: return dp_load64(l3);
    case 4: return dp_load64(l3 + 8);
    case 5: return dp_load64(l3 + (is_ipv6 ? 16 : 12));
    case 6: return dp_load64(l3 + (is_ipv6 ? 24 : IP_HEADER_LEN));
    case 7: return dp_load64(l3 + 32);
    case 8: return dp_load64(l3 + IPV6_HEADER_LEN);
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

/* Is 'packet', which reads 't', of 'entry'?  All is compared before anything
 * is decided, and without a loop: a branch that is taken wrongly costs more
 * than that. */
static inline bool
dp_tuple_entry_matches(const struct dp_tuple_entry *entry,
                       const struct dp_tuple *t,
                       const struct dp_packet *packet, odp_port_t in_port)
{
    const uint8_t *data = dp_packet_data(packet);
    size_t ofs = t->l3_ofs;
    uint64_t differ;

    if (entry->l3_ofs != ofs || entry->in_port != in_port
        || entry->n_words != dp_tuple_n_words(t->is_ipv6)) {
        return false;
    }
    differ = (t->tcp_flags & entry->mask->tcp_flags) ^ entry->tcp_flags;
    differ |= dp_tuple_word_differs(entry, data, ofs, false, 0);
    differ |= dp_tuple_word_differs(entry, data, ofs, false, 1);
    differ |= dp_tuple_word_differs(entry, data, ofs, false, 2);
    differ |= dp_tuple_word_differs(entry, data, ofs, false, 3);
    differ |= dp_tuple_word_differs(entry, data, ofs, false, 4);
    if (!t->is_ipv6) {
        differ |= dp_tuple_word_differs(entry, data, ofs, false, 5);
        differ |= dp_tuple_word_differs(entry, data, ofs, false, 6);
    } else {
        differ |= dp_tuple_word_differs(entry, data, ofs, true, 5);
        differ |= dp_tuple_word_differs(entry, data, ofs, true, 6);
        differ |= dp_tuple_word_differs(entry, data, ofs, true, 7);
        differ |= dp_tuple_word_differs(entry, data, ofs, true, 8);
    }
    return !differ;
}

/* Returns the next entry with the same hash, or NULL. */
static inline const struct dp_tuple_entry *
dp_tuple_entry_next(const struct dp_tuple_entry *entry)
{
    const struct cmap_node *node = cmap_node_next(&entry->node);

    return node ? CONTAINER_OF(node, struct dp_tuple_entry, node) : NULL;
}

#endif /* dp-tuple.h */
