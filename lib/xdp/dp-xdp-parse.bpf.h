/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_PARSE_BPF_H
#define DP_XDP_PARSE_BPF_H 1

/* dp-xdp-parse: from a packet to its key
 * ======================================
 *
 * Finds what Open vSwitch's miniflow_extract() finds, or gives up.  It gives
 * up where lengths contradict each other, where fields are cut off, and where
 * it would have to know more: frames without an Ethernet type, more than two
 * tags, options of IPv4, extension headers of IPv6 other than one that tells
 * of a fragment, IGMP.  Part of dp-xdp.bpf.c. */

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

/* A packet that was understood. */
struct packet {
    struct dp_xdp_key key;
    __u32 size;
    __u32 l3_ofs;               /* Of layer 3, if that is IP. */
    __u32 l4_ofs;               /* Of TCP, UDP, ICMP and ICMPv6, or 0. */
};

#define GIVE_UP 1

/* Of both kinds. */
struct icmp_header {
    __u8 type;
    __u8 code;
    __be16 checksum;
    __be32 rest;
};

struct vlan_header {
    __be16 tci;
    __be16 next_type;
};

struct ipv6_fragment {
    __u8 next_header;
    __u8 zero;
    __be16 ofs_flags;
    __be32 id;
};

static __always_inline int
parse_tcp(struct dp_xdp_key *key, const struct tcphdr *tcp, __u32 size,
          void *end)
{
    if ((void *) (tcp + 1) > end || size < sizeof *tcp || tcp->doff < 5
        || size < tcp->doff * 4) {
        return GIVE_UP;
    }
    key->tp_src = tcp->source;
    key->tp_dst = tcp->dest;
    key->tcp_flags = ((const __be16 *) tcp)[6] & bpf_htons(0xfff);
    return 0;
}

/* Layer 4, which begins at 'l4' and has 'size' bytes.  UDP, SCTP, and both
 * kinds of ICMP have at least eight. */
static __always_inline int
parse_l4(struct packet *packet, const void *data, const void *l4, __u32 size,
         void *end)
{
    struct dp_xdp_key *key = &packet->key;
    const struct udphdr *udp = l4;
    const struct icmp_header *icmp = l4;

    if (key->frag & DP_XDP_FRAG_LATER) {
        return 0;
    }
    switch (key->nw_proto) {
    case IPPROTO_TCP:
        packet->l4_ofs = l4 - data;
        return parse_tcp(key, l4, size, end);

    case IPPROTO_SCTP:
        if (size < 12) {
            return GIVE_UP;
        }
        /* Fall through. */
    case IPPROTO_UDP:
        if ((const void *) (udp + 1) > end || size < sizeof *udp) {
            return GIVE_UP;
        }
        packet->l4_ofs = l4 - data;
        key->tp_src = udp->source;
        key->tp_dst = udp->dest;
        return 0;

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if ((const void *) (icmp + 1) > end || size < sizeof *icmp) {
            return GIVE_UP;
        }
        packet->l4_ofs = l4 - data;
        key->tp_src = bpf_htons(icmp->type);
        key->tp_dst = bpf_htons(icmp->code);
        return 0;

    case IPPROTO_IGMP:
        return GIVE_UP;
    }
    return 0;
}

static __always_inline int
parse_ipv4(struct packet *packet, const void *data, const void *l3, void *end)
{
    struct dp_xdp_key *key = &packet->key;
    const struct iphdr *ip = l3;
    __u32 size = end - l3;
    __u32 tot_len;

    if ((const void *) (ip + 1) > end || ip->ihl != 5) {
        return GIVE_UP;
    }
    tot_len = bpf_ntohs(ip->tot_len);
    if (tot_len < sizeof *ip || tot_len > size) {
        return GIVE_UP;
    }
    key->nw_src = ip->saddr;
    key->nw_dst = ip->daddr;
    key->nw_tos = ip->tos;
    key->nw_ttl = ip->ttl;
    key->nw_proto = ip->protocol;
    if (ip->frag_off & bpf_htons(0x3fff)) {
        key->frag = DP_XDP_FRAG_ANY;
        if (ip->frag_off & bpf_htons(0x1fff)) {
            key->frag |= DP_XDP_FRAG_LATER;
        }
    }
    return parse_l4(packet, data, ip + 1, tot_len - sizeof *ip, end);
}

