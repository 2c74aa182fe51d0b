/* SPDX-License-Identifier: Apache-2.0 */

/* What is unsure is told in Documentation/internals/offload.rst, "Workers". */

#include <config.h>
#include "offload/dp-rule-change.h"

#include "coverage.h"
#include "dpif.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-rule-mark.h"
#include "offload/dp-worker-state.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rule_change);

COVERAGE_DEFINE(dp_offload_late_packets);

/* Puts of which nobody knows how they ended cost the port a flush each: after
 * so many the rule counts as refused. */
#define DP_RULE_MAX_PUTS 3

static void
dp_rule_count(struct dp_offload_port *port, enum dp_offload_level level,
              int delta)
{
    atomic_uint64_t *counter = (level == DP_OFFLOAD_WHOLE
                                ? &port->n_whole : &port->n_marked);
    uint64_t orig;

    if (delta > 0) {
        atomic_add_relaxed(counter, 1, &orig);
    } else {
        atomic_sub_relaxed(counter, 1, &orig);
    }
}

void
dp_rule_set_level(struct dp_offload_worker *worker,
                  struct dp_offload_rule *rule, enum dp_offload_level level)
{
    uint64_t orig;

    if (level == rule->level) {
        return;
    }

    ovs_mutex_lock(&worker->mutex);
    worker->figures.n_inserted += ((level != DP_OFFLOAD_ABSENT)
                                   - (rule->level != DP_OFFLOAD_ABSENT));
    ovs_mutex_unlock(&worker->mutex);

    if (rule->level != DP_OFFLOAD_ABSENT) {
        dp_rule_count(rule->port, rule->level, -1);
        rule->best = MAX(rule->best, rule->level);
        dp_places_displaced(rule->port->table, &rule->seat,
                            rule->n_members > 0);
    }
    if (level != DP_OFFLOAD_ABSENT) {
        dp_rule_count(rule->port, level, 1);
        dp_places_placed(rule->port->table, &rule->seat);
    }
    if (rule->level == DP_OFFLOAD_WHOLE) {
        atomic_add_relaxed(&rule->port->n_whole_left, 1, &orig);
    }
    ovs_list_remove(&rule->whole_node);
    ovs_list_init(&rule->whole_node);
    if (level == DP_OFFLOAD_WHOLE) {
        ovs_list_push_back(&rule->shard->whole, &rule->whole_node);
    }
    if (level == DP_OFFLOAD_ABSENT) {
        rule->handle = NULL;
    }
    rule->level = level;
    rule->since_us = dp_offload_now_us();
}

void
dp_rule_set_halved(struct dp_offload_worker *worker,
                   struct dp_offload_rule *rule, bool halved)
{
    struct dp_offload_halved *h = &rule->port->halved[worker->id];

    if (rule->level == DP_OFFLOAD_MARKED) {
        ovs_list_remove(&rule->whole_node);
        ovs_list_init(&rule->whole_node);
        if (halved) {
            ovs_list_push_back(&h->rules, &rule->whole_node);
        }
    } else if (rule->halved) {
        /* There is room: others need not wait. */
        h->n_left_seen = UINT64_MAX;
        h->when_us = 0;
    }
    rule->halved = halved;
}

void
dp_rule_book(const struct dp_offload *offload, struct dp_offload_rule *rule,
             const struct dp_offload_op *op)
{
    const struct dp_offload_env *env = &offload->env;
    struct dpif_flow_stats new;

    if (!op->counted) {
        return;
    }
    memset(&new, 0, sizeof new);
    new.n_packets = op->n_packets - MIN(rule->hw_packets, op->n_packets);
    new.n_bytes = op->n_bytes - MIN(rule->hw_bytes, op->n_bytes);
    /* Counters may lag behind what they count. */
    new.used = time_msec() - op->idle_ms;
    new.tcp_flags = op->tcp_flags;
    /* A packet may be read before its bytes, which come alone then. */
    if ((new.n_packets || new.n_bytes) && rule->n_members) {
        struct dp_offload_member *member
            = &rule->members[rule->n_members - 1];

        member->n_packets += new.n_packets;
        member->n_bytes += new.n_bytes;
        member->used = MAX(member->used, new.used);
    } else if (new.n_packets || new.n_bytes) {
        COVERAGE_ADD(dp_offload_late_packets, MIN(new.n_packets, UINT_MAX));
        if (rule->heir && env->flow_late) {
            env->flow_late(env->aux, rule->heir, &new);
        }
    }
    if (rule->n_members) {
        /* They are not read again: even if their packet is counted later. */
        rule->tcp_flags |= op->tcp_flags;
    }
    rule->hw_packets = op->n_packets;
    rule->hw_bytes = op->n_bytes;
}

/* 'rule' is no more in the NIC, as far as the books are concerned. */
static void
dp_rule_out(struct dp_offload_worker *worker, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    dp_rule_set_level(worker, rule, DP_OFFLOAD_ABSENT);
    dp_rule_mark_out(rule);
    rule->replace = rule->replan = false;
}

static void
dp_rule_let_peer_go(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    if (dp_rule_peer(rule)) {
        dp_offload_port_unpeer(rule->link->peer);
        rule->link->peer = NULL;
    }
}

void
dp_rule_absent(struct dp_offload_worker *worker, struct dp_offload_rule *rule)
{
    dp_rule_go(rule, DP_RULE_ABSENT);
    dp_rule_out(worker, rule);
    dp_rule_let_peer_go(rule);
    rule->n_retries = 0;
}

