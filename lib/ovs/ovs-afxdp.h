/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_AFXDP_H
#define OVS_AFXDP_H 1

/* ovs-afxdp: what an AF_XDP netdev must define, whatever the version
 * ==================================================================
 *
 * Job.  One form of those functions of netdev-afxdp.h that have changed.
 *
 * What a version does not have is declared here, so that it can be defined all
 * the same; nobody calls it then. */

#include <errno.h>
#include "netdev-afxdp.h"
#include "netdev-provider.h"
#include "openvswitch/compiler.h"
#include "ovs/ovs-version.h"
#include "smap.h"

#if OVS_IS_SINCE(3, 3)

int netdev_afxdp_init(void);
int netdev_linux_get_status(const struct netdev *, struct smap *);

/* The status of any Linux device. */
static inline int
ovs_linux_get_status(const struct netdev *netdev, struct smap *smap)
{
    return netdev_linux_get_status(netdev, smap);
}

/* Adds the mode in use to what "dpctl/show" tells.  It is in the status. */
static inline void
ovs_afxdp_show_mode(struct smap *args OVS_UNUSED, const char *mode OVS_UNUSED)
{
}

#else

int netdev_afxdp_get_status(const struct netdev *, struct smap *);

static inline int
ovs_linux_get_status(const struct netdev *netdev OVS_UNUSED,
                     struct smap *smap OVS_UNUSED)
{
    return EOPNOTSUPP;
}

static inline void
ovs_afxdp_show_mode(struct smap *args, const char *mode)
{
    smap_add(args, "xdp-mode-in-use", mode);
}

#endif

#endif /* ovs-afxdp.h */
