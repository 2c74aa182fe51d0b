/* SPDX-License-Identifier: Apache-2.0 */

/* The unit-test program tests itself: a verb is passed on, and without one the
 * verb is "check". */

#include <config.h>
#undef NDEBUG
#include "dptest.h"

#include <string.h>

#include "util.h"

static void
test_dptest_main(int argc, char *argv[])
{
    ovs_assert(argc >= 2);
    ovs_assert(!strcmp(argv[0], "dptest"));
    if (!strcmp(argv[1], "fail")) {
        dptest_fail("failed as asked");
    } else if (!strcmp(argv[1], "skip")) {
        dptest_skip("skipped as asked");
    } else if (strcmp(argv[1], "check")) {
        dptest_fail("%s: unknown verb", argv[1]);
    }
}

DPTEST_REGISTER("dptest", test_dptest_main);
