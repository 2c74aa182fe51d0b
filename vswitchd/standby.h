/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STANDBY_H
#define STANDBY_H 1

/* standby: a daemon that gets ready while another one works
 * =========================================================
 *
 * Job.  Keep the time short for which nobody forwards when one daemon takes
 * the place of another.  Who restarts the switch ("markpath restart") starts
 * the new daemon while the old one works, with the old one's process ID in
 * the environment's MARKPATH_STANDBY, and asks the old one to exit when the
 * new one is ready.
 *
 * Any daemon of Open vSwitch waits for the lock "ovs_vswitchd" in the
 * database, which the old one has, before it touches a bridge, and takes over
 * as soon as it gets that.  With MARKPATH_STANDBY set it does more:
 *
 *   - While it waits it does what takes long and needs nothing that the old
 *     one has.  It initializes DPDK if "dpdk-extra" keeps EAL from devices,
 *     with "--no-pci" or "-a 0000:00:00.0", and does not say "--legacy-mem":
 *     Open vSwitch adds "--in-memory" then, with which two processes share
 *     neither locks nor files nor huge pages.  With "late" after the process
 *     ID ("1234,late") it does not: there may be no memory for two.
 *
 *   - It goes on waiting until the old process has gone.  That has given up
 *     the lock before its tap devices, AF_XDP sockets, EAL's devices and huge
 *     pages, which it has to the end.
 *
 * How.  The linker lets bridge.o's calls of ovsdb_idl_is_lock_contended() come
 * here (--wrap): while that is true, bridge_run() does nothing.
 *
 * "ovs-appctl vswitchd/standby" tells where the daemon is:
 *
 *   starting   it does not know yet whether another one works
 *   ready      another one works, and this one is ready
 *   leaving    the other one has given up its bridges, and not ended yet
 *   active     this one works
 *
 * Thread-safety.  Main thread only. */

#include <stdbool.h>

struct ovsdb_idl;

/* Registers the command, and finds out which process is meant.  Called once,
 * before the process becomes a daemon: whoever starts it again after a crash,
 * when that process has long gone and its ID is another one's, has the
 * environment still. */
void standby_init(void);

/* Has the main loop wake up when the other process may have gone. */
void standby_wait(void);

/* Names that the linker knows. */
bool __real_ovsdb_idl_is_lock_contended(const struct ovsdb_idl *);
bool __wrap_ovsdb_idl_is_lock_contended(const struct ovsdb_idl *);

#endif /* standby.h */
