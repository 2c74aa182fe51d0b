/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_COUNT_H
#define DP_RULE_COUNT_H 1

/* dp-rule-count: the last counts of the rules of a port
 * =====================================================
 *
 * Job.  Reads the counters of all rules of a port when they are taken out all
 * at once, for no worker will have the opportunity.  Private to lib/offload.
 *
 * Thread-safety.  As the prototype says. */

#include "offload/dp-offload-rule.h"

/* Reads the counters of whole rules of 'port', whose handles are good, and
 * which nobody is inside of and nobody gets into, and books them: of those
 * with 'counts_stay', just after they were taken out, or just before, of the
 * others.  For who has closed the port.  Quiesces, and takes no longer than
 * two seconds: what is not read by then is lost, with a warning. */
void dp_rules_read_port(struct dp_offload *offload,
                        struct dp_offload_port *port, bool counts_stay);

#endif /* dp-rule-count.h */
