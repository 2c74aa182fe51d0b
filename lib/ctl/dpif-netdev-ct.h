/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPIF_NETDEV_CT_H
#define DPIF_NETDEV_CT_H 1

/* dpif-netdev-ct: connection tracking for the dpif provider
 * =========================================================
 *
 * Job.  The members of struct dpif_class whose names begin with ct_ and ipf_,
 * on top of Open vSwitch's userspace connection tracker.  lib/dpif-provider.h
 * says what each does; each function here has the name of its member with
 * "dpif_netdev_" in front.
 *
 * Owns.  The state of dumps, from start to done.
 *
 * Timeout policies.  The dump leaves out the tracker's default policy: who
 * dumps does so to delete what an earlier daemon left, and the tracker can't
 * be without its default.
 *
 * Thread-safety.  Any thread; the tracker locks for itself.
 *
 * See also.  dpif_netdev_conntrack(), which the datapath provides. */

#include "ct-dpif.h"
#include "dpif-provider.h"

struct conntrack;

/* Returns the connection tracker of the datapath behind a dpif of our class.
 * Defined with the datapath, not here. */
struct conntrack *dpif_netdev_conntrack(const struct dpif *);

/* Connections. */
int dpif_netdev_ct_dump_start(struct dpif *, struct ct_dpif_dump_state **,
                              const uint16_t *zone, int *n_buckets);
int dpif_netdev_ct_dump_next(struct dpif *, struct ct_dpif_dump_state *,
                             struct ct_dpif_entry *);
int dpif_netdev_ct_dump_done(struct dpif *, struct ct_dpif_dump_state *);
int dpif_netdev_ct_flush(struct dpif *, const uint16_t *zone,
                         const struct ct_dpif_tuple *);

/* Settings. */
int dpif_netdev_ct_set_maxconns(struct dpif *, uint32_t maxconns);
int dpif_netdev_ct_get_maxconns(struct dpif *, uint32_t *maxconns);
int dpif_netdev_ct_get_nconns(struct dpif *, uint32_t *nconns);
int dpif_netdev_ct_set_tcp_seq_chk(struct dpif *, bool enabled);
int dpif_netdev_ct_get_tcp_seq_chk(struct dpif *, bool *enabled);
int dpif_netdev_ct_get_features(struct dpif *, enum ct_features *);

/* Connections per zone.  Without 'default_limit', which is how Open vSwitch
 * calls since 3.3, the default is the limit of DEFAULT_ZONE, and the lists may
 * have it like that of any zone. */
int dpif_netdev_ct_set_limits(struct dpif *, const uint32_t *default_limit,
                              const struct ovs_list *zone_limits);
int dpif_netdev_ct_get_limits(struct dpif *, uint32_t *default_limit,
                              const struct ovs_list *zone_limits_in,
                              struct ovs_list *zone_limits_out);
int dpif_netdev_ct_del_limits(struct dpif *,
                              const struct ovs_list *zone_limits);

/* Timeout policies. */
int dpif_netdev_ct_set_timeout_policy(struct dpif *,
                                      const struct ct_dpif_timeout_policy *);
int dpif_netdev_ct_get_timeout_policy(struct dpif *, uint32_t tp_id,
                                      struct ct_dpif_timeout_policy *);
int dpif_netdev_ct_del_timeout_policy(struct dpif *, uint32_t tp_id);
int dpif_netdev_ct_timeout_policy_dump_start(struct dpif *, void **statep);
int dpif_netdev_ct_timeout_policy_dump_next(struct dpif *, void *state,
                                            struct ct_dpif_timeout_policy *);
int dpif_netdev_ct_timeout_policy_dump_done(struct dpif *, void *state);
int dpif_netdev_ct_get_timeout_policy_name(struct dpif *, uint32_t tp_id,
                                           uint16_t dl_type, uint8_t nw_proto,
                                           char **tp_name, bool *is_generic);

/* IP fragments. */
int dpif_netdev_ipf_set_enabled(struct dpif *, bool v6, bool enabled);
int dpif_netdev_ipf_set_min_frag(struct dpif *, bool v6, uint32_t min_frag);
int dpif_netdev_ipf_set_max_nfrags(struct dpif *, uint32_t max_nfrags);
int dpif_netdev_ipf_get_status(struct dpif *, struct dpif_ipf_status *);
int dpif_netdev_ipf_dump_start(struct dpif *, struct ipf_dump_ctx **);
int dpif_netdev_ipf_dump_next(struct dpif *, void *ipf_dump_ctx, char **dump);
int dpif_netdev_ipf_dump_done(struct dpif *, void *ipf_dump_ctx);

#endif /* dpif-netdev-ct.h */
