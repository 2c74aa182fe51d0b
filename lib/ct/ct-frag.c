/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-frag.h"

#include "flow.h"
#include "packets.h"
#include "ovs/ovs-ipv6.h"

/* May reassembly have 'ip', of 'size' bytes without padding? */
static bool
is_harmless_ipv4(const struct ip_header *ip, size_t size)
{
    size_t head_len, len, ofs;

    if (size < IP_HEADER_LEN || !IP_IS_FRAGMENT(ip->ip_frag_off)) {
        return true;
    }
    head_len = IP_IHL(ip->ip_ihl_ver) * 4;
    len = ntohs(ip->ip_tot_len);
    ofs = (ntohs(ip->ip_frag_off) & IP_FRAG_OFF_MASK) * 8;
    return (head_len >= IP_HEADER_LEN && len >= head_len && len <= size
            && ofs + len <= UINT16_MAX);
}

static bool
is_harmless_ipv6(const struct ovs_16aligned_ip6_hdr *ip, size_t size)
{
    const struct ovs_16aligned_ip6_frag *frag = NULL;
    size_t len, rest, head_len;
    uint8_t proto, nw_frag = 0;
    const void *l4 = ip + 1;

    if (size < IPV6_HEADER_LEN) {
        return true;
    }
    len = rest = ntohs(ip->ip6_plen);
    proto = ip->ip6_nxt;
    if (len > size - IPV6_HEADER_LEN
        || !ovs_parse_ipv6_ext_hdrs(&l4, &rest, &proto, &nw_frag, &frag)) {
        return false;
    }
    if (!nw_frag) {
        return true;
    }
    head_len = (const char *) (frag + 1) - (const char *) (ip + 1);
    return (head_len <= CT_FRAG_MAX_HEAD
            && ((ntohs(frag->ip6f_offlg) & 0xfff8) + len - head_len
                <= CT_FRAG_MAX_END));
}

/* Does 'packet' go to reassembly as it is? */
static bool
is_harmless(const struct dp_packet *packet, ovs_be16 dl_type)
{
    const void *l3 = dp_packet_l3(packet);
    size_t size = l3 ? dp_packet_l3_size(packet) : 0;

    return (!l3 ? true
            : dl_type == htons(ETH_TYPE_IP) ? is_harmless_ipv4(l3, size)
            : dl_type == htons(ETH_TYPE_IPV6) ? is_harmless_ipv6(l3, size)
            : true);
}

void
ct_frag_hide(struct ct_veil *veil, const struct dp_packet_batch *batch,
             ovs_be16 dl_type)
{
    veil->n = 0;
    for (size_t i = 0; i < dp_packet_batch_size(batch); i++) {
        struct dp_packet *packet = batch->packets[i];

        if (OVS_LIKELY(is_harmless(packet, dl_type))) {
            continue;
        }
        veil->a[veil->n].packet = packet;
        if (dl_type == htons(ETH_TYPE_IP)) {
            struct ip_header *ip = dp_packet_l3(packet);

            veil->a[veil->n].frag_off = ip->ip_frag_off;
            ip->ip_frag_off = 0;
        } else {
            struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(packet);

            veil->a[veil->n].next = ip->ip6_nxt;
            ip->ip6_nxt = IPPROTO_NONE;
        }
        veil->n++;
    }
}

void
ct_frag_show(const struct ct_veil *veil, ovs_be16 dl_type)
{
    for (size_t i = 0; i < veil->n; i++) {
        void *l3 = dp_packet_l3(veil->a[i].packet);

        if (dl_type == htons(ETH_TYPE_IP)) {
            ((struct ip_header *) l3)->ip_frag_off = veil->a[i].frag_off;
        } else {
            ((struct ovs_16aligned_ip6_hdr *) l3)->ip6_nxt = veil->a[i].next;
        }
    }
}
