/* SPDX-License-Identifier: Apache-2.0 */

/* Subtables of a group stand in a list in the order of their priority, so a
 * search stops at the first subtable that is worse than what it has found. */

#include "simnic-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct simnic_subtable {
    struct simnic_subtable *next;       /* In its group, by priority. */
    struct simnic_mask mask;
    uint32_t priority;
    size_t n;
    size_t n_buckets;                   /* A power of 2. */
    struct simnic_entry **buckets;
};

struct simnic_group {
    uint32_t number;
    size_t n;                           /* Entries. */
    struct simnic_subtable *subtables;
};

void
simnic_table_init(struct simnic_table *t)
{
    memset(t, 0, sizeof *t);
}

void
simnic_table_uninit(struct simnic_table *t)
{
    free(t->groups);
    memset(t, 0, sizeof *t);
}

/* Index of the group with 'number', or of the first with a higher one. */
static size_t
group_index(const struct simnic_table *t, uint32_t number)
{
    size_t lo = 0, hi = t->n_groups;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (t->groups[mid]->number < number) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static struct simnic_group *
find_group(const struct simnic_table *t, uint32_t number)
{
    size_t i = group_index(t, number);

    return (i < t->n_groups && t->groups[i]->number == number
            ? t->groups[i] : NULL);
}

static struct simnic_group *
add_group(struct simnic_table *t, uint32_t number)
{
    size_t i = group_index(t, number);
    struct simnic_group **groups;
    struct simnic_group *g;

    groups = realloc(t->groups, (t->n_groups + 1) * sizeof *groups);
    if (!groups) {
        return NULL;
    }
    t->groups = groups;
    g = calloc(1, sizeof *g);
    if (!g) {
        return NULL;
    }
    g->number = number;
    memmove(groups + i + 1, groups + i, (t->n_groups - i) * sizeof *groups);
    groups[i] = g;
    t->n_groups++;
    return g;
}

static void
remove_group(struct simnic_table *t, struct simnic_group *g)
{
    size_t i = group_index(t, g->number);

    t->n_groups--;
    memmove(t->groups + i, t->groups + i + 1,
            (t->n_groups - i) * sizeof *t->groups);
    free(g);
}

/* Returns the subtable of 'mask' and 'priority', new if need be. */
static struct simnic_subtable *
get_subtable(struct simnic_group *g, const struct simnic_mask *mask,
             uint32_t priority)
{
    struct simnic_subtable **sp = &g->subtables, *s;

    while ((s = *sp) != NULL && s->priority <= priority) {
        if (s->priority == priority && simnic_mask_equal(&s->mask, mask)) {
            return s;
        }
        sp = &s->next;
    }
    s = calloc(1, sizeof *s);
    if (s) {
        s->mask = *mask;
        s->priority = priority;
        s->n_buckets = 8;
        s->buckets = calloc(s->n_buckets, sizeof *s->buckets);
        if (!s->buckets) {
            free(s);
            return NULL;
        }
        s->next = *sp;
        *sp = s;
    }
    return s;
}

static void
drop_subtable(struct simnic_group *g, struct simnic_subtable *s)
{
    struct simnic_subtable **sp = &g->subtables;

    while (*sp != s) {
        sp = &(*sp)->next;
    }
    *sp = s->next;
    free(s->buckets);
    free(s);
}

/* Doubles the buckets; does without if there is no memory. */
static void
grow(struct simnic_subtable *s)
{
    size_t n_buckets = s->n_buckets * 2;
    struct simnic_entry **buckets = calloc(n_buckets, sizeof *buckets);

    if (!buckets) {
        return;
    }
    for (size_t i = 0; i < s->n_buckets; i++) {
        struct simnic_entry *e, *next;

        for (e = s->buckets[i]; e; e = next) {
            struct simnic_entry **bucket = &buckets[e->hash
                                                    & (n_buckets - 1)];

            next = e->next;
            e->next = *bucket;
            *bucket = e;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->n_buckets = n_buckets;
}

int
simnic_table_insert(struct simnic_table *t, struct simnic_entry *e,
                    const struct simnic_match *match)
{
    struct simnic_group *g = find_group(t, e->group);
    struct simnic_subtable *s;
    struct simnic_entry **bucket;

    e->ranges = NULL;
    if (match->n_ranges) {
        e->ranges = malloc(sizeof *e->ranges);
        if (!e->ranges) {
            return ENOMEM;
        }
        *e->ranges = *match;
    }
    if (!g) {
        g = add_group(t, e->group);
    }
    s = g ? get_subtable(g, &match->mask, e->priority) : NULL;
    if (!s) {
        if (g && !g->n) {
            remove_group(t, g);
        }
        free(e->ranges);
        return ENOMEM;
    }
    if (s->n >= s->n_buckets) {
        grow(s);
    }
    memcpy(e->value, match->value, sizeof e->value);
    e->seq = t->next_seq++;
    e->subtable = s;
    e->hash = simnic_mask_hash(&s->mask, e->value);
    bucket = &s->buckets[e->hash & (s->n_buckets - 1)];
    e->next = *bucket;
    *bucket = e;
    s->n++;
    g->n++;
    t->n++;
    return 0;
}

void
simnic_table_remove(struct simnic_table *t, struct simnic_entry *e)
{
    struct simnic_group *g = find_group(t, e->group);
    struct simnic_subtable *s = e->subtable;
    struct simnic_entry **ep = &s->buckets[e->hash & (s->n_buckets - 1)];

    while (*ep != e) {
        ep = &(*ep)->next;
    }
    *ep = e->next;
    free(e->ranges);
    e->ranges = NULL;
    e->subtable = NULL;
    if (!--s->n) {
        drop_subtable(g, s);
    }
    if (!--g->n) {
        remove_group(t, g);
    }
    t->n--;
}

static bool
entry_matches(const struct simnic_subtable *s, const struct simnic_entry *e,
              const struct simnic_key *key)
{
    return (simnic_mask_test(&s->mask, e->value, key)
            && (!e->ranges || simnic_match_in_ranges(e->ranges, key)));
}

struct simnic_entry *
simnic_table_find(const struct simnic_table *t, uint32_t group,
                  const struct simnic_key *key,
                  const struct simnic_entry *after)
{
    const struct simnic_group *g = find_group(t, group);
    const uint64_t *words = (const uint64_t *) (const void *) key;
    struct simnic_entry *best = NULL;

    for (const struct simnic_subtable *s = g ? g->subtables : NULL; s;
         s = s->next) {
        struct simnic_entry *e;
        uint64_t hash;

        if (best && s->priority > best->priority) {
            break;
        }
        if (after && s->priority < after->priority) {
            continue;
        }
        hash = simnic_mask_hash(&s->mask, words);
        for (e = s->buckets[hash & (s->n_buckets - 1)]; e; e = e->next) {
            if (e->hash == hash
                && (!best || e->seq < best->seq)
                && (!after || e->priority > after->priority
                    || e->seq > after->seq)
                && entry_matches(s, e, key)) {
                best = e;
            }
        }
    }
    return best;
}

size_t
simnic_table_count(const struct simnic_table *t, uint32_t group)
{
    const struct simnic_group *g = find_group(t, group);

    return g ? g->n : 0;
}

const struct simnic_mask *
simnic_entry_mask(const struct simnic_entry *e)
{
    return &e->subtable->mask;
}

bool
simnic_entry_test(const struct simnic_entry *e, const struct simnic_key *key)
{
    return entry_matches(e->subtable, e, key);
}
