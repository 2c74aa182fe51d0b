/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TOPOLOGY_H
#define DP_TOPOLOGY_H 1

/* dp-topology: ports, lanes, and which lane polls which queue
 * ===========================================================
 *
 * Job.  Hold the ports and lanes of a datapath and bring them into the shape
 * that the configuration asks for: threads on cores, queues on threads, tx
 * queues for lanes.
 *
 * Reconfiguration, in dp_topology_reconfigure():
 *
 *    1. Find out which cores should have a PMD thread and which ports have to
 *       be reconfigured.
 *    2. Have all lanes let go of the ports that change.
 *    3. Reconfigure netdevs; other ports go on forwarding.  Ports that fail,
 *       and those that have lost their devices, are removed.
 *    4. End threads that are not wanted, start new ones.
 *    5. Assign queues (dp-sched.h), and hand out what is new to each lane.
 *
 * No lane stands still meanwhile, unless the number of lanes or of somebody's
 * tx queues has changed (dp-topology-lanes.c).
 *
 * Owns.  Ports, and one reference on each lane.
 *
 * Thread-safety.  'mutex' guards everything but 'lanes', which flow dumps and
 * lookups by core read under RCU, and 'index', which offload workers read
 * under RCU: they must never wait for 'mutex', because who holds it may wait
 * for them.  Everything that changes lanes or ports is
 * called by the control thread. */

#include "cmap.h"
#include "openvswitch/hmap.h"
#include "ovs-thread.h"
#include "pmd/dp-pmd.h"
#include "pmd/dp-port.h"
#include "pmd/dp-sched.h"
#include "pmd/dp-sleep.h"

struct dp_tracer;

struct dp_topology {
    /* Constant after creation. */
    struct dp_shared *shared;
    ovsthread_key_t lane_key;       /* In a lane's thread: its lane. */
    struct dp_pmd *main;            /* Counted; also in 'lanes'. */
    void (*purge)(void *aux, unsigned int core_id);     /* Before the flows of
                                     * a lane are lost with it. */
    void *aux;

    struct cmap lanes;              /* Published: 'struct dp_pmd's.  Changed
                                     * with 'drops_mutex' held. */
    struct cmap index;              /* Published: 'struct dp_port's. */

    /* What lanes have dropped and received that are no more.  Whoever holds
     * the mutex sees each packet's count once, here or in a lane.  Nobody
     * waits for anything who does. */
    struct ovs_mutex drops_mutex;
    struct dp_drops drops OVS_GUARDED;
    uint64_t n_received OVS_GUARDED;    /* Packets. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct hmap ports;              /* 'struct dp_port's. */
    char *cpu_mask;                 /* "pmd-cpu-mask", or NULL. */
    enum dp_sched_algo rxq_assign;  /* How to assign queues. */
    bool rxq_isolate;               /* Pins isolate cores. */
    struct dp_sleep sleep;          /* How long PMD threads may. */
    struct dp_tracer *tracer;       /* Borrowed: lanes trace packets for it;
                                     * or NULL. */
    bool need_reconfigure;
    uint64_t n_reconfigured;        /* How often queues were assigned. */
    uint64_t n_lost;                /* Ports that nobody asked to remove. */
};

void dp_topology_init(struct dp_topology *, struct dp_shared *,
                      void (*purge)(void *aux, unsigned int core_id),
                      void *aux);
void dp_topology_uninit(struct dp_topology *);

int dp_topology_add_port(struct dp_topology *topology, struct netdev *,
                         const char *type, odp_port_t)
    OVS_REQUIRES(topology->mutex);
void dp_topology_del_port(struct dp_topology *topology, struct dp_port *)
    OVS_REQUIRES(topology->mutex);
void dp_topology_set_sleep(struct dp_topology *topology,
                           const struct dp_sleep *)
    OVS_REQUIRES(topology->mutex);
void dp_topology_set_tracer(struct dp_topology *topology, struct dp_tracer *)
    OVS_REQUIRES(topology->mutex);
void dp_topology_reconfigure(struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
void dp_topology_watch(struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
void dp_topology_del_ports(struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
bool dp_topology_needs_reconfigure(const struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
void dp_topology_poll_main(struct dp_topology *);
void dp_topology_wait_main(struct dp_topology *);

uint64_t dp_topology_port_drained(const struct dp_topology *, odp_port_t);
bool dp_topology_marks_seen(const struct dp_topology *, odp_port_t);
struct dp_port *dp_topology_port(const struct dp_topology *, odp_port_t);
struct dp_port *dp_topology_port_by_name(const struct dp_topology *,
                                         const char *name);
struct dp_pmd *dp_topology_lane(const struct dp_topology *,
                                unsigned int core_id);
struct dp_pmd **dp_topology_sorted_lanes(const struct dp_topology *,
                                         size_t *n);
void dp_topology_for_drops(struct dp_topology *topology,
                           void (*cb)(void *aux, const struct dp_pmd *,
                                      const struct dp_drops *),
                           void *aux)
    OVS_EXCLUDED(topology->drops_mutex);
uint64_t dp_topology_n_received(struct dp_topology *topology)
    OVS_EXCLUDED(topology->drops_mutex);

/* dp-topology-sched.c */
void dp_topology_plan(const struct dp_topology *topology, struct dp_sched *)
    OVS_REQUIRES(topology->mutex);
void dp_topology_record(const struct dp_topology *topology, struct dp_sched *)
    OVS_REQUIRES(topology->mutex);

/* dp-topology-lanes.c */
void dp_topology_park(struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
void dp_topology_resume(struct dp_topology *topology)
    OVS_REQUIRES(topology->mutex);
void dp_topology_detach(struct dp_topology *topology,
                        struct dp_port *const ports[], size_t n)
    OVS_REQUIRES(topology->mutex);
void dp_topology_hand_out(struct dp_topology *topology,
                          const struct dp_sched *, bool other_lanes)
    OVS_REQUIRES(topology->mutex);

#endif /* dp-topology.h */
