/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_CONNTRACK_H
#define OVS_CONNTRACK_H 1

/* ovs-conntrack: Open vSwitch's connection tracker, whatever its version
 * ======================================================================
 *
 * Job.  One form of those functions of conntrack.h that have changed.
 *
 * Thread-safety.  As the tracker's own functions. */

#include "conntrack.h"
#include "dp-packet.h"
#include "flow.h"
#include "ovs/ovs-version.h"

/* Parameters of conntrack_execute() that have gone: the ports of the first
 * packet's flow. */
#if OVS_IS_SINCE(3, 3)
#define OVS_CT_PORTS
#define OVS_CT_NO_PORTS         /* Arguments for them. */
#else
#define OVS_CT_PORTS \
    ovs_be16 tp_src OVS_UNUSED, ovs_be16 tp_dst OVS_UNUSED,
#define OVS_CT_NO_PORTS 0, 0,
#endif

/* Do the ports of SCTP belong to a connection, and does its checksum count?
 * With older versions all associations of two hosts are one. */
static inline bool
ovs_ct_has_sctp_ports(void)
{
    return OVS_IS_SINCE(3, 2);
}

/* Sends 'batch' through the tracker.  'mf' is the key of the first packet,
 * which the others share as far as the tracker looks at it. */
static inline void
ovs_conntrack_execute(struct conntrack *ct, struct dp_packet_batch *batch,
                      const struct miniflow *mf, bool force, bool commit,
                      uint16_t zone, const uint32_t *mark,
                      const struct ovs_key_ct_labels *labels,
                      const char *helper, const struct nat_action_info_t *nat,
                      long long int now_ms, uint32_t timeout_policy)
{
#if OVS_IS_SINCE(3, 3)
    conntrack_execute(ct, batch, MINIFLOW_GET_BE16(mf, dl_type), force, commit,
                      zone, mark, labels, helper, nat, now_ms,
                      timeout_policy);
#else
    conntrack_execute(ct, batch, MINIFLOW_GET_BE16(mf, dl_type), force, commit,
                      zone, mark, labels, MINIFLOW_GET_BE16(mf, tp_src),
                      MINIFLOW_GET_BE16(mf, tp_dst), helper, nat, now_ms,
                      timeout_policy);
#endif
}

/* Asks for a port or address at random, or for the same one each time.  Before
 * 3.4 there is no member for that, but 'nat_action' has bits that no tracker
 * looks at but ours. */
#if OVS_IS_SINCE(3, 4)
#define OVS_NAT_FLAGS nat_flags
#define OVS_NAT_RANDOM NAT_RANGE_RANDOM
#define OVS_NAT_PERSISTENT NAT_PERSISTENT
#else
#define OVS_NAT_FLAGS nat_action
#define OVS_NAT_RANDOM (1 << 14)
#define OVS_NAT_PERSISTENT (1 << 15)
#endif

/* Does Open vSwitch's own tracker look at these? */
static inline bool
ovs_nat_has_methods(void)
{
    return OVS_IS_SINCE(3, 4);
}

static inline void
ovs_nat_set_random(struct nat_action_info_t *nat)
{
    nat->OVS_NAT_FLAGS |= OVS_NAT_RANDOM;
}

static inline void
ovs_nat_set_persistent(struct nat_action_info_t *nat)
{
    nat->OVS_NAT_FLAGS |= OVS_NAT_PERSISTENT;
}

/* Has it been asked for? */
static inline bool
ovs_nat_is_random(const struct nat_action_info_t *nat)
{
    return nat->OVS_NAT_FLAGS & OVS_NAT_RANDOM;
}

static inline bool
ovs_nat_is_persistent(const struct nat_action_info_t *nat)
{
    return nat->OVS_NAT_FLAGS & OVS_NAT_PERSISTENT;
}

/* Stores what limits the connections of 'zone', DEFAULT_ZONE included, and the
 * count that is compared with the limit.  Returns the zone that they are of:
 * 'zone', or DEFAULT_ZONE if it has no limit of its own. */
static inline int32_t
ovs_zone_limit_get(struct conntrack *ct, int32_t zone, uint32_t *limit,
                   uint32_t *count)
{
#if OVS_IS_SINCE(3, 5)
    struct conntrack_zone_info zl = zone_limit_get(ct, zone);

    *count = zl.count;
#else
    struct conntrack_zone_limit zl = zone_limit_get(ct, zone);

    *count = atomic_count_get(&zl.count);
#endif
    *limit = zl.limit;
    return zl.zone;
}

#endif /* ovs-conntrack.h */
