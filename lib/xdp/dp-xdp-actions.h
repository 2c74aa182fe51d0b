/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_ACTIONS_H
#define DP_XDP_ACTIONS_H 1

/* dp-xdp-actions: from a flow's actions to what the XDP program does
 * ==================================================================
 *
 * Job.  The program does one of each thing, in an order of its own: sets
 * fields, pops and pushes tags, and sends the result to one or more ports, or
 * drops it.  This finds out whether a list of actions comes to that.
 *
 * Thread-safety.  No state. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-offload-env.h"
#include "openvswitch/types.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-groups.h"

struct dp_xdp_match;
struct ds;
struct ofpbuf;

struct dp_xdp_actions {
    struct dp_xdp_action action;        /* With 'out' if there is one output;
                                         * of a group that is for the caller to
                                         * fill in. */
    struct dp_xdp_member outputs[DP_XDP_GROUP_PORTS];   /* By slot. */
    size_t n_outputs;
    uint32_t can;               /* DP_XDP_CAN_* that it takes. */
};

/* Stores which interface 'port_no' is into '*member'.  Returns false if
 * packets can't get there by XDP. */
typedef bool dp_xdp_find_port(void *aux, odp_port_t port_no,
                              struct dp_xdp_member *member);

/* Translates netlink 'actions' of a flow with 'match'.  Returns
 * DP_OFFLOAD_WHY_NONE, or what it is that can't be expressed. */
enum dp_offload_why dp_xdp_actions_translate(const struct ofpbuf *actions,
                                             const struct dp_xdp_match *match,
                                             dp_xdp_find_port *find, void *aux,
                                             struct dp_xdp_actions *);

/* What marks packets, and leaves the rest to the daemon. */
void dp_xdp_actions_mark(uint32_t mark, struct dp_xdp_actions *);

/* Appends what is done, each thing after a comma. */
void dp_xdp_actions_format(const struct dp_xdp_actions *, struct ds *);

#endif /* dp-xdp-actions.h */
