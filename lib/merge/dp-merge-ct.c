/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-merge-ct.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "merge/dp-merge.h"
#include "merge/dp-merge-view.h"

/* What matters of a "ct" action when there is a connection already.  How it
 * would be translated, and its timeout policy, were settled when it began. */
struct ct_args {
    uint16_t zone;
    bool force, has_helper, has_nat;
    const uint32_t *mark;               /* Value and mask, or NULL. */
    const struct ovs_key_ct_labels *labels;     /* Likewise. */
};

static void
parse(const struct nlattr *ct, struct ct_args *args)
{
    const struct nlattr *a;
    unsigned int left;

    memset(args, 0, sizeof *args);
    NL_NESTED_FOR_EACH_UNSAFE (a, left, ct) {
        switch (nl_attr_type(a)) {
        case OVS_CT_ATTR_FORCE_COMMIT:
            args->force = true;
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
            args->has_helper = true;
            break;
        case OVS_CT_ATTR_NAT:
            args->has_nat = true;
            break;
        default:
            break;
        }
    }
}

/* Stores the key that the packets of 'view' have in 'zone'. */
static void
key_from_view(const struct dp_merge_view *view, uint16_t zone,
              struct ct_key *key)
{
    const struct flow *flow = &view->now;

    memset(key, 0, sizeof *key);
    key->zone = zone;
    key->proto = flow->nw_proto;
    key->is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    if (key->is_ipv6) {
        key->src.ipv6 = flow->ipv6_src;
        key->dst.ipv6 = flow->ipv6_dst;
    } else {
        key->src.ipv4 = flow->nw_src;
        key->dst.ipv4 = flow->nw_dst;
    }
    key->src_port = flow->tp_src;
    key->dst_port = flow->tp_dst;
}

/* Translating. */

/* Appends a masked set of the field 'type', of which 'both' has 'size' bytes
 * of value and as many of mask. */
static void
put_set_masked(struct ofpbuf *out, enum ovs_key_attr type, const void *both,
               size_t size)
{
    size_t ofs = nl_msg_start_nested(out, OVS_ACTION_ATTR_SET_MASKED);

    nl_msg_put_unspec(out, type, both, 2 * size);
    nl_msg_end_nested(out, ofs);
}

/* Stores 'value' in '*to' and ones in '*mask' if it is not 'old'. */
#define CHANGE(TO, MASK, OLD, VALUE)                            \
    if (memcmp(&(OLD), &(VALUE), sizeof (VALUE))) {             \
        memcpy(&(TO), &(VALUE), sizeof (TO));                   \
        memset(&(MASK), 0xff, sizeof (MASK));                   \
        changed = true;                                         \
    }

static void
put_ipv4(struct ofpbuf *out, const struct ct_key *old,
         const struct ct_key *new)
{
    struct ovs_key_ipv4 ip[2];
    bool changed = false;

    memset(ip, 0, sizeof ip);
    CHANGE(ip[0].ipv4_src, ip[1].ipv4_src, old->src.ipv4, new->src.ipv4);
    CHANGE(ip[0].ipv4_dst, ip[1].ipv4_dst, old->dst.ipv4, new->dst.ipv4);
    if (changed) {
        put_set_masked(out, OVS_KEY_ATTR_IPV4, ip, sizeof ip[0]);
    }
}

static void
put_ipv6(struct ofpbuf *out, const struct ct_key *old,
         const struct ct_key *new)
{
    struct ovs_key_ipv6 ip[2];
    bool changed = false;

    memset(ip, 0, sizeof ip);
    CHANGE(ip[0].ipv6_src, ip[1].ipv6_src, old->src.ipv6, new->src.ipv6);
    CHANGE(ip[0].ipv6_dst, ip[1].ipv6_dst, old->dst.ipv6, new->dst.ipv6);
    if (changed) {
        put_set_masked(out, OVS_KEY_ATTR_IPV6, ip, sizeof ip[0]);
    }
}

/* TCP and UDP have the same form. */
static void
put_ports(struct ofpbuf *out, const struct ct_key *old,
          const struct ct_key *new)
{
    struct ovs_key_tcp ports[2];
    bool changed = false;

    BUILD_ASSERT(sizeof(struct ovs_key_tcp) == sizeof(struct ovs_key_udp));
    memset(ports, 0, sizeof ports);
    CHANGE(ports[0].tcp_src, ports[1].tcp_src, old->src_port, new->src_port);
    CHANGE(ports[0].tcp_dst, ports[1].tcp_dst, old->dst_port, new->dst_port);
    if (changed) {
        put_set_masked(out, (new->proto == IPPROTO_TCP
                             ? OVS_KEY_ATTR_TCP : OVS_KEY_ATTR_UDP),
                       ports, sizeof ports[0]);
    }
}

