/* SPDX-License-Identifier: Apache-2.0 */

/* It is Open vSwitch that mends a group: it destructs it and constructs it
 * again, in place, now with all its buckets.  So nobody here has to know how
 * it spreads hash values.  It clears the counters, which are put back. */

#include <config.h>

#include "ofproto/group-watch.h"

#include "hmapx.h"
#include "ofproto/ofproto-dpif.h"
#include "openvswitch/ofp-group.h"
#include "util.h"

/* Does the table of 'group' lead to 'bucket'? */
static bool
leads_to(const struct group_dpif *group, const struct ofputil_bucket *bucket)
{
    for (uint32_t i = 0; i <= group->hash_mask; i++) {
        if (group->hash_map[i] == bucket) {
            return true;
        }
    }
    return false;
}

static bool
lacks_buckets(const struct group_dpif *group)
{
    const struct ofputil_bucket *bucket;

    if (group->up.type != OFPGT11_SELECT) {
        return false;
    }
    if (group->selection_method != SEL_METHOD_DP_HASH) {
        /* It may have been without a bucket when it was constructed.  (Or its
         * table would be too large, and will be again.) */
        return (group->selection_method == SEL_METHOD_DEFAULT
                && group->up.modified != group->up.created);
    }
    LIST_FOR_EACH (bucket, list_node, &group->up.buckets) {
        if (bucket->weight && !leads_to(group, bucket)) {
            return true;
        }
    }
    return false;
}

void
group_watch_find(const struct ofproto_dpif *bridge, long long int since,
                 struct hmapx *groups)
{
    struct ofgroup *group_;

    CMAP_FOR_EACH (group_, cmap_node, &bridge->up.groups) {
        struct group_dpif *group = CONTAINER_OF(group_, struct group_dpif, up);

        if (group_->modified >= since && lacks_buckets(group)) {
            hmapx_add(groups, group);
        }
    }
}

/* Constructs 'group' again. */
static void
reconstruct(struct group_dpif *group)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* 'stats_mutex' goes and comes. */
{
    const struct ofproto_class *class = group->up.ofproto->ofproto_class;
    struct bucket_counter *counters = xcalloc(group->up.n_buckets,
                                              sizeof *counters);
    uint64_t n_packets = group->packet_count;
    uint64_t n_bytes = group->byte_count;
    struct ofputil_bucket *bucket;
    size_t i = 0;

    LIST_FOR_EACH (bucket, list_node, &group->up.buckets) {
        counters[i++] = bucket->stats;
    }
    class->group_destruct(&group->up);
    class->group_construct(&group->up);
    i = 0;
    LIST_FOR_EACH (bucket, list_node, &group->up.buckets) {
        bucket->stats = counters[i++];
    }
    group->packet_count = n_packets;
    group->byte_count = n_bytes;
    free(counters);
}

void
group_watch_mend(const struct hmapx *groups)
{
    struct hmapx_node *node;

    HMAPX_FOR_EACH (node, groups) {
        reconstruct(node->data);
    }
}
