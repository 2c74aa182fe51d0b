/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books.h"

#include "coverage.h"
#include "flow.h"
#include "hmapx.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct-bypass.h"
#include "flow/dp-actions.h"
#include "flow/dp-credit.h"
#include "merge/dp-books-entry.h"
#include "merge/dp-merge.h"
#include "merge/dp-trace.h"

COVERAGE_DEFINE(merge_rule_made);
COVERAGE_DEFINE(merge_trace_refused);

/* A rule without packets for so long dies, if so many passes in a row have
 * looked for some: the clock goes on while the switch stands still. */
enum { IDLE_MS = 10000, IDLE_PASSES = 4 };

/* How often refused connections are forgotten by half. */
enum { PASSES_PER_POLICY_AGE = 16 };

/* How many rules to look at for one that gives way. */
enum { ROOM_LOOKS = 16 };

/* Rules, with 'mutex' held at a stretch. */
enum { SLICE = 64 };

/* How often to look whether NICs have let rules go, and how long to wait until
 * the next look. */
enum { NIC_LOOKS = 2000, NIC_NAP_NS = 500 * 1000 };

/* How long to wait for a thread that is about to tell of a rule's death. */
enum { REAP_NAP_NS = 10 * 1000 };

struct dp_books *
dp_books_create(const struct dp_books_carrier *carrier, void *aux,
                struct conntrack *conntrack)
{
    struct dp_books *books = xzalloc(sizeof *books);

    books->carrier = carrier;
    books->aux = aux;
    books->ct = conntrack;
    books->patience = 1;
    dp_books_init_listener(&books->listener);
    cmap_init(&books->conns);
    atomic_init(&books->is_started, false);
    atomic_init(&books->is_urgent, false);
    atomic_init(&books->max_rules, DP_BOOKS_MAX_RULES);
    atomic_init(&books->min_seen, DP_BOOKS_WORTH_MIN_SEEN);
    atomic_init(&books->has_enough, false);
    atomic_init(&books->n_begun, 0);
    atomic_init(&books->n_ended, 0);
    mpsc_queue_init(&books->dead);
    atomic_count_init(&books->n_rules, 0);
    for (size_t i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        atomic_init(&books->n_killed[i], 0);
    }
    ovs_mutex_init(&books->keeper);
    hmap_init(&books->by_match);
    ovs_list_init(&books->parting);
    dp_books_policy_init(&books->policy);
    dp_books_worth_init(&books->worth);
    ovs_mutex_init(&books->mutex);
    ovs_list_init(&books->entries);
    return books;
}

void
dp_books_destroy(struct dp_books *books)
{
    if (books) {
        ovs_assert(!dp_books_is_started(books)
                   && ovs_list_is_empty(&books->entries));
        mpsc_queue_destroy(&books->dead);
        cmap_destroy(&books->conns);
        hmap_destroy(&books->by_match);
        ovs_mutex_destroy(&books->keeper);
        ovs_mutex_destroy(&books->mutex);
        free(books);
    }
}

bool
dp_books_is_started(const struct dp_books *books)
{
    bool is_started;

    atomic_read_relaxed(&CONST_CAST(struct dp_books *, books)->is_started,
                        &is_started);
    return is_started;
}

void
dp_books_set_max(struct dp_books *books, uint32_t max_rules)
{
    atomic_store_relaxed(&books->max_rules, max_rules);
}

static bool
is_full(struct dp_books *books)
{
    uint32_t max_rules;

    atomic_read_relaxed(&books->max_rules, &max_rules);
    return atomic_count_get(&books->n_rules) >= max_rules;
}

/* Making a rule. */

/* Lets a rule die that had fewer packets of late than somebody has asked times
 * for a place.  Returns false if none is found soon. */
static bool
make_room(struct dp_books *books, uint32_t n_asked)
    OVS_REQUIRES(books->keeper)
{
    struct dp_books_entry *entry = books->hand;

    for (int i = 0; i < ROOM_LOOKS; i++) {
        struct ovs_list *next = (entry ? entry->node.next
                                 : books->entries.next);

        if (next == &books->entries) {
            next = next->next;
            if (next == &books->entries) {
                return false;
            }
        }
        entry = books->hand = CONTAINER_OF(next, struct dp_books_entry, node);
        if (dp_books_entry_get_life(entry) == DP_BOOKS_LIVE
            && dp_books_policy_gives_way(entry->n_recent, n_asked)) {
            dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_ROOM);
            return true;
        }
    }
    return false;
}

