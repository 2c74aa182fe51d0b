/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "merge/dp-merge.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "random.h"
#include "unaligned.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-packet.h"
#include "pipe/dp-carrier.h"
#include "tests/dptest.h"
#include "tests/merge/merge-flow.h"
#include "tests/merge/merge-world.h"

/* Whatever a merged rule does to any packet that it matches, its way through
 * the tables does the same.
 *
 * A packet is traced through random tables and random connections.  If its
 * way can be merged, many packets that are like it in most fields are made.
 * Those that the rule matches are sent
 *
 *  1. the long way, through a lane that has the megaflows and a tracker;
 *  2. through the same lane when it has only the merged rule, as a megaflow;
 *  3. when it has it as a merged flow, too, which must take those that have no
 *     options, and only them.
 *
 * What the rule does not match, or whose checksum is wrong, must not be taken
 * by the merged flow.
 *
 * The same bytes must leave by the same ports in the same order.  The long way
 * must take no megaflow that was not in the trace (there is no upcall), each
 * must have counted the packet with the length that the rule tells, and the
 * connections must be as they were.
 *
 *     dptest NAME                  some thousand ways, 200 packets each
 *     dptest NAME soak N [SEED [PACKETS]]
 *                                  N ways
 */

enum { N_WAYS = DPTEST_MANY(4000) };

static int n_variants = 200;            /* Packets to be made for a way. */

static unsigned int n_by_why[DP_MERGE_N_WHYS];
static unsigned long long int n_matched, n_missed, n_taken, n_stages_merged[8];
static unsigned long long int n_with_options[2];        /* IPv4, IPv6. */

/* A packet that the rule matches, and what left when it went the long way. */
struct variant {
    struct dp_packet *packet;
    struct ofpbuf sent;
};

static bool
is_sound(const struct merge_world *w, struct dp_packet *packet,
         ovs_be16 dl_type)
{
    struct ct_packet p;

    return ct_packet_parse(&w->ct->secret, packet, dl_type, 0, NULL, &p);
}

static bool
has_options(const struct dp_packet *packet, bool is_ipv6)
{
    const uint8_t *l3 = dp_packet_l3(packet);

    return is_ipv6 ? l3[6] == IPPROTO_HOPOPTS : IP_IHL(l3[0]) > 5;
}

/* Fills 'variants' and returns their number. */
static size_t
make_variants(const struct merge_world *w, const struct flow *sample,
              const struct dp_merge_rule *rule, struct variant *variants)
{
    size_t n = 0;

    for (int i = 0; i < n_variants; i++) {
        struct flow flow = *sample;
        struct dp_packet *packet;

        if (i) {
            merge_flow_change(&flow);
        }
        packet = merge_flow_packet(&flow);
        flow_extract(packet, &flow);
        if (flow_equal_except(&flow, &rule->match.flow, &rule->match.wc)
            && is_sound(w, packet, flow.dl_type)) {
            bool is_ipv6 = flow.dl_type == htons(ETH_TYPE_IPV6);

            n_with_options[is_ipv6] += has_options(packet, is_ipv6);
            variants[n].packet = packet;
            ofpbuf_init(&variants[n].sent, 0);
            n++;
        } else {
            ovs_assert(i);              /* It is the sample's rule. */
            dp_packet_delete(packet);
            n_missed++;
        }
    }
    n_matched += n;
    return n;
}

/* Failures. */

static void
print_way(const struct merge_way *way, const struct dp_merge_rule *rule)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < way->n; i++) {
        const struct dp_merge_stage *s = &way->stages[i];
        struct match match;

        match_init(&match, s->key, s->wc);
        match_format(&match, NULL, &ds, OFP_DEFAULT_PRIORITY);
        ds_put_cstr(&ds, "\n    ");
        format_odp_actions(&ds, s->actions, s->actions_len, NULL);
        ds_put_char(&ds, '\n');
    }
    ds_put_cstr(&ds, "merged: ");
    match_format(&rule->match, NULL, &ds, OFP_DEFAULT_PRIORITY);
    ds_put_cstr(&ds, "\n    ");
    format_odp_actions(&ds, rule->actions.data, rule->actions.size, NULL);
    puts(ds_cstr(&ds));
    ds_destroy(&ds);
}

