/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp.h"

#include <ctype.h>
#include <errno.h>

#include "conntrack.h"
#include "dpdk.h"
#include "if-notifier.h"
#include "markpath-config.h"
#include "netdev.h"
#include "netdev-offload.h"
#include "odp-util.h"
#include "ovs-thread.h"
#include "sset.h"
#include "util.h"
#include "ctl/dp-balance.h"
#include "ctl/dp-local.h"
#include "ctl/dp-telemetry.h"
#include "ctl/dp-watch.h"
#include "flow/dp-log.h"
#include "merge/dp-books.h"
#include "offload/dp-offload.h"
#include "offload/dp-places.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-carrier.h"
#include "pipe/dp-fence.h"
#include "pipe/dp-meter.h"
#include "rebalance/dp-rebalance.h"
#include "xdp/dp-xdp-await.h"
#include "xdp/dp-xdp-shared.h"

/* Called before the flows of the lane on 'core_id' are lost. */
static void
purge(void *dp_, unsigned int core_id)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct dp *dp = dp_;

    if (dp->purge_cb) {
        dp->purge_cb(dp->purge_aux, core_id);
    }
}

/* Can a test stop the clock?  Then there are dummies, too. */
static bool
clock_may_stop(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    bool dummies;

    netdev_enumerate_types(&types);
    dummies = sset_contains(&types, "dummy");
    sset_destroy(&types);
    return dummies;
}

static void
init_shared(struct dp *dp)
{
    struct dp_shared *shared = &dp->shared;

    shared->name = dp->name;
    shared->conntrack = conntrack_init();
    shared->meters = dp_meters_create();
    shared->bonds = dp_bonds_create();
    shared->books = dp_books_create(&dp_carrier, shared,
                                    shared->conntrack);
    dp_merging_init(&dp->merging, shared->books, &dp->topology);
    dp_late_init(&dp->late);
    dp->glue = (struct dp_offload_glue) {
        .topology = &dp->topology,
        .late = &dp->late,
    };
    shared->offload = dp_offload_glue_create(&dp->glue);
    dp->rebalance = dp_rebalance_create(shared->offload);
    shared->fence_registered = dp_fence_register();
    shared->clock_may_stop = clock_may_stop();
    atomic_init(&shared->emc_insert_inv, 0);
    atomic_init(&shared->smc_enable, false);
    atomic_init(&shared->tx_flush_interval, 0);
    atomic_init(&shared->perf_metrics, false);
    atomic_init(&shared->validate_lookups, false);
    ovsrcu_init(&shared->live, NULL);
    fat_rwlock_init(&shared->upcall_rwlock);
}

/* Puts 'dp->config' into force, but for what needs a reconfiguration. */
static void
apply_config(struct dp *dp)
{
    const struct dp_config *config = &dp->config;
    const struct dp_places_config places = {
        .rebalance = config->offload_rebalance,
        .interval_ms = config->offload_rebalance_interval,
        .min_pps = config->offload_min_pps,
    };
    struct dp_shared *shared = &dp->shared;

    atomic_store_relaxed(&shared->emc_insert_inv,
                         config->emc_insert_inv_prob);
    atomic_store_relaxed(&shared->smc_enable, config->smc_enable);
    atomic_store_relaxed(&shared->tx_flush_interval,
                         config->tx_flush_interval);
    atomic_store_relaxed(&shared->perf_metrics, config->perf_metrics);
    dp_balance_configure(&dp->balance, config);
    dp_offload_set_n_workers(shared->offload, config->n_offload_threads);
    dp_offload_set_delay(shared->offload, config->offload_delay);
    dp_offload_set_verify(shared->offload, config->offload_verify);
    dp_rebalance_configure(dp->rebalance, &places);
    dp_offload_set_merging(shared->offload, config->ct_merge);
    dp_merging_configure(&dp->merging, config->ct_merge,
                         config->ct_merge_max);
}

/* Takes over Open_vSwitch:other_config. */
int
dp_set_config(struct dp *dp, const struct smap *other_config)
{
    struct dp_topology *topology = &dp->topology;
    struct dp_config old = dp->config;

    dp_config_parse(&dp->config, other_config);
    dp_config_log(&dp->config, dp->first_config ? NULL : &old, &this_module);
    dp->first_config = false;
    dp->hw_offload = smap_get_bool(other_config, "hw-offload", false);
    dp_config_uninit(&old);
    apply_config(dp);
#if MARKPATH_HAVE_XDP
    dp_xdp_shared_set_persist(dp->config.xdp_persist);
#endif

    ovs_mutex_lock(&topology->mutex);
    if (!nullable_string_is_equal(topology->cpu_mask, dp->config.cpu_mask)
        || topology->rxq_assign != dp->config.rxq_assign
        || topology->rxq_isolate != dp->config.rxq_isolate) {
        free(topology->cpu_mask);
        topology->cpu_mask = nullable_xstrdup(dp->config.cpu_mask);
        topology->rxq_assign = dp->config.rxq_assign;
        topology->rxq_isolate = dp->config.rxq_isolate;
        topology->need_reconfigure = true;
    }
    dp_topology_set_sleep(topology, &dp->config.sleep);
    ovs_mutex_unlock(&topology->mutex);
    return 0;
}

