/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOOKS_ENTRY_H
#define DP_BOOKS_ENTRY_H 1

/* dp-books-entry: one rule in the books, and its links
 * ====================================================
 *
 * Job.  The memory behind dp-books.h: a rule knows the megaflows and
 * connections that it was made of, and each of them knows its rules.  Private
 * to lib/merge.
 *
 * Ownership.  An entry has references on its flow and on its megaflows.  It is
 * linked from creation to destruction, and its memory goes after a grace
 * period, as does that of a connection's place in the books, which is there as
 * long as it has rules.
 *
 * Thread-safety.  Links are changed under 'mutex', by the keeper.  Megaflows'
 * lists are read under it; a connection's rules are read by the tracker's
 * hooks, which take no lock.
 *
 *     keeper, then any number of tables' mutexes, then mutex, then what the
 *     carrier has.  The tracker's locks are innermost. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmap.h"
#include "mpsc-queue.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "ct/ct-handle.h"
#include "ct/ct-watch.h"
#include "flow/dp-flow.h"
#include "merge/dp-books.h"
#include "merge/dp-books-life.h"
#include "merge/dp-books-policy.h"
#include "merge/dp-books-worth.h"

struct dp_books_entry;
struct dp_trace;

/* Rules that one connection may be in.  Two, one for each direction, are what
 * is to be expected; but packets that differ in what a megaflow looks at have
 * rules of their own, and so have lanes. */
enum { DP_BOOKS_CONN_RULES = 16 };

/* A connection that rules were built on. */
struct dp_books_conn {
    /* Constant after creation. */
    struct ct_handle handle;

    /* Published (RCU or atomic). */
    struct cmap_node node;      /* In the books' 'conns'. */
    ATOMIC(struct dp_books_entry *) rules[DP_BOOKS_CONN_RULES]; /* Or NULL. */
    atomic_uint32_t asked;      /* The pass that must have ended before the
                                 * tracker may let it expire; 0: any. */

    /* Guarded by 'mutex'. */
    size_t n_rules;
    bool is_hidden;             /* ct_bypass_begin() was called. */
};

/* The rule's packets meet a connection. */
struct dp_books_visit {
    struct dp_books_conn *conn;
    bool reply;
};

/* One pass through the pipe that the rule spares. */
struct dp_books_stage {
    struct ovs_list node;       /* In the megaflow's list of dependents. */
    struct dp_books_entry *entry;
    struct dp_flow *flow;       /* Counted: the megaflow. */
    uint32_t generation;
    int length;                 /* Bytes that packets are longer by. */
    size_t first_visit;         /* In the entry's 'visits'; they go on to the
                                 * next stage's. */
};

struct dp_books_entry {
    /* Constant after creation. */
    void *lane;
    long long int born;         /* ms. */
    size_t n_stages, n_visits;
    struct dp_books_visit *visits;      /* In the same allocation. */

    /* Published (RCU or atomic). */
    atomic_uint life;           /* enum dp_books_life. */
    ATOMIC(struct dp_flow *) flow;      /* Counted: the rule's; NULL until it
                                         * is made. */
    enum dp_books_cause cause;  /* Of its death; who makes it DEAD writes. */
    struct mpsc_queue_node dead;        /* In the books' 'dead'; who makes it
                                         * DEAD when it was LIVE inserts. */

    /* Keeper only. */
    bool is_inserted;           /* The lane can find it. */
    struct hmap_node by_match;  /* In the books' 'by_match', if it has a
                                 * flow. */
    struct ovs_list parting;    /* In the books' 'parting'. */
    bool is_judged;             /* It has paid, or was in vain. */
    bool is_promising;          /* It was taken for one that will pay. */

    /* Guarded by 'mutex'. */
    struct ovs_list node;       /* In the books' 'entries'; the keeper may read
                                 * without. */
    uint64_t n_packets, n_bytes;        /* Booked so far... */
    uint64_t n_by_lane;         /* ...of packets, by the lane... */
    uint64_t n_aged;            /* ...of packets, when a pass ended last... */
    uint64_t n_recent;          /* ...of packets, in the last pass or two. */
    uint32_t n_idle;            /* Passes since that found no packets. */
    long long int used;         /* When it was last seen to be used. */

    struct dp_books_stage stages[];
};

struct dp_books {
    /* Constant after creation. */
    const struct dp_books_carrier *carrier;
    void *aux;                  /* The carrier's. */
    struct conntrack *ct;
    struct ct_listener listener;
    unsigned int patience;      /* Seconds to wait for NICs, or so: 1, but for
                                 * tests, which must not depend on how fast
                                 * the machine is. */

