/* SPDX-License-Identifier: Apache-2.0 */

/* Rebalancing in the engine, against the NIC in memory. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include <stdlib.h>

#include "dpif.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-places-show.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "random.h"
#include "rebalance/dp-rebalance.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "timeval.h"
#include "util.h"

#define PORT1 u32_to_odp(1)
#define PORT2 u32_to_odp(2)
#define N_FLOWS 200
#define N_PLACES 20
#define INTERVAL_MS 20

struct scene {
    struct rig rig;
    struct dp_rebalance *rebalance;
    struct rig_flow *flows[N_FLOWS];
    uint64_t sent[N_FLOWS];
    uint64_t rates[N_FLOWS];            /* Packets per millisecond. */
};

static void
scene_configure(struct scene *s, bool enabled, uint32_t min_pps)
{
    const struct dp_places_config config = {
        .rebalance = enabled,
        .interval_ms = INTERVAL_MS,
        .min_pps = min_pps,
    };

    dp_rebalance_configure(s->rebalance, &config);
}

/* Flow i is in port 1 + i % 'n_ports', and can run whole if 'whole'. */
static struct scene *
scene_create(const struct dp_dummy_config *config, unsigned int n_ports,
             unsigned int n_workers)
{
    struct scene *s = xzalloc(sizeof *s);

    rig_init(&s->rig, config, n_workers);
    s->rebalance = dp_rebalance_create(s->rig.offload);
    scene_configure(s, true, 0);
    ovs_assert(dp_offload_set_enabled(s->rig.offload, true));
    for (unsigned int i = 0; i < n_ports; i++) {
        ovs_assert(!dp_offload_port_add(s->rig.offload, u32_to_odp(1 + i),
                                        NULL));
    }
    for (size_t i = 0; i < N_FLOWS; i++) {
        s->flows[i] = rig_flow_create(u32_to_odp(1 + i % n_ports), i, 4);
    }
    return s;
}

static void
scene_put(struct scene *s)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        rig_put(&s->rig, i % RIG_N_LANES, s->flows[i]);
    }
    dp_offload_drain(s->rig.offload);
}

static void
scene_destroy(struct scene *s)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        rig_del(&s->rig, i % RIG_N_LANES, s->flows[i]);
        rig_flow_destroy(s->flows[i]);
    }
    while (dp_offload_n_rules(s->rig.offload)) {    /* Removals may fail. */
        xnanosleep(1000 * 1000);
    }
    dp_rebalance_destroy(s->rebalance);
    rig_uninit(&s->rig);
    free(s);
}

/* Lets packets of 'ms' milliseconds arrive: those of a whole rule are counted
 * by the NIC, others by software. */
static void
scene_send(struct scene *s, size_t i, uint64_t ms)
{
    struct rig_flow *flow = s->flows[i];
    uint64_t n = s->rates[i] * ms, orig;

    s->sent[i] += n;
    if (!n || (!rig_is_marked(&s->rig, flow)
               && dp_dummy_nic_hit(s->rig.nic, flow->in_port,
                                   &flow->mega_ufid, n, n, 0))) {
        return;
    }
    atomic_add_relaxed(&flow->n_packets, n, &orig);
}

static void
scene_run(struct scene *s, unsigned int ms)
{
    uint64_t start_us = dp_offload_now_us(), done_ms = 0;

    while (done_ms < ms) {
        uint64_t now_ms = (dp_offload_now_us() - start_us) / 1000;

        for (size_t i = 0; i < N_FLOWS; i++) {
            scene_send(s, i, now_ms - done_ms);
        }
        done_ms = now_ms;
        xnanosleep(1000 * 1000);
    }
}

/* Number of flows from 'from' to before 'to' that are in the NIC. */
static size_t
scene_count(struct scene *s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        n += rig_installed(&s->rig, s->flows[i]);
    }
    return n;
}

/* Runs until at least 'n' of the flows 'from' to 'to' are in the NIC. */
static void
scene_wait(struct scene *s, size_t from, size_t to, size_t n)
{
    for (int i = 0; scene_count(s, from, to) < n; i++) {
        if (i > 1000) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            dp_offload_format_show(s->rig.offload, &ds);
            dptest_fail("%"PRIuSIZE" of %"PRIuSIZE" flows are in the NIC:\n%s",
                        scene_count(s, from, to), n, ds_cstr(&ds));
        }
        scene_run(s, INTERVAL_MS / 2);
    }
}

static void
scene_set_rates(struct scene *s, size_t hot, size_t n_hot)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        s->rates[i] = i >= hot && i < hot + n_hot ? 100 : 1;
    }
}

