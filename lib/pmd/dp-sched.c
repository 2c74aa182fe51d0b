/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-sched.h"

#include <stdlib.h>

#include "ovs-numa.h"
#include "util.h"

/* Both "in turn" algorithms walk over the cores that match a NUMA node, or
 * over all cores for queues without a core on their own node.  A turn is the
 * state of one such walk: where it stands and which way it goes.  There is a
 * turn per node that has been asked for, so queues of one node are spread over
 * its cores no matter how queues of other nodes come in between.
 *
 * A walk looks at each core to find the next one that matches.  Cores are few;
 * lists per node would be more to get wrong. */

struct dp_sched_turn {
    int numa_id;                /* OVS_NUMA_UNSPEC: walks over all nodes. */
    size_t pos;                 /* Index of the core that was served last. */
    bool started;               /* 'pos' is valid. */
    bool down;                  /* Walks towards lower ids. */
};

void
dp_sched_init(struct dp_sched *plan)
{
    *plan = (struct dp_sched) { .algo = DP_SCHED_CYCLES };
}

void
dp_sched_uninit(struct dp_sched *plan)
{
    free(plan->cores);
    free(plan->rxqs);
    free(plan->order);
    free(plan->turns);
    dp_sched_init(plan);
}

void
dp_sched_copy(struct dp_sched *dst, const struct dp_sched *src)
{
    ovs_assert(!dst->n_cores && !dst->n_rxqs);
    for (size_t i = 0; i < src->n_cores; i++) {
        dp_sched_add_core(dst, src->cores[i].core_id, src->cores[i].numa_id);
        dst->cores[i] = src->cores[i];
    }
    for (size_t i = 0; i < src->n_rxqs; i++) {
        const struct dp_sched_rxq *rxq = &src->rxqs[i];

        dp_sched_add_rxq(dst, rxq->port, rxq->queue_id, rxq->numa_id,
                         rxq->load, rxq->pin, rxq->aux);
        dst->rxqs[i] = *rxq;
    }
    for (size_t i = 0; i < src->n_order; i++) {
        dst->order[i] = src->order[i];
    }
    dst->n_order = src->n_order;
    dst->algo = src->algo;
}

void
dp_sched_add_core(struct dp_sched *plan, unsigned int core_id, int numa_id)
{
    size_t i;

    if (plan->n_cores >= plan->allocated_cores) {
        plan->cores = x2nrealloc(plan->cores, &plan->allocated_cores,
                                 sizeof *plan->cores);
        /* One walk for each node, one over all. */
        plan->turns = xrealloc(plan->turns, (plan->allocated_cores + 1)
                                            * sizeof *plan->turns);
    }
    for (i = plan->n_cores; i > 0 && plan->cores[i - 1].core_id >= core_id;
         i--) {
        ovs_assert(plan->cores[i - 1].core_id != core_id);
        plan->cores[i] = plan->cores[i - 1];
    }
    plan->cores[i] = (struct dp_sched_core) {
        .core_id = core_id,
        .numa_id = numa_id,
    };
    plan->n_cores++;
}

void
dp_sched_add_rxq(struct dp_sched *plan, const char *port, int queue_id,
                 int numa_id, uint64_t load, unsigned int pin, void *aux)
{
    if (plan->n_rxqs >= plan->allocated_rxqs) {
        plan->rxqs = x2nrealloc(plan->rxqs, &plan->allocated_rxqs,
                                sizeof *plan->rxqs);
        plan->order = xrealloc(plan->order,
                               plan->allocated_rxqs * sizeof *plan->order);
    }
    plan->rxqs[plan->n_rxqs++] = (struct dp_sched_rxq) {
        .port = port,
        .queue_id = queue_id,
        .numa_id = numa_id,
        .load = load,
        .pin = pin,
        .aux = aux,
        .result = DP_SCHED_NO_CORE,
        .core = SIZE_MAX,
    };
}

static size_t
find_core(const struct dp_sched *plan, unsigned int core_id)
{
    for (size_t i = 0; i < plan->n_cores; i++) {
        if (plan->cores[i].core_id == core_id) {
            return i;
        }
    }
    return SIZE_MAX;
}

const struct dp_sched_core *
dp_sched_core_of(const struct dp_sched *plan, const struct dp_sched_rxq *rxq)
{
    return rxq->core < plan->n_cores ? &plan->cores[rxq->core] : NULL;
}

static void
assign(struct dp_sched *plan, struct dp_sched_rxq *rxq, size_t core,
       enum dp_sched_result result)
{
    struct dp_sched_core *c = &plan->cores[core];

    rxq->core = core;
    rxq->result = result;
    rxq->cross_numa = (result == DP_SCHED_ASSIGNED
                       && rxq->numa_id != OVS_NUMA_UNSPEC
                       && rxq->numa_id != c->numa_id);
    c->load += rxq->load;
    c->n_rxqs++;
}

