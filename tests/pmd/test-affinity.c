/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG
#include "pmd/dp-affinity.h"

#include <string.h>

#include "ovs-numa.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

#define NONE OVS_CORE_UNSPEC

static void
check_affinity(void)
{
    static const struct {
        const char *list;
        bool good;
        unsigned int pins[4];
    } cases[] = {
        { NULL, true, { NONE, NONE, NONE, NONE } },
        { "", true, { NONE, NONE, NONE, NONE } },
        { "0:3,1:7,3:8", true, { 3, 7, NONE, 8 } },
        { " 0:3 , 1 : 7\t", true, { 3, 7, NONE, NONE } },
        { "0:3 1:7", true, { 3, 7, NONE, NONE } },
        { "0:3,", true, { 3, NONE, NONE, NONE } },
        { "0:3,0:4", true, { 4, NONE, NONE, NONE } },
        { "4:1,99:2,2:5", true, { NONE, NONE, 5, NONE } },
        { "0:3,1", false, { NONE, NONE, NONE, NONE } },
        { "0:3;1:4", false, { NONE, NONE, NONE, NONE } },
        { "0:3:4", false, { NONE, NONE, NONE, NONE } },
        { "0:", false, { NONE, NONE, NONE, NONE } },
        { ":1", false, { NONE, NONE, NONE, NONE } },
        { "0:-1", false, { NONE, NONE, NONE, NONE } },
        { "0:0x3", false, { NONE, NONE, NONE, NONE } },
        { "0:99999999999999999999999", false, { NONE, NONE, NONE, NONE } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned int pins[4] = { 1, 1, 1, 1 };
        char *error = dp_affinity_parse(cases[i].list, pins, 4);

        if (!error != cases[i].good
            || memcmp(pins, cases[i].pins, sizeof pins)) {
            dptest_fail("'%s': wrong pins, or %s", cases[i].list,
                        error ? error : "no error");
        }
        free(error);
    }
}

static void
check_fuzz_affinity(void)
{
    for (int i = 0; i < 50000; i++) {
        char *list = dptest_random_string("0123:::,,, 9", 20);
        unsigned int pins[4];
        char *error = dp_affinity_parse(list, pins, 3);

        for (int j = 0; j < 3; j++) {
            ovs_assert(pins[j] <= OVS_CORE_UNSPEC);
            ovs_assert(!error || pins[j] == OVS_CORE_UNSPEC);
        }
        free(error);

        /* What was understood, written plainly, means the same. */
        if (!error) {
            unsigned int again[3];
            char *plain = xasprintf("0:%u,1:%u,2:%u",
                                    pins[0] % OVS_CORE_UNSPEC,
                                    pins[1] % OVS_CORE_UNSPEC,
                                    pins[2] % OVS_CORE_UNSPEC);

            ovs_assert(!dp_affinity_parse(plain, again, 3));
            for (int j = 0; j < 3; j++) {
                ovs_assert(again[j] == pins[j] % OVS_CORE_UNSPEC);
            }
            free(plain);
        }
        free(list);
    }
}

static void
test_affinity_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    random_set_seed(1);
    check_affinity();
    check_fuzz_affinity();
}

DPTEST_REGISTER("affinity", test_affinity_main);
