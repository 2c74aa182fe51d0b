/* SPDX-License-Identifier: Apache-2.0 */

/* What users are told about flows that are not offloaded. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload-env.h"

#include <ctype.h>
#include <string.h>

#include "offload/dp-offload.h"
#include "openvswitch/dynamic-string.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
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

/* Nothing is offered before offloading is on for the first time: that, and not
 * that there is nothing, is why nothing is offloaded. */
static void
test_offload_why_off(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = { .mark_bits = 24 };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rig rig;

    rig_init(&rig, &config, 1);
    dp_offload_format_why(rig.offload, NULL, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "hw-offload is off"));
    ovs_assert(strstr(ds_cstr(&ds), "\n  Cure:    Switch it on: "));
    ds_clear(&ds);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    dp_offload_format_why(rig.offload, NULL, &ds);
    ovs_assert(!strcmp(ds_cstr(&ds), "There are no megaflows.\n"));
    ds_destroy(&ds);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-why-off", test_offload_why_off);
