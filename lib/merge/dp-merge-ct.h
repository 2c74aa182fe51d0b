/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGE_CT_H
#define DP_MERGE_CT_H 1

/* dp-merge-ct: what connection tracking does to a packet of no news
 * =================================================================
 *
 * Job.  PURE.  Say what a "ct" action does to packets of an established
 * connection, in terms of actions that need no tracker.
 *
 * It agrees with lib/ct: what ct-execute.c writes into a packet's metadata,
 * and what ct-nat.c writes into the packet.
 *
 * Thread-safety.  None needed. */

#include "merge/dp-merge-why.h"

struct dp_merge_conn;
struct dp_merge_view;
struct nlattr;
struct ofpbuf;

/* Takes 'view' through the action 'ct', an OVS_ACTION_ATTR_CT, which met
 * 'conn'.  Appends to 'out' the actions that do the same. */
enum dp_merge_why dp_merge_ct(struct dp_merge_view *view,
                              const struct nlattr *ct,
                              const struct dp_merge_conn *conn,
                              struct ofpbuf *out);

/* Takes 'view' through OVS_ACTION_ATTR_CT_CLEAR. */
void dp_merge_ct_clear(struct dp_merge_view *view);

#endif /* dp-merge-ct.h */
