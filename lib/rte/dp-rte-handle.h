/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_HANDLE_H
#define DP_RTE_HANDLE_H 1

/* dp-rte-handle: what is kept for a rule that runs whole
 * ======================================================
 *
 * Job.  A rule that runs whole gets a counter that is no part of it (an
 * indirect COUNT), if the NIC knows that: then what it has counted can be read
 * when the rule has gone, by itself or in a flush, and is final.  A counter of
 * the rule's own goes with it, and what it counts after the last reading is
 * lost.
 *
 * Owns.  The counters.  They have to go before a device is stopped.
 *
 * Thread-safety.  create, destroy, query: the rule's worker.  forget: any
 * thread, any time.  void, settle, uninit: who knows that no other call is
 * under way but forget.
 *
 * Cost.  64 bytes, and a call of the driver more to create and to destroy. */

#include <rte_flow.h>
#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/list.h"
#include "openvswitch/thread.h"

struct dp_rte_handle {
    struct ovs_list node;               /* In 'list', under its mutex. */
    struct rte_flow *flow;              /* Null: it is void. */
    struct rte_flow_action_handle *counter; /* Null: 'flow' has its own, or
                                         * had. */
    bool unsure;                        /* 'flow' is void, and may be in the
                                         * NIC. */
    bool forgotten;                     /* By the engine. */
};

/* Those of a port. */
struct dp_rte_handles {
    struct ovs_mutex mutex;
    struct ovs_list list;
};

void dp_rte_handles_init(struct dp_rte_handles *hs);
void dp_rte_handles_uninit(struct dp_rte_handles *hs, uint16_t device);

/* Returns a handle without a rule, with a counter for rules of 'device' if
 * 'counter' is true, or null if the driver does not give one; rte_errno then
 * tells why. */
struct dp_rte_handle *dp_rte_handle_create(struct dp_rte_handles *hs,
                                           uint16_t device, bool transfer,
                                           bool counter);

/* Destroys 'h', whose rule is not in the NIC, and its counter. */
void dp_rte_handle_destroy(struct dp_rte_handles *hs, struct dp_rte_handle *h,
                           uint16_t device);

/* Reads the counter of 'h', which has one.  Returns what rte_flow returns. */
int dp_rte_handle_query(const struct dp_rte_handle *h, uint16_t device,
                        struct rte_flow_query_count *query,
                        struct rte_flow_error *error);

/* Returns the ms since the last packet of the rule of 'h', which is in the NIC
 * and has AGE; 0 if the NIC does not know. */
unsigned int dp_rte_handle_query_idle(const struct dp_rte_handle *h,
                                      uint16_t device);

/* The engine knows 'h' no more. */
void dp_rte_handle_forget(struct dp_rte_handles *hs, struct dp_rte_handle *h);

/* All rules are void.  If they are not 'gone', they may be in the NIC still;
 * else those have gone, too, for which that was so. */
void dp_rte_handles_void(struct dp_rte_handles *hs, bool gone);

/* Lets the counters of rules go that have gone. */
void dp_rte_handles_settle(struct dp_rte_handles *hs, uint16_t device);

#endif /* dp-rte-handle.h */