static bool
have_equal_actions(const struct dp_flow *a, const struct dp_flow *b)
{
    const struct dp_actions *actions_a = dp_flow_get_actions(a);
    const struct dp_actions *actions_b = dp_flow_get_actions(b);

    return (actions_a->nla_len == actions_b->nla_len
            && !memcmp(actions_a->nla, actions_b->nla, actions_a->nla_len));
}

/* Looks for a rule in 'lane' for the packets of 'flow'.  Returns KNOWN if one
 * lives that does the same to them; one that does something else is out of
 * date, and dies.  Returns OVERTAKEN if one is dead that a NIC may have: what
 * that counts is its own.  MADE: nothing is in the way. */
static enum dp_books_verdict
look_for_other(struct dp_books *books, void *lane, const struct dp_flow *flow)
    OVS_REQUIRES(books->keeper)
{
    enum dp_books_verdict verdict = DP_BOOKS_MADE;
    struct dp_books_entry *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, by_match, flow->mega_ufid.u32[0],
                             &books->by_match) {
        const struct dp_flow *other = dp_books_entry_get_flow(entry);

        if (entry->lane != lane
            || !ovs_u128_equals(other->mega_ufid, flow->mega_ufid)) {
            continue;
        }
        if (dp_books_entry_get_life(entry) == DP_BOOKS_LIVE) {
            if (have_equal_actions(other, flow)) {
                return DP_BOOKS_KNOWN;
            }
            dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_REPLACED);
        }
        if (dp_books_entry_is_in_nic(books, entry)) {
            verdict = DP_BOOKS_OVERTAKEN;
        }
    }
    return verdict;
}

/* From here on packets may be hidden from the connections of 'entry'. */
static void
begin_bypass(struct dp_books *books, struct dp_books_entry *entry)
    OVS_REQUIRES(books->mutex)
{
    for (size_t i = 0; i < entry->n_visits; i++) {
        struct dp_books_conn *conn = entry->visits[i].conn;

        if (!conn->is_hidden) {
            conn->is_hidden = true;
            ct_bypass_begin(books->ct, conn->handle);
        }
    }
}

/* Gives 'entry' the flow that does what 'rule' says.  Its reference goes to
 * the entry. */
static void
set_flow(struct dp_books *books, struct dp_books_entry *entry,
         struct dp_flow *flow, const struct dp_merge_rule *rule)
    OVS_REQUIRES(books->keeper)
{
    for (size_t i = 0; i < entry->n_stages; i++) {
        entry->stages[i].length = rule->length[i];
    }
    hmap_insert(&books->by_match, &entry->by_match, flow->mega_ufid.u32[0]);
    atomic_store_explicit(&entry->flow, flow, memory_order_release);
}

/* Turns 'entry', whose trace has become 'rule', into one that the lane
 * runs. */
static enum dp_books_verdict
enliven(struct dp_books *books, struct dp_books_entry *entry,
        const struct dp_trace *trace, const struct dp_merge_rule *rule)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    struct dp_flow *flow = books->carrier->create(entry->lane, rule);
    enum dp_books_verdict verdict;

    if (!flow) {
        return DP_BOOKS_FOREIGN;
    }
    verdict = look_for_other(books, entry->lane, flow);
    if (verdict != DP_BOOKS_MADE) {
        dp_flow_unref(flow);
        return verdict;
    }
    set_flow(books, entry, flow, rule);
    begin_bypass(books, entry);
    if (!dp_trace_is_current(trace)
        || !dp_books_entry_go(books, entry, DP_BOOKS_LIVE)) {
        return DP_BOOKS_OVERTAKEN;
    }
    entry->used = entry->born;
    entry->is_inserted = books->carrier->insert(entry->lane, flow);
    return entry->is_inserted ? DP_BOOKS_MADE : DP_BOOKS_FULL;
}

/* Notes with the megaflows of 'entry' what forbids a rule, or that nothing
 * does. */
static void
note_refusal(struct dp_books *books, struct dp_books_entry *entry,
             enum dp_merge_why why)
    OVS_REQUIRES(books->mutex)
{
    for (size_t i = 0; i < entry->n_stages; i++) {
        dp_flow_get_credit(entry->stages[i].flow)->refused = why;
    }
    if (why) {
        books->n_refused[why]++;
        COVERAGE_INC(merge_trace_refused);
    }
}

