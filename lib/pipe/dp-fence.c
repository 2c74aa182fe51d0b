/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-fence.h"

#include <errno.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

#include "openvswitch/util.h"

/* ThreadSanitizer knows nothing of what the kernel does for other threads, but
 * does not need it either: all that the two sides share is atomic. */

#if defined(__linux__) && defined(SYS_membarrier)
static int
membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) ? errno : 0;
}

bool
dp_fence_register(void)
{
    return !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void
dp_fence_rare(bool registered)
{
    if (registered) {
        int error = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);

        /* Of a process that has registered the kernel wants nothing but some
         * bytes of memory, which it may wait for. */
        if (error) {
            ovs_abort(error, "membarrier failed");
        }
    }
    atomic_thread_fence(memory_order_seq_cst);
}
#else
bool
dp_fence_register(void)
{
    return false;
}

void
dp_fence_rare(bool registered OVS_UNUSED)
{
    atomic_thread_fence(memory_order_seq_cst);
}
#endif
