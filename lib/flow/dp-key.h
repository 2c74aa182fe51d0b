/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_KEY_H
#define DP_KEY_H 1

/* dp-key: packet keys
 * ===================
 *
 * Job.  Hold what full extraction says of one packet: a miniflow with its
 * values right behind it, and a hash that is the same for all packets of a
 * transport connection at the same recirculation.
 *
 * Owns.  Nothing: a key lives in the burst of the thread that fills it.
 *
 * Thread-safety.  None needed; a key has one user.
 *
 * Cost.  Extraction, and for a packet without a NIC's RSS hash one 5-tuple
 * hash. */

#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "hash.h"

struct dp_key {
    uint32_t hash;              /* Connection and recirculation. */
    uint32_t n_values;          /* Number of used elements of 'values'. */
    const struct dp_packet *plain;  /* The packet, if its head (dp-head.h) says
                                     * the same, or NULL. */
    struct miniflow mf;         /* Must stand right before 'values'. */
    uint64_t values[FLOW_U64S + 1]; /* One more, see dp_mask_gather(). */
};
BUILD_ASSERT_DECL(offsetof(struct dp_key, values)
                  == offsetof(struct dp_key, mf) + sizeof(struct miniflow));

/* Returns the hash for 'key', extracted from 'packet'.  A packet that comes
 * from a port gets a 5-tuple hash as its RSS hash if the NIC gave none, so
 * that later 'hash' actions and other passes need not compute it again.  In a
 * later pass the recirculation ID is mixed in, because the same connection
 * has one entry per pass in the caches. */
static inline uint32_t
dp_key_hash(struct dp_packet *packet, const struct dp_key *key)
{
    uint32_t hash;

    if (OVS_LIKELY(dp_packet_rss_valid(packet))) {
        hash = dp_packet_get_rss_hash(packet);
    } else {
        hash = miniflow_hash_5tuple(&key->mf, 0);
        dp_packet_set_rss_hash(packet, hash);
    }
    return (OVS_LIKELY(!packet->md.recirc_id)
            ? hash : hash_2words(hash, packet->md.recirc_id));
}

/* Returns the RSS hash of 'packet', which nobody may have parsed. */
static inline uint32_t
dp_key_rss_hash(struct dp_packet *packet)
{
    if (OVS_UNLIKELY(!dp_packet_rss_valid(packet))) {
        struct flow flow;

        flow_extract(packet, &flow);
        dp_packet_set_rss_hash(packet, flow_hash_5tuple(&flow, 0));
    }
    return dp_packet_get_rss_hash(packet);
}

void dp_key_extract(struct dp_key *, struct dp_packet *);
void dp_key_extract_fresh(struct dp_key *, struct dp_packet *);
uint16_t dp_key_tcp_flags(struct dp_packet *, ovs_be16 *dl_type,
                          uint8_t *nw_frag, ovs_be16 *vlan_tci);
uint16_t dp_key_peek_tcp_flags(struct dp_packet *);
uint16_t dp_key_peek(struct dp_packet *, ovs_be16 *dl_type, uint8_t *nw_frag,
                     ovs_be16 *vlan_tci);

/* Fills 'key' from 'flow', for a lookup that no packet asks for. */
static inline void
dp_key_from_flow(struct dp_key *key, const struct flow *flow)
{
    uint64_t *value = key->values;
    size_t idx;

    miniflow_map_init(&key->mf, flow);
    FLOWMAP_FOR_EACH_INDEX (idx, key->mf.map) {
        *value++ = flow_u64_value(flow, idx);
    }
    key->n_values = value - key->values;
    key->plain = NULL;
    key->hash = flow_hash_5tuple(flow, 0);
    if (flow->recirc_id) {
        key->hash = hash_2words(key->hash, flow->recirc_id);
    }
}

#endif /* dp-key.h */