/* The handle of 'rule' is void. */
static void
dp_rule_forget_handle(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_port *port = rule->port;

    if (rule->handle && port->class->forget) {
        port->class->forget(port->aux, rule->handle, rule->level);
    }
}

void
dp_rule_forget(struct dp_offload_worker *worker, struct dp_offload_rule *rule)
{
    dp_rule_forget_handle(rule);
    dp_rule_absent(worker, rule);
}

/* Was 'rule' put before all handles of 'port' became void? */
static bool
dp_rule_is_older(const struct dp_offload_rule *rule,
                 struct dp_offload_port *port)
    OVS_REQUIRES(rule->shard->mutex)
{
    uint32_t lost_gen;

    /* Pairs with the release in dp_offload_port_renew(). */
    atomic_read_explicit(&port->lost_gen, &lost_gen, memory_order_acquire);
    return (int32_t) (rule->port_gen - lost_gen) < 0;
}

bool
dp_rule_is_lost(const struct dp_offload_rule *rule,
                struct dp_offload_port *port)
{
    return dp_rule_state_is_in(rule->state) && dp_rule_is_older(rule, port);
}

bool
dp_rule_is_gone(const struct dp_offload_rule *rule,
                struct dp_offload_port *port)
{
    uint32_t gone_gen;

    atomic_read_relaxed(&port->gone_gen, &gone_gen);
    return (int32_t) (rule->port_gen - gone_gen) < 0;
}

void
dp_rule_doubt(struct dp_offload_worker *worker, struct dp_offload_rule *rule)
{
    uint64_t orig;

    dp_rule_go(rule, DP_RULE_UNSURE);
    dp_rule_forget_handle(rule);
    dp_rule_out(worker, rule);
    rule->why = DP_OFFLOAD_WHY_UNSURE;
    atomic_add_relaxed(&rule->port->n_unsure, 1, &orig);
}

/* 'rule', which is UNSURE, may output to a port that has to go: has its own
 * port flushed soon.  If that fails there is nothing that could be done. */
static void
dp_rule_press(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_offload_port *peer = dp_rule_peer(rule);
    struct dp_offload_port *port = rule->port;

    if (!peer || dp_offload_port_is_up(peer)) {
        rule->pressed = false;
    } else if (!rule->pressed && port->class->flush) {
        rule->pressed = true;
        atomic_read_relaxed(&port->gen, &rule->port_gen);
        dp_offload_port_doubt(port, true);
    } else if (!port->class->flush || dp_rule_is_older(rule, port)) {
        VLOG_WARN("%s: rules that could not be flushed may go on sending to "
                  "what was %s", port->name, peer->name);
        dp_rule_let_peer_go(rule);
    }
}

bool
dp_rule_settle_doubt(struct dp_offload_worker *worker,
                     struct dp_offload_rule *rule)
{
    struct dp_offload_port *port = rule->port;
    bool gone = dp_rule_is_gone(rule, port);
    uint64_t orig;

    if (!gone && dp_offload_port_state(port) != DP_OFFLOAD_PORT_STOPPING) {
        dp_rule_press(rule);
        return false;
    }
    dp_rule_let_peer_go(rule);
    rule->pressed = false;
    atomic_sub_relaxed(&port->n_unsure, 1, &orig);
    dp_rule_go(rule, DP_RULE_ABSENT);
    if (!gone) {
        dp_rule_lose_mark(worker->offload, rule);
    } else if (rule->n_retries >= DP_RULE_MAX_PUTS) {
        /* It would be the same again, at the cost of all rules of the port. */
        dp_rule_drop_mark(worker->offload, rule, port);
        dp_rule_go(rule, DP_RULE_REFUSED);
        atomic_read_relaxed(&port->gen, &rule->port_gen);
        rule->why = DP_OFFLOAD_WHY_REFUSED;
        rule->n_retries = 0;
    }
    return true;
}

void
dp_rule_wait(struct dp_offload_worker *worker, struct dp_offload_rule *rule,
             uint64_t when_us)
{
    if (!dp_rule_state_is_in(rule->state)) {
        dp_rule_go(rule, DP_RULE_WAITING);
    }
    /* The heap has its largest element on top. */
    heap_insert(&worker->retries, &rule->retry_node, UINT64_MAX - when_us);
}

void
dp_rule_count_retry(struct dp_offload_worker *worker,
                    struct dp_offload_rule *rule)
{
    rule->n_retries += rule->n_retries < UINT8_MAX;
    ovs_mutex_lock(&worker->mutex);
    worker->figures.n_retries++;
    ovs_mutex_unlock(&worker->mutex);
}

void
dp_rule_retry(struct dp_offload_worker *worker, struct dp_offload_rule *rule)
{
    uint64_t delay_us = UINT64_C(1000) << MIN(rule->n_retries, 10);

    dp_rule_count_retry(worker, rule);
    dp_rule_wait(worker, rule, dp_offload_now_us() + delay_us);
}

void
dp_rule_look_again(struct dp_offload_rule *rule)
{
    if (rule->state != DP_RULE_ABSENT) {
        dp_rule_go(rule, DP_RULE_ABSENT);
    }
}

void
dp_rule_free(struct dp_offload *offload, struct dp_offload_rule *rule)
{
    dp_rule_look_again(rule);
    dp_rule_go(rule, DP_RULE_DEAD);
    dp_rule_destroy(offload, rule);
}
