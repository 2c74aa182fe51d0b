/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-nat.h"

#include "csum.h"
#include "dp-packet.h"
#include "hash.h"
#include "packets.h"
#include "random.h"
#include "unaligned.h"
#include "ct/ct.h"
#include "ct/ct-packet.h"
#include "ct/ct-ports.h"
#include "ovs/ovs-conntrack.h"

/* Choosing. */

/* Ports that are tried in order, as Open vSwitch does; then at random, as
 * neighbours of ports that are taken are taken, too, if a client has opened
 * many connections one after the other.  Where that fails, next to none is
 * free, and all are tried, in order again, which is the fastest way through
 * the notes. */
enum { N_IN_ORDER = 16, N_AT_RANDOM = 256 };

/* Returns a hash of the range of 'nat'. */
static uint32_t
hash_range(const struct nat_action_info_t *nat, uint32_t basis)
{
    uint32_t hash = hash_bytes(&nat->min_addr, sizeof nat->min_addr, basis);

    hash = hash_bytes(&nat->max_addr, sizeof nat->max_addr, hash);
    return hash_add(hash, (uint32_t) nat->min_port << 16 | nat->max_port);
}

/* Returns what chooses a port: the same each time for a range and a tuple,
 * unless it is to be left to chance. */
static uint32_t
hash_port(const struct ct_secret *secret, const struct nat_action_info_t *nat,
          const struct ct_key *key)
{
    return (ovs_nat_is_random(nat)
            ? random_uint32()
            : hash_bytes(key, sizeof *key, hash_range(nat, secret->w[0])));
}

/* Returns what chooses an address.  A persistent one is the same for all
 * connections of a client, after a restart, too. */
static uint32_t
hash_address(const struct nat_action_info_t *nat, const struct ct_key *key,
             uint32_t port_hash)
{
    return (ovs_nat_is_persistent(nat)
            ? hash_bytes(&key->src, sizeof key->src, hash_range(nat, 0))
            : port_hash);
}

/* Returns the low 64 bits of the IPv6 address 'addr'. */
static uint64_t
low_half(const struct in6_addr *addr)
{
    ovs_be64 low;

    memcpy(&low, &addr->s6_addr[8], sizeof low);
    return ntohll(low);
}

/* Adds 'n' to 'addr'. */
static void
advance_ipv6(struct in6_addr *addr, uint32_t n)
{
    uint64_t low = low_half(addr) + n;
    ovs_be64 be = htonll(low);

    if (low < n) {                      /* Carry. */
        for (int i = 7; i >= 0 && !++addr->s6_addr[i]; i--) {
            continue;
        }
    }
    memcpy(&addr->s6_addr[8], &be, sizeof be);
}

/* Stores in 'addr' an address between those of 'nat', ends included. */
static void
choose_ipv4(const struct nat_action_info_t *nat, uint32_t hash,
            union ct_addr *addr)
{
    uint32_t min = ntohl(nat->min_addr.ipv4);
    uint64_t n = (uint64_t) ntohl(nat->max_addr.ipv4) - min + 1;

    addr->ipv4 = htonl(min + hash % n);
}

static void
choose_ipv6(const struct nat_action_info_t *nat, uint32_t hash,
            union ct_addr *addr)
{
    const struct in6_addr *min = &nat->min_addr.ipv6;
    const struct in6_addr *max = &nat->max_addr.ipv6;
    uint64_t n = low_half(max) - low_half(min);

    if (memcmp(min, max, 8) || n >= UINT32_MAX) {
        n = UINT32_MAX - 1;             /* Enough. */
    }
    addr->ipv6 = *min;
    advance_ipv6(&addr->ipv6, hash % (n + 1));
}

/* Source ports that are privileged stay so. */
static void
set_class(struct ct_nat_search *s, uint16_t port)
{
    s->lowest = port < 512 ? 1 : port < 1024 ? 600 : 1024;
    s->highest = port < 512 ? 511 : port < 1024 ? 1023 : UINT16_MAX;
    s->first = port;
}

