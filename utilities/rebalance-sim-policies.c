/* SPDX-License-Identifier: Apache-2.0 */

/* Open vSwitch's algorithm ("offload-rebalance", since 2.11, for the kernel
 * datapath) is written from a description of its steps: every 3 seconds, with
 * the rates of these 3 seconds, all pending flows, fastest first, are tried.
 * If there is no room for all, flows are exchanged, at most 1024: as many as
 * there are pairs of the i-th fastest pending and the i-th slowest offloaded
 * one of which the former is faster.  New flows always try. */

#include <config.h>
#include "rebalance-sim.h"

#include <stdlib.h>

#include "rebalance/dp-rebalance-policy.h"
#include "util.h"

#define NONE UINT32_MAX
#define OVS_SECONDS 3
#define OVS_MAX_CHURN 1024

void
sim_policy_put(struct sim_policy *policy, uint32_t flow)
{
    ovs_assert(!policy->placed[flow]);
    ovs_assert(policy->used < policy->options->n_places);
    policy->placed[flow] = true;
    policy->used++;
    policy->n_ops++;
}

void
sim_policy_del(struct sim_policy *policy, uint32_t flow)
{
    ovs_assert(policy->placed[flow]);
    policy->placed[flow] = false;
    policy->used--;
    policy->n_ops++;
}

static bool
has_room(const struct sim_policy *policy)
{
    return policy->used < policy->options->n_places;
}

static void
forget(struct sim_policy *policy, uint32_t flow)
{
    if (policy->placed[flow]) {
        sim_policy_del(policy, flow);
    }
}

/* First come, first served. */

static void
first_miss(struct sim_policy *policy, uint32_t flow, bool is_new OVS_UNUSED)
{
    if (has_room(policy)) {
        sim_policy_put(policy, flow);
    }
}

/* Least recently used, packet by packet. */

struct lru {
    uint32_t *prev, *next;              /* The last element is the head. */
};

static void
lru_unlink(struct lru *lru, uint32_t flow)
{
    lru->next[lru->prev[flow]] = lru->next[flow];
    lru->prev[lru->next[flow]] = lru->prev[flow];
}

static void
lru_link(struct lru *lru, uint32_t head, uint32_t flow)
{
    lru->next[flow] = lru->next[head];
    lru->prev[flow] = head;
    lru->prev[lru->next[head]] = flow;
    lru->next[head] = flow;
}

static void
lru_hit(struct sim_policy *policy, uint32_t flow)
{
    lru_unlink(policy->aux, flow);
    lru_link(policy->aux, policy->counters->n_flows, flow);
}

static void
lru_miss(struct sim_policy *policy, uint32_t flow, bool is_new OVS_UNUSED)
{
    uint32_t head = policy->counters->n_flows;
    struct lru *lru = policy->aux;

    if (!has_room(policy)) {
        uint32_t victim = lru->prev[head];

        lru_unlink(lru, victim);
        sim_policy_del(policy, victim);
    }
    sim_policy_put(policy, flow);
    lru_link(lru, head, flow);
}

static void
lru_gone(struct sim_policy *policy, uint32_t flow)
{
    if (policy->placed[flow]) {
        lru_unlink(policy->aux, flow);
        sim_policy_del(policy, flow);
    }
}

static struct lru *
lru_create(size_t n_flows)
{
    struct lru *lru = xmalloc(sizeof *lru);

    lru->prev = xmalloc((n_flows + 1) * sizeof *lru->prev);
    lru->next = xmalloc((n_flows + 1) * sizeof *lru->next);
    lru->prev[n_flows] = lru->next[n_flows] = n_flows;
    return lru;
}

static void
lru_destroy(struct lru *lru)
{
    free(lru->prev);
    free(lru->next);
    free(lru);
}

/* Least frequently used: at the end of each interval, those with the most
 * packets since the beginning. */

uint64_t
sim_kth(uint64_t counts[], size_t n, size_t k)
{
    size_t low = 0, high = n;

    if (!k || k > n) {
        return 0;
    }
    k--;
    while (high - low > 1) {
        uint64_t pivot = counts[low + (high - low - 1) / 2];
        size_t i = low, j = high - 1;

        for (;;) {
            while (counts[i] > pivot) {
                i++;
            }
            while (counts[j] < pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            uint64_t tmp = counts[i];
            counts[i++] = counts[j];
            counts[j--] = tmp;
        }
        if (k <= j) {
            high = j + 1;
        } else {
            low = j + 1;
        }
    }
    return counts[k];
}

static void
lfu_end(struct sim_policy *policy, unsigned int now OVS_UNUSED)
{
    const struct sim_counters *c = policy->counters;
    uint64_t *counts = xmemdup(c->total, c->n_flows * sizeof *counts);
    uint64_t least = sim_kth(counts, c->n_flows, policy->options->n_places);

    free(counts);
    for (size_t i = 0; i < c->n_flows; i++) {
        if (policy->placed[i] && c->total[i] < least) {
            sim_policy_del(policy, i);
        }
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < c->n_flows && has_room(policy); i++) {
            if (!policy->placed[i] && c->total[i]
                && (pass ? c->total[i] == least : c->total[i] > least)) {
                sim_policy_put(policy, i);
            }
        }
    }
}

