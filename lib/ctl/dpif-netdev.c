/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "dpif-netdev.h"

#include <errno.h>

#include "conntrack.h"
#include "dpif-provider.h"
#include "netdev.h"
#include "netdev-offload.h"
#include "netdev-vport.h"
#include "seq.h"
#include "tnl-neigh-cache.h"
#include "tnl-ports.h"
#include "util.h"
#include "ctl/dp.h"
#include "ctl/dp-commands.h"
#include "ctl/dpif-netdev-ct.h"
#include "ctl/dpif-netdev-ct-exp.h"
#include "ctl/dpif-netdev-flow.h"
#include "ctl/dpif-netdev-handle.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "ovs/ovs-version.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-meter.h"

/* The dpif provider "netdev": what ofproto calls, in terms of our rooms.
 * Flows are in dpif-netdev-flow.c, connection tracking in dpif-netdev-ct.c. */

struct dp *
dpif_netdev_dp(const struct dpif *dpif)
{
    ovs_assert(dpif_is_netdev(dpif));
    return CONTAINER_OF(dpif, struct dpif_netdev, dpif)->dp;
}

struct conntrack *
dpif_netdev_conntrack(const struct dpif *dpif)
{
    return dpif_netdev_dp(dpif)->shared.conntrack;
}

static int
dpif_netdev_init(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        dp_commands_init();
        ovsthread_once_done(&once);
    }
    return 0;
}

static int
dpif_netdev_enumerate(struct sset *names, const struct dpif_class *class)
{
    dp_enumerate(names, class);
    return 0;
}

static const char *
dpif_netdev_port_open_type(const struct dpif_class *class, const char *type)
{
    if (strcmp(type, "internal")) {
        return type;
    }
    return class == &dpif_netdev_class ? "tap" : "dummy-internal";
}

static int
dpif_netdev_open(const struct dpif_class *class, const char *name,
                 bool create, struct dpif **dpifp)
{
    struct dpif_netdev *handle;
    struct dp *dp;
    int error = dp_open(name, class, create, &dp);

    if (!error) {
        uint16_t id = hash_string(name, 0);

        handle = xmalloc(sizeof *handle);
        dpif_init(&handle->dpif, class, name, id >> 8, id);
        handle->dp = dp;
        handle->last_port_seq = seq_read(dp->port_seq);
        *dpifp = &handle->dpif;
    }
    return error;
}

static void
dpif_netdev_close(struct dpif *dpif)
{
    dp_unref(dpif_netdev_dp(dpif));
    free(CONTAINER_OF(dpif, struct dpif_netdev, dpif));
}

static int
dpif_netdev_destroy(struct dpif *dpif)
{
    dp_destroy(dpif_netdev_dp(dpif));
    return 0;
}

static bool
dpif_netdev_run(struct dpif *dpif)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    uint64_t tnl_conf;

    dp_run(dp);
    tnl_neigh_cache_run();
    tnl_port_map_run();
    tnl_conf = seq_read(tnl_conf_seq);
    if (tnl_conf != dp->last_tnl_conf_seq) {
        dp->last_tnl_conf_seq = tnl_conf;
        return true;
    }
    return false;
}

static void
dpif_netdev_wait(struct dpif *dpif)
{
    struct dp *dp = dpif_netdev_dp(dpif);

    dp_wait(dp);
    seq_wait(tnl_conf_seq, dp->last_tnl_conf_seq);
}

static int
dpif_netdev_get_stats(const struct dpif *dpif, struct dpif_dp_stats *stats)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_pmd *pmd;

    memset(stats, 0, sizeof *stats);
    CMAP_FOR_EACH (pmd, node, &dp->topology.lanes) {
        uint64_t n[PMD_N_STATS];

        pmd_perf_read_counters(&pmd->lane.perf, n);
        stats->n_flows += cmap_count(&pmd->lane.flows.flows);
        stats->n_hit += (n[PMD_STAT_PHWOL_HIT] + n[PMD_STAT_SIMPLE_HIT]
                         + n[PMD_STAT_EXACT_HIT] + n[PMD_STAT_SMC_HIT]
                         + n[PMD_STAT_MASKED_HIT]);
        stats->n_missed += n[PMD_STAT_MISS];
        stats->n_lost += n[PMD_STAT_LOST];
    }
    stats->n_masks = UINT32_MAX;        /* Masks and caches differ by lane. */
    stats->n_mask_hit = UINT64_MAX;
    stats->n_cache_hit = UINT64_MAX;
    return 0;
}

