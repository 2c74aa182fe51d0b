/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_ABI_H
#define DP_XDP_ABI_H 1

/* dp-xdp-abi: what the daemon and its XDP program have in common
 * ==============================================================
 *
 * Job.  The layout of the maps, and what stands in front of a packet that the
 * program hands to an AF_XDP socket.  Included by both sides, so it uses
 * nothing but the kernel's types.
 *
 * Integers are in the machine's byte order unless their type says
 * otherwise. */

#include <linux/types.h>

/* A *slot* is the program's name of a port, from 1 on; 0 is no port. */
#define DP_XDP_MAX_PORTS 256

/* Queues of a port that may have a socket.  The socket of a queue stands in
 * the map "markpath_xsks" at dp_xdp_xsks_key(). */
#define DP_XDP_MAX_QUEUES 64

static inline __u32
dp_xdp_xsks_key(__u32 slot, __u32 queue)
{
    return slot * DP_XDP_MAX_QUEUES + queue;
}

/* "markpath_ifindex": from the index of an interface to the slot of its port.
 * The entry of an interface is one of DP_XDP_IF_PROBES that begin at
 * dp_xdp_if_hash(); 'ifindex' is 0 in an entry that nobody uses.  Each is
 * written by one store of 64 bits.
 *
 * Packets of the first 'n_kept' queues are nobody's but the daemon's.  If such
 * a queue has no socket the daemon has gone, and they are dropped.  Those of
 * other queues that have none go to the kernel's stack. */
#define DP_XDP_IF_BITS 10
#define DP_XDP_IF_PROBES 8
#define DP_XDP_IF_ENTRIES ((1 << DP_XDP_IF_BITS) + DP_XDP_IF_PROBES)

static inline __u32
dp_xdp_if_hash(__u32 ifindex)
{
    return (ifindex * 0x9e3779b1u) >> (32 - DP_XDP_IF_BITS);
}

static inline __u64
dp_xdp_if_entry(__u32 ifindex, __u32 slot, __u32 n_kept)
{
    return (__u64) ifindex << 32 | n_kept << 16 | slot;
}

static inline __u32
dp_xdp_if_slot(__u64 entry)
{
    return (__u16) entry;
}

static inline __u32
dp_xdp_if_n_kept(__u64 entry)
{
    return (__u16) (entry >> 16);
}

/* Stands right before the first byte of a packet in a socket's ring.  The
 * kernel does not tell whether there is any, so 'magic' is a number that the
 * daemon has chosen by chance when it loaded the program (see
 * dp_xdp_loader_magic()): neither a packet nor its sender knows it.  Who has
 * read it overwrites it, since frames are used again. */
struct dp_xdp_meta {
    __u32 magic;
    __u32 mark;                 /* 0: none. */
};

/* Flows.
 *
 * What the program knows of a packet is a *key*: fields in the packet's byte
 * order, but where nothing else is said, of packets that it has understood
 * wholly; all others go to the daemon.  Fields that a packet has not are zero.
 * A flow is a masked key.
 *
 * An index leads from the hash of a masked key to the flow, in one of two
 * buckets.  The list of a port names the masks that its flows have.  What is
 * published in "markpath_flows", "markpath_masks" and "markpath_lists" never
 * changes, but for 'valid' of a flow; the daemon reuses an element only after
 * all CPUs have left the program since it was taken back.  What publishes is
 * one store of at most 64 bits: an entry of a bucket, and 'list' of a port.
 * A reader checks the flow that an entry leads it to. */
#define DP_XDP_N_WORDS 10
#define DP_XDP_N_BASE_WORDS 5   /* Without addresses and label of IPv6. */

struct dp_xdp_key {
    union {
        struct {
            __u16 slot;         /* Of the in-port; in the machine's order. */
            __be16 dl_type;     /* Behind the tags. */
            __be16 tci0;        /* Outer tag, with DP_XDP_TCI_TAG for "is
                                 * there"; or 0. */
            __u8 frag;          /* DP_XDP_FRAG_*. */
            __u8 tpids;         /* DP_XDP_TAG_*; inner one in the upper half */

            __u8 dl_dst[6];
            __be16 tci1;        /* Inner tag. */

            __u8 dl_src[6];
            __u8 nw_tos;
            __u8 nw_ttl;

            __be32 nw_src;      /* IPv4. */
            __be32 nw_dst;

            __be16 tp_src;      /* ICMP: the type, as a number of 16 bits. */
            __be16 tp_dst;      /* ICMP: the code. */
            __be16 tcp_flags;   /* The lower 12 bits. */
            __u8 nw_proto;
            __u8 zero1;

            __be32 ipv6_src[4];
            __be32 ipv6_dst[4];
            __be32 ipv6_label;
            __u32 zero2;
        };
        __u64 words[DP_XDP_N_WORDS];
    };
};

