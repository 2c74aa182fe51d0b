/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PMD_TOPOLOGY_RIG_H
#define TESTS_PMD_TOPOLOGY_RIG_H 1

/* topology-rig: a topology for tests
 * =================================
 *
 * Job.  A topology with what its lanes share, whose ports are fakes
 * (fake-netdev.h).  All packets go to OUT_PORT, by a flow for each port.  What
 * is wrong ends the test. */

#include "pmd/dp-topology.h"
#include "tests/pmd/fake-netdev.h"

enum { OUT_PORT = 9, WAIT_MS = 20000 };

struct rig {
    struct dp_shared shared;
    struct dp_topology topology;
    unsigned int purged[8];         /* Cores, in order. */
    size_t n_purged;
    atomic_count n_upcalls;
};

void rig_open(struct rig *);
void rig_close(struct rig *);
int rig_add_port(struct rig *, struct fake *, uint32_t port_no);
void rig_del_port(struct rig *, uint32_t port_no);
void rig_set_cpu_mask(struct rig *, const char *mask);
void rig_check(struct rig *);
void rig_expect_lanes(struct rig *, const char *expect);

void rig_wait_for(atomic_count *, unsigned int value);
void rig_wait_for_at_least(atomic_count *, unsigned int value);

#endif /* topology-rig.h */
