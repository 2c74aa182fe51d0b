/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_DROPPED_H
#define DP_DROPPED_H 1

/* dp-dropped: how many packets were dropped, lately, and what the last was
 * =======================================================================
 *
 * Job.  Count packets for one reason, in total and for each of the last
 * seconds, and keep the headers of the last one.
 *
 * How.  A word for each of the last seconds holds the second and a count, so
 * that a second that has passed needs no one to clear it.  The last packet is
 * in one of two places: the next one is written to the other, which is then
 * published.  So a reader is in the way of nobody, and reads again only if the
 * writer has finished a packet meanwhile.
 *
 * Thread-safety.  One thread counts.  Any may read.
 *
 * Cost.  A copy of DP_DROPPED_BYTES for each call of dp_dropped_count(), which
 * is for packets that are dropped.
 *
 * Units.  Times in us of time_usec(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/types.h"
#include "ovs-atomic.h"

struct dp_packet;

enum {
    DP_DROPPED_BYTES = 96,      /* Of the last packet. */
    DP_DROPPED_SECONDS = 5,     /* For which a rate is an average. */
};

/* A packet that was dropped. */
struct dp_dropped_packet {
    long long int when;
    uint32_t size;              /* Of the packet. */
    uint32_t recirc_id;         /* 0: it was not recirculated. */
    ovs_be32 packet_type;
    uint32_t n;                 /* Of its bytes that are here. */
    uint8_t bytes[DP_DROPPED_BYTES];
};

#define DP_DROPPED_WORDS (sizeof(struct dp_dropped_packet) / sizeof(uint64_t))
BUILD_ASSERT_DECL(sizeof(struct dp_dropped_packet) % sizeof(uint64_t) == 0);

struct dp_dropped {
    atomic_uint64_t n;                  /* Packets so far. */
    atomic_uint64_t seconds[8];         /* More than DP_DROPPED_SECONDS, and
                                         * the present one. */
    atomic_uint64_t n_kept;             /* Packets of which one is kept, in
                                         * place 'n_kept' % 2. */
    atomic_uint64_t kept[2][DP_DROPPED_WORDS];
};

void dp_dropped_init(struct dp_dropped *);

/* Counts 'n' packets at 'now'.  'packet', recirculated as 'recirc_id', is one
 * of them, the last; NULL: it is not at hand any more, and the last one before
 * stays.  Of its metadata nothing is read, which may not be set. */
void dp_dropped_count(struct dp_dropped *, unsigned int n,
                      const struct dp_packet *packet, uint32_t recirc_id,
                      long long int now);

/* Returns the packets so far, or those of the last DP_DROPPED_SECONDS whole
 * seconds before 'now'. */
uint64_t dp_dropped_n(const struct dp_dropped *);
uint64_t dp_dropped_recent(const struct dp_dropped *, long long int now);

/* Stores the last packet in '*packet'.  Returns false if there is none. */
bool dp_dropped_last(const struct dp_dropped *,
                     struct dp_dropped_packet *packet);

/* Adds what 'from' has counted to 'to', as the only thread that counts in
 * either. */
void dp_dropped_add(struct dp_dropped *to, const struct dp_dropped *from);

#endif /* dp-dropped.h */
