/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_REVALIDATOR_H
#define OFPROTO_REVALIDATOR_H 1

/* revalidator: the threads that keep datapath flows right
 * =======================================================
 *
 * Job.  Round after round: dump all flows of the datapath, judge each, sweep
 * the ukeys, adjust the flow limit, sleep.  Threads share the work; number 0,
 * the leader, also starts the dump, decides whether to pause or to leave,
 * credits what NICs told too late (dp-late.h), and sleeps for all.
 *
 * A round, with a barrier (|) of all revalidators between its phases:
 *
 *     leader   begin |  dump, judge  | end dump |  sweep | late, limit, sleep
 *     others         |  dump, judge  |          |  sweep |
 *
 * Between "sleep" and "begin" no revalidator has a batch of operations in
 * flight or a ukey locked: that is where a pause happens.
 *
 * Adoption.  A flow without a ukey, from an earlier process or put there by
 * hand, gets one, due for translation at once.  A flow that uses a
 * recirculation id cannot be adopted: what the id means has been lost.
 *
 * Thread-safety.  See udpif.h for who may touch what.
 *
 * See also.  revalidate.h (judges one flow), sweep.h, flow-limit.h. */

struct udpif;

/* Body of a revalidator thread; 'revalidator' is its udpif_revalidator. */
void *revalidator_main(void *revalidator);

#endif /* ofproto/revalidator.h */
