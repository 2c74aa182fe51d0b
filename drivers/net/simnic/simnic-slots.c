/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-slots.h"

#include <stdlib.h>

void
simnic_slots_init(struct simnic_slots *ss)
{
    ss->slot = NULL;
    ss->n = 0;
    ss->free = UINT32_MAX;
}

void
simnic_slots_uninit(struct simnic_slots *ss)
{
    free(ss->slot);
}

bool
simnic_slots_reserve(struct simnic_slots *ss)
{
    uint32_t n = ss->n ? ss->n * 2 : 64;
    struct simnic_slot *slot;

    if (ss->free != UINT32_MAX) {
        return true;
    }
    slot = realloc(ss->slot, n * sizeof *slot);
    if (!slot) {
        return false;
    }
    for (uint32_t i = n; i-- > ss->n; ) {
        slot[i].object = NULL;
        slot[i].generation = 1;
        slot[i].next_free = ss->free;
        ss->free = i;
    }
    ss->slot = slot;
    ss->n = n;
    return true;
}

uint64_t
simnic_slots_put(struct simnic_slots *ss, void *object)
{
    uint32_t i = ss->free;

    ss->free = ss->slot[i].next_free;
    ss->slot[i].object = object;
    return (uint64_t) ss->slot[i].generation << 32 | (i + 1);
}

void *
simnic_slots_find(const struct simnic_slots *ss, uint64_t handle)
{
    uint32_t i = (uint32_t) handle - 1;

    return (i < ss->n && ss->slot[i].generation == handle >> 32
            ? ss->slot[i].object : NULL);
}

void
simnic_slots_remove(struct simnic_slots *ss, uint64_t handle)
{
    uint32_t i = (uint32_t) handle - 1;

    ss->slot[i].object = NULL;
    ss->slot[i].generation++;
    ss->slot[i].next_free = ss->free;
    ss->free = i;
}
