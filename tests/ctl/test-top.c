/* SPDX-License-Identifier: Apache-2.0 */

/* dp-top: the lists are those that sorting all flows gives, whatever comes,
 * goes, starts again or is met twice. */

#include <config.h>
#undef NDEBUG
#include "ctl/dp-top.h"

#include <math.h>
#include <string.h>

#include "../dptest.h"
#include "openvswitch/types.h"
#include "random.h"
#include "util.h"

enum { N_FLOWS = 300, N_ROUNDS = 60 };

/* A flow, in the model. */
struct model {
    bool there;
    bool noted;                 /* In the last round that it was there. */
    double known;               /* Rounds with a rate; 0: no rate yet. */
    uint64_t counts[DP_TOP_N_ORDERS];
    uint64_t last[DP_TOP_N_ORDERS];
    double rates[DP_TOP_N_ORDERS];
};

/* Two lanes have flows of the same name. */
static ovs_u128
name(int i)
{
    return (ovs_u128) { .u32 = { i / 2 * 7919, 1, 2, i / 2 } };
}

static void
note(struct dp_top *top, int i, const uint64_t *counts, long long int now_us)
{
    ovs_u128 ufid = name(i);

    dp_top_note(top, &ufid, i % 2, counts, now_us);
}

static void
finish(struct dp_top *top)
{
    while (dp_top_sweep(top, 7)) {
        continue;
    }
}

/* What happens to a flow between two rounds. */
static void
change(struct model *m)
{
    if (!random_range(10)) {
        m->there = !m->there;
        if (!m->there) {
            memset(m, 0, sizeof *m);
        }
    } else if (!random_range(20)) {
        memset(m->counts, 0, sizeof m->counts);     /* "dpctl/del-flows". */
    }
    m->counts[DP_TOP_BY_PACKETS] += random_range(1000);
    m->counts[DP_TOP_BY_BYTES] += random_range(100000);
}

static void
model_note(struct model *m, double seconds)
{
    bool follows = m->noted && m->counts[0] >= m->last[0]
                   && m->counts[1] >= m->last[1];

    for (int i = 0; i < DP_TOP_N_ORDERS; i++) {
        double rate = (m->counts[i] - m->last[i]) / seconds;

        m->rates[i] = (!follows ? 0 : !m->known ? rate
                       : (m->rates[i] + rate) / 2);
        m->last[i] = m->counts[i];
    }
    m->known = follows ? m->known + 1 : 0;
    m->noted = true;
}

/* No flow that is not listed has a higher rate than one that is. */
static void
check_list(const struct dp_top_list *list, int order,
           const struct model *flows)
{
    double least = (list->n == DP_TOP_MAX
                    ? list->flows[list->n - 1].rates[order] : 0);
    size_t n_higher = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct dp_top_flow *flow = &list->flows[i];
        int j = flow->ufid.u32[3] * 2 + flow->lane_id;

        ovs_assert(flows[j].there);
        for (int k = 0; k < DP_TOP_N_ORDERS; k++) {
            ovs_assert(fabs(flow->rates[k] - flows[j].rates[k])
                       <= 1e-5 * flow->rates[k] + 1e-9);
        }
        ovs_assert(!i || flow->rates[order] <= flow[-1].rates[order]);
    }
    for (int j = 0; j < N_FLOWS; j++) {
        n_higher += (flows[j].there
                     && flows[j].rates[order] > least * (1 + 1e-5) + 1e-9);
    }
    ovs_assert(n_higher <= list->n);
}

static void
test_model(void)
{
    static struct model flows[N_FLOWS];
    long long int now_us = 1;
    struct dp_top top;
    bool full = false;

    dp_top_init(&top);
    for (int round = 0; round < N_ROUNDS; round++) {
        long long int passed = 500000 + random_range(1000000);
        size_t n = 0;

        now_us += passed;
        dp_top_begin(&top, N_FLOWS);
        for (int i = 0; i < N_FLOWS; i++) {
            change(&flows[i]);
            if (flows[i].there) {
                note(&top, i, flows[i].counts, now_us);
                model_note(&flows[i], passed / 1e6);
                n++;
            }
        }
        if (flows[0].there) {
            note(&top, 0, flows[0].counts, now_us + 1);
        }
        ovs_assert(dp_top_is_settled(&top) == (round >= 2));
        finish(&top);
        ovs_assert(top.n_seen == n && !top.n_seen_unwatched);
        ovs_assert(hmap_count(&top.counts) == n);
        for (int order = 0; order < DP_TOP_N_ORDERS; order++) {
            check_list(&top.lists[order], order, flows);
            full |= top.lists[order].n == DP_TOP_MAX;
        }
    }
    ovs_assert(full);
    dp_top_uninit(&top);
}

/* As long as a round lasts, users see the one before. */
static void
test_under_way(void)
{
    const uint64_t before[] = { 10, 100 }, after[] = { 30, 200 };
    struct dp_top top;

    dp_top_init(&top);
    dp_top_begin(&top, 1);
    note(&top, 4, before, 1000000);
    finish(&top);
    ovs_assert(!top.lists[0].n && !dp_top_is_settled(&top));
    dp_top_begin(&top, 1);
    note(&top, 4, after, 3000000);
    ovs_assert(!top.lists[0].n);
    finish(&top);
    ovs_assert(top.lists[0].n == 1 && top.lists[1].n == 1);
    ovs_assert(top.lists[0].flows[0].rates[DP_TOP_BY_PACKETS] == 10);
    ovs_assert(top.lists[0].flows[0].rates[DP_TOP_BY_BYTES] == 50);
    dp_top_begin(&top, 0);
    ovs_assert(top.lists[0].n == 1);
    finish(&top);
    ovs_assert(!top.lists[0].n && !top.n_seen);
    dp_top_uninit(&top);
}

/* There is a bound, and what is beyond it is counted. */
static void
test_bound(void)
{
    const uint64_t counts[] = { 1, 1 };
    struct dp_top top;

    dp_top_init(&top);
    dp_top_begin(&top, DP_TOP_MAX_COUNTS + 3);
    for (int i = 0; i < DP_TOP_MAX_COUNTS + 3; i++) {
        note(&top, i, counts, 1);
    }
    finish(&top);
    ovs_assert(hmap_count(&top.counts) == DP_TOP_MAX_COUNTS);
    ovs_assert(top.n_seen == DP_TOP_MAX_COUNTS + 3
               && top.n_seen_unwatched == 3);

    /* What has gone makes room. */
    dp_top_begin(&top, 4);
    note(&top, 0, counts, 2);
    finish(&top);
    ovs_assert(top.n_seen == 1 && !top.n_seen_unwatched);
    dp_top_uninit(&top);
}

static void
test_top_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_model();
    test_under_way();
    test_bound();
}
DPTEST_REGISTER("top", test_top_main);
