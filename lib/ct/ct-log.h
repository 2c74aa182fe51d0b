/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_LOG_H
#define CT_LOG_H 1

/* ct-log: the tracker's log module
 * ================================
 *
 * Job.  Give the files of the tracker one vlog module, "conntrack", which is
 * the name that users of Open vSwitch set levels for.  A file includes this
 * header in place of VLOG_DEFINE_THIS_MODULE. */

#include "openvswitch/vlog.h"

/* The macros of vlog.h say 'this_module'. */
extern struct vlog_module *VLM_conntrack;
#define this_module (*VLM_conntrack)

#endif /* ct-log.h */
