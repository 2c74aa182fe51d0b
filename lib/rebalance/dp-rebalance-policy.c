/* SPDX-License-Identifier: Apache-2.0 */

/* The plan needs only the best that wait and the worst that are there, as many
 * of each as the budget has operations.  They are kept in two heaps of that
 * size, whose roots are the least interesting ones, so that most items cost
 * one comparison; then each heap is sorted. */

#include <config.h>
#include "rebalance/dp-rebalance-policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* The fast average differs from the slow one if it is that many standard
 * deviations away. */
#define DP_REBALANCE_DIFFERENT 3.0

#define DP_REBALANCE_MAX_SCALE 16
#define DP_REBALANCE_FRACTION 1024

#define DP_REBALANCE_RESERVE_MAX 64
#define DP_REBALANCE_RESERVE_SHIFT 6

/* Rates. */

uint64_t
dp_rebalance_rate_update(struct dp_places_rate *rate, uint64_t count,
                         uint64_t now_us, uint64_t interval_us)
{
    uint64_t delta = 0;

    if (rate->when_us && now_us > rate->when_us && count >= rate->count) {
        double intervals = (double) (now_us - rate->when_us) / interval_us;
        double pps;

        delta = count - rate->count;
        pps = delta * 1e6 / (now_us - rate->when_us);
        rate->fast += ((pps - rate->fast)
                       * -expm1(-intervals / DP_REBALANCE_TAU_FAST));
        rate->slow += ((pps - rate->slow)
                       * -expm1(-intervals / DP_REBALANCE_TAU_SLOW));
    } else if (rate->when_us == now_us && count >= rate->count) {
        /* No time has passed. */
        return 0;
    }
    rate->count = count;
    rate->when_us = now_us;
    return delta;
}

/* Parameters. */

void
dp_rebalance_params_init(struct dp_rebalance_params *params,
                         uint64_t interval_us, uint64_t capacity,
                         uint32_t budget)
{
    *params = (struct dp_rebalance_params) {
        .interval_us = interval_us,
        .capacity = capacity,
        .reserve = MIN(capacity >> DP_REBALANCE_RESERVE_SHIFT,
                       DP_REBALANCE_RESERVE_MAX),
        .budget = budget,
        .residence_ms = 2 * interval_us / 1000,
        .margin = .1,
        .z = 2,
        .life_s = 10,
        .op_cycles = 1000,
    };
}

/* Scores. */

/* For how many seconds an average with time constant 'tau' has counted, in
 * effect, if readings come once an interval. */
static double
dp_rebalance_span(const struct dp_rebalance_params *params, double tau)
{
    double alpha = -expm1(-1 / tau);

    return params->interval_us * 1e-6 * (2 - alpha) / alpha;
}

/* Standard deviation of a rate of 'pps' that was counted for 'span_s'
 * seconds. */
static double
dp_rebalance_sigma(double pps, double span_s)
{
    return sqrt(MAX(pps, 1 / span_s) / span_s);
}

/* Returns the present rate of a flow, and stores its standard deviation. */
static double
dp_rebalance_estimate(const struct dp_rebalance_params *params,
                      const struct dp_rebalance_item *item, double scale,
                      double *sigma)
{
    double fast_s = dp_rebalance_span(params, DP_REBALANCE_TAU_FAST);
    double slow_s = dp_rebalance_span(params, DP_REBALANCE_TAU_SLOW);
    double slow = item->slow * scale;
    double limit = DP_REBALANCE_DIFFERENT * dp_rebalance_sigma(slow, fast_s);

    if (fabs(item->fast - slow) <= limit) {
        *sigma = dp_rebalance_sigma(item->slow, slow_s) * scale;
        return slow;
    }
    *sigma = dp_rebalance_sigma(item->fast, fast_s);
    return item->fast;
}

double
dp_rebalance_score_min(const struct dp_rebalance_params *params,
                       const struct dp_rebalance_item *item, double scale)
{
    double sigma;
    double pps = dp_rebalance_estimate(params, item, scale, &sigma);

    if (pps < params->min_pps) {
        return 0;
    }
    return MAX(pps - params->z * sigma, 0) * item->cycles / item->places;
}

