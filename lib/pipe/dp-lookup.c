/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "flow.h"
#include "uuid.h"
#include "flow/dp-log.h"
#include "ovs/ovs-packet-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-carrier.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* The second stage: finds the flow of each packet that is still undecided.
 *
 * Goes over the burst in passes, so that the loads of all packets are under
 * way before the first is used: merged flows, exact-match cache by the
 * packets' first bytes, extract and prefetch, exact-match cache by keys,
 * signature cache, classifier.  What a later pass finds is put into the caches
 * that missed it. */

static inline void
decide_by_key(struct dp_burst *burst, int i, struct dp_flow *flow)
{
    dp_burst_decide(burst, i, flow,
                    flow->can_be_tcp
                    ? miniflow_get_tcp_flags(&burst->keys[i]->mf) : 0);
}

/* Decides packets by a few header fields, see dp-simple.h. */
static void
lookup_simple(struct dp_lane *lane, struct dp_burst *burst)
{
    uint32_t hits = 0;
    uint64_t last_key = UINT64_MAX;     /* No packet's: it has a port. */
    struct dp_flow *flow = NULL;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_packet *packet = burst->packets[i];
        ovs_be16 dl_type, vlan_tci;
        uint16_t tcp_flags;
        uint8_t nw_frag;
        uint64_t key;

        if (OVS_UNLIKELY(!dp_packet_is_eth(packet)
                         || ovs_packet_is_unfinished(packet))) {
            continue;
        }
        tcp_flags = dp_key_peek(packet, &dl_type, &nw_frag, &vlan_tci);
        key = dp_simple_key(burst->in_port, dl_type, nw_frag, vlan_tci);
        if (key != last_key) {
            flow = dp_simple_find(&lane->simple, key);
            last_key = key;
        }
        if (OVS_LIKELY(flow && !dp_flow_is_dead(flow))) {
            burst->flows[i] = flow;
            burst->tcp_flags[i] = tcp_flags;
            hits |= UINT32_C(1) << i;
        }
    }
    dp_burst_decide_all(burst, hits);
    dp_lane_count(lane, PMD_STAT_SIMPLE_HIT, count_1bits(hits));
}

/* Finds packets by their first bytes, see dp-head.h.  Returns those of which
 * the exact-match cache knows nothing. */
static uint32_t
lookup_heads(struct dp_lane *lane, struct dp_burst *burst)
{
    const struct dp_emc_entry *entries[NETDEV_MAX_BURST];
    const struct dp_emc_entry *entry = NULL;
    uint32_t absent = 0, known = 0, hits = 0;
    uint32_t last_hash = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_packet *packet = burst->packets[i];
        uint32_t hash;

        if (OVS_UNLIKELY(!dp_packet_rss_valid(packet))) {
            continue;
        }
        hash = dp_packet_get_rss_hash(packet);
        if (hash != last_hash || !entry) {
            entry = dp_emc_peek(&lane->emc, hash);
            last_hash = hash;
            OVS_PREFETCH(entry);
        }
        entries[i] = entry;
        if (entry) {
            known |= UINT32_C(1) << i;
        } else {
            pkt_metadata_prefetch_init(&packet->md);
            absent |= UINT32_C(1) << i;
        }
    }
    ULLONG_FOR_EACH_1 (i, known) {
        const struct dp_head *head = &entries[i]->head;

        if (dp_head_matches(head, burst->packets[i], burst->in_port)) {
            burst->flows[i] = entries[i]->flow;
            burst->tcp_flags[i] = ntohs((OVS_FORCE ovs_be16) head->tcp_flags);
            OVS_PREFETCH_WRITE(burst->flows[i]);
            hits |= UINT32_C(1) << i;
        }
    }
    ULLONG_FOR_EACH_1 (i, hits) {
        if (OVS_UNLIKELY(dp_flow_is_dead(burst->flows[i]))) {
            hits &= ~(UINT32_C(1) << i);
        }
    }
    dp_burst_decide_all(burst, hits);
    dp_lane_count(lane, PMD_STAT_EXACT_HIT, count_1bits(hits));
    return absent;
}

