/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOOKS_H
#define DP_BOOKS_H 1

/* dp-books: who contributed to which merged rule
 * ==============================================
 *
 * Job.  Turn traces into merged rules that lanes run, and keep account of what
 * each was made of: its *contributors*, the megaflows and connections of the
 * trace.  See to it that a rule is dead before anybody can see that one of
 * them has changed, and that all that a rule does to packets is booked to its
 * contributors as if each packet had gone the long way.
 *
 * A merged rule is a 'struct dp_flow' in one lane, that of its trace.  Who
 * runs it is the *carrier*: the lane's owner hands in functions (struct
 * dp_books_carrier), and names a lane by a pointer that only he understands.
 *
 * A rule's life (dp-books-life.h)
 * -------------------------------
 *
 *     BUILDING    Linked with its contributors.  No lane has it.
 *     LIVE        The lane may run it.
 *     DEAD        'dead' of its flow is set: no packet begins to use it.
 *     PARTING     The lane can't find it any more, but may count on; or a NIC
 *                 has it still, or has not told yet what it has counted.
 *     GONE        All its packets are booked; unlinked.
 *
 * A rule is linked with its contributors before it is looked at what they are,
 * so whatever changes later finds it.  What has changed between the trace and
 * that moment is found out by generations.  Only then does the lane see it.
 *
 * Kill.  From DEAD on, a packet that enters the lane goes the long way.  A
 * packet that has been given the rule by then is one that came before the
 * change, as it would be on the long way.
 *
 *     what changes                          who tells
 *     -----------------------------------   --------------------------------
 *     a megaflow: gone, or new actions      dp_books_flow_changed()
 *     a connection: closes, dies, mark...   the tracker (ct/ct-watch.h)
 *     conntrack flush                       the tracker: each connection dies
 *     timeout policy                        the tracker: what was hidden until
 *                                           then is booked under the old one
 *     zone limit, window check              nobody: no rule depends on it
 *     a port                                dp_books_port_gone()
 *     a lane                                dp_books_carrier_gone()
 *     a meter                               nobody: no rule has one
 *
 * Counts.  The lane counts on the rule's flow, and nobody else does.  What it
 * has counted since the last time is credited to each contributor: packets,
 * bytes as they were in that stage, when the last one was seen, TCP flags;
 * connections are refreshed.  That happens in dp_books_age(), when a megaflow
 * that is removed wants its last counts, and a last time when a dead rule has
 * left its lane.
 *
 * NICs.  A carrier may have NICs run rules whole.  They stop a while after a
 * rule has died, as with a megaflow: so a rule that a NIC may have is not left
 * to the next pass (dp_books_is_urgent()), stays PARTING until all is told,
 * and no rule with its match is made meanwhile.  Who removes a megaflow,
 * flushes connections or stops the books waits for that, but not for long:
 * what a NIC that is slow tells later is booked to who is still there.  NICs
 * are read when a pass begins, and the pass ends when they have been: so a
 * connection that is busy there does not expire.
 *
 * Policy (dp-books-worth.h, dp-books-policy.h).  Who takes traces takes them
 * of connections that are busy: the busier, if rules were in vain.  One of
 * which no rule could be made is tried again at its 2nd, 4th, 8th... trace:
 * ever more rarely.  If there are rules enough, one that had few packets of
 * late must make room, and if none has, there is no more.
 *
 * Thread-safety
 * =============
 *
 *     keeper      offer, age, go_on, reap, start, stop, carrier_gone.  They
 *                 exclude each other, and may wait for lanes.
 *     any thread  flow_changed, settle_flow, port_gone, and what reads.
 *
 * dp_books_flow_changed() takes a while if there are many rules, so it is
 * called without the lock of a flow table, which upcalls wait for;
 * dp_books_settle_flow() with no lock, and not by a lane.  The tracker's hooks
 * take no lock.
 * Carrier functions are called with a lock of the books held, but for wait():
 * they must not take the lock of a flow table, nor call the books.
 *
 * See also.  dp-merge.h (composes), dp-trace.h, Documentation/internals/
 * merge.rst. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "merge/dp-merge-why.h"

struct conntrack;
struct dp_books;
struct dp_flow;
struct dpif_flow_stats;
struct dp_merge_rule;
struct dp_trace;
struct ds;

/* How often dp_books_age() is to be called. */
enum { DP_BOOKS_AGE_MS = 500 };

