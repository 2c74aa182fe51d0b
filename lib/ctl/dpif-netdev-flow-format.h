/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPIF_NETDEV_FLOW_FORMAT_H
#define DPIF_NETDEV_FLOW_FORMAT_H 1

/* dpif-netdev-flow-format: a flow as the dpif layer wants it
 * ==========================================================
 *
 * Job.  Turn a flow of a lane into a 'struct dpif_flow': key and mask as
 * Netlink attributes, actions, statistics of software and NIC together, and
 * attributes.
 *
 * Owns.  Nothing.  The result points into the caller's buffers and at actions
 * that live until the caller quiesces.
 *
 * Thread-safety.  Any thread, under RCU. */

#include <stdbool.h>
#include <stddef.h>

struct dp_flow;
struct dp_lane;
struct dpif_flow;
struct dpif_flow_attrs;
struct dpif_flow_stats;
struct ofpbuf;

enum { DP_FLOW_EXTRA_SIZE = 32 };   /* Bytes that the extra text needs. */

void dp_flow_to_dpif_flow(const struct dp_lane *, const struct dp_flow *,
                          struct ofpbuf *key_buf, struct ofpbuf *mask_buf,
                          struct dpif_flow *, char *extra, size_t extra_size,
                          bool terse);
void dp_flow_add_stats(struct dpif_flow_stats *sum,
                       const struct dpif_flow_stats *);
void dp_flow_get_all_stats(const struct dp_lane *, const struct dp_flow *,
                           struct dpif_flow_stats *,
                           struct dpif_flow_attrs *);

#endif /* dpif-netdev-flow-format.h */
