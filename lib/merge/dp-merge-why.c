/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-merge-why.h"

#include "util.h"

static const struct {
    const char *name;
    const char *text;
} whys[] = {
#define DP_MERGE_WHY(NAME, TEXT) { #NAME, TEXT },
#include "merge/dp-merge-why.def"
};
BUILD_ASSERT_DECL(ARRAY_SIZE(whys) == DP_MERGE_N_WHYS);

const char *
dp_merge_why_text(enum dp_merge_why why)
{
    ovs_assert(why < DP_MERGE_N_WHYS);
    return whys[why].text;
}

const char *
dp_merge_why_name(enum dp_merge_why why)
{
    ovs_assert(why < DP_MERGE_N_WHYS);
    return whys[why].name;
}
