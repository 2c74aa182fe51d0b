/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_REMOVAL_H
#define SIMNIC_REMOVAL_H 1

/* simnic-removal: a card that is pulled out
 * =========================================
 *
 * Job.  Make a port vanish by surprise, at once or some time after it was
 * started (removal-ms=), and tell the application by its removal event.
 *
 * Thread-safety.  Any thread, but not with the port's mutex, except for
 * start and stop, which need it.
 *
 * See also.  simnic-telemetry.c (/simnic/remove). */

#include "simnic-port.h"

/* Removes the port and calls what the application registered for
 * RTE_ETH_EVENT_INTR_RMV, which may close the port. */
void simnic_removal_happen(struct simnic_port *);

/* Sets the timer if removal-ms= says so; the port has been started, or the
 * setting has changed. */
void simnic_removal_start(struct simnic_port *);

/* Cancels the timer. */
void simnic_removal_stop(struct simnic_port *);

#endif /* simnic-removal.h */
