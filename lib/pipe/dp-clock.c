/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-clock.h"

/* Rates of two spans agree if they differ by less than one in so many: a span
 * is measured to some us.  The counter of no machine is so slow that a span
 * has no cycles, nor so fast that the product in dp_clock_read() has more than
 * 64 bits: a counter of 1 MHz makes it 2**60. */
enum { AGREE = 1000 };

void
dp_clock_init(struct dp_clock *clock, uint64_t tsc, long long int us)
{
    *clock = (struct dp_clock) {
        .tsc = tsc,
        .us = us,
        .span_tsc = tsc,
        .span_us = us,
    };
}

static bool
rates_agree(uint64_t a, uint64_t b)
{
    return MAX(a, b) - MIN(a, b) < MAX(a, b) / AGREE;
}

void
dp_clock_sync(struct dp_clock *clock, uint64_t tsc, long long int us)
{
    uint64_t span = us - clock->span_us;
    uint64_t cycles = tsc - clock->span_tsc;

    clock->tsc = tsc;
    clock->us = us;
    if (span >= DP_CLOCK_SPAN_US) {
        uint64_t rate = 0;

        /* Both have to be credible.  Clocks may be set back. */
        if (span < UINT32_MAX && cycles > span) {
            rate = (span << DP_CLOCK_SHIFT) / cycles;
        }
        clock->rate = rates_agree(rate, clock->last_rate) ? rate : 0;
        clock->last_rate = rate;
        clock->span_tsc = tsc;
        clock->span_us = us;
    }
}
