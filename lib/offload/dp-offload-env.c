/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-offload-env.h"

static const struct {
    const char *name;
    const char *text;
    const char *cause;
    const char *cure;
} whys[] = {
#define DP_OFFLOAD_WHY(NAME, TEXT, CAUSE, CURE) { #NAME, TEXT, CAUSE, CURE },
#include "offload/dp-offload-why.def"
};
BUILD_ASSERT_DECL(ARRAY_SIZE(whys) == DP_OFFLOAD_N_WHYS);

const char *
dp_offload_why_text(enum dp_offload_why why)
{
    ovs_assert(why < DP_OFFLOAD_N_WHYS);
    return whys[why].text;
}

const char *
dp_offload_why_name(enum dp_offload_why why)
{
    ovs_assert(why < DP_OFFLOAD_N_WHYS);
    return whys[why].name;
}

const char *
dp_offload_why_cause(enum dp_offload_why why)
{
    ovs_assert(why < DP_OFFLOAD_N_WHYS);
    return whys[why].cause;
}

const char *
dp_offload_why_cure(enum dp_offload_why why)
{
    ovs_assert(why < DP_OFFLOAD_N_WHYS);
    return whys[why].cure;
}
