/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MARK_H
#define DP_MARK_H 1

/* dp-mark: who has which mark
 * ===========================
 *
 * Job.  Gives marks to rules, keeps freed ones in quarantine, gives them out
 * again.  Knows for each mark which rule has it ('owner', opaque).
 *
 * Width.  Some NICs carry 24 bits, some 16 or fewer.  All lanes look marks up
 * in one table, so marks are unique among ports: those of 'k' significant
 * bits form class 'k', and a port of width 'w' takes marks from the classes up
 * to 'w'.  A wide port leaves those that a narrower one could use to it, as
 * long as it finds others.
 *
 * Quarantine.  A mark whose rule was in a NIC goes to the limbo of the rule's
 * port, stamped with a new drain epoch (dp-mark-drain.h), when the removal has
 * been confirmed.  dp_marks_reap() moves on those that no rx queue can hold
 * any more; a grace period later they are free.
 *
 * Reuse.  A mark that was never in a NIC is preferred, then the one that has
 * been free longest.
 *
 * Invariants (dp_marks_check()).  0 is never given out.  A mark has at most
 * one owner.  Each mark that was ever given out has an owner, is in a limbo,
 * waits for a grace period, is lost, or is free, and only one of these.
 *
 * Thread-safety.  All functions are; they take 'mutex' inside, briefly.
 *
 * Cost.  O(1), and 8 bytes for each free mark. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-mark-drain.h"
#include "offload/dp-mark-index.h"
#include "openvswitch/thread.h"

/* A growing ring of numbers. */
struct dp_mark_fifo {
    uint64_t *ring;
    uint32_t head;                      /* Next to take. */
    uint32_t n;                         /* Elements in it. */
    uint32_t allocated;                 /* 0 or a power of two. */
};

/* Quarantine of one port.  Guarded by the mutex of its 'struct dp_marks'. */
struct dp_mark_limbo {
    struct dp_mark_fifo fifo;           /* An epoch, its mark, the next... */
};

struct dp_marks {
    /* Published (atomic, RCU). */
    struct dp_mark_epoch epoch;
    atomic_uint64_t n_returned;         /* Times that a mark became free. */
    struct dp_mark_index *owners;       /* Mark to rule. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    uint32_t available;                 /* Bit k: class k + 1 has a mark. */
    uint32_t next[DP_MARK_BITS];        /* Of class k + 1: first fresh one. */
    struct dp_mark_fifo free[DP_MARK_BITS]; /* Stamp << 24 | mark. */
    uint64_t n_freed;                   /* Stamp of the last one. */
    size_t n_free;                      /* In all of 'free'. */
    unsigned int n_ports[DP_MARK_BITS]; /* Ports of width k + 1. */
    size_t n_owned;                     /* Marks that have an owner. */
    size_t n_limbo;                     /* In limbos. */
    size_t n_grace;                     /* Waiting for a grace period. */
    size_t n_lost;                      /* Never to be given out again. */
    bool dying;                         /* Free when 'n_grace' is 0. */
};

struct dp_marks *dp_marks_create(void);

/* Frees 'marks', none of which may have an owner, after a grace period. */
void dp_marks_destroy(struct dp_marks *marks);

/* A port of 'bits' (1...24) has come or gone. */
void dp_marks_port_add(struct dp_marks *marks, unsigned int bits);
void dp_marks_port_del(struct dp_marks *marks, unsigned int bits);

/* Gives 'owner' a mark of at most 'bits' bits, in '*markp'.  Returns 0, or
 * ENOSPC if none is free ('*markp' is then 0). */
int dp_mark_assign(struct dp_marks *marks, unsigned int bits, void *owner,
                   uint32_t *markp)
    OVS_EXCLUDED(marks->mutex);

/* 'mark', which 'owner' had, was never given to a NIC: it is free at once, and
 * the next to be given out. */
void dp_mark_cancel(struct dp_marks *marks, uint32_t mark, const void *owner)
    OVS_EXCLUDED(marks->mutex);

/* 'mark', which 'owner' had, has left the NIC: into 'limbo' with it. */
void dp_mark_release(struct dp_marks *marks, uint32_t mark,
                     const void *owner, struct dp_mark_limbo *limbo)
    OVS_EXCLUDED(marks->mutex);

/* 'mark', which 'owner' had, may be in a NIC for ever: it is never given out
 * again. */
void dp_mark_lose(struct dp_marks *marks, uint32_t mark, const void *owner)
    OVS_EXCLUDED(marks->mutex);

/* Frees, after a grace period, the marks in 'limbo' that are not of a later
 * epoch than 'drained' (UINT64_MAX: all). */
void dp_marks_reap(struct dp_marks *marks, struct dp_mark_limbo *limbo,
                   uint64_t drained)
    OVS_EXCLUDED(marks->mutex);

/* Returns the number of marks that are not free. */
size_t dp_marks_count(const struct dp_marks *marks);

/* Opens a new drain epoch, and returns it. */
uint64_t dp_marks_open_epoch(struct dp_marks *marks);

/* Is there no mark in 'limbo'? */
bool dp_mark_limbo_is_empty(const struct dp_marks *marks,
                            const struct dp_mark_limbo *limbo)
    OVS_EXCLUDED(marks->mutex);

void dp_mark_limbo_init(struct dp_mark_limbo *limbo);
void dp_mark_limbo_uninit(struct dp_mark_limbo *limbo);

/* Aborts if an invariant is broken. */
void dp_marks_check(const struct dp_marks *marks);

#endif /* dp-mark.h */
