/* SPDX-License-Identifier: Apache-2.0 */

/* How nothing is overlooked.  The keeper links first and looks then; whoever
 * changes something changes it first and looks for links then.
 *
 * - A megaflow: generation and life on one side, 'credit' on the other, with a
 *   fence between one's own store and the look at the other's.  If there is
 *   credit, both take 'mutex'.
 * - A connection: its lock.  A hook that ran before the connection was armed
 *   told of what the keeper sees when it looks; one that runs later finds the
 *   link, which was there before.
 *
 * What kills does so in this order: 'dead' of the rule's flow, then the
 * entry's life.  The keeper stores the flow first and makes the entry LIVE
 * then.  So whoever finds an entry dead, or has made it so, knows that its
 * flow is dead, too, or will never be shown to the lane.
 *
 * One thread makes an entry DEAD, and if it was LIVE, that thread gives it to
 * the keeper, who touches it no sooner: so it is taken out once, and is there
 * until it has been given.  One that was BUILDING the keeper has in hand. */

#include <config.h>

#include "merge/dp-books-entry.h"

#include "coverage.h"
#include "hash.h"
#include "openvswitch/util.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct-bypass.h"
#include "flow/dp-credit.h"
#include "merge/dp-trace.h"

COVERAGE_DEFINE(merge_rule_killed);

/* Life. */

bool
dp_books_entry_go(struct dp_books *books, struct dp_books_entry *entry,
                  enum dp_books_life dst)
{
    unsigned int src = dp_books_entry_get_life(entry);

    /* Others make an entry DEAD, and keep it so. */
    if (dst == DP_BOOKS_LIVE && src == DP_BOOKS_DEAD) {
        return false;
    }
    ovs_assert(dp_books_life_edge_is_legal(src, dst));
    if (!atomic_compare_exchange_strong_explicit(
            &entry->life, &src, dst, memory_order_acq_rel,
            memory_order_acquire)) {
        ovs_assert(dst == DP_BOOKS_LIVE && src == DP_BOOKS_DEAD);
        return false;
    }
    if (dst == DP_BOOKS_LIVE) {
        atomic_count_inc(&books->n_rules);
    }
    return true;
}

void
dp_books_entry_kill(struct dp_books *books, struct dp_books_entry *entry,
                    enum dp_books_cause cause)
{
    unsigned int life = dp_books_entry_get_life(entry);
    unsigned long long int orig;
    bool is_offered = false;

    do {
        struct dp_flow *flow = dp_books_entry_get_flow(entry);

        if (flow) {
            atomic_store_relaxed(&flow->dead, true);
            /* Pairs with the fence of who offers it. */
            atomic_thread_fence(memory_order_seq_cst);
            is_offered = dp_flow_is_offered(flow);
        }
        if (life >= DP_BOOKS_DEAD) {
            return;
        }
        ovs_assert(dp_books_life_edge_is_legal(life, DP_BOOKS_DEAD));
    } while (!atomic_compare_exchange_weak_explicit(
                 &entry->life, &life, DP_BOOKS_DEAD, memory_order_acq_rel,
                 memory_order_acquire));

    if (life == DP_BOOKS_LIVE) {
        atomic_count_dec(&books->n_rules);
        atomic_add_relaxed(&books->n_killed[cause], 1, &orig);
        COVERAGE_INC(merge_rule_killed);
        entry->cause = cause;
        mpsc_queue_insert(&books->dead, &entry->dead);
        if (is_offered) {
            atomic_store_explicit(&books->is_urgent, true,
                                  memory_order_release);
        }
    }
}

bool
dp_books_entry_is_in_nic(const struct dp_books *books,
                         const struct dp_books_entry *entry)
{
    const struct dp_flow *flow = dp_books_entry_get_flow(entry);

    return (flow && books->carrier->has_left
            && !books->carrier->has_left(books->aux, flow));
}

/* Connections. */

static uint32_t
hash_handle(struct ct_handle handle)
{
    return hash_int(handle.index, 0);
}

struct dp_books_conn *
dp_books_find_conn(const struct dp_books *books, struct ct_handle handle)
{
    struct dp_books_conn *conn;

    CMAP_FOR_EACH_WITH_HASH (conn, node, hash_handle(handle), &books->conns) {
        if (ct_handle_equal(conn->handle, handle)) {
            return conn;
        }
    }
    return NULL;
}

static struct dp_books_conn *
ensure_conn(struct dp_books *books, struct ct_handle handle)
    OVS_REQUIRES(books->mutex)
{
    struct dp_books_conn *conn = dp_books_find_conn(books, handle);

    if (!conn) {
        conn = xzalloc(sizeof *conn);
        conn->handle = handle;
        for (size_t i = 0; i < DP_BOOKS_CONN_RULES; i++) {
            atomic_init(&conn->rules[i], NULL);
        }
        atomic_init(&conn->asked, 0);
        cmap_insert(&books->conns, &conn->node, hash_handle(handle));
    }
    return conn;
}

/* Replaces one 'old' among the rules of 'conn' by 'new', either of which may
 * be NULL.  Returns false if there is no 'old'. */
