/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/rte/simnic-plugin.h"

#include <stdlib.h>
#include <unistd.h>

#include "dpdk.h"
#include "netdev-offload.h"
#include "smap.h"
#include "tests/dptest.h"

void
simnic_plugin_init(void)
{
    struct smap config = SMAP_INITIALIZER(&config);
    const char *plugin = getenv("SIMNIC_PLUGIN");

    if (!plugin || access(plugin, R_OK)) {
        dptest_skip("SIMNIC_PLUGIN does not name net_simnic's plugin");
    }
    smap_add(&config, "dpdk-init", "true");
    smap_add_format(&config, "dpdk-extra", "--no-huge --legacy-mem -m 512 "
                    "--no-pci --no-shconf --no-telemetry -d %s", plugin);
    dpdk_init(&config);
    smap_destroy(&config);
    if (!dpdk_available()) {
        dptest_fail("DPDK can't be initialised with %s", plugin);
    }
}

void
simnic_plugin_offload(void)
{
    struct smap config = SMAP_INITIALIZER(&config);

    smap_add(&config, "hw-offload", "true");
    netdev_set_flow_api_enabled(&config);
    smap_destroy(&config);
}
