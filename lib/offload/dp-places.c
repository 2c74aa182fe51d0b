/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-places.h"

#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_places);

/* Between two attempts that are in vain. */
#define BACKOFF_MIN_US UINT64_C(1000)
#define BACKOFF_MAX_US UINT64_C(1000000)

uint64_t
dp_places_read(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

static bool
dp_places_is_rebalanced(const struct dp_places *places)
{
    bool rebalance;

    atomic_read_relaxed(&CONST_CAST(struct dp_places *, places)->rebalance,
                        &rebalance);
    return rebalance;
}

void
dp_places_init(struct dp_places *places)
{
    atomic_init(&places->rebalance, false);
    atomic_init(&places->interval_ms, 1000);
    atomic_init(&places->min_pps, 0);
    ovs_mutex_init(&places->mutex);
    ovs_list_init(&places->tables);
}

void
dp_places_uninit(struct dp_places *places)
{
    ovs_assert(ovs_list_is_empty(&places->tables));
    ovs_mutex_destroy(&places->mutex);
}

void
dp_places_configure(struct dp_places *places,
                    const struct dp_places_config *config)
{
    struct dp_places_table *table;

    atomic_store_relaxed(&places->interval_ms, config->interval_ms);
    atomic_store_relaxed(&places->min_pps, config->min_pps);
    atomic_store_relaxed(&places->rebalance, config->rebalance);

    ovs_mutex_lock(&places->mutex);
    LIST_FOR_EACH (table, node, &places->tables) {
        if (!config->rebalance) {
            atomic_store_relaxed(&table->managed, false);
        } else if (config->min_pps) {
            atomic_store_relaxed(&table->managed, true);
        }
    }
    ovs_mutex_unlock(&places->mutex);
}

void
dp_places_get_config(const struct dp_places *places_,
                     struct dp_places_config *config)
{
    struct dp_places *places = CONST_CAST(struct dp_places *, places_);

    atomic_read_relaxed(&places->rebalance, &config->rebalance);
    atomic_read_relaxed(&places->interval_ms, &config->interval_ms);
    atomic_read_relaxed(&places->min_pps, &config->min_pps);
}

/* Tables. */

struct dp_places_table *
dp_places_table_get(struct dp_places *places, const void *owner, uint64_t key,
                    uint64_t capacity)
{
    struct dp_places_config config;
    struct dp_places_table *table;

    ovs_mutex_lock(&places->mutex);
    LIST_FOR_EACH (table, node, &places->tables) {
        if (key && table->key == key && table->owner == owner) {
            ovs_refcount_ref(&table->ref_cnt);
            ovs_mutex_unlock(&places->mutex);
            return table;
        }
    }
    dp_places_get_config(places, &config);
    table = xzalloc(sizeof *table);
    table->owner = owner;
    table->key = key;
    ovs_refcount_init(&table->ref_cnt);
    atomic_init(&table->managed, config.rebalance && config.min_pps);
    atomic_init(&table->capacity, capacity);
    atomic_init(&table->n_placed, 0);
    atomic_init(&table->n_coming, 0);
    atomic_init(&table->n_full, 0);
    atomic_init(&table->n_freed, 0);
    for (size_t i = 0; i < DP_PLACES_N_LINES; i++) {
        ovs_list_init(&table->lines[i].placed);
        ovs_list_init(&table->lines[i].waiting);
    }
    ovs_list_push_back(&places->tables, &table->node);
    ovs_mutex_unlock(&places->mutex);

    return table;
}

void
dp_places_table_put(struct dp_places *places, struct dp_places_table *table)
{
    ovs_mutex_lock(&places->mutex);
    if (ovs_refcount_unref(&table->ref_cnt) == 1) {
        ovs_list_remove(&table->node);
        ovsrcu_postpone(free, table);
    }
    ovs_mutex_unlock(&places->mutex);
}

struct dp_places_table **
dp_places_tables(struct dp_places *places, size_t *n)
{
    struct dp_places_table **tables, *table;

    *n = 0;
    ovs_mutex_lock(&places->mutex);
    tables = xmalloc(ovs_list_size(&places->tables) * sizeof *tables);
    LIST_FOR_EACH (table, node, &places->tables) {
        ovs_refcount_ref(&table->ref_cnt);
        tables[(*n)++] = table;
    }
    ovs_mutex_unlock(&places->mutex);

    return tables;
}

bool
dp_places_table_is_managed(const struct dp_places_table *table)
{
    bool managed;

    atomic_read_relaxed(&CONST_CAST(struct dp_places_table *, table)->managed,
                        &managed);
    return managed;
}

/* Rules. */

void
dp_places_seat_init(struct dp_places_seat *seat, size_t line)
{
    ovs_assert(line < DP_PLACES_N_LINES);
    memset(seat, 0, sizeof *seat);
    ovs_list_init(&seat->node);
    seat->line = line;
}

static void
dp_places_enter_line(struct dp_places_table *table,
                     struct dp_places_seat *seat)
{
    struct dp_places_line *line = &table->lines[seat->line];

    ovs_assert(!seat->waiting);
    seat->waiting = true;
    ovs_list_push_back(&line->waiting, &seat->node);
    line->n_waiting++;
}

bool
dp_places_wait(struct dp_places_table *table, struct dp_places_seat *seat)
{
    if (seat->coming == table || !dp_places_table_is_managed(table)) {
        return false;
    }
    dp_places_enter_line(table, seat);
    return true;
}

bool
dp_places_full(struct dp_places *places, struct dp_places_table *table,
               const char *name, struct dp_places_seat *seat)
{
    uint64_t n_placed = dp_places_read(&table->n_placed);
    uint64_t orig;

    atomic_add_relaxed(&table->n_full, 1, &orig);
    if (!dp_places_is_rebalanced(places)) {
        return false;
    }
    atomic_store_relaxed(&table->capacity, n_placed);
    if (!dp_places_table_is_managed(table)) {
        atomic_store_relaxed(&table->managed, true);
        VLOG_INFO("%s: the NIC is full, rates decide about rules from now on",
                  name);
    }
    dp_places_enter_line(table, seat);
    return true;
}

void
dp_places_leave_line(struct dp_places_table *table,
                     struct dp_places_seat *seat)
{
    if (seat->waiting) {
        table->lines[seat->line].n_waiting--;
        seat->waiting = false;
    }
    if (!ovs_list_is_empty(&seat->node)) {
        ovs_list_remove(&seat->node);
        ovs_list_init(&seat->node);
    }
}

void
dp_places_placed(struct dp_places_table *table, struct dp_places_seat *seat)
{
    struct dp_places_line *line = &table->lines[seat->line];
    uint64_t orig;

    ovs_list_push_back(&line->placed, &seat->node);
    line->n_placed++;
    atomic_add_relaxed(&table->n_placed, 1, &orig);
}

void
dp_places_displaced(struct dp_places_table *table,
                    struct dp_places_seat *seat, bool returns)
{
    uint64_t orig;

    ovs_list_remove(&seat->node);
    ovs_list_init(&seat->node);
    table->lines[seat->line].n_placed--;
    if (!seat->evict && returns && dp_places_table_is_managed(table)) {
        /* It leaves for another reason, and comes back at once. */
        dp_places_settle(seat);
        dp_places_invite(table, seat);
    }
    seat->evict = false;
    atomic_sub_relaxed(&table->n_placed, 1, &orig);
    atomic_add_relaxed(&table->n_freed, 1, &orig);
}

void
dp_places_invite(struct dp_places_table *table, struct dp_places_seat *seat)
{
    uint64_t orig;

    seat->coming = table;
    atomic_add_relaxed(&table->n_coming, 1, &orig);
}

void
dp_places_settle(struct dp_places_seat *seat)
{
    uint64_t orig;

    if (seat->coming) {
        atomic_sub_relaxed(&seat->coming->n_coming, 1, &orig);
        seat->coming = NULL;
    }
}

void
dp_places_check(const struct dp_places *places_)
{
    struct dp_places *places = CONST_CAST(struct dp_places *, places_);
    const struct dp_places_table *table;

    ovs_mutex_lock(&places->mutex);
    LIST_FOR_EACH (table, node, &places->tables) {
        uint64_t n_placed = 0;

        for (size_t i = 0; i < DP_PLACES_N_LINES; i++) {
            const struct dp_places_line *line = &table->lines[i];

            ovs_assert(line->n_placed == ovs_list_size(&line->placed));
            ovs_assert(line->n_waiting == ovs_list_size(&line->waiting));
            n_placed += line->n_placed;
        }
        ovs_assert(n_placed == dp_places_read(&table->n_placed));
    }
    ovs_mutex_unlock(&places->mutex);
}

/* Rooms. */

void
dp_places_room_init(struct dp_places_room *room)
{
    ovs_list_init(&room->line);
    room->n_seen = 0;
    room->try_us = 0;
    room->backoff_us = BACKOFF_MIN_US;
    room->n_allowed = 1;
    room->success = false;
}

size_t
dp_places_room_take(struct dp_places_room *room, uint64_t n_freed, size_t max)
{
    uint64_t n = MIN(n_freed - room->n_seen, max);

    if (ovs_list_is_empty(&room->line)) {
        room->n_seen = n_freed;
        return 0;
    }
    room->n_seen += n;
    return n;
}

void
dp_places_room_empty(struct dp_places_room *room, uint64_t n_freed)
{
    room->n_seen = n_freed;
}

size_t
dp_places_room_try(struct dp_places_room *room, uint64_t now_us, size_t max)
{
    if (ovs_list_is_empty(&room->line)) {
        room->try_us = 0;
        room->n_allowed = 1;
        room->backoff_us = BACKOFF_MIN_US;
        return 0;
    } else if (!room->try_us) {
        /* Somebody has come. */
        room->try_us = now_us + room->backoff_us;
        return 0;
    } else if (now_us < room->try_us) {
        return 0;
    }

    if (room->success) {
        room->backoff_us = BACKOFF_MIN_US;
        room->n_allowed = MIN(2 * room->n_allowed, max);
    } else {
        room->backoff_us = MIN(2 * room->backoff_us, BACKOFF_MAX_US);
        room->n_allowed = 1;
    }
    room->success = false;
    room->try_us = now_us + room->backoff_us;
    return room->n_allowed;
}
