/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_FLOW_H
#define SIMNIC_FLOW_H 1

/* simnic-flow: the rte_flow operations of a port
 * ==============================================
 *
 * Job.  Check what an application asks for against what the NIC can do, keep
 * the rules, and have streams classified anew.  Play the faults that were
 * asked for.
 *
 * Owns.  Nothing of its own; port->rules.
 *
 * Invariants.  validate() and create() refuse the same rules for the same
 * reasons.  A handle of a rule that is gone is an error, never a crash.
 *
 * Thread-safety.  Any thread; operations on one port exclude each other by
 * the port's mutex.  An operation that a fault makes slow waits without it.
 *
 * Cost.  create() and destroy(): 2 us plus 0.3 us for each matching stream.
 *
 * See also.  simnic-indirect.h (indirect actions), simnic-age.h. */

#include "simnic-port.h"

extern const struct rte_flow_ops simnic_flow_ops;

/* Destroys all rules.  Returns their number.  Needs the port's mutex. */
uint32_t simnic_flow_flush_all(struct simnic_port *);

/* What rules of the port may ask for now. */
void simnic_flow_env(struct simnic_port *, struct simnic_action_env *);

/* Stores what a reader may see of 'counter' in '*query', and resets it if the
 * query asks for that. */
void simnic_flow_read_counter(struct simnic_port *, struct simnic_counter *,
                              struct rte_flow_query_count *query);

#endif /* simnic-flow.h */
