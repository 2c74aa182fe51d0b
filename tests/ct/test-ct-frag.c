/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Datagrams in fragments go through the tracker as one packet, and come out as
 * fragments with its state. */

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

enum { FRAGMENT_LEN = 1400, N_FRAGMENTS = 2 };

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
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

/* Sends a long datagram in fragments and returns the state of each. */
static uint8_t
send_fragments(struct conntrack *ct, bool is_ipv6, bool reply)
{
    struct ct_end a = { 1, 1000 }, b = { 2, 53 };
    char text[FRAGMENT_LEN * N_FRAGMENTS - UDP_HEADER_LEN - 99];
    struct dp_packet_batch batch;
    struct dp_packet *whole;
    size_t left, ofs = 0;
    uint8_t state;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    whole = ct_frame_udp(is_ipv6, reply ? b : a, reply ? a : b, text);
    dp_packet_batch_init(&batch);
    for (left = dp_packet_l4_size(whole); left; ) {
        size_t n = MIN(left, FRAGMENT_LEN);

        left -= n;
        dp_packet_batch_add(&batch, cut(whole, is_ipv6, ofs, n, left));
        ofs += n;
    }
    conntrack_execute(ct, &batch, htons(is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
                      false, !reply, 9, NULL, NULL, OVS_CT_NO_PORTS NULL, NULL,
                      time_msec(), 0);
    ovs_assert(batch.count == N_FRAGMENTS);
    state = batch.packets[0]->md.ct_state;
    ovs_assert(state == batch.packets[1]->md.ct_state);
    dp_packet_delete_batch(&batch, true);
    dp_packet_delete(whole);
    return state;
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
        conntrack_destroy(ct);
    }
}

DPTEST_REGISTER("ct-frag", test_ct_frag_main);
