/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_ACT_BPF_H
#define DP_XDP_ACT_BPF_H 1

/* dp-xdp-act: what is done with a packet
 * ======================================
 *
 * Tags change first, because that may fail, and a packet that has not been
 * touched can still go to the daemon.  Then the other fields; nothing there
 * depends on tags.  Part of dp-xdp.bpf.c. */

/* Instead of a verdict: the packet is for the daemon. */
#define TO_USER (-1)

/* Hands the packet, of the port with this entry, to the socket of its queue,
 * if there is one. */
static __always_inline int
to_user(struct xdp_md *ctx, __u64 port, __u32 mark)
{
    __u32 queue = ctx->rx_queue_index;

    if (!bpf_xdp_adjust_meta(ctx, -(int) sizeof(struct dp_xdp_meta))) {
        struct dp_xdp_meta *meta = (void *) (long) ctx->data_meta;

        if ((void *) (meta + 1) <= (void *) (long) ctx->data) {
            meta->magic = constants.magic;
            meta->mark = mark;
        }
    } else {
        count(DP_XDP_COUNT_NO_META);
    }
    return bpf_redirect_map(&markpath_xsks,
                            dp_xdp_xsks_key(dp_xdp_if_slot(port), queue),
                            queue < dp_xdp_if_n_kept(port) ? XDP_DROP
                                                           : XDP_PASS);
}

/* Tags. */

struct addresses {
    __be32 words[3];            /* Destination, source. */
};

/* Pops and pushes tags.  Returns 0, or GIVE_UP if there is no room; then the
 * packet is as it was. */
DP_XDP_STAGE int
change_tags(struct xdp_md *ctx, const struct dp_xdp_action *action)
{
    struct addresses *at = (void *) (long) ctx->data;
    struct addresses addresses;
    struct dp_xdp_tag *tag;
    void *end;

    if (!action || (void *) (at + 1) > (void *) (long) ctx->data_end) {
        return GIVE_UP;
    }
    addresses = *at;
    if (bpf_xdp_adjust_head(ctx, (action->n_pop - action->n_push)
                                 * (int) sizeof *tag)) {
        return GIVE_UP;
    }
    at = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    tag = (void *) (at + 1);
    if ((void *) tag > end) {
        return GIVE_UP;                 /* Never: a header is left. */
    }
    *at = addresses;
    if (action->n_push > 0 && (void *) (tag + 1) <= end) {
        tag[0] = action->tags[0];
    }
    if (action->n_push > 1 && (void *) (tag + 2) <= end) {
        tag[1] = action->tags[1];
    }
    return 0;
}

/* Checksums: sums of what is added, in ones' complement, of 16 bits each. */

static __always_inline __u32
changed16(__be16 old, __be16 new)
{
    return old == new ? 0 : (__u16) ~old + (__u32) new;
}

static __always_inline __u32
changed32(__be32 old, __be32 new)
{
    return (changed16(old, new) + changed16(old >> 16, new >> 16));
}