/* Rules of a datapath, unless told otherwise. */
enum { DP_BOOKS_MAX_RULES = 65536 };

/* Who runs rules.  'lane' is the trace's. */
struct dp_books_carrier {
    /* Returns a flow for 'rule', which the lane cannot find yet, with one
     * reference for the books.  NULL: 'rule' is not for this carrier.  The
     * flow need not be unlike others; the books see to that. */
    struct dp_flow *(*create)(void *lane, const struct dp_merge_rule *rule);

    /* Lets the lane find 'flow', which may be dead by then.  Another flow with
     * the same match, which is dead, may be there.  Returns false if there is
     * no place. */
    bool (*insert)(void *lane, struct dp_flow *flow);

    /* Lets the lane not find 'flow', which is dead, any more.  It may be in
     * use until wait() returns. */
    void (*remove)(void *lane, struct dp_flow *flow);

    /* Returns when no packet uses any more what was removed, or died, before.
     * No lock is held. */
    void (*wait)(void *lane);

    /* The rest is for carriers whose NICs may run rules, and may be null, all
     * of it, for others.  Only flows that are 'offered' may be there.  'aux'
     * is that of dp_books_create(). */

    /* Initialises '*stats' with what the lane, and NICs by their last reading,
     * have counted for 'flow'.  Never less than before. */
    void (*get_stats)(void *aux, const struct dp_flow *flow,
                      struct dpif_flow_stats *stats);

    /* 'flow' was removed.  Has it left all NICs, and is all counted that they
     * did? */
    bool (*has_left)(void *aux, const struct dp_flow *flow);

    /* Has NICs read; returns what is_read() wants, or 0 if there is nothing to
     * read. */
    uint64_t (*start_reading)(void *aux);
    bool (*is_read)(void *aux, uint64_t reading);
};

/* What became of a trace, and why a rule has died: dp-books-words.def has the
 * texts. */
enum dp_books_verdict {
#define DP_BOOKS_VERDICT(NAME, TEXT) DP_BOOKS_##NAME,
#include "merge/dp-books-words.def"
    DP_BOOKS_N_VERDICTS
};

enum dp_books_cause {
#define DP_BOOKS_CAUSE(NAME, TEXT) DP_BOOKS_CAUSE_##NAME,
#include "merge/dp-books-words.def"
    DP_BOOKS_N_CAUSES
};

/* Texts for users, and names ("MADE"). */
const char *dp_books_verdict_text(enum dp_books_verdict);
const char *dp_books_verdict_name(enum dp_books_verdict);
const char *dp_books_cause_text(enum dp_books_cause);
const char *dp_books_cause_name(enum dp_books_cause);

/* Creates books without rules, that make none until they are started.
 * All is borrowed; 'aux' is the carrier's.  Destroy only what was stopped. */
struct dp_books *dp_books_create(const struct dp_books_carrier *carrier,
                                 void *aux, struct conntrack *conntrack);
void dp_books_destroy(struct dp_books *);

/* Main thread.  From start to stop, rules are made, and the books are the
 * tracker's listener.  When stop returns, there is no rule and all is
 * booked. */
void dp_books_start(struct dp_books *);
void dp_books_stop(struct dp_books *);
bool dp_books_is_started(const struct dp_books *);

/* At most 'max_rules' from now on; rules that are too many go when the next
 * pass ends. */
void dp_books_set_max(struct dp_books *, uint32_t max_rules);

