/* SPDX-License-Identifier: Apache-2.0 */

/* The thread wakes once an interval.  For each managed table it reads the
 * counters of the rules that have a place or wait for one, lets the policy
 * make a plan, and applies it move by move: a removal at once, an insertion
 * when a place is free, so at first as many as the reserve has places, and
 * then one for each removal that the NIC has confirmed.  What is not done when
 * the next interval begins is forgotten; by then there are better figures.
 *
 * It keeps no pointer to a rule.  Rules may come, go and change while a plan
 * is made; what no longer fits is passed over. */

#include <config.h>
#include "offload/dp-rebalance.h"

#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload-worker.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rebalance_thread);

/* CPU cycles that a place saves for each packet: all of the switch's work, or
 * the search for the flow.  Only their ratio matters much. */
#define DP_REBALANCE_CYCLES_WHOLE 300
#define DP_REBALANCE_CYCLES_MARKED 100

#define DP_REBALANCE_NAP_US 500
#define DP_REBALANCE_SLEEP_US 20000
#define DP_REBALANCE_LATE_US 1000000    /* For the answer to a probe. */

/* Operations in a second and, of the places, in an interval. */
#define DP_REBALANCE_OPS_PER_S 50000
#define DP_REBALANCE_MIN_BUDGET 64
#define DP_REBALANCE_BUDGET_SHIFT 2

#define DP_REBALANCE_PROBE_MIN_US UINT64_C(4000000)
#define DP_REBALANCE_PROBE_MAX_US UINT64_C(256000000)

static uint64_t
dp_rebalance_get(atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(counter, &value);
    return value;
}

static bool
dp_rebalance_is_exiting(struct dp_rebalance *rb)
{
    bool exiting;

    atomic_read_relaxed(&rb->exit, &exiting);
    return exiting;
}

/* Reading counters. */

/* Returns the number of packets of 'rule', by whomever they were counted. */
static uint64_t
dp_rebalance_count(const struct dp_offload *offload,
                   const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_env *env = &offload->env;
    uint64_t n = 0;

    for (size_t i = 0; i < rule->n_members; i++) {
        const struct dp_offload_member *member = &rule->members[i];

        n += member->n_packets;
        if (env->flow_packets) {
            n += env->flow_packets(env->aux, member->flow);
        }
    }
    return n;
}

static float
dp_rebalance_cycles(uint8_t level)
{
    return (level == DP_OFFLOAD_WHOLE ? DP_REBALANCE_CYCLES_WHOLE
            : level == DP_OFFLOAD_MARKED ? DP_REBALANCE_CYCLES_MARKED : 0);
}

/* Has the workers read the counters of whole rules, so that they are as new as
 * those of lanes: otherwise, if traffic as a whole comes and goes, the ones
 * would be compared with the others of another time.  Gives up at
 * 'deadline_us'. */
static void
dp_rebalance_refresh(struct dp_rebalance *rb, uint64_t deadline_us)
{
    struct dp_offload *offload = rb->offload;
    unsigned int n = dp_offload_get_n_workers(offload);
    uint64_t sweep, done;

    atomic_add_relaxed(&rb->sweep, 1, &sweep);
    for (unsigned int i = 0; i < n; i++) {
        for (;;) {
            atomic_read_explicit(&offload->workers[i].sweep_done, &done,
                                 memory_order_acquire);
            if (done > sweep || dp_rebalance_is_exiting(rb)
                || dp_offload_now_us() >= deadline_us) {
                break;
            }
            xnanosleep(DP_REBALANCE_NAP_US * 1000);
        }
    }
}

struct dp_rebalance_scan {
    struct dp_rebalance *rb;
    uint64_t now_us;
    uint64_t interval_us;
    struct dp_rebalance_figures *f;
    double cycles;                      /* Sum over rules that are placed. */
    size_t n_placed;
};

static void
dp_rebalance_scan_rule(struct dp_rebalance_scan *scan,
                       struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_rebalance *rb = scan->rb;
    bool placed = rule->level != DP_OFFLOAD_ABSENT;
    struct dp_rebalance_item *item;
    uint64_t n_packets;

    if (rule->rate.when_us == scan->now_us || !rule->n_members) {
        return;                         /* Seen, or about to go. */
    }
    n_packets = dp_rebalance_rate_update(
        &rule->rate, dp_rebalance_count(rb->offload, rule), scan->now_us,
        scan->interval_us);
    scan->f->packets += n_packets;
    scan->f->hits += placed ? n_packets : 0;
    scan->f->n_waiting += !placed;
    if (rule->evict) {
        return;
    }

    if (rb->n_items >= rb->allocated) {
        rb->allocated = MAX(2 * rb->allocated, 1024);
        rb->items = xrealloc(rb->items, rb->allocated * sizeof *rb->items);
        rb->ufids = xrealloc(rb->ufids, rb->allocated * sizeof *rb->ufids);
    }
    rb->ufids[rb->n_items] = rule->mega_ufid;
    item = &rb->items[rb->n_items++];
    *item = (struct dp_rebalance_item) {
        .id = rule->mega_ufid.u64.lo,
        .fast = rule->rate.fast,
        .slow = rule->rate.slow,
        .cycles = dp_rebalance_cycles(placed ? rule->level : rule->best),
        .places = 1,
        .placed = placed || rule->coming,
    };
    if (placed && scan->now_us > rule->since_us) {
        item->age_ms = MIN((scan->now_us - rule->since_us) / 1000,
                           UINT32_MAX);
    }
    if (placed) {
        scan->cycles += item->cycles;
        scan->n_placed++;
    }
}

