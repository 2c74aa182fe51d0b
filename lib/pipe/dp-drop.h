/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_DROP_H
#define DP_DROP_H 1

/* dp-drop: packets that end without leaving
 * =========================================
 *
 * Job.  Free packets, a batch at once where that is cheaper.  Name each reason
 * for which the datapath itself drops packets, and count them in coverage
 * counters "datapath_drop_REASON", which "ovs-appctl coverage/show" prints.
 * (Drops that the flow table asks for are counted by Open vSwitch as
 * "drop_action_*".)
 *
 * A packet is dropped if nothing more is done with it, not if one action of
 * several could not be done.  A copy that was recirculated is a packet.
 *
 * Owns.  The packets that it is to free.
 *
 * Thread-safety.  Any thread; coverage counters are per thread.
 *
 * Errors.  None. */

#include <stdbool.h>

#define DP_DROPS                                                        \
    DP_DROP(INVALID_PORT, invalid_port)         /* Output: no such port. */ \
    DP_DROP(INVALID_BOND, invalid_bond)         /* lb_output: no such bond. */\
    DP_DROP(INVALID_TNL_PORT, invalid_tnl_port) /* tnl_pop: no such port. */ \
    DP_DROP(TUNNEL_POP, tunnel_pop_error)       /* Bad outer headers. */ \
    DP_DROP(TUNNEL_PUSH, tunnel_push_error)     /* Could not encapsulate. */ \
    DP_DROP(RX_INVALID, rx_invalid_packet)      /* Too short. */        \
    DP_DROP(UPCALL, upcall_error)               /* Upcall failed. */    \
    DP_DROP(USERSPACE, userspace_action_error)  /* "userspace" failed. */ \
    DP_DROP(LOCK, lock_error)                   /* Upcalls are disabled. */ \
    DP_DROP(RECIRC, recirc_error)               /* Too many passes. */

enum dp_drop {
#define DP_DROP(ENUM, NAME) DP_DROP_##ENUM,
    DP_DROPS
#undef DP_DROP
};

struct dp_packet_batch;

void dp_drop_batch(struct dp_packet_batch *);
void dp_drop_stolen(enum dp_drop, struct dp_packet_batch *, bool steal);
void dp_drop_count(enum dp_drop, unsigned int n);

#endif /* dp-drop.h */
