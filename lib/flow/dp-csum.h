/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CSUM_H
#define DP_CSUM_H 1

/* dp-csum: Internet checksums follow what they cover
 * ==================================================
 *
 * Job.  The difference that a change of words makes to a checksum, and a
 * checksum after it, as RFC 1624 (equation 3) has it.  Differences of several
 * changes may be added up, and applied once.  Who has changed nothing must not
 * ask: a checksum of all ones would become zero.
 *
 * Thread-safety.  Pure functions. */

#include <stdint.h>
#include "openvswitch/types.h"
#include "util.h"

/* A sum of 16-bit words in network byte order, of what came and of the
 * complement of what went. */
typedef uint32_t dp_csum_diff;

/* Of 16 bits, which were 'old' and are 'new'. */
static inline dp_csum_diff
dp_csum_diff16(uint16_t old, uint16_t new)
{
    return (uint16_t) ~old + new;
}

/* Of two 16-bit words in a row. */
static inline dp_csum_diff
dp_csum_diff32(uint32_t old, uint32_t new)
{
    uint64_t sum = (uint64_t) ~old + new;

    return (sum >> 16) + (uint16_t) sum;
}

/* Returns what becomes of the checksum 'csum'. */
static inline ovs_be16
dp_csum_apply(ovs_be16 csum, dp_csum_diff diff)
{
    uint32_t sum = (uint16_t) ~(OVS_FORCE uint16_t) csum + diff;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (OVS_FORCE ovs_be16) ~sum;
}

/* Sums of words of 32 bits are as good as those of their halves: both become
 * the same 16 bits. */
static inline uint16_t
dp_csum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t) sum;
    sum = (sum >> 16) + (uint16_t) sum;
    return (sum >> 16) + sum;
}

/* Returns what becomes of the checksum 'csum' if words that add up to 'old',
 * which is less than 2**36, give way to some that add up to 'new'.  Something
 * must have changed. */
static inline ovs_be16
dp_csum_replace(ovs_be16 csum, uint64_t old, uint16_t new)
{
    const uint64_t ones = UINT64_C(0xffff) << 32;       /* Adds nothing. */

    return (OVS_FORCE ovs_be16)
           ~dp_csum_fold(ones - old + new
                         + (uint16_t) ~(OVS_FORCE uint16_t) csum);
}

#endif /* dp-csum.h */