/* Fails, and tells of which way. */
static void OVS_NO_RETURN
complain(const struct merge_way *way, const struct dp_merge_rule *rule,
         const struct dp_packet *packet, const char *what)
{
    print_way(way, rule);
    ovs_hex_dump(stdout, dp_packet_data(packet), dp_packet_size(packet), 0,
                 false);
    dptest_fail("%s", what);
}

/* The long way. */

/* Finds the megaflows of 'way', which the lane has got. */
static void
find_megaflows(const struct merge_world *w, const struct merge_way *way,
               const struct dp_flow *flows[])
{
    for (size_t i = 0; i < way->n; i++) {
        flows[i] = dp_flow_table_find_key(&w->rig.lane.flows,
                                          &way->of[i].flow);
        ovs_assert(flows[i]);
    }
}

/* What the 'n' 'flows' have counted. */
static void
read_counters(const struct dp_flow *flows[], size_t n,
              struct dpif_flow_stats stats[])
{
    for (size_t i = 0; i < n; i++) {
        dp_flow_get_stats(flows[i], &stats[i]);
    }
}

static void
send_long_way(struct merge_world *w, const struct merge_way *way,
              const struct dp_flow *flows[], const struct dp_merge_rule *rule,
              struct variant *v)
{
    struct dpif_flow_stats before[DP_MERGE_MAX_STAGES];
    struct dpif_flow_stats after[DP_MERGE_MAX_STAGES];
    const unsigned int n_upcalls = w->n_upcalls;

    read_counters(flows, way->n, before);
    ofpbuf_clear(&w->sent);
    merge_world_send(w, dp_packet_clone(v->packet));
    ofpbuf_put(&v->sent, w->sent.data, w->sent.size);
    read_counters(flows, way->n, after);

    if (w->n_upcalls != n_upcalls) {
        complain(way, rule, v->packet, "another megaflow was needed");
    }
    for (size_t i = 0; i < way->n; i++) {
        if (after[i].n_packets != before[i].n_packets + 1
            || after[i].n_bytes != (before[i].n_bytes
                                    + dp_packet_size(v->packet)
                                    + rule->length[i])) {
            complain(way, rule, v->packet, "a stage counts otherwise");
        }
    }
}

static void
send_all_long_way(struct merge_world *w, const struct merge_way *way,
                  const struct dp_merge_rule *rule, struct variant *variants,
                  size_t n)
{
    struct merge_conn_state states[DP_MERGE_MAX_STAGES][8];
    const struct dp_flow *flows[DP_MERGE_MAX_STAGES];

    /* Brings the megaflows. */
    merge_world_send(w, dp_packet_clone(variants[0].packet));
    find_megaflows(w, way, flows);
    for (size_t i = 0; i < way->n; i++) {
        for (size_t j = 0; j < way->stages[i].n_conns; j++) {
            states[i][j] = merge_conn_get_state(way->of[i].met[j].conn);
        }
    }
    for (size_t k = 0; k < n; k++) {
        send_long_way(w, way, flows, rule, &variants[k]);
        for (size_t i = 0; i < way->n; i++) {
            for (size_t j = 0; j < way->stages[i].n_conns; j++) {
                struct merge_conn_state state
                    = merge_conn_get_state(way->of[i].met[j].conn);

                if (memcmp(&state, &states[i][j], sizeof state)) {
                    complain(way, rule, variants[k].packet,
                             "a connection has changed");
                }
            }
        }
    }
}

/* The short one. */

static void
install(struct merge_world *w, const struct dp_merge_rule *rule)
{
    struct dp_lane *lane = &w->rig.lane;
    struct match match = rule->match;
    ovs_u128 ufid;

    dp_lane_flush_flows(lane);
    odp_flow_key_hash(&match, sizeof match, &ufid);
    ovs_mutex_lock(&lane->flows.mutex);
    dp_lane_install__(lane, &match, &ufid, rule->actions.data,
                      rule->actions.size);
    ovs_mutex_unlock(&lane->flows.mutex);
}

static void
print_sent(const char *name, const struct ofpbuf *sent)
{
    puts(name);
    ovs_hex_dump(stdout, sent->data, sent->size, 0, false);
}

