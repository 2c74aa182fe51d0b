/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MARK_WATCH_H
#define DP_MARK_WATCH_H 1

/* dp-mark-watch: do marks arrive at all?
 * ======================================
 *
 * Job.  Some drivers take rules that mark and then lose the marks, without an
 * error.  Packets are forwarded all the same, only slowly, and nobody is told.
 * So look: if a port has rules that mark, and a megaflow of one of them goes
 * on getting packets, but never did a marked packet lead to a flow, warn, and
 * say so in "offload/show".
 *
 * How.  In each run that finds a port without marks, one rule that has been in
 * the NIC for a while is picked and what software has counted for it is noted;
 * the next run compares.
 *
 * Thread-safety.  Any thread, in an RCU read-side section. */

struct dp_offload;

enum dp_mark_arrival {
    DP_MARK_UNKNOWN,            /* None has yet, and none had to. */
    DP_MARK_ARRIVES,
    DP_MARK_LOST
};

/* How often to run. */
#define DP_MARK_WATCH_US UINT64_C(5000000)

/* Looks at all ports. */
void dp_mark_watch_run(struct dp_offload *offload);

#endif /* dp-mark-watch.h */
