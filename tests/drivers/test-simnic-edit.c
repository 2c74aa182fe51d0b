/* SPDX-License-Identifier: Apache-2.0 */

/* Actions that change packets.  Each case is a frame, a rule's actions and
 * the frame that must arrive, compared byte for byte.  Frames are built from
 * descriptions, with checksums computed over all they cover, so that what the
 * NIC patches by difference is checked against the full sum.
 *
 * Each case runs twice: on a 'ring', where the sender's side applies the
 * rule, and on a 'pcap' port, where the polling core does. */

#include "test-simnic-flow.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "simnic-port-rig.h"

#define PAYLOAD 21              /* Odd, as sums over odd sizes differ. */
#define MAX_BYTES 512

/* A frame with an IP packet.  Zero selects what is said in brackets. */
struct desc {
    uint8_t dmac, smac;         /* Last byte; the rest is 02:00:00:00:00. */
    unsigned int n_tags;
    uint16_t tag[2];            /* TCI, outermost first. */
    uint16_t tpid;              /* Of the outermost tag [0x8100]. */
    bool v6;
    uint8_t proto;              /* [IPPROTO_UDP] */
    uint8_t src, dst;           /* Last byte of the address. */
    uint8_t ttl;                /* [64]; 255 stands for 0. */
    uint16_t sport, dport;      /* [1000, 2000] */
    bool no_csum;               /* UDP: 0. */
    uint32_t vni;               /* VXLAN, if 'inner'. */
    const struct desc *inner;
};

static void
build_address(uint8_t *p, bool v6, uint8_t last)
{
    static const uint8_t v6_prefix[15] = { 0x20, 1, 0x0d, 0xb8, [13] = 9 };
    static const uint8_t v4_prefix[3] = { 192, 0, 2 };

    memcpy(p, v6 ? v6_prefix : v4_prefix, v6 ? 15 : 3);
    p[v6 ? 15 : 3] = last;
}

static size_t
build_l2(const struct desc *d, uint8_t *p)
{
    static const uint8_t prefix[5] = { 2 };
    uint16_t type = rte_cpu_to_be_16(d->v6 ? 0x86dd : 0x0800);
    size_t n = 12;

    memcpy(p, prefix, 5);
    p[5] = d->dmac;
    memcpy(p + 6, prefix, 5);
    p[11] = d->smac;
    for (unsigned int i = 0; i < d->n_tags; i++) {
        uint16_t word[2] = { RTE_BE16(0x8100), rte_cpu_to_be_16(d->tag[i]) };

        if (!i && d->tpid) {
            word[0] = rte_cpu_to_be_16(d->tpid);
        }
        memcpy(p + n, word, 4);
        n += 4;
    }
    memcpy(p + n, &type, 2);
    return n + 2;
}

static void
build_l3(const struct desc *d, uint8_t *p, uint8_t proto, size_t l4_size)
{
    uint8_t ttl = d->ttl == 255 ? 0 : d->ttl ? d->ttl : 64;

    if (d->v6) {
        struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *) p;

        ip->vtc_flow = RTE_BE32(0x60000000);
        ip->payload_len = rte_cpu_to_be_16(l4_size);
        ip->proto = proto;
        ip->hop_limits = ttl;
        build_address((uint8_t *) &ip->src_addr, true, d->src);
        build_address((uint8_t *) &ip->dst_addr, true, d->dst);
    } else {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) p;

        ip->version_ihl = 0x45;
        ip->total_length = rte_cpu_to_be_16(20 + l4_size);
        ip->time_to_live = ttl;
        ip->next_proto_id = proto;
        build_address((uint8_t *) &ip->src_addr, false, d->src);
        build_address((uint8_t *) &ip->dst_addr, false, d->dst);
        ip->hdr_checksum = rte_ipv4_cksum(ip);
    }
}

static size_t build(const struct desc *, uint8_t *);

/* Writes the header without its checksum, and the payload. */
static size_t
build_l4(const struct desc *d, uint8_t *p, uint8_t proto)
{
    uint16_t ports[2] = { rte_cpu_to_be_16(d->sport ? d->sport : 1000),
                          rte_cpu_to_be_16(d->dport ? d->dport : 2000) };
    size_t n = proto == IPPROTO_TCP ? 20 : 8;

    if (proto == IPPROTO_TCP) {
        memcpy(p, ports, 4);
        p[12] = 0x50;
        p[13] = RTE_TCP_SYN_FLAG;
    } else if (proto == IPPROTO_UDP) {
        memcpy(p, ports, 4);
    } else {
        p[0] = 128;             /* ICMPv6 echo request. */
    }
    if (d->inner) {
        p[8] = 8;
        p[12] = d->vni >> 16;
        p[13] = d->vni >> 8;
        p[14] = d->vni;
        n += 8 + build(d->inner, p + 16);
    } else {
        for (unsigned int i = 0; i < PAYLOAD; i++) {
            p[n++] = 0xa0 + i;
        }
    }
    if (proto == IPPROTO_UDP) {
        uint16_t size = rte_cpu_to_be_16(n);

        memcpy(p + 4, &size, 2);
    }
    return n;
}

