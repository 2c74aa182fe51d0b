/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-needs.h"

#include <errno.h>

#include "util.h"

/* How long nobody must have needed what a program can do, for another one to
 * be loaded that can't. */
#define IDLE_MS (3 * 60 * 1000)

int
dp_xdp_needs_acquire(struct dp_xdp_needs *needs, uint32_t can)
{
    needs->wanted |= can;
    if (can & needs->refused) {
        return EOPNOTSUPP;
    } else if (can & ~needs->can) {
        return EAGAIN;
    }
    for (int i = 0; i < DP_XDP_N_CAN; i++) {
        needs->n[i] += (can >> i) & 1;
    }
    return 0;
}

void
dp_xdp_needs_release(struct dp_xdp_needs *needs, uint32_t can,
                     long long int now)
{
    for (int i = 0; i < DP_XDP_N_CAN; i++) {
        if ((can >> i) & 1) {
            ovs_assert(needs->n[i]);
            needs->n[i]--;
            needs->last[i] = now;
        }
    }
}

uint32_t
dp_xdp_needs_choose(struct dp_xdp_needs *needs, long long int now)
{
    uint32_t can = needs->can | (needs->wanted & ~needs->refused);

    for (int i = 0; i < DP_XDP_N_CAN; i++) {
        uint32_t bit = 1u << i;

        if (!(needs->wanted & bit) && !needs->n[i]
            && now - needs->last[i] > IDLE_MS) {
            can &= ~bit;
        }
    }
    needs->wanted = 0;
    if (can != needs->can) {
        /* What goes must not be promised to anybody any more. */
        needs->can &= can;
    }
    return can;
}

void
dp_xdp_needs_met(struct dp_xdp_needs *needs, uint32_t can, long long int now)
{
    needs->can = can;
    for (int i = 0; i < DP_XDP_N_CAN; i++) {
        if ((can >> i) & 1) {
            needs->last[i] = now;
        }
    }
}

void
dp_xdp_needs_refused(struct dp_xdp_needs *needs, uint32_t can)
{
    needs->refused |= can;
}
