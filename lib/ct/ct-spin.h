/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_SPIN_H
#define CT_SPIN_H 1

/* ct-spin: locks of 32 bits
 * =========================
 *
 * Job.  A lock where there is no room for another one.  It is held for some
 * hundred instructions, never while its holder waits for anything but a second
 * such lock.  Where threads outnumber processors the holder may have been
 * preempted: who has spun for a while lets others run.
 *
 * The lock is bit 0 of a word.  Another bit may say that what it guards is no
 * longer here: then nobody gets the lock any more. */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/compiler.h"
#include "ovs-atomic.h"

#define CT_SPIN_LOCKED 1u
#define CT_SPIN_CLOSED 2u

static inline void
ct_spin_pause__(unsigned int *n_tries)
{
    if (++*n_tries % 64) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    } else {
        sched_yield();
    }
}

/* Returns true with the lock, false without if it is closed. */
static inline bool
ct_spin_lock_unless_closed(atomic_uint32_t *lock)
{
    unsigned int n_tries = 0;

    for (;;) {
        uint32_t value;

        atomic_read_explicit(lock, &value, memory_order_acquire);
        if (value & CT_SPIN_CLOSED) {
            return false;
        }
        if (!value
            && atomic_compare_exchange_weak_explicit(
                   lock, &value, CT_SPIN_LOCKED,
                   memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
        ct_spin_pause__(&n_tries);
    }
}

/* Takes a lock that is never closed. */
static inline void
ct_spin_lock(atomic_uint32_t *lock)
{
    ct_spin_lock_unless_closed(lock);
}

static inline void
ct_spin_unlock(atomic_uint32_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

/* Gives the lock back closed. */
static inline void
ct_spin_close(atomic_uint32_t *lock)
{
    atomic_store_explicit(lock, CT_SPIN_CLOSED, memory_order_release);
}

#endif /* ct-spin.h */
