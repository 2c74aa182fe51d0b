/* SPDX-License-Identifier: Apache-2.0 */

/* dp-config: what each value becomes, which lines the log gets and when, and
 * that no rubbish gets through. */

#include <config.h>
#undef NDEBUG
#include "ctl/dp-config.h"

#include <string.h>
#include <unistd.h>

#include "../dptest.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "random.h"
#include "smap.h"
#include "util.h"
#include "merge/dp-books.h"
#include "ovs/ovs-pmd-sleep.h"

VLOG_DEFINE_THIS_MODULE(test_config);

static char log_name[] = "/tmp/dptest-config-XXXXXX";

/* Asserts that the log file has exactly 'n' lines with 'text'. */
static void
expect_log(int n, const char *text)
{
    char buffer[1024];
    FILE *file = fopen(log_name, "r");
    int found = 0;

    ovs_assert(file);
    while (fgets(buffer, sizeof buffer, file)) {
        found += strstr(buffer, text) != NULL;
    }
    fclose(file);
    if (found != n) {
        dptest_fail("'%s' is in the log %d times, not %d", text, found, n);
    }
}

static void
clear_log(void)
{
    ovs_assert(!truncate(log_name, 0));
}

/* Values. */

static void
assert_defaults(const struct dp_config *config)
{
    ovs_assert(!config->cpu_mask);
    ovs_assert(config->rxq_assign == DP_SCHED_CYCLES);
    ovs_assert(config->rxq_isolate && !config->alb);
    ovs_assert(config->alb_interval == 1);
    ovs_assert(config->alb_load == 95);
    ovs_assert(config->alb_improvement == 25);
    ovs_assert(config->tx_flush_interval == 0);
    ovs_assert(config->emc_insert_inv_prob == 100);
    ovs_assert(!config->smc_enable && !config->perf_metrics);
    ovs_assert(!config->offload_rebalance && !config->offload_verify);
    ovs_assert(!config->xdp_persist && !config->ct_merge);
    ovs_assert(config->ct_merge_max == DP_BOOKS_MAX_RULES);
    ovs_assert(config->sleep.us == 0 && config->n_offload_threads == 1);
}

static void
check_defaults(void)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct dp_config config;

    dp_config_init(&config);
    assert_defaults(&config);
    dp_config_parse(&config, &smap);
    assert_defaults(&config);
    for (int i = 0; i < DP_CONFIG_N_KEYS; i++) {
        ovs_assert(!config.problems[i]);
    }
    dp_config_uninit(&config);
    assert_defaults(&config);
}

/* Parses 'key' with 'value' alone. */
static struct dp_config
parse_one(const char *key, const char *value)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct dp_config config;

    smap_add(&smap, key, value);
    dp_config_parse(&config, &smap);
    smap_destroy(&smap);
    return config;
}

static bool
has_problem(const struct dp_config *config)
{
    for (int i = 0; i < DP_CONFIG_N_KEYS; i++) {
        if (config->problems[i]) {
            return true;
        }
    }
    return false;
}

struct number_case {
    const char *key;
    size_t offset;
    const char *value;
    uint32_t expect;
    bool bad;
};

#define CASE(KEY, MEMBER, VALUE, EXPECT, BAD) \
    { KEY, offsetof(struct dp_config, MEMBER), VALUE, EXPECT, BAD }
#define INTERVAL(VALUE, EXPECT, BAD) \
    CASE("pmd-auto-lb-rebal-interval", alb_interval, VALUE, EXPECT, BAD)
#define LOAD(VALUE, EXPECT, BAD) \
    CASE("pmd-auto-lb-load-threshold", alb_load, VALUE, EXPECT, BAD)
#define IMPROVEMENT(VALUE, EXPECT, BAD) \
    CASE("pmd-auto-lb-improvement-threshold", alb_improvement, VALUE, \
         EXPECT, BAD)
#define SLEEP(VALUE, EXPECT, BAD) \
    CASE("pmd-maxsleep", sleep.us, VALUE, EXPECT, BAD)
#define THREADS(VALUE, EXPECT, BAD) \
    CASE("n-offload-threads", n_offload_threads, VALUE, EXPECT, BAD)
#define DELAY(VALUE, EXPECT, BAD) \
    CASE("offload-delay", offload_delay, VALUE, EXPECT, BAD)