/* Leaves hashes of packets that came back to hash_keys(). */
static void
extract_keys(struct dp_burst *burst)
{
    size_t n = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->bare & burst->undecided) {
        pkt_metadata_init(&burst->packets[i]->md, burst->in_port);
    }
    burst->bare &= ~burst->undecided;
    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_key *key = &burst->key_store[n++];

        burst->keys[i] = key;
        if (OVS_LIKELY(!burst->depth)) {
            dp_key_extract_fresh(key, burst->packets[i]);
        } else {
            dp_key_extract(key, burst->packets[i]);
        }
    }
}

/* Finds packets that came back, by their bytes, see dp-recent.h. */
static void
lookup_raw(struct dp_lane *lane, struct dp_burst *burst)
{
    unsigned int n_hits;
    uint32_t hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        burst->flows[i] = dp_recent_find_raw(&lane->recent, burst->packets[i],
                                             &burst->tcp_flags[i]);
        if (OVS_LIKELY(burst->flows[i])) {
            hits |= UINT32_C(1) << i;
        }
    }
    dp_burst_decide_all(burst, hits);
    /* One mask was tried for each. */
    n_hits = count_1bits(hits);
    dp_lane_count(lane, PMD_STAT_MASKED_HIT, n_hits);
    dp_lane_count(lane, PMD_STAT_MASKED_LOOKUP, n_hits);
}

/* Likewise, by their keys. */
static void
lookup_recent(struct dp_lane *lane, struct dp_burst *burst)
{
    struct dp_recent_plan plan;
    unsigned int n_hits = 0;
    int i;

    dp_recent_plan_init(&plan);

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_flow *flow = dp_recent_find(&lane->recent,
                                              burst->packets[i],
                                              burst->keys[i], &plan);

        if (OVS_LIKELY(flow)) {
            decide_by_key(burst, i, flow);
            n_hits++;
        }
    }
    dp_lane_count(lane, PMD_STAT_MASKED_HIT, n_hits);
    dp_lane_count(lane, PMD_STAT_MASKED_LOOKUP, n_hits);
}

static void
hash_keys(struct dp_burst *burst)
{
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        burst->keys[i]->hash = dp_key_hash(burst->packets[i], burst->keys[i]);
    }
}

/* Lets those of 'packets' that have been decided be known next time. */
static void
offer_recent(struct dp_lane *lane, const struct dp_burst *burst,
             uint32_t packets)
{
    int i;

    ULLONG_FOR_EACH_1 (i, packets & burst->decided) {
        dp_recent_offer(&lane->recent, burst->packets[i], burst->flows[i]);
    }
}

/* Looks for the keys of 'packets'. */
static void
lookup_emc(struct dp_lane *lane, struct dp_burst *burst, uint32_t packets)
{
    const struct dp_emc_entry *entries[NETDEV_MAX_BURST];
    unsigned int n_hits = 0;
    uint32_t known = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, packets) {
        const struct dp_key *key = burst->keys[i];

        entries[i] = dp_emc_peek(&lane->emc, key->hash);
        if (entries[i]) {
            dp_emc_prefetch(entries[i], key);
            known |= UINT32_C(1) << i;
        }
    }
    ULLONG_FOR_EACH_1 (i, known) {
        const struct dp_key *key = burst->keys[i];
        struct dp_flow *flow = dp_emc_entry_find(entries[i], key);

        if (OVS_UNLIKELY(!flow)) {
            flow = dp_emc_find(&lane->emc, key);
        }
        if (flow) {
            decide_by_key(burst, i, flow);
            n_hits++;
        }
    }
    dp_lane_count(lane, PMD_STAT_EXACT_HIT, n_hits);
}

static void
lookup_smc(struct dp_lane *lane, struct dp_burst *burst, uint32_t emc_inv)
{
    struct dp_flow *guesses[NETDEV_MAX_BURST];
    unsigned int n_hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        dp_smc_prefetch(&lane->smc, burst->keys[i]->hash);
    }
    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        guesses[i] = dp_smc_guess(&lane->smc, &lane->flows, burst->keys[i]);
    }
    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_flow *flow = guesses[i];

        if (flow && (dp_flow_is_dead(flow)
                     || OVS_UNLIKELY(!dp_flow_matches(flow, burst->in_port,
                                                      burst->keys[i])))) {
            flow = dp_smc_find(&lane->smc, &lane->flows, burst->in_port,
                               burst->keys[i]);
        }
        if (flow) {
            decide_by_key(burst, i, flow);
            dp_emc_offer(&lane->emc, burst->keys[i], flow, emc_inv);
            n_hits++;
        }
    }
    dp_lane_count(lane, PMD_STAT_SMC_HIT, n_hits);
}

