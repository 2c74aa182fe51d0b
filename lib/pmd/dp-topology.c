/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-topology.h"

#include <errno.h>

#include "dpdk.h"
#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "ovs-numa.h"
#include "util.h"
#include "flow/dp-log.h"
#include "offload/dp-offload.h"
#include "merge/dp-books.h"
#include "ovs/ovs-pmd-sleep.h"
#include "pipe/dp-follow.h"
#include "pmd/dp-sched-log.h"

void
dp_topology_init(struct dp_topology *t, struct dp_shared *shared,
                 void (*purge)(void *aux, unsigned int core_id), void *aux)
{
    memset(t, 0, sizeof *t);
    t->shared = shared;
    t->purge = purge;
    t->aux = aux;
    ovsthread_key_create(&t->lane_key, NULL);
    cmap_init(&t->lanes);
    cmap_init(&t->index);
    hmap_init(&t->ports);
    ovs_mutex_init(&t->mutex);
    ovs_mutex_init(&t->drops_mutex);
    dp_drops_init(&t->drops);
    dp_sleep_init(&t->sleep);

    t->main = dp_pmd_create(shared, NON_PMD_CORE_ID, OVS_NUMA_UNSPEC,
                            &t->lane_key);
    cmap_insert(&t->lanes, &t->main->node, hash_int(NON_PMD_CORE_ID, 0));
}

/* Calls 'cb' for what each lane has dropped, and, with NULL, for what those
 * have that are no more.  Any thread that is not quiescent. */
void
dp_topology_for_drops(struct dp_topology *t,
                      void (*cb)(void *aux, const struct dp_pmd *,
                                 const struct dp_drops *),
                      void *aux)
{
    struct dp_pmd *pmd;

    ovs_mutex_lock(&t->drops_mutex);
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        cb(aux, pmd, &pmd->lane.drops);
    }
    cb(aux, NULL, &t->drops);
    ovs_mutex_unlock(&t->drops_mutex);
}

/* Returns how many packets all lanes have received, and those that are no
 * more.  Any thread that is not quiescent. */
uint64_t
dp_topology_n_received(struct dp_topology *t)
{
    struct dp_pmd *pmd;
    uint64_t n;

    ovs_mutex_lock(&t->drops_mutex);
    n = t->n_received;
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        n += dp_lane_n_received(&pmd->lane);
    }
    ovs_mutex_unlock(&t->drops_mutex);
    return n;
}

struct dp_port *
dp_topology_port(const struct dp_topology *t, odp_port_t port_no)
{
    struct dp_port *port;

    HMAP_FOR_EACH_IN_BUCKET (port, node, hash_odp_port(port_no), &t->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

/* Returns port 'port_no', or NULL.  Any thread, in an RCU read-side section;
 * what the control thread owns of the port is out of bounds. */
static const struct dp_port *
find_published(const struct dp_topology *t, odp_port_t port_no)
{
    struct dp_port *port;

    CMAP_FOR_EACH_WITH_HASH (port, index_node, hash_odp_port(port_no),
                             &t->index) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

/* Returns the oldest drain epoch of the rx queues of 'port_no'
 * (dp_port_drained()), 0 if there is no such port.  Any thread, in an RCU
 * read-side section. */
uint64_t
dp_topology_port_drained(const struct dp_topology *t, odp_port_t port_no)
{
    const struct dp_port *port = find_published(t, port_no);

    return port ? dp_port_drained(port) : 0;
}

/* dp_port_marks_seen() of 'port_no'.  Any thread, in an RCU read-side
 * section. */
bool
dp_topology_marks_seen(const struct dp_topology *t, odp_port_t port_no)
{
    const struct dp_port *port = find_published(t, port_no);

    return port && dp_port_marks_seen(port);
}

struct dp_port *
dp_topology_port_by_name(const struct dp_topology *t, const char *name)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (!strcmp(netdev_get_name(port->netdev), name)) {
            return port;
        }
    }
    return NULL;
}

/* Returns the lane on 'core_id', or NULL.  The caller is in an RCU read-side
 * section, or the control thread. */
struct dp_pmd *
dp_topology_lane(const struct dp_topology *t, unsigned int core_id)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH_WITH_HASH (pmd, node, hash_int(core_id, 0), &t->lanes) {
        if (pmd->lane.core_id == core_id) {
            return pmd;
        }
    }
    return NULL;
}