/* Writes the frame to the zeroed bytes at 'p'.  Returns its size. */
static size_t
build(const struct desc *d, uint8_t *p)
{
    uint8_t proto = d->proto ? d->proto : IPPROTO_UDP;
    size_t csum_ofs = (proto == IPPROTO_TCP ? 16
                       : proto == IPPROTO_UDP ? 6 : 2);
    uint8_t *l3 = p + build_l2(d, p);
    uint8_t *l4 = l3 + (d->v6 ? 40 : 20);
    size_t l4_size = build_l4(d, l4, proto);

    build_l3(d, l3, proto, l4_size);
    if (!d->no_csum && !d->inner) {
        uint16_t csum = (d->v6 ? rte_ipv6_udptcp_cksum((void *) l3, l4)
                         : rte_ipv4_udptcp_cksum((void *) l3, l4));

        memcpy(l4 + csum_ofs, &csum, 2);
    }
    return l4 + l4_size - p;
}

struct edit_case {
    const char *name;
    struct desc in;
    struct rte_flow_action actions[4];
    struct desc out;
};

/* Configurations. */
static const struct rte_flow_action_set_mac set_mac = { { 2, [5] = 0x77 } };
static const struct rte_flow_action_set_ipv4 set_v4
    = { .ipv4_addr = RTE_BE32(0xc00002c8) };
static struct rte_flow_action_set_ipv6 set_v6;
static const struct rte_flow_action_set_tp set_tp = { RTE_BE16(0xfedc) };
static const struct rte_flow_action_set_ttl set_ttl = { 7 };
static const struct rte_flow_action_of_push_vlan push_c
    = { RTE_BE16(0x8100) };
static const struct rte_flow_action_of_push_vlan push_s
    = { RTE_BE16(0x88a8) };
static const struct rte_flow_action_of_set_vlan_vid set_vid
    = { RTE_BE16(0x123) };
static const struct rte_flow_action_of_set_vlan_pcp set_pcp = { 5 };

/* A tunnel's header, as a frame and as items. */
#define INNER { .dmac = 3, .smac = 4, .src = 5, .dst = 6 }
static const struct desc inner = INNER;
static const struct desc inner_tcp6 = {
    .dmac = 3, .smac = 4, .v6 = true, .proto = IPPROTO_TCP, .src = 5,
    .dst = 6,
};
#define OUTER4 .dmac = 0x51, .smac = 0x52, .src = 0x53, .dst = 0x54, \
    .sport = 55555, .dport = 4789, .vni = 0x12345
#define OUTER6 OUTER4, .v6 = true
static struct rte_flow_item_eth t_eth;
static const struct rte_flow_item_vlan t_vlan = { .tci = RTE_BE16(0x2064) };
static struct rte_flow_item_ipv4 t_ipv4;
static struct rte_flow_item_ipv6 t_ipv6;
static const struct rte_flow_item_udp t_udp
    = { .hdr.src_port = RTE_BE16(55555) };
static const struct rte_flow_item_vxlan t_vxlan = { .vni = { 1, 0x23, 0x45 } };
static struct rte_flow_item t_items4[] = {
    { .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &t_eth },
    { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &t_ipv4 },
    { .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &t_udp },
    { .type = RTE_FLOW_ITEM_TYPE_VXLAN, .spec = &t_vxlan },
    { .type = RTE_FLOW_ITEM_TYPE_END },
};
static struct rte_flow_item t_items6[] = {
    { .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &t_eth },
    { .type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &t_vlan },
    { .type = RTE_FLOW_ITEM_TYPE_IPV6, .spec = &t_ipv6 },
    { .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &t_udp },
    { .type = RTE_FLOW_ITEM_TYPE_VXLAN, .spec = &t_vxlan },
    { .type = RTE_FLOW_ITEM_TYPE_END },
};
static const struct rte_flow_action_vxlan_encap encap4 = { t_items4 };
static const struct rte_flow_action_vxlan_encap encap6 = { t_items6 };

