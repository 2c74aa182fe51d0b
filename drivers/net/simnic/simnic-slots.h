/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_SLOTS_H
#define SIMNIC_SLOTS_H 1

/* simnic-slots: handles that are checked before they are believed
 * ===============================================================
 *
 * Job.  Gives each of many objects a handle, a slot and a generation, which is
 * not a pointer, so that a stale one is told apart.
 *
 * Owns.  The array of slots, not the objects.
 *
 * Thread-safety.  None: the caller excludes others.
 *
 * Cost.  O(1), and a growing array. */

#include <stdbool.h>
#include <stdint.h>

struct simnic_slot {
    void *object;                       /* NULL: free. */
    uint32_t generation;
    uint32_t next_free;
};

struct simnic_slots {
    struct simnic_slot *slot;
    uint32_t n;
    uint32_t free;                      /* UINT32_MAX: none. */
};

void simnic_slots_init(struct simnic_slots *);
void simnic_slots_uninit(struct simnic_slots *);

/* Makes sure that there is a free slot.  Returns false if out of memory. */
bool simnic_slots_reserve(struct simnic_slots *);

/* Puts 'object' into a free slot, of which there must be one, and returns its
 * handle, which is not 0. */
uint64_t simnic_slots_put(struct simnic_slots *, void *object);

/* Returns the object of 'handle', or NULL if it has none, or not any more. */
void *simnic_slots_find(const struct simnic_slots *, uint64_t handle);

/* Frees the slot of 'handle', which must be valid. */
void simnic_slots_remove(struct simnic_slots *, uint64_t handle);

#endif /* simnic-slots.h */
