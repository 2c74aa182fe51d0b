/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG
#include "tests/pmd/topology-rig.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-meter.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

/* Waits until 'count' is 'value'. */
void
rig_wait_for(atomic_count *count, unsigned int value)
{
    long long int end = time_msec() + WAIT_MS;

    while (atomic_count_get(count) != value) {
        if (time_msec() > end) {
            dptest_fail("waited for %u, got %u", value,
                        atomic_count_get(count));
        }
        ovsrcu_quiesce();
        xnanosleep(1000000);
    }
}

/* Waits until 'count' is 'value' or more. */
void
rig_wait_for_at_least(atomic_count *count, unsigned int value)
{
    long long int end = time_msec() + WAIT_MS;

    while (atomic_count_get(count) < value) {
        if (time_msec() > end) {
            dptest_fail("waited for %u or more, got %u", value,
                        atomic_count_get(count));
        }
        ovsrcu_quiesce();
        xnanosleep(1000000);
    }
}

/* Sends everything to OUT_PORT, by a flow for each port. */
static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned pmd_id OVS_UNUSED,
       enum dpif_upcall_type type OVS_UNUSED,
       const struct nlattr *userdata OVS_UNUSED, struct ofpbuf *actions,
       struct flow_wildcards *wc, struct ofpbuf *put_actions OVS_UNUSED,
       void *rig_)
{
    struct rig *rig = rig_;

    atomic_count_inc(&rig->n_upcalls);
    if (flow->in_port.odp_port != u32_to_odp(OUT_PORT)) {
        nl_msg_put_odp_port(actions, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(OUT_PORT));
    }
    flow_wildcards_init_catchall(wc);
    return 0;
}

static void
purge(void *rig_, unsigned int core_id)
{
    struct rig *rig = rig_;

    ovs_assert(rig->n_purged < ARRAY_SIZE(rig->purged));
    rig->purged[rig->n_purged++] = core_id;
}

void
rig_open(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->shared.name = "test";
    rig->shared.meters = dp_meters_create();
    rig->shared.bonds = dp_bonds_create();
    rig->shared.upcalls_enabled = true;
    rig->shared.upcall_cb = upcall;
    rig->shared.upcall_aux = rig;
    fat_rwlock_init(&rig->shared.upcall_rwlock);
    atomic_count_init(&rig->n_upcalls, 0);
    dp_topology_init(&rig->topology, &rig->shared, purge, rig);
    rig->topology.rxq_assign = DP_SCHED_ROUNDROBIN;
    rig->topology.rxq_isolate = true;
}

void
rig_close(struct rig *rig)
{
    ovs_mutex_lock(&rig->topology.mutex);
    dp_topology_del_ports(&rig->topology);
    ovs_mutex_unlock(&rig->topology.mutex);
    dp_topology_uninit(&rig->topology);
    dp_bonds_destroy(rig->shared.bonds);
    dp_meters_destroy(rig->shared.meters);
    fat_rwlock_destroy(&rig->shared.upcall_rwlock);
}

int
rig_add_port(struct rig *rig, struct fake *fake, uint32_t port_no)
{
    int error;

    ovs_mutex_lock(&rig->topology.mutex);
    error = dp_topology_add_port(&rig->topology, &fake->up,
                                 netdev_get_type(&fake->up),
                                 u32_to_odp(port_no));
    ovs_mutex_unlock(&rig->topology.mutex);
    return error;
}

void
rig_del_port(struct rig *rig, uint32_t port_no)
{
    ovs_mutex_lock(&rig->topology.mutex);
    dp_topology_del_port(&rig->topology,
                         dp_topology_port(&rig->topology,
                                          u32_to_odp(port_no)));
    ovs_mutex_unlock(&rig->topology.mutex);
}

void
rig_set_cpu_mask(struct rig *rig, const char *mask)
{
    struct dp_topology *t = &rig->topology;

    ovs_mutex_lock(&t->mutex);
    free(t->cpu_mask);
    t->cpu_mask = nullable_xstrdup(mask);
    t->need_reconfigure = true;
    ovs_assert(dp_topology_needs_reconfigure(t));
    dp_topology_reconfigure(t);
    ovs_assert(!dp_topology_needs_reconfigure(t));
    ovs_mutex_unlock(&t->mutex);
}

/* What must always hold. */
void
rig_check(struct rig *rig)
{
    struct dp_topology *t = &rig->topology;
    size_t n_lanes, n_polls = 0, n_rxqs = 0;
    struct dp_pmd **lanes = dp_topology_sorted_lanes(t, &n_lanes);
    struct dp_port *port;

    ovs_assert(n_lanes == cmap_count(&t->lanes));
    ovs_assert(lanes[n_lanes - 1] == t->main);
    for (size_t i = 0; i < n_lanes; i++) {
        struct dp_pmd *pmd = lanes[i];

        ovs_assert(!i || lanes[i - 1]->lane.core_id < pmd->lane.core_id);
        ovs_assert(dp_topology_lane(t, pmd->lane.core_id) == pmd);
        ovs_assert(pmd->lane.tx.static_qid == i);
        for (size_t j = 0; j < pmd->n_polls; j++) {
            struct dp_rxq *rxq = pmd->polls[j];

            ovs_assert(rxq->pmd == pmd);
            ovs_assert(netdev_is_pmd(rxq->port->netdev)
                       == !dp_pmd_is_main(pmd));
        }
        n_polls += pmd->n_polls;
    }
    HMAP_FOR_EACH (port, node, &t->ports) {
        ovs_assert(port->attached && !port->need_reconfigure);
        ovs_assert(port->n_rxq == netdev_n_rxq(port->netdev));
        ovs_assert(dp_topology_port(t, port->port_no) == port);
        ovs_assert(dp_topology_port_by_name(t, netdev_get_name(port->netdev))
                   == port);
        for (int i = 0; i < port->n_rxq; i++) {
            n_rxqs += port->rxqs[i].pmd != NULL;
        }
        for (size_t i = 0; i < n_lanes; i++) {
            ovs_assert(dp_tx_find(&lanes[i]->lane.tx, port->port_no));
        }
    }
    ovs_assert(n_polls == n_rxqs);
    free(lanes);
}

void
rig_expect_lanes(struct rig *rig, const char *expect)
{
    size_t n;
    struct dp_pmd **lanes = dp_topology_sorted_lanes(&rig->topology, &n);
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i + 1 < n; i++) {
        ds_put_format(&s, "%s%u:%"PRIuSIZE, i ? " " : "",
                      lanes[i]->lane.core_id, lanes[i]->n_polls);
    }
    if (strcmp(ds_cstr(&s), expect)) {
        dptest_fail("got lanes '%s', not '%s'", ds_cstr(&s), expect);
    }
    ds_destroy(&s);
    free(lanes);
    rig_check(rig);
}
