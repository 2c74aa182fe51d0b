/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PLACES_H
#define DP_PLACES_H 1

/* dp-places: the places in NICs, and who waits for one
 * ====================================================
 *
 * Job.  Keeps the books of what a NIC has room for: which rules have a place,
 * which wait in line, and in which rooms rules wait for anything else that
 * they lack.  Decides about no rule.  Knows a rule by its SEAT only.  Private
 * to lib/offload and who rebalances (lib/rebalance).
 *
 * Tables.  A table is what fills up: the places of one port, or of all ports
 * for which the provider names the same one.  It is OPEN, and each rule is put
 * at once, until a put fails for want of room.  Then, if there is somebody who
 * rebalances, it is MANAGED: new rules wait in line without asking the NIC,
 * and get leave to come, or are told to leave.  With 'min_pps' a table is
 * always managed, and a rule is put only after it has shown its rate.
 *
 * A rule that leaves the NIC for another reason (new actions, a restart of the
 * port) keeps its place.
 *
 * Rooms.  A rule that lacks something (room in the NIC, a mark, a NIC that is
 * less busy) stands in a room, and is woken when there is some: not by the
 * clock, and not all at once.  What is lacking is either counted, or tried
 * out.  COUNTED: somebody counts what becomes free, for all rooms; as many
 * rules are woken, and the first of them that finds nothing says that others
 * were faster.  TRIED OUT: one rule is woken after a while, which doubles as
 * long as that is in vain; when one has succeeded twice as many are woken each
 * time.
 *
 * Thread-safety.  configure: control thread.  A seat, and the line of its
 * number in each table, are guarded by the mutex of the shard with that
 * number, which the caller holds.  A room belongs to one worker, or stands
 * still: its list is that worker's; a rule leaves it under the mutex of its
 * shard.
 *
 * Locks.  An engine's 'mutex', then 'mutex'; a shard's mutex is never taken
 * with the latter held.
 *
 * Cost.  O(1) for each rule that comes, leaves, or is woken. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"

/* A table has one line for each shard of the registry. */
#define DP_PLACES_N_LINES 256

/* Seats. */

/* Rates of one rule, for who rebalances. */
struct dp_places_rate {
    uint64_t count;             /* Packets, by the last reading. */
    uint64_t when_us;           /* Time of the last reading; 0: none. */
    float fast, slow;           /* Packets per second, averages. */
};

/* The next reading will be a new base: somebody's share of the counter came or
 * went.  Rates stay as they are. */
static inline void
dp_places_rate_rebase(struct dp_places_rate *rate)
{
    rate->when_us = 0;
}

/* A rule, as far as places are concerned. */
struct dp_places_seat {
    struct ovs_list node;               /* In a room or, under the mutex, in
                                         * its table's 'waiting' or, if it is
                                         * in the NIC, 'placed'. */
    struct dp_places_table *coming;     /* Where a place is kept for it. */
    struct dp_places_rate rate;
    uint8_t line;                       /* Constant after creation. */
    bool waiting;                       /* Stands in its table's line. */
    bool evict;                         /* Is to leave the NIC. */
};

void dp_places_seat_init(struct dp_places_seat *seat, size_t line);

/* Tables. */

/* What who rebalances knew and did when it looked last. */
struct dp_places_figures {
    uint64_t n_waiting;                 /* Rules in line. */
    uint64_t n_candidates;              /* Of these, worth a place. */
    uint64_t n_in;                      /* Moves so far. */
    uint64_t n_out;
    uint64_t n_probes;                  /* Attempts to find more places... */
    uint64_t n_probes_ok;               /* ...that found some. */
    uint64_t hits;                      /* Packets of the last interval... */
    uint64_t packets;                   /* ...with those that waited. */
};

struct dp_places_table {
    /* Constant after creation. */
    const void *owner;                  /* The provider. */
    uint64_t key;                       /* The provider's; 0: one port. */

    /* Guarded by the 'mutex' of the places. */
    struct ovs_list node;               /* In 'tables'. */
    struct dp_places_figures figures;

    /* Published (atomic). */
    struct ovs_refcount ref_cnt;
    atomic_bool managed;
    atomic_uint64_t capacity;           /* Places; 0: not known. */
    atomic_uint64_t n_placed;           /* Rules in the NIC. */
    atomic_uint64_t n_coming;           /* Rules that have leave to come. */
    atomic_uint64_t n_full;             /* Puts without room. */
    atomic_uint64_t n_freed;            /* Places that have become free. */

