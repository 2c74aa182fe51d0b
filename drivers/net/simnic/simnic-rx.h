/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_RX_H
#define SIMNIC_RX_H 1

/* simnic-rx: receiving generated and captured packets
 * ===================================================
 *
 * Job.  The rx burst functions of modes 'gen', 'pcap' and 'sink'.
 *
 * Thread-safety.  A queue is polled by one core at a time.
 *
 * Cost.  TSC cycles per packet at 2.45 GHz, Zen 5, buffers in huge pages:
 * about 15, in order, for one stream and for a million; page walks cost 10 to
 * 30 more without huge pages.  A packet whose rule counts adds a store to the
 * stream's line; one that rules drop costs a step over its stream; one that
 * rules edit is parsed and rewritten by the polling core, some hundred cycles.
 *
 * See also.  simnic-stream.h (the records), simnic-classify.h. */

#include "simnic-port.h"

/* The fastest function that does what the port's configuration asks. */
eth_rx_burst_t simnic_rx_choose(const struct simnic_port *);

/* What the NIC says of the checksums of a packet whose headers are 'p': that
 * those which it looks at are right.  It looks at no part of a datagram. */
uint64_t simnic_rx_checksums(const struct simnic_parsed *p);

/* Takes the outer tag off the frame in 'm', whose first segment must hold it,
 * and puts it into the mbuf. */
void simnic_rx_strip_tag(struct rte_mbuf *m);

#endif /* simnic-rx.h */
