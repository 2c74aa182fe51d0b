/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGING_H
#define DP_MERGING_H 1

/* dp-merging: merged rules, switched on and off
 * =============================================
 *
 * Job.  While "ct-merge" is true: let all lanes follow packets
 * (pipe/dp-follow.h), and run a thread that takes their traces, offers them to
 * the books (merge/dp-books.h), and has the books age.  Switched off, no rule
 * is left, and all that rules have counted is booked.
 *
 * Thread-safety.  Main thread.  The thread of this module touches the books
 * and the tracer only.
 *
 * Cost.  The thread sleeps longer the longer nothing comes, up to
 * 20 milliseconds. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ovs-atomic.h"
#include "merge/dp-trace.h"

struct dp_books;
struct dp_topology;

struct dp_merging {
    /* Constant after creation. */
    struct dp_books *books;             /* Borrowed. */
    struct dp_topology *topology;       /* Borrowed. */

    struct dp_tracer tracer;

    /* Main thread only. */
    bool running;
    pthread_t thread;

    /* Written by the main thread. */
    atomic_bool exit;
};

void dp_merging_init(struct dp_merging *, struct dp_books *,
                     struct dp_topology *);
void dp_merging_uninit(struct dp_merging *);

/* Switches merging on or off.  There are at most 'max_rules' rules. */
void dp_merging_configure(struct dp_merging *, bool on, uint32_t max_rules);

/* Returns how many traces nobody had time for. */
uint64_t dp_merging_n_lost(const struct dp_merging *);

#endif /* dp-merging.h */