/* Ports. */

/* All tunnels of one kind share a datapath port, which has a netdev of its
 * own; for other devices the name leads to 'netdev' itself. */
static int
dpif_netdev_port_add(struct dpif *dpif, struct netdev *netdev,
                     odp_port_t *port_nop)
{
    char buffer[NETDEV_VPORT_NAME_BUFSIZE];
    const char *name = netdev_vport_get_dpif_port(netdev, buffer,
                                                  sizeof buffer);

    return dp_add_port(dpif_netdev_dp(dpif), name, netdev_get_type(netdev),
                       port_nop);
}

static int
dpif_netdev_port_del(struct dpif *dpif, odp_port_t port_no)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_port *port;

    ovs_mutex_lock(&dp->topology.mutex);
    port = dp_topology_port(&dp->topology, port_no);
    if (port && port_no != ODPP_LOCAL) {
        dp_topology_del_port(&dp->topology, port);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    if (port_no == ODPP_LOCAL) {
        return EINVAL;
    } else if (!port) {
        return ENODEV;
    }
    seq_change(dp->port_seq);
    return 0;
}

static int
dpif_netdev_port_set_config(struct dpif *dpif, odp_port_t port_no,
                            const struct smap *cfg)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_port_config config;
    struct dp_port *port;

    dp_port_config_parse(&config, cfg);
    ovs_mutex_lock(&dp->topology.mutex);
    port = dp_topology_port(&dp->topology, port_no);
    if (port) {
        if (config.problem) {
            VLOG_WARN("%s: %s", netdev_get_name(port->netdev),
                      config.problem);
        }
        if (dp_port_set_config(port, config.affinity, config.tx_hash,
                               config.emc_enable)) {
            dp->topology.need_reconfigure = true;
        }
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    dp_port_config_uninit(&config);
    return port ? 0 : ENODEV;
}

static void
answer_port_query(const struct dp_port *port, struct dpif_port *dpif_port)
{
    if (dpif_port) {
        dpif_port->name = xstrdup(netdev_get_name(port->netdev));
        dpif_port->type = xstrdup(port->type);
        dpif_port->port_no = port->port_no;
    }
}

static int
dpif_netdev_port_query_by_number(const struct dpif *dpif, odp_port_t port_no,
                                 struct dpif_port *dpif_port)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_port *port;

    ovs_mutex_lock(&dp->topology.mutex);
    port = dp_topology_port(&dp->topology, port_no);
    if (port) {
        answer_port_query(port, dpif_port);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    return port ? 0 : ENODEV;
}

static int
dpif_netdev_port_query_by_name(const struct dpif *dpif, const char *name,
                               struct dpif_port *dpif_port)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct dp_port *port;

    ovs_mutex_lock(&dp->topology.mutex);
    port = dp_topology_port_by_name(&dp->topology, name);
    if (port) {
        answer_port_query(port, dpif_port);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    return port ? 0 : ENODEV;
}

struct port_dump {
    struct hmap_position position;
    char *name;                 /* Owned; lent to the caller. */
    char *type;                 /* Likewise. */
};

static int
dpif_netdev_port_dump_start(const struct dpif *dpif OVS_UNUSED, void **statep)
{
    *statep = xzalloc(sizeof(struct port_dump));
    return 0;
}

static int
dpif_netdev_port_dump_next(const struct dpif *dpif, void *state,
                           struct dpif_port *dpif_port)
{
    struct dp *dp = dpif_netdev_dp(dpif);
    struct port_dump *dump = state;
    struct hmap_node *node;

