/* SPDX-License-Identifier: Apache-2.0 */

/* The place of a delay is its binary logarithm with three more bits; FIRST is
 * added to it, so that the least ones need no case of their own. */

#include "simnic-stamp.h"

#include <rte_common.h>

#define SUB_BITS 3
#define FIRST_BITS 6
#define FIRST (UINT64_C(1) << FIRST_BITS)

bool
simnic_stamp_read(const struct rte_mbuf *m, uint64_t *tsc)
{
    uint64_t stamp[2];

    if (m->nb_segs > 1 || m->data_len < sizeof stamp) {
        return false;
    }
    memcpy(stamp, rte_pktmbuf_mtod_offset(m, const uint8_t *,
                                          m->data_len - sizeof stamp),
           sizeof stamp);
    *tsc = stamp[1];
    return stamp[0] == SIMNIC_STAMP_MAGIC;
}

static unsigned int
place_of(uint64_t cycles)
{
    uint64_t x = cycles + FIRST;
    unsigned int log = 63 - __builtin_clzll(x);
    unsigned int place = ((log - FIRST_BITS) << SUB_BITS
                          | (x >> (log - SUB_BITS) & ((1 << SUB_BITS) - 1)));

    return RTE_MIN(place, SIMNIC_N_DELAYS - 1u);
}

uint64_t
simnic_delays_min(unsigned int i)
{
    uint64_t x = (i & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS);

    return (x << (FIRST_BITS - SUB_BITS + (i >> SUB_BITS))) - FIRST;
}

void
simnic_delays_count(struct simnic_delays *delays, struct rte_mbuf **pkts,
                    uint16_t n, uint64_t now)
{
    for (uint16_t i = 0; i < n; i++) {
        uint64_t arrived;

        if (simnic_stamp_read(pkts[i], &arrived)) {
            uint64_t *counter = &delays->n[place_of(now > arrived
                                                    ? now - arrived : 0)];

            __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
        }
    }
}
