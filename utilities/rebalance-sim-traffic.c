/* SPDX-License-Identifier: Apache-2.0 */

/* Packets are drawn one by one, independently, with the probabilities of their
 * flows, so the counts of an interval have a multinomial distribution: nothing
 * is smoother than it would be on a wire.  Walker's alias method draws one in
 * constant time (Vose, A linear algorithm for generating random numbers with a
 * given distribution, 1991). */

#include <config.h>
#include "rebalance-sim.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/shash.h"
#include "util.h"

struct sim_record {
    unsigned int interval;
    uint32_t flow;
    uint32_t n;
};

struct sim_traffic {
    const struct sim_options *options;
    uint64_t rng;
    size_t n_flows;
    uint32_t *packets;
    size_t allocated;

    /* Synthetic: flow_of[rank]. */
    uint32_t *flow_of;
    uint32_t *alias;
    double *keep;
    size_t n_scanned;

    /* A trace. */
    struct sim_record *records;
    size_t n_records;
    size_t next;
};

/* xorshift64*. */
static uint64_t
sim_random(struct sim_traffic *t)
{
    t->rng ^= t->rng >> 12;
    t->rng ^= t->rng << 25;
    t->rng ^= t->rng >> 27;
    return t->rng * UINT64_C(2685821657736338717);
}

static size_t
sim_random_range(struct sim_traffic *t, size_t n)
{
    return ((sim_random(t) >> 32) * n) >> 32;
}

static double
sim_weight(const struct sim_traffic *t, size_t rank)
{
    return pow(rank + 1, -t->options->alpha);
}

static void
sim_alias_init(struct sim_traffic *t)
{
    size_t n = t->options->n_flows;
    uint32_t *small = xmalloc(n * sizeof *small);
    uint32_t *large = xmalloc(n * sizeof *large);
    size_t n_small = 0, n_large = 0;
    double sum = 0;

    t->alias = xmalloc(n * sizeof *t->alias);
    t->keep = xmalloc(n * sizeof *t->keep);
    for (size_t i = 0; i < n; i++) {
        sum += sim_weight(t, i);
    }
    for (size_t i = 0; i < n; i++) {
        t->keep[i] = sim_weight(t, i) * n / sum;
        t->alias[i] = i;
        if (t->keep[i] < 1) {
            small[n_small++] = i;
        } else {
            large[n_large++] = i;
        }
    }
    while (n_small && n_large) {
        uint32_t s = small[--n_small], l = large[n_large - 1];

        t->alias[s] = l;
        t->keep[l] -= 1 - t->keep[s];
        if (t->keep[l] < 1) {
            n_large--;
            small[n_small++] = l;
        }
    }
    while (n_large) {
        t->keep[large[--n_large]] = 1;
    }
    while (n_small) {
        t->keep[small[--n_small]] = 1;
    }
    free(small);
    free(large);
}

static void
sim_swap(struct sim_traffic *t, size_t a, size_t b)
{
    uint32_t tmp = t->flow_of[a];

    t->flow_of[a] = t->flow_of[b];
    t->flow_of[b] = tmp;
}

/* Reads lines "SECONDS FLOW [PACKETS]", where FLOW is any word, sorted by
 * time.  Exits if there is something wrong with them. */
static void
sim_trace_read(struct sim_traffic *t, struct sim_options *options)
{
    FILE *stream = fopen(options->trace, "r");
    struct shash names = SHASH_INITIALIZER(&names);
    size_t allocated = 0, line_no = 0;
    double first = -1, last = 0;
    char line[1024];

    if (!stream) {
        ovs_fatal(errno, "%s", options->trace);
    }
    while (fgets(line, sizeof line, stream)) {
        struct sim_record *record;
        struct shash_node *node;
        char flow[512];
        double seconds;
        unsigned int n = 1;
        int n_fields;

        line_no++;
        if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0') {
            continue;
        }
        n_fields = sscanf(line, "%lf %511s %u", &seconds, flow, &n);
        if (n_fields < 2 || !n || (first >= 0 && seconds < last)) {
            ovs_fatal(0, "%s:%"PRIuSIZE": must be 'SECONDS FLOW [PACKETS]', "
                      "in the order of time", options->trace, line_no);
        }
        first = first < 0 ? seconds : first;
        last = seconds;
        node = shash_find(&names, flow);
        if (!node) {
            node = shash_add(&names, flow,
                             (void *) (uintptr_t) shash_count(&names));
        }
        if (t->n_records >= allocated) {
            t->records = x2nrealloc(t->records, &allocated,
                                    sizeof *t->records);
        }
        record = &t->records[t->n_records++];
        record->interval = (seconds - first) / options->interval_s;
        record->flow = (uintptr_t) node->data;
        record->n = n;
    }
    fclose(stream);
    if (!t->n_records) {
        ovs_fatal(0, "%s: no packets", options->trace);
    }
    t->n_flows = shash_count(&names);
    options->n_flows = t->n_flows;
    options->n_intervals = t->records[t->n_records - 1].interval + 1;
    shash_destroy(&names);
}