static void
set_range(struct ct_nat_search *s)
{
    s->lowest = MAX(s->nat->min_port, 1);
    s->highest = MAX(s->nat->max_port, s->lowest);
    s->first = s->lowest + s->hash % (s->highest - s->lowest + 1u);
}

/* The identifiers of queries are as good as ports. */
static void
set_identifiers(struct ct_nat_search *s)
{
    s->lowest = 0;
    s->highest = UINT16_MAX;
    s->first = ntohs(s->key->src_port);
    s->is_src = true;
}

void
ct_nat_search_init(struct ct_nat_search *s, const struct ct_secret *secret,
                   const struct nat_action_info_t *nat,
                   const struct ct_key *key)
{
    static const union ct_addr zero;
    bool snat = nat->nat_action & NAT_ACTION_SRC;
    union ct_addr *addr;

    memset(s, 0, sizeof *s);
    s->nat = nat;
    s->key = key;
    s->hash = hash_port(secret, nat, key);
    ct_key_reverse(key, &s->reply);
    addr = snat ? &s->reply.dst : &s->reply.src;
    if (memcmp(&nat->min_addr, &zero, sizeof zero)
        || memcmp(&nat->max_addr, &zero, sizeof zero)) {
        uint32_t hash = hash_address(nat, key, s->hash);

        memset(addr, 0, sizeof *addr);
        if (key->is_ipv6) {
            choose_ipv6(nat, hash, addr);
        } else {
            choose_ipv4(nat, hash, addr);
        }
    }

    s->has_ports = true;
    if (ct_key_is_icmp(key)) {
        set_identifiers(s);
    } else if (!ct_has_ports(key->proto)) {
        s->has_ports = false;
    } else if (nat->nat_action & (NAT_ACTION_SRC_PORT | NAT_ACTION_DST_PORT)) {
        set_range(s);
        s->is_src = s->may_retry = nat->nat_action & NAT_ACTION_DST_PORT;
    } else {
        set_class(s, ntohs(key->src_port));
    }
}

/* Returns the next port that may be free, or -1.  The first is the best one,
 * whatever is known of it. */
static int
next_port(struct ct_nat_search *s, struct ct_ports *ports)
{
    uint32_t n_ports = s->highest - s->lowest + 1u;
    struct ct_key pool = s->reply;
    ovs_be16 *port = s->is_src ? &pool.src_port : &pool.dst_port;
    uint32_t place;

    if (!s->n) {
        return s->first;
    }
    place = (s->n > N_AT_RANDOM ? ntohs(*port) - s->lowest + 1
             : s->n > N_IN_ORDER ? hash_int(s->n, s->hash)
             : s->first < s->lowest ? s->n - 1
             : s->first - s->lowest + s->n);
    *port = 0;
    return ct_ports_next(ports, &pool, s->lowest + place % n_ports, s->lowest,
                         s->highest);
}

bool
ct_nat_search_next(struct ct_nat_search *s, struct ct_ports *ports)
{
    int port;

    if (!s->has_ports) {
        return !s->n++;
    }
    port = next_port(s, ports);
    if (port < 0) {
        if (!s->may_retry) {
            return false;
        }
        /* All ports of the server are taken: the client's may change, too. */
        s->may_retry = s->is_src = false;
        s->reply.src_port = htons(s->first);
        set_class(s, ntohs(s->key->src_port));
        s->n = 0;
        port = s->first;
    }
    s->n++;
    *(s->is_src ? &s->reply.src_port : &s->reply.dst_port) = htons(port);
    return true;
}

uint32_t
ct_nat_foresee(struct ct_nat_search *s, const struct conntrack *ct,
               const struct nat_action_info_t *nat, const struct ct_key *key)
{
    uint32_t hash;

    ct_nat_search_init(s, &ct->secret, nat, key);
    if (s->has_ports) {
        *(s->is_src ? &s->reply.src_port : &s->reply.dst_port)
            = htons(s->first);
    }
    hash = ct_key_hash(&ct->secret, &s->reply);
    ct_table_prefetch(&ct->table, hash);
    return hash;
}

