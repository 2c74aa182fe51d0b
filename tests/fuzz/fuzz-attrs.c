/* SPDX-License-Identifier: Apache-2.0 */

/* The key is carried along as actions change it, so that later ones fit.  What
 * is behind an MPLS label or an NSH header that was taken off is not known:
 * then ofproto recirculates, and so do we. */

#include <config.h>
#undef NDEBUG
#include "tests/fuzz/fuzz-attrs.h"

#include <netinet/in.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

enum { MAX_ACTIONS = 8, MAX_NESTING = 2 };

struct maker {
    struct fuzz_input *in;
    struct ofpbuf *buf;
    struct flow flow;
    unsigned int nesting;
    unsigned int n_wide;        /* Actions that multiply packets. */
    bool done;                  /* No action fits any more. */
};

static void make_list(struct maker *);

static bool
is_eth(const struct maker *m)
{
    return m->flow.packet_type == htonl(PT_ETH);
}

void
fuzz_attrs_put_set(struct fuzz_input *in, enum ovs_key_attr type, size_t size,
                   struct ofpbuf *actions)
{
    size_t start = nl_msg_start_nested(actions, OVS_ACTION_ATTR_SET_MASKED);
    uint8_t *key = nl_msg_put_unspec_zero(actions, type, 2 * size);

    fuzz_take(in, key, 2 * size);
    for (size_t i = 0; i < size; i++) {
        key[i] &= key[size + i];
    }
    nl_msg_end_nested(actions, start);
}

static void
put_set(struct maker *m, enum ovs_key_attr type, size_t size)
{
    fuzz_attrs_put_set(m->in, type, size, m->buf);
}

/* Sets a field of layer 4, or nothing. */
static void
put_set_l4(struct maker *m)
{
    if (m->flow.nw_frag & FLOW_NW_FRAG_LATER) {
        return;
    }
    switch (m->flow.nw_proto) {
    case IPPROTO_TCP:
        put_set(m, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp));
        break;
    case IPPROTO_UDP:
        put_set(m, OVS_KEY_ATTR_UDP, sizeof(struct ovs_key_udp));
        break;
    case IPPROTO_SCTP:
        put_set(m, OVS_KEY_ATTR_SCTP, sizeof(struct ovs_key_sctp));
        break;
    case IPPROTO_ICMPV6:
        if (is_nd(&m->flow, NULL)) {
            put_set(m, OVS_KEY_ATTR_ND, sizeof(struct ovs_key_nd));
        }
        break;
    }
}

static void
put_set_any(struct maker *m)
{
    bool l4 = fuzz_u8(m->in) & 1;

    if (fuzz_u8(m->in) & 1) {
        if (is_eth(m)) {
            put_set(m, OVS_KEY_ATTR_ETHERNET,
                    sizeof(struct ovs_key_ethernet));
        }
        return;
    }
    switch (ntohs(m->flow.dl_type)) {
    case ETH_TYPE_IP:
        if (l4) {
            put_set_l4(m);
        } else {
            put_set(m, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4));
        }
        break;
    case ETH_TYPE_IPV6:
        if (l4) {
            put_set_l4(m);
        } else {
            put_set(m, OVS_KEY_ATTR_IPV6, sizeof(struct ovs_key_ipv6));
        }
        break;
    case ETH_TYPE_ARP:
    case ETH_TYPE_RARP:
        put_set(m, OVS_KEY_ATTR_ARP, sizeof(struct ovs_key_arp));
        break;
    case ETH_TYPE_MPLS:
    case ETH_TYPE_MPLS_MCAST:
        put_set(m, OVS_KEY_ATTR_MPLS, sizeof(struct ovs_key_mpls));
        break;
    }
}

static void
put_vlan(struct maker *m)
{
    if (!is_eth(m)) {
        return;
    }
    if (fuzz_u8(m->in) & 1) {
        const struct ovs_action_push_vlan vlan = {
            .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
            .vlan_tci = (OVS_FORCE ovs_be16) fuzz_u16(m->in)
                        | htons(VLAN_CFI),
        };

        nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                          sizeof vlan);
    } else if (m->flow.vlans[0].tci) {
        nl_msg_put_flag(m->buf, OVS_ACTION_ATTR_POP_VLAN);
        m->flow.vlans[0] = m->flow.vlans[1];
        memset(&m->flow.vlans[1], 0, sizeof m->flow.vlans[1]);
    }
}

