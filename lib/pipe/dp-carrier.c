/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-carrier.h"

#include "coverage.h"
#include "dp-packet.h"
#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "util.h"
#include "ct/ct-packet.h"
#include "flow/dp-flow.h"
#include "flow/dp-tuple.h"
#include "merge/dp-merge.h"
#include "offload/dp-offload.h"
#include "offload/dp-rule-place.h"
#include "ovs/ovs-packet-offload.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-order.h"

COVERAGE_DEFINE(dp_merged_hit);
COVERAGE_DEFINE(dp_merged_unsound);

/* Packets. */

/* A burst's packets on the way through the table. */
struct search {
    const struct dp_tuples *table;
    struct dp_tuple tuples[NETDEV_MAX_BURST];
    const struct dp_tuple_bucket *buckets[NETDEV_MAX_BURST];
    const struct dp_tuple_entry *guesses[NETDEV_MAX_BURST];
    struct dp_flow *flows[NETDEV_MAX_BURST];
};

/* Reads the undecided packets, and asks for their buckets.  Returns those that
 * are plain. */
static uint32_t
read_packets(const struct dp_burst *burst, struct search *s)
{
    const struct dp_tuple_buckets *buckets
        = dp_tuple_index_get(&s->table->index);
    uint32_t plain = 0;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->undecided) {
        if (dp_tuple_read(&s->tuples[i], burst->packets[i],
                          burst->in_port)) {
            s->buckets[i] = dp_tuple_buckets_home(buckets,
                                                  s->tuples[i].hash);
            OVS_PREFETCH(s->buckets[i]);
            plain |= UINT32_C(1) << i;
        }
    }
    return plain;
}

/* Guesses which entries 'plain' packets have, and asks for them.  Returns
 * those that may have one. */
static uint32_t
guess_entries(uint32_t plain, struct search *s)
{
    uint32_t found = plain;
    int i;

    ULLONG_FOR_EACH_1 (i, plain) {
        struct dp_tuple_node *node;

        if (OVS_UNLIKELY(!dp_tuple_bucket_guess(s->buckets[i],
                                                s->tuples[i].hash, &node))) {
            found &= ~(UINT32_C(1) << i);
            continue;
        }
        s->guesses[i] = (node
                         ? CONTAINER_OF(node, struct dp_tuple_entry, node)
                         : NULL);
        dp_tuple_entry_prefetch(s->guesses[i]);
    }
    return found;
}

/* Finds the flows of 'found' packets, and asks for them. */
static void
match_packets(const struct dp_burst *burst, uint32_t found, struct search *s)
{
    int i;

    ULLONG_FOR_EACH_1 (i, found) {
        const struct dp_tuple_entry *entry = s->guesses[i];

        s->flows[i] = (OVS_LIKELY(entry
                                  && dp_tuple_entry_matches(entry,
                                                            &s->tuples[i],
                                                            burst->packets[i]))
                       ? entry->flow
                       : dp_tuples_find(s->table, &s->tuples[i],
                                        burst->packets[i]));
        OVS_PREFETCH_WRITE(s->flows[i]);
    }
}

/* Are the checksums sound of 'packet', whose offsets are set? */
static inline bool
are_csums_good(const struct dp_packet *packet, bool is_ipv6)
{
    return (OVS_LIKELY((is_ipv6
                        || ovs_packet_ip_csum(packet) == OVS_CSUM_GOOD)
                       && ovs_packet_l4_csum(packet) == OVS_CSUM_GOOD)
            || ct_packet_csums_are_good(packet, is_ipv6));
}

/* Returns the living flow of packet 'i', or NULL.  Sets the packet's
 * offsets. */
static inline struct dp_flow *
take(const struct dp_burst *burst, const struct search *s, int i)
{
    struct dp_packet *packet = burst->packets[i];
    struct dp_flow *flow = s->flows[i];

    if (OVS_UNLIKELY(flow && dp_flow_is_dead(flow))) {
        flow = dp_tuples_find(s->table, &s->tuples[i], packet);
    }
    if (OVS_UNLIKELY(!flow)) {
        return NULL;
    }
    dp_tuple_set_offsets(&s->tuples[i], packet);
    if (OVS_UNLIKELY(!are_csums_good(packet, s->tuples[i].is_ipv6))) {
        COVERAGE_INC(dp_merged_unsound);
        return NULL;
    }
    return flow;
}

/* A connection's packet that goes the long way, because it has another TTL or
 * a flag, say, takes those behind it along, as far as they are in the same
 * burst, or they would overtake it. */
