/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CARRIER_H
#define DP_CARRIER_H 1

/* dp-carrier: lanes run merged rules
 * ==================================
 *
 * Job.  Find the merged flow of a packet that has just arrived, by its first
 * bytes (flow/dp-tuple.h), and see to what a match can't say: the packet's
 * checksums are sound, as the tracker would find them, and it has no routing
 * header.  What is not found, or not sound, goes the long way.  What a NIC has
 * marked as a merged flow's does not come here: see dp-rx.c.
 *
 * Owns.  Nothing.  Merged flows stand in the lane's table 'merged', and in no
 * other: the upper layers don't see them.  The offload engine knows those that
 * are there, as long as it is switched on.
 *
 * Thread-safety.  dp_carrier_run(): the owner of the lane.  Functions of
 * dp_carrier: as merge/dp-books.h says, which keeps the writers of a lane's
 * table apart.
 *
 * Cost.  Without merged flows, one branch per burst.  A packet without one
 * pays for a hash and for a bucket.  A checksum that the NIC has not looked at
 * is computed, as the tracker would have done. */

#include <stdbool.h>

#include "merge/dp-books.h"

struct dp_burst;
struct dp_flow;
struct dp_lane;

/* For dp_books_create(); lanes are 'struct dp_lane's, and 'aux' is their
 * 'struct dp_shared', which must have an engine before there is a rule. */
extern const struct dp_books_carrier dp_carrier;

/* Registers 'flow', a merged one that 'lane' has, with the offload engine, if
 * there is one and it is on. */
void dp_carrier_offer(void *lane, struct dp_flow *flow);

/* Ends that.  From here on the flow itself has the counts of NICs, those that
 * come late included. */
void dp_carrier_withdraw(void *lane, struct dp_flow *flow);

/* Decides those undecided packets of 'burst', fresh from their port, that have
 * a merged flow. */
void dp_carrier_run(struct dp_lane *, struct dp_burst *burst);

#endif /* dp-carrier.h */