/* Nothing that was sent is lost, nothing is counted twice. */
static void
scene_check_stats(struct scene *s)
{
    for (size_t i = 0; i < N_FLOWS; i++) {
        const struct rig_flow *flow = s->flows[i];
        struct dpif_flow_stats stats;
        uint64_t n;

        for (int j = 0; ; j++) {
            dp_offload_flow_get(s->rig.offload, flow, &flow->mega_ufid,
                                &stats, NULL);
            atomic_read_relaxed(&CONST_CAST(struct rig_flow *,
                                            flow)->n_packets, &n);
            ovs_assert(n + stats.n_packets <= s->sent[i]);
            if (n + stats.n_packets == s->sent[i]) {
                break;
            }
            ovs_assert(j < 5000);
            xnanosleep(1000 * 1000);
        }
    }
}

/* Returns 0 for what is not known. */
static uint64_t
scene_figure(struct scene *s, const char *name)
{
    struct json *json = dp_places_json(s->rig.offload);
    const struct json *tables = shash_find_data(json_object(json), "tables");
    const struct json *table = json_array(tables)->elems[0];
    const struct json *figure = shash_find_data(json_object(table), name);
    uint64_t value = figure ? json_integer(figure) : 0;

    json_destroy(json);
    return value;
}

/* The hot flows come, the others leave, and again when others are hot; what
 * was sent is what is counted. */
static void
run_hot(const struct dp_dummy_config *config, unsigned int n_ports,
        unsigned int n_workers)
{
    struct scene *s;
    uint64_t n_full, n_probes;

    s = scene_create(config, n_ports, n_workers);
    scene_set_rates(s, 150, N_PLACES - 4);
    scene_put(s);
    scene_wait(s, 150, 150 + N_PLACES - 4, N_PLACES - 4);
    n_full = scene_figure(s, "no_room");
    n_probes = scene_figure(s, "probes");
    scene_set_rates(s, 60, N_PLACES - 4);
    scene_wait(s, 60, 60 + N_PLACES - 4, N_PLACES - 4);
    ovs_assert(scene_figure(s, "moved_in") >= N_PLACES);

    /* Who comes finds a place. */
    n_full = scene_figure(s, "no_room") - n_full;
    n_probes = scene_figure(s, "probes") - n_probes;
    ovs_assert(n_full <= n_probes + 1);
    scene_configure(s, false, 0);
    dp_offload_drain(s->rig.offload);
    scene_check_stats(s);
    dp_offload_check(s->rig.offload);
    scene_destroy(s);
}

static const struct dp_dummy_config small = {
    .mark_bits = 24, .capacity = N_PLACES,
};

static void
test_hot(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;

    run_hot(&config, 1, 1);
    config.whole = true;
    run_hot(&config, 1, 3);
    config.shared = true;
    run_hot(&config, 2, 2);
}
DPTEST_REGISTER("rebalance-hot", test_hot);

/* The NIC fails, is late and slow. */
static void
test_hot_faults(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;

    config.whole = true;
    config.put_busy = 100;
    config.del_failed = 100;
    config.late = 300;
    config.delay_us = 200;
    run_hot(&config, 1, 2);
}
DPTEST_REGISTER("rebalance-hot-faults", test_hot_faults);

