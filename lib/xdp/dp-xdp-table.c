/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-table.h"

#include <errno.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "util.h"
#include "xdp/dp-xdp-ids.h"
#include "xdp/dp-xdp-object.h"

/* A mask, and how many ports list it. */
struct dp_xdp_mask_node {
    struct hmap_node node;      /* In 'masks', by 'key'. */
    struct dp_xdp_key key;
    uint32_t id;
    unsigned int n_ports;
};

/* The masks of a port. */
struct dp_xdp_port_masks {
    unsigned int n;
    struct {
        struct dp_xdp_mask_node *mask;
        unsigned int n_flows;
    } masks[DP_XDP_LIST_MASKS];
    uint32_t list_id;           /* Published; 0: none. */
};

/* Where a flow is. */
struct dp_xdp_place {
    uint64_t hash;
    struct dp_xdp_bucket *bucket;       /* Null if the flow is not in. */
    unsigned int entry;         /* Of 'bucket'. */
    bool elsewhere;             /* It is not the first bucket. */
    struct dp_xdp_mask_node *mask;
    uint64_t epoch;             /* In which it was taken out. */
};

struct dp_xdp_table {
    /* Constant after creation. */
    const struct dp_xdp_maps *maps;
    const struct dp_xdp_constants *constants;

    /* Published (atomic). */
    atomic_uint64_t over;       /* The last epoch that is. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    uint64_t epoch;             /* Now. */
    uint64_t used_epoch;        /* The last one in which something was taken
                                 * out. */
    unsigned int n_flows;
    struct dp_xdp_ids flow_ids;
    struct dp_xdp_ids mask_ids;
    struct dp_xdp_ids list_ids;
    struct hmap masks;          /* Of struct dp_xdp_mask_node. */
    struct dp_xdp_port_masks ports[DP_XDP_MAX_PORTS];
    struct dp_xdp_place places[DP_XDP_MAX_FLOWS];
    uint32_t n_elsewhere[1 << DP_XDP_BUCKET_BITS];  /* Flows of a bucket that
                                                     * stand in another. */
};

struct dp_xdp_table *
dp_xdp_table_create(const struct dp_xdp_maps *maps,
                    const struct dp_xdp_constants *constants)
{
    struct dp_xdp_table *table = xzalloc(sizeof *table);

    table->maps = maps;
    table->constants = constants;
    atomic_init(&table->over, 0);
    ovs_mutex_init(&table->mutex);
    table->epoch = 1;
    dp_xdp_ids_init(&table->flow_ids, DP_XDP_MAX_FLOWS);
    dp_xdp_ids_init(&table->mask_ids, DP_XDP_MAX_MASKS);
    dp_xdp_ids_init(&table->list_ids, DP_XDP_MAX_LISTS);
    hmap_init(&table->masks);
    return table;
}

void
dp_xdp_table_destroy(struct dp_xdp_table *table)
{
    struct dp_xdp_mask_node *mask;

    if (!table) {
        return;
    }
    HMAP_FOR_EACH_POP (mask, node, &table->masks) {
        free(mask);
    }
    hmap_destroy(&table->masks);
    dp_xdp_ids_uninit(&table->flow_ids);
    dp_xdp_ids_uninit(&table->mask_ids);
    dp_xdp_ids_uninit(&table->list_ids);
    ovs_mutex_destroy(&table->mutex);
    free(table);
}

static struct dp_xdp_flow *
flow_at(const struct dp_xdp_table *table, uint32_t id)
{
    return dp_xdp_array_at(&table->maps->flows, id);
}

/* 'id' rests until what runs now has ended. */
static void
rest(struct dp_xdp_table *table, struct dp_xdp_ids *ids, uint32_t id)
    OVS_REQUIRES(table->mutex)
{
    table->used_epoch = table->epoch;
    dp_xdp_ids_rest(ids, id, table->epoch);
}

/* Returns why 'ids', of masks or of lists of them, has no number to give:
 * EBUSY if one will be free when the epoch is over. */
static int
why_none(const struct dp_xdp_ids *ids)
{
    return ids->n_resting ? EBUSY : EMLINK;
}

/* Masks. */

/* Returns the node for 'key', a new one if need be, or null if there are too
 * many. */
