/* SPDX-License-Identifier: Apache-2.0 */

/* Requests never say "add" or "remove": they change what a rule desires and
 * see to it that its worker will look at it.  So it doesn't matter in which
 * order they arrive, nor how many: an addition and a removal that meet cancel
 * out, a second removal finds nothing to do, a modification that overtakes the
 * addition is part of it.  What was done is compared with 'gen', which counts
 * requests, so that one that comes while an operation is under way is not
 * lost. */

#include <config.h>
#include "offload/dp-offload-step.h"

#include <errno.h>

#include "coverage.h"
#include "odp-util.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-rule-change.h"
#include "offload/dp-rule-mark.h"
#include "offload/dp-rule-name.h"
#include "offload/dp-worker-state.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_offload_step);

COVERAGE_DEFINE(dp_offload_put);
COVERAGE_DEFINE(dp_offload_put_failed);
COVERAGE_DEFINE(dp_offload_del);
COVERAGE_DEFINE(dp_offload_del_failed);

/* Removals that fail this often are not waited for, and are given up if the
 * port goes. */
#define DP_RULE_MAX_DELS 3

/* Steps. */

/* Does the answer still hold that 'rule' got when it was put last? */
static bool
dp_rule_stays_refused(const struct dp_offload_rule *rule, uint32_t port_gen)
    OVS_REQUIRES(rule->shard->mutex)
{
    return (rule->port_gen == port_gen
            && (rule->state == DP_RULE_UNFIT
                || (rule->state == DP_RULE_REFUSED
                    && rule->put_gen == rule->gen)));
}

/* Begins 'step' on 'rule', in 'port'.  Returns NONE, or why not. */
static enum dp_offload_why
dp_rule_begin(struct dp_offload *offload, struct dp_offload_rule *rule,
              struct dp_offload_port *port, enum dp_rule_step step,
              struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    enum dp_offload_why why;

    why = dp_offload_port_enter(port, !rule->port, step == DP_RULE_DEL);
    if (why) {
        return why;
    }
    if (dp_rule_is_lost(rule, port)) {
        /* Since the caller has looked the port was restarted.  All rules are
         * looked at again after that. */
        dp_offload_port_leave(port, !rule->port);
        return DP_OFFLOAD_WHY_PORT_PAUSED;
    }

    rule->port = port;
    dp_rule_go(rule, (step == DP_RULE_PUT ? DP_RULE_PUTTING
                      : step == DP_RULE_DEL ? DP_RULE_REMOVING
                      : DP_RULE_ASKED));
    op->mega_ufid = rule->mega_ufid;
    op->kind = rule->kind;
    op->mark = rule->mark;
    op->port_name = port->name;
    op->handle = rule->handle;
    op->level = rule->level;
    op->error = 0;
    op->why = DP_OFFLOAD_WHY_NONE;
    op->n_packets = op->n_bytes = 0;
    op->counted = false;
    op->tcp_flags = 0;
    op->idle_ms = 0;
    op->rule = rule;
    op->port = port;
    op->flow = NULL;
    op->gone = false;
    op->halved = false;
    op->stale = false;
    op->sound = false;
    op->counts_stay = false;
    op->actions_hash = 0;
    op->out_port = ODPP_NONE;
    op->peer = NULL;
    op->found = false;
    op->n_changes = 0;
    op->replan = rule->replan;
    op->gen = rule->gen;
    atomic_read_explicit(&port->gen, &op->port_gen, memory_order_acquire);
    op->step = step;
    if (step == DP_RULE_PUT || step == DP_RULE_PLAN) {
        /* What changes from now on is another reason. */
        rule->replan = false;
        op->flow = rule->members[rule->n_members - 1].flow;
        offload->env.flow_ref(offload->env.aux, op->flow);
    }
    return DP_OFFLOAD_WHY_NONE;
}

/* 'rule', whose removal has failed, is desired again. */
static void
dp_rule_keep(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    dp_rule_go(rule, DP_RULE_INSTALLED);
    rule->n_retries = 0;
    rule->error = 0;
    rule->why = (rule->level == DP_OFFLOAD_WHOLE ? DP_OFFLOAD_WHY_NONE
                 : DP_OFFLOAD_WHY_A_MARK_ONLY);
}

