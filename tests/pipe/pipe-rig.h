/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPE_PIPE_RIG_H
#define TESTS_PIPE_PIPE_RIG_H 1

/* pipe-rig: a lane and ports that swallow packets
 * ===============================================
 *
 * Job.  Set up what packets need to go through dp_pipe_receive(), without
 * threads: a lane, meters, bonds, upcalls that a test answers, and ports whose
 * netdevs show what they are sent.
 *
 * Owns.  Lane, ports and netdevs, until pipe_rig_uninit().
 *
 * Thread-safety.  One thread. */

#include "pipe/dp-lane.h"

enum { PIPE_RIG_MAX_PORTS = 16 };

struct pipe_rig {
    struct dp_shared shared;
    struct dp_lane lane;
    struct dp_txqs txqs[PIPE_RIG_MAX_PORTS];        /* By port number. */
    struct netdev *netdevs[PIPE_RIG_MAX_PORTS];     /* NULL: no such port. */
};

/* Sets 'rig' up.  'upcall' answers for the upper layers; 'sent' is shown each
 * packet that a netdev of type "sink" is sent, and which one that was. */
void pipe_rig_init(struct pipe_rig *rig, upcall_callback *upcall,
                   void (*sent)(const struct netdev *,
                                const struct dp_packet *));
void pipe_rig_uninit(struct pipe_rig *);

/* Adds port 'number' with a new netdev of 'type', and returns the netdev. */
struct netdev *pipe_rig_add_port(struct pipe_rig *, unsigned int number,
                                 const char *type);

/* Sends 'batch' through the pipe, as packets that came in by port
 * 'in_port'. */
void pipe_rig_receive(struct pipe_rig *, struct dp_packet_batch *batch,
                      unsigned int in_port);

#endif /* tests/pipe/pipe-rig.h */
