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
#include "rebalance/dp-rebalance.h"

#include "offload/dp-offload-clock.h"
#include "offload/dp-offload.h"
#include "offload/dp-places.h"
#include "offload/dp-rule-place.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "rebalance/dp-rebalance-policy.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rebalance);

struct dp_rebalance {
    /* Constant after creation. */
    struct dp_offload *offload;
    struct dp_places *places;           /* The engine's. */

    /* Control thread only. */
    pthread_t thread;
    bool running;

    /* Published (atomic). */
    atomic_bool exit;

    /* Thread only. */
    struct dp_rebalance_plan plan;
    struct dp_rebalance_item *items;
    ovs_u128 *ufids;                    /* Of the items. */
    size_t n_items, allocated;
};

/* CPU cycles that a place saves for each packet: all of the switch's work, or
 * the search for the flow; a merged one is found at less cost by software,
 * too.  Only their ratio matters much. */
#define DP_REBALANCE_CYCLES_WHOLE 300
#define DP_REBALANCE_CYCLES_MARKED 100
#define DP_REBALANCE_CYCLES_MERGED 40
#define DP_REBALANCE_CYCLES_MERGED_WHOLE 120

#define DP_REBALANCE_NAP_US 500
#define DP_REBALANCE_SLEEP_US 20000
#define DP_REBALANCE_LATE_US 1000000    /* For the answer to a probe. */

/* Operations in a second and, of the places, in an interval. */
#define DP_REBALANCE_OPS_PER_S 50000
#define DP_REBALANCE_MIN_BUDGET 64
#define DP_REBALANCE_BUDGET_SHIFT 2

#define DP_REBALANCE_PROBE_MIN_US UINT64_C(4000000)
#define DP_REBALANCE_PROBE_MAX_US UINT64_C(256000000)

static bool
dp_rebalance_is_exiting(struct dp_rebalance *rb)
{
    bool exiting;

    atomic_read_relaxed(&rb->exit, &exiting);
    return exiting;
}

/* Reading counters. */

static float
dp_rebalance_cycles(enum dp_offload_kind kind, enum dp_offload_level level)
{
    return (kind == DP_OFFLOAD_MERGED
            ? (level == DP_OFFLOAD_WHOLE ? DP_REBALANCE_CYCLES_MERGED_WHOLE
               : DP_REBALANCE_CYCLES_MERGED)
            : level == DP_OFFLOAD_WHOLE ? DP_REBALANCE_CYCLES_WHOLE
            : level == DP_OFFLOAD_MARKED ? DP_REBALANCE_CYCLES_MARKED : 0);
}

/* Has the workers read the counters of whole rules, so that they are as new as
 * those of lanes: otherwise, if traffic as a whole comes and goes, the ones
 * would be compared with the others of another time.  Gives up at
 * 'deadline_us'. */
static void
dp_rebalance_refresh(struct dp_rebalance *rb, uint64_t deadline_us)
{
    uint64_t sweep = dp_rule_places_start_reading(rb->offload);

    while (!dp_rule_places_are_read(rb->offload, sweep)
           && !dp_rebalance_is_exiting(rb)
           && dp_offload_now_us() < deadline_us) {
        xnanosleep(DP_REBALANCE_NAP_US * 1000);
    }
}

struct dp_rebalance_scan {
    struct dp_rebalance *rb;
    uint64_t now_us;
    uint64_t interval_us;
    struct dp_places_figures *f;
    double cycles;                      /* Sum over rules that are placed. */
    size_t n_placed;
};

/* Takes in a rule that the engine shows us. */
static void
dp_rebalance_scan_rule(void *scan_, struct dp_rule_place *place)
{
    struct dp_rebalance_scan *scan = scan_;
    struct dp_rebalance *rb = scan->rb;
    bool placed = place->level != DP_OFFLOAD_ABSENT;
    struct dp_places_rate *rate = place->rate;
    struct dp_rebalance_item *item;
    uint64_t n_packets;

    if (rate->when_us == scan->now_us) {
        return;                         /* Seen. */
    }
    n_packets = dp_rebalance_rate_update(rate, place->n_packets, scan->now_us,
                                         scan->interval_us);
    scan->f->packets += n_packets;
    scan->f->hits += placed ? n_packets : 0;
    scan->f->n_waiting += !placed;
    if (place->evict) {
        return;
    }

    if (rb->n_items >= rb->allocated) {
        rb->allocated = MAX(2 * rb->allocated, 1024);
        rb->items = xrealloc(rb->items, rb->allocated * sizeof *rb->items);
        rb->ufids = xrealloc(rb->ufids, rb->allocated * sizeof *rb->ufids);
    }
    rb->ufids[rb->n_items] = place->mega_ufid;
    item = &rb->items[rb->n_items++];
    *item = (struct dp_rebalance_item) {
        .id = place->mega_ufid.u64.lo,
        .fast = rate->fast,
        .slow = rate->slow,
        .cycles = dp_rebalance_cycles(place->kind,
                                      placed ? place->level : place->best),
        .places = 1,
        .placed = placed || place->coming,
    };
    if (placed && scan->now_us > place->since_us) {
        item->age_ms = MIN((scan->now_us - place->since_us) / 1000,
                           UINT32_MAX);
    }
    if (placed) {
        scan->cycles += item->cycles;
        scan->n_placed++;
    }
}