    ovs_mutex_lock(&dp->topology.mutex);
    node = hmap_at_position(&dp->topology.ports, &dump->position);
    if (node) {
        struct dp_port *port = CONTAINER_OF(node, struct dp_port, node);

        free(dump->name);
        free(dump->type);
        answer_port_query(port, dpif_port);
        dump->name = dpif_port->name;
        dump->type = dpif_port->type;
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    return node ? 0 : EOF;
}

static int
dpif_netdev_port_dump_done(const struct dpif *dpif OVS_UNUSED, void *state)
{
    struct port_dump *dump = state;

    free(dump->name);
    free(dump->type);
    free(dump);
    return 0;
}

static int
dpif_netdev_port_poll(const struct dpif *dpif, char **devnamep OVS_UNUSED)
{
    struct dpif_netdev *handle = CONTAINER_OF(dpif, struct dpif_netdev, dpif);
    uint64_t seq = seq_read(handle->dp->port_seq);
    bool changed = seq != handle->last_port_seq;

    handle->last_port_seq = seq;
    return changed ? ENOBUFS : EAGAIN;
}

static void
dpif_netdev_port_poll_wait(const struct dpif *dpif)
{
    struct dpif_netdev *handle = CONTAINER_OF(dpif, struct dpif_netdev, dpif);

    seq_wait(handle->dp->port_seq, handle->last_port_seq);
}

/* Configuration. */

static int
dpif_netdev_set_config(struct dpif *dpif, const struct smap *other_config)
{
    return dp_set_config(dpif_netdev_dp(dpif), other_config);
}

static int
dpif_netdev_queue_to_priority(const struct dpif *dpif OVS_UNUSED,
                              uint32_t queue_id, uint32_t *priority)
{
    *priority = queue_id;
    return 0;
}

static void
dpif_netdev_register_dp_purge_cb(struct dpif *dpif, dp_purge_callback *cb,
                                 void *aux)
{
    struct dp *dp = dpif_netdev_dp(dpif);

    dp->purge_cb = cb;
    dp->purge_aux = aux;
}

static void
dpif_netdev_register_upcall_cb(struct dpif *dpif, upcall_callback *cb,
                               void *aux)
{
    struct dp_shared *shared = &dpif_netdev_dp(dpif)->shared;

    fat_rwlock_wrlock(&shared->upcall_rwlock);
    shared->upcall_cb = cb;
    shared->upcall_aux = aux;
    fat_rwlock_unlock(&shared->upcall_rwlock);
}

static void
set_upcalls_enabled(struct dpif *dpif, bool enabled)
{
    struct dp_shared *shared = &dpif_netdev_dp(dpif)->shared;

    fat_rwlock_wrlock(&shared->upcall_rwlock);
    shared->upcalls_enabled = enabled;
    fat_rwlock_unlock(&shared->upcall_rwlock);
}

static void
dpif_netdev_enable_upcall(struct dpif *dpif)
{
    set_upcalls_enabled(dpif, true);
}

/* When this returns, no upcall is under way. */
static void
dpif_netdev_disable_upcall(struct dpif *dpif)
{
    set_upcalls_enabled(dpif, false);
}

static char *
dpif_netdev_get_datapath_version(void)
{
    return xstrdup("<built-in>");
}

static int
dpif_netdev_offload_stats_get(struct dpif *dpif,
                              struct netdev_custom_stats *stats)
{
    const struct dp_offload *offload = dpif_netdev_dp(dpif)->shared.offload;