static enum dp_rule_step
dp_rule_next_installed(struct dp_offload_worker *worker,
                       struct dp_offload_rule *rule,
                       struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_port *port = rule->port;
    enum dp_rule_step step = DP_RULE_NOTHING;
    uint32_t port_gen;
    bool whole;

    atomic_read_relaxed(&port->gen, &port_gen);
    if (!rule->n_members
        || !dp_offload_is_enabled(worker->offload)
        || rule->port_gen != port_gen || rule->replace || rule->seat.evict
        || dp_offload_port_state(port) == DP_OFFLOAD_PORT_STOPPING
        || (dp_rule_peer(rule)
            && !dp_offload_port_is_up(dp_rule_peer(rule)))) {
        step = DP_RULE_DEL;
    } else if (rule->state == DP_RULE_STUCK) {
        dp_rule_keep(rule);
    }
    if (step == DP_RULE_NOTHING
        && (rule->put_gen != rule->gen || rule->replan)
               && !dp_offload_port_enter(port, false, false)) {
        whole = port->info.whole;
        dp_offload_port_leave(port, false);
        if (whole) {
            step = DP_RULE_PLAN;
        } else {
            /* A rule that marks depends on the match alone. */
            rule->put_gen = rule->gen;
            rule->replan = false;
        }
    }

    if (step != DP_RULE_NOTHING
        && dp_rule_begin(worker->offload, rule, port, step, op)) {
        /* Paused.  All rules are looked at again when it ends. */
        step = DP_RULE_NOTHING;
    }
    return step;
}

/* Has the provider, asked for 'rule' as it is, missed a mark? */
static bool
dp_rule_needs_mark(const struct dp_offload_rule *rule, uint32_t port_gen)
    OVS_REQUIRES(rule->shard->mutex)
{
    return (rule->needs_mark
            && rule->put_gen == rule->gen && rule->port_gen == port_gen);
}

/* Notes why 'rule', which may wait for it to change, has to stay absent. */
static enum dp_rule_step
dp_rule_stay_absent(struct dp_offload *offload, struct dp_offload_rule *rule,
                    struct dp_offload_port *port, enum dp_offload_why why)
    OVS_REQUIRES(rule->shard->mutex)
{
    dp_rule_drop_mark(offload, rule, port);
    dp_rule_look_again(rule);
    rule->why = why;
    rule->error = 0;
    return DP_RULE_NOTHING;
}

static enum dp_rule_step
dp_rule_next_absent(struct dp_offload_worker *worker,
                    struct dp_offload_rule *rule, struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload *offload = worker->offload;
    struct dp_offload_port *port;
    enum dp_offload_why why;
    uint64_t delay_us, n_freed;
    uint32_t port_gen;

    port = dp_offload_port_find(offload, rule->in_port);
    if (!rule->n_members) {
        dp_rule_drop_mark(offload, rule, port);
        dp_rule_free(offload, rule);
        return DP_RULE_FREED;
    } else if (!dp_offload_is_enabled(offload)) {
        return dp_rule_stay_absent(offload, rule, port, DP_OFFLOAD_WHY_OFF);
    } else if (!port) {
        return dp_rule_stay_absent(offload, rule, NULL,
                                   DP_OFFLOAD_WHY_NO_PORT);
    } else if (dp_offload_port_state(port) == DP_OFFLOAD_PORT_PAUSED) {
        return dp_rule_stay_absent(offload, rule, port,
                                   DP_OFFLOAD_WHY_PORT_PAUSED);
    }

    atomic_read_relaxed(&port->gen, &port_gen);
    if (dp_rule_stays_refused(rule, port_gen)) {
        dp_rule_drop_mark(offload, rule, port);
        return DP_RULE_NOTHING;
    }
    dp_rule_look_again(rule);

    atomic_read_relaxed(&offload->delay_us, &delay_us);
    if (delay_us && rule->best == DP_OFFLOAD_ABSENT
        && dp_offload_now_us() < rule->since_us + delay_us) {
        dp_rule_stay_absent(offload, rule, port, DP_OFFLOAD_WHY_YOUNG);
        dp_rule_wait(worker, rule, rule->since_us + delay_us);
        return DP_RULE_NOTHING;
    }

    /* While we are inside, 'info' and 'class' do not change. */
    why = dp_offload_port_enter(port, true, false);
    if (why) {
        return dp_rule_stay_absent(offload, rule, port, why);
    }
    if (rule->kind == DP_OFFLOAD_MERGED && !port->info.priorities) {
        dp_offload_port_leave(port, true);
        return dp_rule_stay_absent(offload, rule, port,
                                   DP_OFFLOAD_WHY_PRIORITY);
    }
    if (dp_places_wait(port->table, &rule->seat)) {
        dp_rule_stay_absent(offload, rule, port, DP_OFFLOAD_WHY_WAITS);
        dp_rule_go(rule, DP_RULE_WAITING);
        rule->port = port;
        dp_offload_port_leave(port, false);
        return DP_RULE_NOTHING;
    }
    if (rule->mark >> port->info.mark_bits) {
        dp_rule_drop_mark(offload, rule, port);
    }
    if (!rule->mark && dp_rule_take_mark(offload, rule, port)
        && (!port->info.whole || dp_rule_needs_mark(rule, port_gen))) {
        dp_offload_port_leave(port, true);
        rule->why = DP_OFFLOAD_WHY_NO_MARK;
        rule->error = ENOSPC;
        atomic_read_relaxed(&offload->marks->n_returned, &n_freed);
        dp_places_room_empty(&worker->markless, n_freed);
        ovs_list_push_back(&worker->markless.line, &rule->seat.node);
        dp_rule_go(rule, DP_RULE_WAITING);
        return DP_RULE_NOTHING;
    }
    rule->port = port;
    why = dp_rule_begin(offload, rule, port, DP_RULE_PUT, op);
    dp_offload_port_leave(port, why != DP_OFFLOAD_WHY_NONE);
    if (why) {
        rule->port = NULL;
        return dp_rule_stay_absent(offload, rule, port, why);
    }
    return DP_RULE_PUT;
}

