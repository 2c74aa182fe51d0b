/* SPDX-License-Identifier: Apache-2.0 */

/* What a NIC has counted for a flow is told once, and to that flow: by
 * dp_offload_flow_get(), by dp_offload_flow_del(), or afterwards. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "dpif.h"
#include "offload/dp-rule-place.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "timeval.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

static const struct dp_dummy_config whole = {
    .mark_bits = 24, .whole = true,
};

/* Starts an engine with a port, and a flow of lane 0 that runs whole. */
static struct rig_flow *
begin(struct rig *rig, const struct dp_dummy_config *config)
{
    struct rig_flow *flow;

    rig_init(rig, config, 1);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
    flow = rig_flow_create(PORT1, 1, 4);
    rig_put(rig, 0, flow);
    rig_wait_why(rig, flow, DP_OFFLOAD_WHY_NONE);
    return flow;
}

/* 'n' packets with 'tcp_flags' hit the rule of 'flow'. */
static void
hit_flags(struct rig *rig, const struct rig_flow *flow, uint64_t n,
          uint16_t tcp_flags)
{
    ovs_assert(dp_dummy_nic_hit(rig->nic, PORT1, &flow->mega_ufid, n,
                                n * 100, tcp_flags));
}

static void
hit(struct rig *rig, const struct rig_flow *flow, uint64_t n)
{
    hit_flags(rig, flow, n, 0);
}

/* Waits until 'flow' has 'n' packets from the NIC. */
static void
wait_packets(struct rig *rig, const struct rig_flow *flow, uint64_t n,
             struct dpif_flow_stats *stats)
{
    for (int i = 0; ; i++) {
        dp_offload_flow_get(rig->offload, flow, &flow->mega_ufid, stats, NULL);
        if (stats->n_packets == n && stats->n_bytes == n * 100) {
            return;
        }
        if (i > 10000) {
            dptest_fail("%"PRIu64" packets, not %"PRIu64,
                        stats->n_packets, n);
        }
        xnanosleep(1000 * 1000);
    }
}

/* What is booked between the last look at a flow's counters and its removal
 * is told by the removal. */
static void
test_count_del(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats before, booked, told;
    struct rig_flow *flow, *stranger;
    struct rig rig;

    flow = begin(&rig, &whole);
    hit(&rig, flow, 100);
    dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid, &before, NULL);
    wait_packets(&rig, flow, 100, &booked);
    rig_del_stats(&rig, 0, flow, &told);
    ovs_assert(told.n_packets == 100 && told.n_bytes == 100 * 100);
    ovs_assert(told.used == booked.used && told.used >= before.used);

    /* Nobody is told what another has had. */
    stranger = rig_flow_create(PORT1, 1, 4);
    rig_del_stats(&rig, 0, stranger, &told);
    ovs_assert(!told.n_packets && !told.n_bytes && !told.used);
    rig_flow_destroy(flow);
    rig_flow_destroy(stranger);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-del", test_count_del);

/* Counters are read while they are written: a packet is there before its
 * bytes. */
static void
test_count_torn(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats stats;
    struct rig_flow *flow;
    struct rig rig;

    flow = begin(&rig, &whole);
    hit(&rig, flow, 100);
    ovs_assert(dp_dummy_nic_hit(rig.nic, PORT1, &flow->mega_ufid, 1, 0, 0));
    do {
        dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid, &stats, NULL);
    } while (stats.n_packets < 101);
    ovs_assert(stats.n_bytes == 100 * 100);
    ovs_assert(dp_dummy_nic_hit(rig.nic, PORT1, &flow->mega_ufid, 0, 100, 0));
    wait_packets(&rig, flow, 101, &stats);
    rig_del_stats(&rig, 0, flow, &stats);
    ovs_assert(stats.n_bytes == 101 * 100);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-torn", test_count_torn);

/* Cleared counters begin at 0, not at the NIC's. */
static void
test_count_clear(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats stats;
    struct rig_flow *flow;
    struct rig rig;

    flow = begin(&rig, &whole);
    hit_flags(&rig, flow, 100, TCP_SYN);
    wait_packets(&rig, flow, 100, &stats);
    ovs_assert(stats.tcp_flags == TCP_SYN);
    dp_offload_flow_clear_stats(rig.offload, flow, &flow->mega_ufid);
    dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid, &stats, NULL);
    ovs_assert(!stats.n_packets && !stats.n_bytes && !stats.used);
    ovs_assert(!stats.tcp_flags);
    hit_flags(&rig, flow, 3, TCP_ACK);
    wait_packets(&rig, flow, 3, &stats);
    ovs_assert(stats.tcp_flags == TCP_ACK);
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-clear", test_count_clear);

