/* SPDX-License-Identifier: Apache-2.0 */

/* A directory of blocks that only grows, so that a reader needs no more than a
 * load to get from an index to its record.  Free indexes stand on a stack of
 * the slab, or in the magazines of threads, after J. Bonwick and J. Adams,
 * "Magazines and Vmem", USENIX 2001: a magazine that is empty takes, one that
 * is full gives half of what it may hold, so no sequence of allocations and
 * releases makes a thread go to the slab each time. */

#include <config.h>
#include "ct/ct-slab.h"

#include <string.h>
#include "flow/dp-pages.h"
#include "util.h"

#define HUGE_PAGE (2u << 20)
#define MAX_PER_REGION 64

/* How many allocations ahead a record is asked of the memory. */
#define AHEAD 4

struct ct_magazine {
    struct ct_slab *slab;
    struct ovs_list node;       /* In slab's 'magazines', guarded by its
                                 * mutex. */
    uint32_t n;                 /* Owner thread only, as 'indexes'. */
    uint32_t indexes[2 * CT_SLAB_MAGAZINE];
};

/* What the kernel gave, for one block or several. */
struct ct_slab_region {
    char *memory;
    size_t size;
};

/* A block on its way into the directory. */
struct new_block {
    char *records;
    struct ct_slab_columns *columns;
};

static size_t
block_bytes(const struct ct_slab *slab)
{
    return slab->record_size << CT_SLAB_SHIFT;
}

/* Returns how many blocks a region has: the least that fill huge pages
 * exactly, if that is not too many. */
static uint32_t
blocks_per_region(const struct ct_slab *slab)
{
    uint32_t n = 1;

    while (n * block_bytes(slab) % HUGE_PAGE && n < MAX_PER_REGION) {
        n *= 2;
    }
    return n;
}

/* Adds a region of 'huge' bytes in huge pages and 'small' others.  Returns its
 * memory, or NULL. */
static char *
add_region(struct ct_slab *slab, size_t huge, size_t small)
    OVS_REQUIRES(slab->mutex)
{
    char *memory = dp_pages_map(huge, small, DP_PAGES_ANY_NODE);

    if (memory) {
        slab->regions = xrealloc(slab->regions, ((slab->n_regions + 1)
                                                 * sizeof *slab->regions));
        slab->regions[slab->n_regions++] = (struct ct_slab_region) {
            memory, huge + small,
        };
    }
    return memory;
}

/* Returns the memory of a block, or NULL: a part of a region of huge pages, or
 * if 'is_alone' a region of its own, of small pages. */
static char *
carve(struct ct_slab *slab, bool is_alone)
    OVS_REQUIRES(slab->mutex)
{
    char *block;

    if (is_alone) {
        return add_region(slab, 0, block_bytes(slab));
    }
    if (!slab->n_uncarved) {
        uint32_t n = blocks_per_region(slab);

        slab->uncarved = add_region(slab, n * block_bytes(slab), 0);
        if (!slab->uncarved) {
            return NULL;
        }
        slab->n_uncarved = n;
    }
    block = slab->uncarved;
    slab->uncarved += block_bytes(slab);
    slab->n_uncarved--;
    return block;
}

/* Stores a block of zeros; false if there is no memory. */
static bool
make_block(struct ct_slab *slab, bool is_alone, struct new_block *block)
    OVS_EXCLUDED(slab->mutex)
{
    block->columns = NULL;
    if (slab->has_columns) {
        block->columns = dp_pages_map(sizeof *block->columns, 0,
                                      DP_PAGES_ANY_NODE);
        if (!block->columns) {
            return false;
        }
    }
    ovs_mutex_lock(&slab->mutex);
    block->records = (slab->n_made < CT_SLAB_MAX_BLOCKS
                      ? carve(slab, is_alone) : NULL);
    slab->n_made += block->records != NULL;
    ovs_mutex_unlock(&slab->mutex);
    if (!block->records && block->columns) {
        dp_pages_unmap(block->columns, sizeof *block->columns);
    }
    return block->records != NULL;
}

static uint32_t
count_blocks(const struct ct_slab *slab)
{
    return ct_slab_end(slab) >> CT_SLAB_SHIFT;
}

/* Tells those who don't have the mutex how much there is. */
static void
publish_unused(struct ct_slab *slab)
    OVS_REQUIRES(slab->mutex)
{
    uint32_t end = ct_slab_end(slab);

    atomic_store_relaxed(&slab->n_unused,
                         slab->n_free + (end - MIN(slab->next_unused, end)));
}

