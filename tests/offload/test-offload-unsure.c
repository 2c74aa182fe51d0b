/* SPDX-License-Identifier: Apache-2.0 */

/* NICs that do not say, or do not know, whether they have a rule. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "odp-util.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

enum { N_FLOWS = 8 };

static void
init_on(struct rig *rig, const struct dp_dummy_config *config)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    rig_init(rig, config, 1);
    ovs_assert(dp_offload_set_enabled(rig->offload, true));
    ovs_assert(!dp_offload_port_add(rig->offload, PORT1, NULL));
}

static void
put_all(struct rig *rig, struct rig_flow *flows[], uint32_t first_id)
{
    for (unsigned int i = 0; i < N_FLOWS; i++) {
        flows[i] = rig_flow_create(PORT1, first_id + i, 3);
        rig_put(rig, 0, flows[i]);
    }
    dp_offload_drain(rig->offload);
}

static void
del_all(struct rig *rig, struct rig_flow *flows[])
{
    for (unsigned int i = 0; i < N_FLOWS; i++) {
        rig_del(rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig->offload);
}

/* Waits until the NIC has 'n' rules, and the engine knows of as many. */
static void
wait_count(struct rig *rig, size_t n)
{
    while (dp_dummy_nic_count(rig->nic, PORT1) != n
           || dp_offload_n_installed(rig->offload) != n) {
        xnanosleep(1000 * 1000);
    }
    dp_offload_drain(rig->offload);
}

/* A port is restarted, its rules cannot be flushed, and survive: they, and
 * their marks, stay on the books until a flush succeeds.  The NIC aborts if a
 * mark is given to another rule meanwhile. */
static void
test_offload_flush_fails(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 24, .flush_failed = 1000, .kept = 1000,
    };
    struct rig_flow *old[N_FLOWS], *new[N_FLOWS];
    uint32_t marks[N_FLOWS];
    struct rig rig;

    init_on(&rig, &config);
    put_all(&rig, old, 0);
    for (unsigned int i = 0; i < N_FLOWS; i++) {
        marks[i] = rig_mark(&rig, 0, old[i]);
    }
    dp_offload_port_restart(rig.offload, PORT1);
    dp_offload_drain(rig.offload);
    ovs_assert(!dp_offload_n_installed(rig.offload));
    ovs_assert(dp_dummy_nic_count(rig.nic, PORT1) == N_FLOWS);
    ovs_assert(rig_shows(&rig, "8 rules may or may not be in the NIC"));
    for (unsigned int i = 0; i < N_FLOWS; i++) {
        rig_wait_why(&rig, old[i], DP_OFFLOAD_WHY_UNSURE);
        ovs_assert(dp_mark_index_get(rig.lanes[0], marks[i]) == old[i]);
    }

    del_all(&rig, old);
    put_all(&rig, new, 100);
    ovs_assert(dp_offload_n_rules(rig.offload) == 2 * N_FLOWS);
    ovs_assert(dp_dummy_nic_count(rig.nic, PORT1) == 2 * N_FLOWS);
    dp_offload_check(rig.offload);

    config.flush_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    wait_count(&rig, N_FLOWS);
    ovs_assert(dp_offload_n_rules(rig.offload) == N_FLOWS);
    ovs_assert(!rig_shows(&rig, "may not be in the NIC"));
    dp_offload_check(rig.offload);
    del_all(&rig, new);
    wait_count(&rig, 0);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-flush-fails", test_offload_flush_fails);

/* A port goes, its rules cannot be flushed: their marks are lost for good. */
static void
test_offload_flush_never(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 4, .flush_failed = 1000,
    };
    struct rig_flow *old[N_FLOWS], *new[N_FLOWS];
    struct rig rig;

    init_on(&rig, &config);
    put_all(&rig, old, 0);
    dp_offload_port_del(rig.offload, PORT1);
    del_all(&rig, old);
    ovs_assert(!dp_offload_n_rules(rig.offload));
    ovs_assert(dp_offload_n_marks(rig.offload) == N_FLOWS);

    /* 7 of 15 marks are left. */
    config.flush_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    put_all(&rig, new, 0);
    wait_count(&rig, N_FLOWS - 1);
    dp_offload_check(rig.offload);
    del_all(&rig, new);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-flush-never", test_offload_flush_never);

/* The NIC does not answer a put in time, and has the rule. */
static void
test_offload_put_unsure(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 24, .put_unsure = 1000, .flush_failed = 1000,
    };
    struct rig_flow *flow = rig_flow_create(PORT1, 1, 3);
    struct rig rig;

    /* As long as it can't be flushed. */
    init_on(&rig, &config);
    rig_put(&rig, 0, flow);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_UNSURE);
    ovs_assert(!dp_offload_n_installed(rig.offload));
    ovs_assert(dp_dummy_nic_count(rig.nic, PORT1) == 1);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 1);
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    /* Flushed and put again. */
    config.put_unsure = config.flush_failed = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_A_MARK_ONLY);
    wait_count(&rig, 1);

    /* It is the same again each time: refused, for each attempt costs a
     * flush. */
    config.put_unsure = 1000;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_del(&rig, 0, flow);
    dp_offload_drain(rig.offload);
    rig_put(&rig, 0, flow);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_REFUSED);
    wait_count(&rig, 0);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == 2 + 3);

    /* Its actions change: that is another matter. */
    config.put_unsure = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    rig_modify(&rig, flow, 5);
    rig_wait_why(&rig, flow, DP_OFFLOAD_WHY_A_MARK_ONLY);
    rig_del(&rig, 0, flow);
    rig_flow_destroy(flow);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-put-unsure", test_offload_put_unsure);

/* Flows come and go while nothing that the NIC says can be relied upon; when
 * it can again, it has what is desired and nothing else. */
static void
test_offload_unsure_churn(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 24, .whole = true, .put_unsure = 30, .put_busy = 100,
        .del_failed = 100, .late = 300, .flush_failed = 300, .kept = 300,
    };
    enum { N = 64 };
    struct rig_flow *flows[N] = { NULL };
    size_t n_flows = 0;
    struct rig rig;

    init_on(&rig, &config);
    for (int i = 0; i < 20000; i++) {
        unsigned int j = random_range(N);

        if (!random_range(500)) {
            dp_offload_port_restart(rig.offload, PORT1);
        } else if (!flows[j]) {
            flows[j] = rig_flow_create(PORT1, j, random_range(2) ? 4 : 3);
            rig_put(&rig, 0, flows[j]);
            n_flows++;
        } else if (random_range(2)) {
            rig_modify(&rig, flows[j], 3 + random_range(4));
        } else {
            rig_del(&rig, 0, flows[j]);
            rig_flow_destroy(flows[j]);
            flows[j] = NULL;
            n_flows--;
        }
        if (!(i % 100)) {
            xnanosleep(1000 * 1000);
        }
    }

    config.put_unsure = config.put_busy = config.del_failed = 0;
    config.late = config.flush_failed = config.kept = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    dp_offload_port_restart(rig.offload, PORT1);
    for (unsigned int j = 0; j < N; j++) {
        if (flows[j]) {
            rig_modify(&rig, flows[j], 3);
        }
    }
    wait_count(&rig, n_flows);
    dp_offload_check(rig.offload);
    for (unsigned int j = 0; j < N; j++) {
        if (flows[j]) {
            rig_del(&rig, 0, flows[j]);
            rig_flow_destroy(flows[j]);
        }
    }
    wait_count(&rig, 0);
    ovs_assert(!dp_offload_n_rules(rig.offload));
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-unsure-churn", test_offload_unsure_churn);
