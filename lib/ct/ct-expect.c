/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-expect.h"

#include "ct/ct-conn.h"
#include "hash.h"
#include "util.h"

struct entry {
    struct hmap_node key_node;          /* In 'by_key'. */
    struct hmap_node parent_node;       /* In 'by_parent'. */
    struct ovs_list age_node;           /* In 'by_age'. */
    struct ct_expected up;
    long long end_ms;
};

void
ct_expects_init(struct ct_expects *x, const struct ct_secret *secret)
{
    x->seed = secret->w[2];
    atomic_count_init(&x->n, 0);
    ovs_mutex_init(&x->mutex);
    hmap_init(&x->by_key);
    hmap_init(&x->by_parent);
    ovs_list_init(&x->by_age);
}

static void
end_entry(struct ct_expects *x, struct entry *e)
    OVS_REQUIRES(x->mutex)
{
    hmap_remove(&x->by_key, &e->key_node);
    hmap_remove(&x->by_parent, &e->parent_node);
    ovs_list_remove(&e->age_node);
    atomic_count_dec(&x->n);
    free(e);
}

void
ct_expects_destroy(struct ct_expects *x)
{
    struct entry *e;

    ovs_mutex_lock(&x->mutex);
    LIST_FOR_EACH_SAFE (e, age_node, &x->by_age) {
        end_entry(x, e);
    }
    hmap_destroy(&x->by_key);
    hmap_destroy(&x->by_parent);
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

    ovs_mutex_lock(&x->mutex);
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
    ovs_mutex_lock(&x->mutex);
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

    ovs_mutex_lock(&x->mutex);
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
    ovs_mutex_lock(&x->mutex);
    while ((node = hmap_first_with_hash(&x->by_parent, parent->index))) {
        end_entry(x, CONTAINER_OF(node, struct entry, parent_node));
    }
    ovs_mutex_unlock(&x->mutex);
}

void
ct_expect_expire(struct ct_expects *x, long long now_ms)
{
    struct entry *e;

    if (!atomic_count_get(&x->n)) {
        return;
    }
    ovs_mutex_lock(&x->mutex);
    LIST_FOR_EACH_SAFE (e, age_node, &x->by_age) {
        if (now_ms < e->end_ms) {
            break;
        }
        end_entry(x, e);
    }
    ovs_mutex_unlock(&x->mutex);
}

bool
ct_expect_get(struct ct_expects *x, size_t i, struct ct_expected *out)
{
    bool found = false;
    struct entry *e;

    ovs_mutex_lock(&x->mutex);
    LIST_FOR_EACH (e, age_node, &x->by_age) {
        if (!i--) {
            *out = e->up;
            found = true;
            break;
        }
    }
    ovs_mutex_unlock(&x->mutex);
    return found;
}