/* Returns how often a connection must have been seen lately for a trace to be
 * welcome; UINT32_MAX: none is, before the next pass. */
uint32_t dp_books_get_min_seen(const struct dp_books *);

/* Makes a rule of 'trace', which is destroyed in any case, or does not. */
enum dp_books_verdict dp_books_offer(struct dp_books *,
                                     struct dp_trace *trace);

/* Begins a pass: has NICs read.  When they have been, books what was counted,
 * lets idle rules die, and takes dead ones out: at once if there is nothing to
 * read, else in dp_books_go_on(), which is to be called often.  If the last
 * pass still waits, it goes on, and what lanes have counted is booked. */
void dp_books_age(struct dp_books *, long long int now_ms);
void dp_books_go_on(struct dp_books *, long long int now_ms);

/* Returns how many passes have ended. */
uint32_t dp_books_n_passes(const struct dp_books *);

/* Has a rule died that a NIC may have?  Then dp_books_reap(), which takes dead
 * rules out, is to be called soon. */
bool dp_books_is_urgent(const struct dp_books *);
void dp_books_reap(struct dp_books *);

/* 'flow', a megaflow, has left its lane, or its generation has risen.  Kills
 * what was built on it.  Costs two loads and a fence if that is nothing. */
void dp_books_flow_changed(struct dp_books *, struct dp_flow *flow);

/* Books what the rules built on 'flow' have counted.  After
 * dp_books_flow_changed(), and when no packet that was in the lane then is
 * there any more, this was the last: dp_flow_get_stats() tells all.  Waits
 * until such rules have left their NICs, but not for long: then
 * "merge_unsettled" in coverage/show counts it. */
void dp_books_settle_flow(struct dp_books *, struct dp_flow *flow);

/* Kills all rules that begin at the port or send to it. */
void dp_books_port_gone(struct dp_books *, odp_port_t);

/* Kills all rules of 'lane' and takes them out.  Before the lane goes. */
void dp_books_carrier_gone(struct dp_books *, void *lane);

/* Calls 'cb' for each rule that lives, with its lane and its flow.  None comes
 * or goes meanwhile, but for dying.  'cb' must not call back. */
void dp_books_visit(struct dp_books *,
                    void (*cb)(void *lane, struct dp_flow *flow));

/* To be seen. */
struct dp_books_stats {
    uint64_t n_rules;                           /* Now. */
    uint64_t n_conns;                           /* Now, in rules. */
    uint64_t max_rules;
    uint64_t min_seen;          /* How often a connection must have been. */
    uint64_t n_verdicts[DP_BOOKS_N_VERDICTS];   /* Of traces. */
    uint64_t n_refused[DP_MERGE_N_WHYS];
    uint64_t n_killed[DP_BOOKS_N_CAUSES];
    uint64_t n_packets, n_bytes;                /* Booked, as they arrived. */
    uint64_t n_by_lanes;        /* Of the packets.  NICs have run the others,
                                 * which no lane has received. */
};

void dp_books_get_stats(struct dp_books *, struct dp_books_stats *);

/* What became of traces that 'flow', a megaflow, is part of. */
struct dp_books_attempts {
    size_t n_rules;             /* Now, living. */
    enum dp_merge_why refused;  /* The last time; NONE if that made a rule. */
};

void dp_books_get_attempts(struct dp_books *, const struct dp_flow *flow,
                           struct dp_books_attempts *);

/* Returns the flows of all living rules, for the caller to unref each and to
 * free, and their number. */
struct dp_flow **dp_books_list(struct dp_books *, size_t *n);

/* Appends the contributors of the rule whose flow is 'flow', if it lives:
 *
 *   megaflows:ufid:...@1,ufid:...@3, connections:17@2(reply)
 */
void dp_books_format_contributors(struct dp_books *, const struct dp_flow *,
                                  struct ds *);

#endif /* dp-books.h */