double
dp_rebalance_score_max(const struct dp_rebalance_params *params,
                       const struct dp_rebalance_item *item, double scale)
{
    double sigma;
    double pps = dp_rebalance_estimate(params, item, scale, &sigma);

    return (pps + params->z * sigma) * item->cycles / item->places;
}

/* Heaps. */

struct dp_rebalance_entry {
    double key;                 /* Greater: more interesting. */
    uint64_t id;
    uint32_t item;
};

static bool
dp_rebalance_before(const struct dp_rebalance_entry *a,
                    const struct dp_rebalance_entry *b)
{
    return a->key != b->key ? a->key > b->key : a->id < b->id;
}

static int
dp_rebalance_compare(const void *a_, const void *b_)
{
    const struct dp_rebalance_entry *a = a_;
    const struct dp_rebalance_entry *b = b_;

    return dp_rebalance_before(a, b) ? -1 : dp_rebalance_before(b, a);
}

/* Puts 'e' where the root of 'heap' was. */
static void
dp_rebalance_sift(struct dp_rebalance_entry heap[], size_t n,
                  struct dp_rebalance_entry e)
{
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < n
            && dp_rebalance_before(&heap[child], &heap[child + 1])) {
            child++;
        }
        if (child >= n || !dp_rebalance_before(&e, &heap[child])) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = e;
}

