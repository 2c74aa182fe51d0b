/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_READINGS_H
#define DP_READINGS_H 1

/* dp-readings: rates of counters that others count
 * ================================================
 *
 * Job.  Remember two readings of each counter, and tell from them at what rate
 * it rises.  A rate is the average since a reading that is at least
 * DP_READINGS_MIN_MS old, so that it means something, and at most
 * DP_READINGS_MAX_MS, so that it is about the present.  There is none if the
 * counter has not been read at such a time, or has gone back since.
 *
 * A round of readings begins with dp_readings_begin() and ends with
 * dp_readings_end(), which forgets counters that were not read.
 *
 * Owns.  The readings.
 *
 * Thread-safety.  One thread. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/shash.h"

enum {
    DP_READINGS_MIN_MS = 1000,
    DP_READINGS_MAX_MS = 60000,
};

struct dp_readings {
    struct shash before;        /* By the counter's name. */
    struct shash now;           /* Those read in this round. */
};

void dp_readings_init(struct dp_readings *);
void dp_readings_uninit(struct dp_readings *);

void dp_readings_begin(struct dp_readings *);
void dp_readings_end(struct dp_readings *);

/* The counter 'name' is at 'n' at the time 'ms'.  Returns whether its rate is
 * known, and stores it in '*rate', a second. */
bool dp_readings_put(struct dp_readings *, const char *name, uint64_t n,
                     long long int ms, double *rate);

#endif /* dp-readings.h */
