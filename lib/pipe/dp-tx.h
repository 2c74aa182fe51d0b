/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TX_H
#define DP_TX_H 1

/* dp-tx: output queues
 * ====================
 *
 * Job.  Collect the packets that a lane sends to each port and hand them to
 * the port's netdev in bursts, on the tx queue that the port's mode picks:
 *
 *    - STATIC: the port has a queue for each lane.
 *    - XPS: fewer queues than lanes; a lane takes the least used one when it
 *      has something to send and gives it back after XPS_TIMEOUT_MS of
 *      silence.  Queues are shared, so the netdev has to lock.
 *    - HASH: the packet's hash picks the queue ("tx-steering=hash").
 *
 * Owns.  Packets between dp_tx_output() and dp_tx_flush().  Netdevs and queue
 * tables are borrowed from the port, which outlives its place here.
 *
 * Thread-safety.  A 'struct dp_tx' belongs to a lane: whoever runs the lane
 * uses it, and ports come and go only while the lane stands still.  A 'struct
 * dp_txqs' is shared by all lanes and has a lock, which a lane takes only when
 * it changes its queue.
 *
 * Units.  Times in us of the lane's clock. */

#include "dp-packet.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"
#include "packets.h"

struct dp_lane;
struct dp_rxq_load;
struct netdev;

enum { DP_TX_XPS_TIMEOUT_MS = 500 };

enum dp_txq_mode {
    DP_TXQ_STATIC,
    DP_TXQ_XPS,
    DP_TXQ_HASH,
};

/* The tx queues of one port, shared by all lanes.  'mode' and 'n' change only
 * while all lanes stand still. */
struct dp_txqs {
    struct ovs_mutex mutex;
    enum dp_txq_mode mode;
    int n;
    unsigned int *n_users OVS_GUARDED;  /* XPS: lanes on each queue. */
};

void dp_txqs_init(struct dp_txqs *);
void dp_txqs_uninit(struct dp_txqs *);
void dp_txqs_configure(struct dp_txqs *, enum dp_txq_mode, int n);

/* Packets that came from one rx queue, one after the other. */
struct dp_tx_piece {
    struct dp_rxq_load *load;   /* Of the queue, or NULL. */
    size_t n;
};

/* A port as one lane sees it. */
struct dp_tx_port {
    struct hmap_node node;      /* In 'dp_tx's 'ports'. */
    struct ovs_list dirty;      /* In 'dp_tx's 'dirty' while 'pending' is not
                                 * empty. */
    odp_port_t port_no;
    struct netdev *netdev;      /* Borrowed. */
    struct dp_txqs *txqs;       /* Borrowed. */
    bool can_send;              /* A tunnel port can't, only wrap. */
    int qid;                    /* XPS: our queue, or -1. */
    long long int last_used;    /* us; XPS. */
    long long int flush_at;     /* us. */
    struct dp_packet_batch pending;
    size_t n_pieces;
    struct dp_tx_piece pieces[NETDEV_MAX_BURST];    /* Of 'pending'. */
};

/* Ports with smaller numbers are found without a hash. */
enum { DP_TX_NEAR = 256 };

struct dp_tx {
    struct hmap ports;          /* All of them. */
    struct dp_tx_port *near[DP_TX_NEAR];    /* By number, or NULL. */
    struct ovs_list dirty;
    unsigned int static_qid;    /* The lane's number among the lanes. */
};

void dp_tx_init(struct dp_tx *);
void dp_tx_uninit(struct dp_tx *);
void dp_tx_add_port(struct dp_tx *, odp_port_t, struct netdev *,
                    struct dp_txqs *);
void dp_tx_del_port(struct dp_lane *, odp_port_t);
void dp_tx_forget_queues(struct dp_tx *);

void dp_tx_output(struct dp_lane *, struct dp_tx_port *,
                  struct dp_packet *const packets[], size_t n);
int dp_tx_flush(struct dp_lane *, bool force);
void dp_tx_expire_queues(struct dp_lane *);

struct dp_tx_port *dp_tx_find_far(const struct dp_tx *, odp_port_t);

/* Returns the port with number 'port_no', or NULL. */
static inline struct dp_tx_port *
dp_tx_find(const struct dp_tx *tx, odp_port_t port_no)
{
    uint32_t number = odp_to_u32(port_no);

    return (OVS_LIKELY(number < DP_TX_NEAR)
            ? tx->near[number] : dp_tx_find_far(tx, port_no));
}

#endif /* dp-tx.h */
