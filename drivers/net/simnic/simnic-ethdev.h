/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_ETHDEV_H
#define SIMNIC_ETHDEV_H 1

/* simnic-ethdev: the operations of an Ethernet device
 * ===================================================
 *
 * Job.  Everything that applications ask of a port but for flow rules: limits
 * and offloads, start and stop, addresses, RSS, statistics.
 *
 * Thread-safety.  The application serialises operations on one port, as
 * ethdev demands; the port's mutex excludes flow operations and telemetry.
 *
 * See also.  simnic-stats.h (statistics), simnic-queue.h (queues). */

#include "simnic-port.h"

extern const struct eth_dev_ops simnic_ethdev_ops;

/* Stops the port if need be and frees what it has.  The struct stays. */
void simnic_ethdev_uninit(struct simnic_port *);

#endif /* simnic-ethdev.h */
