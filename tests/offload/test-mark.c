/* SPDX-License-Identifier: Apache-2.0 */

/* Marks: who has which, for how long, and what becomes of those that come
 * back.  The model of a NIC here is a ring of packets per rx queue; a mark is
 * in danger as long as a ring, or the hands of the lane, hold a packet that
 * carries it. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-mark.h"

#include <errno.h>

#include "bitmap.h"
#include "tests/dptest.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

/* Lets all grace periods end that have begun. */
static void
pass_grace(void)
{
    ovsrcu_quiesce_start();
    ovsrcu_barrier();
    ovsrcu_quiesce_end();
}

static void *
nothing(void *aux OVS_UNUSED)
{
    return NULL;
}

/* Open vSwitch's RCU has to know that the process has threads. */
static void
begin_threads(void)
{
    xpthread_join(ovs_thread_create("nothing", nothing, NULL), NULL);
}

/* M1: no packet carries mark 0. */
static void
test_mark_zero(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_marks *marks = dp_marks_create();
    int owner[8];
    uint32_t mark;

    for (uint32_t i = 0; i < ARRAY_SIZE(owner); i++) {
        ovs_assert(!dp_mark_assign(marks, DP_MARK_BITS, &owner[i], &mark));
        ovs_assert(mark == i + 1);
        ovs_assert(dp_mark_index_get(marks->owners, mark) == &owner[i]);
    }
    ovs_assert(!dp_mark_index_get(marks->owners, 0));
    ovs_assert(dp_marks_count(marks) == ARRAY_SIZE(owner));
    for (uint32_t i = 0; i < ARRAY_SIZE(owner); i++) {
        dp_mark_cancel(marks, i + 1, &owner[i]);
    }
    dp_marks_check(marks);
    dp_marks_destroy(marks);
}
DPTEST_REGISTER("mark-zero", test_mark_zero);

/* M2, M6, L13, L14, R36: all marks of each width, and one more; another
 * instance has marks of its own. */
static void
test_mark_width(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    begin_threads();
    for (unsigned int bits = 1; bits <= DP_MARK_BITS; bits += 1 + bits / 6) {
        uint32_t n = MIN((UINT32_C(1) << bits) - 1, DP_MARK_MAX);
        struct dp_marks *marks = dp_marks_create();
        unsigned long *seen;
        uint32_t mark;
        int owner;

        if (bits > 17) {
            /* The rest is more of the same. */
            dp_marks_destroy(marks);
            continue;
        }
        seen = bitmap_allocate(n + 1);
        dp_marks_port_add(marks, bits);
        for (uint32_t i = 0; i < n; i++) {
            ovs_assert(!dp_mark_assign(marks, bits, &owner, &mark));
            ovs_assert(mark && mark <= n && !bitmap_is_set(seen, mark));
            bitmap_set1(seen, mark);
        }
        ovs_assert(dp_mark_assign(marks, bits, &owner, &mark) == ENOSPC);
        ovs_assert(!mark);
        dp_marks_check(marks);

        dp_mark_cancel(marks, n, &owner);
        ovs_assert(!dp_mark_assign(marks, bits, &owner, &mark) && mark == n);
        for (uint32_t i = 1; i <= n; i++) {
            dp_mark_cancel(marks, i, &owner);
        }
        dp_marks_check(marks);
        dp_marks_port_del(marks, bits);
        dp_marks_destroy(marks);
        free(seen);
        ovsrcu_quiesce();
    }
}
DPTEST_REGISTER("mark-width", test_mark_width);

/* L14: a wide port leaves small marks to a narrow one, but does not starve. */
static void
test_mark_share(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_marks *marks = dp_marks_create();
    uint32_t taken[64];
    uint32_t mark;
    int owner;

    dp_marks_port_add(marks, 4);
    dp_marks_port_add(marks, 6);
    for (uint32_t i = 0; i < 48; i++) {
        ovs_assert(!dp_mark_assign(marks, 6, &owner, &taken[i]));
        ovs_assert(taken[i] >= 16 && taken[i] < 64);
    }
    for (uint32_t i = 48; i < 63; i++) {
        ovs_assert(!dp_mark_assign(marks, 6, &owner, &taken[i]));
        ovs_assert(taken[i] < 16);
    }
    ovs_assert(dp_mark_assign(marks, 6, &owner, &mark) == ENOSPC);
    ovs_assert(dp_mark_assign(marks, 4, &owner, &mark) == ENOSPC);
    for (uint32_t i = 0; i < 63; i++) {
        dp_mark_cancel(marks, taken[i], &owner);
    }
    dp_marks_check(marks);
    dp_marks_destroy(marks);
}
DPTEST_REGISTER("mark-share", test_mark_share);