/* Visits each rule of 'list', DP_REBALANCE_CHUNK at a time, in turns: those
 * that come meanwhile stand behind the last one. */
static void
dp_rebalance_scan_shard(struct dp_rebalance_scan *scan,
                        struct dp_rebalance_table *table, size_t i,
                        bool placed)
{
    struct dp_offload_shard *shard = &scan->rb->offload->shards[i];
    struct dp_rebalance_line *line = &table->lines[i];
    size_t left = SIZE_MAX;

    while (left) {
        ovs_mutex_lock(&shard->mutex);
        left = MIN(left, placed ? line->n_placed : line->n_waiting);
        for (size_t n = 0; left && n < DP_REBALANCE_CHUNK; n++, left--) {
            struct dp_offload_rule *rule;

            if (placed) {
                rule = CONTAINER_OF(ovs_list_pop_front(&line->placed),
                                    struct dp_offload_rule, line_node);
                ovs_list_push_back(&line->placed, &rule->line_node);
            } else {
                rule = CONTAINER_OF(ovs_list_pop_front(&line->waiting),
                                    struct dp_offload_rule, line_node);
                ovs_list_push_back(&line->waiting, &rule->line_node);
            }
            dp_rule_is_locked(rule, shard);
            dp_rebalance_scan_rule(scan, rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

/* Fills 'rb->items', and those members of '*f' that tell the present. */
static void
dp_rebalance_scan(struct dp_rebalance *rb, struct dp_rebalance_table *table,
                  uint64_t now_us, uint64_t interval_us,
                  struct dp_rebalance_figures *f)
{
    struct dp_rebalance_scan scan = {
        .rb = rb, .now_us = now_us, .interval_us = interval_us, .f = f,
    };
    float mean;

    f->n_waiting = f->hits = f->packets = 0;
    rb->n_items = 0;
    for (size_t i = 0; (i < DP_OFFLOAD_N_SHARDS
                        && !dp_rebalance_is_exiting(rb)); i++) {
        dp_rebalance_scan_shard(&scan, table, i, true);
        dp_rebalance_scan_shard(&scan, table, i, false);
        ovsrcu_quiesce();
    }

    /* A rule that has not been in the NIC yet is taken for an average one. */
    mean = (scan.n_placed ? scan.cycles / scan.n_placed
            : DP_REBALANCE_CYCLES_WHOLE);
    for (size_t i = 0; i < rb->n_items; i++) {
        if (!rb->items[i].cycles) {
            rb->items[i].cycles = mean;
        }
    }
}

/* Moves. */

/* The rule 'mega_ufid' gets leave to come into 'table', or is to leave it, if
 * that is still possible.  Returns true if so. */
static bool
dp_rebalance_move(struct dp_rebalance *rb, struct dp_rebalance_table *table,
                  const ovs_u128 *mega_ufid, bool in)
{
    struct dp_offload_shard *shard = dp_rule_shard(rb->offload, mega_ufid);
    struct dp_offload_rule *rule;
    bool moved = false;
    uint64_t orig;

    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, mega_ufid);
    if (rule) {
        dp_rule_is_locked(rule, shard);
        moved = (rule->port && rule->port->table == table && !rule->coming
                 && (in ? rule->waiting
                     : rule->level != DP_OFFLOAD_ABSENT && !rule->evict));
        if (moved && in) {
            rule->coming = table;
            atomic_add_relaxed(&table->n_coming, 1, &orig);
        } else if (moved) {
            rule->evict = true;
        }
        if (moved) {
            dp_rule_ready(rule);
        }
    }
    ovs_mutex_unlock(&shard->mutex);

    return moved;
}

/* Waits until fewer than 'limit' places of 'table' are used or promised.
 * Returns false if it takes too long. */
static bool
dp_rebalance_wait_for_room(struct dp_rebalance *rb,
                           struct dp_rebalance_table *table, uint64_t limit,
                           uint64_t deadline_us)
{
    while (dp_rebalance_get(&table->n_placed)
           + dp_rebalance_get(&table->n_coming) >= limit) {
        if (dp_rebalance_is_exiting(rb)
            || dp_offload_now_us() >= deadline_us) {
            return false;
        }
        xnanosleep(DP_REBALANCE_NAP_US * 1000);
    }
    return true;
}

static void
dp_rebalance_apply(struct dp_rebalance *rb, struct dp_rebalance_table *table,
                   uint64_t limit, uint64_t deadline_us,
                   struct dp_rebalance_figures *f)
{
    const struct dp_rebalance_plan *plan = &rb->plan;

    for (size_t i = 0; i < plan->n_moves; i++) {
        const struct dp_rebalance_move *move = &plan->moves[i];

        if (move->in
            && !dp_rebalance_wait_for_room(rb, table, limit, deadline_us)) {
            break;
        }
        if (dp_rebalance_move(rb, table, &rb->ufids[move->item], move->in)) {
            f->n_in += move->in;
            f->n_out += !move->in;
        }
    }
}

/* Tables. */

static void
dp_rebalance_params(struct dp_rebalance *rb, struct dp_rebalance_table *table,
                    uint64_t interval_us, struct dp_rebalance_params *params)
{
    uint64_t capacity = dp_rebalance_get(&table->capacity);
    uint64_t n_placed = dp_rebalance_get(&table->n_placed);
    uint64_t most, budget;
    uint32_t min_pps;

    if (!capacity && !dp_rebalance_get(&table->n_full)) {
        /* The NIC has not said yet how much it holds. */
        capacity = UINT32_MAX;
    }
    most = DP_REBALANCE_OPS_PER_S * interval_us / 1000000;
    budget = capacity == UINT32_MAX ? n_placed : capacity;
    budget = MAX(budget >> DP_REBALANCE_BUDGET_SHIFT,
                 DP_REBALANCE_MIN_BUDGET);
    if (capacity == UINT32_MAX) {
        budget = most;
    }
    dp_rebalance_params_init(params, interval_us, capacity,
                             MAX(MIN(budget, most), 2));
    if (capacity == UINT32_MAX) {
        params->reserve = 0;
    }
    atomic_read_relaxed(&rb->min_pps, &min_pps);
    params->min_pps = min_pps;
}

/* Returns true if 'table' has more places than was known.  While moves are
 * under way its number of rules may be too high for a moment, because a place
 * is free sooner than we are told. */
static bool
dp_rebalance_learn(struct dp_rebalance_table *table)
{
    uint64_t capacity = dp_rebalance_get(&table->capacity);
    uint64_t n_placed = dp_rebalance_get(&table->n_placed);
    bool more = capacity && n_placed > capacity;

    if (more) {
        atomic_store_relaxed(&table->capacity, n_placed);
    }
    return more;
}

/* If all that wait would fit, and more, 'table' is open again. */
static bool
dp_rebalance_try_open(struct dp_rebalance *rb,
                      struct dp_rebalance_table *table,
                      const struct dp_rebalance_params *params,
                      const struct dp_rebalance_figures *f)
{
    uint64_t needed = (dp_rebalance_get(&table->n_placed)
                       + dp_rebalance_get(&table->n_coming)
                       + params->reserve + 2 * f->n_waiting);

    if (params->min_pps || needed >= params->capacity) {
        return false;
    }
    VLOG_INFO("a NIC that was full has room for all rules");
    atomic_store_relaxed(&table->managed, false);
    dp_rebalance_call_all(rb->offload, table);
    return true;
}

/* Is it time to find out whether there is more room than we know? */
static bool
dp_rebalance_start_probe(struct dp_rebalance_table *table, uint64_t now_us,
                         struct dp_rebalance_params *params)
{
    if (!table->probe_us) {
        table->backoff_us = DP_REBALANCE_PROBE_MIN_US;
        table->probe_us = now_us + table->backoff_us;
        table->probe_step = 1;
    }
    if (now_us < table->probe_us || params->capacity == UINT32_MAX) {
        return false;
    }
    params->capacity += table->probe_step;
    params->reserve = 0;
    return true;
}

/* 'found' tells whether the NIC took more than was known that it holds, 'full'
 * whether it refused. */
static void
dp_rebalance_end_probe(struct dp_rebalance_table *table, uint64_t now_us,
                       bool found, bool full)
{
    if (found) {
        table->backoff_us = DP_REBALANCE_PROBE_MIN_US;
        table->probe_us = now_us;
        table->probe_step *= full ? 1 : 2;
    } else {
        table->backoff_us = MIN(2 * table->backoff_us,
                                DP_REBALANCE_PROBE_MAX_US);
        table->probe_us = now_us + table->backoff_us;
        table->probe_step = 1;
    }
}

static void
dp_rebalance_run_table(struct dp_rebalance *rb,
                       struct dp_rebalance_table *table,
                       uint64_t interval_us, uint64_t deadline_us,
                       struct dp_rebalance_figures *f)
{
    uint64_t now_us = dp_offload_now_us();
    struct dp_rebalance_params params;
    uint64_t n_full;
    bool probing;

    dp_rebalance_learn(table);
    dp_rebalance_scan(rb, table, now_us, interval_us, f);
    dp_rebalance_params(rb, table, interval_us, &params);
    if (dp_rebalance_try_open(rb, table, &params, f)) {
        table->probe_us = 0;
        return;
    }

    n_full = dp_rebalance_get(&table->n_full);
    probing = dp_rebalance_start_probe(table, now_us, &params);
    dp_rebalance_plan_run(&rb->plan, &params, rb->items, rb->n_items);
    f->n_candidates = rb->plan.n_candidates;
    VLOG_DBG("%"PRIu64" rules placed, %"PRIu64" waiting, %"PRIuSIZE
             " candidates, %"PRIu64" of %"PRIu64" packets were hits, slow "
             "rates times %.2f, %"PRIuSIZE" moves planned, %"PRIuSIZE" in%s",
             rb->plan.used, f->n_waiting, rb->plan.n_candidates, f->hits,
             f->packets, rb->plan.scale, rb->plan.n_moves, rb->plan.n_in,
             probing ? ", probing" : "");
    dp_rebalance_apply(rb, table, params.capacity, deadline_us, f);

    /* Without candidates nothing was tried. */
    if (probing && rb->plan.used + rb->plan.n_in >= params.capacity) {
        bool full, found;

        while (dp_rebalance_get(&table->n_coming)
               && !dp_rebalance_is_exiting(rb)
               && dp_offload_now_us() < deadline_us + DP_REBALANCE_LATE_US) {
            xnanosleep(DP_REBALANCE_NAP_US * 1000);
        }
        found = dp_rebalance_learn(table);
        full = dp_rebalance_get(&table->n_full) != n_full;
        dp_rebalance_end_probe(table, now_us, found, full);
        f->n_probes++;
        f->n_probes_ok += found;
    }
}

static void
dp_rebalance_run(struct dp_rebalance *rb, uint64_t interval_us)
{
    uint64_t deadline_us = dp_offload_now_us() + interval_us;
    struct dp_rebalance_table **tables, *table;
    bool refreshed = false;
    size_t n = 0;

    /* Ports may go meanwhile. */
    ovs_mutex_lock(&rb->mutex);
    tables = xmalloc(ovs_list_size(&rb->tables) * sizeof *tables);
    LIST_FOR_EACH (table, node, &rb->tables) {
        ovs_refcount_ref(&table->ref_cnt);
        tables[n++] = table;
    }
    ovs_mutex_unlock(&rb->mutex);

    for (size_t i = 0; i < n; i++) {
        struct dp_rebalance_figures f;
        bool managed;

        ovs_mutex_lock(&rb->mutex);
        f = tables[i]->figures;
        ovs_mutex_unlock(&rb->mutex);
        atomic_read_relaxed(&tables[i]->managed, &managed);
        if (managed) {
            if (!refreshed) {
                dp_rebalance_refresh(rb, deadline_us - interval_us / 2);
                refreshed = true;
            }
            dp_rebalance_run_table(rb, tables[i], interval_us, deadline_us,
                                   &f);
        } else {
            f.n_waiting = f.n_candidates = f.hits = f.packets = 0;
        }
        ovs_mutex_lock(&rb->mutex);
        tables[i]->figures = f;
        ovs_mutex_unlock(&rb->mutex);
        dp_rebalance_table_put(rb, tables[i]);
    }
    free(tables);
}

void *
dp_rebalance_main(void *rb_)
{
    struct dp_rebalance *rb = rb_;
    uint64_t last_us = dp_offload_now_us();

    while (!dp_rebalance_is_exiting(rb)) {
        uint64_t now_us = dp_offload_now_us();
        uint64_t interval_us;
        uint32_t interval_ms;

        atomic_read_relaxed(&rb->interval_ms, &interval_ms);
        interval_us = interval_ms * UINT64_C(1000);
        if (now_us >= last_us + interval_us) {
            last_us = now_us;
            if (dp_offload_is_enabled(rb->offload)) {
                dp_rebalance_run(rb, interval_us);
            }
        } else {
            xnanosleep(MIN(last_us + interval_us - now_us,
                           DP_REBALANCE_SLEEP_US) * 1000);
        }
    }
    return NULL;
}