static int
compare_lanes(const void *a_, const void *b_)
{
    const struct dp_pmd *const *a = a_;
    const struct dp_pmd *const *b = b_;

    return ((*a)->lane.core_id < (*b)->lane.core_id ? -1
            : (*a)->lane.core_id > (*b)->lane.core_id);
}

/* Returns all lanes, by core, the main lane last.  The caller frees the array;
 * the lanes are borrowed. */
struct dp_pmd **
dp_topology_sorted_lanes(const struct dp_topology *t, size_t *n)
{
    size_t allocated = cmap_count(&t->lanes);
    struct dp_pmd **lanes = xmalloc(allocated * sizeof *lanes);
    struct dp_pmd *pmd;

    *n = 0;
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (*n == allocated) {
            lanes = x2nrealloc(lanes, &allocated, sizeof *lanes);
        }
        lanes[(*n)++] = pmd;
    }
    qsort(lanes, *n, sizeof *lanes, compare_lanes);
    return lanes;
}

/* Lets the lane of 'pmd', which is parked, follow packets for 't->tracer', or
 * for nobody if that is NULL. */
static void
follow(struct dp_topology *t, struct dp_pmd *pmd)
{
    struct dp_lane *lane = &pmd->lane;

    dp_follower_destroy(lane->follower);
    lane->follower = (t->tracer
                      ? dp_follower_create(t->tracer, lane,
                                           DP_FOLLOW_INTERVAL_US)
                      : NULL);
}

/* Lets all lanes put traces into 'tracer', borrowed, or none if it is NULL. */
void
dp_topology_set_tracer(struct dp_topology *t, struct dp_tracer *tracer)
{
    struct dp_pmd *pmd;

    t->tracer = tracer;
    dp_topology_park(t);
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        follow(t, pmd);
    }
    dp_topology_resume(t);
}

/* Ends the thread of 'pmd', whose flows are lost with it. */
static void
remove_lane(struct dp_topology *t, struct dp_pmd *pmd)
{
    unsigned int core_id = pmd->lane.core_id;
    struct dp_port *port;

    if (!dp_pmd_is_main(pmd)) {
        dp_pmd_park(pmd);
        for (size_t i = 0; i < pmd->n_polls; i++) {
            pmd->polls[i]->pmd = NULL;
        }
        dp_pmd_drop_polls(pmd);
        HMAP_FOR_EACH (port, node, &t->ports) {
            dp_tx_del_port(&pmd->lane, port->port_no);
        }
        dp_pmd_stop(pmd);
        t->purge(t->aux, core_id);
    }
    ovs_mutex_lock(&t->drops_mutex);
    cmap_remove(&t->lanes, &pmd->node, hash_int(core_id, 0));
    dp_drops_add(&t->drops, &pmd->lane.drops);
    t->n_received += dp_lane_n_received(&pmd->lane);
    ovs_mutex_unlock(&t->drops_mutex);
    dp_lane_flush_flows(&pmd->lane);
    if (t->shared->books) {
        dp_books_carrier_gone(t->shared->books, &pmd->lane);
    }
    if (pmd->lane.marks) {
        dp_offload_lane_destroy(t->shared->offload, pmd->lane.marks);
        pmd->lane.marks = NULL;
    }
    dp_pmd_unref(pmd);
}

/* Removes all lanes whose cores are not in 'cores', and with NULL the main
 * lane, too.  Waiting for a thread quiesces, so 'lanes' can't be walked
 * meanwhile. */
