/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "merge/dp-trace.h"

#include <netinet/in.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "ovs-rcu.h"
#include "random.h"
#include "util.h"
#include "ct/ct.h"
#include "ctl/dp-offload-glue.h"
#include "flow/dp-flow.h"
#include "offload/dp-offload.h"
#include "ovs/ovs-flow-compose.h"
#include "pipe/dp-carrier.h"
#include "pipe/dp-follow.h"
#include "pipe/dp-sample.h"
#include "tests/dptest.h"
#include "tests/merge/merge-flow.h"
#include "tests/merge/merge-world.h"

/* Traces as lanes take them, and what becomes of them when something has
 * changed meanwhile. */

/* Returns a trace of which a rule can be made, of a packet that meets a
 * connection and looks like '*sample', which is stored. */
static struct dp_trace *
find_good_sample(struct merge_world *w, struct flow *sample)
{
    for (;;) {
        struct merge_way *way = xmalloc(sizeof *way);
        struct dp_merge_rule rule;
        struct dp_trace *trace;
        bool good;

        merge_world_renew(w);
        merge_flow_random(sample);
        merge_world_trace(w, merge_flow_packet(sample), way);
        merge_way_uninit(way);
        free(way);

        trace = merge_world_follow(w, sample);
        dp_merge_rule_init(&rule);
        good = (trace && trace->stages[0].n_conns
                && !dp_trace_compose(trace, w->ct, 0, &rule));
        dp_merge_rule_uninit(&rule);
        if (good) {
            return trace;
        }
        dp_trace_destroy(trace);
    }
}

static struct dp_trace *
find_good_trace(struct merge_world *w)
{
    struct flow sample;

    return find_good_sample(w, &sample);
}

/* Composes 'trace', which is destroyed, and returns what forbids it. */
static enum dp_merge_why
try_and_destroy(struct merge_world *w, struct dp_trace *trace)
{
    struct dp_merge_rule rule;
    enum dp_merge_why why;

    dp_merge_rule_init(&rule);
    why = dp_trace_compose(trace, w->ct, 0, &rule);
    dp_merge_rule_uninit(&rule);
    dp_trace_destroy(trace);
    return why;
}

static struct conn *
first_conn(struct merge_world *w, const struct dp_trace *trace)
{
    struct conn *conn = ct_handle_find(w->ct,
                                       trace->stages[0].conns[0].handle);

    ovs_assert(conn);
    return conn;
}

/* M35: a connection that has died, whatever has its tuple now.  M36: a
 * megaflow that has new actions, or has gone.  M38: all that, between the
 * trace and the rule. */
static void
test_changed_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct merge_world w;
    struct dp_trace *trace;
    struct dp_lane *lane = &w.rig.lane;
    struct dp_flow *flow;
    struct conn *conn;

    random_set_seed(1);
    merge_world_init(&w);

    trace = find_good_trace(&w);
    flow = trace->stages[trace->n - 1].flow;
    ovs_assert(dp_trace_is_current(trace));
    ovs_mutex_lock(&lane->flows.mutex);
    dp_actions_postpone_free(dp_flow_set_actions(flow, NULL, 0));
    ovs_mutex_unlock(&lane->flows.mutex);
    ovs_assert(!dp_trace_is_current(trace));
    ovs_assert(try_and_destroy(&w, trace) == DP_MERGE_WHY_T_CHANGED);

    trace = find_good_trace(&w);
    flow = trace->stages[trace->n - 1].flow;
    ovs_mutex_lock(&lane->flows.mutex);
    dp_lane_remove(lane, flow, NULL);
    ovs_mutex_unlock(&lane->flows.mutex);
    ovs_assert(!dp_trace_is_current(trace));
    ovs_assert(try_and_destroy(&w, trace) == DP_MERGE_WHY_T_CHANGED);

    trace = find_good_trace(&w);
    conn = first_conn(&w, trace);
    ovs_assert(ct_kill(w.ct, conn, CT_DEATH_FLUSHED));
    ovs_assert(try_and_destroy(&w, trace) == DP_MERGE_WHY_T_CHANGED);

    /* A helper that is found later: the connection says so. */
    trace = find_good_trace(&w);
    ct_conn_set_flags(first_conn(&w, trace), CT_F_FTP);
    ovs_assert(try_and_destroy(&w, trace) == DP_MERGE_WHY_C_HELPER);

    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-changed-M12-M35-M36-M38", test_changed_main);

