/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_REBALANCE_H
#define DP_REBALANCE_H 1

/* dp-rebalance: who gets the places in a full NIC
 * ===============================================
 *
 * Job.  A thread that, once an interval, looks at the rates of the rules that
 * have a place in a NIC or wait for one, asks the policy
 * (dp-rebalance-policy.h), and has the engine (dp-rule-place.h) do what it
 * says.
 *
 * Places.  What it knows about the number of places of a table is what the NIC
 * has shown: a put that fails lowers it, more rules than that raise it, and
 * from time to time, less and less often as long as that is in vain, the
 * reserve and one place more are tried.  When all that wait would fit, the
 * table is open again (dp-places.h).  A rule comes only when a place is free,
 * for which the reserve is kept; it never waits for a removal that was asked
 * for at the same time.
 *
 * Thread-safety.  All functions: control thread.
 *
 * Cost.  Each interval, one visit to each rule that has a place in a managed
 * table or waits for one.  Rules that can't be offloaded, and those of open
 * tables, cost nothing. */

struct dp_offload;
struct dp_places_config;
struct dp_rebalance;

/* Creates a rebalancer for 'offload', which must outlive it, switched off. */
struct dp_rebalance *dp_rebalance_create(struct dp_offload *offload);

/* Stops the thread and frees 'rb'.  Null is fine. */
void dp_rebalance_destroy(struct dp_rebalance *rb);

/* Takes effect at once.  Off: rules come in the order in which they ask.  May
 * wait, quiescent, for the thread. */
void dp_rebalance_configure(struct dp_rebalance *rb,
                            const struct dp_places_config *config);

#endif /* dp-rebalance.h */
