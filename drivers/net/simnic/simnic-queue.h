/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_QUEUE_H
#define SIMNIC_QUEUE_H 1

/* simnic-queue: descriptor rings
 * ==============================
 *
 * Job.  Set up, start, stop and release rx and tx queues.
 *
 * Owns.  A queue's ring and the mbufs in it.
 *
 * Thread-safety.  The port's mutex.  What is started or stopped must be kept
 * closed to polling cores; releasing sees to that itself.
 *
 * See also.  simnic-rx.h, simnic-tx.h (the fast path). */

#include "simnic-port.h"

/* Each returns 0 or a negative errno value, as ethdev's operations do. */
int simnic_rxq_setup(struct rte_eth_dev *, uint16_t queue, uint16_t n_desc,
                     unsigned int socket, const struct rte_eth_rxconf *,
                     struct rte_mempool *);
int simnic_txq_setup(struct rte_eth_dev *, uint16_t queue, uint16_t n_desc,
                     unsigned int socket, const struct rte_eth_txconf *);
void simnic_rxq_release(struct rte_eth_dev *, uint16_t queue);
void simnic_txq_release(struct rte_eth_dev *, uint16_t queue);

/* Fills the ring and prepares to choose among the port's streams.  Needs
 * port->n_rxq.  Returns 0 or a positive errno value. */
int simnic_rxq_start(struct simnic_port *, struct simnic_rxq *);
void simnic_rxq_stop(struct simnic_rxq *);
void simnic_txq_stop(struct simnic_txq *);

/* Keeps polling cores out of all queues of the port, and waits for those that
 * are inside; lets them in again, once all queues were started. */
void simnic_queues_close(struct simnic_port *);
void simnic_queues_open(struct simnic_port *);

/* Waits until each core that is polling the port now has done so.  Not to be
 * called from within a burst. */
void simnic_queues_pass(struct simnic_port *);

/* Changes how many packets wait with an old verdict; the port is started.
 * Returns 0 or ENOMEM, and then none do. */
int simnic_queues_set_inflight(struct simnic_port *, uint32_t n);

#endif /* simnic-queue.h */
