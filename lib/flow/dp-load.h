/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LOAD_H
#define DP_LOAD_H 1

/* dp-load: words of packets
 * =========================
 *
 * Job.  Reads words from bytes, as they are, at any address.  One instruction
 * each; unlike Open vSwitch's get_unaligned_*() they take bytes as they come
 * from dp_packet_data().
 *
 * Thread-safety.  Everything here may be called from any thread. */

#include <stdint.h>
#include <string.h>

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

#endif /* dp-load.h */
