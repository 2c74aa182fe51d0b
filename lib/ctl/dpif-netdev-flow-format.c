/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-flow-format.h"

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "pipe/dp-lane.h"

void
dp_flow_add_stats(struct dpif_flow_stats *sum,
                  const struct dpif_flow_stats *stats)
{
    sum->n_packets += stats->n_packets;
    sum->n_bytes += stats->n_bytes;
    sum->used = MAX(sum->used, stats->used);
    sum->tcp_flags |= stats->tcp_flags;
}

/* Stores what the NIC counted for 'flow', and what it does, in '*attrs'. */
static void
get_nic_stats(const struct dp_lane *lane, const struct dp_flow *flow,
              struct dpif_flow_stats *stats, struct dpif_flow_attrs *attrs)
{
    bool offered;

    memset(stats, 0, sizeof *stats);
    atomic_read_relaxed(&CONST_CAST(struct dp_flow *, flow)->offered,
                        &offered);
    if (offered) {
        /* What the NIC counted counts, though the rule may have gone. */
        dp_offload_flow_get(lane->shared->offload, flow, &flow->mega_ufid,
                            stats, attrs);
    }
}

/* Stores what software and the NIC together counted for 'flow'. */
void
dp_flow_get_all_stats(const struct dp_lane *lane, const struct dp_flow *flow,
                      struct dpif_flow_stats *stats,
                      struct dpif_flow_attrs *attrs)
{
    struct dpif_flow_attrs nic_attrs = { .dp_layer = "ovs" };
    struct dpif_flow_stats nic;

    dp_flow_get_stats(flow, stats);
    get_nic_stats(lane, flow, &nic, &nic_attrs);
    dp_flow_add_stats(stats, &nic);
    if (attrs) {
        attrs->offloaded = nic_attrs.offloaded;
        attrs->dp_layer = nic_attrs.dp_layer;
    }
}

/* Writes what "dump-flows -m" shows as dp-extra-info: how many 64-bit words of
 * each half of a key the mask covers. */
static void
format_extra(const struct dp_flow *flow, char *extra, size_t size)
{
    unsigned int n[FLOWMAP_UNITS] = { 0 };

    for (size_t i = 0; i < flow->mask->n_words; i++) {
        n[flow->mask->words[i].unit]++;
    }
    BUILD_ASSERT(FLOWMAP_UNITS == 2);
    snprintf(extra, size, "miniflow_bits(%u,%u)", n[0], n[1]);
}

/* Fills 'f' from 'flow'.  The key goes to the tail of 'key_buf', the mask to
 * that of 'mask_buf' (which may be the same).  'extra' may be NULL. */
void
dp_flow_to_dpif_flow(const struct dp_lane *lane, const struct dp_flow *flow,
                     struct ofpbuf *key_buf, struct ofpbuf *mask_buf,
                     struct dpif_flow *f, char *extra, size_t extra_size,
                     bool terse)
{
    memset(f, 0, sizeof *f);
    if (!terse) {
        const struct dp_actions *actions = dp_flow_get_actions(flow);
        struct match match;
        struct odp_flow_key_parms parms = {
            .flow = &match.flow,
            .mask = &match.wc.masks,
            .support = dp_odp_support,
        };
        size_t key_ofs = key_buf->size, mask_ofs;

        dp_flow_get_match(flow, &match);
        odp_flow_key_from_flow(&parms, key_buf);
        f->key_len = key_buf->size - key_ofs;

        struct ofpbuf key;
        ofpbuf_use_const(&key, ofpbuf_at_assert(key_buf, key_ofs, f->key_len),
                         f->key_len);
        struct ofpbuf *key_copy = ofpbuf_clone(&key);

        parms.key_buf = key_copy;
        mask_ofs = mask_buf->size;
        odp_flow_key_from_mask(&parms, mask_buf);
        f->mask_len = mask_buf->size - mask_ofs;
        ofpbuf_delete(key_copy);

        /* Only now will the buffers move no more. */
        f->key = ofpbuf_at_assert(key_buf, key_ofs, f->key_len);
        f->mask = ofpbuf_at_assert(mask_buf, mask_ofs, f->mask_len);
        f->actions = actions->nla;
        f->actions_len = actions->nla_len;
    }
    f->ufid = flow->ufid;
    f->ufid_present = true;
    f->pmd_id = flow->lane_id;
    dp_flow_get_all_stats(lane, flow, &f->stats, &f->attrs);
    if (extra) {
        format_extra(flow, extra, extra_size);
        f->attrs.dp_extra_info = extra;
    }
}