static bool
replace_rule(struct dp_books_conn *conn, struct dp_books_entry *old,
             struct dp_books_entry *new)
{
    for (size_t i = 0; i < DP_BOOKS_CONN_RULES; i++) {
        struct dp_books_entry *entry;

        atomic_read_relaxed(&conn->rules[i], &entry);
        if (entry == old) {
            atomic_store_explicit(&conn->rules[i], new, memory_order_release);
            return true;
        }
    }
    return false;
}

/* Links 'entry' with the connection that 'handle' names.  Returns NULL if that
 * has too many rules. */
static struct dp_books_conn *
link_conn(struct dp_books *books, struct dp_books_entry *entry,
          struct ct_handle handle)
    OVS_REQUIRES(books->mutex)
{
    struct dp_books_conn *conn = ensure_conn(books, handle);

    if (!replace_rule(conn, NULL, entry)) {
        return NULL;
    }
    conn->n_rules++;
    return conn;
}

static void
unlink_conn(struct dp_books *books, struct dp_books_entry *entry,
            struct dp_books_conn *conn)
    OVS_REQUIRES(books->mutex)
{
    bool found = replace_rule(conn, entry, NULL);

    ovs_assert(found);
    if (!--conn->n_rules) {
        ct_watch_disarm(books->ct, conn->handle, 0);
        if (conn->is_hidden) {
            ct_bypass_end(books->ct, conn->handle);
        }
        cmap_remove(&books->conns, &conn->node, hash_handle(conn->handle));
        ovsrcu_postpone(free, conn);
    }
}

/* Entries. */

static size_t
count_visits(const struct dp_trace *trace)
{
    size_t n = 0;

    for (size_t i = 0; i < trace->n; i++) {
        n += trace->stages[i].n_conns;
    }
    return n;
}

static struct dp_books_entry *
alloc_entry(const struct dp_trace *trace)
{
    size_t visits_ofs = (sizeof(struct dp_books_entry)
                         + trace->n * sizeof(struct dp_books_stage));
    struct dp_books_entry *entry
        = xzalloc(visits_ofs
                  + count_visits(trace) * sizeof(struct dp_books_visit));

    entry->lane = trace->lane;
    entry->born = time_msec();
    entry->visits = ALIGNED_CAST(struct dp_books_visit *,
                                 (char *) entry + visits_ofs);
    atomic_init(&entry->life, DP_BOOKS_BUILDING);
    atomic_init(&entry->flow, NULL);
    return entry;
}

static void
link_flow(struct dp_books_entry *entry, const struct dp_trace_stage *traced)
{
    struct dp_books_stage *stage = &entry->stages[entry->n_stages++];

    dp_flow_ref(traced->flow);
    stage->entry = entry;
    stage->flow = traced->flow;
    stage->generation = traced->generation;
    stage->first_visit = entry->n_visits;
    ovs_list_push_back(&dp_flow_ensure_credit(stage->flow)->dependents,
                       &stage->node);
}

static bool
link_stage(struct dp_books *books, struct dp_books_entry *entry,
           const struct dp_trace_stage *traced)
    OVS_REQUIRES(books->mutex)
{
    link_flow(entry, traced);
    for (size_t i = 0; i < traced->n_conns; i++) {
        /* None: dp_trace_compose() will say so. */
        if (traced->conns[i].handle.index) {
            struct dp_books_conn *conn
                = link_conn(books, entry, traced->conns[i].handle);

            if (!conn) {
                return false;
            }
            entry->visits[entry->n_visits++] = (struct dp_books_visit) {
                .conn = conn, .reply = traced->conns[i].reply,
            };
        }
    }
    return true;
}

struct dp_books_entry *
dp_books_entry_create(struct dp_books *books, const struct dp_trace *trace)
{
    struct dp_books_entry *entry = alloc_entry(trace);

    ovs_list_push_back(&books->entries, &entry->node);
    for (size_t i = 0; i < trace->n; i++) {
        if (!link_stage(books, entry, &trace->stages[i])) {
            dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_UNBORN);
            dp_books_entry_go(books, entry, DP_BOOKS_PARTING);
            dp_books_entry_destroy(books, entry);
            return NULL;
        }
    }

    /* Pairs with the fence in dp_books_flow_changed(): either he sees credit,
     * or we see what he has changed. */
    atomic_thread_fence(memory_order_seq_cst);
    return entry;
}

static void
free_entry(struct dp_books_entry *entry)
{
    struct dp_flow *flow = dp_books_entry_get_flow(entry);

    if (flow) {
        dp_flow_unref(flow);
    }
    for (size_t i = 0; i < entry->n_stages; i++) {
        dp_flow_unref(entry->stages[i].flow);
    }
    free(entry);
}

void
dp_books_entry_destroy(struct dp_books *books, struct dp_books_entry *entry)
{
    dp_books_entry_go(books, entry, DP_BOOKS_GONE);
    for (size_t i = 0; i < entry->n_stages; i++) {
        ovs_list_remove(&entry->stages[i].node);
    }
    for (size_t i = 0; i < entry->n_visits; i++) {
        unlink_conn(books, entry, entry->visits[i].conn);
    }
    if (dp_books_entry_get_flow(entry)) {
        hmap_remove(&books->by_match, &entry->by_match);
    }
    if (books->hand == entry) {
        books->hand = NULL;
    }
    ovs_list_remove(&entry->node);
    ovsrcu_postpone(free_entry, entry);
}