static void
remove_lanes(struct dp_topology *t, const struct ovs_numa_dump *cores)
{
    size_t n;
    struct dp_pmd **lanes = dp_topology_sorted_lanes(t, &n);

    for (size_t i = 0; i < n; i++) {
        struct dp_lane *lane = &lanes[i]->lane;

        if (!cores || (!dp_lane_is_main(lane)
                       && !ovs_numa_dump_contains_core(cores, lane->numa_id,
                                                       lane->core_id))) {
            remove_lane(t, lanes[i]);
        }
    }
    free(lanes);
}

/* Uninitialises 't', which must have no ports. */
void
dp_topology_uninit(struct dp_topology *t)
{
    ovs_assert(hmap_is_empty(&t->ports));
    remove_lanes(t, NULL);
    cmap_destroy(&t->lanes);
    cmap_destroy(&t->index);
    hmap_destroy(&t->ports);
    free(t->cpu_mask);
    dp_sleep_uninit(&t->sleep);
    ovs_mutex_destroy(&t->mutex);
    dp_drops_uninit(&t->drops);
    ovs_mutex_destroy(&t->drops_mutex);
    ovsthread_key_delete(t->lane_key);
}

static void
destroy_port(struct dp_topology *t, struct dp_port *port)
{
    uint32_t hash = hash_odp_port(port->port_no);

    hmap_remove(&t->ports, &port->node);
    if (port->attached && t->shared->offload) {
        dp_offload_port_del(t->shared->offload, port->port_no);
    }
    if (t->shared->books) {
        dp_books_port_gone(t->shared->books, port->port_no);
    }
    cmap_remove(&t->index, &port->index_node, hash);
    dp_port_destroy(port);
}

/* Adds a port.  Returns 0 or a positive errno value. */
int
dp_topology_add_port(struct dp_topology *t, struct netdev *netdev,
                     const char *type, odp_port_t port_no)
{
    struct dp_port *port;
    int error = dp_port_create(netdev, type, port_no, &port);

    if (error) {
        return error;
    }
    hmap_insert(&t->ports, &port->node, hash_odp_port(port_no));
    cmap_insert(&t->index, &port->index_node, hash_odp_port(port_no));
    dp_topology_reconfigure(t);

    /* A port that can't be configured does not survive that. */
    return dp_topology_port(t, port_no) == port ? 0 : EINVAL;
}

void
dp_topology_del_port(struct dp_topology *t, struct dp_port *port)
{
    dp_topology_detach(t, &port, 1);
    destroy_port(t, port);
    dp_topology_reconfigure(t);
}

/* Deletes all ports.  With one that goes others may, if they can't be
 * reconfigured. */
void
dp_topology_del_ports(struct dp_topology *t)
{
    struct hmap_node *node;

    while ((node = hmap_first(&t->ports)) != NULL) {
        dp_topology_del_port(t, CONTAINER_OF(node, struct dp_port, node));
    }
}

static bool
has_pmd_port(const struct dp_topology *t)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (netdev_is_pmd(port->netdev)) {
            return true;
        }
    }
    return false;
}

/* Returns the cores that should have a PMD thread. */
static struct ovs_numa_dump *
wanted_cores(const struct dp_topology *t)
{
    if (!has_pmd_port(t)) {
        return ovs_numa_dump_n_cores_per_numa(0);
    } else if (t->cpu_mask && t->cpu_mask[0]) {
        return ovs_numa_dump_cores_with_cmask(t->cpu_mask);
    } else {
        return ovs_numa_dump_n_cores_per_numa(1);
    }
}

static bool
lanes_are(const struct dp_topology *t, const struct ovs_numa_dump *cores)
{
    struct ovs_numa_info_core *core;

    if (ovs_numa_dump_count(cores) != cmap_count(&t->lanes) - 1) {
        return false;
    }
    FOR_EACH_CORE_ON_DUMP (core, cores) {
        if (!dp_topology_lane(t, core->core_id)) {
            return false;
        }
    }
    return true;
}

