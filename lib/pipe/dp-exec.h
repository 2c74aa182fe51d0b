/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_EXEC_H
#define DP_EXEC_H 1

/* dp-exec: actions
 * ================
 *
 * Job.  Execute compiled actions (dp-actions.h) on batches of packets: the
 * last stage of the pipe, and "packet-out" from the upper layers.
 *
 * Owns.  The packets that it is given to steal, until it has put them into an
 * output queue or the work list or freed them.
 *
 * Thread-safety.  The owner of the lane. */

#include <stdbool.h>
#include <stddef.h>

#include "odp-execute.h"
#include "openvswitch/types.h"
#include "ovs/ovs-recirc-depth.h"

struct dp_lane;
struct dp_packet_batch;
struct dp_step;
struct miniflow;
struct nlattr;

/* No packet passes more often through the pipe. */
enum { DP_MAX_RECIRC_DEPTH = OVS_MAX_RECIRC_DEPTH };

/* What actions need to know besides packets. */
struct dp_exec {
    struct dp_lane *lane;
    const struct miniflow *mf;  /* What the packets looked like on lookup. */
    odp_port_t in_port;         /* Metadata may not be set. */
    unsigned int depth;         /* Recirculations so far. */
};

void dp_exec_attrs(struct dp_lane *, struct dp_packet_batch *,
                   const struct nlattr *, size_t len, const struct miniflow *);

/* For the parts of this module. */
void dp_exec_nlattrs(const struct dp_exec *, struct dp_packet_batch *,
                     const struct nlattr *, size_t len, bool steal);
void dp_exec_list(const struct dp_exec *, struct dp_packet_batch *, bool steal,
                  const struct nlattr *, size_t len, odp_execute_cb);
void dp_exec_cut(struct dp_packet_batch *);
void dp_exec_leaf(const struct dp_exec *, struct dp_packet_batch *,
                  const struct nlattr *);
void dp_exec_take(struct dp_packet_batch *, struct dp_packet_batch *own,
                  bool steal);
void dp_exec_again(const struct dp_exec *, struct dp_packet_batch *);
void dp_exec_ct(const struct dp_exec *, struct dp_packet_batch *,
                const struct nlattr *);
bool dp_exec_is_fragment(const struct dp_exec *);
bool dp_exec_tunnel_push(const struct dp_exec *, struct dp_packet_batch *,
                         const struct nlattr *);
void dp_exec_tunnel_pop(const struct dp_exec *, struct dp_packet_batch *,
                        const struct dp_step *, bool steal);
void dp_exec_userspace(const struct dp_exec *, struct dp_packet_batch *,
                       const struct nlattr *, bool steal);

#endif /* dp-exec.h */
