/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_METER_H
#define DP_METER_H 1

/* dp-meter: rate limits
 * =====================
 *
 * Job.  OpenFlow meters: measure what passes by in packets or kilobits per
 * second and drop what exceeds a band.
 *
 * A band is a bucket of tokens that fills with 'rate' per second up to
 * 'burst_size' and starts full.  Without OFPMF13_BURST, or if 'burst_size' is
 * 0, the bucket holds what 'rate' gives in a second.  Each packet takes 1
 * token, or its bits, from the bucket of each band that has as many; a band
 * that has less is exceeded and keeps what it has.  A packet that exceeds
 * bands is dropped and booked on the one with the highest rate among them (on
 * the first of equals).
 *
 * Owns.  Meters.
 *
 * Invariants.  A bucket never holds more than its burst.  Time never runs
 * backwards for a meter: a caller whose clock is behind the meter's adds
 * nothing.
 *
 * Thread-safety
 * =============
 *              set  del  get  run
 *     set       X    X    r    r
 *     del       X    X    r    r       X: excluded by 'mutex', taken inside.
 *     get       r    r    -    -       r: a replaced or deleted meter is freed
 *     run       r    r    -    -          after a grace period.
 *                                      -: nothing needed.
 *
 * 'get' may see a burst that is passing by in some counters only, but never
 * more packets dropped than came by.
 *
 * Replacing a meter starts its counters and buckets afresh.
 *
 * Cost.  run: an index, and four atomic operations per burst if there is one
 * band and nothing is dropped; no lock, no division, no clock.
 *
 * Units.  'now_us' is the lane's clock, of time_usec(). */

#include <stdint.h>

#include "openvswitch/ofp-meter.h"

struct dp_packet_batch;
struct dp_meters;

enum {
    DP_METERS_MAX = 1 << 18,
    DP_METER_BANDS_MAX = 8,
};

struct dp_meters *dp_meters_create(void);

/* Nobody may use 'meters' any more. */
void dp_meters_destroy(struct dp_meters *meters);

void dp_meters_get_features(struct ofputil_meter_features *);

/* Adds or replaces the meter with the given 'id'.  Returns 0 or:
 *
 *    EFBIG    'id' is DP_METERS_MAX or more.
 *    EBADF    Flags that are not known, or not exactly one unit.
 *    EINVAL   No band, or too many.
 *    ENODEV   A type of band other than "drop".
 *    EDOM     A rate of 0. */
int dp_meter_set(struct dp_meters *meters, uint32_t id,
                 const struct ofputil_meter_config *);

/* Stores the counters of the meter and of at most 'n_bands' of its bands,
 * whose number goes to 'stats->n_bands'.  Leaves 'meter_id', 'flow_count' and
 * the duration alone.  Returns 0, EFBIG or ENOENT. */
int dp_meter_get(const struct dp_meters *meters, uint32_t id,
                 struct ofputil_meter_stats *, uint16_t n_bands);

/* Deletes a meter, after storing its counters in '*stats' if that is not
 * NULL.  Returns as dp_meter_get(). */
int dp_meter_del(struct dp_meters *meters, uint32_t id,
                 struct ofputil_meter_stats *stats, uint16_t n_bands);

/* Passes 'batch' by the meter.  Packets that the meter drops are moved from
 * 'batch' to '*dropped'; the rest stay in order.  A meter that does not exist
 * lets all pass.  Returns how many there are in '*dropped', which the caller
 * counts and frees; if none, that is not set. */
unsigned int dp_meter_run(struct dp_meters *meters,
                          struct dp_packet_batch *batch, uint32_t id,
                          long long int now_us,
                          struct dp_packet_batch *dropped);

#endif /* dp-meter.h */
