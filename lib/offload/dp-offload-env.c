/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-offload-env.h"

const char *
dp_offload_why_text(enum dp_offload_why why)
{
    switch (why) {
#define DP_OFFLOAD_WHY(NAME, TEXT) \
    case DP_OFFLOAD_WHY_##NAME: return TEXT;
#include "offload/dp-offload-why.def"
    case DP_OFFLOAD_N_WHYS:
        break;
    }
    OVS_NOT_REACHED();
}

const char *
dp_offload_why_name(enum dp_offload_why why)
{
    switch (why) {
#define DP_OFFLOAD_WHY(NAME, TEXT) \
    case DP_OFFLOAD_WHY_##NAME: return #NAME;
#include "offload/dp-offload-why.def"
    case DP_OFFLOAD_N_WHYS:
        break;
    }
    OVS_NOT_REACHED();
}
