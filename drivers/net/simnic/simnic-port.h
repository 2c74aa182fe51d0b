/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_PORT_H
#define SIMNIC_PORT_H 1

/* simnic-port: a port and its queues
 * ==================================
 *
 * Job.  The structs that the parts of the driver share.
 *
 * Thread-safety
 * =============
 * Everything in a port is guarded by its 'mutex', unless it is listed as
 * constant or published.  A queue belongs to the core that polls it, while
 * the port is started.
 *
 * Order of locks: registry (simnic-dev.c), link (simnic-wire.c), a port's
 * 'mutex', a port's 'rules_lock'.
 *
 * See also.  simnic-dev.c (creates ports), simnic-ethdev.c (operates them). */

#include <pthread.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_rwlock.h>

#include "simnic-abi.h"
#include "simnic-devargs.h"
#include "simnic-gate.h"
#include "simnic-gen.h"
#include "simnic-rss.h"
#include "simnic-rule.h"
#include "simnic-stamp.h"
#include "simnic-stream.h"

#define SIMNIC_REFILL 32                /* mbufs are got and freed by. */
#define SIMNIC_MIN_DESC 64
#define SIMNIC_MAX_DESC 8192

struct simnic_port;
struct simnic_link;
struct rte_ring;

/* A receive queue: a ring with places for at least 'n_desc' mbufs, of which
 * the 'ready' ones from 'tail' on wait to be filled. */
struct simnic_rxq {
    /* Constant while started. */
    struct rte_mbuf **ring;
    uint32_t n_desc;                    /* A multiple of SIMNIC_REFILL. */
    uint32_t mask;                      /* Of places in 'ring'. */
    uint16_t id;
    bool only_queue;                    /* The port has one rx queue. */
    bool picks;                         /* Order is not round robin. */
    uint64_t rearm;                     /* mbuf->rearm_data. */
    struct simnic_stream *record;
    const struct simnic_template *host;
    struct rte_mempool *pool;

    /* Owner thread only. */
    uint32_t tail;                      /* Next mbuf to fill. */
    uint32_t ready;
    uint32_t refill;                    /* First place without an mbuf. */
    uint32_t pos;                       /* Next in round robin. */
    uint32_t n;                         /* Streams, or entries of 'list'. */
    uint64_t packets;
    uint64_t bytes;
    uint64_t stepped;                   /* Packets that rules kept away. */
    uint64_t no_mbuf;
    uint64_t errors;                    /* Edits that did not fit. */

    /* Published: bursts that are over, for simnic_reclaim_run(). */
    uint64_t bursts;
    struct simnic_gate gate;            /* Closed unless started. */

    /* Published by whoever classifies: the streams of this queue, unless it
     * is the only one.  Entries are only appended. */
    uint32_t *list;
    uint32_t list_len;
    uint64_t *in_list;                  /* Bitmap of streams; mutex. */

    /* Constant while started. */
    struct simnic_port *port;
    uint32_t burst;                     /* Most packets for each poll. */
    struct rte_ring *wire;              /* Modes 'pair' and 'ring'. */
    struct rte_eth_rxconf conf;
    uint32_t room;                      /* Bytes in an mbuf for a frame. */

    /* Owner thread only. */
    struct simnic_picker picker;
    uint32_t *picked;                   /* A ring of blocks of choices. */
    uint32_t picked_pos;
    bool picked_any;
    uint64_t rate;                      /* That the following are for. */
    uint64_t rate_start;                /* TSC. */
    uint64_t rate_sent;                 /* Arrived since, kept or not. */
    uint64_t rate_polled;               /* TSC of the last poll. */
    bool once_done;                     /* A capture that is not looped. */

    /* Published by the owner, with a rate. */
    uint64_t missed;                    /* Packets: the ring ran over. */
    uint64_t longest_gap;               /* Cycles between two polls, since
                                         * the rate was set. */

    /* Owner thread only: SIMNIC_PCAP with 'timed'. */
    uint64_t lap_start;                 /* TSC. */

    /* Owner thread only: descriptors that wait to be read (inflight=). */
    struct simnic_latch *latch;
    uint32_t latch_size, latch_head, latch_count;
} __rte_cache_aligned;

#define SIMNIC_PICK_BLOCK 32
#define SIMNIC_PICK_BLOCKS 4

/* A descriptor that was written when its packet arrived, and was decided
 * about. */
struct simnic_latch {
    uint32_t index;
    uint64_t word;
};

