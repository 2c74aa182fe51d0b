/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PORT_LIFE_H
#define DP_PORT_LIFE_H 1

/* dp-port-life: how ports come, pause and go
 * ==========================================
 *
 * Job.  Finds a provider for a port, takes all its rules out at once, and sees
 * to it that nobody is inside when the device is stopped or goes.  Private to
 * lib/offload; the functions for the control thread are in dp-offload.h.
 *
 * Thread-safety.  For worker 0. */

struct dp_offload;

/* Flushes ports for which somebody is in doubt (dp_offload_port_doubt()). */
void dp_offload_ports_clean(struct dp_offload *offload);

/* Lets go all marks of all ports that may be used again. */
void dp_offload_ports_reap(struct dp_offload *offload);

#endif /* dp-port-life.h */