static struct dp_xdp_mask_node *
get_mask(struct dp_xdp_table *table, const struct dp_xdp_key *key)
    OVS_REQUIRES(table->mutex)
{
    uint32_t hash = hash_bytes(key, sizeof *key, 0);
    struct dp_xdp_mask_node *mask;
    struct dp_xdp_mask *element;
    uint32_t id;

    HMAP_FOR_EACH_WITH_HASH (mask, node, hash, &table->masks) {
        if (!memcmp(&mask->key, key, sizeof *key)) {
            return mask;
        }
    }
    id = dp_xdp_ids_get(&table->mask_ids);
    if (!id) {
        return NULL;
    }
    element = dp_xdp_array_at(&table->maps->masks, id);
    element->key = *key;

    mask = xmalloc(sizeof *mask);
    *mask = (struct dp_xdp_mask_node) { .key = *key, .id = id };
    hmap_insert(&table->masks, &mask->node, hash);
    return mask;
}

/* Lets go of 'mask' if no port lists it. */
static void
put_mask(struct dp_xdp_table *table, struct dp_xdp_mask_node *mask)
    OVS_REQUIRES(table->mutex)
{
    if (!mask->n_ports) {
        rest(table, &table->mask_ids, mask->id);
        hmap_remove(&table->masks, &mask->node);
        free(mask);
    }
}

/* Lists of masks. */

/* Publishes the masks of port 'slot' in a new list.  Returns false if there is
 * none, until some have rested: then the old one stays. */
static bool
publish_list(struct dp_xdp_table *table, uint32_t slot)
    OVS_REQUIRES(table->mutex)
{
    struct dp_xdp_port_masks *port = &table->ports[slot];
    struct dp_xdp_port_entry *entry
        = dp_xdp_array_at(&table->maps->ports, slot);
    uint32_t id = 0;

    if (port->n) {
        struct dp_xdp_list *list;

        id = dp_xdp_ids_get(&table->list_ids);
        if (!id) {
            return false;
        }
        list = dp_xdp_array_at(&table->maps->lists, id);
        list->n = port->n;
        for (unsigned int i = 0; i < port->n; i++) {
            list->masks[i] = port->masks[i].mask->id;
        }
    }
    atomic_store_explicit((atomic_uint64_t *) &entry->list, id,
                          memory_order_release);
    if (port->list_id) {
        rest(table, &table->list_ids, port->list_id);
    }
    port->list_id = id;
    return true;
}

/* Returns where 'mask' is in the list of 'port', or the length of the list. */
static unsigned int
find_in_list(const struct dp_xdp_port_masks *port,
             const struct dp_xdp_mask_node *mask)
{
    unsigned int i = 0;

    while (i < port->n && port->masks[i].mask != mask) {
        i++;
    }
    return i;
}

/* One more flow of port 'slot' has 'mask'.  Returns 0 or a positive errno
 * value. */
static int
list_mask(struct dp_xdp_table *table, uint32_t slot,
          struct dp_xdp_mask_node *mask)
    OVS_REQUIRES(table->mutex)
{
    struct dp_xdp_port_masks *port = &table->ports[slot];
    unsigned int i = find_in_list(port, mask);

    if (i == port->n) {
        if (i >= DP_XDP_LIST_MASKS) {
            return EMLINK;
        }
        port->masks[i].mask = mask;
        port->masks[i].n_flows = 0;
        port->n++;
        if (!publish_list(table, slot)) {
            port->n--;
            return why_none(&table->list_ids);
        }
        mask->n_ports++;
    }
    port->masks[i].n_flows++;
    return 0;
}

/* One flow less has 'mask', which may have gone on return.  A mask that no
 * flow has stays only if a shorter list can't be had. */
static void
unlist_mask(struct dp_xdp_table *table, uint32_t slot,
            struct dp_xdp_mask_node *mask)
    OVS_REQUIRES(table->mutex)
{
    struct dp_xdp_port_masks *port = &table->ports[slot];
    unsigned int i = find_in_list(port, mask);
    struct dp_xdp_port_masks old;
    unsigned int n = 0;

    ovs_assert(i < port->n && port->masks[i].n_flows);
    if (--port->masks[i].n_flows) {
        return;
    }
    old = *port;
    for (i = 0; i < old.n; i++) {
        if (old.masks[i].n_flows) {
            port->masks[n++] = old.masks[i];
        }
    }
    port->n = n;
    if (!publish_list(table, slot)) {
        *port = old;
        return;
    }
    for (i = 0; i < old.n; i++) {
        if (!old.masks[i].n_flows) {
            old.masks[i].mask->n_ports--;
            put_mask(table, old.masks[i].mask);
        }
    }
}

/* The index. */

static struct dp_xdp_bucket *
bucket_at(const struct dp_xdp_table *table, uint64_t hash, int choice)
{
    return dp_xdp_array_at(&table->maps->index,
                           dp_xdp_hash_bucket(hash, choice));
}

