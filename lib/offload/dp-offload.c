/* SPDX-License-Identifier: Apache-2.0 */

/* The front door only changes what is desired, under a shard's mutex, and
 * leaves the rest to the workers.
 *
 * Switching off leaves the registry as it is: the rules of live flows stay
 * in it, absent, with what the NIC has counted for them, and removals of flows
 * are heeded.  It races with lanes that have just read that the engine is on.
 * They read it again under the shard's mutex; the switch is stored before the
 * first shard is swept, so a rule that a lane adds before the sweep is seen
 * by it, and after it none is added. */

#include <config.h>
#include "offload/dp-offload.h"

#include <errno.h>

#include "dpif.h"
#include "odp-util.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload-worker.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_offload);

/* Life cycle. */

struct dp_offload *
dp_offload_create(const struct dp_offload_env *env,
                  const struct dp_offload_class *classes[],
                  unsigned int n_workers)
{
    struct dp_offload *offload;
    size_t n = 0;

    ovs_assert(n_workers >= 1 && n_workers <= DP_OFFLOAD_MAX_WORKERS);

    offload = xzalloc_cacheline(sizeof *offload);
    BUILD_ASSERT_DECL(!offsetof(struct dp_offload, sw));
    atomic_init(&offload->sw.enabled, false);
    atomic_init(&offload->sw.verify, false);
    atomic_init(&offload->sw.merging, false);
    offload->env = *env;
    while (classes[n]) {
        n++;
    }
    offload->classes = xmemdup(classes, (n + 1) * sizeof *classes);
    offload->marks = dp_marks_create();
    dp_mark_limbo_init(&offload->limbo);
    offload->shards = xzalloc_cacheline(DP_OFFLOAD_N_SHARDS
                                        * sizeof *offload->shards);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        dp_shard_init(&offload->shards[i]);
    }
    cmap_init(&offload->ports);
    atomic_init(&offload->n_rules, 0);
    atomic_init(&offload->n_flushing, 0);
    atomic_init(&offload->delay_us, 0);
    atomic_init(&offload->port_gen, 0);
    atomic_init(&offload->sweep, 0);
    ovs_mutex_init(&offload->mutex);
    if (sched_getaffinity(0, sizeof offload->process_cpus,
                          &offload->process_cpus)) {
        memset(&offload->process_cpus, 0xff, sizeof offload->process_cpus);
    }
    offload->worker_cpus = offload->process_cpus;
    dp_offload_workers_init(offload, n_workers);
    dp_places_init(&offload->places);

    return offload;
}

/* Forgets the flows of all rules. */
static void
dp_offload_forget_flows(struct dp_offload *offload)
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            dp_rule_is_locked(rule, shard);
            dp_rule_members_clear(offload, rule);
            dp_rule_set_flushing(offload, rule, true);
            dp_rule_ready(rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

void
dp_offload_destroy(struct dp_offload *offload)
{
    struct cmap_node *node;

    if (!offload) {
        return;
    }

    dp_offload_set_enabled(offload, false);
    dp_offload_flush(offload);
    while ((node = cmap_first(&offload->ports))) {
        struct dp_offload_port *port
            = CONTAINER_OF(node, struct dp_offload_port, node);

        dp_offload_port_del(offload, port->port_no);
    }
    dp_offload_drain(offload);

    ovs_mutex_lock(&offload->mutex);
    dp_offload_workers_stop(offload);
    ovs_mutex_unlock(&offload->mutex);
    dp_marks_reap(offload->marks, &offload->limbo, UINT64_MAX);

    ovs_assert(!dp_offload_n_rules(offload));
    dp_offload_workers_uninit(offload);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        dp_shard_uninit(&offload->shards[i]);
    }
    free_cacheline(offload->shards);
    dp_places_uninit(&offload->places);
    cmap_destroy(&offload->ports);
    dp_mark_limbo_uninit(&offload->limbo);
    dp_marks_destroy(offload->marks);
    ovs_mutex_destroy(&offload->mutex);
    free(offload->classes);
    free_cacheline(offload);
}

