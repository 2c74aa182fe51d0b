/* SPDX-License-Identifier: Apache-2.0 */

/* "pmd-sleep-max", right and wrong. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-sleep.h"

#include "tests/dptest.h"
#include "util.h"

/* Asserts that 's' gives the default and cores 0 and 7 these times, and has
 * something wrong or not. */
static void
check(const char *s, uint32_t us, uint32_t core0, uint32_t core7, bool wrong)
{
    struct dp_sleep sleep, clone;
    char *problem;

    dp_sleep_init(&sleep);
    problem = dp_sleep_parse(&sleep, s);
    if (sleep.us != us || dp_sleep_get(&sleep, 0) != core0
        || dp_sleep_get(&sleep, 7) != core7 || !problem != !wrong) {
        dptest_fail("'%s' gives %u, %u, %u, '%s'", s, sleep.us,
                    dp_sleep_get(&sleep, 0), dp_sleep_get(&sleep, 7),
                    problem ? problem : "");
    }
    dp_sleep_clone(&clone, &sleep);
    ovs_assert(dp_sleep_equal(&clone, &sleep));
    clone.us++;
    ovs_assert(!dp_sleep_equal(&clone, &sleep));
    dp_sleep_uninit(&clone);
    dp_sleep_uninit(&sleep);
    free(problem);
}

static void
test_sleep_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check("", 0, 0, 0, false);
    check("50", 50, 50, 50, false);
    check("50,7:0", 50, 50, 0, false);
    check("7:400,200", 200, 200, 400, false);
    check("0:1, 7:2, 3", 3, 1, 2, false);
    check("7:1,7:2", 0, 0, 2, false);
    check("10001,7:99999", 10000, 10000, 10000, true);
    check("-1", 0, 0, 0, true);
    check("x,7:5", 0, 0, 5, true);
    check("20,7:x", 20, 20, 20, true);
    check("20,x:7", 20, 20, 20, true);
    check("20,7:", 20, 20, 20, true);
    check("20,:7", 20, 20, 20, true);
    check("20,0:7:7", 20, 20, 20, true);
}
DPTEST_REGISTER("sleep", test_sleep_main);