/* Raw headers: VXLAN over IPv4; Ethernet with a tag, for an IPv4 packet. */
static uint8_t raw_vxlan[MAX_BYTES], raw_l2[MAX_BYTES];
static const struct rte_flow_action_raw_encap raw_encap_vxlan
    = { .data = raw_vxlan, .size = 50 };
static const struct rte_flow_action_raw_encap raw_encap_l2
    = { .data = raw_l2, .size = 18 };
static const struct rte_flow_action_raw_decap raw_decap_vxlan
    = { .size = 50 };
static const struct rte_flow_action_raw_decap raw_decap_l2 = { .size = 14 };

#define A(TYPE, CONF) { .type = RTE_FLOW_ACTION_TYPE_##TYPE, .conf = CONF }

static const struct edit_case cases[] = {
    { "SET_MAC", INNER, { A(SET_MAC_SRC, &set_mac), A(SET_MAC_DST, &set_mac) },
      { .dmac = 0x77, .smac = 0x77, .src = 5, .dst = 6 } },
    { "SET_IPV4 udp", INNER,
      { A(SET_IPV4_SRC, &set_v4), A(SET_IPV4_DST, &set_v4) },
      { .dmac = 3, .smac = 4, .src = 200, .dst = 200 } },
    { "SET_IPV4 udp without checksum", { .no_csum = true },
      { A(SET_IPV4_SRC, &set_v4) }, { .no_csum = true, .src = 200 } },
    { "SET_IPV4 tcp, tagged",
      { .n_tags = 2, .tag = { 1, 2 }, .proto = IPPROTO_TCP },
      { A(SET_IPV4_DST, &set_v4) },
      { .n_tags = 2, .tag = { 1, 2 }, .proto = IPPROTO_TCP, .dst = 200 } },
    { "SET_IPV4 of an IPv6 packet", { .v6 = true },
      { A(SET_IPV4_DST, &set_v4) }, { .v6 = true } },
    { "SET_IPV6 udp", { .v6 = true },
      { A(SET_IPV6_SRC, &set_v6), A(SET_IPV6_DST, &set_v6) },
      { .v6 = true, .src = 200, .dst = 200 } },
    { "SET_IPV6 tcp", { .v6 = true, .proto = IPPROTO_TCP, .src = 1 },
      { A(SET_IPV6_DST, &set_v6) },
      { .v6 = true, .proto = IPPROTO_TCP, .src = 1, .dst = 200 } },
    { "SET_IPV6 icmp6", { .v6 = true, .proto = IPPROTO_ICMPV6 },
      { A(SET_IPV6_SRC, &set_v6) },
      { .v6 = true, .proto = IPPROTO_ICMPV6, .src = 200 } },
    { "SET_IPV6 of an IPv4 packet", INNER, { A(SET_IPV6_SRC, &set_v6) },
      INNER },
    { "SET_TP udp", INNER, { A(SET_TP_SRC, &set_tp), A(SET_TP_DST, &set_tp) },
      { .dmac = 3, .smac = 4, .src = 5, .dst = 6, .sport = 0xfedc,
        .dport = 0xfedc } },
    { "SET_TP udp without checksum", { .no_csum = true },
      { A(SET_TP_DST, &set_tp) }, { .no_csum = true, .dport = 0xfedc } },
    { "SET_TP tcp6", { .v6 = true, .proto = IPPROTO_TCP },
      { A(SET_TP_SRC, &set_tp) },
      { .v6 = true, .proto = IPPROTO_TCP, .sport = 0xfedc } },
    { "SET_TP icmp6", { .v6 = true, .proto = IPPROTO_ICMPV6 },
      { A(SET_TP_SRC, &set_tp) }, { .v6 = true, .proto = IPPROTO_ICMPV6 } },
    { "SET_TTL", INNER, { A(SET_TTL, &set_ttl) },
      { .dmac = 3, .smac = 4, .src = 5, .dst = 6, .ttl = 7 } },
    { "SET_TTL ipv6", { .v6 = true }, { A(SET_TTL, &set_ttl) },
      { .v6 = true, .ttl = 7 } },
    { "DEC_TTL", { .proto = IPPROTO_TCP }, { A(DEC_TTL, NULL) },
      { .proto = IPPROTO_TCP, .ttl = 63 } },
    { "DEC_TTL of 1", { .ttl = 1 }, { A(DEC_TTL, NULL) }, { .ttl = 255 } },
    { "DEC_TTL of 0", { .ttl = 255 }, { A(DEC_TTL, NULL) }, { .ttl = 255 } },
    { "DEC_TTL ipv6 twice", { .v6 = true },
      { A(DEC_TTL, NULL), A(DEC_TTL, NULL) }, { .v6 = true, .ttl = 62 } },
    { "OF_POP_VLAN", { .n_tags = 1, .tag = { 5 } }, { A(OF_POP_VLAN, NULL) },
      { .n_tags = 0 } },
    { "OF_POP_VLAN of two",
      { .n_tags = 2, .tag = { 5, 6 }, .tpid = 0x88a8, .v6 = true },
      { A(OF_POP_VLAN, NULL) }, { .n_tags = 1, .tag = { 6 }, .v6 = true } },
    { "OF_POP_VLAN of none", INNER, { A(OF_POP_VLAN, NULL) }, INNER },
    { "OF_PUSH_VLAN", { .dmac = 8 },
      { A(OF_PUSH_VLAN, &push_c), A(OF_SET_VLAN_VID, &set_vid),
        A(OF_SET_VLAN_PCP, &set_pcp) },
      { .dmac = 8, .n_tags = 1, .tag = { 0xa123 } } },
    { "OF_PUSH_VLAN on a tag", { .n_tags = 1, .tag = { 0x7001 } },
      { A(OF_PUSH_VLAN, &push_s), A(OF_SET_VLAN_VID, &set_vid) },
      { .n_tags = 2, .tag = { 0x123, 0x7001 }, .tpid = 0x88a8 } },
    { "OF_SET_VLAN_VID", { .n_tags = 2, .tag = { 0xf001, 2 } },
      { A(OF_SET_VLAN_VID, &set_vid) },
      { .n_tags = 2, .tag = { 0xf123, 2 } } },
    { "OF_SET_VLAN_PCP", { .n_tags = 1, .tag = { 0xffff } },
      { A(OF_SET_VLAN_PCP, &set_pcp) }, { .n_tags = 1, .tag = { 0xbfff } } },
    { "OF_SET_VLAN_VID without tag", INNER, { A(OF_SET_VLAN_VID, &set_vid) },
      INNER },
    { "VXLAN_ENCAP ipv4", INNER, { A(VXLAN_ENCAP, &encap4) },
      { OUTER4, .inner = &inner, .no_csum = true } },
    { "VXLAN_ENCAP ipv6, tagged", { .dmac = 3, .smac = 4, .v6 = true,
        .proto = IPPROTO_TCP, .src = 5, .dst = 6 },
      { A(VXLAN_ENCAP, &encap6) },
      { OUTER6, .n_tags = 1, .tag = { 0x2064 }, .inner = &inner_tcp6 } },
    { "VXLAN_DECAP ipv4", { OUTER4, .inner = &inner },
      { A(VXLAN_DECAP, NULL) }, INNER },
    { "VXLAN_DECAP ipv6, tagged",
      { OUTER6, .n_tags = 1, .tag = { 9 }, .inner = &inner },
      { A(VXLAN_DECAP, NULL), A(DEC_TTL, NULL) },
      { .dmac = 3, .smac = 4, .src = 5, .dst = 6, .ttl = 63 } },
    { "VXLAN_DECAP without tunnel", INNER, { A(VXLAN_DECAP, NULL) }, INNER },
    { "RAW_ENCAP of a tunnel", INNER,
      { A(DEC_TTL, NULL), A(RAW_ENCAP, &raw_encap_vxlan),
        A(SET_IPV4_DST, &set_v4) },
      { .dmac = 0x51, .smac = 0x52, .src = 0x53, .dst = 200, .sport = 55555,
        .dport = 4789, .vni = 0x12345,
        .inner = &(const struct desc) { .dmac = 3, .smac = 4, .src = 5,
                                        .dst = 6, .ttl = 63 } } },
    { "RAW_DECAP of a tunnel", { OUTER4, .inner = &inner_tcp6 },
      { A(RAW_DECAP, &raw_decap_vxlan) },
      { .dmac = 3, .smac = 4, .v6 = true, .proto = IPPROTO_TCP, .src = 5,
        .dst = 6 } },
    { "RAW_DECAP and RAW_ENCAP of L2", INNER,
      { A(RAW_DECAP, &raw_decap_l2), A(RAW_ENCAP, &raw_encap_l2) },
      { .dmac = 0x61, .smac = 0x62, .n_tags = 1, .tag = { 0x456 }, .src = 5,
        .dst = 6 } },
};