/* The packets of 'view', which had the key 'old', get 'new'. */
static void
translate(struct dp_merge_view *view, const struct ct_key *old,
          const struct ct_key *new, struct ofpbuf *out)
{
    if (new->is_ipv6) {
        put_ipv6(out, old, new);
        DP_MERGE_VIEW_SET(view, ipv6_src, new->src.ipv6);
        DP_MERGE_VIEW_SET(view, ipv6_dst, new->dst.ipv6);
    } else {
        put_ipv4(out, old, new);
        DP_MERGE_VIEW_SET(view, nw_src, new->src.ipv4);
        DP_MERGE_VIEW_SET(view, nw_dst, new->dst.ipv4);
    }
    put_ports(out, old, new);
    DP_MERGE_VIEW_SET(view, tp_src, new->src_port);
    DP_MERGE_VIEW_SET(view, tp_dst, new->dst_port);
}

/* Metadata. */

/* What the tracker writes, as extraction shows it: with no state there is
 * nothing else. */
static void
set_metadata(struct dp_merge_view *view, uint8_t state, uint16_t zone,
             const struct dp_merge_conn *conn)
{
    static const struct ct_key no_key;
    const struct ct_key *key = conn ? &conn->keys[0] : &no_key;

    DP_MERGE_VIEW_SET(view, ct_state, state);
    DP_MERGE_VIEW_SET(view, ct_zone, zone);
    DP_MERGE_VIEW_SET(view, ct_mark, conn ? conn->mark : 0);
    DP_MERGE_VIEW_SET(view, ct_label, conn ? conn->label : OVS_U128_ZERO);
    DP_MERGE_VIEW_SET(view, ct_nw_proto, key->proto);
    if (view->now.dl_type == htons(ETH_TYPE_IPV6)) {
        DP_MERGE_VIEW_SET(view, ct_ipv6_src, key->src.ipv6);
        DP_MERGE_VIEW_SET(view, ct_ipv6_dst, key->dst.ipv6);
    } else {
        DP_MERGE_VIEW_SET(view, ct_nw_src, key->src.ipv4);
        DP_MERGE_VIEW_SET(view, ct_nw_dst, key->dst.ipv4);
    }
    DP_MERGE_VIEW_SET(view, ct_tp_src, key->src_port);
    DP_MERGE_VIEW_SET(view, ct_tp_dst, key->dst_port);
}

void
dp_merge_ct_clear(struct dp_merge_view *view)
{
    set_metadata(view, 0, 0, NULL);
}

/* Would the action leave mark and label as they are?  Then it need not be
 * done. */
static enum dp_merge_why
check_marks(const struct ct_args *args, const struct dp_merge_conn *conn)
{
    if (args->mark && (args->mark[0] ^ conn->mark) & args->mark[1]) {
        return DP_MERGE_WHY_C_MARK;
    }
    if (args->labels) {
        ovs_u128 value, mask;

        memcpy(&value, &args->labels[0], sizeof value);
        memcpy(&mask, &args->labels[1], sizeof mask);
        if (((value.u64.lo ^ conn->label.u64.lo) & mask.u64.lo)
            || ((value.u64.hi ^ conn->label.u64.hi) & mask.u64.hi)) {
            return DP_MERGE_WHY_C_LABEL;
        }
    }
    return DP_MERGE_WHY_NONE;
}

static enum dp_merge_why
check(const struct ct_args *args, const struct dp_merge_conn *conn)
{
    return (args->force ? DP_MERGE_WHY_A_CT_FORCE
            : args->has_helper ? DP_MERGE_WHY_A_CT_HELPER
            : !conn ? DP_MERGE_WHY_C_NONE
            : conn->has_helper ? DP_MERGE_WHY_C_HELPER
            : !conn->is_established ? DP_MERGE_WHY_C_STATE
            : conn->keys[0].zone != args->zone ? DP_MERGE_WHY_C_TUPLE
            : check_marks(args, conn));
}

enum dp_merge_why
dp_merge_ct(struct dp_merge_view *view, const struct nlattr *ct,
            const struct dp_merge_conn *conn, struct ofpbuf *out)
{
    struct ct_args args;
    struct ct_key key, translated;
    enum dp_merge_why why;
    uint8_t nat;

    parse(ct, &args);
    why = check(&args, conn);
    if (why) {
        return why;
    }

    /* Who was translated in this zone is known by what came of it, and is not
     * translated once more, be it by another connection. */
    nat = (view->now.ct_state && view->now.ct_zone == args.zone
           ? view->now.ct_state & (CS_SRC_NAT | CS_DST_NAT) : 0);
    key_from_view(view, args.zone, &key);
    ct_key_reverse(&conn->keys[!conn->is_reply], &translated);
    if (!ct_key_equal(&key, (nat ? &translated
                             : &conn->keys[conn->is_reply]))) {
        return DP_MERGE_WHY_C_TUPLE;
    }
    if (args.has_nat && !nat && conn->nat) {
        translate(view, &key, &translated, out);
        nat = conn->nat;
    }
    set_metadata(view, (CS_TRACKED | CS_ESTABLISHED | nat
                        | (conn->is_reply ? CS_REPLY_DIR : 0)),
                 args.zone, conn);
    return DP_MERGE_WHY_NONE;
}
