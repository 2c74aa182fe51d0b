/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-flow-format.h"

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"
#include "flow/dp-credit.h"
#include "flow/dp-log.h"
#include "merge/dp-books.h"
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

/* NICs and merged flows tell twice a second what they have counted.  In
 * between, nobody knows: who had packets when they were asked last, or the
 * time before, if somebody was late, is taken to have them still.  A busy flow
 * must not look idle to a revalidator that is short of places. */
static void
make_up_for_delay(const struct dp_flow *flow, long long int nic_used,
                  long long int *used)
{
    const struct dp_credit *credit = dp_flow_get_credit(flow);
    struct dpif_flow_stats merged = { .used = 0 };
    long long int now, last;

    if (credit) {
        dp_credit_add_stats(credit, &merged);
    }
    last = MAX(merged.used, nic_used);
    if (last) {
        now = time_msec();
        if (now - last < 2 * DP_BOOKS_AGE_MS) {
            *used = MAX(*used, now);
        }
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
    make_up_for_delay(flow, nic.used, &stats->used);
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
