/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_NEEDS_H
#define DP_XDP_NEEDS_H 1

/* dp-xdp-needs: what the XDP program must be able to do
 * =====================================================
 *
 * Job.  Knows what flows need of the program, what the one that runs can do,
 * and what the kernel does not take, and says what the next one should be able
 * to do: what somebody has asked for or has needed in the last minutes.  Loads
 * nothing, and knows no clock: times are what its callers say, in ms.
 *
 * Thread-safety.  Nothing that is done twice at once. */

#include <stdint.h>

/* Bits of DP_XDP_CAN_*. */
enum { DP_XDP_N_CAN = 6 };

struct dp_xdp_needs {
    uint32_t can;               /* What the program can do. */
    uint32_t wanted;            /* What somebody has asked for. */
    uint32_t refused;           /* What the kernel did not take. */

    /* By bit. */
    unsigned int n[DP_XDP_N_CAN];       /* Who needs it. */
    long long int last[DP_XDP_N_CAN];   /* When somebody did. */
};

/* Somebody needs 'can' until dp_xdp_needs_release().  Returns 0 if the program
 * can; EAGAIN if the next one may, EOPNOTSUPP if none will: then there is
 * nothing to release. */
int dp_xdp_needs_acquire(struct dp_xdp_needs *, uint32_t can);
void dp_xdp_needs_release(struct dp_xdp_needs *, uint32_t can,
                          long long int now);

/* Returns what the program is to be able to do from now on.  The caller must
 * bring that about, or say that it was refused. */
uint32_t dp_xdp_needs_choose(struct dp_xdp_needs *, long long int now);

/* The program can do 'can' now. */
void dp_xdp_needs_met(struct dp_xdp_needs *, uint32_t can, long long int now);

/* The kernel takes no program that can do 'can'. */
void dp_xdp_needs_refused(struct dp_xdp_needs *, uint32_t can);

#endif /* dp-xdp-needs.h */
