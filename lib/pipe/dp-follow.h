/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_FOLLOW_H
#define DP_FOLLOW_H 1

/* dp-follow: follows one packet through a lane
 * ============================================
 *
 * Job.  Now and then pick a packet that has just arrived, has a way to go, and
 * is of a connection that has been seen for some packets (dp-sample.h); note
 * which flows and connections it meets until it leaves the pipe, and put that
 * trace (merge/dp-trace.h) into a queue.
 *
 * A packet is known by its address.  Clones have others, and are not followed.
 * The trace ends when it does not come back.  Another packet may be taken for
 * it, if it was freed and that one has got its memory: a trace that does not
 * fit together makes no rule.
 *
 * Owns.  The trace that is being filled.
 *
 * Thread-safety.  The owner of the lane.
 *
 * Cost.  A lane that follows nobody has no follower, and looks for one by one
 * load per burst, per "ct" and per recirculation.  One that has a follower
 * looks at one burst per interval, and extracts and allocates for one packet
 * of it at most. */

#include <stdbool.h>

struct ct_sights;
struct dp_burst;
struct dp_follower;
struct dp_packet_batch;
struct dp_tracer;

enum { DP_FOLLOW_INTERVAL_US = 50 };    /* At work. */

/* Creates a follower that puts a trace, in the name of 'lane', into 'tracer',
 * borrowed, every 'interval_us' at most; with 0 it follows any packet that has
 * a way to go. */
struct dp_follower *dp_follower_create(struct dp_tracer *tracer, void *lane,
                                       long long int interval_us);
void dp_follower_destroy(struct dp_follower *);

/* The packets of 'burst', which have flows, are about to be executed, at
 * 'now_us'.  Returns true if one of them is followed: then dp_follow_leave()
 * must be called when they have been. */
bool dp_follow_enter(struct dp_follower *, const struct dp_burst *burst,
                     long long int now_us);
void dp_follow_leave(struct dp_follower *);

/* Is a packet followed that is being executed?  Then whoever tracks packets
 * tells what they met. */
bool dp_follow_is_here(const struct dp_follower *);
void dp_follow_ct(struct dp_follower *, const struct ct_sights *);

/* The packets of 'batch' go through the pipe again, for the 'depth'th
 * time. */
void dp_follow_again(struct dp_follower *, const struct dp_packet_batch *batch,
                     unsigned int depth);

#endif /* dp-follow.h */
