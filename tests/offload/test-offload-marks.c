/* SPDX-License-Identifier: Apache-2.0 */

/* Who needs a mark, and who not. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

#define PORT1 u32_to_odp(1)

static void
drain(struct rig *rig)
{
    dp_offload_drain(rig->offload);
    dp_offload_check(rig->offload);
}

/* Rules that run whole need no mark: neither do they keep one, nor wait for
 * one. */
static void
test_offload_whole_marks(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_dummy_config config = {
        .mark_bits = 1,                 /* One mark. */
        .whole = true,
    };
    struct rig_flow *flows[100], *marked[2];
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rig rig;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    for (size_t i = 0; i < 50; i++) {
        flows[i] = rig_flow_create(PORT1, i, 4);
        rig_put(&rig, 0, flows[i]);
    }
    drain(&rig);
    ovs_assert(!dp_offload_n_marks(rig.offload));

    marked[0] = rig_flow_create(PORT1, 1000, 3);
    marked[1] = rig_flow_create(PORT1, 1001, 3);
    rig_put(&rig, 0, marked[0]);
    rig_wait_why(&rig, marked[0], DP_OFFLOAD_WHY_A_MARK_ONLY);
    rig_put(&rig, 0, marked[1]);
    rig_wait_why(&rig, marked[1], DP_OFFLOAD_WHY_NO_MARK);
    /* Without an error, as no driver was asked. */
    dp_offload_format_why(rig.offload, &marked[1]->mega_ufid, &ds);
    ovs_assert(strstr(ds_cstr(&ds), " (no mark is free)\n"));
    ds_destroy(&ds);
    for (size_t i = 50; i < ARRAY_SIZE(flows); i++) {
        flows[i] = rig_flow_create(PORT1, i, 4);
        rig_put(&rig, 0, flows[i]);
    }
    drain(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        ovs_assert(rig_installed(&rig, flows[i])
                   && !rig_is_marked(&rig, flows[i]));
    }
    ovs_assert(dp_offload_n_marks(rig.offload) == 1);

    /* One that has to give up running whole joins those that wait, and comes
     * back; one that marked runs whole, and leaves its mark. */
    rig_modify(&rig, flows[0], 3);
    rig_wait_why(&rig, flows[0], DP_OFFLOAD_WHY_NO_MARK);
    ovs_assert(!rig_installed(&rig, flows[0]));
    rig_modify(&rig, flows[0], 6);
    rig_wait_why(&rig, flows[0], DP_OFFLOAD_WHY_NONE);
    rig_modify(&rig, marked[0], 4);
    rig_wait_why(&rig, marked[0], DP_OFFLOAD_WHY_NONE);
    rig_wait_why(&rig, marked[1], DP_OFFLOAD_WHY_A_MARK_ONLY);
    ovs_assert(rig_mark(&rig, 0, marked[1]) == 1);

    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        rig_del(&rig, 0, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        rig_del(&rig, 0, marked[i]);
        rig_flow_destroy(marked[i]);
    }
    drain(&rig);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-whole-marks", test_offload_whole_marks);

/* Puts a flow of the megaflow 'id' into each of two lanes. */
static void
put_both(struct rig *rig, struct rig_flow *flows[], uint32_t id)
{
    for (unsigned int i = 0; i < 2; i++) {
        flows[i] = rig_flow_create(PORT1, id, 3);
        rig_put(rig, i, flows[i]);
        drain(rig);
    }
}

static void
del_both(struct rig *rig, struct rig_flow *flows[])
{
    for (unsigned int i = 0; i < 2; i++) {
        rig_del(rig, i, flows[i]);
        rig_flow_destroy(flows[i]);
    }
    drain(rig);
}

/* Do the lanes know that the mark of 'flows' is for sound packets? */
static bool
is_sound(struct rig *rig, struct rig_flow *flows[])
{
    uint32_t mark = rig_mark(rig, 0, flows[0]);
    bool sound[2];

    ovs_assert(mark);
    for (unsigned int i = 0; i < 2; i++) {
        ovs_assert(dp_mark_slot_read(dp_mark_index_slot(rig->lanes[i], mark),
                                     &sound[i]) == flows[i]);
    }
    ovs_assert(sound[0] == sound[1]);
    return sound[0];
}

/* A mark is trusted while the NIC gives it to packets with sound headers only,
 * and has done so from the beginning: others may wait in a ring. */
static void
test_offload_mark_sound(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_dummy_config config = { .mark_bits = 24, .sound = true };
    struct rig_flow *flows[2], *next[2];
    struct rig rig;
    uint32_t mark;

    rig_init(&rig, &config, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    ovs_assert(!dp_offload_port_add(rig.offload, PORT1, NULL));
    put_both(&rig, flows, 1);
    ovs_assert(is_sound(&rig, flows));
    mark = rig_mark(&rig, 0, flows[0]);

    for (int i = 0; i < 4; i++) {
        dp_offload_port_restart(rig.offload, PORT1);
        drain(&rig);
        ovs_assert(rig_mark(&rig, 0, flows[0]) == mark);
        ovs_assert(is_sound(&rig, flows) == (i < 1));

        config.sound = i > 0;
        dp_dummy_nic_set_config(rig.nic, &config);
    }
    put_both(&rig, next, 2);
    ovs_assert(is_sound(&rig, next));

    del_both(&rig, flows);
    del_both(&rig, next);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-mark-sound", test_offload_mark_sound);
