/* SPDX-License-Identifier: Apache-2.0 */

/* Packets that are translated, and errors about such packets.
 *
 * "ct-nat": what goes out translated comes back as it was.  Input: what is
 * translated to what, whether checksums are put right before, and the packet.
 *
 * "ct-error": of an error, who gets it and what it is about change together,
 * and nothing else but checksums.  Input: family, protocol and translation;
 * who sends the error, its type and code; how much it has of what it is
 * about; some bytes of it that are changed; whether checksums are put right
 * after that. */

#include <config.h>
#undef NDEBUG

#include "csum.h"
#include "ct/ct-packet.h"
#include "flow.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/fuzz/fuzz.h"
#include "timeval.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OUTSIDE = 3, INSIDE = 4, ROUTER = 5 };

static const struct ct_secret secret = { { 1, 1, 1 } };

/* Stores what the next bytes ask to translate to. */
static struct nat_action_info_t
choose_nat(struct fuzz_input *in, bool is_ipv6)
{
    uint8_t bits = fuzz_u8(in);
    bool dst = bits & 1;
    uint16_t host = dst ? INSIDE : OUTSIDE;
    struct nat_action_info_t nat = {
        .nat_action = dst ? NAT_ACTION_DST : NAT_ACTION_SRC,
        .min_addr = ct_frame_addr(is_ipv6, host),
        .max_addr = ct_frame_addr(is_ipv6, host + (bits & 2)),
    };

    if (bits & 4) {
        nat.nat_action |= dst ? NAT_ACTION_DST_PORT : NAT_ACTION_SRC_PORT;
        nat.min_port = fuzz_u16(in);
        nat.max_port = MAX(fuzz_u16(in), nat.min_port);
    }
    return nat;
}

/* Returns a tracker without connections, always the same: it has threads, so
 * to make one for each input takes long. */
static struct conntrack *
get_tracker(void)
{
    static struct conntrack *ct;

    if (!ct) {
        ct = conntrack_init();
    }
    conntrack_flush(ct, NULL);
    ovsrcu_quiesce();
    return ct;
}

/* Finds the headers of 'packet'.  Returns false if it is nothing that goes
 * through a tracker, or is a fragment, which the tracker may keep. */
static bool
extract(struct dp_packet *packet, bool is_ipv6)
{
    struct flow flow;

    pkt_metadata_init(&packet->md, u32_to_odp(1));
    flow_extract(packet, &flow);
    return (packet->l3_ofs != UINT16_MAX && packet->l4_ofs != UINT16_MAX
            && !flow.nw_frag
            && flow.dl_type == htons(is_ipv6 ? ETH_TYPE_IPV6
                                     : ETH_TYPE_IP));
}

static ovs_be16
ethertype_of(const struct dp_packet *packet)
{
    const char *data = dp_packet_data(packet);
    ovs_be16 dl_type;

    ovs_assert(packet->l3_ofs >= 2);
    memcpy(&dl_type, data + packet->l3_ofs - 2, sizeof dl_type);
    return dl_type;
}

static uint8_t
run(struct conntrack *ct, struct dp_packet *packet, bool commit,
    const struct nat_action_info_t *nat)
{
    struct dp_packet_batch batch;
    size_t size = dp_packet_size(packet);

    dp_packet_batch_init_packet(&batch, packet);
    conntrack_execute(ct, &batch, ethertype_of(packet), false, commit, 1, NULL,
                      NULL, OVS_CT_NO_PORTS NULL, nat, time_msec(), 0);
    ovs_assert(batch.count == 1 && batch.packets[0] == packet);
    ovs_assert(dp_packet_size(packet) == size);
    ovs_assert(packet->md.ct_state & CS_TRACKED);
    return packet->md.ct_state;
}

/* Where layer 4 of 'packet' has its checksum, or NULL. */
static ovs_be16 *
l4_csum(struct dp_packet *packet, uint8_t proto)
{
    size_t size = dp_packet_l4_size(packet);
    char *l4 = dp_packet_l4(packet);
    size_t ofs = (proto == IPPROTO_TCP ? offsetof(struct tcp_header, tcp_csum)
                  : proto == IPPROTO_UDP
                  ? offsetof(struct udp_header, udp_csum)
                  : offsetof(struct icmp_header, icmp_csum));
    bool has = (proto == IPPROTO_TCP || proto == IPPROTO_UDP
                || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6);

    return l4 && has && size >= ofs + 2 ? (ovs_be16 *) (l4 + ofs) : NULL;
}