static void
send_all_short_way(struct merge_world *w, const struct merge_way *way,
                   const struct dp_merge_rule *rule, struct variant *variants,
                   size_t n)
{
    const unsigned int n_upcalls = w->n_upcalls;

    install(w, rule);
    for (size_t k = 0; k < n; k++) {
        struct variant *v = &variants[k];

        ofpbuf_clear(&w->sent);
        merge_world_send(w, dp_packet_clone(v->packet));
        if (!ofpbuf_equal(&w->sent, &v->sent)) {
            print_sent("long way:", &v->sent);
            print_sent("short way:", &w->sent);
            complain(way, rule, v->packet, "the rule does something else");
        }
    }
    ovs_assert(w->n_upcalls == n_upcalls);
}

/* By first bytes. */

static uint64_t
n_packets(const struct dp_flow *flow)
{
    struct dpif_flow_stats stats;

    dp_flow_get_stats(flow, &stats);
    return stats.n_packets;
}

/* Returns a copy of 'packet' with a bit that is wrong: in layer 4, or, with
 * IPv4, in the checksum of layer 3.  NULL: layer 4 has no checksum. */
static struct dp_packet *
spoil_csum(const struct dp_packet *packet)
{
    struct dp_packet *bad = dp_packet_clone(packet);
    uint8_t *l3 = dp_packet_l3(bad);
    uint8_t *l4 = dp_packet_l4(bad);

    if (l3[0] >> 4 == 4 && random_range(2)) {
        l3[10 + random_range(2)] ^= 1 << random_range(8);
    } else if (l3[0] >> 4 == 4 && l3[9] == IPPROTO_UDP
               && !get_unaligned_be16((const void *) (l4 + 6))) {
        dp_packet_delete(bad);
        return NULL;
    } else {
        l4[dp_packet_l4_size(bad) - 1] ^= 1 << random_range(8);
    }
    return bad;
}

/* Sends 'packet', and returns whether 'merged' took it. */
static bool
is_taken(struct merge_world *w, const struct dp_flow *merged,
         struct dp_packet *packet)
{
    uint64_t before = n_packets(merged);

    ofpbuf_clear(&w->sent);
    merge_world_send(w, packet);
    return n_packets(merged) != before;
}

/* The megaflow that is the rule is there still. */
static void
send_all_by_carrier(struct merge_world *w, const struct merge_way *way,
                    const struct dp_merge_rule *rule,
                    const struct flow *sample, struct variant *variants,
                    size_t n)
{
    bool is_ipv6 = rule->match.flow.dl_type == htons(ETH_TYPE_IPV6);
    struct dp_lane *lane = &w->rig.lane;
    struct dp_flow *merged = dp_carrier.create(lane, rule);

    ovs_assert(merged && dp_carrier.insert(lane, merged));
    for (size_t k = 0; k < n; k++) {
        struct variant *v = &variants[k];
        struct dp_packet *bad = spoil_csum(v->packet);
        bool plain = !has_options(v->packet, is_ipv6);

        if (is_taken(w, merged, dp_packet_clone(v->packet)) != plain) {
            complain(way, rule, v->packet, plain ? "not taken" : "taken");
        }
        if (!ofpbuf_equal(&w->sent, &v->sent)) {
            complain(way, rule, v->packet, "the carrier does something else");
        }
        if (bad && is_taken(w, merged, bad)) {
            complain(way, rule, v->packet, "taken with a wrong checksum");
        }
        n_taken += plain;
    }
    for (int i = 0; i < n_variants / 4; i++) {
        struct flow flow = *sample;
        struct dp_packet *packet;
        bool matches;

        merge_flow_change(&flow);
        packet = merge_flow_packet(&flow);
        flow_extract(packet, &flow);
        matches = flow_equal_except(&flow, &rule->match.flow,
                                    &rule->match.wc);
        if (is_taken(w, merged, packet) && !matches) {
            complain(way, rule, variants[0].packet, "another one was taken");
        }
    }
    atomic_store_relaxed(&merged->dead, true);
    ovs_assert(!is_taken(w, merged, dp_packet_clone(variants[0].packet)));
    dp_carrier.remove(lane, merged);
    dp_flow_unref(merged);
}

/* Ways. */

static void
compare(struct merge_world *w, const struct merge_way *way,
        const struct dp_merge_rule *rule, const struct flow *sample)
{
    struct variant *variants = xmalloc(n_variants * sizeof *variants);
    size_t n = make_variants(w, sample, rule, variants);

    send_all_long_way(w, way, rule, variants, n);
    send_all_short_way(w, way, rule, variants, n);
    send_all_by_carrier(w, way, rule, sample, variants, n);
    for (size_t k = 0; k < n; k++) {
        dp_packet_delete(variants[k].packet);
        ofpbuf_uninit(&variants[k].sent);
    }
    free(variants);
    n_stages_merged[MIN(way->n, ARRAY_SIZE(n_stages_merged) - 1)]++;
}