/* The queue takes as many as it is told, and counts the others. */
static void
test_queue_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_tracer tracer;
    struct dp_trace *traces[5];
    uint64_t n_lost;

    dp_tracer_init(&tracer, 4);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            traces[i] = dp_trace_create(NULL);
            dp_tracer_put(&tracer, traces[i]);
        }
        atomic_read_relaxed(&tracer.n_lost, &n_lost);
        ovs_assert(n_lost == round + 1);
        for (int i = 0; i < 4 - (round == 2); i++) {
            struct dp_trace *trace = dp_tracer_next(&tracer);

            ovs_assert(trace == traces[i]);
            dp_trace_destroy(trace);
        }
        ovs_assert(round == 2 || !dp_tracer_next(&tracer));
    }

    /* A counter does not go back where 32 bits end. */
    atomic_store_relaxed(&tracer.n_lost, UINT32_MAX);
    for (int i = 0; i < 4; i++) {
        dp_tracer_put(&tracer, dp_trace_create(NULL));
    }
    atomic_read_relaxed(&tracer.n_lost, &n_lost);
    ovs_assert(n_lost > UINT32_MAX);
    dp_tracer_uninit(&tracer);          /* Some are left. */
}
DPTEST_REGISTER("merge-queue", test_queue_main);

/* Following. */

/* A packet that is dropped on its way leaves no trace, and the next one is
 * followed as if nothing had been. */
static void
test_lost_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct merge_world w;
    struct dp_lane *lane = &w.rig.lane;

    random_set_seed(1);
    merge_world_init(&w);
    for (int i = 0; i < 20; i++) {
        struct flow sample;
        struct dp_trace *trace = find_good_sample(&w, &sample);
        size_t n = trace->n;

        /* The last megaflow is gone, and nobody answers for it. */
        ovs_mutex_lock(&lane->flows.mutex);
        dp_lane_remove(lane, trace->stages[n - 1].flow, NULL);
        ovs_mutex_unlock(&lane->flows.mutex);
        dp_trace_destroy(trace);
        w.rig.shared.upcalls_enabled = false;
        merge_world_send(&w, merge_flow_packet(&sample));
        w.rig.shared.upcalls_enabled = true;
        ovs_assert(!dp_tracer_next(&w.tracer));

        /* Nor is there a trace if an upcall has decided the packet. */
        merge_world_send(&w, merge_flow_packet(&sample));
        ovs_assert(!dp_tracer_next(&w.tracer));

        merge_world_send(&w, merge_flow_packet(&sample));
        trace = dp_tracer_next(&w.tracer);
        ovs_assert(trace && trace->n == n);
        dp_trace_destroy(trace);
        ofpbuf_clear(&w.sent);
    }
    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-lost", test_lost_main);

/* Adds a megaflow that is like 'flow', but for looking at the TTL, too. */
static struct dp_flow *
add_narrower(struct dp_lane *lane, struct dp_flow *flow)
{
    const struct dp_actions *actions = dp_flow_get_actions(flow);
    struct dp_flow *narrower;
    struct match match;
    ovs_u128 ufid;

    dp_flow_get_match(flow, &match);
    match.wc.masks.nw_ttl = UINT8_MAX;
    random_bytes(&ufid, sizeof ufid);
    ovs_mutex_lock(&lane->flows.mutex);
    narrower = dp_lane_install__(lane, &match, &ufid, actions->nla,
                                 actions->nla_len);
    ovs_mutex_unlock(&lane->flows.mutex);
    return narrower;
}

static uint64_t
n_packets_of(const struct dp_flow *flow)
{
    struct dpif_flow_stats stats;

    dp_flow_get_stats(flow, &stats);
    return stats.n_packets;
}

static void
remove_flow(struct dp_lane *lane, struct dp_flow *flow)
{
    ovs_mutex_lock(&lane->flows.mutex);
    dp_lane_remove(lane, flow, NULL);
    ovs_mutex_unlock(&lane->flows.mutex);
}

/* M39: of two megaflows that a packet is of, the trace has the one that has
 * counted it, and depends on that one only. */
