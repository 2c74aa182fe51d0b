/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PORT_H
#define DP_PORT_H 1

/* dp-port: ports and their receive queues
 * =======================================
 *
 * Job.  Tie a netdev to a port number, open and close its rx queues, and poll
 * one queue into a lane.
 *
 * Death.  A device may go while its netdev is open: "ip link del", a network
 * namespace that ends.  Queues of a tap device then answer with the same error
 * for ever, and wake up whoever waits for them; the first lane that sees it
 * stops to poll the queue and asks for a reconfiguration.  Others fall silent:
 * the control thread looks at the ifindex when the netdev says that something
 * has changed.  Either way the next reconfiguration removes the port
 * (dp-topology.h), and who wants it back adds it again.
 *
 * Owns.  The netdev (one reference), what has it receive all packets, the rx
 * queues and the table of tx queues that lanes share.
 *
 * Thread-safety.  The control thread creates, changes and destroys ports, and
 * touches queues only while no lane polls them.  dp_rxq_poll(): the owner of
 * the lane that the queue was given to.  dp_port_drained() and
 * dp_port_marks_seen(): any thread, in an RCU read-side section. */

#include "cmap.h"
#include "dpif-netdev-perf.h"
#include "openvswitch/hmap.h"
#include "ovs-rcu.h"
#include "offload/dp-mark-drain.h"
#include "offload/dp-offload.h"
#include "pipe/dp-rxq-load.h"
#include "pipe/dp-tx.h"
#include "pmd/dp-promisc.h"

struct dp_lane;
struct dp_offload;
struct dp_pmd;
struct netdev;
struct netdev_rxq;

struct dp_rxq {
    /* Constant while the queue is open. */
    struct dp_port *port;
    struct netdev_rxq *rx;
    int queue_id;
    struct dp_drains *drains;       /* Of the port. */
    struct dp_mark_drain *drain;    /* Of the port's 'drains'. */

    /* Control thread only. */
    unsigned int pinned_core;       /* OVS_CORE_UNSPEC: not pinned. */
    struct dp_pmd *pmd;             /* Who polls it; NULL: nobody. */

    /* Written by the lane that polls. */
    struct dp_rxq_load load;
    bool enabled;                   /* Last known state; see dp_rxq_check(). */
    atomic_int error;               /* Why it is dead, for any thread; or 0. */
};

/* What the rx queues of a port have seen: how far they are drained
 * (dp-mark-drain.h), and whether marks arrive (dp-mark-watch.h).  It outlives
 * the queues by a grace period, for the offload workers that look at it. */
struct dp_drains {
    atomic_bool marks_seen;         /* A mark led to a flow; never reset. */
    int n;
    struct dp_mark_drain queues[];  /* Each written by the lane that polls. */
};

struct dp_port {
    /* Constant after creation. */
    odp_port_t port_no;
    char *type;                     /* As the user gave it. */
    struct netdev *netdev;          /* Counted. */
    struct dp_promisc promisc;
    struct hmap_node node;          /* In the topology's ports. */

    /* Published (RCU). */
    struct cmap_node index_node;    /* In the topology's index. */
    OVSRCU_TYPE(struct dp_drains *) drains;     /* NULL: no queue is open. */

    /* Control thread only; lanes may read while they run. */
    struct dp_rxq *rxqs;
    int n_rxq;
    atomic_bool emc_enabled;
    bool by_hash;                   /* tx-steering=hash. */
    char *affinity;                 /* pmd-rxq-affinity, or NULL. */
    bool need_reconfigure;
    bool attached;                  /* Lanes know the port. */
    int ifindex;                    /* Of the device, or <= 0: not known. */
    uint64_t change_seq;            /* Of the netdev, when it was looked at. */
    bool prepared;                  /* 'delivery' is known. */
    enum dp_offload_delivery delivery;
    struct dp_txqs txqs;            /* Locked inside. */
};

int dp_port_create(struct netdev *, const char *type, odp_port_t port_no,
                   struct dp_port **);
void dp_port_destroy(struct dp_port *);
int dp_port_reconfigure(struct dp_port *, struct dp_offload *);
void dp_port_close_rxqs(struct dp_port *);
bool dp_port_watch(struct dp_port *);
int dp_port_death(const struct dp_port *);
bool dp_port_set_config(struct dp_port *, const char *affinity, bool by_hash,
                        bool emc);

uint64_t dp_port_drained(const struct dp_port *);
bool dp_port_marks_seen(const struct dp_port *);

int dp_rxq_poll(struct dp_lane *, struct dp_rxq *);
bool dp_rxq_check(struct dp_rxq *);

#endif /* dp-port.h */