/* Translating. */

/* Which of a header's addresses are to be replaced. */
enum { REPLACE_SRC = 1, REPLACE_DST = 2 };

static void
set_ipv4(struct dp_packet *packet, const struct ct_key *want, int which)
{
    struct ip_header *ip = dp_packet_l3(packet);

    if (which & REPLACE_SRC
        && get_16aligned_be32(&ip->ip_src) != want->src.ipv4) {
        packet_set_ipv4_addr(packet, &ip->ip_src, want->src.ipv4);
    }
    if (which & REPLACE_DST
        && get_16aligned_be32(&ip->ip_dst) != want->dst.ipv4) {
        packet_set_ipv4_addr(packet, &ip->ip_dst, want->dst.ipv4);
    }
}

/* 'proto' is that of layer 4, whose checksum covers the addresses. */
static void
set_ipv6(struct dp_packet *packet, uint8_t proto, const struct ct_key *want,
         int which)
{
    /* Not dp_packet_l3(), which might return null for all that GCC knows. */
    void *l3 = (char *) dp_packet_data(packet) + packet->l3_ofs;
    struct ovs_16aligned_ip6_hdr *ip = l3;

    if (which & REPLACE_SRC
        && memcmp(&ip->ip6_src, &want->src.ipv6, sizeof ip->ip6_src)) {
        packet_set_ipv6_addr(packet, proto, ip->ip6_src.be32, &want->src.ipv6,
                             true);
    }
    if (which & REPLACE_DST
        && memcmp(&ip->ip6_dst, &want->dst.ipv6, sizeof ip->ip6_dst)) {
        packet_set_ipv6_addr(packet, proto, ip->ip6_dst.be32, &want->dst.ipv6,
                             true);
    }
}

static void
set_ports(struct dp_packet *packet, const struct ct_key *want)
{
    struct icmp_header *icmp = dp_packet_l4(packet);

    if (want->proto == IPPROTO_TCP) {
        packet_set_tcp_port(packet, want->src_port, want->dst_port);
    } else if (want->proto == IPPROTO_UDP) {
        packet_set_udp_port(packet, want->src_port, want->dst_port);
    } else if (ct_has_ports(want->proto)) {
        packet_set_sctp_port(packet, want->src_port, want->dst_port);
    } else if (ct_key_is_icmp(want)
               && icmp->icmp_fields.echo.id != want->src_port) {
        icmp->icmp_csum = recalc_csum16(icmp->icmp_csum,
                                        icmp->icmp_fields.echo.id,
                                        want->src_port);
        icmp->icmp_fields.echo.id = want->src_port;
    }
}

/* An error's inner packet. */

/* Returns the checksum of the layer 4 header at 'l4', or NULL if it has none,
 * or none of which 'len' bytes have all. */
static ovs_be16 *
find_csum(void *l4, uint8_t proto, size_t len)
{
    if (proto == IPPROTO_TCP) {
        struct tcp_header *tcp = l4;

        return (len >= OFFSETOFEND(struct tcp_header, tcp_csum)
                ? &tcp->tcp_csum : NULL);
    } else if (proto == IPPROTO_UDP) {
        struct udp_header *udp = l4;

        return udp->udp_csum ? &udp->udp_csum : NULL;
    } else if (proto == IPPROTO_ICMPV6) {
        struct icmp_header *icmp = l4;

        return &icmp->icmp_csum;
    }
    return NULL;
}

/* Replaces one of the inner addresses.  'csum' is what covers it, or NULL. */
static void
replace_inner_ipv4(struct ip_header *ip, ovs_16aligned_be32 *addr,
                   ovs_be32 want, ovs_be16 *sum)
{
    ovs_be32 old = get_16aligned_be32(addr);

    ip->ip_csum = recalc_csum32(ip->ip_csum, old, want);
    if (sum) {
        *sum = recalc_csum32(*sum, old, want);
    }
    put_16aligned_be32(addr, want);
}

