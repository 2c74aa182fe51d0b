/* SPDX-License-Identifier: Apache-2.0 */

/* Properties of plans, with random items; rates with unreliable counters; and
 * a small world of Zipf flows.  All from fixed seeds. */

#include <config.h>
#undef NDEBUG
#include "rebalance/dp-rebalance-policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "tests/dptest.h"
#include "util.h"

#define SECOND_US UINT64_C(1000000)
#define MAX_ITEMS 400

/* Random items of which those that are placed fit into 'capacity'. */
static size_t
random_items(struct dp_rebalance_item items[], uint64_t capacity,
             uint32_t max_places)
{
    size_t n = random_range(MAX_ITEMS + 1);
    uint64_t used = 0;

    for (size_t i = 0; i < n; i++) {
        struct dp_rebalance_item *item = &items[i];

        *item = (struct dp_rebalance_item) {
            .id = (uint64_t) random_uint32() << 16 | i,
            .fast = random_range(4) ? random_range(1000) : 0,
            .cycles = 100 + 100 * random_range(3),
            .places = 1 + random_range(max_places),
            .age_ms = random_range(10000),
        };
        item->slow = random_range(3) ? item->fast : random_range(1000);
        if (random_range(2) && used + item->places <= capacity) {
            item->placed = true;
            used += item->places;
        }
    }
    return n;
}

static void
random_params(struct dp_rebalance_params *params)
{
    uint64_t capacity = random_range(300);

    dp_rebalance_params_init(params, SECOND_US, capacity, random_range(200));
    params->reserve = random_range(1 + capacity / 8);
    params->min_pps = random_range(2) ? 0 : random_range(500);
    params->op_cycles = random_range(2) ? 1000 : random_range(1000000);
    params->margin = random_range(100) / 100.0;
}

/* The moves, applied one after the other, never use more than there is; a flow
 * is moved once, and to where it is not; young ones stay. */
static void
check_moves(const struct dp_rebalance_plan *plan,
            const struct dp_rebalance_params *params,
            const struct dp_rebalance_item items[], size_t n)
{
    bool moved[MAX_ITEMS] = { false };
    uint64_t used = 0;
    size_t n_in = 0;

    for (size_t i = 0; i < n; i++) {
        used += items[i].placed ? items[i].places : 0;
    }
    ovs_assert(used == plan->used);
    ovs_assert(plan->n_moves <= params->budget);
    for (size_t i = 0; i < plan->n_moves; i++) {
        const struct dp_rebalance_move *move = &plan->moves[i];
        const struct dp_rebalance_item *item = &items[move->item];

        ovs_assert(move->item < n && !moved[move->item]);
        moved[move->item] = true;
        ovs_assert(item->placed == !move->in);
        if (move->in) {
            used += item->places;
            ovs_assert(used + params->reserve <= params->capacity);
            n_in++;
        } else {
            used -= item->places;
            ovs_assert(item->age_ms >= params->residence_ms);
        }
        ovs_assert(used <= params->capacity);
    }
    ovs_assert(n_in == plan->n_in);
}

/* Whatever comes is worth more than whatever leaves for it, and pays. */
static void
check_gain(const struct dp_rebalance_plan *plan,
           const struct dp_rebalance_params *params,
           const struct dp_rebalance_item items[])
{
    uint64_t over = plan->used + params->reserve;

    over = over > params->capacity ? over - params->capacity : 0;
    for (size_t i = 0; i < plan->n_moves; ) {
        const struct dp_rebalance_item *in;
        double lost = 0, worst = 0, gain, score;
        size_t n_ops = 1;

        for (; i < plan->n_moves && !plan->moves[i].in; i++) {
            const struct dp_rebalance_item *out
                = &items[plan->moves[i].item];

            if (over) {                 /* For the reserve. */
                over -= MIN(over, out->places);
                continue;
            }
            score = dp_rebalance_score_max(params, out, plan->scale);
            worst = MAX(worst, score);
            lost += score * out->places;
            n_ops++;
        }
        if (i >= plan->n_moves) {
            ovs_assert(!lost);
            break;
        }
        in = &items[plan->moves[i++].item];
        gain = dp_rebalance_score_min(params, in, plan->scale);
        ovs_assert(gain > worst);
        gain = gain * in->places - lost;
        ovs_assert(gain * params->life_s >= params->op_cycles * n_ops * .999);
        ovs_assert(MAX(in->fast, in->slow * plan->scale)
                   >= params->min_pps);
    }
}

static uint64_t
moved_id(const struct dp_rebalance_plan *plan, size_t i,
         const struct dp_rebalance_item items[])
{
    return items[plan->moves[i].item].id;
}

