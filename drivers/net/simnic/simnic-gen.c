/* SPDX-License-Identifier: Apache-2.0 */

/* A template is made for each combination of protocol, size and, where the
 * megaflows differ in their Ethernet header, of megaflow.  Everything else
 * that tells streams apart fits the four values of a record.
 *
 * A Zipf order is drawn in advance: exact sampling needs a logarithm or a
 * random memory access for each packet, which would be charged to the core
 * that is measured.  The table is long enough that its period is not a
 * pattern that caches could learn. */

#include "simnic-gen.h"

#include <errno.h>
#include <math.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#define FCS 4

#define BASE_SRC4 0x0a000001    /* 10.0.0.1 */
#define BASE_DST4 0xc6120001    /* 198.18.0.1 */
#define BASE_SPORT 1024
#define BASE_DPORT 80
#define N_PORTS 60000

static const uint8_t base_mac[6] = { 0x02, 0x5a, 0x00, 0x01, 0x00, 0x00 };

static uint32_t
mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352d;
    x = (x ^ x >> 15) * 0x846ca68b;
    return x ^ x >> 16;
}

static bool
is_ipv6(enum simnic_proto proto)
{
    return proto >= SIMNIC_UDP6;
}

/* The sum of 'n' bytes as 16-bit words in memory order; 'n' is even. */
static uint32_t
sum16(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i += 2) {
        uint16_t w;

        memcpy(&w, p + i, 2);
        sum += w;
    }
    return sum;
}

static void
add_to_mac(uint8_t mac[6], uint32_t n)
{
    for (int i = 5; i >= 2 && n; i--) {
        n += mac[i];
        mac[i] = n;
        n >>= 8;
    }
}

/* Writes Ethernet and tags; returns their size. */
static size_t
build_l2(const struct simnic_config *c, struct simnic_template *t,
         const uint8_t own_mac[6], uint16_t type, uint32_t value)
{
    uint8_t *p = t->bytes;
    uint16_t be;

    memcpy(p, c->has_dst_mac ? c->dst_mac : own_mac, 6);
    memcpy(p + 6, base_mac, 6);
    if (c->mega == SIMNIC_MEGA_ETH_DST) {
        add_to_mac(p, value);
    } else if (c->mega == SIMNIC_MEGA_ETH_SRC) {
        add_to_mac(p + 6, value);
    }
    p += 12;
    for (uint32_t i = 0; i < c->n_vlans; i++) {
        uint16_t vid = c->vlan[i];

        if (!i && c->mega == SIMNIC_MEGA_VLAN) {
            vid += value;
        }
        be = rte_cpu_to_be_16(i + 1 < c->n_vlans ? RTE_ETHER_TYPE_QINQ
                              : RTE_ETHER_TYPE_VLAN);
        memcpy(p, &be, 2);
        be = rte_cpu_to_be_16(vid);
        memcpy(p + 2, &be, 2);
        p += 4;
    }
    be = rte_cpu_to_be_16(type);
    memcpy(p, &be, 2);
    return p + 2 - t->bytes;
}

/* Writes the IP header; returns its size.  'l3_size' counts from it to the
 * frame's end. */
static size_t
build_l3(struct simnic_template *t, size_t ofs, bool v6, uint8_t proto,
         uint16_t l3_size)
{
    static const uint8_t prefix[12] = { 0x20, 0x01, 0x0d, 0xb8 };

    if (v6) {
        struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *) (t->bytes + ofs);

        ip->vtc_flow = RTE_BE32(0x60000000);
        ip->payload_len = rte_cpu_to_be_16(l3_size - 40);
        ip->proto = proto;
        ip->hop_limits = 64;
        memcpy(&ip->src_addr, prefix, sizeof prefix);
        memcpy(&ip->dst_addr, prefix, sizeof prefix);
        t->src_ofs = ofs + 20;
        t->dst_ofs = ofs + 36;
        return 40;
    } else {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) (t->bytes + ofs);

        ip->version_ihl = 0x45;
        ip->total_length = rte_cpu_to_be_16(l3_size);
        ip->time_to_live = 64;
        ip->next_proto_id = proto;
        t->src_ofs = ofs + 12;
        t->dst_ofs = ofs + 16;
        t->l3_csum_ofs = ofs + 10;
        t->v4_ofs = ofs + 10;
        return 20;
    }
}

