/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REBALANCE_SIM_H
#define REBALANCE_SIM_H 1

/* rebalance-sim: policies for a full NIC, side by side
 * ====================================================
 *
 * Job.  Lets several policies see the same packets and counts how many of them
 * each would have had in the NIC.  A flow is a number; a packet is the number
 * of its flow; time is counted in intervals.
 *
 *     rebalance-sim.c           options, the loop, the report
 *     rebalance-sim-traffic.c   packets: Zipf, moving, scans, traces
 *     rebalance-sim-policies.c  ours, Open vSwitch's, LRU, LFU, first-come
 *     rebalance-sim-svg.c       the picture
 *
 * Thread-safety.  None. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_options {
    size_t n_flows;             /* --flows */
    size_t n_places;            /* --places; 0: 1% of the flows */
    double alpha;               /* --alpha */
    size_t n_packets;           /* --packets, for each interval */
    unsigned int n_intervals;   /* --intervals */
    unsigned int move;          /* --move: interval, or 0 */
    unsigned int scan;          /* --scan: interval, or 0 */
    unsigned int scan_length;   /* --scan-length: intervals */
    size_t scan_flows;          /* --scan-flows, for each interval */
    unsigned int idle;          /* --idle: intervals; 0: never */
    uint32_t budget;            /* --budget; 0: a quarter of the places */
    double interval_s;          /* --interval */
    uint32_t seed;              /* --seed */
    const char *trace;          /* --trace */
};

/* Traffic. */
struct sim_traffic;

struct sim_traffic *sim_traffic_create(struct sim_options *options);
void sim_traffic_destroy(struct sim_traffic *traffic);

/* Number of flows that there will ever be. */
size_t sim_traffic_n_flows(const struct sim_traffic *traffic);

/* Draws the packets of interval 'now', from 0.  Returns how many, and stores
 * a pointer to their flows, valid until the next call. */
size_t sim_traffic_next(struct sim_traffic *traffic, unsigned int now,
                        const uint32_t **packets);

/* The expected share of the best 'n' flows; 0 if not known. */
double sim_traffic_best(const struct sim_traffic *traffic, size_t n,
                        unsigned int now);

/* What the switch knows: its counters. */
struct sim_counters {
    size_t n_flows;
    uint64_t *total;            /* Packets so far, by flow. */
    uint32_t *recent;           /* Of this interval. */
    uint32_t *last;             /* Interval of the last packet, plus 1. */
};

/* Policies. */
struct sim_policy {
    const char *name;
    const char *text;           /* For the report. */
    const struct sim_options *options;
    const struct sim_counters *counters;
    bool *placed;               /* By flow. */
    size_t used;                /* Places. */
    uint64_t n_ops;             /* Insertions and removals. */
    uint64_t n_hits;
    void *aux;

    /* A packet of a flow that has a place, or has none.  May be null. */
    void (*hit)(struct sim_policy *policy, uint32_t flow);
    void (*miss)(struct sim_policy *policy, uint32_t flow, bool is_new);

    /* The end of interval 'now'.  May be null. */
    void (*end)(struct sim_policy *policy, unsigned int now);

    /* A flow leaves the switch.  May be null. */
    void (*gone)(struct sim_policy *policy, uint32_t flow);
};

#define SIM_N_POLICIES 5

void sim_policies_create(struct sim_policy policies[SIM_N_POLICIES],
                         const struct sim_options *options,
                         const struct sim_counters *counters);
void sim_policies_destroy(struct sim_policy policies[SIM_N_POLICIES]);
void sim_policy_put(struct sim_policy *policy, uint32_t flow);
void sim_policy_del(struct sim_policy *policy, uint32_t flow);

/* Returns the 'k'th greatest (from 1) of 'n' counts, 0 if there are fewer than
 * that.  Changes the order of 'counts'. */
uint64_t sim_kth(uint64_t counts[], size_t n, size_t k);

/* Draws 'n_lines' lines of 'n' points each (0 to 1; less than 0: none).
 * Returns 0 or a positive errno value. */
int sim_svg_write(const char *path, const char *title,
                  const char *const names[], double *const lines[],
                  size_t n_lines, size_t n);

#endif /* rebalance-sim.h */
