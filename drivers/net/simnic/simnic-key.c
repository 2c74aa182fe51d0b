/* SPDX-License-Identifier: Apache-2.0 */

/* The parser goes down one layer at a time: Ethernet, tags, L3, L4.  A VXLAN,
 * GENEVE or GRE header restarts it once, for the inner layer.  A header is
 * taken only when all of its fixed part lies within the frame. */

#include "simnic-key.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf_ptype.h>

#define PORT_VXLAN 4789
#define PORT_GENEVE 6081

/* The unread rest of a frame. */
struct cursor {
    const uint8_t *base;
    size_t ofs;
    size_t size;
    size_t wire_size;           /* At least 'size'. */
    size_t l3_end;              /* Of the present layer, if IP is sound. */
};

static inline const uint8_t *
peek(const struct cursor *c, size_t n)
{
    return c->size - c->ofs >= n ? c->base + c->ofs : NULL;
}

static inline uint16_t
get16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static bool
is_tpid(uint16_t type)
{
    return type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ
           || type == RTE_ETHER_TYPE_QINQ1;
}

/* Returns the EtherType of what follows Ethernet and its tags, or 0. */
static uint16_t
parse_l2(struct cursor *c, struct simnic_layer *l, struct simnic_place *p)
{
    const uint8_t *h = peek(c, 14);
    unsigned int n = 0;

    if (!h) {
        return 0;
    }
    memcpy(l->eth_dst, h, 6);
    memcpy(l->eth_src, h + 6, 6);
    memcpy(&l->eth_type, h + 12, 2);
    l->present |= SIMNIC_L2_ETH;
    p->l2 = c->ofs;
    p->ptype |= RTE_PTYPE_L2_ETHER;
    c->ofs += 14;

    uint16_t type = get16(h + 12);
    while (is_tpid(type) && (h = peek(c, 4)) != NULL) {
        if (n < 2) {
            memcpy(&l->vlan_tci[n], h, 2);
            memcpy(&l->vlan_type[n], h + 2, 2);
            l->present |= n ? SIMNIC_L2_MORE_VLAN : SIMNIC_L2_VLAN;
            p->ptype = ((p->ptype & ~RTE_PTYPE_L2_MASK)
                        | (n ? RTE_PTYPE_L2_ETHER_QINQ
                           : RTE_PTYPE_L2_ETHER_VLAN));
        } else {
            l->present |= SIMNIC_L2_VLAN3;
        }
        n++;
        type = get16(h + 2);
        c->ofs += 4;
    }
    p->payload = c->ofs;
    return is_tpid(type) ? 0 : type;
}

/* IP, at the cursor, has 'total' bytes, and a header of 'len'. */
static void
check_l3(struct cursor *c, struct simnic_layer *l, size_t len, size_t total)
{
    if (total >= len && total <= c->wire_size - c->ofs) {
        l->sound |= SIMNIC_SOUND_L3;
        c->l3_end = c->ofs + total;
    }
}

static bool
parse_ipv4(struct cursor *c, struct simnic_layer *l, struct simnic_place *p)
{
    const uint8_t *h = peek(c, 20);
    size_t len;

    if (!h || h[0] >> 4 != 4 || (len = (h[0] & 15) * 4) < 20
        || !peek(c, len)) {
        return false;
    }
    l->present |= SIMNIC_L3_IPV4;
    l->tos = h[1];
    memcpy(&l->frag, h + 6, 2);
    l->ttl = h[8];
    l->proto = h[9];
    memcpy(l->src, h + 12, 4);
    memcpy(l->dst, h + 16, 4);
    check_l3(c, l, len, get16(h + 2));
    p->l3 = c->ofs;
    p->ptype |= len > 20 ? RTE_PTYPE_L3_IPV4_EXT : RTE_PTYPE_L3_IPV4;
    c->ofs += len;
    p->payload = c->ofs;

    uint16_t frag = get16(h + 6);
    if (frag & 0x3fff) {
        p->ptype |= RTE_PTYPE_L4_FRAG;
    }
    return !(frag & 0x1fff);
}