struct simnic_txq {
    struct simnic_port *port;
    struct rte_mbuf **ring;             /* Sent, not yet freed. */
    uint32_t n_desc;
    uint32_t mask;                      /* Of places in 'ring'. */
    uint32_t head;                      /* Where the next one goes. */
    uint32_t pending;                   /* Sent and not freed. */
    uint16_t id;
    bool fast_free;
    struct simnic_gate gate;            /* Closed unless started. */
    struct simnic_delays *delays;       /* Of what is sent; NULL: none. */
    uint64_t packets;
    uint64_t bytes;
    uint64_t dropped;                   /* The wire was full or cut. */
    struct rte_eth_txconf conf;
} __rte_cache_aligned;

/* Streams grouped by what a mask selects of them; simnic-classify.c. */
struct simnic_index {
    struct simnic_mask mask;
    uint64_t used;                      /* Clock, to evict the oldest. */
    uint32_t n_buckets;                 /* A power of 2. */
    uint32_t *start;                    /* n_buckets + 1 offsets. */
    uint32_t *stream;                   /* Streams, bucket by bucket. */
};

#define SIMNIC_MAX_INDEXES 16

#define SIMNIC_PATH_CHUNK 4096

struct simnic_classes {
    struct simnic_index index[SIMNIC_MAX_INDEXES];
    unsigned int n_indexes;
    uint64_t clock;
    struct simnic_path none;            /* No rule; to the host. */
    struct simnic_path filtered;        /* No rule; dropped. */
    struct simnic_path **path;          /* Of each stream. */
    uint32_t *seen;                     /* Hits that are accounted. */
    struct simnic_move {
        uint32_t stream;
        struct simnic_path *path;       /* Its new one. */
    } *move;                            /* Streams of which a core may count
                                         * hits for the old path still. */
    uint32_t n_moves;
    struct simnic_path *shared[1024];   /* Ways of more than one rule. */
    uint32_t n_paths;                   /* Ids given out; 0 is none. */
    uint32_t *free_id;                  /* Ids that were given back. */
    uint32_t n_free, free_size;
    struct simnic_path **chunk[4096];   /* Published: id to path. */
    uint64_t n_classified;              /* Streams, since creation. */
};

/* Something that a polling core may still look at. */
struct simnic_garbage {
    struct simnic_garbage *next;
    struct simnic_rule *rule;           /* Either. */
    struct simnic_path *path;           /* Or. */
    uint64_t bursts[SIMNIC_MAX_QUEUES];
};

/* What rte_flow has been asked for, and what became of it. */
struct simnic_flow_stats {
    uint64_t created;
    uint64_t destroyed;
    uint64_t refused;                   /* The NIC cannot. */
    uint64_t full;                      /* Over a capacity. */
    uint64_t failed;                    /* Faults on demand. */
    uint64_t lost;                      /* At a stop. */
};

struct simnic_port {
    /* Constant after creation. */
    char name[RTE_ETH_NAME_MAX_LEN];
    struct rte_eth_dev *dev;
    uint16_t port_id;
    struct simnic_link *link;           /* Modes 'pair' and 'ring'. */
    unsigned int link_end;

    pthread_mutex_t mutex;              /* Guards what follows. */
    struct simnic_port *next;           /* In the registry; its mutex. */
    struct simnic_config config;
    struct rte_ether_addr mac;
    bool started;
    bool removed;                       /* Surprise: the card is gone. */
    bool link_down;                     /* By the application. */
    bool promiscuous;
    bool allmulticast;
    uint16_t mtu;
    bool no_mark_delivery;              /* Negotiated away. */
    bool no_flag_delivery;
    bool has_streams;
    uint16_t n_rxq;
    uint16_t n_txq;
    struct simnic_rxq *rxq[SIMNIC_MAX_QUEUES];
    struct simnic_txq *txq[SIMNIC_MAX_QUEUES];
    struct simnic_rss_state rss;
    struct simnic_streams streams;
    rte_rwlock_t rules_lock;            /* Against classifying senders. */
    struct simnic_rules rules;
    struct simnic_classes classes;
    struct simnic_garbage *garbage;
    struct simnic_flow_stats flow_stats;
    uint64_t flow_ops;                  /* For the fault 'fail'. */
    uint64_t flow_tokens_at;            /* TSC, for the fault 'flow-rate'. */
    uint64_t synced_at;                 /* TSC: hits were read. */
    bool alarm;                         /* The housekeeper is running. */

    /* Published: counters that transfer rules of other ports write. */
    uint64_t switched_packets;
    uint64_t switched_bytes;
};

/* The port of an Ethernet device. */
struct simnic_private {
    struct simnic_port *port;
};

static inline struct simnic_port *
simnic_port_of(const struct rte_eth_dev *dev)
{
    return ((struct simnic_private *) dev->data->dev_private)->port;
}

/* True if what the port sends is received by someone. */
static inline bool
simnic_port_mode_has_wire(const struct simnic_port *port)
{
    return (port->config.mode == SIMNIC_PAIR
            || port->config.mode == SIMNIC_RING);
}

#endif /* simnic-port.h */
