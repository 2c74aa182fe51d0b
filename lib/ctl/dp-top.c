/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-top.h"

#include <string.h>

#include "hash.h"
#include "util.h"

/* What is known of one flow. */
struct dp_top_count {
    struct hmap_node node;
    ovs_u128 ufid;
    unsigned int lane_id;
    uint32_t round;                     /* That it was last noted in. */
    long long int when_us;              /* Of the last reading. */
    uint64_t counts[DP_TOP_N_ORDERS];
    float rates[DP_TOP_N_ORDERS];       /* Negative: not known yet. */
};

void
dp_top_init(struct dp_top *top)
{
    memset(top, 0, sizeof *top);
    hmap_init(&top->counts);
}

void
dp_top_uninit(struct dp_top *top)
{
    struct dp_top_count *count;

    HMAP_FOR_EACH_POP (count, node, &top->counts) {
        free(count);
    }
    hmap_destroy(&top->counts);
}

void
dp_top_begin(struct dp_top *top, size_t n_flows)
{
    top->round++;
    top->n_unwatched = 0;
    memset(&top->swept, 0, sizeof top->swept);
    for (int i = 0; i < DP_TOP_N_ORDERS; i++) {
        top->next[i].n = 0;
    }

    /* While the map is empty that moves nothing, and later nothing has to. */
    if (hmap_is_empty(&top->counts)) {
        hmap_reserve(&top->counts, MIN(n_flows, DP_TOP_MAX_COUNTS));
    }
}

static uint32_t
hash_flow(const ovs_u128 *ufid, unsigned int lane_id)
{
    return hash_add(ufid->u32[0], lane_id);
}

/* Returns the record of a flow, a new one if there is none yet, or NULL if
 * there is no room. */
static struct dp_top_count *
find_count(struct dp_top *top, const ovs_u128 *ufid, unsigned int lane_id)
{
    uint32_t hash = hash_flow(ufid, lane_id);
    struct dp_top_count *count;

    HMAP_FOR_EACH_WITH_HASH (count, node, hash, &top->counts) {
        if (ovs_u128_equals(count->ufid, *ufid)
            && count->lane_id == lane_id) {
            return count;
        }
    }
    if (hmap_count(&top->counts) >= DP_TOP_MAX_COUNTS) {
        return NULL;
    }
    count = xzalloc(sizeof *count);
    count->ufid = *ufid;
    count->lane_id = lane_id;
    count->round = top->round - 1;
    hmap_insert(&top->counts, &count->node, hash);
    return count;
}

/* Is the reading 'counts' at 'now_us' a later one of the same counters? */
static bool
follows(const struct dp_top_count *count, const uint64_t *counts,
        long long int now_us)
{
    return (count->when_us && now_us > count->when_us
            && counts[DP_TOP_BY_PACKETS] >= count->counts[DP_TOP_BY_PACKETS]
            && counts[DP_TOP_BY_BYTES] >= count->counts[DP_TOP_BY_BYTES]);
}

static void
update_rates(struct dp_top_count *count, const uint64_t *counts,
             long long int now_us)
{
    bool first = !count->when_us || count->rates[0] < 0;
    bool known = follows(count, counts, now_us);

    for (int i = 0; i < DP_TOP_N_ORDERS; i++) {
        if (known) {
            double rate = ((counts[i] - count->counts[i]) * 1e6
                           / (now_us - count->when_us));

            count->rates[i] = first ? rate : (count->rates[i] + rate) / 2;
        } else {
            count->rates[i] = -1;
        }
        count->counts[i] = counts[i];
    }
    count->when_us = now_us;
}

/* Puts 'count' into 'list', which is sorted by 'order', if it is among the
 * highest. */
static void
list_flow(struct dp_top_list *list, enum dp_top_order order,
          const struct dp_top_count *count)
{
    double rate = count->rates[order];
    struct dp_top_flow *flow;
    size_t i;

    if (rate <= 0 || (list->n == DP_TOP_MAX
                      && rate <= list->flows[DP_TOP_MAX - 1].rates[order])) {
        return;
    }
    list->n = MIN(list->n + 1, DP_TOP_MAX);
    for (i = list->n - 1; i && list->flows[i - 1].rates[order] < rate; i--) {
        list->flows[i] = list->flows[i - 1];
    }
    flow = &list->flows[i];
    flow->ufid = count->ufid;
    flow->lane_id = count->lane_id;
    for (int j = 0; j < DP_TOP_N_ORDERS; j++) {
        flow->rates[j] = count->rates[j];
    }
}

void
dp_top_note(struct dp_top *top, const ovs_u128 *ufid, unsigned int lane_id,
            const uint64_t counts[DP_TOP_N_ORDERS], long long int now_us)
{
    struct dp_top_count *count = find_count(top, ufid, lane_id);

    if (!count) {
        top->n_unwatched++;
    } else if (count->round != top->round) {
        /* Who walks a table that changes may meet a flow twice. */
        count->round = top->round;
        update_rates(count, counts, now_us);
        for (int i = 0; i < DP_TOP_N_ORDERS; i++) {
            list_flow(&top->next[i], i, count);
        }
    }
}

bool
dp_top_sweep(struct dp_top *top, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hmap_node *node = hmap_at_position(&top->counts, &top->swept);
        struct dp_top_count *count;

        if (!node) {
            memcpy(top->lists, top->next, sizeof top->lists);
            top->n_rounds = MIN(top->n_rounds + 1, 2);
            top->n_seen = hmap_count(&top->counts) + top->n_unwatched;
            top->n_seen_unwatched = top->n_unwatched;
            return false;
        }
        count = CONTAINER_OF(node, struct dp_top_count, node);
        if (count->round != top->round) {
            hmap_remove(&top->counts, node);
            free(count);
            if (top->swept.offset) {
                top->swept.offset--;    /* The next one has moved up. */
            }
        }
    }
    return true;
}