static enum dp_books_verdict
build(struct dp_books *books, struct dp_books_entry *entry,
      const struct dp_trace *trace)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    enum dp_books_verdict verdict = DP_BOOKS_REFUSED;
    struct dp_merge_rule rule;
    enum dp_merge_why why;

    dp_merge_rule_init(&rule);
    why = dp_trace_compose(trace, books->ct, 0, &rule);
    if (why == DP_MERGE_WHY_T_CHANGED) {
        verdict = DP_BOOKS_OVERTAKEN;
    } else {
        note_refusal(books, entry, why);
        if (!why) {
            verdict = enliven(books, entry, trace, &rule);
        }
    }
    dp_merge_rule_uninit(&rule);
    return verdict;
}

static enum dp_books_verdict
make_rule(struct dp_books *books, const struct dp_trace *trace)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    struct dp_books_entry *entry = dp_books_entry_create(books, trace);
    enum dp_books_verdict verdict;

    if (!entry) {
        return DP_BOOKS_FULL;
    }
    verdict = build(books, entry, trace);
    if (verdict == DP_BOOKS_MADE) {
        COVERAGE_INC(merge_rule_made);
        return verdict;
    }
    dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_UNBORN);
    if (verdict != DP_BOOKS_FULL) {
        /* It has never been LIVE, so it is not among the dead. */
        dp_books_entry_go(books, entry, DP_BOOKS_PARTING);
        dp_books_entry_destroy(books, entry);
    }
    return verdict;
}

/* What to do with a trace that is the 'n'th of its connection. */
static enum dp_books_verdict
judge(struct dp_books *books, const struct dp_trace *trace, uint32_t n)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    if (!dp_books_is_started(books)) {
        return DP_BOOKS_OFF;
    } else if (!dp_books_policy_is_try(n)) {
        return DP_BOOKS_EARLY;
    } else if (is_full(books) && !make_room(books, n)) {
        return DP_BOOKS_FULL;
    }
    return make_rule(books, trace);
}

enum dp_books_verdict
dp_books_offer(struct dp_books *books, struct dp_trace *trace)
{
    uint32_t hash = flow_hash_5tuple(&trace->packet, 0);
    enum dp_books_verdict verdict;

    ovs_mutex_lock(&books->keeper);
    ovs_mutex_lock(&books->mutex);
    verdict = judge(books, trace, dp_books_policy_see(&books->policy, hash));
    books->n_verdicts[verdict]++;
    ovs_mutex_unlock(&books->mutex);
    if (verdict == DP_BOOKS_MADE || verdict == DP_BOOKS_KNOWN) {
        dp_books_policy_forget(&books->policy, hash);
    }
    if (verdict == DP_BOOKS_MADE) {
        dp_books_judge_made(books);
    }
    ovs_mutex_unlock(&books->keeper);
    dp_trace_destroy(trace);
    return verdict;
}

/* Taking rules out. */

/* Takes 'entry', which is DEAD, out of its lane. */
static void
part(struct dp_books *books, struct dp_books_entry *entry)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    ovs_mutex_lock(&books->mutex);
    if (entry->is_inserted) {
        books->carrier->remove(entry->lane, dp_books_entry_get_flow(entry));
    }
    dp_books_entry_go(books, entry, DP_BOOKS_PARTING);
    ovs_mutex_unlock(&books->mutex);
    ovs_list_push_back(&books->parting, &entry->parting);
}

/* Takes dead rules out of their lanes; stores the lanes in 'lanes'. */
static void
part_all(struct dp_books *books, struct hmapx *lanes)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    struct mpsc_queue_node *node;

    /* Before the look: who dies later says so again. */
    atomic_store_explicit(&books->is_urgent, false, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    mpsc_queue_acquire(&books->dead);
    while ((node = mpsc_queue_pop(&books->dead))) {
        struct dp_books_entry *entry
            = CONTAINER_OF(node, struct dp_books_entry, dead);

        part(books, entry);
        hmapx_add(lanes, entry->lane);
    }
    mpsc_queue_release(&books->dead);
}

/* Books what rules did that have left, and destroys them; others, too, if
 * nobody waits for NICs any more. */
static void
let_go(struct dp_books *books, bool all)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    struct dp_books_entry *entry;

    LIST_FOR_EACH_SAFE (entry, parting, &books->parting) {
        if (all || !dp_books_entry_is_in_nic(books, entry)) {
            ovs_list_remove(&entry->parting);
            ovs_mutex_lock(&books->mutex);
            dp_books_account(books, entry, time_msec(), true);
            dp_books_judge_last(books, entry, time_msec());
            dp_books_entry_destroy(books, entry);
            ovs_mutex_unlock(&books->mutex);
        }
    }
}