static void
test_overlap_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct merge_world w;
    struct dp_lane *lane = &w.rig.lane;

    random_set_seed(1);
    merge_world_init(&w);
    for (int i = 0; i < 20; i++) {
        struct flow sample;
        struct dp_trace *trace = find_good_sample(&w, &sample);
        struct dp_flow *flows[2] = { trace->stages[0].flow };
        uint64_t before[2];
        bool hit;

        dp_flow_ref(flows[0]);
        dp_trace_destroy(trace);
        flows[1] = add_narrower(lane, flows[0]);
        ovs_assert(flows[1]);
        dp_flow_ref(flows[1]);

        before[0] = n_packets_of(flows[0]);
        before[1] = n_packets_of(flows[1]);
        merge_world_send(&w, merge_flow_packet(&sample));
        trace = dp_tracer_next(&w.tracer);
        ovs_assert(trace);
        hit = n_packets_of(flows[0]) == before[0];
        ovs_assert(n_packets_of(flows[hit]) == before[hit] + 1);
        ovs_assert(trace->stages[0].flow == flows[hit]);
        ovs_assert(dp_trace_is_current(trace));
        remove_flow(lane, flows[!hit]);
        ovs_assert(dp_trace_is_current(trace));
        remove_flow(lane, flows[hit]);
        ovs_assert(!dp_trace_is_current(trace));
        dp_trace_destroy(trace);
        dp_flow_unref(flows[0]);
        dp_flow_unref(flows[1]);
        ofpbuf_clear(&w.sent);
    }
    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-overlap-M39", test_overlap_main);

enum { N_BURSTS = DPTEST_MANY(3000) };

/* Sends a burst of packets by chance. */
static void
send_burst(struct merge_world *w, const struct flow *flows, size_t n)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, merge_flow_packet(&flows[i]));
    }
    pipe_rig_receive(&w->rig, &batch, odp_to_u32(flows[0].in_port.odp_port));
    ofpbuf_clear(&w->sent);
}

/* Is 'trace' of a packet that is among the 'n' that look like 'flows', and
 * does each stage have the megaflow that such a packet meets first? */
static void
check_trace(const struct dp_trace *trace, const struct flow *flows, size_t n)
{
    struct match match;
    bool found = false;

    for (size_t i = 0; i < n && !found; i++) {
        struct dp_packet *packet = merge_flow_packet(&flows[i]);
        struct flow flow;

        flow_extract(packet, &flow);
        dp_packet_delete(packet);
        found = flow_equal(&flow, &trace->packet);
    }
    ovs_assert(found && trace->n);
    dp_flow_get_match(trace->stages[0].flow, &match);
    ovs_assert(flow_equal_except(&trace->packet, &match.flow, &match.wc));
}

/* Bursts of many connections, which no packet changes: whoever is followed is
 * the same packet in all stages, or its trace would not fit together. */
static void
test_follow_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_by_why[DP_MERGE_N_WHYS] = { 0 };
    struct merge_world w;
    unsigned int n_traces = 0;

    random_set_seed(1);
    merge_world_init(&w);
    w.tables.calm = true;
    for (int i = 0; i < N_BURSTS; i++) {
        struct merge_way *way = xmalloc(sizeof *way);
        struct flow flows[NETDEV_MAX_BURST];
        size_t n = 1 + random_range(NETDEV_MAX_BURST);
        struct dp_trace *trace;

        if (i % 10 == 0) {
            merge_world_renew(&w);
        }
        merge_flow_random(&flows[0]);
        for (size_t j = 0; j < n; j++) {
            if (j) {
                flows[j] = flows[j - 1];
                merge_flow_change(&flows[j]);
                flows[j].in_port = flows[0].in_port;
            }
            merge_world_trace(&w, merge_flow_packet(&flows[j]), way);
            merge_way_uninit(way);
        }
        free(way);
        send_burst(&w, flows, n);
        send_burst(&w, flows, n);
        while ((trace = dp_tracer_next(&w.tracer))) {
            check_trace(trace, flows, n);
            n_by_why[try_and_destroy(&w, trace)]++;
            n_traces++;
        }
    }
    for (int i = 0; i < DP_MERGE_N_WHYS; i++) {
        if (n_by_why[i]) {
            printf("%8u %s\n", n_by_why[i], dp_merge_why_text(i));
        }
    }
    ovs_assert(n_traces > N_BURSTS / 2 && n_by_why[DP_MERGE_WHY_NONE]);
    ovs_assert(!n_by_why[DP_MERGE_WHY_T_MISFIT]);
    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-follow-M38", test_follow_main);

/* A connection is due at its 4th packet, or when the user says, and at each
 * power of two after that, until its count stops; who was not looked at stays
 * due. */
