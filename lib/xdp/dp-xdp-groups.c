/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-groups.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/thread.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"

struct dp_xdp_group {
    int fd;                     /* Of its map, owned; -1: none yet. */
    unsigned int n_refs;
    bool outdated;
    size_t n;
    struct dp_xdp_member members[DP_XDP_GROUP_PORTS];
};

struct dp_xdp_groups {
    int groups_fd;              /* Borrowed. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    bool frozen;
    struct dp_xdp_group groups[DP_XDP_MAX_GROUPS];
};

struct dp_xdp_groups *
dp_xdp_groups_create(int groups_fd)
{
    struct dp_xdp_groups *groups = xzalloc(sizeof *groups);

    groups->groups_fd = groups_fd;
    ovs_mutex_init(&groups->mutex);
    for (uint32_t i = 0; i < DP_XDP_MAX_GROUPS; i++) {
        groups->groups[i].fd = -1;
    }
    return groups;
}

void
dp_xdp_groups_destroy(struct dp_xdp_groups *groups)
{
    if (!groups) {
        return;
    }
    for (uint32_t i = 0; i < DP_XDP_MAX_GROUPS; i++) {
        ovs_assert(!groups->groups[i].n_refs);
        if (groups->groups[i].fd >= 0) {
            close(groups->groups[i].fd);
        }
    }
    ovs_mutex_destroy(&groups->mutex);
    free(groups);
}

static bool
is_same(const struct dp_xdp_group *group,
        const struct dp_xdp_member members[], size_t n)
{
    return (group->n_refs && !group->outdated && group->n == n
            && !memcmp(group->members, members, n * sizeof *members));
}

/* Returns the group that has 'members', else one that is free and has a map,
 * else one that is free, else null. */
static struct dp_xdp_group *
choose(struct dp_xdp_groups *groups, const struct dp_xdp_member members[],
       size_t n)
    OVS_REQUIRES(groups->mutex)
{
    struct dp_xdp_group *best = NULL;

    for (uint32_t i = 0; i < DP_XDP_MAX_GROUPS; i++) {
        struct dp_xdp_group *group = &groups->groups[i];

        if (is_same(group, members, n)) {
            return group;
        }
        if (!group->n_refs && (!best || (best->fd < 0 && group->fd >= 0))) {
            best = group;
        }
    }
    return best;
}

static int
create_map(struct dp_xdp_groups *groups, struct dp_xdp_group *group)
    OVS_REQUIRES(groups->mutex)
{
    uint32_t key = group - groups->groups;
    int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "markpath_group",
                            sizeof(uint32_t), sizeof(uint32_t),
                            DP_XDP_GROUP_PORTS, NULL);

    if (fd < 0) {
        return -fd;
    }
    if (bpf_map_update_elem(groups->groups_fd, &key, &fd, 0)) {
        int error = errno;

        close(fd);
        return error;
    }
    group->fd = fd;
    return 0;
}

/* Takes the interface with 'slot' out of the map of 'group'. */
static void
take_out(struct dp_xdp_groups *groups, struct dp_xdp_group *group,
         uint32_t slot)
    OVS_REQUIRES(groups->mutex)
{
    if (!groups->frozen) {
        bpf_map_delete_elem(group->fd, &slot);
    }
}

static void
clear(struct dp_xdp_groups *groups, struct dp_xdp_group *group)
    OVS_REQUIRES(groups->mutex)
{
    for (size_t i = 0; i < group->n; i++) {
        take_out(groups, group, group->members[i].slot);
    }
    group->n = 0;
    group->outdated = false;
}

/* Makes 'group', which is free, the set of 'members'. */
static int
fill(struct dp_xdp_groups *groups, struct dp_xdp_group *group,
     const struct dp_xdp_member members[], size_t n)
    OVS_REQUIRES(groups->mutex)
{
    int error = (groups->frozen ? EBUSY
                 : group->fd < 0 ? create_map(groups, group)
                 : 0);

    for (size_t i = 0; !error && i < n; i++) {
        if (bpf_map_update_elem(group->fd, &members[i].slot,
                                &members[i].ifindex, 0)) {
            error = errno;
        } else {
            group->members[group->n++] = members[i];
        }
    }
    if (error) {
        clear(groups, group);
    }
    return error;
}

int
dp_xdp_groups_ref(struct dp_xdp_groups *groups,
                  const struct dp_xdp_member members[], size_t n,
                  uint32_t *groupp)
{
    struct dp_xdp_group *group;
    int error = 0;

    if (n > DP_XDP_GROUP_PORTS) {
        return ENOSPC;
    }
    ovs_mutex_lock(&groups->mutex);
    group = choose(groups, members, n);
    if (!group) {
        error = ENOSPC;
    } else if (!group->n_refs) {
        error = fill(groups, group, members, n);
    }
    if (!error) {
        group->n_refs++;
        *groupp = group - groups->groups;
    }
    ovs_mutex_unlock(&groups->mutex);
    return error;
}

void
dp_xdp_groups_unref(struct dp_xdp_groups *groups, uint32_t id)
{
    struct dp_xdp_group *group = &groups->groups[id];

    ovs_mutex_lock(&groups->mutex);
    ovs_assert(group->n_refs);
    if (!--group->n_refs) {
        clear(groups, group);
    }
    ovs_mutex_unlock(&groups->mutex);
}

/* The sets that have the interface with 'slot' are outdated; it is taken out
 * if it 'leaves'. */
static void
outdate(struct dp_xdp_groups *groups, uint32_t slot, bool leaves)
{
    ovs_mutex_lock(&groups->mutex);
    for (uint32_t i = 0; i < DP_XDP_MAX_GROUPS; i++) {
        struct dp_xdp_group *group = &groups->groups[i];

        for (size_t j = 0; group->n_refs && j < group->n; j++) {
            if (group->members[j].slot == slot) {
                group->outdated = true;
                if (leaves) {
                    take_out(groups, group, slot);
                }
            }
        }
    }
    ovs_mutex_unlock(&groups->mutex);
}

void
dp_xdp_groups_leave(struct dp_xdp_groups *groups, uint32_t slot)
{
    outdate(groups, slot, true);
}

void
dp_xdp_groups_outdate(struct dp_xdp_groups *groups, uint32_t slot)
{
    outdate(groups, slot, false);
}

void
dp_xdp_groups_freeze(struct dp_xdp_groups *groups)
{
    ovs_mutex_lock(&groups->mutex);
    groups->frozen = true;
    ovs_mutex_unlock(&groups->mutex);
}

bool
dp_xdp_group_is_outdated(struct dp_xdp_groups *groups, uint32_t id)
{
    bool outdated;

    ovs_mutex_lock(&groups->mutex);
    outdated = groups->groups[id].outdated;
    ovs_mutex_unlock(&groups->mutex);
    return outdated;
}