/* Is there more to know of IPv6 before layer 4? */
static __always_inline int
is_extension(__u8 next_header)
{
    return (next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING
            || next_header == IPPROTO_DSTOPTS || next_header == IPPROTO_AH
            || next_header == IPPROTO_FRAGMENT);
}

static __always_inline int
parse_ipv6(struct packet *packet, const void *data, const void *l3, void *end)
{
    struct dp_xdp_key *key = &packet->key;
    const struct ipv6hdr *ip = l3;
    const void *l4 = ip + 1;
    __u32 size, flow;

    if (l4 > end) {
        return GIVE_UP;
    }
    size = bpf_ntohs(ip->payload_len);
    if (size > (__u32) (end - l4)) {
        return GIVE_UP;
    }
    flow = bpf_ntohl(*(const __be32 *) ip);
    key->nw_tos = flow >> 20;
    key->nw_ttl = ip->hop_limit;
    key->nw_proto = ip->nexthdr;
    if (CAN(IPV6)) {
        __builtin_memcpy(key->ipv6_src, &ip->saddr, sizeof key->ipv6_src);
        __builtin_memcpy(key->ipv6_dst, &ip->daddr, sizeof key->ipv6_dst);
        key->ipv6_label = bpf_htonl(flow & 0xfffff);
    }

    if (ip->nexthdr == IPPROTO_FRAGMENT) {
        const struct ipv6_fragment *fragment = l4;

        if ((const void *) (fragment + 1) > end || size < sizeof *fragment) {
            return GIVE_UP;
        }
        l4 = fragment + 1;
        size -= sizeof *fragment;
        key->nw_proto = fragment->next_header;
        if (fragment->ofs_flags) {
            key->frag = DP_XDP_FRAG_ANY;
            if (fragment->ofs_flags & bpf_htons(0xfff8)) {
                key->frag |= DP_XDP_FRAG_LATER;
                key->nw_proto = IPPROTO_FRAGMENT;
                return 0;
            }
        }
    }
    if (is_extension(key->nw_proto)) {
        return GIVE_UP;
    }
    return parse_l4(packet, data, l4, size, end);
}

static __always_inline int
is_vlan(__be16 type)
{
    return (type == bpf_htons(ETH_P_8021Q)
            || type == bpf_htons(ETH_P_8021AD));
}

static __always_inline __u8
tag_kind(__be16 type)
{
    return (DP_XDP_TAG_THERE
            | (type == bpf_htons(ETH_P_8021AD) ? DP_XDP_TAG_8021AD : 0));
}

/* Fills 'packet', which must be zero but for the slot, from what 'ctx' has.
 * Returns 0, or GIVE_UP. */
static __always_inline int
parse(struct xdp_md *ctx, struct packet *packet)
{
    const void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    const struct ethhdr *eth = data;
    const struct vlan_header *tag;
    const void *l3 = eth + 1;
    struct dp_xdp_key *key;
    __be16 type;

    if (!packet || l3 > end) {
        return GIVE_UP;
    }
    key = &packet->key;
    __builtin_memcpy(key->dl_dst, eth->h_dest, sizeof key->dl_dst);
    __builtin_memcpy(key->dl_src, eth->h_source, sizeof key->dl_src);

    type = eth->h_proto;
    if (is_vlan(type)) {
        tag = l3;
        l3 = tag + 1;
        if (l3 > end) {
            return GIVE_UP;
        }
        key->tci0 = tag->tci | bpf_htons(DP_XDP_TCI_TAG);
        key->tpids = tag_kind(type);
        type = tag->next_type;
        if (is_vlan(type)) {
            tag = l3;
            l3 = tag + 1;
            if (l3 > end) {
                return GIVE_UP;
            }
            key->tci1 = tag->tci | bpf_htons(DP_XDP_TCI_TAG);
            key->tpids |= tag_kind(type) << 4;
            type = tag->next_type;
        }
    }
    if (is_vlan(type) || bpf_ntohs(type) < 0x600) {
        return GIVE_UP;
    }
    key->dl_type = type;
    packet->size = end - data;
    packet->l3_ofs = l3 - data;
    if (type == bpf_htons(ETH_P_IP)) {
        return parse_ipv4(packet, data, l3, end);
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        return parse_ipv6(packet, data, l3, end);
    }
    return 0;
}

#endif /* dp-xdp-parse.bpf.h */
