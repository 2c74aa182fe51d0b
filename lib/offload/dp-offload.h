/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_H
#define DP_OFFLOAD_H 1

/* dp-offload: the front door of the offload engine
 * ================================================
 *
 * Job.  Keeps in the NICs what the datapath wants to have there.  The
 * datapath says which megaflows it has; the engine keeps one RULE for each,
 * compares what is desired with what is there, and lets worker threads bring
 * the two together through a provider (dp-offload-provider.h).  It never sees
 * a packet and knows none of the datapath's types: flows are opaque pointers,
 * and what it needs to know about them it asks through 'struct
 * dp_offload_env'.
 *
 * Owns.  Rules, marks, worker threads, the port objects of the providers.
 * Holds one reference on each registered flow, from flow_put to flow_del, or
 * until its last counts have been read, and one on the netdev of each port.
 *
 * Invariants (dp_offload_check()).  When the queue is drained, the providers
 * hold exactly the desired rules, and nothing else.  A rule stands in the
 * ready queue at most once.  A mark is given to one rule at a time and comes
 * back only after the rule's removal was confirmed, the rx queues of its port
 * have been drained since, and a grace period has passed.
 *
 * Thread-safety
 * =============
 *
 *     flow_put, flow_modify, flow_del, flow_get: any thread, any time.  They
 *         take a mutex that is held for a few hundred instructions and never
 *         across a call of a provider.  Requests for ONE flow come from its
 *         lane's writer in order: put before modify and del.
 *     lane_create, lane_destroy, port_*, set_*, flush, run, formatters: the
 *         control thread.  No lane may wait for that thread in a way that
 *         keeps a worker from quiescing.
 *
 * Locks, in the order in which they are taken: an engine's 'mutex' (control
 * thread), a shard's mutex, a mark index's mutex or the marks' mutex.
 *
 * Cost.  Offload off: one relaxed load per flow request.  On: a hash lookup
 * under an uncontended mutex.  No call of a lane wakes a thread.
 *
 * See also.  dp-mark-index.h (what lanes read per packet). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-mark-drain.h"
#include "offload/dp-mark-index.h"
#include "offload/dp-offload-env.h"
#include "openvswitch/types.h"

struct dpif_flow_attrs;
struct dpif_flow_stats;
struct ds;
struct json;
struct match;
struct netdev;
struct netdev_custom_stats;
struct ofpbuf;
struct vlog_module;

struct dp_offload;
struct dp_offload_class;

/* What the caller of flow_put() knows about a flow without computing much. */
struct dp_offload_info {
    odp_port_t in_port;
    ovs_u128 mega_ufid;     /* Hash of the masked key AND the mask; of a merged
                             * flow, another one than a megaflow's. */
    enum dp_offload_kind kind;
};

/* Life cycle. */

/* Creates an engine, switched off, that will run 'n_workers' (1...10)
 * threads.  'classes', ended by a null pointer, are the providers in order of
 * preference; both 'env' and 'classes' are copied, their contents not. */
struct dp_offload *dp_offload_create(const struct dp_offload_env *env,
                                     const struct dp_offload_class *classes[],
                                     unsigned int n_workers);

/* Removes all rules and ports and frees 'offload'.  All lanes must have been
 * destroyed.  Null is fine. */
void dp_offload_destroy(struct dp_offload *offload);

/* Switches offloading on or off; nothing happens if it is already so.
 *
 * On: the caller then calls flow_put() for all flows that it has (one that is
 * registered already does no harm).  Returns true if the caller has to.
 * Off: returns at once; the workers remove the rules.  Flows that are
 * registered stay so until flow_del(), so that nothing that the NIC has
 * counted is lost. */
bool dp_offload_set_enabled(struct dp_offload *offload, bool enabled);

/* Changes the number of worker threads.  Returns 0, or EINVAL if 'n' is not
 * in 1...10 (nothing is changed then).  May wait, quiescent, for one call of a
 * provider on each worker; no lane waits. */
int dp_offload_set_n_workers(struct dp_offload *offload, unsigned int n);
unsigned int dp_offload_get_n_workers(const struct dp_offload *offload);

