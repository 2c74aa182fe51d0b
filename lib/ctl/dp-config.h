/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CONFIG_H
#define DP_CONFIG_H 1

/* dp-config: the user's settings
 * ==============================
 *
 * Job.  Read the keys of Open_vSwitch:other_config that concern the datapath
 * into one struct in which everything is valid, and say in the log what
 * changed.
 *
 *     struct dp_config new;
 *
 *     dp_config_parse(&new, other_config);
 *     dp_config_log(&new, first ? NULL : &old, module);
 *     ...apply the differences...
 *     dp_config_uninit(&old);
 *     old = new;
 *
 * dp_config_parse() is pure: no log, no clock, no state.  A value that can't
 * be used is replaced as its message says: by the default, or by the nearest
 * value that can be used (pmd-sleep-max).
 *
 * Owns.  The strings in the struct.
 *
 * Messages.  A bad value gives one message with key, value, what is allowed
 * and what is used, once, not again while the value stays.  Its level is INFO
 * where Open vSwitch only reports what it uses (pmd-auto-lb-*, pmd-sleep-max),
 * else WARN.
 *
 * Thread-safety.  None needed.
 *
 * pmd-sleep-max is pmd-maxsleep in Open vSwitch 3.1; both names are taken,
 * with every version.
 *
 * Keys that are not here: hw-offload and dpdk-*, read by others. */

#include <stdbool.h>
#include <stdint.h>

#include "pmd/dp-sched.h"
#include "pmd/dp-sleep.h"

struct ds;
struct smap;
struct vlog_module;

/* Settings that can be wrong. */
enum dp_config_key {
    DP_CONFIG_PMD_CPU_MASK, DP_CONFIG_PMD_RXQ_ASSIGN,
    DP_CONFIG_PMD_RXQ_ISOLATE, DP_CONFIG_PMD_SLEEP_MAX,
    DP_CONFIG_ALB_INTERVAL, DP_CONFIG_ALB_LOAD, DP_CONFIG_ALB_IMPROVEMENT,
    DP_CONFIG_TX_FLUSH_INTERVAL, DP_CONFIG_EMC_INSERT_INV_PROB,
    DP_CONFIG_N_OFFLOAD_THREADS, DP_CONFIG_OFFLOAD_DELAY,
    DP_CONFIG_OFFLOAD_REBALANCE_INTERVAL, DP_CONFIG_OFFLOAD_MIN_PPS,
    DP_CONFIG_CT_MERGE_MAX,
    DP_CONFIG_BOOLS,            /* Any of the keys that are true or false. */
    DP_CONFIG_N_KEYS
};

struct dp_config {
    char *cpu_mask;             /* pmd-cpu-mask, or NULL. */

    enum dp_sched_algo rxq_assign;  /* pmd-rxq-assign: cycles. */
    bool rxq_isolate;           /* pmd-rxq-isolate: true. */

    bool alb;                   /* pmd-auto-lb: false. */
    unsigned int alb_interval;  /* Minutes between checks: 1. */
    unsigned int alb_load;      /* Percent: 95. */
    unsigned int alb_improvement;   /* Percent: 25. */

    uint32_t tx_flush_interval; /* us: 0. */
    uint32_t emc_insert_inv_prob;   /* One in so many; 0: none.  100. */
    bool smc_enable;            /* false. */
    bool perf_metrics;          /* pmd-perf-metrics: false. */
    struct dp_sleep sleep;      /* pmd-sleep-max: 0. */

    unsigned int n_offload_threads; /* 1. */
    unsigned int offload_delay; /* ms: 0. */
    bool offload_verify;        /* false. */
    bool offload_rebalance;     /* false. */
    uint32_t offload_rebalance_interval;    /* ms: 1000. */
    uint32_t offload_min_pps;   /* 0. */

    bool xdp_persist;           /* false. */
    bool ct_merge;              /* false. */
    uint32_t ct_merge_max;      /* Rules: DP_BOOKS_MAX_RULES. */

    char *problems[DP_CONFIG_N_KEYS];   /* What is wrong, or NULL. */
};

/* Sets '*config' from 'other_config'.  The caller must free it with
 * dp_config_uninit(). */
void dp_config_parse(struct dp_config *config,
                     const struct smap *other_config);

/* Sets the defaults. */
void dp_config_init(struct dp_config *);
void dp_config_uninit(struct dp_config *);

/* Logs into 'module' how 'new' differs from 'old', or, if 'old' is NULL, what
 * users want to see at start. */
void dp_config_log(const struct dp_config *new, const struct dp_config *old,
                   struct vlog_module *module);

/* Settings of one port: Interface:other_config. */
struct dp_port_config {
    char *affinity;             /* pmd-rxq-affinity, or NULL. */
    bool tx_hash;               /* tx-steering=hash: false. */
    bool emc_enable;            /* true. */
    char *problem;              /* What is wrong, or NULL. */
};

void dp_port_config_parse(struct dp_port_config *config,
                          const struct smap *other_config);
void dp_port_config_uninit(struct dp_port_config *);

#endif /* dp-config.h */