bool
dp_offload_set_enabled(struct dp_offload *offload, bool enabled)
{
    bool change;

    ovs_mutex_lock(&offload->mutex);
    change = enabled != dp_offload_is_enabled(offload);
    if (change) {
        atomic_store_explicit(&offload->sw.enabled, enabled,
                              memory_order_release);
        if (enabled) {
            dp_offload_workers_start(offload);
        }
        VLOG_INFO("flow offloading is %s", enabled ? "on" : "off");
    }
    ovs_mutex_unlock(&offload->mutex);

    if (change) {
        dp_rules_ready_all(offload);
    }
    return change && enabled;
}

int
dp_offload_set_n_workers(struct dp_offload *offload, unsigned int n)
{
    if (n < 1 || n > DP_OFFLOAD_MAX_WORKERS) {
        VLOG_WARN("%u is not a valid number of offload threads (1 to %d)",
                  n, DP_OFFLOAD_MAX_WORKERS);
        return EINVAL;
    }

    ovs_mutex_lock(&offload->mutex);
    if (n != dp_offload_get_n_workers(offload)) {
        bool running = offload->threads_running;

        dp_offload_workers_stop(offload);
        dp_offload_workers_assign(offload, n);
        if (running) {
            dp_offload_workers_start(offload);
        }
    }
    ovs_mutex_unlock(&offload->mutex);

    return 0;
}

void
dp_offload_set_delay(struct dp_offload *offload, unsigned int ms)
{
    atomic_store_relaxed(&offload->delay_us, ms * UINT64_C(1000));
}

unsigned int
dp_offload_get_n_workers(const struct dp_offload *offload)
{
    uint32_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_offload *, offload)->n_workers,
                        &n);
    return n;
}

void
dp_offload_avoid_cores(struct dp_offload *offload, const unsigned int *cores,
                       size_t n)
{
    ovs_mutex_lock(&offload->mutex);
    offload->worker_cpus = offload->process_cpus;
    for (size_t i = 0; i < n; i++) {
        if (cores[i] < CPU_SETSIZE) {
            CPU_CLR(cores[i], &offload->worker_cpus);
        }
    }
    if (!CPU_COUNT(&offload->worker_cpus)) {
        offload->worker_cpus = offload->process_cpus;
    }
    dp_offload_pin(offload);
    ovs_mutex_unlock(&offload->mutex);
}

void
dp_offload_set_helper(struct dp_offload *offload, const pthread_t *thread)
{
    ovs_mutex_lock(&offload->mutex);
    offload->has_helper = thread != NULL;
    if (thread) {
        offload->helper = *thread;
        dp_offload_pin(offload);
    }
    ovs_mutex_unlock(&offload->mutex);
}

/* Lanes. */

struct dp_mark_index *
dp_offload_lane_create(struct dp_offload *offload OVS_UNUSED,
                       unsigned int lane_id)
{
    return dp_mark_index_create(lane_id);
}

void
dp_offload_lane_destroy(struct dp_offload *offload OVS_UNUSED,
                        struct dp_mark_index *index)
{
    dp_mark_index_destroy(index);
}

const struct dp_mark_epoch *
dp_offload_epoch(const struct dp_offload *offload)
{
    return &offload->marks->epoch;
}

/* Flows. */

void
dp_offload_flow_put(struct dp_offload *offload, struct dp_mark_index *index,
                    void *flow, const struct dp_offload_info *info)
{
    struct dp_offload_shard *shard;
    struct dp_offload_rule *rule;

    if (!dp_offload_is_enabled(offload)) {
        return;
    }

    shard = dp_rule_shard(offload, &info->mega_ufid);
    ovs_mutex_lock(&shard->mutex);
    if (dp_offload_is_enabled(offload)) {
        rule = dp_rule_find(shard, &info->mega_ufid);
        if (!rule) {
            rule = dp_rule_create(offload, shard, info);
        }
        dp_rule_is_locked(rule, shard);
        if (dp_rule_member_add(offload, rule, index, flow)) {
            rule->gen++;
            dp_rule_ready(rule);
        }
    }
    ovs_mutex_unlock(&shard->mutex);
}

