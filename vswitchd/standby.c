/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vswitchd/standby.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/dp.h"
#include "dpdk.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(standby);

/* How often to look whether the other process has gone, in ms. */
#define LOOK_MS 2

/* How long to look. */
#define PATIENCE_MS 20000

enum standby_state {
    STANDBY_STARTING,
    STANDBY_READY,
    STANDBY_LEAVING,
    STANDBY_ACTIVE,
};

static const char *const state_names[] = {
    [STANDBY_STARTING] = "starting",
    [STANDBY_READY] = "ready",
    [STANDBY_LEAVING] = "leaving",
    [STANDBY_ACTIVE] = "active",
};

struct standby {
    enum standby_state state;
    int other;                  /* Process whose place we take; 0: none. */
    unsigned long long int began;   /* When it was started, as proc(5) has
                                     * it: its ID may be used again. */
    bool late;                  /* DPDK must wait for 'other' to go. */
    long long int leaves;       /* When 'other' gave up its lock, in ms. */
};

/* The calls that come here tell no more than the IDL. */
static struct standby standby;

/* Whether EAL with arguments 'dpdk_extra', which may be NULL, disturbs no
 * other process, and is not disturbed by one. */
static bool
eal_is_private(const char *dpdk_extra)
{
    bool no_devices = false, devices = false, legacy = false;
    char *copy = xstrdup(dpdk_extra ? dpdk_extra : "");
    char *save = NULL;

    for (char *arg = strtok_r(copy, " \t\n", &save); arg;
         arg = strtok_r(NULL, " \t\n", &save)) {
        if (!strcmp(arg, "--legacy-mem")) {
            legacy = true;
        } else if (!strcmp(arg, "--no-pci")) {
            no_devices = true;
        } else if (!strcmp(arg, "-a") || !strcmp(arg, "--allow")) {
            const char *device = strtok_r(NULL, " \t\n", &save);

            /* Nobody's address: the usual way to allow no device. */
            if (device && !strcmp(device, "0000:00:00.0")) {
                no_devices = true;
            } else {
                devices = true;
            }
        } else if (!strncmp(arg, "-a", 2) || !strncmp(arg, "--allow=", 8)) {
            devices = true;
        }
    }
    free(copy);
    return no_devices && !devices && !legacy;
}

/* Does what can be done while the other daemon works. */
static void
prepare(const struct ovsrec_open_vswitch *cfg)
{
    const char *dpdk = smap_get_def(&cfg->other_config, "dpdk-init", "false");
    bool dpdk_wanted = !strcasecmp(dpdk, "true") || !strcasecmp(dpdk, "try");

    if (!dpdk_wanted) {
        dp_prepare();
    } else if (!standby.late
               && eal_is_private(smap_get(&cfg->other_config,
                                          "dpdk-extra"))) {
        dpdk_init(&cfg->other_config);
        dp_prepare();
    } else {
        VLOG_INFO("DPDK is initialized when process %d has gone",
                  standby.other);
    }
}

/* Stores when process 'pid' was started, and returns true if it has something
 * that we may need.  One that has ended, but nobody has buried, has not; but
 * its first thread may have ended before others. */
static bool
process_works(int pid, unsigned long long int *began)
{
    char path[64], line[512];
    bool works = false;
    FILE *stream;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    stream = fopen(path, "r");
    if (stream) {
        const char *name_end = (fgets(line, sizeof line, stream)
                                ? strrchr(line, ')') : NULL);
        char state;
        int n_threads;

        /* proc(5): fields 3, 20 and 22. */
        works = (name_end
                 && sscanf(name_end + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s"
                           " %*s %*s %*s %*s %*s %*s %*s %*s %d %*s %llu",
                           &state, &n_threads, began) == 3
                 && (state != 'Z' || n_threads > 1));
        fclose(stream);
    }
    return works;
}

static bool
other_exists(void)
{
    unsigned long long int began;

    return (standby.other && process_works(standby.other, &began)
            && began == standby.began);
}

bool
__wrap_ovsdb_idl_is_lock_contended(const struct ovsdb_idl *idl)
{
    bool contended = __real_ovsdb_idl_is_lock_contended(idl);

    if (standby.state == STANDBY_ACTIVE) {
        return contended;
    }
    if (contended) {
        const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(idl);

        if (standby.state == STANDBY_STARTING && cfg) {
            if (standby.other) {
                prepare(cfg);
            }
            standby.state = STANDBY_READY;
        }
        return true;
    }
    if (!ovsdb_idl_has_lock(idl)) {
        return false;
    }
    if (other_exists()) {
        if (standby.state != STANDBY_LEAVING) {
            standby.state = STANDBY_LEAVING;
            standby.leaves = time_msec();
        }
        if (time_msec() < standby.leaves + PATIENCE_MS) {
            return true;
        }
        VLOG_WARN("process %d does not go; not waiting for it any more",
                  standby.other);
    }
    standby.state = STANDBY_ACTIVE;
    return false;
}

void
standby_wait(void)
{
    if (standby.state == STANDBY_LEAVING) {
        poll_timer_wait(LOOK_MS);
    }
}

static void
show_state(struct unixctl_conn *client, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(client, state_names[standby.state]);
}

void
standby_init(void)
{
    const char *other = getenv("MARKPATH_STANDBY");
    char late[6] = "";
    int pid;

    if (other && sscanf(other, "%d,%5s", &pid, late) >= 1 && pid > 0
        && process_works(pid, &standby.began)) {
        standby.other = pid;
        standby.late = !strcmp(late, "late");
    }
    unixctl_command_register("vswitchd/standby", "", 0, 0, show_state, NULL);
}
