/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_PORT_H
#define DP_OFFLOAD_PORT_H 1

/* dp-offload-port: ports of the engine
 * ====================================
 *
 * Job.  Finds a provider for a port, and keeps workers out of it while it is
 * paused or gone.  Private to lib/offload; the functions for the control
 * thread are in dp-offload.h. */

#include "offload/dp-offload-engine.h"

/* Returns the port, valid until the caller quiesces, or for the control thread
 * until it removes the port, or null. */
struct dp_offload_port *dp_offload_port_find(const struct dp_offload *offload,
                                             odp_port_t port_no);

/* Enters 'port' with one operation of 'rule', which counts as one of its
 * rules from then on if it did not before.  Returns NONE, or
 * why it must not be; 'removal' tells that the operation is one. */
enum dp_offload_why dp_offload_port_enter(struct dp_offload_port *port,
                                          bool attach, bool removal);

/* Ends an operation; 'detach' if the rule is no more one of the port. */
void dp_offload_port_leave(struct dp_offload_port *port, bool detach);

/* A rule that had no operation under way is no more one of the port. */
void dp_offload_port_detach(struct dp_offload_port *port);

enum dp_offload_port_state dp_offload_port_state(struct dp_offload_port *);

/* Lets go all marks of all ports that may be used again. */
void dp_offload_ports_reap(struct dp_offload *offload);

/* Puts each rule of 'port_no' (ODPP_NONE: all rules) on its queue. */
void dp_offload_ready_all(struct dp_offload *offload, odp_port_t port_no);

#endif /* dp-offload-port.h */
