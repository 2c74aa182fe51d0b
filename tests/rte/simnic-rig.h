/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_RIG_H
#define SIMNIC_RIG_H 1

/* simnic-rig: an engine, net_simnic, and a datapath of flows for tests
 * ====================================================================
 *
 * Megaflows are learned from the packets that a port of net_simnic generates.
 * Each outputs to one port or drops, and may stay in software for a meter.
 * Port 0 is polled by the test, port 1 is there to be output to. */

#include "dpif.h"
#include "netdev.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-offload.h"
#include "openvswitch/match.h"
#include "ovs-atomic.h"

#define N_MEGAFLOWS 20
#define PORT0 u32_to_odp(1)
#define PORT1 u32_to_odp(2)

struct dp_packet;
struct netdev_rxq;

struct sim_flow {
    struct ovs_refcount refs;
    struct match match;
    ovs_u128 mega_ufid;
    atomic_uint32_t output;             /* 0: drop. */
    atomic_uint32_t meter;              /* Not 0: something to stay for. */
};

struct sim {
    struct netdev *netdevs[2];
    struct netdev_rxq *rxq;             /* Of the first one. */
    struct dp_offload *offload;
    struct dp_mark_index *lane;
    struct sim_flow *flows[N_MEGAFLOWS];
    unsigned int n_flows;
    atomic_uint64_t n_late;             /* Packets told by flow_late. */
    unsigned int n_marked;              /* Packets of the last sim_count(). */
    unsigned int n_unmarked;
};

/* Opens a netdev of net_simnic with 'devargs', ready to run. */
struct netdev *sim_open(const char *name, const char *devargs);

/* P13: the driver can be asked to deliver marks only before the device is
 * configured, and is asked only if hw-offload is on. */
enum dp_offload_delivery sim_delivery(struct netdev *netdev);

/* Creates the engine, switched on, without ports. */
void sim_init(struct sim *sim, unsigned int n_workers);

/* Removes all flows. */
void sim_forget(struct sim *sim);

/* Destroys the engine and closes the netdevs. */
void sim_uninit(struct sim *sim);

/* Receives some bursts; calls 'cb' for each packet.  Returns their number. */
unsigned int sim_receive(struct sim *sim, unsigned int n_bursts,
                         void (*cb)(struct dp_packet *, const struct flow *,
                                    void *aux),
                         void *aux);

/* Makes a megaflow of addresses and ports of a packet that has none. */
void sim_learn(struct dp_packet *packet, const struct flow *flow, void *sim);

struct sim_flow *sim_find(const struct sim *sim, const struct flow *flow);

/* Receives some bursts and counts packets with and without marks, each of
 * which must be that of the packet's own megaflow. */
void sim_count(struct sim *sim, unsigned int n_bursts);

/* All flows come; or get new actions. */
void sim_put(struct sim *sim);
void sim_modify(struct sim *sim, uint32_t output);

/* Waits until all rules have 'why'; but the first reason that lasts must be
 * it. */
void sim_expect_why(const struct sim *sim, enum dp_offload_why why);

#endif /* simnic-rig.h */
