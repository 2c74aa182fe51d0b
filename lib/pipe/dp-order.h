/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_ORDER_H
#define DP_ORDER_H 1

/* dp-order: no packet of a burst overtakes one of its connection
 * ==============================================================
 *
 * Job.  Remember which connections of a burst have a packet that goes the long
 * way, so that those behind it do not take the short one.  Connections are
 * told apart by a hash: two that have the same one both wait, which is rare.
 *
 * In a burst that comes again and again in the same order, whoever waited for
 * somebody else's packet would do so each time; so a bit for each hash modulo
 * 64 only says that it is worth to compare.
 *
 * Thread-safety.  One user, on its stack. */

#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "openvswitch/compiler.h"

struct dp_order {
    uint64_t bits;                      /* 1-bits: of 'hashes' modulo 64. */
    unsigned int n;
    uint32_t hashes[NETDEV_MAX_BURST];  /* Of packets on the long way. */
};

static inline void
dp_order_init(struct dp_order *order)
{
    order->bits = 0;
    order->n = 0;
}

/* The next packet goes the long way; at most NETDEV_MAX_BURST times. */
static inline void
dp_order_add(struct dp_order *order, uint32_t hash)
{
    order->bits |= UINT64_C(1) << hash % 64;
    order->hashes[order->n++] = hash;
}

/* Does a packet with 'hash' go the long way? */
static inline bool
dp_order_has(const struct dp_order *order, uint32_t hash)
{
    if (OVS_UNLIKELY(order->bits & UINT64_C(1) << hash % 64)) {
        for (unsigned int i = 0; i < order->n; i++) {
            if (order->hashes[i] == hash) {
                return true;
            }
        }
    }
    return false;
}

#endif /* dp-order.h */