/* The same flows in another order, and with the memory of another plan. */
static void
check_same(const struct dp_rebalance_plan *plan,
           const struct dp_rebalance_params *params,
           const struct dp_rebalance_item items[], size_t n)
{
    struct dp_rebalance_item shuffled[MAX_ITEMS];
    static struct dp_rebalance_plan other;

    memcpy(shuffled, items, n * sizeof *items);
    for (size_t i = n; i > 1; i--) {
        size_t j = random_range(i);
        struct dp_rebalance_item tmp = shuffled[i - 1];

        shuffled[i - 1] = shuffled[j];
        shuffled[j] = tmp;
    }
    dp_rebalance_plan_run(&other, params, shuffled, n);
    ovs_assert(other.n_moves == plan->n_moves);
    for (size_t i = 0; i < plan->n_moves; i++) {
        ovs_assert(plan->moves[i].in == other.moves[i].in);
        ovs_assert(moved_id(plan, i, items) == moved_id(&other, i, shuffled));
    }
}

static void
test_plan_properties(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_rebalance_item items[MAX_ITEMS];
    struct dp_rebalance_params params;
    struct dp_rebalance_plan plan;
    size_t n_in = 0, n_out = 0;

    random_set_seed(7);
    dp_rebalance_plan_init(&plan);
    for (int i = 0; i < 5000; i++) {
        size_t n;

        random_params(&params);
        n = random_items(items, params.capacity, i & 1 ? 4 : 1);
        dp_rebalance_plan_run(&plan, &params, items, n);
        check_moves(&plan, &params, items, n);
        check_gain(&plan, &params, items);
        check_same(&plan, &params, items, n);
        n_in += plan.n_in;
        n_out += plan.n_moves - plan.n_in;
    }
    ovs_assert(n_in > 10000 && n_out > 10000);
    dp_rebalance_plan_uninit(&plan);
}
DPTEST_REGISTER("rebalance-plan-properties", test_plan_properties);

/* One item. */
static struct dp_rebalance_item
item(uint64_t id, bool placed, double pps)
{
    return (struct dp_rebalance_item) {
        .id = id, .fast = pps, .slow = pps, .cycles = 100, .places = 1,
        .age_ms = 60000, .placed = placed,
    };
}

static void
test_plan_cases(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_rebalance_item items[4];
    struct dp_rebalance_params params;
    struct dp_rebalance_plan plan;

    dp_rebalance_plan_init(&plan);

    /* Nothing. */
    dp_rebalance_params_init(&params, SECOND_US, 0, 0);
    dp_rebalance_plan_run(&plan, &params, NULL, 0);
    ovs_assert(!plan.n_moves && !plan.n_candidates);

    /* The better one comes, the worse one of two leaves first. */
    dp_rebalance_params_init(&params, SECOND_US, 2, 10);
    items[0] = item(1, true, 1000);
    items[1] = item(2, true, 500);
    items[2] = item(3, false, 2000);
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 2);
    ovs_assert(plan.moves[0].item == 1 && !plan.moves[0].in);
    ovs_assert(plan.moves[1].item == 2 && plan.moves[1].in);

    /* Not if it has just come; then the other one has to. */
    items[1].age_ms = params.residence_ms - 1;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 2 && plan.moves[0].item == 0);

    /* Not for a little. */
    items[1].age_ms = params.residence_ms;
    items[2] = item(3, false, 520);
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(!plan.n_moves && plan.n_candidates == 1);

    /* Not for one operation's budget. */
    items[2] = item(3, false, 2000);
    params.budget = 1;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(!plan.n_moves);

    /* More of less: two places for one flow. */
    params.budget = 3;
    items[2].places = 2;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(!plan.n_moves);
    items[2].fast = items[2].slow = 4000;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 3 && plan.moves[2].in);

    /* Cycles saved count, too. */
    items[2] = item(3, false, 400);
    items[2].cycles = 300;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 2 && plan.moves[0].item == 1);

    /* Below min_pps nobody comes, not even into a free place. */
    params.min_pps = 401;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(!plan.n_moves && !plan.n_candidates);
    params.capacity = 10;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(!plan.n_moves);
    params.min_pps = 300;
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 1 && plan.moves[0].in);

    /* The reserve is freed, from the worst. */
    params.capacity = 2;
    params.reserve = 1;
    items[2] = item(3, false, 1);
    dp_rebalance_plan_run(&plan, &params, items, 3);
    ovs_assert(plan.n_moves == 1 && plan.moves[0].item == 1);

    /* Ties: the lower number. */
    params.reserve = 0;
    params.capacity = 1;
    params.min_pps = 0;
    items[0] = item(9, false, 1000);
    items[1] = item(8, false, 1000);
    dp_rebalance_plan_run(&plan, &params, items, 2);
    ovs_assert(plan.n_moves == 1 && plan.moves[0].item == 1);

    dp_rebalance_plan_uninit(&plan);
}
DPTEST_REGISTER("rebalance-plan-cases", test_plan_cases);

