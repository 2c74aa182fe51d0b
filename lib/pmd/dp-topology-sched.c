/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-topology.h"

#include "netdev.h"
#include "ovs-numa.h"
#include "util.h"

/* The topology in the words of dp-sched.h, and back. */

static int
compare_ports(const void *a_, const void *b_)
{
    const struct dp_port *const *a = a_;
    const struct dp_port *const *b = b_;
    uint32_t x = odp_to_u32((*a)->port_no);
    uint32_t y = odp_to_u32((*b)->port_no);

    return x < y ? -1 : x > y;
}

/* Adds all PMD cores and all queues that a PMD has to poll to 'plan'. */
static void
describe(const struct dp_topology *t, struct dp_sched *plan)
{
    struct dp_port **ports, *port;
    struct dp_pmd *pmd;
    size_t n = 0;

    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (!dp_pmd_is_main(pmd)) {
            dp_sched_add_core(plan, pmd->lane.core_id, pmd->lane.numa_id);
        }
    }

    ports = xmalloc(hmap_count(&t->ports) * sizeof *ports);
    HMAP_FOR_EACH (port, node, &t->ports) {
        if (netdev_is_pmd(port->netdev)) {
            ports[n++] = port;
        }
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    for (size_t p = 0; p < n; p++) {
        int numa_id = netdev_get_numa_id(ports[p]->netdev);

        /* ovs_numa_numa_id_is_valid() does not know that the ids of nodes may
         * have gaps, so it can't be asked. */
        if (numa_id < 0) {
            numa_id = OVS_NUMA_UNSPEC;
        }
        for (int i = 0; i < ports[p]->n_rxq; i++) {
            struct dp_rxq *rxq = &ports[p]->rxqs[i];

            dp_sched_add_rxq(plan, netdev_get_name(ports[p]->netdev), i,
                             numa_id,
                             dp_rxq_load_recent(&rxq->load,
                                                DP_RXQ_LOAD_INTERVALS),
                             rxq->pinned_core, rxq);
        }
    }
    free(ports);
}

/* Fills 'plan', just initialised, with an assignment by the present
 * configuration. */
void
dp_topology_plan(const struct dp_topology *t, struct dp_sched *plan)
{
    describe(t, plan);
    dp_sched_run(plan, t->rxq_assign, t->rxq_isolate);
}

/* Fills 'plan', just initialised, with the assignment that is in force. */
void
dp_topology_record(const struct dp_topology *t, struct dp_sched *plan)
{
    describe(t, plan);
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        struct dp_rxq *rxq = plan->rxqs[i].aux;

        if (rxq->pmd) {
            dp_sched_place(plan, i, rxq->pmd->lane.core_id,
                           rxq->pmd->isolated);
        }
    }
}
