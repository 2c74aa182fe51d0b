/* SPDX-License-Identifier: Apache-2.0 */

/* The lines that users grep for, as they arrive in a log file. */

#include <config.h>
#undef NDEBUG
#include "pmd/dp-sched-log.h"

#include <string.h>
#include <unistd.h>

#include "../dptest.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "pmd/dp-sched.h"
#include "pmd/dp-sched-gain.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(test_sched_log);

#define NO_PIN OVS_CORE_UNSPEC

static char log_name[] = "/tmp/dptest-sched-log-XXXXXX";

/* Asserts that the log file has 'line' at level 'level' 'n' times, at the
 * end of a line or followed by more. */
static void
expect(int n, const char *level, const char *line)
{
    char *wanted = xasprintf("|%s|%s", level, line);
    char buffer[1024];
    FILE *file = fopen(log_name, "r");
    int found = 0;

    ovs_assert(file);
    while (fgets(buffer, sizeof buffer, file)) {
        found += strstr(buffer, wanted) != NULL;
    }
    fclose(file);
    if (found != n) {
        dptest_fail("'%s' is in the log %d times, not %d", wanted, found, n);
    }
    free(wanted);
}

static void
check_plan(void)
{
    struct dp_sched plan;

    dp_sched_init(&plan);
    dp_sched_add_core(&plan, 1, 0);
    dp_sched_add_core(&plan, 12, 0);
    dp_sched_add_rxq(&plan, "p0", 0, 0, 0, 1, NULL);
    dp_sched_add_rxq(&plan, "p0", 1, 0, 77, NO_PIN, NULL);
    dp_sched_add_rxq(&plan, "p0", 2, 1, 0, 30, NULL);
    dp_sched_run(&plan, DP_SCHED_CYCLES, true);
    dp_sched_log(&plan, &this_module, false);
    expect(1, "INFO", "Core  1 on numa node 0 is pinned with port 'p0' rx "
           "queue 0 and polls pinned queues only.\n");
    expect(1, "WARN", "Core 30 cannot be pinned with port 'p0' rx queue 2");
    expect(1, "INFO", "Performing pmd to rx queue assignment using cycles "
           "algorithm.\n");
    expect(1, "INFO", "Core 12 on numa node 0 assigned port 'p0' rx queue 1 "
           "(measured processing cycles 77).\n");
    expect(1, "INFO", "There's no available (non-isolated) pmd thread on numa "
           "node 1. Port 'p0' rx queue 2 will be assigned to a pmd on numa "
           "node 0. This may lead to reduced performance.\n");

    /* Dry runs are for those who debug. */
    dp_sched_log(&plan, &this_module, true);
    expect(1, "INFO", "Performing pmd to rx queue assignment");
    expect(1, "DBG", "Performing pmd to rx queue assignment");
    expect(1, "WARN", "Core 30 cannot be pinned");

    dp_sched_run(&plan, DP_SCHED_ROUNDROBIN, true);
    dp_sched_log(&plan, &this_module, false);
    expect(1, "INFO", "Performing pmd to rx queue assignment using roundrobin "
           "algorithm.\n");
    expect(1, "INFO", "Core 12 on numa node 0 assigned port 'p0' rx queue "
           "1.\n");
    dp_sched_uninit(&plan);

    dp_sched_init(&plan);
    dp_sched_add_rxq(&plan, "p1", 3, 0, 0, NO_PIN, NULL);
    dp_sched_run(&plan, DP_SCHED_GROUP, true);
    dp_sched_log(&plan, &this_module, false);
    expect(1, "WARN", "Port 'p1' rx queue 3 is not polled");
    dp_sched_uninit(&plan);
}

static void
log_gain(enum dp_gain_verdict verdict, unsigned int improvement)
{
    const struct dp_gain gain = {
        .verdict = verdict,
        .improvement = improvement,
        .threshold = 25,
    };

    dp_gain_log(&gain, &this_module);
}

static void
check_gain(void)
{
    log_gain(DP_GAIN_TRY, 0);
    expect(1, "DBG", "PMD auto load balance performing dry run.\n");
    log_gain(DP_GAIN_ROUNDROBIN, 0);
    expect(1, "DBG", "PMD auto load balance nothing to do, "
           "pmd-rxq-assign=roundrobin assignment type configured.\n");
    log_gain(DP_GAIN_TOO_FEW, 0);
    expect(1, "DBG", "PMD auto load balance nothing to do, not enough "
           "non-isolated PMDs or RxQs.\n");
    log_gain(DP_GAIN_SAME_CONFIG, 0);
    expect(1, "DBG", "PMD auto load balance nothing to do, no configuration "
           "changes since last check.\n");
    log_gain(DP_GAIN_CROSS_NUMA, 0);
    expect(1, "DBG", "PMD auto load balance detected cross-numa polling");
    log_gain(DP_GAIN_TOO_SMALL, 0);
    expect(1, "DBG", "PMD auto load balance dry run on numa node 0: "
           "Variance improvement 0%.");
    log_gain(DP_GAIN_GO, 30);
    expect(1, "DBG", "PMD auto load balance dry run on numa node 0: "
           "Variance improvement 30%.");
    expect(1, "INFO", "PMD auto load balance moves rx queues");
}

static void
test_sched_log_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    int fd = mkstemp(log_name);

    ovs_assert(fd >= 0);
    close(fd);
    ovs_assert(!vlog_set_log_file(log_name));
    vlog_set_levels(&this_module, VLF_CONSOLE, VLL_OFF);
    vlog_set_levels(&this_module, VLF_SYSLOG, VLL_OFF);
    vlog_set_levels(&this_module, VLF_FILE, VLL_DBG);
    check_plan();
    check_gain();
    vlog_close_log_file();
    unlink(log_name);
}

DPTEST_REGISTER("sched-log", test_sched_log_main);