/* A scan: 100,000 flows of one packet, or two, or three, against flows that
 * are idle. */
static void
test_scan(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const size_t n = 101000;
    struct dp_rebalance_item *items = xcalloc(n, sizeof *items);
    struct dp_places_rate *rates = xcalloc(n, sizeof *rates);
    struct dp_rebalance_params params;
    struct dp_rebalance_plan plan;

    dp_rebalance_plan_init(&plan);
    dp_rebalance_params_init(&params, SECOND_US, 1100, 10000);
    for (int when = 1; when < 8; when++) {
        for (size_t i = 0; i < n; i++) {
            uint64_t count = i >= 1000 && when >= 3 ? 1 + i % 3 : 0;

            dp_rebalance_rate_update(&rates[i], count, when * SECOND_US,
                                     SECOND_US);
            items[i] = item(i, i < 1000, 0);
            items[i].fast = rates[i].fast;
            items[i].slow = rates[i].slow;
        }
        dp_rebalance_plan_run(&plan, &params, items, n);
        ovs_assert(!plan.n_moves);
    }
    dp_rebalance_plan_uninit(&plan);
    free(items);
    free(rates);
}
DPTEST_REGISTER("rebalance-scan", test_scan);

static bool
near(double a, double b, double error)
{
    return fabs(a - b) <= error * MAX(fabs(a), fabs(b));
}

static void
test_rates(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_places_rate r = { .count = 0 }, before;
    uint64_t now = 5 * SECOND_US, count = 1000000;

    /* The first reading tells nothing. */
    ovs_assert(!dp_rebalance_rate_update(&r, count, now, SECOND_US));
    ovs_assert(!r.fast && !r.slow);

    /* Both averages get there, the fast one sooner. */
    for (int i = 0; i < 100; i++) {
        now += SECOND_US;
        count += 500;
        ovs_assert(dp_rebalance_rate_update(&r, count, now, SECOND_US)
                   == 500);
        ovs_assert(r.fast >= r.slow);
        ovs_assert(i < 5 || r.fast > 480);
    }
    ovs_assert(near(r.fast, 500, .001) && near(r.slow, 500, .001));

    /* No time has passed. */
    before = r;
    ovs_assert(!dp_rebalance_rate_update(&r, count + 7, now, SECOND_US));
    ovs_assert(r.fast == before.fast && r.count == before.count);

    /* Readings at odd times. */
    for (int i = 0; i < 100; i++) {
        uint64_t ms = 1 + random_range(3000);

        now += ms * 1000;
        count += ms / 2;
        dp_rebalance_rate_update(&r, count, now, SECOND_US);
        ovs_assert(near(r.slow, 500, .05));
    }

    /* Lag: two intervals in one, then none; the slow average does not mind. */
    for (int i = 0; i < 100; i++) {
        now += SECOND_US;
        count += i & 1 ? 1000 : 0;
        dp_rebalance_rate_update(&r, count, now, SECOND_US);
        ovs_assert(near(r.slow, 500, .1));
    }

    /* A little back, and a restart: not a flood. */
    before = r;
    now += SECOND_US;
    ovs_assert(!dp_rebalance_rate_update(&r, count - 5, now, SECOND_US));
    now += SECOND_US;
    ovs_assert(!dp_rebalance_rate_update(&r, 3, now, SECOND_US));
    ovs_assert(r.fast == before.fast && r.slow == before.slow);
    now += SECOND_US;
    ovs_assert(dp_rebalance_rate_update(&r, 503, now, SECOND_US) == 500);
    ovs_assert(near(r.slow, 500, .1));

    /* Somebody else's share comes. */
    dp_places_rate_rebase(&r);
    now += SECOND_US;
    ovs_assert(!dp_rebalance_rate_update(&r, 1 << 30, now, SECOND_US));
    ovs_assert(near(r.slow, 500, .1));

    /* Time goes back. */
    ovs_assert(!dp_rebalance_rate_update(&r, (1 << 30) + 9, 1, SECOND_US));
    ovs_assert(near(r.slow, 500, .1));
}
DPTEST_REGISTER("rebalance-rates", test_rates);

/* A world of flows. */

#define WORLD_FLOWS 20000
#define WORLD_PLACES 200

