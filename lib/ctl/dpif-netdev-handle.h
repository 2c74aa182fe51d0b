/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPIF_NETDEV_HANDLE_H
#define DPIF_NETDEV_HANDLE_H 1

/* dpif-netdev-handle: an open datapath, as the dpif layer sees it
 * ===============================================================
 *
 * Job.  Lead from a 'struct dpif' to the datapath, for the files that make up
 * the dpif provider.
 *
 * Thread-safety.  'last_port_seq' belongs to whoever calls port_poll(), one
 * thread per handle (see dpif.h); the rest is constant. */

#include "dpif-provider.h"

struct dpif_netdev {
    struct dpif dpif;
    struct dp *dp;              /* Counted. */
    uint64_t last_port_seq;
};

struct dp *dpif_netdev_dp(const struct dpif *);

#endif /* dpif-netdev-handle.h */