/* L1, L2: quarantine and order of reuse. */
static void
test_mark_quarantine(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_marks *marks;
    struct dp_mark_limbo limbo;
    uint64_t epoch;
    uint32_t mark;
    int owner;

    begin_threads();
    marks = dp_marks_create();
    dp_mark_limbo_init(&limbo);
    for (uint32_t i = 1; i < 16; i++) {
        ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == i);
    }

    /* In the order in which they leave. */
    static const uint32_t leave[] = { 9, 14, 8, 12 };
    for (size_t i = 0; i < ARRAY_SIZE(leave); i++) {
        dp_mark_release(marks, leave[i], &owner, &limbo);
    }
    atomic_read_relaxed(&marks->epoch.current, &epoch);
    ovs_assert(epoch == ARRAY_SIZE(leave));
    ovs_assert(dp_mark_assign(marks, 4, &owner, &mark) == ENOSPC);

    /* Drained for the first two, but the grace period has not passed. */
    dp_marks_reap(marks, &limbo, 2);
    ovs_assert(dp_mark_assign(marks, 4, &owner, &mark) == ENOSPC);
    ovs_assert(dp_marks_count(marks) == 15);
    dp_marks_check(marks);
    pass_grace();
    ovs_assert(dp_marks_count(marks) == 13);
    dp_marks_check(marks);

    /* Only a grace period is not enough. */
    pass_grace();
    ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == 9);
    ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == 14);
    ovs_assert(dp_mark_assign(marks, 4, &owner, &mark) == ENOSPC);

    dp_marks_reap(marks, &limbo, UINT64_MAX);
    pass_grace();
    ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == 8);
    ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == 12);

    for (uint32_t i = 1; i < 16; i++) {
        dp_mark_release(marks, i, &owner, &limbo);
    }
    dp_marks_reap(marks, &limbo, UINT64_MAX);
    dp_mark_limbo_uninit(&limbo);

    /* Destruction waits for the grace period of the last ones. */
    dp_marks_destroy(marks);
    pass_grace();
}
DPTEST_REGISTER("mark-quarantine", test_mark_quarantine);

/* Lets a mark go through quarantine. */
static void
use_up(struct dp_marks *marks, uint32_t mark, const void *owner)
{
    struct dp_mark_limbo limbo;

    dp_mark_limbo_init(&limbo);
    dp_mark_release(marks, mark, owner, &limbo);
    dp_marks_reap(marks, &limbo, UINT64_MAX);
    dp_mark_limbo_uninit(&limbo);
    pass_grace();
}

/* L1: a mark rests as long as can be.  One that was not in a NIC need not. */
static void
test_mark_rest(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_marks *marks;
    uint32_t mark;
    int owner;

    begin_threads();
    marks = dp_marks_create();
    for (uint32_t i = 1; i < 16; i++) {
        ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark));
        ovs_assert(mark == i);
        dp_mark_cancel(marks, mark, &owner);
        ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark));
        ovs_assert(mark == i);
        use_up(marks, mark, &owner);
        dp_marks_check(marks);
    }

    /* All were used: the one that was freed first, of whatever width. */
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 1; i < 16; i++) {
            ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark));
            ovs_assert(mark == i);
            use_up(marks, mark, &owner);
        }
    }
    ovs_assert(!dp_mark_assign(marks, 3, &owner, &mark) && mark == 1);
    use_up(marks, 1, &owner);
    ovs_assert(!dp_mark_assign(marks, 1, &owner, &mark) && mark == 1);
    use_up(marks, 1, &owner);
    ovs_assert(!dp_mark_assign(marks, 4, &owner, &mark) && mark == 2);
    use_up(marks, 2, &owner);
    dp_marks_check(marks);
    dp_marks_destroy(marks);
    pass_grace();
}
DPTEST_REGISTER("mark-rest-L1", test_mark_rest);