/* Puts the checksums of 'packet' right, as far as it has headers. */
static void
repair(struct dp_packet *packet)
{
    bool is_ipv6 = ethertype_of(packet) == htons(ETH_TYPE_IPV6);
    size_t size = dp_packet_l4_size(packet);
    void *l3 = dp_packet_l3(packet), *l4 = dp_packet_l4(packet);
    struct ip_header *ip = l3;
    struct ovs_16aligned_ip6_hdr *ip6 = l3;
    uint8_t proto = is_ipv6 ? ip6->ip6_nxt : ip->ip_proto;
    ovs_be16 *sum = l4_csum(packet, proto);

    if (!is_ipv6) {
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, IP_IHL(ip->ip_ihl_ver) * 4);
    }
    if (sum) {
        *sum = 0;
        *sum = (is_ipv6 ? packet_csum_upperlayer6(l3, l4, proto, size)
                : proto == IPPROTO_ICMP ? csum(l4, size)
                : csum_finish(csum_continue(packet_csum_pseudoheader(l3), l4,
                                            size)));
        if (proto == IPPROTO_UDP && !*sum) {
            *sum = htons(0xffff);
        }
    }
}

/* Is 'packet' sound, so far as our tracker looks?  Stores its key. */
static bool
parse(struct dp_packet *packet, struct ct_packet *p)
{
    return ct_packet_parse(&secret, packet, ethertype_of(packet), 1, NULL, p);
}

/* Lets 'packet' go the other way: addresses and ports change places, and no
 * checksum does. */
static void
turn_round(struct dp_packet *packet, const struct ct_packet *p)
{
    char *l3 = dp_packet_l3(packet);
    size_t size = p->key.is_ipv6 ? 16 : 4;
    char *src = l3 + (p->key.is_ipv6 ? 8 : 12), *dst = src + size;
    ovs_be16 *ports = dp_packet_l4(packet);
    char addr[16];

    memcpy(addr, src, size);
    memcpy(src, dst, size);
    memcpy(dst, addr, size);
    if (p->key.src_port && !ct_key_is_icmp(&p->key)) {
        ports[0] = p->key.dst_port;
        ports[1] = p->key.src_port;
    }
    pkt_metadata_init(&packet->md, u32_to_odp(1));
}

static void
check_nat(struct conntrack *ct, struct dp_packet *packet,
          const struct nat_action_info_t *nat)
{
    const struct nat_action_info_t bare = { .nat_action = 0 };
    struct dp_packet *before = dp_packet_clone(packet);
    struct ct_packet old, new;
    bool sound = parse(packet, &old);
    uint8_t state = run(ct, packet, true, nat);

    ovs_assert(sound || state & CS_INVALID);
    if (!(state & (CS_SRC_NAT | CS_DST_NAT))) {
        ovs_assert(dp_packet_equal(before, packet));
    } else {
        ovs_assert(parse(packet, &new));
        if (!ct_key_is_icmp(&new.key)) {
            turn_round(packet, &new);
            state = run(ct, packet, false, &bare);
            if (!(state & CS_INVALID)) {
                /* Or a SYN of both sides. */
                ovs_assert(state & (CS_REPLY_DIR | CS_NEW));
                ovs_assert(parse(packet, &new));
                turn_round(packet, &new);
                ovs_assert(dp_packet_equal(before, packet));
            }
        }
    }
    dp_packet_delete(before);
}

static void
fuzz_ct_nat(struct fuzz_input *in)
{
    bool repairs = fuzz_range(in, 2), is_ipv6 = fuzz_range(in, 2);
    struct nat_action_info_t nat = choose_nat(in, is_ipv6);
    struct dp_packet *packet = fuzz_packet(in, 0);

    if (extract(packet, is_ipv6)) {
        if (repairs) {
            repair(packet);
        }
        check_nat(get_tracker(), packet, &nat);
    }
    dp_packet_delete(packet);
}
FUZZ_REGISTER("ct-nat", fuzz_ct_nat);

/* Errors. */

/* Returns an error about the first 'size' bytes of layer 3 of 'about', sent
 * by ROUTER to its source. */