static void
test_sample_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_sample *sample = xzalloc(sizeof *sample);
    unsigned int n_due = 0;

    for (int i = 1; i < 100000; i++) {
        bool due = dp_sample_count(sample, 7, 4);

        ovs_assert(due == (i >= 4 && i < 65536 && is_pow2(i)));
        n_due += due;
    }
    ovs_assert(n_due == 14);

    dp_sample_run(sample, 1);
    ovs_assert(dp_sample_count(sample, 7, 4));          /* 32768 again. */
    dp_sample_run(sample, DP_SAMPLE_HALVE_US);
    ovs_assert(!dp_sample_count(sample, 7, 4));
    dp_sample_run(sample, 1 + DP_SAMPLE_HALVE_US);
    ovs_assert(!dp_sample_count(sample, 7, 4));         /* 16385. */

    for (int i = 1; i < 4; i++) {
        ovs_assert(!dp_sample_count(sample, 8, 4));
    }
    for (int i = 0; i < 3; i++) {
        ovs_assert(dp_sample_count(sample, 8, 4));
        dp_sample_defer(sample, 8);
    }
    for (int i = 1; i < 512; i++) {
        ovs_assert(!dp_sample_count(sample, 9, 512));
    }
    ovs_assert(dp_sample_count(sample, 9, 512));
    free(sample);
}
DPTEST_REGISTER("merge-sample", test_sample_main);

/* Sends 'n' packets like 'sample', and returns how many were followed. */
static int
count_followed(struct merge_world *w, const struct flow *sample, int n)
{
    struct dp_trace *trace;
    int n_traces = 0;

    for (int i = 0; i < n; i++) {
        long long int now = w->rig.lane.now;

        while (w->rig.lane.now == now) {
            dp_lane_update_clock(&w->rig.lane);
        }
        merge_world_send(w, merge_flow_packet(sample));
    }
    while ((trace = dp_tracer_next(&w->tracer))) {
        dp_trace_destroy(trace);
        n_traces++;
    }
    return n_traces;
}

/* A lane at work follows packets that can be merged, and not the first ones of
 * a connection. */
static void
test_pick_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct merge_world w;
    struct flow sample;
    struct dp_trace *trace;

    random_set_seed(1);
    merge_world_init(&w);
    w.tables.calm = true;
    do {
        merge_world_renew(&w);
        merge_flow_random(&sample);
        trace = (sample.nw_proto == IPPROTO_TCP
                 && sample.dl_type == htons(ETH_TYPE_IP)
                 ? merge_world_follow(&w, &sample) : NULL);
        dp_trace_destroy(trace);
    } while (!trace);
    dp_follower_destroy(w.rig.lane.follower);
    w.rig.lane.follower = dp_follower_create(&w.tracer, &w.rig.lane, 1);

    /* Packets with options are no candidates, and come by chance. */
    dp_tracer_set_seen(&w.tracer, 4);
    ovs_assert(!count_followed(&w, &sample, 3));
    ovs_assert(count_followed(&w, &sample, 100) >= 3);
    sample.tcp_flags = htons(TCP_SYN);
    ovs_assert(!count_followed(&w, &sample, 100));
    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-pick-M4", test_pick_main);

/* Returns a TCP flow of whose packets a rule can be made, and the rule.
 * Stores the megaflow that they meet first in '*firstp', for the caller to
 * unref. */
static void
find_tcp_rule(struct merge_world *w, struct flow *sample,
              struct dp_merge_rule *rule, struct dp_flow **firstp)
{
    enum dp_merge_why why = 0;

    do {
        struct dp_trace *trace = find_good_sample(w, sample);

        if (why) {
            dp_flow_unref(*firstp);
        }
        *firstp = trace->stages[0].flow;
        dp_flow_ref(*firstp);
        why = (sample->nw_proto == IPPROTO_TCP
               ? dp_trace_compose(trace, w->ct, 0, rule)
               : DP_MERGE_WHY_P_PROTO);
        dp_trace_destroy(trace);
    } while (why);
}

/* Makes 'other' a flow of the same connection of which the rule is not, and
 * which changes nothing.  Returns false if there seems to be none. */
static bool
find_other(const struct flow *sample, const struct dp_merge_rule *rule,
           struct flow *other)
{
    for (int i = 0; i < 100; i++) {
        *other = *sample;
        other->tcp_flags = htons(TCP_ACK | random_range(2) * TCP_PSH
                                 | random_range(2) * TCP_URG);
        other->nw_ttl = random_range(2) ? sample->nw_ttl : 1 + i;
        if (!flow_equal_except(other, &rule->match.flow, &rule->match.wc)) {
            return true;
        }
    }
    return false;
}

