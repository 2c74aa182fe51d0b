/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-header.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/nsh.h"
#include "ovs/ovs-ipv6.h"
#include "unaligned.h"

/* odp_execute_actions() takes for granted that a header is there because the
 * actions name it.  But actions come from a megaflow, which may have been made
 * from what a header would say if it were there: to a flow, an ARP packet that
 * is cut off is one whose fields are all 0.  And they come from whoever uses
 * "dpctl/add-flow". */

/* Does 'packet' reach up to 'ofs', which may be none (UINT16_MAX)? */
static bool
reaches(const struct dp_packet *packet, uint16_t ofs)
{
    return ofs != UINT16_MAX && ofs <= dp_packet_size(packet);
}

static size_t
l3_bytes(const struct dp_packet *packet)
{
    return dp_header_bytes_from(packet, packet->l3_ofs);
}

/* Returns the Ethernet type of what is at the layer 3 offset, or 0. */
static ovs_be16
l3_type(const struct dp_packet *packet)
{
    const char *l3 = dp_packet_l3(packet);

    if (!reaches(packet, packet->l3_ofs) || packet->l2_5_ofs != UINT16_MAX) {
        return 0;               /* Nothing, or known to MPLS only. */
    }
    return (!dp_packet_is_eth(packet) ? pt_ns_type_be(packet->packet_type)
            : packet->l3_ofs < ETH_HEADER_LEN ? 0
            : get_unaligned_be16((const ovs_be16 *) (l3 - 2)));
}

static bool
is_ipv4(const struct dp_packet *packet)
{
    return (l3_type(packet) == htons(ETH_TYPE_IP)
            && l3_bytes(packet) >= IP_HEADER_LEN);
}

static bool
is_ipv6(const struct dp_packet *packet)
{
    return (l3_type(packet) == htons(ETH_TYPE_IPV6)
            && l3_bytes(packet) >= IPV6_HEADER_LEN);
}

/* Returns true if 'packet' is a fragment of IPv4 or IPv6 and not the first:
 * where its layer 4 header would be, it has payload. */
bool
dp_header_is_later_fragment(const struct dp_packet *packet)
{
    const struct ovs_16aligned_ip6_frag *frag;
    const struct ovs_16aligned_ip6_hdr *ip6;
    uint8_t proto, nw_frag = 0;
    const void *data;
    size_t size;

    if (is_ipv4(packet)) {
        return dp_header_is_later_ipv4(dp_packet_l3(packet));
    } else if (!is_ipv6(packet)) {
        return false;
    }
    ip6 = dp_packet_l3(packet);
    proto = ip6->ip6_nxt;
    data = ip6 + 1;
    size = l3_bytes(packet) - IPV6_HEADER_LEN;
    return (ovs_parse_ipv6_ext_hdrs(&data, &size, &proto, &nw_frag, &frag)
            && nw_frag & FLOW_NW_FRAG_LATER);
}

static bool
has_mpls(const struct dp_packet *packet)
{
    return dp_header_bytes_from(packet, packet->l2_5_ofs) >= MPLS_HLEN;
}

/* Is there an NSH header with all fields that can be set? */
static bool
has_nsh_fields(const struct dp_packet *packet)
{
    const struct nsh_hdr *nsh = dp_packet_l3(packet);
    size_t size = l3_bytes(packet);

    return (l3_type(packet) == htons(ETH_TYPE_NSH)
            && size >= NSH_BASE_HDR_LEN
            && (nsh_md_type(nsh) != NSH_M_TYPE1 || size >= NSH_M_TYPE1_LEN));
}

/* Is there a whole NSH header, as long as it says? */
static bool
has_nsh(const struct dp_packet *packet)
{
    const struct nsh_hdr *nsh = dp_packet_l3(packet);

    return (has_nsh_fields(packet)
            && nsh_hdr_len(nsh) >= (nsh_md_type(nsh) == NSH_M_TYPE1
                                    ? NSH_M_TYPE1_LEN : NSH_BASE_HDR_LEN)
            && nsh_hdr_len(nsh) <= l3_bytes(packet));
}