#define REBALANCE(VALUE, EXPECT, BAD) \
    CASE("offload-rebalance-interval", offload_rebalance_interval, VALUE, \
         EXPECT, BAD)
#define MIN_PPS(VALUE, EXPECT, BAD) \
    CASE("offload-min-pps", offload_min_pps, VALUE, EXPECT, BAD)
#define MERGE(VALUE, EXPECT, BAD) \
    CASE("ct-merge-max", ct_merge_max, VALUE, EXPECT, BAD)
#define EMC(VALUE, EXPECT, BAD) \
    CASE("emc-insert-inv-prob", emc_insert_inv_prob, VALUE, EXPECT, BAD)
#define FLUSH(VALUE, EXPECT, BAD) \
    CASE("tx-flush-interval", tx_flush_interval, VALUE, EXPECT, BAD)

static const struct number_case number_cases[] = {
    INTERVAL("10", 10, false), INTERVAL("1", 1, false),
    INTERVAL("20000", 20000, false), INTERVAL("0", 1, true),
    INTERVAL("20001", 1, true), INTERVAL("-1", 1, true),
    INTERVAL("", 1, true), INTERVAL("5 ", 1, true), INTERVAL("5m", 1, true),
    LOAD("70", 70, false), LOAD("0", 0, false), LOAD("100", 100, false),
    LOAD("-1", 95, true), LOAD("101", 95, true),
    IMPROVEMENT("60", 60, false), IMPROVEMENT("0", 0, false),
    IMPROVEMENT("100", 100, false), IMPROVEMENT("-1", 25, true),
    IMPROVEMENT("101", 25, true),
    SLEEP("1", 1, false), SLEEP("490", 490, false), SLEEP("499", 499, false),
    SLEEP("10000", 10000, false), SLEEP("10001", 10000, true),
    SLEEP("99999999999999999999999", 10000, true), SLEEP("-1", 0, true),
    SLEEP("fast", 0, true),
    THREADS("10", 10, false), THREADS("1", 1, false), THREADS("0", 1, true),
    THREADS("11", 1, true),
    DELAY("0", 0, false), DELAY("60000", 60000, false),
    DELAY("60001", 0, true), DELAY("1s", 0, true),
    REBALANCE("100", 100, false), REBALANCE("60000", 60000, false),
    REBALANCE("99", 1000, true), REBALANCE("60001", 1000, true),
    REBALANCE("1s", 1000, true),
    MIN_PPS("0", 0, false), MIN_PPS("1000000000", 1000000000, false),
    MIN_PPS("1000000001", 0, true), MIN_PPS("-1", 0, true),
    MIN_PPS("fast", 0, true),
    MERGE("1", 1, false), MERGE("1000000", 1000000, false),
    MERGE("0", DP_BOOKS_MAX_RULES, true), MERGE("1000001", 1000000, true),
    EMC("0", 0, false), EMC("1", 1, false),
    EMC("4294967295", UINT32_MAX, false), EMC("4294967296", 100, true),
    FLUSH("1000000", 1000000, false), FLUSH("1000001", 0, true),
};

static void
check_numbers(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        struct dp_config config = parse_one(c->key, c->value);
        uint32_t value;

        memcpy(&value, (char *) &config + c->offset, sizeof value);
        if (value != c->expect || has_problem(&config) != c->bad) {
            dptest_fail("%s=%s: got %"PRIu32"%s", c->key, c->value, value,
                        has_problem(&config) ? " and a message" : "");
        }
        dp_config_uninit(&config);
    }
}

static void
check_masks(void)
{
    static const char *good[] = { "1", "0x3", "0XfF", "1fe", "c" };
    static const char *bad[] = { "0x", "xyz", "0-3", "-1", "1 2" };
    struct dp_config config;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        config = parse_one("pmd-cpu-mask", good[i]);
        ovs_assert(!strcmp(config.cpu_mask, good[i]) && !has_problem(&config));
        dp_config_uninit(&config);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        config = parse_one("pmd-cpu-mask", bad[i]);
        ovs_assert(!config.cpu_mask && has_problem(&config));
        dp_config_uninit(&config);
    }
    config = parse_one("pmd-cpu-mask", "");
    ovs_assert(!config.cpu_mask && !has_problem(&config));
    dp_config_uninit(&config);
}

/* The log. */

