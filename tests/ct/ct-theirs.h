/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_THEIRS_H
#define CT_THEIRS_H 1

/* ct-theirs: Open vSwitch's own tracker, beside ours
 * ==================================================
 *
 * Job.  The tracker that Open vSwitch was built with, in the same program as
 * ours.  automake.mk takes it out of the library, and puts "theirs_" before
 * all its symbols.  The functions are those of conntrack.h.
 *
 * It has a clock of its own, 'ct_theirs_now_ms', which the test sets. */

#include "conntrack.h"
#include "ovs-atomic.h"
#include "ovs/ovs-conntrack.h"

extern ATOMIC(long long) ct_theirs_now_ms;

struct conntrack *theirs_conntrack_init(void);
void theirs_conntrack_destroy(struct conntrack *);
int theirs_conntrack_execute(struct conntrack *, struct dp_packet_batch *,
                             ovs_be16 dl_type, bool force, bool commit,
                             uint16_t zone, const uint32_t *mark,
                             const struct ovs_key_ct_labels *, OVS_CT_PORTS
                             const char *helper,
                             const struct nat_action_info_t *,
                             long long now, uint32_t tp_id);
int theirs_conntrack_flush(struct conntrack *, const uint16_t *zone);
int theirs_conntrack_dump_start(struct conntrack *, struct conntrack_dump *,
                                const uint16_t *zone, int *n_buckets);
int theirs_conntrack_dump_next(struct conntrack_dump *,
                               struct ct_dpif_entry *);
int theirs_conntrack_dump_done(struct conntrack_dump *);
int theirs_conntrack_get_nconns(struct conntrack *, uint32_t *);
int theirs_conntrack_set_tcp_seq_chk(struct conntrack *, bool);
int theirs_conntrack_set_maxconns(struct conntrack *, uint32_t);
int theirs_zone_limit_update(struct conntrack *, int32_t zone, uint32_t limit);
int theirs_timeout_policy_update(struct conntrack *, struct timeout_policy *);
int theirs_timeout_policy_delete(struct conntrack *, uint32_t tp_id);

/* The types of these have changed. */
extern __typeof__(zone_limit_get) theirs_zone_limit_get;
extern __typeof__(zone_limit_delete) theirs_zone_limit_delete;

#endif /* ct-theirs.h */
