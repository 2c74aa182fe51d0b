/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LOCAL_H
#define DP_LOCAL_H 1

/* dp-local: the port that bears the datapath's name
 * =================================================
 *
 * Job.  Has a datapath have its local port.  Its device, "ovs-netdev", can be
 * opened once in a network namespace.  So where there is another ovs-vswitchd
 * a datapath does without, since bridges need no port but their own, and gets
 * it when that one has gone.  It gets it back, too, if the device is deleted.
 *
 * Thread-safety.  Main thread only. */

struct dp;

/* Adds the port to a new datapath, if that is possible now.  Returns 0 or a
 * positive errno value. */
int dp_local_create(struct dp *);

/* The datapath has lost ports; that one may be among them. */
void dp_local_lost(struct dp *);

/* Adds it if it is missing and possible; tries once a second.  Poll-loop then
 * wakes when it is time again.  Costs a look at the clock if nothing is
 * missing. */
void dp_local_run(struct dp *);
void dp_local_wait(const struct dp *);

#endif /* dp-local.h */