static size_t
build_l4(struct simnic_template *t, size_t ofs, enum simnic_proto proto,
         uint16_t l4_size)
{
    uint8_t *p = t->bytes + ofs;

    t->port_ofs = ofs;
    switch (proto) {
    case SIMNIC_UDP4:
    case SIMNIC_UDP6: {
        struct rte_udp_hdr *udp = (struct rte_udp_hdr *) p;

        udp->dgram_len = rte_cpu_to_be_16(l4_size);
        if (proto == SIMNIC_UDP6) {
            t->l4_csum_ofs = ofs + 6;
            t->l4_csum_udp = true;
        }
        return sizeof *udp;
    }
    case SIMNIC_TCP4:
    case SIMNIC_TCP6: {
        struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *) p;

        tcp->data_off = sizeof *tcp / 4 << 4;
        tcp->tcp_flags = RTE_TCP_ACK_FLAG;
        tcp->rx_win = RTE_BE16(8192);
        t->l4_csum_ofs = ofs + 16;
        return sizeof *tcp;
    }
    case SIMNIC_ICMP4:
    case SIMNIC_ICMP6:
        p[0] = proto == SIMNIC_ICMP4 ? 8 : 128;     /* Echo request. */
        t->port_ofs = ofs + 4;          /* Identifier and sequence number. */
        t->v4_ofs = 0;
        t->l4_csum_ofs = ofs + 2;
        t->l4_csum_ports = proto == SIMNIC_ICMP4;
        return 8;
    case SIMNIC_N_PROTOS:
        break;
    }
    return 0;
}

/* The constant part of what the L4 checksum covers; with 'l3_const', the
 * constant part of the IPv4 header, taken out: simnic_stream_write() gets the
 * addresses from the L3 checksum. */
static uint16_t
l4_const(const struct simnic_template *t, size_t l3, size_t l4, size_t end,
         bool v6, uint8_t proto, uint16_t l4_size)
{
    uint32_t sum = sum16(t->bytes + l4, end - l4);

    if (!t->l4_csum_ports) {
        sum += rte_cpu_to_be_16(proto) + rte_cpu_to_be_16(l4_size);
        sum += (v6 ? sum16(t->bytes + l3 + 8, 32)
                : (uint16_t) ~simnic_fold(sum16(t->bytes + l3, 20)));
    }
    return simnic_fold(sum);
}

static void
build_template(const struct simnic_config *c, const uint8_t own_mac[6],
               enum simnic_proto proto, uint32_t size, uint32_t value,
               struct simnic_template *t, struct simnic_parsed *parsed)
{
    static const uint8_t numbers[] = {
        IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP,
        IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6,
    };
    bool v6 = is_ipv6(proto);
    size_t l3, l4, end;

    l3 = build_l2(c, t, own_mac,
                  v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4, value);
    l4 = l3 + (v6 ? 40 : 20);
    end = l4 + (proto == SIMNIC_TCP4 || proto == SIMNIC_TCP6 ? 20 : 8);
    t->pkt_len = RTE_MAX(size - FCS, end);
    build_l3(t, l3, v6, numbers[proto], t->pkt_len - l3);
    build_l4(t, l4, proto, t->pkt_len - l4);
    t->hdr_size = end;
    t->n_lines = (end + 63) / 64;
    if (t->l4_csum_ofs) {
        t->l4_const = l4_const(t, l3, l4, end, v6, numbers[proto],
                               t->pkt_len - l4);
    }
    simnic_key_parse(t->bytes, end, t->pkt_len, parsed);
    parsed->key.layer[0].sound |= ((v6 ? 0 : SIMNIC_SOUND_CSUM3)
                                   | SIMNIC_SOUND_CSUM4);
    t->packet_type = parsed->ptype;
    t->ol_flags = (RTE_MBUF_F_RX_L4_CKSUM_GOOD
                   | (v6 ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD));
}

