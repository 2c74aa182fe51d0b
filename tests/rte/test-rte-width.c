/* SPDX-License-Identifier: Apache-2.0 */

/* The width of a NIC's marks is found, however narrow they are. */

#include <config.h>
#undef NDEBUG
#include "rte/dp-offload-rte.h"

#include "tests/dptest.h"
#include "tests/rte/simnic-plugin.h"
#include "tests/rte/simnic-rig.h"
#include "util.h"

static void
check_width(const struct sim *sim, unsigned int id, unsigned int bits)
{
    const struct dp_offload_class *class = &dp_offload_rte_class;
    struct dp_offload_port_info info = { .mark_bits = 0 };
    char devargs[64], name[8];
    struct netdev *netdev;
    void *port;

    snprintf(name, sizeof name, "p%u", id);
    snprintf(devargs, sizeof devargs, "net_simnic%u,mark-bits=%u", id, bits);
    netdev = sim_open(name, devargs);
    ovs_assert(!class->open(class, sim->offload, u32_to_odp(id + 1), netdev,
                            &port, &info));
    if (info.mark_bits != MIN(bits, 24)) {
        dptest_fail("marks of %u bits are taken for %u", bits,
                    info.mark_bits);
    }
    ovs_assert(!class->close(port));
    netdev_close(netdev);
}

static void
test_rte_width(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const unsigned int widths[] = { 1, 4, 7, 8, 15, 24, 32 };
    struct sim sim = { .n_flows = 0 };

    simnic_plugin_init();
    simnic_plugin_offload();
    sim_init(&sim, 1);
    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        check_width(&sim, i, widths[i]);
    }
    sim_uninit(&sim);
}
DPTEST_REGISTER("rte-width", test_rte_width);
