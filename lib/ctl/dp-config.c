/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-config.h"

#include <inttypes.h>
#include <strings.h>

#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs/ovs-pmd-sleep.h"
#include "smap.h"
#include "util.h"
#include "merge/dp-books.h"

/* Parsing never fails: it always yields a struct that can be used, and words
 * about what it could not use.  The words are kept with the settings, so that
 * the log gets them when they are news and only then. */

/* Numbers are described by a table. */
struct number_key {
    enum dp_config_key key;
    const char *name;
    size_t offset;              /* Of a 'uint32_t' in 'struct dp_config'. */
    uint32_t min, max, def;
    bool cap;                   /* Too much becomes 'max', not 'def'. */
    enum vlog_level level;      /* Of the message about a bad value. */
};

static const struct number_key number_keys[] = {
    { DP_CONFIG_ALB_INTERVAL, "pmd-auto-lb-rebal-interval",
      offsetof(struct dp_config, alb_interval),
      1, 20000, 1, false, VLL_INFO },
    { DP_CONFIG_ALB_LOAD, "pmd-auto-lb-load-threshold",
      offsetof(struct dp_config, alb_load),
      0, 100, 95, false, VLL_INFO },
    { DP_CONFIG_ALB_IMPROVEMENT, "pmd-auto-lb-improvement-threshold",
      offsetof(struct dp_config, alb_improvement),
      0, 100, 25, false, VLL_INFO },
    { DP_CONFIG_TX_FLUSH_INTERVAL, "tx-flush-interval",
      offsetof(struct dp_config, tx_flush_interval),
      0, 1000000, 0, false, VLL_WARN },
    { DP_CONFIG_EMC_INSERT_INV_PROB, "emc-insert-inv-prob",
      offsetof(struct dp_config, emc_insert_inv_prob),
      0, UINT32_MAX, 100, false, VLL_WARN },
    { DP_CONFIG_N_OFFLOAD_THREADS, "n-offload-threads",
      offsetof(struct dp_config, n_offload_threads),
      1, 10, 1, false, VLL_WARN },
    { DP_CONFIG_OFFLOAD_DELAY, "offload-delay",
      offsetof(struct dp_config, offload_delay),
      0, 60000, 0, false, VLL_WARN },
    { DP_CONFIG_OFFLOAD_REBALANCE_INTERVAL, "offload-rebalance-interval",
      offsetof(struct dp_config, offload_rebalance_interval),
      100, 60000, 1000, false, VLL_WARN },
    { DP_CONFIG_OFFLOAD_MIN_PPS, "offload-min-pps",
      offsetof(struct dp_config, offload_min_pps),
      0, 1000000000, 0, false, VLL_WARN },
    { DP_CONFIG_CT_MERGE_MAX, "ct-merge-max",
      offsetof(struct dp_config, ct_merge_max),
      1, 1000000, DP_BOOKS_MAX_RULES, true, VLL_WARN },
};

static uint32_t *
number_member(struct dp_config *config, const struct number_key *key)
{
    BUILD_ASSERT_DECL(sizeof(unsigned int) == sizeof(uint32_t));
    return ALIGNED_CAST(uint32_t *, (char *) config + key->offset);
}

void
dp_config_init(struct dp_config *config)
{
    memset(config, 0, sizeof *config);
    config->rxq_assign = DP_SCHED_CYCLES;
    config->rxq_isolate = true;
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        *number_member(config, &number_keys[i]) = number_keys[i].def;
    }
}

void
dp_config_uninit(struct dp_config *config)
{
    free(config->cpu_mask);
    dp_sleep_uninit(&config->sleep);
    for (size_t i = 0; i < ARRAY_SIZE(config->problems); i++) {
        free(config->problems[i]);
    }
    dp_config_init(config);
}

/* Parsing. */

static void OVS_PRINTF_FORMAT(3, 4)
add_problem(struct dp_config *config, enum dp_config_key key,
            const char *format, ...)
{
    va_list args;
    char *text, *old = config->problems[key];

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);

    /* DP_CONFIG_BOOLS may have more than one. */
    config->problems[key] = old ? xasprintf("%s; %s", old, text) : text;
    if (old) {
        free(old);
        free(text);
    }
}

/* Reads all of 's' as a decimal number.  Returns false if it isn't one.
 * Numbers beyond 64 bits are saturated. */
static bool
parse_number(const char *s, long long int *number)
{
    char *tail;

    *number = strtoll(s, &tail, 10);
    return tail != s && !*tail;
}