struct sim_traffic *
sim_traffic_create(struct sim_options *options)
{
    struct sim_traffic *t = xzalloc(sizeof *t);

    t->options = options;
    t->rng = options->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (options->trace) {
        sim_trace_read(t, options);
        return t;
    }

    t->n_flows = options->n_flows;
    if (options->scan) {
        t->n_flows += options->scan_flows * options->scan_length;
    }
    sim_alias_init(t);
    t->flow_of = xmalloc(options->n_flows * sizeof *t->flow_of);
    for (size_t i = 0; i < options->n_flows; i++) {
        t->flow_of[i] = i;
    }
    for (size_t i = options->n_flows; i > 1; i--) {
        sim_swap(t, i - 1, sim_random_range(t, i));
    }
    return t;
}

void
sim_traffic_destroy(struct sim_traffic *t)
{
    free(t->packets);
    free(t->flow_of);
    free(t->alias);
    free(t->keep);
    free(t->records);
    free(t);
}

size_t
sim_traffic_n_flows(const struct sim_traffic *t)
{
    return t->n_flows;
}

static void
sim_reserve(struct sim_traffic *t, size_t n)
{
    if (t->allocated < n) {
        t->allocated = n;
        t->packets = xrealloc(t->packets, n * sizeof *t->packets);
    }
}

static size_t
sim_trace_next(struct sim_traffic *t, unsigned int now)
{
    size_t n = 0;

    for (; (t->next < t->n_records
            && t->records[t->next].interval == now); t->next++) {
        const struct sim_record *record = &t->records[t->next];

        if (n + record->n > t->allocated) {
            sim_reserve(t, 2 * (n + record->n));
        }
        for (uint32_t i = 0; i < record->n; i++) {
            t->packets[n++] = record->flow;
        }
    }
    return n;
}

static bool
sim_is_scan(const struct sim_options *options, unsigned int now)
{
    return (options->scan && now >= options->scan
            && now < options->scan + options->scan_length);
}

/* Half of the flows that deserve a place trade theirs with others, whichever
 * they are. */
static void
sim_move(struct sim_traffic *t)
{
    size_t k = t->options->n_places;

    for (size_t i = 0; i + 1 < k; i += 2) {
        sim_swap(t, i + (sim_random(t) >> 63),
                 k + sim_random_range(t, t->options->n_flows - k));
    }
}

size_t
sim_traffic_next(struct sim_traffic *t, unsigned int now,
                 const uint32_t **packets)
{
    const struct sim_options *options = t->options;
    size_t n = options->n_packets, n_scan = 0;

    if (options->trace) {
        n = sim_trace_next(t, now);
        *packets = t->packets;
        return n;
    }
    if (options->move && now == options->move) {
        sim_move(t);
    }
    n_scan = sim_is_scan(options, now) ? options->scan_flows : 0;
    sim_reserve(t, n + n_scan);
    for (size_t i = 0; i < n; i++) {
        size_t rank = sim_random_range(t, options->n_flows);
        double u = (sim_random(t) >> 11) * 0x1p-53;

        if (u >= t->keep[rank]) {
            rank = t->alias[rank];
        }
        t->packets[i] = t->flow_of[rank];
    }

    /* The scan is spread over the interval. */
    for (size_t i = 0; i < n_scan; i++) {
        size_t j = sim_random_range(t, n + i + 1);

        t->packets[n + i] = t->packets[j];
        t->packets[j] = options->n_flows + t->n_scanned++;
    }
    *packets = t->packets;
    return n + n_scan;
}

double
sim_traffic_best(const struct sim_traffic *t, size_t n, unsigned int now)
{
    double sum = 0, best = 0, share;
    size_t n_scan;

    if (t->options->trace) {
        return 0;
    }
    for (size_t i = 0; i < t->options->n_flows; i++) {
        double weight = sim_weight(t, i);

        sum += weight;
        best += i < n ? weight : 0;
    }
    share = best / sum;
    n_scan = sim_is_scan(t->options, now) ? t->options->scan_flows : 0;
    return share * t->options->n_packets / (t->options->n_packets + n_scan);
}