static __always_inline __be16
changed_checksum(__be16 csum, __u32 changes)
{
    __u32 sum = (__u16) ~csum + changes;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* Fields of layer 3.  Return what is to be added to the checksum of layer
 * 4. */

static __always_inline __u32
set_ipv4(struct iphdr *ip, const struct dp_xdp_action *action)
{
    __u32 addresses = 0, others = 0;

    if (action->set & DP_XDP_SET_NW_SRC) {
        addresses += changed32(ip->saddr, action->nw_src[0]);
        ip->saddr = action->nw_src[0];
    }
    if (action->set & DP_XDP_SET_NW_DST) {
        addresses += changed32(ip->daddr, action->nw_dst[0]);
        ip->daddr = action->nw_dst[0];
    }
    if (action->set & (DP_XDP_SET_NW_TOS | DP_XDP_SET_NW_TTL)) {
        __be16 *tos_word = (__be16 *) ip;
        __be16 *ttl_word = (__be16 *) ip + 4;
        __be16 old_tos = *tos_word, old_ttl = *ttl_word;

        ip->tos = (ip->tos & ~action->nw_tos_mask) | action->nw_tos;
        if (action->set & DP_XDP_SET_NW_TTL) {
            ip->ttl = action->nw_ttl;
        }
        others = changed16(old_tos, *tos_word)
                 + changed16(old_ttl, *ttl_word);
    }
    if (addresses + others) {
        ip->check = changed_checksum(ip->check, addresses + others);
    }
    return addresses;
}

static __always_inline __u32
set_ipv6_address(__be32 *address, const __be32 *new)
{
    __u32 changes = 0;

    for (int i = 0; i < 4; i++) {
        changes += changed32(address[i], new[i]);
        address[i] = new[i];
    }
    return changes;
}

static __always_inline __u32
set_ipv6(struct ipv6hdr *ip, const struct dp_xdp_action *action)
{
    __be32 *flow = (__be32 *) ip;
    __u32 changes = 0;

    if (action->set & DP_XDP_SET_NW_SRC) {
        changes += set_ipv6_address(ip->saddr.in6_u.u6_addr32,
                                    action->nw_src);
    }
    if (action->set & DP_XDP_SET_NW_DST) {
        changes += set_ipv6_address(ip->daddr.in6_u.u6_addr32,
                                    action->nw_dst);
    }
    if (action->set & DP_XDP_SET_NW_TOS) {
        *flow = ((*flow & ~bpf_htonl(action->nw_tos_mask << 20))
                 | bpf_htonl(action->nw_tos << 20));
    }
    if (action->set & DP_XDP_SET_NW_TTL) {
        ip->hop_limit = action->nw_ttl;
    }
    return changes;
}

/* Ports, and the checksum of layer 4, which 'changes' of layer 3 are part
 * of. */

static __always_inline __u32
set_ports(__be16 *ports, const struct dp_xdp_action *action)
{
    __u32 changes = 0;

    if (action->set & DP_XDP_SET_TP_SRC) {
        changes += changed16(ports[0], action->tp_src);
        ports[0] = action->tp_src;
    }
    if (action->set & DP_XDP_SET_TP_DST) {
        changes += changed16(ports[1], action->tp_dst);
        ports[1] = action->tp_dst;
    }
    return changes;
}

static __always_inline void
set_tcp(struct tcphdr *tcp, const struct dp_xdp_action *action, __u32 changes)
{
    changes += set_ports((__be16 *) tcp, action);
    if (changes) {
        tcp->check = changed_checksum(tcp->check, changes);
    }
}

/* A checksum of zero says that there is none. */
static __always_inline void
set_udp(struct udphdr *udp, const struct dp_xdp_action *action, __u32 changes)
{
    changes += set_ports((__be16 *) udp, action);
    if (udp->check && changes) {
        udp->check = changed_checksum(udp->check, changes);
        if (!udp->check) {
            udp->check = 0xffff;
        }
    }
}

/* Sets fields of layers 3 and 4 of a packet whose layer 3 is 'moved' bytes
 * further than it was when it was parsed. */
DP_XDP_STAGE int
set_fields(struct xdp_md *ctx, const struct packet *packet,
           const struct dp_xdp_action *action, int moved)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct icmp_header *icmp;
    struct iphdr *ip;
    struct ipv6hdr *ip6;
    __u32 changes, l3_ofs, l4_ofs;
    void *l4;

    if (!packet || !action) {
        return GIVE_UP;
    }
    l3_ofs = packet->l3_ofs + moved;
    l4_ofs = packet->l4_ofs ? packet->l4_ofs + moved : 0;
    if (l3_ofs > 64 || l4_ofs > 256) {
        return GIVE_UP;
    }
    ip = data + l3_ofs;
    ip6 = data + l3_ofs;
    l4 = data + l4_ofs;
    if (packet->key.dl_type == bpf_htons(ETH_P_IP)) {
        if ((void *) (ip + 1) > end) {
            return GIVE_UP;
        }
        changes = set_ipv4(ip, action);
    } else {
        if ((void *) (ip6 + 1) > end) {
            return GIVE_UP;
        }
        changes = set_ipv6(ip6, action);
    }

    if (!packet->l4_ofs) {
        return 0;
    } else if (packet->key.nw_proto == IPPROTO_TCP) {
        if (l4 + sizeof(struct tcphdr) <= end) {
            set_tcp(l4, action, changes);
        }
    } else if (packet->key.nw_proto == IPPROTO_UDP) {
        if (l4 + sizeof(struct udphdr) <= end) {
            set_udp(l4, action, changes);
        }
    } else if (packet->key.nw_proto == IPPROTO_ICMPV6
               && packet->key.dl_type == bpf_htons(ETH_P_IPV6)) {
        icmp = l4;
        if ((void *) (icmp + 1) <= end && changes) {
            icmp->checksum = changed_checksum(icmp->checksum, changes);
        }
    }
    return 0;
}