/* Open vSwitch's. */

struct ovs_flow {
    uint32_t flow;
    uint64_t n;                         /* Packets of the period. */
};

struct ovs {
    bool full;
    uint64_t *before;                   /* Counts of the last time. */
    struct ovs_flow *pending, *offloaded;
};

static void
ovs_miss(struct sim_policy *policy, uint32_t flow, bool is_new)
{
    struct ovs *ovs = policy->aux;

    if (has_room(policy)) {
        if (is_new || !ovs->full) {
            sim_policy_put(policy, flow);
        }
    } else {
        ovs->full = true;
    }
}

static int
compare_slowest(const void *a_, const void *b_)
{
    const struct ovs_flow *a = a_, *b = b_;

    return (a->n != b->n ? (a->n > b->n ? 1 : -1)
            : a->flow > b->flow ? 1 : a->flow < b->flow ? -1 : 0);
}

static int
compare_fastest(const void *a_, const void *b_)
{
    const struct ovs_flow *a = a_, *b = b_;

    return a->n != b->n ? (a->n < b->n ? 1 : -1) : compare_slowest(a_, b_);
}

static void
ovs_exchange(struct sim_policy *policy, size_t n_pending, size_t n_offloaded)
{
    struct ovs *ovs = policy->aux;
    size_t next = 0, churn = 0, n = 0;

    while (next < n_pending && has_room(policy)) {
        sim_policy_put(policy, ovs->pending[next++].flow);
    }
    if (next == n_pending) {
        ovs->full = false;
        return;
    }
    while (churn < OVS_MAX_CHURN && next + churn < n_pending
           && churn < n_offloaded
           && ovs->pending[next + churn].n > ovs->offloaded[churn].n) {
        churn++;
    }
    for (size_t i = 0; i < churn; i++) {
        sim_policy_del(policy, ovs->offloaded[i].flow);
    }
    while (next < n_pending && has_room(policy)
           && (n < churn || (churn < n_offloaded
                             && (ovs->pending[next].n
                                 >= ovs->offloaded[churn].n)))) {
        sim_policy_put(policy, ovs->pending[next++].flow);
        n++;
    }
}

static void
ovs_end(struct sim_policy *policy, unsigned int now)
{
    const struct sim_counters *c = policy->counters;
    unsigned int period = MAX(OVS_SECONDS / policy->options->interval_s, 1);
    size_t n_pending = 0, n_offloaded = 0;
    struct ovs *ovs = policy->aux;

    if ((now + 1) % period) {
        return;
    }
    for (size_t i = 0; i < c->n_flows; i++) {
        struct ovs_flow flow = { i, c->total[i] - ovs->before[i] };

        ovs->before[i] = c->total[i];
        if (policy->placed[i]) {
            ovs->offloaded[n_offloaded++] = flow;
        } else if (c->last[i]) {
            ovs->pending[n_pending++] = flow;
        }
    }
    if (ovs->full) {
        qsort(ovs->pending, n_pending, sizeof *ovs->pending, compare_fastest);
        qsort(ovs->offloaded, n_offloaded, sizeof *ovs->offloaded,
              compare_slowest);
        ovs_exchange(policy, n_pending, n_offloaded);
    }
}

static void
ovs_gone(struct sim_policy *policy, uint32_t flow)
{
    struct ovs *ovs = policy->aux;

    forget(policy, flow);
    ovs->before[flow] = 0;
}

static struct ovs *
ovs_create(size_t n_flows, size_t n_places)
{
    struct ovs *ovs = xzalloc(sizeof *ovs);

    ovs->before = xcalloc(n_flows, sizeof *ovs->before);
    ovs->pending = xmalloc(n_flows * sizeof *ovs->pending);
    ovs->offloaded = xmalloc(n_places * sizeof *ovs->offloaded);
    return ovs;
}

static void
ovs_destroy(struct ovs *ovs)
{
    free(ovs->before);
    free(ovs->pending);
    free(ovs->offloaded);
    free(ovs);
}

/* Ours: first come until the NIC is full, then the policy module. */

struct ours {
    bool full;
    struct dp_rebalance_plan plan;
    struct dp_places_rate *rates;
    struct dp_rebalance_item *items;
    uint32_t *flows;                    /* Of the items. */
    unsigned int *since;                /* Interval of the last move. */
};

