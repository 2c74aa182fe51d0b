/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_DETRACE_H
#define OFPROTO_DETRACE_H 1

/* detrace: which OpenFlow rules made this megaflow?
 * =================================================
 *
 * Job.  The command "ofproto/detrace [--names] UFID [pmd=PMD-ID]": for a
 * datapath flow, as "dpctl/dump-flows -m" shows it, lists the OpenFlow rules
 * and group buckets that its translation passed through, in this order, as
 * Open vSwitch 3.4 and later print them.
 *
 * Without "pmd=", any lane that has the flow will do.  Only flows that are in
 * use (VISIBLE or OPERATIONAL) are answered for.
 *
 * Thread-safety.  Main thread only.
 *
 * See also.  ofproto/trace, which asks the question the other way round. */

#include "openvswitch/types.h"

struct ds;
struct unixctl_conn;

void detrace_command(struct unixctl_conn *, int argc, const char *argv[],
                     void *aux);

/* Appends the OpenFlow rules that have made flow 'ufid' of the lane on
 * 'pmd_id', in the userspace datapath 'dp_name', by their names of ports; does
 * nothing if that is not known. */
void detrace_flow(const char *dp_name, const ovs_u128 *ufid, unsigned pmd_id,
                  struct ds *);

#endif /* ofproto/detrace.h */
