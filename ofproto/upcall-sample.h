/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UPCALL_SAMPLE_H
#define OFPROTO_UPCALL_SAMPLE_H 1

/* upcall-sample: upcalls that end in userspace
 * ============================================
 *
 * Job.  Hand packets that were sampled, or sent to a controller, to sFlow, to
 * IPFIX, or to the connection manager's queue.  No flow comes of these.
 *
 * Thread-safety.  As upcall.h. */

struct udpif;
struct upcall;

/* Consumes 'upcall', of one of the kinds UPCALL_SFLOW, UPCALL_FLOW_SAMPLE,
 * UPCALL_IPFIX or UPCALL_CONTROLLER. */
void upcall_sample(struct udpif *, const struct upcall *upcall);

#endif /* ofproto/upcall-sample.h */
