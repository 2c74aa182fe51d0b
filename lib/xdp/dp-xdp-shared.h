/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_SHARED_H
#define DP_XDP_SHARED_H 1

/* dp-xdp-shared: the loader of this process
 * =========================================
 *
 * Job.  Netdevs and the offload engine's provider do not know each other; they
 * meet at the one loader of the process, which is created for the first who
 * asks.
 *
 * Ownership.  Counted; the last one who lets go of it unloads the program.
 *
 * Thread-safety.  Any thread; a mutex, taken inside. */

#include <stdbool.h>

struct dp_xdp_loader;

/* See dp_xdp_loader_set_persist(), dp_xdp_loader_take_over() and
 * dp_xdp_loader_leave(): they hold for loaders that are created later, too. */
void dp_xdp_shared_set_persist(bool);
void dp_xdp_shared_take_over(void);
void dp_xdp_shared_leave(void);

/* Stores the loader in '*loaderp' and takes a reference.  Returns 0, or a
 * positive errno value with the reason in '*errorp', which the caller
 * frees. */
int dp_xdp_shared_ref(struct dp_xdp_loader **loaderp, char **errorp);
void dp_xdp_shared_unref(void);

#endif /* dp-xdp-shared.h */
