/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-zone.h"

#include "conntrack.h"
#include "util.h"

void
ct_zones_init(struct ct_zones *zones)
{
    /* Most pages of it never are touched: so no limit is 0, and others are
     * stored plus one. */
    zones->zones = xcalloc(CT_N_ZONES, sizeof *zones->zones);
    atomic_init(&zones->default_limit, 0);
}

void
ct_zones_destroy(struct ct_zones *zones)
{
    free(zones->zones);
}

bool
ct_zone_take(struct ct_zones *zones, uint16_t zone)
{
    struct ct_zone *z = &zones->zones[zone];
    uint64_t limit;
    uint32_t n;

    atomic_read_relaxed(&z->limit, &limit);
    if (!limit) {
        atomic_read_relaxed(&zones->default_limit, &limit);
    }
    atomic_add_explicit(&z->n, 1, &n, memory_order_relaxed);
    if (OVS_UNLIKELY(limit && n >= limit - 1)) {
        ct_zone_give(zones, zone);
        return false;
    }
    return true;
}

void
ct_zone_give(struct ct_zones *zones, uint16_t zone)
{
    uint32_t n;

    atomic_sub_explicit(&zones->zones[zone].n, 1, &n, memory_order_relaxed);
    ovs_assert(n);
}

void
ct_zone_set_up(struct ct_zones *zones, uint16_t zone)
{
    uint64_t n;

    atomic_add_explicit(&zones->zones[zone].n_set_up, 1, &n,
                        memory_order_relaxed);
}

void
ct_zone_refuse(struct ct_zones *zones, uint16_t zone, enum ct_refusal why)
{
    uint64_t n;

    atomic_add_explicit(&zones->zones[zone].n_refused[why], 1, &n,
                        memory_order_relaxed);
}

uint32_t
ct_zone_count(const struct ct_zones *zones, uint16_t zone)
{
    uint32_t n;

    atomic_read_relaxed(&zones->zones[zone].n, &n);
    return n;
}

uint64_t
ct_zone_count_set_up(const struct ct_zones *zones, uint16_t zone)
{
    uint64_t n;

    atomic_read_relaxed(&zones->zones[zone].n_set_up, &n);
    return n;
}

uint64_t
ct_zone_count_refused(const struct ct_zones *zones, uint16_t zone,
                      enum ct_refusal why)
{
    uint64_t n;

    atomic_read_relaxed(&zones->zones[zone].n_refused[why], &n);
    return n;
}

/* Where the limit of 'zone', or the default limit, is kept. */
static void *
limit_of(const struct ct_zones *zones, int32_t zone)
{
    return (zone == DEFAULT_ZONE
            ? &CONST_CAST(struct ct_zones *, zones)->default_limit
            : &zones->zones[(uint16_t) zone].limit);
}

/* Stores 'limit', which has one added, and returns what was there. */
static uint64_t
swap_limit(struct ct_zones *zones, int32_t zone, uint64_t limit)
{
    ATOMIC(uint64_t) *place = limit_of(zones, zone);
    uint64_t old;

    atomic_read_relaxed(place, &old);
    while (!atomic_compare_exchange_weak_relaxed(place, &old, limit)) {
        continue;
    }
    return old;
}

bool
ct_zone_set_limit(struct ct_zones *zones, int32_t zone, uint32_t limit)
{
    return swap_limit(zones, zone, (uint64_t) limit + 1) != 0;
}

bool
ct_zone_clear_limit(struct ct_zones *zones, int32_t zone)
{
    return swap_limit(zones, zone, 0) != 0;
}

bool
ct_zone_get_limit(const struct ct_zones *zones, int32_t zone, uint32_t *limit)
{
    ATOMIC(uint64_t) *place = limit_of(zones, zone);
    uint64_t value;

    atomic_read_relaxed(place, &value);
    *limit = value - 1;
    return value != 0;
}
