/* SPDX-License-Identifier: Apache-2.0 */

/* No thread of the engine runs where lanes poll. */

#include <config.h>
#undef NDEBUG
#include "offload/dp-offload.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>

#include "offload/dp-places.h"
#include "rebalance/dp-rebalance.h"
#include "tests/dptest.h"
#include "tests/offload/offload-rig.h"
#include "util.h"

/* Stores the CPUs of the thread whose number is 'task' in '*cpus', and returns
 * true, if its name begins with 'name'. */
static bool
find_cpus(const char *task, const char *name, cpu_set_t *cpus)
{
    char *path = xasprintf("/proc/self/task/%s/comm", task);
    FILE *stream = fopen(path, "r");
    char comm[32] = "";
    bool found;

    free(path);
    if (!stream) {
        return false;
    }
    found = fgets(comm, sizeof comm, stream)
            && !strncmp(comm, name, strlen(name));
    fclose(stream);
    return found && !sched_getaffinity(atoi(task), sizeof *cpus, cpus);
}

/* Are there 'n' threads called 'name', none of which may run on 'core'? */
static bool
are_off(const char *name, unsigned int n, unsigned int core)
{
    DIR *dir = opendir("/proc/self/task");
    unsigned int n_found = 0, n_on = 0;
    struct dirent *entry;
    cpu_set_t cpus;

    ovs_assert(dir);
    while ((entry = readdir(dir))) {
        if (find_cpus(entry->d_name, name, &cpus)) {
            n_on += CPU_ISSET(core, &cpus) != 0;
            n_found++;
        }
    }
    closedir(dir);
    return n_found == n && !n_on;
}

/* Waits for that: a thread that has just been created has the name, and the
 * CPUs, of the one that created it. */
static void
expect_off(const char *name, unsigned int n, unsigned int core)
{
    while (!are_off(name, n, core)) {
        xnanosleep(1000 * 1000);
    }
}

static void
test_cores_avoided(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const struct dp_places_config on = {
        .rebalance = true, .interval_ms = 1000,
    };
    const struct dp_dummy_config config = { .mark_bits = 24 };
    unsigned int first, second;
    struct dp_rebalance *rb;
    cpu_set_t cpus;
    struct rig rig;

    ovs_assert(!sched_getaffinity(0, sizeof cpus, &cpus));
    if (CPU_COUNT(&cpus) < 2) {
        dptest_skip("needs two CPUs");
    }
    for (first = 0; !CPU_ISSET(first, &cpus); first++) {
        continue;
    }
    for (second = first + 1; !CPU_ISSET(second, &cpus); second++) {
        continue;
    }

    /* Threads that come later... */
    rig_init(&rig, &config, 2);
    dp_offload_avoid_cores(rig.offload, &first, 1);
    ovs_assert(dp_offload_set_enabled(rig.offload, true));
    rb = dp_rebalance_create(rig.offload);
    dp_rebalance_configure(rb, &on);
    expect_off("hw_offload", 2, first);
    expect_off("hw_rebalance", 1, first);

    /* ...and those that run. */
    dp_offload_avoid_cores(rig.offload, &second, 1);
    expect_off("hw_offload", 2, second);
    expect_off("hw_rebalance", 1, second);

    dp_rebalance_destroy(rb);
    rig_uninit(&rig);
}
DPTEST_REGISTER("offload-cores-avoided", test_cores_avoided);