/* Adds 'e' to 'heap', which keeps the 'max' most interesting. */
static void
dp_rebalance_keep(struct dp_rebalance_entry heap[], size_t *n, size_t max,
                  struct dp_rebalance_entry e)
{
    if (*n < max) {
        size_t i = (*n)++;

        while (i && dp_rebalance_before(&heap[(i - 1) / 2], &e)) {
            heap[i] = heap[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        heap[i] = e;
    } else if (max && dp_rebalance_before(&e, &heap[0])) {
        dp_rebalance_sift(heap, max, e);
    }
}

/* Plans. */

void
dp_rebalance_plan_init(struct dp_rebalance_plan *plan)
{
    memset(plan, 0, sizeof *plan);
}

void
dp_rebalance_plan_uninit(struct dp_rebalance_plan *plan)
{
    free(plan->moves);
    free(plan->in);
    free(plan->out);
}

/* What a plan is made of. */
struct dp_rebalance_state {
    struct dp_rebalance_plan *plan;
    const struct dp_rebalance_params *params;
    const struct dp_rebalance_item *items;
    size_t n_in, n_out;                 /* Lengths of plan->in and out. */
    size_t next_in, next_out;           /* The best that are left. */
    uint64_t used;
};

static void
dp_rebalance_move(struct dp_rebalance_state *s, uint32_t item, bool in)
{
    struct dp_rebalance_plan *plan = s->plan;

    plan->moves[plan->n_moves++] = (struct dp_rebalance_move) { item, in };
    plan->n_in += in;
    if (in) {
        s->used += s->items[item].places;
    } else {
        s->used -= s->items[item].places;
    }
}

/* How much more traffic there is now than on average.  Sums are taken of
 * integers, so that they do not depend on the order of the items. */
static double
dp_rebalance_scale(const struct dp_rebalance_item items[], size_t n)
{
    uint64_t fast = 0, slow = 0;
    double scale;

    for (size_t i = 0; i < n; i++) {
        fast += items[i].fast * DP_REBALANCE_FRACTION;
        slow += items[i].slow * DP_REBALANCE_FRACTION;
    }
    scale = fast && slow ? (double) fast / slow : 1;
    return MIN(MAX(scale, 1.0 / DP_REBALANCE_MAX_SCALE),
               DP_REBALANCE_MAX_SCALE);
}

/* Finds out who is interesting. */
static void
dp_rebalance_select(struct dp_rebalance_state *s, size_t n)
{
    struct dp_rebalance_plan *plan = s->plan;
    size_t max = s->params->budget;

    plan->scale = dp_rebalance_scale(s->items, n);
    for (size_t i = 0; i < n; i++) {
        const struct dp_rebalance_item *item = &s->items[i];
        struct dp_rebalance_entry e = { .id = item->id, .item = i };

        if (item->placed) {
            s->used += item->places;
            if (item->age_ms >= s->params->residence_ms) {
                e.key = -dp_rebalance_score_max(s->params, item,
                                                plan->scale);
                dp_rebalance_keep(plan->out, &s->n_out, max, e);
            }
        } else {
            e.key = dp_rebalance_score_min(s->params, item, plan->scale);
            if (e.key > 0) {
                plan->n_candidates++;
                dp_rebalance_keep(plan->in, &s->n_in, max, e);
            }
        }
    }
    qsort(plan->in, s->n_in, sizeof *plan->in, dp_rebalance_compare);
    qsort(plan->out, s->n_out, sizeof *plan->out, dp_rebalance_compare);
}

static size_t
dp_rebalance_left(const struct dp_rebalance_state *s)
{
    return s->params->budget - s->plan->n_moves;
}

/* Fills places that are free, but for the reserve. */
static void
dp_rebalance_fill(struct dp_rebalance_state *s)
{
    const struct dp_rebalance_params *params = s->params;

    while (s->next_in < s->n_in && dp_rebalance_left(s)) {
        const struct dp_rebalance_entry *e = &s->plan->in[s->next_in];
        uint32_t places = s->items[e->item].places;

        if (s->used + places + params->reserve > params->capacity
            || e->key * places * params->life_s < params->op_cycles) {
            break;
        }
        dp_rebalance_move(s, e->item, true);
        s->next_in++;
    }
}

/* Frees the reserve. */
static void
dp_rebalance_free(struct dp_rebalance_state *s)
{
    while (s->used + s->params->reserve > s->params->capacity
           && s->next_out < s->n_out && dp_rebalance_left(s)) {
        dp_rebalance_move(s, s->plan->out[s->next_out++].item, false);
    }
}

/* Lets 'e' in, in exchange for as many others as it takes.  Returns false if
 * that is not worth it. */
static bool
dp_rebalance_exchange(struct dp_rebalance_state *s,
                      const struct dp_rebalance_entry *e)
{
    const struct dp_rebalance_params *params = s->params;
    uint32_t places = s->items[e->item].places;
    double gain = e->key * places;
    uint64_t freed = 0;
    size_t next = s->next_out;

    while (s->used + places + params->reserve > params->capacity + freed) {
        const struct dp_rebalance_entry *victim = &s->plan->out[next];

        if (next >= s->n_out || next - s->next_out + 2 > dp_rebalance_left(s)
            || e->key <= -victim->key * (1 + params->margin)) {
            return false;
        }
        gain -= -victim->key * s->items[victim->item].places;
        freed += s->items[victim->item].places;
        next++;
    }
    if (!dp_rebalance_left(s)
        || (gain * params->life_s
            < params->op_cycles * (1 + next - s->next_out))) {
        return false;
    }

    while (s->next_out < next) {
        dp_rebalance_move(s, s->plan->out[s->next_out++].item, false);
    }
    dp_rebalance_move(s, e->item, true);
    return true;
}

void
dp_rebalance_plan_run(struct dp_rebalance_plan *plan,
                      const struct dp_rebalance_params *params,
                      const struct dp_rebalance_item items[], size_t n)
{
    struct dp_rebalance_state s = {
        .plan = plan, .params = params, .items = items,
    };

    if (plan->allocated < params->budget) {
        plan->allocated = params->budget;
        plan->moves = xrealloc(plan->moves,
                               plan->allocated * sizeof *plan->moves);
        plan->in = xrealloc(plan->in, plan->allocated * sizeof *plan->in);
        plan->out = xrealloc(plan->out, plan->allocated * sizeof *plan->out);
    }
    plan->n_moves = plan->n_in = plan->n_candidates = 0;

    dp_rebalance_select(&s, n);
    plan->used = s.used;
    dp_rebalance_fill(&s);
    dp_rebalance_free(&s);
    for (; s.next_in < s.n_in; s.next_in++) {
        dp_rebalance_exchange(&s, &plan->in[s.next_in]);
    }
}