/* Returns a free entry of 'bucket', or DP_XDP_BUCKET_ENTRIES. */
static unsigned int
find_entry(const struct dp_xdp_bucket *bucket)
{
    unsigned int i = 0;

    while (i < DP_XDP_BUCKET_ENTRIES && bucket->entries[i]) {
        i++;
    }
    return i;
}

static void
store(__u64 *word, uint64_t value)
{
    atomic_store_explicit((atomic_uint64_t *) word, value,
                          memory_order_release);
}

/* Writes the tag of entry 'i' of 'bucket'. */
static void
write_tag(struct dp_xdp_bucket *bucket, unsigned int i, uint8_t tag)
{
    store(&bucket->tags, (bucket->tags & ~(UINT64_C(0xff) << i * 8))
                         | (uint64_t) tag << i * 8);
}

/* Adds 'n' to the flows of the first bucket of 'hash' that stand in others. */
static void
count_elsewhere(struct dp_xdp_table *table, uint64_t hash, int n)
    OVS_REQUIRES(table->mutex)
{
    uint32_t *count = &table->n_elsewhere[dp_xdp_hash_bucket(hash, 0)];
    struct dp_xdp_bucket *bucket = bucket_at(table, hash, 0);

    *count += n;
    store(&bucket->tags, *count ? bucket->tags | DP_XDP_BUCKET_ELSEWHERE
                                : bucket->tags & ~DP_XDP_BUCKET_ELSEWHERE);
}

/* Publishes flow 'id'.  Stores where it stands in '*place'.  Returns false if
 * both buckets are full. */
static bool
publish_flow(struct dp_xdp_table *table, uint64_t hash, uint32_t id,
             struct dp_xdp_place *place)
    OVS_REQUIRES(table->mutex)
{
    struct dp_xdp_bucket *bucket = bucket_at(table, hash, 0);
    unsigned int i = find_entry(bucket);
    bool elsewhere = i == DP_XDP_BUCKET_ENTRIES;

    if (elsewhere) {
        bucket = bucket_at(table, hash, 1);
        i = find_entry(bucket);
        if (i == DP_XDP_BUCKET_ENTRIES) {
            return false;
        }
    }
    place->hash = hash;
    place->bucket = bucket;
    place->entry = i;
    place->elsewhere = elsewhere;
    store(&bucket->entries[i], dp_xdp_index_entry(hash, id));
    write_tag(bucket, i, dp_xdp_hash_tag(hash));
    if (elsewhere) {
        count_elsewhere(table, hash, 1);
    }
    return true;
}

static void
unpublish_flow(struct dp_xdp_table *table, struct dp_xdp_place *place)
    OVS_REQUIRES(table->mutex)
{
    write_tag(place->bucket, place->entry, 0);
    store(&place->bucket->entries[place->entry], 0);
    place->bucket = NULL;
    if (place->elsewhere) {
        count_elsewhere(table, place->hash, -1);
    }
}

/* Flows. */

/* Writes flow 'id', which nobody sees yet. */
static void
write_flow(struct dp_xdp_table *table, uint32_t id,
           const struct dp_xdp_key *key, const struct dp_xdp_mask_node *mask,
           const struct dp_xdp_action *action)
{
    struct dp_xdp_flow *flow = flow_at(table, id);

    for (int i = 0; i < DP_XDP_N_WORDS; i++) {
        flow->key.words[i] = key->words[i] & mask->key.words[i];
    }
    flow->mask = mask->id;
    flow->action = *action;
    for (unsigned int cpu = 0; cpu < table->maps->n_cpus; cpu++) {
        struct dp_xdp_stats *stats
            = dp_xdp_array_at(&table->maps->stats, dp_xdp_stats_key(cpu, id));

        memset(stats, 0, sizeof *stats);
    }

    /* A cache may lead here still. */
    atomic_store_explicit((atomic_uint32_t *) &flow->valid, true,
                          memory_order_release);
}

/* Flow 'id' is not put after all.  A cache can't lead to it, but to one that
 * had the number before. */
static void
withdraw(struct dp_xdp_table *table, uint32_t id, uint32_t slot,
         struct dp_xdp_mask_node *mask)
    OVS_REQUIRES(table->mutex)
{
    atomic_store_relaxed((atomic_uint32_t *) &flow_at(table, id)->valid,
                         false);
    unlist_mask(table, slot, mask);
    rest(table, &table->flow_ids, id);
}

