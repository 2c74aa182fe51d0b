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
 * Thread-safety.  The port's mutex; the queue must not be polled.
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

#endif /* simnic-queue.h */
