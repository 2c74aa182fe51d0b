/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_PINS_H
#define DP_XDP_PINS_H 1

/* dp-xdp-pins: programs that outlive the daemon
 * =============================================
 *
 * Job.  Keeps links (see dp-xdp-link.h) when the process ends, by names in the
 * BPF file system, finds those that an earlier process has left, and removes
 * them.  A link keeps its program, and that its maps: nothing else is needed
 * for packets to be forwarded as they were.
 *
 * Names.  /sys/fs/bpf/markpath/RUNDIR@NETNS/IFINDEX.  A daemon has its run
 * directory for itself, and NETNS, the number of its network namespace, is
 * what IFINDEX belongs to: so whoever finds a link there is the successor of
 * who has left it, and nobody else's is touched.
 *
 * Owns.  Nothing: the names are the kernel's.
 *
 * Thread-safety.  No state.
 *
 * Errors.  A positive errno value. */

#include <stdbool.h>
#include <stdint.h>

#include "xdp/dp-xdp-link.h"

/* Has link 'link_fd', of interface 'ifindex', outlive the process. */
int dp_xdp_pins_add(uint32_t ifindex, int link_fd);

/* It is to go with its last file descriptor, if there is any. */
void dp_xdp_pins_remove(uint32_t ifindex);

/* Returns the link of interface 'ifindex' that was added, and its mode in
 * '*mode', or -1.  One that has left the interface is removed. */
int dp_xdp_pins_open(uint32_t ifindex, enum dp_xdp_mode *mode);

/* Was a link of interface 'ifindex' left?  Then stores its mode. */
bool dp_xdp_pins_have(uint32_t ifindex, enum dp_xdp_mode *mode);

/* Removes all links but those of interfaces that 'is_used' says are used. */
void dp_xdp_pins_sweep(bool (*is_used)(uint32_t ifindex, void *aux),
                       void *aux);

/* Returns where names are, for the user.  The caller frees it. */
char *dp_xdp_pins_folder(void);

#endif /* dp-xdp-pins.h */
