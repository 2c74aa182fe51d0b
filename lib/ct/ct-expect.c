/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-expect.h"

#include <sched.h>
#include "ct/ct-conn.h"
#include "hash.h"
#include "util.h"

struct entry {
    struct hmap_node key_node;          /* In 'by_key'. */
    struct hmap_node parent_node;       /* In 'by_parent'. */
    struct ovs_list age_node;           /* In 'by_age'. */
    struct ct_expected up;
    long long end_ms;
    uint32_t slot;
};

struct ct_expect_slot {
    struct entry *entry;        /* Or NULL: the slot is free. */
    uint32_t next_free;
};

#define NO_SLOT UINT32_MAX

static void
lock(struct ct_expects *x)
    OVS_ACQUIRES(x->mutex)
{
    if (ovs_mutex_trylock(&x->mutex)) {
        atomic_count_inc(&x->n_waiting);
        ovs_mutex_lock(&x->mutex);
        atomic_count_dec(&x->n_waiting);
    }
    atomic_count_inc(&x->n_turns);
}

/* Lets another one have the mutex if any waits for it: a mutex goes to who
 * asks first, and that would be who has just let go of it. */
static void
give_way(struct ct_expects *x)
    OVS_EXCLUDED(x->mutex)
{
    unsigned int n_turns = atomic_count_get(&x->n_turns);

    while (atomic_count_get(&x->n_waiting)
           && atomic_count_get(&x->n_turns) == n_turns) {
        sched_yield();
    }
}

void
ct_expects_init(struct ct_expects *x, const struct ct_secret *secret)
{
    x->seed = secret->w[2];
    atomic_count_init(&x->n, 0);
    atomic_count_init(&x->n_waiting, 0);
    atomic_count_init(&x->n_turns, 0);
    ovs_mutex_init(&x->mutex);
    lock(x);
    hmap_init(&x->by_key);
    hmap_init(&x->by_parent);
    ovs_list_init(&x->by_age);
    x->slots = NULL;
    x->allocated_slots = 0;
    x->n_slots = 0;
    x->free_slot = NO_SLOT;
    ovs_mutex_unlock(&x->mutex);
}

/* Returns the number of a slot that has been given to 'e'. */
static uint32_t
take_slot(struct ct_expects *x, struct entry *e)
    OVS_REQUIRES(x->mutex)
{
    uint32_t slot = x->free_slot;

    if (slot != NO_SLOT) {
        x->free_slot = x->slots[slot].next_free;
    } else {
        if (x->n_slots == x->allocated_slots) {
            x->slots = x2nrealloc(x->slots, &x->allocated_slots,
                                  sizeof *x->slots);
        }
        slot = x->n_slots++;
    }
    x->slots[slot].entry = e;
    return slot;
}

static void
free_slot(struct ct_expects *x, uint32_t slot)
    OVS_REQUIRES(x->mutex)
{
    x->slots[slot] = (struct ct_expect_slot) { NULL, x->free_slot };
    x->free_slot = slot;
}

static void
end_entry(struct ct_expects *x, struct entry *e)
    OVS_REQUIRES(x->mutex)
{
    hmap_remove(&x->by_key, &e->key_node);
    hmap_remove(&x->by_parent, &e->parent_node);
    ovs_list_remove(&e->age_node);
    free_slot(x, e->slot);
    atomic_count_dec(&x->n);
    free(e);
}

void
ct_expects_destroy(struct ct_expects *x)
{
    struct entry *e;

    lock(x);
    LIST_FOR_EACH_SAFE (e, age_node, &x->by_age) {
        end_entry(x, e);
    }
    hmap_destroy(&x->by_key);
    hmap_destroy(&x->by_parent);
    free(x->slots);
    ovs_mutex_unlock(&x->mutex);
    ovs_mutex_destroy(&x->mutex);
}

/* 'key' may be that of a packet: its source port does not matter. */
static struct entry *
find(const struct ct_expects *x, const struct ct_key *key)
    OVS_REQUIRES(x->mutex)
{
    struct ct_key any = *key;
    struct entry *e;

    any.src_port = 0;
    HMAP_FOR_EACH_WITH_HASH (e, key_node, hash_bytes(&any, sizeof any,
                                                     x->seed), &x->by_key) {
        if (ct_key_equal(&e->up.key, &any)) {
            return e;
        }
    }
    return NULL;
}

