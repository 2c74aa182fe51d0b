/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-places.h"

#include "util.h"

/* Between two attempts that are in vain. */
#define BACKOFF_MIN_US UINT64_C(1000)
#define BACKOFF_MAX_US UINT64_C(1000000)

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