enum dp_rule_step
dp_rule_next(struct dp_offload_worker *worker, struct dp_offload_rule *rule,
             struct dp_offload_op *op)
{
    enum dp_rule_step step;

    if (dp_rule_state_is_busy(rule->state)) {
        rule->again = true;
        return DP_RULE_NOTHING;
    }
    rule->returning = false;

    /* It waits no more. */
    if (rule->retry_node.idx) {
        heap_remove(&worker->retries, &rule->retry_node);
        rule->retry_node.idx = 0;
    }
    if (rule->state == DP_RULE_WAITING) {
        dp_places_leave_line(rule->port ? rule->port->table : NULL,
                             &rule->seat);
        dp_rule_go(rule, DP_RULE_ABSENT);
    }

    if (dp_rule_state_is_in(rule->state)) {
        if (!dp_rule_is_lost(rule, rule->port)) {
            return dp_rule_next_installed(worker, rule, op);
        } else if (dp_rule_is_gone(rule, rule->port)) {
            dp_rule_forget(worker, rule);
        } else {
            dp_rule_doubt(worker, rule);
        }
    }
    if (rule->state == DP_RULE_UNSURE && !dp_rule_settle_doubt(worker, rule)) {
        return DP_RULE_NOTHING;
    }
    if (rule->port) {
        struct dp_offload_port *port = rule->port;

        if (dp_offload_port_state(port) == DP_OFFLOAD_PORT_STOPPING) {
            dp_rule_drop_mark(worker->offload, rule, port);
        }
        rule->port = NULL;
        dp_offload_port_detach(port);
    }
    step = dp_rule_next_absent(worker, rule, op);
    if (step == DP_RULE_NOTHING) {
        dp_places_settle(&rule->seat);
    }
    return step;
}

bool
dp_rule_start_query(struct dp_offload_rule *rule, struct dp_offload_op *op)
{
    uint64_t orig;

    if (rule->state != DP_RULE_INSTALLED || rule->level != DP_OFFLOAD_WHOLE
        || !rule->port->class->query) {
        return false;
    }
    if (dp_rule_begin(NULL, rule, rule->port, DP_RULE_QUERY, op)) {
        return false;
    }
    atomic_add_relaxed(&rule->shard->worker->n_pending, 1, &orig);
    return true;
}

/* Results. */

