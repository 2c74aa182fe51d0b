/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-slab.h"

#include <sched.h>
#include "flow/dp-pages.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"

enum {
    CHUNK = DP_PAGES_HUGE,
    MAX_LINES = 1024 / CACHE_LINE_SIZE,
    MAX_NODES = 8,              /* More share. */
};

/* An object that is free. */
struct dp_slab_gap {
    struct dp_slab_gap *next;
};

/* Stands at the beginning of its memory, which is aligned to its size. */
struct dp_slab_chunk {
    struct ovs_list node;       /* In the slab's chunks, if one has room. */
    struct dp_slab *slab;       /* Constant. */
    struct dp_slab_gap *gaps;   /* Objects that were in use... */
    char *unused;               /* ...and the first that never was. */
    uint32_t n_used;
    bool is_first;              /* Never goes. */
};
BUILD_ASSERT_DECL(sizeof(struct dp_slab_chunk) <= CACHE_LINE_SIZE);

/* Objects of one size, of a node. */
struct dp_slab {
    size_t size;                        /* Constant: of an object. */
    ATOMIC(void *) *spare;              /* Constant: the node's. */
    struct ovs_mutex mutex;
    struct ovs_list roomy OVS_GUARDED;  /* Chunks with room. */
    bool has_first OVS_GUARDED;
    bool has_empty OVS_GUARDED;         /* Besides the first. */
};

/* One for the process, as the C library's memory is. */
static struct {
    struct dp_slab slabs[MAX_NODES][MAX_LINES + 1];     /* By lines. */
    ATOMIC(void *) spares[MAX_NODES];   /* Huge pages that are zeroed, or
                                         * NULL. */
} memory;

static void
init_slabs(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        for (size_t i = 0; i < MAX_NODES; i++) {
            for (size_t j = 0; j <= MAX_LINES; j++) {
                struct dp_slab *slab = &memory.slabs[i][j];

                slab->size = j * CACHE_LINE_SIZE;
                slab->spare = &memory.spares[i];
                ovs_mutex_init(&slab->mutex);
                ovs_mutex_lock(&slab->mutex);
                ovs_list_init(&slab->roomy);
                ovs_mutex_unlock(&slab->mutex);
            }
        }
        ovsthread_once_done(&once);
    }
}

static unsigned int
get_node(void)
{
    unsigned int node;

    return getcpu(NULL, &node) ? 0 : node % MAX_NODES;
}

static struct dp_slab_chunk *
chunk_of(void *p)
{
    return (void *) ROUND_DOWN((uintptr_t) p, (uintptr_t) CHUNK);
}

static bool
has_room(const struct dp_slab_chunk *chunk)
{
    return (chunk->gaps
            || (chunk->unused + chunk->slab->size
                <= (const char *) chunk + CHUNK));
}

/* Sees that there is one at 'spare', of memory.spares.  Takes a fraction of a
 * millisecond. */
static void
stock(ATOMIC(void *) *spare)
{
    void *old, *new;

    atomic_read_relaxed(spare, &old);
    new = old ? NULL : dp_pages_map(CHUNK, 0, spare - memory.spares);
    if (new) {
        dp_pages_touch(new, CHUNK);
        if (!atomic_compare_exchange_strong(spare, &old, new)) {
            dp_pages_unmap(new, CHUNK);
        }
    }
}

/* Returns memory for a chunk: the spare, or small pages, which the kernel
 * zeroes one by one. */
static void *
map_chunk(ATOMIC(void *) *spare, bool small)
{
    void *p = NULL;

    if (!small) {
        p = atomic_exchange_explicit(spare, NULL, memory_order_acquire);
    }
    if (!p) {
        p = dp_pages_map(0, CHUNK, DP_PAGES_ANY_NODE);
        if (!p) {
            out_of_memory();
        }
    }
    ovsrcu_postpone(stock, spare);
    return p;
}

static struct dp_slab_chunk *
add_chunk(struct dp_slab *slab)
    OVS_REQUIRES(slab->mutex)
{
    struct dp_slab_chunk *chunk = map_chunk(slab->spare, !slab->has_first);

    chunk->slab = slab;
    chunk->is_first = !slab->has_first;
    chunk->unused = (char *) chunk + CACHE_LINE_SIZE;
    slab->has_first = true;
    ovs_list_push_front(&slab->roomy, &chunk->node);
    return chunk;
}

/* Takes an object out of 'chunk', which has room. */
static void *
take(struct dp_slab_chunk *chunk)
{
    void *p = chunk->gaps;

    if (p) {
        chunk->gaps = chunk->gaps->next;
    } else {
        p = chunk->unused;
        chunk->unused += chunk->slab->size;
    }
    chunk->n_used++;
    return p;
}

static void *
alloc(struct dp_slab *slab)
    OVS_EXCLUDED(slab->mutex)
{
    struct dp_slab_chunk *chunk;
    void *p;

    ovs_mutex_lock(&slab->mutex);
    chunk = (ovs_list_is_empty(&slab->roomy) ? add_chunk(slab)
             : CONTAINER_OF(ovs_list_front(&slab->roomy),
                            struct dp_slab_chunk, node));
    if (!chunk->n_used && !chunk->is_first) {
        slab->has_empty = false;
    }
    p = take(chunk);
    if (!has_room(chunk)) {
        ovs_list_remove(&chunk->node);
    }
    ovs_mutex_unlock(&slab->mutex);
    return p;
}

/* 'chunk' has become empty.  Returns true if it is to go.  If it stays, it
 * stands behind those that are in use. */
static bool
retire(struct dp_slab *slab, struct dp_slab_chunk *chunk)
    OVS_REQUIRES(slab->mutex)
{
    ovs_list_remove(&chunk->node);
    if (slab->has_empty) {
        return true;
    }
    slab->has_empty = true;
    ovs_list_push_back(&slab->roomy, &chunk->node);
    return false;
}

/* Gives 'p' back to its chunk. */
static void
release(void *p)
{
    struct dp_slab_chunk *chunk = chunk_of(p);
    struct dp_slab *slab = chunk->slab;
    struct dp_slab_gap *gap = p;
    bool goes = false;

    ovs_mutex_lock(&slab->mutex);
    if (!has_room(chunk)) {
        ovs_list_push_front(&slab->roomy, &chunk->node);
    }
    gap->next = chunk->gaps;
    chunk->gaps = gap;
    if (!--chunk->n_used && !chunk->is_first) {
        goes = retire(slab, chunk);
    }
    ovs_mutex_unlock(&slab->mutex);
    if (goes) {
        dp_pages_unmap(chunk, CHUNK);
    }
}

void *
dp_slab_alloc(size_t size)
{
    void *p;

    if (!size || size > DP_SLAB_MAX) {
        return xzalloc_cacheline(size);
    }
    init_slabs();
    p = alloc(&memory.slabs[get_node()][DIV_ROUND_UP(size, CACHE_LINE_SIZE)]);
    memset(p, 0, size);
    return p;
}

void
dp_slab_free(void *p, size_t size)
{
    if (!p || !size || size > DP_SLAB_MAX) {
        free_cacheline(p);
    } else {
        release(p);
    }
}