static void
prepare(void)
{
    static const struct desc tunnel = { OUTER4, .inner = &inner };
    static const struct desc l2 = {
        .dmac = 0x61, .smac = 0x62, .n_tags = 1, .tag = { 0x456 } };
    uint8_t bytes[MAX_BYTES] = { 0 };

    build(&tunnel, raw_vxlan);
    build(&l2, raw_l2);
    build(&tunnel, bytes);
    memcpy(&t_eth, bytes, 12);
    memcpy(&t_ipv4.hdr.src_addr, bytes + 26, 8);
    build_address((uint8_t *) &t_ipv6.hdr.src_addr, true, 0x53);
    build_address((uint8_t *) &t_ipv6.hdr.dst_addr, true, 0x54);
    build_address((uint8_t *) &set_v6.ipv6_addr, true, 200);
}

static void
print_bytes(const char *label, const uint8_t *p, size_t n)
{
    printf("%s (%zu):", label, n);
    for (size_t i = 0; i < n; i++) {
        printf("%s%02x", i % 4 ? "" : " ", p[i]);
    }
    printf("\n");
}

/* Creates the rule of 'c' on 'port', with a mark. */
static struct rte_flow *
add_rule(uint16_t port, const struct edit_case *c)
{
    struct rte_flow *flow;
    struct rule r;

    rule_init(&r, 0);
    r.item[1].type = RTE_FLOW_ITEM_TYPE_END;
    for (unsigned int i = 0; i < RTE_DIM(c->actions); i++) {
        if (c->actions[i].type != RTE_FLOW_ACTION_TYPE_END) {
            r.action[r.n_actions++] = c->actions[i];
        }
    }
    rule_mark(&r, 1234);
    rule_queue(&r, 0);
    flow = rule_create(port, &r);
    if (!flow) {
        printf("%s: %s\n", c->name, error.message);
    }
    CHECK(flow);
    return flow;
}