    /* Thread of who rebalances only. */
    uint64_t probe_us;                  /* When to probe next. */
    uint64_t backoff_us;                /* And how long after that. */
    uint64_t probe_step;                /* Places to try at once. */

    /* Element i guarded by the mutex of shard i. */
    struct dp_places_line {
        struct ovs_list placed;         /* Rules in the NIC. */
        struct ovs_list waiting;        /* Rules in line. */
        size_t n_placed, n_waiting;
    } lines[DP_PLACES_N_LINES];
};

/* How places are given away. */
struct dp_places_config {
    bool rebalance;             /* By rates, when a table is full. */
    uint32_t interval_ms;       /* Between two looks at the rates. */
    uint32_t min_pps;           /* Rules below it are not worth a place. */
};

struct dp_places {
    /* Published (atomic): the configuration. */
    atomic_bool rebalance;
    atomic_uint32_t interval_ms;
    atomic_uint32_t min_pps;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct ovs_list tables;
};

void dp_places_init(struct dp_places *places);

/* All ports must have gone. */
void dp_places_uninit(struct dp_places *places);

/* Sets which tables are managed: all if rates decide about each rule, none if
 * nobody rebalances, otherwise those that have been found full. */
void dp_places_configure(struct dp_places *places,
                         const struct dp_places_config *config);
void dp_places_get_config(const struct dp_places *places,
                          struct dp_places_config *config);

/* Returns the table of a port that 'owner' has taken, counted: the one that
 * has 'key', if that is not 0, or a new one with room for 'capacity' rules (0
 * if that is not known). */
struct dp_places_table *dp_places_table_get(struct dp_places *places,
                                            const void *owner, uint64_t key,
                                            uint64_t capacity);

/* Drops a reference; the table goes after a grace period. */
void dp_places_table_put(struct dp_places *places,
                         struct dp_places_table *table);

/* Returns all tables, each counted, in an array for the caller to free, and
 * their number in '*n'. */
struct dp_places_table **dp_places_tables(struct dp_places *places,
                                          size_t *n);

bool dp_places_table_is_managed(const struct dp_places_table *table);

/* Reads a counter of a table. */
uint64_t dp_places_read(const atomic_uint64_t *counter);

/* Rules.  'table' is that of the port of the rule that has 'seat'. */

/* The rule wants to come into 'table'.  Returns true if it has to wait: it
 * stands in line then. */
bool dp_places_wait(struct dp_places_table *table,
                    struct dp_places_seat *seat);

/* The NIC, which is called 'name' in messages, had no room for the rule.
 * Returns true if it stands in line now, false if nobody looks after the
 * table. */
bool dp_places_full(struct dp_places *places, struct dp_places_table *table,
                    const char *name, struct dp_places_seat *seat);

/* The rule waits no more, in whichever line or room. */
void dp_places_leave_line(struct dp_places_table *table,
                          struct dp_places_seat *seat);

/* The rule has come into the NIC, or left it; 'returns' if it would come again
 * at once. */
void dp_places_placed(struct dp_places_table *table,
                      struct dp_places_seat *seat);
void dp_places_displaced(struct dp_places_table *table,
                         struct dp_places_seat *seat, bool returns);

/* The rule gets leave to come into 'table'. */
void dp_places_invite(struct dp_places_table *table,
                      struct dp_places_seat *seat);

/* The leave of the rule to come, if it has one, is used up or given back. */
void dp_places_settle(struct dp_places_seat *seat);

/* Aborts if the books are wrong.  No rule may move meanwhile. */
void dp_places_check(const struct dp_places *places);

/* Rooms. */

struct dp_places_room {
    struct ovs_list line;               /* Rules, by their seats. */

    /* Counted. */
    uint64_t n_seen;                    /* Of what has become free. */

    /* Tried out. */
    uint64_t try_us;                    /* When to wake somebody. */
    uint64_t backoff_us;
    unsigned int n_allowed;
    bool success;                       /* Since somebody was woken. */
};

void dp_places_room_init(struct dp_places_room *room);

/* Returns how many rules of 'room', which waits for something of which
 * 'n_freed' have become free so far, may be woken, 'max' at most. */
size_t dp_places_room_take(struct dp_places_room *room, uint64_t n_freed,
                           size_t max);

/* One that was woken found nothing when 'n_freed' had become free. */
void dp_places_room_empty(struct dp_places_room *room, uint64_t n_freed);

/* Returns how many rules of 'room' may try now whether it is better, 'max' at
 * most. */
size_t dp_places_room_try(struct dp_places_room *room, uint64_t now_us,
                          size_t max);

#endif /* dp-places.h */
