/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "offload/dp-rule-name.h"

#include <stdlib.h>
#include <string.h>

#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "uuid.h"

static const char prefix[] = "mega:";

void
dp_rule_name_format(const ovs_u128 *mega_ufid, struct ds *ds)
{
    ds_put_format(ds, "%s"UUID_FMT, prefix,
                  UUID_ARGS((const struct uuid *) mega_ufid));
}

bool
dp_rule_name_parse(const char *s, ovs_u128 *mega_ufid)
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
dp_flow_name_parse(const char *s, ovs_u128 *ufid)
{
    int n = odp_ufid_from_string(s, ufid);

    return n > 0 && !s[n];
}
