/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_NAME_H
#define DP_RULE_NAME_H 1

/* dp-rule-name: what rules are called
 * ===================================
 *
 * Job.  Write and read the name of a rule, "mega:" and a UUID: the hash of a
 * megaflow, which its flows in all lanes have in common; or "merged:", if it
 * is for a merged flow.  A flow of the
 * datapath is called "ufid:" and a UUID: the hash of the packet that made it,
 * which may be another one in each lane.
 *
 * Thread-safety.  No state. */

#include <stdbool.h>
#include "offload/dp-offload-env.h"
#include "openvswitch/types.h"

struct ds;

/* Appends the name of the rule 'mega_ufid', of 'kind'. */
void dp_rule_name_format(enum dp_offload_kind kind, const ovs_u128 *mega_ufid,
                         struct ds *);

/* If 's' is the name of a rule, or of a flow, and nothing else, stores what it
 * names and returns true. */
bool dp_rule_name_parse(const char *s, ovs_u128 *mega_ufid);
bool dp_flow_name_parse(const char *s, ovs_u128 *ufid);

#endif /* dp-rule-name.h */