static void
dp_free(struct dp *dp)
{
    dp_registry_remove(dp);
    dp_watch_destroy(dp->watch);
    dp_tracing_uninit(dp);
    dp_merging_uninit(&dp->merging);

    ovs_mutex_lock(&dp->topology.mutex);
    dp_topology_del_ports(&dp->topology);
    ovs_mutex_unlock(&dp->topology.mutex);
    dp_readings_uninit(&dp->drop_readings);
    dp_topology_uninit(&dp->topology);

    dp_rebalance_destroy(dp->rebalance);
    dp_offload_destroy(dp->shared.offload);
    dp_late_uninit(&dp->late);
    dp_bonds_destroy(dp->shared.bonds);
    dp_meters_destroy(dp->shared.meters);
    dp_books_destroy(dp->shared.books);
    conntrack_destroy(dp->shared.conntrack);
    fat_rwlock_destroy(&dp->shared.upcall_rwlock);
    dp_config_uninit(&dp->config);
    seq_destroy(dp->port_seq);
    free(dp->name);
    free(dp);
}

void
dp_prepare(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        pmd_perf_estimate_tsc_frequency();
        ovsthread_once_done(&once);
    }
}

static int
dp_create(const char *name, const struct dpif_class *class, struct dp **dpp)
{
    struct dp *dp = xzalloc(sizeof *dp);
    int error;

    dp_prepare();
    dp->class = class;
    dp->name = xstrdup(name);
    ovs_refcount_init(&dp->ref_cnt);
    atomic_flag_clear(&dp->destroyed);
    dp->port_seq = seq_create();
    dp->last_tnl_conf_seq = seq_read(tnl_conf_seq);
    dp_config_init(&dp->config);
    dp->first_config = true;
    init_shared(dp);
    dp_readings_init(&dp->drop_readings);
    dp_topology_init(&dp->topology, &dp->shared, purge, dp);
    dp->topology.rxq_assign = dp->config.rxq_assign;
    dp->topology.rxq_isolate = dp->config.rxq_isolate;
    apply_config(dp);
    dp_registry_add(dp);

    error = dp_local_create(dp);
    if (error) {
        dp_free(dp);
        return error;
    }
    *dpp = dp;
    return 0;
}

/* Opens the datapath 'name', creating it if 'create' is true and there is
 * none.  Returns 0 with a reference in '*dpp', ENODEV, EEXIST (another class
 * has that name), or what went wrong. */
int
dp_open(const char *name, const struct dpif_class *class, bool create,
        struct dp **dpp)
{
    struct dp *dp;
    int error = 0;

    dp_registry_lock();
    dp = dp_registry_find(name);
    if (!dp) {
        error = create ? dp_create(name, class, &dp) : ENODEV;
    } else if (dp->class != class) {
        error = EINVAL;
    } else if (create) {
        error = EEXIST;
    }
    if (!error) {
        ovs_refcount_ref(&dp->ref_cnt);
        *dpp = dp;
    }
    dp_registry_unlock();
    return error;
}

/* Gives back a reference.  The one that a datapath is born with goes with
 * dp_destroy(). */
void
dp_unref(struct dp *dp)
{
    if (dp) {
        /* The registry is locked so that nobody finds a datapath that is
         * about to go. */
        dp_registry_lock();
        if (ovs_refcount_unref_relaxed(&dp->ref_cnt) == 1) {
            dp_free(dp);
        }
        dp_registry_unlock();
    }
}

/* Lets 'dp' go when nobody has it open any more. */
bool
dp_destroy(struct dp *dp)
{
    if (atomic_flag_test_and_set(&dp->destroyed)) {
        return false;
    }
    if (ovs_refcount_unref_relaxed(&dp->ref_cnt) == 1) {
        OVS_NOT_REACHED();      /* The caller has it open. */
    }
    return true;
}

/* Returns a free port number for a port called 'name', or ODPP_NONE.  In a
 * dummy datapath a number in the name, as in "p7" or "br1", decides if it is
 * free (bridges count from 100), so that tests know what they get. */
