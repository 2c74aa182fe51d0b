/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PIPE_H
#define DP_PIPE_H 1

/* dp-pipe: the way of a packet
 * ============================
 *
 * Job.  Order the stages that a burst goes through, and the recirculation
 * loop.  Each stage is 'void dp_STAGE_run(struct dp_lane *, struct dp_burst
 * *)', in a file of its own; a stage decides packets or drops them, and never
 * calls another stage.
 *
 *     rx       looks up NIC marks
 *     lookup   keys, caches, classifier
 *     miss     upcalls for who is still undecided
 *     group    packets of one flow together
 *     exec     actions; fills output queues and the work list
 *
 * Order.  Packets of one flow leave in the order in which they came: groups
 * keep arrival order, what a burst recirculates is done in the order in which
 * it did so, and the work list is empty before the next burst is polled.
 *
 * Memory.  However many ways packets go, at most DP_WORK_MAX of each pass wait
 * at once; dp-pipe.c says how.
 *
 * Thread-safety.  Only the owner of the lane may call these. */

#include "openvswitch/types.h"

struct dp_burst;
struct dp_lane;
struct dp_packet_batch;
struct flow;
struct nlattr;

void dp_pipe_receive(struct dp_lane *, struct dp_packet_batch *,
                     odp_port_t in_port);
void dp_pipe_execute(struct dp_lane *, struct dp_packet_batch *,
                     const struct flow *, const struct nlattr *, size_t len);
void dp_pipe_again(struct dp_lane *, struct dp_packet_batch *,
                   unsigned int depth);

/* The stages. */
void dp_rx_run(struct dp_lane *, struct dp_burst *);
void dp_lookup_run(struct dp_lane *, struct dp_burst *);
void dp_miss_run(struct dp_lane *, struct dp_burst *);
void dp_group_run(struct dp_lane *, struct dp_burst *);
void dp_exec_run(struct dp_lane *, struct dp_burst *);

/* The last one, for a packet that somebody wants to be told about. */
void dp_exec_run_live(struct dp_lane *, struct dp_burst *);

#endif /* dp-pipe.h */