static void
fill_stream(const struct simnic_config *c, const struct simnic_template *t,
            const struct simnic_parsed *parsed, uint32_t i,
            struct simnic_stream *s)
{
    const struct simnic_layer *l = &parsed->key.layer[0];
    uint32_t value = i % c->megaflows;
    uint32_t sub = i / c->megaflows;
    uint32_t src = BASE_SRC4, dst = BASE_DST4;
    uint32_t sport = BASE_SPORT, dport = BASE_DPORT;
    uint8_t csum[8];

    switch (c->mega) {
    case SIMNIC_MEGA_IP_DST:
        dst += value;
        break;
    case SIMNIC_MEGA_IP_SRC:
        src += value;
        break;
    case SIMNIC_MEGA_L4_DST:
        dport += value;
        break;
    case SIMNIC_MEGA_L4_SRC:
        sport += value;
        break;
    case SIMNIC_MEGA_ETH_DST:
    case SIMNIC_MEGA_ETH_SRC:
    case SIMNIC_MEGA_VLAN:
        break;
    }
    if (c->mega != SIMNIC_MEGA_IP_SRC) {
        src += sub;
    } else {
        dst += sub;
    }
    if (c->mega != SIMNIC_MEGA_L4_SRC) {
        sport += mix(sub + c->seed) % N_PORTS;
    }

    s->gen.src = rte_cpu_to_be_32(src);
    s->gen.dst = rte_cpu_to_be_32(dst);
    s->gen.sport = rte_cpu_to_be_16(sport);
    s->gen.dport = rte_cpu_to_be_16(dport);
    memcpy(csum, (uint8_t *) &s->gen + 2, 8);

    uint32_t sum = sum16(csum, 8);
    if (l->present & SIMNIC_L3_IPV4) {
        sum += sum16(t->bytes + parsed->place[0].l3, 20);
    }
    s->gen.l3_csum = ~simnic_fold(sum);
}

int
simnic_gen_streams(const struct simnic_config *c, const uint8_t own_mac[6],
                   struct simnic_streams *ss)
{
    bool by_l2 = (c->mega == SIMNIC_MEGA_VLAN
                  || c->mega == SIMNIC_MEGA_ETH_DST
                  || c->mega == SIMNIC_MEGA_ETH_SRC);
    uint32_t n_values = by_l2 ? c->megaflows : 1;
    uint32_t proto_sum = 0, size_sum = 0, n_protos = 0;
    enum simnic_proto protos[SIMNIC_N_PROTOS];
    uint32_t n_templates;
    int error;

    for (int i = 0; i < SIMNIC_N_PROTOS; i++) {
        proto_sum += c->proto_weight[i];
        if (c->proto_weight[i]) {
            protos[n_protos++] = i;
        }
    }
    for (uint32_t i = 0; i < c->n_sizes; i++) {
        size_sum += c->size[i].weight;
    }

    n_templates = n_values * n_protos * c->n_sizes;
    if (n_templates > UINT16_MAX) {
        return E2BIG;
    }
    error = simnic_streams_init(ss, c->streams, n_templates);
    if (error) {
        return error;
    }
    for (uint32_t i = 0; i < n_templates; i++) {
        uint32_t size = c->size[i % c->n_sizes].bytes;

        build_template(c, own_mac, protos[i / c->n_sizes % n_protos], size,
                       i / c->n_sizes / n_protos, &ss->wire[i],
                       &ss->parsed[i]);
        ss->max_size = RTE_MAX(ss->max_size, ss->wire[i].pkt_len);
    }
    for (uint32_t i = 0; i < ss->n; i++) {
        uint32_t value = i % c->megaflows;
        uint32_t proto = 0, size = 0;
        uint32_t w = value % proto_sum;

        while (w >= c->proto_weight[protos[proto]]) {
            w -= c->proto_weight[protos[proto++]];
        }
        w = mix(i + c->seed) % size_sum;
        while (w >= c->size[size].weight) {
            w -= c->size[size++].weight;
        }
        ss->record[i].tmpl = ((by_l2 ? value : 0) * n_protos + proto)
                             * c->n_sizes + size;
        fill_stream(c, &ss->wire[ss->record[i].tmpl],
                    &ss->parsed[ss->record[i].tmpl], i, &ss->record[i]);
    }
    return 0;
}

