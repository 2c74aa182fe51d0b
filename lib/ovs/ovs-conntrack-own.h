/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_CONNTRACK_OWN_H
#define OVS_CONNTRACK_OWN_H 1

/* ovs-conntrack-own: what a tracker must define, whatever the version
 * ===================================================================
 *
 * Job.  One form of those types and functions of conntrack.h that have
 * changed, for who defines them.  ovs-conntrack.h is for who calls them.
 *
 * What an older version does not have is declared here, so that it can be
 * defined all the same; nobody calls it then. */

#include "conntrack.h"
#include "ovs/ovs-version.h"

/* Older versions of conntrack-tp.h count on others to have it. */
struct conn;
#include "conntrack-tp.h"

#if OVS_IS_SINCE(3, 5)

#define ovs_zone_info conntrack_zone_info
typedef int32_t ovs_deleted_zone;

static inline void
ovs_zone_info_set_count(struct conntrack_zone_info *info, uint32_t count)
{
    info->count = count;
}

/* Stores in '*exp' what dumps show of what is expected. */
static inline void
ovs_exp_set(struct ct_dpif_exp *exp, const struct ct_dpif_tuple *tuple,
            const struct ct_dpif_tuple *parent, uint16_t zone, uint32_t mark,
            ovs_u128 label)
{
    memset(exp, 0, sizeof *exp);
    exp->tuple_orig = *tuple;
    exp->tuple_parent = *parent;
    exp->zone = zone;
    exp->mark = mark;
    exp->labels = label;
    exp->protoinfo.proto = tuple->ip_proto;
}

#else

#define ovs_zone_info conntrack_zone_limit
typedef uint16_t ovs_deleted_zone;

static inline void
ovs_zone_info_set_count(struct conntrack_zone_limit *info, uint32_t count)
{
    atomic_count_set(&info->count, count);
}

struct ct_dpif_exp;

static inline void
ovs_exp_set(struct ct_dpif_exp *exp OVS_UNUSED,
            const struct ct_dpif_tuple *tuple OVS_UNUSED,
            const struct ct_dpif_tuple *parent OVS_UNUSED,
            uint16_t zone OVS_UNUSED, uint32_t mark OVS_UNUSED,
            ovs_u128 label OVS_UNUSED)
{
}

int conntrack_exp_dump_start(struct conntrack *, struct conntrack_dump *,
                             const uint16_t *zone);
int conntrack_exp_dump_next(struct conntrack_dump *, struct ct_dpif_exp *);
int conntrack_exp_dump_done(struct conntrack_dump *);
int conntrack_set_sweep_interval(struct conntrack *, uint32_t ms);
uint32_t conntrack_get_sweep_interval(struct conntrack *);

#endif

#endif /* ovs-conntrack-own.h */
