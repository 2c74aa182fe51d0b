/* SPDX-License-Identifier: Apache-2.0 */

/* What users are told about flows that are not offloaded. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload-env.h"

#include <ctype.h>
#include <string.h>

#include "tests/dptest.h"
#include "util.h"

static void
check_sentence(const char *s)
{
    size_t n = strlen(s);

    ovs_assert(n > 0 && !isspace((unsigned char) s[n - 1]));
    for (const char *p = s; *p; p++) {
        ovs_assert(isprint((unsigned char) *p));
    }
}

/* Each reason can be told from all others, and says what to do. */
static void
test_offload_why(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int i = 0; i < DP_OFFLOAD_N_WHYS; i++) {
        check_sentence(dp_offload_why_text(i));
        check_sentence(dp_offload_why_cause(i));
        check_sentence(dp_offload_why_cure(i));
        for (int j = 0; j < i; j++) {
            ovs_assert(strcmp(dp_offload_why_name(i),
                                dp_offload_why_name(j)));
            ovs_assert(strcmp(dp_offload_why_text(i),
                                dp_offload_why_text(j)));
            ovs_assert(strcmp(dp_offload_why_cause(i),
                                dp_offload_why_cause(j)));
        }
    }
}
DPTEST_REGISTER("offload-why", test_offload_why);