/* Lets all rules go that are dead, unless NICs have them still. */
static void
reap(struct dp_books *books)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    struct hmapx lanes = HMAPX_INITIALIZER(&lanes);
    struct hmapx_node *lane;

    part_all(books, &lanes);
    HMAPX_FOR_EACH (lane, &lanes) {
        books->carrier->wait(lane->data);
    }
    hmapx_destroy(&lanes);
    let_go(books, false);
}

/* Is a rule of 'lane', or of any lane if NULL, dead and still in it? */
static bool
has_dead(const struct dp_books *books, const void *lane)
    OVS_REQUIRES(books->keeper)
{
    const struct dp_books_entry *entry;

    LIST_FOR_EACH (entry, node, &books->entries) {
        if ((!lane || entry->lane == lane)
            && dp_books_entry_get_life(entry) == DP_BOOKS_DEAD) {
            return true;
        }
    }
    return false;
}

/* Reaps until no dead rule is left in 'lane', or in any lane if NULL: a thread
 * that has killed one may have stopped before it told. */
static void
reap_lane(struct dp_books *books, const void *lane)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    reap(books);
    while (has_dead(books, lane)) {
        xnanosleep_no_quiesce(REAP_NAP_NS);
        reap(books);
    }
}

bool
dp_books_is_urgent(const struct dp_books *books)
{
    bool is_urgent;

    atomic_read_explicit(&CONST_CAST(struct dp_books *, books)->is_urgent,
                         &is_urgent, memory_order_acquire);
    return is_urgent;
}

void
dp_books_reap(struct dp_books *books)
{
    ovs_mutex_lock(&books->keeper);
    reap(books);
    ovs_mutex_unlock(&books->keeper);
}

bool
dp_books_await_nics(struct dp_books *books)
{
    for (unsigned int i = 0; i < books->patience * NIC_LOOKS; i++) {
        bool all_gone;

        ovs_mutex_lock(&books->keeper);
        reap(books);
        all_gone = (ovs_list_is_empty(&books->parting)
                    && !has_dead(books, NULL));
        ovs_mutex_unlock(&books->keeper);
        if (all_gone) {
            return true;
        }
        xnanosleep(NIC_NAP_NS);
    }
    return false;
}

/* Kills all rules of 'lane', or of all lanes if NULL. */
static void
kill_lane(struct dp_books *books, void *lane, enum dp_books_cause cause)
    OVS_EXCLUDED(books->mutex)
{
    struct dp_books_entry *entry;

    ovs_mutex_lock(&books->mutex);
    LIST_FOR_EACH (entry, node, &books->entries) {
        if (!lane || entry->lane == lane) {
            dp_books_entry_kill(books, entry, cause);
        }
    }
    ovs_mutex_unlock(&books->mutex);
}

void
dp_books_carrier_gone(struct dp_books *books, void *lane)
{
    ovs_mutex_lock(&books->keeper);
    kill_lane(books, lane, DP_BOOKS_CAUSE_LANE);
    reap_lane(books, lane);
    ovs_mutex_unlock(&books->keeper);
}

void
dp_books_start(struct dp_books *books)
{
    if (!dp_books_is_started(books)) {
        ct_watch_start(books->ct, &books->listener);
        ovs_mutex_lock(&books->keeper);
        dp_books_judge_anew(books);
        atomic_store_relaxed(&books->is_started, true);
        ovs_mutex_unlock(&books->keeper);
    }
}

void
dp_books_stop(struct dp_books *books)
{
    if (dp_books_is_started(books)) {
        ovs_mutex_lock(&books->keeper);
        atomic_store_relaxed(&books->is_started, false);
        kill_lane(books, NULL, DP_BOOKS_CAUSE_STOP);
        ovs_mutex_unlock(&books->keeper);

        dp_books_await_nics(books);
        ovs_mutex_lock(&books->keeper);
        reap_lane(books, NULL);
        let_go(books, true);
        if (books->reading) {
            uint32_t n;

            books->reading = 0;
            atomic_add(&books->n_ended, 1, &n);
        }
        ovs_mutex_unlock(&books->keeper);

        /* Waits for threads that may be waiting for us. */
        ct_watch_stop(books->ct);
    }
}

/* Passes. */

void
dp_books_account_all(struct dp_books *books)
{
    struct dp_books_entry *entry;

    ovs_mutex_lock(&books->mutex);
    LIST_FOR_EACH (entry, node, &books->entries) {
        dp_books_account(books, entry, time_msec(), false);
    }
    ovs_mutex_unlock(&books->mutex);
}

/* A pass has booked what 'entry' has done.  Half of what was before is
 * forgotten. */