static int
put__(struct dp_xdp_table *table, const struct dp_xdp_key *key,
      struct dp_xdp_mask_node *mask, const struct dp_xdp_action *action,
      uint32_t *flowp)
    OVS_REQUIRES(table->mutex)
{
    uint64_t hash = dp_xdp_hash(key, &mask->key, mask->id, table->constants);
    struct dp_xdp_place *place;
    uint32_t id = dp_xdp_ids_get(&table->flow_ids);
    int error;

    if (!id) {
        /* Some may have been taken out, and not be forgotten yet. */
        return table->n_flows < DP_XDP_MAX_FLOWS - 1 ? EBUSY : ENOSPC;
    }
    error = list_mask(table, key->slot, mask);
    if (error) {
        dp_xdp_ids_put(&table->flow_ids, id);
        return error;
    }
    write_flow(table, id, key, mask, action);
    place = &table->places[id];
    if (!publish_flow(table, hash, id, place)) {
        withdraw(table, id, key->slot, mask);
        return ENOSPC;
    }
    place->mask = mask;
    place->epoch = 0;
    table->n_flows++;
    *flowp = id;
    return 0;
}

int
dp_xdp_table_put(struct dp_xdp_table *table, const struct dp_xdp_key *key,
                 const struct dp_xdp_key *mask_key,
                 const struct dp_xdp_action *action, uint32_t *flowp)
{
    struct dp_xdp_mask_node *mask;
    int error;

    ovs_assert(mask_key->slot == UINT16_MAX
               && key->slot && key->slot < DP_XDP_MAX_PORTS);
    ovs_mutex_lock(&table->mutex);
    mask = get_mask(table, mask_key);
    if (mask) {
        mask->n_ports++;                /* It stays while this goes on. */
        error = put__(table, key, mask, action, flowp);
        mask->n_ports--;
        put_mask(table, mask);
    } else {
        error = why_none(&table->mask_ids);
    }
    ovs_mutex_unlock(&table->mutex);
    return error;
}

uint64_t
dp_xdp_table_del(struct dp_xdp_table *table, uint32_t id)
{
    struct dp_xdp_place *place = &table->places[id];
    struct dp_xdp_flow *flow = flow_at(table, id);
    uint64_t epoch;

    ovs_mutex_lock(&table->mutex);
    ovs_assert(place->bucket);
    atomic_store_relaxed((atomic_uint32_t *) &flow->valid, false);
    unpublish_flow(table, place);
    unlist_mask(table, flow->key.slot, place->mask);
    place->mask = NULL;
    table->n_flows--;
    table->used_epoch = place->epoch = epoch = table->epoch;
    ovs_mutex_unlock(&table->mutex);
    return epoch;
}

bool
dp_xdp_table_is_over(const struct dp_xdp_table *table, uint64_t epoch)
{
    uint64_t over;

    /* Pairs with the release in dp_xdp_table_epoch_over(). */
    atomic_read_explicit(&CONST_CAST(struct dp_xdp_table *, table)->over,
                         &over, memory_order_acquire);
    return epoch <= over;
}

void
dp_xdp_table_forget(struct dp_xdp_table *table, uint32_t id)
{
    struct dp_xdp_place *place = &table->places[id];

    ovs_mutex_lock(&table->mutex);
    ovs_assert(!place->bucket && place->epoch);
    if (dp_xdp_table_is_over(table, place->epoch)) {
        dp_xdp_ids_put(&table->flow_ids, id);
    } else {
        rest(table, &table->flow_ids, id);
    }
    place->epoch = 0;
    ovs_mutex_unlock(&table->mutex);
}

/* Returns the TCP flags in '*stats', and leaves none there.  The program, on
 * its CPU, reads, adds and writes: what it adds meanwhile stays, and may bring
 * old ones back. */
static uint64_t
take_tcp_flags(struct dp_xdp_stats *stats)
{
    atomic_uint64_t *flags = (atomic_uint64_t *) &stats->tcp_flags;
    uint64_t taken;

    atomic_read_relaxed(flags, &taken);
    if (taken) {                /* Else the cache line stays where it is. */
        atomic_and_relaxed(flags, 0, &taken);
    }
    return taken;
}

void
dp_xdp_table_read(struct dp_xdp_table *table, uint32_t id,
                  struct dp_xdp_stats *sum)
{
    memset(sum, 0, sizeof *sum);
    for (unsigned int cpu = 0; cpu < table->maps->n_cpus; cpu++) {
        struct dp_xdp_stats *stats
            = dp_xdp_array_at(&table->maps->stats, dp_xdp_stats_key(cpu, id));

        sum->tcp_flags |= take_tcp_flags(stats);
        sum->n_packets += *(const volatile __u64 *) &stats->n_packets;
        sum->n_bytes += *(const volatile __u64 *) &stats->n_bytes;
    }
}