static void
dp_rule_log(const struct dp_offload_op *op)
{
    struct vlog_module *module = op->worker->offload->env.log;
    const char *what = op->step == DP_RULE_PUT ? "add" : "delete";
    struct ds ds;

    module = module ? module : &this_module;
    if (!vlog_is_enabled(module, VLL_DBG)) {
        return;
    }

    ds_init(&ds);
    dp_rule_name_format(op->kind, &op->mega_ufid, &ds);
    if (!op->error) {
        vlog(module, VLL_DBG, "%s: succeed to %s netdev flow %s, mark %"PRIu32,
             op->port_name, what, ds_cstr(&ds), op->mark);
    } else {
        vlog(module, VLL_DBG, "%s: failed to %s netdev flow %s: %s (%s)",
             op->port_name, what, ds_cstr(&ds), ovs_strerror(op->error),
             dp_offload_why_text(op->why));
    }
    ds_destroy(&ds);
}

static enum dp_offload_why
dp_rule_classify(const struct dp_offload_op *op)
{
    return (op->gone ? DP_OFFLOAD_WHY_GONE
            : op->why == DP_OFFLOAD_WHY_MASKS ? op->why
            : dp_offload_is_full(op->error) ? DP_OFFLOAD_WHY_FULL
            : dp_offload_is_busy(op->error) ? DP_OFFLOAD_WHY_BUSY
            : dp_offload_is_unsure(op->error) ? DP_OFFLOAD_WHY_UNSURE
            : op->why ? op->why
            : DP_OFFLOAD_WHY_REFUSED);
}

bool
dp_offload_op_peer(struct dp_offload_op *op, odp_port_t port_no,
                   struct dp_offload_port_info *info)
{
    const struct dp_offload *offload = op->worker->offload;
    const struct dp_offload_class *class = op->port->class;

    if (op->peer) {
        dp_offload_port_unpeer(op->peer);
        op->peer = NULL;
    }
    op->out_port = port_no;
    op->n_changes = dp_offload_port_n_changes(offload, port_no);
    if (port_no == op->port->port_no) {
        op->found = dp_offload_peer(offload, class, port_no, info);
    } else {
        op->peer = dp_offload_port_peer(offload, class, port_no, info);
        op->found = op->peer != NULL;
    }
    return op->found;
}

/* Has the port that 'op' has asked about come, changed, or begun to go,
 * since? */
static bool
dp_op_is_outdated(const struct dp_offload_op *op)
{
    const struct dp_offload *offload = op->worker->offload;
    struct dp_offload_port_info info;

    return (op->out_port != ODPP_NONE
            && (op->found != dp_offload_peer(offload, op->port->class,
                                             op->out_port, &info)
                || op->n_changes != dp_offload_port_n_changes(
                    offload, op->out_port)));
}

/* 'rule' depends on the port that 'op' has asked about.  As long as nobody
 * knew that, it may have changed: then 'rule' is looked at again. */
static void
dp_rule_depend(struct dp_offload_rule *rule, struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    dp_rule_set_out_port(rule, op->out_port);
    if (op->peer && (rule->level == DP_OFFLOAD_WHOLE
                     || rule->state == DP_RULE_UNSURE)) {
        rule->link->peer = op->peer;
        op->peer = NULL;
    }
    if (dp_op_is_outdated(op)) {
        rule->replan = true;
        dp_rule_ready(rule);
    }
}

static void
dp_rule_put_failed(struct dp_offload_worker *worker,
                   struct dp_offload_rule *rule, struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_port *port = rule->port;
    uint64_t orig;

    COVERAGE_INC(dp_offload_put_failed);
    rule->why = dp_rule_classify(op);
    /* A provider that gives the reason itself has asked nobody. */
    rule->error = rule->why == op->why ? 0 : op->error;
    atomic_add_relaxed(&port->n_failed[rule->why], 1, &orig);
    rule->needs_mark = !op->mark && op->why == DP_OFFLOAD_WHY_NO_MARK;

    if (dp_offload_is_unsure(op->error)) {
        dp_rule_mark_in(rule, false);
        dp_rule_count_retry(worker, rule);
        dp_rule_doubt(worker, rule);
        dp_rule_depend(rule, op);
        dp_offload_port_doubt(port, false);
        return;
    }
    dp_rule_drop_mark(worker->offload, rule, port);
    if (dp_offload_is_full(op->error)) {
        bool no_place = rule->why == DP_OFFLOAD_WHY_FULL;

        if (no_place) {
            atomic_store_relaxed(&port->is_full, true);
        }
        if (!no_place
            || !dp_places_full(&worker->offload->places, port->table,
                               port->name, &rule->seat)) {
            /* Waits in line until there may be room. */
            struct dp_places_room *full = &port->full[worker->id];
            uint64_t n_freed;

            atomic_read_relaxed(&port->table->n_freed, &n_freed);
            dp_places_room_empty(full, n_freed);
            ovs_list_push_back(&full->line, &rule->seat.node);
        }
        dp_rule_go(rule, DP_RULE_WAITING);
    } else if (dp_offload_is_busy(op->error) || rule->needs_mark) {
        struct dp_places_room *room = (rule->needs_mark ? &worker->markless
                                       : &port->busy[worker->id]);

        dp_rule_count_retry(worker, rule);
        ovs_list_push_back(&room->line, &rule->seat.node);
        dp_rule_go(rule, DP_RULE_WAITING);
    } else {
        /* If the provider says why, it is the match. */
        dp_rule_go(rule, op->why ? DP_RULE_UNFIT : DP_RULE_REFUSED);
    }
}

