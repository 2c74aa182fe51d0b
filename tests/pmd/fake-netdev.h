/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAKE_NETDEV_H
#define TESTS_FAKE_NETDEV_H 1

/* fake-netdev: devices that tests have in their hands
 * ===================================================
 *
 * Job.  Netdevs of types "fake", for the main thread, and "fake-pmd", for PMD
 * threads.  A queue delivers as many packets as are due, one at a time; what
 * is sent is counted. */

#include "netdev-provider.h"
#include "ovs-atomic.h"

enum { MAX_RXQS = 4 };

struct fake {
    struct netdev up;
    int want_rxq, want_txq;
    bool loopback;                  /* Says that it is one. */
    bool broken;                    /* Cannot be configured. */
    long long int recv_ns;          /* That recv() takes. */
    void (*on_recv)(struct fake *); /* Called by recv(), or null. */
    atomic_count n_unchecked;       /* recv()s since rxq_enabled(), */
    atomic_count max_unchecked;     /* and how many there were at most. */
    atomic_int error;               /* What all queues answer, if not 0. */
    atomic_count n_errors;          /* How often they did. */
    atomic_count due[MAX_RXQS];
    atomic_count n_received;
    atomic_count n_sent;
};

/* Makes the types known.  Once in a process. */
void fake_register(void);

/* Returns a device with 'n_rxq' queues; the caller closes 'up'. */
struct fake *fake_open(const char *name, const char *type, int n_rxq);

/* Makes 'n' more packets due in queue 'rxq'. */
void fake_inject(struct fake *, int rxq, int n);

#endif /* fake-netdev.h */