static bool
parse_ipv6(struct cursor *c, struct simnic_layer *l, struct simnic_place *p)
{
    const uint8_t *h = peek(c, 40);
    bool later = false;

    if (!h || h[0] >> 4 != 6) {
        return false;
    }
    l->present |= SIMNIC_L3_IPV6;
    memcpy(&l->vtc_flow, h, 4);
    l->next_proto = l->proto = h[6];
    l->ttl = h[7];
    memcpy(l->src, h + 8, 16);
    memcpy(l->dst, h + 24, 16);
    check_l3(c, l, 40, 40 + get16(h + 4));
    p->l3 = c->ofs;
    c->ofs += 40;

    for (;;) {
        size_t len;
        uint16_t bit;

        switch (l->proto) {
        case 0: bit = SIMNIC_EXT_HOP; break;
        case 43: bit = SIMNIC_EXT_ROUTE; break;
        case 44: bit = SIMNIC_EXT_FRAG; break;
        case 51: bit = SIMNIC_EXT_AUTH; break;
        case 60: bit = SIMNIC_EXT_DEST; break;
        case 135: bit = SIMNIC_EXT_MOBIL; break;
        case 139: bit = SIMNIC_EXT_HIP; break;
        case 140: bit = SIMNIC_EXT_SHIM6; break;
        default:
            if (l->proto == 50) {
                l->ext |= SIMNIC_EXT_ESP;
            }
            goto out;
        }
        h = peek(c, 8);
        if (!h) {
            goto out;
        }
        len = bit == SIMNIC_EXT_FRAG ? 8
              : bit == SIMNIC_EXT_AUTH ? (h[1] + 2) * 4
              : (h[1] + 1) * 8;
        if (!peek(c, len)) {
            goto out;
        }
        l->ext |= bit;
        if (bit == SIMNIC_EXT_FRAG) {
            l->present |= SIMNIC_L3_FRAG_EXT;
            memcpy(&l->frag, h + 2, 2);
            l->frag_proto = h[0];
            later = get16(h + 2) & 0xfff8;
            p->ptype |= RTE_PTYPE_L4_FRAG;
        }
        l->proto = h[0];
        c->ofs += len;
        if (later) {
            break;
        }
    }

out:
    p->ptype |= l->ext ? RTE_PTYPE_L3_IPV6_EXT : RTE_PTYPE_L3_IPV6;
    p->payload = c->ofs;
    return !later;
}

static void
parse_arp(struct cursor *c, struct simnic_layer *l, struct simnic_place *p)
{
    const uint8_t *h = peek(c, 28);

    if (h && get16(h) == 1 && get16(h + 2) == RTE_ETHER_TYPE_IPV4
        && h[4] == 6 && h[5] == 4) {
        l->present |= SIMNIC_L3_ARP;
        memcpy(&l->arp_op, h + 6, 2);
        memcpy(l->src + 4, h + 8, 6);
        memcpy(l->src, h + 14, 4);
        memcpy(l->dst + 4, h + 18, 6);
        memcpy(l->dst, h + 24, 4);
        p->l3 = c->ofs;
        p->ptype = (p->ptype & ~RTE_PTYPE_L2_MASK) | RTE_PTYPE_L2_ETHER_ARP;
        c->ofs += 28;
        p->payload = c->ofs;
    }
}

static void
parse_l4(struct cursor *c, struct simnic_layer *l, struct simnic_place *p)
{
    uint32_t whole = p->ptype & ~RTE_PTYPE_L4_MASK;
    bool frag = p->ptype & RTE_PTYPE_L4_MASK;
    const uint8_t *h;
    uint32_t ptype;
    size_t len;

    switch (l->proto) {
    case IPPROTO_TCP:
        if (!(h = peek(c, 20)) || (len = (h[12] >> 4) * 4) < 20
            || !peek(c, len)) {
            return;
        }
        l->l4 = SIMNIC_L4_TCP;
        l->tcp_flags = h[13];
        ptype = RTE_PTYPE_L4_TCP;
        break;
    case IPPROTO_UDP:
        if (!(h = peek(c, len = 8))) {
            return;
        }
        l->l4 = SIMNIC_L4_UDP;
        ptype = RTE_PTYPE_L4_UDP;
        break;
    case IPPROTO_SCTP:
        if (!(h = peek(c, len = 12))) {
            return;
        }
        l->l4 = SIMNIC_L4_SCTP;
        ptype = RTE_PTYPE_L4_SCTP;
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if (!(h = peek(c, len = 8))
            || !(l->present & (l->proto == IPPROTO_ICMP ? SIMNIC_L3_IPV4
                               : SIMNIC_L3_IPV6))) {
            return;
        }
        l->l4 = l->proto == IPPROTO_ICMP ? SIMNIC_L4_ICMP : SIMNIC_L4_ICMP6;
        l->icmp_type = h[0];
        l->icmp_code = h[1];
        ptype = RTE_PTYPE_L4_ICMP;
        break;
    default:
        return;
    }
    if (!(l->l4 & (SIMNIC_L4_ICMP | SIMNIC_L4_ICMP6))) {
        memcpy(&l->sport, h, 2);
        memcpy(&l->dport, h + 2, 2);
    }
    if (l->sound & SIMNIC_SOUND_L3 && c->ofs + len <= c->l3_end) {
        l->sound |= SIMNIC_SOUND_L4;
    }
    p->l4 = c->ofs;
    p->ptype = whole | (frag ? RTE_PTYPE_L4_FRAG : ptype);
    c->ofs += len;
    p->payload = c->ofs;
}

