/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_ZONE_H
#define CT_ZONE_H 1

/* ct-zone: how many connections a zone has, and may have
 * ======================================================
 *
 * Job.  Counts connections by zone: those that there are, those that were set
 * up so far, and those that were refused.  A zone may have a limit of its own;
 * the default limit, if there is one, is for each zone that has none.  It
 * counts for each of them by itself.
 *
 * Thread-safety.  Any thread may do anything: numbers that change are atomic.
 * A limit that is changed acts on connections that come later. */

#include <stdbool.h>
#include <stdint.h>
#include "ovs-atomic.h"

#define CT_N_ZONES 65536

/* Why there is no connection. */
enum ct_refusal {
    CT_REFUSED_FULL,            /* ct-set-maxconns. */
    CT_REFUSED_ZONE,            /* The zone's limit. */
    CT_REFUSED_MEMORY,          /* None left. */
    CT_REFUSED_CROWDED,         /* The table grows, but not fast enough. */
    CT_REFUSED_TUPLE,           /* Another connection has the replies. */
    CT_REFUSED_NAT,             /* No address or port is free. */
    CT_N_REFUSALS
};

struct ct_zone {
    ATOMIC(uint64_t) limit;     /* Plus one; 0 if there is none. */
    atomic_uint32_t n;          /* That there are. */
    ATOMIC(uint64_t) n_set_up;  /* That there are, or have been. */
    ATOMIC(uint64_t) n_refused[CT_N_REFUSALS];
};

struct ct_zones {
    struct ct_zone *zones;      /* CT_N_ZONES of them. */
    ATOMIC(uint64_t) default_limit;     /* Likewise. */
};

void ct_zones_init(struct ct_zones *);
void ct_zones_destroy(struct ct_zones *);

/* Counts a connection in 'zone' and returns true; returns false, and does not
 * count it, if the zone has as many as it may. */
bool ct_zone_take(struct ct_zones *, uint16_t zone);

/* Uncounts one, which came to nothing, or which has ended. */
void ct_zone_give(struct ct_zones *, uint16_t zone);

/* Notes that one that is counted has been set up.  That number only rises, so
 * whoever reads it now and then has the right difference. */
void ct_zone_set_up(struct ct_zones *, uint16_t zone);

void ct_zone_refuse(struct ct_zones *, uint16_t zone, enum ct_refusal);

uint32_t ct_zone_count(const struct ct_zones *, uint16_t zone);

/* Connections that were set up, and that were refused so far. */
uint64_t ct_zone_count_set_up(const struct ct_zones *, uint16_t zone);
uint64_t ct_zone_count_refused(const struct ct_zones *, uint16_t zone,
                               enum ct_refusal);

/* 'zone' may be DEFAULT_ZONE.  Set: returns true if there was a limit before.
 * Clear: returns true if there was one. */
bool ct_zone_set_limit(struct ct_zones *, int32_t zone, uint32_t limit);
bool ct_zone_clear_limit(struct ct_zones *, int32_t zone);

/* Stores 'zone's own limit and returns true, or returns false if it has
 * none. */
bool ct_zone_get_limit(const struct ct_zones *, int32_t zone,
                       uint32_t *limit);

#endif /* ct-zone.h */
