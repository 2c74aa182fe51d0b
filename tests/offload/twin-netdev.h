/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TWIN_NETDEV_H
#define TWIN_NETDEV_H 1

/* twin-netdev: a device of rings, for twin-rig.h
 * ==============================================
 *
 * Delivers what was put into its rings, at most 'burst' packets each time, and
 * keeps what it is told to send. */

#include "dp-packet.h"
#include "netdev-provider.h"
#include "tests/offload/twin-rig.h"

struct twin_ring {
    struct dp_packet *packets[TWIN_RING_SIZE];
    unsigned int head, n;
};

struct twin_netdev {
    struct netdev up;
    struct twin_ring rings[TWIN_MAX_RXQS];
    unsigned int burst;
    int want_n_rxq;
    bool stop;                  /* Next reconfiguration empties the rings. */
    struct dp_packet **sent;
    size_t n_sent, allocated_sent;
};

void twin_netdev_register(void);

/* Opens a device; the caller closes '->up'. */
struct twin_netdev *twin_netdev_open(const char *name);

/* Puts 'packet' into a ring, or drops it if the ring is full: then returns
 * false. */
bool twin_netdev_receive(struct twin_netdev *, unsigned int hash,
                         struct dp_packet *packet);

/* Packets in all rings. */
size_t twin_netdev_n_waiting(const struct twin_netdev *);

void twin_netdev_keep(struct twin_netdev *, struct dp_packet *);

#endif /* twin-netdev.h */