    /* Published (RCU or atomic). */
    struct cmap conns;          /* 'struct dp_books_conn's. */
    atomic_bool is_started;     /* The main thread writes. */
    atomic_bool is_urgent;      /* A rule that a NIC may have has died, and is
                                 * not PARTING yet. */
    atomic_uint32_t max_rules;
    atomic_uint32_t min_seen;   /* 'worth.seen'. */
    atomic_bool has_enough;     /* No more rules in this pass. */
    atomic_uint32_t n_begun, n_ended;   /* Passes. */
    struct mpsc_queue dead;     /* Entries that were LIVE and are DEAD: the
                                 * keeper takes them out. */
    atomic_count n_rules;       /* LIVE. */
    atomic_ullong n_killed[DP_BOOKS_N_CAUSES];

    /* Held by the keeper. */
    struct ovs_mutex keeper;
    struct hmap by_match;       /* Entries, by 'mega_ufid' of their flow. */
    struct ovs_list parting;    /* Entries that are PARTING. */
    uint64_t reading;           /* That the pass under way waits for; 0: there
                                 * is no such. */
    struct dp_books_policy policy;
    struct dp_books_worth worth;
    struct dp_books_entry *hand;        /* Where to look for room next; NULL:
                                         * at the first. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct ovs_list entries;    /* All that are not GONE. */
    uint64_t n_verdicts[DP_BOOKS_N_VERDICTS];
    uint64_t n_refused[DP_MERGE_N_WHYS];
    uint64_t n_packets, n_bytes, n_by_lanes;
    bool is_slow;               /* A NIC was waited for in vain, and still has
                                 * not let go. */
};

/* Returns a new entry for 'trace', BUILDING, linked with all that the trace
 * has met; or NULL if a connection has too many rules. */
struct dp_books_entry *dp_books_entry_create(struct dp_books *books,
                                             const struct dp_trace *trace)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex);

/* Unlinks and frees 'entry', which is PARTING, and lets go of connections that
 * have no other rule. */
void dp_books_entry_destroy(struct dp_books *books,
                            struct dp_books_entry *entry)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex);

static inline enum dp_books_life
dp_books_entry_get_life(const struct dp_books_entry *entry)
{
    unsigned int life;

    atomic_read_explicit(&CONST_CAST(struct dp_books_entry *, entry)->life,
                         &life, memory_order_acquire);
    return life;
}

static inline struct dp_flow *
dp_books_entry_get_flow(const struct dp_books_entry *entry)
{
    struct dp_flow *flow;

    atomic_read_explicit(&CONST_CAST(struct dp_books_entry *, entry)->flow,
                         &flow, memory_order_acquire);
    return flow;
}

/* Moves 'entry' along an edge that only the keeper goes, or to LIVE: then it
 * returns false if it was killed before. */
bool dp_books_entry_go(struct dp_books *, struct dp_books_entry *,
                       enum dp_books_life dst);

/* Kills 'entry', unless it is dead: when this returns, no packet begins to use
 * its flow.  If it was LIVE, the keeper finds it among the dead, soon if not
 * at once: another thread may be about to put it there.  Any thread that has
 * found 'entry' since it last was quiescent. */
void dp_books_entry_kill(struct dp_books *, struct dp_books_entry *,
                         enum dp_books_cause);

/* Returns the connection's place in the books, or NULL.  Any thread, between
 * two quiescent states. */
struct dp_books_conn *dp_books_find_conn(const struct dp_books *,
                                         struct ct_handle);

/* May a NIC have 'entry', or have something to tell about it? */
bool dp_books_entry_is_in_nic(const struct dp_books *,
                              const struct dp_books_entry *);

/* Books what lane and NICs have counted for 'entry' since the last time.  If
 * 'is_last' they count no more. */
void dp_books_account(struct dp_books *books, struct dp_books_entry *entry,
                      long long int now_ms, bool is_last)
    OVS_REQUIRES(books->mutex);

/* The same for all entries. */
void dp_books_account_all(struct dp_books *books)
    OVS_EXCLUDED(books->mutex);

/* Judges whether 'entry', which lives and is booked, is worth it.  If not, and
 * if there are too many of these, it dies. */
void dp_books_judge(struct dp_books *books, struct dp_books_entry *entry,
                    long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex);

/* The same for one that is dead, and booked for the last time. */
void dp_books_judge_last(struct dp_books *books, struct dp_books_entry *entry,
                         long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex);

/* A pass has ended: draws conclusions from what was judged. */
void dp_books_judge_all(struct dp_books *books)
    OVS_REQUIRES(books->keeper);

/* A rule was made. */
void dp_books_judge_made(struct dp_books *books)
    OVS_REQUIRES(books->keeper);

/* Forgets what was. */
void dp_books_judge_anew(struct dp_books *books)
    OVS_REQUIRES(books->keeper);

/* Takes dead rules out, and waits until NICs have let them go; but no longer
 * than a second: then it returns false.  Quiesces. */
bool dp_books_await_nics(struct dp_books *books)
    OVS_EXCLUDED(books->keeper) OVS_EXCLUDED(books->mutex);

/* Stores the tracker's hooks. */
void dp_books_init_listener(struct ct_listener *);

#endif /* dp-books-entry.h */