/* Parses a tunnel header, if there is one.  Returns the type of the inner
 * packet (RTE_ETHER_TYPE_TEB is Ethernet), or 0. */
static uint16_t
parse_tunnel(struct cursor *c, struct simnic_key *key)
{
    const struct simnic_layer *l = &key->layer[0];
    const uint8_t *h = peek(c, 4);
    uint16_t dport = rte_be_to_cpu_16(l->dport);
    size_t len;

    if (l->l4 == SIMNIC_L4_UDP && dport == PORT_VXLAN && peek(c, 8)) {
        key->tunnel = SIMNIC_TNL_VXLAN;
        key->tnl_flags = h[0];
        memcpy(key->vni, h + 4, 3);
        c->ofs += 8;
        return RTE_ETHER_TYPE_TEB;
    }
    if (l->l4 == SIMNIC_L4_UDP && dport == PORT_GENEVE && peek(c, 8)) {
        len = 8 + (h[0] & 0x3f) * 4;
        if (!peek(c, len)) {
            return 0;
        }
        key->tunnel = SIMNIC_TNL_GENEVE;
        memcpy(key->vni, h + 4, 3);
    } else if (!l->l4 && l->proto == IPPROTO_GRE && h && !(h[1] & 7)) {
        len = 4 + (h[0] & 0x80 ? 4 : 0) + (h[0] & 0x20 ? 4 : 0)
              + (h[0] & 0x10 ? 4 : 0);
        if (!peek(c, len)) {
            return 0;
        }
        key->tunnel = SIMNIC_TNL_GRE;
    } else {
        return 0;
    }
    memcpy(&key->tnl_bits, h, 2);
    memcpy(&key->tnl_proto, h + 2, 2);
    c->ofs += len;
    return get16(h + 2);
}