static void
parse_number_key(struct dp_config *config, const struct smap *smap,
                 const struct number_key *key)
{
    const char *s = smap_get(smap, key->name);
    uint32_t *member = number_member(config, key);
    long long int number;

    if (!s) {
        return;
    }
    if (!parse_number(s, &number)) {
        add_problem(config, key->key,
                    "%s is '%s', which is not a number; using %"PRIu32,
                    key->name, s, *member);
    } else if (number < key->min || number > key->max) {
        if (key->cap && number > key->max) {
            *member = key->max;
        }
        add_problem(config, key->key,
                    "%s is %s, but must be in the range %"PRIu32" to "
                    "%"PRIu32"; using %"PRIu32,
                    key->name, s, key->min, key->max, *member);
    } else {
        *member = number;
    }
}

static void
parse_bool_key(struct dp_config *config, const struct smap *smap,
               const char *name, bool *member)
{
    const char *s = smap_get(smap, name);

    if (!s) {
        return;
    } else if (!strcasecmp(s, "true")) {
        *member = true;
    } else if (!strcasecmp(s, "false")) {
        *member = false;
    } else {
        add_problem(config, DP_CONFIG_BOOLS,
                    "%s is '%s', but must be true or false; using %s",
                    name, s, *member ? "true" : "false");
    }
}

static void
parse_assignment(struct dp_config *config, const struct smap *smap)
{
    const char *s = smap_get(smap, "pmd-rxq-assign");

    if (s && !dp_sched_algo_from_string(s, &config->rxq_assign)) {
        add_problem(config, DP_CONFIG_PMD_RXQ_ASSIGN,
                    "pmd-rxq-assign is '%s', but must be 'cycles', "
                    "'roundrobin' or 'group'; using '%s'",
                    s, dp_sched_algo_to_string(config->rxq_assign));
    }
    parse_bool_key(config, smap, "pmd-rxq-isolate", &config->rxq_isolate);
    if (!config->rxq_isolate && config->rxq_assign != DP_SCHED_GROUP) {
        config->rxq_isolate = true;
        add_problem(config, DP_CONFIG_PMD_RXQ_ISOLATE,
                    "pmd-rxq-isolate can only be set false when using "
                    "pmd-rxq-assign=group; using true");
    }
}

static void
parse_cpu_mask(struct dp_config *config, const struct smap *smap)
{
    const char *s = smap_get(smap, "pmd-cpu-mask");
    const char *digits;

    if (!s || !*s) {
        return;
    }
    digits = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? s + 2 : s;
    if (*digits && digits[strspn(digits, "0123456789abcdefABCDEF")] == '\0') {
        config->cpu_mask = xstrdup(s);
    } else {
        add_problem(config, DP_CONFIG_PMD_CPU_MASK,
                    "pmd-cpu-mask is '%s', which is not a hexadecimal number; "
                    "using one core of each numa node that has pmd ports", s);
    }
}

static void
parse_sleep(struct dp_config *config, const struct smap *smap)
{
    const char *name = (smap_get(smap, "pmd-sleep-max")
                        ? "pmd-sleep-max" : "pmd-maxsleep");
    const char *s = smap_get(smap, name);
    char *problem = s ? dp_sleep_parse(&config->sleep, s) : NULL;

    if (problem) {
        add_problem(config, DP_CONFIG_PMD_SLEEP_MAX,
                    "%s is '%s', but %s; using %"PRIu32" for PMD threads "
                    "without a value of their own", name, s, problem,
                    config->sleep.us);
        free(problem);
    }
}

void
dp_config_parse(struct dp_config *config, const struct smap *other_config)
{
    dp_config_init(config);
    parse_sleep(config, other_config);
    parse_cpu_mask(config, other_config);
    parse_assignment(config, other_config);
    parse_bool_key(config, other_config, "pmd-auto-lb", &config->alb);
    parse_bool_key(config, other_config, "smc-enable", &config->smc_enable);
    parse_bool_key(config, other_config, "pmd-perf-metrics",
                   &config->perf_metrics);
    parse_bool_key(config, other_config, "offload-verify",
                   &config->offload_verify);
    parse_bool_key(config, other_config, "offload-rebalance",
                   &config->offload_rebalance);
    parse_bool_key(config, other_config, "xdp-persist",
                   &config->xdp_persist);
    parse_bool_key(config, other_config, "ct-merge", &config->ct_merge);
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        parse_number_key(config, other_config, &number_keys[i]);
    }
}

/* Logging. */

static enum vlog_level
problem_level(enum dp_config_key key)
{
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        if (number_keys[i].key == key) {
            return number_keys[i].level;
        }
    }
    return key == DP_CONFIG_PMD_SLEEP_MAX ? VLL_INFO : VLL_WARN;
}