static void
put_mpls(struct maker *m)
{
    bool is_mpls = eth_type_mpls(m->flow.dl_type);

    if (!is_eth(m)) {
        return;
    }
    if (fuzz_u8(m->in) & 1) {
        const struct ovs_action_push_mpls mpls = {
            .mpls_lse = (OVS_FORCE ovs_be32) fuzz_u32(m->in),
            .mpls_ethertype = htons(ETH_TYPE_MPLS),
        };

        nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_PUSH_MPLS, &mpls,
                          sizeof mpls);
        m->flow.dl_type = htons(ETH_TYPE_MPLS);
    } else if (is_mpls) {
        nl_msg_put_be16(m->buf, OVS_ACTION_ATTR_POP_MPLS,
                        htons(fuzz_u8(m->in) & 1 ? ETH_TYPE_IP
                              : ETH_TYPE_IPV6));
        m->done = true;
    }
}

static void
put_eth(struct maker *m)
{
    if (is_eth(m)) {
        if (!m->flow.vlans[0].tci) {
            nl_msg_put_flag(m->buf, OVS_ACTION_ATTR_POP_ETH);
            m->flow.packet_type = htonl(PACKET_TYPE(OFPHTN_ETHERTYPE,
                                                    ntohs(m->flow.dl_type)));
        }
    } else {
        struct ovs_action_push_eth eth;

        fuzz_take(m->in, &eth, sizeof eth);
        nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_PUSH_ETH, &eth, sizeof eth);
        m->flow.packet_type = htonl(PT_ETH);
    }
}

static void
put_nsh(struct maker *m)
{
    if (m->flow.dl_type == htons(ETH_TYPE_NSH)) {
        nl_msg_put_flag(m->buf, OVS_ACTION_ATTR_POP_NSH);
        m->done = true;
    }
}

static void
put_ct(struct maker *m)
{
    size_t start;

    if (!is_ip_any(&m->flow)) {
        return;
    }
    start = nl_msg_start_nested(m->buf, OVS_ACTION_ATTR_CT);
    nl_msg_put_u16(m->buf, OVS_CT_ATTR_ZONE, fuzz_u8(m->in) & 3);
    if (fuzz_u8(m->in) & 1) {
        nl_msg_put_flag(m->buf, OVS_CT_ATTR_COMMIT);
    }
    nl_msg_end_nested(m->buf, start);
}

/* VXLAN over IPv4 to a neighbor, as ofproto makes the header. */
static void
put_tunnel_push(struct maker *m)
{
    static const uint8_t header[] = {
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
        0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 1, 1, 2, 88, 1, 1, 2, 92,
        0, 0, 0x12, 0xb5, 0, 0, 0, 0,
        8, 0, 0, 0, 0, 0, 0x7b, 0,
    };
    struct ovs_action_push_tnl push;

    if (m->nesting >= MAX_NESTING || m->n_wide++ >= 4) {
        return;
    }
    memset(&push, 0, sizeof push);
    push.tnl_port = u32_to_odp(FUZZ_FIRST_TUNNEL);
    push.out_port = u32_to_odp(FUZZ_FIRST_OUTPUT);
    push.tnl_type = OVS_VPORT_TYPE_VXLAN;
    push.header_len = sizeof header;
    memcpy(push.header, header, sizeof header);

    size_t start = nl_msg_start_nested(m->buf, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_TUNNEL_PUSH, &push, sizeof push);
    nl_msg_put_odp_port(m->buf, OVS_ACTION_ATTR_OUTPUT, push.out_port);
    nl_msg_end_nested(m->buf, start);
}

