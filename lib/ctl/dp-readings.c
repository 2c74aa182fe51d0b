/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-readings.h"

#include "util.h"

/* The first is replaced by the second, and the second by what is read now,
 * when that is DP_READINGS_MIN_MS later than the second. */
struct reading {
    bool has_first;
    uint64_t first, second;
    long long int first_ms, second_ms;
};

void
dp_readings_init(struct dp_readings *readings)
{
    shash_init(&readings->before);
    shash_init(&readings->now);
}

void
dp_readings_uninit(struct dp_readings *readings)
{
    shash_destroy_free_data(&readings->before);
    shash_destroy_free_data(&readings->now);
}

void
dp_readings_begin(struct dp_readings *readings)
{
    shash_swap(&readings->before, &readings->now);
}

void
dp_readings_end(struct dp_readings *readings)
{
    shash_clear_free_data(&readings->before);
}

bool
dp_readings_put(struct dp_readings *readings, const char *name, uint64_t n,
                long long int ms, double *rate)
{
    struct reading *r = shash_find_and_delete(&readings->before, name);
    long long int past_ms;

    if (!r || n < r->second) {
        free(r);
        r = xzalloc(sizeof *r);
        r->second = n;
        r->second_ms = ms;
    } else if (ms >= r->second_ms + DP_READINGS_MIN_MS) {
        r->has_first = true;
        r->first = r->second;
        r->first_ms = r->second_ms;
        r->second = n;
        r->second_ms = ms;
    }
    free(shash_replace(&readings->now, name, r));

    past_ms = ms - r->first_ms;
    if (!r->has_first || past_ms > DP_READINGS_MAX_MS) {
        return false;
    }
    *rate = (n - r->first) * 1000.0 / past_ms;
    return true;
}
