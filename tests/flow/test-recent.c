/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-recent.h"

#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* Random packets that come back, against the definition: what is found
 * matches and is alive.  What is offered often enough is found, and nobody
 * keeps a flow that is dead. */

enum { N_FLOWS = 12, N_VALUES = 3, N_ROUNDS = 200000 };

struct rig {
    struct dp_recent recent;
    struct dp_flow *flows[N_FLOWS];     /* One reference is ours. */
    unsigned int n_found, n_died;
};

static void
kill_flow(struct rig *rig, size_t i)
{
    atomic_store_relaxed(&rig->flows[i]->dead, true);
    dp_flow_unref(rig->flows[i]);
    rig->flows[i] = random_dp_flow(N_VALUES);
    rig->n_died++;
}

static struct dp_flow *
find_naively(const struct rig *rig, const struct flow *flow)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        if (naive_match(rig->flows[i], flow)) {
            return rig->flows[i];
        }
    }
    return NULL;
}

static bool
is_alive(const struct rig *rig, const struct dp_flow *flow)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        if (rig->flows[i] == flow) {
            return true;
        }
    }
    return false;
}

/* Finds the flow of 'packet', of which 'key' was extracted, either way. */
static struct dp_flow *
find(const struct rig *rig, struct dp_packet *packet, const struct dp_key *key,
     struct dp_recent_plan *plan)
{
    uint16_t tcp_flags;
    struct dp_flow *found = dp_recent_find_raw(&rig->recent, packet,
                                               &tcp_flags);

    return found ? found : dp_recent_find(&rig->recent, packet, key, plan);
}

static void
check_packet(struct rig *rig, struct dp_packet *packet,
             struct dp_recent_plan *plan)
{
    struct dp_flow *found, *naive;
    struct dp_key key;
    struct flow flow;

    dp_key_extract(&key, packet);
    miniflow_expand(&key.mf, &flow);
    naive = find_naively(rig, &flow);
    found = find(rig, packet, &key, plan);
    if (found) {
        ovs_assert(is_alive(rig, found));
        ovs_assert(naive_match(found, &flow));
        rig->n_found++;
    } else if (naive && !random_range(4)) {
        for (int j = 0; j < DP_RECENT_PATIENCE; j++) {
            dp_recent_offer(&rig->recent, packet, naive);
        }
        ovs_assert(find(rig, packet, &key, plan) == naive);
    } else if (naive) {
        dp_recent_offer(&rig->recent, packet, naive);
    }
}

static void
check_burst(struct rig *rig)
{
    struct dp_recent_plan plan;

    dp_recent_plan_init(&plan);
    for (int i = random_range(32); i >= 0; i--) {
        struct flow described = random_flow(N_VALUES);
        struct dp_packet packet;

        flow_to_packet(&described, &packet);
        check_packet(rig, &packet, &plan);
        dp_packet_uninit(&packet);
    }
}

/* Ports share places, but not flows. */
static void
check_ports(void)
{
    struct flow described = random_flow(N_VALUES), flow;
    ovs_u128 ufid = { .u32 = { 1, 2, 3, 4 } };
    struct rig rig = { .n_found = 0 };
    struct flow_wildcards wc;
    struct dp_packet packet;
    unsigned int n_shared = 0;
    struct dp_flow *dp_flow;
    struct dp_key key;
    size_t place;

    flow_to_packet(&described, &packet);
    dp_key_extract(&key, &packet);
    miniflow_expand(&key.mf, &flow);
    wc = random_mask(&flow);
    dp_flow = dp_flow_create(&flow, dp_mask_create(&wc), &ufid, 0, NULL, 0);

    dp_recent_init(&rig.recent);
    dp_recent_offer(&rig.recent, &packet, dp_flow);
    for (place = 0; !rig.recent.places[place].flow; place++) {
        continue;
    }
    for (uint32_t port_no = 0; port_no < 10000; port_no++) {
        struct dp_recent_plan plan;
        struct dp_raw_passes passes;

        dp_recent_plan_init(&plan);
        packet.md.in_port.odp_port = u32_to_odp(port_no);
        passes = dp_raw_read_passes(&packet.md);
        n_shared += dp_recent_index(&passes) == place;
        dp_key_extract(&key, &packet);
        ovs_assert(find(&rig, &packet, &key, &plan)
                   == (packet.md.in_port.odp_port == dp_flow->in_port
                       ? dp_flow : NULL));
    }
    ovs_assert(n_shared > 1);

    dp_recent_flush(&rig.recent);
    dp_flow_unref(dp_flow);
    dp_packet_uninit(&packet);
}

static void
test_recent_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct rig rig = { .n_found = 0 };

    check_ports();
    dp_recent_init(&rig.recent);
    for (size_t i = 0; i < N_FLOWS; i++) {
        rig.flows[i] = random_dp_flow(N_VALUES);
    }
    for (int i = 0; i < N_ROUNDS / 32; i++) {
        check_burst(&rig);
        if (!random_range(8)) {
            kill_flow(&rig, random_range(N_FLOWS));
        }
        if (!random_range(16)) {
            dp_recent_sweep(&rig.recent);
            for (size_t j = 0; j < DP_RECENT_PLACES; j++) {
                struct dp_flow *flow = rig.recent.places[j].flow;

                ovs_assert(!flow || is_alive(&rig, flow));
            }
        }
    }
    ovs_assert(rig.n_found > N_ROUNDS / 20 && rig.n_died);
    dp_recent_flush(&rig.recent);
    for (size_t i = 0; i < N_FLOWS; i++) {
        ovs_assert(ovs_refcount_read(&rig.flows[i]->ref_cnt) == 1);
        dp_flow_unref(rig.flows[i]);
    }
}
DPTEST_REGISTER("recent", test_recent_main);