/* A packet for a tunnel of ours, whichever. */
static void
put_tunnel_pop(struct maker *m)
{
    if (is_ip_any(&m->flow) && !(m->flow.nw_frag & FLOW_NW_FRAG_MASK)
        && is_eth(m)) {
        nl_msg_put_odp_port(m->buf, OVS_ACTION_ATTR_TUNNEL_POP,
                            u32_to_odp(FUZZ_FIRST_TUNNEL
                                       + fuzz_range(m->in, FUZZ_N_TUNNELS)));
    }
}

/* A list of its own within an attribute. */
static void
put_nested(struct maker *m, int type)
{
    struct flow before = m->flow;
    size_t start;

    if (++m->nesting <= MAX_NESTING) {
        start = nl_msg_start_nested(m->buf, type);
        make_list(m);
        nl_msg_end_nested(m->buf, start);
        m->flow = before;
        m->done = false;
    }
    m->nesting--;
}

static void
put_sample(struct maker *m)
{
    size_t start = nl_msg_start_nested(m->buf, OVS_ACTION_ATTR_SAMPLE);

    nl_msg_put_u32(m->buf, OVS_SAMPLE_ATTR_PROBABILITY,
                   fuzz_u8(m->in) & 1 ? UINT32_MAX : 0);
    if (m->nesting < MAX_NESTING) {
        put_nested(m, OVS_SAMPLE_ATTR_ACTIONS);
    } else {
        nl_msg_put_unspec(m->buf, OVS_SAMPLE_ATTR_ACTIONS, NULL, 0);
    }
    nl_msg_end_nested(m->buf, start);
}

static void
put_check_len(struct maker *m)
{
    size_t start;

    if (m->nesting >= MAX_NESTING) {
        return;
    }
    start = nl_msg_start_nested(m->buf, OVS_ACTION_ATTR_CHECK_PKT_LEN);
    nl_msg_put_u16(m->buf, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, fuzz_u8(m->in));
    put_nested(m, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER);
    put_nested(m, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
    nl_msg_end_nested(m->buf, start);
}

static void
put_recirc(struct maker *m)
{
    if (m->flow.recirc_id < FUZZ_MAX_RECIRC && m->n_wide++ < 3) {
        nl_msg_put_u32(m->buf, OVS_ACTION_ATTR_RECIRC, m->flow.recirc_id + 1);
    }
}

/* Puts one action, or none if what is asked does not fit. */
static void
make_action(struct maker *m)
{
    struct ovs_action_trunc trunc;
    struct ovs_action_hash hash;

    switch (fuzz_range(m->in, 16)) {
    case 0:
    case 1:
        nl_msg_put_odp_port(m->buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(FUZZ_FIRST_OUTPUT
                                       + fuzz_range(m->in, FUZZ_N_OUTPUTS)));
        break;
    case 2:
        put_recirc(m);
        break;
    case 3:
        put_set_any(m);
        break;
    case 4:
        put_vlan(m);
        break;
    case 5:
        put_mpls(m);
        break;
    case 6:
        put_eth(m);
        break;
    case 7:
        put_nsh(m);
        break;
    case 8:
        put_ct(m);
        break;
    case 9:
        put_tunnel_push(m);
        break;
    case 10:
        put_tunnel_pop(m);
        break;
    case 11:
        put_nested(m, OVS_ACTION_ATTR_CLONE);
        break;
    case 12:
        put_sample(m);
        break;
    case 13:
        put_check_len(m);
        break;
    case 14:
        trunc.max_len = ETH_HEADER_LEN + fuzz_u8(m->in);
        nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_TRUNC, &trunc,
                          sizeof trunc);
        break;
    case 15:
        hash.hash_alg = OVS_HASH_ALG_L4;
        hash.hash_basis = fuzz_u8(m->in);
        nl_msg_put_unspec(m->buf, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
        break;
    }
}

static void
make_list(struct maker *m)
{
    unsigned int n = fuzz_range(m->in, MAX_ACTIONS + 1);

    for (unsigned int i = 0; i < n && !m->done; i++) {
        make_action(m);
    }
    if (m->done) {
        put_recirc(m);
    }
}

void
fuzz_attrs_put(struct fuzz_input *in, const struct flow *flow,
               struct ofpbuf *actions)
{
    struct maker m = { .in = in, .buf = actions, .flow = *flow };

    make_list(&m);
}
