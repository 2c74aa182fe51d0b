/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_DEV_H
#define SIMNIC_DEV_H 1

/* simnic-dev: the driver and its ports
 * ====================================
 *
 * Job.  Register the driver, probe and remove ports, find them.
 *
 * Owns.  The structs of all ports.
 *
 * Thread-safety.  Any thread, but EAL probes and removes one port at a time.
 *
 * See also.  simnic-port.h (the structs), simnic-abi.h. */

#include <rte_log.h>

#include "simnic-port.h"

extern int simnic_logtype;

#define SIMNIC_LOG(LEVEL, ...) \
    rte_log(RTE_LOG_##LEVEL, simnic_logtype, "net_simnic: " __VA_ARGS__)

/* Returns the simnic port that is Ethernet port 'port_id', or NULL if there
 * is none.  The struct outlives the port: it is used again, never freed, so
 * that a core that follows a rule to a port that just went finds something. */
struct simnic_port *simnic_port_by_id(uint16_t port_id);

/* Calls 'function' for the port with 'name', or, if 'name' is NULL, for all
 * until one returns nonzero.  Ports do not go meanwhile.  Returns what the
 * last call did, or ENOENT if there was none. */
int simnic_port_with(const char *name,
                     int (*function)(struct simnic_port *, void *aux),
                     void *aux);

/* Frees what the port of 'dev' has. */
void simnic_dev_close(struct rte_eth_dev *dev);

#endif /* simnic-dev.h */
