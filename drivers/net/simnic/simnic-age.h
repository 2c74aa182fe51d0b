/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_AGE_H
#define SIMNIC_AGE_H 1

/* simnic-age: housekeeping of rules
 * =================================
 *
 * Job.  Twice a second, while a port has rules that count or age: read hits,
 * find rules that had none for too long, tell the application, and free what
 * polling cores have let go of.
 *
 * Owns.  One alarm for each port.
 *
 * Thread-safety.  The alarm runs in EAL's interrupt thread and takes the
 * port's mutex.  simnic_age_start() needs the mutex; simnic_age_stop() must
 * be called without it.
 *
 * Cost.  One pass over the port's streams for each alarm if rules age; every
 * 20 s if they only count.
 *
 * See also.  simnic-flow.h. */

#include "simnic-port.h"

/* Starts the alarm, unless it is running or nothing needs it. */
void simnic_age_start(struct simnic_port *);

void simnic_age_stop(struct simnic_port *);

/* Brings 'age' up to date: was there a hit since, is the time over? */
void simnic_age_update(struct simnic_age *, uint64_t now);

#endif /* simnic-age.h */