    return (netdev_is_flow_api_enabled()
            ? dp_offload_stats_get(offload, stats) : EINVAL);
}

/* Meters. */

static void
dpif_netdev_meter_get_features(const struct dpif *dpif OVS_UNUSED,
                               struct ofputil_meter_features *features)
{
    dp_meters_get_features(features);
}

static int
dpif_netdev_meter_set(struct dpif *dpif, ofproto_meter_id id,
                      struct ofputil_meter_config *config)
{
    return dp_meter_set(dpif_netdev_dp(dpif)->shared.meters, id.uint32,
                        config);
}

static int
dpif_netdev_meter_get(const struct dpif *dpif, ofproto_meter_id id,
                      struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    return dp_meter_get(dpif_netdev_dp(dpif)->shared.meters, id.uint32, stats,
                        n_bands);
}

static int
dpif_netdev_meter_del(struct dpif *dpif, ofproto_meter_id id,
                      struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    return dp_meter_del(dpif_netdev_dp(dpif)->shared.meters, id.uint32, stats,
                        n_bands);
}

/* Bonds. */

static int
dpif_netdev_bond_add(struct dpif *dpif, uint32_t bond_id, odp_port_t *members)
{
    dp_bond_put(dpif_netdev_dp(dpif)->shared.bonds, bond_id, members);
    return 0;
}

static int
dpif_netdev_bond_del(struct dpif *dpif, uint32_t bond_id)
{
    return dp_bond_del(dpif_netdev_dp(dpif)->shared.bonds, bond_id);
}

static int
dpif_netdev_bond_stats_get(struct dpif *dpif, uint32_t bond_id,
                           uint64_t *n_bytes)
{
    return dp_bond_get_stats(dpif_netdev_dp(dpif)->shared.bonds, bond_id,
                             n_bytes);
}

#if OVS_IS_SINCE(3, 3)
static int
dpif_netdev_set_limits(struct dpif *dpif, const struct ovs_list *zone_limits)
{
    return dpif_netdev_ct_set_limits(dpif, NULL, zone_limits);
}

static int
dpif_netdev_get_limits(struct dpif *dpif, const struct ovs_list *zones,
                       struct ovs_list *zone_limits)
{
    return dpif_netdev_ct_get_limits(dpif, NULL, zones, zone_limits);
}
#endif

#if OVS_IS_SINCE(3, 4)
/* Lanes make their upcalls themselves. */
static bool
dpif_netdev_number_handlers_required(struct dpif *dpif OVS_UNUSED,
                                     uint32_t *n_handlers)
{
    *n_handlers = 0;
    return true;
}
#endif

const struct dpif_class dpif_netdev_class = {
    .type = "netdev",
    .cleanup_required = true,
#if OVS_IS_SINCE(3, 2)
    .synced_dp_layers = true,
#endif
    .init = dpif_netdev_init,
    .enumerate = dpif_netdev_enumerate,
    .port_open_type = dpif_netdev_port_open_type,
    .open = dpif_netdev_open,
    .close = dpif_netdev_close,
    .destroy = dpif_netdev_destroy,
    .run = dpif_netdev_run,
    .wait = dpif_netdev_wait,
    .get_stats = dpif_netdev_get_stats,
    .port_add = dpif_netdev_port_add,
    .port_del = dpif_netdev_port_del,
    .port_set_config = dpif_netdev_port_set_config,
    .port_query_by_number = dpif_netdev_port_query_by_number,
    .port_query_by_name = dpif_netdev_port_query_by_name,
    .port_dump_start = dpif_netdev_port_dump_start,
    .port_dump_next = dpif_netdev_port_dump_next,
    .port_dump_done = dpif_netdev_port_dump_done,
    .port_poll = dpif_netdev_port_poll,
    .port_poll_wait = dpif_netdev_port_poll_wait,
    .flow_flush = dpif_netdev_flow_flush,
    .flow_dump_create = dpif_netdev_flow_dump_create,
    .flow_dump_destroy = dpif_netdev_flow_dump_destroy,
    .flow_dump_thread_create = dpif_netdev_flow_dump_thread_create,
    .flow_dump_thread_destroy = dpif_netdev_flow_dump_thread_destroy,
    .flow_dump_next = dpif_netdev_flow_dump_next,
    .operate = dpif_netdev_operate,
    .offload_stats_get = dpif_netdev_offload_stats_get,
#if OVS_IS_SINCE(3, 4)
    .number_handlers_required = dpif_netdev_number_handlers_required,
#endif
    .set_config = dpif_netdev_set_config,
    .queue_to_priority = dpif_netdev_queue_to_priority,
    .register_dp_purge_cb = dpif_netdev_register_dp_purge_cb,
    .register_upcall_cb = dpif_netdev_register_upcall_cb,
    .enable_upcall = dpif_netdev_enable_upcall,
    .disable_upcall = dpif_netdev_disable_upcall,
    .get_datapath_version = dpif_netdev_get_datapath_version,
    .ct_dump_start = dpif_netdev_ct_dump_start,
    .ct_dump_next = dpif_netdev_ct_dump_next,
    .ct_dump_done = dpif_netdev_ct_dump_done,
    .ct_flush = dpif_netdev_ct_flush,
    .ct_set_maxconns = dpif_netdev_ct_set_maxconns,
    .ct_get_maxconns = dpif_netdev_ct_get_maxconns,
    .ct_get_nconns = dpif_netdev_ct_get_nconns,
    .ct_set_tcp_seq_chk = dpif_netdev_ct_set_tcp_seq_chk,
    .ct_get_tcp_seq_chk = dpif_netdev_ct_get_tcp_seq_chk,
#if OVS_IS_SINCE(3, 2)
    .ct_exp_dump_start = dpif_netdev_ct_exp_dump_start,
    .ct_exp_dump_next = dpif_netdev_ct_exp_dump_next,
    .ct_exp_dump_done = dpif_netdev_ct_exp_dump_done,
    .ct_set_sweep_interval = dpif_netdev_ct_set_sweep_interval,
    .ct_get_sweep_interval = dpif_netdev_ct_get_sweep_interval,
#endif
#if OVS_IS_SINCE(3, 3)
    .ct_set_limits = dpif_netdev_set_limits,
    .ct_get_limits = dpif_netdev_get_limits,
#else
    .ct_set_limits = dpif_netdev_ct_set_limits,
    .ct_get_limits = dpif_netdev_ct_get_limits,
#endif
    .ct_del_limits = dpif_netdev_ct_del_limits,
    .ct_set_timeout_policy = dpif_netdev_ct_set_timeout_policy,
    .ct_get_timeout_policy = dpif_netdev_ct_get_timeout_policy,
    .ct_del_timeout_policy = dpif_netdev_ct_del_timeout_policy,
    .ct_timeout_policy_dump_start = dpif_netdev_ct_timeout_policy_dump_start,
    .ct_timeout_policy_dump_next = dpif_netdev_ct_timeout_policy_dump_next,
    .ct_timeout_policy_dump_done = dpif_netdev_ct_timeout_policy_dump_done,
    .ct_get_timeout_policy_name = dpif_netdev_ct_get_timeout_policy_name,
    .ct_get_features = dpif_netdev_ct_get_features,
    .ipf_set_enabled = dpif_netdev_ipf_set_enabled,
    .ipf_set_min_frag = dpif_netdev_ipf_set_min_frag,
    .ipf_set_max_nfrags = dpif_netdev_ipf_set_max_nfrags,
    .ipf_get_status = dpif_netdev_ipf_get_status,
    .ipf_dump_start = dpif_netdev_ipf_dump_start,
    .ipf_dump_next = dpif_netdev_ipf_dump_next,
    .ipf_dump_done = dpif_netdev_ipf_dump_done,
    .meter_get_features = dpif_netdev_meter_get_features,
    .meter_set = dpif_netdev_meter_set,
    .meter_get = dpif_netdev_meter_get,
    .meter_del = dpif_netdev_meter_del,
    .bond_add = dpif_netdev_bond_add,
    .bond_del = dpif_netdev_bond_del,
    .bond_stats_get = dpif_netdev_bond_stats_get,
};

bool
dpif_is_netdev(const struct dpif *dpif)
{
    return dpif->dpif_class->open == dpif_netdev_open;
}
