/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_FLOW_SHOW_H
#define DP_FLOW_SHOW_H 1

/* dp-flow-show: a megaflow for users
 * ==================================
 *
 * Job.  What a flow of a lane looks like, and who forwards its packets, as
 * members of a JSON object.
 *
 * JSON.  "ufid", "match", "actions", "where", "why", "why_text",
 * "merged_flows" and "merge_refused", as Documentation/topics/metrics.rst says
 * for "dpif/top-flows".
 *
 * Thread-safety.  Main thread, which is not quiescent. */

#include "openvswitch/types.h"

struct dp;
struct dp_flow;
struct dp_lane;
struct dpif_flow_stats;
struct hmap;
struct json;

/* Returns the name of port 'port_no' in 'names', an odp_portno_names map, or
 * NULL. */
const char *dp_flow_show_port(const struct hmap *names, odp_port_t port_no);

/* Adds what is to be said of 'flow' of 'lane' to 'json', an object, and stores
 * what software and NICs have counted for it. */
void dp_flow_show_put(struct dp *, const struct dp_lane *lane,
                      const struct dp_flow *flow, struct hmap *names,
                      struct json *json, struct dpif_flow_stats *);

#endif /* dp-flow-show.h */
