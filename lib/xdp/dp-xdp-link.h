/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_LINK_H
#define DP_XDP_LINK_H 1

/* dp-xdp-link: a program on an interface
 * ======================================
 *
 * Job.  Attaches an XDP program by a bpf_link, and says in words why that does
 * not work.  A link is a file descriptor: who closes it detaches the program,
 * and so does the end of the process.
 *
 * Thread-safety.  No state.
 *
 * Errors.  A positive errno value, and what to tell the user, which the caller
 * frees. */

#include <stdint.h>

enum dp_xdp_mode {
    DP_XDP_NATIVE,              /* In the driver. */
    DP_XDP_GENERIC,             /* In the kernel's stack: any interface, but
                                 * slower. */
    DP_XDP_NOWHERE              /* It is not attached: for tests, which run it
                                 * on packets of their own. */
};

const char *dp_xdp_mode_name(enum dp_xdp_mode);

/* Attaches program 'prog_fd' to interface 'ifindex' and stores the link in
 * '*fdp'.  EBUSY: somebody else's program is there, and stays. */
int dp_xdp_link_create(uint32_t ifindex, enum dp_xdp_mode, int prog_fd,
                       int *fdp, char **errorp);

#endif /* dp-xdp-link.h */