/* Fills 'rb->items', and those members of '*f' that tell the present. */
static void
dp_rebalance_scan(struct dp_rebalance *rb, struct dp_places_table *table,
                  uint64_t now_us, uint64_t interval_us,
                  struct dp_places_figures *f)
{
    struct dp_rebalance_scan scan = {
        .rb = rb, .now_us = now_us, .interval_us = interval_us, .f = f,
    };
    float mean;

    f->n_waiting = f->hits = f->packets = 0;
    rb->n_items = 0;
    dp_rule_places_scan(rb->offload, table, &rb->exit, dp_rebalance_scan_rule,
                        &scan);

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

/* Waits until fewer than 'limit' places of 'table' are used or promised.
 * Returns false if it takes too long. */
static bool
dp_rebalance_wait_for_room(struct dp_rebalance *rb,
                           struct dp_places_table *table, uint64_t limit,
                           uint64_t deadline_us)
{
    while (dp_places_read(&table->n_placed)
           + dp_places_read(&table->n_coming) >= limit) {
        if (dp_rebalance_is_exiting(rb)
            || dp_offload_now_us() >= deadline_us) {
            return false;
        }
        xnanosleep(DP_REBALANCE_NAP_US * 1000);
    }
    return true;
}

static void
dp_rebalance_apply(struct dp_rebalance *rb, struct dp_places_table *table,
                   uint64_t limit, uint64_t deadline_us,
                   struct dp_places_figures *f)
{
    const struct dp_rebalance_plan *plan = &rb->plan;

