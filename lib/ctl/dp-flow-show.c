/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-flow-show.h"

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofpbuf.h"
#include "ctl/dp-merge-show.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-flow-format.h"
#include "offload/dp-offload.h"
#include "offload/dp-show.h"
#include "ovs/ovs-odp-format.h"

const char *
dp_flow_show_port(const struct hmap *names, odp_port_t port_no)
{
    const struct odp_portno_names *name;

    HMAP_FOR_EACH_IN_BUCKET (name, hmap_node, hash_odp_port(port_no), names) {
        if (name->port_no == port_no) {
            return name->name;
        }
    }
    return NULL;
}

/* Who forwards most packets of a flow, a stable name: a NIC ("nic"), XDP in
 * front of the switch ("xdp"), a lane by merged flows ("merged") or by the
 * NIC's mark ("marked"), or a lane alone ("software"). */
static const char *
name_place(const struct dpif_flow_attrs *attrs, long long int n_merged)
{
    bool whole = attrs->offloaded && strcmp(attrs->dp_layer, "ovs");

    return (whole ? !strcmp(attrs->dp_layer, "xdp") ? "xdp" : "nic"
            : n_merged ? "merged"
            : attrs->offloaded ? "marked"
            : "software");
}

static void
put_offload(struct json *json, struct dp *dp, const struct dp_flow *flow,
            const struct dpif_flow_attrs *attrs)
{
    enum dp_offload_why why = dp_offload_flow_why(dp->shared.offload,
                                                  &flow->mega_ufid);

    dp_merge_put_flow(dp, flow, json);
    json_object_put_string(json, "where",
                           name_place(attrs,
                                      dp_show_int(json, "merged_flows")));
    json_object_put_string(json, "why", dp_offload_why_name(why));
    json_object_put_string(json, "why_text", dp_offload_why_text(why));
}

static void
put_text(struct json *json, const struct dpif_flow *f, struct hmap *names)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ovs_odp_flow_format(f->key, f->key_len, f->mask, f->mask_len, names, &s,
                        false);
    json_object_put_string(json, "match", ds_cstr(&s));
    ds_clear(&s);
    format_odp_actions(&s, f->actions, f->actions_len, names);
    json_object_put_string(json, "actions", ds_cstr(&s));
    ds_clear(&s);
    odp_format_ufid(&f->ufid, &s);
    json_object_put_string(json, "ufid", ds_cstr(&s));
    ds_destroy(&s);
}

void
dp_flow_show_put(struct dp *dp, const struct dp_lane *lane,
                 const struct dp_flow *flow, struct hmap *names,
                 struct json *json, struct dpif_flow_stats *stats)
{
    struct odputil_keybuf keybuf, maskbuf;
    struct ofpbuf key, mask;
    struct dpif_flow f;

    ofpbuf_use_stack(&key, &keybuf, sizeof keybuf);
    ofpbuf_use_stack(&mask, &maskbuf, sizeof maskbuf);
    dp_flow_to_dpif_flow(lane, flow, &key, &mask, &f, NULL, 0, false);
    put_offload(json, dp, flow, &f.attrs);
    put_text(json, &f, names);
    *stats = f.stats;
}