/* Returns true if 'n' bytes behind 'packet' may be touched. */
static bool
make_tailroom(struct dp_packet *packet, size_t n)
{
    if (dp_packet_tailroom(packet) < n) {
        if (packet->source != DPBUF_MALLOC && packet->source != DPBUF_STUB) {
            return false;
        }
        dp_packet_prealloc_tailroom(packet, n);
    }
    return true;
}

/* Is there a neighbor discovery message whose options are whole, and which the
 * library can walk?  It looks for an Ethernet address, and subtracts from what
 * is left the length of the option that comes next instead of that which it
 * has seen.  So if it finds none, it looks for one more behind the last, and
 * goes on behind that if the first was long.
 *
 * Options behind an address count, too: an action may make the address another
 * option, and the next one must not find another answer. */
static bool
has_nd(struct dp_packet *packet)
{
    const struct ovs_nd_lla_opt *opt;
    bool has_address = false;
    size_t left;
    uint8_t first;

    if (!is_ipv6(packet) || !dp_header_has_l4(packet, ND_MSG_LEN)
        || !make_tailroom(packet, sizeof *opt)) {
        return false;
    }
    opt = dp_packet_get_nd_payload(packet);
    left = dp_header_l4_bytes(packet) - ND_MSG_LEN;
    first = left >= ND_LLA_OPT_LEN ? opt->len : 1;
    while (left >= ND_LLA_OPT_LEN) {
        if (!opt->len || opt->len * ND_LLA_OPT_LEN > left) {
            return false;
        }
        has_address |= (opt->len == 1
                        && (opt->type == ND_OPT_SOURCE_LINKADDR
                            || opt->type == ND_OPT_TARGET_LINKADDR));
        left -= opt->len * ND_LLA_OPT_LEN;
        opt += opt->len;
    }
    return first == 1 || has_address;
}

/* Returns what a field that the library sets for 'key' needs. */
static struct dp_header_need
need_of_set(const struct nlattr *key)
{
    struct dp_header_need need = { DP_NEED_NOTHING, 0 };

    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_IPV4:
        need.what = DP_NEED_IPV4;
        break;
    case OVS_KEY_ATTR_IPV6:
        need.what = DP_NEED_IPV6;
        break;
    case OVS_KEY_ATTR_ARP:
        need.what = DP_NEED_ARP;
        break;
    case OVS_KEY_ATTR_NSH:
        need.what = (nl_attr_find_nested(key, OVS_NSH_KEY_ATTR_MD1)
                     ? DP_NEED_NSH : DP_NEED_NSH_WITHOUT_CONTEXTS);
        break;
    case OVS_KEY_ATTR_MPLS:
        need.what = DP_NEED_MPLS;
        break;
    case OVS_KEY_ATTR_TCP:
        need.what = DP_NEED_L4;
        need.l4_len = TCP_HEADER_LEN;
        break;
    case OVS_KEY_ATTR_UDP:
        need.what = DP_NEED_L4;
        need.l4_len = UDP_HEADER_LEN;
        break;
    case OVS_KEY_ATTR_SCTP:
        need.what = DP_NEED_L4;
        need.l4_len = SCTP_HEADER_LEN;
        break;
    case OVS_KEY_ATTR_ICMP:
    case OVS_KEY_ATTR_ICMPV6:
        need.what = DP_NEED_L4;
        need.l4_len = ICMP_HEADER_LEN;
        break;
    case OVS_KEY_ATTR_ND:
    case OVS_KEY_ATTR_ND_EXTENSIONS:
        need.what = DP_NEED_ND;
        break;
    default:
        break;                  /* Metadata, or Ethernet, which is looked
                                 * for. */
    }
    return need;
}

/* Returns what odp_execute_actions() believes that a packet has when it does
 * 'action', which nests no other actions. */