/* Full is noticed, and so is that there is more room, little or much. */
static void
test_full(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct scene *s;
    struct dp_dummy_config config = small;
    struct ds ds = DS_EMPTY_INITIALIZER;
    uint64_t n_puts;

    /* The NIC does not tell how much it holds. */
    config.hidden = true;
    s = scene_create(&config, 1, 2);
    scene_put(s);
    while (scene_figure(s, "places") != N_PLACES) {
        xnanosleep(1000 * 1000);
    }
    ovs_assert(scene_figure(s, "used") == N_PLACES);
    dp_offload_format_show(s->rig.offload, &ds);
    ovs_assert(strstr(ds_cstr(&ds), ", full "));
    ds_destroy(&ds);

    /* Who waits does not ask the NIC. */
    n_puts = dp_dummy_nic_n_puts(s->rig.nic);
    for (int i = 0; i < 50; i++) {
        struct rig_flow *flow = rig_flow_create(PORT1, N_FLOWS + i, 4);

        rig_put(&s->rig, 0, flow);
        rig_wait_why(&s->rig, flow, DP_OFFLOAD_WHY_WAITS);
        rig_del(&s->rig, 0, flow);
        rig_flow_destroy(flow);
    }
    ovs_assert(dp_dummy_nic_n_puts(s->rig.nic) == n_puts);

    /* Somebody else has left the NIC. */
    config.capacity = N_FLOWS * 4;
    dp_dummy_nic_set_config(s->rig.nic, &config);
    for (size_t i = 0; i < N_FLOWS; i++) {
        s->rates[i] = 10;
    }
    scene_wait(s, 0, N_FLOWS, N_FLOWS);
    scene_configure(s, false, 0);
    dp_offload_drain(s->rig.offload);
    dp_offload_check(s->rig.offload);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-full", test_full);

/* When flows go, the rest comes in: at once if the NIC was found to have room
 * for all before they came, else as soon as they have shown a rate. */
static void
test_open(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct scene *s = scene_create(&small, 1, 1);
    scene_put(s);
    for (size_t i = 5; i < N_FLOWS; i++) {
        rig_del(&s->rig, i % RIG_N_LANES, s->flows[i]);
    }
    scene_wait(s, 0, 5, 5);
    for (size_t i = 5; i < 15; i++) {
        rig_put(&s->rig, i % RIG_N_LANES, s->flows[i]);
        s->rates[i] = 10;
    }
    scene_wait(s, 0, 15, 15);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-open", test_open);

/* With a least rate, flows come only when they have reached it. */
static void
test_min_pps(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct scene *s = scene_create(&small, 1, 1);
    scene_configure(s, true, 20000);
    scene_set_rates(s, 7, 3);           /* 100,000 pps; others 1,000. */
    scene_put(s);
    scene_run(s, 5 * INTERVAL_MS);
    scene_wait(s, 7, 10, 3);
    scene_run(s, 5 * INTERVAL_MS);
    ovs_assert(scene_count(s, 0, N_FLOWS) == 3);

    /* Live. */
    scene_configure(s, true, 0);
    scene_wait(s, 0, N_FLOWS, N_PLACES);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-min-pps", test_min_pps);

/* Off: first come, first served, as without; and on again. */
static void
test_switch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct scene *s = scene_create(&small, 1, 1);
    scene_configure(s, false, 0);
    scene_set_rates(s, 100, 10);
    scene_put(s);
    ovs_assert(scene_count(s, 0, N_FLOWS) == N_PLACES);
    rig_wait_why(&s->rig, s->flows[N_FLOWS - 1], DP_OFFLOAD_WHY_FULL);
    scene_configure(s, true, 0);
    scene_wait(s, 100, 110, 10);
    scene_configure(s, false, 0);
    dp_offload_drain(s->rig.offload);
    ovs_assert(scene_count(s, 0, N_FLOWS) == N_PLACES);
    dp_offload_check(s->rig.offload);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-switch", test_switch);

/* A restart of the port, new actions, offloading off and on: whoever had a
 * place has it again. */
static void
test_keep(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;
    struct scene *s;

    config.whole = true;
    s = scene_create(&config, 1, 2);
    scene_set_rates(s, 120, 10);
    scene_put(s);
    scene_wait(s, 120, 130, 10);

    dp_offload_port_pause(s->rig.offload, PORT1);
    dp_offload_port_restart(s->rig.offload, PORT1);
    dp_offload_drain(s->rig.offload);
    ovs_assert(scene_count(s, 120, 130) == 10);
    for (size_t i = 120; i < 130; i++) {
        rig_modify(&s->rig, s->flows[i], 6);
    }
    dp_offload_drain(s->rig.offload);
    ovs_assert(scene_count(s, 120, 130) == 10);

    dp_offload_set_enabled(s->rig.offload, false);
    dp_offload_drain(s->rig.offload);
    ovs_assert(!scene_count(s, 0, N_FLOWS));
    dp_offload_set_enabled(s->rig.offload, true);
    scene_wait(s, 120, 130, 10);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-keep", test_keep);

/* Two ports have one table, or one each. */
static void
test_tables(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;
    struct scene *s;
    struct ds ds = DS_EMPTY_INITIALIZER;

    config.shared = true;
    s = scene_create(&config, 2, 1);
    scene_set_rates(s, 0, 0);
    for (size_t i = 51; i < 51 + 2 * 12; i += 2) {
        s->rates[i] = 100;              /* All in port 2. */
    }
    scene_put(s);
    for (int i = 0; dp_dummy_nic_count(s->rig.nic, PORT2) < 12; i++) {
        ovs_assert(i < 1000);
        scene_run(s, INTERVAL_MS);
    }
    dp_offload_format_places(s->rig.offload, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "offload places : port"));
    ovs_assert(strstr(ds_cstr(&ds), ", port"));
    ovs_assert(strstr(ds_cstr(&ds), ": rates decide, "));
    ds_clear(&ds);
    dp_offload_format_show(s->rig.offload, &ds);
    ovs_assert(strstr(ds_cstr(&ds), "Rebalancing: every 20 ms\n"));
    scene_destroy(s);

    config.shared = false;
    s = scene_create(&config, 2, 1);
    scene_put(s);
    ovs_assert(dp_dummy_nic_count(s->rig.nic, PORT1) == N_PLACES);
    ovs_assert(dp_dummy_nic_count(s->rig.nic, PORT2) == N_PLACES);
    scene_destroy(s);
    ds_destroy(&ds);
}
DPTEST_REGISTER("rebalance-tables", test_tables);

/* Rules that leave the NIC to come back at once have a mark and the promise of
 * a place.  If their port goes before it is their turn, it takes both. */
static void
test_port_gone(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;
    struct scene *s = scene_create(&config, 2, 1);
    size_t i;

    /* Port 1 has one flow more than places, until it goes. */
    for (i = 0; i < 2 * (N_PLACES + 1); i += 2) {
        rig_put(&s->rig, i % RIG_N_LANES, s->flows[i]);
    }
    dp_offload_drain(s->rig.offload);
    for (i = 0; rig_installed(&s->rig, s->flows[i]); i += 2) {
        continue;
    }
    rig_del(&s->rig, i % RIG_N_LANES, s->flows[i]);
    dp_offload_drain(s->rig.offload);
    ovs_assert(dp_dummy_nic_count(s->rig.nic, PORT1) == N_PLACES);

    /* They stand behind those of port 2, which take the NIC 200 ms. */
    config.capacity = 0;
    config.delay_us = 2000;
    config.restart = DP_OFFLOAD_STALE;
    dp_dummy_nic_hold(s->rig.nic, true);
    dp_dummy_nic_set_config(s->rig.nic, &config);
    dp_offload_port_pause(s->rig.offload, PORT1);
    dp_offload_port_restart(s->rig.offload, PORT1);
    for (i = 1; i < N_FLOWS; i += 2) {
        rig_put(&s->rig, i % RIG_N_LANES, s->flows[i]);
    }
    dp_dummy_nic_hold(s->rig.nic, false);
    while (dp_dummy_nic_count(s->rig.nic, PORT1)) {
        xnanosleep(100 * 1000);
    }
    dp_offload_port_del(s->rig.offload, PORT1);
    for (i = 0; i < N_FLOWS; i += 2) {
        struct dp_offload_shard *shard
            = dp_rule_shard(s->rig.offload, &s->flows[i]->mega_ufid);
        const struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        rule = dp_rule_find(shard, &s->flows[i]->mega_ufid);
        ovs_assert(!rule || (!rule->mark && !rule->seat.coming
                             && !rule->port));
        ovs_mutex_unlock(&shard->mutex);
    }
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-port-gone", test_port_gone);

/* All at once, at random. */
static void
test_churn(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = small;
    struct scene *s;
    bool there[N_FLOWS] = { false };
    long long int end;

    random_set_seed(3);
    config.whole = true;
    config.late = 200;
    config.del_failed = 50;
    config.put_refused = 20;
    s = scene_create(&config, 2, 2);
    end = time_msec() + 1500;
    while (time_msec() < end) {
        size_t i = random_range(N_FLOWS);

        if (!there[i]) {
            rig_put(&s->rig, i % RIG_N_LANES, s->flows[i]);
            there[i] = true;
        } else if (random_range(2)) {
            rig_modify(&s->rig, s->flows[i], random_range(8));
        } else {
            rig_del(&s->rig, i % RIG_N_LANES, s->flows[i]);
            there[i] = false;
        }
        if (!random_range(200)) {
            scene_set_rates(s, random_range(N_FLOWS), 10);
            scene_run(s, 10);
        }
        switch (random_range(2000)) {
        case 0:
            scene_configure(s, random_range(2), 0);
            break;
        case 1:
            scene_configure(s, true, random_range(20000));
            break;
        case 2:
            dp_offload_set_n_workers(s->rig.offload, 1 + random_range(4));
            break;
        case 3:
            dp_offload_port_pause(s->rig.offload, PORT1);
            dp_offload_port_restart(s->rig.offload, PORT1);
            break;
        case 4:
            dp_offload_port_del(s->rig.offload, PORT2);
            dp_offload_port_add(s->rig.offload, PORT2, NULL);
            break;
        case 5:
            dp_offload_set_enabled(s->rig.offload, random_range(2));
            break;
        }
    }
    config.del_failed = 0;
    dp_dummy_nic_set_config(s->rig.nic, &config);
    scene_configure(s, false, 0);
    dp_offload_drain(s->rig.offload);
    dp_offload_check(s->rig.offload);
    scene_destroy(s);
}
DPTEST_REGISTER("rebalance-churn", test_churn);
