/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TWIN_RIG_H
#define TWIN_RIG_H 1

/* twin-rig: two switches that must not be told apart
 * ==================================================
 *
 * Two datapaths, each with its topology, main lane, ports and rx rings.  Both
 * get the same packets and the same changes of flows and ports, and both are
 * polled in the same steps.  One, MARKED, has an offload engine and a NIC in
 * memory, whose rules put marks on packets as they arrive, before they wait in
 * their ring; the other, PLAIN, has neither.  After each step both must have
 * sent the same: per port and connection the same bytes in the same order.
 * When a flow goes, both must have counted the same for it.
 *
 * What the switch is to do is a function of a packet's group and of the
 * group's version, which twin_bump() changes.  Some groups match on the group
 * alone, some on the connection; so one connection may have rules of two
 * megaflows in the NIC, one of which is to be removed.  Packets of some groups
 * arrive in a tunnel that ends here.
 *
 * Everything but the offload workers runs on the caller's thread. */

#include "offload/dp-offload-dummy.h"
#include "ovs-atomic.h"
#include "pmd/dp-topology.h"

enum twin_side_id { TWIN_MARKED, TWIN_PLAIN, TWIN_N_SIDES };

enum {
    TWIN_N_PORTS = 4,           /* 1...4; packets arrive at 1 and 2. */
    TWIN_N_RX_PORTS = 2,
    TWIN_TUNNEL = 5,            /* The port of packets from the tunnel. */
    TWIN_MAX_RXQS = 3,
    TWIN_RING_SIZE = 4096,
    TWIN_N_GROUPS = 48,
    TWIN_PER_GROUP = 4,
    TWIN_N_CONNECTIONS = TWIN_N_GROUPS * TWIN_PER_GROUP,
};

struct twin_side {
    struct twin *twin;
    struct dp_shared shared;
    struct dp_topology topology;
    struct twin_netdev *netdevs[TWIN_N_PORTS + 1];  /* Null: removed. */
    struct netdev *tunnel;
};

struct twin {
    struct twin_side sides[TWIN_N_SIDES];
    struct dp_dummy_nic *nic;
    bool whole;                 /* The NIC may run rules whole: then packets
                                 * overtake others and actions are fixed. */

    /* Figures. */
    uint64_t n_packets;         /* Put into rings. */
    uint64_t n_marked;          /* With a mark. */
    uint64_t n_direct;          /* Forwarded by the NIC. */
    uint64_t n_sent;            /* Outputs that were equal. */
    uint64_t worst_us;          /* Longest step of the MARKED side. */
    uint64_t worst_blocked_us;  /* Longest in which it gave up the CPU by
                                 * itself, to wait for something. */
};

/* Creates the twins, all ports there and offloading on. */
struct twin *twin_create(const struct dp_dummy_config *config);

/* Removes flows and ports; aborts if anything is left, in the engine or in
 * the NIC. */
void twin_destroy(struct twin *twin);

/* Up to 'n' packets arrive at port 'port'. */
void twin_arrive(struct twin *twin, int port, unsigned int n);

/* Polls all queues of both sides once, at most 'burst' packets each, and
 * compares what was sent.  Returns the number of packets that still wait. */
size_t twin_step(struct twin *twin, unsigned int burst);

/* Changes what is to be done with 'group'; its flows are removed, or changed
 * if 'keep'. */
void twin_bump(struct twin *twin, unsigned int group, bool keep);

/* Removes the flows of 'group'. */
void twin_forget(struct twin *twin, unsigned int group);

/* Port 'port' is removed if it is there, else added. */
void twin_toggle_port(struct twin *twin, int port);
bool twin_has_port(const struct twin *twin, int port);

/* Port 'port' is reconfigured, to 'n_rxq' queues.  If 'stop', its device is
 * stopped, and what waits in its rings is lost. */
void twin_restart_port(struct twin *twin, int port, int n_rxq, bool stop);

void twin_set_offload(struct twin *twin, bool on);
struct dp_offload *twin_engine(struct twin *twin);

/* Packets that a mark has decided. */
uint64_t twin_n_hits(const struct twin *twin);

#endif /* twin-rig.h */