/* Sets 'key' to 'value', or removes it, and logs what changes. */
static void
change(struct smap *smap, struct dp_config *config, const char *key,
       const char *value)
{
    struct dp_config old = *config;

    if (value) {
        smap_replace(smap, key, value);
    } else {
        smap_remove(smap, key);
    }
    clear_log();
    dp_config_parse(config, smap);
    dp_config_log(config, &old, &this_module);
    dp_config_uninit(&old);
}

static void
check_log(void)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct dp_config config;

    dp_config_parse(&config, &smap);
    clear_log();
    dp_config_log(&config, NULL, &this_module);
    expect_log(1, "|INFO|PMD auto load balance is disabled\n");
    expect_log(1, "|INFO|PMD auto load balance interval set to 1 mins\n");
    expect_log(1, "|INFO|PMD auto load balance improvement threshold set to "
               "25%\n");
    expect_log(1, "|INFO|PMD auto load balance load threshold set to 95%\n");
    expect_log(1, "max sleep");
    expect_log(4 + OVS_PMD_SLEEP_LINES, "|");

    change(&smap, &config, "something", "else");
    expect_log(0, "|");
    change(&smap, &config, "pmd-auto-lb", "true");
    expect_log(1, "|INFO|PMD auto load balance is enabled\n");
    change(&smap, &config, "pmd-auto-lb-rebal-interval", "100");
    expect_log(1, "interval set to 100 mins\n");
    expect_log(1, "|");
    change(&smap, &config, "pmd-auto-lb-rebal-interval", "20001");
    expect_log(1, "interval set to 1 mins\n");
    expect_log(1, "|INFO|pmd-auto-lb-rebal-interval is 20001, but must be in "
               "the range 1 to 20000; using 1\n");
    expect_log(0, "|WARN|");

    /* A bad value is reported once. */
    change(&smap, &config, "something", "again");
    expect_log(0, "|");
    change(&smap, &config, "pmd-auto-lb-rebal-interval", "20002");
    expect_log(1, "|INFO|pmd-auto-lb-rebal-interval is 20002");

    change(&smap, &config, "pmd-maxsleep", "10001");
    expect_log(1, "10000 us");
    expect_log(0, "|WARN|");

    change(&smap, &config, "pmd-rxq-assign", "roundrobin");
    expect_log(1, "|INFO|Rxq to PMD assignment mode changed to: "
               "'roundrobin'.\n");
    change(&smap, &config, "pmd-rxq-isolate", "false");
    expect_log(1, "|WARN|pmd-rxq-isolate can only be set false when using "
               "pmd-rxq-assign=group");
    expect_log(1, "|");
    change(&smap, &config, "pmd-rxq-assign", "group");
    expect_log(1, "mode changed to: 'group'");
    expect_log(1, "|INFO|pmd-rxq-affinity does not isolate PMD core\n");
    change(&smap, &config, "pmd-rxq-assign", "cycles");
    expect_log(1, "mode changed to: 'cycles'");
    expect_log(1, "|INFO|pmd-rxq-affinity isolates PMD core\n");
    expect_log(1, "|WARN|pmd-rxq-isolate can only be set false when using "
               "pmd-rxq-assign=group");
    change(&smap, &config, "pmd-rxq-assign", "random");
    expect_log(1, "|WARN|pmd-rxq-assign is 'random', but must be");

    change(&smap, &config, "emc-insert-inv-prob", "0");
    expect_log(1, "EMC insertion probability changed to zero\n");
    change(&smap, &config, "emc-insert-inv-prob", NULL);
    expect_log(1, "EMC insertion probability changed to 1/100 (~1.00%)\n");
    change(&smap, &config, "smc-enable", "maybe");
    expect_log(1, "|WARN|smc-enable is 'maybe', but must be true or false; "
               "using false\n");
    change(&smap, &config, "pmd-perf-metrics", "perhaps");
    expect_log(1, "|WARN|smc-enable is 'maybe', but must be true or false; "
               "using false; pmd-perf-metrics is 'perhaps'");
    change(&smap, &config, "smc-enable", NULL);
    change(&smap, &config, "pmd-perf-metrics", NULL);
    change(&smap, &config, "offload-verify", "true");
    ovs_assert(config.offload_verify);
    change(&smap, &config, "offload-verify", "strictly");
    expect_log(1, "|WARN|offload-verify is 'strictly', but must be true or "
               "false; using false\n");
    ovs_assert(!config.offload_verify);
    dp_config_uninit(&config);
    smap_destroy(&smap);
}