void
dp_sched_place(struct dp_sched *plan, size_t rxq, unsigned int core_id,
               bool isolated)
{
    struct dp_sched_rxq *r = &plan->rxqs[rxq];
    size_t core = find_core(plan, core_id);

    r->pin_absent = (r->pin != OVS_CORE_UNSPEC
                     && find_core(plan, r->pin) == SIZE_MAX);
    if (core != SIZE_MAX) {
        assign(plan, r, core, (r->pin == core_id
                               ? DP_SCHED_PINNED : DP_SCHED_ASSIGNED));
        plan->cores[core].isolated = isolated;
    }
}

/* Walks. */

static bool
core_matches(const struct dp_sched_core *core, int numa_id)
{
    return (!core->isolated
            && (numa_id == OVS_NUMA_UNSPEC || numa_id == core->numa_id));
}

/* Returns the first core that matches 'numa_id', from index 'i' on, upwards,
 * or SIZE_MAX. */
static size_t
core_at_or_after(const struct dp_sched *plan, size_t i, int numa_id)
{
    for (; i < plan->n_cores; i++) {
        if (core_matches(&plan->cores[i], numa_id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Returns the last core that matches 'numa_id' before index 'i', or
 * SIZE_MAX. */
static size_t
core_before(const struct dp_sched *plan, size_t i, int numa_id)
{
    while (i-- > 0) {
        if (core_matches(&plan->cores[i], numa_id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static struct dp_sched_turn *
find_turn(struct dp_sched *plan, size_t *n_turns, int numa_id)
{
    struct dp_sched_turn *turn;

    for (size_t i = 0; i < *n_turns; i++) {
        if (plan->turns[i].numa_id == numa_id) {
            return &plan->turns[i];
        }
    }
    turn = &plan->turns[(*n_turns)++];
    *turn = (struct dp_sched_turn) { .numa_id = numa_id };
    return turn;
}

/* Round and round. */
static size_t
next_in_circle(const struct dp_sched *plan, struct dp_sched_turn *turn)
{
    size_t next = SIZE_MAX;

    if (turn->started) {
        next = core_at_or_after(plan, turn->pos + 1, turn->numa_id);
    }
    return (next != SIZE_MAX
            ? next : core_at_or_after(plan, 0, turn->numa_id));
}

/* Up and down; the cores at both ends are served twice in a row. */
static size_t
next_in_zigzag(const struct dp_sched *plan, struct dp_sched_turn *turn)
{
    size_t next;

    if (!turn->started) {
        return core_at_or_after(plan, 0, turn->numa_id);
    }
    next = (turn->down
            ? core_before(plan, turn->pos, turn->numa_id)
            : core_at_or_after(plan, turn->pos + 1, turn->numa_id));
    if (next == SIZE_MAX) {
        turn->down = !turn->down;
        next = turn->pos;
    }
    return next;
}

static size_t
least_loaded(const struct dp_sched *plan, int numa_id)
{
    const struct dp_sched_core *best = NULL;

    for (size_t i = 0; i < plan->n_cores; i++) {
        const struct dp_sched_core *core = &plan->cores[i];

        if (core_matches(core, numa_id)
            && (!best || core->load < best->load
                || (core->load == best->load
                    && core->n_rxqs < best->n_rxqs))) {
            best = core;
        }
    }
    return best - plan->cores;
}

/* The run. */

/* Gives each queue its pinned core and collects the others in 'order'. */
static void
assign_pinned(struct dp_sched *plan, bool isolate)
{
    plan->n_order = 0;
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        struct dp_sched_rxq *rxq = &plan->rxqs[i];
        size_t core = SIZE_MAX;

        if (rxq->pin != OVS_CORE_UNSPEC) {
            core = find_core(plan, rxq->pin);
            rxq->pin_absent = core == SIZE_MAX;
        }
        if (core != SIZE_MAX) {
            assign(plan, rxq, core, DP_SCHED_PINNED);
            plan->cores[core].isolated |= isolate;
        } else {
            plan->order[plan->n_order++] = i;
        }
    }
}

/* Is 'a' served after 'b'? */
static bool
served_after(const struct dp_sched *plan, size_t a, size_t b)
{
    uint64_t load_a = plan->rxqs[a].load;
    uint64_t load_b = plan->rxqs[b].load;

    return load_a != load_b ? load_a < load_b : a > b;
}

static void
sift_down(const struct dp_sched *plan, size_t *heap, size_t n, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        size_t tmp;

        if (child >= n) {
            break;
        }
        if (child + 1 < n && served_after(plan, heap[child + 1],
                                          heap[child])) {
            child++;
        }
        if (!served_after(plan, heap[child], heap[i])) {
            break;
        }
        tmp = heap[i];
        heap[i] = heap[child];
        heap[child] = tmp;
        i = child;
    }
}

/* Sorts 'order' by load, heaviest first.  A heap sort, because qsort() cannot
 * see the loads behind the indexes; ties are broken by index, so it need not
 * be stable. */
static void
sort_by_load(struct dp_sched *plan)
{
    size_t *heap = plan->order;
    size_t n = plan->n_order;

    for (size_t i = n / 2; i-- > 0; ) {
        sift_down(plan, heap, n, i);
    }
    while (n > 1) {
        size_t last = heap[--n];

        heap[n] = heap[0];
        heap[0] = last;
        sift_down(plan, heap, n, 0);
    }
}

void
dp_sched_run(struct dp_sched *plan, enum dp_sched_algo algo, bool isolate)
{
    size_t n_turns = 0;

    plan->algo = algo;
    for (size_t i = 0; i < plan->n_cores; i++) {
        struct dp_sched_core *core = &plan->cores[i];

        core->isolated = false;
        core->n_rxqs = 0;
        core->load = 0;
    }
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        struct dp_sched_rxq *rxq = &plan->rxqs[i];

        rxq->result = DP_SCHED_NO_CORE;
        rxq->pin_absent = rxq->cross_numa = false;
        rxq->core = SIZE_MAX;
    }

    assign_pinned(plan, isolate);
    if (algo != DP_SCHED_ROUNDROBIN) {
        sort_by_load(plan);
    }
    if (core_at_or_after(plan, 0, OVS_NUMA_UNSPEC) == SIZE_MAX) {
        return;
    }
    for (size_t i = 0; i < plan->n_order; i++) {
        struct dp_sched_rxq *rxq = &plan->rxqs[plan->order[i]];
        int numa_id = rxq->numa_id;
        size_t core;

        if (core_at_or_after(plan, 0, numa_id) == SIZE_MAX) {
            numa_id = OVS_NUMA_UNSPEC;
        }
        if (algo == DP_SCHED_GROUP) {
            core = least_loaded(plan, numa_id);
        } else {
            struct dp_sched_turn *turn = find_turn(plan, &n_turns, numa_id);

            core = (algo == DP_SCHED_CYCLES
                    ? next_in_zigzag(plan, turn)
                    : next_in_circle(plan, turn));
            turn->pos = core;
            turn->started = true;
        }
        assign(plan, rxq, core, DP_SCHED_ASSIGNED);
    }
}

/* Asserts what one queue's output must be. */
static void
check_rxq(const struct dp_sched *plan, const struct dp_sched_rxq *rxq)
{
    const struct dp_sched_core *core = dp_sched_core_of(plan, rxq);
    bool pin_present = (rxq->pin != OVS_CORE_UNSPEC
                        && find_core(plan, rxq->pin) != SIZE_MAX);

    ovs_assert(rxq->pin_absent == (rxq->pin != OVS_CORE_UNSPEC
                                   && !pin_present));
    switch (rxq->result) {
    case DP_SCHED_NO_CORE:
        ovs_assert(!core && !pin_present);
        ovs_assert(core_at_or_after(plan, 0, OVS_NUMA_UNSPEC) == SIZE_MAX);
        break;

    case DP_SCHED_PINNED:
        ovs_assert(core && core->core_id == rxq->pin && !rxq->cross_numa);
        break;

    case DP_SCHED_ASSIGNED:
        ovs_assert(core && !core->isolated && !pin_present);
        ovs_assert(rxq->numa_id == OVS_NUMA_UNSPEC
                   || rxq->cross_numa == (rxq->numa_id != core->numa_id));
        ovs_assert(!rxq->cross_numa
                   || core_at_or_after(plan, 0, rxq->numa_id) == SIZE_MAX);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

void
dp_sched_check(const struct dp_sched *plan)
{
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        check_rxq(plan, &plan->rxqs[i]);
    }
    for (size_t i = 0; i < plan->n_cores; i++) {
        const struct dp_sched_core *core = &plan->cores[i];
        uint64_t load = 0;
        size_t n = 0;

        ovs_assert(!i || core[-1].core_id < core->core_id);
        for (size_t j = 0; j < plan->n_rxqs; j++) {
            if (plan->rxqs[j].core == i) {
                load += plan->rxqs[j].load;
                n++;
            }
        }
        ovs_assert(core->load == load && core->n_rxqs == n);
    }
}

const char *
dp_sched_algo_to_string(enum dp_sched_algo algo)
{
    switch (algo) {
    case DP_SCHED_ROUNDROBIN: return "roundrobin";
    case DP_SCHED_CYCLES: return "cycles";
    case DP_SCHED_GROUP: return "group";
    default: OVS_NOT_REACHED();
    }
}

bool
dp_sched_algo_from_string(const char *s, enum dp_sched_algo *algop)
{
    for (enum dp_sched_algo algo = DP_SCHED_ROUNDROBIN;
         algo <= DP_SCHED_GROUP; algo++) {
        if (!strcmp(s, dp_sched_algo_to_string(algo))) {
            *algop = algo;
            return true;
        }
    }
    return false;
}