static void
log_n_threads(const struct dp_topology *t, const struct ovs_numa_dump *cores)
{
    struct ovs_numa_info_numa *numa;

    FOR_EACH_NUMA_ON_DUMP (numa, cores) {
        struct dp_pmd *pmd;
        int n = 0;

        CMAP_FOR_EACH (pmd, node, &t->lanes) {
            n += !dp_pmd_is_main(pmd) && pmd->lane.numa_id == numa->numa_id;
        }
        VLOG_INFO("There are %d pmd threads on numa node %d", n,
                  numa->numa_id);
    }
}

/* Tells the offload engine where its workers must not run. */
static void
keep_workers_away(struct dp_topology *t)
{
    unsigned int *cores = xmalloc(cmap_count(&t->lanes) * sizeof *cores);
    struct dp_pmd *pmd;
    size_t n = 0;

    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (!dp_pmd_is_main(pmd)) {
            cores[n++] = pmd->lane.core_id;
        }
    }
    dp_offload_avoid_cores(t->shared->offload, cores, n);
    free(cores);
}

/* Tells 'pmd' how long it may sleep. */
static void
apply_sleep(const struct dp_topology *t, struct dp_pmd *pmd)
{
    unsigned int core_id = pmd->lane.core_id;
    uint32_t us = dp_sleep_get(&t->sleep, core_id);

    atomic_store_relaxed(&pmd->max_sleep_us, us);
    ovs_log_pmd_thread_sleep(&this_module, pmd->lane.numa_id, core_id, us);
}

/* Lets PMD threads sleep as 'sleep' says. */
void
dp_topology_set_sleep(struct dp_topology *t, const struct dp_sleep *sleep)
{
    struct dp_pmd *pmd;

    if (dp_sleep_equal(&t->sleep, sleep)) {
        return;
    }
    dp_sleep_uninit(&t->sleep);
    dp_sleep_clone(&t->sleep, sleep);
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (!dp_pmd_is_main(pmd)) {
            apply_sleep(t, pmd);
        }
    }
}

/* Ends the threads that 'cores' does not want and starts, parked, those that
 * it does.  Returns true if there is any such. */
static bool
change_threads(struct dp_topology *t, const struct ovs_numa_dump *cores)
{
    struct ovs_numa_info_core *core;

    if (lanes_are(t, cores)) {
        return false;
    }
    remove_lanes(t, cores);
    FOR_EACH_CORE_ON_DUMP (core, cores) {
        if (!dp_topology_lane(t, core->core_id)) {
            struct dp_pmd *pmd = dp_pmd_create(t->shared, core->core_id,
                                               core->numa_id, &t->lane_key);

            ovs_mutex_lock(&t->drops_mutex);
            cmap_insert(&t->lanes, &pmd->node, hash_int(core->core_id, 0));
            ovs_mutex_unlock(&t->drops_mutex);
            follow(t, pmd);
            apply_sleep(t, pmd);
            dp_pmd_start(pmd);
        }
    }
    if (t->shared->offload) {
        keep_workers_away(t);
    }
    log_n_threads(t, cores);
    return true;
}

/* Brings 'port' into its configuration.  Returns false if it is of no use any
 * more, because that fails or because its device has gone. */
static bool
revive_port(struct dp_topology *t, struct dp_port *port)
{
    int error = dp_port_death(port);

    if (error) {
        /* No warning: who deletes a device knows that.  The bridge warns if
         * it can't open the device again. */
        VLOG_INFO("%s: removed from the datapath, for its device has gone "
                  "(%s)", netdev_get_name(port->netdev), ovs_strerror(error));
        return false;
    }
    return !dp_port_reconfigure(port, t->shared->offload);
}

/* Reconfigures the netdevs that want it.  A port that fails is removed, and
 * lost unless it is only just being added: that caller is told. */
static void
reconfigure_ports(struct dp_topology *t, size_t n_lanes)
    OVS_REQUIRES(t->mutex)
{
    struct dp_port **ports = xmalloc(hmap_count(&t->ports) * sizeof *ports);
    struct dp_port *port;
    size_t n = 0;

    HMAP_FOR_EACH (port, node, &t->ports) {
        netdev_set_tx_multiq(port->netdev, n_lanes);
        port->need_reconfigure |= netdev_is_reconf_required(port->netdev);
        if (port->need_reconfigure) {
            ports[n++] = port;
        }
    }
    dp_topology_detach(t, ports, n);
    for (size_t i = 0; i < n; i++) {
        if (!revive_port(t, ports[i])) {
            t->n_lost += ports[i]->attached;
            destroy_port(t, ports[i]);
        }
    }
    free(ports);
}

