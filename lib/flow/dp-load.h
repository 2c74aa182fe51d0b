/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LOAD_H
#define DP_LOAD_H 1

/* dp-load: words of packets
 * =========================
 *
 * Job.  Reads words from bytes, as they are, at any address, and takes them
 * apart in the order in which they lie there.  One instruction each; unlike
 * Open vSwitch's get_unaligned_*() they take bytes as they come from
 * dp_packet_data().
 *
 * Thread-safety.  Everything here may be called from any thread. */

#include <stdint.h>
#include <string.h>
#include "util.h"

static inline uint16_t
dp_load16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint32_t
dp_load32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t
dp_load64(const uint8_t *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* How far the 'i'th 16 bits, in the order of memory, are from the lowest bit
 * of a word of eight bytes. */
static inline int
dp_shift16(int i)
{
#ifdef WORDS_BIGENDIAN
    return 48 - 16 * i;
#else
    return 16 * i;
#endif
}

/* Returns the 'i'th byte of 'word', in the order of memory. */
static inline uint8_t
dp_part8(uint64_t word, int i)
{
#ifdef WORDS_BIGENDIAN
    return word >> (56 - 8 * i);
#else
    return word >> 8 * i;
#endif
}

/* Returns the 'i'th 16 bits. */
static inline uint16_t
dp_part16(uint64_t word, int i)
{
    return word >> dp_shift16(i);
}

/* Returns the 'i'th 32 bits. */
static inline uint32_t
dp_part32(uint64_t word, int i)
{
    return word >> MIN(dp_shift16(2 * i), dp_shift16(2 * i + 1));
}

/* Returns 'word' with other 16 bits in the 'i'th place. */
static inline uint64_t
dp_with_part16(uint64_t word, int i, uint16_t bits)
{
    return ((word & ~(UINT64_C(0xffff) << dp_shift16(i)))
            | (uint64_t) bits << dp_shift16(i));
}

#endif /* dp-load.h */
