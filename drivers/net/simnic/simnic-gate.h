/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_GATE_H
#define SIMNIC_GATE_H 1

/* simnic-gate: keeps polling cores out of a queue
 * ===============================================
 *
 * Job.  Let one thread take a queue apart although another may still poll it:
 * a port that is stopped or unplugged under traffic goes silent, and nobody
 * reads what was freed.
 *
 * Owns.  Nothing.
 *
 * Invariants.  After simnic_gate_close() returned, no thread is between
 * enter and leave, and none gets there until simnic_gate_open().
 *
 * Thread-safety.  One thread enters and leaves; another, under the port's
 * mutex, closes and opens.  Not to be closed from within a burst.
 *
 * Cost.  Entering is a store, a load and a branch for each burst: the fence
 * that their order needs is paid by the closing side, by membarrier(2).
 *
 * See also.  simnic-queue.c (closes), simnic-rx.c, simnic-tx.c and
 * simnic-wire.c (enter). */

#include <stdbool.h>

#include <rte_branch_prediction.h>

struct simnic_gate {
    bool busy;                  /* Written by the core that polls. */
    bool closed;                /* Written by the one that closes. */
};

/* Returns false if the gate is closed; otherwise, the caller leaves later. */
static inline bool
simnic_gate_enter(struct simnic_gate *gate)
{
    __atomic_store_n(&gate->busy, true, __ATOMIC_RELAXED);

    /* No reordering by the compiler; the CPU's is undone by the membarrier in
     * simnic_gate_close(). */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&gate->closed, __ATOMIC_ACQUIRE))) {
        __atomic_store_n(&gate->busy, false, __ATOMIC_RELEASE);
        return false;
    }
    return true;
}

static inline void
simnic_gate_leave(struct simnic_gate *gate)
{
    /* Pairs with the acquire in simnic_gate_close(). */
    __atomic_store_n(&gate->busy, false, __ATOMIC_RELEASE);
}

/* Waits until nobody is inside. */
void simnic_gate_close(struct simnic_gate *);

/* After this call whoever is inside without having been seen there has come
 * after it. */
void simnic_gate_fence(void);

static inline bool
simnic_gate_is_busy(const struct simnic_gate *gate)
{
    /* Pairs with the release in simnic_gate_leave(). */
    return __atomic_load_n(&gate->busy, __ATOMIC_ACQUIRE);
}

void simnic_gate_open(struct simnic_gate *);

#endif /* simnic-gate.h */
