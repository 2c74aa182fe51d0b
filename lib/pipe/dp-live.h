/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LIVE_H
#define DP_LIVE_H 1

/* dp-live: what becomes of the next packets that look like this
 * =============================================================
 *
 * Job.  While somebody asks for it, pick the packets that match a filter as
 * they come in by a port, and note what happens to each: what it looks like in
 * each pass through the pipe, by what its megaflow was found, what the actions
 * did, and why it was dropped.
 *
 * How.  A packet that is picked goes through the pipe alone: its burst is cut
 * in three, what came before it, itself, and what came after.  So whatever the
 * lane does until the pipe is empty again, it does for this packet: its
 * copies, what comes out of a tunnel, and what reassembly brings along.
 * Nothing has to be recognized, and packets keep their order.  The merge
 * tracer (dp-follow.h) does not do that, for it follows packets all the time.
 *
 * Owns.  A 'struct dp_live' has the packets that are finished, until someone
 * takes them.  The one that a lane is about has the lane.
 *
 * Bounds.  A number of packets, and for each DP_LIVE_EVENTS events,
 * DP_LIVE_LOOKS looks and DP_LIVE_BYTES of actions; what is more is left out,
 * and 'is_cut' says so.  For how long is the business of who asks.
 *
 * Thread-safety.  From dp_live_create() to dp_live_take(): main thread.  What
 * is for the pipe: the owner of the lane, which does not quiesce between claim
 * and finish.
 *
 * Cost.  While nobody asks, one load and one branch per received burst, and
 * more where a drop is counted or actions are in other actions.  While
 * somebody does: each packet from one of the ports in question is parsed until
 * all are found, and for one that is picked some 40 kB are allocated. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/types.h"
#include "dpif-netdev-perf.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-shared.h"

struct dp_burst;
struct dp_exec;
struct dp_lane;
struct dp_packet;
struct dp_packet_batch;
struct dp_step;

enum {
    DP_LIVE_PACKETS_MAX = 100,  /* For one question. */
    DP_LIVE_EVENTS = 256,       /* Of a packet. */
    DP_LIVE_LOOKS = 20,
    DP_LIVE_BYTES = 8192,
};

/* By what a megaflow was found. */
#define DP_LIVE_HOWS                                                        \
    DP_LIVE_HOW(MARK, mark, "the NIC's mark")                               \
    DP_LIVE_HOW(MERGED, merged, "the table of merged flows")                \
    DP_LIVE_HOW(SIMPLE, simple, "simple match")                             \
    DP_LIVE_HOW(EMC, emc, "the exact-match cache")                          \
    DP_LIVE_HOW(SMC, smc, "the signature-match cache")                      \
    DP_LIVE_HOW(RECENT, recent, "the last megaflows of such packets")       \
    DP_LIVE_HOW(CLASSIFIER, classifier, "the classifier")                   \
    DP_LIVE_HOW(UPCALL, upcall, "an upcall: no megaflow matched")           \
    DP_LIVE_HOW(SEVERAL, several, "several ways")

enum dp_live_how {
#define DP_LIVE_HOW(ENUM, NAME, TEXT) DP_LIVE_BY_##ENUM,
    DP_LIVE_HOWS
#undef DP_LIVE_HOW
};

enum dp_live_type {
    DP_LIVE_PASS,               /* Packets begin a pass through the pipe. */
    DP_LIVE_FOUND,              /* The megaflow of one, or an answer. */
    DP_LIVE_OUTPUT,             /* Sent to 'port'. */
    DP_LIVE_BOND,               /* A bond is about to choose. */
    DP_LIVE_RECIRC,             /* Goes again. */
    DP_LIVE_METER,              /* Passes by a meter. */
    DP_LIVE_CT,                 /* The tracker said this. */
    DP_LIVE_KEPT,               /* The tracker keeps a fragment. */
    DP_LIVE_TUNNEL_PUSH,        /* For tunnel port 'port'. */
    DP_LIVE_TUNNEL_POP,         /* Likewise, and goes again. */
    DP_LIVE_USERSPACE,          /* To the upper layers, by 'attrs'. */
    DP_LIVE_NEST,               /* Those that follow and are 'nested' belong
                                 * to an action of type 'id'. */
    DP_LIVE_END,                /* The flow table drops, with reason 'id'. */
    DP_LIVE_DROP,               /* The datapath drops. */
};

/* Attributes in 'bytes' of the packet. */
struct dp_live_attrs {
    uint32_t ofs, len;          /* Length 0: none, or there was no room. */
};

