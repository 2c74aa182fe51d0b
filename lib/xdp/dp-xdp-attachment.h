/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_ATTACHMENT_H
#define DP_XDP_ATTACHMENT_H 1

/* dp-xdp-attachment: an interface with our program, now and later
 * ===============================================================
 *
 * Job.  Attaches a program to an interface, by a new link (dp-xdp-link.h), or
 * by that which an earlier process has left there (dp-xdp-pins.h).  The
 * program of the earlier process *stays* in the second case, until it is to
 * make way.  Has the link outlive this process if that is wanted.
 *
 * Owns.  The link, and its name in the BPF file system.
 *
 * Thread-safety.  Nothing that is done twice at once.
 *
 * Errors.  A positive errno value, and what to tell the user, which the caller
 * frees. */

#include <stdbool.h>
#include <stdint.h>

#include "xdp/dp-xdp-link.h"

struct dp_xdp_attachment {
    uint32_t ifindex;
    int link_fd;                /* Owned; -1: none. */
    bool pinned;                /* The link has a name. */
    bool stays;                 /* It has an earlier process's program. */
};

/* Attaches program 'prog_fd' to interface 'ifindex' in 'mode'; with
 * DP_XDP_NOWHERE nothing is done.  If 'stays', a program of an earlier process
 * stays. */
int dp_xdp_attachment_init(struct dp_xdp_attachment *, uint32_t ifindex,
                           enum dp_xdp_mode mode, int prog_fd, bool stays,
                           char **errorp);

/* If 'leave', the program stays on the interface if the link has a name. */
void dp_xdp_attachment_uninit(struct dp_xdp_attachment *, bool leave);

/* Has the link outlive this process, or not.  Returns whether it does. */
bool dp_xdp_attachment_pin(struct dp_xdp_attachment *, bool persist);

/* Has program 'prog_fd' run instead of ours. */
void dp_xdp_attachment_update(struct dp_xdp_attachment *, int prog_fd);

/* Has program 'prog_fd', of ours, run, even if there is that of an earlier
 * process. */
void dp_xdp_attachment_take_over(struct dp_xdp_attachment *, int prog_fd);

/* Is it for us to say which program runs, and was it ours, 'prog_fd', that was
 * taken off? */
bool dp_xdp_attachment_is_lost(const struct dp_xdp_attachment *,
                               int prog_fd);

#endif /* dp-xdp-attachment.h */
