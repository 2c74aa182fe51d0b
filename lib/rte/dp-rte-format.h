/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_FORMAT_H
#define DP_RTE_FORMAT_H 1

/* dp-rte-format: rules as testpmd would take them
 * ===============================================
 *
 * Job.  Writes a rule in the syntax of dpdk-testpmd's "flow create", so that
 * it can be tried by hand.  An encapsulation needs a command of its own
 * before it ("set vxlan ...", "set raw_encap ..."), on a line before.
 *
 * Thread-safety.  No state. */

#include <rte_flow.h>
#include <stdint.h>

struct ds;

void dp_rte_format_rule(uint16_t device, const struct rte_flow_attr *attr,
                        const struct rte_flow_item items[],
                        const struct rte_flow_action actions[],
                        struct ds *ds);

#endif /* dp-rte-format.h */
