/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PLACES_H
#define DP_PLACES_H 1

/* dp-places: rooms in which rules wait for what they lack
 * =======================================================
 *
 * Job.  A rule that lacks something (room in the NIC, a mark, a NIC that is
 * less busy) stands in a line, and is woken when there is some: not by the
 * clock, and not all at once.  Private to lib/offload.
 *
 * What is lacking is either counted, or tried out.  COUNTED: somebody counts
 * what becomes free, for all rooms; as many rules are woken, and the first of
 * them that finds nothing says that others were faster.  TRIED OUT: one rule
 * is woken after a while, which doubles as long as that is in vain; when one
 * has succeeded twice as many are woken each time.
 *
 * Thread-safety.  A room belongs to one worker, or stands still.  Its list is
 * that worker's; a rule leaves it under the mutex of its shard.
 *
 * Cost.  O(1) for each rule that is woken. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/list.h"

struct dp_places_room {
    struct ovs_list line;               /* Rules, by 'line_node'. */

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