struct dp_live_event {
    enum dp_live_type type;
    bool nested;
    bool lacking;               /* There is no such port. */
    union {
        struct {
            unsigned int depth; /* Recirculations so far. */
            uint32_t n;         /* Packets. */
            int look;           /* In 'looks', of the first; -1: no room. */
        } pass;
        struct {
            enum dp_live_how how;
            bool merged;        /* A merged flow. */
            ovs_u128 ufid;
            struct dp_live_attrs actions;
        } found;
        odp_port_t port;
        uint32_t id;
        struct {
            uint32_t mark;
            uint16_t zone;
            uint8_t state;
            ovs_u128 label;
        } ct;
        struct {
            enum dp_drop reason;
            unsigned int n;
        } drop;
        struct dp_live_attrs attrs;
    };
};

/* A packet and what became of it. */
struct dp_live_packet {
    struct ovs_list node;       /* In 'struct dp_live', when finished. */
    unsigned int core_id;       /* Of the lane. */
    odp_port_t in_port;
    uint32_t size;              /* Of the packet, in bytes. */
    bool has_mark;              /* The NIC had put 'mark' on it. */
    uint32_t mark;
    long long int when;         /* us, by the lane's clock. */
    bool is_cut;                /* There was more than is here. */
    unsigned int n_events, n_looks, n_bytes;
    struct dp_live_event events[DP_LIVE_EVENTS];
    struct flow looks[DP_LIVE_LOOKS];
    uint64_t bytes[DP_LIVE_BYTES / 8];

    /* Scratch. */
    bool nested;
    bool recent;
    uint32_t missed;            /* Of the burst, for which there were
                                 * upcalls. */
    uint64_t hits[PMD_N_STATS]; /* Of the lane, before lookup. */
};

/* Which packets are wanted. */
struct dp_live_filter {
    struct match match;         /* 'in_port' is one of the datapath. */
    unsigned long *ports;       /* Bitmap of DP_LIVE_PORTS; NULL: any. */
};

enum { DP_LIVE_PORTS = UINT16_MAX + 1 };

struct dp_live;

/* Asks for 'n' packets that match 'filter', of which it takes 'ports'. */
struct dp_live *dp_live_create(const struct dp_live_filter *filter,
                               unsigned int n);

/* Begins and ends to look for packets, in all lanes of 'shared'.  Lanes may
 * finish packets even after the end; dp_live_destroy(), to be called then,
 * waits for them in the background. */
void dp_live_start(struct dp_shared *shared, struct dp_live *);
void dp_live_stop(struct dp_shared *shared);
void dp_live_destroy(struct dp_live *);

/* Have all packets been found, and are finished?  wait() wakes the poll loop
 * when they are, or when one more is. */
bool dp_live_is_done(const struct dp_live *);
void dp_live_wait(const struct dp_live *);

/* How many packets have been compared with the filter. */
unsigned long long int dp_live_n_seen(const struct dp_live *);

/* Returns the first packet that was finished, for the caller to free(), or
 * NULL. */
struct dp_live_packet *dp_live_take(struct dp_live *);

const char *dp_live_how_name(enum dp_live_how);
const char *dp_live_how_text(enum dp_live_how);

/* For the pipe. */

/* Returns what is asked for, or NULL. */
static inline struct dp_live *
dp_live_get(const struct dp_shared *shared)
{
    return ovsrcu_get(struct dp_live *,
                      &CONST_CAST(struct dp_shared *, shared)->live);
}

/* Returns a new object for 'packet', which 'lane' has just received from
 * 'in_port', if it is wanted; else NULL. */
struct dp_live_packet *dp_live_claim(struct dp_live *, struct dp_lane *lane,
                                     struct dp_packet *packet,
                                     odp_port_t in_port);
void dp_live_finish(struct dp_live *, struct dp_live_packet *);

/* The packet of 'lane', in 'burst': before its pass, when the lookup stage and
 * when the miss stage has looked at it. */
void dp_live_enter(struct dp_lane *, const struct dp_burst *);
void dp_live_looked_up(struct dp_lane *, const struct dp_burst *);
void dp_live_found(struct dp_lane *, const struct dp_burst *);

/* 'step' is about to be executed, or has been. */
void dp_live_begin_step(const struct dp_exec *, struct dp_packet_batch *,
                        const struct dp_step *);
void dp_live_end_step(const struct dp_exec *, const struct dp_packet_batch *,
                      const struct dp_step *);

void dp_live_drop(struct dp_lane *, enum dp_drop, unsigned int n);

#endif /* dp-live.h */
