/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_PLUGIN_H
#define SIMNIC_PLUGIN_H 1

/* simnic-plugin: DPDK with net_simnic in a unit test
 * ==================================================
 *
 * Job.  Initialises DPDK in this process, without huge pages, and loads the
 * plugin whose path is in the environment variable SIMNIC_PLUGIN; skips the
 * test if there is none.
 *
 * Thread-safety.  Once in a process, from its first thread. */

void simnic_plugin_init(void);

/* Switches Open vSwitch's flow API on, as hw-offload=true does. */
void simnic_plugin_offload(void);

#endif /* simnic-plugin.h */
