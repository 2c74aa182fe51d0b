/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_OBJECT_H
#define DP_XDP_OBJECT_H 1

/* dp-xdp-object: the compiled XDP program, and its maps
 * =====================================================
 *
 * Job.  Knows the compiled program that the build has put into the daemon;
 * sets its constants, loads it into the kernel, finds its maps, maps those
 * into memory that are made for that.  Attaches nothing.
 *
 * Owns.  File descriptors and mappings, from open to close.
 *
 * Errors.  A positive errno value, and why in '*errorp', which the caller
 * frees.
 *
 * Thread-safety.  Nothing that is done twice at once for an object. */

#include <stddef.h>
#include <stdint.h>

#include "xdp/dp-xdp-abi.h"

struct bpf_object;

/* An array that both sides see. */
struct dp_xdp_array {
    void *data;
    size_t size;                /* In bytes. */
    size_t stride;              /* From an element to the next, in bytes. */
};

struct dp_xdp_object {
    struct bpf_object *object;  /* Owned. */
    int prog_fd;                /* Borrowed from 'object', as those below. */
    int xsks_fd;
    int counts_fd;
    struct dp_xdp_array ifindex;
};

int dp_xdp_object_open(struct dp_xdp_object *,
                       const struct dp_xdp_constants *, char **errorp);
void dp_xdp_object_close(struct dp_xdp_object *);

#endif /* dp-xdp-object.h */
