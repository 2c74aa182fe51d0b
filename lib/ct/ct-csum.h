/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_CSUM_H
#define CT_CSUM_H 1

/* ct-csum: is an Internet checksum right?
 * =======================================
 *
 * Job.  Adds bytes up as RFC 1071 says, many at a time: the order of bytes
 * does not matter to a sum of ones' complements, and whoever only wants to
 * know whether it comes out does not have to fold it.
 *
 * Thread-safety.  Pure functions.
 *
 * Cost.  An addition for each eight bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/dp-load.h"

/* Of 32-bit halves, so there is room for those of any packet's words. */
static inline uint64_t
ct_csum_halves(uint64_t word)
{
    return (uint32_t) word + (word >> 32);
}

/* Returns the sum of the 'n' bytes at 'p', of which there are no more than a
 * packet has; less than 2**35. */
static inline uint64_t
ct_csum_add(const uint8_t *p, size_t n)
{
    unsigned __int128 even = 0, odd = 0;
    uint64_t sum = 0;
    uint8_t last[2] = { 0, 0 };

    for (; n >= 16; n -= 16, p += 16) {
        even += dp_load64(p);
        odd += dp_load64(p + 8);
    }
    even += odd;
    if (n & 8) {
        even += dp_load64(p);
        p += 8;
    }
    if (n & 4) {
        sum += dp_load32(p);
        p += 4;
    }
    if (n & 2) {
        sum += dp_load16(p);
        p += 2;
    }
    if (n & 1) {
        last[0] = *p;
        sum += dp_load16(last);
    }
    return sum + ct_csum_halves(even) + (uint64_t) (even >> 64);
}

/* Is 'sum' that of bytes whose checksum, which is among them, is right?  It is
 * if it would be folded to all ones: a multiple of them, but not zero. */
static inline bool
ct_csum_is_right(uint64_t sum)
{
    return sum && !(sum % UINT16_MAX);
}

#endif /* ct-csum.h */