/* Finds 'flow' and stores its rule in '*rulep'.  Returns null if 'shard' does
 * not know it. */
static struct dp_offload_member *
dp_offload_member_find(const struct dp_offload_shard *shard, const void *flow,
                       const ovs_u128 *mega_ufid,
                       struct dp_offload_rule **rulep)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_offload_rule *rule = dp_rule_find(shard, mega_ufid);

    *rulep = rule;
    if (!rule) {
        return NULL;
    }
    dp_rule_is_locked(rule, shard);
    return dp_rule_member_find(rule, flow);
}

void
dp_offload_flow_modify(struct dp_offload *offload, void *flow,
                       const ovs_u128 *mega_ufid)
{
    struct dp_offload_member *member;
    struct dp_offload_shard *shard;
    struct dp_offload_rule *rule;

    /* Even if offloading is off: a rule that has not left the NIC yet stays
     * there if it is switched on again soon. */
    if (!dp_offload_n_rules(offload)) {
        return;
    }

    shard = dp_rule_shard(offload, mega_ufid);
    ovs_mutex_lock(&shard->mutex);
    member = dp_offload_member_find(shard, flow, mega_ufid, &rule);
    if (member) {
        /* The flow that knows best is described to the provider. */
        struct dp_offload_member *last = &rule->members[rule->n_members - 1];
        struct dp_offload_member tmp = *last;

        dp_rule_is_locked(rule, shard);
        *last = *member;
        *member = tmp;
        rule->gen++;
        dp_rule_ready(rule);
    }
    ovs_mutex_unlock(&shard->mutex);
}

/* Stores in '*stats' what the NIC has done for 'member' of 'rule', by the last
 * reading. */
static void
dp_offload_member_stats(const struct dp_offload_rule *rule,
                        const struct dp_offload_member *member,
                        struct dpif_flow_stats *stats)
{
    stats->n_packets = member->n_packets;
    stats->n_bytes = member->n_bytes;
    stats->used = member->used;
    stats->tcp_flags = member->n_packets ? rule->tcp_flags : 0;
}

void
dp_offload_flow_del(struct dp_offload *offload, struct dp_mark_index *index,
                    void *flow, const ovs_u128 *mega_ufid,
                    struct dpif_flow_stats *stats)
{
    struct dp_offload_shard *shard;
    struct dp_offload_rule *rule;

    if (stats) {
        memset(stats, 0, sizeof *stats);
    }
    if (!dp_offload_n_rules(offload)) {
        return;
    }

    shard = dp_rule_shard(offload, mega_ufid);
    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, mega_ufid);
    if (rule) {
        const struct dp_offload_member *member;

        dp_rule_is_locked(rule, shard);
        member = dp_rule_member_find(rule, flow);
        if (member && stats) {
            /* Not to be read apart from the removal: what is booked in
             * between would be told to nobody. */
            dp_offload_member_stats(rule, member, stats);
        }
        if (dp_rule_member_del(offload, rule, index, flow)) {
            /* If others are left, they may have other actions. */
            rule->gen++;
            dp_rule_ready(rule);
        }
    }
    ovs_mutex_unlock(&shard->mutex);
}

bool
dp_offload_flow_get(const struct dp_offload *offload, const void *flow,
                    const ovs_u128 *mega_ufid, struct dpif_flow_stats *stats,
                    struct dpif_flow_attrs *attrs)
{
    bool offloaded = false;