odp_port_t
dp_choose_port(struct dp *dp, const char *name)
    OVS_REQUIRES(dp->topology.mutex)
{
    const struct dp_topology *topology = &dp->topology;

    if (dp->class != &dpif_netdev_class) {
        const char *digits = name;

        while (*digits && !isdigit((unsigned char) *digits)) {
            digits++;
        }
        if (*digits) {
            int base = !strncmp(name, "br", 2) ? 100 : 0;
            odp_port_t port_no = u32_to_odp(base + strtol(digits, NULL, 10));

            if (odp_to_u32(port_no) > 0
                && odp_to_u32(port_no) <= UINT16_MAX
                && !dp_topology_port(topology, port_no)) {
                return port_no;
            }
        }
    }
    for (uint32_t i = 1; i <= UINT16_MAX; i++) {
        if (!dp_topology_port(topology, u32_to_odp(i))) {
            return u32_to_odp(i);
        }
    }
    return ODPP_NONE;
}

/* Adds the network device 'name' of 'type' as a port, with number '*port_nop',
 * or with a number stored there if it is ODPP_NONE.  Returns 0, EBUSY (the
 * number is taken), EEXIST (it is a port already), EFBIG (no number is free),
 * or what the netdev answered. */
int
dp_add_port(struct dp *dp, const char *name, const char *type,
            odp_port_t *port_nop)
{
    odp_port_t port_no = *port_nop;
    struct netdev *netdev;
    int error;

    error = netdev_open(name, type, &netdev);
    if (error) {
        return error;
    }
    ovs_mutex_lock(&dp->topology.mutex);
    if (port_no == ODPP_NONE) {
        port_no = dp_choose_port(dp, name);
        error = port_no == ODPP_NONE ? EFBIG : 0;
    } else {
        error = dp_topology_port(&dp->topology, port_no) ? EBUSY : 0;
    }
    if (!error && dp_topology_port_by_name(&dp->topology, name)) {
        error = EEXIST;
    }
    if (!error) {
        error = dp_topology_add_port(&dp->topology, netdev, type, port_no);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    netdev_close(netdev);
    if (!error) {
        *port_nop = port_no;
        seq_change(dp->port_seq);
    }
    return error;
}

odp_port_t
dp_find_port(struct dp *dp, const char *name)
{
    const struct dp_port *port;
    odp_port_t port_no;

    ovs_mutex_lock(&dp->topology.mutex);
    port = dp_topology_port_by_name(&dp->topology, name);
    port_no = port ? port->port_no : ODPP_NONE;
    ovs_mutex_unlock(&dp->topology.mutex);
    return port_no;
}

void
dp_get_port_names(struct dp *dp, struct hmap *names)
{
    struct dp_port *port;

    ovs_mutex_lock(&dp->topology.mutex);
    HMAP_FOR_EACH (port, node, &dp->topology.ports) {
        odp_portno_names_set(names, port->port_no,
                             CONST_CAST(char *,
                                        netdev_get_name(port->netdev)));
    }
    ovs_mutex_unlock(&dp->topology.mutex);
}

/* Tells the world that 'dp' has lost ports.  ofproto looks which; the bridges
 * look at their interfaces again, as they do when a device comes or goes, and
 * add what can be added.  What can't has an error in the database. */
static void
report_lost_ports(struct dp *dp)
{
    seq_change(dp->port_seq);
    if_notifier_manual_report();
    dp_local_lost(dp);
}

/* Does the main thread's share of the work: receives from ports that no PMD
 * thread polls, and reconfigures if something asked for it. */
void
dp_run(struct dp *dp)
{
    uint64_t port_seq, n_lost;

    dp_topology_poll_main(&dp->topology);
    port_seq = seq_read(dp->port_seq);
    dp_offload_glue_run(dp->shared.offload, &dp->topology, dp->hw_offload,
                        port_seq != dp->offered_port_seq);
    dp->offered_port_seq = port_seq;
    dp_telemetry_run();
    dp_balance_run(&dp->balance, &dp->topology, &dp->config);
    dp_watch_run(&dp->watch, &dp->topology);
    dp_tracing_run(dp);

    ovs_mutex_lock(&dp->topology.mutex);
    dp_topology_watch(&dp->topology);
    if (dp_topology_needs_reconfigure(&dp->topology)) {
        dp_topology_reconfigure(&dp->topology);
    }
    n_lost = dp->topology.n_lost;
    ovs_mutex_unlock(&dp->topology.mutex);
    if (n_lost != dp->seen_lost) {
        dp->seen_lost = n_lost;
        report_lost_ports(dp);
    }
    dp_local_run(dp);
#if MARKPATH_HAVE_XDP
    dp_xdp_await_run();
#endif
}

/* Arranges for the poll loop to wake up when dp_run() has something to do. */
void
dp_wait(struct dp *dp)
{
    dp_topology_wait_main(&dp->topology);
    dp_watch_wait(dp->watch);
    dp_tracing_wait(dp);
    dp_local_wait(dp);
#if MARKPATH_HAVE_XDP
    dp_xdp_await_wait();
#endif
}

void
dp_take_over(void)
{
#if MARKPATH_HAVE_XDP
    dp_xdp_shared_take_over();
#endif
}

void
dp_leave(void)
{
#if MARKPATH_HAVE_XDP
    dp_xdp_shared_leave();
#endif
}
