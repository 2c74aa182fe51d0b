/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-raw.h"

#include "flow/dp-mask.h"
#include "flow/dp-tuple.h"
#include "odp-util.h"
#include "util.h"

/* The mask is written as a packet has its fields, once more as metadata have
 * them, and read like a packet.  What decides which fields there are at all is
 * added, in full.
 *
 * Fields that no plain packet has are 0 in the keys of all of them.  So the
 * packet that was of the megaflow has told already how they compare. */

enum { METADATA_LEN = offsetof(struct pkt_metadata, tunnel.metadata) };
BUILD_ASSERT_DECL(METADATA_LEN <= UINT8_MAX);
BUILD_ASSERT_DECL((int) DP_TUPLE_MAX_LEN >= (int) DP_RAW_HEAD_LEN);

/* Writes what 'mask' asks of the headers of packets that read 't'. */
static void
write_headers(const struct flow *mask, const struct dp_tuple *t,
              uint8_t bytes[DP_TUPLE_MAX_LEN])
{
    uint8_t *l3 = bytes + t->l3_ofs;

    dp_tuple_write_headers(mask, t->l3_ofs, t->is_ipv6, bytes);
    for (size_t ofs = ETH_HEADER_LEN - 2; ofs < t->l3_ofs;
         ofs += VLAN_HEADER_LEN) {
        bytes[ofs] = bytes[ofs + 1] = 0xff;     /* Type of what follows. */
    }
    if (t->is_ipv6) {
        l3[0] |= 0xf0;          /* Version. */
        l3[6] = 0xff;           /* Protocol. */
    } else {
        l3[0] = 0xff;           /* Version, and no options. */
        l3[6] |= 0x3f;          /* No fragment. */
        l3[7] = 0xff;
        l3[9] = 0xff;           /* Protocol. */
    }
}

/* Reads headers that begin at 'data', or the mask of such. */
static void
read_headers(const uint8_t *data, const struct dp_tuple *t,
             uint64_t words[DP_RAW_HEADER_WORDS])
{
    size_t i;

    for (i = 0; i < DP_RAW_HEAD_WORDS; i++) {
        words[i] = dp_load64(data + 8 * i);
    }
    for (const uint8_t *p = data + t->l4_ofs - 8 * (DP_RAW_IPV6_WORDS - 1);
         i < DP_RAW_HEADER_WORDS; i++, p += 8) {
        words[i] = dp_load64(p);
    }
}

/* Does 'mask' ask for the original tuple? */
static bool
asks_for_tuple(const struct flow *mask)
{
    return (mask->ct_nw_proto || mask->ct_tp_src || mask->ct_tp_dst
            || mask->ct_nw_src || mask->ct_nw_dst
            || ipv6_addr_is_set(&mask->ct_ipv6_src)
            || ipv6_addr_is_set(&mask->ct_ipv6_dst));
}

/* Writes what 'mask' asks of it in 'md'. */
static void
write_tuple(const struct flow *mask, bool is_ipv6, struct pkt_metadata *md)
{
    memset(&md->ct_orig_tuple_ipv6, 0xff, sizeof md->ct_orig_tuple_ipv6);
    if (is_ipv6) {
        md->ct_orig_tuple.ipv6 = (struct ovs_key_ct_tuple_ipv6) {
            .ipv6_src = mask->ct_ipv6_src,
            .ipv6_dst = mask->ct_ipv6_dst,
            .src_port = mask->ct_tp_src,
            .dst_port = mask->ct_tp_dst,
            .ipv6_proto = UINT8_MAX,
        };
    } else {
        md->ct_orig_tuple.ipv4 = (struct ovs_key_ct_tuple_ipv4) {
            .ipv4_src = mask->ct_nw_src,
            .ipv4_dst = mask->ct_nw_dst,
            .src_port = mask->ct_tp_src,
            .dst_port = mask->ct_tp_dst,
            .ipv4_proto = UINT8_MAX,
        };
    }
}

/* Writes what 'mask' asks of the metadata of packets like one with 'md',
 * beyond struct dp_raw_passes.  'bytes' is a struct pkt_metadata, but for what
 * it has behind METADATA_LEN. */
static void
write_more(const struct flow *mask, bool is_ipv6,
           const struct pkt_metadata *md, struct pkt_metadata *bytes)
{
    memset(bytes, 0, METADATA_LEN);
    bytes->skb_priority = mask->skb_priority;
    bytes->pkt_mark = mask->pkt_mark;
    if (md->ct_state) {
        bytes->ct_label = mask->ct_label;
        if (asks_for_tuple(mask)) {
            write_tuple(mask, is_ipv6, bytes);
        }
    }
    if (flow_tnl_dst_is_set(&md->tunnel)) {
        memcpy(&bytes->tunnel, &mask->tunnel,
               offsetof(struct flow_tnl, metadata));
    }
}

