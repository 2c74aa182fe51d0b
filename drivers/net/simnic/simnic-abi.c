/* SPDX-License-Identifier: Apache-2.0 */

/* Both checks take what they look at as arguments, so that a test can show
 * them a DPDK that is not there. */

#include "simnic-abi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ether.h>

int
simnic_abi_check_version(const char *version, char *why, size_t size)
{
#ifndef HAVE_DPDK_DRIVER_SDK
    static const char wanted[] = "DPDK " SIMNIC_ABI_RELEASE ".";

    if (strncmp(version, wanted, sizeof wanted - 1)) {
        snprintf(why, size, "built for DPDK " SIMNIC_ABI_RELEASE
                 ", which %s is not", version);
        return EPROTO;
    }
#else
    (void) version;
    (void) why;
    (void) size;
#endif
    return 0;
}

int
simnic_abi_check_layout(const struct rte_eth_dev *devices,
                        const struct rte_eth_dev *dev, const char *name,
                        char *why, size_t size)
{
    size_t ofs = (const char *) dev - (const char *) devices;
    const struct rte_eth_dev_data *data;
    const char *what = NULL;

    if (ofs % sizeof *dev || ofs / sizeof *dev >= RTE_MAX_ETHPORTS) {
        what = "size of rte_eth_dev";
    } else if (!(data = dev->data)) {
        what = "place of rte_eth_dev.data";
    } else if (strncmp(data->name, name, sizeof data->name)) {
        what = "place of rte_eth_dev_data.name";
    } else if (data->mtu != RTE_ETHER_MTU) {
        what = "place of rte_eth_dev_data.mtu";
    } else if (data->port_id != ofs / sizeof *dev) {
        what = "place of rte_eth_dev_data.port_id";
    } else if (data->backer_port_id != RTE_MAX_ETHPORTS) {
        what = "place of rte_eth_dev_data.backer_port_id";
    }
    if (what) {
        snprintf(why, size, "this DPDK's structs are not those of the one "
                 "that the driver was built for: %s", what);
        return EPROTO;
    }
    return 0;
}