static void
dp_rule_put_done(struct dp_offload_worker *worker,
                 struct dp_offload_rule *rule, struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    uint64_t delay_us, orig;

    rule->put_gen = op->gen;
    rule->port_gen = op->port_gen;
    rule->actions_hash = op->actions_hash;

    delay_us = (uint32_t) (dp_offload_now_us() - rule->ready_us);
    ovs_mutex_lock(&worker->mutex);
    if (op->error) {
        worker->figures.n_put_failures++;
    } else {
        worker->figures.n_puts++;
        mov_avg_cma_update(&worker->figures.cma, delay_us);
        mov_avg_ema_update(&worker->figures.ema, delay_us);
    }
    ovs_mutex_unlock(&worker->mutex);

    if (op->error) {
        dp_places_settle(&rule->seat);
        dp_rule_put_failed(worker, rule, op);
        return;
    }

    COVERAGE_INC(dp_offload_put);
    atomic_add_relaxed(&rule->port->n_puts, 1, &orig);
    atomic_store_relaxed(&rule->port->is_full, false);
    ovs_assert(op->level != DP_OFFLOAD_ABSENT);
    rule->handle = op->handle;
    rule->counts_stay = op->counts_stay;
    rule->why = (op->level == DP_OFFLOAD_WHOLE ? DP_OFFLOAD_WHY_NONE
                 : op->why ? op->why
                 : DP_OFFLOAD_WHY_A_MARK_ONLY);
    rule->error = 0;
    if (rule->n_retries) {
        rule->port->busy[worker->id].success = true;
        rule->n_retries = 0;
    }
    rule->hw_packets = rule->hw_bytes = 0;
    dp_rule_go(rule, DP_RULE_INSTALLED);
    dp_rule_set_level(worker, rule, op->level);
    if (op->level == DP_OFFLOAD_MARKED) {
        dp_rule_mark_in(rule, op->sound);
    } else {
        /* Others need it. */
        dp_rule_drop_mark(worker->offload, rule, rule->port);
    }
    dp_rule_set_halved(worker, rule, op->halved);
    dp_rule_depend(rule, op);
    dp_places_settle(&rule->seat);
}

static void
dp_rule_del_done(struct dp_offload_worker *worker,
                 struct dp_offload_rule *rule, const struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_port *port = rule->port;
    bool removed = !op->error || op->error == ENOENT;
    bool stopping = dp_offload_port_state(port) == DP_OFFLOAD_PORT_STOPPING;
    uint64_t orig;

    dp_rule_book(worker->offload, rule, op);

    ovs_mutex_lock(&worker->mutex);
    if (removed) {
        worker->figures.n_dels++;
    } else {
        worker->figures.n_del_failures++;
    }
    ovs_mutex_unlock(&worker->mutex);

    if (removed) {
        COVERAGE_INC(dp_offload_del);
        atomic_add_relaxed(&port->n_dels, 1, &orig);
        atomic_store_relaxed(&port->is_full, false);
        dp_rule_absent(worker, rule);
    } else {
        COVERAGE_INC(dp_offload_del_failed);
        rule->why = DP_OFFLOAD_WHY_REMOVAL;
        rule->error = op->error;
        atomic_add_relaxed(&port->n_failed[rule->why], 1, &orig);
        dp_rule_go(rule, DP_RULE_STUCK);
        if (!stopping || rule->n_retries + 1 < DP_RULE_MAX_DELS) {
            if (rule->n_retries + 1 >= DP_RULE_MAX_DELS
                && dp_rule_peer(rule)
                && !dp_offload_port_is_up(dp_rule_peer(rule))) {
                /* Somebody waits for it, since it would send to strangers. */
                dp_offload_port_doubt(port, true);
            }
            dp_rule_retry(worker, rule);
            return;
        }

        /* The port goes. */
        dp_rule_lose_mark(worker->offload, rule);
        dp_rule_forget(worker, rule);
    }

    if (stopping || !rule->n_members
        || !dp_offload_is_enabled(worker->offload)) {
        dp_rule_drop_mark(worker->offload, rule, port);
    }
    rule->why = DP_OFFLOAD_WHY_QUEUED;
    rule->error = 0;
    if (rule->n_members) {
        /* Replaced, or at least to be told why not. */
        rule->returning = !stopping;
        dp_rule_ready(rule);
    }
}