/* Receives one packet, which must be 'c->out'. */
static void
check_arrival(uint16_t port, const struct edit_case *c, const char *where)
{
    uint8_t want[MAX_BYTES] = { 0 };
    size_t size = build(&c->out, want);
    struct rte_mbuf *m;

    if (receive(port, 0, &m, 1) != 1) {
        printf("%s, %s: nothing arrived\n", c->name, where);
        CHECK(!"arrival");
        return;
    }
    if (m->pkt_len != size || m->data_len != size
        || memcmp(rte_pktmbuf_mtod(m, void *), want, size)) {
        printf("%s, %s:\n", c->name, where);
        print_bytes("want", want, size);
        print_bytes("have", rte_pktmbuf_mtod(m, void *), m->data_len);
        CHECK(!"bytes");
    }
    CHECK(m->ol_flags & RTE_MBUF_F_RX_FDIR_ID && m->hash.fdir.hi == 1234);
    CHECK(!(m->packet_type & RTE_PTYPE_TUNNEL_MASK) == !c->out.inner);
    CHECK((m->packet_type & RTE_PTYPE_L2_MASK)
          == (c->out.n_tags == 2 ? RTE_PTYPE_L2_ETHER_QINQ
              : c->out.n_tags ? RTE_PTYPE_L2_ETHER_VLAN
              : RTE_PTYPE_L2_ETHER));
    rte_pktmbuf_free(m);
}

static void
run_on_ring(uint16_t port, const struct edit_case *c)
{
    struct rte_flow *flow = add_rule(port, c);
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    uint8_t bytes[MAX_BYTES] = { 0 };
    size_t size = build(&c->in, bytes);

    memcpy(rte_pktmbuf_append(m, size), bytes, size);
    CHECK(rte_eth_tx_burst(port, 0, &m, 1) == 1);
    check_arrival(port, c, "ring");
    CHECK(flow && !rte_flow_destroy(port, flow, &error));
}

static void
run_on_pcap(const struct edit_case *c)
{
    char path[] = "/tmp/test-simnic-XXXXXX", args[128];
    uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
    uint8_t bytes[MAX_BYTES] = { 0 };
    uint32_t size = build(&c->in, bytes);
    uint32_t packet[4] = { 0, 0, size, size };
    FILE *file = fdopen(mkstemp(path), "wb");
    uint16_t port;

    fwrite(header, sizeof header, 1, file);
    fwrite(packet, sizeof packet, 1, file);
    fwrite(bytes, size, 1, file);
    fclose(file);
    snprintf(args, sizeof args, "mode=pcap,file=%s", path);
    port = open_port("net_simnic0", args);
    unlink(path);
    add_rule(port, c);
    check_arrival(port, c, "pcap");
    close_port(port);
}

void
test_edit_bytes(void)
{
    uint16_t port = open_port("net_simnic1", "mode=ring");

    prepare();
    for (size_t i = 0; i < RTE_DIM(cases); i++) {
        run_on_ring(port, &cases[i]);
        run_on_pcap(&cases[i]);
    }
    close_port(port);
}
