/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Datagrams in fragments go through the tracker as one packet, and come out as
 * fragments with its state.  Those that do not become whole come out invalid,
 * with whichever packet comes then. */

#include "conntrack.h"

#include <netinet/in.h>

#include "csum.h"
#include "flow.h"
#include "ipf.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"
#include "ct/ct-frag.h"
#include "ovs/ovs-conntrack.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "util.h"

enum {
    FRAGMENT_LEN = 1400,
    N_FRAGMENTS = 2,
    ZONE = 9,
    OUTSIDE = 3,
    OUTSIDE_PORT = 4000,
    EXPIRY_MS = 16 * 1000,      /* Expired, and not yet thrown away. */
};

static const struct ct_end client = { 1, 1000 };
static const struct ct_end server = { 2, 53 };

/* Returns the fragment of 'whole', a UDP packet, that has 'n' bytes from
 * 'ofs' on of its layer 4. */
static struct dp_packet *
cut(const struct dp_packet *whole, bool is_ipv6, size_t ofs, size_t n,
    bool more)
{
    size_t l3_len = is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;
    const char *data = dp_packet_data(whole);
    struct dp_packet *p = dp_packet_new_with_headroom(2048, 64);
    struct flow flow;

    dp_packet_put(p, data, ETH_HEADER_LEN + l3_len);
    if (is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip;
        struct ovs_16aligned_ip6_frag *frag
            = dp_packet_put_zeros(p, sizeof *frag);

        ip = (void *) ((char *) dp_packet_data(p) + ETH_HEADER_LEN);
        frag->ip6f_nxt = ip->ip6_nxt;
        frag->ip6f_offlg = htons(ofs | more);
        put_16aligned_be32(&frag->ip6f_ident, htonl(77));
        ip->ip6_nxt = IPPROTO_FRAGMENT;
        ip->ip6_plen = htons(sizeof *frag + n);
    } else {
        struct ip_header *ip
            = (void *) ((char *) dp_packet_data(p) + ETH_HEADER_LEN);

        ip->ip_tot_len = htons(l3_len + n);
        ip->ip_id = htons(77);
        ip->ip_frag_off = htons(ofs / 8 | (more ? IP_MORE_FRAGMENTS : 0));
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
    }
    dp_packet_put(p, data + ETH_HEADER_LEN + l3_len + ofs, n);
    memset(&p->md, 0xa5, sizeof p->md); /* That of another packet, say. */
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

static struct dp_packet *
make_datagram(bool is_ipv6, struct ct_end src, struct ct_end dst)
{
    char text[FRAGMENT_LEN * N_FRAGMENTS - UDP_HEADER_LEN - 99];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return ct_frame_udp(is_ipv6, src, dst, text);
}

static void
run_batch(struct conntrack *ct, struct dp_packet_batch *batch, bool is_ipv6,
          bool commit, long long now)
{
    conntrack_execute(ct, batch, htons(is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
                      false, commit, ZONE, NULL, NULL, OVS_CT_NO_PORTS NULL,
                      NULL, now, 0);
}

/* Cuts 'whole' up. */
static void
cut_up(const struct dp_packet *whole, bool is_ipv6,
       struct dp_packet_batch *batch)
{
    size_t size = dp_packet_l4_size(whole), n;

    dp_packet_batch_init(batch);
    for (size_t ofs = 0; ofs < size; ofs += n) {
        n = MIN(size - ofs, FRAGMENT_LEN);
        dp_packet_batch_add(batch, cut(whole, is_ipv6, ofs, n,
                                       ofs + n < size));
    }
    ovs_assert(batch->count == N_FRAGMENTS);
}

/* Sends a long datagram in fragments and returns the state of each. */
static uint8_t
send_fragments(struct conntrack *ct, bool is_ipv6, bool reply)
{
    struct dp_packet *whole = make_datagram(is_ipv6, reply ? server : client,
                                            reply ? client : server);
    struct dp_packet_batch batch;
    uint8_t state;

    cut_up(whole, is_ipv6, &batch);
    run_batch(ct, &batch, is_ipv6, !reply, time_msec());
    ovs_assert(batch.count == N_FRAGMENTS);
    state = batch.packets[0]->md.ct_state;
    ovs_assert(state == batch.packets[1]->md.ct_state);
    dp_packet_delete_batch(&batch, true);
    dp_packet_delete(whole);
    return state;
}

/* All fragments of a datagram are translated, not only the first. */
static void
check_translated(struct conntrack *ct, bool is_ipv6)
{
    const struct nat_action_info_t nat = {
        .nat_action = NAT_ACTION_SRC | NAT_ACTION_SRC_PORT,
        .min_addr = ct_frame_addr(is_ipv6, OUTSIDE),
        .max_addr = ct_frame_addr(is_ipv6, OUTSIDE),
        .min_port = OUTSIDE_PORT,
        .max_port = OUTSIDE_PORT,
    };
    struct ct_end outside = { OUTSIDE, OUTSIDE_PORT };
    struct dp_packet *whole = make_datagram(is_ipv6, client, server);
    struct dp_packet *other = make_datagram(is_ipv6, outside, server);
    struct dp_packet_batch batch, want;

    cut_up(whole, is_ipv6, &batch);
    cut_up(other, is_ipv6, &want);
    conntrack_execute(ct, &batch, htons(is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
                      false, true, ZONE + 1, NULL, NULL, OVS_CT_NO_PORTS NULL,
                      &nat, time_msec(), 0);
    ovs_assert(batch.count == N_FRAGMENTS);
    for (int i = 0; i < N_FRAGMENTS; i++) {
        ovs_assert(batch.packets[i]->md.ct_state
                   == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
        ovs_assert(dp_packet_equal(batch.packets[i], want.packets[i]));
    }
    dp_packet_delete_batch(&batch, true);
    dp_packet_delete_batch(&want, true);
    dp_packet_delete(whole);
    dp_packet_delete(other);
}

/* Sends the first fragment of a datagram, and a packet when its time is
 * over. */
static void
check_expired(struct conntrack *ct, bool is_ipv6)
{
    static const union {
        struct ovs_key_ct_tuple_ipv4 ipv4;
        struct ovs_key_ct_tuple_ipv6 ipv6;
    } none;
    struct dp_packet *whole = make_datagram(is_ipv6, client, server);
    long long now = time_msec();
    struct dp_packet_batch batch;
    const struct pkt_metadata *md;

    dp_packet_batch_init_packet(&batch, cut(whole, is_ipv6, 0, FRAGMENT_LEN,
                                            true));
    run_batch(ct, &batch, is_ipv6, false, now);
    ovs_assert(dp_packet_batch_is_empty(&batch));

    dp_packet_batch_init_packet(&batch, whole);
    run_batch(ct, &batch, is_ipv6, false, now + EXPIRY_MS);
    ovs_assert(batch.count == 2 && batch.packets[0] == whole);
    ovs_assert(!(whole->md.ct_state & CS_INVALID));
    md = &batch.packets[1]->md;
    ovs_assert(md->ct_state == (CS_TRACKED | CS_INVALID));
    ovs_assert(md->ct_zone == ZONE && !md->ct_mark && !md->conn);
    ovs_assert(ovs_u128_is_zero(md->ct_label) && !md->ct_orig_tuple_ipv6);
    ovs_assert(!memcmp(&md->ct_orig_tuple, &none, sizeof md->ct_orig_tuple));
    dp_packet_delete_batch(&batch, true);
}

/* Any fragments. */

enum { MIN_FRAGMENT = 400, MAX_PIECES = 200 };

/* A datagram, some of whose fragments may be wrong. */
struct noise {
    bool is_ipv6;
    uint32_t id;
    size_t len;                 /* Of layer 4. */
    size_t piece_len;
};

/* Returns a piece of 'noise', from 'ofs' on. */
static struct dp_packet *
make_piece(const struct noise *noise, size_t ofs, size_t n, bool more,
           size_t more_head)
{
    struct dp_packet *p = dp_packet_new_with_headroom(128, 64);
    struct eth_header *eth = dp_packet_put_zeros(p, sizeof *eth);
    struct udp_header *udp;
    struct flow flow;

    eth->eth_type = htons(noise->is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    if (noise->is_ipv6) {
        size_t len = more_head + sizeof(struct ovs_16aligned_ip6_frag) + n;
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_put_zeros(p, sizeof *ip);
        struct ovs_16aligned_ip6_frag *frag;

        put_16aligned_be32(&ip->ip6_flow, htonl(6u << 28));
        ip->ip6_plen = htons(MIN(len, UINT16_MAX));
        ip->ip6_nxt = more_head ? IPPROTO_HOPOPTS : IPPROTO_FRAGMENT;
        put_16aligned_be32(&ip->ip6_src.be32[3], htonl(1));
        if (more_head) {
            uint8_t *opt = dp_packet_put_zeros(p, more_head);

            opt[0] = IPPROTO_FRAGMENT;
            opt[1] = more_head / 8 - 1;
        }
        frag = dp_packet_put_zeros(p, sizeof *frag);
        frag->ip6f_nxt = IPPROTO_UDP;
        frag->ip6f_offlg = htons(ofs | more);
        put_16aligned_be32(&frag->ip6f_ident, htonl(noise->id));
    } else {
        size_t len;
        struct ip_header *ip;

        more_head = MIN(more_head, 40);
        len = IP_HEADER_LEN + more_head + n;
        ip = dp_packet_put_zeros(p, IP_HEADER_LEN + more_head);
        ip->ip_ihl_ver = IP_IHL_VER(5 + more_head / 4, 4);
        ip->ip_tot_len = htons(MIN(len, UINT16_MAX));
        ip->ip_proto = IPPROTO_UDP;
        ip->ip_id = htons(noise->id);
        ip->ip_frag_off = htons(ofs / 8 | (more ? IP_MORE_FRAGMENTS : 0));
        put_16aligned_be32(&ip->ip_src, htonl(0x0a000001));
        ip->ip_csum = csum(ip, IP_HEADER_LEN + more_head);
    }
    udp = dp_packet_put_zeros(p, n);
    if (!ofs && n >= sizeof *udp) {
        udp->udp_src = htons(1);
        udp->udp_dst = htons(2);
        udp->udp_len = htons(noise->len);
        if (noise->is_ipv6) {
            /* All else is zero: ports, lengths, protocol, last address. */
            uint32_t sum = 1 + 2 + 2 * noise->len + IPPROTO_UDP + 1;

            udp->udp_csum = csum_finish(htonl(sum));
        }
    }
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

/* The same, with headers, padding and a size at random. */
static struct dp_packet *
make_any_piece(const struct noise *noise, size_t ofs, size_t n, bool more)
{
    size_t more_head = random_range(8) ? 0 : 8 * random_range(6);
    struct dp_packet *p = make_piece(noise, ofs, n, more, more_head);
    struct flow flow;

    if (!random_range(8)) {
        dp_packet_put_zeros(p, random_range(64));
    } else if (!random_range(16)) {
        dp_packet_set_size(p, dp_packet_size(p) - random_range(n));
    }
    flow_extract(p, &flow);
    return p;
}

/* Shares 'noise' out to 'pieces'.  Returns their number. */
static size_t
make_pieces(const struct noise *noise, struct dp_packet *pieces[MAX_PIECES])
{
    size_t n_pieces = 0;

    for (size_t ofs = 0; ofs < noise->len && n_pieces < MAX_PIECES;
         n_pieces++) {
        size_t n = MIN(noise->len - ofs, noise->piece_len);
        bool more = ofs + n < noise->len;
        size_t lie = random_range(64) ? 0 : 8 * random_range(200);
        size_t at = MIN(ofs + lie, 65528);

        pieces[n_pieces] = make_any_piece(noise, at, n, more);
        if (random_range(200)) {
            ofs += n;
        }
    }
    for (size_t i = 0; i < n_pieces; i++) {
        size_t j = random_range(4) ? i : random_range(n_pieces);
        struct dp_packet *p = pieces[i];

        pieces[i] = pieces[j];
        pieces[j] = p;
    }
    return n_pieces;
}

static void
check_noise(struct conntrack *ct, int n)
{
    bool moved;

    ipf_set_min_frag(conntrack_ipf_ctx(ct), false, MIN_FRAGMENT);
    ipf_set_min_frag(conntrack_ipf_ctx(ct), true, MIN_FRAGMENT);
    for (int i = 0; i < n; i++) {
        struct noise noise = {
            .is_ipv6 = random_range(2),
            .id = i,
            .len = (random_range(2) ? 1000 + random_range(20000)
                    : 65300 + random_range(600)),
            .piece_len = 8 * (50 + random_range(1000)),
        };
        struct dp_packet *pieces[MAX_PIECES];
        size_t n_pieces = make_pieces(&noise, pieces);

        for (size_t j = 0; j < n_pieces; ) {
            size_t want = 1 + random_range(8);
            struct dp_packet_batch batch;

            dp_packet_batch_init(&batch);
            for (; j < n_pieces && want--; j++) {
                dp_packet_batch_add(&batch, pieces[j]);
            }
            do {
                run_batch(ct, &batch, noise.is_ipv6, true, time_msec());
                moved = batch.count;
                for (size_t k = 0; k < batch.count; k++) {
                    ovs_assert(batch.packets[k]->md.ct_state & CS_TRACKED);
                }
                dp_packet_delete_batch(&batch, true);
                dp_packet_batch_init(&batch);
            } while (moved);
        }
    }
}

/* Sends in fragments what is nearly as long as a datagram may be (Open vSwitch
 * 3.5 reassembles none that is just as long), and then what is longer, whose
 * last fragment nobody waits for. */
static void
check_too_long(struct conntrack *ct, bool is_ipv6)
{
    struct noise noise = { .is_ipv6 = is_ipv6, .id = 1, .piece_len = 8000 };
    size_t max = is_ipv6 ? CT_FRAG_MAX_END : UINT16_MAX - IP_HEADER_LEN;

    for (int i = 0; i < 2; i++) {
        noise.id++;
        noise.len = i ? max + 1 : max - 100;
        for (size_t ofs = 0; ofs < noise.len; ofs += noise.piece_len) {
            size_t n = MIN(noise.len - ofs, noise.piece_len);
            bool more = ofs + n < noise.len;
            struct dp_packet *p = make_piece(&noise, ofs, n, more, 0);
            struct dp_packet_batch batch;

            dp_packet_batch_init_packet(&batch, p);
            run_batch(ct, &batch, is_ipv6, true, time_msec());
            if (more) {
                ovs_assert(dp_packet_batch_is_empty(&batch));
            } else if (i) {
                ovs_assert(batch.count == 1 && batch.packets[0] == p);
                ovs_assert(p->md.ct_state == (CS_TRACKED | CS_INVALID));
            } else {
                ovs_assert(batch.count
                           == DIV_ROUND_UP(noise.len, noise.piece_len));
                ovs_assert(batch.packets[0]->md.ct_state
                           == (CS_TRACKED | CS_NEW));
            }
            dp_packet_delete_batch(&batch, true);
        }
    }
}

static void
test_ct_frag_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
        struct conntrack *ct = conntrack_init();

        ovs_assert(send_fragments(ct, is_ipv6, false)
                   == (CS_TRACKED | CS_NEW));
        ovs_assert(send_fragments(ct, is_ipv6, true)
                   == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
        check_translated(ct, is_ipv6);
        check_expired(ct, is_ipv6);
        check_too_long(ct, is_ipv6);
        check_noise(ct, 300);
        conntrack_destroy(ct);
    }
}

DPTEST_REGISTER("ct-frag", test_ct_frag_main);