static void
count_recent(struct dp_books_entry *entry)
{
    uint64_t n_new = entry->n_packets - entry->n_aged;

    entry->n_aged = entry->n_packets;
    entry->n_recent = entry->n_recent / 2 + n_new;
    entry->n_idle = n_new ? 0 : entry->n_idle + 1;
}

/* Books what 'entry' has counted.  If no NIC has more to tell in this pass, it
 * is judged, and dies if it is idle or one too many. */
static void
age(struct dp_books *books, struct dp_books_entry *entry,
    long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_REQUIRES(books->mutex)
{
    uint32_t max_rules;

    dp_books_account(books, entry, now_ms, false);
    if (books->reading) {
        return;
    }
    count_recent(entry);
    if (dp_books_entry_get_life(entry) == DP_BOOKS_LIVE) {
        dp_books_judge(books, entry, now_ms);
    }
    if (now_ms - entry->used >= IDLE_MS && entry->n_idle >= IDLE_PASSES) {
        dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_IDLE);
    }
    atomic_read_relaxed(&books->max_rules, &max_rules);
    if (atomic_count_get(&books->n_rules) > max_rules) {
        dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_ROOM);
    }
}

static void
age_all(struct dp_books *books, long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    struct dp_books_entry *entry;
    size_t n = 0;

    /* Entries come and go by the keeper's hand alone, so the list stays as it
     * is while others have 'mutex' for a moment. */
    ovs_mutex_lock(&books->mutex);
    LIST_FOR_EACH (entry, node, &books->entries) {
        age(books, entry, now_ms);
        if (++n % SLICE == 0) {
            ovs_mutex_unlock(&books->mutex);
            ovs_mutex_lock(&books->mutex);
        }
    }
    ovs_mutex_unlock(&books->mutex);
}

/* The pass under way has read what there is, or must wait for long. */
static void
look_at_all(struct dp_books *books, long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    age_all(books, now_ms);
    reap(books);
}

static void
end_pass(struct dp_books *books, long long int now_ms)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    uint32_t n;

    books->reading = 0;
    look_at_all(books, now_ms);
    dp_books_judge_all(books);
    atomic_add(&books->n_ended, 1, &n);
    if (n % PASSES_PER_POLICY_AGE == 0) {
        dp_books_policy_age(&books->policy);
    }
}

static void
begin_pass(struct dp_books *books)
    OVS_REQUIRES(books->keeper) OVS_EXCLUDED(books->mutex)
{
    uint32_t n;

    if (ovs_list_is_empty(&books->parting)) {
        ovs_mutex_lock(&books->mutex);
        books->is_slow = false;
        ovs_mutex_unlock(&books->mutex);
    }
    atomic_add(&books->n_begun, 1, &n);
    if (books->carrier->start_reading) {
        books->reading = books->carrier->start_reading(books->aux);
    }
}

static bool
is_read(const struct dp_books *books)
    OVS_REQUIRES(books->keeper)
{
    return (!books->reading
            || books->carrier->is_read(books->aux, books->reading));
}

void
dp_books_age(struct dp_books *books, long long int now_ms)
{
    bool is_late;

    ovs_mutex_lock(&books->keeper);
    is_late = books->reading;
    if (!is_late) {
        begin_pass(books);
    }
    if (is_read(books)) {
        end_pass(books, now_ms);
    } else if (is_late) {
        look_at_all(books, now_ms);
    } else {
        reap(books);            /* The rest can wait until it is read. */
    }
    ovs_mutex_unlock(&books->keeper);
}

void
dp_books_go_on(struct dp_books *books, long long int now_ms)
{
    ovs_mutex_lock(&books->keeper);
    if (books->reading && is_read(books)) {
        end_pass(books, now_ms);
    }
    ovs_mutex_unlock(&books->keeper);
}

uint32_t
dp_books_n_passes(const struct dp_books *books)
{
    uint32_t n;

    atomic_read_explicit(&CONST_CAST(struct dp_books *, books)->n_ended, &n,
                         memory_order_acquire);
    return n;
}

void
dp_books_visit(struct dp_books *books,
               void (*cb)(void *lane, struct dp_flow *flow))
{
    struct dp_books_entry *entry;

    ovs_mutex_lock(&books->keeper);
    LIST_FOR_EACH (entry, node, &books->entries) {
        if (dp_books_entry_get_life(entry) == DP_BOOKS_LIVE) {
            cb(entry->lane, dp_books_entry_get_flow(entry));
        }
    }
    ovs_mutex_unlock(&books->keeper);
}