bool
dp_xdp_table_has_flows(const struct dp_xdp_table *table_, uint32_t slot)
{
    struct dp_xdp_table *table = CONST_CAST(struct dp_xdp_table *, table_);
    bool has;

    ovs_mutex_lock(&table->mutex);
    has = table->ports[slot].n > 0;
    ovs_mutex_unlock(&table->mutex);
    return has;
}

int
dp_xdp_table_leave(struct dp_xdp_table *table, struct dp_xdp_maps *maps)
{
    int error;

    ovs_assert(maps == table->maps);
    ovs_mutex_lock(&table->mutex);
    error = dp_xdp_maps_part(maps);
    ovs_mutex_unlock(&table->mutex);
    return error;
}

uint64_t
dp_xdp_table_epoch_begin(struct dp_xdp_table *table)
{
    uint64_t ended = 0;

    ovs_mutex_lock(&table->mutex);
    if (table->used_epoch == table->epoch) {
        ended = table->epoch++;
    }
    ovs_mutex_unlock(&table->mutex);
    return ended;
}

void
dp_xdp_table_epoch_over(struct dp_xdp_table *table, uint64_t epoch)
{
    ovs_mutex_lock(&table->mutex);
    dp_xdp_ids_settle(&table->flow_ids, epoch);
    dp_xdp_ids_settle(&table->mask_ids, epoch);
    dp_xdp_ids_settle(&table->list_ids, epoch);
    ovs_mutex_unlock(&table->mutex);
    atomic_store_explicit(&table->over, epoch, memory_order_release);
}

struct dp_xdp_table_size
dp_xdp_table_get_size(const struct dp_xdp_table *table_)
{
    struct dp_xdp_table *table = CONST_CAST(struct dp_xdp_table *, table_);
    struct dp_xdp_table_size size;

    ovs_mutex_lock(&table->mutex);
    size = (struct dp_xdp_table_size) {
        .n_flows = table->n_flows,
        .n_masks = hmap_count(&table->masks),
        .n_resting = DP_XDP_MAX_FLOWS - 1 - table->n_flows
                     - table->flow_ids.n_free
                     + table->mask_ids.n_resting
                     + table->list_ids.n_resting,
    };
    ovs_mutex_unlock(&table->mutex);
    return size;
}

/* Aborts if something is wrong with an entry of 'bucket'.  Returns how many it
 * has. */
static unsigned int
check_bucket(const struct dp_xdp_table *table,
             const struct dp_xdp_bucket *bucket)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < DP_XDP_BUCKET_ENTRIES; i++) {
        uint32_t id = bucket->entries[i];
        const struct dp_xdp_flow *flow = flow_at(table, id);
        const struct dp_xdp_place *place = &table->places[id];
        uint8_t tag = bucket->tags >> i * 8;

        if (id) {
            const struct dp_xdp_port_masks *port
                = &table->ports[flow->key.slot];

            n++;
            ovs_assert(flow->valid);
            ovs_assert(place->bucket == bucket && place->entry == i);
            ovs_assert(flow->mask == place->mask->id);
            ovs_assert(find_in_list(port, place->mask) < port->n);
            ovs_assert(tag == dp_xdp_hash_tag(place->hash));
        } else {
            ovs_assert(!tag);
        }
    }
    return n;
}

void
dp_xdp_table_check(const struct dp_xdp_table *table_)
{
    struct dp_xdp_table *table = CONST_CAST(struct dp_xdp_table *, table_);
    unsigned int n_entries = 0, n_listed = 0;

    ovs_mutex_lock(&table->mutex);
    for (uint32_t i = 0; i < 1 << DP_XDP_BUCKET_BITS; i++) {
        const struct dp_xdp_bucket *bucket
            = dp_xdp_array_at(&table->maps->index, i);

        n_entries += check_bucket(table, bucket);
        ovs_assert(!(bucket->tags & DP_XDP_BUCKET_ELSEWHERE)
                   == !table->n_elsewhere[i]);
    }
    for (uint32_t slot = 0; slot < DP_XDP_MAX_PORTS; slot++) {
        for (unsigned int i = 0; i < table->ports[slot].n; i++) {
            n_listed += table->ports[slot].masks[i].n_flows;
        }
    }
    ovs_assert(n_entries == table->n_flows && n_listed == table->n_flows);
    ovs_mutex_unlock(&table->mutex);
}