/* Adds 'block' to the directory. */
static void
publish_block(struct ct_slab *slab, const struct new_block *block)
    OVS_REQUIRES(slab->mutex)
{
    uint32_t n = count_blocks(slab);

    atomic_store_relaxed(&slab->blocks[n], block->records);
    if (slab->has_columns) {
        atomic_store_relaxed(&slab->columns[n], block->columns);
    }
    atomic_store_explicit(&slab->n_blocks, n + 1, memory_order_release);

    /* Room for all indexes, so that giving back never needs memory. */
    slab->free = xrealloc(slab->free,
                          ((size_t) (n + 1) << CT_SLAB_SHIFT)
                          * sizeof *slab->free);
    publish_unused(slab);
}

static void
push_free(struct ct_slab *slab, const uint32_t *indexes, size_t n)
    OVS_REQUIRES(slab->mutex)
{
    if (n) {                    /* Else there may be no block, and no stack. */
        memcpy(&slab->free[slab->n_free], indexes, n * sizeof *indexes);
        slab->n_free += n;
        publish_unused(slab);
    }
}

/* Takes up to CT_SLAB_MAGAZINE indexes; returns how many. */
static uint32_t
pop_free(struct ct_slab *slab, uint32_t *indexes)
    OVS_REQUIRES(slab->mutex)
{
    uint32_t end = ct_slab_end(slab);
    uint32_t n;

    if (slab->n_free) {
        n = MIN(slab->n_free, CT_SLAB_MAGAZINE);
        slab->n_free -= n;
        memcpy(indexes, &slab->free[slab->n_free], n * sizeof *indexes);
    } else {
        n = (slab->next_unused < end
             ? MIN(end - slab->next_unused, CT_SLAB_MAGAZINE) : 0);

        /* A magazine is emptied from its end. */
        for (uint32_t i = 0; i < n; i++) {
            indexes[n - 1 - i] = slab->next_unused + i;
        }
        slab->next_unused += n;
    }
    publish_unused(slab);
    return n;
}

/* The thread of a magazine ends. */
static void
retire_magazine(void *magazine_)
{
    struct ct_magazine *magazine = magazine_;
    struct ct_slab *slab = magazine->slab;

    ovs_mutex_lock(&slab->mutex);
    push_free(slab, magazine->indexes, magazine->n);
    ovs_list_remove(&magazine->node);
    ovs_mutex_unlock(&slab->mutex);
    free_cacheline(magazine);
}

static struct ct_magazine *
get_magazine(struct ct_slab *slab)
{
    struct ct_magazine *magazine = ovsthread_getspecific(slab->magazine_key);

    if (OVS_UNLIKELY(!magazine)) {
        magazine = xzalloc_cacheline(sizeof *magazine);
        magazine->slab = slab;
        ovs_mutex_lock(&slab->mutex);
        ovs_list_push_back(&slab->magazines, &magazine->node);
        ovs_mutex_unlock(&slab->mutex);
        ovsthread_setspecific(slab->magazine_key, magazine);
    }
    return magazine;
}

void
ct_slab_init(struct ct_slab *slab, size_t record_size, bool has_columns)
{
    slab->record_size = record_size;
    slab->has_columns = has_columns;
    ovsthread_key_create(&slab->magazine_key, retire_magazine);
    slab->blocks = xcalloc(CT_SLAB_MAX_BLOCKS, sizeof *slab->blocks);
    slab->columns = (has_columns
                     ? xcalloc(CT_SLAB_MAX_BLOCKS, sizeof *slab->columns)
                     : NULL);
    atomic_init(&slab->n_blocks, 0);
    atomic_init(&slab->n_unused, 0);

    ovs_mutex_init(&slab->mutex);
    ovs_mutex_lock(&slab->mutex);
    slab->regions = NULL;
    slab->n_regions = 0;
    slab->uncarved = NULL;
    slab->n_uncarved = 0;
    slab->n_made = 0;
    slab->next_unused = 1;      /* 0 is nobody. */
    slab->free = NULL;
    slab->n_free = 0;
    ovs_list_init(&slab->magazines);
    ovs_mutex_unlock(&slab->mutex);
}

