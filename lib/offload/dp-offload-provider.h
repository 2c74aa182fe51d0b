/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_PROVIDER_H
#define DP_OFFLOAD_PROVIDER_H 1

/* dp-offload-provider: what the engine asks of a NIC
 * ==================================================
 *
 * Job.  The contract between the offload engine and those who talk to
 * hardware, or pretend to.  A provider puts a rule into a NIC, takes it out
 * and reads its counters.  It decides nothing: which rules, when, and what to
 * do about a failure is the engine's business.
 *
 * Threads.  put, del, query, forget, plan and poll for a given rule are called
 * by one thread at a time, the rule's worker, or (query and poll) by whoever
 * calls pause or flush, just before or just after it; for different rules of a
 * port by up to DP_OFFLOAD_MAX_WORKERS threads at once.  open, close, pause
 * and restart of a port are called by the control thread, flush by it or a
 * worker, and the engine makes sure that no other call is under way for the
 * port then; close is called when no rule is left, but those that could not be
 * removed.
 * All calls are made in a non-quiescent RCU state and, but for forget and
 * format, without any lock.
 *
 * Completion.  put, del and query get a batch of operations of one port and
 * set 'error' of each.  An operation whose 'error' is EINPROGRESS on return
 * has to be completed later, exactly once, by dp_offload_op_complete() from
 * within a call of poll() on the same thread.  Operations of a batch are for
 * different rules.
 *
 * Errors are positive errno values.  dp_offload_is_full(): the NIC has no
 * room; if 'why' is DP_OFFLOAD_WHY_MASKS, for a rule of this kind only, so
 * that rates have nothing to decide.  dp_offload_is_busy(): worth trying again
 * soon.
 * dp_offload_is_unsure(): the rule may be in the NIC all the same.  Any other:
 * can't be done; if 'why' is set, too, because of the match. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-offload-env.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"

struct dp_offload_op;
struct ds;
struct json;
struct netdev;

/* What is in the NIC for a rule. */
enum dp_offload_level {
    DP_OFFLOAD_ABSENT,          /* Nothing. */
    DP_OFFLOAD_MARKED,          /* Matches, marks; actions in software. */
    DP_OFFLOAD_WHOLE            /* Actions run there, too. */
};

/* What a provider says about a port that it has taken. */
struct dp_offload_port_info {
    unsigned int mark_bits;     /* Usable width of marks, 1...24. */
    bool whole;                 /* Can some rules run whole? */
    bool verifies;              /* Does it verify headers then? */
    bool priorities;            /* Can it find some rules before others? */
    uint64_t capacity;          /* Rules that fit; 0 if not known. */
    uint64_t table;             /* Ports with the same one share their places;
                                 * 0: this port shares with none. */
    const char *dp_layer;       /* Static string: "dpdk", for whole rules. */
    uint32_t device;            /* For dp_offload_peer(), the provider's: */
    uint32_t domain;            /*   which port, of which switch. */
};

/* What restart() found. */
enum dp_offload_restart {
    DP_OFFLOAD_LOST,            /* Rules have gone, handles are invalid. */
    DP_OFFLOAD_STALE,           /* Rules are there, but must be replaced. */
    DP_OFFLOAD_KEPT             /* Nothing to do. */
};

/* One operation on one rule. */
struct dp_offload_op {
    /* Set by the engine. */
    ovs_u128 mega_ufid;         /* Names the rule. */
    enum dp_offload_kind kind;  /* put: if it is MERGED, which it is only if
                                 * the port's 'info' has 'priorities', the rule
                                 * is found before megaflows.  One that marks
                                 * may have others' packets: the lane looks at
                                 * TCP flags and checksums.  So one that runs
                                 * whole must look at them itself. */
    uint32_t mark;              /* put: for packets to carry; 0: there is
                                 * none, and the rule runs whole or not. */
    const char *port_name;      /* For messages. */

    /* put: set by the provider on success.  del, query, plan: set by the
     * engine; del leaves it as it is on failure, if the rule may be in the NIC
     * still. */
    void *handle;
    enum dp_offload_level level;

