/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_TX_H
#define SIMNIC_TX_H 1

/* simnic-tx: sending into nowhere
 * ===============================
 *
 * Job.  The tx burst function of modes 'gen', 'pcap' and 'sink': count what
 * is sent and free it as late as a real NIC would.
 *
 * Thread-safety.  A queue is used by one core at a time.
 *
 * Cost.  About 3 cycles per packet with fast free, without touching it.
 *
 * See also.  simnic-wire.h (modes 'pair' and 'ring'). */

#include "simnic-port.h"

uint16_t simnic_tx_sink(void *txq, struct rte_mbuf **pkts, uint16_t n);

/* Frees the 'n' oldest packets of the ring. */
void simnic_tx_free(struct simnic_txq *, uint32_t n);

#endif /* simnic-tx.h */
