/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-mark-watch.h"

#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_mark_watch);

/* A rule that is younger may have packets in a ring that have no mark. */
#define MIN_AGE_US UINT64_C(1000000)

/* So many packets of one megaflow without a mark are no accident. */
enum { MIN_PACKETS = 32 };

/* Rules of one port that one run looks at: it keeps RCU waiting. */
enum { MAX_SEEN = 1024 };

static bool
is_suspicious(const struct dp_offload_rule *rule, uint64_t now_us)
    OVS_REQUIRES(rule->shard->mutex)
{
    return (rule->level == DP_OFFLOAD_MARKED
            && now_us - rule->since_us >= MIN_AGE_US);
}

/* Has the rule that was picked last time got many packets since? */
static bool
has_advanced(const struct dp_offload *offload, struct dp_offload_port *port,
             uint64_t now_us)
{
    struct dp_offload_shard *shard = dp_rule_shard(offload, &port->suspect);
    struct dp_offload_rule *rule;
    bool advanced = false;

    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, &port->suspect);
    if (rule && port->suspect_picked) {
        dp_rule_is_locked(rule, shard);
        advanced = (is_suspicious(rule, now_us)
                    && (dp_rule_soft_packets(offload, rule)
                        >= port->suspect_packets + MIN_PACKETS));
    }
    ovs_mutex_unlock(&shard->mutex);
    return advanced;
}

/* Picks the rule with most packets among 'n' rules of 'port' in 'shard', or
 * fewer, which then stand behind the others.  Returns the number of those that
 * it has looked at. */
static size_t
pick_in_shard(const struct dp_offload *offload, struct dp_offload_port *port,
              struct dp_offload_shard *shard, size_t n, uint64_t now_us)
{
    struct dp_shard_port *sp;
    size_t n_seen = 0;

    ovs_mutex_lock(&shard->mutex);
    sp = dp_shard_port_find(shard, port->port_no);
    if (sp) {
        const struct dp_offload_rule *first = NULL;

        /* None, if the port is only one that others' rules output to. */
        while (n_seen < n && !ovs_list_is_empty(&sp->rules)) {
            struct dp_offload_rule *rule;
            uint64_t n_packets;

            rule = CONTAINER_OF(ovs_list_front(&sp->rules),
                                struct dp_offload_rule, in_node);
            if (rule == first) {
                break;
            }
            first = first ? first : rule;
            ovs_list_remove(&rule->in_node);
            ovs_list_push_back(&sp->rules, &rule->in_node);
            n_seen++;

            dp_rule_is_locked(rule, shard);
            if (!is_suspicious(rule, now_us)) {
                continue;
            }
            n_packets = dp_rule_soft_packets(offload, rule);
            if (n_packets && (!port->suspect_picked
                              || n_packets > port->suspect_packets)) {
                port->suspect = rule->mega_ufid;
                port->suspect_packets = n_packets;
                port->suspect_picked = true;
            }
        }
    }
    ovs_mutex_unlock(&shard->mutex);
    return n_seen;
}

/* Picks a rule of 'port' that has packets.  Looks at MAX_SEEN rules at most;
 * at others in the next run. */
static void
pick(const struct dp_offload *offload, struct dp_offload_port *port,
     uint64_t now_us)
{
    unsigned int first = random_range(DP_OFFLOAD_N_SHARDS);
    size_t left = MAX_SEEN;

    port->suspect_picked = false;
    for (size_t i = 0; (i < DP_OFFLOAD_N_SHARDS && left
                        && !port->suspect_picked); i++) {
        struct dp_offload_shard *shard
            = &offload->shards[(first + i) % DP_OFFLOAD_N_SHARDS];

        left -= pick_in_shard(offload, port, shard, left, now_us);
    }
}

void
dp_mark_watch_run(struct dp_offload *offload)
{
    const struct dp_offload_env *env = &offload->env;
    uint64_t now_us = dp_offload_now_us();
    struct dp_offload_port *port;

    if (!env->port_marks_seen || !dp_offload_is_enabled(offload)) {
        return;
    }
    CMAP_FOR_EACH (port, node, &offload->ports) {
        bool seen = env->port_marks_seen(env->aux, port->port_no);
        uint64_t n_marked;
        uint32_t arrival;

        atomic_read_relaxed(&port->n_marked, &n_marked);
        atomic_read_relaxed(&port->arrival, &arrival);
        ovs_mutex_lock(&port->watch_mutex);
        if (seen) {
            atomic_store_relaxed(&port->arrival, DP_MARK_ARRIVES);
        } else if (n_marked && arrival != DP_MARK_LOST) {
            if (has_advanced(offload, port, now_us)) {
                atomic_store_relaxed(&port->arrival, DP_MARK_LOST);
                VLOG_WARN("%s: rules that mark packets are in the NIC, but no "
                          "packet has arrived with its mark: the driver "
                          "loses them, and offloading is of no use here",
                          port->name);
            } else {
                pick(offload, port, now_us);
            }
        }
        ovs_mutex_unlock(&port->watch_mutex);
    }
}