static size_t
count_children(const struct ct_expects *x, const struct ct_expected *expected)
    OVS_REQUIRES(x->mutex)
{
    size_t n = 0;
    struct entry *e;

    /* The hash is the index. */
    HMAP_FOR_EACH_WITH_HASH (e, parent_node, expected->parent_index,
                             &x->by_parent) {
        n++;
    }
    return n;
}

void
ct_expect_add(struct ct_expects *x, const struct ct_expected *expected,
              long long now_ms)
{
    struct entry *e;

    lock(x);
    e = find(x, &expected->key);
    if (e && now_ms >= e->end_ms) {
        end_entry(x, e);
        e = NULL;
    }
    if (!e && count_children(x, expected) < CT_EXPECT_MAX) {
        e = xmalloc(sizeof *e);
        e->up = *expected;
        e->end_ms = now_ms + CT_EXPECT_MS;
        hmap_insert(&x->by_key, &e->key_node,
                    hash_bytes(&expected->key, sizeof expected->key,
                               x->seed));
        hmap_insert(&x->by_parent, &e->parent_node, expected->parent_index);
        ovs_list_push_back(&x->by_age, &e->age_node);
        e->slot = take_slot(x, e);
        atomic_count_inc(&x->n);
    }
    ovs_mutex_unlock(&x->mutex);
}

bool
ct_expect_find(struct ct_expects *x, const struct ct_key *key,
               long long now_ms, struct ct_expected *out)
{
    struct entry *e;
    bool found;

    if (OVS_LIKELY(!atomic_count_get(&x->n))) {
        return false;
    }
    lock(x);
    e = find(x, key);
    found = e && now_ms < e->end_ms;
    if (found) {
        *out = e->up;
    }
    ovs_mutex_unlock(&x->mutex);
    return found;
}

void
ct_expect_take(struct ct_expects *x, const struct ct_expected *expected)
{
    struct entry *e;

    lock(x);
    e = find(x, &expected->key);
    if (e && e->up.parent_index == expected->parent_index
        && e->up.parent_generation == expected->parent_generation) {
        end_entry(x, e);
    }
    ovs_mutex_unlock(&x->mutex);
}

void
ct_expect_forget(struct ct_expects *x, const struct conn *parent)
{
    struct hmap_node *node;

    if (!atomic_count_get(&x->n)) {
        return;
    }
    lock(x);
    while ((node = hmap_first_with_hash(&x->by_parent, parent->index))) {
        end_entry(x, CONTAINER_OF(node, struct entry, parent_node));
    }
    ovs_mutex_unlock(&x->mutex);
}

/* Ends some of what is too old.  Returns false if that was all. */
static bool
expire_some(struct ct_expects *x, long long now_ms)
    OVS_EXCLUDED(x->mutex)
{
    struct entry *e;
    int n = 0;

    lock(x);
    LIST_FOR_EACH_SAFE (e, age_node, &x->by_age) {
        if (now_ms < e->end_ms || n == CT_EXPECT_HOLD) {
            break;
        }
        end_entry(x, e);
        n++;
    }
    ovs_mutex_unlock(&x->mutex);
    return n == CT_EXPECT_HOLD;
}

void
ct_expect_expire(struct ct_expects *x, long long now_ms)
{
    while (atomic_count_get(&x->n) && expire_some(x, now_ms)) {
        give_way(x);
    }
}

/* Dumping.  A position is the number of slots that are still to be looked at,
 * the first ones: so new slots make no dump longer. */

uint32_t
ct_expect_dump(struct ct_expects *x)
{
    uint32_t position;

    lock(x);
    position = x->n_slots;
    ovs_mutex_unlock(&x->mutex);
    return position;
}

/* Looks for the next one in some slots. */
static bool
look_in_some(struct ct_expects *x, uint32_t *position, struct ct_expected *out)
    OVS_EXCLUDED(x->mutex)
{
    const struct entry *e = NULL;

    lock(x);
    for (int i = 0; i < CT_EXPECT_HOLD && *position && !e; i++) {
        e = x->slots[--*position].entry;
    }
    if (e) {
        *out = e->up;
    }
    ovs_mutex_unlock(&x->mutex);
    return e != NULL;
}

bool
ct_expect_dump_next(struct ct_expects *x, uint32_t *position,
                    struct ct_expected *out)
{
    while (*position) {
        if (look_in_some(x, position, out)) {
            return true;
        }
        give_way(x);
    }
    return false;
}
