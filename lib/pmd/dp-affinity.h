/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_AFFINITY_H
#define DP_AFFINITY_H 1

/* dp-affinity: rx queues that the user pins to cores
 * ==================================================
 *
 * Job.  Read an Interface's "pmd-rxq-affinity", a list of QUEUE:CORE pairs,
 * into the queues of its port.
 *
 * Thread-safety.  Control thread.
 *
 * Errors.  A list that can't be read pins nothing; a warning says so. */

struct dp_port;

void dp_affinity_apply(struct dp_port *);

#endif /* dp-affinity.h */
