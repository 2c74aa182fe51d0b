/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "util.h"
#include "ct/ct-execute.h"
#include "ovs/ovs-conntrack.h"
#include "pipe/dp-follow.h"
#include "pipe/dp-lane.h"

/* The arguments of one "ct" action, as Open vSwitch's connection tracker
 * wants them.  Pointers are into the attributes. */
struct ct_args {
    bool commit, force;
    uint16_t zone;
    const uint32_t *mark;               /* Value and mask. */
    const struct ovs_key_ct_labels *labels;     /* Likewise. */
    const char *helper;
    uint32_t timeout_policy;
    bool has_nat;
    struct nat_action_info_t nat;
};

/* Copies an IPv4 or IPv6 address. */
static void
get_nat_address(const struct nlattr *a, union ct_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    memcpy(addr, nl_attr_get(a), MIN(nl_attr_get_size(a), sizeof *addr));
}

static void
parse_nat(const struct nlattr *nat_attr, struct nat_action_info_t *nat)
{
    bool has_min_ip = false, has_max_ip = false;
    bool has_min_port = false, has_max_port = false;
    bool src = false, dst = false;
    const struct nlattr *a;
    unsigned int left;

    memset(nat, 0, sizeof *nat);
    NL_NESTED_FOR_EACH_UNSAFE (a, left, nat_attr) {
        enum ovs_nat_attr type = nl_attr_type(a);

        switch (type) {
        case OVS_NAT_ATTR_SRC:
            src = true;
            break;
        case OVS_NAT_ATTR_DST:
            dst = true;
            break;
        case OVS_NAT_ATTR_IP_MIN:
            get_nat_address(a, &nat->min_addr);
            has_min_ip = true;
            break;
        case OVS_NAT_ATTR_IP_MAX:
            get_nat_address(a, &nat->max_addr);
            has_max_ip = true;
            break;
        case OVS_NAT_ATTR_PROTO_MIN:
            nat->min_port = nl_attr_get_u16(a);
            has_min_port = true;
            break;
        case OVS_NAT_ATTR_PROTO_MAX:
            nat->max_port = nl_attr_get_u16(a);
            has_max_port = true;
            break;
        case OVS_NAT_ATTR_PERSISTENT:
            ovs_nat_set_persistent(nat);
            break;
        case OVS_NAT_ATTR_PROTO_RANDOM:
            ovs_nat_set_random(nat);
            break;
        case OVS_NAT_ATTR_PROTO_HASH:
            break;              /* What the tracker does anyway. */
        case OVS_NAT_ATTR_UNSPEC:
        case __OVS_NAT_ATTR_MAX:
        default:
            OVS_NOT_REACHED();
        }
    }

    /* A range with one end is that one value. */
    if (has_min_ip && !has_max_ip) {
        nat->max_addr = nat->min_addr;
    }
    if (has_min_port && !has_max_port) {
        nat->max_port = nat->min_port;
    }
    if (src) {
        nat->nat_action |= NAT_ACTION_SRC;
        nat->nat_action |= has_min_port ? NAT_ACTION_SRC_PORT : 0;
    } else if (dst) {
        nat->nat_action |= NAT_ACTION_DST;
        nat->nat_action |= has_min_port ? NAT_ACTION_DST_PORT : 0;
    }
}

static void
parse_ct(const struct nlattr *ct, struct ct_args *args)
{
    const struct nlattr *a;
    unsigned int left;

    memset(args, 0, sizeof *args);
    NL_NESTED_FOR_EACH_UNSAFE (a, left, ct) {
        enum ovs_ct_attr type = nl_attr_type(a);

        switch (type) {
        case OVS_CT_ATTR_FORCE_COMMIT:
            args->force = true;
            args->commit = true;
            break;
        case OVS_CT_ATTR_COMMIT:
            args->commit = true;
            break;
        case OVS_CT_ATTR_ZONE:
            args->zone = nl_attr_get_u16(a);
            break;
        case OVS_CT_ATTR_MARK:
            args->mark = nl_attr_get(a);
            break;
        case OVS_CT_ATTR_LABELS:
            args->labels = nl_attr_get(a);
            break;
        case OVS_CT_ATTR_HELPER:
            args->helper = nl_attr_get_string(a);
            break;
        case OVS_CT_ATTR_TIMEOUT:
            /* A datapath of ours names its policies by number. */
            if (!str_to_uint(nl_attr_get_string(a), 10,
                             &args->timeout_policy)) {
                args->timeout_policy = 0;
            }
            break;
        case OVS_CT_ATTR_NAT:
            args->has_nat = true;
            parse_nat(a, &args->nat);
            break;
        case OVS_CT_ATTR_EVENTMASK:
            break;              /* Nobody listens. */
        case OVS_CT_ATTR_UNSPEC:
        case __OVS_CT_ATTR_MAX:
        default:
            OVS_NOT_REACHED();
        }
    }
}

/* Were the packets fragments of IP datagrams on lookup? */
bool
dp_exec_is_fragment(const struct dp_exec *x)
{
    return (MINIFLOW_GET_U8(x->mf, nw_frag) & FLOW_NW_FRAG_ANY) != 0;
}

/* Sends the packets of 'batch' through the connection tracker. */
void
dp_exec_ct(const struct dp_exec *x, struct dp_packet_batch *batch,
           const struct nlattr *ct)
{
    struct dp_follower *follower = x->lane->follower;
    bool followed = OVS_UNLIKELY(follower) && dp_follow_is_here(follower);
    struct ct_sights sights;
    struct ct_args args;

    parse_ct(ct, &args);
    ct_execute(x->lane->shared->conntrack, batch,
               MINIFLOW_GET_BE16(x->mf, dl_type), args.force, args.commit,
               args.zone, args.mark, args.labels, args.helper,
               args.has_nat ? &args.nat : NULL, x->lane->now / 1000,
               args.timeout_policy, followed ? &sights : NULL);
    if (followed) {
        dp_follow_ct(follower, &sights);
    }
}
