/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXECUTE_GUARD_H
#define EXECUTE_GUARD_H 1

/* execute-guard: actions that the library executes without the datapath
 * =====================================================================
 *
 * Job.  Check packets before actions that the upper layers do themselves:
 * those of a packet-out that datapaths need help with, such as setting fields
 * of ARP, ICMP or ND.  odp_execute_actions() believes that the headers are
 * there; it frees packets that are the caller's if they have no whole NSH
 * header to pop.
 *
 * How.  The linker lets calls of odp_execute_actions() come here (--wrap).
 * Who gives it a function for what only a datapath can do is dpif_execute(),
 * with a list of actions: that goes to dp_exec_list(), as lists in the
 * datapath do.  Calls without one are of single actions, from there.
 *
 * Thread-safety.  Any thread. */

#include "odp-execute.h"

/* Names that the linker knows. */
void __real_odp_execute_actions(void *dp, struct dp_packet_batch *, bool steal,
                                const struct nlattr *, size_t len,
                                odp_execute_cb);
void __wrap_odp_execute_actions(void *dp, struct dp_packet_batch *, bool steal,
                                const struct nlattr *, size_t len,
                                odp_execute_cb);

#endif /* execute-guard.h */
