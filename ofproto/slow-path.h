/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_SLOW_PATH_H
#define OFPROTO_SLOW_PATH_H 1

/* slow-path: datapath actions that send a flow's packets to userspace
 * ===================================================================
 *
 * Job.  When a translation says that a flow's packets have to pass through
 * userspace, these are the actions to install in place of the translated
 * ones: userspace with a SLOW_PATH cookie, behind the slow-path meter if the
 * controller has set one.
 *
 * Thread-safety.  Any thread, under RCU.
 *
 * See also.  upcall.h (installs), revalidate.h (compares). */

#include "odp-util.h"
#include "openflow/openflow.h"

struct flow;
struct ofpbuf;
struct ofproto_dpif;
struct udpif;

/* Appends to 'actions' what sends packets of 'flow', which entered 'ofproto'
 * on 'ofp_in_port', to userspace for 'reason'. */
void slow_path_compose(struct udpif *, const struct ofproto_dpif *ofproto,
                       const struct flow *flow, ofp_port_t ofp_in_port,
                       enum slow_path_reason reason, struct ofpbuf *actions);

#endif /* ofproto/slow-path.h */
