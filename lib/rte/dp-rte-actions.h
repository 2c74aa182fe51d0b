/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_ACTIONS_H
#define DP_RTE_ACTIONS_H 1

/* dp-rte-actions: from a flow's actions to those of rte_flow
 * ==========================================================
 *
 * Job.  Two translations.  One lets a NIC run a flow whole, if it can be
 * expressed: header changes, then one fate, which is to leave through a port
 * of the same NIC, or to be dropped.  The other marks packets and spreads them
 * over the rx queues as they would be without the rule; that is always
 * possible.
 *
 * Thread-safety.  No state. */

#include <rte_flow.h>
#include <stdint.h>
#include "offload/dp-offload.h"

#define DP_RTE_MAX_ACTIONS 32

/* Seconds after which the NIC itself takes note that a rule is idle.  Nobody
 * asks for that: long before, the revalidators will have removed the flow. */
#define DP_RTE_AGE_S 3600

struct dp_rte_actions {
    struct rte_flow_action actions[DP_RTE_MAX_ACTIONS];
    unsigned int n;                     /* Without the END action. */
    unsigned int used;                  /* Bytes of 'space'. */
    bool transfer;                      /* For the embedded switch. */

    /* What the actions point to. */
    uint64_t space[400];
};

/* Stores which device number of rte_flow 'port_no' is into '*device'.  Returns
 * false if packets can't get there within the NIC. */
typedef bool dp_rte_find_port(void *aux, odp_port_t port_no,
                              uint16_t *device);

/* Translates netlink 'actions' into what runs in the NIC, with a counter and,
 * if 'age', with AGE, so that the NIC can tell when the last packet was.
 * Returns DP_OFFLOAD_WHY_NONE, or what it is that can't be expressed. */
enum dp_offload_why dp_rte_actions_whole(const struct ofpbuf *actions,
                                         dp_rte_find_port *find, void *aux,
                                         bool age,
                                         struct dp_rte_actions *dst);

/* Has 'actions', made by dp_rte_actions_whole(), count with 'counter' instead
 * of a counter of the rule's own. */
void dp_rte_actions_set_counter(struct dp_rte_actions *actions,
                                struct rte_flow_action_handle *counter);

/* MARK 'mark' and RSS over queues 0...'n_rxq' - 1 by the types 'rss_types' (of
 * RTE_ETH_RSS_*). */
void dp_rte_actions_mark(uint32_t mark, unsigned int n_rxq,
                         uint64_t rss_types, struct dp_rte_actions *dst);

#endif /* dp-rte-actions.h */
