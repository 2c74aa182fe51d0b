/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LATE_H
#define DP_LATE_H 1

/* dp-late: what NICs have forwarded for flows that are gone
 * =========================================================
 *
 * Job.  A flow that is deleted leaves its NIC later, and the NIC goes on
 * forwarding, and counting, until then.  Its last reading comes when the
 * deletion has been answered.  It is kept here, with the key of the flow, for
 * whoever attributes statistics.
 *
 * Owns.  The readings, and a reference on the flow of each.
 *
 * Bound.  One reading for each rule that leaves a NIC, until it is taken.
 * While nobody wants them, none is kept; "dp_late_lost" in coverage/show
 * counts the packets.
 *
 * Thread-safety.  All functions but init and uninit: any thread. */

#include <stdbool.h>
#include "openvswitch/list.h"
#include "openvswitch/thread.h"

struct dp_flow;
struct dpif;
struct dpif_flow_stats;
struct ofpbuf;

struct dp_late {
    struct ovs_mutex mutex;

    /* Guarded by 'mutex'. */
    struct ovs_list readings;
    bool wanted;                /* Somebody will take them. */
};

void dp_late_init(struct dp_late *);
void dp_late_uninit(struct dp_late *);

/* A NIC has forwarded '*stats' for 'flow', and nobody has been told. */
void dp_late_add(struct dp_late *late, struct dp_flow *flow,
                 const struct dpif_flow_stats *stats)
    OVS_EXCLUDED(late->mutex);

/* Says whether there is somebody who calls the following function now and
 * then.  'dpif' must be one of the userspace datapath, here and there. */
void dp_late_want(struct dpif *, bool wanted);

/* Takes the oldest reading: initialises '*stats', and appends the flow's key,
 * netlink attributes, to 'key'.  Returns false if there is none. */
bool dp_late_take(struct dpif *, struct ofpbuf *key,
                  struct dpif_flow_stats *stats);

#endif /* dp-late.h */
