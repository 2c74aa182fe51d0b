/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_WORKER_H
#define DP_OFFLOAD_WORKER_H 1

/* dp-offload-worker: the threads that talk to NICs
 * ================================================
 *
 * Job.  A worker takes rules off its ready queues, asks dp_rule_next() what
 * they need, and hands the operations to the providers in batches.  Besides
 * it tries again what failed for now, reads counters twice a second, and lets
 * marks out of quarantine.  Private to lib/offload.
 *
 * Thread-safety.  Control thread only, under the engine's mutex. */

#include "offload/dp-offload-engine.h"
#include "offload/dp-worker-state.h"

void dp_offload_workers_init(struct dp_offload *offload,
                             unsigned int n_workers);
void dp_offload_workers_uninit(struct dp_offload *offload);

/* Starts and stops the threads.  stop() waits until no operation is under
 * way; rules that are ready stay in the queues. */
void dp_offload_workers_start(struct dp_offload *offload)
    OVS_REQUIRES(offload->mutex);
void dp_offload_workers_stop(struct dp_offload *offload)
    OVS_REQUIRES(offload->mutex);

/* Puts all workers, and the helper, on the engine's 'worker_cpus'. */
void dp_offload_pin(struct dp_offload *offload)
    OVS_REQUIRES(offload->mutex);

/* Gives the shards to 'n' workers.  The threads must have been stopped. */
void dp_offload_workers_assign(struct dp_offload *offload, unsigned int n)
    OVS_REQUIRES(offload->mutex);

/* Returns the number of rules that are ready or have an operation under
 * way. */
uint64_t dp_offload_workers_pending(const struct dp_offload *offload);

#endif /* dp-offload-worker.h */