/* The number of an epoch may be large. */
static void
test_mark_epoch(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_marks *marks;
    struct dp_mark_limbo limbo;
    uint32_t mark;
    int owner;

    begin_threads();
    marks = dp_marks_create();
    dp_mark_limbo_init(&limbo);
    atomic_store_relaxed(&marks->epoch.current, (UINT64_C(1) << 40) - 1);
    ovs_assert(!dp_mark_assign(marks, 24, &owner, &mark));
    dp_mark_release(marks, mark, &owner, &limbo);

    /* Queues that are far behind. */
    dp_marks_reap(marks, &limbo, 5);
    dp_marks_reap(marks, &limbo, (UINT64_C(1) << 40) - 1);
    ovs_assert(!dp_mark_limbo_is_empty(marks, &limbo));
    dp_marks_reap(marks, &limbo, UINT64_C(1) << 40);
    ovs_assert(dp_mark_limbo_is_empty(marks, &limbo));
    pass_grace();
    dp_mark_limbo_uninit(&limbo);
    dp_marks_check(marks);
    dp_marks_destroy(marks);
    pass_grace();
}
DPTEST_REGISTER("mark-epoch", test_mark_epoch);

/* An rx queue of the model. */
struct ring {
    struct dp_mark_drain drain;
    uint32_t packets[64];               /* Marks; a ring. */
    unsigned int head, n, size;
    uint32_t hand[32];                  /* Received, not yet looked up. */
    unsigned int n_hand;
};

static void
ring_receive(struct ring *ring, uint32_t mark)
{
    if (ring->n < ring->size) {
        ring->packets[(ring->head + ring->n++) % ring->size] = mark;
    }
}

static void
ring_poll(struct ring *ring, const struct dp_mark_epoch *epoch,
          unsigned int burst)
{
    /* What was received before has been looked up by now. */
    ring->n_hand = 0;
    while (ring->n && ring->n_hand < burst) {
        ring->hand[ring->n_hand++] = ring->packets[ring->head];
        ring->head = (ring->head + 1) % ring->size;
        ring->n--;
    }
    dp_mark_drain_poll(&ring->drain, epoch, ring->n_hand, ring->size);
}

static bool
ring_has(const struct ring *ring, uint32_t mark)
{
    for (unsigned int i = 0; i < ring->n_hand; i++) {
        if (ring->hand[i] == mark) {
            return true;
        }
    }
    for (unsigned int i = 0; i < ring->n; i++) {
        if (ring->packets[(ring->head + i) % ring->size] == mark) {
            return true;
        }
    }
    return false;
}

/* L1, "no stranger": with marks of 4 bits, so that they are reused all the
 * time, no mark is given out while a packet has it, and all come back though
 * traffic never stops. */
static void
test_mark_drain(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N_RINGS = 3, N_STEPS = 300000 };
    struct ring rings[N_RINGS];
    struct dp_marks *marks;
    struct dp_mark_limbo limbo;
    bool live[16] = { false };
    unsigned int n_assigned = 0;
    int owner;

    begin_threads();
    random_set_seed(1);
    memset(rings, 0, sizeof rings);
    for (int i = 0; i < N_RINGS; i++) {
        rings[i].size = 8 << i;
    }
    marks = dp_marks_create();
    dp_mark_limbo_init(&limbo);

    for (int step = 0; step < N_STEPS; step++) {
        uint32_t mark = 1 + random_range(15);
        struct ring *ring = &rings[random_range(N_RINGS)];
        uint64_t drained;

        switch (random_range(8)) {
        case 0:                         /* A rule leaves. */
            if (live[mark]) {
                live[mark] = false;
                dp_mark_release(marks, mark, &owner, &limbo);
            }
            break;
        case 1:                         /* A rule comes. */
            if (!dp_mark_assign(marks, 4, &owner, &mark)) {
                ovs_assert(!live[mark]);
                for (int i = 0; i < N_RINGS; i++) {
                    ovs_assert(!ring_has(&rings[i], mark));
                }
                live[mark] = true;
                n_assigned++;
            }
            break;
        case 2:
            drained = UINT64_MAX;
            for (int i = 0; i < N_RINGS; i++) {
                drained = MIN(drained, dp_mark_drain_get(&rings[i].drain));
            }
            dp_marks_reap(marks, &limbo, drained);
            pass_grace();
            break;
        case 3:
        case 4:
        case 5:                         /* Packets come. */
            for (int i = 0; i < 5; i++) {
                if (live[mark]) {
                    ring_receive(ring, mark);
                } else {
                    ring_receive(ring, 0);
                }
                mark = 1 + random_range(15);
            }
            break;
        default:
            ring_poll(ring, &marks->epoch, 1 + random_range(7));
            break;
        }
    }
    ovs_assert(n_assigned > 1000);

    dp_marks_check(marks);
    for (uint32_t i = 1; i < 16; i++) {
        if (live[i]) {
            dp_mark_release(marks, i, &owner, &limbo);
        }
    }
    dp_marks_reap(marks, &limbo, UINT64_MAX);
    pass_grace();
    ovs_assert(!dp_marks_count(marks));
    dp_mark_limbo_uninit(&limbo);
    dp_marks_destroy(marks);
}
DPTEST_REGISTER("mark-drain", test_mark_drain);

