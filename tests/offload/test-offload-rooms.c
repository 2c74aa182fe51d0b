/* SPDX-License-Identifier: Apache-2.0 */

/* Rules that wait: they are woken by what they wait for, and not by the clock,
 * and leave a NIC that has nothing for them alone. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "odp-util.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-worker.h"
#include "offload/dp-places.h"
#include "openvswitch/vlog.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)
#define PORT2 u32_to_odp(2)

enum { N = 400 };

static void
put_all(struct rig *rig, odp_port_t port_no, struct rig_flow *flows[])
{
    for (unsigned int i = 0; i < N; i++) {
        flows[i] = rig_flow_create(port_no, i, 3);
        rig_put(rig, 0, flows[i]);
    }
    dp_offload_drain(rig->offload);
}

static void
del_all(struct rig *rig, struct rig_flow *flows[])
{
    for (unsigned int i = 0; i < N; i++) {
        rig_del(rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    dp_offload_drain(rig->offload);
}

/* Waits until 'n' rules are in NICs, for 20 seconds.  By the clock alone, one
 * a second would come for each port and worker. */
static void
wait_installed(struct rig *rig, uint64_t n)
{
    for (int i = 0; i < 20000 && dp_offload_n_installed(rig->offload) != n;
         i++) {
        xnanosleep(1000 * 1000);
    }
    if (dp_offload_n_installed(rig->offload) != n) {
        dptest_fail("%"PRIu64" rules of %"PRIu64" are in the NIC",
                    dp_offload_n_installed(rig->offload), n);
    }
}

static uint64_t
n_retries(struct rig *rig)
{
    struct dp_offload_worker *worker = &rig->offload->workers[0];
    uint64_t n;

    ovs_mutex_lock(&worker->mutex);
    n = worker->figures.n_retries;
    ovs_mutex_unlock(&worker->mutex);
    return n;
}

/* Places that one port frees, all at once, are taken by rules of another one,
 * of all workers. */
static void
test_offload_room_freed(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = {
        .mark_bits = 24, .capacity = N, .shared = true, .hidden = true,
        .blind = true,
    };
    struct rig_flow *a[N], *b[N];
    struct rig rig;

    rig_init(&rig, &config, 4);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT2, NULL));
    put_all(&rig, PORT1, a);
    wait_installed(&rig, N);
    put_all(&rig, PORT2, b);
    ovs_assert(!dp_dummy_nic_count(rig.nic, PORT2));
    del_all(&rig, a);
    wait_installed(&rig, N);
    ovs_assert(dp_dummy_nic_count(rig.nic, PORT2) == N);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    del_all(&rig, b);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-room-freed", test_offload_room_freed);

/* A NIC that is busy for long is asked a few times, not for each rule. */
static void
test_offload_room_busy(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = {
        .mark_bits = 24, .blind = true, .put_busy = 1000,
    };
    struct rig_flow *flows[N];
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    put_all(&rig, PORT1, flows);
    xnanosleep(UINT64_C(3000000000));
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) >= N);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) < N + 50);

    config.put_busy = 0;
    dp_dummy_nic_set_config(rig.nic, &config);
    wait_installed(&rig, N);
    dp_offload_drain(rig.offload);
    dp_offload_check(rig.offload);
    del_all(&rig, flows);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-room-busy", test_offload_room_busy);

/* Rules whose time comes all at once are looked at a batch at a time. */
static void
test_offload_retries(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = {
        .mark_bits = 24, .delay_us = 1000,
    };
    struct rig_flow *flows[N], *last;
    uint64_t due_us, max = 0;
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    dp_offload_set_delay(rig.offload, 2000);
    put_all(&rig, PORT1, flows);
    due_us = dp_offload_now_us() + 2000000;
    ovs_assert(!dp_offload_n_installed(rig.offload));

    /* The worker is in the NIC when they become due. */
    dp_offload_set_delay(rig.offload, 0);
    dp_dummy_nic_hold(rig.nic, true);
    last = rig_flow_create(PORT1, N, 3);
    rig_put(&rig, 0, last);
    while (dp_offload_now_us() < due_us) {
        xnanosleep(10 * 1000 * 1000);
    }
    dp_dummy_nic_hold(rig.nic, false);
    while (dp_offload_n_installed(rig.offload) <= N) {
        max = MAX(max, dp_offload_workers_pending(rig.offload));
        xnanosleep(100 * 1000);
    }
    ovs_assert(max <= 3 * DP_OFFLOAD_BATCH);

    del_all(&rig, flows);
    rig_del(&rig, 0, last);
    rig_flow_destroy(last);
    dp_offload_drain(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-retries", test_offload_retries);

/* Rules without a mark do nothing until one becomes free. */
static void
test_offload_room_markless(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = { .mark_bits = 4 };
    enum { N_MARKS = 15, N_DELS = 5 };
    struct rig_flow *flows[N];
    unsigned int n = 0;
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    put_all(&rig, PORT1, flows);
    wait_installed(&rig, N_MARKS);
    xnanosleep(UINT64_C(1500000000));
    ovs_assert(!n_retries(&rig));
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == N_MARKS);
    for (unsigned int i = 0; i < N && n < N_DELS; i++) {
        if (rig_installed(&rig, flows[i])) {
            rig_del(&rig, 0, flows[i]);
            n++;
        }
    }
    dp_offload_drain(rig.offload);
    wait_installed(&rig, N_MARKS);
    ovs_assert(dp_dummy_nic_n_puts(rig.nic) == N_MARKS + N_DELS);
    del_all(&rig, flows);
    dp_offload_check(rig.offload);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-room-markless", test_offload_room_markless);

/* The rooms themselves. */
static void
test_offload_room(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_places_room room;
    struct ovs_list rule;

    dp_places_room_init(&room);

    /* What became free when nobody waited is not for who comes. */
    ovs_assert(!dp_places_room_take(&room, 10, 32));
    ovs_list_push_back(&room.line, &rule);
    ovs_assert(!dp_places_room_take(&room, 10, 32));
    ovs_assert(dp_places_room_take(&room, 110, 32) == 32);
    ovs_assert(dp_places_room_take(&room, 110, 32) == 32);
    ovs_assert(dp_places_room_take(&room, 110, 40) == 36);
    ovs_assert(!dp_places_room_take(&room, 110, 32));
    dp_places_room_empty(&room, 200);
    ovs_assert(dp_places_room_take(&room, 201, 32) == 1);

    /* 1, 2, 4... 1000 ms as long as it is in vain, then 1, 2, 4... rules. */
    ovs_assert(!dp_places_room_try(&room, 1000000, 32));
    ovs_assert(!dp_places_room_try(&room, 1000999, 32));
    ovs_assert(dp_places_room_try(&room, 1001000, 32) == 1);
    ovs_assert(!dp_places_room_try(&room, 1002000, 32));
    ovs_assert(dp_places_room_try(&room, 1003000, 32) == 1);
    for (unsigned int n = 2; n <= 32; n *= 2) {
        room.success = true;
        ovs_assert(dp_places_room_try(&room, 2000000 + 1000 * n, 32) == n);
    }
    ovs_assert(dp_places_room_try(&room, 3000000, 32) == 1);
}
DPTEST_REGISTER("offload-room", test_offload_room);
