/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-ports.h"

#include "bitmap.h"
#include "hash.h"

enum { N_PORTS = UINT16_MAX + 1 };

struct pool {
    struct hmap_node node;      /* In ct_ports's 'pools'. */
    struct ct_key key;
    bool used;                  /* Since ct_ports_expire(). */
    unsigned long taken[BITMAP_N_LONGS(N_PORTS)];
};

void
ct_ports_init(struct ct_ports *ports, const struct ct_secret *secret)
{
    ports->seed = secret->w[1];
    atomic_count_init(&ports->n, 0);
    ovs_mutex_init(&ports->mutex);
    hmap_init(&ports->pools);
}

static void
forget(struct ct_ports *ports, struct pool *pool)
    OVS_REQUIRES(ports->mutex)
{
    hmap_remove(&ports->pools, &pool->node);
    atomic_count_dec(&ports->n);
    free(pool);
}

void
ct_ports_destroy(struct ct_ports *ports)
{
    struct pool *pool;

    ovs_mutex_lock(&ports->mutex);
    HMAP_FOR_EACH_SAFE (pool, node, &ports->pools) {
        forget(ports, pool);
    }
    hmap_destroy(&ports->pools);
    ovs_mutex_unlock(&ports->mutex);
    ovs_mutex_destroy(&ports->mutex);
}

static uint32_t
hash_pool(const struct ct_ports *ports, const struct ct_key *key)
{
    return hash_bytes(key, sizeof *key, ports->seed);
}

static struct pool *
find(const struct ct_ports *ports, const struct ct_key *key)
    OVS_REQUIRES(ports->mutex)
{
    struct pool *pool;

    HMAP_FOR_EACH_WITH_HASH (pool, node, hash_pool(ports, key),
                             &ports->pools) {
        if (ct_key_equal(&pool->key, key)) {
            return pool;
        }
    }
    return NULL;
}

static struct pool *
find_or_add(struct ct_ports *ports, const struct ct_key *key)
    OVS_REQUIRES(ports->mutex)
{
    struct pool *pool = find(ports, key);

    if (!pool) {
        if (hmap_count(&ports->pools) >= CT_PORTS_MAX_POOLS) {
            forget(ports, CONTAINER_OF(hmap_random_node(&ports->pools),
                                       struct pool, node));
        }
        pool = xzalloc(sizeof *pool);
        pool->key = *key;
        hmap_insert(&ports->pools, &pool->node, hash_pool(ports, key));
        atomic_count_inc(&ports->n);
    }
    return pool;
}

int
ct_ports_next(struct ct_ports *ports, const struct ct_key *key, uint16_t first,
              uint16_t lowest, uint16_t highest)
{
    size_t end = highest + 1u;
    struct pool *pool;
    size_t found;

    ovs_mutex_lock(&ports->mutex);
    pool = find_or_add(ports, key);
    found = bitmap_scan(pool->taken, 0, first, end);
    if (found == end) {
        end = first;
        found = bitmap_scan(pool->taken, 0, lowest, end);
    }
    if (found != end) {
        bitmap_set1(pool->taken, found);
    }
    pool->used = true;
    ovs_mutex_unlock(&ports->mutex);
    return found != end ? found : -1;
}

void
ct_ports_clear(struct ct_ports *ports, const struct ct_key *key, uint16_t port)
{
    struct pool *pool;

    if (!atomic_count_get(&ports->n)) {
        return;
    }
    ovs_mutex_lock(&ports->mutex);
    pool = find(ports, key);
    if (pool) {
        bitmap_set0(pool->taken, port);
    }
    ovs_mutex_unlock(&ports->mutex);
}

void
ct_ports_released(struct ct_ports *ports, const struct ct_key *reply)
{
    struct ct_key key;

    if (!atomic_count_get(&ports->n)) {
        return;
    }
    /* Either port may be the one that was searched. */
    key = *reply;
    key.dst_port = 0;
    ct_ports_clear(ports, &key, ntohs(reply->dst_port));
    key = *reply;
    key.src_port = 0;
    ct_ports_clear(ports, &key, ntohs(reply->src_port));
}

void
ct_ports_expire(struct ct_ports *ports)
{
    struct pool *pool;

    ovs_mutex_lock(&ports->mutex);
    HMAP_FOR_EACH_SAFE (pool, node, &ports->pools) {
        if (pool->used) {
            pool->used = false;
        } else {
            forget(ports, pool);
        }
    }
    ovs_mutex_unlock(&ports->mutex);
}
