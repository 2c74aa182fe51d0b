/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_PROBE_H
#define DP_RTE_PROBE_H 1

/* dp-rte-probe: what a NIC can do
 * ===============================
 *
 * Job.  Find out by asking the driver whether it would take a rule.  None is
 * put.
 *
 * Thread-safety.  No state; the control thread asks when a port is opened or
 * has been restarted. */

#include <stdbool.h>
#include <stdint.h>

/* Who is asked, and how its packets are spread. */
struct dp_rte_probe {
    uint16_t device;
    unsigned int n_rxq;
    uint64_t rss_types;
};

/* How many bits of a mark does the NIC carry?  Drivers that can't tell now,
 * e.g. because the device does not run, get the benefit of the doubt. */
unsigned int dp_rte_probe_mark(const struct dp_rte_probe *);

/* Can it tell how long a rule has been idle? */
bool dp_rte_probe_age(const struct dp_rte_probe *);

/* Can it tell sound headers from others? */
bool dp_rte_probe_integrity(const struct dp_rte_probe *);

/* And sound checksums? */
bool dp_rte_probe_checksums(const struct dp_rte_probe *);

/* Are there priorities 0 and 1? */
bool dp_rte_probe_priorities(const struct dp_rte_probe *);

/* Can it match on the flags of TCP that open and close connections? */
bool dp_rte_probe_tcp_flags(const struct dp_rte_probe *);

#endif /* dp-rte-probe.h */
