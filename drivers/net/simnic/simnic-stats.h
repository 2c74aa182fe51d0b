/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_STATS_H
#define SIMNIC_STATS_H 1

/* simnic-stats: what a port has counted
 * =====================================
 *
 * Job.  The basic and extended statistics of an Ethernet device.
 *
 * Owns.  Nothing: queues and rules count.
 *
 * Thread-safety.  Any thread; takes the port's mutex.  Counters of polling
 * cores are read as they are; a reset under traffic may lose a burst.
 *
 * See also.  simnic-ethdev.h. */

#include "simnic-port.h"

int simnic_stats_get(struct rte_eth_dev *, struct rte_eth_stats *);
int simnic_stats_reset(struct rte_eth_dev *);
int simnic_xstats_get(struct rte_eth_dev *, struct rte_eth_xstat *,
                      unsigned int n);
int simnic_xstats_reset(struct rte_eth_dev *);
int simnic_xstats_get_names(struct rte_eth_dev *,
                            struct rte_eth_xstat_name *, unsigned int n);

#endif /* simnic-stats.h */