static struct dp_packet *
make_error(const struct dp_packet *about, bool is_ipv6, uint8_t type,
           uint8_t code, size_t size)
{
    struct ct_end to = ct_frame_src(about), router = { ROUTER, 1 };
    struct dp_packet *udp = ct_frame_udp(is_ipv6, router, to, "");
    size_t headers = udp->l4_ofs;
    const char *l3 = dp_packet_l3(about);
    struct dp_packet *p;
    struct icmp_header *icmp;
    struct ip_header *ip;
    struct ovs_16aligned_ip6_hdr *ip6;

    /* As many bytes as there are, and none behind. */
    size = MIN(size, dp_packet_l3_size(about));
    p = dp_packet_new(headers + ICMP_HEADER_LEN + size);
    dp_packet_put(p, dp_packet_data(udp), headers);
    icmp = dp_packet_put_zeros(p, ICMP_HEADER_LEN);
    icmp->icmp_type = type;
    icmp->icmp_code = code;
    dp_packet_put(p, l3, size);
    ip = (void *) ((char *) dp_packet_data(p) + udp->l3_ofs);
    ip6 = (void *) ip;
    if (is_ipv6) {
        ip6->ip6_nxt = IPPROTO_ICMPV6;
        ip6->ip6_plen = htons(ICMP_HEADER_LEN + size);
    } else {
        ip->ip_proto = IPPROTO_ICMP;
        ip->ip_tot_len = htons(IP_HEADER_LEN + ICMP_HEADER_LEN + size);
    }
    dp_packet_delete(udp);
    return p;
}

/* Changes some bytes of 'packet' behind its Ethernet header. */
static void
damage(struct fuzz_input *in, struct dp_packet *packet)
{
    uint8_t *data = dp_packet_data(packet);
    size_t size = dp_packet_size(packet) - ETH_HEADER_LEN;

    for (int n = fuzz_range(in, 8); n > 0; n--) {
        data[ETH_HEADER_LEN + fuzz_range(in, MIN(size, 256))] ^= fuzz_u8(in);
    }
}

static bool
same_addr(const union ct_addr *a, const union ct_addr *b)
{
    return !memcmp(a, b, sizeof *a);
}

static void
check_error(struct conntrack *ct, struct dp_packet *packet)
{
    const struct nat_action_info_t bare = { .nat_action = 0 };
    struct dp_packet *before = dp_packet_clone(packet);
    struct ct_packet old, new;
    bool sound = parse(packet, &old);
    uint8_t state = run(ct, packet, false, &bare);

    ovs_assert(sound || state & CS_INVALID);
    if (!(state & (CS_SRC_NAT | CS_DST_NAT))) {
        ovs_assert(dp_packet_equal(before, packet));
    } else if (old.is_error) {
        ovs_assert(state & CS_RELATED);
        ovs_assert(parse(packet, &new) && new.is_error);
        ovs_assert(new.inner_l3 == old.inner_l3);
        ovs_assert(new.inner_l4 == old.inner_l4);
        ovs_assert(!same_addr(&new.key.src, &old.key.src)
                   || !same_addr(&new.key.dst, &old.key.dst)
                   || new.key.words[4] != old.key.words[4]);
    }
    dp_packet_delete(before);
}

static void
fuzz_ct_error(struct fuzz_input *in)
{
    bool is_ipv6 = fuzz_range(in, 2), is_tcp = fuzz_range(in, 2);
    struct nat_action_info_t nat = choose_nat(in, is_ipv6);
    bool from_client = fuzz_range(in, 2), repairs = fuzz_range(in, 2);
    uint8_t type = fuzz_u8(in), code = fuzz_u8(in), size = fuzz_u8(in);
    struct conntrack *ct = get_tracker();
    struct ct_end client = { CLIENT, 4000 }, server = { SERVER, 53 };
    struct dp_packet *about, *error;

    about = (is_tcp ? ct_frame_tcp(is_ipv6, client, server, TCP_SYN, 1, 0, "")
             : ct_frame_udp(is_ipv6, client, server, "text"));
    run(ct, about, true, &nat);
    if (from_client) {
        /* The client complains about what the server answers. */
        struct ct_packet p;

        ovs_assert(parse(about, &p));
        turn_round(about, &p);
        run(ct, about, false, &nat);
    }
    error = make_error(about, is_ipv6, type, code, size);
    damage(in, error);
    if (extract(error, is_ipv6)) {
        if (repairs) {
            repair(error);
        }
        check_error(ct, error);
    }
    dp_packet_delete(about);
    dp_packet_delete(error);
}
FUZZ_REGISTER("ct-error", fuzz_ct_error);