#define DP_XDP_TCI_TAG 0x1000   /* In the machine's order. */
#define DP_XDP_TAG_THERE 1
#define DP_XDP_TAG_8021AD 2     /* Else 802.1Q. */
#define DP_XDP_FRAG_ANY 1
#define DP_XDP_FRAG_LATER 2

/* What is done with a packet of a flow, in this order: fields are set, tags
 * popped and pushed, and then the packet meets its fate. */
enum dp_xdp_fate {
    DP_XDP_DROP,
    DP_XDP_OUTPUT,              /* To the port with slot 'out'. */
    DP_XDP_GROUP,               /* To all ports of group 'out'. */
    DP_XDP_MARK                 /* To the daemon, with 'mark'. */
};

#define DP_XDP_SET_DL_SRC (1 << 0)
#define DP_XDP_SET_DL_DST (1 << 1)
#define DP_XDP_SET_NW_SRC (1 << 2)      /* IPv4 or IPv6, as the key says. */
#define DP_XDP_SET_NW_DST (1 << 3)
#define DP_XDP_SET_NW_TOS (1 << 4)
#define DP_XDP_SET_NW_TTL (1 << 5)
#define DP_XDP_SET_TP_SRC (1 << 6)      /* TCP and UDP. */
#define DP_XDP_SET_TP_DST (1 << 7)
#define DP_XDP_SET_L3L4 (DP_XDP_SET_NW_SRC | DP_XDP_SET_NW_DST  \
                         | DP_XDP_SET_NW_TOS | DP_XDP_SET_NW_TTL \
                         | DP_XDP_SET_TP_SRC | DP_XDP_SET_TP_DST)

struct dp_xdp_tag {
    __be16 tpid;
    __be16 tci;
};

struct dp_xdp_action {
    __u8 fate;                  /* enum dp_xdp_fate. */
    __u8 n_pop;                 /* Up to 2. */
    __u8 n_push;                /* Up to 2. */
    __u8 set;                   /* DP_XDP_SET_*. */
    __u32 out;
    __u32 mark;
    struct dp_xdp_tag tags[2];  /* Pushed; the outer one first. */
    __u8 dl_dst[6];
    __u8 dl_src[6];
    __be32 nw_src[4];           /* IPv4: the first. */
    __be32 nw_dst[4];
    __be16 tp_src;
    __be16 tp_dst;
    __u8 nw_tos;
    __u8 nw_tos_mask;           /* Bits of it that are set. */
    __u8 nw_ttl;
    __u8 zero;
};

struct dp_xdp_flow {
    struct dp_xdp_key key;      /* Masked. */
    __u32 mask;                 /* Number of its mask. */
    __u32 valid;
    struct dp_xdp_action action;
};

struct dp_xdp_mask {
    struct dp_xdp_key key;
};

/* Numbers of flows, masks and lists begin with 1; 0 is none. */
#define DP_XDP_MAX_FLOWS 65536
#define DP_XDP_MAX_MASKS 4096
#define DP_XDP_MAX_LISTS 4096
#define DP_XDP_LIST_MASKS 31

struct dp_xdp_list {
    __u32 n;
    __u32 masks[DP_XDP_LIST_MASKS];
};

struct dp_xdp_port_entry {
    __u64 list;                 /* Of its masks. */
};

#define DP_XDP_BUCKET_BITS 15
#define DP_XDP_BUCKET_ENTRIES 7

/* A cache line.  Most masks have no flow for a packet, and 'tags' tells so: a
 * byte for each entry, the one of entry 0 in the lowest bits, which is
 * dp_xdp_hash_tag(), or 0 if the entry is free.  DP_XDP_BUCKET_ELSEWHERE, in
 * the byte that is left, says that a flow that belongs here stands in its
 * second bucket, because this one was full: it is rare that both have to be
 * looked at.  A tag is written after its entry, and taken back before it. */
struct dp_xdp_bucket {
    __u64 tags;
    __u64 entries[DP_XDP_BUCKET_ENTRIES];       /* dp_xdp_index_entry(). */
};

#define DP_XDP_BUCKET_ELSEWHERE (1ull << 63)

/* The cache of a CPU, "markpath_cache": from the hash of a key to a flow.
 * Entries look like those of the index.  One may be of any age: who uses it
 * looks whether the flow is there, and the packet of it.  When less than half
 * of a window's look-ups are answered, the CPU does without for a while. */
#define DP_XDP_CACHE_BITS 13
#define DP_XDP_CACHE_WINDOW 1024        /* Look-ups. */
#define DP_XDP_CACHE_PAUSE 65536        /* Packets. */
#define DP_XDP_CACHE_MIN_MASKS 2        /* For fewer it does not pay. */

struct dp_xdp_cache_state {
    __u32 n_lookups;            /* In this window. */
    __u32 n_hits;
    __u32 pause;                /* Packets to go without. */
};

static inline __u32
dp_xdp_cache_index(__u64 hash)
{
    return hash >> (64 - DP_XDP_CACHE_BITS);
}