static __always_inline void
set_addresses(struct xdp_md *ctx, const struct dp_xdp_action *action)
{
    struct ethhdr *eth = (void *) (long) ctx->data;

    if ((void *) (eth + 1) > (void *) (long) ctx->data_end) {
        return;
    }
    if (action->set & DP_XDP_SET_DL_DST) {
        __builtin_memcpy(eth->h_dest, action->dl_dst, ETH_ALEN);
    }
    if (action->set & DP_XDP_SET_DL_SRC) {
        __builtin_memcpy(eth->h_source, action->dl_src, ETH_ALEN);
    }
}

static __always_inline int
output(const struct dp_xdp_action *action)
{
    int verdict = XDP_DROP;

    if (action->fate == DP_XDP_OUTPUT) {
        verdict = bpf_redirect_map(&markpath_devs, action->out, XDP_DROP);
    } else if (CAN(GROUP)) {
        void *group;
        __u32 out = action->out;

        group = bpf_map_lookup_elem(&markpath_groups, &out);
        if (group) {
            verdict = bpf_redirect_map(group, 0, BPF_F_BROADCAST);
        }
    }
    if (verdict == XDP_DROP) {
        count(DP_XDP_COUNT_NO_OUTPUT);
    }
    return verdict;
}

/* Behind a fragment header of IPv6 Open vSwitch leaves the checksum as it is
 * when an address changes.  Whatever is right, software shall do it. */
static __always_inline int
is_for_software(const struct packet *packet,
                const struct dp_xdp_action *action)
{
    return (action->set & (DP_XDP_SET_NW_SRC | DP_XDP_SET_NW_DST)
            && packet->key.dl_type == bpf_htons(ETH_P_IPV6)
            && packet->l4_ofs
            && packet->l4_ofs != packet->l3_ofs + sizeof(struct ipv6hdr));
}

/* Does 'action', of flow 'id'.  Returns a verdict, or TO_USER.  A packet that
 * software gets after all is not counted here: software counts it. */
static __always_inline int
act(struct xdp_md *ctx, const struct packet *packet, __u32 id,
    const struct dp_xdp_action *action)
{
    int moved = 0;

    if (!packet || !action) {
        return XDP_DROP;                /* Never. */
    }
    if (action->fate == DP_XDP_DROP) {
        count_flow(id, packet->size, packet->key.tcp_flags);
        return XDP_DROP;
    }
    if (CAN(SET) && is_for_software(packet, action)) {
        count(DP_XDP_COUNT_PARSE);
        return TO_USER;
    }
    if (CAN(TAG) && (action->n_pop || action->n_push)) {
        if (change_tags(ctx, action)) {
            count(DP_XDP_COUNT_NO_ROOM);
            return TO_USER;
        }
        moved = (action->n_push - action->n_pop) * 4;
    }
    count_flow(id, packet->size, packet->key.tcp_flags);
    set_addresses(ctx, action);
    if (CAN(SET) && action->set & DP_XDP_SET_L3L4
        && set_fields(ctx, packet, action, moved)) {
        /* Never: it was all there a moment ago. */
        count(DP_XDP_COUNT_NO_OUTPUT);
        return XDP_DROP;
    }
    return output(action);
}

#endif /* dp-xdp-act.bpf.h */
