/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_PORT_H
#define DP_OFFLOAD_PORT_H 1

/* dp-offload-port: ports of the engine
 * ====================================
 *
 * Job.  What the engine knows about a port, and who is inside it: keeps
 * workers out while it is paused or gone (dp-port-life.h).  Private to
 * lib/offload.
 *
 * Thread-safety.  Any thread. */

#include "cmap.h"
#include "offload/dp-mark.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-places.h"

enum dp_offload_port_state {
    DP_OFFLOAD_PORT_RUNNING,
    DP_OFFLOAD_PORT_CLEANING,           /* A worker is about to flush it. */
    DP_OFFLOAD_PORT_PAUSED,             /* No calls of the provider. */
    DP_OFFLOAD_PORT_STOPPING            /* Removals only. */
};

struct dp_offload_port {
    /* Constant after creation. */
    struct cmap_node node;              /* In engine's 'ports'. */
    odp_port_t port_no;
    struct netdev *netdev;              /* Counted; may be null. */
    char *name;

    /* Set by the control thread while the port is not in use. */
    const struct dp_offload_class *class; /* Null: nobody takes the port. */
    void *aux;                          /* The provider's port. */
    struct dp_offload_port_info info;
    struct dp_places_table *table;      /* Counted; not null with 'class'. */

    /* Published (atomic). */
    atomic_uint32_t gen;                /* Incremented when rules are lost. */
    atomic_uint32_t lost_gen;           /* Handles older than it are void... */
    atomic_uint32_t gone_gen;           /* ...and if older than this, too, the
                                         * NIC has confirmed it. */
    atomic_bool unsure;                 /* There may be rules in the NIC whose
                                         * handles are void, or that have none:
                                         * it has to be flushed. */
    atomic_bool hurry;                  /* At once. */
    atomic_uint64_t n_unsure;           /* Rules that may be there so. */
    atomic_uint64_t n_marked;           /* Rules in the NIC, by level. */
    atomic_uint64_t n_whole;
    atomic_uint64_t n_whole_left;       /* Whole rules that have left. */
    atomic_uint64_t n_puts;             /* Operations that succeeded. */
    atomic_uint64_t n_dels;
    atomic_uint64_t n_failed[DP_OFFLOAD_N_WHYS];
    atomic_uint32_t n_changes;          /* Of what it is as an output. */
    atomic_bool is_full;                /* A rule found no room, and since then
                                         * none has come or left. */
    atomic_uint32_t delivery;           /* enum dp_offload_delivery. */
    atomic_uint32_t arrival;            /* enum dp_mark_arrival. */

    /* Guarded by 'watch_mutex': a rule that packets should get marks from
     * (dp-mark-watch.h). */
    struct ovs_mutex watch_mutex;
    ovs_u128 suspect;
    uint64_t suspect_packets;
    bool suspect_picked;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    pthread_cond_t cond;                /* One of these counts is 0. */
    enum dp_offload_port_state state;
    unsigned int n_calls;               /* Operations under way. */
    size_t n_rules;                     /* Rules whose 'port' it is. */
    size_t n_peers;                     /* Rules, and operations under way,
                                         * whose 'peer' it is. */

    /* Owner thread only: one for each worker. */
    struct dp_places_room full[DP_OFFLOAD_MAX_WORKERS]; /* For room. */
    struct dp_places_room busy[DP_OFFLOAD_MAX_WORKERS]; /* For the NIC. */
    struct dp_offload_halved {
        struct ovs_list rules;          /* That mark, though they could run
                                         * whole if there were room. */
        uint64_t n_left_seen;           /* Value of 'n_whole_left'. */
        uint64_t when_us;               /* When to try some again. */
    } halved[DP_OFFLOAD_MAX_WORKERS];

    struct dp_mark_limbo limbo;

    /* Worker 0 only: when to flush the port, if need be, and after how long
     * again. */
    uint64_t clean_us;
    uint64_t clean_wait_us;

    /* Worker 0 only: since when, without a break, the port has been up. */
    uint64_t up_seq;                    /* The netdev's, or 0: it is not. */
    uint64_t up_epoch;                  /* First one that counts. */
};

uint32_t dp_offload_port_hash(odp_port_t port_no);

/* Returns the port, valid until the caller quiesces, or for the control thread
 * until it removes the port, or null. */
struct dp_offload_port *dp_offload_port_find(const struct dp_offload *offload,
                                             odp_port_t port_no);

/* Enters 'port' with one operation of 'rule', which counts as one of its
 * rules from then on if it did not before.  Returns NONE, or
 * why it must not be; 'removal' tells that the operation is one. */
enum dp_offload_why dp_offload_port_enter(struct dp_offload_port *port,
                                          bool attach, bool removal);

/* Ends an operation; 'detach' if the rule is no more one of the port. */
void dp_offload_port_leave(struct dp_offload_port *port, bool detach);

/* A rule that had no operation under way is no more one of the port. */
void dp_offload_port_detach(struct dp_offload_port *port);

/* Returns 'port_no', counted as one that a rule outputs to, if it runs and has
 * been opened by 'class', or null. */
struct dp_offload_port *dp_offload_port_peer(
    const struct dp_offload *offload, const struct dp_offload_class *class,
    odp_port_t port_no, struct dp_offload_port_info *info);

/* How often 'port_no' has changed as an output, 0 if there is none. */
uint32_t dp_offload_port_n_changes(const struct dp_offload *offload,
                                   odp_port_t port_no);

/* A rule, or an operation, does not output to 'port' any more. */
void dp_offload_port_unpeer(struct dp_offload_port *port);

enum dp_offload_port_state dp_offload_port_state(struct dp_offload_port *);

/* May rules of other ports output to 'port' now? */
bool dp_offload_port_is_up(struct dp_offload_port *port);

/* The NIC may have a rule of 'port' that nobody has a handle of; 'urgent' if
 * somebody waits for it to go. */
void dp_offload_port_doubt(struct dp_offload_port *port, bool urgent);

#endif /* dp-offload-port.h */
