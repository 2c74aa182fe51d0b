/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_DAEMON_H
#define OVS_DAEMON_H 1

/* ovs-daemon: what a daemon keeps when it detaches, and in memory
 * ===============================================================
 *
 * Thread-safety.  For main(), before there are other threads. */

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "daemon.h"
#include "ovs-thread.h"
#include "ovs/ovs-version.h"
#include "util.h"

/* Does --hw-rawio-access, which 3.2 brought, keep CAP_SYS_RAWIO? */
#define OVS_HAS_RAWIO_ACCESS OVS_IS_SINCE(3, 2)

/* Detaches, with the capabilities that a datapath needs, and those that raw
 * access to hardware needs if 'rawio'. */
static inline void
ovs_daemonize_start(bool rawio OVS_UNUSED)
{
#if OVS_IS_SINCE(3, 2)
    daemonize_start(true, rawio);
#else
    daemonize_start(true);
#endif
}

/* Keeps all memory of the process in RAM: since 3.4 what has been touched, if
 * the kernel can do that, because otherwise whole stacks of threads count.
 * Returns 0 or a positive errno value. */
static inline int
ovs_lock_memory(void)
{
#if OVS_IS_SINCE(3, 4)
#ifdef MCL_ONFAULT
    if (!mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) {
        return 0;
    }
#endif
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        return errno;
    }
    set_all_memory_locked();
#else
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        return errno;
    }
    set_memory_locked();
#endif
    return 0;
}

#endif /* ovs-daemon.h */
