/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "offload/dp-rule-name.h"

#include <stdlib.h>
#include <string.h>

#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "uuid.h"

static const char *const prefixes[] = {
    [DP_OFFLOAD_MEGAFLOW] = "mega:",
    [DP_OFFLOAD_MERGED] = "merged:",
};

void
dp_rule_name_format(enum dp_offload_kind kind, const ovs_u128 *mega_ufid,
                    struct ds *ds)
{
    ds_put_format(ds, "%s"UUID_FMT, prefixes[kind],
                  UUID_ARGS((const struct uuid *) mega_ufid));
}

static bool
parse_name(const char *s, const char *prefix, ovs_u128 *mega_ufid)
{
    char *as_flow;
    bool ok;

    if (strncmp(s, prefix, strlen(prefix))) {
        return false;
    }
    as_flow = xasprintf("ufid:%s", s + strlen(prefix));
    ok = dp_flow_name_parse(as_flow, mega_ufid);
    free(as_flow);
    return ok;
}

bool
dp_rule_name_parse(const char *s, ovs_u128 *mega_ufid)
{
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (parse_name(s, prefixes[i], mega_ufid)) {
            return true;
        }
    }
    return false;
}

bool
dp_flow_name_parse(const char *s, ovs_u128 *ufid)
{
    int n = odp_ufid_from_string(s, ufid);

    return n > 0 && !s[n];
}