static void
dp_rule_plan_done(struct dp_offload_worker *worker,
                  struct dp_offload_rule *rule, struct dp_offload_op *op)
    OVS_REQUIRES(rule->shard->mutex)
{
    bool same = op->actions_hash == rule->actions_hash;

    rule->put_gen = op->gen;
    if (op->error) {
        return;                         /* The flow has gone. */
    }
    if (rule->level != DP_OFFLOAD_WHOLE) {
        dp_rule_depend(rule, op);
    }
    if (same && !op->stale && (!op->replan || op->level == rule->level)) {
        /* Other flows of the rule had told us, or what has changed makes no
         * difference. */
    } else if (op->level == DP_OFFLOAD_WHOLE
               || rule->level == DP_OFFLOAD_WHOLE) {
        rule->replace = true;
        dp_rule_ready(rule);
    } else {
        rule->why = op->why;
        rule->actions_hash = op->actions_hash;
        dp_rule_set_halved(worker, rule, false);
    }
}

void
dp_rule_done(struct dp_offload_worker *worker, struct dp_offload_op *op)
{
    struct dp_offload_rule *rule = op->rule;
    struct dp_offload_shard *shard = rule->shard;
    struct dp_offload_port *port = op->port;
    bool detach, flushed;
    uint64_t orig;

    if (op->step == DP_RULE_PUT || op->step == DP_RULE_DEL) {
        dp_rule_log(op);
    }

    ovs_mutex_lock(&shard->mutex);
    dp_rule_is_locked(rule, shard);
    switch (op->step) {
    case DP_RULE_PUT:
        dp_rule_put_done(worker, rule, op);
        break;
    case DP_RULE_DEL:
        dp_rule_del_done(worker, rule, op);
        break;
    case DP_RULE_PLAN:
        dp_rule_go(rule, DP_RULE_INSTALLED);
        dp_rule_plan_done(worker, rule, op);
        break;
    case DP_RULE_QUERY:
        dp_rule_go(rule, DP_RULE_INSTALLED);
        if (!op->error) {
            dp_rule_book(worker->offload, rule, op);
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
    if (op->peer) {
        dp_offload_port_unpeer(op->peer);
    }
    if (op->flow) {
        worker->offload->env.flow_unref(worker->offload->env.aux, op->flow);
    }
    if (rule->again) {
        rule->again = false;
        dp_rule_ready(rule);
    }

    /* A rule that will be looked at again may have a mark for the limbo of the
     * port, or leave to come into its table: it keeps the port until then. */
    detach = (rule->level == DP_OFFLOAD_ABSENT && !rule->ready
              && rule->state != DP_RULE_UNSURE
              && ovs_list_is_empty(&rule->seat.node));
    flushed = !rule->ready && (op->step != DP_RULE_DEL
                               || rule->level == DP_OFFLOAD_ABSENT
                               || rule->n_retries >= DP_RULE_MAX_DELS);
    if (detach) {
        rule->port = NULL;
    }
    if (detach && !rule->n_members && !rule->retry_node.idx) {
        dp_rule_drop_mark(worker->offload, rule, port);
        dp_rule_free(worker->offload, rule);
    } else if (flushed) {
        dp_rule_set_flushing(worker->offload, rule, false);
    }
    ovs_mutex_unlock(&shard->mutex);

    dp_offload_port_leave(port, detach);
    atomic_sub_explicit(&worker->n_pending, 1, &orig, memory_order_acq_rel);
}