    for (size_t i = 0; i < plan->n_moves; i++) {
        const struct dp_rebalance_move *move = &plan->moves[i];

        if (move->in
            && !dp_rebalance_wait_for_room(rb, table, limit, deadline_us)) {
            break;
        }
        if (dp_rule_place_move(rb->offload, table, &rb->ufids[move->item],
                               move->in)) {
            f->n_in += move->in;
            f->n_out += !move->in;
        }
    }
}

/* Tables. */

static void
dp_rebalance_params(struct dp_rebalance *rb, struct dp_places_table *table,
                    uint64_t interval_us, struct dp_rebalance_params *params)
{
    uint64_t capacity = dp_places_read(&table->capacity);
    uint64_t n_placed = dp_places_read(&table->n_placed);
    uint64_t most, budget;
    struct dp_places_config config;

    if (!capacity && !dp_places_read(&table->n_full)) {
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
    dp_places_get_config(rb->places, &config);
    params->min_pps = config.min_pps;
}

/* Returns true if 'table' has more places than was known.  While moves are
 * under way its number of rules may be too high for a moment, because a place
 * is free sooner than we are told. */
static bool
dp_rebalance_learn(struct dp_places_table *table)
{
    uint64_t capacity = dp_places_read(&table->capacity);
    uint64_t n_placed = dp_places_read(&table->n_placed);
    bool more = capacity && n_placed > capacity;

    if (more) {
        atomic_store_relaxed(&table->capacity, n_placed);
    }
    return more;
}

/* If all that wait would fit, and more, 'table' is open again. */
static bool
dp_rebalance_try_open(struct dp_rebalance *rb,
                      struct dp_places_table *table,
                      const struct dp_rebalance_params *params,
                      const struct dp_places_figures *f)
{
    uint64_t needed = (dp_places_read(&table->n_placed)
                       + dp_places_read(&table->n_coming)
                       + params->reserve + 2 * f->n_waiting);

    if (params->min_pps || needed >= params->capacity) {
        return false;
    }
    VLOG_INFO("a NIC that was full has room for all rules");
    atomic_store_relaxed(&table->managed, false);
    dp_rule_places_call_all(rb->offload, table);
    return true;
}

/* Is it time to find out whether there is more room than we know? */
static bool
dp_rebalance_start_probe(struct dp_places_table *table, uint64_t now_us,
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
dp_rebalance_end_probe(struct dp_places_table *table, uint64_t now_us,
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
                       struct dp_places_table *table,
                       uint64_t interval_us, uint64_t deadline_us,
                       struct dp_places_figures *f)
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

    n_full = dp_places_read(&table->n_full);
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

        while (dp_places_read(&table->n_coming)
               && !dp_rebalance_is_exiting(rb)
               && dp_offload_now_us() < deadline_us + DP_REBALANCE_LATE_US) {
            xnanosleep(DP_REBALANCE_NAP_US * 1000);
        }
        found = dp_rebalance_learn(table);
        full = dp_places_read(&table->n_full) != n_full;
        dp_rebalance_end_probe(table, now_us, found, full);
        f->n_probes++;
        f->n_probes_ok += found;
    }
}

static void
dp_rebalance_run(struct dp_rebalance *rb, uint64_t interval_us)
{
    uint64_t deadline_us = dp_offload_now_us() + interval_us;
    struct dp_places *places = rb->places;
    struct dp_places_table **tables;
    bool refreshed = false;
    size_t n;

    /* Ports may go meanwhile. */
    tables = dp_places_tables(places, &n);
    for (size_t i = 0; i < n; i++) {
        struct dp_places_figures f;

        ovs_mutex_lock(&places->mutex);
        f = tables[i]->figures;
        ovs_mutex_unlock(&places->mutex);
        if (dp_places_table_is_managed(tables[i])) {
            if (!refreshed) {
                dp_rebalance_refresh(rb, deadline_us - interval_us / 2);
                refreshed = true;
            }
            dp_rebalance_run_table(rb, tables[i], interval_us, deadline_us,
                                   &f);
        } else {
            f.n_waiting = f.n_candidates = f.hits = f.packets = 0;
        }
        ovs_mutex_lock(&places->mutex);
        tables[i]->figures = f;
        ovs_mutex_unlock(&places->mutex);
        dp_places_table_put(places, tables[i]);
    }
    free(tables);
}

static void *
dp_rebalance_main(void *rb_)
{
    struct dp_rebalance *rb = rb_;
    uint64_t last_us = dp_offload_now_us();

    while (!dp_rebalance_is_exiting(rb)) {
        uint64_t now_us = dp_offload_now_us();
        struct dp_places_config config;
        uint64_t interval_us;

        dp_places_get_config(rb->places, &config);
        interval_us = config.interval_ms * UINT64_C(1000);
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

/* Control. */

struct dp_rebalance *
dp_rebalance_create(struct dp_offload *offload)
{
    struct dp_rebalance *rb = xzalloc(sizeof *rb);

    rb->offload = offload;
    rb->places = dp_offload_places(offload);
    atomic_init(&rb->exit, false);
    dp_rebalance_plan_init(&rb->plan);
    return rb;
}

static void
dp_rebalance_start(struct dp_rebalance *rb)
{
    atomic_store_relaxed(&rb->exit, false);
    rb->thread = ovs_thread_create("hw_rebalance", dp_rebalance_main, rb);
    rb->running = true;
    dp_offload_set_helper(rb->offload, &rb->thread);
}

static void
dp_rebalance_stop(struct dp_rebalance *rb)
{
    dp_offload_set_helper(rb->offload, NULL);
    atomic_store_relaxed(&rb->exit, true);
    ovsrcu_quiesce_start();
    xpthread_join(rb->thread, NULL);
    ovsrcu_quiesce_end();
    rb->running = false;
}

void
dp_rebalance_destroy(struct dp_rebalance *rb)
{
    if (rb) {
        if (rb->running) {
            dp_rebalance_stop(rb);
        }
        dp_rebalance_plan_uninit(&rb->plan);
        free(rb->items);
        free(rb->ufids);
        free(rb);
    }
}

void
dp_rebalance_configure(struct dp_rebalance *rb,
                       const struct dp_places_config *config)
{
    bool change = config->rebalance != rb->running;

    if (rb->running && !config->rebalance) {
        dp_rebalance_stop(rb);
    }
    dp_offload_configure_places(rb->offload, config);
    if (!rb->running && config->rebalance) {
        dp_rebalance_start(rb);
    }
    if (change) {
        VLOG_INFO("rebalancing of offloaded flows is %s",
                  config->rebalance ? "on" : "off");
    }
}