static void
log_problems(const struct dp_config *new, const struct dp_config *old,
             struct vlog_module *module)
{
    for (enum dp_config_key key = 0; key < DP_CONFIG_N_KEYS; key++) {
        const char *text = new->problems[key];

        if (text && (!old || !nullable_string_is_equal(text,
                                                       old->problems[key]))) {
            vlog(module, problem_level(key), "%s", text);
        }
    }
}

static void
log_assignment(const struct dp_config *new, const struct dp_config *old,
               struct vlog_module *module)
{
    if (new->rxq_assign != old->rxq_assign) {
        vlog(module, VLL_INFO,
             "Rxq to PMD assignment mode changed to: '%s'.",
             dp_sched_algo_to_string(new->rxq_assign));
    }
    if (new->rxq_isolate != old->rxq_isolate) {
        vlog(module, VLL_INFO, "pmd-rxq-affinity %s PMD core",
             new->rxq_isolate ? "isolates" : "does not isolate");
    }
}

static void
log_auto_lb(const struct dp_config *new, const struct dp_config *old,
            bool first, struct vlog_module *module)
{
    if (first || new->alb_interval != old->alb_interval) {
        vlog(module, VLL_INFO,
             "PMD auto load balance interval set to %u mins",
             new->alb_interval);
    }
    if (first || new->alb_improvement != old->alb_improvement) {
        vlog(module, VLL_INFO,
             "PMD auto load balance improvement threshold set to %u%%",
             new->alb_improvement);
    }
    if (first || new->alb_load != old->alb_load) {
        vlog(module, VLL_INFO,
             "PMD auto load balance load threshold set to %u%%",
             new->alb_load);
    }
    if (first || new->alb != old->alb) {
        vlog(module, VLL_INFO, "PMD auto load balance is %s",
             new->alb ? "enabled" : "disabled");
    }
}

static void
log_caches(const struct dp_config *new, const struct dp_config *old,
           struct vlog_module *module)
{
    if (new->emc_insert_inv_prob != old->emc_insert_inv_prob) {
        if (new->emc_insert_inv_prob) {
            vlog(module, VLL_INFO,
                 "EMC insertion probability changed to 1/%"PRIu32" (~%.2f%%)",
                 new->emc_insert_inv_prob, 100.0 / new->emc_insert_inv_prob);
        } else {
            vlog(module, VLL_INFO,
                 "EMC insertion probability changed to zero");
        }
    }
    if (new->smc_enable != old->smc_enable) {
        vlog(module, VLL_INFO, "SMC cache is %s",
             new->smc_enable ? "enabled" : "disabled");
    }
}

static void
log_loop(const struct dp_config *new, const struct dp_config *old, bool first,
         struct vlog_module *module)
{
    if (new->tx_flush_interval != old->tx_flush_interval) {
        vlog(module, VLL_INFO,
             "Flushing interval for tx queues set to %"PRIu32" us",
             new->tx_flush_interval);
    }
    if (new->perf_metrics != old->perf_metrics) {
        vlog(module, VLL_INFO, "PMD performance metrics collection %s",
             new->perf_metrics ? "enabled" : "disabled");
    }
    if (first || !dp_sleep_equal(&new->sleep, &old->sleep)) {
        ovs_log_pmd_sleep(module, new->sleep.us);
    }
}

void
dp_config_log(const struct dp_config *new, const struct dp_config *old,
              struct vlog_module *module)
{
    struct dp_config defaults;
    bool first = !old;

    dp_config_init(&defaults);
    log_problems(new, old, module);
    if (first) {
        old = &defaults;
    }
    log_assignment(new, old, module);
    log_auto_lb(new, old, first, module);
    log_caches(new, old, module);
    log_loop(new, old, first, module);
}

/* Ports. */

void
dp_port_config_parse(struct dp_port_config *config,
                     const struct smap *other_config)
{
    const char *steering = smap_get_def(other_config, "tx-steering", "thread");

    *config = (struct dp_port_config) {
        .affinity = nullable_xstrdup(smap_get(other_config,
                                              "pmd-rxq-affinity")),
        .tx_hash = !strcmp(steering, "hash"),
        .emc_enable = smap_get_bool(other_config, "emc-enable", true),
    };
    if (!config->tx_hash && strcmp(steering, "thread")) {
        config->problem = xasprintf("tx-steering is '%s', but must be "
                                    "'thread' or 'hash'; using 'thread'",
                                    steering);
    }
}

void
dp_port_config_uninit(struct dp_port_config *config)
{
    free(config->affinity);
    free(config->problem);
    *config = (struct dp_port_config) { .emc_enable = true };
}