void
dp_carrier_run(struct dp_lane *lane, struct dp_burst *burst)
{
    uint32_t found, hits = 0;
    struct dp_order order;
    struct search s;
    unsigned int n_hits;
    int i;

    dp_order_init(&order);
    s.table = &lane->merged;
    found = guess_entries(read_packets(burst, &s), &s);
    match_packets(burst, found, &s);
    ULLONG_FOR_EACH_1 (i, found) {
        uint32_t hash = s.tuples[i].hash;
        struct dp_flow *flow = (OVS_LIKELY(!dp_order_has(&order, hash))
                                ? take(burst, &s, i) : NULL);

        if (OVS_LIKELY(flow)) {
            burst->flows[i] = flow;
            burst->tcp_flags[i] = ntohs((OVS_FORCE ovs_be16)
                                        s.tuples[i].tcp_flags);
            hits |= UINT32_C(1) << i;
        } else {
            dp_order_add(&order, hash);
        }
    }
    dp_burst_decide_all(burst, hits);
    n_hits = count_1bits(hits);
    dp_lane_count(lane, PMD_STAT_EXACT_HIT, n_hits);
    COVERAGE_ADD(dp_merged_hit, n_hits);
}

/* Rules. */

static struct dp_flow *
create_flow(void *lane_, const struct dp_merge_rule *rule)
{
    const struct dp_lane *lane = lane_;
    const struct match *match = &rule->match;
    struct dp_flow *flow;
    ovs_u128 ufid;

    if (!dp_tuples_can_hold(match)) {
        return NULL;
    }
    odp_flow_key_hash(&match->flow, sizeof match->flow, &ufid);
    flow = dp_flow_create(&match->flow, dp_mask_create(&match->wc), &ufid,
                          lane->core_id, rule->actions.data,
                          rule->actions.size);
    dp_flow_set_merged(flow);
    return flow;
}

/* Order: who kills the flow stores 'dead', and then looks whether it was
 * offered; so either he sees that, and has it leave at once, or the engine
 * sees that it is dead, and does not put it. */
void
dp_carrier_offer(void *lane_, struct dp_flow *flow)
{
    struct dp_lane *lane = lane_;

    if (lane->marks && dp_offload_is_enabled(lane->shared->offload)) {
        const struct dp_offload_info info = {
            .in_port = flow->in_port,
            .mega_ufid = flow->mega_ufid,
            .kind = DP_OFFLOAD_MERGED,
        };

        dp_flow_ensure_credit(flow);
        atomic_store_relaxed(&flow->offered, true);
        atomic_thread_fence(memory_order_seq_cst);
        dp_offload_flow_put(lane->shared->offload, lane->marks, flow, &info);
    }
}

static bool
insert_flow(void *lane_, struct dp_flow *flow)
{
    struct dp_lane *lane = lane_;

    dp_tuples_insert(&lane->merged, flow);
    dp_carrier_offer(lane, flow);
    return true;
}

void
dp_carrier_withdraw(void *lane_, struct dp_flow *flow)
{
    struct dp_lane *lane = lane_;

    if (dp_flow_is_offered(flow)) {
        struct dpif_flow_stats nic;

        dp_offload_flow_del(lane->shared->offload, lane->marks, flow,
                            &flow->mega_ufid, &nic);
        dp_credit_count(dp_flow_get_credit(flow), nic.n_packets, nic.n_bytes,
                        nic.tcp_flags, nic.used);
    }
}

static void
remove_flow(void *lane_, struct dp_flow *flow)
{
    struct dp_lane *lane = lane_;

    dp_carrier_withdraw(lane, flow);
    dp_tuples_remove(&lane->merged, flow);
}

static void
wait_for_lane(void *lane)
{
    dp_lane_wait(lane);
}

/* NICs. */

static void
get_stats(void *shared_, const struct dp_flow *flow,
          struct dpif_flow_stats *stats)
{
    const struct dp_shared *shared = shared_;

    dp_flow_get_stats(flow, stats);
    if (dp_flow_is_offered(flow)) {
        struct dpif_flow_stats nic;

        dp_offload_flow_get(shared->offload, flow, &flow->mega_ufid, &nic,
                            NULL);
        stats->n_packets += nic.n_packets;
        stats->n_bytes += nic.n_bytes;
        stats->tcp_flags |= nic.tcp_flags;
        stats->used = MAX(stats->used, nic.used);
    }
}

static bool
has_left(void *shared_, const struct dp_flow *flow)
{
    const struct dp_shared *shared = shared_;

    return (!dp_flow_is_offered(flow)
            || !dp_offload_flow_is_known(shared->offload, flow,
                                         &flow->mega_ufid));
}

static uint64_t
start_reading(void *shared_)
{
    const struct dp_shared *shared = shared_;

    return (dp_offload_n_installed(shared->offload)
            ? dp_rule_places_start_reading(shared->offload) : 0);
}

static bool
is_read(void *shared_, uint64_t reading)
{
    const struct dp_shared *shared = shared_;

    return dp_rule_places_are_read(shared->offload, reading);
}

const struct dp_books_carrier dp_carrier = {
    .create = create_flow,
    .insert = insert_flow,
    .remove = remove_flow,
    .wait = wait_for_lane,
    .get_stats = get_stats,
    .has_left = has_left,
    .start_reading = start_reading,
    .is_read = is_read,
};