/* What a NIC notes in a packet. */
struct nic_notes {
    uint32_t mark;              /* 0: none. */
    bool csums;                 /* It has found them sound... */
    bool bad_ip;                /* ...but not IPv4's, which is wrong. */
};

static void
note(struct dp_packet *packet, const struct flow *flow,
     const struct nic_notes *notes)
{
    dp_packet_reset_offload(packet);    /* Who composed it may have noted. */
    dp_packet_set_rss_hash(packet, flow_hash_5tuple(flow, 0));
    if (notes->mark) {
        dp_packet_set_flow_mark(packet, notes->mark);
    }
    if (notes->csums) {
        *dp_packet_ol_flags_ptr(packet) |= (DP_PACKET_OL_RX_IP_CKSUM_GOOD
                                            | DP_PACKET_OL_RX_L4_CKSUM_GOOD);
    }
    if (notes->bad_ip) {
        struct ip_header *ip = dp_packet_l3(packet);

        ip->ip_csum ^= htons(1);
        *dp_packet_ol_flags_ptr(packet) &= ~DP_PACKET_OL_RX_IP_CKSUM_GOOD;
    }
}

/* Sends a packet of each of 'flows' in one burst, with what a NIC notes, or
 * NULL. */
static void
send_noted(struct merge_world *w, const struct flow flows[2],
           const struct nic_notes *notes)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (int i = 0; i < 2; i++) {
        struct dp_packet *packet = dp_packet_new_with_headroom(128, 128);

        ovs_flow_compose(packet, &flows[i], 64);
        pkt_metadata_init(&packet->md, flows[i].in_port.odp_port);
        if (notes) {
            note(packet, &flows[i], notes);
        }
        dp_packet_batch_add(&batch, packet);
    }
    ofpbuf_clear(&w->sent);
    pipe_rig_receive(&w->rig, &batch,
                     odp_to_u32(flows[0].in_port.odp_port));
}

static void
send_pair(struct merge_world *w, const struct flow flows[2])
{
    send_noted(w, flows, NULL);
}

/* What goes the long way, for a flag or its TTL, is not overtaken by what
 * comes behind it in the same burst: what leaves is what leaves without a
 * rule. */
static void
test_order_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_tries = 0, n_taken = 0;
    struct merge_world w;

    random_set_seed(1);
    merge_world_init(&w);
    while (n_tries < 200) {
        struct dp_merge_rule rule;
        struct dp_flow *first;
        struct flow flows[2];

        dp_merge_rule_init(&rule);
        find_tcp_rule(&w, &flows[1], &rule, &first);
        dp_flow_unref(first);
        if (find_other(&flows[1], &rule, &flows[0])) {
            struct dp_flow *merged = dp_carrier.create(&w.rig.lane, &rule);
            struct dpif_flow_stats stats;
            struct ofpbuf *expect;
            bool is_steady;     /* Each such burst fares alike. */

            for (int i = 0; i < 3; i++) {
                send_pair(&w, flows);           /* Brings megaflows. */
            }
            expect = ofpbuf_clone(&w.sent);
            send_pair(&w, flows);
            is_steady = ofpbuf_equal(&w.sent, expect);
            dp_carrier.insert(&w.rig.lane, merged);
            send_pair(&w, flows);
            ovs_assert(!is_steady || ofpbuf_equal(&w.sent, expect));
            n_tries += is_steady;
            flows[0] = flows[1];
            send_pair(&w, flows);
            dp_flow_get_stats(merged, &stats);
            n_taken += stats.n_packets;
            ofpbuf_delete(expect);
            dp_carrier.remove(&w.rig.lane, merged);
            dp_flow_unref(merged);
        }
        dp_merge_rule_uninit(&rule);
    }
    ovs_assert(n_taken >= 2 * n_tries);
    merge_world_uninit(&w);
}
DPTEST_REGISTER("merge-order-M44", test_order_main);

enum { MARK = 5, FIRST_MARK, UNKNOWN_MARK };

static unsigned int
n_marked(struct merge_world *w)
{
    uint64_t n[PMD_N_STATS];

    pmd_perf_read_counters(&w->rig.lane.perf, n);
    return n[PMD_STAT_PHWOL_HIT];
}

static unsigned int
n_merged(const struct dp_flow *merged)
{
    struct dpif_flow_stats stats;

    dp_flow_get_stats(merged, &stats);
    return stats.n_packets;
}

/* Sends a burst with what a NIC notes, of which 'marked' packets must be found
 * by their marks, and 'taken' by 'merged' in all. */