/* A flow that gets no packets is idle, though the flow of another lane has the
 * same rule, and gets some. */
static void
test_count_used(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats first, other, last;
    struct rig_flow *a, *b;
    struct rig rig;

    a = begin(&rig, &whole);
    hit(&rig, a, 10);
    wait_packets(&rig, a, 10, &first);
    ovs_assert(first.used);

    b = rig_flow_create(PORT1, 1, 4);
    rig_put(&rig, 1, b);
    dp_offload_drain(rig.offload);
    while (time_msec() <= first.used) {
        xnanosleep(1000 * 1000);
    }
    hit(&rig, a, 5);
    wait_packets(&rig, b, 5, &other);
    ovs_assert(other.used > first.used);
    wait_packets(&rig, a, 10, &last);
    ovs_assert(last.used == first.used);

    rig_del(&rig, 0, a);
    rig_del(&rig, 1, b);
    rig_flow_destroy(a);
    rig_flow_destroy(b);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-used", test_count_used);

/* Waits until 'n' packets have been told of too late for flow_del(). */
static void
wait_late(struct rig *rig, uint64_t n)
{
    uint64_t n_late, n_bytes;

    for (int i = 0; ; i++) {
        atomic_read_relaxed(&rig->n_late, &n_late);
        if (n_late == n) {
            break;
        }
        if (i > 10000) {
            dptest_fail("%"PRIu64" packets were late, not %"PRIu64,
                        n_late, n);
        }
        xnanosleep(1000 * 1000);
    }
    atomic_read_relaxed(&rig->n_late_bytes, &n_bytes);
    ovs_assert(n_bytes == n * 100);
}

/* S2: what the NIC forwards between the last reading and the moment when the
 * rule leaves it is told afterwards, and the flow stays as long. */
static void
test_count_late(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats stats;
    struct rig_flow *flow, *heir;
    struct rig rig;
    uint64_t n;

    /* Nobody else has the rule. */
    flow = begin(&rig, &whole);
    dp_dummy_nic_hold(rig.nic, true);
    rig_del_stats(&rig, 0, flow, &stats);
    ovs_assert(!stats.n_packets);
    rig_flow_destroy(flow);
    hit(&rig, flow, 7);
    dp_dummy_nic_hold(rig.nic, false);
    wait_late(&rig, 7);
    dp_offload_drain(rig.offload);
    atomic_read_relaxed(&rig.n_refs, &n);
    ovs_assert(!n);

    /* The flow comes and goes while the rule is on its way. */
    dp_dummy_nic_hold(rig.nic, true);
    flow = rig_flow_create(PORT1, 2, 4);
    rig_put(&rig, 0, flow);
    xnanosleep(20 * 1000 * 1000);
    rig_del(&rig, 0, flow);
    dp_dummy_nic_hold(rig.nic, false);
    dp_offload_drain(rig.offload);
    ovs_assert(!rig_installed(&rig, flow));
    rig_flow_destroy(flow);

    /* The same megaflow comes back before the rule has left: it goes on with
     * the rule, and its counter. */
    flow = rig_flow_create(PORT1, 3, 4);
    heir = rig_flow_create(PORT1, 3, 4);
    rig_put(&rig, 0, flow);
    dp_offload_drain(rig.offload);
    dp_dummy_nic_hold(rig.nic, true);
    rig_del(&rig, 0, flow);
    hit(&rig, flow, 5);
    rig_put(&rig, 1, heir);
    dp_dummy_nic_hold(rig.nic, false);
    wait_packets(&rig, heir, 5, &stats);
    wait_late(&rig, 7);
    rig_del_stats(&rig, 1, heir, &stats);
    ovs_assert(stats.n_packets == 5);
    rig_flow_destroy(flow);
    rig_flow_destroy(heir);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-late-S2", test_count_late);

/* What the NIC has counted before a port is reconfigured is not lost with its
 * rules, whoever has the flow then. */
static void
restart(const struct dp_dummy_config *config)
{
    struct dpif_flow_stats stats;
    struct rig_flow *flow, *gone;
    struct rig rig;

    flow = begin(&rig, config);
    gone = rig_flow_create(PORT1, 2, 4);
    rig_put(&rig, 0, gone);
    dp_offload_drain(rig.offload);
    for (int round = 1; round <= 3; round++) {
        hit(&rig, flow, 9);
        hit(&rig, gone, 4);
        if (round == 3) {
            dp_dummy_nic_hold(rig.nic, true);
            rig_del(&rig, 0, gone);
            dp_dummy_nic_hold(rig.nic, false);
        }
        dp_offload_port_pause(rig.offload, PORT1);
        dp_offload_port_restart(rig.offload, PORT1);
        dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid, &stats, NULL);
        ovs_assert(stats.n_packets == round * 9
                   && stats.n_bytes == round * 900);
        dp_offload_drain(rig.offload);
    }
    ovs_assert(rig_told(&rig) == 3 * 4);

    /* A port that is removed tells, too. */
    hit(&rig, flow, 9);
    dp_offload_port_del(rig.offload, PORT1);
    rig_del_stats(&rig, 0, flow, &stats);
    ovs_assert(stats.n_packets == 4 * 9);
    rig_flow_destroy(flow);
    rig_flow_destroy(gone);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}

static void
test_count_restart(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = whole;

    config.restart = DP_OFFLOAD_LOST;
    restart(&config);
    config.restart = DP_OFFLOAD_STALE;
    restart(&config);
    config.restart = DP_OFFLOAD_LOST;
    config.late = 500;
    restart(&config);
    config.counts_stay = true;
    restart(&config);
}
DPTEST_REGISTER("offload-count-restart", test_count_restart);

/* The same if the NIC has counters that stay for some rules only. */
static void
test_count_mixed(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = whole;
    struct rig_flow *stays, *goes;
    struct dpif_flow_stats stats;
    struct rig rig;

    config.restart = DP_OFFLOAD_LOST;
    config.counts_stay = true;
    stays = begin(&rig, &config);
    for (int round = 1; round <= 2; round++) {
        config.counts_stay = false;
        dp_dummy_nic_set_config(rig.nic, &config);
        goes = rig_flow_create(PORT1, 1 + round, 4);
        rig_put(&rig, 0, goes);
        dp_offload_drain(rig.offload);

        /* From now on they stay again. */
        config.counts_stay = true;
        dp_dummy_nic_set_config(rig.nic, &config);
        hit(&rig, stays, 9);
        hit(&rig, goes, 4);
        if (round == 1) {
            dp_offload_port_restart(rig.offload, PORT1);
        } else {
            dp_offload_port_del(rig.offload, PORT1);
        }
        dp_offload_drain(rig.offload);
        dp_offload_flow_get(rig.offload, stays, &stays->mega_ufid, &stats,
                            NULL);
        ovs_assert(stats.n_packets == round * 9);
        rig_del_stats(&rig, 0, goes, &stats);
        ovs_assert(stats.n_packets == 4);
        rig_flow_destroy(goes);
        dp_offload_drain(rig.offload);
    }
    rig_del(&rig, 0, stays);
    rig_flow_destroy(stays);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-mixed", test_count_mixed);

/* Counters are read when the NIC has told them, not when it was asked: the
 * end of a connection may depend on them. */
static void
test_count_sweep(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig_flow *flow;
    struct rig rig;

    flow = begin(&rig, &whole);
    for (int i = 0; i < 20; i++) {
        struct dpif_flow_stats stats;
        uint64_t sweep;

        dp_dummy_nic_hold(rig.nic, true);
        hit(&rig, flow, 1);
        sweep = dp_rule_places_start_reading(rig.offload);
        while (!dp_dummy_nic_n_held(rig.nic)) {
            xnanosleep(1000 * 1000);
        }
        ovs_assert(!dp_rule_places_are_read(rig.offload, sweep));
        dp_dummy_nic_hold(rig.nic, false);
        while (!dp_rule_places_are_read(rig.offload, sweep)) {
            xnanosleep(1000 * 1000);
        }
        dp_offload_flow_get(rig.offload, flow, &flow->mega_ufid, &stats,
                            NULL);
        ovs_assert(stats.n_packets == i + 1);
    }
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-count-sweep", test_count_sweep);
