/* SPDX-License-Identifier: Apache-2.0 */

/* Replacement and reaping compete for the same EVICTED ukey.  Both decide
 * under the slot's mutex and the ukey's, and both make it DELETED before they
 * let go, so that the loser sees it and leaves.  That is the whole protocol:
 * the state is the token, and a token is taken once. */

#include <config.h>

#include "ofproto/ukey-map.h"

#include "coverage.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "ofproto/upcall-log.h"

COVERAGE_DEFINE(handler_duplicate_upcall);
COVERAGE_DEFINE(upcall_ukey_replace);
COVERAGE_DEFINE(ukey_replace_contention);

static struct ukey_map_slot *
ukey_map_slot(const struct ukey_map *map, uint32_t hash)
{
    return CONST_CAST(struct ukey_map_slot *,
                      &map->slots[hash % UKEY_MAP_N_SLOTS]);
}

void
ukey_map_init(struct ukey_map *map)
{
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        ovs_mutex_init(&map->slots[i].mutex);
        cmap_init(&map->slots[i].cmap);
    }
}

void
ukey_map_uninit(struct ukey_map *map)
{
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        struct ukey_map_slot *slot = &map->slots[i];
        struct udpif_key *ukey;

        ovs_mutex_lock(&slot->mutex);
        CMAP_FOR_EACH (ukey, node, &slot->cmap) {
            cmap_remove(&slot->cmap, &ukey->node, ukey->hash);
            ovsrcu_postpone(ukey_free__, ukey);
        }
        ovs_mutex_unlock(&slot->mutex);
        cmap_destroy(&slot->cmap);
        ovs_mutex_destroy(&slot->mutex);
    }
}

size_t
ukey_map_count(const struct ukey_map *map)
{
    size_t n = 0;

    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        n += cmap_count(&map->slots[i].cmap);
    }
    return n;
}

static struct udpif_key *
slot_find(const struct ukey_map_slot *slot, uint32_t hash,
          const ovs_u128 *ufid, unsigned pmd_id)
{
    struct udpif_key *ukey;

    CMAP_FOR_EACH_WITH_HASH (ukey, node, hash, &slot->cmap) {
        if (ukey->pmd_id == pmd_id && ovs_u128_equals(ukey->ufid, *ufid)) {
            return ukey;
        }
    }
    return NULL;
}

struct udpif_key *
ukey_map_find(const struct ukey_map *map, const ovs_u128 *ufid,
              unsigned pmd_id)
{
    uint32_t hash = ukey_hash(ufid, pmd_id);

    return slot_find(ukey_map_slot(map, hash), hash, ufid, pmd_id);
}

struct udpif_key **
ukey_map_snapshot(struct ukey_map *map, size_t i, size_t *n)
{
    struct ukey_map_slot *slot = &map->slots[i];
    struct udpif_key **ukeys, *ukey;

    *n = 0;
    ovs_mutex_lock(&slot->mutex);
    ukeys = xmalloc(cmap_count(&slot->cmap) * sizeof *ukeys);
    CMAP_FOR_EACH (ukey, node, &slot->cmap) {
        ukeys[(*n)++] = ukey;
    }
    ovs_mutex_unlock(&slot->mutex);
    return ukeys;
}

static void
log_conflict(const struct udpif_key *old, const struct udpif_key *new)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (!VLOG_DROP_WARN(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        odp_format_ufid(&old->ufid, &ds);
        ds_put_cstr(&ds, " ");
        odp_flow_key_format(old->key, old->key_len, &ds);
        ds_put_cstr(&ds, "\n");
        odp_format_ufid(&new->ufid, &ds);
        ds_put_cstr(&ds, " ");
        odp_flow_key_format(new->key, new->key_len, &ds);
        VLOG_WARN("Conflicting ukey for flows:\n%s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

/* Puts 'new' in the place of 'old' if nothing but an empty shell is there. */
static enum ukey_install
slot_try_replace(struct ukey_map_slot *slot, struct udpif_key *old,
                 struct udpif_key *new)
    OVS_REQUIRES(slot->mutex)
{
    enum ukey_install result;

    if (old->key_len != new->key_len
        || memcmp(old->key, new->key, new->key_len)) {
        log_conflict(old, new);
        return UKEY_CONFLICT;
    }
    if (ovs_mutex_trylock(&old->mutex)) {
        COVERAGE_INC(ukey_replace_contention);
        return UKEY_BUSY;
    }
    if (old->state == UKEY_EVICTED) {
        ovs_mutex_lock(&new->mutex);
        new->dump_seq = old->dump_seq;
        cmap_replace(&slot->cmap, &old->node, &new->node, new->hash);
        ukey_retire(old);
        ukey_transition(new, UKEY_VISIBLE);
        ovs_mutex_unlock(&new->mutex);
        COVERAGE_INC(upcall_ukey_replace);
        result = UKEY_REPLACED;
    } else {
        COVERAGE_INC(handler_duplicate_upcall);
        result = UKEY_DUPLICATE;
    }
    ovs_mutex_unlock(&old->mutex);
    return result;
}

enum ukey_install
ukey_map_install(struct ukey_map *map, struct udpif_key *ukey)
{
    struct ukey_map_slot *slot = ukey_map_slot(map, ukey->hash);
    enum ukey_install result;
    struct udpif_key *old;

    ovs_mutex_lock(&slot->mutex);
    old = slot_find(slot, ukey->hash, &ukey->ufid, ukey->pmd_id);
    if (old) {
        result = slot_try_replace(slot, old, ukey);
    } else {
        ovs_mutex_lock(&ukey->mutex);
        cmap_insert(&slot->cmap, &ukey->node, ukey->hash);
        ukey_transition(ukey, UKEY_VISIBLE);
        ovs_mutex_unlock(&ukey->mutex);
        result = UKEY_INSTALLED;
    }
    ovs_mutex_unlock(&slot->mutex);
    return result;
}

bool
ukey_map_reap(struct ukey_map *map, struct udpif_key *ukey)
{
    struct ukey_map_slot *slot = ukey_map_slot(map, ukey->hash);
    bool mine;

    ovs_mutex_lock(&slot->mutex);
    if (ovs_mutex_trylock(&ukey->mutex)) {
        ovs_mutex_unlock(&slot->mutex);
        return false;
    }
    mine = ukey->state == UKEY_EVICTED;
    if (mine) {
        cmap_remove(&slot->cmap, &ukey->node, ukey->hash);
        ukey_retire(ukey);
    }
    ovs_mutex_unlock(&ukey->mutex);
    ovs_mutex_unlock(&slot->mutex);
    return mine;
}

void
ukey_map_check(struct ukey_map *map)
{
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        struct ukey_map_slot *slot = &map->slots[i];
        struct udpif_key *ukey;
        size_t n = 0;

        ovs_mutex_lock(&slot->mutex);
        CMAP_FOR_EACH (ukey, node, &slot->cmap) {
            ovs_mutex_lock(&ukey->mutex);
            ukey_check(ukey);
            ovs_assert(ukey->state >= UKEY_VISIBLE
                       && ukey->state <= UKEY_EVICTED);
            ovs_mutex_unlock(&ukey->mutex);
            ovs_assert(ukey->hash % UKEY_MAP_N_SLOTS == i);
            ovs_assert(slot_find(slot, ukey->hash, &ukey->ufid, ukey->pmd_id)
                       == ukey);
            n++;
        }
        ovs_assert(n == cmap_count(&slot->cmap));
        ovs_mutex_unlock(&slot->mutex);
    }
}
