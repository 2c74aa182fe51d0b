/* SPDX-License-Identifier: Apache-2.0 */

/* Hardware classifies each packet; here a packet is one of a known set of
 * streams, so it is enough to classify each stream when something changes.
 *
 * To find the streams that a rule concerns without looking at all of them,
 * the streams are sorted once by the hash of what the rule's mask selects of
 * them (an index).  Rules of one kind share a mask, so the sort is paid once
 * and then each rule costs in proportion to its own streams.
 *
 * For each stream we remember the path through the rules that it took when
 * it was classified, and how many of its hits are accounted: when its path
 * changes, or someone asks, the difference goes to the rules of the path. */

#include "simnic-classify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>

#include "simnic-queue.h"

#define MAX_FRAME 9728
#define SCRATCH_HEADROOM 512

/* Reclaiming. */

static void
free_path_id(struct simnic_port *port, struct simnic_path *path)
{
    struct simnic_classes *c = &port->classes;

    if (!path->id) {
        return;
    }
    if (c->n_free >= c->free_size) {
        uint32_t size = c->free_size ? c->free_size * 2 : 64;
        uint32_t *ids = realloc(c->free_id, size * sizeof *ids);

        if (!ids) {
            return;             /* The id is lost, which harms nobody. */
        }
        c->free_id = ids;
        c->free_size = size;
    }
    c->free_id[c->n_free++] = path->id;
}

static void
free_garbage(struct simnic_port *port, struct simnic_garbage *g)
{
    if (g->rule) {
        free_path_id(port, &g->rule->path);
        simnic_rule_free(g->rule);
    }
    if (g->path) {
        free_path_id(port, g->path);
        free(g->path);
    }
    free(g);
}

/* Puts a rule or a path aside until no polling core can look at it. */
static void
put_aside(struct simnic_port *port, struct simnic_rule *rule,
          struct simnic_path *path)
{
    struct simnic_garbage *g = calloc(1, sizeof *g);

    if (!g) {
        /* It leaks, which is better than to be read after it was freed. */
        return;
    }
    g->rule = rule;
    g->path = path;

    /* The words that led to it were changed before the counters are read:
     * pairs with the polling core's reads in program order. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint16_t i = 0; i < port->n_rxq; i++) {
        if (port->rxq[i]) {
            g->bursts[i] = __atomic_load_n(&port->rxq[i]->bursts,
                                           __ATOMIC_ACQUIRE);
        }
    }
    g->next = port->garbage;
    port->garbage = g;
    simnic_reclaim_run(port, !port->started);
}

void
simnic_reclaim_rule(struct simnic_port *port, struct simnic_rule *rule)
{
    if (rule->in_slow_path) {
        put_aside(port, rule, NULL);
    } else {
        simnic_rule_free(rule);
    }
}

static bool
is_seen_by_all(const struct simnic_port *port, const struct simnic_garbage *g)
{
    for (uint16_t i = 0; i < port->n_rxq; i++) {
        const struct simnic_rxq *q = port->rxq[i];

        if (q && __atomic_load_n(&q->bursts, __ATOMIC_ACQUIRE)
                 == g->bursts[i]) {
            return false;
        }
    }
    return true;
}

void
simnic_reclaim_run(struct simnic_port *port, bool force)
{
    struct simnic_garbage **gp = &port->garbage;

    /* Descriptors in flight keep old words for as long as they like. */
    if (port->config.faults.inflight && !force) {
        return;
    }
    while (*gp) {
        struct simnic_garbage *g = *gp;

        if (force || is_seen_by_all(port, g)) {
            *gp = g->next;
            free_garbage(port, g);
        } else {
            gp = &g->next;
        }
    }
}

/* Paths. */

static bool
path_has_rule(const struct simnic_path *path, const struct simnic_rule *rule)
{
    for (unsigned int i = 0; i < path->n_rules; i++) {
        if (path->rule[i] == rule) {
            return true;
        }
    }
    return false;
}