/* Rules are put 'ms' after their first flow came, so that flows that last for
 * less never bother a NIC.  0, the default: at once. */
void dp_offload_set_delay(struct dp_offload *offload, unsigned int ms);

/* True: a rule that malformed packets could match runs whole only in a NIC
 * that verifies headers, and marks elsewhere.  False, the default: it runs
 * whole in others, too, and malformed packets go there where sound ones go.
 * If this is a change all rules are put again. */
void dp_offload_set_verify(struct dp_offload *offload, bool verify);

/* True: merged flows may come, and in NICs that have priorities megaflows
 * leave the highest one to them.  False, the default: all have the highest.
 * If this is a change the rules in such NICs are put again. */
void dp_offload_set_merging(struct dp_offload *offload, bool merging);

/* Keeps the workers, those that run and those to come, and the helper off the
 * 'n' CPUs in 'cores', on which lanes poll.  If nothing else is left of
 * the CPUs that the process may use, they may use all of these. */
void dp_offload_avoid_cores(struct dp_offload *offload,
                            const unsigned int *cores, size_t n);

/* 'thread', or null: none, works for the engine and is kept off those CPUs as
 * workers are. */
void dp_offload_set_helper(struct dp_offload *offload,
                           const pthread_t *thread);

/* Lanes. */

/* Returns a new mark index for lane 'lane_id', owned by the engine until
 * lane_destroy().  Before that, all of the lane's flows must have been
 * removed with flow_del(). */
struct dp_mark_index *dp_offload_lane_create(struct dp_offload *offload,
                                             unsigned int lane_id);
void dp_offload_lane_destroy(struct dp_offload *offload,
                             struct dp_mark_index *index);

/* Where lanes read the current drain epoch (dp-mark-drain.h). */
const struct dp_mark_epoch *dp_offload_epoch(const struct dp_offload *offload);

/* Flows. */

/* 'flow' was installed in the lane of 'index'.  Takes a reference. */
void dp_offload_flow_put(struct dp_offload *offload,
                         struct dp_mark_index *index, void *flow,
                         const struct dp_offload_info *info);

/* The actions of 'flow' have changed. */
void dp_offload_flow_modify(struct dp_offload *offload, void *flow,
                            const ovs_u128 *mega_ufid);

/* 'flow' was removed from the lane of 'index'.  Its mark means nothing to the
 * lane from now on.  Initialises '*stats' (may be null) with what
 * dp_offload_flow_get() would have said.  What the NIC has forwarded since it
 * was last asked, and forwards until the rule has left it, is for others that
 * have the same megaflow, if any, or else comes through 'flow_late'.  Unknown
 * flows are ignored. */
void dp_offload_flow_del(struct dp_offload *offload,
                         struct dp_mark_index *index, void *flow,
                         const ovs_u128 *mega_ufid,
                         struct dpif_flow_stats *stats);

/* Initialises '*stats' and '*attrs' (either may be null) with what the NIC has
 * done for 'flow', by the last reading: to be added to what software counted,
 * whether or not the flow is offloaded now, lest counters go back.  Never
 * waits for a NIC.  Returns true if the flow is offloaded; 'attrs' is then as
 * dpctl/dump-flows shows it: layer "ovs" means partially. */
bool dp_offload_flow_get(const struct dp_offload *offload, const void *flow,
                         const ovs_u128 *mega_ufid,
                         struct dpif_flow_stats *stats,
                         struct dpif_flow_attrs *attrs);

/* Is 'flow' registered, or does the engine still want to tell through
 * 'flow_late' what a NIC counts for it? */
bool dp_offload_flow_is_known(const struct dp_offload *offload,
                              const void *flow, const ovs_u128 *mega_ufid);

/* What the NIC has done for 'flow', by the last reading, counts no more. */
void dp_offload_flow_clear_stats(struct dp_offload *offload, const void *flow,
                                 const ovs_u128 *mega_ufid);

/* Why a megaflow is not (wholly) offloaded; NONE if it is. */
enum dp_offload_why dp_offload_flow_why(const struct dp_offload *offload,
                                        const ovs_u128 *mega_ufid);

/* Ports. */

/* Asks for the delivery of marks by 'netdev'.  Some drivers want to know
 * before the device is configured for the first time: call it before that. */
