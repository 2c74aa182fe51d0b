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
    size_t size;                /* Of all, in bytes. */
    size_t stride;              /* From an element to the next, in bytes. */
};

/* The maps, which all programs of a process share. */
struct dp_xdp_maps {
    int xsks_fd;
    int devs_fd;
    int groups_fd;
    int counts_fd;
    unsigned int n_cpus;        /* That "markpath_stats" has room for. */
    struct dp_xdp_array ifindex;
    struct dp_xdp_array ports;
    struct dp_xdp_array lists;
    struct dp_xdp_array masks;
    struct dp_xdp_array index;
    struct dp_xdp_array flows;
    struct dp_xdp_array stats;
};

struct dp_xdp_object {
    struct bpf_object *object;  /* Owned. */
    int prog_fd;                /* Borrowed from 'object'. */
    struct dp_xdp_maps maps;    /* Owned by the first one alone. */
};

/* Chooses those that are left to chance. */
void dp_xdp_constants_choose(struct dp_xdp_constants *);

/* Loads a program.  If 'first' is not null it uses the maps of that one,
 * which must outlive it; else it has new ones. */
int dp_xdp_object_open(struct dp_xdp_object *, struct dp_xdp_object *first,
                       const struct dp_xdp_constants *, char **errorp);
void dp_xdp_object_close(struct dp_xdp_object *);

/* What is written to the arrays of 'maps' from now on, but to the counters,
 * stays in this process: programs see them as they are.  For who leaves flows
 * behind when it ends.  Others may read meanwhile, but not write.  Returns 0
 * or a positive errno value; then some are as before. */
int dp_xdp_maps_part(struct dp_xdp_maps *);

/* Instructions that the kernel looked at to verify the program, or 0 if it
 * does not tell. */
uint32_t dp_xdp_object_verified(const struct dp_xdp_object *);

/* Element 'i'. */
static inline void *
dp_xdp_array_at(const struct dp_xdp_array *array, size_t i)
{
    return (char *) array->data + i * array->stride;
}

#endif /* dp-xdp-object.h */