static void
send_and_count(struct merge_world *w, const struct dp_flow *merged,
               const struct flow flows[2], const struct nic_notes *notes,
               unsigned int marked, unsigned int taken)
{
    unsigned int marked_before = n_marked(w), taken_before = n_merged(merged);

    send_noted(w, flows, notes);
    ovs_assert(n_marked(w) - marked_before == marked);
    ovs_assert(n_merged(merged) - taken_before == taken);
}

/* A NIC that does not know TCP flags nor TTLs marks all packets of a
 * connection. */
static void
check_marks(struct merge_world *w, struct dp_flow *merged,
            const struct flow *sample, const struct flow *other)
{
    const struct nic_notes all = { MARK, true, false };
    const struct nic_notes no_csums = { MARK, false, false };
    const struct nic_notes first = { FIRST_MARK, true, false };
    const struct nic_notes unknown = { UNKNOWN_MARK, true, false };
    struct flow good[2] = { *sample, *sample };
    struct flow late[2] = { *other, *sample };
    struct flow fin[2] = { *sample, *sample };
    struct ofpbuf *expect;

    fin[0].tcp_flags = htons(TCP_ACK | TCP_FIN);
    send_pair(w, good);
    expect = ofpbuf_clone(&w->sent);
    send_and_count(w, merged, good, &all, 2, 2);
    ovs_assert(ofpbuf_equal(&w->sent, expect));
    send_and_count(w, merged, good, &no_csums, 0, 2);
    ovs_assert(ofpbuf_equal(&w->sent, expect));
    send_and_count(w, merged, good, &first, 0, 2);
    ovs_assert(ofpbuf_equal(&w->sent, expect));
    w->rig.lane.mark_found = false;
    send_and_count(w, merged, good, &unknown, 0, 2);
    ovs_assert(ofpbuf_equal(&w->sent, expect));
    ovs_assert(!w->rig.lane.mark_found);
    ofpbuf_delete(expect);
    if (sample->dl_type == htons(ETH_TYPE_IP)) {
        const struct nic_notes bad = { MARK, true, true };

        send_and_count(w, merged, good, &bad, 0, 0);
    }

    /* What the flags forbid to take, what is behind it does not overtake. */
    if (other->nw_ttl == sample->nw_ttl) {
        send_and_count(w, merged, late, &all, 0, 0);
    }
    send_and_count(w, merged, fin, &all, 0, 0);
    ovs_assert(w->rig.lane.mark_found);

    atomic_store_relaxed(&merged->dead, true);
    send_and_count(w, merged, good, &all, 0, 0);
}

/* A mark of a merged flow is believed of packets that the tracker would let
 * pass, and of no others; that of the megaflow where the long way begins, of
 * none. */
static void
test_mark_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_offload_class *classes[] = { NULL };
    const struct dp_offload_glue glue = { .topology = NULL };
    struct dp_offload_env env;
    struct dp_mark_index *marks;
    struct dp_offload *offload;
    struct dp_lane *lane;
    struct merge_world w;

    random_set_seed(1);
    merge_world_init(&w);
    lane = &w.rig.lane;
    dp_offload_glue_env(&glue, &env);
    offload = w.rig.shared.offload = dp_offload_create(&env, classes, 1);
    dp_offload_set_enabled(offload, true);
    lane->marks = dp_offload_lane_create(offload, 0);
    for (int i = 0; i < 200; i++) {
        struct flow sample, other;
        struct dp_merge_rule rule;
        struct dp_flow *first, *merged;

        dp_merge_rule_init(&rule);
        find_tcp_rule(&w, &sample, &rule, &first);
        if (!find_other(&sample, &rule, &other)) {
            other = sample;
            other.nw_ttl++;
        }
        merged = dp_carrier.create(lane, &rule);
        dp_carrier.insert(lane, merged);
        dp_mark_index_set(lane->marks, FIRST_MARK, first, i & 1);
        dp_mark_index_set(lane->marks, MARK, merged, i & 1);
        check_marks(&w, merged, &sample, &other);
        dp_mark_index_clear(lane->marks, MARK, merged);
        dp_mark_index_clear(lane->marks, FIRST_MARK, first);
        dp_flow_unref(first);
        dp_carrier.remove(lane, merged);
        dp_flow_unref(merged);
        dp_merge_rule_uninit(&rule);
    }
    marks = lane->marks;
    merge_world_uninit(&w);
    dp_offload_lane_destroy(offload, marks);
    dp_offload_destroy(offload);
}
DPTEST_REGISTER("merge-mark-M4-M44", test_mark_main);
