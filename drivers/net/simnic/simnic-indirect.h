/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_INDIRECT_H
#define SIMNIC_INDIRECT_H 1

/* simnic-indirect: actions that rules share
 * =========================================
 *
 * Job.  Create, change, query and destroy indirect COUNT, AGE and RSS
 * actions.
 *
 * Owns.  Nothing of its own; port->rules.shared.
 *
 * Invariants.  An action that a rule uses is not destroyed.
 *
 * Thread-safety.  Any thread, but simnic_indirect_find() needs the port's
 * mutex; the others take it.
 *
 * See also.  simnic-flow.h. */

#include "simnic-port.h"

struct rte_flow_action_handle *
simnic_indirect_create(struct rte_eth_dev *,
                       const struct rte_flow_indir_action_conf *,
                       const struct rte_flow_action *,
                       struct rte_flow_error *);
int simnic_indirect_destroy(struct rte_eth_dev *,
                            struct rte_flow_action_handle *,
                            struct rte_flow_error *);
int simnic_indirect_update(struct rte_eth_dev *,
                           struct rte_flow_action_handle *,
                           const void *update, struct rte_flow_error *);
int simnic_indirect_query(struct rte_eth_dev *,
                          const struct rte_flow_action_handle *,
                          void *data, struct rte_flow_error *);
struct simnic_shared *simnic_indirect_find(void *port, const void *handle,
                                           enum rte_flow_action_type *);

#endif /* simnic-indirect.h */