    /* Set by the provider. */
    int error;
    enum dp_offload_why why;    /* put: why not, or why only marked. */
    bool halved;                /* put: it marks for want of room only, or for
                                 * a reason that the NIC keeps to itself. */
    bool stale;                 /* plan: what is in the NIC must be replaced,
                                 * whatever a put would put. */
    bool sound;                 /* put: it marks only packets whose headers
                                 * dp_verify_packet() would find sound. */
    bool counts_stay;           /* put: query() can read the counter of this
                                 * rule, which runs whole, even when pause() or
                                 * flush() has taken it out. */
    uint64_t n_packets;         /* query, and del (the last reading), if */
    uint64_t n_bytes;           /*   'counted': totals since put. */
    bool counted;
    uint16_t tcp_flags;         /* query, del: of packets since the last
                                 * reading, if the NIC knows; else 0. */
    unsigned int idle_ms;       /* query, del: since the last packet, if the
                                 * NIC knows; else 0. */

    /* Private to the engine. */
    odp_port_t out_port;        /* Last one that dp_offload_op_peer() was asked
                                 * about, or ODPP_NONE. */
    bool found;                 /* That it runs. */
    uint32_t n_changes;         /* Of it, dp_offload_output_changed(), before
                                 * the provider decided. */
    struct dp_offload_port *peer; /* It, counted, if it is another one than
                                 * the rule's own, which waits for its own
                                 * rules anyway. */
    struct ovs_list node;       /* Under way, or free. */
    struct dp_offload_worker *worker;   /* Null: someone else waits for it. */
    struct dp_offload_rule *rule;
    struct dp_offload_port *port;
    void *flow;                 /* Counted, or null. */
    bool gone;                  /* 'flow' was found to be gone. */
    uint64_t actions_hash;      /* Of the actions that were described. */
    bool replan;                /* The rule's, when 'op' began. */
    uint32_t gen;               /* Of the rule when 'op' began. */
    uint32_t port_gen;
    int step;                   /* enum dp_rule_step. */
};

struct dp_offload_class {
    /* For users: "rte_flow", "netdev", "dummy". */
    const char *name;

    /* 'netdev' is about to be configured for the first time: asks for what has
     * to be asked for before that.  Stores what the answer was in '*delivery'
     * and returns true, or false if 'netdev' is none of the provider's.  May
     * be null.  Called by the control thread. */
    bool (*prepare)(struct netdev *netdev,
                    enum dp_offload_delivery *delivery);

    /* Takes port 'port_no', creates '*portp', fills '*info'.  Returns 0, or
     * EOPNOTSUPP if the port is none of the provider's.  'class' is this
     * object, for providers that exist more than once; 'offload' is for
     * dp_offload_peer(), dp_offload_input_changed() and
     * dp_offload_output_changed(). */
    int (*open)(const struct dp_offload_class *class,
                struct dp_offload *offload, odp_port_t port_no,
                struct netdev *netdev, void **portp,
                struct dp_offload_port_info *info);

    /* Frees 'port'.  Returns 0, or a positive errno value if the NIC may have
     * rules of the port still. */
    int (*close)(void *port);

    /* Takes all rules of the port out of the NIC.  Returns 0, or a positive
     * errno value if some may have stayed.  Either way all handles are void
     * then, so that nobody can but try again; they are given to forget() some
     * time.  May be null: rules can only be taken out one by one. */
    int (*flush)(void *port);

    /* Of rules that pause() or flush() has taken out all has been read that
     * will be: their counters may go.  Called by who called these.  May be
     * null. */
    void (*settle)(void *port);

    /* Puts rules into the NIC.  A provider that is not able to run a rule
     * whole marks its packets with op->mark.  If that is 0 (never, unless the
     * port's 'info' has 'whole') the operation fails with EOPNOTSUPP and
     * DP_OFFLOAD_WHY_NO_MARK instead.  dp_offload_op_describe() tells what the
     * rule is. */
    void (*put)(void *port, struct dp_offload_op *ops[], size_t n);

    /* Takes rules out of the NIC, and reads their counters a last time: after
     * that if the NIC can, else just before it. */
    void (*del)(void *port, struct dp_offload_op *ops[], size_t n);

    /* Reads counters.  May be null.  Called for whole rules only, and when
     * pause() or flush() has taken them out, for those with 'counts_stay'. */
    void (*query)(void *port, struct dp_offload_op *ops[], size_t n);

