/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_TELEMETRY_H
#define SIMNIC_TELEMETRY_H 1

/* simnic-telemetry: a port seen and changed from outside
 * ======================================================
 *
 * Job.  Serve /simnic/... on DPDK's telemetry socket: list ports, show one,
 * change its capabilities and faults, remove it by surprise.
 *
 * Thread-safety.  Commands run in telemetry's thread and take the registry's
 * and the port's mutex.
 *
 * See also.  simnic-devargs.h (settings), Documentation/howto/simnic.rst. */

void simnic_telemetry_register(void);

#endif /* simnic-telemetry.h */