/* Stores the words of 'bits' that are not 0, with what 'md' has there.
 * Returns false if they are too many. */
static bool
make_more(struct dp_raw *raw, const struct pkt_metadata *bits,
          const struct pkt_metadata *md)
{
    raw->n_more = 0;
    for (size_t ofs = 0; ofs < METADATA_LEN; ofs += 8) {
        uint64_t mask = dp_load64((const uint8_t *) bits + ofs);
        uint64_t value = dp_load64((const uint8_t *) md + ofs);

        if (mask) {
            if (raw->n_more == DP_RAW_MORE_WORDS) {
                return false;
            }
            raw->more_ofs[raw->n_more] = ofs;
            raw->more[raw->n_more++] = (struct dp_raw_word) {
                .bits = mask,
                .value = value & mask,
            };
        }
    }
    return true;
}
BUILD_ASSERT_DECL(METADATA_LEN % 8 == 0);

static void
make_passes(struct dp_raw *raw, const struct flow *mask,
            const struct pkt_metadata *md)
{
    struct dp_raw_passes passes = dp_raw_read_passes(md);
    struct pkt_metadata bits = {
        .dp_hash = mask->dp_hash,
        .recirc_id = mask->recirc_id,
        .ct_mark = mask->ct_mark,
        .ct_zone = mask->ct_zone,
        .ct_state = UINT8_MAX,
    };
    struct dp_raw_passes masks = dp_raw_read_passes(&bits);

    raw->in_port = passes.in_port;
    raw->round = (struct dp_raw_word) {
        .bits = masks.round,
        .value = passes.round & masks.round,
    };
    raw->ct = (struct dp_raw_word) {
        .bits = masks.ct,
        .value = passes.ct & masks.ct,
    };
}

static void
make_headers(struct dp_raw *raw, const struct flow *mask,
             const struct dp_tuple *t, const struct dp_packet *packet)
{
    uint8_t headers[DP_TUPLE_MAX_LEN];

    write_headers(mask, t, headers);
    read_headers(headers, t, raw->bits);
    read_headers(dp_packet_data(packet), t, raw->values);
    for (size_t i = 0; i < DP_RAW_HEADER_WORDS; i++) {
        raw->values[i] &= raw->bits[i];
    }
    raw->l3_ofs = t->l3_ofs;
    raw->l4_ofs = t->l4_ofs;
    raw->n_tags = (t->l3_ofs - ETH_HEADER_LEN) / VLAN_HEADER_LEN;
    raw->is_ipv6 = t->is_ipv6;
    raw->is_tcp = t->is_tcp;
    raw->tcp_flags_bits = mask->tcp_flags & htons(0x0fff);
    raw->tcp_flags = ((OVS_FORCE ovs_be16) t->tcp_flags
                      & raw->tcp_flags_bits);
}

void
dp_raw_make(struct dp_raw *raw, const struct dp_mask *mask,
            struct dp_packet *packet)
{
    bool is_tunnelled = dp_raw_is_tunnelled(&packet->md);
    struct pkt_metadata more;
    struct flow_wildcards wc;
    struct dp_tuple t;
    size_t headers_len;

    dp_raw_init(raw);
    if (!dp_tuple_read(&t, packet, ODPP_NONE)) {
        return;
    }
    headers_len = t.l4_ofs + (t.is_tcp ? TCP_HEADER_LEN : UDP_HEADER_LEN);
    dp_mask_expand(mask, &wc);
    if (dp_packet_size(packet) < DP_RAW_HEAD_LEN
        || (is_tunnelled && !is_all_zeros(&wc.masks.tunnel.metadata,
                                          sizeof wc.masks.tunnel.metadata))) {
        return;
    }
    write_more(&wc.masks, t.is_ipv6, &packet->md, &more);
    if (!make_more(raw, &more, &packet->md)) {
        return;
    }
    make_passes(raw, &wc.masks, &packet->md);
    make_headers(raw, &wc.masks, &t, packet);
    raw->is_tunnelled = is_tunnelled;
    raw->is_rare = raw->n_tags || raw->n_more;
    raw->min_l3_size = headers_len - t.l3_ofs;
    raw->min_size = MAX(DP_RAW_HEAD_LEN, headers_len);
}
