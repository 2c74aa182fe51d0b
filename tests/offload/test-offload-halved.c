/* SPDX-License-Identifier: Apache-2.0 */

/* Rules that only mark because there was no room for the whole. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "flow.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)
#define N_WHOLE 10
#define N_FLOWS 50
#define N_GO 45                         /* That lose their room on purpose. */

static unsigned int
count_whole(struct rig *rig, struct rig_flow *flows[], size_t n)
{
    unsigned int n_whole = 0;

    for (size_t i = 0; i < n; i++) {
        n_whole += rig_installed(rig, flows[i])
                   && !rig_is_marked(rig, flows[i]);
    }
    return n_whole;
}

static void
wait_whole(struct rig *rig, struct rig_flow *flows[], size_t n,
           unsigned int n_whole)
{
    for (int i = 0; count_whole(rig, flows, n) != n_whole; i++) {
        if (i > 20000) {
            dptest_fail("%u of %"PRIuSIZE" run whole, not %u",
                        count_whole(rig, flows, n), n, n_whole);
        }
        xnanosleep(1000 * 1000);
    }
}

static void
test_halved(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = {
        .mark_bits = 24, .whole = true, .whole_capacity = N_WHOLE,
    };
    struct rig_flow *flows[N_FLOWS];
    uint64_t n_puts;
    struct rig rig;

    rig_init(&rig, &config, 2);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (size_t i = 0; i < N_FLOWS; i++) {
        flows[i] = rig_flow_create(PORT1, i, 4);
        rig_put(&rig, 0, flows[i]);
    }
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    ovs_assert(count_whole(&rig, flows, N_FLOWS) == N_WHOLE);

    /* As long as none leaves nobody tries. */
    n_puts = dp_dummy_nic_n_puts(rig.nic);
    ovs_assert(n_puts == N_FLOWS);
    xnanosleep(1200 * 1000 * 1000);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == n_puts);

    /* Those that run whole go; others follow, also with other workers. */
    for (size_t i = 0; i < N_GO; i++) {
        if (!rig_is_marked(&rig, flows[i])) {
            rig_modify(&rig, flows[i], 3);
        }
        if (i == N_FLOWS / 2) {
            ovs_assert(!dp_offload_set_n_workers(rig.offload, 3));
        }
    }
    wait_whole(&rig, flows, N_FLOWS, N_WHOLE);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);

    /* All of the rest, in the end. */
    for (size_t i = 0; i < N_GO; i++) {
        rig_del(&rig, 0, flows[i]);
    }
    wait_whole(&rig, &flows[N_GO], N_FLOWS - N_GO, N_FLOWS - N_GO);
    for (size_t i = N_GO; i < N_FLOWS; i++) {
        rig_del(&rig, 0, flows[i]);
    }
    for (size_t i = 0; i < N_FLOWS; i++) {
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-halved", test_halved);