static unsigned int
path_hash(const struct simnic_verdict *v)
{
    uint64_t h = v->n_rules * 2 + v->drop;

    for (unsigned int i = 0; i < v->n_rules; i++) {
        h = (h ^ (uintptr_t) v->rule[i]) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    return h % RTE_DIM(((struct simnic_classes *) 0)->shared);
}

/* Gives 'path' an id by which polling cores find it.  Returns false if there
 * are no ids or no memory left. */
static bool
publish_path(struct simnic_classes *c, struct simnic_path *path)
{
    uint32_t id, chunk;

    if (path->id) {
        return true;
    }
    id = c->n_free ? c->free_id[c->n_free - 1] : c->n_paths + 1;
    chunk = id / SIMNIC_PATH_CHUNK;
    if (chunk >= RTE_DIM(c->chunk)) {
        return false;
    }
    if (!c->chunk[chunk]) {
        c->chunk[chunk] = calloc(SIMNIC_PATH_CHUNK, sizeof *c->chunk[chunk]);
        if (!c->chunk[chunk]) {
            return false;
        }
    }
    if (c->n_free) {
        c->n_free--;
    } else {
        c->n_paths++;
    }
    path->id = id;
    for (unsigned int i = 0; i < path->n_rules; i++) {
        path->rule[i]->in_slow_path = true;
    }

    /* The word with the id is stored later, with release. */
    c->chunk[chunk][id % SIMNIC_PATH_CHUNK] = path;
    return true;
}

/* Returns the path that 'v' stands for, or NULL if out of memory. */
static struct simnic_path *
find_path(struct simnic_classes *c, const struct simnic_verdict *v)
{
    struct simnic_path **head, *path;

    if (!v->n_rules) {
        return v->drop ? &c->filtered : &c->none;
    }
    if (v->n_rules == 1 && v->drop == v->rule[0]->path.drop) {
        return &v->rule[0]->path;
    }

    head = &c->shared[path_hash(v)];
    for (path = *head; path; path = path->next) {
        if (path->n_rules == v->n_rules && path->drop == v->drop
            && !memcmp(path->rule, v->rule, v->n_rules * sizeof *v->rule)) {
            return path;
        }
    }
    path = calloc(1, sizeof *path);
    if (path) {
        path->n_rules = v->n_rules;
        memcpy(path->rule, v->rule, v->n_rules * sizeof *v->rule);
        for (unsigned int i = 0; i < v->n_rules; i++) {
            path->counted |= v->rule[i]->path.counted;
            path->exact |= v->rule[i]->path.exact;
        }
        path->shared = true;
        path->drop = v->drop;
        path->has_mark = v->has_mark;
        path->mark = v->mark;
        path->flag = v->flag;
        path->to_port = v->to_port;
        path->port_id = v->port_id;
        path->slow = v->to_port || (v->edits && !v->drop);
        path->next = *head;
        *head = path;
    }
    return path;
}

static void
leave_path(struct simnic_port *port, struct simnic_path *path)
{
    struct simnic_path **pp;

    if (--path->n_streams || !path->shared) {
        return;
    }
    for (size_t i = 0; i < RTE_DIM(port->classes.shared); i++) {
        for (pp = &port->classes.shared[i]; *pp; pp = &(*pp)->next) {
            if (*pp == path) {
                *pp = path->next;
                if (path->id) {
                    put_aside(port, NULL, path);
                } else {
                    free(path);
                }
                return;
            }
        }
    }
}

/* Deciding. */

bool
simnic_classify_filtered(const struct simnic_port *port,
                         const struct simnic_key *key, uint32_t size)
{
    const uint8_t *dst = key->layer[0].eth_dst;

    if (size > port->mtu + RTE_ETHER_HDR_LEN + 2u * RTE_VLAN_HLEN) {
        return true;
    }
    if (port->promiscuous) {
        return false;
    }
    if (dst[0] & 1) {
        static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

        return !port->allmulticast && memcmp(dst, broadcast, 6);
    }
    return memcmp(dst, &port->mac, 6);
}

uint16_t
simnic_classify_queue(const struct simnic_port *port,
                      const struct simnic_verdict *v,
                      const struct simnic_key *key, uint32_t *hashp)
{
    const struct simnic_rss *rss = v->rss;
    uint64_t types = rss && rss->types ? rss->types : port->rss.types;
    bool hashed = simnic_rss_hash(&port->rss, types, rss && rss->symmetric,
                                  key, hashp);
    uint16_t queue;

    if (v->has_queue) {
        queue = v->queue;
    } else if (rss) {
        queue = rss->queue[*hashp % rss->n_queues];
    } else {
        queue = hashed ? port->rss.reta[*hashp % SIMNIC_RETA_SIZE] : 0;
    }

    /* A rule may be older than a restart with fewer queues. */
    return queue < port->n_rxq ? queue : 0;
}

/* Appends stream 'i' to the list of 'queue', if it never was in it. */
static void
list_stream(struct simnic_port *port, uint32_t i, uint16_t queue)
{
    struct simnic_rxq *q = port->rxq[queue];

    if (q && q->in_list && !(q->in_list[i / 64] >> i % 64 & 1)) {
        q->in_list[i / 64] |= UINT64_C(1) << i % 64;
        q->list[q->list_len] = i;

        /* Pairs with the acquire at the start of a burst. */
        __atomic_store_n(&q->list_len, q->list_len + 1, __ATOMIC_RELEASE);
    }
}

static void
account(struct simnic_path *path, uint32_t hits, uint32_t size)
{
    for (unsigned int i = 0; i < path->n_rules; i++) {
        simnic_rule_account(path->rule[i], hits, (uint64_t) hits * size);
    }
}

static void
sync_stream(struct simnic_port *port, uint32_t i)
{
    struct simnic_classes *c = &port->classes;
    uint32_t hits = __atomic_load_n(&port->streams.record[i].hits,
                                    __ATOMIC_RELAXED);
    uint32_t new = hits - c->seen[i];

    if (new) {
        account(c->path[i], new, simnic_streams_size(&port->streams, i));
        c->seen[i] = hits;
    }
}

struct frame_aux {
    const struct simnic_port *port;
    uint32_t stream;
    uint8_t bytes[SCRATCH_HEADROOM + MAX_FRAME];
};

static bool
get_frame(void *aux_, struct simnic_frame *frame)
{
    struct frame_aux *aux = aux_;

    frame->data = aux->bytes + SCRATCH_HEADROOM;
    frame->headroom = SCRATCH_HEADROOM;
    frame->size = simnic_streams_size(&aux->port->streams, aux->stream);
    frame->more = 0;
    if (frame->size > MAX_FRAME) {
        return false;
    }
    simnic_streams_frame(&aux->port->streams, aux->stream, frame->data);
    return true;
}

static uint64_t
make_word(struct simnic_port *port, struct simnic_path *path, uint16_t queue)
{
    uint64_t word = (uint64_t) queue << SIMNIC_W_QUEUE_SHIFT;

    if (path->counted) {
        word |= SIMNIC_W_COUNT;
    }
    if (path->drop) {
        return word | SIMNIC_W_STEP;
    }
    if (path->slow) {
        /* Without an id the packet is lost, as in a NIC out of contexts. */
        return (publish_path(&port->classes, path)
                ? word | SIMNIC_W_SLOW | path->id
                : word | SIMNIC_W_STEP);
    }
    if (path->has_mark && !port->config.faults.no_marks) {
        word |= SIMNIC_W_MARK | path->mark;
    } else if (path->flag) {
        word |= SIMNIC_W_FLAG;
    }
    return word;
}

/* Decides about stream 'i', whose key is in 'subject'. */
static void
classify(struct simnic_port *port, uint32_t i, struct simnic_subject *subject)
{
    struct simnic_classes *c = &port->classes;
    struct simnic_stream *s = &port->streams.record[i];
    struct simnic_path *path, *old = c->path[i];
    struct simnic_verdict v;
    uint32_t hash;
    uint16_t queue;
    bool filtered;

    filtered = simnic_classify_filtered(
        port, &subject->key, simnic_streams_size(&port->streams, i));
    simnic_rules_eval(&port->rules, subject, filtered, &v);
    path = find_path(c, &v);
    if (!path) {
        path = &c->filtered;
    }
    if (path != old) {
        path->n_streams++;
        if (old && old->exact && !path->counted) {
            c->move[c->n_moves++] = (struct simnic_move) { i, path };
            old = NULL;
        } else {
            if (old) {
                sync_stream(port, i);
            }
            c->path[i] = path;
        }
    }

    queue = simnic_classify_queue(port, &v, &subject->key, &hash);
    if (s->hash != hash) {
        __atomic_store_n(&s->hash, hash, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&s->word, make_word(port, path, queue),
                     __ATOMIC_RELEASE);
    if (port->n_rxq > 1) {
        list_stream(port, i, queue);
    }
    if (old && path != old) {
        leave_path(port, old);
    }
    c->n_classified++;
}

/* Moves streams to paths on which nobody counts, when the last core has looked
 * at their old words. */
static void
finish_moves(struct simnic_port *port)
{
    struct simnic_classes *c = &port->classes;

    if (c->n_moves) {
        simnic_queues_pass(port);
    }
    while (c->n_moves) {
        const struct simnic_move *move = &c->move[--c->n_moves];
        struct simnic_path *old = c->path[move->stream];

        sync_stream(port, move->stream);
        c->path[move->stream] = move->path;
        leave_path(port, old);
    }
}

void
simnic_classify_all(struct simnic_port *port)
{
    struct frame_aux aux;               /* Large: not to be cleared. */
    struct simnic_subject subject = { .aux = &aux, .frame = get_frame };

    aux.port = port;
    for (uint32_t i = 0; i < port->streams.n; i++) {
        aux.stream = i;
        simnic_streams_key(&port->streams, i, &subject.key);
        classify(port, i, &subject);
    }
    finish_moves(port);
    simnic_reclaim_run(port, !port->started);
}

/* Indexes. */

static void
index_uninit(struct simnic_index *x)
{
    free(x->start);
    free(x->stream);
    memset(x, 0, sizeof *x);
}

static uint64_t
key_hash(const struct simnic_mask *mask, const struct simnic_key *key)
{
    return simnic_mask_hash(mask, (const uint64_t *) (const void *) key);
}

/* Sorts all streams by what 'mask' selects.  Returns false if out of
 * memory. */
static bool
index_init(struct simnic_index *x, const struct simnic_streams *ss,
           const struct simnic_mask *mask)
{
    uint32_t *bucket_of;

    memset(x, 0, sizeof *x);
    x->mask = *mask;
    x->n_buckets = rte_align32pow2(RTE_MAX(ss->n / 2, 16u));
    x->start = calloc(x->n_buckets + 1, sizeof *x->start);
    x->stream = malloc(ss->n * sizeof *x->stream);
    bucket_of = malloc(ss->n * sizeof *bucket_of);
    if (!x->start || !x->stream || !bucket_of) {
        index_uninit(x);
        free(bucket_of);
        return false;
    }
    for (uint32_t i = 0; i < ss->n; i++) {
        struct simnic_key key;

        simnic_streams_key(ss, i, &key);
        bucket_of[i] = key_hash(mask, &key) & (x->n_buckets - 1);
        x->start[bucket_of[i] + 1]++;
    }
    for (uint32_t b = 0; b < x->n_buckets; b++) {
        x->start[b + 1] += x->start[b];
    }

    /* Placing moves each start up to its end, that is, one bucket on. */
    for (uint32_t i = 0; i < ss->n; i++) {
        x->stream[x->start[bucket_of[i]]++] = i;
    }
    memmove(x->start + 1, x->start, x->n_buckets * sizeof *x->start);
    x->start[0] = 0;
    free(bucket_of);
    return true;
}

/* Returns the index for 'mask', made now if need be, or NULL. */
static struct simnic_index *
get_index(struct simnic_port *port, const struct simnic_mask *mask)
{
    struct simnic_classes *c = &port->classes;
    struct simnic_index *x, *oldest = &c->index[0];

    for (x = c->index; x < &c->index[c->n_indexes]; x++) {
        if (simnic_mask_equal(&x->mask, mask)) {
            x->used = ++c->clock;
            return x;
        }
        if (x->used < oldest->used) {
            oldest = x;
        }
    }
    if (c->n_indexes < SIMNIC_MAX_INDEXES) {
        x = &c->index[c->n_indexes];
    } else {
        x = oldest;
        index_uninit(x);
    }
    if (!index_init(x, &port->streams, mask)) {
        if (c->n_indexes == SIMNIC_MAX_INDEXES) {
            *x = c->index[--c->n_indexes];
            memset(&c->index[c->n_indexes], 0, sizeof *x);
        }
        return NULL;
    }
    if (x == &c->index[c->n_indexes]) {
        c->n_indexes++;
    }
    x->used = ++c->clock;
    return x;
}

void
simnic_classify_changed(struct simnic_port *port,
                        const struct simnic_match *match, uint32_t group,
                        const struct simnic_rule *rule)
{
    const struct simnic_streams *ss = &port->streams;
    struct frame_aux aux;               /* Large: not to be cleared. */
    struct simnic_subject subject = { .aux = &aux, .frame = get_frame };
    const struct simnic_index *x;
    uint32_t begin = 0, end = ss->n;

    if (!ss->n) {
        return;
    }
    if (group && port->rules.n_edit_jump) {
        /* The rule sees packets as others have made them. */
        simnic_classify_all(port);
        return;
    }
    aux.port = port;
    x = get_index(port, &match->mask);
    if (x) {
        uint64_t hash = simnic_mask_hash(&match->mask, match->value);
        uint32_t bucket = hash & (x->n_buckets - 1);

        begin = x->start[bucket];
        end = x->start[bucket + 1];
    }
    for (uint32_t k = begin; k < end; k++) {
        uint32_t i = x ? x->stream[k] : k;

        if (rule && !path_has_rule(port->classes.path[i], rule)) {
            continue;
        }
        simnic_streams_key(ss, i, &subject.key);
        if (rule || simnic_match_test(match, &subject.key)) {
            aux.stream = i;
            classify(port, i, &subject);
        }
    }
    finish_moves(port);
}

void
simnic_classify_sync(struct simnic_port *port, struct simnic_rule *rule)
{
    const struct simnic_streams *ss = &port->streams;
    const struct simnic_index *x = NULL;
    uint32_t begin = 0, end = ss->n;

    if (!ss->n) {
        return;
    }
    if (rule && !(rule->entry.group && port->rules.n_edit_jump)) {
        x = get_index(port, simnic_entry_mask(&rule->entry));
    }
    if (x) {
        uint32_t bucket = rule->entry.hash & (x->n_buckets - 1);

        begin = x->start[bucket];
        end = x->start[bucket + 1];
    }
    for (uint32_t k = begin; k < end; k++) {
        sync_stream(port, x ? x->stream[k] : k);
    }
    if (!rule) {
        port->synced_at = rte_rdtsc();
    }
}

int
simnic_classify_init(struct simnic_port *port)
{
    struct simnic_classes *c = &port->classes;

    c->filtered.drop = true;
    if (port->streams.n) {
        c->path = calloc(port->streams.n, sizeof *c->path);
        c->seen = calloc(port->streams.n, sizeof *c->seen);
        c->move = calloc(port->streams.n, sizeof *c->move);
        if (!c->path || !c->seen || !c->move) {
            return ENOMEM;
        }
    }
    return 0;
}

void
simnic_classify_uninit(struct simnic_port *port)
{
    struct simnic_classes *c = &port->classes;

    while (c->n_indexes) {
        index_uninit(&c->index[--c->n_indexes]);
    }
    for (uint32_t i = 0; c->path && i < port->streams.n; i++) {
        if (c->path[i]) {
            leave_path(port, c->path[i]);
        }
    }
    simnic_reclaim_run(port, true);
    for (size_t i = 0; i < RTE_DIM(c->chunk); i++) {
        free(c->chunk[i]);
    }
    free(c->path);
    free(c->seen);
    free(c->move);
    free(c->free_id);
    memset(c, 0, sizeof *c);
}