/* Checks the flows that the classifier found against the packets' keys. */
static void
validate(const struct dp_burst *burst, uint32_t found)
{
    int i;

    ULLONG_FOR_EACH_1 (i, found) {
        if (!dp_flow_matches(burst->flows[i], burst->in_port,
                             burst->keys[i])) {
            VLOG_ERR_RL(&dp_log_rl, "classifier found flow "UUID_FMT
                        ", which does not match the packet",
                        UUID_ARGS((struct uuid *) &burst->flows[i]->ufid));
        }
    }
}

static void
lookup_classifier(struct dp_lane *lane, struct dp_burst *burst,
                  uint32_t emc_inv, bool smc)
{
    const struct dp_cls *cls = dp_flow_table_cls(&lane->flows,
                                                 burst->in_port);
    unsigned int n_tries = 0;
    uint32_t found;
    bool check;
    int i;

    if (!cls) {
        return;
    }
    found = (burst->undecided
             & ~dp_cls_lookup(cls, burst->undecided, burst->keys,
                              burst->flows, &n_tries));
    atomic_read_relaxed(&lane->shared->validate_lookups, &check);
    if (OVS_UNLIKELY(check)) {
        validate(burst, found);
    }
    ULLONG_FOR_EACH_1 (i, found) {
        struct dp_flow *flow = burst->flows[i];

        decide_by_key(burst, i, flow);
        dp_emc_offer(&lane->emc, burst->keys[i], flow, emc_inv);
        if (smc) {
            dp_smc_insert(&lane->smc, &lane->flows, burst->keys[i], flow);
        }
    }
    dp_lane_count(lane, PMD_STAT_MASKED_HIT, count_1bits(found));
    dp_lane_count(lane, PMD_STAT_MASKED_LOOKUP, n_tries);
}

/* Finds those whose keys were extracted. */
static void
lookup_keys(struct dp_lane *lane, struct dp_burst *burst, uint32_t emc_inv,
            uint32_t absent)
{
    bool smc;

    if (emc_inv) {
        lookup_emc(lane, burst, burst->undecided & ~absent);
    }
    atomic_read_relaxed(&lane->shared->smc_enable, &smc);
    if (smc && burst->undecided) {
        lookup_smc(lane, burst, emc_inv);
    }
    if (burst->undecided) {
        lookup_classifier(lane, burst, emc_inv, smc);
    }
}

/* Finds packets that were here before. */
static void
lookup_again(struct dp_lane *lane, struct dp_burst *burst)
{
    uint32_t unknown;

    lookup_raw(lane, burst);
    unknown = burst->undecided;
    if (OVS_LIKELY(!unknown)) {
        return;
    }
    extract_keys(burst);
    lookup_recent(lane, burst);
    if (burst->undecided) {
        hash_keys(burst);
        lookup_keys(lane, burst, dp_lane_emc_insert_inv(lane), 0);
    }
    offer_recent(lane, burst, unknown);
}

void
dp_lookup_run(struct dp_lane *lane, struct dp_burst *burst)
{
    uint32_t absent = 0;
    uint32_t emc_inv;

    if (!burst->undecided) {
        return;
    }
    if (burst->depth) {
        lookup_again(lane, burst);
        return;
    }
    if (OVS_UNLIKELY(dp_tuples_count(&lane->merged))) {
        dp_carrier_run(lane, burst);
        if (!burst->undecided) {
            return;
        }
    }
    if (dp_simple_enabled(&lane->simple, burst->in_port)) {
        lookup_simple(lane, burst);
        if (!burst->undecided) {
            return;
        }
    }

    emc_inv = dp_lane_emc_insert_inv(lane);
    if (emc_inv) {
        absent = lookup_heads(lane, burst);
        if (OVS_LIKELY(!burst->undecided)) {
            return;
        }
    }
    extract_keys(burst);
    lookup_keys(lane, burst, emc_inv, absent);
}
