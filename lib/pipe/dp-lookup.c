/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dp-packet.h"
#include "flow.h"
#include "uuid.h"
#include "flow/dp-log.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-pipe.h"

/* The second stage: finds the flow of each packet that is still undecided.
 *
 * Goes over the burst in passes, so that the loads of all packets are under
 * way before the first is used: extract and prefetch, exact-match cache,
 * signature cache, classifier.  What a later pass finds is put into the caches
 * that missed it. */

static void
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
    unsigned int n_hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_packet *packet = burst->packets[i];
        ovs_be16 dl_type = 0, vlan_tci = 0;     /* Of what is not there, */
        uint8_t nw_frag = 0;                    /* nothing is stored. */
        struct dp_flow *flow;
        uint16_t tcp_flags;

        if (OVS_UNLIKELY(!dp_packet_is_eth(packet))) {
            continue;
        }
        tcp_flags = parse_tcp_flags(packet, &dl_type, &nw_frag, &vlan_tci);
        flow = dp_simple_find(&lane->simple, burst->in_port, dl_type, nw_frag,
                              vlan_tci);
        if (OVS_LIKELY(flow && !dp_flow_is_dead(flow))) {
            dp_burst_decide(burst, i, flow, tcp_flags);
            n_hits++;
        }
    }
    dp_lane_count(lane, PMD_STAT_SIMPLE_HIT, n_hits);
}

static void
extract_keys(struct dp_burst *burst)
{
    size_t n = 0;
    int i;

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

static void
lookup_emc(struct dp_lane *lane, struct dp_burst *burst)
{
    unsigned int n_hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        dp_emc_prefetch(&lane->emc, burst->keys[i]->hash);
    }
    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_flow *flow = dp_emc_find(&lane->emc, burst->keys[i]);

        if (flow) {
            decide_by_key(burst, i, flow);
            n_hits++;
        }
    }
    dp_lane_count(lane, PMD_STAT_EXACT_HIT, n_hits);
}

static void
lookup_smc(struct dp_lane *lane, struct dp_burst *burst, uint32_t emc_min)
{
    unsigned int n_hits = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        struct dp_flow *flow = dp_smc_find(&lane->smc, &lane->flows,
                                           burst->keys[i]);
        if (flow) {
            decide_by_key(burst, i, flow);
            dp_emc_offer(&lane->emc, burst->keys[i], flow, emc_min);
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
        if (!dp_flow_matches(burst->flows[i], burst->keys[i])) {
            VLOG_ERR_RL(&dp_log_rl, "classifier found flow "UUID_FMT
                        ", which does not match the packet",
                        UUID_ARGS((struct uuid *) &burst->flows[i]->ufid));
        }
    }
}

static void
lookup_classifier(struct dp_lane *lane, struct dp_burst *burst,
                  uint32_t emc_min, bool smc)
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
        dp_emc_offer(&lane->emc, burst->keys[i], flow, emc_min);
        if (smc) {
            dp_smc_insert(&lane->smc, &lane->flows, burst->keys[i], flow);
        }
    }
    dp_lane_count(lane, PMD_STAT_MASKED_HIT, count_1bits(found));
    dp_lane_count(lane, PMD_STAT_MASKED_LOOKUP, n_tries);
}

void
dp_lookup_run(struct dp_lane *lane, struct dp_burst *burst)
{
    uint32_t emc_min;
    bool smc;

    if (!burst->undecided) {
        return;
    }
    if (!burst->depth && dp_simple_enabled(&lane->simple, burst->in_port)) {
        lookup_simple(lane, burst);
        if (!burst->undecided) {
            return;
        }
    }

    emc_min = dp_lane_emc_insert_min(lane);
    atomic_read_relaxed(&lane->shared->smc_enable, &smc);
    extract_keys(burst);
    if (emc_min) {
        lookup_emc(lane, burst);
    }
    if (smc && burst->undecided) {
        lookup_smc(lane, burst, emc_min);
    }
    if (burst->undecided) {
        lookup_classifier(lane, burst, emc_min, smc);
    }
}