    /* Frees what the provider keeps for a rule, in the NIC as 'level', whose
     * handle is void: it has left the NIC by itself, or by flush or a restart,
     * or nobody knows.  May be null.  Called with a shard's mutex held: it
     * must be short, and ask no NIC. */
    void (*forget)(void *port, void *handle, enum dp_offload_level level);

    /* Without asking the NIC: could the rule of 'op', which has this match and
     * these actions now, run whole?  If not, op->why tells.  May be null:
     * no. */
    bool (*plan)(void *port, struct dp_offload_op *op,
                 const struct match *match, const struct ofpbuf *actions);

    /* Completes operations of this thread that are in progress.  May be null
     * if there never are any. */
    void (*poll)(void *port);

    /* The device is about to be stopped.  Returns 0, or a positive errno value
     * if rules may have stayed that should have gone before.  May be null. */
    int (*pause)(void *port);

    /* The device was stopped, perhaps, and runs again; '*info' is up to date
     * on return.  May be null: KEPT. */
    enum dp_offload_restart (*restart)(void *port,
                                       struct dp_offload_port_info *info);

    /* Appends the rule of 'kind' that is in the NIC as 'level' to 'ds', as an
     * administrator of that NIC would enter it, or nothing if that can't be
     * told any more.  May be null.  Called by the
     * control thread with a shard's mutex held: it must be short, and ask no
     * NIC. */
    void (*format)(void *port, const struct match *match,
                   const struct ofpbuf *actions, enum dp_offload_kind kind,
                   enum dp_offload_level level, uint32_t mark, struct ds *ds);

    /* Returns what there is to know about the device of the port that the
     * engine does not, an object of strings and integers, whose names users
     * read with blanks for underscores; owned by the caller.  May be null.
     * Called by the control thread with a mutex held: it must be short, and
     * ask no NIC. */
    struct json *(*show)(void *port);

    /* The same, about what all ports of the provider share.  No mutex is
     * held. */
    struct json *(*show_shared)(void *port);
};

/* Kinds of errors. */

static inline bool
dp_offload_is_full(int error)
{
    return error == ENOSPC || error == ENOMEM || error == EDQUOT;
}

static inline bool
dp_offload_is_busy(int error)
{
    return error == EAGAIN || error == EBUSY;
}

static inline bool
dp_offload_is_unsure(int error)
{
    return error == EIO || error == ETIMEDOUT;
}

/* For providers. */

/* Stores the match and the actions of the rule into '*match' and, after what
 * is there, 'actions'.  Returns false if the flow has gone: the operation is
 * then to be completed with ENOENT. */
bool dp_offload_op_describe(struct dp_offload_op *op, struct match *match,
                            struct ofpbuf *actions);

/* A rule that runs whole outputs to 'port_no': if 'port_no' runs and has been
 * opened by the class of the rule's own port, stores what it said about it in
 * '*info' and returns true.  'port_no' then stays until 'op' is done, and if a
 * rule is put, until that has left the NIC.  Whether it succeeds or not, the
 * engine plans the rule anew when 'port_no' comes or changes: so there is at
 * most one port that a rule depends on, the last one that was asked about. */
bool dp_offload_op_peer(struct dp_offload_op *op, odp_port_t port_no,
                        struct dp_offload_port_info *info);

/* If 'port_no' has been opened by 'class', stores what it said about it in
 * '*info' and returns true.  For format(). */
bool dp_offload_peer(const struct dp_offload *offload,
                     const struct dp_offload_class *class,
                     odp_port_t port_no, struct dp_offload_port_info *info);

/* While 'port_no' runs, something has changed for rules that output to it, or
 * for its own rules: they are planned anew, and those are replaced of which
 * plan() says something else than before.  The port is not stopped.  The
 * provider knows of the change when it calls this, from any thread that is not
 * quiescent and holds no mutex that forget() or format() takes. */
void dp_offload_output_changed(struct dp_offload *offload, odp_port_t port_no);
void dp_offload_input_changed(struct dp_offload *offload, odp_port_t port_no);

/* 'op', whose error was EINPROGRESS, is done, with the result in 'op'. */
void dp_offload_op_complete(struct dp_offload_op *op);

/* Open vSwitch's own flow API of netdevs: dp-offload-netdev.c. */
extern const struct dp_offload_class dp_offload_netdev_class;

#endif /* dp-offload-provider.h */
