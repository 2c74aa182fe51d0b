/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_UPCALL_H
#define DP_UPCALL_H 1

/* dp-upcall: questions to the upper layers
 * ========================================
 *
 * Job.  Call the function that ofproto registered, from the thread that has
 * the packet.  Used by the miss stage and by the "userspace" action.
 *
 * Thread-safety.  The owner of the lane calls dp_upcall_begin(), then
 * dp_upcall() as often as it likes, then dp_upcall_end().  In between, upcalls
 * can't be disabled.  begin() never waits.
 *
 * Errors.  dp_upcall() returns what the callback returned: 0; ENOSPC (execute,
 * install nothing); anything else: drop. */

#include <stdbool.h>

#include "dpif.h"

struct dp_lane;
struct flow_wildcards;
struct ofpbuf;

bool dp_upcall_begin(struct dp_lane *);
void dp_upcall_end(struct dp_lane *);
int dp_upcall(struct dp_lane *, struct dp_packet *, struct flow *,
              struct flow_wildcards *, ovs_u128 *ufid, enum dpif_upcall_type,
              const struct nlattr *userdata, struct ofpbuf *actions,
              struct ofpbuf *put_actions);

#endif /* dp-upcall.h */
