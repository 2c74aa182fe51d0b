/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UDPIF_H
#define OFPROTO_UDPIF_H 1

/* udpif: userspace's side of one datapath
 * =======================================
 *
 * Job.  The object behind the functions of Open vSwitch's
 * ofproto-dpif-upcall.h: it owns the threads, the ukeys and what they share.
 * This header is for ofproto/ only; the world sees ofproto-dpif-upcall.h.
 *
 * Who runs here.
 *
 *     main          creates, configures, purges; answers commands.
 *     handler i     takes upcalls from a datapath that queues them.
 *     lane          (a thread of the userspace datapath) calls upcall_cb().
 *     revalidator i dumps, revalidates, sweeps; revalidator 0 leads.
 *
 * Owns.  The ukeys (through 'ukeys'), the threads, the sequence numbers.
 * Borrows the dpif and the backer, which outlive it.
 *
 * Pause.  Main may stop all revalidators between two rounds
 * (udpif_pause_revalidators()).  While they are paused, or not running, main
 * is the only thread that evicts ukeys, so none is EVICTING but by main.
 *
 * Probes.  Scripts that come with Open vSwitch read 'avg_n_flows',
 * 'max_n_flows', 'flow_limit' and 'dump_duration' of a running daemon by the
 * debugging information for these names, and 'ufid' of a udpif_key.  One of
 * them chokes on "atomic_uint64_t".
 *
 * Thread-safety.  Members are under the heading of who may touch them.
 *
 * See also.  upcall.h, revalidator.h, sweep.h, ukey-map.h, bridge-watch.h. */

#include <stdbool.h>
#include <stdint.h>

#include "dpif.h"
#include "latch.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "ofproto/bridge-watch.h"
#include "ofproto/ukey-map.h"

struct dpif_backer;
struct unixctl_conn;
struct udpif;

struct udpif_handler {
    struct udpif *udpif;        /* Parent. */
    pthread_t thread;
    uint32_t id;                /* Number of its queue in the datapath. */
};

struct udpif_revalidator {
    struct udpif *udpif;        /* Parent. */
    pthread_t thread;
    size_t index;               /* 0 leads. */
    atomic_uint id;             /* Its ovsthread_id_self(); 0: not yet. */
};

/* Who asked for the end of a dump. */
struct udpif_waiter {
    struct unixctl_conn *conn;
    uint64_t dump_seq;          /* When the question came. */
};

struct udpif {
    /* Constant after creation. */
    struct ovs_list list_node;  /* In the list of all (main thread only). */
    struct dpif *dpif;          /* Borrowed. */
    struct dpif_backer *backer; /* Borrowed. */
    bool counts_offload_apart;  /* Offloaded flows are not in n_flows? */
    bool has_late_stats;        /* Has the datapath a 'struct dp_late'? */

    /* Main thread only; constant while threads run. */
    struct udpif_handler *handlers;
    size_t n_handlers;
    struct udpif_revalidator *revalidators;
    size_t n_revalidators;
    struct ovs_barrier reval_barrier;   /* All revalidators. */
    struct ovs_barrier pause_barrier;   /* All revalidators and main. */
    unsigned int n_pauses;      /* Depth of udpif_pause_revalidators(). */
    bool paused;                /* One of these is an operator's. */

    /* Leader only, between barriers; read by the others after one. */
    bool reval_exit;            /* Time to leave? */
    bool pause;                 /* Time to wait for main? */
    struct dpif_flow_dump *dump;
    bool terse;                 /* 'dump' has statistics only? */
    bool dump_failed;           /* Did it miss flows for an error? */
    unsigned int lesson;        /* Of rounds, for flow_limit_next(). */

    /* Revalidators; the leader clears it. */
    atomic_count n_asked_again; /* Translations for a neighbor, this round. */

    /* Owners inside. */
    struct ukey_map *ukeys;
    struct latch exit_latch;    /* Set: all threads leave. */
    struct latch pause_latch;   /* Set: revalidators wait for main. */
    struct seq *reval_seq;      /* Changes: all ukeys are due. */
    struct seq *dump_seq;       /* Changes after each dump and sweep. */

    /* Published (atomic). */
    atomic_uint flow_limit;     /* Dynamic limit. */
    atomic_llong dump_duration; /* Of the last dump and sweep, in ms. */
    atomic_uint avg_n_flows;    /* Written by the leader. */
    atomic_uint max_n_flows;    /* Likewise. */
    ATOMIC(uint64_t) n_flows;   /* Cached; see udpif_n_flows(). */
    atomic_llong n_flows_time;  /* When 'n_flows' was read, in ms. */
    atomic_llong lacked_neighbor;   /* When a translation did so, in ms. */
    struct ovs_mutex n_flows_mutex; /* One reader of the datapath at once. */

    /* Main thread only. */
    struct udpif_waiter *waiters;   /* For 'dump_seq' to change. */
    size_t n_waiters;
    struct bridge_watch watch;
};

/* Switches of all datapaths, set by commands. */
bool udpif_megaflows_enabled(void);
bool udpif_ufid_enabled(void);
void udpif_set_megaflows_enabled(bool);
void udpif_set_ufid_enabled(bool);

/* The list of all udpifs.  Main thread only. */
struct ovs_list *udpif_all(void);

/* True if 'udpif' dumps tersely: the datapath knows flows by UFID, and
 * operators have nothing against it. */
bool udpif_use_ufid(const struct udpif *);

/* Flows in the datapath, at most 100 ms ago, and those that upcalls have made
 * since: else these would go beyond the limit by what they can make in this
 * time.  Any thread; never waits. */
uint64_t udpif_n_flows(struct udpif *);

/* Counts a flow that an upcall makes. */
void udpif_count_new_flow(struct udpif *);

/* Stops all revalidators between two rounds, with all ukeys idle, and lets
 * them go on.  Main thread only; may nest; does nothing if none runs. */
void udpif_pause_revalidators(struct udpif *);
void udpif_resume_revalidators(struct udpif *);

/* Deletes all flows that have a ukey, and the ukeys.  Main thread only. */
void udpif_purge(struct udpif *);

#endif /* ofproto/udpif.h */
