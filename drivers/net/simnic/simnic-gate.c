/* SPDX-License-Identifier: Apache-2.0 */

/* The closing side makes every running thread of the process execute a fence:
 * a thread that did not see the gate closed has by then made visible that it
 * is inside.  Where the kernel has no membarrier(2), a pause does: store
 * buffers drain within microseconds. */

#include "simnic-gate.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>

void
simnic_gate_fence(void)
{
    if (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)
        && (syscall(__NR_membarrier,
                    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)
            || syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0,
                       0))) {
        rte_delay_us_sleep(1000);
    }
}

void
simnic_gate_close(struct simnic_gate *gate)
{
    __atomic_store_n(&gate->closed, true, __ATOMIC_SEQ_CST);
    simnic_gate_fence();

    while (simnic_gate_is_busy(gate)) {
        sched_yield();
    }
}

void
simnic_gate_open(struct simnic_gate *gate)
{
    __atomic_store_n(&gate->closed, false, __ATOMIC_RELEASE);
}
