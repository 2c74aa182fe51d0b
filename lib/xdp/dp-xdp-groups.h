/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_GROUPS_H
#define DP_XDP_GROUPS_H 1

/* dp-xdp-groups: sets of ports that get the same packet
 * =====================================================
 *
 * Job.  Gives each set of ports that flows output to a number, under which the
 * program finds it.
 *
 * A set is a map of its own.  The kernel makes who puts it into the map of
 * sets wait until all CPUs have left the program, some ms; so a map that is
 * there is used again for another set, when the first one has rested.
 *
 * Thread-safety.  Any thread; a mutex, taken inside, and held during such a
 * wait.
 *
 * Errors.  A positive errno value.  ENOSPC: too many sets or ports. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_xdp_groups;

/* 'groups_fd' is the map of sets; borrowed. */
struct dp_xdp_groups *dp_xdp_groups_create(int groups_fd);
void dp_xdp_groups_destroy(struct dp_xdp_groups *);

/* A set of interfaces, by slot. */
struct dp_xdp_member {
    uint32_t slot;
    uint32_t ifindex;
};

/* Stores the number of the set of 'n' members, sorted by slot without
 * duplicates, in '*groupp', and takes a reference. */
int dp_xdp_groups_ref(struct dp_xdp_groups *, const struct dp_xdp_member[],
                      size_t n, uint32_t *groupp);

/* Lets go of 'group', which no CPU uses any more for the flow that had it. */
void dp_xdp_groups_unref(struct dp_xdp_groups *, uint32_t group);

/* Takes the interface with 'slot' out of all sets, for ever.  They are
 * *outdated* then: nobody finds them any more, but those who have one keep
 * it, and should ask for another. */
void dp_xdp_groups_leave(struct dp_xdp_groups *, uint32_t slot);

/* The interface with 'slot' can do more or less than before: sets that it is
 * in are outdated, with nobody taken out. */
void dp_xdp_groups_outdate(struct dp_xdp_groups *, uint32_t slot);

/* Sets stay in the kernel as they are from now on, for flows that outlive the
 * process. */
void dp_xdp_groups_freeze(struct dp_xdp_groups *);

bool dp_xdp_group_is_outdated(struct dp_xdp_groups *, uint32_t group);

#endif /* dp-xdp-groups.h */