/* R1, L6: the index of a lane against an array, read by another thread. */
struct reader {
    struct dp_mark_index *index;
    atomic_bool exit;
};

static void *
index_reader(void *reader_)
{
    struct reader *reader = reader_;
    uint32_t mark = 1;
    bool done;

    do {
        for (int i = 0; i < 1000; i++) {
            const int *value = dp_mark_index_get(reader->index, mark);

            ovs_assert(!value || *value == mark);
            mark = (mark * 7 + 13) % 20000;
        }
        ovsrcu_quiesce();
        atomic_read_relaxed(&reader->exit, &done);
    } while (!done);
    return NULL;
}

static void
test_mark_index(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N = 20000 };
    int **model = xcalloc(N, sizeof *model);
    bool *model_sound = xcalloc(N, sizeof *model_sound);
    struct dp_mark_index *index = dp_mark_index_create(0);
    struct reader reader = { .index = index };
    size_t n = 0;
    pthread_t thread;

    atomic_init(&reader.exit, false);
    thread = ovs_thread_create("reader", index_reader, &reader);

    for (int step = 0; step < 200000; step++) {
        uint32_t mark = 1 + random_range(N - 1);

        bool sound;

        ovs_assert(dp_mark_slot_read(dp_mark_index_slot(index, mark), &sound)
                   == model[mark]);
        ovs_assert(sound == (model[mark] && model_sound[mark]));
        if (!model[mark]) {
            model[mark] = xmalloc(sizeof *model[mark]);
            *model[mark] = mark;
            model_sound[mark] = random_range(2);
            dp_mark_index_set(index, mark, model[mark], model_sound[mark]);
            n++;
        } else if (random_range(2)) {
            model_sound[mark] = !model_sound[mark];
            dp_mark_index_set(index, mark, model[mark], model_sound[mark]);
        } else {
            ovs_assert(!dp_mark_index_clear(index, mark, index));
            ovs_assert(dp_mark_index_clear(index, mark, model[mark]));
            ovsrcu_postpone(free, model[mark]);
            model[mark] = NULL;
            n--;
        }
        if (!(step % 1000)) {
            ovsrcu_quiesce();
        }
    }
    ovs_assert(dp_mark_index_count(index) == n);
    dp_mark_index_check(index);
    ovs_assert(!dp_mark_index_get(index, 0));
    ovs_assert(!dp_mark_index_get(index, DP_MARK_MAX));
    ovs_assert(!dp_mark_index_get(index, DP_MARK_MAX + 1));
    ovs_assert(!dp_mark_index_get(index, UINT32_MAX));

    atomic_store_relaxed(&reader.exit, true);
    xpthread_join(thread, NULL);
    for (uint32_t mark = 1; mark < N; mark++) {
        if (dp_mark_index_clear(index, mark, model[mark])) {
            free(model[mark]);
        }
    }
    dp_mark_index_check(index);
    dp_mark_index_destroy(index);
    free(model);
    free(model_sound);
    pass_grace();
}
DPTEST_REGISTER("mark-index", test_mark_index);
