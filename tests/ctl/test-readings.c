/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "ctl/dp-readings.h"

#include "tests/dptest.h"
#include "util.h"

/* Returns the rate of 'name', which is at 'n', rounded; -1: it is unknown. */
static int
read_one(struct dp_readings *readings, const char *name, uint64_t n,
         long long int ms)
{
    double rate;
    bool known;

    dp_readings_begin(readings);
    known = dp_readings_put(readings, name, n, ms, &rate);
    dp_readings_end(readings);
    return known ? rate + .5 : -1;
}

static void
test_readings_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_readings readings;

    dp_readings_init(&readings);
    ovs_assert(read_one(&readings, "a", 100, 50) == -1);
    /* Too early for a rate. */
    ovs_assert(read_one(&readings, "a", 150, 60) == -1);
    ovs_assert(read_one(&readings, "a", 300, 2050) == 100);
    /* Against the one at 50, not the one at 2050. */
    ovs_assert(read_one(&readings, "a", 500, 2060) == 199);
    ovs_assert(read_one(&readings, "a", 500, 4050) == 100);
    ovs_assert(read_one(&readings, "a", 500, 6050) == 0);

    /* Too late for one, but not for the next. */
    ovs_assert(read_one(&readings, "a", 600, 70000) == -1);
    ovs_assert(read_one(&readings, "a", 900, 73000) == 100);

    /* It began anew. */
    ovs_assert(read_one(&readings, "a", 10, 75000) == -1);
    ovs_assert(read_one(&readings, "a", 20, 76000) == 10);

    /* Forgotten, since it was not read meanwhile. */
    ovs_assert(read_one(&readings, "b", 1, 77000) == -1);
    ovs_assert(read_one(&readings, "a", 30, 78000) == -1);
    dp_readings_uninit(&readings);
}
DPTEST_REGISTER("readings", test_readings_main);
