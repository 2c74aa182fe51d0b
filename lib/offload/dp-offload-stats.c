/* SPDX-License-Identifier: Apache-2.0 */

/* Counters are kept where they are written: by each worker, under a mutex of
 * its own that it takes once for each operation, and by each port.  Here they
 * are summed up when somebody asks. */

#include <config.h>
#include "offload/dp-offload.h"

#include <errno.h>
#include <stdarg.h>

#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload-worker.h"
#include "openvswitch/netdev.h"
#include "util.h"

uint64_t
dp_offload_n_installed(const struct dp_offload *offload)
{
    const struct dp_offload_port *port;
    uint64_t total = 0;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        uint64_t n;

        atomic_read_relaxed(
            &CONST_CAST(struct dp_offload_port *, port)->n_marked, &n);
        total += n;
        atomic_read_relaxed(
            &CONST_CAST(struct dp_offload_port *, port)->n_whole, &n);
        total += n;
    }
    return total;
}

size_t
dp_offload_n_marks(const struct dp_offload *offload)
{
    return dp_marks_count(offload->marks);
}

/* What dpctl/offload-stats-show prints for one thread, or for all. */
enum dp_offload_figure {
    DP_FIGURE_ENQUEUED,
    DP_FIGURE_INSERTED,
    DP_FIGURE_CMA,
    DP_FIGURE_CMA_STDDEV,
    DP_FIGURE_EMA,
    DP_FIGURE_EMA_STDDEV,
    DP_FIGURE_PUTS,
    DP_FIGURE_DELS,
    DP_FIGURE_PUT_FAILURES,
    DP_FIGURE_DEL_FAILURES,
    DP_FIGURE_RETRIES,
    DP_N_FIGURES
};

static const char *
dp_figure_name(enum dp_offload_figure figure)
{
    switch (figure) {
    case DP_FIGURE_ENQUEUED:     return "Enqueued offloads";
    case DP_FIGURE_INSERTED:     return "Inserted offloads";
    case DP_FIGURE_CMA:          return "Cumulative Average latency (us)";
    case DP_FIGURE_CMA_STDDEV:   return "Cumulative Latency stddev (us)";
    case DP_FIGURE_EMA:          return "Exponential Average latency (us)";
    case DP_FIGURE_EMA_STDDEV:   return "Exponential Latency stddev (us)";
    case DP_FIGURE_PUTS:         return "Insertions done";
    case DP_FIGURE_DELS:         return "Deletions done";
    case DP_FIGURE_PUT_FAILURES: return "Insertions failed";
    case DP_FIGURE_DEL_FAILURES: return "Deletions failed";
    case DP_FIGURE_RETRIES:      return "Retries";
    case DP_N_FIGURES:
    default:
        OVS_NOT_REACHED();
    }
}

static void
dp_figures_get(const struct dp_offload_worker *worker_,
               uint64_t values[DP_N_FIGURES])
{
    struct dp_offload_worker *worker
        = CONST_CAST(struct dp_offload_worker *, worker_);
    struct dp_offload_figures *f = &worker->figures;

    atomic_read_relaxed(&worker->n_pending, &values[DP_FIGURE_ENQUEUED]);
    ovs_mutex_lock(&worker->mutex);
    values[DP_FIGURE_INSERTED] = f->n_inserted;
    values[DP_FIGURE_CMA] = mov_avg_cma(&f->cma);
    values[DP_FIGURE_CMA_STDDEV] = mov_avg_cma_std_dev(&f->cma);
    values[DP_FIGURE_EMA] = mov_avg_ema(&f->ema);
    values[DP_FIGURE_EMA_STDDEV] = mov_avg_ema_std_dev(&f->ema);
    values[DP_FIGURE_PUTS] = f->n_puts;
    values[DP_FIGURE_DELS] = f->n_dels;
    values[DP_FIGURE_PUT_FAILURES] = f->n_put_failures;
    values[DP_FIGURE_DEL_FAILURES] = f->n_del_failures;
    values[DP_FIGURE_RETRIES] = f->n_retries;
    ovs_mutex_unlock(&worker->mutex);
}

