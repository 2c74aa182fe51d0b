/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_WATCH_H
#define DP_WATCH_H 1

/* dp-watch: the fastest flows, while somebody looks
 * =================================================
 *
 * Job.  Reads the counters of all flows of a datapath again and again, in
 * small slices of the main thread's time, for dp-top.h.
 *
 * Owns.  Nothing while nobody looks: memory comes with the first question, and
 * goes DP_WATCH_MS after the last.
 *
 * Bound.  A slice looks at DP_WATCH_SLICE flows, and the thread has nine times
 * as long for others before the next one.  A round begins a second after the
 * one before, or later: no more than a thirtieth of the time is spent here,
 * once there are rates.  Time is that of the CPU.
 *
 * Thread-safety.  Main thread.  Flows are read under RCU; what NICs have
 * counted is asked from the offload engine, without a NIC. */

#include "openvswitch/types.h"

struct dp_top;
struct dp_topology;
struct dp_watch;

#define DP_WATCH_MS 10000
#define DP_WATCH_SLICE 1000

/* Somebody looks: watches from now on, '*watchp' becomes what the other
 * functions take.  Returns what is known so far. */
const struct dp_top *dp_watch_ask(struct dp_watch **watchp);

/* How long lay between the last two rounds, in ms; 0 before. */
long long int dp_watch_interval_ms(const struct dp_watch *);

/* '*watchp' may be NULL, and becomes that when nobody looks any more. */
void dp_watch_run(struct dp_watch **watchp, const struct dp_topology *);
void dp_watch_wait(const struct dp_watch *);
void dp_watch_destroy(struct dp_watch *);

#endif /* dp-watch.h */
