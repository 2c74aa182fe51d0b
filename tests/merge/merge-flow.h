/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MERGE_FLOW_H
#define MERGE_FLOW_H 1

/* merge-flow: packets that are like each other
 * ============================================
 *
 * Job.  Packets of few values, and packets that differ from another one in a
 * field or two.
 *
 * Thread-safety.  Any thread. */

struct dp_packet;
struct flow;

/* Fills 'flow' by chance: TCP or UDP, mostly. */
void merge_flow_random(struct flow *flow);

/* Changes something in 'flow', or nothing. */
void merge_flow_change(struct flow *flow);

/* Returns a new packet that looks like 'flow' and came in by its port, with a
 * payload by chance. */
struct dp_packet *merge_flow_packet(const struct flow *flow);

#endif /* merge-flow.h */
