/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_GROUP_FORMAT_H
#define OVS_GROUP_FORMAT_H 1

/* ovs-group-format: OpenFlow groups as text
 * =========================================
 *
 * Job.  A group with one or all of its buckets, on one line, as "ovs-ofctl
 * dump-groups" has it.  Older libraries do that for their own tools only; with
 * them, there is no more than type and buckets.
 *
 * Thread-safety.  Any thread. */

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-group.h"
#include "ovs/ovs-version.h"

/* Appends 'bucket' to 's', and a comma. */
static inline void
ovs_group_format_bucket(const struct ofputil_bucket *bucket,
                        enum ofp11_group_type type,
                        const struct ofputil_port_map *names, struct ds *s)
{
#if OVS_IS_SINCE(3, 4)
    ofputil_bucket_format(s, bucket, type, OFP15_VERSION, names, NULL);
#else
    struct ofpact_format_params fp = { .port_map = names, .s = s };

    ds_put_format(s, "bucket=bucket_id:%"PRIu32",", bucket->bucket_id);
    if (bucket->weight != (type == OFPGT11_SELECT ? 1 : 0)) {
        ds_put_format(s, "weight:%"PRIu16",", bucket->weight);
    }
    ds_put_cstr(s, "actions=");
    ofpacts_format(bucket->ofpacts, bucket->ofpacts_len, &fp);
#endif
    ds_put_char(s, ',');
}

/* Appends group 'id' with 'bucket', or with all of 'buckets' if that is null,
 * to 's'. */
static inline void
ovs_group_format(uint32_t id, enum ofp11_group_type type,
                 const struct ofputil_group_props *props OVS_UNUSED,
                 const struct ofputil_bucket *bucket,
                 const struct ovs_list *buckets,
                 const struct ofputil_port_map *names, struct ds *s)
{
#if OVS_IS_SINCE(3, 4)
    ofputil_group_format(s, id, type, NULL, NULL, props, OFP15_VERSION, false,
                         names, NULL);
#else
    ds_put_format(s, "group_id=%"PRIu32",type=%s", id,
                  type == OFPGT11_ALL ? "all"
                  : type == OFPGT11_SELECT ? "select"
                  : type == OFPGT11_INDIRECT ? "indirect" : "ff");
#endif
    ds_put_char(s, ',');
    if (bucket) {
        ovs_group_format_bucket(bucket, type, names, s);
    } else {
        LIST_FOR_EACH (bucket, list_node, buckets) {
            ovs_group_format_bucket(bucket, type, names, s);
        }
    }
    ds_chomp(s, ',');
}

#endif /* ovs-group-format.h */
