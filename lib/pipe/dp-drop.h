/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_DROP_H
#define DP_DROP_H 1

/* dp-drop: packets that end without leaving
 * =========================================
 *
 * Job.  Free packets, a batch at once where that is cheaper.  Name each reason
 * for which the datapath itself drops packets, and count them: in coverage
 * counters "datapath_drop_REASON", which "ovs-appctl coverage/show" prints,
 * and for each port and lane, with the headers of the last one, which
 * "ovs-appctl dpif/show-drops" does.  (Drops that the flow table asks for are
 * counted by Open vSwitch as "drop_action_*".)
 *
 * A packet is dropped if nothing more is done with it, not if one action of
 * several could not be done.  A copy that was recirculated is a packet.
 *
 * Owns.  The packets that it is to free; a lane's counts, for each number that
 * a port of its drops has had.  If another port has got the number, its counts
 * begin anew, and what was counted before goes to DP_DROPS_GONE: the sum over
 * all ports never goes back.
 *
 * Thread-safety.  The owner of the lane counts; any thread that is not
 * quiescent may read.
 *
 * Cost.  Counting compares the name of the port and copies headers: it is not
 * for packets that the flow table drops.  Nothing is allocated but for the
 * first packet from a port for a reason.
 *
 * Errors.  None. */

#include <stdbool.h>
#include "cmap.h"
#include "openvswitch/types.h"
#include "ovs-rcu.h"
#include "pipe/dp-dropped.h"

#define DP_DROPS                                                            \
    DP_DROP(INVALID_PORT, invalid_port, "output to a port that is not there") \
    DP_DROP(INVALID_BOND, invalid_bond,                                     \
            "output to a bond that is not there or has no member up")       \
    DP_DROP(INVALID_TNL_PORT, invalid_tnl_port,                             \
            "for a tunnel port that is not there")                          \
    DP_DROP(TUNNEL_POP, tunnel_pop_error,                                   \
            "the tunnel's headers could not be taken off")                  \
    DP_DROP(TUNNEL_PUSH, tunnel_push_error,                                 \
            "the tunnel's headers could not be put on")                     \
    DP_DROP(RX_INVALID, rx_invalid_packet, "too short to be a packet")      \
    DP_DROP(UPCALL, upcall_error, "the upcall failed")                      \
    DP_DROP(USERSPACE, userspace_action_error,                              \
            "the action \"userspace\" failed")                              \
    DP_DROP(LOCK, lock_error, "upcalls were not possible at the time")      \
    DP_DROP(RECIRC, recirc_error, "recirculated too often")                 \
    DP_DROP(METER, meter, "beyond the rate of a meter")

enum dp_drop {
#define DP_DROP(ENUM, NAME, TEXT) DP_DROP_##ENUM,
    DP_DROPS
#undef DP_DROP
    DP_N_DROPS
};

struct dp_lane;
struct dp_packet;
struct dp_packet_batch;

/* The number of no port: of those that have gone. */
#define DP_DROPS_GONE ODP_PORT_C(UINT32_MAX)

/* What a lane has dropped of the packets that came from one port. */
struct dp_drops_port {
    struct cmap_node node;              /* In 'struct dp_drops'. */
    odp_port_t port_no;
    char *name;                         /* NULL: the lane had no such port. */
    OVSRCU_TYPE(struct dp_dropped *) dropped[DP_N_DROPS];   /* NULL: none. */
};

/* Writer: the owner of the lane. */
struct dp_drops {
    struct cmap ports;                  /* 'struct dp_drops_port's. */
};

void dp_drops_init(struct dp_drops *);
void dp_drops_uninit(struct dp_drops *);

/* Adds what 'from' has counted to 'to'.  Nobody counts in 'from' any more, and
 * the caller is the only one who does in 'to'. */
void dp_drops_add(struct dp_drops *to, const struct dp_drops *from);

/* The reason's name, and what users read. */
const char *dp_drop_name(enum dp_drop);
const char *dp_drop_text(enum dp_drop);

void dp_drop_batch(struct dp_packet_batch *);
void dp_drop_stolen(struct dp_lane *, odp_port_t in_port, enum dp_drop,
                    struct dp_packet_batch *, bool steal);
void dp_drop_count(struct dp_lane *, odp_port_t in_port, enum dp_drop,
                   unsigned int n, const struct dp_packet *last);
void dp_drop_count_batch(struct dp_lane *, odp_port_t in_port, enum dp_drop,
                         const struct dp_packet_batch *);

#endif /* dp-drop.h */
