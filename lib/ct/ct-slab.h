/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_SLAB_H
#define CT_SLAB_H 1

/* ct-slab: memory that is named by number
 * =======================================
 *
 * Job.  Gives out records of one size.  A record has an index, is never moved
 * and never unmapped before the slab is destroyed, so that whoever has an
 * index, however old, may look at the record: what he finds there is of the
 * record's type.  Index 0 is never given out.
 *
 * Records come in blocks of CT_SLAB_BLOCK, in huge pages if there are any.  A
 * slab may have two columns besides, arrays beside the records, for those who
 * search all of them: 'due' and 'zone'.  Where 'due' is 0 there is nothing to
 * see.  A record's columns are for its owner to set; a free record's 'due'
 * must be 0.
 *
 * Each thread has a magazine of free indexes.  It takes the slab's mutex once
 * per CT_SLAB_MAGAZINE records.
 *
 * Memory of new blocks is zeroed by ct_slab_stock(), which somebody should
 * call who has time, whenever ct_slab_is_low() says so.  A thread that finds
 * nothing makes a block itself, and lets the kernel zero each page when it is
 * first touched.  Small pages, if it is the first block: a slab that was not
 * stocked may stay small.
 *
 * Thread-safety.  Any thread may call what is not said to be for one thread.
 * 'mutex' is innermost.
 *
 * Cost.  ct_slab_at(): one load from a small directory.  ct_slab_alloc(): some
 * 10 ns. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/compiler.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"

#define CT_SLAB_SHIFT 14
#define CT_SLAB_BLOCK (1u << CT_SLAB_SHIFT)     /* Records of a block. */
#define CT_SLAB_MASK (CT_SLAB_BLOCK - 1)
#define CT_SLAB_MAX_BLOCKS (1u << (31 - CT_SLAB_SHIFT))
#define CT_SLAB_MAGAZINE 64

struct ct_slab_columns {
    /* Second of time_msec() before which the record needs no look; 0 if it is
     * not in use. */
    atomic_uint32_t due[CT_SLAB_BLOCK];
    union {
        ATOMIC(uint16_t) zone[CT_SLAB_BLOCK];
        atomic_uint64_t zones[CT_SLAB_BLOCK / 4];   /* To look at four. */
    };
};

struct ct_slab_region;

struct ct_slab {
    /* Constant after creation. */
    size_t record_size;
    ovsthread_key_t magazine_key;
    bool has_columns;

    /* Published.  The first 'n_blocks' of the directories are valid, for
     * ever. */
    ATOMIC(char *) *blocks;
    ATOMIC(struct ct_slab_columns *) *columns;
    atomic_uint32_t n_blocks;
    atomic_uint32_t n_unused;   /* Records that no magazine has; a copy. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct ct_slab_region *regions OVS_GUARDED; /* All memory of records. */
    size_t n_regions OVS_GUARDED;
    char *uncarved OVS_GUARDED; /* What is left of the last one of huge
                                 * pages... */
    uint32_t n_uncarved OVS_GUARDED;    /* ...in blocks. */
    uint32_t n_made OVS_GUARDED;        /* Blocks. */
    uint32_t next_unused OVS_GUARDED;   /* First that never was used. */
    uint32_t *free OVS_GUARDED;         /* Stack. */
    uint32_t n_free OVS_GUARDED;
    struct ovs_list magazines OVS_GUARDED;
};

/* Makes 'slab' one of records of 'record_size' bytes, with columns or without.
 * A record that is given out for the first time is all zeros. */
void ct_slab_init(struct ct_slab *, size_t record_size, bool has_columns);

/* Frees all memory.  Nobody may use the slab, or a record, any more. */
void ct_slab_destroy(struct ct_slab *);

/* Returns the index of a record, or 0 if there is no memory.  The record is as
 * who had it before left it. */
uint32_t ct_slab_alloc(struct ct_slab *);

/* Gives back records that nobody can see any more. */
void ct_slab_free(struct ct_slab *, uint32_t index);
void ct_slab_free_batch(struct ct_slab *, const uint32_t *indexes, size_t n);

/* Is a new block wanted soon?  Cheap. */
bool ct_slab_is_low(const struct ct_slab *);

/* Adds a block whose pages are there, if one is wanted.  For one thread at a
 * time.  Takes a millisecond.  Returns false if there is no memory. */
bool ct_slab_stock(struct ct_slab *);

/* Returns the number of bytes that 'slab' has mapped for records and
 * columns. */
size_t ct_slab_bytes(const struct ct_slab *);

/* One more than the highest index that may be in use. */
static inline uint32_t
ct_slab_end(const struct ct_slab *slab)
{
    uint32_t n_blocks;

    atomic_read_explicit(&CONST_CAST(struct ct_slab *, slab)->n_blocks,
                         &n_blocks, memory_order_acquire);
    return n_blocks << CT_SLAB_SHIFT;
}

/* Returns the record that 'index' names.  'size' is the slab's record size,
 * best a constant.  'index' must be one that was given out once. */
static inline void *
ct_slab_at(const struct ct_slab *slab, uint32_t index, size_t size)
{
    char *block;

    /* Who got the index got it after the block was published. */
    atomic_read_relaxed(&slab->blocks[index >> CT_SLAB_SHIFT], &block);
    return block + (index & CT_SLAB_MASK) * size;
}

/* Returns the columns of the block that 'index' is in. */
static inline struct ct_slab_columns *
ct_slab_columns(const struct ct_slab *slab, uint32_t index)
{
    struct ct_slab_columns *columns;

    atomic_read_relaxed(&slab->columns[index >> CT_SLAB_SHIFT], &columns);
    return columns;
}

#endif /* ct-slab.h */
