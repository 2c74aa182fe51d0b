/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "flow/dp-tuple-index.h"

#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"

/* The index against a list, with hashes that are all different, or of which
 * many are the same. */

enum { N_NODES = 3000, N_STEADY = 100, N_CHANGES = 100000 };

struct numbered {
    struct dp_tuple_node node;
    bool is_there;
};

static bool
is_same(const struct dp_tuple_node *node, const void *other)
{
    return node == other;
}

static bool
is_found(const struct dp_tuple_index *index, const struct numbered *x)
{
    return dp_tuple_index_find(index, x->node.hash, is_same, &x->node);
}

/* What is guessed first may be another one, but "none" is never wrong. */
static bool
may_be_guessed(const struct dp_tuple_index *index, const struct numbered *x)
{
    const struct dp_tuple_buckets *buckets = dp_tuple_index_get(index);
    struct dp_tuple_node *guess;

    return dp_tuple_bucket_guess(dp_tuple_buckets_home(buckets, x->node.hash),
                                 x->node.hash, &guess);
}

static void
change(struct dp_tuple_index *index, struct numbered *x)
{
    if (x->is_there) {
        dp_tuple_index_remove(index, &x->node);
    } else {
        dp_tuple_index_insert(index, &x->node);
    }
    x->is_there = !x->is_there;
}

static void
init_nodes(struct numbered *nodes, uint32_t hash_mask)
{
    for (size_t i = 0; i < N_NODES; i++) {
        nodes[i].node.hash = random_uint32() & hash_mask;
        nodes[i].is_there = false;
    }
}

static void
check_all(const struct dp_tuple_index *index, const struct numbered *nodes)
{
    size_t n = 0;

    for (size_t i = 0; i < N_NODES; i++) {
        ovs_assert(is_found(index, &nodes[i]) == nodes[i].is_there);
        ovs_assert(!nodes[i].is_there || may_be_guessed(index, &nodes[i]));
        n += nodes[i].is_there;
    }
    ovs_assert(n == index->n);
}

static void
remove_all(struct dp_tuple_index *index, struct numbered *nodes)
{
    for (size_t i = 0; i < N_NODES; i++) {
        if (nodes[i].is_there) {
            change(index, &nodes[i]);
        }
    }
}

static void
test_tuple_index_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const uint32_t hash_masks[] = {
        UINT32_MAX, 0xff, 0xff000000, 0x01000001, 0,
    };
    struct numbered *nodes = xcalloc(N_NODES, sizeof *nodes);

    for (size_t i = 0; i < ARRAY_SIZE(hash_masks); i++) {
        struct dp_tuple_index index;

        dp_tuple_index_init(&index);
        init_nodes(nodes, hash_masks[i]);
        for (int n = 0; n < 20000; n++) {
            /* It fills, and is emptied again. */
            size_t limit = n < 10000 ? N_NODES : 50;
            struct numbered *x = &nodes[random_range(N_NODES)];

            if (!x->is_there ? index.n < limit
                : n >= 10000 || random_range(4) == 0) {
                change(&index, x);
            }
            if (n % 1000 == 999) {
                check_all(&index, nodes);
                ovsrcu_quiesce();
            }
        }
        remove_all(&index, nodes);
        check_all(&index, nodes);
        dp_tuple_index_uninit(&index);
    }
    free(nodes);
}
DPTEST_REGISTER("tuple-index", test_tuple_index_main);

/* While others come and go, those that stay are always found. */
struct steady {
    struct dp_tuple_index index;
    struct numbered *nodes;     /* The first N_STEADY stay. */
    atomic_bool is_over;
};

static void *
reader_main(void *steady_)
{
    struct steady *steady = steady_;
    bool is_over;

    do {
        for (size_t i = 0; i < N_STEADY; i++) {
            ovs_assert(is_found(&steady->index, &steady->nodes[i]));
            ovs_assert(may_be_guessed(&steady->index, &steady->nodes[i]));
        }
        for (size_t i = N_STEADY; i < N_NODES; i += 50) {
            is_found(&steady->index, &steady->nodes[i]);
        }
        ovsrcu_quiesce();
        atomic_read_relaxed(&steady->is_over, &is_over);
    } while (!is_over);
    return NULL;
}

static void
test_tuple_index_steady_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct steady steady;
    pthread_t reader;

    dp_tuple_index_init(&steady.index);
    steady.nodes = xcalloc(N_NODES, sizeof *steady.nodes);
    init_nodes(steady.nodes, 0xff0000ff);
    for (size_t i = 0; i < N_STEADY; i++) {
        change(&steady.index, &steady.nodes[i]);
    }
    atomic_init(&steady.is_over, false);
    reader = ovs_thread_create("reader", reader_main, &steady);
    for (int i = 0; i < N_CHANGES; i++) {
        size_t n = (i / 10000 % 2 ? N_NODES : N_STEADY * 2) - N_STEADY;

        change(&steady.index,
               &steady.nodes[N_STEADY + random_range(n)]);
        if (i % 100 == 0) {
            ovsrcu_quiesce();
        }
    }
    atomic_store_relaxed(&steady.is_over, true);
    ovsrcu_quiesce_start();
    xpthread_join(reader, NULL);
    ovsrcu_quiesce_end();
    remove_all(&steady.index, steady.nodes);
    dp_tuple_index_uninit(&steady.index);
    free(steady.nodes);
}
DPTEST_REGISTER("tuple-index-steady", test_tuple_index_steady_main);
