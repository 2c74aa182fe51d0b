/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_NETDEV_H
#define FAKE_NETDEV_H 1

/* fake-netdev: ports for the tests of threads
 * ===========================================
 *
 * Job.  A netdev whose queues deliver as many packets as are due, one at a
 * time, and which counts what it is sent.  Type "fake-pmd" is for PMD threads,
 * type "fake" for the main thread.
 *
 * Thread-safety.  Counts are atomic.  What a test sets, it sets before anybody
 * polls; what recv() counts, it reads after. */

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
    int n_unchecked;                /* recv()s since rxq_enabled(), */
    int max_unchecked;              /* and how many there were at most. */
    atomic_count due[MAX_RXQS];
    atomic_count n_received;
    atomic_count n_sent;
};

void fake_register(void);
struct fake *fake_open(const char *name, const char *type, int n_rxq);
void fake_inject(struct fake *, int rxq, int n);

#endif /* fake-netdev.h */