/* In "markpath_stats", of a flow on a CPU, at dp_xdp_stats_key(). */
struct dp_xdp_stats {
    __u64 n_packets;
    __u64 n_bytes;
    __u64 tcp_flags;            /* As in the key, of all of them. */
};

static inline __u32
dp_xdp_stats_key(__u32 cpu, __u32 flow)
{
    return cpu * DP_XDP_MAX_FLOWS + flow;
}

/* What a program can do.  The daemon loads one that can do what the flows of
 * the day need; all use the same maps. */
#define DP_XDP_CAN_LOOKUP (1 << 0)      /* Flows at all. */
#define DP_XDP_CAN_IPV6 (1 << 1)        /* Addresses and label in the key. */
#define DP_XDP_CAN_SET (1 << 2)         /* Set fields behind Ethernet. */
#define DP_XDP_CAN_TAG (1 << 3)         /* Push and pop tags. */
#define DP_XDP_CAN_GROUP (1 << 4)       /* Several outputs. */
#define DP_XDP_CAN_CACHE (1 << 5)       /* The signature cache. */
#define DP_XDP_CAN_ALL ((1 << 6) - 1)

/* Sets of ports. */
#define DP_XDP_MAX_GROUPS 256
#define DP_XDP_GROUP_PORTS 64

/* What the daemon chooses before the program is loaded. */
struct dp_xdp_constants {
    __u64 hash[DP_XDP_N_WORDS + 1];     /* Odd, by chance. */
    __u32 magic;                /* See struct dp_xdp_meta. */
    __u32 can;                  /* DP_XDP_CAN_*. */
};

/* Multilinear, with a mixing step, so a word that is zero under the mask adds
 * nothing, and a program that does not look at the words of IPv6 finds flows
 * that have none in the same places. */
static inline __u64
dp_xdp_hash_mix(__u64 h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

/* What words 'from' up to 'to' of 'key' under 'mask' add. */
static inline __attribute__((always_inline)) __u64
dp_xdp_hash_words(const struct dp_xdp_key *key, const struct dp_xdp_key *mask,
                  const volatile struct dp_xdp_constants *c, int from, int to)
{
    __u64 h = 0;
    int i;

    for (i = from; i < to; i++) {
        h += (key->words[i] & mask->words[i]) * c->hash[i];
    }
    return h;
}

/* The hash of 'key' under 'mask', which has number 'mask_id'. */
static inline __u64
dp_xdp_hash(const struct dp_xdp_key *key, const struct dp_xdp_key *mask,
            __u32 mask_id, const volatile struct dp_xdp_constants *c)
{
    return dp_xdp_hash_mix(mask_id * c->hash[DP_XDP_N_WORDS]
                           + dp_xdp_hash_words(key, mask, c, 0,
                                               DP_XDP_N_WORDS));
}

static inline __u32
dp_xdp_hash_bucket(__u64 hash, int choice)
{
    return (hash >> (choice ? 49 : 32)) & ((1 << DP_XDP_BUCKET_BITS) - 1);
}

/* An entry of a bucket: part of the hash, and the number of the flow. */
static inline __u64
dp_xdp_index_entry(__u64 hash, __u32 flow)
{
    return hash << 32 | flow;
}

/* The tag of an entry. */
static inline __u8
dp_xdp_hash_tag(__u64 hash)
{
    return hash | 0x80;
}

/* May one of 'tags' be that of 'hash', or may its flow stand elsewhere?  Looks
 * at all bytes at once: what is equal becomes zero, and a byte that is zero
 * borrows from its highest bit.  A byte above one that is equal may pass for
 * equal, too. */
static inline __u64
dp_xdp_tags_match(__u64 tags, __u64 hash)
{
    __u64 differ = tags ^ dp_xdp_hash_tag(hash) * 0x01010101010101ull;

    return ((differ - 0x01010101010101ull) & ~differ & 0x80808080808080ull)
           | (tags & DP_XDP_BUCKET_ELSEWHERE);
}

/* What the program counts for each CPU, in "markpath_counts". */
enum dp_xdp_count {
    DP_XDP_COUNT_RX,            /* Packets that came. */
    DP_XDP_COUNT_NO_PORT,       /* Passed to the kernel: of no port of ours. */
    DP_XDP_COUNT_NO_META,       /* To a socket without metadata: the driver
                                 * leaves no room for it. */
    DP_XDP_COUNT_CACHE,         /* Flow found by the cache, ... */
    DP_XDP_COUNT_INDEX,         /* ...by the index, ... */
    DP_XDP_COUNT_MISS,          /* ...or not at all. */
    DP_XDP_COUNT_PARSE,         /* Not understood: to a socket. */
    DP_XDP_COUNT_NO_ROOM,       /* No room for a tag: to a socket. */
    DP_XDP_COUNT_NO_OUTPUT,     /* Dropped: its output has gone. */
    DP_XDP_N_COUNTS
};

#endif /* dp-xdp-abi.h */
