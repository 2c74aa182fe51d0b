/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SAMPLE_H
#define DP_SAMPLE_H 1

/* dp-sample: which connections are worth a look
 * =============================================
 *
 * Job.  Count packets by connection, roughly, and say of which packet the
 * connection should be looked at: the 4th, 8th, 16th one and so on of those
 * that came lately, but not before the one that the user names.  So a
 * connection of few packets is never looked at, a busy one soon, and one in
 * vain ever more rarely.
 *
 * Counts are kept by hash, so connections may share one; then the busier is
 * looked at.  Where there are many new ones all the time, none of them is
 * busy, but their sum is: then the user has to name a packet that comes later.
 * With 32 packets each 50 us, a count is below 40 on average.
 *
 * Each second counts are halved, so that a steady connection is due about once
 * in a second, and what has ended is forgotten.
 *
 * Thread-safety.  One user.
 *
 * Cost.  Counting: two bytes in 64 kB.  Halving: microseconds a second. */

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

enum {
    DP_SAMPLE_COUNTS = 1 << 15,
    DP_SAMPLE_HALVE_US = 1000000,
};

struct dp_sample {
    long long int halve_us;             /* When to halve next. */
    uint16_t counts[DP_SAMPLE_COUNTS];  /* By hash; they stop at the end. */
};

static inline uint16_t *
dp_sample_count_of(struct dp_sample *sample, uint32_t hash)
{
    return &sample->counts[hash & (DP_SAMPLE_COUNTS - 1)];
}

/* Counts a packet with 'hash'.  Returns true if its connection is due, at the
 * 'first'th packet at the earliest. */
static inline bool
dp_sample_count(struct dp_sample *sample, uint32_t hash, uint32_t first)
{
    uint16_t *count = dp_sample_count_of(sample, hash);

    if (*count == UINT16_MAX) {
        return false;
    }
    ++*count;
    return *count >= first && is_pow2(*count);
}

/* The connection with 'hash' was due, but nobody has looked: its next packet
 * will be due. */
static inline void
dp_sample_defer(struct dp_sample *sample, uint32_t hash)
{
    --*dp_sample_count_of(sample, hash);
}

/* Halves counts when it is time. */
static inline void
dp_sample_run(struct dp_sample *sample, long long int now_us)
{
    if (now_us >= sample->halve_us) {
        for (size_t i = 0; i < DP_SAMPLE_COUNTS; i++) {
            sample->counts[i] /= 2;
        }
        sample->halve_us = now_us + DP_SAMPLE_HALVE_US;
    }
}

#endif /* dp-sample.h */
