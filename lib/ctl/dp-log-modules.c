/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "openvswitch/vlog.h"
#include "util.h"

/* Log modules of Open vSwitch 3.1 that have nothing to say here, because
 * another module does their work.  Units and scripts name them, as in
 * "-vdpif_netdev_lookup:dbg", and an unknown name keeps the daemon from
 * starting.
 *
 * "netdev_offload_dpdk" is not among them: our driver of rte_flow logs by that
 * name. */

#define MODULE(I, NAME)                                             \
    [I] = { .list = OVS_LIST_INITIALIZER(&silent_modules[I].list),  \
            .name = NAME,                                           \
            .levels = { VLL_INFO, VLL_INFO, VLL_INFO },             \
            .min_level = VLL_INFO,                                  \
            .honor_rate_limits = true }

static struct vlog_module silent_modules[] = {
    MODULE(0, "dpif_lookup_autovalidator"),
    MODULE(1, "dpif_lookup_avx512_gather"),
    MODULE(2, "dpif_lookup_generic"),
    MODULE(3, "dpif_mfex_extract_study"),
    MODULE(4, "dpif_netdev_extract"),
    MODULE(5, "dpif_netdev_impl"),
    MODULE(6, "dpif_netdev_lookup"),
};

/* Before main() reads the command line. */
OVS_CONSTRUCTOR(insert_silent_modules) {
    for (size_t i = 0; i < ARRAY_SIZE(silent_modules); i++) {
        vlog_insert_module(&silent_modules[i].list);
    }
}
