/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_AFFINITY_H
#define DP_AFFINITY_H 1

/* dp-affinity: rx queues that the user pins to cores
 * ==================================================
 *
 * Job.  Read an Interface's "pmd-rxq-affinity", a list of QUEUE:CORE pairs,
 * into the queues of its port.
 *
 * Thread-safety.  Control thread; dp_affinity_parse() is pure.
 *
 * Errors.  A list that can't be read pins nothing; one message says so. */

#include <stddef.h>

struct dp_port;

void dp_affinity_apply(struct dp_port *);

/* Reads 'list', QUEUE:CORE pairs with commas or blanks between, into 'pins',
 * an array of 'n_rxq' elements: the core of each queue, or OVS_CORE_UNSPEC.
 * NULL and "" pin nothing.  Queues that the port does not have are passed
 * over: they may come later.  The last pair for a queue counts.
 *
 * Returns NULL, or the reason why 'list' can't be read, which the caller must
 * free; then nothing is pinned. */
char *dp_affinity_parse(const char *list, unsigned int *pins, size_t n_rxq);

#endif /* dp-affinity.h */
