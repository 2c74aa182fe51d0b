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
 * written by one store of 64 bits. */
#define DP_XDP_IF_BITS 10
#define DP_XDP_IF_PROBES 8
#define DP_XDP_IF_ENTRIES ((1 << DP_XDP_IF_BITS) + DP_XDP_IF_PROBES)

static inline __u32
dp_xdp_if_hash(__u32 ifindex)
{
    return (ifindex * 0x9e3779b1u) >> (32 - DP_XDP_IF_BITS);
}

static inline __u64
dp_xdp_if_entry(__u32 ifindex, __u32 slot)
{
    return (__u64) ifindex << 32 | slot;
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

/* What the daemon chooses before the program is loaded. */
struct dp_xdp_constants {
    __u32 magic;                /* See struct dp_xdp_meta. */
};

/* What the program counts for each CPU, in "markpath_counts". */
enum dp_xdp_count {
    DP_XDP_COUNT_RX,            /* Packets that came. */
    DP_XDP_COUNT_NO_PORT,       /* Passed to the kernel: of no port of ours. */
    DP_XDP_COUNT_NO_META,       /* To a socket without metadata: the driver
                                 * leaves no room for it. */
    DP_XDP_N_COUNTS
};

#endif /* dp-xdp-abi.h */