void
ct_slab_destroy(struct ct_slab *slab)
{
    uint32_t n_blocks = count_blocks(slab);
    struct ct_magazine *magazine;

    ovsthread_key_delete(slab->magazine_key);

    ovs_mutex_lock(&slab->mutex);
    LIST_FOR_EACH_POP (magazine, node, &slab->magazines) {
        free_cacheline(magazine);
    }
    for (size_t i = 0; i < slab->n_regions; i++) {
        dp_pages_unmap(slab->regions[i].memory, slab->regions[i].size);
    }
    free(slab->regions);
    free(slab->free);
    ovs_mutex_unlock(&slab->mutex);
    ovs_mutex_destroy(&slab->mutex);

    for (uint32_t i = 0; slab->has_columns && i < n_blocks; i++) {
        dp_pages_unmap(ct_slab_columns(slab, i << CT_SLAB_SHIFT),
                       sizeof(struct ct_slab_columns));
    }
    free(slab->blocks);
    free(slab->columns);
}

/* Fills 'magazine', which is empty.  Returns false if there is no memory. */
static bool
fill_magazine(struct ct_slab *slab, struct ct_magazine *magazine)
{
    struct new_block block;

    ovs_mutex_lock(&slab->mutex);
    magazine->n = pop_free(slab, magazine->indexes);
    ovs_mutex_unlock(&slab->mutex);
    if (magazine->n) {
        return true;
    }

    /* Whoever should stock is late, or does not stock a slab that may never be
     * used: so it begins small. */
    if (!make_block(slab, !count_blocks(slab), &block)) {
        return false;
    }
    ovs_mutex_lock(&slab->mutex);
    publish_block(slab, &block);
    magazine->n = pop_free(slab, magazine->indexes);
    ovs_mutex_unlock(&slab->mutex);
    return magazine->n > 0;
}

/* Asks the memory for a record that will be written soon: free ones are in no
 * cache, mostly. */
static void
warm(const struct ct_slab *slab, uint32_t index)
{
    const char *record = ct_slab_at(slab, index, slab->record_size);

    for (size_t ofs = 0; ofs < slab->record_size; ofs += CACHE_LINE_SIZE) {
        OVS_PREFETCH_WRITE(record + ofs);
    }
}

uint32_t
ct_slab_alloc(struct ct_slab *slab)
{
    struct ct_magazine *magazine = get_magazine(slab);

    if (!magazine->n && !fill_magazine(slab, magazine)) {
        return 0;
    }
    magazine->n--;
    if (magazine->n >= AHEAD) {
        warm(slab, magazine->indexes[magazine->n - AHEAD]);
    }
    return magazine->indexes[magazine->n];
}

void
ct_slab_free(struct ct_slab *slab, uint32_t index)
{
    struct ct_magazine *magazine = get_magazine(slab);

    if (magazine->n >= ARRAY_SIZE(magazine->indexes)) {
        magazine->n -= CT_SLAB_MAGAZINE;
        ct_slab_free_batch(slab, &magazine->indexes[magazine->n],
                           CT_SLAB_MAGAZINE);
    }
    magazine->indexes[magazine->n++] = index;
}

void
ct_slab_free_batch(struct ct_slab *slab, const uint32_t *indexes, size_t n)
{
    ovs_mutex_lock(&slab->mutex);
    push_free(slab, indexes, n);
    ovs_mutex_unlock(&slab->mutex);
}

bool
ct_slab_is_low(const struct ct_slab *slab)
{
    uint32_t n_unused;

    atomic_read_relaxed(&CONST_CAST(struct ct_slab *, slab)->n_unused,
                        &n_unused);
    return n_unused < CT_SLAB_BLOCK / 2;
}

bool
ct_slab_stock(struct ct_slab *slab)
{
    struct new_block block;

    if (!ct_slab_is_low(slab)) {
        return true;
    }
    if (!make_block(slab, false, &block)) {
        return false;
    }
    dp_pages_touch(block.records, block_bytes(slab));
    if (block.columns) {
        dp_pages_touch(block.columns, sizeof *block.columns);
    }
    ovs_mutex_lock(&slab->mutex);
    publish_block(slab, &block);
    ovs_mutex_unlock(&slab->mutex);
    return true;
}

size_t
ct_slab_bytes(const struct ct_slab *slab)
{
    return (count_blocks(slab)
            * (block_bytes(slab)
               + (slab->has_columns ? sizeof(struct ct_slab_columns) : 0)));
}
