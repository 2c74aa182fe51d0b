/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_SWEEP_H
#define OFPROTO_SWEEP_H 1

/* sweep: ukeys that the dump did not settle
 * =========================================
 *
 * Job.  After all flows have been dumped, walk over the ukeys and take care of
 * those that the dump did not see: reap EVICTED ones; judge, by their last
 * known statistics, flows that the dump missed; delete those that it keeps
 * missing.  And purge: delete all ukeys of a lane, or all at all.
 *
 * What a missed dump means.  One proves nothing: a ukey may be younger than
 * the dump, and a hash table that grows under a dump hides some of its
 * flows.  SWEEP_MAX_MISSED in a row do: the flow has gone behind our back, or
 * it never came (the datapath refused it after upcall_cb() returned), and as
 * long as the ukey stays, each packet is taken for a duplicate and goes the
 * slow way.
 *
 * Thread-safety.  Each revalidator sweeps its own slots of the map, between
 * the barriers of revalidator.h.  Purge is for the main thread, while the
 * revalidators are paused or do not run.
 *
 * See also.  revalidator.h, ukey-map.h, dp-ops.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct udpif;

#define SWEEP_MAX_MISSED 4

/* A ukey whose flow may still be on its way into the datapath is left alone
 * for so long, in ms, however many dumps it misses. */
#define SWEEP_VISIBLE_GRACE_MS 1000

/* Sweeps slots 'first', 'first' + 'step'...  The dump that has just ended was
 * number 'dump_seq', and 'reval_seq' is the version of the tables that it
 * judged by.  If 'complete' is false the dump ended with an error, and what it
 * missed proves nothing. */
void sweep(struct udpif *, size_t first, size_t step,
           uint64_t dump_seq, uint64_t reval_seq, bool complete);

/* Deletes all flows that have a ukey, and these ukeys. */
void sweep_purge(struct udpif *);

/* Likewise, for one lane. */
void sweep_purge_pmd(struct udpif *, unsigned int pmd_id);

#endif /* ofproto/sweep.h */
