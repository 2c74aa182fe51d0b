/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_FENCE_H
#define DP_FENCE_H 1

/* dp-fence: a fence of which one side pays the price
 * ==================================================
 *
 * Job.  Order what two threads do as two full fences would, one in each: "I
 * write A and read B" against "I write B and read A", so that at least one of
 * them sees what the other wrote.  Where one side is often (each turn of a
 * lane) and the other rare (a flow is deleted), the rare one fences for both:
 * the kernel has each thread of the process that runs now pass a fence (one
 * that does not run has passed one when it was switched away), and the
 * frequent side has only to keep the compiler from reordering.
 *
 * Fallback.  A kernel without membarrier(), or a sandbox that forbids it: then
 * dp_fence_register() says false, and both sides fence.
 *
 * Thread-safety.  Any thread, any time.
 *
 * Cost.  The frequent side: nothing, instead of 30 cycles.  The rare side: a
 * system call and an interrupt for each core that runs one of our threads,
 * some microseconds. */

#include <stdbool.h>

#include "ovs-atomic.h"
#include "util.h"

/* Asks the kernel for dp_fence_rare() on behalf of the process.  Returns
 * whether it will do.  To be called again costs nothing and says the same. */
bool dp_fence_register(void);

/* The rare side; 'registered' is what dp_fence_register() has returned.  Pairs
 * with dp_fence_frequent(). */
void dp_fence_rare(bool registered);

/* The frequent side.  Pairs with dp_fence_rare(). */
static inline void
dp_fence_frequent(bool registered)
{
    if (OVS_LIKELY(registered)) {
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_thread_fence(memory_order_seq_cst);
    }
}

#endif /* dp-fence.h */