    if (stats) {
        memset(stats, 0, sizeof *stats);
    }
    if (attrs) {
        attrs->offloaded = false;
        attrs->dp_layer = "ovs";
        attrs->dp_extra_info = NULL;
    }
    if (dp_offload_n_rules(offload)) {
        struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
        struct dp_offload_member *member;
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        member = dp_offload_member_find(shard, flow, mega_ufid, &rule);
        if (member) {
            offloaded = rule->level != DP_OFFLOAD_ABSENT;
            if (stats) {
                dp_offload_member_stats(rule, member, stats);
            }
            if (attrs) {
                attrs->offloaded = offloaded;
                if (rule->level == DP_OFFLOAD_WHOLE) {
                    attrs->dp_layer = rule->port->info.dp_layer;
                }
            }
        }
        ovs_mutex_unlock(&shard->mutex);
    }
    return offloaded;
}

bool
dp_offload_flow_is_known(const struct dp_offload *offload, const void *flow,
                         const ovs_u128 *mega_ufid)
{
    struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
    struct dp_offload_rule *rule;
    bool known;

    if (!dp_offload_n_rules(offload)) {
        return false;
    }
    ovs_mutex_lock(&shard->mutex);
    known = dp_offload_member_find(shard, flow, mega_ufid, &rule) != NULL;
    if (!known && rule) {
        dp_rule_is_locked(rule, shard);
        known = rule->heir == flow;
    }
    ovs_mutex_unlock(&shard->mutex);
    return known;
}

void
dp_offload_flow_clear_stats(struct dp_offload *offload, const void *flow,
                            const ovs_u128 *mega_ufid)
{
    struct dp_offload_member *member;
    struct dp_offload_shard *shard;
    struct dp_offload_rule *rule;

    if (!dp_offload_n_rules(offload)) {
        return;
    }

    shard = dp_rule_shard(offload, mega_ufid);
    ovs_mutex_lock(&shard->mutex);
    member = dp_offload_member_find(shard, flow, mega_ufid, &rule);
    if (member) {
        member->n_packets = member->n_bytes = 0;
        member->used = 0;
        rule->tcp_flags = 0;
        dp_places_rate_rebase(&rule->seat.rate);
    }
    ovs_mutex_unlock(&shard->mutex);
}

enum dp_offload_why
dp_offload_flow_why(const struct dp_offload *offload,
                    const ovs_u128 *mega_ufid)
{
    struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
    enum dp_offload_why why = DP_OFFLOAD_WHY_UNKNOWN;
    struct dp_offload_rule *rule;

    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, mega_ufid);
    if (rule) {
        why = rule->why;
    }
    ovs_mutex_unlock(&shard->mutex);

    if (why == DP_OFFLOAD_WHY_UNKNOWN && !dp_offload_is_enabled(offload)) {
        why = DP_OFFLOAD_WHY_OFF;
    }
    return why;
}

size_t
dp_offload_n_rules(const struct dp_offload *offload)
{
    uint64_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_offload *, offload)->n_rules,
                        &n);
    return n;
}

/* Barriers. */

void
dp_offload_drain(struct dp_offload *offload)
{
    while (dp_offload_workers_pending(offload)) {
        bool running;

        ovs_mutex_lock(&offload->mutex);
        running = offload->threads_running;
        ovs_mutex_unlock(&offload->mutex);
        if (!running) {
            break;
        }
        xnanosleep(100 * 1000);
    }
}

void
dp_offload_flush(struct dp_offload *offload)
{
    uint64_t n;

    dp_offload_forget_flows(offload);
    do {
        bool running;

        ovs_mutex_lock(&offload->mutex);
        running = offload->threads_running;
        ovs_mutex_unlock(&offload->mutex);
        if (!running) {
            break;
        }
        xnanosleep(100 * 1000);
        atomic_read_explicit(&offload->n_flushing, &n, memory_order_acquire);
    } while (n);
}
