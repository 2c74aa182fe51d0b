/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_LINK_H
#define DP_XDP_LINK_H 1

/* dp-xdp-link: a program on an interface
 * ======================================
 *
 * Job.  Attaches an XDP program by a bpf_link, says in words why that does not
 * work, and tells whether it has stayed.  A link is a file descriptor: who
 * closes it detaches the program, and so does the end of the process, unless
 * the link has a name (dp-xdp-pins.h).
 *
 * Thread-safety.  No state.
 *
 * Errors.  A positive errno value, and what to tell the user, which the caller
 * frees. */

#include <stdbool.h>
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

/* Takes the program of link 'fd' off its interface, and closes 'fd'.  Closing
 * alone is not enough for a link that had a name: the kernel drops what a name
 * held some time after the name has gone. */
void dp_xdp_link_destroy(int fd);

/* Does link 'fd' hold a program on an interface still, and is it 'prog_fd'?
 * An administrator can detach a link, or have it hold another one. */
bool dp_xdp_link_holds(int fd, int prog_fd);

/* Does link 'fd', of any process, hold a program on interface 'ifindex'?  Then
 * stores its mode in '*mode'. */
bool dp_xdp_link_is_on(int fd, uint32_t ifindex, enum dp_xdp_mode *mode);

/* Has link 'fd' hold program 'prog_fd' instead of the one that it holds: each
 * packet meets one of the two.  Returns 0 or a positive errno value: ENOLINK
 * if the interface has gone. */
int dp_xdp_link_update(int fd, int prog_fd);

/* Returns the program that interface 'ifindex' has, as "id 12 (name)", or null
 * if it has none.  The caller frees it. */
char *dp_xdp_link_describe(uint32_t ifindex);

/* The program that lets no other one be attached to interface 'ifindex', or
 * 0. */
uint32_t dp_xdp_link_program(uint32_t ifindex);

/* Returns what to tell about that program of interface 'ifindex', called
 * 'name', and about what removes it; or null if there is none.  The caller
 * frees it. */
char *dp_xdp_link_obstacle(uint32_t ifindex, const char *name);

#endif /* dp-xdp-link.h */
