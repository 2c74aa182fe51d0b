/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_KEY_H
#define CT_KEY_H 1

/* ct-key: what names one direction of a connection
 * ================================================
 *
 * Job.  A key has both end points, the protocol and the zone of a packet.
 * Its reverse names the packets that go the other way.
 *
 * The hash of a key equals that of its reverse, so a connection that nobody
 * translates needs only one entry in the table of connections: who finds it
 * compares the packet's key and the reverse with the original direction's.
 *
 * An IPv4 address takes the first four bytes of its place, the others are
 * zero.  TCP, UDP and, since 3.2, SCTP have ports.  A query of ICMP or ICMPv6
 * has its identifier in 'src_port', and type and code of the message, in this
 * order, in 'dst_port'.  Other protocols have zeros there.
 *
 * Thread-safety.  Pure functions.
 *
 * Source.  The hash is wyhash's multiplication of 64 by 64 bits, folded
 * (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain), with a
 * secret chosen at start, so that nobody outside can fill one bucket. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "conntrack.h"
#include "openvswitch/types.h"
#include "util.h"
#include "ovs/ovs-conntrack.h"

struct ct_key {
    union {
        struct {
            union ct_addr src, dst;
            ovs_be16 src_port, dst_port;
            uint16_t zone;
            uint8_t proto;              /* IPPROTO_*. */
            uint8_t is_ipv6;            /* 0 or 1. */
        };
        uint64_t words[5];              /* To compare, fill and reverse: who
                                         * reads words had better have written
                                         * words, or the processor waits. */
    };
};
BUILD_ASSERT_DECL(sizeof(struct ct_key) == 40);

/* Where the members after the addresses are in the last word. */
#ifdef WORDS_BIGENDIAN
#define CT_KEY_PORTS 32         /* Both of them. */
#define CT_KEY_SRC_PORT 48
#define CT_KEY_DST_PORT 32
#define CT_KEY_ZONE 16
#define CT_KEY_PROTO 8
#define CT_KEY_IS_IPV6 0
#else
#define CT_KEY_PORTS 0
#define CT_KEY_SRC_PORT 0
#define CT_KEY_DST_PORT 16
#define CT_KEY_ZONE 32
#define CT_KEY_PROTO 48
#define CT_KEY_IS_IPV6 56
#endif

/* Returns the first word of an IPv4 address; the second one is 0. */
static inline uint64_t
ct_key_ipv4_word(ovs_be32 addr)
{
#ifdef WORDS_BIGENDIAN
    return (uint64_t) (OVS_FORCE uint32_t) addr << 32;
#else
    return (OVS_FORCE uint32_t) addr;
#endif
}

/* Returns the last word of a key. */
static inline uint64_t
ct_key_last_word(ovs_be16 src_port, ovs_be16 dst_port, uint16_t zone,
                 uint8_t proto, bool is_ipv6)
{
    return ((uint64_t) (OVS_FORCE uint16_t) src_port << CT_KEY_SRC_PORT
            | (uint64_t) (OVS_FORCE uint16_t) dst_port << CT_KEY_DST_PORT
            | (uint64_t) zone << CT_KEY_ZONE
            | (uint64_t) proto << CT_KEY_PROTO
            | (uint64_t) is_ipv6 << CT_KEY_IS_IPV6);
}

static inline bool
ct_key_equal(const struct ct_key *a, const struct ct_key *b)
{
    const uint64_t *x = a->words;
    const uint64_t *y = b->words;

    return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])
             | (x[4] ^ y[4]));
}

/* Does protocol 'proto' have ports, where TCP has them? */
static inline bool
ct_has_ports(uint8_t proto)
{
    return (proto == IPPROTO_TCP || proto == IPPROTO_UDP
            || (proto == IPPROTO_SCTP && ovs_ct_has_sctp_ports()));
}

/* Are messages of 'key' queries or answers of ICMP or ICMPv6? */
static inline bool
ct_key_is_icmp(const struct ct_key *key)
{
    return key->proto == (key->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static inline uint8_t
ct_key_icmp_type(const struct ct_key *key)
{
    return ntohs(key->dst_port) >> 8;
}

static inline uint8_t
ct_key_icmp_code(const struct ct_key *key)
{
    return ntohs(key->dst_port) & 0xff;
}

/* Returns what 'dst_port' of a key has for a message of 'type' and 'code'. */
static inline ovs_be16
ct_key_icmp_port(uint8_t type, uint8_t code)
{
    return htons(type << 8 | code);
}

/* Returns the type of the answer to a query of 'type', or of the query that
 * an answer of 'type' belongs to; -1 if 'type' is neither. */
int ct_key_icmp_partner(bool is_ipv6, uint8_t type);

/* Is 'type' that of a query, which may begin a connection? */
bool ct_key_icmp_is_query(bool is_ipv6, uint8_t type);

/* Returns the last word of the reverse of 'key', which is of ICMP. */
uint64_t ct_key_reverse_icmp__(const struct ct_key *key);

/* Stores the reverse of 'key', whose ICMP type, if it has one, has a
 * partner. */
static inline void
ct_key_reverse(const struct ct_key *key, struct ct_key *reverse)
{
    const uint64_t ports = ct_key_last_word(OVS_BE16_MAX, OVS_BE16_MAX, 0, 0,
                                            false);
    const uint64_t lower = ports & 0x0000ffff0000ffff;
    uint64_t last = key->words[4];
    uint64_t src[2] = { key->words[0], key->words[1] };

    reverse->words[0] = key->words[2];
    reverse->words[1] = key->words[3];
    reverse->words[2] = src[0];
    reverse->words[3] = src[1];
    reverse->words[4] = (OVS_UNLIKELY(ct_key_is_icmp(key))
                         ? ct_key_reverse_icmp__(key)
                         : ((last & ~ports) | (last & lower) << 16
                            | ((last >> 16) & lower)));
}

/* What seeds the hash.  One for each tracker. */
struct ct_secret {
    uint64_t w[3];
};

void ct_secret_init(struct ct_secret *);

static inline uint64_t
ct_fold__(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;

    return product ^ (product >> 64);
}

static inline uint64_t
ct_end_hash__(const struct ct_secret *s, const union ct_addr *addr,
              ovs_be16 port)
{
    uint64_t w[2];

    memcpy(w, addr, sizeof w);
    return ct_fold__(w[0] ^ s->w[0], w[1] ^ s->w[1] ^ (uint64_t) port << 32);
}

/* Returns the hash of 'key', and of its reverse. */
static inline uint32_t
ct_key_hash(const struct ct_secret *s, const struct ct_key *key)
{
    /* Both directions of a query have the same identifier. */
    ovs_be16 dst_port = ct_key_is_icmp(key) ? key->src_port : key->dst_port;
    uint64_t src = ct_end_hash__(s, &key->src, key->src_port);
    uint64_t dst = ct_end_hash__(s, &key->dst, dst_port);
    uint64_t rest = key->zone | key->proto << 16 | key->is_ipv6 << 24;

    return ct_fold__((src + dst) ^ s->w[2], (src ^ dst) + rest * s->w[0]);
}

#endif /* ct-key.h */