enum dp_offload_delivery dp_offload_prepare(const struct dp_offload *offload,
                                            struct netdev *netdev);

/* Notes what prepare() returned for the netdev of 'port_no', to be shown. */
void dp_offload_port_set_delivery(struct dp_offload *offload,
                                  odp_port_t port_no,
                                  enum dp_offload_delivery delivery);

/* The datapath has a new port.  Takes a reference on 'netdev' (which may be
 * null in tests).  Returns 0 if a provider took it, else EOPNOTSUPP, and the
 * port is remembered anyway, so that 'why' can tell. */
int dp_offload_port_add(struct dp_offload *offload, odp_port_t port_no,
                        struct netdev *netdev);

/* Stops the port, waits until its rules, and those of other ports that output
 * to it, have been removed, forgets it and drops the netdev.  Call it when no
 * lane polls the port any more and before the netdev is detached.  Waits for
 * the workers, quiescent. */
void dp_offload_port_del(struct dp_offload *offload, odp_port_t port_no);

/* Around a reconfiguration that may stop the device, of one port at a time.
 * After pause() returns no provider call is under way for the port and no rule
 * of another port outputs to it; it waits for that, quiescent.  restart() ends
 * the pause, finds out whether the rules have survived, and installs again
 * what has not. */
void dp_offload_port_pause(struct dp_offload *offload, odp_port_t port_no);
void dp_offload_port_restart(struct dp_offload *offload, odp_port_t port_no);

/* Tries again to find a provider for ports that have none, e.g. after Open
 * vSwitch's flow API was switched on. */
void dp_offload_ports_probe(struct dp_offload *offload);

/* Forgets all flows and waits until their rules have left the NICs, or, for
 * rules that will not leave, until removal has failed several times.  Flows
 * that are put meanwhile are not waited for. */
void dp_offload_flush(struct dp_offload *offload);

/* Waits until there is nothing to do for the workers but rules that wait for
 * their time to be tried again.  For tests: if flows keep coming, it may not
 * return. */
void dp_offload_drain(struct dp_offload *offload);

/* Figures. */

/* Fills '*stats' for dpctl/offload-stats-show.  Returns 0 or EOPNOTSUPP if
 * offloading is off. */
int dp_offload_stats_get(const struct dp_offload *offload,
                         struct netdev_custom_stats *stats);

/* Number of rules that are in a NIC. */
uint64_t dp_offload_n_installed(const struct dp_offload *offload);

/* Number of rules of any state, and of marks that are not free. */
size_t dp_offload_n_rules(const struct dp_offload *offload);
size_t dp_offload_n_marks(const struct dp_offload *offload);

/* Text for offload/show [PORT], offload/rules [PORT] (ODPP_NONE: all ports),
 * and offload/why UFID | all ('mega_ufid' null: counts by reason).
 * format_show_port() returns false if there is no such port. */
void dp_offload_format_show(const struct dp_offload *offload, struct ds *ds);
bool dp_offload_format_show_port(const struct dp_offload *offload,
                                 odp_port_t port_no, struct ds *ds);
void dp_offload_format_rules(const struct dp_offload *offload,
                             odp_port_t port_no, struct ds *ds);
void dp_offload_format_why(const struct dp_offload *offload,
                           const ovs_u128 *mega_ufid, struct ds *ds);

/* A line for each table of places that is or was full, for upcall/show. */
void dp_offload_format_places(const struct dp_offload *offload,
                              struct ds *ds);

/* The same as JSON; the caller frees it.  show_port_json() returns NULL if
 * there is no such port. */
struct json *dp_offload_show_json(const struct dp_offload *offload);
struct json *dp_offload_show_port_json(const struct dp_offload *offload,
                                       odp_port_t port_no);
struct json *dp_offload_rules_json(const struct dp_offload *offload,
                                   odp_port_t port_no);
struct json *dp_offload_why_json(const struct dp_offload *offload,
                                 const ovs_u128 *mega_ufid);

/* Aborts if an invariant is broken.  No flow may come or go meanwhile, and
 * rebalancing must be off. */
void dp_offload_check(const struct dp_offload *offload);

#endif /* dp-offload.h */
