/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_CLOCK_H
#define DP_OFFLOAD_CLOCK_H 1

/* dp-offload-clock: a clock that nobody stops or warps
 * ====================================================
 *
 * Job.  NICs and their delays know nothing of time_msec(), which tests turn.
 * For all who wait for them.
 *
 * Thread-safety.  None needed. */

#include <stdint.h>
#include <time.h>

/* Microseconds since some time in the past. */
static inline uint64_t
dp_offload_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000) + ts.tv_nsec / 1000;
}

#endif /* dp-offload-clock.h */
