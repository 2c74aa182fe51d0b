/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Datagrams in fragments go through the tracker as one packet, and come out as
 * fragments with its state.  Those that do not become whole come out invalid,
 * with whichever packet comes then. */

#include "conntrack.h"

#include <netinet/in.h>

#include "csum.h"
#include "flow.h"
#include "packets.h"
#include "timeval.h"
#include "ovs/ovs-conntrack.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "util.h"

enum {
    FRAGMENT_LEN = 1400,
    N_FRAGMENTS = 2,
    ZONE = 9,
    EXPIRY_MS = 16 * 1000,      /* Expired, and not yet thrown away. */
};

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
make_datagram(bool is_ipv6, bool reply)
{
    struct ct_end a = { 1, 1000 }, b = { 2, 53 };
    char text[FRAGMENT_LEN * N_FRAGMENTS - UDP_HEADER_LEN - 99];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return ct_frame_udp(is_ipv6, reply ? b : a, reply ? a : b, text);
}

static void
run_batch(struct conntrack *ct, struct dp_packet_batch *batch, bool is_ipv6,
          bool commit, long long now)
{
    conntrack_execute(ct, batch, htons(is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
                      false, commit, ZONE, NULL, NULL, OVS_CT_NO_PORTS NULL,
                      NULL, now, 0);
}

/* Sends a long datagram in fragments and returns the state of each. */
static uint8_t
send_fragments(struct conntrack *ct, bool is_ipv6, bool reply)
{
    struct dp_packet *whole = make_datagram(is_ipv6, reply);
    struct dp_packet_batch batch;
    size_t left, ofs = 0;
    uint8_t state;

    dp_packet_batch_init(&batch);
    for (left = dp_packet_l4_size(whole); left; ) {
        size_t n = MIN(left, FRAGMENT_LEN);

        left -= n;
        dp_packet_batch_add(&batch, cut(whole, is_ipv6, ofs, n, left));
        ofs += n;
    }
    run_batch(ct, &batch, is_ipv6, !reply, time_msec());
    ovs_assert(batch.count == N_FRAGMENTS);
    state = batch.packets[0]->md.ct_state;
    ovs_assert(state == batch.packets[1]->md.ct_state);
    dp_packet_delete_batch(&batch, true);
    dp_packet_delete(whole);
    return state;
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
    struct dp_packet *whole = make_datagram(is_ipv6, false);
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

static void
test_ct_frag_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
        struct conntrack *ct = conntrack_init();

        ovs_assert(send_fragments(ct, is_ipv6, false)
                   == (CS_TRACKED | CS_NEW));
        ovs_assert(send_fragments(ct, is_ipv6, true)
                   == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
        check_expired(ct, is_ipv6);
        conntrack_destroy(ct);
    }
}

DPTEST_REGISTER("ct-frag", test_ct_frag_main);