static uint64_t
next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Maps 32 random bits to [0, n). */
static inline uint32_t
scale(uint64_t random, uint32_t n)
{
    return (random >> 32) * n >> 32;
}

static int
sample_zipf(struct simnic_picker *p, double alpha)
{
    double *cdf, sum = 0;
    uint32_t *rank;

    /* Enough for the rare ones to be there, too. */
    p->n_table = (p->n > 1 << 17 ? 1 << 22 : p->n < 1 << 11 ? 1 << 16
                  : p->n * 32);
    p->table = malloc(p->n_table * sizeof *p->table);
    cdf = malloc(p->n * sizeof *cdf);
    rank = malloc(p->n * sizeof *rank);
    if (!p->table || !cdf || !rank) {
        free(cdf);
        free(rank);
        return ENOMEM;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        cdf[i] = sum += pow(i + 1, -alpha);
        rank[i] = i;
    }
    /* The popular streams are not neighbours. */
    for (uint32_t i = p->n - 1; i > 0; i--) {
        uint32_t j = scale(next_random(&p->random), i + 1);
        uint32_t tmp = rank[i];

        rank[i] = rank[j];
        rank[j] = tmp;
    }
    for (uint32_t i = 0; i < p->n_table; i++) {
        double x = (next_random(&p->random) >> 11) * 0x1p-53 * sum;
        uint32_t lo = 0, hi = p->n - 1;

        while (lo < hi) {
            uint32_t mid = lo + (hi - lo) / 2;

            if (cdf[mid] < x) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        p->table[i] = rank[lo];
    }
    free(cdf);
    free(rank);
    return 0;
}

int
simnic_picker_init(struct simnic_picker *p, const struct simnic_config *c,
                   uint32_t n, uint16_t queue)
{
    memset(p, 0, sizeof *p);
    p->order = c->order;
    p->n = n;
    p->random = (UINT64_C(0x9e3779b97f4a7c15) * (c->seed + 1)
                 ^ UINT64_C(0xd1b54a32d192ed03) * (queue + 1)) | 1;
    p->train = c->train;
    p->hot_n = RTE_MIN(c->hot_streams, n);
    p->hot_percent = c->hot_percent;
    p->hot_packets = p->hot_left = c->hot_packets;
    return p->order == SIMNIC_ZIPF && n ? sample_zipf(p, c->zipf_alpha) : 0;
}

void
simnic_picker_uninit(struct simnic_picker *p)
{
    free(p->table);
    p->table = NULL;
}

static uint32_t
pick_hot(struct simnic_picker *p, uint64_t random)
{
    uint32_t index = p->hot_pos + scale(random * 0x2545f4914f6cdd1d,
                                        p->hot_n);

    return index < p->n ? index : index - p->n;
}

static uint32_t
pick(struct simnic_picker *p)
{
    if (p->hot_n) {
        uint64_t random = next_random(&p->random);

        if (!--p->hot_left) {
            p->hot_left = p->hot_packets;
            p->hot_pos = (p->hot_pos + (uint64_t) p->hot_n) % p->n;
        }
        if (scale(random, 100) < p->hot_percent) {
            return pick_hot(p, random);
        }
    }
    switch (p->order) {
    case SIMNIC_RAND:
        return scale(next_random(&p->random), p->n);
    case SIMNIC_ZIPF: {
        uint32_t i = p->pos++;

        p->pos = p->pos == p->n_table ? 0 : p->pos;
        return p->table[i];
    }
    case SIMNIC_RR:
    default: {
        uint32_t i = p->pos++;

        p->pos = p->pos >= p->n ? 0 : p->pos;
        return i;
    }
    }
}

void
simnic_picker_next(struct simnic_picker *p, uint32_t index[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (p->left) {
            p->left--;
        } else {
            p->last = pick(p);
            p->left = p->train - 1;
        }
        index[i] = p->last;
    }
}