int
dp_offload_stats_get(const struct dp_offload *offload,
                     struct netdev_custom_stats *stats)
{
    uint64_t totals[DP_N_FIGURES] = { 0 };
    struct netdev_custom_counter *counter;
    unsigned int n_workers = dp_offload_get_n_workers(offload);
    unsigned int n_active = 0;

    if (!dp_offload_is_enabled(offload)) {
        return EOPNOTSUPP;
    }

    stats->size = DP_N_FIGURES * (n_workers + 1);
    stats->counters = xcalloc(stats->size, sizeof *stats->counters);

    /* The totals have the work of threads that were stopped, too: they never
     * go back. */
    counter = &stats->counters[DP_N_FIGURES];
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        uint64_t values[DP_N_FIGURES];

        dp_figures_get(&offload->workers[i], values);
        n_active += values[DP_FIGURE_PUTS] > 0;
        for (int j = 0; j < DP_N_FIGURES; j++) {
            totals[j] += values[j];
        }
        for (int j = 0; i < n_workers && j < DP_N_FIGURES; j++, counter++) {
            snprintf(counter->name, sizeof counter->name, "[%3u] %32s",
                     i, dp_figure_name(j));
            counter->value = values[j];
        }
    }

    counter = stats->counters;
    for (int j = 0; j < DP_N_FIGURES; j++, counter++) {
        snprintf(counter->name, sizeof counter->name, "Total %32s",
                 dp_figure_name(j));
        counter->value = totals[j];
        if (j >= DP_FIGURE_CMA && j <= DP_FIGURE_EMA_STDDEV) {
            /* The mean of those threads that have done anything. */
            counter->value /= MAX(n_active, 1);
        }
    }
    return 0;
}

static void
dp_offload_check_rule(const struct dp_offload *offload,
                      const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    const struct dp_offload_shard *shard = rule->shard;

    ovs_assert(shard == dp_rule_shard(offload, &rule->mega_ufid));
    ovs_assert(dp_rule_state_is_in(rule->state)
               == (rule->level != DP_OFFLOAD_ABSENT));
    if (dp_rule_state_is_busy(rule->state) || rule->ready) {
        /* Its counters are being read. */
        return;
    }
    ovs_assert(rule->n_members || rule->level != DP_OFFLOAD_ABSENT
               || rule->state == DP_RULE_UNSURE);
    if (rule->level != DP_OFFLOAD_ABSENT || rule->state == DP_RULE_UNSURE) {
        ovs_assert(rule->port);
    } else {
        ovs_assert(!rule->port || !ovs_list_is_empty(&rule->seat.node));
        ovs_assert(ovs_list_is_empty(&rule->seat.node)
                   || rule->state == DP_RULE_WAITING);
    }
    ovs_assert(rule->level != DP_OFFLOAD_MARKED || rule->mark);
    ovs_assert(rule->level != DP_OFFLOAD_WHOLE || !rule->mark);
    if (rule->mark) {
        ovs_assert(dp_mark_index_get(offload->marks->owners, rule->mark)
                   == rule);
        for (size_t i = 0; i < rule->n_members; i++) {
            const struct dp_offload_member *member = &rule->members[i];
            const void *flow = dp_mark_index_get(member->index, rule->mark);

            ovs_assert(dp_rule_member_find(rule, flow));
        }
    }
}

void
dp_offload_check(const struct dp_offload *offload)
{
    uint64_t n_installed = 0;
    size_t n_marks = 0;
    size_t n_rules = 0;

    dp_marks_check(offload->marks);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        const struct dp_offload_rule *rule;
        size_t n_whole = 0;

        ovs_mutex_lock(&shard->mutex);
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            dp_rule_is_locked(rule, shard);
            dp_offload_check_rule(offload, rule);
            n_installed += rule->level != DP_OFFLOAD_ABSENT;
            n_whole += rule->level == DP_OFFLOAD_WHOLE;
            n_marks += rule->mark != 0;
        }
        n_rules += hmap_count(&shard->rules);
        ovs_assert(n_whole == ovs_list_size(&shard->whole));
        ovs_mutex_unlock(&shard->mutex);
    }
    dp_places_check(&offload->places);
    ovs_assert(n_rules == dp_offload_n_rules(offload));
    ovs_assert(n_installed == dp_offload_n_installed(offload));
    ovs_assert(n_marks == dp_mark_index_count(offload->marks->owners));
}