static void
ours_miss(struct sim_policy *policy, uint32_t flow, bool is_new OVS_UNUSED)
{
    struct ours *ours = policy->aux;

    if (!ours->full) {
        if (has_room(policy)) {
            sim_policy_put(policy, flow);
        } else {
            ours->full = true;
        }
    }
}

static void
ours_gone(struct sim_policy *policy, uint32_t flow)
{
    struct ours *ours = policy->aux;

    forget(policy, flow);
    ours->rates[flow] = (struct dp_places_rate) { .when_us = 0 };
}

static size_t
ours_measure(struct sim_policy *policy, unsigned int now,
             uint64_t interval_us)
{
    const struct sim_counters *c = policy->counters;
    struct ours *ours = policy->aux;
    size_t n = 0;

    for (size_t i = 0; i < c->n_flows; i++) {
        struct dp_places_rate *rate = &ours->rates[i];

        if (!c->last[i]) {
            continue;
        }
        if (!rate->when_us) {
            /* A new flow begins with 0 packets. */
            rate->when_us = (now + 1) * interval_us;
            rate->count = c->total[i] - c->recent[i];
        }
        dp_rebalance_rate_update(rate, c->total[i], (now + 2) * interval_us,
                                 interval_us);
        ours->flows[n] = i;
        ours->items[n++] = (struct dp_rebalance_item) {
            .id = i, .fast = rate->fast, .slow = rate->slow, .cycles = 300,
            .places = 1, .placed = policy->placed[i],
            .age_ms = (now - ours->since[i]) * (interval_us / 1000),
        };
    }
    return n;
}

static void
ours_end(struct sim_policy *policy, unsigned int now)
{
    const struct sim_options *options = policy->options;
    uint64_t interval_us = options->interval_s * 1000000;
    struct dp_rebalance_params params;
    struct ours *ours = policy->aux;
    size_t n = ours_measure(policy, now, interval_us);

    if (!ours->full) {
        return;
    }
    dp_rebalance_params_init(&params, interval_us, options->n_places,
                             options->budget);
    dp_rebalance_plan_run(&ours->plan, &params, ours->items, n);
    for (size_t i = 0; i < ours->plan.n_moves; i++) {
        const struct dp_rebalance_move *move = &ours->plan.moves[i];
        uint32_t flow = ours->flows[move->item];

        if (move->in) {
            sim_policy_put(policy, flow);
        } else {
            sim_policy_del(policy, flow);
        }
        ours->since[flow] = now;
    }
}

static struct ours *
ours_create(size_t n_flows)
{
    struct ours *ours = xzalloc(sizeof *ours);

    dp_rebalance_plan_init(&ours->plan);
    ours->rates = xcalloc(n_flows, sizeof *ours->rates);
    ours->items = xcalloc(n_flows, sizeof *ours->items);
    ours->flows = xcalloc(n_flows, sizeof *ours->flows);
    ours->since = xcalloc(n_flows, sizeof *ours->since);
    return ours;
}

static void
ours_destroy(struct ours *ours)
{
    dp_rebalance_plan_uninit(&ours->plan);
    free(ours->rates);
    free(ours->items);
    free(ours->flows);
    free(ours->since);
    free(ours);
}

/* All of them. */

void
sim_policies_create(struct sim_policy policies[SIM_N_POLICIES],
                    const struct sim_options *options,
                    const struct sim_counters *counters)
{
    size_t n = counters->n_flows;
    const struct sim_policy all[SIM_N_POLICIES] = {
        { .name = "markpath", .text = "this policy",
          .aux = ours_create(n), .miss = ours_miss, .end = ours_end,
          .gone = ours_gone },
        { .name = "ovs", .text = "Open vSwitch's, every 3 s",
          .aux = ovs_create(n, options->n_places), .miss = ovs_miss,
          .end = ovs_end, .gone = ovs_gone },
        { .name = "lfu", .text = "most packets so far, each interval",
          .end = lfu_end, .gone = forget },
        { .name = "lru", .text = "last used, each packet",
          .aux = lru_create(n), .hit = lru_hit, .miss = lru_miss,
          .gone = lru_gone },
        { .name = "first", .text = "first come, first served",
          .miss = first_miss, .gone = forget },
    };

    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        policies[i] = all[i];
        policies[i].options = options;
        policies[i].counters = counters;
        policies[i].placed = xcalloc(n, sizeof *policies[i].placed);
    }
}

void
sim_policies_destroy(struct sim_policy policies[SIM_N_POLICIES])
{
    ours_destroy(policies[0].aux);
    ovs_destroy(policies[1].aux);
    lru_destroy(policies[3].aux);
    for (size_t i = 0; i < SIM_N_POLICIES; i++) {
        free(policies[i].placed);
    }
}