struct world {
    double rates[WORLD_FLOWS];          /* True ones. */
    uint64_t counts[WORLD_FLOWS];
    struct dp_places_rate measured[WORLD_FLOWS];
    struct dp_rebalance_item items[WORLD_FLOWS];
    unsigned int since[WORLD_FLOWS];    /* Interval of the last move. */
    unsigned int now;
    bool tides;                         /* Traffic comes and goes. */
    size_t n_ops;                       /* Of the last interval. */
};

static double
uniform(void)
{
    return (random_uint32() + .5) / 4294967296.0;
}

static uint64_t
poisson(double mean)
{
    double p = exp(-mean), sum = 1;
    uint64_t n = 0;

    if (mean > 100) {
        double normal = sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());

        return MAX(mean + sqrt(mean) * normal + .5, 0);
    }
    while ((sum *= uniform()) > p) {
        n++;
    }
    return n;
}

static int
compare_down(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a > *b ? -1 : *a < *b;
}

/* Lets an interval pass.  Returns the share of the rate that is in the NIC, of
 * what could be there. */
static double
world_run(struct world *w)
{
    static double sorted[WORLD_FLOWS];
    static struct dp_rebalance_plan plan;
    struct dp_rebalance_params params;
    double hits = 0, best = 0;
    double tide = w->tides ? .2 + 1.6 * uniform() : 1;

    for (size_t i = 0; i < WORLD_FLOWS; i++) {
        hits += w->items[i].placed ? w->rates[i] : 0;
    }
    memcpy(sorted, w->rates, sizeof sorted);
    qsort(sorted, WORLD_FLOWS, sizeof *sorted, compare_down);
    for (size_t i = 0; i < WORLD_PLACES; i++) {
        best += sorted[i];
    }

    w->now++;
    for (size_t i = 0; i < WORLD_FLOWS; i++) {
        w->counts[i] += poisson(w->rates[i] * tide);
        dp_rebalance_rate_update(&w->measured[i], w->counts[i],
                                 w->now * SECOND_US, SECOND_US);
        w->items[i].id = i;
        w->items[i].fast = w->measured[i].fast;
        w->items[i].slow = w->measured[i].slow;
        w->items[i].cycles = 100;
        w->items[i].places = 1;
        w->items[i].age_ms = (w->now - w->since[i]) * 1000;
    }
    dp_rebalance_params_init(&params, SECOND_US, WORLD_PLACES,
                             WORLD_PLACES / 2);
    dp_rebalance_plan_run(&plan, &params, w->items, WORLD_FLOWS);
    for (size_t i = 0; i < plan.n_moves; i++) {
        w->items[plan.moves[i].item].placed = plan.moves[i].in;
        w->since[plan.moves[i].item] = w->now;
    }
    w->n_ops = plan.n_moves;
    return hits / best;
}

static void
check_world(struct world *w, double alpha, bool tides)
{
    size_t n_ops = 0, n_placed = 0;
    double share = 0, sum = 0;

    memset(w, 0, sizeof *w);
    w->tides = tides;
    for (size_t i = 0; i < WORLD_FLOWS; i++) {
        sum += pow(i + 1, -alpha);
    }
    for (size_t i = 0; i < WORLD_FLOWS; i++) {
        w->rates[i] = 200000 * pow(i + 1, -alpha) / sum;
    }

    /* From nothing. */
    for (int i = 0; i < 20; i++) {
        share = world_run(w);
    }
    ovs_assert(share >= .97);
    for (int i = 0; i < 20; i++) {
        share = world_run(w);
        ovs_assert(share >= .97);
        n_ops += w->n_ops;
    }
    ovs_assert(n_ops <= 20 * WORLD_PLACES * 2 / 100);

    /* Every other hot flow trades places with a cold one. */
    for (size_t i = 0; i < WORLD_PLACES; i += 2) {
        size_t other = WORLD_PLACES + 7 + i * 90;
        double rate = w->rates[i];

        w->rates[i] = w->rates[other];
        w->rates[other] = rate;
    }
    for (int i = 0; i < 6; i++) {
        share = world_run(w);
    }
    ovs_assert(share >= .9);

    for (size_t i = 0; i < WORLD_FLOWS; i++) {
        n_placed += w->items[i].placed;
    }
    ovs_assert(n_placed <= WORLD_PLACES);
}

static void
test_world(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct world *w = xmalloc(sizeof *w);

    random_set_seed(11);
    for (int tides = 0; tides < 2; tides++) {
        check_world(w, .8, tides);
        check_world(w, 1, tides);
        check_world(w, 1.2, tides);
    }
    free(w);
}
DPTEST_REGISTER("rebalance-world", test_world);