/* Ports. */

static void
check_ports(void)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct dp_port_config config;

    dp_port_config_parse(&config, &smap);
    ovs_assert(!config.affinity && !config.tx_hash && config.emc_enable
               && !config.problem);
    dp_port_config_uninit(&config);

    smap_add(&smap, "tx-steering", "hash");
    smap_add(&smap, "emc-enable", "false");
    smap_add(&smap, "pmd-rxq-affinity", "0:3");
    dp_port_config_parse(&config, &smap);
    ovs_assert(!strcmp(config.affinity, "0:3") && config.tx_hash
               && !config.emc_enable && !config.problem);
    dp_port_config_uninit(&config);

    smap_replace(&smap, "tx-steering", "wheel");
    dp_port_config_parse(&config, &smap);
    ovs_assert(!config.tx_hash && config.problem);
    dp_port_config_uninit(&config);
    smap_destroy(&smap);
}

/* Fuzz. */

static void
check_fuzz_config(void)
{
    static const char *keys[] = {
        "pmd-cpu-mask", "pmd-rxq-assign", "pmd-rxq-isolate", "pmd-auto-lb",
        "pmd-auto-lb-rebal-interval", "pmd-auto-lb-load-threshold",
        "pmd-auto-lb-improvement-threshold", "tx-flush-interval",
        "emc-insert-inv-prob", "smc-enable", "pmd-perf-metrics",
        "pmd-sleep-max", "n-offload-threads", "offload-rebalance",
        "offload-rebalance-interval", "offload-min-pps", "offload-verify",
        "ct-merge", "ct-merge-max",
    };
    static const char *words[] = {
        "true", "false", "group", "cycles", "roundrobin", "0", "1", "-1",
        "10000", "100,1:50,3:0",
        "4294967296", "18446744073709551616", "0x1f", "",
    };

    for (int i = 0; i < 20000; i++) {
        struct smap smap = SMAP_INITIALIZER(&smap);
        struct dp_config config, twin;

        for (size_t j = 0; j < ARRAY_SIZE(keys); j++) {
            if (random_range(2)) {
                smap_add(&smap, keys[j],
                         words[random_range(ARRAY_SIZE(words))]);
            } else if (random_range(2)) {
                smap_add_nocopy(
                    &smap, xstrdup(keys[j]),
                    dptest_random_string("0123456789-+ .exf%s%n", 12));
            }
        }
        dp_config_parse(&config, &smap);
        ovs_assert(config.rxq_isolate || config.rxq_assign == DP_SCHED_GROUP);
        ovs_assert(config.alb_interval >= 1 && config.alb_interval <= 20000);
        ovs_assert(config.alb_load <= 100 && config.alb_improvement <= 100);
        ovs_assert(config.tx_flush_interval <= 1000000);
        ovs_assert(config.sleep.us <= 10000);
        ovs_assert(config.n_offload_threads >= 1
                   && config.n_offload_threads <= 10);
        ovs_assert(config.offload_rebalance_interval >= 100
                   && config.offload_rebalance_interval <= 60000);
        ovs_assert(config.offload_min_pps <= 1000000000);
        ovs_assert(!config.cpu_mask || *config.cpu_mask);

        /* Nothing new, nothing to say. */
        if (i % 100 == 0) {
            dp_config_parse(&twin, &smap);
            clear_log();
            dp_config_log(&twin, &config, &this_module);
            expect_log(0, "|");
            dp_config_log(&twin, NULL, &this_module);
            dp_config_uninit(&twin);
        }
        dp_config_uninit(&config);
        smap_destroy(&smap);
    }
}

static void
test_config_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    int fd = mkstemp(log_name);

    ovs_assert(fd >= 0);
    close(fd);
    ovs_assert(!vlog_set_log_file(log_name));
    vlog_set_levels(&this_module, VLF_CONSOLE, VLL_OFF);
    vlog_set_levels(&this_module, VLF_SYSLOG, VLL_OFF);
    vlog_set_levels(&this_module, VLF_FILE, VLL_DBG);
    random_set_seed(1);

    check_defaults();
    check_numbers();
    check_masks();
    check_log();
    check_ports();
    check_fuzz_config();
    vlog_close_log_file();
    unlink(log_name);
}

DPTEST_REGISTER("config", test_config_main);
