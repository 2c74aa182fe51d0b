/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MARK_DRAIN_H
#define DP_MARK_DRAIN_H 1

/* dp-mark-drain: when has the last packet with an old mark been seen?
 * ===================================================================
 *
 * Job.  After a rule has left the NIC, packets that it marked may still wait
 * in an rx ring.  Its mark must not be given to another rule before all of
 * them have been looked up.  RCU can't tell, because a lane may quiesce while
 * a packet waits in its ring.
 *
 * How.  The engine counts epochs: it opens a new one when it puts a mark into
 * quarantine.  Each rx queue remembers the last epoch for which it is drained,
 * that is, since the beginning of which it has once been seen empty, or has
 * delivered at least as many packets as fit in its ring.  A mark is free when
 * every queue of its port is drained for the mark's epoch.
 *
 * A lane calls dp_mark_drain_poll() after each poll of a queue, with the
 * number of packets received, BEFORE it processes them; so when it is called,
 * all packets of earlier polls have been looked up.  An empty poll thus proves
 * that nothing with an older mark is left anywhere.  A poll that can't tell
 * whether the ring is empty is not reported.
 *
 * A port that is down looks to a lane like one whose rings are empty, and what
 * waits in them comes after all when it is up again.  To ask for its flags, a
 * lane would have to take a mutex of the netdev.  A worker does it instead,
 * and the engine believes only what was proved while the port was up without
 * a break (dp_offload_port_stayed_up()).
 *
 * Thread-safety.  dp_mark_drain_poll(): the lane that owns the queue.
 * dp_mark_drain_get(): any thread.
 *
 * Cost.  Per poll one load of a line that is shared and seldom written, and a
 * compare.  Nothing is stored unless a mark has been freed since. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/util.h"
#include "ovs-atomic.h"

/* Written by the engine only. */
struct dp_mark_epoch {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint64_t current;
    );
};

/* One for each rx queue, zero-initialised. */
struct dp_mark_drain {
    /* Owner thread only. */
    uint64_t goal;                      /* Epoch that we drain for. */
    uint64_t n_left;                    /* Packets until that is proved. */

    /* Published (atomic). */
    atomic_uint64_t drained;            /* Drained for this epoch. */
};

/* The queue of 'drain', whose ring holds at most 'ring_size' packets, was just
 * polled and delivered 'n' packets, which have not been looked at yet. */
static inline void
dp_mark_drain_poll(struct dp_mark_drain *drain,
                   const struct dp_mark_epoch *epoch,
                   unsigned int n, unsigned int ring_size)
{
    uint64_t current, drained;

    atomic_read_relaxed(&drain->drained, &drained);
    /* Pairs with the fetch-and-add in dp_marks_open_epoch().  That this poll
     * may have begun before the epoch did is why an empty poll counts for
     * the epoch seen by the poll before it, not for 'current'. */
    atomic_read_explicit(&CONST_CAST(struct dp_mark_epoch *, epoch)->current,
                         &current, memory_order_acquire);
    if (OVS_LIKELY(current == drained)) {
        return;
    }
    if (drain->goal != drained) {
        /* 'goal' was current when the poll before this one ended. */
        if (!n || n >= drain->n_left) {
            /* Pairs with the acquire in dp_mark_drain_get().  If it was the
             * ring size that ended it, the packets of this poll are newer
             * than the epoch or counted, so the last of the old ones may be
             * among them: wait for the next poll. */
            if (!n || !drain->n_left) {
                atomic_store_explicit(&drain->drained, drain->goal,
                                      memory_order_release);
                drained = drain->goal;
            } else {
                drain->n_left = 0;
            }
        } else {
            drain->n_left -= n;
        }
    }
    if (drain->goal == drained && drained != current) {
        drain->goal = current;
        drain->n_left = ring_size;
    }
}

/* Returns the last epoch for which the queue is known to be drained. */
static inline uint64_t
dp_mark_drain_get(const struct dp_mark_drain *drain)
{
    uint64_t drained;

    atomic_read_explicit(&CONST_CAST(struct dp_mark_drain *, drain)->drained,
                         &drained, memory_order_acquire);
    return drained;
}

#endif /* dp-mark-drain.h */
