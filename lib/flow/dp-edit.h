/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_EDIT_H
#define DP_EDIT_H 1

/* dp-edit: the changes that most flows make to packets
 * ====================================================
 *
 * Job.  Push and pop a VLAN tag, and set Ethernet and IPv4 fields under a mask
 * (routing is these), on a batch of packets.  Everything else that needs no
 * datapath goes through Open vSwitch's odp_execute_actions(), with which these
 * must agree.
 *
 * Owns.  Nothing.  'attr' is borrowed from the caller's actions.
 *
 * Thread-safety.  Any thread; the packets are the caller's.
 *
 * Cost.  Per packet, without a call for most: a tag moves twelve bytes, a
 * changed IPv4 field updates the checksum by the difference (RFC 1624). */

#include <stdbool.h>

struct dp_packet_batch;
struct nlattr;

/* Returns whether this module does what attribute 'a' asks. */
bool dp_edit_knows(const struct nlattr *a);

/* Does what 'a' asks, for which dp_edit_knows() is true, to all packets of
 * 'batch', whose offsets must be valid. */
void dp_edit_run(struct dp_packet_batch *batch, const struct nlattr *a);

#endif /* dp-edit.h */
