/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CLONE_H
#define DP_CLONE_H 1

/* dp-clone: copies of packets
 * ===========================
 *
 * Job.  Copy packets that go several ways.  The copy of a packet in a DPDK
 * buffer is in a buffer of the same pool, so that a DPDK port can send it as
 * it is; if the packet has several segments, or is not in the pool's own
 * buffer, it is in plain memory, as the copies of all others.  So it is, too,
 * when the pool runs low: what is left is for the NIC to receive into, however
 * many ports a packet is flooded to.
 *
 * Owns.  Nothing; copies are the caller's.
 *
 * Thread-safety.  Any thread. */

struct dp_packet_batch;

/* Makes 'copies', which need not be initialised, the copies of 'batch'. */
void dp_clone_batch(struct dp_packet_batch *copies,
                    const struct dp_packet_batch *batch);

#endif /* dp-clone.h */