struct dp_header_need
dp_header_need_of(const struct nlattr *action)
{
    struct dp_header_need need = { DP_NEED_NOTHING, 0 };

    switch ((int) nl_attr_type(action)) {
    case OVS_ACTION_ATTR_SET:
    case OVS_ACTION_ATTR_SET_MASKED:
        return need_of_set(nl_attr_get(action));

    case OVS_ACTION_ATTR_PUSH_VLAN:
        need.what = DP_NEED_ETH;
        break;
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
        need.what = DP_NEED_PLACE_FOR_MPLS;
        break;
    case OVS_ACTION_ATTR_POP_MPLS:
        need.what = DP_NEED_POP_MPLS;
        break;
    case OVS_ACTION_ATTR_PUSH_ETH:
        need.what = DP_NEED_NO_ETH;
        break;
    case OVS_ACTION_ATTR_POP_ETH:
        need.what = DP_NEED_POP_ETH;
        break;
    case OVS_ACTION_ATTR_PUSH_NSH:
        need.what = DP_NEED_PUSH_NSH;
        break;
    case OVS_ACTION_ATTR_POP_NSH:
        need.what = DP_NEED_POP_NSH;
        break;
    default:
        break;
    }
    return need;
}

/* Has 'packet' what 'need' tells of? */
bool
dp_header_meets(struct dp_packet *packet, struct dp_header_need need)
{
    switch ((enum dp_header_what) need.what) {
    case DP_NEED_NOTHING:
        return true;

    case DP_NEED_IPV4:
        return is_ipv4(packet);

    case DP_NEED_IPV6:
        /* The library looks at all between the two offsets. */
        return (is_ipv6(packet) && reaches(packet, packet->l4_ofs)
                && packet->l4_ofs >= packet->l3_ofs + IPV6_HEADER_LEN);

    case DP_NEED_ARP:
        return ((l3_type(packet) == htons(ETH_TYPE_ARP)
                 || l3_type(packet) == htons(ETH_TYPE_RARP))
                && l3_bytes(packet) >= ARP_ETH_HEADER_LEN);

    case DP_NEED_NSH:
        return has_nsh_fields(packet);

    case DP_NEED_NSH_WITHOUT_CONTEXTS:
        /* The library would set contexts to what its stack holds. */
        return (has_nsh_fields(packet)
                && nsh_md_type(dp_packet_l3(packet)) != NSH_M_TYPE1);

    case DP_NEED_MPLS:
        return has_mpls(packet);

    case DP_NEED_L4:
        return dp_header_has_l4(packet, need.l4_len);

    case DP_NEED_ND:
        return has_nd(packet);

    case DP_NEED_ETH:
        return dp_packet_eth(packet) && !dp_header_is_short(packet);

    case DP_NEED_NO_ETH:
        return !dp_packet_is_eth(packet);

    case DP_NEED_PLACE_FOR_MPLS:
        return reaches(packet, (packet->l2_5_ofs != UINT16_MAX
                                ? packet->l2_5_ofs : packet->l3_ofs));

    case DP_NEED_POP_MPLS:
        return packet->l2_5_ofs == UINT16_MAX || has_mpls(packet);

    case DP_NEED_POP_ETH:
        return (dp_packet_eth(packet) && packet->l3_ofs >= ETH_HEADER_LEN
                && reaches(packet, packet->l3_ofs)
                && (packet->l2_5_ofs == UINT16_MAX
                    || reaches(packet, packet->l2_5_ofs)));

    case DP_NEED_PUSH_NSH:
        return (dp_packet_is_eth(packet)
                || packet->packet_type == htonl(PT_IPV4)
                || packet->packet_type == htonl(PT_IPV6)
                || packet->packet_type == htonl(PT_NSH));

    case DP_NEED_POP_NSH:
        return packet->packet_type != htonl(PT_NSH) || has_nsh(packet);

    default:
        OVS_NOT_REACHED();
    }
}

/* Has 'packet', which dp_header_meets() says has not what 'action' needs,
 * enough of it to do it to a packet without a layer 4 header?  So it is with
 * the fields of an IPv6 header if what follows is broken or unknown. */
bool
dp_header_allows_without_l4(const struct dp_packet *packet,
                            const struct nlattr *action)
{
    const struct nlattr *key;

    if (nl_attr_type(action) != OVS_ACTION_ATTR_SET
        && nl_attr_type(action) != OVS_ACTION_ATTR_SET_MASKED) {
        return false;
    }
    key = nl_attr_get(action);
    return nl_attr_type(key) == OVS_KEY_ATTR_IPV6 && is_ipv6(packet);
}
