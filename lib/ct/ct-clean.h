/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_CLEAN_H
#define CT_CLEAN_H 1

/* ct-clean: the thread that keeps house for a tracker
 * ===================================================
 *
 * Job.  What packets must not wait for, in a thread "ct_clean":
 *
 * - Sweeping: kills what has expired, twice per second, or more often if
 *   'sweep_ms' says so.  It reads when each connection is due, 4 bytes each,
 *   from the slab's column; connections themselves only if they are.
 * - Reaping: when a grace period has passed since it died, gives a
 *   connection's memory back; one that is held waits.
 * - Growth of the table, stock for the slabs.
 *
 * Once ct_clean_start() has returned, its thread is one more user of the
 * tracker.
 *
 * Invariants.  At most one batch of what has gone waits for its grace period,
 * so what waits in it is done before what comes later.
 *
 * Thread-safety.  Start and stop: the tracker's owner.  Wake: any thread; it
 * costs a system call if nobody did since the thread last woke.  The others:
 * "ct_clean", or a test in its place. */

#include <stdbool.h>
#include <stddef.h>

struct conntrack;
struct ct_clean;

/* Stores the new thread's in the tracker, too.  After it was stopped, the rest
 * is destroyed when no callback of RCU needs it any more. */
void ct_clean_start(struct conntrack *);
void ct_clean_stop(struct ct_clean *);
void ct_clean_destroy(struct ct_clean *);

/* Lets the thread look soon for what there is to do. */
void ct_clean_wake(struct ct_clean *);

/* Kills what has expired at 'now_ms'.  Quiesces.  Returns how many it was. */
size_t ct_clean_sweep(struct conntrack *, long long now_ms);

#endif /* ct-clean.h */
