/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-rule-place.h"

#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-worker-state.h"
#include "ovs-rcu.h"
#include "util.h"

struct dp_places *
dp_offload_places(struct dp_offload *offload)
{
    return &offload->places;
}

void
dp_offload_configure_places(struct dp_offload *offload,
                            const struct dp_places_config *config)
{
    struct dp_places_config old;

    dp_places_get_config(&offload->places, &old);
    dp_places_configure(&offload->places, config);
    if (old.rebalance != config->rebalance) {
        dp_rules_ready_all(offload);
    }
}

struct dp_rule_scan {
    struct dp_offload *offload;
    struct dp_places_table *table;
    void (*cb)(void *aux, struct dp_rule_place *place);
    void *aux;
};

static void
dp_rule_scan_one(const struct dp_rule_scan *scan,
                 struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    struct dp_rule_place place = {
        .mega_ufid = rule->mega_ufid,
        .since_us = rule->since_us,
        .kind = rule->kind,
        .level = rule->level,
        .best = rule->best,
        .coming = rule->seat.coming != NULL,
        .evict = rule->seat.evict,
        .rate = &rule->seat.rate,
    };

    if (rule->n_members) {
        place.n_packets = dp_rule_soft_packets(scan->offload, rule);
        for (size_t i = 0; i < rule->n_members; i++) {
            place.n_packets += rule->members[i].n_packets;
        }
        scan->cb(scan->aux, &place);
    }
}

/* Visits each rule of one list of line 'i', DP_RULE_PLACE_CHUNK at a time, in
 * turns: those that come meanwhile stand behind the last one. */
static void
dp_rule_scan_line(const struct dp_rule_scan *scan, size_t i, bool placed)
{
    struct dp_offload_shard *shard = &scan->offload->shards[i];
    struct dp_places_line *line = &scan->table->lines[i];
    struct ovs_list *list = placed ? &line->placed : &line->waiting;
    size_t left = SIZE_MAX;

    while (left) {
        ovs_mutex_lock(&shard->mutex);
        left = MIN(left, placed ? line->n_placed : line->n_waiting);
        for (size_t n = 0; left && n < DP_RULE_PLACE_CHUNK; n++, left--) {
            struct dp_offload_rule *rule
                = CONTAINER_OF(ovs_list_pop_front(list),
                               struct dp_offload_rule, seat.node);

            ovs_list_push_back(list, &rule->seat.node);
            dp_rule_is_locked(rule, shard);
            dp_rule_scan_one(scan, rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

void
dp_rule_places_scan(struct dp_offload *offload, struct dp_places_table *table,
                    atomic_bool *exit,
                    void (*cb)(void *aux, struct dp_rule_place *place),
                    void *aux)
{
    const struct dp_rule_scan scan = { offload, table, cb, aux };

    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        bool exiting;

        atomic_read_relaxed(exit, &exiting);
        if (exiting) {
            break;
        }
        dp_rule_scan_line(&scan, i, true);
        dp_rule_scan_line(&scan, i, false);
        ovsrcu_quiesce();
    }
}

bool
dp_rule_place_move(struct dp_offload *offload, struct dp_places_table *table,
                   const ovs_u128 *mega_ufid, bool in)
{
    struct dp_offload_shard *shard = dp_rule_shard(offload, mega_ufid);
    struct dp_offload_rule *rule;
    bool moved = false;

    ovs_mutex_lock(&shard->mutex);
    rule = dp_rule_find(shard, mega_ufid);
    if (rule) {
        struct dp_places_seat *seat = &rule->seat;

        dp_rule_is_locked(rule, shard);
        moved = (rule->port && rule->port->table == table && !seat->coming
                 && (in ? seat->waiting
                     : rule->level != DP_OFFLOAD_ABSENT && !seat->evict));
        if (moved && in) {
            dp_places_invite(table, seat);
        } else if (moved) {
            seat->evict = true;
        }
        if (moved) {
            dp_rule_ready(rule);
        }
    }
    ovs_mutex_unlock(&shard->mutex);

    return moved;
}

void
dp_rule_places_call_all(struct dp_offload *offload,
                        struct dp_places_table *table)
{
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        LIST_FOR_EACH (rule, seat.node, &table->lines[i].waiting) {
            dp_rule_is_locked(rule, shard);
            dp_rule_ready(rule);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
}

uint64_t
dp_rule_places_start_reading(struct dp_offload *offload)
{
    uint64_t sweep;

    atomic_add_relaxed(&offload->sweep, 1, &sweep);
    return sweep + 1;
}

bool
dp_rule_places_are_read(struct dp_offload *offload, uint64_t sweep)
{
    uint32_t n;

    atomic_read_relaxed(&offload->n_workers, &n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t done;

        atomic_read_explicit(&offload->workers[i].sweep_done, &done,
                             memory_order_acquire);
        if (done < sweep) {
            return false;
        }
    }
    return true;
}
