/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the table that simnic-abi.h needs for a release of DPDK, whose source
 * must be there, for distributions leave the headers for drivers out.  In that
 * folder, configured with meson in "build":
 *
 *     gcc -include build/rte_build_config.h $(find lib drivers/bus/vdev \
 *         -name '*.h' -printf '-I%h\n' | sort -u) -Iconfig \
 *         -Ilib/eal/linux/include -Ilib/eal/x86/include -msse4.2 \
 *         -DALLOW_INTERNAL_API print-abi.c -o print-abi
 *     ./print-abi >simnic-abi-$(cut -d. -f1-2 VERSION).h
 *
 * Without meson, a file with the five macros that the compiler misses does. */

#include <stddef.h>
#include <stdio.h>

#include <bus_driver.h>
#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <rte_flow_driver.h>
#include <rte_version.h>

int
main(void)
{
    printf("/* SPDX-License-Identifier: Apache-2.0 */\n\n"
           "/* Printed by print-abi.c with the headers of DPDK %d.%d, "
           "x86-64. */\n\n"
           "#define SIMNIC_ABI_RELEASE \"%d.%d\"\n",
           RTE_VER_YEAR, RTE_VER_MONTH, RTE_VER_YEAR, RTE_VER_MONTH);

#define SIMNIC_ABI_SIZE(STRUCT) \
    printf("#define SIMNIC_SIZE_" #STRUCT " %zu\n", sizeof(struct STRUCT));
#define SIMNIC_ABI_AT(STRUCT, MEMBER)                                   \
    printf("#define SIMNIC_AT_" #STRUCT "_" #MEMBER " %zu\n",           \
           offsetof(struct STRUCT, MEMBER));
#define SIMNIC_ABI_SLOT(MEMBER)                                         \
    printf("#define SIMNIC_SLOT_" #MEMBER " %zu\n",                     \
           offsetof(struct eth_dev_ops, MEMBER) / sizeof(void *));
#include "simnic-abi.def"
    return 0;
}