static bool
parse_layer(struct cursor *c, struct simnic_layer *l, struct simnic_place *p,
            uint16_t type)
{
    bool whole = false;

    p->payload = c->ofs;
    if (type == RTE_ETHER_TYPE_TEB) {
        type = parse_l2(c, l, p);
    }
    switch (type) {
    case RTE_ETHER_TYPE_IPV4:
        whole = parse_ipv4(c, l, p);
        break;
    case RTE_ETHER_TYPE_IPV6:
        whole = parse_ipv6(c, l, p);
        break;
    case RTE_ETHER_TYPE_ARP:
        parse_arp(c, l, p);
        break;
    }
    if (whole) {
        parse_l4(c, l, p);
    }
    return whole && (p->ptype & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_FRAG;
}

/* Returns the inner form of outer packet type 'p'. */
static uint32_t
inner_ptype(uint32_t p)
{
    uint32_t inner = (p & RTE_PTYPE_L4_MASK) << 16;

    switch (p & RTE_PTYPE_L2_MASK) {
    case 0:
        break;
    case RTE_PTYPE_L2_ETHER_VLAN:
        inner |= RTE_PTYPE_INNER_L2_ETHER_VLAN;
        break;
    case RTE_PTYPE_L2_ETHER_QINQ:
        inner |= RTE_PTYPE_INNER_L2_ETHER_QINQ;
        break;
    default:
        inner |= RTE_PTYPE_INNER_L2_ETHER;
        break;
    }
    switch (p & RTE_PTYPE_L3_MASK) {
    case RTE_PTYPE_L3_IPV4:
        inner |= RTE_PTYPE_INNER_L3_IPV4;
        break;
    case RTE_PTYPE_L3_IPV4_EXT:
        inner |= RTE_PTYPE_INNER_L3_IPV4_EXT;
        break;
    case RTE_PTYPE_L3_IPV6:
        inner |= RTE_PTYPE_INNER_L3_IPV6;
        break;
    case RTE_PTYPE_L3_IPV6_EXT:
        inner |= RTE_PTYPE_INNER_L3_IPV6_EXT;
        break;
    }
    return inner;
}

void
simnic_key_parse(const void *frame, size_t size, size_t wire_size,
                 struct simnic_parsed *out)
{
    struct cursor c = {
        .base = frame, .size = size, .wire_size = wire_size
    };
    struct simnic_key *key = &out->key;
    uint16_t inner;

    memset(out, 0, sizeof *out);
    if (!parse_layer(&c, &key->layer[0], &out->place[0],
                     RTE_ETHER_TYPE_TEB)) {
        out->ptype = out->place[0].ptype;
        return;
    }
    out->ptype = out->place[0].ptype;
    inner = parse_tunnel(&c, key);
    if (inner) {
        parse_layer(&c, &key->layer[1], &out->place[1], inner);

        out->ptype |= inner_ptype(out->place[1].ptype);
        out->ptype |= (key->tunnel == SIMNIC_TNL_VXLAN
                       ? RTE_PTYPE_TUNNEL_VXLAN
                       : key->tunnel == SIMNIC_TNL_GRE
                       ? RTE_PTYPE_TUNNEL_GRE : RTE_PTYPE_TUNNEL_GENEVE);
    }
}

/* Checksums. */

static uint64_t
sum_up(const uint8_t *p, size_t n, uint64_t sum)
{
    for (; n >= 2; p += 2, n -= 2) {
        sum += get16(p);
    }
    return n ? sum + (*p << 8) : sum;
}

static bool
is_sound_sum(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum == 0xffff;
}

/* Is TCP's or UDP's checksum sound, of 'n' bytes at 'h'?  What it covers of IP
 * adds up to 'sum', without the length. */
static bool
is_l4_sound(const struct simnic_layer *l, const uint8_t *h, size_t n,
            uint64_t sum)
{
    if (l->l4 & SIMNIC_L4_UDP) {
        size_t len = get16(h + 4);

        if (len < 8 || len > n) {
            return false;
        }
        if (!get16(h + 6)) {
            return l->present & SIMNIC_L3_IPV4;
        }
        n = len;
    } else if ((h[12] >> 4) * 4 < 20 || (size_t) (h[12] >> 4) * 4 > n) {
        return false;
    }
    return is_sound_sum(sum_up(h, n, sum + n + l->proto));
}

void
simnic_key_verify(const void *frame_, size_t size,
                  struct simnic_parsed *parsed)
{
    struct simnic_layer *l = &parsed->key.layer[0];
    const struct simnic_place *place = &parsed->place[0];
    const uint8_t *frame = frame_, *ip = frame + place->l3;
    bool v4 = l->present & SIMNIC_L3_IPV4;
    size_t end;

    if (!(l->sound & SIMNIC_SOUND_L3)) {
        return;
    }
    if (v4 && is_sound_sum(sum_up(ip, (ip[0] & 15) * 4, 0))) {
        l->sound |= SIMNIC_SOUND_CSUM3;
    }
    end = place->l3 + (v4 ? get16(ip + 2) : 40 + get16(ip + 4));
    if (l->sound & SIMNIC_SOUND_L4 && end <= size
        && l->l4 & (SIMNIC_L4_TCP | SIMNIC_L4_UDP)
        && (place->ptype & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_FRAG
        && is_l4_sound(l, frame + place->l4, end - place->l4,
                       v4 ? sum_up(ip + 12, 8, 0) : sum_up(ip + 8, 32, 0))) {
        l->sound |= SIMNIC_SOUND_CSUM4;
    }
}

void
simnic_key_decap(struct simnic_key *key)
{
    struct simnic_layer *inner = &key->layer[1];

    if (!(inner->present & SIMNIC_L2_ETH)) {
        /* A tunnel without inner Ethernet: the outer one stays. */
        memcpy(inner, &key->layer[0], offsetof(struct simnic_layer,
                                               vlan_tci));
        inner->present |= SIMNIC_L2_ETH;
        inner->eth_type = (inner->present & SIMNIC_L3_IPV6
                           ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
                           : RTE_BE16(RTE_ETHER_TYPE_IPV4));
    }
    key->layer[0] = *inner;
    memset(inner, 0, sizeof *inner);
    key->tunnel = key->tnl_flags = 0;
    key->tnl_bits = key->tnl_proto = 0;
    memset(key->vni, 0, sizeof key->vni);
}
