/* SPDX-License-Identifier: Apache-2.0 */

/* A flow that is removed counts no packets after dp_lane_wait(), with a fence
 * for all threads and with one in each turn.
 *
 * What a lane's turns and the one who removes do is reduced to what matters:
 * a lane that sees the flow counts on it.  That the lane reads 'removed'
 * before the others see 'turn' odd happens within some nanoseconds, so it
 * takes many tries to hit upon it; without fences some hundreds. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-lane.h"

#include <sched.h>

#include "ovs-thread.h"
#include "tests/dptest.h"
#include "tests/pipe/pipe-rig.h"
#include "util.h"

enum {
    N_TRIES = 5000,
    N_LOOKS = 500,              /* Longer than a store takes to be seen. */
};

struct race {
    struct dp_lane *lane;
    atomic_bool done;
    OVS_ALIGNED_VAR(64) atomic_bool removed;
    OVS_ALIGNED_VAR(64) atomic_uint count;
};

static void *
lane_main(void *race_)
{
    struct race *race = race_;
    bool done, removed;
    unsigned int n = 0;

    do {
        dp_lane_begin_turn(race->lane);
        atomic_read_relaxed(&race->removed, &removed);
        if (!removed) {
            atomic_store_relaxed(&race->count, ++n);
        }
        dp_lane_end_turn(race->lane);
        atomic_read_relaxed(&race->done, &done);
    } while (!done);
    return NULL;
}

/* Returns when the lane counts, so that it runs while we do. */
static void
wait_for_lane(struct race *race)
{
    unsigned int before, now;

    atomic_read_relaxed(&race->count, &before);
    for (int i = 1; ; i++) {
        atomic_read_relaxed(&race->count, &now);
        if (now != before) {
            break;
        } else if (i % 1000 == 0) {
            sched_yield();
        }
    }
}

/* Removes the flow, waits for the lane, and looks whether it still counts. */
static void
try_once(struct race *race)
{
    unsigned int before, after;

    wait_for_lane(race);
    atomic_store_relaxed(&race->removed, true);
    dp_lane_wait(race->lane);
    atomic_read_relaxed(&race->count, &before);
    for (int i = 0; i < N_LOOKS; i++) {
        atomic_read_explicit(&race->count, &after, memory_order_acquire);
        ovs_assert(after == before);
    }
    atomic_store_relaxed(&race->removed, false);
}

static void
test_wait(bool registered)
{
    struct pipe_rig rig;
    struct race race;
    pthread_t thread;

    pipe_rig_init(&rig, NULL, NULL);
    rig.shared.fence_registered = registered;
    race.lane = &rig.lane;
    atomic_init(&race.done, false);
    atomic_init(&race.removed, false);
    atomic_init(&race.count, 0);
    thread = ovs_thread_create("lane", lane_main, &race);
    for (int i = 0; i < N_TRIES; i++) {
        try_once(&race);
    }
    atomic_store_relaxed(&race.done, true);
    xpthread_join(thread, NULL);
    pipe_rig_uninit(&rig);
}

static void
test_fence_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    bool registered = dp_fence_register();

    ovs_assert(dp_fence_register() == registered);
    test_wait(false);
    if (registered) {
        test_wait(true);
    }
}
DPTEST_REGISTER("fence", test_fence_main);
