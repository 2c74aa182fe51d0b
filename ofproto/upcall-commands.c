/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/upcall-commands.h"

#include <stdlib.h>

#include "ctl/dp-commands.h"
#include "dpif-netdev.h"
#include "dpif.h"
#include "ofproto/detrace.h"
#include "ofproto/ofproto-dpif-upcall.h"
#include "ofproto/trace-live.h"
#include "ofproto/udpif.h"
#include "openvswitch/dynamic-string.h"
#include "seq.h"
#include "unixctl.h"
#include "util.h"

/* Appends to 'ds' the state of 'udpif'. */
static void
format_udpif(struct udpif *udpif, struct ds *ds)
{
    unsigned int limit, avg, max;
    long long int duration;
    uint64_t n_offloaded;

    atomic_read_relaxed(&udpif->flow_limit, &limit);
    atomic_read_relaxed(&udpif->avg_n_flows, &avg);
    atomic_read_relaxed(&udpif->max_n_flows, &max);
    atomic_read_relaxed(&udpif->dump_duration, &duration);

    ds_put_format(ds, "%s:\n", dpif_name(udpif->dpif));
    ds_put_format(ds, "  flows         : (current %"PRIu64") (avg %u) "
                  "(max %u) (limit %u)\n",
                  udpif_n_flows(udpif), avg, max, limit);
    if (dpif_is_netdev(udpif->dpif)) {
        dp_format_offload(dpif_base_name(udpif->dpif), ds);
    } else if (!dpif_get_n_offloaded_flows(udpif->dpif, &n_offloaded)) {
        ds_put_format(ds, "  offloaded flows : %"PRIu64"\n", n_offloaded);
    }
    ds_put_format(ds, "  dump duration : %lldms\n", duration);
    ds_put_format(ds, "  ufid enabled : %s\n\n",
                  udpif_use_ufid(udpif) ? "true" : "false");
    for (size_t i = 0; i < udpif->n_revalidators; i++) {
        unsigned int id;
        size_t n = 0;

        atomic_read_relaxed(&udpif->revalidators[i].id, &id);
        for (size_t j = i; j < UKEY_MAP_N_SLOTS; j += udpif->n_revalidators) {
            n += cmap_count(&udpif->ukeys->slots[j].cmap);
        }
        ds_put_format(ds, "  %u: (keys %"PRIuSIZE")\n", id, n);
    }
}

static void
cmd_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct udpif *udpif;

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        format_udpif(udpif, &ds);
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

/* "upcall/disable-megaflows" ('on' null) and "upcall/enable-megaflows". */
static void
cmd_set_megaflows(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *on)
{
    struct udpif *udpif;

    udpif_set_megaflows_enabled(on != NULL);
    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        udpif_flush(udpif);
    }
    unixctl_command_reply(conn, (on ? "megaflows enabled"
                                 : "megaflows disabled"));
}

/* "upcall/disable-ufid" ('on' null) and "upcall/enable-ufid". */
static void
cmd_set_ufid(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *on)
{
    udpif_set_ufid_enabled(on != NULL);
    unixctl_command_reply(conn, (on ? "Datapath dumping tersely using UFID "
                                 "enabled for supported datapaths"
                                 : "Datapath dumping tersely using UFID "
                                 "disabled"));
}

static void
cmd_set_flow_limit(struct unixctl_conn *conn, int argc OVS_UNUSED,
                   const char *argv[], void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    unsigned int limit = atoi(argv[1]);
    struct udpif *udpif;

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        atomic_store_relaxed(&udpif->flow_limit, limit);
    }
    ds_put_format(&ds, "set flow_limit to %u\n", limit);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
cmd_revalidator_wait(struct unixctl_conn *conn, int argc OVS_UNUSED,
                     const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ovs_list *all = udpif_all();

    if (ovs_list_is_singleton(all)) {
        struct udpif *udpif;

        udpif = CONTAINER_OF(ovs_list_front(all), struct udpif, list_node);
        udpif->waiters = xrealloc(udpif->waiters, ((udpif->n_waiters + 1)
                                                   * sizeof *udpif->waiters));
        udpif->waiters[udpif->n_waiters++] = (struct udpif_waiter) {
            .conn = conn,
            .dump_seq = seq_read(udpif->dump_seq),
        };
    } else {
        unixctl_command_reply_error(conn, "can't wait on multiple udpifs.");
    }
}

static void
cmd_revalidator_purge(struct unixctl_conn *conn, int argc OVS_UNUSED,
                      const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct udpif *udpif;

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        udpif_purge(udpif);
    }
    unixctl_command_reply(conn, "");
}

/* "revalidator/resume" ('pause' null) and "revalidator/pause". */
static void
cmd_revalidator_pause(struct unixctl_conn *conn, int argc OVS_UNUSED,
                      const char *argv[] OVS_UNUSED, void *pause)
{
    struct udpif *udpif;

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        if (pause && !udpif->paused) {
            udpif_pause_revalidators(udpif);
        } else if (!pause && udpif->paused) {
            udpif_resume_revalidators(udpif);
        }
        /* Threads that are yet to be started start unpaused. */
        udpif->paused = pause && udpif->n_revalidators;
    }
    unixctl_command_reply(conn, "");
}

void
upcall_commands_register(void)
{
    static const struct {
        const char *name;
        const char *usage;
        int min_args, max_args;
        unixctl_cb_func *cb;
        bool arg;
    } commands[] = {
        { "upcall/show", "", 0, 0, cmd_show, false },
        { "upcall/disable-megaflows", "", 0, 0, cmd_set_megaflows, false },
        { "upcall/enable-megaflows", "", 0, 0, cmd_set_megaflows, true },
        { "upcall/disable-ufid", "", 0, 0, cmd_set_ufid, false },
        { "upcall/enable-ufid", "", 0, 0, cmd_set_ufid, true },
        { "upcall/set-flow-limit", "flow-limit-number", 1, 1,
          cmd_set_flow_limit, false },
        { "revalidator/wait", "", 0, 0, cmd_revalidator_wait, false },
        { "revalidator/purge", "", 0, 0, cmd_revalidator_purge, false },
        { "revalidator/pause", NULL, 0, 0, cmd_revalidator_pause, true },
        { "revalidator/resume", NULL, 0, 0, cmd_revalidator_pause, false },
        { "ofproto/detrace", "[--names] UFID [pmd=PMD-ID]", 1, 3,
          detrace_command, false },
        { "ofproto/trace-live", "[--format json] [--count n] "
          "[--timeout seconds] [bridge] [filter]", 0, 8, trace_live_command,
          false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, commands[i].usage,
                                 commands[i].min_args, commands[i].max_args,
                                 commands[i].cb,
                                 commands[i].arg ? CONST_CAST(void *,
                                                              &commands[i])
                                 : NULL);
    }
}