/* Tells the offload engine about ports that are new. */
static void
announce_ports(struct dp_topology *t)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (!port->attached) {
            if (t->shared->offload) {
                dp_offload_port_add(t->shared->offload, port->port_no,
                                    port->netdev);
                dp_offload_port_set_delivery(t->shared->offload,
                                             port->port_no, port->delivery);
            }
            port->attached = true;
        }
    }
}

/* Brings lanes and ports into the shape that the configuration asks for.  See
 * dp-topology.h. */
void
dp_topology_reconfigure(struct dp_topology *t)
{
    struct ovs_numa_dump *cores = wanted_cores(t);
    struct dp_sched plan;
    bool other_lanes;

    t->need_reconfigure = false;
    t->n_reconfigured++;

    reconfigure_ports(t, ovs_numa_dump_count(cores) + 1);
    ovs_numa_dump_destroy(cores);

    /* Ports that failed may have been the last ones for PMD threads. */
    cores = wanted_cores(t);
    other_lanes = change_threads(t, cores);
    ovs_numa_dump_destroy(cores);

    dp_sched_init(&plan);
    dp_topology_plan(t, &plan);
    if (plan.n_cores || plan.n_rxqs) {
        dp_sched_log(&plan, &this_module, false);
    }
    announce_ports(t);
    dp_topology_hand_out(t, &plan, other_lanes);
    dp_sched_uninit(&plan);
}

/* Finds out which devices have gone, so that the next reconfiguration removes
 * their ports. */
void
dp_topology_watch(struct dp_topology *t)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (dp_port_watch(port)) {
            netdev_request_reconfigure(port->netdev);
        }
    }
}

/* Returns whether a netdev or the configuration asks for a reconfiguration. */
bool
dp_topology_needs_reconfigure(const struct dp_topology *t)
{
    struct dp_port *port;

    if (t->need_reconfigure) {
        return true;
    }
    HMAP_FOR_EACH (port, node, &t->ports) {
        if (netdev_is_reconf_required(port->netdev)) {
            return true;
        }
    }
    return false;
}

/* Polls the queues that no PMD thread polls. */
void
dp_topology_poll_main(struct dp_topology *t)
{
    struct dp_pmd *main = t->main;
    struct dp_lane *lane = &main->lane;

    ovs_mutex_lock(&lane->main_mutex);
    dp_lane_update_clock(lane);
    cycles_counter_update(&lane->perf);
    for (size_t i = 0; i < main->n_polls; i++) {
        dp_rxq_poll(lane, main->polls[i]);
    }
    dp_tx_flush(lane, false);
    dp_lane_housekeeping(lane);
    dp_pmd_account(main);
    ovs_mutex_unlock(&lane->main_mutex);
}

/* Arranges for the poll loop to wake up when dp_topology_poll_main() or a
 * reconfiguration has something to do. */
void
dp_topology_wait_main(struct dp_topology *t)
{
    struct dp_pmd *main = t->main;
    struct dp_port *port;

    ovs_mutex_lock(&main->lane.main_mutex);
    for (size_t i = 0; i < main->n_polls; i++) {
        netdev_rxq_wait(main->polls[i]->rx);
    }
    if (!ovs_list_is_empty(&main->lane.tx.dirty)) {
        poll_immediate_wake();
    }
    ovs_mutex_unlock(&main->lane.main_mutex);

    ovs_mutex_lock(&t->mutex);
    HMAP_FOR_EACH (port, node, &t->ports) {
        netdev_wait_reconf_required(port->netdev);
    }
    if (t->need_reconfigure) {
        poll_immediate_wake();
    }
    ovs_mutex_unlock(&t->mutex);
}