/* The lane has followed a packet of 'sample', too, and the rule that comes of
 * its trace must be as good as 'rule', the one for 'way', and takes its
 * place.  Two rules may differ in bits that such packets do not have. */
static void
use_trace(struct merge_world *w, const struct merge_way *way,
          const struct flow *sample, struct dp_merge_rule *rule)
{
    struct dp_trace *trace = merge_world_follow(w, sample);
    struct dp_merge_rule traced;

    ovs_assert(trace && trace->n == way->n && !trace->is_cut);
    ovs_assert(!memcmp(&trace->packet, &way->packet, sizeof trace->packet));
    for (size_t i = 0; i < way->n; i++) {
        const struct dp_trace_stage *stage = &trace->stages[i];

        ovs_assert(stage->n_conns == way->stages[i].n_conns);
        for (size_t j = 0; j < stage->n_conns; j++) {
            const struct merge_met *met = &way->of[i].met[j];

            ovs_assert(ct_handle_equal(stage->conns[j].handle,
                                       ct_handle_of(met->conn)));
            ovs_assert(stage->conns[j].reply == met->reply);
        }
    }

    dp_merge_rule_init(&traced);
    ovs_assert(!dp_trace_compose(trace, w->ct, 0, &traced));
    ovs_assert(ofpbuf_equal(&traced.actions, &rule->actions));
    ovs_assert(!memcmp(traced.length, rule->length, sizeof traced.length));
    rule->match = traced.match;
    dp_merge_rule_uninit(&traced);
    dp_trace_destroy(trace);
}

static void
try_one(struct merge_world *w)
{
    struct dp_merge_rule rule;
    enum dp_merge_why why;
    struct merge_way *way = xmalloc(sizeof *way);
    struct flow sample;

    merge_world_renew(w);
    merge_flow_random(&sample);
    merge_world_trace(w, merge_flow_packet(&sample), way);

    dp_merge_rule_init(&rule);
    why = dp_merge_compose(&(struct dp_merge_trace) {
                               .packet = &way->packet,
                               .stages = way->stages,
                               .n_stages = way->n,
                           }, &rule);
    n_by_why[why]++;
    if (!why) {
        use_trace(w, way, &sample, &rule);
        compare(w, way, &rule, &sample);
    }
    dp_merge_rule_uninit(&rule);
    merge_way_uninit(way);
    free(way);
}

static void
test_merge_same_main(int argc, char *argv[])
{
    bool soak = argc > 2 && !strcmp(argv[1], "soak");
    unsigned long long int n = soak ? strtoull(argv[2], NULL, 0) : N_WAYS;
    struct merge_world w;

    random_set_seed(argc > 3 ? atoi(argv[3]) : 1);
    if (argc > 4) {
        n_variants = MAX(atoi(argv[4]), 4);
    }
    merge_world_init(&w);
    for (unsigned long long int i = 0; i < n; i++) {
        try_one(&w);
    }
    merge_world_uninit(&w);

    for (int i = 0; i < DP_MERGE_N_WHYS; i++) {
        if (n_by_why[i]) {
            printf("%8u %s\n", n_by_why[i], dp_merge_why_text(i));
        }
    }
    for (int i = 0; i < ARRAY_SIZE(n_stages_merged); i++) {
        printf("%8llu of %d stages\n", n_stages_merged[i], i);
    }
    printf("%8llu packets the same, %llu not matched, %llu taken by a carrier"
           "\n", n_matched, n_missed, n_taken);

    /* No trace was out of date. */
    ovs_assert(!n_by_why[DP_MERGE_WHY_T_MISFIT]);

    /* It was no test if nothing was merged. */
    ovs_assert(n_by_why[DP_MERGE_WHY_NONE] > n / 10);
    ovs_assert(n_stages_merged[2] && n_stages_merged[3] && n_stages_merged[4]);
    ovs_assert(n_matched > n && n_missed > n && n_taken > n);
    ovs_assert(n_with_options[0] > n && n_with_options[1] > n);
}
DPTEST_REGISTER("merge-same-M1-M2-M3-M4-M5-M6-M7-M8-M10-M14-M18-M19-M20-M21"
                "-M22-M25-M41", test_merge_same_main);
