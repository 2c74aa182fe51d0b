/* SPDX-License-Identifier: Apache-2.0 */

/* Records: nobody has one that another has. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-slab.h"

#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

struct record {
    uint64_t owner;             /* 0 if it is free. */
    char rest[32];
};

static struct record *
record_at(const struct ct_slab *slab, uint32_t index)
{
    return ct_slab_at(slab, index, sizeof(struct record));
}

/* Allocates and frees at random, 'n' times, and holds up to 'max'. */
static void
churn(struct ct_slab *slab, uint64_t owner, size_t max, size_t n)
{
    uint32_t *held = xmalloc(max * sizeof *held);
    size_t n_held = 0;

    for (size_t i = 0; i < n; i++) {
        /* More likely up in some stretches, down in others. */
        if (random_range(100) < (i / 2000 % 2 ? 30 : 70) && n_held < max) {
            uint32_t index = ct_slab_alloc(slab);
            struct record *record = record_at(slab, index);

            ovs_assert(index && index < ct_slab_end(slab));
            ovs_assert(!record->owner);
            record->owner = owner;
            held[n_held++] = index;
        } else if (n_held) {
            size_t which = random_range(n_held);
            uint32_t index = held[which];

            ovs_assert(record_at(slab, index)->owner == owner);
            record_at(slab, index)->owner = 0;
            held[which] = held[--n_held];
            if (random_range(2)) {
                ct_slab_free(slab, index);
            } else {
                ct_slab_free_batch(slab, &index, 1);
            }
        }
    }
    while (n_held) {
        record_at(slab, held[--n_held])->owner = 0;
        ct_slab_free(slab, held[n_held]);
    }
    free(held);
}

struct worker {
    struct ct_slab *slab;
    uint64_t owner;
    pthread_t thread;
};

static void *
worker_main(void *worker_)
{
    struct worker *worker = worker_;

    churn(worker->slab, worker->owner, 5000, 100000);
    return NULL;
}

/* Each record is given out once, until there are no more in the blocks that
 * there are. */
static void
check_all_come_back(struct ct_slab *slab)
{
    uint32_t n = ct_slab_end(slab) - 1;
    uint32_t *all = xmalloc(n * sizeof *all);
    uint32_t end = ct_slab_end(slab);

    for (uint32_t i = 0; i < n; i++) {
        all[i] = ct_slab_alloc(slab);
        ovs_assert(all[i] && all[i] < end);
        ovs_assert(!record_at(slab, all[i])->owner);
        record_at(slab, all[i])->owner = 1;
    }

    /* The next one needs a new block. */
    ovs_assert(ct_slab_end(slab) == end);
    ovs_assert(ct_slab_is_low(slab));
    ovs_assert(ct_slab_alloc(slab) == end);
    ovs_assert(ct_slab_end(slab) == end + CT_SLAB_BLOCK);

    for (uint32_t i = 0; i < n; i++) {
        record_at(slab, all[i])->owner = 0;
        ct_slab_free(slab, all[i]);
    }
    free(all);
}

static void
test_threads(struct ct_slab *slab)
{
    struct worker workers[2];

    for (int i = 0; i < 2; i++) {
        workers[i] = (struct worker) { .slab = slab, .owner = i + 1 };
        workers[i].thread = ovs_thread_create("slab", worker_main,
                                              &workers[i]);
    }
    for (int i = 0; i < 2; i++) {
        xpthread_join(workers[i].thread, NULL);
    }
}

static void
test_columns(void)
{
    struct ct_slab_columns *columns;
    struct ct_slab slab;
    uint32_t due;

    ct_slab_init(&slab, 128, true);
    ovs_assert(ct_slab_is_low(&slab));
    ovs_assert(ct_slab_stock(&slab));
    ovs_assert(!ct_slab_is_low(&slab));
    ovs_assert(ct_slab_stock(&slab));           /* Nothing to do. */
    ovs_assert(ct_slab_end(&slab) == CT_SLAB_BLOCK);
    ovs_assert(ct_slab_bytes(&slab)
               == CT_SLAB_BLOCK * 128 + sizeof(struct ct_slab_columns));
    columns = ct_slab_columns(&slab, ct_slab_alloc(&slab));
    for (uint32_t i = 0; i < CT_SLAB_BLOCK; i++) {
        atomic_read_relaxed(&columns->due[i], &due);
        ovs_assert(!due);
    }
    ct_slab_destroy(&slab);
}

/* A slab begins small, unless it was stocked.  Blocks of all kinds stand
 * beside each other, and records that fit into no page have nothing in
 * common. */
static void
test_blocks(bool stocked)
{
    const uint32_t n_blocks = 80;       /* More than a region has. */
    struct ct_slab slab;
    uint32_t n = 0;

    ct_slab_init(&slab, 36, false);
    for (uint32_t i = 0; i < n_blocks; i++) {
        if (i ? random_range(2) : stocked) {
            ovs_assert(ct_slab_stock(&slab));
        }
        while (n < (i + 1) * (CT_SLAB_BLOCK - 1)) {
            uint32_t index = ct_slab_alloc(&slab);
            uint32_t *record = ct_slab_at(&slab, index, 36);

            ovs_assert(index == ++n && !record[0] && !record[8]);
            record[0] = record[8] = index;
        }
    }
    ovs_assert(ct_slab_end(&slab) <= (n_blocks + 1) * CT_SLAB_BLOCK);
    for (uint32_t index = 1; index <= n; index++) {
        const uint32_t *record = ct_slab_at(&slab, index, 36);

        ovs_assert(record[0] == index && record[8] == index);
    }
    ct_slab_destroy(&slab);
}

static void
test_slab_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ct_slab slab;

    ct_slab_init(&slab, sizeof(struct record), false);
    churn(&slab, 3, 40000, 200000);
    test_threads(&slab);

    /* The threads' magazines have come back, and ours is empty or full. */
    check_all_come_back(&slab);
    ct_slab_destroy(&slab);

    test_columns();
    test_blocks(false);
    test_blocks(true);
}
DPTEST_REGISTER("ct-slab", test_slab_main);
