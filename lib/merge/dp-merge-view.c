/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-merge-view.h"

#include "packets.h"
#include "util.h"

void
dp_merge_view_init(struct dp_merge_view *view, const struct flow *arrival,
                   struct flow_wildcards *seen)
{
    memset(seen, 0, sizeof *seen);
    view->arrival = arrival;
    view->seen = seen;
    view->now = *arrival;
    memset(&view->fixed, 0, sizeof view->fixed);
    view->n_pushed = view->n_popped = 0;
    view->length = 0;

    /* A port gives no packet any of these. */
    DP_MERGE_VIEW_SET(view, skb_priority, 0);
    DP_MERGE_VIEW_SET(view, pkt_mark, 0);
    DP_MERGE_VIEW_SET(view, dp_hash, 0);
    DP_MERGE_VIEW_SET(view, recirc_id, 0);
    DP_MERGE_VIEW_SET(view, ct_state, 0);
    DP_MERGE_VIEW_SET(view, ct_nw_proto, 0);
    DP_MERGE_VIEW_SET(view, ct_zone, 0);
    DP_MERGE_VIEW_SET(view, ct_mark, 0);
    DP_MERGE_VIEW_SET(view, ct_label, OVS_U128_ZERO);
    DP_MERGE_VIEW_SET(view, ct_nw_src, 0);
    DP_MERGE_VIEW_SET(view, ct_nw_dst, 0);
    DP_MERGE_VIEW_SET(view, ct_ipv6_src, in6addr_any);
    DP_MERGE_VIEW_SET(view, ct_ipv6_dst, in6addr_any);
    DP_MERGE_VIEW_SET(view, ct_tp_src, 0);
    DP_MERGE_VIEW_SET(view, ct_tp_dst, 0);
}

/* Ors the 'n' bytes of 'from' that are not in 'but' into 'to'. */
static void
add_bits(void *to_, const void *from_, const void *but_, size_t n)
{
    const uint8_t *from = from_, *but = but_;
    uint8_t *to = to_;

    for (size_t i = 0; i < n; i++) {
        to[i] |= from[i] & ~but[i];
    }
}

/* Tags stand where they stood, or some places further. */
static void
look_at_vlans(struct dp_merge_view *view, const struct flow *mask)
{
    struct flow *seen = &view->seen->masks;

    for (int i = view->n_pushed; i < FLOW_MAX_VLAN_HEADERS; i++) {
        int at = i - view->n_pushed + view->n_popped;

        /* There is IP behind the last tag that extraction sees, so in places
         * behind that there never is one. */
        if (at < FLOW_MAX_VLAN_HEADERS) {
            seen->vlans[at].qtag |= mask->vlans[i].qtag;
        }
    }
}

void
dp_merge_view_look(struct dp_merge_view *view, const struct flow *mask)
{
    const size_t vlans = offsetof(struct flow, vlans);
    const size_t end = vlans + sizeof mask->vlans;

    add_bits(&view->seen->masks, mask, &view->fixed, vlans);
    look_at_vlans(view, mask);
    add_bits((char *) &view->seen->masks + end, (const char *) mask + end,
             (const char *) &view->fixed + end, sizeof *mask - end);
}

void
dp_merge_view_set(struct dp_merge_view *view, size_t ofs, const void *value_,
                  const void *mask_, size_t size)
{
    const uint8_t *value = value_, *mask = mask_;
    uint8_t *now = (uint8_t *) &view->now + ofs;
    uint8_t *fixed = (uint8_t *) &view->fixed + ofs;

    for (size_t i = 0; i < size; i++) {
        now[i] = (now[i] & ~mask[i]) | (value[i] & mask[i]);
        fixed[i] |= mask[i];
    }
}

/* Is there a tag in place 'i'?  Then so it is in all. */
static bool
has_vlan(struct dp_merge_view *view, int i)
{
    struct flow mask;

    memset(&mask, 0, sizeof mask);
    mask.vlans[i].tci = htons(VLAN_CFI);
    dp_merge_view_look(view, &mask);
    return view->now.vlans[i].tci & htons(VLAN_CFI);
}

bool
dp_merge_view_push_vlan(struct dp_merge_view *view, ovs_be16 tpid,
                        ovs_be16 tci)
{
    const int max = MIN(flow_vlan_limit, FLOW_MAX_VLAN_HEADERS);
    union flow_vlan_hdr *vlans = view->now.vlans;

    if (max < 1 || has_vlan(view, max - 1)) {
        return false;
    }
    memmove(&vlans[1], &vlans[0],
            (FLOW_MAX_VLAN_HEADERS - 1) * sizeof vlans[0]);
    vlans[0].tpid = tpid;
    vlans[0].tci = tci | htons(VLAN_CFI);
    view->n_pushed++;
    view->length += VLAN_HEADER_LEN;
    return true;
}

bool
dp_merge_view_pop_vlan(struct dp_merge_view *view)
{
    union flow_vlan_hdr *vlans = view->now.vlans;

    if (view->n_pushed) {
        view->n_pushed--;
    } else if (has_vlan(view, 0)) {
        view->n_popped++;
    } else {
        return false;
    }
    memmove(&vlans[0], &vlans[1],
            (FLOW_MAX_VLAN_HEADERS - 1) * sizeof vlans[0]);
    memset(&vlans[FLOW_MAX_VLAN_HEADERS - 1], 0, sizeof vlans[0]);
    view->length -= VLAN_HEADER_LEN;
    return true;
}
