/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_PMD_SLEEP_H
#define OVS_PMD_SLEEP_H 1

/* ovs-pmd-sleep: what is logged about the sleep of PMD threads
 * ============================================================
 *
 * Since 3.3 threads may differ, so it is logged for each.
 *
 * Thread-safety.  Any thread. */

#include <inttypes.h>

#include "openvswitch/vlog.h"
#include "ovs/ovs-version.h"

/* Lines of the following function. */
#define OVS_PMD_SLEEP_LINES (OVS_IS_SINCE(3, 3) ? 1 : 2)

/* Logs that threads may sleep for 'us', unless something else was said for one
 * of them. */
static inline void
ovs_log_pmd_sleep(const struct vlog_module *module, uint32_t us)
{
    if (OVS_IS_SINCE(3, 3)) {
        vlog(module, VLL_INFO, "Default PMD thread max sleep: %4"PRIu32" us.",
             us);
    } else {
        vlog(module, VLL_INFO, "PMD max sleep request is %"PRIu32" usecs.",
             us);
        vlog(module, VLL_INFO, "PMD load based sleeps are %s.",
             us ? "enabled" : "disabled");
    }
}

/* Logs that the thread on 'core_id' may sleep for 'us'. */
static inline void
ovs_log_pmd_thread_sleep(const struct vlog_module *module, int numa_id,
                         unsigned int core_id, uint32_t us)
{
    if (OVS_IS_SINCE(3, 3)) {
        vlog(module, VLL_INFO, "PMD thread on numa_id: %d, core id: %2u, "
             "max sleep: %4"PRIu32" us.", numa_id, core_id, us);
    }
}

#endif /* ovs-pmd-sleep.h */