static void
replace_inner_ipv6(union ovs_16aligned_in6_addr *addr,
                   const struct in6_addr *want, ovs_be16 *sum)
{
    if (sum) {
        *sum = recalc_csum128(*sum, addr->be32, want);
    }
    memcpy(addr, want, sizeof *addr);
}

static void
replace_inner_port(ovs_be16 *port, ovs_be16 want, ovs_be16 *sum)
{
    if (sum) {
        *sum = recalc_csum16(*sum, *port, want);
    }
    *port = want;
}

/* Gives the packet that an error is about the tuple of 'want'. */
static void
set_inner(struct dp_packet *packet, const struct ct_packet *p,
          const struct ct_key *want)
{
    char *start = dp_packet_data(packet);
    void *l3 = start + p->inner_l3;
    void *l4 = start + p->inner_l4;
    size_t len = p->l4_len - (p->inner_l4 - packet->l4_ofs);
    ovs_be16 *sum = find_csum(l4, want->proto, len);
    ovs_be16 *ports = l4;

    if (want->is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip = l3;

        replace_inner_ipv6(&ip->ip6_src, &want->src.ipv6, sum);
        replace_inner_ipv6(&ip->ip6_dst, &want->dst.ipv6, sum);
    } else {
        struct ip_header *ip = l3;

        replace_inner_ipv4(ip, &ip->ip_src, want->src.ipv4, sum);
        replace_inner_ipv4(ip, &ip->ip_dst, want->dst.ipv4, sum);
    }
    if (ct_has_ports(want->proto)) {
        replace_inner_port(&ports[0], want->src_port, sum);
        replace_inner_port(&ports[1], want->dst_port, sum);
    } else if (ct_key_is_icmp(want)) {
        struct icmp_header *icmp = l4;

        replace_inner_port(&icmp->icmp_fields.echo.id, want->src_port,
                           &icmp->icmp_csum);
    }
}

/* Computes the checksum of the error that 'packet' is. */
static void
finish_error(struct dp_packet *packet, const struct ct_packet *p)
{
    struct icmp_header *icmp = dp_packet_l4(packet);

    icmp->icmp_csum = 0;
    icmp->icmp_csum = (p->key.is_ipv6
                       ? packet_csum_upperlayer6(dp_packet_l3(packet), icmp,
                                                 IPPROTO_ICMPV6, p->l4_len)
                       : csum(icmp, p->l4_len));
}

uint8_t
ct_nat_translate(struct conntrack *ct, const struct conn *conn,
                 struct dp_packet *packet, const struct ct_packet *p,
                 bool reply)
{
    uint32_t flags = ct_conn_flags(conn) & (CT_F_SNAT | CT_F_DNAT);
    bool src = (flags == CT_F_SNAT) != reply;
    const struct ct_key *other = &conn->key;    /* Of the other direction. */
    struct ct_key replies, want;
    int which;

    if (!flags) {
        return 0;
    }
    if (!reply) {
        ct_nat_get_reply(ct_table_nat(&ct->table, conn), conn, &replies);
        other = &replies;
    }
    ct_key_reverse(other, &want);

    /* Who sends an error need not be an end of the connection. */
    which = (!p->is_error ? REPLACE_SRC | REPLACE_DST
             : src ? REPLACE_SRC : REPLACE_DST);
    if (want.is_ipv6) {
        set_ipv6(packet, p->is_error ? IPPROTO_ICMPV6 : want.proto, &want,
                 which);
    } else {
        set_ipv4(packet, &want, which);
    }
    if (p->is_error) {
        set_inner(packet, p, other);
        finish_error(packet, p);
    } else {
        set_ports(packet, &want);
    }
    return src ? CS_SRC_NAT : CS_DST_NAT;
}
