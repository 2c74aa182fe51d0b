/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_WIRE_H
#define SIMNIC_WIRE_H 1

/* simnic-wire: links between ports, and the embedded switch
 * =========================================================
 *
 * Job.  In modes 'pair' and 'ring', carry what one port sends to the rx
 * queues of another (or its own), classified by the receiver's rules.  Carry
 * what transfer rules forward to another port.
 *
 * Owns.  Links, and the rings that are the wire's end at an rx queue.
 *
 * Invariants.  A ring exists while its queue is started, and packets are put
 * into it only under the link's lock.
 *
 * Thread-safety.  Sending: any core, under the link's read lock and the
 * receiver's rules lock, one acquisition of each for a burst.  Starting and
 * stopping: the link's write lock.
 *
 * Cost.  The sender parses and classifies each packet, about 250 cycles with
 * one kind of rule; the receiver dequeues, about 10.
 *
 * See also.  simnic-tx.h (modes without a wire). */

#include "simnic-port.h"

/* Joins 'port' to its link.  Returns 0, EBUSY if the link has two ends
 * already, or ENOMEM. */
int simnic_wire_join(struct simnic_port *);
void simnic_wire_leave(struct simnic_port *);

/* True if the port at the other end is started. */
bool simnic_wire_is_up(struct simnic_port *);

/* Makes the ring of a queue, and opens it.  Returns 0 or ENOMEM. */
int simnic_wire_start_queue(struct simnic_rxq *);
void simnic_wire_stop_queue(struct simnic_rxq *);

/* Lets packets in, after all queues were started; before they are stopped,
 * keeps them out. */
void simnic_wire_open(struct simnic_port *, bool open);

uint16_t simnic_wire_rx(void *rxq, struct rte_mbuf **pkts, uint16_t n);
uint16_t simnic_wire_tx(void *txq, struct rte_mbuf **pkts, uint16_t n);

/* If packets sent by Ethernet port 'port_id' go nowhere, counts one of 'size'
 * bytes as sent and returns true. */
bool simnic_wire_swallow(uint16_t port_id, uint32_t size);

/* Sends 'm' out of Ethernet port 'port_id', as a transfer rule does. */
void simnic_wire_forward(uint16_t port_id, struct rte_mbuf *m);

#endif /* simnic-wire.h */
