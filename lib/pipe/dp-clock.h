/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CLOCK_H
#define DP_CLOCK_H 1

/* dp-clock: a clock made of the time-stamp counter
 * ================================================
 *
 * Job.  PURE: tell the time in us from a value of the time-stamp counter that
 * has been read anyway.  From time to time the owner reads both clock and
 * counter, and calls dp_clock_sync(); in between, the rate at which the two
 * went so far tells how far the clock is.
 *
 * Trust.  A rate counts when two spans of SPAN_US in a row agree on it.  If
 * they don't (a virtual machine was moved, the thread stood still between
 * clock and counter, frequencies change), or if the last dp_clock_sync() is
 * too long ago, dp_clock_read() says that it doesn't know, and the clock has
 * to be read.
 *
 * Error.  The owner reads the clock first, then the counter.  If it is kept
 * waiting in between, this clock is slow by as much, until the next
 * dp_clock_sync().
 *
 * Thread-safety.  One thread.
 *
 * Cost.  dp_clock_read(): a multiplication; the clock takes 74 cycles. */

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

enum {
    DP_CLOCK_SPAN_US = 100 * 1000,
    DP_CLOCK_MAX_CYCLES = 1 << 28,      /* Since dp_clock_sync(). */
    DP_CLOCK_SHIFT = 32,
};

struct dp_clock {
    uint64_t tsc;               /* Counter and clock at the last */
    long long int us;           /* dp_clock_sync(). */
    uint64_t rate;              /* us per 2**DP_CLOCK_SHIFT cycles, or 0. */
    uint64_t last_rate;         /* Of the last span, or 0. */
    uint64_t span_tsc;          /* At the start of the present span. */
    long long int span_us;
};

/* Begins to measure: the counter was 'tsc' at 'us'. */
void dp_clock_init(struct dp_clock *, uint64_t tsc, long long int us);

/* The counter is 'tsc' and the clock 'us' now. */
void dp_clock_sync(struct dp_clock *, uint64_t tsc, long long int us);

/* Stores in '*us' what the clock was when the counter was 'tsc', which is not
 * before the last dp_clock_sync().  Returns false if that is not known.  All
 * zeros is a clock that knows nothing. */
static inline bool
dp_clock_read(const struct dp_clock *clock, uint64_t tsc, long long int *us)
{
    uint64_t cycles = tsc - clock->tsc;

    if (OVS_UNLIKELY(!clock->rate || cycles > DP_CLOCK_MAX_CYCLES)) {
        return false;
    }
    *us = clock->us + (cycles * clock->rate >> DP_CLOCK_SHIFT);
    return true;
}

#endif /* dp-clock.h */
